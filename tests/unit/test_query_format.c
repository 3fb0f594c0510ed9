/* Annotated CSV to each format, against text written by hand. */
#include "config.h"
#include "query/query_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TWO_HOSTS                                                                                            \
    "#datatype,string,long,dateTime:RFC3339,double,string\n#group,false,false,false,false,true\n"            \
    "#default,_result,,,,\n,result,table,_time,_value,host\n"                                                \
    ",,0,2026-01-01T00:00:00Z,1.5,a\n,,0,2026-01-01T00:00:10Z,20,a\n,,1,2026-01-01T00:00:00Z,,b c\n\n"

#define OTHER_RESULT                                                                                         \
    "#datatype,string,long,string,boolean\n#group,false,false,false,false\n#default,ok,,,\n"                 \
    ",result,table,text,up\n,,0,\"a,\"\"b\"\"\tc\\\",true\n\n"

struct target {
    const struct ts_query_format *format;
    struct ts_query_out out;
    void *st;
};

static void on_table(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct target *to = arg;
    to->format->table(to->st, tbl, cells);
}

static void on_row(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct target *to = arg;
    to->format->row(to->st, tbl, cells);
}

/* Formats the input as on a terminal of so many columns (0: none); sync_at: byte of the input at which to
 * sync. */
static void format(const char *name, const char *input, unsigned columns, size_t sync_at, struct target *to)
{
    struct ts_buf error = TS_BUF_INIT;
    *to = (struct target){.format = ts_query_format_find(name)};
    ts_query_out_init(&to->out, -1);
    to->out.columns = columns;
    to->st = to->format->open(&to->out);
    struct ts_query_decoder *dec = ts_query_decoder_new(&(struct ts_query_events){on_table, on_row, to});
    assert_int_equal(ts_query_decoder_feed(dec, input, sync_at, &error), 0);
    if (to->format->sync)
        to->format->sync(to->st);
    assert_int_equal(ts_query_decoder_feed(dec, input + sync_at, strlen(input) - sync_at, &error), 0);
    assert_int_equal(ts_query_decoder_finish(dec, &error), 0);
    if (to->format->end)
        to->format->end(to->st);
    to->format->free(to->st);
    ts_query_decoder_free(&dec);
    ts_buf_fini(&error);
}

static void expect(const char *name, const char *input, const char *want)
{
    struct target to;
    format(name, input, 0, 0, &to);
    assert_string_equal(ts_buf_cstr(&to.out.buf), want);
    ts_query_out_fini(&to.out);
}

static void test_csv(void **state)
{
    (void)state;
    expect("csv", TWO_HOSTS OTHER_RESULT,
           "_time,_value,host\n2026-01-01T00:00:00Z,1.5,a\n2026-01-01T00:00:10Z,20,a\n2026-01-01T00:00:00Z,,"
           "b c\n"
           "\nresult,text,up\nok,\"a,\"\"b\"\"\tc\\\",true\n");
    expect("csv", "\r\n", "");
    /* a lone null would be a blank line */
    expect(
        "csv",
        "#datatype,string,long,string\n#group,false,false,false\n#default,_result,,\n,result,table,a\n,,0,\n",
        "a\n\"\"\n");
}

static void test_tsv(void **state)
{
    (void)state;
    expect("tsv", OTHER_RESULT, "result\ttext\tup\nok\ta,\"b\"\\tc\\\\\ttrue\n");
}

static void test_json(void **state)
{
    (void)state;
    expect("json", TWO_HOSTS OTHER_RESULT,
           "[\n{\"_time\":\"2026-01-01T00:00:00Z\",\"_value\":1.5,\"host\":\"a\"},\n"
           "{\"_time\":\"2026-01-01T00:00:10Z\",\"_value\":20.0,\"host\":\"a\"},\n"
           "{\"_time\":\"2026-01-01T00:00:00Z\",\"_value\":null,\"host\":\"b c\"},\n"
           "{\"result\":\"ok\",\"text\":\"a,\\\"b\\\"\\tc\\\\\",\"up\":true}\n]\n");
    expect("json", "", "[]\n");
    expect("ndjson",
           "#datatype,string,long,double,unsignedLong,boolean\n#group,false,false,false,false,false\n"
           "#default,_result,,,,\n,result,table,d,u,b\n"
           ",,0,NaN,18446744073709551615,false\n,,0,-Inf,,\n,,0,-0.25,7,maybe\n",
           "{\"d\":\"NaN\",\"u\":18446744073709551615,\"b\":false}\n{\"d\":\"-Inf\",\"u\":null,\"b\":null}\n"
           "{\"d\":-0.25,\"u\":7,\"b\":\"maybe\"}\n");
}

