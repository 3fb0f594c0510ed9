/*
 * One ingest thread: bytes come in by a listener, by requests or from a file, and go through parse and the pipeline to route. Made and ended on
 * the main thread; what runs between is the callbacks below, on the source's own thread. Owns its lanes.
 */
#include "config.h"
#include "tsaggd_source.h"

#include "core/log.h"
#include "core/hash.h"
#include "core/mem.h"
#include "parse/parse.h"

#define FOREVER_NS (INT64_MAX / 2)

#define TELL_BACK_NS TS_SEC

/* Windows in arrival time are made of it: they would come twice, or stand still, with a clock that was set back. */
static int64_t steady(struct source *src, int64_t now_ns)
{
    int64_t back_ns, steady_ns = ts_clock_steady(&src->clock, now_ns, &back_ns);
    if (back_ns)
        ts_count(src->pass.cnt, TS_C_CLOCK_BACK, 1);
    if (back_ns >= TELL_BACK_NS)
        ts_log(TS_LOG_WARN, "clock_went_back",
               "stage=ingest seconds=%.3f effect=\"arrival times go on at half speed until the clock has caught up\" "
               "remedy=\"restart tsaggd when that takes too long\"",
               (double)back_ns / 1e9);
    return steady_ns;
}

static void source_begin(void *arg, int64_t now_ns)
{
    struct source *src = arg;
    int64_t arrival_ns = steady(src, now_ns);
    ts_router_begin(src->router, arrival_ns);
    if (src->pipe)
        ts_pipe_begin(src->pipe, arrival_ns);
    ts_passer_begin(src->passer, arrival_ns);
}

static void source_data(void *arg, char *data, size_t len)
{
    struct source *src = arg;
    ts_tiler_feed(src->tiler, data, len);
}

static void source_end(void *arg, bool more)
{
    struct source *src = arg;
    ts_tiler_flush(src->tiler);
    ts_router_flush(src->router, more);
    ts_passer_flush(src->passer);
}

static void source_tick(void *arg, int64_t now_ns)
{
    struct source *src = arg;
    int64_t arrival_ns = steady(src, now_ns);
    if (src->pipe)
        ts_pipe_tick(src->pipe, arrival_ns);
    ts_router_tick(src->router, arrival_ns);
}

static void source_last(void *arg)
{
    struct source *src = arg;
    if (src->pipe)
        ts_pipe_end(src->pipe);
    ts_router_end(src->router);
}

static void source_precision(void *arg, int64_t precision_ns)
{
    struct source *src = arg;
    ts_tiler_set_precision(src->tiler, precision_ns);
}

int source_post_body(struct source *src, struct ts_body *body)
{
    return ts_bodies_post(src->bodies, body);
}

int source_take_body(void *arg, struct ts_body *body)
{
    struct source *src = arg;
    int rc = ts_parse_body(body);
    return rc ? rc : ts_bodies_post(src->bodies, body);
}

static struct ts_ingest_consumer wire(struct source *src, const struct source_wiring *to,
                                      const struct ts_conf_listen *listen, struct ts_counters *cnt, struct ts_skew *skew)
{
    bool stream = ts_transport_info(listen->transport)->is_stream;
    const char *name = listen->url ? listen->url : "http";
    uint64_t key = ts_hash_seeded(name, strlen(name), src->nth);
    src->nlanes = to->nworkers;
    src->lanes = ts_xalloc_aligned(to->nworkers * sizeof *src->lanes, TS_CACHELINE);
    for (unsigned w = 0; w < to->nworkers; w++) {
        ts_lane_init(&src->lanes[w], &to->worker_bells[w], &src->bell);
        src->lanes[w].skew = skew;
        src->lanes[w].source = key;
    }
    struct ts_router_conf route = {.lanes = src->lanes,
                                   .nworkers = to->nworkers,
                                   .bell = &src->bell,
                                   .cnt = cnt,
                                   .series_limit = to->conf->limits.series,
                                   .census = to->census,
                                   .future_ns = to->conf->future_ns,
                                   .skew = skew,
                                   .when_full = listen->when_full,
                                   .block_ns = stream ? FOREVER_NS : listen->block_ns};
    src->router = ts_router_new(&route);
    src->pass = (struct ts_passer_conf){.cnt = cnt, .when_full = route.when_full, .block_ns = route.block_ns};
    src->templates = ts_templates_new(listen->templates, listen->template_joiner);
    struct ts_parse_opts parse = {.format = listen->format,
                                  .signed_gauges = listen->signed_gauges,
                                  .precision_ns = 1,
                                  .newline_ends = stream,
                                  .origin_tags = listen->origin_tags,
                                  .templates = src->templates};
    struct ts_pipe_conf pipe = {
        .conf = to->conf, .cnt = cnt, .replay = src->file != NULL, .next = ts_router_tile, .arg = src->router};
    src->pipe = to->conf->npipeline ? ts_pipe_new(&pipe) : NULL;
    if (src->pipe)
        src->tiler = ts_tiler_new(&parse, cnt, ts_pipe_tile, src->pipe);
    else
        src->tiler = ts_tiler_new(&parse, cnt, ts_router_tile, src->router);
    return (struct ts_ingest_consumer){source_begin, source_data, source_end, source_tick, source_last, src};
}

