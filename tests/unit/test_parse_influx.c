/* Line protocol. Expectations follow InfluxDB 2's reference and, where that is silent, its models package. */
#include "config.h"
#include "parse_cases.h"

#include "core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct ts_parse_opts opts = {.format = TS_FORMAT_INFLUX, .precision_ns = 1};

#define CHECK_WITH(options, ...)                                                                             \
    do {                                                                                                     \
        static const struct parse_case cases[] = {__VA_ARGS__};                                              \
        check_parse_cases(options, cases, TS_ARRAY_SIZE(cases));                                             \
    } while (0)
#define CHECK(...) CHECK_WITH(&opts, __VA_ARGS__)

static void shape(void **state)
{
    (void)state;
    CHECK({"m f=1", "m f=f:1"}, {"m,b=2,a=1 f=1 5", "m,b=2,a=1 f=f:1 T5"}, {"  m   f=1   5   ", "m f=f:1 T5"},
          {"\tm \tf=1 \t5", "m f=f:1 T5"}, {"m f=1,g=2 -7\r", "m f=f:1,g=f:2 T-7"}, {"# m f=1", ""}, {"", ""},
          {" \t\r", ""}, {"m#1 f=1", "m#1 f=f:1"}, {",t=v f=1", "!no_name@1"}, {"m", "!no_value@2"},
          {"m ", "!no_value@3"}, {"m,t=v", "!no_value@6"}, {"m\tf=1", "!not_text@2"}, {"m f", "!syntax@4"},
          {"m =1", "!syntax@3"}, {"m ,f=1", "!syntax@3"}, {"m f=1,", "!syntax@7"},
          {"m f=1,,g=2", "!syntax@7"}, {"m f=1, g=2", "!syntax@7"}, {"m f=", "!no_value@5"},
          {"m f= 5", "!no_value@5"}, {"m f=,g=1", "!no_value@5"}, {"m f=1 5 6", "!syntax@9"},
          {"m f=1 5\t", "!bad_time@7"});
}

static void tags(void **state)
{
    (void)state;
    CHECK({"m, f=1", "!bad_tags@3"}, {"m,,t=v f=1", "!bad_tags@3"}, {"m,=v f=1", "!bad_tags@3"},
          {"m,t f=1", "!bad_tags@4"}, {"m,t= f=1", "!bad_tags@5"}, {"m,t=v, f=1", "!bad_tags@7"},
          {"m,t=a=b f=1", "!bad_tags@6"}, {"m,t=\"q\" f=1", "m,t=\"q\" f=f:1"},
          {"m,t==b f=1", "m,t==b f=f:1"}, {"m,t=1,u=2,t=3 f=1", "!bad_tags@11"},
          {"m,time=1 f=1", "!bad_tags@3"}, {"m,_field=1 f=1", "!bad_tags@3"},
          {"m,_measurement=1 f=1", "!bad_tags@3"}, {"m,t=a:1|c f=1", "m,t=a:1|c f=f:1"},
          {"m,t=\x7f f=1", "!not_text@5"}, {"m,t=\xff f=1", "!not_text@5"},
          {"m\xc3\xa9,\xc3\xa9=\xc3\xa9 \xc3\xa9=1", "m\xc3\xa9,\xc3\xa9=\xc3\xa9 \xc3\xa9=f:1"});
}

static void escapes(void **state)
{
    (void)state;
    CHECK({"a\\,b\\ c\\=d f=1", "a,b c\\=d f=f:1"},
          {"m,a\\,b\\ c\\=d=e\\,f\\ g\\=h f=1", "m,a,b c=d=e,f g=h f=f:1"},
          {"m a\\,b\\ c\\=d\\\"e=1", "m a,b c=d\"e=f:1"},
          {"m\\x,t\\y=v\\z f\\w=1", "m\\x,t\\y=v\\z f\\w=f:1"}, {"m,t=a\\\\  f=1", "m,t=a\\  f=f:1"},
          {"m,t=a\\\\,b f=1", "m,t=a\\,b f=f:1"}, {"m \"a=1", "m \"a=f:1"}, {"m a\\\\=1", "!syntax@6"},
          {"m a\\", "!syntax@5"});
}

static void strings(void **state)
{
    (void)state;
    CHECK({"m f=\"\"", "m f=s:"}, {"m f=\"a, b=c\nd\" 5", "m f=s:a, b=c\nd T5"},
          {"m f=\"a\\\"b\\\\c\\nd\"", "m f=s:a\"b\\c\\nd"}, {"m f=\"a\\\\\",g=\"b\"", "m f=s:a\\,g=s:b"},
          {"m f=\"\x01\"", "m f=s:\x01"}, {"m f=\"a", "!bad_value@5"}, {"m f=\"a\\\"", "!bad_value@5"},
          {"m f=\"a\"b", "!syntax@8"}, {"m f=\"a\"=1", "!syntax@8"}, {"m f=\"a\"\\", "!syntax@8"});
}

