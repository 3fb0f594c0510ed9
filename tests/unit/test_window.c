/*
 * A worker on its own: slabs are put into its lanes by hand, its thread function runs to the end, and the batches it leaves are
 * looked at. Expected values were worked out by hand.
 */
#include "config.h"
#include "unit.h"
#include "worker_rig.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "window/window_priv.h"

#include <math.h>
#include <stdlib.h>

#define S TS_SEC

struct fixture {
    struct rig rig;
    struct ts_conf_rollup rollup;
    struct ts_slab *slab; /* being filled */
    struct ts_rollup_batch *batches[64];
    unsigned nbatches;
};

static void set_up_asking(struct fixture *fx, unsigned nsources, uint32_t aggregates,
                          const struct ts_quantiles *quantiles)
{
    memset(fx, 0, sizeof *fx);
    fx->rollup = (struct ts_conf_rollup){.name = (char *)"r",
                                         .every_ns = 10 * S,
                                         .lateness_ns = 2 * S,
                                         .aggregates = aggregates,
                                         .quantiles = *quantiles,
                                         .sketch_buckets = 2048,
                                         .to = (char *)"file"};
    rig_init(&fx->rig, &fx->rollup, 1, nsources);
    rig_start(&fx->rig);
}

static void set_up(struct fixture *fx, unsigned nsources)
{
    set_up_asking(fx, nsources, TS_AGG_BIT(count), &(struct ts_quantiles){0});
}

static void tear_down(struct fixture *fx)
{
    for (unsigned i = 0; i < fx->nbatches; i++)
        ts_rollup_batch_free(&fx->batches[i]);
    rig_fini(&fx->rig);
    ts_counters_free_all();
}

static struct ts_point *entry(struct fixture *fx, unsigned source)
{
    if (!fx->slab)
        fx->slab = ts_ring_pop(&fx->rig.lanes[source].empty);
    assert_non_null(fx->slab);
    return &fx->slab->points[fx->slab->n++];
}

static void announce(struct fixture *fx, unsigned source, uint32_t id, enum ts_kind kind, const char *name)
{
    *entry(fx, source) = rig_announce_name(&fx->rig, id, kind, name);
}

static void sample(struct fixture *fx, uint32_t id, double value)
{
    *entry(fx, 0) = (struct ts_point){.id = id, .value = value};
}

static void sample_ext(struct fixture *fx, unsigned source, uint32_t id, double value, int64_t time_ns, double weight)
{
    struct ts_point *pt = entry(fx, source);
    *pt = (struct ts_point){.id = id, .flags = TS_POINT_EXT, .value = value};
    struct ts_point_ext ext = {time_ns, weight};
    memcpy(entry(fx, source), &ext, sizeof ext);
}

/* Pushes the slab begun, or an empty one. */
static void push(struct fixture *fx, unsigned source, int64_t arrival_ns, int64_t max_event_ns, bool end)
{
    if (!fx->slab) {
        fx->slab = ts_ring_pop(&fx->rig.lanes[source].empty);
        fx->slab->n = 0;
    }
    fx->slab->arrival_ns = arrival_ns;
    fx->slab->max_event_ns = max_event_ns;
    fx->slab->event_seen_ns = max_event_ns == TS_TIME_NONE ? TS_TIME_NONE : arrival_ns;
    fx->slab->end = end;
    assert_true(ts_ring_push(&fx->rig.lanes[source].full, fx->slab));
    fx->slab = NULL;
}

/* Eight slabs full of points are a turn of the worker, and then it looks at its windows: one of these, full of nothing. */
static void push_full(struct fixture *fx, int64_t arrival_ns, int64_t max_event_ns)
{
    do
        *entry(fx, 0) = (struct ts_point){.id = 1000000, .flags = TS_POINT_RETIRED};
    while (fx->slab->n < TS_SLAB_POINTS);
    push(fx, 0, arrival_ns, max_event_ns, false);
}

