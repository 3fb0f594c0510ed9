/*
 * Datagram sockets (UDP, unix) to batches: recvmmsg, up to 64 at a time, one thread a socket. Owns the
 * buffers. When the consumer is slow the kernel's buffer takes the datagrams; what that drops is read from
 * the socket (SK_MEMINFO_DROPS, the counter behind SO_RXQ_OVFL, without a control message per datagram) and
 * counted. Of a unix socket the kernel drops nothing: its senders wait, or are told.
 */
#include "config.h"
#include "ingest/ingest_priv.h"

#include "core/buf.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <linux/sock_diag.h>
#include <time.h>
#include <unistd.h>

#define BATCH   64
#define WAIT_NS (10 * TS_MS)
#define PACE_MAX_NS     (5 * TS_MS)
#define PACE_DATAGRAMS  96   /* to wait for */
#define MEAN_OF         256  /* datagrams, to tell how many samples one has */
#define DATAGRAM_BYTES  2304 /* what one of 1,400 bytes takes of the kernel's buffer */
#define BUFFER_BYTES                                                                                         \
    (TS_INGEST_BYTES + 4096 + 64 * 5) /* not a multiple of 4 KiB: buffers must not share cache sets */

struct datagrams {
    struct ts_listener lis;
    struct ts_auth_reader *auth; /* NULL: datagrams are lines */
    uint64_t refused;            /* of them, as last told */
    uint32_t kernel_drops; /* as last read; wraps */
    double mean_samples;   /* of a datagram, of the MEAN_OF or more that were read last when the listener had counted */
    uint64_t mean_datagrams, mean_up_to; /* so many datagrams and samples; 0: too few yet */
    int64_t emptied_ns;    /* when the socket was last seen empty */
    uint32_t since;        /* datagrams read since then */
    uint32_t pace_for;     /* datagrams to let come together */
    char *buffers;
    struct sockaddr_storage *senders; /* [BATCH]; NULL: nobody asks */
    struct mmsghdr msgs[BATCH];
    struct iovec iovs[BATCH];
};

/* @return bytes of kernel memory that the buffer may take. */
static uint32_t set_rcvbuf(const struct ts_listener *lis)
{
    int want = (int)TS_MIN(lis->conf->rcvbuf_bytes, (uint64_t)INT32_MAX / 2), got = 0;
    socklen_t len = sizeof got;
    /* With CAP_NET_ADMIN beyond rmem_max, else as far as that allows. */
    if (setsockopt(lis->fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof want) != 0)
        (void)setsockopt(lis->fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof want);
    if (getsockopt(lis->fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got / 2 < want)
        ts_log(TS_LOG_WARN, "rcvbuf_small", "url=%s wanted=%d got=%d remedy=\"raise net.core.rmem_max\"",
               lis->conf->url, want, got / 2);
    return (uint32_t)got;
}

/* A read waits until the next tick. Called when one came to its end without data: one that did not ends the sooner. */
static bool wait_for_tick(int fd)
{
    struct timeval left = {0, ts_clock_to_tick(ts_clock_now_ns()) / TS_US + 1};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof left) == 0;
}

static int datagrams_init(struct ts_listener *lis, struct ts_err *err)
{
    struct datagrams *dg = (struct datagrams *)lis;
    int flags = fcntl(lis->fd, F_GETFL);
    /* An inherited socket may be one that does not block. */
    if (flags < 0 || fcntl(lis->fd, F_SETFL, flags & ~O_NONBLOCK) != 0 || !wait_for_tick(lis->fd))
        return ts_fail_errno(err, TS_EIO, "listen %s", lis->conf->url);
    if (!ts_transport_info(lis->conf->transport)->is_path) /* a sixteenth of the buffer: a burst has room */
        dg->pace_for = TS_MIN(set_rcvbuf(lis) / 16 / DATAGRAM_BYTES, PACE_DATAGRAMS);
    dg->buffers = ts_pages_alloc((size_t)BATCH * BUFFER_BYTES);
    if (!dg->buffers)
        return ts_fail(err, TS_ENOMEM, "listen %s: no memory", lis->conf->url);
    if (lis->share->auth) {
        int rc = ts_auth_reader_new(lis->share->auth, &dg->auth, err);
        if (rc) {
            ts_pages_free(dg->buffers, (size_t)BATCH * BUFFER_BYTES);
            return rc;
        }
    }
    if (lis->allow)
        dg->senders = ts_xalloc(BATCH * sizeof *dg->senders);
    for (unsigned i = 0; i < BATCH; i++) {
        dg->iovs[i] = (struct iovec){dg->buffers + (size_t)i * BUFFER_BYTES, TS_INGEST_BYTES};
        dg->msgs[i].msg_hdr = (struct msghdr){.msg_iov = &dg->iovs[i], .msg_iovlen = 1};
        if (dg->senders) {
            dg->msgs[i].msg_hdr.msg_name = &dg->senders[i];
            dg->msgs[i].msg_hdr.msg_namelen = sizeof *dg->senders;
        }
    }
    return 0;
}

