/*
 * Groups across workers, each of which is driven by hand: what two give is one point, sent when both have passed the window, and
 * again, whole, for a late sample of one. Expected values were worked out by hand.
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

#define S       TS_SEC
#define WORKERS 2

struct fixture {
    struct ts_conf_rollup rule;
    struct ts_gather *gather;
    struct rig shards[WORKERS]; /* with the first one's census */
};

static void set_up(struct fixture *fx, uint32_t aggregates)
{
    memset(fx, 0, sizeof *fx);
    fx->rule = (struct ts_conf_rollup){.name = (char *)"g",
                                       .every_ns = 10 * S,
                                       .lateness_ns = 2 * S,
                                       .aggregates = aggregates,
                                       .quantiles = {.n = 1, .q = {500000}},
                                       .sketch_buckets = 2048,
                                       .group_by = (char *)"zone",
                                       .to = (char *)"file"};
    for (unsigned w = 0; w < WORKERS; w++) {
        struct rig *sh = &fx->shards[w];
        rig_init(sh, &fx->rule, 1, 1);
        if (w == 0)
            fx->gather = ts_gather_new(&sh->conf, WORKERS);
        sh->worker_conf.census = fx->shards[0].census;
        sh->worker_conf.number = w;
        sh->worker_conf.gather = fx->gather;
        rig_start(sh);
    }
}

static void tear_down(struct fixture *fx)
{
    for (unsigned w = WORKERS; w-- > 0;)
        rig_fini(&fx->shards[w]);
    ts_gather_free(&fx->gather);
    ts_counters_free_all();
}

static void announce(struct fixture *fx, unsigned w, uint32_t id, const char *host)
{
    static struct ts_series_view view;
    struct ts_tag tags[] = {{TS_STR("host"), ts_str_of(host)}, {TS_STR("zone"), TS_STR("a")}};
    view = (struct ts_series_view){.kind = TS_KIND_TIMING, .name = TS_STR("m"), .ntags = 2};
    memcpy(view.tags, tags, sizeof tags);
    static struct ts_slab slab;
    slab = (struct ts_slab){.n = 1, .arrival_ns = S, .max_event_ns = TS_TIME_NONE, .event_seen_ns = TS_TIME_NONE};
    slab.points[0] = rig_announce(&fx->shards[w], id, &view);
    ts_worker_add_slab(fx->shards[w].worker, &fx->shards[w].worker->sources[0], &slab);
}

/* A sample (NAN: none), and how far the source has come. */
static void feed(struct fixture *fx, unsigned w, uint32_t id, double value, double weight, int64_t time_ns, int64_t now_ns)
{
    struct ts_worker *wk = fx->shards[w].worker;
    struct ts_slab *slab = ts_ring_pop(&fx->shards[w].lanes[0].empty);
    assert_non_null(slab);
    slab->n = isnan(value) ? 0 : 2;
    rig_put_timed(slab->points, id, value, time_ns, weight);
    slab->arrival_ns = slab->max_event_ns = slab->event_seen_ns = now_ns;
    slab->end = false;
    ts_worker_add_slab(wk, &wk->sources[0], slab);
    wk->sources[0].arrival_ns = now_ns;
    wk->clock_ns = wk->watermark_ns = now_ns;
    assert_true(ts_ring_push(&fx->shards[w].lanes[0].empty, slab));
    while (ts_worker_seal(wk) || ts_worker_seal(fx->shards[0].worker)) /* which sends groups */
        ;
}

/* The only point that there is, of any worker. @return false: there is none. */
static bool pop(struct fixture *fx, struct ts_rollup *point, bool *correction)
{
    bool found = false;
    struct ts_rollup_batch *batch;
    for (unsigned w = 0; w < WORKERS; w++) {
        while ((batch = ts_ring_pop(&fx->shards[w].out))) {
            assert_false(found);
            assert_int_equal(batch->n, 1);
            assert_string_equal(batch->rule, "g");
            *point = batch->points[0];
            *correction = batch->correction;
            struct ts_series_view view;
            assert_int_equal(ts_series_decode(point->series, &view), 0);
            assert_int_equal(view.ntags, 1);
            assert_true(ts_str_eq(view.tags[0].key, TS_STR("zone")));
            double q = 0.5, median = NAN;
            assert_int_equal(point->sketch.len ? ts_sketch_quantiles(point->sketch, 1, &q, &median) : 0, 0);
            point->distinct = median; /* the bytes go with the batch */
            found = true;
            ts_rollup_batch_free(&batch);
        }
    }
    return found;
}