static void seconds(struct fixture *fx, int64_t from, int64_t to)
{
    for (int64_t at = from; at <= to; at++)
        push_full(fx, at * S, TS_TIME_NONE);
}

static void run(struct fixture *fx)
{
    ts_worker_run(fx->rig.worker);
    while ((fx->batches[fx->nbatches] = ts_ring_pop(&fx->rig.out)))
        fx->nbatches++;
}

static const char *name_of(const struct ts_rollup *point)
{
    static struct ts_series_view view;
    static char name[64];
    assert_int_equal(ts_series_decode(point->series, &view), 0);
    snprintf(name, sizeof name, "%.*s", (int)view.name.len, view.name.p);
    return name;
}

/* The occurrence-th point (from 0) for this series and window, in the order of sending. */
static const struct ts_rollup *find(const struct fixture *fx, const char *name, int64_t start_ns, unsigned occurrence,
                                    bool *correction)
{
    for (unsigned b = 0; b < fx->nbatches; b++) {
        for (unsigned i = 0; i < fx->batches[b]->n; i++) {
            const struct ts_rollup *point = &fx->batches[b]->points[i];
            if (fx->batches[b]->start_ns == start_ns && strcmp(name_of(point), name) == 0 && occurrence-- == 0) {
                if (correction)
                    *correction = fx->batches[b]->correction;
                return point;
            }
        }
    }
    return NULL;
}

static unsigned points(const struct fixture *fx)
{
    unsigned n = 0;
    for (unsigned b = 0; b < fx->nbatches; b++)
        n += fx->batches[b]->n;
    return n;
}

static void arrival_windows(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 1);
    announce(&fx, 0, 0, TS_KIND_TIMING, "a");
    sample(&fx, 0, 1e9 + 4);
    sample(&fx, 0, 1e9 + 7);
    sample(&fx, 0, 1e9 + 13);
    push(&fx, 0, 105 * S, TS_TIME_NONE, false);
    sample(&fx, 0, 5);
    sample_ext(&fx, 0, 0, 7, TS_TIME_NONE, 10);
    push(&fx, 0, 110 * S, TS_TIME_NONE, true);
    run(&fx);
    assert_int_equal(points(&fx), 2);
    const struct ts_rollup *a = find(&fx, "a", 100 * S, 0, NULL), *b = find(&fx, "a", 110 * S, 0, NULL);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a->stats.count == 3 && a->stats.sum == 3e9 + 24);
    assert_true(a->stats.min == 1e9 + 4 && a->stats.max == 1e9 + 13);
    assert_true(fabs(ts_stats_stddev(&a->stats, false) - sqrt(14)) < 1e-12);
    assert_true(b->stats.count == 11 && b->stats.sum == 75 && b->stats.last == 7);
    assert_int_equal(ts_counter_sum(TS_C_SAMPLES_AGGREGATED), 5);
    tear_down(&fx);
}

/* Long runs of plain points are added in groups; extensions and announcements among them break the groups up. */
static void groups_of_plain_points(void **unused)
{
    (void)unused;
    struct fixture fx;
    double sum[3] = {0}, count[3] = {0};
    set_up(&fx, 1);
    for (uint32_t id = 0; id < 3; id++) {
        char name[8];
        snprintf(name, sizeof name, "n%u", id);
        announce(&fx, 0, id, TS_KIND_TIMING, name);
        sample(&fx, id, 0);
        count[id]++;
    }
    for (unsigned i = 0; i < 900; i++) {
        uint32_t id = i * 7 % 3;
        double weight = i % 101 == 100 ? 4 : 1;
        if (weight == 1)
            sample(&fx, id, i);
        else
            sample_ext(&fx, 0, id, i, TS_TIME_NONE, weight);
        sum[id] += weight * i;
        count[id] += weight;
    }
    push(&fx, 0, 105 * S, TS_TIME_NONE, true);
    run(&fx);
    for (uint32_t id = 0; id < 3; id++) {
        char name[8];
        snprintf(name, sizeof name, "n%u", id);
        const struct ts_rollup *point = find(&fx, name, 100 * S, 0, NULL);
        assert_true(point->stats.sum == sum[id] && point->stats.count == count[id]);
        assert_true(point->stats.min == 0 && point->stats.max >= 897);
    }
    assert_int_equal(ts_counter_sum(TS_C_SAMPLES_AGGREGATED), 903);
    tear_down(&fx);
}

