/* Columns, group keys and tables by group key. */
#include "config.h"
#include "unit.h"

#include "flux/flux.h"
#include "flux/table/table.h"

static struct ts_flux_run run;

static int begin(void **state)
{
    (void)state;
    struct ts_flux_limits limits = {0};
    return ts_flux_run_init(&run, &limits, 0);
}

static int end(void **state)
{
    (void)state;
    ts_flux_run_fini(&run); /* asserts that all memory was given back */
    return 0;
}

static const struct ts_flux_name *name(const char *z)
{
    return ts_flux_name_of(&run.names, ts_str_of(z));
}

static struct ts_flux_value str(const char *z)
{
    return ts_flux_string(ts_str_of(z));
}

static void test_push_and_nulls(void **state)
{
    (void)state;
    struct ts_flux_column *col = ts_flux_column_new(&run.mem, TS_FLUX_INT, 0);
    for (int64_t i = 0; i < 1000; i++)
        assert_int_equal(ts_flux_column_push(col, i % 3 ? ts_flux_int(i) : ts_flux_null(TS_FLUX_INT)), 0);
    assert_int_equal(col->n, 1000);
    for (int64_t i = 0; i < 1000; i++) {
        struct ts_flux_value v = ts_flux_column_get(col, (size_t)i);
        assert_int_equal(v.type, TS_FLUX_INT);
        assert_int_equal(v.null, i % 3 == 0);
        assert_true(v.null || v.i == i);
    }
    ts_flux_column_unref(&col);
    assert_null(col);
}

static void test_strings_are_copied(void **state)
{
    (void)state;
    char text[] = "first";
    struct ts_flux_column *col = ts_flux_column_new(&run.mem, TS_FLUX_STRING, 2);
    assert_int_equal(ts_flux_column_push(col, str(text)), 0);
    memcpy(text, "other", 5);
    assert_int_equal(ts_flux_column_push(col, str(text)), 0);
    assert_int_equal(ts_flux_column_push(col, str("")), 0);
    assert_true(ts_str_eq(col->s[0], TS_STR("first")));
    assert_true(ts_str_eq(col->s[1], TS_STR("other")));
    assert_int_equal(col->s[2].len, 0);
    assert_false(ts_flux_column_null(col, 2)); /* an empty text is no null */
    ts_flux_column_unref(&col);
}

static void test_constant_takes_any_row(void **state)
{
    (void)state;
    struct ts_flux_column *konst = ts_flux_column_const(&run.mem, str("host"));
    assert_true(ts_str_eq(ts_flux_value_str(ts_flux_column_get(konst, 123456)), TS_STR("host")));
    const uint32_t sel[] = {7, 9};
    struct ts_flux_column *same = ts_flux_column_gather(konst, sel, 2);
    assert_ptr_equal(same, konst);
    struct ts_flux_column *col = ts_flux_column_new(&run.mem, TS_FLUX_STRING, 0);
    assert_int_equal(ts_flux_column_append(col, konst, 5, 3), 0);
    assert_int_equal(col->n, 3);
    assert_ptr_equal(col->s[2].p, col->s[0].p); /* the bytes are there once */
    ts_flux_column_unref(&col);
    ts_flux_column_unref(&same);
    ts_flux_column_unref(&konst);
}

static void test_gather_keeps_nulls(void **state)
{
    (void)state;
    struct ts_flux_column *col = ts_flux_column_new(&run.mem, TS_FLUX_BOOL, 4);
    const struct ts_flux_value v[] = {ts_flux_bool(true), ts_flux_null(TS_FLUX_BOOL), ts_flux_bool(false),
                                      ts_flux_bool(true)};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ts_flux_column_push(col, v[i]), 0);
    const uint32_t sel[] = {3, 1, 1, 2};
    struct ts_flux_column *out = ts_flux_column_gather(col, sel, 4);
    assert_true(out->b[0]);
    assert_true(ts_flux_column_null(out, 1) && ts_flux_column_null(out, 2));
    assert_false(ts_flux_column_null(out, 3) || out->b[3]);
    ts_flux_column_unref(&out);
    ts_flux_column_unref(&col);
}

static void test_keys_compare_as_sets(void **state)
{
    (void)state;
    char host[] = "a";
    const struct ts_flux_key_col ab[] = {{name("host"), str(host)}, {name("cpu"), ts_flux_int(1)}};
    const struct ts_flux_key_col ba[] = {{name("cpu"), ts_flux_int(1)}, {name("host"), str("a")}};
    const struct ts_flux_key_col other[] = {{name("cpu"), ts_flux_uint(1)}, {name("host"), str("a")}};
    struct ts_flux_key *x = ts_flux_key_new(&run.mem, ab, 2), *y = ts_flux_key_new(&run.mem, ba, 2);
    struct ts_flux_key *z = ts_flux_key_new(&run.mem, other, 2), *none = ts_flux_key_new(&run.mem, NULL, 0);
    host[0] = 'x'; /* the key has its own */
    assert_true(ts_flux_key_eq(x, y));
    assert_int_equal(ts_flux_key_cmp(x, y), 0);
    assert_false(ts_flux_key_eq(x, z)); /* an uint is no int */
    assert_false(ts_flux_key_eq(x, none));
    assert_true(ts_flux_key_cmp(none, x) < 0);
    assert_int_equal(ts_flux_key_get(x, name("cpu"))->i, 1);
    assert_null(ts_flux_key_get(x, name("region")));
    ts_flux_key_unref(&x);
    ts_flux_key_unref(&y);
    ts_flux_key_unref(&z);
    ts_flux_key_unref(&none);
}

