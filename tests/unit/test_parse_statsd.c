/* statsd and DogStatsD lines. Expectations are worked out by hand from the dialects' documentation. */
#include "config.h"
#include "parse_cases.h"

#include "core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct ts_parse_opts relative = {.format = TS_FORMAT_STATSD, .precision_ns = 1};
static const struct ts_parse_opts absolute = {
    .format = TS_FORMAT_STATSD, .signed_gauges = TS_GAUGES_ABSOLUTE, .precision_ns = 1};

static const struct ts_parse_opts origin = {
    .format = TS_FORMAT_STATSD, .precision_ns = 1, .origin_tags = true};

#define CHECK(opts, ...)                                                                                     \
    do {                                                                                                     \
        static const struct parse_case cases[] = {__VA_ARGS__};                                              \
        check_parse_cases(opts, cases, TS_ARRAY_SIZE(cases));                                                \
    } while (0)

static void types_and_values(void **state)
{
    (void)state;
    CHECK(&relative, {"a:1|c", "a c 1"}, {"a.b-c_d:2.5|g", "a.b-c_d g 2.5"}, {"a:12|ms", "a m 12"},
          {"a:1|h", "a h 1"}, {"a:1|d", "a d 1"}, {"a:-1e-07|ms", "a m -1e-07"}, {"a:.5|c", "a c 0.5"},
          {"a:+10e1|c", "a c 100"}, {"a:1|c\r", "a c 1"}, {" a:1|c \t", "a c 1"}, {"", ""}, {" \t\r", ""},
          {"a:joe b|s", "a s joe b"}, {"a:x:y|s", "a s x:y"}, {"a:1", "!bad_type@4"}, {"a:1|", "!bad_type@5"},
          {"a:1|q", "!bad_type@5"}, {"a:1|C", "!bad_type@5"}, {"a:1|m", "!bad_type@5"},
          {"a:1|cc", "!bad_type@5"}, {"a", "!no_value@2"}, {"a:", "!no_value@3"}, {"a:|c", "!no_value@3"},
          {"a:|s", "!no_value@3"}, {":1|c", "!no_name@1"}, {"$:1|c", "!no_name@1"}, {"a:x|c", "!bad_value@3"},
          {"a:1x|c", "!bad_value@3"}, {"a:NaN|g", "!bad_value@3"}, {"a:inf|g", "!bad_value@3"},
          {"a:1e400|g", "!bad_value@3"}, {"a:0x10|g", "!bad_value@3"}, {"a: 1|c", "!bad_value@3"});
}

static void origin_fields(void **state)
{
    (void)state;
    CHECK(&relative, {"a:1|c|c:ci-1|e:it|card:low", "a c 1"});
    CHECK(&origin,
          {"a:1|c|c:ci-1|e:it-false,cn-x|card:low",
           "a c 1 #container_id=ci-1,external_data=it-false,cn-x,cardinality=low"},
          {"a:1|c|card:|c:1", "a c 1 #cardinality=,container_id=1"},
          {"a:1|c|#k:v|c:1|#l:w", "a c 1 #k=v,container_id=1,l=w"}, {"a:1|c|cardx:low|ci:1|x:c:1", "a c 1"},
          {"a:1|c|c:a:b|@0.5", "a c 1 @0.5 #container_id=a:b"}, {"a:1|c|c:1:2|g", "!syntax@13"},
          {"a:1|c|c", "!syntax@7"});
}

static void packed_values(void **state)
{
    (void)state;
    CHECK(&relative, {"a:1:2:3|ms", "a m 1,2,3"}, {"a:1::3|h", "a h 1,3"}, {"a:1:|h", "a h 1"},
          {"a:::|g", "a g "}, {"a:1:x|c", "!bad_value@5"}, {"a:1|c:2|g", "a c 1 ; a g 2"},
          {"a:1|c|@0.5:3|g", "a c 1 @0.5 ; a g 3"}, {"a:1:2|c|@0.5:3|c", "a c 1,2 @0.5 ; a c 3"},
          {"a:1|c:x|c:3|c", "!bad_value@7"}, {"a:0|ms|@0.1:0|ms|:1|ms", "a m 0 @0.1 ; a m 0 ; a m 1"},
          {"a:1|s:2|s", "a s 1 ; a s 2"}, {"a:1|c:2|c|#k:v", "a c 1 #k=v ; a c 2 #k=v"},
          {"a:1|c:", "!no_value@7"}, {"a:1|c:2", "!bad_type@8"});
}

static void signed_gauges(void **state)
{
    (void)state;
    CHECK(&relative, {"a:+3|g", "a g+ 3"}, {"a:-3|g", "a g+ -3"}, {"a:3|g", "a g 3"}, {"a:-3|c", "a c -3"},
          {"a:-3|ms", "a m -3"}, {"a:1:+2:+3:4|g", "a g 1 ; a g+ 2,3 ; a g 4"}, {"a::-1|g", "a g+ -1"});
    CHECK(&absolute, {"a:+3|g", "a g 3"}, {"a:-3|g", "a g -3"}, {"a:1:-2|g", "a g 1,-2"});
}