static void event_windows_wait_for_the_watermark(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 1);
    push(&fx, 0, 1000 * S, TS_TIME_NONE, false); /* the clock is far ahead: that makes nothing late */
    announce(&fx, 0, 0, TS_KIND_FIELD, "a");
    sample_ext(&fx, 0, 0, 1, 9 * S, 1);
    push(&fx, 0, 1000 * S, 11 * S, false);
    sample_ext(&fx, 0, 0, 2, 8 * S, 1); /* in order of nothing, yet within lateness */
    push(&fx, 0, 1001 * S, 11 * S, false);
    sample_ext(&fx, 0, 0, 4, 12 * S, 1); /* seals [0, 10) */
    push(&fx, 0, 1002 * S, 12 * S, false);
    sample_ext(&fx, 0, 0, 8, 7 * S, 1); /* late: [0, 10) is sent again, whole */
    push(&fx, 0, 1003 * S, 12 * S, false);
    push(&fx, 0, 1004 * S, 12 * S, false); /* a second later: corrections go out */
    sample_ext(&fx, 0, 0, 16, 100 * S, 1);
    push(&fx, 0, 1004 * S, 100 * S, false);
    sample_ext(&fx, 0, 0, 32, 6 * S, 1); /* 60 s beyond the window's end: too late */
    push(&fx, 0, 1005 * S, 100 * S, true);
    run(&fx);
    const struct ts_rollup *last = NULL, *next;
    for (unsigned i = 0; (next = find(&fx, "a", 0, i, NULL)); i++)
        last = next;
    assert_non_null(last);
    assert_true(last->stats.count == 3 && last->stats.sum == 11);
    assert_true(last->stats.last == 1); /* the latest time, 9 s, not the last to come */
    assert_true(find(&fx, "a", 10 * S, 0, NULL)->stats.sum == 4);
    assert_true(find(&fx, "a", 100 * S, 0, NULL)->stats.sum == 16);
    assert_int_equal(ts_counter_sum(TS_C_SAMPLES_AGGREGATED), 5);
    assert_int_equal(ts_counter_sum(TS_C_DROPPED_LATE), 1);
    tear_down(&fx);
}

/* The lowest source holds the others back. A worker takes eight slabs of one lane before it looks at the next. */
static void sources_wait_for_each_other(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 2);
    announce(&fx, 0, 0, TS_KIND_FIELD, "a");
    sample_ext(&fx, 0, 0, 1, 3 * S, 1);
    for (unsigned i = 0; i < 8; i++)
        push(&fx, 0, 1000 * S, 3 * S, false);
    sample_ext(&fx, 0, 0, 2, 6 * S, 1); /* comes after the other source's 50 s and is in time */
    push(&fx, 0, 1001 * S, 6 * S, true);
    announce(&fx, 1, 0, TS_KIND_FIELD, "a");
    sample_ext(&fx, 1, 0, 4, 50 * S, 1);
    push(&fx, 1, 1001 * S, 50 * S, true);
    run(&fx);
    const struct ts_rollup *a = find(&fx, "a", 0, 0, NULL);
    assert_non_null(a);
    assert_null(find(&fx, "a", 0, 1, NULL));
    assert_true(a->stats.count == 2 && a->stats.sum == 3);
    assert_int_equal(ts_counter_sum(TS_C_LATE_CORRECTED), 0);
    assert_int_equal(ts_census_count(fx.rig.census), 1); /* two sources, one series */
    tear_down(&fx);
}