void source_set_pass(struct source *src, struct ts_ring *out, struct ts_bell *out_bell, const char *to,
                     _Atomic uint64_t *count)
{
    src->pass.out = out;
    src->pass.out_bell = out_bell;
    src->pass.to = to;
    src->pass.count = count;
    src->passer = ts_passer_new(&src->pass);
    ts_tiler_set_pass(src->tiler, ts_passer_take, src->passer);
}

int source_open_listener(struct source *src, const struct source_wiring *to, const struct ts_conf_listen *listen,
                         uint16_t port, struct ts_inherited *inh, const struct source *sibling, struct ts_err *err)
{
    struct ts_counters *cnt = ts_counters_again("listener", listen->url);
    src->nth = sibling ? sibling->nth + 1 : 0;
    int rc = ts_listener_open(listen, port, inh, cnt, sibling ? sibling->listener : NULL, &src->listener, err);
    if (rc) {
        ts_counters_let_go(cnt);
        return rc;
    }
    src->cnt = cnt;
    src->listen = listen;
    struct ts_ingest_consumer consumer = wire(src, to, listen, cnt, ts_skew_new(listen->url));
    ts_listener_set_consumer(src->listener, &consumer);
    return 0;
}

void source_open_http(struct source *src, const struct source_wiring *to)
{
    static const struct ts_conf_listen listen = {
        .format = TS_FORMAT_INFLUX, .when_full = TS_FULL_BLOCK, .block_ns = FOREVER_NS};
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    src->bodies = ts_bodies_new(cnt);
    struct ts_ingest_consumer consumer = wire(src, to, &listen, cnt, ts_skew_new("http"));
    ts_bodies_set_consumer(src->bodies, &consumer, source_precision);
}

int source_open_file(struct source *src, const struct source_wiring *to, const char *path, struct ts_err *err)
{
    struct ts_conf_listen read_as = to->conf->nlisten ? to->conf->listen[0] : (struct ts_conf_listen){0};
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    int rc = ts_file_open(path, read_as.format, ts_parse_line_end, cnt, &src->file, err);
    if (rc)
        return rc;
    read_as.when_full = TS_FULL_BLOCK;
    read_as.block_ns = FOREVER_NS;
    struct ts_ingest_consumer consumer = wire(src, to, &read_as, cnt, NULL); /* a file is as old as it is */
    ts_file_set_consumer(src->file, &consumer);
    return 0;
}

int source_start(struct source *src)
{
    void *(*run)(void *) = src->listener ? ts_listener_run : src->bodies ? ts_bodies_run : ts_file_run;
    void *arg = src->listener ? (void *)src->listener : src->bodies ? (void *)src->bodies : (void *)src->file;
    return ts_thread_start(&src->thread, "ts-ingest", run, arg);
}

void source_stop(struct source *src)
{
    if (src->listener)
        ts_listener_stop(src->listener);
    if (src->bodies)
        ts_bodies_stop(src->bodies);
    if (src->file)
        ts_file_stop(src->file);
}

void source_close(struct source *src)
{
    ts_tiler_free(&src->tiler);
    ts_pipe_free(&src->pipe);
    ts_router_free(&src->router);
    ts_passer_free(&src->passer);
    ts_templates_free(&src->templates);
    ts_listener_close(&src->listener);
    ts_bodies_free(&src->bodies);
    ts_file_close(&src->file);
    own_listen_unref(&src->own);
    if (src->cnt) {
        ts_counters_let_go(src->cnt);
        ts_skew_let_go(src->lanes[0].skew);
    }
}

void own_listen_unref(struct own_listen **own)
{
    if (*own && --(*own)->refs == 0) {
        ts_conf_listen_fini(&(*own)->conf);
        ts_free(*own);
    }
    *own = NULL;
}

void source_free_lanes(struct source *src)
{
    for (unsigned w = 0; w < src->nlanes; w++)
        ts_lane_fini(&src->lanes[w]);
    TS_FREE(src->lanes);
}