static void fields_in_any_order(void **state)
{
    (void)state;
    CHECK(&relative, {"a:1|c|@0.1", "a c 1 @0.1"}, {"a:1|c|@1", "a c 1"}, {"a:1|c|@0", "!bad_rate@8"},
          {"a:1|c|@1.1", "!bad_rate@8"}, {"a:1|c|@-0.5", "!bad_rate@8"}, {"a:1|c|@", "!bad_rate@8"},
          {"a:1|c|@x", "!bad_rate@8"}, {"a:1|c|#k:v,flag", "a c 1 #k=v,flag"},
          {"a:1|c|#k:v:w", "a c 1 #k=v:w"}, {"a:1|c|#,,f,", "a c 1 #f"}, {"a:1|c|#", "a c 1"},
          {"a:1|c|#k:", "a c 1 #k="}, {"a:1|c|#k:a b", "a c 1 #k=a b"}, {"a:1|g|T5", "a g 1 T5000000000"},
          {"a:1|g|T5|#k:v|@0.5", "a g 1 @0.5 #k=v T5000000000"},
          {"a:1|g|@0.5|#k:v|T5", "a g 1 @0.5 #k=v T5000000000"}, {"a:1|g|T", "!bad_time@7"},
          {"a:1|g|T-5", "!bad_time@7"}, {"a:1|g|T9223372037", "!bad_time@7"},
          {"a:1|c|c:id|e:it-x|card:low|#k:v", "a c 1 #k=v"}, {"a:1|c|x:#,y", "a c 1"}, {"a:1|c|:", "a c 1"},
          {"a:1|c|:|#f", "a c 1 #f"}, {"a:1|c|", "a c 1"}, {"a:1|c||#f", "a c 1 #f"},
          {"a:1|c|b", "!syntax@7"}, {"a:1|c|0.1", "!syntax@7"});
}

static void names(void **state)
{
    (void)state;
    CHECK(&relative, {"a b  c:1|c", "a_b_c c 1"}, {"a/b:1|c", "a-b c 1"}, {"a,b$:1|c", "ab c 1"},
          {"a=b;c=d:1|c", "a=b;c=d c 1"}, {"\xc3\xa9:1|c", "\xc3\xa9 c 1"},
          {"a,k=v,l=w:1|c", "a c 1 #k=v,l=w"}, {"a,k=v,l:1|c", "ak=vl c 1"}, {"a,k=:1|c", "ak= c 1"},
          {"a#k=v:1|c", "a c 1 #k=v"}, {"a[k=v,f]b:1|c", "ab c 1 #k=v,f"}, {"[k=v]a:1|c", "a c 1 #k=v"},
          {"a[]:1|c", "a c 1"}, {"[k=v]:1|c", "!no_name@1"}, {"a[k=v:1|c", "ak=v c 1"},
          {"a,k=v:1|c|#l:w", "a c 1 #k=v,l=w"});
}

static void not_text(void **state)
{
    (void)state;
    CHECK(&relative, {"a\xff:1|c", "!not_text@2"}, {"a:1|c|#k:\xc3(", "!not_text@10"},
          {"a\x01:1|c", "!not_text@2"}, {"a:1|c|#k:\x7f", "!not_text@10"});
    struct ts_parser *prs = ts_parser_new(&relative);
    struct ts_parse_error error;
    assert_int_equal(ts_parse_line(prs, TS_STR("a\0b:1|c"), NULL, NULL, &error), -TS_EPARSE);
    assert_int_equal(error.reason, TS_C_REJECTED_NOT_TEXT);
    ts_parser_free(&prs);
}

static void events(void **state)
{
    (void)state;
    CHECK(&relative, {"_e{1,1}:a|b", "event{a}{b} normal info - - -"},
          {"_e{3,4}:a|b|x\\ny|h:H|k:K|p:low|s:S|t:error|d:5|c:id|#f,k:v",
           "event{a|b}{x\ny} low error H K S #f,k=v T5000000000"},
          {"_e{2,2}:\xc3\xa9|xy", "event{\xc3\xa9}{xy} normal info - - -"},
          {"_e{5,0}:title|", "event{title}{} normal info - - -"},
          {"_e{1,1}:a|b|t:bad|p:bad|d:x|zz|y:", "event{a}{b} normal info - - -"},
          {"_e{1,2}:a|b", "!syntax@9"}, {"_e{1,1}:ab", "!syntax@9"}, {"_e{1,1}:a|bc", "!syntax@9"},
          {"_e{0,1}:|b", "!no_name@9"}, {"_e{1}:a|b", "!syntax@1"}, {"_e{1,}:a|b", "!syntax@1"},
          {"_e{1,1:a|b", "!syntax@1"}, {"_e{1,+1}:a|b", "!syntax@1"},
          {"_e{18446744073709551615,1}:a|b", "!syntax@28"}, {"_e{99999999999999999999,1}:a|b", "!syntax@1"});
}

