/*
 * What a sample costs in the worker, without parsing: ns of CPU, and the ratio to a plain loop that adds the
 * same points up in an array (count, sum, min, max) and knows no windows. Medians of five rounds, in each of
 * which all of them run in turn. Heap is in bytes; panes come on top, from huge pages, 66 bytes a series, 137
 * with sketches. Then what a snapshot of the open window costs the worker: CPU and bytes of a series, and its
 * longest step. Behind it the rows of window_rows.c. usage: window [SERIES]
 */
#include "config.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "window/window_snapshot_priv.h"
#include "measure.h"
#include "window_rows.h"
#include "../tests/unit/worker_rig.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLABS  1000
#define PASSES 10 /* of all slabs into one window: 10 s of a million lines a second */
#define ROUNDS 5
#define T0_NS  (100 * TS_SEC)

static uint32_t nseries = 10000;
static struct ts_slab *slabs;

static double uniform(void)
{
    return ((double)(bits() >> 11) + 1) * 0x1p-53;
}

/* Timings of log-normal lengths with one decimal, around 100, of series in random order. */
static void make_slabs(void)
{
    slabs = ts_xalloc_aligned(SLABS * sizeof *slabs, TS_CACHELINE);
    for (unsigned s = 0; s < SLABS; s++) {
        slabs[s].n = TS_SLAB_POINTS;
        slabs[s].arrival_ns = T0_NS;
        slabs[s].max_event_ns = slabs[s].event_seen_ns = TS_TIME_NONE;
        for (unsigned i = 0; i < TS_SLAB_POINTS; i++) {
            double normal = sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
            slabs[s].points[i] = (struct ts_point){.id = (uint32_t)(bits() % nseries),
                                                   .value = round(1000 * exp(normal / 2)) / 10};
        }
    }
}

static double plain_loop(void)
{
    struct plain {
        double count, sum, min, max;
    } *all = ts_xalloc_aligned(nseries * sizeof *all, TS_CACHELINE);
    for (uint32_t i = 0; i < nseries; i++)
        all[i] = (struct plain){0, 0, INFINITY, -INFINITY};
    double began = cpu_ns();
    for (unsigned pass = 0; pass < PASSES; pass++) {
        for (unsigned s = 0; s < SLABS; s++) {
            for (unsigned i = 0; i < slabs[s].n; i++) {
                struct plain *one = &all[slabs[s].points[i].id];
                double v = slabs[s].points[i].value;
                one->count++;
                one->sum += v;
                one->min = v < one->min ? v : one->min;
                one->max = v > one->max ? v : one->max;
            }
        }
    }
    double spent = cpu_ns() - began;
    ts_free(all);
    return spent;
}

struct bench {
    struct rig rig;
    struct ts_conf_rollup rule;
};

static void announce(struct bench *be, uint32_t id)
{
    static struct ts_series_view view;
    static struct ts_slab slab;
    char name[32];
    snprintf(name, sizeof name, "bench.timer.%u", id);
    view = (struct ts_series_view){.kind = TS_KIND_TIMING, .name = ts_str_of(name)};
    slab = (struct ts_slab){
        .n = 2, .arrival_ns = T0_NS, .max_event_ns = TS_TIME_NONE, .event_seen_ns = TS_TIME_NONE};
    slab.points[0] = rig_announcement(id, &view);
    slab.points[1] = (struct ts_point){.id = id, .value = 100};
    ts_worker_add_slab(be->rig.worker, &be->rig.worker->sources[0], &slab);
}

static void begin(struct bench *be, uint32_t aggregates, bool sketch)
{
    *be = (struct bench){.rule = {.name = (char *)"r",
                                  .every_ns = 10 * TS_SEC,
                                  .aggregates = aggregates,
                                  .sketch_buckets = 2048,
                                  .to = (char *)"file"}};
    for (uint32_t q = 500000; sketch && q < 1000000; q += 450000)
        be->rule.quantiles.q[be->rule.quantiles.n++] = q;
    rig_init(&be->rig, &be->rule, 1, 1);
    be->rig.conf.state_dir = (char *)".";
    be->rig.conf.limits.series = UINT32_MAX;
    rig_start(&be->rig);
    for (uint32_t id = 0; id < nseries; id++)
        announce(be, id);
}

