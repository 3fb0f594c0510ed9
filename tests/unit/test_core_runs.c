/* Short runs of bytes: what is taken keeps its bytes whatever comes and goes beside it, and all goes back. */
#include "config.h"
#include "unit.h"

#include "core/mem.h"
#include "core/runs.h"

#include <stdlib.h>

enum { RUNS = 4000, STEPS = 300000 };

struct run {
    unsigned char *p;
    size_t bytes;
    unsigned char fill;
};

static uint32_t draw(uint64_t *state)
{
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static void expect_filled(const struct run *run)
{
    for (size_t i = 0; i < run->bytes; i++)
        assert_int_equal(run->p[i], run->fill);
}

static bool is_empty(const struct ts_runs *pool)
{
    for (size_t i = 0; i < TS_RUNS_CLASSES; i++)
        if (pool->with_room[i])
            return false;
    return true;
}

static void runs_keep_their_bytes(void **unused)
{
    (void)unused;
    struct ts_runs pool = {0};
    static struct run runs[RUNS];
    uint64_t state = 88172645463325252u;
    for (uint32_t step = 0; step < STEPS; step++) {
        struct run *run = &runs[draw(&state) % RUNS];
        if (run->p) {
            expect_filled(run);
            ts_runs_give(&pool, run->p, run->bytes);
            run->p = NULL;
            continue;
        }
        /* mostly names of one length; each length up to beyond the longest that is pooled, 0 too */
        run->bytes = draw(&state) % 4 ? 30 : draw(&state) % (TS_RUNS_MAX + 20);
        run->fill = (unsigned char)step;
        run->p = ts_runs_take(&pool, run->bytes);
        assert_non_null(run->p);
        memset(run->p, run->fill, run->bytes);
    }
    for (uint32_t i = 0; i < RUNS; i++) {
        if (runs[i].p) {
            expect_filled(&runs[i]);
            ts_runs_give(&pool, runs[i].p, runs[i].bytes);
        }
    }
    assert_true(is_empty(&pool));
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (char *const *)a, y = (uintptr_t) * (char *const *)b;
    return (x > y) - (x < y);
}

/* 100,000 runs of 25 bytes: 28 each, but for ends of blocks. */
static void they_lie_close_together(void **unused)
{
    (void)unused;
    enum { MANY = 100000 };
    struct ts_runs pool = {0};
    static char *p[MANY];
    unsigned close = 0;
    for (unsigned i = 0; i < MANY; i++)
        assert_non_null(p[i] = ts_runs_take(&pool, 25));
    qsort(p, MANY, sizeof *p, by_address);
    for (unsigned i = 1; i < MANY; i++) {
        assert_true(p[i] - p[i - 1] >= 28);
        close += p[i] - p[i - 1] == 28;
    }
    assert_true(close > MANY * 99 / 100);
    for (unsigned i = 0; i < MANY; i++)
        ts_runs_give(&pool, p[i], 25);
    assert_true(is_empty(&pool));
}

#ifdef TS_HOSTILE
static void without_memory(void **unused)
{
    (void)unused;
    struct ts_runs pool = {0};
    ts_alloc_fail_at(1);
    assert_null(ts_runs_take(&pool, 30));
    assert_true(is_empty(&pool));
    ts_alloc_fail_at(1);
    assert_null(ts_runs_take(&pool, TS_RUNS_MAX + 1));
    void *p = ts_runs_take(&pool, 30);
    assert_non_null(p);
    ts_runs_give(&pool, p, 30);
    assert_true(is_empty(&pool));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_keep_their_bytes),
        cmocka_unit_test(they_lie_close_together),
#ifdef TS_HOSTILE
        cmocka_unit_test(without_memory),
#endif
    };
    return cmocka_run_group_tests_name("core_pool", tests, NULL, NULL);
}
