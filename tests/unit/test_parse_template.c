/* Templates: what they make of names, which one is taken, and what is refused. Results worked out by hand
 * from the rules in docs/DIALECTS.md; the first ones are the examples that Telegraf documents. */
#include "config.h"
#include "unit.h"

#include "core/template.h"
#include "parse/parse_template.h"

static struct ts_series_view view;

/* The series of a counter: measurement[,tag=value] [field], its own tags given as k=v. */
static void expect(const char *list, const char *joiner, const char *name, const char *own, const char *want)
{
    struct ts_templates *tms = ts_templates_new(list, joiner);
    struct ts_buf text = {.limit = TS_SERIES_MAX}, bytes = TS_BUF_INIT, out = TS_BUF_INIT;
    static struct ts_series_view sorted;
    view = (struct ts_series_view){.kind = TS_KIND_COUNTER, .name = ts_str_of(name), .field = TS_STR("")};
    if (own) {
        const char *eq = strchr(own, '=');
        view.tags[view.ntags++] = (struct ts_tag){{own, (size_t)(eq - own)}, ts_str_of(eq + 1)};
    }
    assert_int_equal(ts_templates_apply(tms, &view, &text), 0);
    assert_int_equal(ts_series_encode(&view, &bytes), 0);
    assert_int_equal(ts_series_decode(ts_buf_str(&bytes), &sorted), 0);
    ts_buf_put_str(&out, sorted.name);
    for (unsigned i = 0; i < sorted.ntags; i++)
        ts_buf_printf(&out, ",%.*s=%.*s", (int)sorted.tags[i].key.len, sorted.tags[i].key.p,
                      (int)sorted.tags[i].value.len, sorted.tags[i].value.p);
    if (sorted.field.len)
        ts_buf_printf(&out, " %.*s", (int)sorted.field.len, sorted.field.p);
    assert_string_equal(ts_buf_cstr(&out), want);
    ts_buf_fini(&text);
    ts_buf_fini(&bytes);
    ts_buf_fini(&out);
    ts_templates_free(&tms);
}

static void words_go_where_the_template_says(void **unused)
{
    (void)unused;
    expect("region.region.measurement*", ".", "us.west.cpu.load", NULL, "cpu.load,region=us.west");
    expect("measurement.measurement.field.field.region", "_", "cpu.usage.idle.percent.eu-east", NULL,
           "cpu_usage,region=eu-east idle_percent");
    expect("measurement.measurement.region.field*", "_", "cpu.usage.eu-east.idle.percentage", NULL,
           "cpu_usage,region=eu-east idle_percentage");
    expect("measurement.measurement.field.region datacenter=1a", ".", "cpu.usage.idle.eu-east", NULL,
           "cpu.usage,datacenter=1a,region=eu-east idle");
    expect("servers.* .host.measurement.field", ".", "servers.web01.cpu.user", NULL, "cpu,host=web01 user");
    expect("measurement..host", ".", "a.b.c", NULL, "a,host=c");
    expect("_ a_* x_y_measurement*", ".", "a_b_c_d", NULL, "c.d,x=a,y=b");
}

static void names_that_are_longer_or_shorter(void **unused)
{
    (void)unused;
    expect("host.measurement", ".", "h.m.more.words", NULL, "m,host=h");
    expect("measurement.host.field", ".", "m", NULL, "m");
    expect("measurement.host.field", ".", "m.h", NULL, "m,host=h");
    expect("host.measurement dc=1", ".", "h", NULL, "h"); /* ends before its measurement: left as it is */
    expect("measurement.host", ".", "a.", NULL, "a");     /* an empty word is no value */
    expect("host.measurement*", ".", "a..b", NULL, ".b,host=a");
    expect("host.measurement", ".", "a..b", NULL, "a..b"); /* an empty measurement is none */
}

static void tags_of_the_line_win(void **unused)
{
    (void)unused;
    expect("host.measurement dc=1", ".", "h.m", "host=line", "m,dc=1,host=line");
    expect("host.measurement dc=1", ".", "h.m", "dc=line", "m,dc=line,host=h");
    expect("host.measurement", ".", "h.m", "z=1", "m,host=h,z=1");
}