static void end(struct bench *be)
{
    rig_fini(&be->rig);
    ts_counters_free_all();
}

struct snapshot {
    double ns, bytes, pause_ns;
};

/* The worker's part of a snapshot; what the writer would write is thrown away. */
static struct snapshot snap(struct bench *be)
{
    struct ts_snapshots_conf conf = {.conf = &be->rig.conf, .workers = &be->rig.worker, .nworkers = 1};
    struct ts_snapshots *snaps = ts_snapshots_new(&conf);
    struct ts_snapper *per = be->rig.worker->snap;
    struct snapshot cost = {0};
    bool last = false;
    atomic_store(&per->asked, 1);
    while (!last) {
        double began = cpu_ns();
        (void)ts_worker_snap(be->rig.worker);
        double spent = cpu_ns() - began;
        cost.ns += spent;
        cost.pause_ns = fmax(cost.pause_ns, spent);
        for (struct snap_block *block; (block = ts_ring_pop(&per->full));) {
            cost.bytes += (double)block->buf.len;
            last |= block->last;
            if (!ts_ring_push(&per->empty, block))
                exit(1);
        }
    }
    ts_snapshots_free(&snaps);
    return cost;
}

static double in_worker(uint32_t aggregates, bool sketch, double *bytes, struct snapshot *taken)
{
    struct bench be;
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    begin(&be, aggregates, sketch);
    double began = cpu_ns();
    for (unsigned pass = 0; pass < PASSES; pass++)
        for (unsigned s = 0; s < SLABS; s++)
            ts_worker_add_slab(be.rig.worker, &be.rig.worker->sources[0], &slabs[s]);
    double spent = cpu_ns() - began;
    *bytes = (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / nseries;
    *taken = snap(&be);
    end(&be);
    return spent;
}

int main(int argc, char **argv)
{
    const uint32_t base = TS_AGG_BIT(count) | TS_AGG_BIT(sum) | TS_AGG_BIT(min) | TS_AGG_BIT(max) |
                          TS_AGG_BIT(mean) | TS_AGG_BIT(stddev);
    static const char *const names[] = {"plain loop", "base aggregates", "with sketch"};
    double cost[3][ROUNDS], ratio[3][ROUNDS], bytes[3] = {0}, taken[3][2][ROUNDS];
    struct snapshot one[3] = {0};
    uint64_t asked;
    if (argc > 1 && (ts_num_read_uint(ts_str_of(argv[1]), &asked) || asked == 0 || asked > 10000000)) {
        fprintf(stderr, "usage: window [SERIES]\n");
        return 2;
    }
    if (argc > 1)
        nseries = (uint32_t)asked;
    make_slabs();
    for (unsigned r = 0; r < ROUNDS; r++) {
        double spent[3] = {plain_loop(), in_worker(base, false, &bytes[1], &one[1]),
                           in_worker(base, true, &bytes[2], &one[2])};
        for (unsigned k = 0; k < 3; k++) {
            cost[k][r] = spent[k] / ((double)PASSES * SLABS * TS_SLAB_POINTS);
            ratio[k][r] = spent[k] / spent[0];
            taken[k][0][r] = one[k].ns / nseries;
            taken[k][1][r] = one[k].pause_ns;
        }
    }
    printf("per sample in the worker, %u series, %.0f samples of each\n", nseries,
           (double)PASSES * SLABS * TS_SLAB_POINTS / nseries);
    printf("%-20s %8s %8s %16s\n", "", "ns", "ratio", "heap a series");
    for (unsigned k = 0; k < 3; k++)
        printf("%-20s %8.1f %8.2f %16.0f\n", names[k], median(cost[k], ROUNDS), median(ratio[k], ROUNDS), bytes[k]);
    printf("%-20s %8s %8s %16s\n", "a snapshot", "ns", "bytes", "longest step, us");
    for (unsigned k = 1; k < 3; k++)
        printf("%-20s %8.0f %8.0f %16.0f\n", names[k], median(taken[k][0], ROUNDS), one[k].bytes / nseries, median(taken[k][1], ROUNDS) / 1e3);
    window_rows(nseries);
    return 0;
}