static void datagrams_fini(struct ts_listener *lis)
{
    struct datagrams *dg = (struct datagrams *)lis;
    ts_pages_free(dg->buffers, (size_t)BATCH * BUFFER_BYTES);
    ts_free(dg->senders);
    ts_auth_reader_free(&dg->auth);
}

/* How many samples one datagram has, of the latest that were read; of a rejected line nobody knows. */
static double mean_samples(struct datagrams *dg)
{
    const struct ts_counters *cnt = dg->lis.cnt;
    uint64_t rejected = ts_counter_of(cnt, TS_C_LINES_RECEIVED) - ts_counter_of(cnt, TS_C_LINES_ACCEPTED);
    uint64_t datagrams = ts_counter_of(cnt, TS_C_DATAGRAMS_RECEIVED), samples = ts_counter_of(cnt, TS_C_SAMPLES_RECEIVED) - rejected;
    uint64_t n = datagrams - dg->mean_datagrams;
    double mean = n ? (double)(samples - dg->mean_up_to) / (double)n : 1;
    if (n >= MEAN_OF) {
        dg->mean_samples = mean;
        dg->mean_datagrams = datagrams;
        dg->mean_up_to = samples;
    }
    return dg->mean_datagrams ? dg->mean_samples : mean;
}

static void look_at_kernel_drops(struct datagrams *dg, bool first)
{
    uint32_t info[SK_MEMINFO_VARS];
    socklen_t len = sizeof info;
    if (getsockopt(dg->lis.fd, SOL_SOCKET, SO_MEMINFO, info, &len) != 0 || len < sizeof info)
        return;
    if (first && dg->lis.inherited) /* what it dropped before is somebody else's to count */
        dg->kernel_drops = info[SK_MEMINFO_DROPS];
    uint32_t drops = info[SK_MEMINFO_DROPS] - dg->kernel_drops;
    double samples = mean_samples(dg);
    if (drops) {
        ts_count(dg->lis.cnt, TS_C_KERNEL_DROPPED, drops);
        ts_count(dg->lis.cnt, TS_C_KERNEL_DROPPED_SAMPLES, (uint64_t)llround(drops * samples));
    }
    dg->kernel_drops = info[SK_MEMINFO_DROPS];
}

static bool is_allowed(struct datagrams *dg, int i)
{
    if (!dg->senders)
        return true;
    dg->msgs[i].msg_hdr.msg_namelen = sizeof *dg->senders; /* for the next one */
    bool allowed = ts_listener_allows(&dg->lis, &dg->senders[i]);
    ts_count(dg->lis.cnt, TS_C_DATAGRAMS_NOT_ALLOWED, !allowed);
    return allowed;
}

static void hand_on(struct datagrams *dg, char *data, size_t len, int64_t now_ns)
{
    struct ts_str lines;
    enum ts_counter why;
    if (!dg->auth) {
        ts_listener_data(&dg->lis, data, len);
    } else if (ts_auth_admit(dg->auth, (struct ts_str){data, len}, now_ns, &lines, &why)) {
        if (lines.len)
            ts_listener_data(&dg->lis, data + (lines.p - data), lines.len);
    } else {
        ts_count(dg->lis.cnt, why, 1);
    }
}

/* Once a tick at most, and the log has a limit of its own. */
static void tell_refused(struct datagrams *dg)
{
    static const enum ts_counter reasons[] = {TS_C_DATAGRAMS_NO_ENVELOPE,   TS_C_DATAGRAMS_UNKNOWN_KEY,
                                              TS_C_DATAGRAMS_BAD_SIGNATURE, TS_C_DATAGRAMS_BAD_TIME,
                                              TS_C_DATAGRAMS_REPLAYED,      TS_C_DATAGRAMS_SENDERS};
    struct ts_buf text = TS_BUF_INIT;
    uint64_t refused = 0;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(reasons); i++)
        refused += ts_counter_of(dg->lis.cnt, reasons[i]);
    if (refused == dg->refused)
        return;
    dg->refused = refused;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(reasons); i++)
        if (ts_counter_of(dg->lis.cnt, reasons[i]))
            ts_buf_printf(&text, " %s=%llu", ts_counter_info(reasons[i])->value,
                          (unsigned long long)ts_counter_of(dg->lis.cnt, reasons[i]));
    ts_log(TS_LOG_WARN, "datagrams_refused", "url=%s%s", dg->lis.conf->url,
           text.len ? ts_buf_cstr(&text) : "");
    ts_buf_fini(&text);
}

