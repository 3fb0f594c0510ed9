#ifndef TSAGG_LOAD_H
#define TSAGG_LOAD_H
/* The parts of tsagg-load. Everything runs in its one thread. */
#include "core/base.h"

#include <signal.h>
#include <sys/uio.h>

enum load_exit {
    LOAD_OK,
    LOAD_LOST, /* --verify: something that was sent has not been aggregated */
    LOAD_USAGE,
    LOAD_FAILED,      /* sending went wrong */
    LOAD_UNREACHABLE, /* nobody listens, or no tsaggd at --verify */
    LOAD_REFUSED,     /* --verify: authentication */
};

enum load_format { LOAD_STATSD, LOAD_DOGSTATSD, LOAD_INFLUX };

#define LOAD_TAGS_MAX      32
#define LOAD_TYPES_MAX     16
#define LOAD_BURST_S       0.05 /* what is sent at once is due within this time */
#define LOAD_BURST_PACKETS 32
#define LOAD_PACKET_MAX    65507 /* what a UDP datagram holds */

struct load_options {
    const char *to, *verify, *token;
    const char *ca, *hmac_key; /* NULL without */
    double rate;               /* lines/s; 0: as fast as it goes */
    uint64_t count;            /* lines; 0: no limit */
    int64_t duration_ns;       /* 0: no limit */
    uint64_t series, seed, tag_values;
    enum load_format format;
    unsigned ntypes, tags;
    const char *types[LOAD_TYPES_MAX]; /* "c", "ms" … */
    size_t packet;                     /* bytes */
    bool sequential, timestamps, json;
};

/* ---- packets of lines made beforehand: load_lines.c ---- */

struct load_packet {
    char *p;
    uint32_t len, lines;
};

struct load_packets {
    struct load_packet *v;
    size_t n;
    char *bytes;
};

void load_packets_make(const struct load_options *opt, struct load_packets *out);
void load_packets_free(struct load_packets *packets);

/** Writes the time now into every line of a packet made with `timestamps`. */
void load_packet_stamp(const struct load_options *opt, struct load_packet *packet, int64_t now_ns);

/** The bytes of the packet's first `lines` lines. */
size_t load_packet_cut(const struct load_packet *packet, uint32_t lines);

/* ---- signed envelopes: load_seal.c ---- */

struct load_seal;

/** key: ID:SECRET. @return NULL after a message on stderr. */
struct load_seal *load_seal_new(const char *key);
void load_seal_free(struct load_seal **seal);

/** The i-th of a burst's packets in its envelope, valid until the next i-th. */
struct iovec load_seal_put(struct load_seal *seal, unsigned i, struct iovec lines, int64_t now_ns);

/* ---- sending: load_send.c ---- */

struct load_sent {
    uint64_t lines, bytes, packets;
    double seconds;
};

/** Connects. @return the socket, or a negative load_exit after a message on stderr. */
int load_connect(const struct load_options *opt);

/** Sends until count, duration or *stop; seal: NULL for lines alone. @return load_exit; what was sent is in
 * *sent in any case. */
int load_send(const struct load_options *opt, int fd, struct load_packets *packets, struct load_seal *seal,
              const volatile sig_atomic_t *stop, struct load_sent *sent);

/* ---- the daemon's ledger: load_verify.c ---- */

struct load_ledger {
    uint64_t received, rejected, aggregated, dropped,
        kernel_dropped; /* lines, lines, samples, samples, datagrams */
};

struct load_verdict {
    struct load_ledger now; /* what came since */
    uint64_t lost;          /* lines sent that were not aggregated */
    int64_t lag_ns;         /* from the last packet until the last sample was aggregated */
};

/** @return load_exit, after a message on stderr when it is not LOAD_OK. */
int load_ledger_read(const struct load_options *opt, struct load_ledger *out);

/** Waits until all that was sent is aggregated, or nothing more comes. @return load_exit */
int load_verify(const struct load_options *opt, const struct load_ledger *before,
                const struct load_sent *sent, int64_t sent_at_ns, struct load_verdict *out);

#endif
