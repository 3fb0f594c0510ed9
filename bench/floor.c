/*
 * The limit: a bare recvmmsg loop that only counts newlines. Prints on SIGTERM what it counted.
 * usage: floor PORT
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BATCH  64
#define STRIDE (65536 + 4096 + 320)

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
    (void)sig;
    stop = 1;
}

static uint64_t count_newlines(const char *p, size_t len)
{
    uint64_t n = 0;
    for (const char *end = p + len; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        n++;
    return n;
}

int main(int argc, char **argv)
{
    static char buffers[BATCH * STRIDE];
    struct mmsghdr msgs[BATCH];
    struct iovec iovs[BATCH];
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval tick = {0, 50000};
    int bytes = 4 << 20;
    if (argc != 2)
        return 2;
    addr.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
        perror("bind");
        return 1;
    }
    signal(SIGTERM, on_term);
    for (int i = 0; i < BATCH; i++) {
        iovs[i] = (struct iovec){buffers + (size_t)i * STRIDE, 65536};
        msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iovs[i], .msg_iovlen = 1}};
    }
    uint64_t lines = 0;
    while (!stop) {
        int n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++)
            lines += count_newlines(buffers + (size_t)i * STRIDE, msgs[i].msg_len);
    }
    printf("%llu\n", (unsigned long long)lines);
    return 0;
}
