/* Flux text to tree and back: precedence, literals, places of errors, the one form. */
#include "config.h"
#include "unit.h"

#include "flux/lang/lang.h"

struct parsed {
    struct ts_flux_mem mem;
    struct ts_flux_arena arena;
    struct ts_flux_names names;
    struct ts_flux_source src;
    struct ts_flux_file file;
    struct ts_flux_error error;
    int rc;
};

static void parse(struct parsed *ps, const char *text)
{
    *ps = (struct parsed){.src = {"", ts_str_of(text)}};
    ts_flux_arena_init(&ps->arena, &ps->mem);
    ps->names.arena = &ps->arena;
    ps->rc = ts_flux_parse(&ps->arena, &ps->names, &ps->src, &ps->file, &ps->error);
}

/* The tree with every operator in parentheses. */
static void put_tree(struct ts_buf *to, const struct parsed *ps, const struct ts_flux_node *node)
{
    switch (node->kind) {
    case TS_FLUX_N_BINARY:
    case TS_FLUX_N_LOGICAL:
    case TS_FLUX_N_PIPE:
        ts_buf_putc(to, '(');
        put_tree(to, ps, node->a);
        ts_buf_printf(to, " %s ", node->kind == TS_FLUX_N_PIPE ? "|>" : ts_flux_op_text(node->op));
        put_tree(to, ps, node->b);
        ts_buf_putc(to, ')');
        break;
    case TS_FLUX_N_UNARY:
        ts_buf_printf(to, "(%s ", ts_flux_op_text(node->op));
        put_tree(to, ps, node->a);
        ts_buf_putc(to, ')');
        break;
    default: ts_flux_format_expr(&ps->src, node, to);
    }
}

static void tree_is(const char *text, const char *want)
{
    struct parsed ps;
    struct ts_buf got = TS_BUF_INIT;
    parse(&ps, text);
    assert_int_equal(ps.rc, 0);
    put_tree(&got, &ps, ps.file.root->list->a);
    assert_string_equal(ts_buf_cstr(&got), want);
    ts_buf_fini(&got);
    ts_flux_arena_fini(&ps.arena);
    assert_int_equal(ps.mem.used, 0);
}

static void test_precedence(void **state)
{
    (void)state;
    tree_is("a + b * c - d", "((a + (b * c)) - d)");
    tree_is("a * b ^ c ^ d", "(a * ((b ^ c) ^ d))");
    tree_is("a ^ b |> f()", "(a ^ (b |> f()))");
    tree_is("-a |> f() ^ b", "(((- a) |> f()) ^ b)");
    tree_is("-a.b", "(- a.b)");
    tree_is("not a == b and c", "((not (a == b)) and c)");
    tree_is("exists r.a or b < c + d", "((exists r.a) or (b < (c + d)))");
    tree_is("a or b and c or d", "((a or (b and c)) or d)");
    tree_is("a =~ /x/ and b !~ /y/", "((a =~ /x/) and (b !~ /y/))");
}

static void test_slash(void **state)
{
    (void)state;
    tree_is("a / b / c", "((a / b) / c)");
    tree_is("f(x: /a b/) / 2", "(f(x: /a b/) / 2)");
    tree_is("(a) / b", "((a) / b)");
    tree_is("[/a\\/b/][0] / c", "([/a\\/b/][0] / c)");
}

static void test_functions_and_parentheses(void **state)
{
    (void)state;
    tree_is("() => 1", "() => 1");
    tree_is("(a) => a", "(a) => a");
    tree_is("(a)", "(a)");
    tree_is("(a=<-, b=1 + 2,) => a", "(a=<-, b=1 + 2) => a");
    tree_is("f(a, b: 1)", "f(a, b: 1)");
    tree_is("{r with a: 1}", "{r with a: 1}");
    tree_is("{with: 1, extends}", "{with: 1, extends}");
    tree_is("[:]", "[:]");
    tree_is("r[\"a b\"]", "r[\"a b\"]");
}