static void test_two_workers(void **state)
{
    (void)state;
    struct fixture fx;
    struct ts_rollup point;
    bool again;
    set_up(&fx, TS_AGG_BIT(count) | TS_AGG_BIT(stddev) | TS_AGG_BIT(first) | TS_AGG_BIT(last) | TS_AGG_BIT(increase));
    announce(&fx, 0, 0, "x");
    announce(&fx, 1, 0, "y");
    announce(&fx, 1, 1, "z");
    feed(&fx, 0, 0, 2, 3, 5 * S, 5 * S);
    feed(&fx, 0, 0, 4, 1, 6 * S, 6 * S);
    feed(&fx, 1, 0, 10, 1, 5 * S, 5 * S);
    feed(&fx, 1, 1, 20, 1, 6 * S, 6 * S);
    feed(&fx, 0, 0, NAN, 1, 0, 13 * S);
    assert_false(pop(&fx, &point, &again)); /* the other one may still have something */
    feed(&fx, 1, 0, NAN, 1, 0, 13 * S);
    assert_true(pop(&fx, &point, &again));
    /* 2 2 2 4 10 20: mean 20/3, squares of differences 3*196/9 + 64/9 + 100/9 + 1600/9 = 2352/9, divided by 6: 392/9 */
    assert_false(again);
    assert_true(point.stats.count == 6 && point.stats.sum == 40 && point.stats.min == 2 && point.stats.max == 20);
    assert_true(fabs(ts_stats_variance(&point.stats, false) - 392.0 / 9) < 1e-12);
    assert_true(point.first == 2 && point.stats.last == 20); /* of equal times the least, and the greatest */
    assert_true(point.increase == 2);
    assert_true(fabs(point.distinct - 2) <= 0.02);
    feed(&fx, 1, 1, 25, 1, 7 * S, 13 * S);
    assert_false(pop(&fx, &point, &again)); /* late samples are collected for a second */
    feed(&fx, 1, 1, NAN, 1, 0, 15 * S);
    assert_true(pop(&fx, &point, &again));
    assert_true(again);
    assert_true(point.stats.count == 7 && point.stats.sum == 65 && point.stats.max == 25);
    assert_true(point.first == 2 && point.stats.last == 25 && point.increase == 7);
    feed(&fx, 0, 0, NAN, 1, 0, 200 * S);
    feed(&fx, 1, 1, NAN, 1, 0, 200 * S);
    assert_false(pop(&fx, &point, &again));
    tear_down(&fx);
}

/* The first sends nothing, and may end; the last one sends all. */
static void test_the_last_one_to_end_sends(void **state)
{
    (void)state;
    struct fixture fx;
    struct ts_rollup point;
    bool again;
    set_up(&fx, TS_AGG_BIT(count));
    announce(&fx, 0, 0, "x");
    announce(&fx, 1, 0, "y");
    feed(&fx, 0, 0, 1, 1, 5 * S, 5 * S);
    feed(&fx, 1, 0, 2, 1, 5 * S, 5 * S);
    for (unsigned w = WORKERS; w-- > 0;) { /* the one that sends waits for the others */
        struct ts_slab *slab = ts_ring_pop(&fx.shards[w].lanes[0].empty);
        slab->n = 0;
        slab->arrival_ns = slab->max_event_ns = slab->event_seen_ns = 6 * S;
        slab->end = true;
        assert_true(ts_ring_push(&fx.shards[w].lanes[0].full, slab));
        ts_worker_run(fx.shards[w].worker);
        assert_int_equal(pop(&fx, &point, &again), w == 0);
    }
    assert_true(point.stats.count == 2 && point.stats.sum == 3);
    tear_down(&fx);
}

/* Whatever order: the same bits, where plain sums would differ. */
static void test_sums_have_no_order(void **state)
{
    (void)state;
    static struct ts_stats panes[1000];
    struct ts_stats first = {0};
    srand(7);
    for (unsigned i = 0; i < TS_ARRAY_SIZE(panes); i++)
        for (unsigned k = 0; k < 3; k++)
            ts_stats_add(&panes[i], 1e6 + rand() / 3.0 / RAND_MAX, 1 / (1.0 + rand() % 7));
    for (unsigned round = 0; round < 50; round++) {
        struct ts_partial sum = {0};
        for (unsigned i = 0; i < TS_ARRAY_SIZE(panes); i++) {
            const struct ts_stats *st = &panes[(i * 7 + round * 13) % TS_ARRAY_SIZE(panes)];
            struct ts_partial view = {.count.hi = st->count, .sum.hi = st->sum, .sd.hi = st->sd, .sd2.hi = st->sd2};
            view.shift = st->shift;
            view.min = st->min;
            view.max = st->max;
            assert_true(ts_partial_merge(&sum, &view, NULL, 0));
        }
        struct ts_stats st = ts_partial_stats(&sum);
        if (round == 0)
            first = st;
        assert_true(st.count == first.count && st.sum == first.sum && st.min == first.min && st.max == first.max);
        assert_true(ts_stats_stddev(&st, false) == ts_stats_stddev(&first, false));
    }
}

#ifdef TS_HOSTILE
/* Whichever allocation fails while windows are sealed: it is tried again, and the point is whole but for its sketch. */
static void test_without_memory(void **state)
{
    (void)state;
    for (long n = 1; n < 60; n++) {
        struct fixture fx;
        struct ts_rollup point;
        bool again, found = false;
        set_up(&fx, TS_AGG_BIT(count) | TS_AGG_BIT(distinct));
        announce(&fx, 0, 0, "x");
        announce(&fx, 1, 0, "y");
        announce(&fx, 1, 1, "z");
        feed(&fx, 0, 0, 2, 1, 5 * S, 5 * S);
        feed(&fx, 1, 0, 3, 1, 5 * S, 5 * S);
        feed(&fx, 1, 1, 4, 1, 5 * S, 5 * S);
        ts_alloc_fail_at(n);
        for (unsigned k = 0; k < 6 && !found; k++) {
            feed(&fx, 0, 0, NAN, 1, 0, (13 + k) * S);
            feed(&fx, 1, 0, NAN, 1, 0, (13 + k) * S);
            found = pop(&fx, &point, &again);
        }
        ts_alloc_fail_at(0);
        assert_true(found && !again);
        assert_true(point.stats.count == 3 && point.stats.sum == 9 && point.stats.max == 4);
        assert_true(!isnan(point.distinct) || ts_counter_sum(TS_C_EXTRAS_NO_MEMORY) > 0);
        tear_down(&fx);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_workers), cmocka_unit_test(test_the_last_one_to_end_sends), cmocka_unit_test(test_sums_have_no_order),
#ifdef TS_HOSTILE
        cmocka_unit_test(test_without_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