static void service_checks(void **state)
{
    (void)state;
    CHECK(&relative, {"_sc|a.up|0", "check{a.up} 0 - {}"},
          {"_sc|a|3|d:5|h:H|#f,k:v|m:all\\nwell", "check{a} 3 H {all\nwell} #f,k=v T5000000000"},
          {"_sc|a|0|d:x|u:x", "check{a} 0 - {}"}, {"_sc||0", "!no_name@5"}, {"_sc|", "!no_name@5"},
          {"_sc|a", "!no_value@6"}, {"_sc|a|4", "!bad_value@7"}, {"_sc|a|21", "!bad_value@7"},
          {"_sc|a|", "!bad_value@7"});
}

static void take_series(const struct ts_parsed *parsed, void *arg)
{
    struct ts_buf *out = arg;
    static struct ts_series_view view;
    for (unsigned i = 0; i < ts_parsed_samples(parsed); i++) {
        assert_int_equal(ts_parsed_series(parsed, i, &view), 0);
        ts_buf_printf(out, "%d ", (int)view.kind);
        ts_series_print(&view, out);
        ts_buf_putc(out, ';');
    }
}

/* A flag is "true"; tags without key or value fall out; each value is a sample, a set's text one. */
static void series(void **state)
{
    (void)state;
    struct ts_parser *prs = ts_parser_new(&relative);
    struct ts_parse_error error;
    struct ts_buf out = TS_BUF_INIT;
    assert_int_equal(ts_parse_line(prs, TS_STR("a:1:2|c|#k:v,f,e:,:x"), take_series, &out, &error), 1);
    assert_int_equal(ts_parse_line(prs, TS_STR("b:x:y|s:1|g:1|ms"), take_series, &out, &error), 3);
    assert_int_equal(ts_parse_line(prs, TS_STR("_sc|a|0"), take_series, &out, &error), 1);
    assert_string_equal(ts_buf_cstr(&out), "0 a,k=v,f=true;0 a,k=v,f=true;3 b;1 b;2 b;");
    ts_buf_fini(&out);
    ts_parser_free(&prs);
}

static void accept(const struct ts_parsed *parsed, void *arg)
{
    *(unsigned *)arg += ts_parsed_samples(parsed);
}

/* head, then `n` times the unit, then tail: what does the parser say? */
static int parse_repeated(const char *head, const char *unit, unsigned n, const char *tail, unsigned *samples,
                          struct ts_parse_error *error)
{
    struct ts_parser *prs = ts_parser_new(&relative);
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_puts(&line, head);
    for (unsigned i = 0; i < n; i++)
        ts_buf_puts(&line, unit);
    ts_buf_puts(&line, tail);
    *samples = 0;
    int rc = ts_parse_line(prs, ts_buf_str(&line), accept, samples, error);
    ts_buf_fini(&line);
    ts_parser_free(&prs);
    return rc;
}

static void limits(void **state)
{
    (void)state;
    struct ts_parse_error error;
    unsigned samples;
    assert_int_equal(parse_repeated("a", ":1", TS_VALUES_MAX, "|c", &samples, &error), 1);
    assert_int_equal(samples, TS_VALUES_MAX);
    assert_int_equal(parse_repeated("a", ":1", TS_VALUES_MAX + 1, "|c", &samples, &error), -TS_EPARSE);
    assert_int_equal(error.reason, TS_C_REJECTED_TOO_LONG);
    assert_int_equal(samples, 0);
    assert_int_equal(parse_repeated("a", ":1|c", TS_FIELDS_MAX, "", &samples, &error), TS_FIELDS_MAX);
    assert_int_equal(parse_repeated("a", ":1|c", TS_FIELDS_MAX + 1, "", &samples, &error), -TS_EPARSE);
    assert_int_equal(error.reason, TS_C_REJECTED_TOO_LONG);
    assert_int_equal(parse_repeated("a:1|c|#", "t,", TS_TAGS_MAX, "", &samples, &error), 1);
    assert_int_equal(parse_repeated("a:1|c|#", "t,", TS_TAGS_MAX + 1, "", &samples, &error), -TS_EPARSE);
    assert_int_equal(error.reason, TS_C_REJECTED_BAD_TAGS);
    assert_int_equal(parse_repeated("", "a", TS_LINE_MAX - 4, ":1|c", &samples, &error), 1);
    assert_int_equal(parse_repeated("", "/", TS_LINE_MAX - 4, ":1|c", &samples, &error), 1);
    assert_int_equal(parse_repeated("", "a", TS_LINE_MAX - 3, ":1|c", &samples, &error), -TS_EPARSE);
    assert_int_equal(error.reason, TS_C_REJECTED_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_values),
        cmocka_unit_test(origin_fields),
        cmocka_unit_test(packed_values),
        cmocka_unit_test(signed_gauges),
        cmocka_unit_test(fields_in_any_order),
        cmocka_unit_test(names),
        cmocka_unit_test(not_text),
        cmocka_unit_test(events),
        cmocka_unit_test(service_checks),
        cmocka_unit_test(series),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