static void gauges_sets_strings(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 1);
    announce(&fx, 0, 0, TS_KIND_GAUGE, "g");
    sample(&fx, 0, 10);
    *entry(&fx, 0) = (struct ts_point){.id = 0, .flags = TS_POINT_RELATIVE, .value = -4};
    announce(&fx, 0, 1, TS_KIND_SET, "s");
    for (uint64_t i = 0; i < 30; i++)
        *entry(&fx, 0) = (struct ts_point){.id = 1, .bits = ts_hash(&(uint64_t){i % 3}, 8)};
    announce(&fx, 0, 2, TS_KIND_STRING, "z");
    for (unsigned i = 0; i < 2; i++) {
        struct ts_text *text = ts_xalloc(sizeof *text + 5);
        text->len = 5;
        memcpy(text->p, i ? "world" : "hello", 5);
        *entry(&fx, 0) = (struct ts_point){.id = 2, .text = text};
    }
    push(&fx, 0, 105 * S, TS_TIME_NONE, false);
    *entry(&fx, 0) = (struct ts_point){.id = 0, .flags = TS_POINT_RELATIVE, .value = 1}; /* a gauge outlives its window */
    push(&fx, 0, 115 * S, TS_TIME_NONE, true);
    run(&fx);
    const struct ts_rollup *g = find(&fx, "g", 100 * S, 0, NULL);
    assert_true(g->stats.last == 6 && g->stats.min == 6 && g->stats.max == 10);
    assert_true(find(&fx, "g", 110 * S, 0, NULL)->stats.last == 7);
    assert_true(find(&fx, "s", 100 * S, 0, NULL)->distinct == 3);
    struct ts_str text = find(&fx, "z", 100 * S, 0, NULL)->last_text;
    assert_int_equal(text.len, 5);
    assert_memory_equal(text.p, "world", 5);
    tear_down(&fx);
}

static void a_series_moves_to_event_time(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 1);
    announce(&fx, 0, 0, TS_KIND_FIELD, "a");
    sample(&fx, 0, 1);
    push(&fx, 0, 105 * S, TS_TIME_NONE, false);
    push(&fx, 0, 112 * S, TS_TIME_NONE, false); /* [100, 110) has been sent by the clock … */
    sample_ext(&fx, 0, 0, 2, 111 * S, 1);
    push(&fx, 0, 113 * S, 111 * S, false);
    sample_ext(&fx, 0, 0, 4, 104 * S, 1); /* … so this one is too late: a partial window must not replace it */
    sample(&fx, 0, 8);                    /* placed by arrival among those with a time */
    push(&fx, 0, 114 * S, 111 * S, true);
    run(&fx);
    assert_true(find(&fx, "a", 100 * S, 0, NULL)->stats.sum == 1);
    assert_null(find(&fx, "a", 100 * S, 1, NULL));
    assert_true(find(&fx, "a", 110 * S, 0, NULL)->stats.sum == 10);
    assert_int_equal(ts_counter_sum(TS_C_DROPPED_LATE), 1);
    tear_down(&fx);
}

static void idle_series_are_forgotten(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 1);
    fx.rig.conf.limits.expire_ns = 3 * S;
    announce(&fx, 0, 0, TS_KIND_COUNTER, "a");
    sample(&fx, 0, 1);
    seconds(&fx, 105, 117); /* the window is sent at 112 */
    *entry(&fx, 0) = (struct ts_point){.id = 0, .flags = TS_POINT_RETIRED};
    push(&fx, 0, 118 * S, TS_TIME_NONE, false);
    sample(&fx, 0, 1); /* no source does that */
    announce(&fx, 0, 0, TS_KIND_SET, "b");
    sample(&fx, 0, 1);
    push(&fx, 0, 119 * S, TS_TIME_NONE, true);
    run(&fx);
    int64_t first_ns = 0;
    unsigned named = 0;
    for (struct ts_slab *slab; (slab = ts_ring_pop(&fx.rig.lanes[0].empty));) {
        named += slab->nidle;
        if (slab->nidle && !first_ns) {
            first_ns = slab->arrival_ns;
            assert_int_equal(slab->points[0].id, 0);
        }
    }
    assert_int_equal(first_ns, 115 * S);
    assert_int_equal(named, 3); /* at 115, 116, 117; nothing after it has been retired */
    assert_int_equal(ts_counter_sum(TS_C_SERIES_EXPIRED), 1);
    assert_int_equal(ts_counter_sum(TS_C_DROPPED_SERIES_LIMIT), 1);
    assert_int_equal(ts_census_count(fx.rig.census), 1);
    assert_int_equal(atomic_load(&ts_worker_gauges(fx.rig.worker)->series), 1);
    assert_non_null(find(&fx, "a", 100 * S, 0, NULL)); /* its bytes are still there for whoever has the batch */
    assert_true(find(&fx, "b", 110 * S, 0, NULL)->distinct == 1);
    tear_down(&fx);
}

