/*
 * Any bytes as a snapshot: with an odd first byte the rest is the file, otherwise it is records of series behind the start of a
 * worker's, in a file that is right. What is restored into two workers must leave them as rollup points that can be encoded and read.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/hash.h"
#include "core/losses.h"
#include "core/mem.h"

#include <stdlib.h>

#define S     TS_SEC
#define RINGS 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NUMBERS                                                                                                        \
    (TS_AGG_BIT(count) | TS_AGG_BIT(last) | TS_AGG_BIT(first) | TS_AGG_BIT(increase) | TS_AGG_BIT(distinct) |          \
     TS_AGG_BIT(histogram) | TS_AGG_BIT(sketch))

static struct ts_conf_rollup rollups[] = {
    {.name = (char *)"a", .every_ns = 10 * S, .aggregates = NUMBERS | TS_AGG_BIT(completeness), .sketch_buckets = 64, .to = (char *)"out"},
    {.name = (char *)"b", .every_ns = 60 * S, .aggregates = NUMBERS, .sketch_buckets = 64, .to = (char *)"out",
     .measurement = (char *)"{name}_1m"},
    {.name = (char *)"c", .every_ns = 10 * S, .period_ns = 30 * S, .aggregates = TS_AGG_BIT(count), .sketch_buckets = 64,
     .to = (char *)"out", .measurement = (char *)"{name}_30s", .late = TS_LATE_SIDE},
    {.name = (char *)"d", .calendar = TS_CALENDAR_DAY, .every_ns = 86400 * S, .aggregates = TS_AGG_BIT(sum),
     .sketch_buckets = 64, .to = (char *)"out", .match = (char *)"m*"},
    {.name = (char *)"e", .session_ns = 3 * S, .aggregates = NUMBERS, .sketch_buckets = 64, .to = (char *)"out",
     .measurement = (char *)"{name}_session", .late = TS_LATE_SIDE},
    {.name = (char *)"f", .session_ns = 3 * S, .session_max_ns = 20 * S, .aggregates = TS_AGG_BIT(sum), .sketch_buckets = 64,
     .to = (char *)"out", .measurement = (char *)"{name}_part"},
};

static struct ts_conf conf = {.nrollups = TS_ARRAY_SIZE(rollups),
                              .rollups = rollups,
                              .correct_for_ns = 60 * S,
                              .idle_after_ns = 10 * S,
                              .keep_gauges = true,
                              .limits = {.series = 100, .expire_ns = 3600 * S}};

static struct ts_feed_pos no_end(void *arg)
{
    (void)arg;
    return (struct ts_feed_pos){0, 0};
}

static void no_hold(void *arg, struct ts_feed_pos from)
{
    (void)arg, (void)from;
}

/* The first record of a worker's, in a snapshot of nothing. */
static void put_start(struct ts_worker *wk, const struct ts_snapshots_conf *to, struct ts_buf *out)
{
    struct ts_snapshots *snaps = ts_snapshots_new(to);
    atomic_store(&wk->snap->asked, 1);
    while (ts_worker_snap(wk))
        ;
    struct snap_block *block = ts_ring_pop(&wk->snap->full);
    TS_ASSERT(block && block->last);
    ts_buf_put_str(out, ts_buf_str(&block->buf));
    for (unsigned w = 0; w < to->nworkers; w++)
        ts_snapper_free(&to->workers[w]->snap);
    ts_snapshots_free(&snaps);
}

static void put_block(struct ts_buf *file, struct ts_str payload, uint64_t number, uint32_t worker)
{
    ts_snap_put_u64(file, payload.len | (uint64_t)worker << 32);
    ts_snap_put_u64(file, ts_snap_checksum(payload, number, worker, 5));
    ts_buf_put_str(file, payload);
}

static void put_file(struct ts_buf *file, struct ts_str payload)
{
    char head[SNAP_HEAD];
    struct ts_buf count = TS_BUF_INIT;
    ts_snap_put_head(head, SNAP_FINAL, 5, (struct ts_feed_pos){1, 32});
    ts_buf_put(file, head, sizeof head);
    put_block(file, payload, 0, 0);
    ts_snap_put_u64(&count, 1);
    put_block(file, ts_buf_str(&count), 1, SNAP_LAST);
    ts_buf_fini(&count);
}

