/*
 * Connections whose headers do not come to an end: libmicrohttpd closes one that is silent, but not one that
 * says a byte now and then, and each holds a thread of the few there are. Thread: one that looks once a
 * second, with signals blocked by who starts it. Owns the list.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/thread.h"

#include <sys/socket.h>
#include <time.h>

#define HEADERS_NS (15 * TS_SEC) /* from the connection, TLS' greeting included, or from the answer before   \
                                  */
#define SLICE_NS (100 * TS_MS)   /* in which a stop is seen */

static struct ts_server_slot *find(struct ts_server *srv, const struct MHD_Connection *con)
{
    for (size_t i = 0; i < TS_ARRAY_SIZE(srv->slots); i++)
        if (srv->slots[i].con == con)
            return &srv->slots[i];
    return NULL;
}

void ts_slow_connected(struct ts_server *srv, struct MHD_Connection *con)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(con, MHD_CONNECTION_INFO_CONNECTION_FD);
    pthread_mutex_lock(&srv->slots_lock);
    struct ts_server_slot *slot = info ? find(srv, NULL) : NULL;
    if (slot) /* there are as many as connections */
        *slot = (struct ts_server_slot){con, info->connect_fd, ts_clock_mono_ns()};
    pthread_mutex_unlock(&srv->slots_lock);
}

static void set(struct ts_server *srv, struct MHD_Connection *con, int64_t since_ns)
{
    pthread_mutex_lock(&srv->slots_lock);
    struct ts_server_slot *slot = find(srv, con);
    if (slot)
        slot->since_ns = since_ns;
    pthread_mutex_unlock(&srv->slots_lock);
}

void ts_slow_asked(struct ts_server *srv, struct MHD_Connection *con)
{
    set(srv, con, 0);
}

void ts_slow_answered(struct ts_server *srv, struct MHD_Connection *con)
{
    set(srv, con, ts_clock_mono_ns());
}

void ts_slow_closed(struct ts_server *srv, struct MHD_Connection *con)
{
    pthread_mutex_lock(&srv->slots_lock);
    struct ts_server_slot *slot = find(srv, con);
    if (slot)
        *slot = (struct ts_server_slot){0};
    pthread_mutex_unlock(&srv->slots_lock);
}

/* The descriptor is not another's: it is closed after ts_slow_closed, which waits for the lock. */
static void dismiss(struct ts_server *srv)
{
    int64_t now = ts_clock_mono_ns();
    pthread_mutex_lock(&srv->slots_lock);
    for (size_t i = 0; i < TS_ARRAY_SIZE(srv->slots); i++) {
        struct ts_server_slot *slot = &srv->slots[i];
        if (!slot->con || !slot->since_ns || now - slot->since_ns < HEADERS_NS)
            continue;
        ts_log(TS_LOG_WARN, "slow_client", "stage=server what=\"its headers took too long\"");
        shutdown(slot->fd, SHUT_RDWR);
        slot->since_ns = 0;
    }
    pthread_mutex_unlock(&srv->slots_lock);
}

static void *run(void *arg)
{
    struct ts_server *srv = arg;
    int64_t next_ns = 0;
    while (!atomic_load_explicit(&srv->slow_stopping, memory_order_relaxed)) {
        if (ts_clock_mono_ns() >= next_ns) {
            dismiss(srv);
            next_ns = ts_clock_mono_ns() + TS_SEC;
        }
        nanosleep(&(struct timespec){0, SLICE_NS}, NULL);
    }
    return NULL;
}

int ts_slow_start(struct ts_server *srv)
{
    pthread_mutex_init(&srv->slots_lock, NULL);
    srv->slow_started = ts_thread_start(&srv->slow, "ts-http-slow", run, srv) == 0;
    return srv->slow_started ? 0 : -TS_ENOMEM;
}

void ts_slow_stop(struct ts_server *srv)
{
    atomic_store_explicit(&srv->slow_stopping, true, memory_order_relaxed);
    if (srv->slow_started)
        pthread_join(srv->slow, NULL);
    pthread_mutex_destroy(&srv->slots_lock);
}
