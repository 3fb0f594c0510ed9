#ifndef TS_INGEST_INGEST_PRIV_H
#define TS_INGEST_INGEST_PRIV_H
/* Between listeners: what all of them have, and what each brings. @thread ingest, but for init and fini: main
 */
#include "ingest/ingest.h"

#include "core/cidr.h"
#include "core/clock.h"
#include "core/pressure.h"
#include "ingest/ingest_auth.h"
#include "ingest/ingest_limit.h"

#include <pthread.h>
#include <stdatomic.h>

#define TS_INGEST_BYTES    65536 /* most in one piece of data */
#define TS_INGEST_PADDING  64    /* behind it */
#define TS_INGEST_DRAIN_NS (2 * TS_SEC) /* at most this long for what the kernel holds when we stop */

/* What the sockets of one listener have together. */
struct ts_listener_share {
    unsigned sockets;     /* @thread main */
    pthread_mutex_t lock; /* of limit: taken once for a piece of data, and only with a rate_limit */
    struct ts_limit limit;
    struct ts_auth *auth; /* NULL: datagrams are lines */
};

struct ts_listener {
    const struct ts_listener_ops *ops;
    const struct ts_conf_listen *conf;
    struct ts_ingest_consumer to;
    struct ts_counters *cnt;
    int fd;
    uint16_t port;
    bool own_path;     /* the socket's file is ours to remove */
    bool inherited;    /* the socket was there before us */
    _Atomic bool stop; /* relaxed: only its own value matters */
    int64_t ticked_ns; /* wall clock: the last tick */
    int64_t waited_ns; /* since when, or since when not any more: see ts_listener_waits */
    struct ts_listener_share *share;
    struct ts_cidr *allow; /* NULL: everyone */
    size_t nallow;
};

struct ts_listener_ops {
    size_t bytes; /* of the struct that begins with the struct ts_listener */
    int (*init)(struct ts_listener *lis, struct ts_err *err); /* fd is bound */
    void (*run)(struct ts_listener *lis);
    void (*fini)(struct ts_listener *lis);
};

#define TS_TRANSPORT(id, scheme, address, socket, reader) extern const struct ts_listener_ops reader;
#include "tbl/transports.def"
#undef TS_TRANSPORT

/** Sets fd, port and own_path. @return 0, -TS_EIO, -TS_EINVAL. */
int ts_ingest_bind(struct ts_listener *lis, uint16_t port, struct ts_inherited *inh,
                   struct ts_err *err) TS_MUST_CHECK;

/** Takes a socket of this type and address out of the inherited ones. @return -1 without one. */
int ts_inherited_take(struct ts_inherited *inh, int type, const struct sockaddr *want);

static inline bool ts_listener_stopped(const struct ts_listener *lis)
{
    return atomic_load_explicit(&lis->stop, memory_order_relaxed);
}

/** Memory is scarce, and what comes is better left where it is for a tick (limits.memory). */
bool ts_listener_waits(struct ts_listener *lis);

/** Tells the consumer the time, when it is due. @return whether it was. */
bool ts_listener_tick(struct ts_listener *lis);

/** A batch begins: no other way to the consumer's begin and data than these. */
void ts_listener_begin(struct ts_listener *lis);

/** Hands on whole lines, as far as rate_limit lets them; the others are counted. */
void ts_listener_data(struct ts_listener *lis, char *data, size_t len);

/** Whether `allow` has the address; only where there is such a list. */
static inline bool ts_listener_allows(const struct ts_listener *lis, const struct sockaddr_storage *addr)
{
    return ts_cidr_match(lis->allow, lis->nallow, addr);
}

/** Counts a line that was refused unread. */
void ts_listener_reject(struct ts_listener *lis, enum ts_counter reason);

/** Counts lines of which nothing was read, as a sample each. reason: TS_C_DROPPED_… */
void ts_listener_drop(struct ts_listener *lis, enum ts_counter reason, uint64_t lines);

#endif
