/* Annotated CSV to rows: every case whole, byte by byte and in pieces of three, with the same outcome. */
#include "config.h"
#include "query_dump.h"

#include "core/mem.h"
#include "core/csv.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BLOCK(datatypes, groups, defaults, names)                                                            \
    "#datatype,string,long," datatypes "\r\n#group,false,false," groups "\r\n#default,_result,," defaults    \
    "\r\n,result,table," names "\r\n"

static void expect(struct ts_str input, const char *want)
{
    const size_t pieces[] = {1, 3, TS_MAX(input.len, (size_t)1)};
    for (size_t i = 0; i < TS_ARRAY_SIZE(pieces); i++) {
        struct ts_buf got = TS_BUF_INIT;
        dump(input, pieces[i], &got);
        assert_string_equal(ts_buf_cstr(&got), want);
        ts_buf_fini(&got);
    }
}

#define EXPECT(input, want) expect(TS_STR(input), want)

static void test_rows_and_nulls(void **state)
{
    (void)state;
    EXPECT(BLOCK("double,string", "false,true", ",", "v,host") ",,0,1.5,a\r\n,,0,,a\r\n,,1,2,b\r\n\r\n",
           "table _result v:f host:t*\nrow 1.5|a\nrow |a\ntable _result v:f host:t*\nrow 2|b\nend: ok");
    EXPECT(BLOCK("long,unsignedLong,boolean,dateTime:RFC3339", "false,false,false,false", ",,,",
                 "i,u,b,t") ",,0,-1,18446744073709551615,true,2026-01-01T00:00:00Z",
           "table _result i:i u:i b:b t:t\nrow -1|18446744073709551615|true|2026-01-01T00:00:00Z\nend: ok");
}

static void test_quotes(void **state)
{
    (void)state;
    EXPECT(BLOCK("string,string", "false,false", ",", "a,b") ",,0,\"x,y\",\"say \"\"hi\"\"\"\r\n",
           "table _result a:t b:t\nrow x,y|say \"hi\"\nend: ok");
    EXPECT(BLOCK("string,string", "false,false", ",", "a,b") ",,0,\"l1\r\nl2\nl3\",\"a\rb\"\r\n",
           "table _result a:t b:t\nrow l1\nl2\nl3|a\rb\nend: ok");
    /* lazy: a quote inside a plain cell, and one inside a quoted cell that ends nothing */
    EXPECT(BLOCK("string,string", "false,false", ",", "a,b") ",,0,5\" pipe,\"a\"b\"\r\n",
           "table _result a:t b:t\nrow 5\" pipe|a\"b\nend: ok");
    EXPECT(BLOCK("string", "false", "", "a") ",,0,\"never closed\r\n",
           "end: does not parse: line 5 of the answer is not annotated CSV: it ends inside a quoted cell");
}

static void test_line_ends_and_bom(void **state)
{
    (void)state;
    EXPECT("\xEF\xBB\xBF#datatype,string,long,long\n#group,false,false,false\n#default,_result,,\n"
           ",result,table,a\n\n\n,,0,1\n,,0,2",
           "table _result a:i\nrow 1\nrow 2\nend: ok");
    EXPECT("\r\n", "end: ok");
    EXPECT("", "end: ok");
}

static void test_defaults(void **state)
{
    (void)state;
    EXPECT("#datatype,string,long,long,string\n#group,false,false,false,true\n#default,mean,7,42,a\n"
           ",result,table,v,host\n,,,,\n,,,1,b\n",
           "table mean v:i host:t*\nrow 42|a\nrow 1|b\nend: ok");
}

static void test_several_results_and_schemas(void **state)
{
    (void)state;
    EXPECT(
        "#datatype,string,long,long\n#group,false,false,false\n#default,one,,\n,result,table,a\n,,0,1\n\n"
        "#datatype,string,long,double\n#group,false,false,false\n#default,two,,\n,result,table,b\n,,0,2\n\n",
        "table one a:i\nrow 1\ntable two b:f\nrow 2\nend: ok");
    /* no default for the result: each row carries it, and a change of it is a new table */
    EXPECT("#datatype,string,long,long\n#group,false,false,false\n#default,,,\n,result,table,a\n,x,0,1\n,y,0,"
           "2\n",
           "table x a:i\nrow 1\ntable y a:i\nrow 2\nend: ok");
}

static void test_empty_tables(void **state)
{
    (void)state;
    EXPECT("#datatype,string,long,long,string\n#group,false,false,false,true\n#default,_result,0,,a\n"
           ",result,table,v,host\n\n"
           "#datatype,string,long,long,string\n#group,false,false,false,true\n#default,_result,1,,b\n"
           ",result,table,v,host\n\n",
           "table _result v:i host:t*\ntable _result v:i host:t*\nend: ok");
}

static void test_error_table(void **state)
{
    (void)state;
    EXPECT(BLOCK("long", "false", "", "a") ",,0,1\r\n\r\n\r\n#datatype,string,string\r\n#group,true,true\r\n"
                                           "#default,,\r\n,error,reference\r\n,\"division, by zero\",\r\n",
           "table _result a:i\nrow 1\nend: the query failed: division, by zero");
    EXPECT(BLOCK("long", "false", "", "a") ",,0,1\r\n\r\n,error,reference\r\n,failed,897\r\n",
           "table _result a:i\nrow 1\nend: the query failed: failed (reference 897)");
    EXPECT(",error,reference\n", "end: the query failed: the query failed, and the server does not say why");
}

static void test_not_annotated(void **state)
{
    (void)state;
    EXPECT(
        ",result,table,a\n,,0,1\n",
        "end: does not parse: line 1 of the answer is not annotated CSV: there are no annotations before it");
    EXPECT("<html>\n", "end: does not parse: line 1 of the answer is not annotated CSV: its first cell is "
                       "neither empty nor an "
                       "annotation");
    EXPECT("#datatype,string,long,long\n,result,table,a\n",
           "end: does not parse: line 2 of the answer is not annotated CSV: the header does not have the "
           "same cells as "
           "#datatype, "
           "#group and #default");
    EXPECT("#datatype,string\n#group,false\n#default,\n,x\n",
           "end: does not parse: line 4 of the answer is not annotated CSV: the header does not begin with "
           "result and table");
    EXPECT(BLOCK("long", "false", "", "a") ",,0,1,2\r\n",
           "end: does not parse: line 5 of the answer is not annotated CSV: the row does not have the same "
           "cells as the "
           "header");
    EXPECT("#datatype,string,long,long\n",
           "end: does not parse: line 1 of the answer is not annotated CSV: it ends before a header");
}

static void test_too_many_cells(void **state)
{
    (void)state;
    struct ts_buf input = TS_BUF_INIT, got = TS_BUF_INIT;
    for (unsigned i = 0; i < TS_CSV_COLUMNS_MAX; i++)
        ts_buf_putc(&input, ',');
    dump(ts_buf_str(&input), input.len, &got);
    assert_string_equal(
        ts_buf_cstr(&got),
        "end: limit reached: line 1 of the answer is too long: at most 67108864 bytes in 16384 cells");
    ts_buf_fini(&input);
    ts_buf_fini(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_nulls),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_line_ends_and_bom),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_several_results_and_schemas),
        cmocka_unit_test(test_empty_tables),
        cmocka_unit_test(test_error_table),
        cmocka_unit_test(test_not_annotated),
        cmocka_unit_test(test_too_many_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
