/*
 * Sessions of a worker that is driven by hand: slabs in, a watermark, a look at what is due. Expected values were worked out by hand, or
 * by sorting all samples.
 */
#include "config.h"
#include "unit.h"
#include "worker_rig.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "window/window_priv.h"

#include <stdlib.h>

#define S        TS_SEC
#define T0       (1000000 * S) /* a multiple of every longest length here */
#define GOT_MAX  40000
#define SERIES   3

struct got {
    uint32_t series; /* 'a' + this is its name */
    int64_t time_ns, duration_ns;
    double count, sum, last;
    bool side;
};

struct fixture {
    struct rig rig;
    struct ts_conf_rollup rollup;
    struct ts_worker *wk; /* the rig's */
    struct ts_slab *slab;
    struct got *got; /* as a sink has them: a point replaces the former of its series and time */
    unsigned ngot, nsent, ncorrections;
};

static void set_up(struct fixture *fx, int64_t gap_ns, int64_t max_ns, enum ts_late late)
{
    memset(fx, 0, sizeof *fx);
    fx->rollup = (struct ts_conf_rollup){.name = (char *)"r",
                                         .session_ns = gap_ns,
                                         .session_max_ns = max_ns,
                                         .lateness_ns = 2 * S,
                                         .late = late,
                                         .aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(distinct) | TS_AGG_BIT(sketch),
                                         .sketch_buckets = 2048,
                                         .to = (char *)"file"};
    rig_init(&fx->rig, &fx->rollup, 1, 1);
    rig_start(&fx->rig);
    fx->wk = fx->rig.worker;
    fx->slab = ts_xalloc_aligned(sizeof *fx->slab, TS_CACHELINE);
    fx->got = ts_xalloc(GOT_MAX * sizeof *fx->got);
    fx->wk->clock_ns = fx->slab->arrival_ns = T0;
}

static void tear_down(struct fixture *fx)
{
    rig_fini(&fx->rig);
    ts_free(fx->slab);
    ts_free(fx->got);
    ts_counters_free_all();
}

static void announce(struct fixture *fx, uint32_t id, enum ts_kind kind)
{
    fx->slab->points[fx->slab->n++] = rig_announce_name(&fx->rig, id, kind, (char[]){(char)('a' + id), 0});
}

static void add(struct fixture *fx)
{
    ts_worker_add_slab(fx->wk, &fx->wk->sources[0], fx->slab);
    fx->slab->n = 0;
}

/* A sample at its own time, seconds behind T0. */
static void sample(struct fixture *fx, uint32_t id, double seconds, double value)
{
    rig_put_timed(&fx->slab->points[fx->slab->n], id, value, T0 + (int64_t)(seconds * 1e9), 1);
    fx->slab->n += 2;
    add(fx);
}

static void take(struct fixture *fx)
{
    for (struct ts_rollup_batch *batch; (batch = ts_ring_pop(&fx->rig.out)); ts_rollup_batch_free(&batch)) {
        assert_true(batch->sessions);
        fx->nsent += batch->n;
        fx->ncorrections += batch->correction ? batch->n : 0;
        for (unsigned i = 0; i < batch->n; i++) {
            const struct ts_rollup *pt = &batch->points[i];
            struct ts_series_view view;
            assert_int_equal(ts_series_decode(pt->series, &view), 0);
            struct got got = {(uint32_t)(view.name.p[0] - 'a'), pt->time_ns, pt->duration_ns, pt->stats.count, pt->stats.sum, pt->stats.last,
                              view.name.len > 1};
            unsigned at = fx->ngot; /* those that it may replace came not long ago */
            while (at && (fx->got[at - 1].series != got.series || fx->got[at - 1].time_ns != got.time_ns || fx->got[at - 1].side != got.side))
                at--;
            if (at == 0)
                at = ++fx->ngot;
            assert_true(at <= GOT_MAX);
            fx->got[at - 1] = got;
        }
    }
}

/* The worker looks, with a clock that has gone on by two seconds: corrections wait for one. */
static void look(struct fixture *fx)
{
    fx->slab->arrival_ns = fx->wk->clock_ns += 2 * S;
    while (ts_worker_seal(fx->wk))
        take(fx);
    take(fx);
}

/* The same with the highest event time seen; lateness is 2 s. */
static void look_at(struct fixture *fx, double seconds)
{
    fx->wk->watermark_ns = TS_MAX(fx->wk->watermark_ns, T0 + (int64_t)(seconds * 1e9));
    look(fx);
}

