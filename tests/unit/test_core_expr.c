/* Expressions: what they compute, also when a part of it is known of the series alone; what is wrong with
 * others, and where. */
#include "config.h"
#include "unit.h"

#include "core/expr.h"

#include <math.h>

static struct ts_series_view view;

static void set_up(void)
{
    view = (struct ts_series_view){
        .kind = TS_KIND_FIELD, .name = TS_STR("api.req"), .field = TS_STR("usage"), .ntags = 2};
    view.tags[0] = (struct ts_tag){TS_STR("env"), TS_STR("prod")};
    view.tags[1] = (struct ts_tag){TS_STR("my-key"), TS_STR("a/b")};
}

/* *known: nothing of the sample was needed. */
static double compute(const char *text, enum ts_expr_type type, double value, bool *known)
{
    struct ts_expr *expr;
    struct ts_calc *calc;
    struct ts_err err = {{0}};
    double v;
    struct ts_expr_sample smp = {.value = value, .weight = 10, .time = 1000.5};
    if (ts_expr_read(ts_str_of(text), type, &expr, &err) != 0)
        fail_msg("%s: %s", text, err.msg);
    assert_int_equal(ts_expr_bind(expr, &view, &calc), 0);
    *known = ts_calc_is_constant(calc, &v);
    double run = ts_calc_run(calc, &smp);
    assert_true(!*known || v == run);
    ts_calc_free(&calc);
    ts_expr_free(&expr);
    return run;
}

static void numbers(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        double value, result;
        bool known;
    } cases[] = {
        {"1 + 2 * 3", 0, 7, true},
        {"(1 + 2) * 3", 0, 9, true},
        {"10 - 4 - 3", 0, 3, true},
        {"2 * 12 / 4 % 4", 0, 2, true},
        {"-value * 2", 3, -6, false},
        {"- - value", 3, 3, false},
        {"1 - value", 3, -2, false}, /* the known part stands before the other */
        {"2 / (1 + value) - 1", 3, -0.5, false},
        {"(8 - 2) / value", 3, 2, false},
        {"value % 3", 7.5, 1.5, false},
        {"min(value, 4, 2)", 3, 2, false},
        {"max(1, value, 2)", 3, 3, false},
        {"abs(value) + round(2.5) + log(1)", -1, 4, false},
        {"value * weight + time", 2, 1020.5, false},
        {"1e3 + .5 + 2.5e-1", 0, 1000.75, true},
        {"\n value\t*2 ", 4, 8, false},
    };
    set_up();
    for (size_t i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        bool known;
        double result = compute(cases[i].text, TS_EXPR_NUMBER, cases[i].value, &known);
        if (result != cases[i].result || known != cases[i].known)
            fail_msg("%s: %g, known %d", cases[i].text, result, known);
    }
    bool known;
    assert_true(isnan(compute("log(value)", TS_EXPR_NUMBER, -1, &known)));
    assert_true(isnan(compute("min(value, 1)", TS_EXPR_NUMBER, NAN, &known)));
    assert_true(isnan(compute("max(1, value)", TS_EXPR_NUMBER, NAN, &known)));
    assert_true(isinf(compute("1 / value", TS_EXPR_NUMBER, 0, &known)));
}

static void conditions(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        double value;
        bool result, known;
    } cases[] = {
        {"name == \"api.req\"", 0, true, true},
        {"name != 'api.req'", 0, false, true},
        {"name ~ \"api.*\" and field ~ \"us?ge\"", 0, true, true},
        {"name ~ \"api\"", 0, false, true},
        {"name ~ /eq$/", 0, true, true},
        {"name ~ /^eq/", 0, false, true},
        {"name !~ /^eq/", 0, true, true},
        {"tags.env == \"prod\" and tags.none == \"\"", 0, true, true},
        {"tags.\"my-key\" ~ /^a\\/b$/", 0, true, true},
        {"kind == \"field\"", 0, true, true},
        {"value > 1 and name == \"other\"", 5, false, true}, /* decided, whatever the value is */
        {"name == \"other\" and value > 1", 5, false, true},
        {"name == \"api.req\" or value > 1", 0, true, true},
        {"value > 1 or name == \"api.req\"", 0, true, true},
        {"value > 1 and name == \"api.req\"", 5, true, false},
        {"name == \"other\" or value > 1", 0, false, false},
        {"not value > 1 and not (value < -1)", 0, true, false},
        {"not (value > 1 or value < -1)", 2, false, false},
        {"value >= 2 and value <= 2 and value == 2", 2, true, false},
        {"value != 2 or value < 1", 2, false, false},
        {"value < 1 or value > 3 and value < 5", 4, true, false},
        {"(value < 1 or value > 3) and value < 5", 0, true, false},
        {"value > 0", (double)NAN, false, false},
        {"value < 0", (double)NAN, false, false},
        {"value != 0", (double)NAN, true, false},
    };
    set_up();
    for (size_t i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        bool known;
        double result = compute(cases[i].text, TS_EXPR_TRUTH, cases[i].value, &known);
        if (result != cases[i].result || known != cases[i].known)
            fail_msg("%s: %g, known %d", cases[i].text, result, known);
    }
}

