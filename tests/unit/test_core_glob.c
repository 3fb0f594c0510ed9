/* Patterns: what matches, and what can be told apart. */
#include "config.h"
#include "core/glob.h"

#include "unit.h"

static bool match(const char *glob, const char *text)
{
    return ts_glob_match(ts_str_of(glob), ts_str_of(text));
}

static bool disjoint(const char *a, const char *b)
{
    bool one = ts_globs_are_disjoint(ts_str_of(a), ts_str_of(b));
    assert_int_equal(one, ts_globs_are_disjoint(ts_str_of(b), ts_str_of(a)));
    return one;
}

static void matches(void **state)
{
    (void)state;
    assert_true(match("", "") && match("*", "") && match("**", "x") && match("a", "a"));
    assert_false(match("", "x") || match("a", "") || match("?", "") || match("a", "aa") || match("aa", "a"));
    assert_true(match("api.*", "api.") && match("api.*", "api.x.y") && match("*.p?9", "a.p95.p99"));
    assert_false(match("api.*", "ap") || match("*.p?9", "a.p99.x"));
    assert_true(match("*ab*ab*c", "xabababc") && match("a*b*c", "abbbcbc"));
    assert_false(match("*ab*ab*c", "xabc") || match("a*b*c", "acb"));
}

static void told_apart(void **state)
{
    (void)state;
    assert_true(disjoint("a*", "b*") && disjoint("*x", "*y") && disjoint("abc", "abd") &&
                disjoint("ab", "abc") && disjoint("ab", "ab?") && disjoint("a", "") && disjoint("a*x", "ay"));
    assert_false(disjoint("a", "a") || disjoint("a*", "*b") || disjoint("ab*", "ab") ||
                 disjoint("a?", "ab") || disjoint("*", "x") || disjoint("", "*") || disjoint("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches),
        cmocka_unit_test(told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
