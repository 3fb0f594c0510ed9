#ifndef TS_INGEST_INGEST_AUTH_H
#define TS_INGEST_INGEST_AUTH_H
/*
 * Datagrams of known senders: HMAC-SHA256 (RFC 2104, by GnuTLS) over an envelope with key, sender, time and
 * sequence; docs/AUTH.md has its layout. A datagram counts once: of each sender a window of sequence numbers
 * is remembered, for as long as its time lets a datagram pass.
 */
#include "core/base.h"
#include "core/counters.h"
#include "core/err.h"

#define TS_AUTH_HEAD    32 /* bytes before the lines */
#define TS_AUTH_MAC     32 /* and behind them */
#define TS_AUTH_SENDERS 65536

/** Keys, and what is remembered of senders; the sockets of a listener share it. Locks by itself. */
struct ts_auth;

/**
 * @param keys as the configuration has them: ID:SECRET, comma-separated. opened_ns: wall clock; nothing older
 * is taken, because nobody knows any more whether it was taken before. @return 0, -TS_ENOMEM, -TS_EINVAL.
 * @thread main
 */
int ts_auth_new(const char *keys, int64_t max_skew_ns, int64_t opened_ns, struct ts_auth **out,
                struct ts_err *err) TS_MUST_CHECK;
void ts_auth_free(struct ts_auth **auth);

/** One thread's state of the keys. Borrows auth. @return 0, -TS_ENOMEM. @thread main */
struct ts_auth_reader;
int ts_auth_reader_new(struct ts_auth *auth, struct ts_auth_reader **out, struct ts_err *err) TS_MUST_CHECK;
void ts_auth_reader_free(struct ts_auth_reader **reader);

/**
 * Whether a datagram is one of a known sender's, and comes for the first time. *lines: what is inside.
 * @return false with the counter TS_C_DATAGRAMS_… that says why not. @thread ingest
 */
bool ts_auth_admit(struct ts_auth_reader *reader, struct ts_str datagram, int64_t now_ns,
                   struct ts_str *lines, enum ts_counter *why) TS_MUST_CHECK;

#endif
