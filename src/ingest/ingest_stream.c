/*
 * Stream sockets (TCP, unix) to batches of whole lines: one thread a listener, epoll over its connections.
 * Each connection that has something gets one read per round, so that none keeps the others waiting. Owns the
 * connections, what of their lines is not whole yet (ingest_frame), and the regions that are read into. When
 * the consumer is slow nothing is read, and the kernel makes senders wait. Connections beyond the limit are
 * closed and counted; without descriptors they wait in the kernel. With TLS (ingest_tls) a connection greets
 * first, and has a limited time for that.
 */
#include "config.h"
#include "ingest/ingest_frame.h"
#include "ingest/ingest_priv.h"
#include "ingest/ingest_tls.h"

#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH        32
#define WAIT_NS      (10 * TS_MS)
#define ACCEPTS      64  /* in one round */
#define RESERVED     128 /* descriptors that connections leave: 64 of them to requests */
#define REGION_BYTES (TS_FRAME_MAX + TS_INGEST_PADDING)
#define GREETING_DRAIN_NS (200 * TS_MS)

_Static_assert(TS_FRAME_MAX == TS_INGEST_BYTES, "what a region holds is one piece of data");

struct conn {
    int fd;
    int64_t heard_ns; /* begin of the round in which something came, or in which it was accepted to greet */
    struct ts_tls_session *tls; /* NULL without TLS */
    bool greeting;
    char peer[INET6_ADDRSTRLEN]; /* with TLS: for the log, when the connection may be gone */
    struct conn *prev, *next;
    struct ts_framer framer;
};

struct stream {
    struct ts_listener lis;
    int epoll;
    int64_t round_ns; /* monotonic: when this round began */
    bool accepting;   /* the socket is among what epoll watches */
    unsigned nconns;
    struct conn ring;     /* of connections, the longest silent first */
    struct conn greeting; /* of those that have not finished the handshake, the oldest first */
    struct ts_tls *tls;   /* NULL without TLS */
    char *regions;
};

static void ring_init(struct conn *ring)
{
    ring->prev = ring->next = ring;
}

static void ring_add(struct conn *ring, struct conn *conn)
{
    conn->prev = ring->prev;
    conn->next = ring;
    conn->prev->next = conn->next->prev = conn;
}

static void ring_remove(struct conn *conn)
{
    conn->prev->next = conn->next;
    conn->next->prev = conn->prev;
}

/* what is NULL for the listening socket itself. */
static int watch(struct stream *st, int op, int fd, void *what, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    return epoll_ctl(st->epoll, op, fd, &event);
}

static void accept_again(struct stream *st, bool on)
{
    if (st->accepting != on && watch(st, EPOLL_CTL_MOD, st->lis.fd, NULL, on ? EPOLLIN : 0) == 0)
        st->accepting = on;
}

/* Hands on whole lines, and counts what was lost. @return false: the stream cannot be read on. */
static bool hand_on(struct stream *st, const struct ts_frame *frame, enum ts_framing framing)
{
    struct ts_listener *lis = &st->lis;
    if (frame->len)
        ts_listener_data(lis, frame->lines, frame->len);
    switch (frame->loss) {
    case TS_FRAME_NOTHING: return true;
    case TS_FRAME_TOO_LONG: ts_listener_reject(lis, TS_C_REJECTED_TOO_LONG); return true;
    case TS_FRAME_NO_MEMORY:
        ts_listener_drop(lis, TS_C_DROPPED_NO_MEMORY, 1);
        return framing == TS_FRAMING_LINES;
    case TS_FRAME_BROKEN: ts_listener_reject(lis, TS_C_REJECTED_TOO_LONG); return false;
    case TS_FRAME_CUT_OFF: ts_listener_reject(lis, TS_C_REJECTED_CUT_OFF); return false;
    }
    return false;
}

/* why: TS_C_CLOSED_… */
static void close_conn(struct stream *st, struct conn *conn, enum ts_counter why)
{
    if (conn->framer.carry.len)
        ts_listener_reject(&st->lis, TS_C_REJECTED_CUT_OFF);
    ts_count(st->lis.cnt, why, 1);
    ring_remove(conn);
    ts_tls_session_free(&conn->tls);
    close(conn->fd);
    ts_frame_fini(&conn->framer);
    ts_free(conn);
    st->nconns--;
    accept_again(st, true);
}