/* A second source still names the series; and one that comes back while its window is open stays the same series. */
static void a_series_with_an_id_or_a_window_stays(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 2);
    fx.rig.conf.limits.expire_ns = 3 * S;
    announce(&fx, 1, 5, TS_KIND_COUNTER, "a");
    push(&fx, 1, 105 * S, TS_TIME_NONE, false);
    announce(&fx, 0, 0, TS_KIND_COUNTER, "a");
    announce(&fx, 0, 1, TS_KIND_GAUGE, "g");
    sample(&fx, 0, 1);
    sample(&fx, 1, 40);
    *entry(&fx, 0) = (struct ts_point){.id = 0, .flags = TS_POINT_RETIRED};
    *entry(&fx, 0) = (struct ts_point){.id = 1, .flags = TS_POINT_RETIRED};
    push(&fx, 0, 105 * S, TS_TIME_NONE, false);
    announce(&fx, 0, 1, TS_KIND_GAUGE, "g");
    *entry(&fx, 0) = (struct ts_point){.id = 1, .flags = TS_POINT_RELATIVE, .value = 2};
    push(&fx, 0, 106 * S, TS_TIME_NONE, true);
    push(&fx, 1, 106 * S, TS_TIME_NONE, true);
    run(&fx);
    assert_int_equal(ts_counter_sum(TS_C_SERIES_CREATED), 2);
    assert_int_equal(ts_counter_sum(TS_C_SERIES_EXPIRED), 0);
    assert_int_equal(ts_census_count(fx.rig.census), 2);
    assert_true(find(&fx, "g", 100 * S, 0, NULL)->stats.last == 42);
    tear_down(&fx);
}

static void gauges_are_kept(void **unused)
{
    (void)unused;
    for (int keep = 0; keep < 2; keep++) {
        struct fixture fx;
        set_up(&fx, 1);
        fx.rig.conf.keep_gauges = keep;
        announce(&fx, 0, 0, TS_KIND_GAUGE, "g");
        announce(&fx, 0, 1, TS_KIND_COUNTER, "c");
        sample(&fx, 0, 3);
        sample(&fx, 0, 5);
        sample(&fx, 1, 1);
        seconds(&fx, 105, 120);
        *entry(&fx, 0) = (struct ts_point){.id = 0, .flags = TS_POINT_RELATIVE, .value = 2};
        seconds(&fx, 121, 136);
        push(&fx, 0, 137 * S, TS_TIME_NONE, true);
        run(&fx);
        assert_true(find(&fx, "g", 100 * S, 0, NULL)->stats.last == 5);
        const struct ts_rollup *kept = find(&fx, "g", 110 * S, 0, NULL);
        assert_int_equal(kept != NULL, keep);
        assert_true(!kept || (kept->stats.last == 5 && kept->stats.min == 5 && kept->stats.count == 1));
        assert_true(find(&fx, "g", 120 * S, 0, NULL)->stats.last == 7); /* goes on from 5 either way */
        kept = find(&fx, "g", 130 * S, 0, NULL);
        assert_int_equal(kept != NULL, keep);
        assert_true(!kept || kept->stats.last == 7);
        assert_int_equal(points(&fx), keep ? 5 : 3); /* the counter once */
        tear_down(&fx);
    }
}