static void test_table(void **state)
{
    (void)state;
    expect("table", TWO_HOSTS OTHER_RESULT,
           "Table: host=a\n"
           "_time                 _value\n"
           "2026-01-01T00:00:00Z     1.5\n"
           "2026-01-01T00:00:10Z      20\n"
           "\nTable: host=\"b c\"\n"
           "_time                 _value\n"
           "2026-01-01T00:00:00Z        \n"
           "\nResult: ok\n"
           "text       up\n"
           "a,\"b\"\\tc\\  true\n");
    expect("table", "", "");
}

#define ONE_COLUMN(type, rows)                                                                               \
    "#datatype,string,long," type ",string\n#group,false,false,false,false\n#default,_result,0,,\n"          \
    ",result,table,v,s\n" rows

static void test_table_cells(void **state)
{
    (void)state;
    expect("table",
           ONE_COLUMN("double", ",,,1000000000000000000000000000000,\"\x1b[31m\"\n,,,2,\xC3\xA4\xC2\x85\n"),
           "    v  s\n1e+30  \\x1b[31m\n    2  \xC3\xA4\\xc2\\x85\n");
    expect("table", ONE_COLUMN("long", ""), "v  s\n(no rows)\n");
    /* all columns in the group key: they are the table */
    expect(
        "table",
        "#datatype,string,long,string\n#group,false,false,true\n#default,_result,0,x\n,result,table,k\n,,,\n",
        "Table: k=x\nk\nx\n");
}

static void test_table_widens(void **state)
{
    (void)state;
    static const char first[] = ONE_COLUMN("long", ",,,1,a\n"),
                      all[] = ONE_COLUMN("long", ",,,1,a\n,,,22,b\n,,,3,c\n");
    struct target to;
    format("table", all, 0, sizeof first - 1, &to);
    assert_string_equal(ts_buf_cstr(&to.out.buf), "v  s\n1  a\n\n v  s\n22  b\n 3  c\n");
    ts_query_out_fini(&to.out);
}

static void test_table_fits_the_terminal(void **state)
{
    (void)state;
    static const char input[] = ONE_COLUMN("long", ",,,1,abcdefghij\xC3\xA4"
                                                   "bc\n");
    struct target to;
    format("table", input, 16, 0, &to); /* 1 + 2 + 13 columns: fits */
    assert_string_equal(ts_buf_cstr(&to.out.buf), "v  s\n1  abcdefghij\xC3\xA4"
                                                  "bc\n");
    assert_false(to.out.cut);
    ts_query_out_fini(&to.out);
    format("table", input, 15, 0, &to);
    assert_string_equal(ts_buf_cstr(&to.out.buf), "v  s\n1  abcdefghij\xC3\xA4…\n");
    assert_true(to.out.cut);
    ts_query_out_fini(&to.out);
}

static void test_chart(void **state)
{
#define TWICE(a)  a a
#define TEN(a)    TWICE(a a a a a)
#define BLOCKS_19 TEN("█") "█████████"
#define FULL      BLOCKS_19 "█\n"
    (void)state;
    /* 8 until the last second, then 4: the upper half of the picture ends a column before the lower one. */
    const char *want = "host=a\n"
                       "       8 ┤" BLOCKS_19 " \n         │" BLOCKS_19 " \n         │" BLOCKS_19 " \n         │" BLOCKS_19 " \n"
                       "       4 ┤" FULL "         │" FULL "         │" FULL "       0 ┤" FULL "          00:00:00    00:00:10\n\n"
                       "host=b\n  no numbers to show\n\n";
    struct target to;
    format("chart",
           "#datatype,string,long,dateTime:RFC3339,long,string\n#group,false,false,false,false,true\n"
           "#default,_result,,,,\n,result,table,_time,_value,host\n"
           ",,0,2026-01-01T00:00:00Z,8,a\n,,0,2026-01-01T00:00:10Z,4,a\n,,1,2026-01-01T00:00:00Z,,b\n\n",
           30, 0, &to);
    assert_string_equal(ts_buf_cstr(&to.out.buf), want);
    ts_query_out_fini(&to.out);
}

/* More points than are kept: the picture is that of their means, and its right end that of the last. */
static void test_chart_of_many(void **state)
{
    struct ts_buf input = TS_BUF_INIT;
    struct target to;
    (void)state;
    ts_buf_puts(&input, "#datatype,string,long,double\n#group,false,false,false\n#default,_result,,\n,result,table,x\n");
    for (int i = 0; i < 100000; i++)
        ts_buf_printf(&input, ",,0,%s\n", i < 50000 ? "1" : "2");
    format("chart", ts_buf_cstr(&input), 30, 0, &to);
    const char *text = ts_buf_cstr(&to.out.buf);
    assert_non_null(strstr(text, "       2 ┤          " TEN("█") "\n"));
    assert_non_null(strstr(text, "       1 ┤" TWICE(TEN("█")) "\n"));
    ts_buf_fini(&input);
    ts_query_out_fini(&to.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_tsv),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_cells),
        cmocka_unit_test(test_table_widens),
        cmocka_unit_test(test_table_fits_the_terminal),
        cmocka_unit_test(test_chart),
        cmocka_unit_test(test_chart_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
