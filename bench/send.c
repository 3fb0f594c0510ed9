/*
 * The load: packets of lines made beforehand, in random series order, sent at a steady rate.
 * usage: send PORT LINES RATE SERIES PACKET_BYTES KIND [SEED]     KIND: timer, tags, influx, counter
 * Prints the number of lines sent.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32

static uint64_t state;

static uint64_t next_random(void) /* xorshift64*, Vigna 2016 */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

static size_t make_line(char *to, size_t room, const char *kind, uint64_t series)
{
    unsigned s = (unsigned)(next_random() % series), v = (unsigned)(next_random() % 100000);
    int n;
    if (strcmp(kind, "tags") == 0)
        n = snprintf(to, room, "app.request.time.%06u:%u.%02u|ms|#host:web%02u,region:eu\n", s, v / 100, v % 100, s % 50);
    else if (strcmp(kind, "influx") == 0)
        n = snprintf(to, room, "request,host=web%06u,region=eu time=%u.%02u\n", s, v / 100, v % 100);
    else if (strcmp(kind, "counter") == 0)
        n = snprintf(to, room, "app.request.count.%06u:%u|c\n", s, v % 9 + 1);
    else
        n = snprintf(to, room, "app.request.time.%06u:%u.%02u|ms\n", s, v / 100, v % 100);
    return (size_t)n;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc < 7)
        return 2;
    uint64_t lines = strtoull(argv[2], NULL, 10), series = strtoull(argv[4], NULL, 10);
    double rate = strtod(argv[3], NULL);
    size_t packet = strtoul(argv[5], NULL, 10);
    state = argc > 7 ? strtoull(argv[7], NULL, 10) * 2654435761u + 1 : 88172645463325252u;
    size_t npackets = series > 100000 ? 65536 : 16384;
    char *bytes = malloc(npackets * (packet + 256));
    struct iovec *iovs = calloc(npackets, sizeof *iovs);
    struct mmsghdr *msgs = calloc(npackets, sizeof *msgs);
    uint32_t *count = calloc(npackets, sizeof *count);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    addr.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (!bytes || !iovs || !msgs || !count || connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0)
        return 1;
    for (size_t i = 0; i < npackets; i++) {
        char *p = bytes + i * (packet + 256);
        size_t len = 0;
        do {
            len += make_line(p + len, 200, argv[6], series);
            count[i]++;
        } while (len + 45 < packet);
        iovs[i] = (struct iovec){p, len};
        msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
    }
    uint64_t sent = 0;
    double start = now();
    for (size_t i = 0; sent < lines; i = (i + BATCH) % npackets) {
        while ((double)sent / rate > now() - start) {
            struct timespec nap = {0, 50000};
            nanosleep(&nap, NULL);
        }
        int n = sendmmsg(fd, msgs + i, BATCH, 0);
        for (int j = 0; j < n; j++)
            sent += count[i + (size_t)j];
    }
    printf("%llu\n", (unsigned long long)sent);
    return 0;
}
