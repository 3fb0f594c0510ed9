#ifndef TS_INGEST_INGEST_TLS_H
#define TS_INGEST_INGEST_TLS_H
/*
 * TLS 1.2 and 1.3 under a stream listener (GnuTLS), on sockets that do not block. A session is a
 * connection's; what a listener has in common, certificate, key and client authority, is struct ts_tls.
 */
#include "core/conf.h"
#include "core/counters.h"
#include "core/err.h"

#include <sys/types.h>

struct ts_tls;
struct ts_tls_session;

/** Reads the files. @return 0, -TS_EINVAL, -TS_ENOMEM with *err filled. @thread main */
int ts_tls_open(const struct ts_conf_listen *conf, struct ts_tls **out, struct ts_err *err) TS_MUST_CHECK;
void ts_tls_close(struct ts_tls **tls);

/** @return NULL without memory. @thread ingest, from here on */
struct ts_tls_session *ts_tls_session_new(struct ts_tls *tls, int fd);

/** Says goodbye when that can be done at once. The socket stays the caller's. */
void ts_tls_session_free(struct ts_tls_session **session);

/**
 * Goes on with the handshake. @return 0 done; -TS_EAGAIN when the socket has to become readable, or writable
 * when *wants_out; else it failed, and *why is the TS_C_CLOSED_TLS_… for it.
 */
int ts_tls_greet(struct ts_tls_session *session, bool *wants_out, enum ts_counter *why) TS_MUST_CHECK;

/** What ended the handshake, for the log. */
const char *ts_tls_error(const struct ts_tls_session *session);

/** read() of what was meant: bytes, 0 at the end that the peer told, -1 with errno (EAGAIN, EPROTO). */
ssize_t ts_tls_read(struct ts_tls_session *session, void *to, size_t room);

/** Whether there is more that epoll does not know of: it has been read from the socket already. */
bool ts_tls_has_more(const struct ts_tls_session *session);

#endif
