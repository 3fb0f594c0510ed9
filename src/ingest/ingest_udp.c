/*
 * UDP sockets to batches of datagrams: recvmmsg, up to 64 at a time, one thread a socket. Owns the buffers.
 * When the consumer is slow the kernel's buffer takes the datagrams; what that drops is read from the socket (SK_MEMINFO_DROPS, the
 * counter behind SO_RXQ_OVFL, without a control message per datagram) and counted.
 */
#include "config.h"
#include "ingest/ingest.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <linux/sock_diag.h>
#include <time.h>
#include <unistd.h>

#define BATCH          64
#define DATAGRAM_MAX   65536
#define BUFFER_BYTES   (DATAGRAM_MAX + 4096 + 64 * 5) /* not a multiple of 4 KiB: buffers must not share cache sets */
#define TICK_NS        (50 * TS_MS)
#define PACE_NS        TS_MS /* between two wake-ups: a switch of threads costs as much as many lines */
#define DRAIN_NS       (2 * TS_SEC) /* at most this long for what the kernel holds when we stop */

struct ts_udp {
    int fd;
    uint16_t port;
    const struct ts_conf_listen *conf;
    struct ts_ingest_consumer to;
    struct ts_counters *cnt;
    _Atomic bool stop; /* relaxed: only its own value matters */
    uint32_t kernel_drops; /* as last read; wraps */
    int64_t looked_ns;     /* when */
    int64_t woken_ns;      /* when the socket was last waited for */
    char *buffers;
    struct mmsghdr msgs[BATCH];
    struct iovec iovs[BATCH];
};

static void set_rcvbuf(struct ts_udp *udp)
{
    int want = (int)TS_MIN(udp->conf->rcvbuf_bytes, (uint64_t)INT32_MAX / 2), got = 0;
    socklen_t len = sizeof got;
    /* With CAP_NET_ADMIN beyond rmem_max, else as far as that allows. */
    if (setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof want) != 0)
        (void)setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof want);
    if (getsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got / 2 < want)
        ts_log(TS_LOG_WARN, "rcvbuf_small", "url=%s wanted=%d got=%d remedy=\"raise net.core.rmem_max\"",
               udp->conf->url, want, got / 2);
}

static int bind_address(struct ts_udp *udp, const struct addrinfo *ai)
{
    int one = 1;
    struct timeval tick = {0, TICK_NS / TS_US};
    udp->fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (udp->fd < 0)
        return -1;
    if (udp->conf->sockets > 1 && setsockopt(udp->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0)
        goto fail;
    if (setsockopt(udp->fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick) != 0 ||
        bind(udp->fd, ai->ai_addr, ai->ai_addrlen) != 0)
        goto fail;
    return 0;
fail:;
    int saved = errno;
    close(udp->fd);
    udp->fd = -1;
    errno = saved;
    return -1;
}

static uint16_t bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr;
    socklen_t len = sizeof addr;
    if (getsockname(fd, &addr.any, &len) != 0)
        return 0;
    return ntohs(addr.any.sa_family == AF_INET6 ? addr.v6.sin6_port : addr.v4.sin_port);
}

static int open_socket(struct ts_udp *udp, uint16_t port, struct ts_err *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE}, *list;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(udp->conf->host[0] ? udp->conf->host : NULL, service, &hints, &list);
    if (rc)
        return ts_fail(err, TS_EINVAL, "listen %s: %s", udp->conf->url, gai_strerror(rc));
    udp->fd = -1;
    for (const struct addrinfo *ai = list; ai && udp->fd < 0; ai = ai->ai_next)
        (void)bind_address(udp, ai);
    freeaddrinfo(list);
    if (udp->fd < 0)
        return ts_fail_errno(err, TS_EIO, "listen %s: cannot bind port %u", udp->conf->url, port);
    udp->port = bound_port(udp->fd);
    return 0;
}