static void numbers(void **state)
{
    (void)state;
    CHECK({"m f=0.", "m f=f:0"}, {"m f=.5", "m f=f:0.5"}, {"m f=-1.5e+2", "m f=f:-150"},
          {"m f=1E-3", "m f=f:0.001"}, {"m f=18446744073709551616", "m f=f:18446744073709552000"},
          {"m f=-0i", "m f=i:0"}, {"m f=007i", "m f=i:7"},
          {"m f=9223372036854775807i", "m f=i:9223372036854775807"},
          {"m f=-9223372036854775808i", "m f=i:-9223372036854775808"},
          {"m f=18446744073709551615u", "m f=u:18446744073709551615"},
          {"m f=t,g=True,h=FALSE", "m f=b:true,g=b:true,h=b:false"},
          {"m f=9223372036854775808i", "!bad_value@5"}, {"m f=18446744073709551616u", "!bad_value@5"},
          {"m f=1e400", "!bad_value@5"}, {"m f=1.0i", "!bad_value@5"}, {"m f=-1u", "!bad_value@5"},
          {"m f=i", "!bad_value@5"}, {"m f=+1", "!bad_value@5"}, {"m f=+1i", "!bad_value@5"},
          {"m f=1e", "!bad_value@5"}, {"m f=.", "!bad_value@5"}, {"m f=-", "!bad_value@5"},
          {"m f=NaN", "!bad_value@5"}, {"m f=0x1", "!bad_value@5"}, {"m f=1I", "!bad_value@5"},
          {"m f=tRUE", "!bad_value@5"}, {"m f=1i2", "!bad_value@5"}, {"m f=1 2i", "!bad_time@7"});
}

static void times(void **state)
{
    (void)state;
    static const struct ts_parse_opts seconds = {.format = TS_FORMAT_INFLUX, .precision_ns = 1000000000};
    CHECK({"m f=1 9223372036854775806", "m f=f:1 T9223372036854775806"},
          {"m f=1 9223372036854775807", "!bad_time@7"},
          {"m f=1 -9223372036854775806", "m f=f:1 T-9223372036854775806"},
          {"m f=1 -9223372036854775807", "!bad_time@7"}, {"m f=1 9223372036854775808", "!bad_time@7"},
          {"m f=1 -", "!bad_time@7"}, {"m f=1 +1", "!bad_time@7"}, {"m f=1 1.5", "!bad_time@7"});
    CHECK_WITH(&seconds, {"m f=1 -2", "m f=f:1 T-2000000000"},
               {"m f=1 9223372036", "m f=f:1 T9223372036000000000"}, {"m f=1 9223372037", "!bad_time@7"});
}

static void keep(const struct ts_parsed *parsed, void *arg)
{
    static struct ts_series_view view;
    struct ts_buf *out = arg;
    for (unsigned i = 0; i < ts_parsed_samples(parsed); i++) {
        assert_int_equal(ts_parsed_series(parsed, i, &view), 0);
        ts_buf_printf(out, "%d ", (int)view.kind);
        ts_series_print(&view, out);
        ts_buf_putc(out, ';');
    }
}

/* One series per field; strings are a kind of their own. */
static void series(void **state)
{
    (void)state;
    struct ts_parser *prs = ts_parser_new(&opts);
    struct ts_parse_error error;
    struct ts_buf out = TS_BUF_INIT;
    assert_int_equal(ts_parse_line(prs, TS_STR("m,k=v a=1,b=t,c=\"x\" 5"), keep, &out, &error), 1);
    assert_string_equal(ts_buf_cstr(&out), "4 m,k=v a;4 m,k=v b;5 m,k=v c;");
    ts_buf_fini(&out);
    ts_parser_free(&prs);
}

/* InfluxDB's bound is on measurement, tags and field key as written, and four bytes: 65535. */
static void longest_key(void **state)
{
    (void)state;
    struct ts_parser *prs = ts_parser_new(&opts);
    struct ts_parse_error error;
    struct ts_buf line = TS_BUF_INIT, out = TS_BUF_INIT;
    for (unsigned i = 0; i < 65535 - 4 - 1; i++)
        ts_buf_putc(&line, 'm');
    ts_buf_puts(&line, " f=1");
    assert_int_equal(ts_parse_line(prs, ts_buf_str(&line), keep, &out, &error), 1);
    ts_buf_puts(&line, ",fg=1");
    assert_int_equal(ts_parse_line(prs, ts_buf_str(&line), keep, &out, &error), -TS_EPARSE);
    assert_int_equal(error.reason, TS_C_REJECTED_TOO_LONG);
    assert_int_equal(error.column, 65530 + 6);
    ts_buf_fini(&line);
    ts_buf_fini(&out);
    ts_parser_free(&prs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape),   cmocka_unit_test(tags),        cmocka_unit_test(escapes),
        cmocka_unit_test(strings), cmocka_unit_test(numbers),     cmocka_unit_test(times),
        cmocka_unit_test(series),  cmocka_unit_test(longest_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