/* More series than one step of sealing and one batch take. */
static void many_series(void **unused)
{
    (void)unused;
    struct fixture fx;
    enum { N = 20000 };
    set_up(&fx, 1);
    for (uint32_t id = 0; id < N; id++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", id);
        announce(&fx, 0, id, TS_KIND_COUNTER, name);
        sample(&fx, id, id);
        if (fx.slab->n > TS_SLAB_POINTS - 4)
            push(&fx, 0, 105 * S, TS_TIME_NONE, false);
    }
    push(&fx, 0, 125 * S, TS_TIME_NONE, true);
    run(&fx);
    double sum = 0;
    for (unsigned b = 0; b < fx.nbatches; b++)
        for (unsigned i = 0; i < fx.batches[b]->n; i++)
            sum += fx.batches[b]->points[i].stats.sum;
    assert_int_equal(points(&fx), N);
    assert_true(sum == (double)N * (N - 1) / 2);
    tear_down(&fx);
}

static const struct ts_quantiles p50_p99 = {2, {500000, 990000}};

static void expect_quantile(const struct ts_rollup *point, double q, double want)
{
    double got;
    assert_non_null(point);
    assert_int_equal(ts_sketch_quantiles(point->sketch, 1, &q, &got), 0);
    if (!(fabs(got - want) <= 0.01 * fabs(want)))
        fail_msg("quantile %g is %g, not %g", q, got, want);
}

/* 1 … 100, and 1000 with a weight of 50: of 150 number ceil(0.5 · 150) is 75, number ceil(0.99 · 150) 1000. */
static void quantiles_when_asked_for(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up_asking(&fx, 1, 0, &p50_p99);
    announce(&fx, 0, 0, TS_KIND_TIMING, "a");
    announce(&fx, 0, 1, TS_KIND_COUNTER, "c");
    for (unsigned i = 1; i <= 100; i++) {
        sample(&fx, 0, i);
        sample(&fx, 1, i);
    }
    sample_ext(&fx, 0, 0, 1000, TS_TIME_NONE, 50);
    push(&fx, 0, 105 * S, TS_TIME_NONE, false);
    sample(&fx, 0, -5);
    push(&fx, 0, 115 * S, TS_TIME_NONE, true);
    run(&fx);
    const struct ts_rollup *a = find(&fx, "a", 100 * S, 0, NULL);
    expect_quantile(a, 0.5, 75);
    expect_quantile(a, 0.99, 1000);
    expect_quantile(a, 0, 1);
    expect_quantile(find(&fx, "a", 110 * S, 0, NULL), 0.5, -5);
    assert_int_equal(find(&fx, "c", 100 * S, 0, NULL)->sketch.len, 0);
    assert_true(find(&fx, "c", 100 * S, 0, NULL)->stats.sum == 5050);
    assert_int_equal(fx.batches[0]->quantiles.n, 2);
    tear_down(&fx);
}