static void the_most_specific_filter_is_taken(void **unused)
{
    (void)unused;
    static const char list[] =
        "measurement none=1\n* measurement any=1\na.* .measurement a=1\na.b .measurement ab=1\n"
        "a.*.c .measurement ac=1\na.b.*.d .measurement abd=1";
    expect(list, ".", "a.b.x", NULL, "b,ab=1");
    expect(list, ".", "a.b.c", NULL, "b,ab=1"); /* a.b and not a.*.c: at the second word b goes before * */
    expect(list, ".", "a.x.c", NULL, "x,ac=1");
    expect(list, ".", "a.x.y", NULL, "x,a=1");
    expect(list, ".", "a.b.x.d", NULL, "b,abd=1");
    expect(list, ".", "a.b.x.e", NULL, "b,ab=1"); /* a.b.*.d begins better, but does not fit */
    expect(list, ".", "a", NULL, "a,any=1");
    expect("a.b .measurement\nc.* .measurement", ".", "x.y", NULL, "x.y");
    expect("*.* .measurement two=1\n*.*.* .measurement three=1", ".", "a.b.c", NULL, "b,three=1");
    expect("*.* .measurement two=1\n*.*.* .measurement three=1", ".", "a.b", NULL, "b,two=1");
}

static void limits_hold(void **unused)
{
    (void)unused;
    static char name[40000];
    memset(name, '.', sizeof name - 1);
    struct ts_templates *tms = ts_templates_new("measurement*", "__");
    struct ts_buf text = {.limit = TS_SERIES_MAX};
    view = (struct ts_series_view){.kind = TS_KIND_COUNTER, .name = ts_str_of(name)};
    assert_int_equal(ts_templates_apply(tms, &view, &text), -TS_ELIMIT); /* 79,998 bytes */
    ts_templates_free(&tms);
    tms = ts_templates_new("measurement.a", ".");
    view = (struct ts_series_view){.kind = TS_KIND_COUNTER, .name = TS_STR("m.x"), .ntags = TS_TAGS_MAX};
    for (unsigned i = 0; i < TS_TAGS_MAX; i++)
        view.tags[i] = (struct ts_tag){TS_STR("k"), TS_STR("v")};
    assert_int_equal(ts_templates_apply(tms, &view, &text), -TS_ELIMIT);
    ts_templates_free(&tms);
    ts_buf_fini(&text);
    assert_null(ts_templates_new("", "."));
    assert_null(ts_templates_new(NULL, NULL));
}

static void bad_templates_are_refused(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        " ",
        "host",
        "field",
        "a b c d",
        "measurement k=v x",
        "a measurement* b c=d e",
        "measurement*.host",
        "measurement.field*.x",
        "m* measurement",
        "m*.measurement",
        "measurement k=",
        "measurement =v",
        "measurement k=v,",
        "measurement k=v,k=w",
        "host.measurement host=x",
        "measurement\tx",
        "measurement k=\xff",
        "1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.measurement",
        "1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7.8.9.0.1.2.3 measurement",
        "measurement a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1"};
    struct ts_template tpl;
    for (size_t i = 0; i < TS_ARRAY_SIZE(bad); i++) {
        struct ts_err err = {""};
        if (ts_template_read(ts_str_of(bad[i]), &tpl, &err) != -TS_ECONF)
            fail_msg("taken: %s", bad[i]);
        assert_true(strlen(err.msg) > 10);
    }
}

static void parts_are_told_apart(void **unused)
{
    (void)unused;
    struct ts_template tpl, other;
    struct ts_err err;
    assert_int_equal(ts_template_read(TS_STR("  _  a_*   measurement_x   k=v,l=w=w "), &tpl, &err), 0);
    assert_true(ts_str_eq(tpl.separator, TS_STR("_")));
    assert_int_equal(tpl.nfilter, 2);
    assert_int_equal(tpl.nparts, 2);
    assert_int_equal(tpl.ntags, 2);
    assert_true(ts_str_eq(tpl.tags[1].value, TS_STR("w=w")));
    assert_int_equal(ts_template_read(TS_STR("_ a_* measurement"), &other, &err), 0);
    assert_true(ts_template_same_filter(&tpl, &other));
    assert_int_equal(ts_template_read(TS_STR("a.* measurement"), &other, &err), 0);
    assert_false(ts_template_same_filter(&tpl, &other));
    assert_int_equal(ts_template_read(TS_STR("measurement k=v"), &other, &err), 0);
    assert_int_equal(other.nfilter, 0);
    assert_int_equal(other.ntags, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_go_where_the_template_says),
        cmocka_unit_test(names_that_are_longer_or_shorter),
        cmocka_unit_test(tags_of_the_line_win),
        cmocka_unit_test(the_most_specific_filter_is_taken),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(bad_templates_are_refused),
        cmocka_unit_test(parts_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
