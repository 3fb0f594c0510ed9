/*
 * Snapshots: written by the real thread, read back into another number of workers; every way to damage a small one. Expected values
 * were worked out by hand.
 */
#include "config.h"
#include "unit.h"
#include "worker_rig.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "window/window_snapshot_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define S TS_SEC

static struct ts_conf_rollup rollup = {.name = (char *)"r",
                                       .every_ns = 10 * S,
                                       .lateness_ns = 2 * S,
                                       .aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(first) | TS_AGG_BIT(histogram),
                                       .histogram = {.n = 1, .bounds = {5}},
                                       .sketch_buckets = 64,
                                       .to = (char *)"file"};
static struct ts_conf_rollup session = {.name = (char *)"s",
                                        .session_ns = 10 * S,
                                        .lateness_ns = 2 * S,
                                        .aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(sketch),
                                        .sketch_buckets = 64,
                                        .measurement = (char *)"{name}_session",
                                        .to = (char *)"file"};
static char dir[] = "/tmp/tsagg-unit-snapshot-XXXXXX";
static struct ts_conf conf = {.nrollups = 1,
                              .rollups = &rollup,
                              .idle_after_ns = 10 * S,
                              .correct_for_ns = 60 * S,
                              .snapshot_ns = 1000 * S,
                              .limits = {.series = 100},
                              .state_dir = dir};

struct fixture {
    struct rig rig; /* without a worker: there are several to its lane */
    struct ts_worker *workers[3];
    struct ts_snapshots_conf conf;
};

static struct ts_feed_pos journal_end(void *arg)
{
    (void)arg;
    return (struct ts_feed_pos){3, 32};
}

static uint64_t journal_durable(void *arg, unsigned worker)
{
    (void)arg, (void)worker;
    return UINT64_MAX;
}

static void journal_hold(void *arg, struct ts_feed_pos from)
{
    (void)arg;
    assert_int_equal(from.segment, 3);
}

static void set_up(struct fixture *fx, unsigned nworkers)
{
    memset(fx, 0, sizeof *fx);
    rig_init(&fx->rig, conf.rollups, conf.nrollups, 1);
    fx->rig.worker_conf.conf = &conf;
    fx->rig.lanes[0].source = 77;
    for (unsigned w = 0; w < nworkers; w++)
        fx->workers[w] = ts_worker_new(&fx->rig.worker_conf);
    fx->conf = (struct ts_snapshots_conf){.conf = &conf,
                                          .workers = fx->workers,
                                          .nworkers = nworkers,
                                          .journal = {journal_end, journal_durable, journal_hold, NULL}};
}

static void tear_down(struct fixture *fx)
{
    for (unsigned w = 0; w < 3; w++)
        ts_worker_free(&fx->workers[w]);
    rig_fini(&fx->rig);
    ts_counters_free_all();
}

static struct ts_slab *slab_of(int64_t arrival_ns, int64_t max_event_ns)
{
    static struct ts_slab slab TS_ALIGNED;
    slab.n = 0;
    slab.arrival_ns = arrival_ns;
    slab.max_event_ns = max_event_ns;
    return &slab;
}

static void announce(struct fixture *fx, struct ts_slab *slab, uint32_t id, enum ts_kind kind, const char *name)
{
    slab->points[slab->n++] = rig_announce_name(&fx->rig, id, kind, name);
}

static void sample(struct ts_slab *slab, uint32_t id, double value, int64_t time_ns)
{
    rig_put_timed(&slab->points[slab->n], id, value, time_ns, 1);
    slab->n += 2;
}

/* A timing with 1, 9 by arrival at 105 s, and a field with 2 at 111 s, 4 at 113 s and 8 at 131 s, which is the highest of all. */
static void fill(struct fixture *fx)
{
    struct ts_worker *wk = fx->workers[0];
    struct ts_slab *slab = slab_of(105 * S, 131 * S);
    announce(fx, slab, 0, TS_KIND_TIMING, "t");
    announce(fx, slab, 1, TS_KIND_FIELD, "f");
    sample(slab, 0, 1, TS_TIME_NONE);
    sample(slab, 0, 9, TS_TIME_NONE);
    sample(slab, 1, 4, 113 * S);
    sample(slab, 1, 2, 111 * S);
    sample(slab, 1, 8, 131 * S);
    ts_worker_add_slab(wk, &wk->sources[0], slab);
    wk->sources[0].max_event_ns = wk->watermark_ns = 131 * S;
}

