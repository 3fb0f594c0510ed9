/*
 * What a line costs between the kernel and the pane: scan, parse, route and add to the window, in one thread and without sockets, so that
 * callgrind can count instructions: valgrind --tool=callgrind build/bench/way statsd 20. Prints ns of CPU per line, medians of five rounds.
 * With `quantiles` the rollup has p50, p95 and p99.
 * usage: way [FORM [PASSES [quantiles]]]
 */
#include "config.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "parse/parse_tile.h"
#include "route/route.h"
#include "measure.h"
#include "../tests/unit/worker_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PACKETS   2000
#define BYTES     1400
#define STRIDE    (BYTES + 2 * TS_TILER_PADDING)
#define BATCH     40 /* packets read at once */
#define SERIES    10000
#define ROUNDS    5
#define ARRIVAL_NS INT64_C(1000000000000000000)

static const char *const forms[] = {"statsd", "dogstatsd", "influx", "influx-timed"};

struct way {
    struct rig rig;
    struct ts_conf_rollup rule;
    struct ts_router *router;
    struct ts_tiler *tiler;
};

static char *packets;
static size_t lengths[PACKETS];
static uint64_t nlines;
static bool quantiles;

/* The lines that tsagg-load sends. */
static int put_line(char *to, size_t room, unsigned form)
{
    unsigned id = (unsigned)(bits() % SERIES), value = (unsigned)(bits() % 100000);
    unsigned whole = value / 100, cents = value % 100;
    switch (form) {
    case 0: return snprintf(to, room, "app.request.time.%06u:%u.%02u|ms\n", id, whole, cents);
    case 1: return snprintf(to, room, "app.request.time.%06u:%u.%02u|ms|#host:h%02u,region:r%02u\n", id, whole, cents, id % 50, id % 49);
    case 2: return snprintf(to, room, "request,host=web%06u,region=r%02u time=%u.%02u\n", id, id % 10, whole, cents);
    default:
        return snprintf(to, room, "request,host=web%06u,region=r%02u time=%u.%02u %lld\n", id, id % 10, whole, cents,
                        (long long)ARRIVAL_NS + (long long)(bits() % TS_SEC));
    }
}

static void make_packets(unsigned form)
{
    nlines = 0;
    for (unsigned i = 0; i < PACKETS; i++) {
        char line[128], *packet = packets + (size_t)i * STRIDE;
        int n;
        lengths[i] = 0;
        while (lengths[i] + (size_t)(n = put_line(line, sizeof line, form)) <= BYTES) {
            memcpy(packet + lengths[i], line, (size_t)n);
            lengths[i] += (size_t)n;
            nlines++;
        }
    }
}

static void begin(struct way *way)
{
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    *way = (struct way){.rule = {.name = (char *)"r",
                                 .every_ns = 3600 * TS_SEC,
                                 .aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(sum) | TS_AGG_BIT(min) | TS_AGG_BIT(max) |
                                               TS_AGG_BIT(mean) | TS_AGG_BIT(stddev),
                                 .to = (char *)"file"}};
    if (quantiles) {
        way->rule.quantiles = (struct ts_quantiles){.q = {500000, 950000, 990000}, .n = 3};
        way->rule.sketch_buckets = 2048;
    }
    rig_init(&way->rig, &way->rule, 1, 1);
    way->rig.conf.limits.series = 2 * SERIES;
    way->router = ts_router_new(&(struct ts_router_conf){.lanes = way->rig.lanes,
                                                         .nworkers = 1,
                                                         .bell = &way->rig.ingest_bell,
                                                         .cnt = cnt,
                                                         .series_limit = 2 * SERIES,
                                                         .census = way->rig.census,
                                                         .future_ns = 600 * TS_SEC,
                                                         .when_full = TS_FULL_DROP_NEW});
    way->tiler = ts_tiler_new(&(struct ts_parse_opts){.precision_ns = 1}, cnt, ts_router_tile, way->router);
    rig_start(&way->rig);
}

static void pass(struct way *way)
{
    for (unsigned i = 0; i < PACKETS; i += BATCH) {
        ts_router_begin(way->router, ARRIVAL_NS);
        for (unsigned k = i; k < i + BATCH; k++)
            ts_tiler_feed(way->tiler, packets + (size_t)k * STRIDE, lengths[k]);
        ts_tiler_flush(way->tiler);
        ts_router_flush(way->router, false);
        for (struct ts_slab *slab; (slab = ts_ring_pop(&way->rig.lanes[0].full));) {
            ts_worker_add_slab(way->rig.worker, &way->rig.worker->sources[0], slab);
            bool pushed = ts_ring_push(&way->rig.lanes[0].empty, slab);
            TS_ASSERT(pushed);
        }
    }
}

static void measure(unsigned form, unsigned passes)
{
    static struct way way;
    double ns[ROUNDS];
    make_packets(form);
    begin(&way);
    pass(&way); /* first sights */
    for (unsigned r = 0; r < ROUNDS; r++) {
        double from = cpu_ns();
        for (unsigned i = 0; i < passes; i++)
            pass(&way);
        ns[r] = (cpu_ns() - from) / passes / (double)nlines;
    }
    printf("%-14s %8.1f\n", forms[form], median(ns, ROUNDS));
    TS_ASSERT(ts_counter_sum(TS_C_SAMPLES_AGGREGATED) == (1 + (uint64_t)ROUNDS * passes) * nlines);
    ts_tiler_free(&way.tiler);
    ts_router_free(&way.router);
    rig_fini(&way.rig);
    ts_counters_free_all();
}

int main(int argc, char **argv)
{
    unsigned form = 0;
    uint64_t passes = 40;
    while (argc > 1 && form < TS_ARRAY_SIZE(forms) && strcmp(argv[1], forms[form]) != 0)
        form++;
    if (form == TS_ARRAY_SIZE(forms) || (argc > 2 && (ts_num_read_uint(ts_str_of(argv[2]), &passes) || passes - 1 >= 100000))) {
        fprintf(stderr, "usage: way [statsd|dogstatsd|influx|influx-timed [PASSES [quantiles]]]\n");
        return 2;
    }
    quantiles = argc > 3 && strcmp(argv[3], "quantiles") == 0;
    packets = ts_xalloc((size_t)PACKETS * STRIDE);
    printf("%-14s %8s   %u series, one rollup%s\n", "", "ns", SERIES, quantiles ? " with p50, p95, p99" : "");
    for (unsigned i = 0; i < TS_ARRAY_SIZE(forms); i++)
        if (argc == 1 || i == form)
            measure(i, (unsigned)passes);
    ts_free(packets);
    return 0;
}
