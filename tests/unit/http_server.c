#include "config.h"
#include "http_server.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/num.h"

#include <libdeflate.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(int fd, const char *head, const char *body)
{
    struct ts_buf buf = TS_BUF_INIT;
    ts_buf_printf(&buf, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);
    ssize_t n = send(fd, buf.p, buf.len, MSG_NOSIGNAL);
    (void)n;
    ts_buf_fini(&buf);
}

static void reset(int fd)
{
    struct linger now = {1, 0};
    ssize_t n = send(fd, "HTTP/1.1 20", 11, MSG_NOSIGNAL);
    (void)n;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static bool is_bad(struct ts_str line)
{
    return memmem(line.p, line.len, "bad", 3) != NULL;
}

static struct ts_str cut_line(struct ts_str *rest)
{
    const char *end = memchr(rest->p, '\n', rest->len);
    struct ts_str line = {rest->p, end ? (size_t)(end - rest->p) : rest->len};
    size_t used = line.len + (end ? 1 : 0);
    *rest = (struct ts_str){rest->p + used, rest->len - used};
    return line;
}

static void store(struct server *srv, struct ts_str body)
{
    while (body.len) {
        struct ts_str line = cut_line(&body);
        const char *id = memmem(line.p, line.len, "id=", 3), *eq = memrchr(line.p, '=', line.len);
        if (is_bad(line) && srv->partial)
            continue;
        srv->bad_stored += is_bad(line) || !id;
        if (!id)
            continue;
        unsigned long i = strtoul(id + 3, NULL, 10);
        struct ts_str number = {eq + 1, (size_t)((const char *)memrchr(line.p, ' ', line.len) - eq - 1)};
        if (i < SERVER_IDS && ts_num_read(number, &srv->value[i]) == 0)
            srv->stored[i] = (unsigned char)TS_MIN(srv->stored[i] + 1, 255);
    }
}

static unsigned count_bad(struct ts_str body, unsigned *lines)
{
    unsigned bad = 0;
    for (*lines = 0; body.len; ++*lines)
        bad += is_bad(cut_line(&body));
    return bad;
}

/* What an InfluxDB without faults does. */
static void answer_well(struct server *srv, int fd, struct ts_str body)
{
    unsigned lines, bad = count_bad(body, &lines);
    srv->largest = TS_MAX(srv->largest, lines);
    if (srv->max_lines && lines > srv->max_lines) {
        say(fd, "413 Too Large",
            "{\"code\":\"request too large\",\"message\":\"unable to read data: points batch is too "
            "large\"}");
        return;
    }
    if (bad == 0 || srv->partial)
        store(srv, body);
    if (bad && srv->partial)
        say(fd, "422 Unprocessable",
            "{\"code\":\"unprocessable entity\",\"message\":\"failure writing points to database: "
            "partial write: field type conflict dropped=1\"}");
    else if (bad)
        say(fd, "400 Bad", "{\"code\":\"invalid\",\"message\":\"unable to parse 'bad'\"}");
    else
        say(fd, "204 No Content", "");
}

/* @return false when the connection is to be closed. */
static bool answer(struct server *srv, int fd, struct ts_str body)
{
    enum fault fault = srv->requests < srv->nscript ? srv->script[srv->requests] : FAULT_NONE;
    unsigned lines;
    srv->requests++;
    switch (fault) {
    case FAULT_401:
        say(fd, "401 Unauthorized", "{\"code\":\"unauthorized\",\"message\":\"unauthorized access\"}");
        break;
    case FAULT_404:
        say(fd, "404 Not Found", "{\"code\":\"not found\",\"message\":\"bucket \\\"b\\\" not found\"}");
        break;
    case FAULT_429_AFTER_1S: say(fd, "429 Slow\r\nRetry-After: 1", ""); break;
    case FAULT_429_AFTER_DATE: say(fd, "429 Slow\r\nRetry-After: Fri, 20 Nov 2026 00:00:00 GMT", ""); break;
    case FAULT_429: say(fd, "429 Slow", ""); break;
    case FAULT_408: say(fd, "408 Timeout", ""); break;
    case FAULT_500: say(fd, "500 Oh", "{\"code\":\"internal error\",\"message\":\"oh\"}"); break;
    case FAULT_503: say(fd, "503 Later", "engine closed"); break;
    case FAULT_302: say(fd, "302 Found\r\nLocation: http://127.0.0.1:1/", ""); break;
    case FAULT_200_HTML: say(fd, "200 OK\r\nContent-Type: text/html", "<html>sign in</html>"); break;
    case FAULT_413_HTML: say(fd, "413 Too Large\r\nContent-Type: text/html", "<html>nginx</html>"); break;
    case FAULT_HANG: poll(&(struct pollfd){fd, POLLRDHUP, 0}, 1, 5000); return false;
    case FAULT_RESET:
        if (count_bad(body, &lines) == 0)
            store(srv, body);
        reset(fd);
        return false;
    case FAULT_RESET_BEFORE: reset(fd); return false;
    case FAULT_GARBAGE: say(fd, "garbage\x01", "\xff\xfe"); return false;
    default: answer_well(srv, fd, body);
    }
    return true;
}

static void copy_header(struct ts_str head, const char *name, char *to, size_t size)
{
    size_t n = strlen(name);
    to[0] = 0;
    while (head.len) {
        struct ts_str line = cut_line(&head);
        if (line.len > n && strncasecmp(line.p, name, n) == 0)
            snprintf(to, size, "%.*s", (int)(line.len - n - 1), line.p + n);
    }
}

static bool inflate_body(struct ts_str packed, struct ts_buf *out)
{
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    char *to = ts_buf_reserve(out, 16u << 20);
    bool ok = to && libdeflate_gzip_decompress(inflater, packed.p, packed.len, to, 16u << 20, &out->len) == 0;
    libdeflate_free_decompressor(inflater);
    return ok;
}

static bool read_more(struct server *srv, int fd, struct ts_buf *in)
{
    struct pollfd fds[2] = {{fd, POLLIN, 0}, {srv->stop_fd[0], POLLIN, 0}};
    char *to = ts_buf_reserve(in, 65536);
    if (poll(fds, 2, 10000) <= 0 || fds[1].revents)
        return false;
    ssize_t n = recv(fd, to, 65536, 0);
    if (n > 0)
        in->len += (size_t)n;
    return n > 0;
}

/* One request; false ends the connection. */
static bool serve(struct server *srv, int fd, struct ts_buf *in)
{
    const char *end;
    while (!(end = in->len ? memmem(in->p, in->len, "\r\n\r\n", 4) : NULL)) {
        if (!read_more(srv, fd, in))
            return false;
    }
    size_t head_len = (size_t)(end - in->p) + 4;
    char length[32];
    copy_header((struct ts_str){in->p, head_len}, "Content-Length: ", length, sizeof length);
    size_t body_len = strtoul(length, NULL, 10);
    while (in->len < head_len + body_len) {
        if (!read_more(srv, fd, in))
            return false;
    }
    struct ts_str head = {in->p, head_len}, body = {in->p + head_len, body_len};
    struct ts_buf plain = TS_BUF_INIT;
    pthread_mutex_lock(&srv->lock);
    copy_header(head, "POST ", srv->target, sizeof srv->target);
    copy_header(head, "Authorization: ", srv->authorization, sizeof srv->authorization);
    copy_header(head, "Content-Encoding: ", srv->encoding, sizeof srv->encoding);
    if (strcmp(srv->encoding, "gzip") == 0 && inflate_body(body, &plain))
        body = ts_buf_str(&plain);
    bool go_on = answer(srv, fd, body);
    pthread_mutex_unlock(&srv->lock);
    ts_buf_fini(&plain);
    ts_buf_drop_front(in, head_len + body_len);
    return go_on;
}

static void *run(void *arg)
{
    struct server *srv = arg;
    struct pollfd fds[2] = {{srv->fd, POLLIN, 0}, {srv->stop_fd[0], POLLIN, 0}};
    while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
        int fd = accept(srv->fd, NULL, NULL);
        struct ts_buf in = TS_BUF_INIT;
        pthread_mutex_lock(&srv->lock);
        srv->connections++;
        pthread_mutex_unlock(&srv->lock);
        while (serve(srv, fd, &in))
            ;
        ts_buf_fini(&in);
        close(fd);
    }
    return NULL;
}

void server_start(struct server *srv)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    srv->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TS_ASSERT(bind(srv->fd, (struct sockaddr *)&addr, len) == 0 && listen(srv->fd, 8) == 0);
    TS_ASSERT(getsockname(srv->fd, (struct sockaddr *)&addr, &len) == 0);
    TS_ASSERT(pipe(srv->stop_fd) == 0);
    srv->port = ntohs(addr.sin_port);
    pthread_mutex_init(&srv->lock, NULL);
    TS_ASSERT(pthread_create(&srv->thread, NULL, run, srv) == 0);
}

void server_stop(struct server *srv)
{
    close(srv->stop_fd[1]);
    pthread_join(srv->thread, NULL);
    close(srv->stop_fd[0]);
    close(srv->fd);
    pthread_mutex_destroy(&srv->lock);
}
