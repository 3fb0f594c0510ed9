/*
 * Requests to pages, writes and queries over libmicrohttpd: a table of paths. Threads: one of libmicrohttpd's per
 * connection, at most TS_SERVER_CONNECTIONS; what comes beyond is refused by it. Owns its listening socket. A
 * connection that says nothing for TS_SERVER_TIMEOUT_S is closed; a body sent to a page is read and thrown
 * away.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NO_FD_NS         (50 * TS_MS)
#define CONNECTION_BYTES ((size_t)128 << 10) /* its buffers, taken as they are used */
#define STACK_BYTES      ((size_t)8 << 20)   /* address space: queries run on it */
#define BODY_MAX    ((size_t)16 << 20) /* of a page */
#define POLL_NS     (5 * TS_MS)

static const struct page {
    const char *path, *type;
    bool open;                                                            /* without a token */
    void (*body)(const struct ts_server_info *info, struct ts_buf *body); /* NULL: 204 */
    enum { NO_POST, LINES_V1, LINES_V2, SCRIPT, RELOAD } post;
} pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", false, ts_server_metrics, NO_POST},
    {"/health", "application/json; charset=utf-8", true, ts_server_health, NO_POST},
    {"/ready", "application/json; charset=utf-8", true, ts_server_ready, NO_POST},
    {"/api/v1/status", "application/json; charset=utf-8", false, ts_server_status, NO_POST},
    {"/api/v1/cardinality", "application/json; charset=utf-8", false, ts_server_cardinality, NO_POST},
    {"/api/v1/reload", NULL, false, NULL, RELOAD},
    {"/ping", NULL, true, NULL, NO_POST},
    {"/api/v2/query", NULL, true, NULL, SCRIPT},
    {"/api/v2/write", NULL, true, NULL, LINES_V2},
    {"/write", NULL, true, NULL, LINES_V1},
};

static const struct page *find_page(const char *path)
{
    for (size_t i = 0; i < TS_ARRAY_SIZE(pages); i++)
        if (strcmp(pages[i].path, path) == 0)
            return &pages[i];
    return NULL;
}

static enum MHD_Result answer(const struct ts_server *srv, struct MHD_Connection *con, const char *path,
                              const char *method)
{
    const struct page *page = find_page(path);
    if (strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0)
        return ts_server_preflight(con);
    if (!page)
        return ts_server_error(con, MHD_HTTP_NOT_FOUND, "path not found", NULL, NULL);
    if (!page->open && !ts_server_is_allowed(srv, con))
        return ts_server_error(con, MHD_HTTP_UNAUTHORIZED, "unauthorized access",
                               MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"tsagg\"");
    if (page->post == RELOAD && strcmp(method, MHD_HTTP_METHOD_POST) == 0)
        return ts_server_reload(srv, con);
    if (page->post)
        return ts_server_error(con, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST", MHD_HTTP_HEADER_ALLOW, "POST");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return ts_server_error(con, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD", MHD_HTTP_HEADER_ALLOW,
                               "GET, HEAD");
    if (!page->body)
        return ts_server_respond(con, MHD_HTTP_NO_CONTENT, NULL, TS_STR(""), NULL, NULL);
    struct ts_buf body = {.limit = BODY_MAX};
    page->body(&srv->info, &body);
    enum MHD_Result rc =
        ts_buf_failed(&body)
            ? ts_server_error(con, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory", NULL, NULL)
            : ts_server_respond(con, MHD_HTTP_OK, page->type, ts_buf_str(&body), NULL, NULL);
    ts_buf_fini(&body);
    return rc;
}

static char page_asked; /* the state of requests whose body nobody wants */

static enum MHD_Result begin(struct ts_server *srv, struct MHD_Connection *con, const char *path,
                             const char *method, void **state)
{
    const struct page *page = find_page(path);
    struct ts_request *req = NULL;
    bool post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    if (post && page && page->post == SCRIPT && srv->info.ask)
        req = ts_server_query_new(srv, con);
    else if (post && page && (page->post == LINES_V1 || page->post == LINES_V2) && srv->info.write)
        req = ts_write_new(srv, con, page->post == LINES_V1 ? 1 : 2);
    else if (page || strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0 ||
             !ts_api_new(srv, con, method, path, &req)) {
        *state = &page_asked; /* a body that comes is timed like headers */
        return MHD_YES;
    }
    ts_slow_asked(srv, con);
    if (!req)
        return MHD_NO;
    *state = req;
    bool waits = strcasecmp(ts_server_header(con, MHD_HTTP_HEADER_EXPECT), "100-continue") == 0;
    return req->refused && waits ? req->ops->end(req, con) : MHD_YES;
}

/* Called once with the headers, then for every piece of a body, then once more at its end. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *con, const char *path, const char *method,
                                  const char *version, const char *data, size_t *data_len, void **state)
{
    (void)version;
    if (!*state)
        return begin(arg, con, path, method, state);
    struct ts_request *req = *state != &page_asked ? *state : NULL;
    if (*data_len) {
        size_t len = *data_len;
        *data_len = 0;
        return req ? req->ops->data(req, data, len) : MHD_YES;
    }
    if (req)
        return req->ops->end(req, con);
    ts_slow_asked(arg, con);
    return answer(arg, con, path, method);
}

static void on_completed(void *arg, struct MHD_Connection *con, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct ts_request *req = *state != &page_asked ? *state : NULL;
    (void)how;
    ts_slow_answered(arg, con);
    if (req)
        req->ops->free(req);
    *state = NULL;
}

/* What is done for every answer finds the server by its connection. */
static void on_connection(void *arg, struct MHD_Connection *con, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = arg;
        ts_slow_connected(arg, con);
    } else {
        ts_slow_closed(arg, con);
    }
}