static void *stop_snapshots(void *arg)
{
    ts_snapshots_stop(arg);
    return NULL;
}

static void read_snapshot(struct ts_buf *bytes)
{
    char path[64], chunk[4096];
    snprintf(path, sizeof path, "%s/snapshot", dir);
    int fd = open(path, O_RDONLY);
    for (ssize_t n; (n = read(fd, chunk, sizeof chunk)) > 0;)
        ts_buf_put(bytes, chunk, (size_t)n);
    close(fd);
}

/* Has the thread take one, with the worker's part done here, and reads it; with `final` what a stop leaves. */
static struct ts_buf take_one(struct fixture *fx, bool final)
{
    struct ts_snapshots *snaps = ts_snapshots_new(&fx->conf);
    struct ts_snapshot_status st = {.taken_ns = TS_TIME_NONE};
    struct ts_buf bytes = TS_BUF_INIT;
    assert_int_equal(ts_snapshots_start(snaps), 0);
    for (unsigned i = 0; st.taken_ns == TS_TIME_NONE && i < 10000; i++) {
        (void)ts_worker_snap(fx->workers[0]);
        ts_snapshots_status(snaps, &st);
        usleep(1000);
    }
    assert_int_not_equal(st.taken_ns, TS_TIME_NONE);
    read_snapshot(&bytes);
    assert_int_equal(bytes.len, st.bytes);
    /* The end: nothing is due, and the last snapshot is wanted before anything is sent. */
    fx->workers[0]->ended = true;
    assert_false(ts_worker_may_drain(fx->workers[0]));
    pthread_t ender;
    assert_int_equal(pthread_create(&ender, NULL, stop_snapshots, snaps), 0);
    while (!ts_worker_may_drain(fx->workers[0])) {
        (void)ts_worker_snap(fx->workers[0]);
        usleep(1000);
    }
    pthread_join(ender, NULL);
    assert_true(fx->workers[0]->partial);
    ts_snapshots_commit(snaps);
    ts_snapshots_free(&snaps);
    if (final) {
        ts_buf_clear(&bytes);
        read_snapshot(&bytes);
    }
    return bytes;
}

static struct ts_buf take(struct fixture *fx)
{
    return take_one(fx, false);
}

static void drain(struct fixture *fx, unsigned nworkers)
{
    for (unsigned w = 0; w < nworkers; w++) {
        fx->workers[w]->sources[0].ended = fx->workers[w]->ended = fx->workers[w]->draining = true;
        ts_worker_run(fx->workers[w]);
    }
}

static void assert_point(struct ts_ring *out, int64_t start_ns, double count, double sum, double last)
{
    static struct ts_rollup_batch *batches[64];
    static unsigned n;
    for (struct ts_rollup_batch *batch; (batch = ts_ring_pop(out));)
        batches[n++] = batch;
    for (unsigned b = 0; b < n; b++) {
        if (batches[b] && batches[b]->start_ns == start_ns) {
            assert_int_equal(batches[b]->n, 1);
            assert_true(batches[b]->points[0].stats.count == count && batches[b]->points[0].stats.sum == sum);
            assert_true(batches[b]->points[0].stats.last == last && batches[b]->points[0].histogram.len == 16);
            ts_rollup_batch_free(&batches[b]);
            return;
        }
    }
    fail_msg("no window at %lld s", (long long)(start_ns / S));
}

static void goes_on_in_other_workers(void **unused)
{
    (void)unused;
    struct fixture fx;
    struct ts_snapshot snap;
    struct ts_restored got;
    set_up(&fx, 1);
    fill(&fx);
    struct ts_buf bytes = take(&fx);
    tear_down(&fx);
    set_up(&fx, 3);
    assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), 0);
    assert_true(snap.at.segment == 3 && snap.at.offset == 32 && !snap.final);
    struct ts_sealed *sealed = ts_sealed_new();
    assert_int_equal(ts_snapshot_restore(&snap, sealed, &fx.conf, 200 * S, &got), 0);
    assert_true(got.series == 2 && got.panes == 3 && got.sealed == 0 && got.no_rule == 0 && got.no_room == 0);
    for (unsigned w = 0; w < 3; w++) {
        assert_int_equal(fx.workers[w]->watermark_ns, 131 * S);
        assert_int_equal(fx.workers[w]->sources[0].max_event_ns, 131 * S);
    }
    assert_int_equal(ts_census_count(fx.rig.census), 2);
    drain(&fx, 3);
    assert_point(&fx.rig.out, 100 * S, 2, 10, 9);
    assert_point(&fx.rig.out, 110 * S, 2, 6, 4); /* last by time, not by arrival */
    assert_point(&fx.rig.out, 130 * S, 1, 8, 8);
    ts_sealed_free(&sealed);
    ts_buf_fini(&bytes);
    tear_down(&fx);
}

