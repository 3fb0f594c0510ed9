/* Items of a pool: zeroed, apart from each other, and given back to the system. */
#include "config.h"
#include "unit.h"

#include "core/mem.h"
#include "core/pool.h"

enum { BYTES = 65536 + 100, N = 200 };

static bool is_filled(const unsigned char *item, unsigned char with)
{
    for (size_t i = 0; i < BYTES; i++)
        if (item[i] != with)
            return false;
    return true;
}

static void items_are_apart_and_zeroed(void **unused)
{
    (void)unused;
    struct ts_pool pool;
    static unsigned char *items[N];
    ts_pool_init(&pool, BYTES);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            items[i] = ts_pool_take(&pool);
            assert_non_null(items[i]);
            assert_int_equal((uintptr_t)items[i] % TS_CACHELINE, 0);
            assert_true(is_filled(items[i], 0));
            memset(items[i], (int)(i + 1), BYTES);
        }
        for (unsigned i = 0; i < N; i += 2) { /* other items take these places */
            assert_true(is_filled(items[i], (unsigned char)(i + 1)));
            ts_pool_give(items[i]);
        }
        for (unsigned i = 0; i < N; i += 2)
            items[i] = ts_pool_take(&pool);
        for (unsigned i = 1; i < N; i += 2)
            assert_true(is_filled(items[i], (unsigned char)(i + 1)));
        assert_int_equal(pool.npages, (N + 30) / 31); /* 31 fit into 2 MiB */
        for (unsigned i = 0; i < N; i++)
            ts_pool_give(items[(i * 77) % N]);
        assert_int_equal(pool.npages, 1);
    }
    ts_pool_fini(&pool);
    assert_null(pool.pages);
}

#ifdef TS_HOSTILE
static void without_memory_nothing_is_taken(void **unused)
{
    (void)unused;
    struct ts_pool pool;
    ts_pool_init(&pool, BYTES);
    ts_alloc_fail_at(1);
    assert_null(ts_pool_take(&pool));
    void *item = ts_pool_take(&pool);
    assert_non_null(item);
    ts_pool_give(item);
    ts_pool_fini(&pool);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_apart_and_zeroed),
#ifdef TS_HOSTILE
        cmocka_unit_test(without_memory_nothing_is_taken),
#endif
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
