/*
 * A source and a worker while the system's clock is set forward and back: no window is lost, none comes twice. Time is made by hand, in
 * steps of 100 ms.
 */
#include "config.h"
#include "unit.h"
#include "worker_rig.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/ring.h"
#include "route/route.h"
#include "window/window.h"

#include <pthread.h>

#define S     TS_SEC
#define T0    (1000000000 * S)
#define STEPS 1800 /* of 100 ms */

/* How far the clock is off at that time. */
static int64_t off_ns(int64_t real_ns)
{
    static const struct {
        int64_t from_ns, off_ns;
    } steps[] = {{0, 0}, {20 * S, 37 * S}, {50 * S, 25 * S}, {55 * S, 24 * S + 700 * TS_MS}, {100 * S, -3575 * S}, {140 * S, 7200 * S}};
    int64_t off = 0;
    for (size_t i = 0; i < TS_ARRAY_SIZE(steps) && steps[i].from_ns <= real_ns; i++)
        off = steps[i].off_ns;
    return off;
}

struct fixture {
    struct rig rig;
    struct ts_conf_rollup rules[3];
    struct ts_router *router;
    struct ts_tile tile;
    struct ts_clock_steady clock;
    struct ts_rollup_batch *batches[4096];
    unsigned nbatches, went_back;
};

static int resolve(struct ts_tile *tile, unsigned i, struct ts_series_view *out)
{
    *out = (struct ts_series_view){.kind = (enum ts_kind)tile->raw[i].kind, .name = {tile->raw[i].head, tile->raw[i].head_len}};
    return 0;
}

static void set_up(struct fixture *fx)
{
    memset(fx, 0, sizeof *fx);
    const struct ts_conf_rollup rule = {.name = (char *)"w",
                                        .every_ns = 10 * S,
                                        .lateness_ns = 2 * S,
                                        .late = TS_LATE_DROP,
                                        .aggregates = TS_AGG_BIT(count),
                                        .to = (char *)"x"};
    fx->rules[0] = fx->rules[1] = fx->rules[2] = rule;
    fx->rules[1].name = (char *)"slide";
    fx->rules[1].period_ns = 30 * S;
    fx->rules[2].name = (char *)"session";
    fx->rules[2].every_ns = 0;
    fx->rules[2].session_ns = 5 * S;
    rig_init(&fx->rig, fx->rules, 3, 1);
    ts_ring_fini(&fx->rig.out);
    ts_ring_init(&fx->rig.out, TS_ARRAY_SIZE(fx->batches)); /* read when the worker has ended */
    rig_start(&fx->rig);
    fx->tile.resolve = resolve;
    fx->router = ts_router_new(&(struct ts_router_conf){.lanes = fx->rig.lanes,
                                                        .nworkers = 1,
                                                        .bell = &fx->rig.ingest_bell,
                                                        .cnt = ts_counters_new(NULL, NULL),
                                                        .series_limit = 100,
                                                        .census = fx->rig.census,
                                                        .future_ns = 600 * S,
                                                        .when_full = TS_FULL_BLOCK,
                                                        .block_ns = 60 * S});
}

static void tear_down(struct fixture *fx)
{
    for (unsigned i = 0; i < fx->nbatches; i++)
        ts_rollup_batch_free(&fx->batches[i]);
    ts_router_free(&fx->router);
    rig_fini(&fx->rig);
    ts_counters_free_all();
}

static void put(struct fixture *fx, const char *name, int64_t time_ns)
{
    fx->tile.raw[fx->tile.n++] = (struct ts_raw){.head = name,
                                                 .head_len = 1,
                                                 .kind = TS_KIND_FIELD,
                                                 .flags = time_ns == TS_TIME_NONE ? 0 : TS_RAW_TIME,
                                                 .value = 1,
                                                 .weight = 1,
                                                 .time_ns = time_ns};
}

/* What tsaggd_source.c does for a batch of data, and for a tick. @return arrival. */
static int64_t batch(struct fixture *fx, int64_t real_ns, bool data)
{
    int64_t back_ns, arrival_ns;
    ts_clock_set_fake(T0 + real_ns + off_ns(real_ns));
    ts_clock_set_fake_mono(real_ns);
    arrival_ns = ts_clock_steady(&fx->clock, ts_clock_now_ns(), &back_ns);
    fx->went_back += back_ns > 0;
    if (data) {
        ts_router_begin(fx->router, arrival_ns);
        fx->tile.n = 0;
        put(fx, "a", TS_TIME_NONE);
        put(fx, "e", T0 + real_ns); /* its sender's clock is right */
        ts_router_tile(&fx->tile, fx->router);
        ts_router_flush(fx->router, false);
    } else {
        ts_router_tick(fx->router, arrival_ns);
    }
    return arrival_ns;
}

