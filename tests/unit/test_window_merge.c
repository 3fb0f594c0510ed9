/*
 * Rules that share panes: what a derived window says must be what one window of all samples would say.
 * Expected values were worked out by hand.
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
    struct ts_conf_rollup rules[2];
    struct ts_slab *slab;
};

/* 10 s, and a minute of six of them. */
static void set_up(struct fixture *fx, uint32_t aggregates, int64_t every_ns)
{
    memset(fx, 0, sizeof *fx);
    for (unsigned i = 0; i < 2; i++)
        fx->rules[i] = (struct ts_conf_rollup){.name = (char *)(i ? "long" : "short"),
                                               .every_ns = i ? every_ns : 10 * S,
                                               .period_ns = i ? 60 * S : 0,
                                               .lateness_ns = 2 * S,
                                               .aggregates = i ? aggregates : TS_AGG_BIT(count),
                                               .sketch_buckets = 2048,
                                               .measurement = (char *)(i ? "<{name}>" : NULL),
                                               .to = (char *)"file"};
    rig_init(&fx->rig, fx->rules, 2, 1);
    rig_start(&fx->rig);
}

static void tear_down(struct fixture *fx)
{
    rig_fini(&fx->rig);
    ts_counters_free_all();
}

static struct ts_point *entry(struct fixture *fx)
{
    if (!fx->slab) {
        fx->slab = ts_ring_pop(&fx->rig.lanes[0].empty);
        assert_non_null(fx->slab);
        fx->slab->n = 0;
    }
    return &fx->slab->points[fx->slab->n++];
}

static void push(struct fixture *fx, int64_t now_ns, bool timed, bool end)
{
    if (!fx->slab) {
        fx->slab = ts_ring_pop(&fx->rig.lanes[0].empty);
        fx->slab->n = 0;
    }
    fx->slab->arrival_ns = now_ns;
    fx->slab->max_event_ns = timed ? now_ns : TS_TIME_NONE;
    fx->slab->event_seen_ns = fx->slab->max_event_ns;
    fx->slab->end = end;
    assert_true(ts_ring_push(&fx->rig.lanes[0].full, fx->slab));
    fx->slab = NULL;
}

static void announce(struct fixture *fx, uint32_t id, enum ts_kind kind, const char *name)
{
    *entry(fx) = rig_announce_name(&fx->rig, id, kind, name);
}

static void timed(struct fixture *fx, uint32_t id, uint64_t bits, uint32_t flags, int64_t time_ns)
{
    *entry(fx) = (struct ts_point){.id = id, .flags = TS_POINT_EXT | flags, .bits = bits};
    struct ts_point_ext ext = {time_ns, 1};
    memcpy(entry(fx), &ext, sizeof ext);
}

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static struct ts_text *text(const char *s)
{
    struct ts_text *txt = ts_xalloc(sizeof *txt + strlen(s));
    txt->len = (uint32_t)strlen(s);
    memcpy(txt->p, s, strlen(s));
    return txt;
}

/* Runs the worker to its end. The points of the rule's window at 0 are given to look, the last one of a
 * series last. */
static unsigned run(struct fixture *fx, const char *rule, int64_t start_ns,
                    void (*look)(const struct ts_rollup *, void *), void *arg)
{
    struct ts_rollup_batch *batch;
    unsigned n = 0;
    ts_worker_run(fx->rig.worker);
    while ((batch = ts_ring_pop(&fx->rig.out))) {
        for (unsigned i = 0; strcmp(batch->rule, rule) == 0 && batch->start_ns == start_ns && i < batch->n;
             i++, n++)
            look(&batch->points[i], arg);
        ts_rollup_batch_free(&batch);
    }
    return n;
}

struct seen {
    double count, distinct, first, last, increase, stddev;
    char name[32], text[32];
};

static void note(const struct ts_rollup *point, void *arg)
{
    struct seen *seen = arg;
    struct ts_series_view view;
    assert_int_equal(ts_series_decode(point->series, &view), 0);
    snprintf(seen->name, sizeof seen->name, "%.*s", (int)view.name.len, view.name.p);
    snprintf(seen->text, sizeof seen->text, "%.*s", (int)point->last_text.len, point->last_text.p);
    seen->count = point->stats.count;
    seen->distinct = point->distinct;
    seen->first = point->first;
    seen->last = point->stats.last;
    seen->increase = point->increase;
    seen->stddev = ts_stats_stddev(&point->stats, false);
}