/* A window that the journal has. */
static void note(struct ts_sealed *sealed, const char *rule, const char *name, int64_t start_ns, int64_t end_ns)
{
    static struct ts_series_view view;
    struct ts_rollup_batch *batch = ts_rollup_batch_sized(1);
    struct ts_buf series = TS_BUF_INIT, bytes = TS_BUF_INIT;
    view = (struct ts_series_view){.kind = TS_KIND_COUNTER, .name = ts_str_of(name)};
    TS_ASSERT(ts_series_encode(&view, &series) == 0);
    batch->rule = rule;
    batch->to = "out";
    batch->start_ns = start_ns;
    batch->end_ns = end_ns;
    batch->sessions = start_ns == end_ns;
    batch->points[batch->n++] = (struct ts_rollup){.series = ts_buf_str(&series), .time_ns = start_ns, .duration_ns = 5 * S, .stats.count = 1};
    TS_ASSERT(ts_rollup_batch_encode(batch, &bytes) == 0);
    ts_sealed_note(sealed, ts_buf_str(&bytes));
    ts_buf_fini(&bytes);
    ts_buf_fini(&series);
    ts_rollup_batch_free(&batch);
}

static void drain(struct ts_worker *wk, struct ts_ring *ring)
{
    struct ts_rollup_batch *again = ts_rollup_batch_new();
    wk->ended = wk->draining = true;
    ts_worker_run(wk);
    for (struct ts_rollup_batch *batch; (batch = ts_ring_pop(ring)); ts_rollup_batch_free(&batch)) {
        struct ts_buf bytes = TS_BUF_INIT;
        int rc = ts_rollup_batch_encode(batch, &bytes);
        TS_ASSERT(rc == 0 && ts_rollup_batch_decode(ts_buf_str(&bytes), again) == 0 && again->n == batch->n);
        ts_buf_fini(&bytes);
    }
    ts_rollup_batch_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_bell bell = {0}, out_bell = {0};
    struct ts_ring ring;
    struct ts_worker *workers[2];
    struct ts_census *census = ts_census_new(100, 100);
    struct ts_sealed *sealed = ts_sealed_new();
    struct ts_buf payload = TS_BUF_INIT, file = TS_BUF_INIT;
    struct ts_snapshot snap;
    struct ts_restored restored;
    if (!conf.state_dir)
        conf.state_dir = (char *)"/nowhere";
    ts_ring_init(&ring, RINGS);
    struct ts_worker_conf wconf = {.conf = &conf, .bell = &bell, .rollups = &ring, .rollups_bell = &out_bell, .census = census};
    for (unsigned w = 0; w < 2; w++)
        workers[w] = ts_worker_new(&wconf);
    struct ts_snapshots_conf to = {.conf = &conf, .workers = workers, .nworkers = 2, .journal = {.end = no_end, .hold = no_hold}};
    note(sealed, "a", "m", 0, 10 * S);
    note(sealed, "b", "m_1m", 0, 60 * S);
    note(sealed, "c", "m_late", 10 * S, 40 * S);
    note(sealed, "e", "m_session", 10 * S, 10 * S);
    note(sealed, "f", "m_part", 10 * S, 10 * S);
    if (size && !(data[0] & 1)) {
        put_start(workers[0], &to, &payload);
        ts_buf_put(&payload, data + 1, size - 1);
        put_file(&file, ts_buf_str(&payload));
        TS_ASSERT(ts_snapshot_check(ts_buf_str(&file), &snap) == 0 && snap.final && snap.taken_ns == 5);
    } else if (size) {
        ts_buf_put(&file, data + 1, size - 1);
    }
    if (ts_snapshot_check(ts_buf_str(&file), &snap) == 0 &&
        ts_snapshot_restore(&snap, sealed, &to, 100 * S, &restored) == 0)
        TS_ASSERT(restored.sealed <= restored.panes);
    for (unsigned w = 0; w < 2; w++) {
        drain(workers[w], &ring);
        ts_worker_free(&workers[w]);
    }
    ts_losses_forget();
    ts_buf_fini(&payload);
    ts_buf_fini(&file);
    ts_sealed_free(&sealed);
    ts_ring_fini(&ring);
    ts_census_free(&census);
    ts_counters_free_all();
    return 0;
}
