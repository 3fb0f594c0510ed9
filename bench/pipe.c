/*
 * What the pipeline costs a sample, without parsing and windows: `filter + map`, as events a second of CPU on
 * one core, and the time that 99 of 100 tiles of 64 samples take. Beside it the same tiles handed straight to
 * the function behind. Medians of five rounds. usage: pipe [SERIES]
 */
#include "config.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "measure.h"
#include "pipe/pipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TILES  100000
#define ROUNDS 5
#define NAME   48

static uint32_t nseries = 10000;
static char (*names)[NAME];
static uint64_t passed;
static int64_t took[TILES];

static int resolve(struct ts_tile *tile, unsigned i, struct ts_series_view *out)
{
    const struct ts_raw *raw = &tile->raw[i];
    *out = (struct ts_series_view){.kind = TS_KIND_TIMING, .name = {raw->head, raw->head_len}, .ntags = 1};
    out->tags[0] = (struct ts_tag){TS_STR("env"), TS_STR("prod")};
    return 0;
}

static void count(struct ts_tile *tile, void *unused)
{
    (void)unused;
    passed += tile->n;
}

static void fill(struct ts_tile *tile)
{
    for (tile->n = 0; tile->n < TS_TILE_MAX; tile->n++) {
        char *name = names[bits() % nseries];
        tile->raw[tile->n] = (struct ts_raw){.head = name,
                                             .head_len = (uint32_t)strlen(name),
                                             .tail = "env:prod",
                                             .tail_len = 8,
                                             .kind = TS_KIND_TIMING,
                                             .value = (double)(bits() % 1000),
                                             .weight = 1};
    }
}

/* All tiles through fn. @return nanoseconds of CPU a sample, without filling the tiles. */
static double measure(ts_tile_fn *fn, void *arg)
{
    static struct ts_tile tile;
    tile.resolve = resolve;
    double began = cpu_ns();
    for (unsigned t = 0; t < TILES; t++)
        fill(&tile);
    double filling = cpu_ns() - began;
    for (unsigned t = 0; t < TILES; t++) {
        fill(&tile);
        int64_t from = ts_clock_mono_ns();
        fn(&tile, arg);
        took[t] = ts_clock_mono_ns() - from;
    }
    return (cpu_ns() - began - 2 * filling) / TILES / TS_TILE_MAX;
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void show(const char *what, double ns, double p99_ns)
{
    printf("%-20s %8.1f %16s %12.2f\n", what, ns, ts_num_group((uint64_t)(1e9 / ns)).z, p99_ns / 1e3);
}

int main(int argc, char **argv)
{
    uint64_t asked;
    if (argc > 1 && (ts_num_read_uint(ts_str_of(argv[1]), &asked) || asked == 0 || asked > 1000000)) {
        fprintf(stderr, "usage: pipe [SERIES]\n");
        return 2;
    }
    nseries = argc > 1 ? (uint32_t)asked : nseries;
    names = ts_xalloc(nseries * sizeof *names);
    for (uint32_t i = 0; i < nseries; i++)
        snprintf(names[i], sizeof names[i], "bench.timer.%u", i);
    struct ts_conf_stage stages[] = {
        {.type = (char *)"filter", .keep = (char *)"name ~ \"bench.*\" and value >= 100"},
        {.type = (char *)"map",
         .value = (char *)"value / 1000",
         .set = (char *)"name={name}.seconds\ntags.unit=s"}};
    struct ts_conf conf = {.npipeline = TS_ARRAY_SIZE(stages),
                           .pipeline = stages,
                           .limits = {.series = nseries},
                           .future_ns = 1};
    struct ts_pipe *pipe =
        ts_pipe_new(&(struct ts_pipe_conf){.conf = &conf, .cnt = ts_counters_new(NULL, NULL), .next = count});
    double ns[2][ROUNDS], p99[2][ROUNDS];
    (void)measure(ts_pipe_tile, pipe); /* first sights */
    for (unsigned r = 0; r < ROUNDS; r++) {
        for (unsigned k = 0; k < 2; k++) {
            ns[k][r] = k ? measure(ts_pipe_tile, pipe) : measure(count, NULL);
            qsort(took, TILES, sizeof *took, by_time);
            p99[k][r] = (double)took[TILES / 100 * 99];
        }
    }
    printf("per sample in the pipeline, %u series; p99 of tiles of %d samples\n", nseries, TS_TILE_MAX);
    printf("%-20s %8s %16s %12s\n", "", "ns", "events/s", "p99 us");
    show("nothing", median(ns[0], ROUNDS), median(p99[0], ROUNDS));
    show("filter + map", median(ns[1], ROUNDS), median(p99[1], ROUNDS));
    ts_pipe_free(&pipe);
    ts_counters_free_all();
    ts_free(names);
    return passed == 0;
}