__attribute__((format(printf, 2, 0))) static void on_log(void *arg, const char *fmt, va_list ap)
{
    char text[256];
    (void)arg;
    vsnprintf(text, sizeof text, fmt, ap);
    ts_log(TS_LOG_DEBUG, "http", "stage=server message=%s", ts_log_quote_z(text));
    /* Without a descriptor for its only connection libmicrohttpd says so and tries again at once, for ever. */
    if (strstr(text, "resource limit"))
        nanosleep(&(struct timespec){0, NO_FD_NS}, NULL);
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
    if (bind(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, is_v6 ? sizeof v6 : sizeof v4) ==
            0 &&
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
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

/* The threads inherit the mask: signals are main's. */
static struct MHD_Daemon *start_daemon(struct ts_server *srv, int fd)
{
    struct MHD_OptionItem tls[TS_SERVER_TLS_OPTIONS] = {{MHD_OPTION_END, 0, NULL}};
    unsigned tls_flag = srv->key.data ? MHD_USE_TLS : 0;
    sigset_t all, former;
    if (tls_flag)
        ts_server_tls_options(srv, tls);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    struct MHD_Daemon *mhd = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC |
            MHD_USE_ERROR_LOG | tls_flag,
        0, NULL, NULL, on_request, srv, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_CONNECTION_LIMIT, TS_SERVER_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, TS_SERVER_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, srv, MHD_OPTION_NOTIFY_CONNECTION, on_connection, srv,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
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
    srv->cnt = ts_counters_new(NULL, NULL);
    pthread_mutex_init(&srv->lock, NULL);
    srv->info.queries = srv->queries = ts_queries_new();
    if (!srv->queries) {
        rc = ts_fail(err, TS_ENOMEM, "http: out of memory");
        goto fail_srv;
    }
    if (ts_conf_read_address(ts_str_of(info->conf->http.address), host, &port)) {
        rc = ts_fail(err, TS_EINVAL, "http: %s is no address", info->conf->http.address);
        goto fail_srv;
    }
    if (info->conf->http.certificate && info->conf->http.certificate[0]) {
        rc = ts_server_tls_open(srv, err);
        if (rc)
            goto fail_srv;
    }
    fd = listen_on(host, port);
    if (fd < 0) {
        rc = ts_fail_errno(err, TS_EIO, "http: cannot listen on %s", info->conf->http.address);
        goto fail_tls;
    }
    srv->port = port_of(fd);
    rc = ts_slow_start(srv);
    srv->mhd = rc ? NULL : start_daemon(srv, fd);
    if (!srv->mhd) {
        rc = ts_fail(err, TS_ENOMEM, "http: the server does not start");
        goto fail_fd;
    }
    *out = srv;
    return 0;
fail_fd:
    ts_slow_stop(srv);
    close(fd);
fail_tls:
    ts_server_tls_close(srv);
fail_srv:
    ts_queries_free(&srv->queries);
    pthread_mutex_destroy(&srv->lock);
    TS_FREE(srv);
    return rc;
}

const struct ts_server_info *ts_server_info(const struct ts_server *srv)
{
    return &srv->info;
}

uint16_t ts_server_port(const struct ts_server *srv)
{
    return srv->port;
}

void ts_server_end_writes(struct ts_server *srv, int64_t until_mono_ns)
{
    atomic_store(&srv->writes_ended, true);
    while (atomic_load(&srv->writes) && ts_clock_mono_ns() < until_mono_ns)
        nanosleep(&(struct timespec){0, POLL_NS}, NULL);
}

void ts_server_stop(struct ts_server **srv)
{
    if (!*srv)
        return;
    atomic_store(&(*srv)->ending, true);
    MHD_stop_daemon((*srv)->mhd);
    ts_slow_stop(*srv);
    ts_server_tls_close(*srv);
    ts_queries_free(&(*srv)->queries);
    pthread_mutex_destroy(&(*srv)->lock);
    TS_FREE(*srv);
}
