/*
 * The rows that ordinary stream engines publish: filter + map, and windows in event time. A stream of a million events a second in its
 * own time (of sessions slower, so that they end), out of order by up to a second, runs through the pipeline or through one worker,
 * with all that sealing is; what the worker sends is freed. Events a second of CPU; p99 is of batches (510 events, or tiles of 64): from when a batch is handed over until the next may
 * come. Medians of three rounds.
 */
#include "config.h"
#include "window_rows.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "pipe/pipe.h"
#include "measure.h"
#include "../tests/unit/worker_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLABS       60000
#define SLAB_EVENTS (TS_SLAB_POINTS / 2) /* each with its time */
#define MILLION_A_SECOND (SLAB_EVENTS * TS_US)
#define TILES       200000
#define TILES_AHEAD 32 /* filled before they are handed over, so that asking for the CPU's time is no part of what is measured */
#define ROUNDS      3
#define ZONES       100
#define NAME        48
#define T0_NS       (1000 * TS_SEC)

struct result {
    double per_s, p99_ns;
};

struct row {
    const char *name;
    double published; /* events a second */
    struct result (*run)(const struct row *row, uint32_t nseries);
    int64_t step_ns;  /* between batches, in the stream's time */
    unsigned blocks; /* series send in turn, so many parts of them for a minute each */
    struct ts_conf_rollup rule;
};

static int64_t took[TILES];
static uint64_t passed;
static char (*names)[NAME];
static uint32_t nnames;

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static struct result result_of(unsigned batches, double events, double spent_ns)
{
    qsort(took, batches, sizeof *took, by_time);
    return (struct result){events * 1e9 / spent_ns, (double)took[batches / 100 * 99]};
}

/* ---- filter + map ---- */

static int resolve(struct ts_tile *tile, unsigned i, struct ts_series_view *out)
{
    const struct ts_raw *raw = &tile->raw[i];
    *out = (struct ts_series_view){.kind = TS_KIND_TIMING, .name = {raw->head, raw->head_len}};
    return 0;
}

static void count(struct ts_tile *tile, void *unused)
{
    (void)unused;
    passed += tile->n;
}

static void fill_tile(struct ts_tile *tile)
{
    tile->resolve = resolve;
    for (tile->n = 0; tile->n < TS_TILE_MAX; tile->n++) {
        char *name = names[bits() % nnames];
        tile->raw[tile->n] = (struct ts_raw){.head = name,
                                             .head_len = (uint32_t)strlen(name),
                                             .kind = TS_KIND_TIMING,
                                             .value = (double)(bits() % 1000),
                                             .weight = 1};
    }
}

static struct result run_pipe(const struct row *row, uint32_t nseries)
{
    (void)row;
    struct ts_conf_stage stages[] = {
        {.type = (char *)"filter", .keep = (char *)"name ~ \"bench.*\" and value >= 100"},
        {.type = (char *)"map", .value = (char *)"value / 1000", .set = (char *)"name={name}.seconds\ntags.unit=s"}};
    struct ts_conf conf = {.npipeline = TS_ARRAY_SIZE(stages), .pipeline = stages, .limits = {.series = nseries}, .future_ns = 1};
    struct ts_pipe *pipe = ts_pipe_new(&(struct ts_pipe_conf){.conf = &conf, .cnt = ts_counters_new(NULL, NULL), .next = count});
    static struct ts_tile tiles[TILES_AHEAD];
    double spent_ns = 0;
    for (unsigned t = 0; t < TILES / 2; t++) { /* first sights */
        fill_tile(&tiles[0]);
        ts_pipe_tile(&tiles[0], pipe);
    }
    for (unsigned t = 0; t < TILES; t += TILES_AHEAD) {
        for (unsigned i = 0; i < TILES_AHEAD; i++)
            fill_tile(&tiles[i]);
        double cpu = cpu_ns();
        for (unsigned i = 0; i < TILES_AHEAD; i++) {
            int64_t from_ns = ts_clock_mono_ns();
            ts_pipe_tile(&tiles[i], pipe);
            took[t + i] = ts_clock_mono_ns() - from_ns;
        }
        spent_ns += cpu_ns() - cpu;
    }
    ts_pipe_free(&pipe);
    return result_of(TILES, (double)TILES * TS_TILE_MAX, spent_ns);
}

/* ---- windows ---- */

struct shard {
    struct rig rig;
    struct ts_gather *gather;
};

static void announce(struct shard *sh, uint32_t id)
{
    static struct ts_series_view view;
    static struct ts_slab slab;
    char host[24], zone[24];
    snprintf(host, sizeof host, "h%u", id);
    snprintf(zone, sizeof zone, "z%u", id % ZONES);
    view = (struct ts_series_view){.kind = TS_KIND_TIMING, .name = TS_STR("bench.timer"), .ntags = 2};
    view.tags[0] = (struct ts_tag){TS_STR("host"), ts_str_of(host)};
    view.tags[1] = (struct ts_tag){TS_STR("zone"), ts_str_of(zone)};
    slab = (struct ts_slab){.n = 1, .arrival_ns = T0_NS, .max_event_ns = TS_TIME_NONE, .event_seen_ns = TS_TIME_NONE};
    slab.points[0] = rig_announcement(id, &view);
    ts_worker_add_slab(sh->rig.worker, &sh->rig.worker->sources[0], &slab);
}