static void run(struct fixture *fx)
{
    pthread_t thread;
    int64_t before_ns = 0;
    assert_int_equal(pthread_create(&thread, NULL, ts_worker_run, fx->rig.worker), 0);
    for (int64_t step = 0; step < STEPS; step++) {
        unsigned went_back = fx->went_back;
        int64_t arrival_ns = batch(fx, step * 100 * TS_MS, step % 3 != 2);
        /* It neither goes back nor stands still. */
        assert_true(arrival_ns > before_ns || (arrival_ns == before_ns && fx->went_back > went_back));
        before_ns = arrival_ns;
        while (ts_ring_count(&fx->rig.lanes[0].full) > 32)
            sched_yield();
    }
    ts_router_end(fx->router);
    pthread_join(thread, NULL);
    ts_clock_set_fake(TS_TIME_NONE);
    ts_clock_set_fake_mono(TS_TIME_NONE);
    while ((fx->batches[fx->nbatches] = ts_ring_pop(&fx->rig.out)))
        fx->nbatches++;
}

struct point {
    int64_t time_ns;
    double count;
    unsigned times; /* sent */
};

/* The points of a rule and series; the last version of each. */
static unsigned points_of(const struct fixture *fx, const char *rule, char name, struct point *points)
{
    unsigned n = 0;
    for (unsigned b = 0; b < fx->nbatches; b++) {
        const struct ts_rollup_batch *batch = fx->batches[b];
        for (unsigned i = 0; strcmp(batch->rule, rule) == 0 && i < batch->n; i++) {
            struct ts_series_view view;
            assert_int_equal(ts_series_decode(batch->points[i].series, &view), 0);
            int64_t time_ns = batch->sessions ? batch->points[i].time_ns : batch->start_ns;
            unsigned at = 0;
            if (view.name.p[0] != name)
                continue;
            while (at < n && points[at].time_ns != time_ns)
                at++;
            if (at == n)
                points[n++] = (struct point){.time_ns = time_ns};
            points[at].count = batch->points[i].stats.count;
            points[at].times++;
        }
    }
    return n;
}

static void no_window_is_lost_or_comes_twice(void **unused)
{
    (void)unused;
    static struct fixture fx;
    static struct point points[10000];
    static const struct {
        const char *rule;
        unsigned windows; /* that a sample is in */
    } rules[] = {{"w", 1}, {"slide", 3}, {"session", 1}};
    set_up(&fx);
    run(&fx);
    double samples = STEPS / 3 * 2;
    assert_int_equal(fx.went_back, 2); /* that at 55 s came while the one before it was being made up for */
    assert_int_equal(ts_counter_sum(TS_C_SAMPLES_AGGREGATED), 2 * samples);
    for (size_t r = 0; r < TS_ARRAY_SIZE(rules); r++) {
        for (unsigned event = 0; event < 2; event++) {
            double count = 0;
            unsigned n = points_of(&fx, rules[r].rule, event ? 'e' : 'a', points);
            for (unsigned i = 0; i < n; i++) {
                count += points[i].count;
                assert_true(event || points[i].times == 1); /* in event time one may be corrected: all sources seemed idle */
                assert_true(event || i == 0 || points[i].time_ns > points[i - 1].time_ns);
            }
            assert_true(count == samples * rules[r].windows);
        }
    }
    /* By arrival: 50 s, half speed for 24.6 s and again from 100 s to 140 s, else full speed. A window has at most 20 s of real time. */
    unsigned n = points_of(&fx, "w", 'a', points);
    assert_in_range(n, 10, 18);
    for (unsigned i = 0; i < n; i++)
        assert_true(points[i].count <= 20 * 10 * 2 / 3 + 2);
    tear_down(&fx);
}

static void a_steady_clock(void **unused)
{
    (void)unused;
    struct ts_clock_steady clk = {0};
    int64_t back_ns;
    ts_clock_set_fake_mono(0);
    assert_int_equal(ts_clock_steady(&clk, 100 * S, &back_ns), 100 * S);
    assert_int_equal(ts_clock_steady(&clk, 100 * S, &back_ns), 100 * S);
    assert_int_equal(back_ns, 0);
    ts_clock_set_fake_mono(1 * S);
    assert_int_equal(ts_clock_steady(&clk, 90 * S, &back_ns), 100 * S); /* set back by 11 s, of which one has passed */
    assert_int_equal(back_ns, 10 * S);
    ts_clock_set_fake_mono(5 * S);
    assert_int_equal(ts_clock_steady(&clk, 94 * S, &back_ns), 102 * S);
    assert_int_equal(back_ns, 0);
    ts_clock_set_fake_mono(20 * S);
    assert_int_equal(ts_clock_steady(&clk, 109 * S, &back_ns), 109 * S + 500 * TS_MS);
    ts_clock_set_fake_mono(21 * S);
    assert_int_equal(ts_clock_steady(&clk, 110 * S, &back_ns), 110 * S); /* has caught up */
    ts_clock_set_fake_mono(30 * S);
    assert_int_equal(ts_clock_steady(&clk, 119 * S, &back_ns), 119 * S);
    assert_int_equal(ts_clock_steady(&clk, 500 * S, &back_ns), 500 * S);
    assert_int_equal(back_ns, 0);
    ts_clock_set_fake_mono(TS_TIME_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_clock),
        cmocka_unit_test(no_window_is_lost_or_comes_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