static void errors(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        unsigned at;
        const char *words;
    } cases[] = {
        {"", 1, "too early"},
        {"value >", 8, "too early"},
        {"vlaue > 1", 1, "did you mean \"value\""},
        {"value > 1 nd value < 3", 11, "should end here"},
        {"(value > 1", 11, "missing \")\""},
        {"name > 1", 1, "needs a number, and this is a text"},
        {"value == 'x'", 10, "needs a number, and this is a text"},
        {"name == 1", 9, "needs a text, and this is a number"},
        {"value and name == 'x'", 1, "needs a condition"},
        {"not value", 4, "needs a condition"},
        {"value", 1, "this option needs a condition"},
        {"value ~ 'x'", 1, "needs a text"},
        {"name ~ api", 8, "needs a pattern"},
        {"name ~ /a(/", 8, "no regular expression"},
        {"name ~ 'x", 8, "without an end"},
        {"1.2.3 > 1", 1, "is no number"},
        {"min(1) > 1", 7, "two numbers or more"},
        {"abs(1, 2) > 1", 10, "takes one number"},
        {"log > 1", 5, "log(value)"},
        {"tags == 'x'", 5, "tags without a key"},
        {"value = 1", 7, "write =="},
        {"value > 1 & value < 2", 11, "should end here"},
        {"((((((((((((((((((((((((((((((((((((((((1", 33, "nested too deeply"},
        {"----------------------------------------1 > 1", 32, "nested too deeply"},
    };
    for (size_t i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        struct ts_expr *expr;
        struct ts_err err = {{0}};
        char at[40];
        assert_int_equal(ts_expr_read(ts_str_of(cases[i].text), TS_EXPR_TRUTH, &expr, &err), -TS_EPARSE);
        snprintf(at, sizeof at, "at character %u: ", cases[i].at);
        if (expr || strncmp(err.msg, at, strlen(at)) != 0 || !strstr(err.msg, cases[i].words))
            fail_msg("%s: %s", cases[i].text, err.msg);
    }
    static char text[TS_EXPR_LEN_MAX + 2] = "value > 1";
    struct ts_expr *expr;
    struct ts_err err;
    while (strlen(text) + 12 < TS_EXPR_LEN_MAX)
        strncat(text, " or 1 > 2", 10);
    assert_int_equal(ts_expr_read(ts_str_of(text), TS_EXPR_TRUTH, &expr, &err), -TS_EPARSE);
    assert_non_null(strstr(err.msg, "too long"));
}

static void a_search_that_takes_too_long(void **unused)
{
    (void)unused;
    struct ts_expr *expr;
    struct ts_calc *calc;
    struct ts_err err;
    char name[200];
    memset(name, 'a', sizeof name);
    set_up();
    view.name = (struct ts_str){name, sizeof name};
    assert_int_equal(
        ts_expr_read(TS_STR("name ~ /^(a+)+(a+)+(a+)+$(*FAIL)|(a+)+b/"), TS_EXPR_TRUTH, &expr, &err), 0);
    assert_int_equal(ts_expr_bind(expr, &view, &calc), -TS_ELIMIT);
    assert_null(calc);
    ts_expr_free(&expr);
}

static void alike_ones_are_shared(void **unused)
{
    (void)unused;
    struct ts_expr *expr;
    struct ts_calc *calc[3], *latest = NULL, *first;
    struct ts_err err;
    const struct ts_expr_sample smp = {.value = 5};
    set_up();
    assert_int_equal(
        ts_expr_read(TS_STR("name == \"api.req\" and value > 1 or value > 9"), TS_EXPR_TRUTH, &expr, &err),
        0);
    for (unsigned i = 0; i < 3; i++) {
        view.name = i == 2 ? TS_STR("other") : TS_STR("api.req");
        assert_int_equal(ts_expr_bind(expr, &view, &calc[i]), 0);
        ts_calc_share(&calc[i], &latest);
        first = calc[0];
        assert_true((calc[i] == first) == (i < 2));
    }
    assert_true(ts_calc_run(calc[0], &smp) == 1 && ts_calc_run(calc[2], &smp) == 0);
    ts_calc_free(&latest);
    ts_calc_free(&calc[0]);
    assert_true(ts_calc_run(calc[1], &smp) == 1);
    ts_calc_free(&calc[1]);
    ts_calc_free(&calc[2]);
    ts_expr_free(&expr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(conditions), cmocka_unit_test(errors),
        cmocka_unit_test(a_search_that_takes_too_long), cmocka_unit_test(alike_ones_are_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
