/*
 * Requests to pages over libmicrohttpd: a table of paths, a token, JSON errors. Threads: one of libmicrohttpd's per connection, at most
 * CONNECTIONS; what comes beyond is refused by it. Owns its listening socket. A connection that says nothing for
 * TIMEOUT_S is closed; a body sent to us is read and thrown away.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/log.h"
#include "core/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 64u
#define TIMEOUT_S   10u
#define BODY_MAX    ((size_t)16 << 20)

struct ts_server {
    struct ts_server_info info;
    struct MHD_Daemon *mhd;
    uint16_t port;
};

static const struct page {
    const char *path, *type;
    bool open; /* without a token */
    void (*body)(const struct ts_server_info *info, struct ts_buf *body); /* NULL: 204 */
} pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", false, ts_server_metrics},
    {"/health", "application/json; charset=utf-8", true, ts_server_health},
    {"/ready", "application/json; charset=utf-8", false, ts_server_ready},
    {"/api/v1/status", "application/json; charset=utf-8", false, ts_server_status},
    {"/ping", NULL, true, NULL},
};

static const struct page *find_page(const char *path)
{
    for (size_t i = 0; i < TS_ARRAY_SIZE(pages); i++)
        if (strcmp(pages[i].path, path) == 0)
            return &pages[i];
    return NULL;
}

/* Equal, in a time that depends on given's length alone; the secret is not empty. */
static bool same_secret(const char *given, const char *secret)
{
    size_t n = strlen(given), m = strlen(secret);
    unsigned char differs = n != m;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(given[i] ^ secret[i % m]);
    return !differs;
}

static bool is_allowed(const struct ts_server *srv, struct MHD_Connection *con)
{
    const char *token = srv->info.conf->http.token;
    const char *given = MHD_lookup_connection_value(con, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    if (!token[0])
        return true;
    if (!given)
        return false;
    if (strncasecmp(given, "Token ", 6) == 0)
        return same_secret(given + 6, token);
    if (strncasecmp(given, "Bearer ", 7) == 0)
        return same_secret(given + 7, token);
    return false;
}

/* Sends body (which is copied) with a header of the caller's choice. */
static enum MHD_Result respond(struct MHD_Connection *con, unsigned status, const char *type, struct ts_str body,
                               const char *header, const char *value)
{
    struct MHD_Response *rsp = MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);
    if (!rsp)
        return MHD_NO;
    enum MHD_Result ok = MHD_YES;
    if (type)
        ok = MHD_add_response_header(rsp, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (ok && header)
        ok = MHD_add_response_header(rsp, header, value);
    if (ok)
        ok = MHD_queue_response(con, status, rsp);
    MHD_destroy_response(rsp);
    return ok;
}

static enum MHD_Result respond_error(struct MHD_Connection *con, unsigned status, const char *code, const char *message,
                                     const char *header, const char *value)
{
    char body[256];
    int n = snprintf(body, sizeof body, "{\"code\":\"%s\",\"message\":\"%s\"}\n", code, message);
    return respond(con, status, "application/json; charset=utf-8", (struct ts_str){body, (size_t)n}, header, value);
}

static enum MHD_Result answer(const struct ts_server *srv, struct MHD_Connection *con, const char *path, const char *method)
{
    const struct page *page = find_page(path);
    if (!page)
        return respond_error(con, MHD_HTTP_NOT_FOUND, "not found", "no such path", NULL, NULL);
    if (!page->open && !is_allowed(srv, con))
        return respond_error(con, MHD_HTTP_UNAUTHORIZED, "unauthorized", "unauthorized access", MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                             "Bearer realm=\"tsagg\"");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return respond_error(con, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed", "only GET and HEAD", MHD_HTTP_HEADER_ALLOW,
                             "GET, HEAD");
    if (!page->body)
        return respond(con, MHD_HTTP_NO_CONTENT, NULL, TS_STR(""), NULL, NULL);
    struct ts_buf body = {.limit = BODY_MAX};
    page->body(&srv->info, &body);
    enum MHD_Result rc = ts_buf_failed(&body)
                             ? respond_error(con, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal error", "out of memory", NULL, NULL)
                             : respond(con, MHD_HTTP_OK, page->type, ts_buf_str(&body), NULL, NULL);
    ts_buf_fini(&body);
    return rc;
}

/* Called once with the headers, then for every piece of a body, then once more at its end. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *con, const char *path, const char *method,
                                  const char *version, const char *data, size_t *data_len, void **state)
{
    static char seen;
    (void)version;
    (void)data;
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*data_len) {
        *data_len = 0;
        return MHD_YES;
    }
    return answer(arg, con, path, method);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *arg, const char *fmt, va_list ap)
{
    char text[256];
    (void)arg;
    vsnprintf(text, sizeof text, fmt, ap);
    ts_log(TS_LOG_DEBUG, "http", "stage=server message=%s", ts_log_quote_z(text));
}

static int open_socket(int family, const char *host, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v6 = family == AF_INET6;
    int one = 1, zero = 0, saved;
    if (host[0] && inet_pton(family, host, is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (is_v6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, host[0] ? &one : &zero, sizeof one);
    if (bind(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is_v6 ? sizeof v6 : sizeof v4) == 0 &&
        listen(fd, 128) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* An empty host is every address: IPv6's, which takes IPv4 too, or IPv4's alone where there is no IPv6. */
static int listen_on(const char *host, uint16_t port)
{
    int fd = open_socket(strchr(host, ':') || !host[0] ? AF_INET6 : AF_INET, host, port);
    if (fd < 0 && !host[0] && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        fd = open_socket(AF_INET, host, port);
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        return 0;
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port : ((struct sockaddr_in *)&addr)->sin_port);
}

/* The threads inherit the mask: signals are main's. */
static struct MHD_Daemon *start_daemon(struct ts_server *srv, int fd)
{
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    struct MHD_Daemon *mhd = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, on_request, srv, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return mhd;
}

int ts_server_start(const struct ts_server_info *info, struct ts_server **out, struct ts_err *err)
{
    char host[TS_HOST_MAX];
    uint16_t port;
    int rc, fd;
    struct ts_server *srv = ts_alloc(sizeof *srv);
    *out = NULL;
    if (!srv)
        return ts_fail(err, TS_ENOMEM, "http: out of memory");
    srv->info = *info;
    if (ts_conf_read_address(ts_str_of(info->conf->http.address), host, &port)) {
        rc = ts_fail(err, TS_EINVAL, "http: %s is no address", info->conf->http.address);
        goto fail_srv;
    }
    fd = listen_on(host, port);
    if (fd < 0) {
        rc = ts_fail_errno(err, TS_EIO, "http: cannot listen on %s", info->conf->http.address);
        goto fail_srv;
    }
    srv->port = port_of(fd);
    srv->mhd = start_daemon(srv, fd);
    if (!srv->mhd) {
        rc = ts_fail(err, TS_ENOMEM, "http: the server does not start");
        goto fail_fd;
    }
    *out = srv;
    return 0;
fail_fd:
    close(fd);
fail_srv:
    TS_FREE(srv);
    return rc;
}

uint16_t ts_server_port(const struct ts_server *srv)
{
    return srv->port;
}

void ts_server_stop(struct ts_server **srv)
{
    if (!*srv)
        return;
    MHD_stop_daemon((*srv)->mhd);
    TS_FREE(*srv);
}
