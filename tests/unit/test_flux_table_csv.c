/* Annotated CSV both ways: the bytes as InfluxDB writes them, and what csv.from makes of a text. */
#include "config.h"
#include "unit.h"

#include "flux.h"

static void expect(const char *script, const char *want)
{
    struct ts_buf out = TS_BUF_INIT;
    flux_run(script, 0, &out);
    assert_string_equal(ts_buf_cstr(&out), want);
    ts_buf_fini(&out);
}

#define ROW "import \"array\"\narray.from(rows: [{"

static void test_types(void **state)
{
    (void)state;
    expect(ROW "b: true, i: -1, u: uint(v: 7), f: 1.5, s: \"x\", t: 2020-01-01T00:00:00.5Z}])",
           "#datatype,string,long,boolean,long,unsignedLong,double,string,dateTime:RFC3339\r\n"
           "#group,false,false,false,false,false,false,false,false\r\n"
           "#default,_result,,,,,,,\r\n"
           ",result,table,b,i,u,f,s,t\r\n"
           ",,0,true,-1,7,1.5,x,2020-01-01T00:00:00.5Z\r\n"
           "\r\n");
}

static void test_floats_have_no_exponent(void **state)
{
    (void)state;
    expect(
        ROW "a: float(v: \"1e-7\"), b: float(v: \"1e21\"), c: 0.0, d: -2.5}, {a: 1.0 / 0.0, b: -1.0 / 0.0, "
            "c: 0.0 / 0.0, d: 100.0}])",
        "#datatype,string,long,double,double,double,double\r\n#group,false,false,false,false,false,false\r\n"
        "#default,_result,,,,,\r\n,result,table,a,b,c,d\r\n"
        ",,0,0.0000001,1000000000000000000000,0,-2.5\r\n,,0,+Inf,-Inf,NaN,100\r\n\r\n");
}

static void test_quotes(void **state)
{
    (void)state;
    expect(ROW "a: \"x,y\", b: \"say \\\"hi\\\"\", c: \" lead\", d: \"l1\\nl2\", e: \"\"}])",
           "#datatype,string,long,string,string,string,string,string\r\n#group,false,false,false,false,false,"
           "false,false\r\n"
           "#default,_result,,,,,,\r\n,result,table,a,b,c,d,e\r\n"
           ",,0,\"x,y\",\"say \"\"hi\"\"\",\" lead\",\"l1\r\nl2\",\r\n\r\n");
}

/* Tables of one schema follow one another; the key is annotated. */
static void test_tables(void **state)
{
    (void)state;
    expect(ROW "h: \"a\", v: 1}, {h: \"b\", v: 2}, {h: \"a\", v: 3}]) |> group(columns: [\"h\"])",
           "#datatype,string,long,string,long\r\n#group,false,false,true,false\r\n#default,_result,,,\r\n"
           ",result,table,h,v\r\n,,0,a,1\r\n,,0,a,3\r\n,,1,b,2\r\n\r\n");
}

/* An empty table tells its key by defaults, and what follows has annotations of its own. */
static void test_empty_table(void **state)
{
    (void)state;
    expect(ROW "h: \"a\", v: 1}, {h: \"b\", v: 2}]) |> group(columns: [\"h\"]) |> filter(fn: (r) => r.v > 1, "
               "onEmpty: \"keep\")",
           "#datatype,string,long,string,long\r\n#group,false,false,true,false\r\n#default,_result,0,a,\r\n"
           ",result,table,h,v\r\n\r\n"
           "#datatype,string,long,string,long\r\n#group,false,false,true,false\r\n#default,_result,,,\r\n"
           ",result,table,h,v\r\n,,1,b,2\r\n\r\n");
}

/* Results come in the script's order, each with a blank line behind it. */
static void test_yields(void **state)
{
    (void)state;
    expect("import \"array\"\nx = array.from(rows: [{v: 1}])\nx |> yield(name: \"z\")\n"
           "x |> map(fn: (r) => ({w: r.v + 1})) |> yield(name: \"a\")",
           "#datatype,string,long,long\r\n#group,false,false,false\r\n#default,z,,\r\n,result,table,v\r\n,,0,1\r\n\r\n"
           "#datatype,string,long,long\r\n#group,false,false,false\r\n#default,a,,\r\n,result,table,w\r\n,,0,2\r\n\r\n");
    expect("import \"array\"\nx = array.from(rows: [{v: 1}])\nx |> yield()\nx |> yield()",
           "error: tried to produce more than one result with the name \"_result\"");
}

static void test_error_table(void **state)
{
    (void)state;
    struct ts_buf out = TS_BUF_INIT;
    ts_flux_csv_put_error(NULL, TS_FLUX_DIALECT_ANNOTATED, TS_STR("no, \"really\""), &out);
    assert_string_equal(ts_buf_cstr(&out), "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n"
                                           ",error,reference\r\n,\"no, \"\"really\"\"\",\r\n");
    ts_buf_fini(&out);
}

#define CSV(text) "import \"csv\"\ncsv.from(csv: \"" text "\")"

static void test_from(void **state)
{
    (void)state;
    /* the table cell makes tables; an empty cell is the default, and without one null */
    expect(CSV("#datatype,string,long,string,double\n#group,false,false,true,false\n#default,_result,,x,\n"
               ",result,table,h,v\n,,0,a,1.5\n,,0,a,\n,,1,,2\n"),
           "#datatype,string,long,string,double\r\n#group,false,false,true,false\r\n#default,_result,,,\r\n"
           ",result,table,h,v\r\n,,0,a,1.5\r\n,,0,a,\r\n,,1,x,2\r\n\r\n");
    expect("import \"csv\"\ncsv.from(csv: \"a,b\n1,x y\n2,\n\", mode: \"raw\")",
           "#datatype,string,long,string,string\r\n#group,false,false,false,false\r\n#default,_result,,,\r\n"
           ",result,table,a,b\r\n,,0,1,x y\r\n,,0,2,\r\n\r\n");
}

static void test_from_refuses(void **state)
{
    (void)state;
    expect(CSV("#datatype,string,long,long\n#group,false,false,false\n#default,_result,,\n,result,table,v\n,,"
               "0,1.5\n"),
           "error: csv.from: cannot parse \"1.5\" as int");
    expect(CSV("#datatype,string,long,long\n#group,false,false,false\n#default,,,\n,result,table,v\n,a,0,1\n,"
               "b,0,1\n"),
           "error: csv.from() can only parse 1 result");
    expect(CSV("#datatype,string,long,long\n#group,false,false,false\n#default,,,\n,result,table,v\n,,0\n"),
           "error: csv.from: a row has 3 cells where its header has 4");
    expect(CSV("#datatype,string,long,blob\n#group,false,false,false\n#default,,,\n,result,table,v\n"),
           "error: csv.from: unknown data type \"blob\"");
    expect(CSV(",result,table,v\n,,0,1\n"),
           "error: csv.from: missing annotations: expected #datatype, #group and #default");
    expect("import \"csv\"\ncsv.from(csv: \"\")", "error: must provide csv raw text or filename");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),        cmocka_unit_test(test_floats_have_no_exponent),
        cmocka_unit_test(test_quotes),       cmocka_unit_test(test_tables),
        cmocka_unit_test(test_empty_table),  cmocka_unit_test(test_yields),
        cmocka_unit_test(test_error_table),  cmocka_unit_test(test_from),
        cmocka_unit_test(test_from_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