static void drain(struct fixture *fx)
{
    fx->wk->draining = true;
    look(fx);
    assert_true(ts_worker_is_empty(fx->wk));
}

static const struct got *find(const struct fixture *fx, uint32_t series, double seconds)
{
    for (unsigned i = 0; i < fx->ngot; i++)
        if (fx->got[i].series == series && fx->got[i].time_ns == T0 + (int64_t)(seconds * 1e9))
            return &fx->got[i];
    return NULL;
}

static void assert_session(const struct fixture *fx, uint32_t series, double seconds, double duration, double count, double sum)
{
    const struct got *got = find(fx, series, seconds);
    assert_non_null(got);
    assert_true(got->duration_ns == (int64_t)(duration * 1e9) && got->count == count && got->sum == sum);
}

static void a_session_ends_behind_its_gap(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 30 * S, 0, TS_LATE_CORRECT);
    announce(&fx, 0, TS_KIND_FIELD);
    announce(&fx, 1, TS_KIND_FIELD);
    sample(&fx, 0, 0, 1);
    sample(&fx, 1, 20, 100);
    sample(&fx, 0, 30, 2);
    sample(&fx, 0, 60.000000001, 4); /* a nanosecond too far */
    look_at(&fx, 62);
    assert_int_equal(fx.ngot, 1); /* the watermark is 60: a sample at 60 would still belong to the other */
    look_at(&fx, 62.000000001);
    assert_int_equal(fx.ngot, 2);
    assert_session(&fx, 0, 0, 30, 2, 3);
    assert_session(&fx, 1, 20, 0, 1, 100);
    drain(&fx);
    assert_session(&fx, 0, 60.000000001, 0, 1, 4);
    assert_int_equal(fx.nsent, 3);
    assert_int_equal(ts_counter_sum(TS_C_PANE_ADDS), 4);
    tear_down(&fx);
}

static void a_sample_in_between_makes_one_of_two(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 30 * S, 0, TS_LATE_DROP);
    announce(&fx, 0, TS_KIND_FIELD);
    sample(&fx, 0, 0, 1);
    sample(&fx, 0, 50, 4); /* of another session, for all that is known */
    look_at(&fx, 30);
    sample(&fx, 0, 29, 2);
    look_at(&fx, 60);
    drain(&fx);
    assert_int_equal(fx.nsent, 1);
    assert_session(&fx, 0, 0, 50, 3, 7);
    assert_true(fx.got[0].last == 4); /* by time */
    tear_down(&fx);
}

/* The point stays where it was sent, so that nothing has to be deleted; its length says what it covers now. */
static void a_late_sample_corrects(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 10 * S, 0, TS_LATE_CORRECT);
    announce(&fx, 0, TS_KIND_FIELD);
    sample(&fx, 0, 20, 1);
    sample(&fx, 0, 25, 2);
    look_at(&fx, 40);
    assert_session(&fx, 0, 20, 5, 2, 3);
    sample(&fx, 0, 15, 4);
    look_at(&fx, 40);
    assert_session(&fx, 0, 20, 10, 3, 7);
    sample(&fx, 0, 2, 8); /* 13 s before: a session of its own */
    look_at(&fx, 40);
    assert_session(&fx, 0, 2, 0, 1, 8);
    sample(&fx, 0, 9, 16); /* between two points that have been sent: the earlier has it, and they stay two */
    look_at(&fx, 40);
    assert_session(&fx, 0, 2, 7, 2, 24);
    assert_session(&fx, 0, 20, 10, 3, 7);
    assert_int_equal(fx.ncorrections, 2);
    assert_int_equal(ts_counter_sum(TS_C_LATE_CORRECTED), 3);
    look_at(&fx, 36 + 60 + 2); /* 25 s, the gap, correct_for and lateness, and a nanosecond */
    look_at(&fx, 36 + 60 + 2 + 1);
    sample(&fx, 0, 24, 32);
    assert_int_equal(ts_counter_sum(TS_C_DROPPED_LATE), 1);
    assert_int_equal(fx.wk->rules[0]->nwindows, 0); /* nothing is kept */
    tear_down(&fx);
}

