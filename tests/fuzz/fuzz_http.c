/*
 * Any bytes as what a client sends to the HTTP server of a daemon with a store: headers, paths, lines, scripts, JSON of queries and buckets,
 * predicates of deletes, gzip. The connection ends, and the next request is answered. What was written stays in the store and is read by later
 * scripts.
 */
#include "config.h"
#include "core/clock.h"
#include "core/conf.h"
#include "flux/flux.h"
#include "parse/parse.h"
#include "server/server.h"
#include "store/store.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUEST_MAX 16384
#define WAIT_MS     20000

static struct ts_server *srv;
static struct ts_store *store;
static struct ts_conf *conf;
static char dir[] = "/tmp/fuzz-http-XXXXXX";

/* What a body is without windows behind it. */
static int take_body(void *arg, struct ts_body *body)
{
    (void)arg;
    return ts_parse_body(body);
}

static struct ts_answer *ask(void *arg, const struct ts_ask *what)
{
    struct ts_ask limited = *what;
    (void)arg;
    limited.memory_bytes = 32u << 20;
    limited.deadline_ns = ts_clock_mono_ns() + 2 * TS_SEC;
    return memmem(what->script.p, what->script.len, "file", 4) ? NULL /* csv.from(file:) reads this machine */
                                                              : ts_flux_answer(ts_store_source(store), &limited);
}

static bool changed(void *arg, uint64_t *since, int64_t start_ns, int64_t stop_ns)
{
    (void)arg;
    return ts_store_changed(store, since, start_ns, stop_ns);
}

static void clean_up(void)
{
    char command[64];
    ts_server_stop(&srv);
    ts_store_close(&store);
    ts_conf_free(&conf);
    snprintf(command, sizeof command, "rm -r %s", dir);
    (void)!system(command);
}

static void start(void)
{
    const char *set[] = {"http.address=127.0.0.1:0"};
    struct ts_buf errors = TS_BUF_INIT;
    struct ts_err err = {""};
    TS_ASSERT(mkdtemp(dir));
    TS_ASSERT(ts_conf_load(NULL, set, 1, &conf, &errors) == 0);
    TS_ASSERT(ts_store_open(dir, &store, &err) == 0 && ts_store_put_bucket(store, TS_STR("b"), 0, &err) == 0);
    struct ts_server_info info = {
        .conf = conf, .write = take_body, .ask = ask, .changed = changed, .admin = ts_store_admin(store)};
    TS_ASSERT(ts_server_start(&info, &srv, &err) == 0);
    atexit(clean_up);
}

static int dial(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(ts_server_port(srv)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TS_ASSERT(fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char piece[65536];
    if (size > REQUEST_MAX)
        return 0;
    if (!srv)
        start();
    int fd = dial();
    (void)!send(fd, data, size, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR); /* what is not whole never will be */
    for (ssize_t n = 1; n > 0; n = read(fd, piece, sizeof piece))
        TS_ASSERT(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, WAIT_MS) == 1);
    close(fd);
    return 0;
}
