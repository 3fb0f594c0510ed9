/* Functions of rows over columns: the same answers as row by row, for all kinds of columns; what they read;
 * memory. */
#include "config.h"
#include "flux_eval.h"

#include "flux/exec/exec_interp.h"
#include "flux/table/table_csv.h"

#define ROWS 5

struct fixture {
    struct ts_flux_run run;
    struct ts_flux_field fields[5];
    struct ts_flux_vec cols[5];
    struct ts_flux_rowfn *rf;
};

/* i: 1 2 null 4 5; f: 0.5 … 4.5; s: a b c d e; k: constant 10; b: true false null true false */
static const int64_t ints[ROWS] = {1, 2, 0, 4, 5}, ten = 10;
static const double floats[ROWS] = {0.5, 1.5, 2.5, 3.5, 4.5};
static const struct ts_str texts[ROWS] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}};
static const uint8_t bools[ROWS] = {1, 0, 0, 1, 0};
static const uint64_t third = 4;

static void open_fixture(struct fixture *fx, const char *function, const char *what)
{
    static const char *const names[] = {"i", "f", "s", "k", "b"};
    static const enum ts_flux_type types[] = {TS_FLUX_INT, TS_FLUX_FLOAT, TS_FLUX_STRING, TS_FLUX_INT,
                                              TS_FLUX_BOOL};
    char script[1000];
    struct ts_flux_value fn;
    snprintf(script, sizeof script, "import \"strings\"\nc = 3\ndouble = (x) => x * 2\noption fn = %s",
             function);
    *fx = (struct fixture){0};
    assert_int_equal(ts_flux_run_init(&fx->run, &(struct ts_flux_limits){0}, FLUX_NOW), 0);
    /* An option that universe has is found there again. */
    assert_int_equal(ts_flux_scope_add(&fx->run, fx->run.interp->universe,
                                       ts_flux_name_of(&fx->run.names, TS_STR("fn")),
                                       (struct ts_flux_value){0}),
                     0);
    ts_flux_scope_own(fx->run.interp->universe, ts_flux_name_of(&fx->run.names, TS_STR("fn")))->option = true;
    struct ts_str kept = ts_flux_arena_str(&fx->run.arena, ts_str_of(script));
    if (ts_flux_run_script(&fx->run, kept, NULL, 0) != 0)
        fail_msg("%s", fx->run.error.msg);
    assert_int_equal(ts_flux_option(&fx->run, "fn", &fn), 0);
    assert_int_equal(ts_flux_rowfn_new(&fx->run, fn, what, &fx->rf), 0);
    for (unsigned c = 0; c < 5; c++)
        fx->fields[c] =
            (struct ts_flux_field){ts_flux_name_of(&fx->run.names, ts_str_of(names[c])), types[c]};
    fx->cols[0] = (struct ts_flux_vec){.type = TS_FLUX_INT, .i = ints, .nulls = &third};
    fx->cols[1] = (struct ts_flux_vec){.type = TS_FLUX_FLOAT, .f = floats};
    fx->cols[2] = (struct ts_flux_vec){.type = TS_FLUX_STRING, .s = texts};
    fx->cols[3] = (struct ts_flux_vec){.type = TS_FLUX_INT, .i = &ten, .constant = true};
    fx->cols[4] = (struct ts_flux_vec){.type = TS_FLUX_BOOL, .b = bools, .nulls = &third};
    assert_int_equal(ts_flux_rowfn_bind(fx->rf, 5, fx->fields), 0);
}

static void close_fixture(struct fixture *fx)
{
    ts_flux_run_fini(&fx->run);
}

/* The values of a column in one text. */
static void rows_are(const char *function, const char *want)
{
    struct fixture fx;
    struct ts_flux_vec vec;
    struct ts_buf got = TS_BUF_INIT;
    open_fixture(&fx, function, "map");
    struct ts_flux_mark mark = ts_flux_arena_mark(&fx.run.scratch);
    for (int again = 0; again < 2; again++) { /* a second chunk gives the same */
        ts_buf_clear(&got);
        if (ts_flux_rowfn_eval(fx.rf, ROWS, fx.cols, &vec) != 0) {
            ts_buf_puts(&got, fx.run.error.msg);
            break;
        }
        for (unsigned i = 0; i < ROWS; i++) {
            ts_buf_puts(&got, i ? " " : "");
            ts_flux_value_display(&got, ts_flux_vec_get(&vec, i));
        }
        ts_flux_arena_release(&fx.run.scratch, mark);
    }
    assert_string_equal(ts_buf_cstr(&got), want);
    ts_buf_fini(&got);
    close_fixture(&fx);
}