/* ---- sessions ---- */

static int use_sessions(void **max_ns)
{
    session.session_max_ns = *max_ns ? *(const int64_t *)*max_ns : 0;
    conf.rollups = &session;
    return 0;
}

static int use_windows(void **unused)
{
    (void)unused;
    conf.rollups = &rollup;
    return 0;
}

/* Of one field: 1, 2, 4 at 100, 103 and 105 s, and 8 at 130 s. */
static void fill_sessions(struct fixture *fx)
{
    struct ts_worker *wk = fx->workers[0];
    struct ts_slab *slab = slab_of(105 * S, 131 * S);
    announce(fx, slab, 0, TS_KIND_FIELD, "f");
    sample(slab, 0, 1, 100 * S);
    sample(slab, 0, 2, 103 * S);
    sample(slab, 0, 4, 105 * S);
    sample(slab, 0, 8, 130 * S);
    ts_worker_add_slab(wk, &wk->sources[0], slab);
    wk->sources[0].max_event_ns = wk->watermark_ns = 131 * S;
}

/* Another source of one worker says one more. */
static void say(struct fixture *fx, struct ts_worker *wk, double value, int64_t time_ns)
{
    struct ts_slab *slab = slab_of(201 * S, 131 * S);
    announce(fx, slab, 0, TS_KIND_FIELD, "f");
    sample(slab, 0, value, time_ns);
    ts_worker_add_slab(wk, &wk->sources[0], slab);
}

/* The worker that has the series. */
static struct ts_worker *owner(struct fixture *fx)
{
    for (unsigned w = 0; w < 3; w++)
        if (fx->workers[w] && fx->workers[w]->series.live)
            return fx->workers[w];
    fail();
    return NULL;
}

/* The points in the order of their times: seconds, length, count and sum. */
static void assert_sessions(struct fixture *fx, unsigned n, const double want[][4], bool corrections)
{
    unsigned got = 0;
    for (struct ts_rollup_batch *batch; (batch = ts_ring_pop(&fx->rig.out)); ts_rollup_batch_free(&batch)) {
        assert_true(batch->sessions);
        for (unsigned i = 0; i < batch->n; i++, got++) {
            const struct ts_rollup *pt = &batch->points[i];
            assert_true(got < n && batch->correction == corrections && pt->sketch.len);
            assert_true(pt->time_ns == (int64_t)want[got][0] * S && pt->duration_ns == (int64_t)want[got][1] * S);
            assert_true(pt->stats.count == want[got][2] && pt->stats.sum == want[got][3]);
        }
    }
    assert_int_equal(got, n);
}

/* What a crash leaves, in other workers: nothing has been sent of it, and a sample that is not late is in it. */
static void sessions_go_on_after_a_crash(void **unused)
{
    (void)unused;
    struct fixture fx;
    struct ts_snapshot snap;
    struct ts_restored got;
    set_up(&fx, 1);
    fill_sessions(&fx);
    struct ts_buf bytes = take(&fx);
    tear_down(&fx);
    set_up(&fx, 3);
    assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), 0);
    struct ts_sealed *sealed = ts_sealed_new();
    assert_int_equal(ts_snapshot_restore(&snap, sealed, &fx.conf, 200 * S, &got), 0);
    assert_true(got.series == 1 && got.panes == (session.session_max_ns ? 4 : 2) && got.sealed == 0 && got.no_rule == 0);
    say(&fx, owner(&fx), 16, 129 * S);
    drain(&fx, 3);
    assert_sessions(&fx, 2, (const double[][4]){{100, 5, 3, 7}, {129, 1, 2, 24}}, false);
    ts_sealed_free(&sealed);
    ts_buf_fini(&bytes);
    tear_down(&fx);
}

