/*
 * Sends the packets round and round at a steady rate, in bursts of up to 32 packets: sendmmsg for UDP, whole
 * packets in order for TCP. When the rate cannot be kept it is as fast as it goes; what was sent says the
 * truth.
 */
#include "config.h"
#include "load.h"

#include "core/clock.h"
#include "core/num.h"
#include "core/progress.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH  LOAD_BURST_PACKETS
#define NAP_NS (50 * TS_US)

static bool is_tcp(const struct load_options *opt)
{
    return strncmp(opt->to, "tcp://", 6) == 0;
}

static int bad_url(const char *url)
{
    fprintf(stderr,
            "tsagg-load: --to %s is no address; write it as in udp://127.0.0.1:8125 or tcp://[::1]:8125\n",
            url);
    return -LOAD_USAGE;
}

int load_connect(const struct load_options *opt)
{
    char host[256];
    if (!is_tcp(opt) && strncmp(opt->to, "udp://", 6) != 0)
        return bad_url(opt->to);
    const char *at = opt->to + 6, *colon = strrchr(at, ':');
    size_t len = colon ? (size_t)(colon - at) : 0;
    if (len == 0 || len >= sizeof host || !colon[1])
        return bad_url(opt->to);
    bool brackets = at[0] == '[' && at[len - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)len - 2 * brackets, at + brackets);
    struct addrinfo hints = {.ai_socktype = is_tcp(opt) ? SOCK_STREAM : SOCK_DGRAM}, *list;
    int rc = getaddrinfo(host, colon + 1, &hints, &list), fd = -1;
    if (rc) {
        fprintf(stderr, "tsagg-load: --to %s: %s\n", opt->to, gai_strerror(rc));
        return -LOAD_USAGE;
    }
    for (const struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
            int saved = errno;
            close(fd);
            fd = -1;
            errno = saved;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        fprintf(stderr, "tsagg-load: cannot connect to %s: %s; is tsaggd listening there?\n", opt->to,
                strerror(errno));
        return -LOAD_UNREACHABLE;
    }
    return fd;
}

static int tell_failure(const struct load_options *opt, int error)
{
    if (error == ECONNREFUSED || error == EPIPE || error == ECONNRESET) {
        fprintf(stderr, "tsagg-load: nobody listens at %s%s\n", opt->to,
                error == ECONNREFUSED ? "" : " any more");
        return LOAD_UNREACHABLE;
    }
    fprintf(stderr, "tsagg-load: cannot send to %s: %s%s\n", opt->to, strerror(error),
            error == EMSGSIZE ? "; give a smaller --packet" : "");
    return LOAD_FAILED;
}

/* @return packets sent whole, or -1 with errno. */
static int send_stream(int fd, const struct iovec *iovs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const char *p = iovs[i].iov_base;
        for (size_t left = iovs[i].iov_len; left;) {
            ssize_t got = send(fd, p, left, MSG_NOSIGNAL);
            if (got < 0 && errno != EINTR)
                return -1;
            p += TS_MAX(got, 0);
            left -= (size_t)TS_MAX(got, 0);
        }
    }
    return (int)n;
}

/* An answer to what was sent last: nobody listens. */
static int pending_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : 0;
}

static int send_datagrams(int fd, struct iovec *iovs, unsigned n)
{
    struct mmsghdr msgs[BATCH];
    for (unsigned i = 0; i < n; i++)
        msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iovs[i], .msg_iovlen = 1}};
    int sent = sendmmsg(fd, msgs, n, 0);
    if (sent > 0 && (unsigned)sent < n) {
        /* What stopped it is not told; when nobody listens, one packet alone brings that up again. */
        sent += send(fd, iovs[sent].iov_base, iovs[sent].iov_len, 0) >= 0;
        errno = pending_error(fd);
        return errno ? -1 : sent;
    }
    if (sent < 0 && (errno == EINTR || errno == ENOBUFS || errno == EAGAIN))
        return 0;
    return sent;
}

/* Sends a burst from packet `at` on, and no line beyond `most`. @return packets sent, or -1 with errno. */
static int send_burst(const struct load_options *opt, int fd, struct load_packets *packets,
                      struct load_seal *seal, size_t at, uint64_t most, struct load_sent *sent)
{
    struct iovec iovs[BATCH];
    uint32_t lines[BATCH];
    unsigned n = 0;
    int64_t now_ns = ts_clock_now_ns();
    most = opt->rate > 0 ? TS_MIN(most, (uint64_t)TS_MAX(opt->rate * LOAD_BURST_S, 1)) : most;
    for (; n < BATCH && most; n++) {
        struct load_packet *packet = &packets->v[(at + n) % packets->n];
        if (opt->timestamps)
            load_packet_stamp(opt, packet, now_ns);
        lines[n] = (uint32_t)TS_MIN(most, packet->lines);
        iovs[n] = (struct iovec){packet->p,
                                 lines[n] < packet->lines ? load_packet_cut(packet, lines[n]) : packet->len};
        if (seal)
            iovs[n] = load_seal_put(seal, n, iovs[n], now_ns);
        most -= lines[n];
    }
    int done = is_tcp(opt) ? send_stream(fd, iovs, n) : send_datagrams(fd, iovs, n);
    for (int i = 0; i < done; i++) {
        sent->lines += lines[i];
        sent->bytes += iovs[i].iov_len;
        sent->packets++;
    }
    return done;
}

static void show(struct ts_progress *prg, const struct load_options *opt, const struct load_sent *sent,
                 int64_t passed_ns)
{
    if (!ts_progress_is_due(prg))
        return;
    double share = opt->count ? (double)sent->lines / (double)opt->count : -1;
    if (opt->duration_ns)
        share = TS_MAX(share, (double)passed_ns / (double)opt->duration_ns);
    uint64_t rate = (uint64_t)((double)sent->lines * 1e9 / (double)passed_ns);
    ts_progress_draw(prg, share, "%s lines, %s lines/s", ts_num_group(sent->lines).z, ts_num_group(rate).z);
}

int load_send(const struct load_options *opt, int fd, struct load_packets *packets, struct load_seal *seal,
              const volatile sig_atomic_t *stop, struct load_sent *sent)
{
    struct ts_progress prg;
    int64_t begun_ns = ts_clock_mono_ns(), passed_ns = 0;
    int error = 0;
    size_t at = 0;
    *sent = (struct load_sent){0};
    ts_progress_begin(&prg);
    while (!*stop && !error && (!opt->count || sent->lines < opt->count)) {
        passed_ns = ts_clock_mono_ns() - begun_ns;
        if (opt->duration_ns && passed_ns >= opt->duration_ns)
            break;
        show(&prg, opt, sent, passed_ns);
        if (opt->rate > 0 && (double)sent->lines > opt->rate * (double)passed_ns / 1e9) {
            nanosleep(&(struct timespec){0, NAP_NS}, NULL);
            continue;
        }
        int n =
            send_burst(opt, fd, packets, seal, at, opt->count ? opt->count - sent->lines : UINT64_MAX, sent);
        error = n < 0 ? errno : 0;
        at = (at + (size_t)TS_MAX(n, 0)) % packets->n;
    }
    sent->seconds = (double)(ts_clock_mono_ns() - begun_ns) / 1e9;
    ts_progress_end(&prg);
    error = error ? error : pending_error(fd);
    return error && error != EINTR ? tell_failure(opt, error) : LOAD_OK;
}