static void test_operators(void **state)
{
    (void)state;
    rows_are("(r) => r.i + r.k", "11 12 <null> 14 15");
    rows_are("(r) => r.k - r.i * 2", "8 6 <null> 2 0");
    rows_are("(r) => r.f / 2.0", "0.25 0.75 1.25 1.75 2.25");
    rows_are("(r) => r.i > 2", "false false <null> true true");
    rows_are("(r) => r.f > r.i", "false false <null> false false");
    rows_are("(r) => r.s + \"!\"", "a! b! c! d! e!");
    rows_are("(r) => r.s < \"c\"", "true true false false false");
    rows_are("(r) => r.s =~ /[ad]/", "true false false true false");
    rows_are("(r) => -r.f", "-0.5 -1.5 -2.5 -3.5 -4.5");
    rows_are("(r) => not r.b", "false true <null> false true");
    rows_are("(r) => exists r.b", "true true false true true");
    rows_are("(r) => r.b and r.i == 1", "true false <null> false false");
    rows_are("(r) => r.b or r.f > 2.0", "true false true true true");
    rows_are("(r) => r.nothing", "<null> <null> <null> <null> <null>");
    rows_are("(r) => r.k + c", "13 13 13 13 13");
    rows_are("(r) => r.s + 1", "unsupported binary expression string + int");
}

static void test_branches(void **state)
{
    (void)state;
    rows_are("(r) => if r.b then r.i else 0 - r.i", "1 -2 <null> 4 -5");
    rows_are("(r) => if r.i > 1 then 8 / (r.i - 1) else -1", "-1 8 -1 2 2");
    rows_are("(r) => if r.f < 1.0 then \"low\" else if r.f < 3.0 then r.s else \"high\"",
             "low b c high high");
    rows_are("(r) => r.i != 1 and 8 / (r.i - 1) > 2", "false true <null> false false");
    rows_are("(r) => if r.b then int(v: \"x\") else r.k / 0", "cannot convert string \"x\" to int");
    rows_are("(r) => if r.k == 10 then r.i else 1 / 0", "1 2 <null> 4 5");
}

static void test_functions(void **state)
{
    (void)state;
    rows_are("(r) => double(x: r.i) + 1", "3 5 <null> 9 11");
    rows_are("(r) => strings.toUpper(v: r.s)", "A B C D E");
    rows_are("(r) => float(v: r.i)", "1 2 <null> 4 5");
    rows_are("(r) => \"${r.s}${r.k}\"", "a10 b10 c10 d10 e10");
    rows_are("(r) => {\n x = r.k * 2\n y = x + c\n return y - x\n}", "3 3 3 3 3");
    rows_are("(r) => [r.k, c][1]", "3 3 3 3 3");
    rows_are("(r) => {\n x = r.f + 1.0\n return [x, r.f][0]\n}", "1.5 2.5 3.5 4.5 5.5");
    rows_are("(r) => ((q) => q.s)(q: {r with s: \"z\"})", "z z z z z");
    rows_are("(r, limit=2) => r.k > limit", "true true true true true");
    rows_are("(r) => ({a: [1]}).a[0]", "1 1 1 1 1");
    rows_are("(r) => strings.toUpper(v: r.nothing)", "argument v of toUpper must be string, not null");
}

static void test_records(void **state)
{
    struct fixture fx;
    struct ts_flux_columns out;
    (void)state;
    open_fixture(&fx, "(r) => ({r with i: r.k, sum: r.f + 1.0})", "map");
    assert_int_equal(ts_flux_rowfn_eval_record(fx.rf, ROWS, fx.cols, &out), 0);
    assert_int_equal(out.n, 6);
    assert_string_equal(out.names[0]->z, "i");
    assert_string_equal(out.names[5]->z, "sum");
    assert_int_equal(ts_flux_vec_get(&out.vecs[0], 2).i, 10);
    assert_true(ts_flux_vec_get(&out.vecs[5], 4).f == 5.5);
    assert_ptr_equal(out.vecs[1].data, floats); /* a column that nobody changed is the same one */
    close_fixture(&fx);
    open_fixture(&fx, "(r) => if r.b then {a: r.i} else {a: 7, b: r.s}", "map");
    assert_int_equal(ts_flux_rowfn_eval_record(fx.rf, ROWS, fx.cols, &out), 0);
    assert_int_equal(out.n, 2);
    assert_int_equal(ts_flux_vec_get(&out.vecs[0], 3).i, 4);
    assert_true(ts_flux_vec_get(&out.vecs[1], 3).null);
    assert_int_equal(ts_flux_vec_get(&out.vecs[1], 4).len, 1);
    close_fixture(&fx);
    open_fixture(&fx, "(r) => r.i", "map");
    assert_int_equal(ts_flux_rowfn_eval_record(fx.rf, ROWS, fx.cols, &out), -TS_EQUERY);
    assert_string_equal(fx.run.error.msg, "map wants a function that returns a record, not int");
    close_fixture(&fx);
}