/* 900 plain points in groups: each of three series has its multiples of three, of seven times i modulo 3. */
static void groups_with_sketches(void **unused)
{
    (void)unused;
    struct fixture fx;
    unsigned n[3] = {0};
    double values[3][301];
    set_up_asking(&fx, 1, TS_AGG_BIT(count), &p50_p99);
    for (uint32_t id = 0; id < 3; id++)
        announce(&fx, 0, id, id == 2 ? TS_KIND_FIELD : TS_KIND_TIMING,
                 id == 0   ? "n0"
                 : id == 1 ? "n1"
                           : "n2");
    announce(&fx, 0, 3, TS_KIND_COUNTER, "c");
    for (uint32_t id = 0; id < 4; id++)
        sample(&fx, id, 1); /* from now on they are plain */
    for (unsigned i = 0; i < 900; i++) {
        uint32_t id = i * 7 % 3;
        values[id][n[id]++] = i + 1;
        sample(&fx, id, i + 1);
        if (i % 9 == 0)
            sample(&fx, 3, i);
    }
    push(&fx, 0, 105 * S, TS_TIME_NONE, true);
    run(&fx);
    for (uint32_t id = 0; id < 3; id++) {
        const struct ts_rollup *point = find(&fx, id == 0 ? "n0" : id == 1 ? "n1" : "n2", 100 * S, 0, NULL);
        assert_true(n[id] == 300 && point->stats.count == 301);
        expect_quantile(point, 0.5, values[id][149]); /* behind the 1 of the beginning: position 150 */
        expect_quantile(point, 0.99, values[id][296]);
        expect_quantile(point, 1, values[id][299]);
    }
    assert_true(find(&fx, "c", 100 * S, 0, NULL)->stats.count == 101);
    assert_int_equal(ts_counter_sum(TS_C_EXTRAS_NO_MEMORY), 0);
    tear_down(&fx);
}

static void corrections_have_the_whole_sketch(void **unused)
{
    (void)unused;
    struct fixture fx;
    bool correction;
    set_up_asking(&fx, 1, 0, &p50_p99);
    announce(&fx, 0, 0, TS_KIND_FIELD, "a");
    for (unsigned i = 1; i <= 50; i++)
        sample_ext(&fx, 0, 0, i, 5 * S, 1);
    push(&fx, 0, 100 * S, 5 * S, false);
    sample_ext(&fx, 0, 0, 1, 12 * S, 1); /* seals [0, 10) */
    for (unsigned i = 0; i < 8; i++)
        push_full(&fx, 101 * S, 12 * S);
    for (unsigned i = 51; i <= 101; i++)
        sample_ext(&fx, 0, 0, i, 6 * S, 1);
    push(&fx, 0, 102 * S, 12 * S, true);
    run(&fx);
    const struct ts_rollup *last = NULL, *next;
    unsigned times = 0;
    while ((next = find(&fx, "a", 0, times, &correction))) {
        last = next;
        times++;
    }
    assert_true(times == 2 && correction);
    expect_quantile(find(&fx, "a", 0, 0, NULL), 1, 50);
    assert_true(last->stats.count == 101);
    expect_quantile(last, 0.5, 51);
    expect_quantile(last, 0.99, 100);
    tear_down(&fx);
}

/* A counter 3, 10, 4 (a reset: 4), 9: 7 + 4 + 5; whatever the order in which the four come. */
static void order_does_not_matter(void **unused)
{
    (void)unused;
    static const struct {
        double value;
        int64_t at;
    } readings[] = {{3, 1}, {10, 2}, {4, 5}, {9, 7}};
    const uint32_t asked = TS_AGG_BIT(first) | TS_AGG_BIT(increase) | TS_AGG_BIT(distinct);
    for (unsigned order = 0; order < 24; order++) {
        struct fixture fx;
        bool used[4] = {false};
        unsigned code = order;
        set_up_asking(&fx, 1, asked, &(struct ts_quantiles){0});
        announce(&fx, 0, 0, TS_KIND_FIELD, "a");
        announce(&fx, 0, 1, TS_KIND_GAUGE, "g");
        for (unsigned left = 4; left; left--) {
            unsigned nth = code % left, i = 0;
            code /= left;
            for (i = 0; used[i] || nth; i++)
                nth -= !used[i];
            used[i] = true;
            sample_ext(&fx, 0, 0, readings[i].value, readings[i].at * S, 1);
            sample_ext(&fx, 0, 1, readings[i].value, readings[i].at * S, 1);
        }
        push(&fx, 0, 100 * S, 7 * S, true);
        run(&fx);
        const struct ts_rollup *a = find(&fx, "a", 0, 0, NULL), *g = find(&fx, "g", 0, 0, NULL);
        assert_true(a->first == 3 && a->increase == 16 && a->distinct == 4 && a->stats.last == 9);
        assert_true(g->first == 3 && g->increase == 16);
        tear_down(&fx);
    }
    struct fixture fx;
    set_up_asking(&fx, 1, asked, &(struct ts_quantiles){0});
    announce(&fx, 0, 0, TS_KIND_TIMING, "t");
    for (unsigned i = 0; i < 5000;
         i++) { /* more than are kept: 0 … 99 fifty times, 99 up each, and after 49 falls from 0 */
        sample(&fx, 0, i % 100);
        if (i % 1000 == 999)
            push(&fx, 0, 105 * S, TS_TIME_NONE, false);
    }
    push(&fx, 0, 106 * S, TS_TIME_NONE, true);
    run(&fx);
    const struct ts_rollup *t = find(&fx, "t", 100 * S, 0, NULL);
    assert_true(t->increase == 99 * 50 && t->first == 0);
    assert_true(fabs(t->distinct - 100) <= 7);
    tear_down(&fx);
}