static void add_conn(struct stream *st, int fd, const struct sockaddr_storage *peer)
{
    const struct ts_conf_listen *conf = st->lis.conf;
    struct conn *conn = NULL;
    if (st->lis.allow && !ts_listener_allows(&st->lis, peer)) {
        ts_count(st->lis.cnt, TS_C_REFUSED_NOT_ALLOWED, 1);
        goto refuse;
    }
    if (st->nconns >= conf->connections) {
        ts_count(st->lis.cnt, TS_C_REFUSED_LIMIT, 1);
        ts_log(TS_LOG_WARN, "connection_refused", "url=%s reason=limit connections=%u", conf->url,
               conf->connections);
        goto refuse;
    }
    conn = ts_alloc(sizeof *conn);
    if (conn && st->tls) {
        conn->tls = ts_tls_session_new(st->tls, fd);
        conn->greeting = true;
        (void)getnameinfo((const struct sockaddr *)peer, sizeof *peer, conn->peer, sizeof conn->peer, NULL, 0,
                          NI_NUMERICHOST);
    }
    if (!conn || (st->tls && !conn->tls) || watch(st, EPOLL_CTL_ADD, fd, conn, EPOLLIN) != 0) {
        ts_count(st->lis.cnt, TS_C_REFUSED_NO_MEMORY, 1);
        goto refuse;
    }
    conn->fd = fd;
    conn->heard_ns = st->round_ns;
    ts_frame_init(&conn->framer, conf->framing);
    ring_add(conn->greeting ? &st->greeting : &st->ring, conn);
    st->nconns++;
    ts_count(st->lis.cnt, TS_C_CONNECTIONS_ACCEPTED, 1);
    return;
refuse:
    if (conn)
        ts_tls_session_free(&conn->tls);
    ts_free(conn);
    close(fd);
}

/*
 * Whether another connection may be had. Some descriptors are left to the journal, the sinks and requests, or
 * clients that do nothing but connect would stop these. The lowest free one tells how many are taken.
 */
static bool descriptor_left(const struct stream *st)
{
    struct rlimit limit;
    int lowest = fcntl(st->lis.fd, F_DUPFD_CLOEXEC, 0);
    if (lowest < 0)
        return false;
    close(lowest);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return true;
    rlim_t quarter = limit.rlim_cur / 4;
    return (rlim_t)lowest < limit.rlim_cur - (quarter < RESERVED ? quarter : RESERVED);
}

static void accept_failed(struct stream *st, int error)
{
    ts_log(TS_LOG_WARN, "accept_failed", "url=%s error=%s%s", st->lis.conf->url,
           ts_log_quote_z(strerror(error)),
           error == EMFILE ? " remedy=\"raise the limit of open files (LimitNOFILE, ulimit -n)\"" : "");
    accept_again(st, false); /* until a connection ends, or the next tick */
}

static void accept_some(struct stream *st)
{
    for (unsigned i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        if (!descriptor_left(st)) {
            accept_failed(st, EMFILE);
            return;
        }
        int fd = accept4(st->lis.fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            add_conn(st, fd, &peer);
            continue;
        }
        /* A connection that ended while it waited is no trouble of ours. */
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            accept_failed(st, errno);
        return;
    }
}

static void greeting_failed(struct stream *st, struct conn *conn, enum ts_counter why, const char *error)
{
    ts_log(TS_LOG_WARN, "handshake_failed", "url=%s reason=%s peer=%s error=%s", st->lis.conf->url,
           ts_counter_info(why)->value, conn->peer, ts_log_quote_z(error));
    close_conn(st, conn, why);
}

/* @return whether the handshake is over, and well. */
static bool greet(struct stream *st, struct conn *conn)
{
    bool wants_out;
    enum ts_counter why;
    int rc = ts_tls_greet(conn->tls, &wants_out, &why);
    if (rc == -TS_EAGAIN && watch(st, EPOLL_CTL_MOD, conn->fd, conn, wants_out ? EPOLLOUT : EPOLLIN) == 0)
        return false;
    if (rc) {
        greeting_failed(st, conn, rc == -TS_EAGAIN ? TS_C_CLOSED_ERROR : why, ts_tls_error(conn->tls));
        return false;
    }
    if (watch(st, EPOLL_CTL_MOD, conn->fd, conn, EPOLLIN) != 0) {
        close_conn(st, conn, TS_C_CLOSED_ERROR);
        return false;
    }
    conn->greeting = false;
    conn->heard_ns = st->round_ns;
    ring_remove(conn);
    ring_add(&st->ring, conn);
    return true;
}

/* @return whether the connection is still there. */
static bool read_some(struct stream *st, struct conn *conn, char *region)
{
    size_t room;
    char *to = ts_frame_room(&conn->framer, region, &room);
    ssize_t n = conn->tls ? ts_tls_read(conn->tls, to, room) : read(conn->fd, to, room);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return true;
    if (n < 0) {
        close_conn(st, conn, TS_C_CLOSED_ERROR);
        return false;
    }
    struct ts_frame frame =
        n ? ts_frame_take(&conn->framer, region, (size_t)n) : ts_frame_end(&conn->framer, region);
    bool go_on = hand_on(st, &frame, conn->framer.framing);
    ts_count(st->lis.cnt, TS_C_BYTES_RECEIVED, (uint64_t)n);
    if (n == 0 || !go_on) {
        close_conn(st, conn, n == 0 ? TS_C_CLOSED_PEER : TS_C_CLOSED_ERROR);
        return false;
    }
    conn->heard_ns = st->round_ns;
    ring_remove(conn);
    ring_add(&st->ring, conn);
    return true;
}

