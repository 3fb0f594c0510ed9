/* Which dialect is a line in, and where does it end? The corner cases of docs/DIALECTS.md. */
#include "config.h"
#include "parse/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void expect(enum ts_format format, const char *const *lines)
{
    for (; *lines; lines++)
        if (ts_parse_detect(ts_str_of(*lines)) != format)
            fail_msg("taken for the other dialect: %s", *lines);
}

static void statsd(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "a:1|c",
        "a b:1|c",
        "a b:1|ms\r",
        " a:1|c",
        "a:1|c ",
        "a=b,c=d:1|c",
        "a,host=x,region=y:1|c|@0.5",
        "a:1|c|#note:two words",
        "a:1|c|#note:x = 1",
        "a:1|c|T5|#note:x = 1",
        "a:1|c|@0.5|#note:x = 1",
        "a:1:2|ms|@0.5|c:id|#k:v w",
        "a:1|c:2|g|#k:v w",
        "users:John Smith|s",
        "users:John Smith|s|#k:v w",
        "a:bad value|c",
        "a:1|zz",
        "a:1",
        "a\\ b,k=v:1|c",
        "_e{5,4}:title|text with a=b",
        "_sc|name|0|m:text with a=b",
        "a:1|c|:2|ms|#x y",
        NULL,
    };
    expect(TS_FORMAT_STATSD, lines);
}

static void influx(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "m f=1",
        "m",
        "",
        "# a:1|c",
        "m,t=v f=1 5",
        "disk,path=C: used=1",
        "disk,path=C:\\ D used=1",
        "m,url=http://x/y|z f=1",
        "m,t=a:1|c f=1",
        "m,t=a:1|c|x f=1",
        "m,t=a:1|c|@0.5 f=1",
        "m,t=a:1|c|#x f=1",
        "m,t=a:1|c:2|g f=1",
        "m:1|c f=1",
        "m f=\"a:1|c\"",
        "m f=\"a:1|c|#x\"",
        "m,t=a:b f=\"x|s|#y\"",
        "m,t=a:b f=\"x|s\"",
        "m f=1,g=\":1|c|\"",
        NULL,
    };
    expect(TS_FORMAT_INFLUX, lines);
}

static void line_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ts_format format;
        size_t end;
    } cases[] = {
        {"", TS_FORMAT_AUTO, 0},
        {"abc", TS_FORMAT_AUTO, 3},
        {"\nb", TS_FORMAT_AUTO, 0},
        {"m f=1\nn", TS_FORMAT_INFLUX, 5},
        {"m f=\"a\nb\" 5\nn", TS_FORMAT_INFLUX, 11},
        {"m f=\"a\nb\" 5\nn", TS_FORMAT_AUTO, 11},
        {"m f=\"a\nb\" 5\nn", TS_FORMAT_STATSD, 6},
        {"m f=\"a\\\"\nb\"\nn", TS_FORMAT_INFLUX, 11},
        {"m f=\"a\\\\\"\nb\"\nn", TS_FORMAT_INFLUX, 9},
        {"m f=1,g=\"a\nb\"\nn", TS_FORMAT_INFLUX, 13},
        {"m \"f=1\nn", TS_FORMAT_INFLUX, 6},      /* a quote in a key is a quote */
        {"m,t=\"a f=1\nn", TS_FORMAT_INFLUX, 10}, /* and so is one in a tag */
        {"m,t=\\ \"a f=1\nn", TS_FORMAT_INFLUX, 12},
        {"m f=\"a\nb", TS_FORMAT_INFLUX, 8}, /* never closed: all of the text */
        {"m \"\\\nn", TS_FORMAT_INFLUX, 4},  /* no backslash joins lines */
        {"# it's \"x=\"\nn", TS_FORMAT_INFLUX, 11},
        {"# a=\"x\nn\"", TS_FORMAT_INFLUX, 6}, /* comments have no strings */
        {"a:1|c|#k:\"x\nb\"", TS_FORMAT_AUTO, 11},
    };
    for (size_t i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        size_t end = ts_parse_line_end(cases[i].text, strlen(cases[i].text), cases[i].format);
        if (end != cases[i].end)
            fail_msg("%s: ends at %zu, expected %zu", cases[i].text, end, cases[i].end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statsd),
        cmocka_unit_test(influx),
        cmocka_unit_test(line_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