static void only_what_is_asked_for(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 1);
    announce(&fx, 0, 0, TS_KIND_TIMING, "a");
    sample(&fx, 0, 1);
    push(&fx, 0, 105 * S, TS_TIME_NONE, true);
    run(&fx);
    const struct ts_rollup *a = find(&fx, "a", 100 * S, 0, NULL);
    assert_true(a->sketch.len == 0 && isnan(a->first) && isnan(a->increase) && isnan(a->distinct));
    tear_down(&fx);
}

#ifdef TS_HOSTILE
/* The counts cannot be had, then the array of them: the pane has the sample, the sketch misses it, and that is counted. */
static void a_sketch_without_memory(void **unused)
{
    (void)unused;
    struct ts_rule rule = {0};
    struct ts_pane_chunk *ch = ts_alloc_aligned(TS_CHUNK_BYTES(true), TS_CACHELINE);
    struct fixture fx;
    ch->sketched = true;
    set_up_asking(&fx, 1, 0, &p50_p99);
    announce(&fx, 0, 0, TS_KIND_TIMING, "a");
    rule = *fx.rig.worker->rules[0];
    ts_worker_add_slab(fx.rig.worker, &fx.rig.worker->sources[0], fx.slab);
    for (unsigned i = 0; i < TS_SKETCH_LISTED; i++)
        ts_window_add_wanted(fx.rig.worker, &rule, ch, 0, 1, 1, 0);
    assert_int_equal(ts_counter_sum(TS_C_EXTRAS_NO_MEMORY), 0);
    for (unsigned at = 1; at <= 2; at++) {
        ts_alloc_fail_at(at);
        ts_window_add_wanted(fx.rig.worker, &rule, ch, 0, 1, 1, 0);
        assert_int_equal(ts_counter_sum(TS_C_EXTRAS_NO_MEMORY), at);
    }
    ts_window_free_sketches(ch);
    ts_free(ch);
    fx.slab->n = 0;
    push(&fx, 0, 105 * S, TS_TIME_NONE, true);
    run(&fx);
    tear_down(&fx);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrival_windows),
        cmocka_unit_test(groups_of_plain_points),
        cmocka_unit_test(event_windows_wait_for_the_watermark),
        cmocka_unit_test(sources_wait_for_each_other),
        cmocka_unit_test(gauges_sets_strings),
        cmocka_unit_test(a_series_moves_to_event_time),
        cmocka_unit_test(idle_series_are_forgotten),
        cmocka_unit_test(a_series_with_an_id_or_a_window_stays),
        cmocka_unit_test(gauges_are_kept),
        cmocka_unit_test(many_series),
        cmocka_unit_test(quantiles_when_asked_for),
        cmocka_unit_test(groups_with_sketches),
        cmocka_unit_test(corrections_have_the_whole_sketch),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(only_what_is_asked_for),
#ifdef TS_HOSTILE
        cmocka_unit_test(a_sketch_without_memory),
#endif
    };
    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