static void begin(struct shard *sh, struct ts_conf_rollup *rule, uint32_t nseries)
{
    rig_init(&sh->rig, rule, 1, 1);
    sh->rig.conf.limits.series = UINT32_MAX;
    sh->rig.conf.idle_after_ns = INT64_MAX;
    sh->gather = sh->rig.worker_conf.gather = ts_gather_new(&sh->rig.conf, 1);
    rig_start(&sh->rig);
    for (uint32_t id = 0; id < nseries; id++)
        announce(sh, id);
}

static void end(struct shard *sh)
{
    rig_fini(&sh->rig);
    ts_gather_free(&sh->gather);
}

static void fill_slab(struct ts_slab *slab, int64_t now_ns, uint32_t nseries, unsigned blocks)
{
    uint32_t many = TS_MAX(1, nseries / blocks), first = (uint32_t)(now_ns / (60 * TS_SEC) % blocks) * many;
    slab->n = 2 * SLAB_EVENTS;
    slab->arrival_ns = slab->max_event_ns = slab->event_seen_ns = now_ns;
    for (unsigned i = 0; i < SLAB_EVENTS; i++) {
        struct ts_point_ext ext = {now_ns - (int64_t)(bits() % (uint64_t)TS_SEC), 1};
        slab->points[2 * i] = (struct ts_point){.id = first + (uint32_t)(bits() % many), .flags = TS_POINT_EXT, .value = (double)(bits() % 1000)};
        memcpy(&slab->points[2 * i + 1], &ext, sizeof ext);
    }
}

/* What ts_worker_run does with a slab of its only source, without the bells. */
static void take_slab(struct shard *sh, const struct ts_slab *slab)
{
    struct ts_worker *wk = sh->rig.worker;
    struct ts_rollup_batch *batch;
    ts_worker_add_slab(wk, &wk->sources[0], slab);
    wk->clock_ns = wk->watermark_ns = slab->max_event_ns;
    (void)ts_worker_seal(wk);
    while ((batch = ts_ring_pop(&sh->rig.out))) {
        passed += batch->n;
        ts_rollup_batch_free(&batch);
    }
}

static struct result run_window(const struct row *row, uint32_t nseries)
{
    struct ts_conf_rollup rule = row->rule;
    struct shard sh;
    static struct ts_slab slab;
    double spent_ns = 0;
    int64_t now_ns = T0_NS;
    rule.name = (char *)"r";
    rule.to = (char *)"out";
    rule.lateness_ns = 2 * TS_SEC;
    rule.late = TS_LATE_DROP;
    rule.sketch_buckets = 2048;
    rule.aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(sum) | TS_AGG_BIT(min) | TS_AGG_BIT(max) | TS_AGG_BIT(mean) | TS_AGG_BIT(stddev);
    begin(&sh, &rule, nseries);
    for (unsigned s = 0; s < SLABS; s++) {
        now_ns += row->step_ns;
        fill_slab(&slab, now_ns, nseries, row->blocks);
        double cpu = cpu_ns();
        int64_t from_ns = ts_clock_mono_ns();
        take_slab(&sh, &slab);
        spent_ns += cpu_ns() - cpu;
        took[s] = ts_clock_mono_ns() - from_ns;
    }
    if (passed == 0)
        exit(1); /* nothing was sealed: this would measure something else */
    end(&sh);
    return result_of(SLABS, (double)SLABS * SLAB_EVENTS, spent_ns);
}

static int by_rate(const void *a, const void *b)
{
    double x = ((const struct result *)a)->per_s, y = ((const struct result *)b)->per_s;
    return (x > y) - (x < y);
}

void window_rows(uint32_t nseries)
{
    static const struct row rows[] = {
        {"filter + map", 1e6, run_pipe, 0, 1, {0}},
        {"tumbling, 10 s", 5e5, run_window, MILLION_A_SECOND, 1, {.every_ns = 10 * TS_SEC}},
        {"sliding, 30 s / 5 s", 2e5, run_window, MILLION_A_SECOND, 1, {.every_ns = 5 * TS_SEC, .period_ns = 30 * TS_SEC}},
        {"session, 5 min gap", 3e5, run_window, 20 * TS_MS, 10, {.session_ns = 300 * TS_SEC}},
        {"group-by + aggregate", 4e5, run_window, MILLION_A_SECOND, 1, {.every_ns = 10 * TS_SEC, .group_by = (char *)"zone"}},
    };
    nnames = nseries;
    names = ts_xalloc(nseries * sizeof *names);
    for (uint32_t i = 0; i < nseries; i++)
        snprintf(names[i], sizeof names[i], "bench.timer.%u", i);
    printf("\n%-20s %16s %12s %14s %8s\n", "one core", "events/s", "p99 us", "published", "ratio");
    for (unsigned r = 0; r < TS_ARRAY_SIZE(rows); r++) {
        struct result rounds[ROUNDS];
        for (unsigned k = 0; k < ROUNDS; k++) {
            passed = 0;
            rounds[k] = rows[r].run(&rows[r], nseries);
        }
        qsort(rounds, ROUNDS, sizeof *rounds, by_rate);
        struct result mid = rounds[ROUNDS / 2];
        printf("%-20s %16s %12.1f %14s %8.1f\n", rows[r].name, ts_num_group((uint64_t)mid.per_s).z, mid.p99_ns / 1e3,
               ts_num_group((uint64_t)rows[r].published).z, mid.per_s / rows[r].published);
        ts_counters_free_all();
    }
    ts_free(names);
}