static void sets_and_strings(void **state)
{
    (void)state;
    struct fixture fx;
    struct seen seen;
    set_up(&fx, TS_AGG_BIT(count), 60 * S);
    announce(&fx, 0, TS_KIND_SET, "users");
    timed(&fx, 0, 7, 0, 1 * S);
    timed(&fx, 0, 8, 0, 11 * S);
    timed(&fx, 0, 7, 0, 21 * S);
    push(&fx, 70 * S, true, true);
    assert_int_equal(run(&fx, "long", 0, note, &seen), 1);
    assert_true(seen.count == 3 && seen.distinct == 2);
    assert_string_equal(seen.name, "<users>");
    tear_down(&fx);

    set_up(&fx, TS_AGG_BIT(last), 60 * S);
    announce(&fx, 0, TS_KIND_STRING, "version");
    const struct {
        const char *text;
        int64_t at;
    } values[] = {{"new", 31}, {"old", 2}, {"newest", 55}, {"middle", 12}};
    for (unsigned i = 0; i < 4; i++)
        timed(&fx, 0, (uint64_t)(uintptr_t)text(values[i].text), TS_POINT_TEXT, values[i].at * S);
    push(&fx, 55 * S, true, true);
    assert_int_equal(run(&fx, "long", 0, note, &seen), 1);
    assert_string_equal(seen.text, "newest");
    tear_down(&fx);
}

/* 0, 1, … 3999 in 40 s: more readings in a pane than are kept; and a reset. */
static void first_last_increase(void **state)
{
    (void)state;
    struct fixture fx;
    struct seen seen;
    set_up(&fx, TS_AGG_BIT(first) | TS_AGG_BIT(last) | TS_AGG_BIT(increase) | TS_AGG_BIT(stddev), 60 * S);
    announce(&fx, 0, TS_KIND_FIELD, "bytes");
    for (unsigned i = 0; i < 4000; i++) {
        timed(&fx, 0, bits_of(i < 3000 ? i : i - 3000), 0, i * 10 * TS_MS);
        if (i % 500 == 499)
            push(&fx, i * 10 * TS_MS, true, false);
    }
    push(&fx, 40 * S, true, true);
    assert_int_equal(run(&fx, "long", 0, note, &seen), 1);
    assert_true(seen.count == 4000 && seen.first == 0 && seen.last == 999);
    assert_true(seen.increase == 2999 + 0 + 999); /* after the reset it has risen from 0 to 0 */
    /* 0 … 2999 and 0 … 999: mean 1249.5, mean of squares (8995500500 + 332833500) / 4000 */
    assert_true(fabs(seen.stddev - sqrt(9328334000 / 4000.0 - 1249.5 * 1249.5)) < 1e-6);
    assert_int_equal(ts_counter_sum(TS_C_EXTRAS_NO_MEMORY), 0);
    assert_int_equal(ts_counter_sum(TS_C_PANE_ADDS), 4000);
    assert_int_equal(ts_counter_sum(TS_C_PANES_MERGED), 4);
    tear_down(&fx);
}

/* Timings by arrival; windows of a minute every 10 s, from -50 s on. */
static void arrival_time_overlapping(void **state)
{
    (void)state;
    static const double want[] = {1, 1, 2, 2, 2, 3, 2, 2, 1, 1, 1};
    for (unsigned w = 0; w < TS_ARRAY_SIZE(want); w++) {
        struct fixture fx;
        struct seen seen = {0};
        set_up(&fx, TS_AGG_BIT(count), 10 * S);
        announce(&fx, 0, TS_KIND_TIMING, "t");
        static const int64_t at[] = {5, 25, 55};
        for (unsigned i = 0; i < 3; i++) {
            *entry(&fx) = (struct ts_point){.id = 0, .value = (double)i};
            push(&fx, at[i] * S, false, false);
        }
        push(&fx, 200 * S, false, true);
        assert_int_equal(run(&fx, "long", ((int64_t)w - 5) * 10 * S, note, &seen), 1);
        assert_true(seen.count == want[w]);
        tear_down(&fx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_and_strings),
        cmocka_unit_test(first_last_increase),
        cmocka_unit_test(arrival_time_overlapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