/* What a stop leaves was sent, with parts put together: both go on, whole, under the same times. */
static void sessions_go_on_after_a_stop(void **unused)
{
    (void)unused;
    struct fixture fx;
    struct ts_snapshot snap;
    struct ts_restored got;
    set_up(&fx, 1);
    fill_sessions(&fx);
    struct ts_buf bytes = take_one(&fx, true);
    drain(&fx, 1);
    assert_sessions(&fx, 2, (const double[][4]){{100, 5, 3, 7}, {130, 0, 1, 8}}, false);
    tear_down(&fx);
    set_up(&fx, 2);
    assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), 0);
    assert_true(snap.final);
    struct ts_sealed *sealed = ts_sealed_new();
    assert_int_equal(ts_snapshot_restore(&snap, sealed, &fx.conf, 200 * S, &got), 0);
    say(&fx, owner(&fx), 16, 129 * S); /* before its first sample: the point stays where it was sent */
    say(&fx, owner(&fx), 32, 133 * S);
    drain(&fx, 2);
    assert_sessions(&fx, 2, (const double[][4]){{100, 5, 3, 7}, {130, 4, 3, 56}}, true);
    ts_sealed_free(&sealed);
    ts_buf_fini(&bytes);
    tear_down(&fx);
}

static void note_session(struct ts_sealed *sealed, int64_t time_ns, int64_t duration_ns, bool correction)
{
    static struct ts_series_view view = {.kind = TS_KIND_FIELD, .name = {"f_session", 9}};
    struct ts_buf encoded = TS_BUF_INIT, series = TS_BUF_INIT;
    struct ts_rollup_batch *batch = ts_rollup_batch_sized(1);
    assert_int_equal(ts_series_encode(&view, &series), 0);
    batch->rule = "s";
    batch->to = "file";
    batch->sessions = true;
    batch->correction = correction;
    batch->points[batch->n++] =
        (struct ts_rollup){.series = ts_buf_str(&series), .time_ns = time_ns, .duration_ns = duration_ns, .stats.count = 3};
    assert_int_equal(ts_rollup_batch_encode(batch, &encoded), 0);
    ts_sealed_note(sealed, ts_buf_str(&encoded));
    ts_rollup_batch_free(&batch);
    ts_buf_fini(&encoded);
    ts_buf_fini(&series);
}

/* The first has been sent since, from 98 to 107 s: it is gone, and not begun again, also after another crash. The second goes on. */
static void sessions_that_the_journal_has_stay_ended(void **unused)
{
    (void)unused;
    struct fixture fx;
    struct ts_snapshot snap;
    struct ts_restored got;
    set_up(&fx, 1);
    fill_sessions(&fx);
    struct ts_buf bytes = take(&fx);
    struct ts_sealed *sealed = ts_sealed_new();
    note_session(sealed, 98 * S, 9 * S, false);
    for (unsigned crash = 0; crash < 2; crash++) {
        tear_down(&fx);
        set_up(&fx, 1);
        assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), 0);
        assert_int_equal(ts_snapshot_restore(&snap, sealed, &fx.conf, 200 * S, &got), 0);
        assert_true(got.sealed == (crash ? 0 : session.session_max_ns ? 3 : 1) && got.panes - got.sealed == (crash ? 2 : 1));
        assert_int_equal(fx.workers[0]->rules[0]->sessions->nended, 1);
        say(&fx, fx.workers[0], 16, 98 * S);
        say(&fx, fx.workers[0], 16, 107 * S);
        assert_int_equal(ts_counter_sum(TS_C_DROPPED_LATE), 2);
        if (crash)
            break;
        say(&fx, fx.workers[0], 32, 117 * S); /* late, but behind it: for itself */
        ts_buf_fini(&bytes);
        bytes = take(&fx);
        ts_sealed_free(&sealed);
        sealed = ts_sealed_new();
    }
    drain(&fx, 1);
    assert_sessions(&fx, 2, (const double[][4]){{117, 0, 1, 32}, {130, 0, 1, 8}}, false);
    ts_sealed_free(&sealed);
    ts_buf_fini(&bytes);
    tear_down(&fx);
}