static void error_is(const char *text, const char *want)
{
    struct parsed ps;
    struct ts_buf got = TS_BUF_INIT;
    parse(&ps, text);
    assert_int_equal(ps.rc, -TS_EQUERY);
    ts_flux_error_print(&ps.error, &got);
    assert_string_equal(ts_buf_cstr(&got), want);
    ts_buf_fini(&got);
    ts_flux_arena_fini(&ps.arena);
}

static void test_errors(void **state)
{
    (void)state;
    error_is("x = 1 +",
             "error @1:8-1:8: expected an expression, got the end of the script\n    x = 1 +\n           ^");
    error_is("x = 1\ny = \"\xc3\xa9\" ]",
             "error @2:9-2:10: expected an expression, got ]\n    y = \"\xc3\xa9\" ]\n            ^");
    error_is("x = a && b", "error @1:7-1:9: Flux has no &&; right would be and\n    x = a && b\n          ^^");
    error_is("f(g: 'a')", "error @1:6-1:7: a text stands in double quotes\n    f(g: 'a')\n         ^");
    error_is("limit(10)", "error @1:7-1:9: expected the argument's name and : before its value, got 10\n    limit(10)\n          ^^");
    error_is("f(g: r.a = 1)",
             "error @1:10-1:11: expected , or ) after an argument (== compares), got =\n    f(g: r.a = 1)\n             ^");
    error_is("f(g: r => r)",
             "error @1:8-1:10: expected , or ) after an argument (a function is written (r) => \u2026), got =>\n    f(g: r => r)\n           ^^");
    error_is("a |> b", "error @1:6-1:7: behind |> must stand a call\n    a |> b\n         ^");
    error_is("{and: 1}", "error @1:2-1:5: expected a name, got and\n    {and: 1}\n     ^^^");
    error_is("x = 2020-13-01",
             "error @1:5-1:15: not a time; right would be 2006-01-02 or 2006-01-02T15:04:05Z\n"
             "    x = 2020-13-01\n        ^^^^^^^^^^");
    error_is("x = 2020-01-01T00:00:00",
             "error @1:5-1:24: not a time; right would be 2006-01-02 or 2006-01-02T15:04:05Z\n"
             "    x = 2020-01-01T00:00:00\n        ^^^^^^^^^^^^^^^^^^^");
    error_is("x = 3hh", "error @1:5-1:8: a number with letters behind it that are no unit of a duration\n    "
                        "x = 3hh\n        ^^^");
    error_is("x = \"abc", "error @1:5-1:6: a string without its closing \"\n    x = \"abc\n        ^");
    error_is("x = 18446744073709551616",
             "error @1:5-1:25: an integer beyond 64 bits\n    x = 18446744073709551616\n"
             "        ^^^^^^^^^^^^^^^^^^^^");
}

static void test_nesting_has_a_limit(void **state)
{
    struct parsed ps;
    char text[8002];
    (void)state;
    memset(text, '(', 4000);
    text[4000] = '\0';
    parse(&ps, text);
    assert_string_equal(ps.error.msg, "nested deeper than 80 levels");
    ts_flux_arena_fini(&ps.arena);
    for (int i = 0; i < 4000; i++) /* wide, not deep: a tree as high as the chain is long */
        memcpy(text + (ptrdiff_t)i * 2, "a+", 2);
    text[7999] = '\0';
    parse(&ps, text);
    assert_string_equal(ps.error.msg, "too many operators in one expression (limit 2000)");
    ts_flux_arena_fini(&ps.arena);
}

static void duration_is(const char *text, int64_t months, int64_t ns, const char *back)
{
    struct ts_buf got = TS_BUF_INIT;
    int64_t m, n;
    assert_int_equal(ts_flux_read_duration(ts_str_of(text), &m, &n), 0);
    assert_int_equal(m, months);
    assert_int_equal(n, ns);
    ts_flux_put_duration(&got, m, n);
    assert_string_equal(ts_buf_cstr(&got), back);
    ts_buf_fini(&got);
}