static void read_conn(struct stream *st, struct conn *conn, char *region)
{
    if (conn->greeting && !greet(st, conn))
        return;
    bool open = read_some(st, conn, region);
    /* The rest of a record, which no event would tell of. The consumer must be done with the region first. */
    while (open && conn->tls && ts_tls_has_more(conn->tls)) {
        st->lis.to.end(st->lis.to.arg, false);
        ts_listener_begin(&st->lis);
        open = read_some(st, conn, region);
    }
}

/* @return how many sockets had something. */
static int read_batch(struct stream *st, int timeout_ms)
{
    struct epoll_event events[BATCH];
    int n = epoll_wait(st->epoll, events, BATCH, timeout_ms);
    st->round_ns = ts_clock_mono_ns();
    if (n <= 0)
        return 0;
    ts_listener_begin(&st->lis);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            read_conn(st, events[i].data.ptr, st->regions + (size_t)i * REGION_BYTES);
        else
            accept_some(st);
    }
    st->lis.to.end(st->lis.to.arg, false);
    return n;
}

/*
 * After a round that read every connection that had something: however long the consumer took for that, they
 * were not idle meanwhile.
 */
static void close_idle(struct stream *st)
{
    int64_t idle_ns = st->lis.conf->idle_timeout_ns;
    while (idle_ns && st->ring.next != &st->ring && st->round_ns - st->ring.next->heard_ns >= idle_ns)
        close_conn(st, st->ring.next, TS_C_CLOSED_IDLE);
    while (st->greeting.next != &st->greeting &&
           st->round_ns - st->greeting.next->heard_ns >= st->lis.conf->handshake_timeout_ns)
        greeting_failed(st, st->greeting.next, TS_C_CLOSED_TLS_TIMEOUT, "no handshake in time");
}

/* What the kernel still holds. A handshake that is going on may have lines right behind it, so it gets a moment. */
static void drain(struct stream *st)
{
    int64_t begun_ns = ts_clock_mono_ns(), passed_ns = 0;
    int n = 1;
    while (passed_ns < TS_INGEST_DRAIN_NS && (n > 0 || (st->greeting.next != &st->greeting && passed_ns < GREETING_DRAIN_NS))) {
        n = read_batch(st, n > 0 ? 0 : (int)(GREETING_DRAIN_NS / 10 / TS_MS));
        passed_ns = ts_clock_mono_ns() - begun_ns;
    }
}

static void stream_run(struct ts_listener *lis)
{
    struct stream *st = (struct stream *)lis;
    while (!ts_listener_stopped(lis)) {
        bool waits = ts_listener_waits(lis);
        int n = waits ? 0 : read_batch(st, (int)(ts_clock_to_tick(ts_clock_now_ns()) / TS_MS) + 1);
        if (waits)
            usleep(WAIT_NS / TS_US);
        else if (n < BATCH)
            close_idle(st);
        if (ts_listener_tick(lis))
            accept_again(st, true);
    }
    drain(st);
    while (st->nconns)
        close_conn(st, st->ring.next != &st->ring ? st->ring.next : st->greeting.next, TS_C_CLOSED_STOP);
}

static int stream_init(struct ts_listener *lis, struct ts_err *err)
{
    struct stream *st = (struct stream *)lis;
    int flags = fcntl(lis->fd, F_GETFL), rc;
    ring_init(&st->ring);
    ring_init(&st->greeting);
    if (lis->conf->certificate[0]) {
        rc = ts_tls_open(lis->conf, &st->tls, err);
        if (rc)
            return rc;
    }
    st->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (st->epoll < 0) {
        rc = ts_fail_errno(err, TS_EIO, "listen %s", lis->conf->url);
        ts_tls_close(&st->tls);
        return rc;
    }
    if (flags < 0 || fcntl(lis->fd, F_SETFL, flags | O_NONBLOCK) != 0 || listen(lis->fd, SOMAXCONN) != 0 ||
        watch(st, EPOLL_CTL_ADD, lis->fd, NULL, EPOLLIN) != 0) {
        rc = ts_fail_errno(err, TS_EIO, "listen %s", lis->conf->url);
        close(st->epoll);
        ts_tls_close(&st->tls);
        return rc;
    }
    st->accepting = true;
    st->regions = ts_xpages_alloc((size_t)BATCH * REGION_BYTES);
    return 0;
}

static void stream_fini(struct ts_listener *lis)
{
    struct stream *st = (struct stream *)lis;
    close(st->epoll);
    ts_pages_free(st->regions, (size_t)BATCH * REGION_BYTES);
    ts_tls_close(&st->tls);
}

const struct ts_listener_ops ts_stream_ops = {sizeof(struct stream), stream_init, stream_run, stream_fini};