/* A chunk of n rows {host: host, COLUMN: 0, 1, …} with the key host. */
static struct ts_flux_chunk *chunk(const char *host, const char *column, enum ts_flux_type type, size_t n)
{
    const struct ts_flux_key_col kc = {name("host"), str(host)};
    struct ts_flux_key *key = ts_flux_key_new(&run.mem, &kc, 1);
    struct ts_flux_column *col = ts_flux_column_new(&run.mem, type, n + 1);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(ts_flux_column_push(col, type == TS_FLUX_INT ? ts_flux_int((int64_t)i)
                                                                      : ts_flux_float((double)i)),
                         0);
    const struct ts_flux_slot cols[] = {{name("host"), ts_flux_column_const(&run.mem, str(host))},
                                        {name(column), col}};
    struct ts_flux_chunk *chk = ts_flux_chunk_new(&run.mem, key, n, cols, 2);
    ts_flux_key_unref(&key);
    return chk;
}

static void test_tables_collect_by_key(void **state)
{
    (void)state;
    struct ts_flux_tables *tables = ts_flux_tables_new(&run);
    assert_int_equal(ts_flux_tables_add(tables, chunk("b", "v", TS_FLUX_INT, 2)), 0);
    assert_int_equal(ts_flux_tables_add(tables, chunk("a", "v", TS_FLUX_INT, 1)), 0);
    assert_int_equal(ts_flux_tables_add(tables, chunk("b", "w", TS_FLUX_FLOAT, 3)), 0);
    struct ts_flux_chunk *chk;
    assert_int_equal(ts_flux_tables_take(tables, &chk), 0); /* in the order of the keys */
    assert_int_equal(chk->n, 1);
    assert_int_equal(chk->ncols, 2);
    ts_flux_chunk_unref(&chk);
    assert_int_equal(ts_flux_tables_take(tables, &chk), 0);
    assert_int_equal(chk->n, 5); /* small chunks are joined, and what one of them lacks is null */
    assert_int_equal(chk->ncols, 3);
    struct ts_flux_column *v = ts_flux_chunk_column(chk, name("v")),
                          *w = ts_flux_chunk_column(chk, name("w"));
    assert_true(!ts_flux_column_null(v, 1) && ts_flux_column_null(v, 2) && ts_flux_column_null(w, 1));
    assert_true(w->f[4] == 2.0);
    assert_true(ts_flux_chunk_column(chk, name("host"))->konst);
    ts_flux_chunk_unref(&chk);
    assert_int_equal(ts_flux_tables_take(tables, &chk), 0);
    assert_null(chk);
    ts_flux_tables_free(&tables);
}

static void test_tables_refuse_two_types(void **state)
{
    (void)state;
    struct ts_flux_tables *tables = ts_flux_tables_new(&run);
    assert_int_equal(ts_flux_tables_add(tables, chunk("a", "v", TS_FLUX_INT, 1)), 0);
    assert_int_equal(ts_flux_tables_add(tables, chunk("a", "v", TS_FLUX_FLOAT, 1)), 0);
    struct ts_flux_chunk *chk;
    assert_int_equal(ts_flux_tables_take(tables, &chk), -TS_EQUERY);
    assert_string_equal(run.error.msg,
                        "schema collision detected: column \"v\" is both of type float and int");
    ts_flux_tables_free(&tables);
}

static void test_many_keys(void **state)
{
    (void)state;
    struct ts_flux_tables *tables = ts_flux_tables_new(&run);
    char host[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++) {
            snprintf(host, sizeof host, "h%d", i);
            assert_int_equal(ts_flux_tables_add(tables, chunk(host, "v", TS_FLUX_INT, 1)), 0);
        }
    struct ts_flux_chunk *chk;
    int n = 0;
    while (ts_flux_tables_take(tables, &chk) == 0 && chk) {
        assert_int_equal(chk->n, 2);
        ts_flux_chunk_unref(&chk);
        n++;
    }
    assert_int_equal(n, 3000);
    ts_flux_tables_free(&tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_push_and_nulls, begin, end),
        cmocka_unit_test_setup_teardown(test_strings_are_copied, begin, end),
        cmocka_unit_test_setup_teardown(test_constant_takes_any_row, begin, end),
        cmocka_unit_test_setup_teardown(test_gather_keeps_nulls, begin, end),
        cmocka_unit_test_setup_teardown(test_keys_compare_as_sets, begin, end),
        cmocka_unit_test_setup_teardown(test_tables_collect_by_key, begin, end),
        cmocka_unit_test_setup_teardown(test_tables_refuse_two_types, begin, end),
        cmocka_unit_test_setup_teardown(test_many_keys, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