/* One that had been sent, was corrected since, and reaches over another by now. */
static void a_corrected_session_has_what_it_took(void **unused)
{
    (void)unused;
    struct fixture fx;
    struct ts_snapshot snap;
    struct ts_restored got;
    set_up(&fx, 1);
    fill_sessions(&fx);
    while (ts_worker_seal(fx.workers[0]))
        ;
    assert_sessions(&fx, 1, (const double[][4]){{100, 5, 3, 7}}, false);
    say(&fx, fx.workers[0], 64, 88 * S);
    struct ts_buf bytes = take(&fx);
    tear_down(&fx);
    set_up(&fx, 1);
    assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), 0);
    struct ts_sealed *sealed = ts_sealed_new();
    note_session(sealed, 100 * S, 16 * S, true); /* from 89 to 105 s, or from 100 to 116: that at 88 cannot be in it */
    assert_int_equal(ts_snapshot_restore(&snap, sealed, &fx.conf, 200 * S, &got), 0);
    assert_true(got.panes == 3 && got.sealed == 1);
    drain(&fx, 1);
    assert_sessions(&fx, 2, (const double[][4]){{88, 0, 1, 64}, {130, 0, 1, 8}}, false);
    tear_down(&fx);
    set_up(&fx, 1);
    note_session(sealed, 100 * S, 17 * S, true); /* from 88 s on */
    assert_int_equal(ts_snapshot_restore(&snap, sealed, &fx.conf, 200 * S, &got), 0);
    assert_true(got.panes == 3 && got.sealed == 2);
    drain(&fx, 1);
    assert_sessions(&fx, 1, (const double[][4]){{130, 0, 1, 8}}, false);
    ts_sealed_free(&sealed);
    ts_buf_fini(&bytes);
    tear_down(&fx);
}

/* Every end that is missing, every bit that is wrong. */
static void damage_is_seen(void **unused)
{
    (void)unused;
    struct fixture fx;
    struct ts_snapshot snap;
    set_up(&fx, 1);
    (conf.rollups == &session ? fill_sessions : fill)(&fx);
    struct ts_buf bytes = take(&fx);
    for (size_t n = 0; n < bytes.len; n++)
        assert_int_equal(ts_snapshot_check((struct ts_str){bytes.p, n}, &snap), -TS_ECORRUPT);
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        bytes.p[bit / 8] = (char)(bytes.p[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), -TS_ECORRUPT);
        bytes.p[bit / 8] = (char)(bytes.p[bit / 8] ^ 1 << bit % 8);
    }
    assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), 0);
    char head[SNAP_HEAD];
    memcpy(head, bytes.p, sizeof head);
    bytes.p[8] = SNAP_VERSION + 1; /* another version, with a checksum that is right */
    uint64_t sum = ts_hash(bytes.p, 56);
    memcpy(bytes.p + 56, &sum, sizeof sum);
    assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), -TS_EINVAL);
    bytes.p[8] = 1; /* the former one */
    sum = ts_hash(bytes.p, 56);
    memcpy(bytes.p + 56, &sum, sizeof sum);
    assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), 0);
    ts_buf_fini(&bytes);
    tear_down(&fx);
}