int ts_udp_open(const struct ts_conf_listen *conf, uint16_t port, struct ts_counters *cnt, struct ts_udp **out,
                struct ts_err *err)
{
    struct ts_udp *udp = ts_xalloc(sizeof *udp);
    udp->conf = conf;
    udp->cnt = cnt;
    int rc = open_socket(udp, port, err);
    if (rc) {
        TS_FREE(udp);
        return rc;
    }
    set_rcvbuf(udp);
    udp->buffers = ts_pages_alloc((size_t)BATCH * BUFFER_BYTES);
    TS_ASSERT(udp->buffers);
    for (unsigned i = 0; i < BATCH; i++) {
        udp->iovs[i] = (struct iovec){udp->buffers + (size_t)i * BUFFER_BYTES, DATAGRAM_MAX};
        udp->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &udp->iovs[i], .msg_iovlen = 1};
    }
    *out = udp;
    return 0;
}

uint16_t ts_udp_port(const struct ts_udp *udp)
{
    return udp->port;
}

void ts_udp_set_consumer(struct ts_udp *udp, const struct ts_ingest_consumer *consumer)
{
    udp->to = *consumer;
}

void ts_udp_stop(struct ts_udp *udp)
{
    atomic_store_explicit(&udp->stop, true, memory_order_relaxed);
}

void ts_udp_close(struct ts_udp **udp)
{
    if (*udp) {
        close((*udp)->fd);
        ts_pages_free((*udp)->buffers, (size_t)BATCH * BUFFER_BYTES);
        TS_FREE(*udp);
    }
}

static void look_at_kernel_drops(struct ts_udp *udp)
{
    uint32_t info[SK_MEMINFO_VARS];
    socklen_t len = sizeof info;
    if (getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, info, &len) != 0 || len < sizeof info)
        return;
    ts_count(udp->cnt, TS_C_KERNEL_DROPPED, info[SK_MEMINFO_DROPS] - udp->kernel_drops);
    udp->kernel_drops = info[SK_MEMINFO_DROPS];
}

/* @return datagrams read; 0 nothing came; negative: errno. */
static int read_batch(struct ts_udp *udp, int flags)
{
    int n = recvmmsg(udp->fd, udp->msgs, BATCH, flags, NULL);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
    uint64_t bytes = 0;
    udp->to.begin(udp->to.arg, ts_clock_now_ns());
    for (int i = 0; i < n; i++) {
        size_t len = udp->msgs[i].msg_len;
        bytes += len;
        if (udp->msgs[i].msg_hdr.msg_flags & MSG_TRUNC)
            ts_count(udp->cnt, TS_C_DATAGRAMS_TRUNCATED, 1);
        udp->to.data(udp->to.arg, udp->iovs[i].iov_base, len);
    }
    ts_count(udp->cnt, TS_C_DATAGRAMS_RECEIVED, (uint64_t)n);
    ts_count(udp->cnt, TS_C_BYTES_RECEIVED, bytes);
    udp->to.end(udp->to.arg);
    return n;
}

static void tick(struct ts_udp *udp, int64_t now_ns)
{
    if (now_ns - udp->looked_ns < TICK_NS)
        return;
    udp->looked_ns = now_ns;
    look_at_kernel_drops(udp);
    udp->to.tick(udp->to.arg, ts_clock_now_ns());
}

/* The socket is empty: let it fill for a moment when datagrams come faster than that anyway. */
static void pace(struct ts_udp *udp, int64_t now_ns)
{
    int64_t next_ns = udp->woken_ns + PACE_NS;
    if (now_ns < next_ns) {
        struct timespec until = {next_ns / TS_SEC, next_ns % TS_SEC};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        now_ns = next_ns;
    }
    udp->woken_ns = now_ns;
}

void *ts_udp_run(void *arg)
{
    struct ts_udp *udp = arg;
    while (!atomic_load_explicit(&udp->stop, memory_order_relaxed)) {
        int n = read_batch(udp, MSG_WAITFORONE);
        if (n < 0) {
            errno = -n;
            ts_log(TS_LOG_ERROR, "receive_failed", "url=%s error=%s", udp->conf->url,
                   ts_log_quote_z(strerror(errno)));
            usleep(TICK_NS / TS_US);
        }
        int64_t now_ns = ts_clock_mono_ns();
        tick(udp, now_ns);
        if (n > 0 && n < BATCH)
            pace(udp, now_ns);
    }
    int64_t until_ns = ts_clock_mono_ns() + DRAIN_NS;
    while (read_batch(udp, MSG_DONTWAIT) > 0 && ts_clock_mono_ns() < until_ns)
        ;
    look_at_kernel_drops(udp);
    udp->to.last(udp->to.arg);
    return NULL;
}