/* A late sample connects a session that was sent with one that was not: it is sent again, whole. */
static void a_late_sample_reopens(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 10 * S, 0, TS_LATE_CORRECT);
    announce(&fx, 0, TS_KIND_FIELD);
    sample(&fx, 0, 0, 1);
    sample(&fx, 0, 18, 2);
    look_at(&fx, 20);
    assert_session(&fx, 0, 0, 0, 1, 1);
    sample(&fx, 0, 9, 4);
    sample(&fx, 0, 20, 8);
    look_at(&fx, 21);
    assert_int_equal(fx.nsent, 1); /* it is open again */
    sample(&fx, 0, 30, 16);
    look_at(&fx, 43);
    assert_session(&fx, 0, 0, 30, 5, 31);
    assert_int_equal(fx.nsent, 2);
    assert_int_equal(fx.ncorrections, 1);
    drain(&fx);
    assert_int_equal(fx.nsent, 2);
    tear_down(&fx);
}

static void late_samples_are_dropped_or_put_aside(void **unused)
{
    (void)unused;
    for (enum ts_late late = TS_LATE_DROP; late <= TS_LATE_SIDE; late++) {
        struct fixture fx;
        set_up(&fx, 10 * S, 0, late);
        announce(&fx, 0, TS_KIND_FIELD);
        sample(&fx, 0, 0, 1);
        look_at(&fx, 40);
        sample(&fx, 0, 35, 2);  /* behind the watermark, but its session would not be over */
        sample(&fx, 0, 5, 4);   /* late */
        sample(&fx, 0, 12, 8);  /* late as well, near the one before */
        sample(&fx, 0, 30, 16); /* in a session that is open */
        drain(&fx);
        bool side = late == TS_LATE_SIDE;
        assert_session(&fx, 0, 0, 0, 1, 1);
        assert_session(&fx, 0, 30, 5, 2, 18);
        assert_int_equal(fx.nsent, side ? 3 : 2);
        if (side) {
            assert_session(&fx, 0, 5, 7, 2, 12);
            assert_true(find(&fx, 0, 5)->side);
        }
        assert_int_equal(ts_counter_sum(TS_C_DROPPED_LATE), side ? 0 : 2);
        assert_int_equal(ts_counter_sum(TS_C_LATE_SIDE), side ? 2 : 0);
        tear_down(&fx);
    }
}

static void by_arrival(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 5 * S, 0, TS_LATE_CORRECT);
    announce(&fx, 0, TS_KIND_COUNTER);
    announce(&fx, 1, TS_KIND_SET);
    for (unsigned i = 0; i < 20; i++) { /* every 2 s, with a pause of 6 s in the middle */
        fx.slab->points[fx.slab->n++] = (struct ts_point){.id = 0, .value = 1};
        fx.slab->points[fx.slab->n++] = (struct ts_point){.id = 1, .bits = i % 3};
        add(&fx);
        look(&fx);
        if (i == 9) {
            look(&fx);
            look(&fx);
        }
    }
    assert_int_equal(fx.nsent, 2); /* those before the pause */
    drain(&fx);
    assert_int_equal(fx.nsent, 4);
    assert_session(&fx, 0, 0, 18, 10, 10);
    assert_session(&fx, 0, 24, 18, 10, 10);
    assert_true(find(&fx, 1, 0)->count == 10 && find(&fx, 1, 24)->count == 10);
    tear_down(&fx);
}

/* A source that pauses for longer than idle_after but less than the gap: the session is sent, and later once more as a whole. */
static void idle_sources_do_not_hold_sessions(void **unused)
{
    (void)unused;
    struct fixture fx;
    set_up(&fx, 30 * S, 0, TS_LATE_DROP);
    announce(&fx, 0, TS_KIND_FIELD);
    sample(&fx, 0, 0, 1);
    look_at(&fx, 0);
    fx.wk->idle = true;
    look(&fx);
    assert_session(&fx, 0, 0, 0, 1, 1);
    fx.wk->idle = false;
    sample(&fx, 0, 20, 2);
    look_at(&fx, 20);
    look_at(&fx, 100);
    assert_session(&fx, 0, 0, 20, 2, 3);
    assert_int_equal(fx.nsent, 2);
    assert_int_equal(fx.wk->rules[0]->nwindows, 0);
    tear_down(&fx);
}

/* ---- any order, any steps ---- */

struct smp {
    uint32_t series;
    int64_t time_ns, due_ns; /* when it comes */
    double value;
};