/* One of the windows is in the journal by now: it is not sent again, and takes nothing any more. */
static void what_the_journal_has_is_closed(void **unused)
{
    (void)unused;
    struct fixture fx;
    struct ts_snapshot snap;
    struct ts_restored got;
    struct ts_buf encoded = TS_BUF_INIT, series = TS_BUF_INIT;
    static struct ts_series_view view = {.kind = TS_KIND_FIELD, .name = {"f", 1}};
    set_up(&fx, 1);
    fill(&fx);
    struct ts_buf bytes = take(&fx);
    tear_down(&fx);
    set_up(&fx, 1);
    assert_int_equal(ts_snapshot_check(ts_buf_str(&bytes), &snap), 0);
    struct ts_sealed *sealed = ts_sealed_new();
    struct ts_rollup_batch *batch = ts_rollup_batch_sized(1);
    assert_int_equal(ts_series_encode(&view, &series), 0);
    batch->rule = "r";
    batch->to = "file";
    batch->start_ns = 110 * S;
    batch->end_ns = 120 * S;
    batch->points[batch->n++] = (struct ts_rollup){.series = ts_buf_str(&series), .stats.count = 3};
    assert_int_equal(ts_rollup_batch_encode(batch, &encoded), 0);
    ts_sealed_note(sealed, ts_buf_str(&encoded));
    assert_int_equal(ts_snapshot_restore(&snap, sealed, &fx.conf, 200 * S, &got), 0);
    assert_true(got.panes == 3 && got.sealed == 1);
    struct ts_slab *slab = slab_of(201 * S, 131 * S);
    announce(&fx, slab, 0, TS_KIND_FIELD, "f");
    announce(&fx, slab, 1, TS_KIND_FIELD, "new");
    sample(slab, 0, 5, 112 * S);
    sample(slab, 1, 5, 112 * S);
    ts_worker_add_slab(fx.workers[0], &fx.workers[0]->sources[0], slab);
    assert_int_equal(ts_counter_sum(TS_C_DROPPED_LATE), 2);
    drain(&fx, 1);
    assert_int_equal(ts_counter_sum(TS_C_ROLLUPS_SEALED), 2);
    assert_point(&fx.rig.out, 100 * S, 2, 10, 9);
    assert_point(&fx.rig.out, 130 * S, 1, 8, 8);
    ts_rollup_batch_free(&batch);
    ts_sealed_free(&sealed);
    ts_buf_fini(&bytes);
    ts_buf_fini(&series);
    ts_buf_fini(&encoded);
    tear_down(&fx);
}

static void what_was_dear_is_rarer(void **unused)
{
    (void)unused;
    const struct snap_pace slow_disk = {.begun_ns = 7 * S, .took_ns = 100 * TS_MS, .cpu_ns = 10 * TS_MS, .process_ns = 3 * S};
    assert_int_equal(ts_snap_wait(&slow_disk, 7 * S + 100 * TS_MS, 3 * S), 1900 * TS_MS);
    assert_int_equal(ts_snap_wait(&slow_disk, 9 * S - 1, 9 * S), 1); /* however much is done meanwhile */
    assert_int_equal(ts_snap_wait(&slow_disk, 9 * S, 9 * S), 0);

    const struct snap_pace large = {.begun_ns = 7 * S, .took_ns = 100 * TS_MS, .cpu_ns = 200 * TS_MS, .process_ns = 3 * S};
    assert_int_equal(ts_snap_wait(&large, 9 * S, 7 * S), 0);                    /* a process that had 4 s since */
    assert_int_equal(ts_snap_wait(&large, 9 * S, 6 * S), S);                    /* one that lacks a second of them */
    assert_int_equal(ts_snap_wait(&large, 9 * S, 7 * S - 1), 100 * TS_MS);      /* not asked all the time */
    assert_int_equal(ts_snap_wait(&large, 17 * S - 20, 3 * S + S / 2), 20);     /* one that is idle: 10 s */
    assert_int_equal(ts_snap_wait(&large, 17 * S, 3 * S + S / 2), 0);
}

int main(void)
{
    static int64_t max_ns = 16 * S; /* parts of 2 s */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_in_other_workers),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(what_the_journal_has_is_closed),
        cmocka_unit_test(what_was_dear_is_rarer),
        cmocka_unit_test_setup_teardown(sessions_go_on_after_a_crash, use_sessions, use_windows),
        cmocka_unit_test_prestate_setup_teardown(sessions_go_on_after_a_crash, use_sessions, use_windows, &max_ns),
        cmocka_unit_test_setup_teardown(sessions_go_on_after_a_stop, use_sessions, use_windows),
        cmocka_unit_test_prestate_setup_teardown(sessions_go_on_after_a_stop, use_sessions, use_windows, &max_ns),
        cmocka_unit_test_setup_teardown(sessions_that_the_journal_has_stay_ended, use_sessions, use_windows),
        cmocka_unit_test_prestate_setup_teardown(sessions_that_the_journal_has_stay_ended, use_sessions, use_windows, &max_ns),
        cmocka_unit_test_setup_teardown(a_corrected_session_has_what_it_took, use_sessions, use_windows),
        cmocka_unit_test_setup_teardown(damage_is_seen, use_sessions, use_windows),
    };
    if (!mkdtemp(dir))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char path[64];
    snprintf(path, sizeof path, "%s/snapshot", dir);
    (void)unlink(path);
    (void)rmdir(dir);
    return failed;
}