static void test_filter(void **state)
{
    struct fixture fx;
    uint64_t keep;
    unsigned n;
    (void)state;
    open_fixture(&fx, "(r) => r.b or r.i == 5", "filter");
    assert_int_equal(ts_flux_rowfn_filter(fx.rf, ROWS, fx.cols, &keep, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(keep, 1 | 8 | 16); /* the null row is not kept */
    close_fixture(&fx);
    open_fixture(&fx, "(r) => r.k", "filter");
    assert_int_equal(ts_flux_rowfn_filter(fx.rf, ROWS, fx.cols, &keep, &n), -TS_EQUERY);
    assert_string_equal(fx.run.error.msg, "filter wants a function that returns a bool, not int");
    close_fixture(&fx);
}

static void test_needs(void **state)
{
    struct fixture fx;
    const struct ts_flux_name *const *names;
    unsigned n;
    bool all;
    (void)state;
    open_fixture(&fx, "(r) => r.b and (if r.i > 1 then r.b else r[\"f\"] > 1.0)", "filter");
    assert_int_equal(ts_flux_rowfn_needs(fx.rf, &names, &n, &all), 0);
    assert_false(all);
    assert_int_equal(n, 3);
    assert_string_equal(names[0]->z, "b");
    close_fixture(&fx);
    open_fixture(&fx, "(r) => ({r with x: r.i})", "map");
    assert_int_equal(ts_flux_rowfn_needs(fx.rf, &names, &n, &all), 0);
    assert_true(all);
    close_fixture(&fx);
}

/* Runs a script with all that comes out of it. @return whether it came to its end. */
static bool runs_within(const char *script, size_t bytes, char said[400])
{
    struct ts_flux_run run;
    struct ts_flux_csv *csv = NULL;
    struct ts_buf piece = TS_BUF_INIT;
    bool more = true;
    int rc = ts_flux_run_init(&run, &(struct ts_flux_limits){.memory_bytes = bytes}, FLUX_NOW);
    rc = rc ? rc : ts_flux_run_script(&run, ts_str_of(script), NULL, 0);
    rc = rc ? rc : ts_flux_csv_new(&run, TS_FLUX_DIALECT_ANNOTATED, &csv);
    while (rc == 0 && more) {
        ts_buf_clear(&piece);
        rc = ts_flux_csv_read(csv, &piece, &more);
    }
    snprintf(said, 400, "%s", run.error.msg);
    ts_flux_csv_free(&csv);
    ts_buf_fini(&piece);
    ts_flux_run_fini(&run);
    return rc == 0;
}

/* Wherever memory ends, the query ends with that error, and nothing is left allocated (the run asserts it).
 */
static void test_any_limit_of_memory(void **state)
{
    const char *script =
        "import \"array\"\nimport \"strings\"\nimport \"regexp\"\n"
        "d = array.from(rows: [{_time: 2020-01-01T00:00:00Z, t: \"a\", _value: 1.0},"
        " {_time: 2020-01-01T00:01:00Z, t: \"b\", _value: 2.5}])\n"
        "d |> group(columns: [\"t\"]) |> map(fn: (r) => ({r with x: if r._value > 1.0 then "
        "strings.toUpper(v: r.t) else \"n${r._value}\", y: [r._value][0], z: display(v: {a: r.t})}))"
        " |> filter(fn: (r) => r.t =~ /a|b/) |> yield(name: \"a\")\n"
        "d |> range(start: 2020-01-01, stop: 2020-01-02) |> aggregateWindow(every: 12h, fn: mean)"
        " |> yield(name: \"b\")\n"
        "d |> reduce(fn: (r, accumulator) => ({s: accumulator.s + r.t}), identity: {s: \"\"})";
    char said[400];
    size_t bytes = 1000;
    unsigned failed = 0;
    (void)state;
    for (; !runs_within(script, bytes, said); bytes += bytes < 100000 ? 509 : 2039, failed++) {
        char want[100];
        snprintf(want, sizeof want, "memory limit of %zu bytes reached", bytes);
        if (strcmp(said, "memory limit reached") != 0) /* what the parser says */
            assert_string_equal(said, want);
        assert_true(bytes < (64u << 20));
    }
    assert_true(failed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_any_limit_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