static int by_time(const void *a, const void *b)
{
    const struct smp *x = a, *y = b;
    return x->series != y->series ? (x->series > y->series) - (x->series < y->series) : (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static int by_due(const void *a, const void *b)
{
    const struct smp *x = a, *y = b;
    return (x->due_ns > y->due_ns) - (x->due_ns < y->due_ns);
}

/* The end of the session that begins at i, of samples in order. */
static unsigned session_end(const struct smp *smp, unsigned n, unsigned i, int64_t gap_ns, int64_t max_ns)
{
    unsigned end = i + 1;
    while (end < n && smp[end].series == smp[i].series && smp[end].time_ns - smp[end - 1].time_ns <= gap_ns) {
        unsigned part = end + 1; /* as many as lie in one eighth of the longest length, or that one */
        while (max_ns && part < n && smp[part].series == smp[i].series && smp[part].time_ns - smp[part - 1].time_ns <= gap_ns &&
               smp[part].time_ns / (max_ns / 8) == smp[end].time_ns / (max_ns / 8))
            part++;
        bool same_part = max_ns && smp[end].time_ns / (max_ns / 8) == smp[end - 1].time_ns / (max_ns / 8);
        if (max_ns && !same_part && smp[part - 1].time_ns - smp[i].time_ns > max_ns)
            break;
        end = part;
    }
    return end;
}

static void random_streams(void **unused)
{
    (void)unused;
    static const struct {
        int64_t gap_ns, max_ns;
    } rules[] = {{S, 0}, {3 * S, 0}, {2 * S, 8 * S}, {5 * S, 16 * S}, {S / 10, S}, {10 * S, 10 * S}};
    static struct smp smp[3000];
    for (unsigned seed = 0; seed < 120; seed++) {
        struct fixture fx;
        srand(seed);
        int64_t gap_ns = rules[seed % TS_ARRAY_SIZE(rules)].gap_ns, max_ns = rules[seed % TS_ARRAY_SIZE(rules)].max_ns, t_ns = T0;
        unsigned n = 200 + (unsigned)rand() % 2800;
        set_up(&fx, gap_ns, max_ns, seed % 2 ? TS_LATE_DROP : TS_LATE_CORRECT);
        for (uint32_t id = 0; id < SERIES; id++)
            announce(&fx, id, TS_KIND_FIELD);
        for (unsigned i = 0; i < n; i++) {
            t_ns += rand() % 50 ? rand() % (gap_ns / 2) : rand() % (3 * gap_ns);
            smp[i] = (struct smp){(uint32_t)rand() % SERIES, t_ns, t_ns + rand() % (2 * S), rand() % 100};
        }
        qsort(smp, n, sizeof *smp, by_due);
        for (unsigned i = 0; i < n; i++) {
            sample(&fx, smp[i].series, (double)(smp[i].time_ns - T0) / 1e9, smp[i].value);
            smp[i].time_ns = T0 + (int64_t)((double)(smp[i].time_ns - T0) / 1e9 * 1e9); /* as it was sent */
            fx.wk->watermark_ns = TS_MAX(fx.wk->watermark_ns, smp[i].time_ns);
            if (rand() % 3 == 0)
                look(&fx);
        }
        drain(&fx);
        qsort(smp, n, sizeof *smp, by_time);
        unsigned sessions = 0;
        for (unsigned i = 0, end; i < n; i = end, sessions++) {
            end = session_end(smp, n, i, gap_ns, max_ns);
            double sum = 0;
            for (unsigned k = i; k < end; k++)
                sum += smp[k].value;
            const struct got *got = NULL;
            for (unsigned k = 0; k < fx.ngot && !got; k++)
                if (fx.got[k].series == smp[i].series && fx.got[k].time_ns == smp[i].time_ns)
                    got = &fx.got[k];
            if (!got || got->count != end - i || got->sum != sum || got->duration_ns != smp[end - 1].time_ns - smp[i].time_ns)
                fail_msg("seed %u: session of %u at %lld", seed, smp[i].series, (long long)smp[i].time_ns);
            assert_true(!max_ns || got->duration_ns <= max_ns);
        }
        assert_int_equal(fx.nsent, sessions);
        assert_int_equal(ts_counter_sum(TS_C_DROPPED_LATE), 0);
        tear_down(&fx);
    }
}

/* Samples that are late at random: each is in one point, or counted. */
static void none_is_in_two_points(void **unused)
{
    (void)unused;
    for (unsigned seed = 0; seed < 60; seed++) {
        struct fixture fx;
        srand(seed);
        double n = 0, sum = 0, count = 0;
        set_up(&fx, 2 * S, seed % 3 == 2 ? 8 * S : 0, (enum ts_late)(seed % 3));
        fx.rig.conf.correct_for_ns = 20 * S;
        for (uint32_t id = 0; id < SERIES; id++)
            announce(&fx, id, TS_KIND_FIELD);
        for (unsigned i = 0; i < 2000; i++) {
            double seconds = i * 0.3 + 100 - (rand() % 4 ? rand() % 20 / 10.0 : rand() % 60);
            sample(&fx, (uint32_t)rand() % SERIES, seconds, 1);
            n++;
            look_at(&fx, i * 0.3 + 100);
        }
        drain(&fx);
        for (unsigned i = 0; i < fx.ngot; i++) {
            count += fx.got[i].count;
            sum += fx.got[i].sum;
        }
        assert_true(count == sum && count + (double)ts_counter_sum(TS_C_DROPPED_LATE) == n);
        assert_true(seed % 3 == TS_LATE_DROP || ts_counter_sum(TS_C_LATE_CORRECTED) + ts_counter_sum(TS_C_LATE_SIDE) > 50);
        tear_down(&fx);
    }
}

/* Far more sessions than can be kept: those that were sent give way, and nothing is lost while the worker gets to look. */
static void sessions_are_bounded(void **unused)
{
    (void)unused;
    struct fixture fx;
    double count = 0;
    set_up(&fx, TS_MS, 0, TS_LATE_CORRECT);
    announce(&fx, 0, TS_KIND_FIELD);
    for (unsigned i = 0; i < 9000; i++) {
        sample(&fx, 0, i * 0.005, 1);
        if (i % 500 == 499)
            look_at(&fx, i * 0.005);
    }
    assert_true(fx.wk->rules[0]->nwindows == 1024);
    drain(&fx);
    for (unsigned i = 0; i < fx.ngot; i++)
        count += fx.got[i].count;
    assert_true(fx.ngot == 9000 && count == 9000);
    assert_int_equal(fx.wk->rules[0]->nwindows, 0);
    for (unsigned i = 0; i < 5000; i++) { /* and when it does not, it is counted */
        fx.wk->draining = false;
        sample(&fx, 0, 100 + i * 0.005, 1);
    }
    assert_int_equal(ts_counter_sum(TS_C_DROPPED_NO_MEMORY), 5000 - 1024);
    tear_down(&fx);
}

#ifdef TS_HOSTILE
/* Every allocation fails once: what a refused sample leaves behind does not hold up the end. */
static void without_memory(void **unused)
{
    (void)unused;
    for (unsigned long at = 1; at < 60; at++) {
        struct fixture fx;
        double count = 0;
        set_up(&fx, 5 * S, 16 * S, TS_LATE_CORRECT);
        announce(&fx, 0, TS_KIND_SET);
        announce(&fx, 1, TS_KIND_FIELD);
        add(&fx);
        ts_alloc_fail_at(at);
        for (unsigned i = 0; i < 30; i++) {
            sample(&fx, i % 2, i * 3, i);
            look_at(&fx, i * 3);
        }
        ts_alloc_fail_at(0);
        drain(&fx);
        for (unsigned i = 0; i < fx.ngot; i++)
            count += fx.got[i].count;
        assert_true(count + (double)ts_counter_sum(TS_C_DROPPED_NO_MEMORY) + (double)ts_counter_sum(TS_C_EXTRAS_NO_MEMORY) >= 30);
        assert_true(count <= 30);
        tear_down(&fx);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_ends_behind_its_gap),
        cmocka_unit_test(a_sample_in_between_makes_one_of_two),
        cmocka_unit_test(a_late_sample_corrects),
        cmocka_unit_test(a_late_sample_reopens),
        cmocka_unit_test(late_samples_are_dropped_or_put_aside),
        cmocka_unit_test(by_arrival),
        cmocka_unit_test(idle_sources_do_not_hold_sessions),
        cmocka_unit_test(random_streams),
        cmocka_unit_test(none_is_in_two_points),
        cmocka_unit_test(sessions_are_bounded),
#ifdef TS_HOSTILE
        cmocka_unit_test(without_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