static void test_durations(void **state)
{
    int64_t m, n;
    (void)state;
    duration_is("1y2mo3w4d5h6m7s8ms9us10ns", 14, INT64_C(2178367008009010), "1y2mo3w4d5h6m7s8ms9us10ns");
    duration_is("90m", 0, INT64_C(5400000000000), "1h30m");
    duration_is("5\xc2\xb5s", 0, 5000, "5us");
    duration_is("0s", 0, 0, "0ns");
    assert_int_equal(ts_flux_read_duration(TS_STR("1"), &m, &n), -TS_EPARSE);
    assert_int_equal(ts_flux_read_duration(TS_STR(""), &m, &n), -TS_EPARSE);
    assert_int_equal(ts_flux_read_duration(TS_STR("300000000h"), &m, &n), -TS_ELIMIT);
}

static void test_times(void **state)
{
    int64_t t;
    (void)state;
    assert_int_equal(ts_flux_read_time(TS_STR("1970-01-02"), &t), 0);
    assert_int_equal(t, INT64_C(86400000000000));
    assert_int_equal(ts_flux_read_time(TS_STR("2000-02-29T23:59:59.5+01:30"), &t), 0);
    assert_int_equal(t, INT64_C(951863399500000000));
    assert_int_equal(ts_flux_read_time(TS_STR("1677-09-21T00:12:43.145224192Z"), &t), 0);
    assert_true(t == INT64_MIN);
    assert_int_equal(ts_flux_read_time(TS_STR("1677-09-21T00:12:43.145224191Z"), &t), -TS_ELIMIT);
    assert_int_equal(ts_flux_read_time(TS_STR("2001-02-29"), &t), -TS_EPARSE);
    assert_int_equal(ts_flux_read_time(TS_STR("2001-02-28T24:00:00Z"), &t), -TS_EPARSE);
}

static void format_is(const char *text, const char *want)
{
    struct ts_buf got = TS_BUF_INIT;
    struct parsed ps;
    parse(&ps, text);
    assert_int_equal(ps.rc, 0);
    ts_flux_format(&ps.file, &got);
    assert_string_equal(ts_buf_cstr(&got), want);
    ts_buf_fini(&got);
    ts_flux_arena_fini(&ps.arena);
}

static void test_format(void **state)
{
    const char *once = "// head\n"
                       "package a // clause\n\n"
                       "import \"date\"\n\n"
                       "option task = {name: \"t\", every: 1h}\n"
                       "x = f(a: 1, b)\n"
                       "    // why\n"
                       "    |> g(fn: (r) => ({r with v: r.v * 2.0}))\n"
                       "    |> h() // end\n\n"
                       "f = (t=<-, n=5) => {\n"
                       "    // inside\n"
                       "    return t\n"
                       "}\n"
                       "// last\n";
    (void)state;
    format_is("// head\npackage a // clause\nimport \"date\"\noption task={name:\"t\",every:1h}\n"
              "x=f(a:1,b)\n  // why\n|>g(fn:(r)=>({r with v:r.v*2.0}))|>h() // end\n\n\n"
              "f=(t=<-,n=5)=>{\n// inside\nreturn t}\n// last",
              once);
    format_is(once, once);
    format_is("x = 1 + // odd\n 2", "x = 1 // odd\n    + 2\n");
    format_is("a=\"x\n${b + // c\n 1} y\"", "a = \"x\n${b + // c\n 1} y\"\n");
    format_is("", "");
}

static void test_near(void **state)
{
    struct ts_near near = {.asked = TS_STR("fliter")};
    (void)state;
    ts_near_offer(&near, TS_STR("limit"));
    ts_near_offer(&near, TS_STR("filter"));
    ts_near_offer(&near, TS_STR("fill"));
    assert_true(ts_str_eq(near.best, TS_STR("filter")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_slash),
        cmocka_unit_test(test_functions_and_parentheses),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_nesting_has_a_limit),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