/* A batch is larger than the first-level cache: while one datagram is read the next is fetched. */
static void prefetch(const char *p, size_t len)
{
    for (size_t i = 0; i < TS_MIN(len, (size_t)4096); i += TS_CACHELINE)
        __builtin_prefetch(p + i);
}

/* @return datagrams read; 0 nothing came; negative: errno. */
static int read_batch(struct datagrams *dg, int flags)
{
    struct ts_listener *lis = &dg->lis;
    int n = recvmmsg(lis->fd, dg->msgs, BATCH, flags, NULL);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
    uint64_t bytes = 0;
    int64_t now_ns = dg->auth ? ts_clock_now_ns() : 0;
    ts_listener_begin(lis);
    for (int i = 0; i < n; i++) {
        size_t len = dg->msgs[i].msg_len;
        bytes += len;
        if (i + 1 < n)
            prefetch(dg->iovs[i + 1].iov_base, dg->msgs[i + 1].msg_len);
        if (dg->msgs[i].msg_hdr.msg_flags & MSG_TRUNC)
            ts_count(lis->cnt, TS_C_DATAGRAMS_TRUNCATED, 1);
        if (is_allowed(dg, i))
            hand_on(dg, dg->iovs[i].iov_base, len, now_ns);
    }
    dg->since += (uint32_t)n;
    ts_count(lis->cnt, TS_C_DATAGRAMS_RECEIVED, (uint64_t)n);
    ts_count(lis->cnt, TS_C_BYTES_RECEIVED, bytes);
    lis->to.end(lis->to.arg, n == BATCH);
    return n;
}

/*
 * The socket is empty: let it fill for a moment, since a switch of threads costs as much as many lines. How long, the rate of late says.
 * Not when datagrams are rare, and not with a unix socket: it holds few, and its senders would wait.
 */
static void pace(struct datagrams *dg)
{
    int64_t now_ns = ts_clock_mono_ns(), each_ns = (now_ns - dg->emptied_ns) / TS_MAX(dg->since, 1);
    dg->emptied_ns = now_ns;
    dg->since = 0;
    if (dg->pace_for < 2 || each_ns > PACE_MAX_NS / 2)
        return;
    int64_t until_ns = now_ns + TS_MIN(each_ns * dg->pace_for, PACE_MAX_NS);
    struct timespec until = {until_ns / TS_SEC, until_ns % TS_SEC};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void datagrams_run(struct ts_listener *lis)
{
    struct datagrams *dg = (struct datagrams *)lis;
    look_at_kernel_drops(dg, true);
    while (!ts_listener_stopped(lis)) {
        bool waits = ts_listener_waits(lis); /* the kernel's buffer takes what comes, as far as it goes */
        int n = waits ? 0 : read_batch(dg, MSG_WAITFORONE);
        if (waits)
            usleep(WAIT_NS / TS_US);
        if (n < 0) {
            ts_log(TS_LOG_ERROR, "receive_failed", "url=%s error=%s", lis->conf->url,
                   ts_log_quote_z(strerror(-n)));
            usleep(TS_TICK_NS / TS_US);
        } else if (n == 0) {
            (void)wait_for_tick(lis->fd); /* it did at the start */
        }
        if (ts_listener_tick(lis)) {
            look_at_kernel_drops(dg, false);
            if (dg->auth)
                tell_refused(dg);
        }
        if (n > 0 && n < BATCH)
            pace(dg);
    }
    int64_t until_ns = ts_clock_mono_ns() + TS_INGEST_DRAIN_NS;
    while (read_batch(dg, MSG_DONTWAIT) > 0 && ts_clock_mono_ns() < until_ns)
        ;
    look_at_kernel_drops(dg, false);
}

const struct ts_listener_ops ts_datagram_ops = {sizeof(struct datagrams), datagrams_init, datagrams_run,
                                                datagrams_fini};
