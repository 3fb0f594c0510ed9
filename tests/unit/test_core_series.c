/* Series identity: one encoding per identity, any bytes, and damaged encodings. */
#include "config.h"
#include "core/series.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct ts_series_view *a_view(enum ts_kind kind, const char *name, const char *field)
{
    static struct ts_series_view view;
    view = (struct ts_series_view){.kind = kind, .name = ts_str_of(name), .field = ts_str_of(field)};
    return &view;
}

static void add_tag(struct ts_series_view *view, struct ts_str key, struct ts_str value)
{
    view->tags[view->ntags++] = (struct ts_tag){key, value};
}

static void tags_are_sorted(void **state)
{
    static const char want[] = "\4"
                               "\3\0cpu"
                               "\5\0usage"
                               "\2\0"
                               "\4\0host\1\0a"
                               "\5\0hosts\1\0b";
    struct ts_buf one = TS_BUF_INIT, two = TS_BUF_INIT;
    (void)state;
    struct ts_series_view *view = a_view(TS_KIND_FIELD, "cpu", "usage");
    add_tag(view, TS_STR("hosts"), TS_STR("b"));
    add_tag(view, TS_STR("host"), TS_STR("a"));
    assert_int_equal(ts_series_encode(view, &one), 0);
    assert_int_equal(one.len, sizeof want - 1);
    assert_memory_equal(one.p, want, sizeof want - 1);
    view = a_view(TS_KIND_FIELD, "cpu", "usage");
    add_tag(view, TS_STR("host"), TS_STR("z"));
    add_tag(view, TS_STR("hosts"), TS_STR("b"));
    add_tag(view, TS_STR("host"), TS_STR("a"));
    assert_int_equal(ts_series_encode(view, &two), 0);
    assert_true(ts_str_eq(ts_buf_str(&one), ts_buf_str(&two)));
    ts_buf_fini(&one);
    ts_buf_fini(&two);
}

static void any_bytes_survive(void **state)
{
    struct ts_buf buf = TS_BUF_INIT, text = TS_BUF_INIT;
    static struct ts_series_view back;
    (void)state;
    struct ts_series_view *view = a_view(TS_KIND_GAUGE, "a b,c=d", "");
    add_tag(view, TS_STR("\0k"), TS_STR("\xff\n"));
    add_tag(view, TS_STR(""), TS_STR(""));
    assert_int_equal(ts_series_encode(view, &buf), 0);
    assert_int_equal(ts_series_decode(ts_buf_str(&buf), &back), 0);
    assert_int_equal(back.kind, TS_KIND_GAUGE);
    assert_true(ts_str_eq(back.name, TS_STR("a b,c=d")));
    assert_int_equal(back.field.len, 0);
    assert_int_equal(back.ntags, 2);
    assert_true(ts_str_eq(back.tags[1].key, TS_STR("\0k")) && ts_str_eq(back.tags[1].value, TS_STR("\xff\n")));
    view = a_view(TS_KIND_FIELD, "cpu", "usage");
    add_tag(view, TS_STR("host"), TS_STR("a"));
    ts_series_print(view, &text);
    assert_string_equal(ts_buf_cstr(&text), "cpu,host=a usage");
    ts_buf_fini(&buf);
    ts_buf_fini(&text);
}

static void too_long(void **state)
{
    static char name[TS_SERIES_MAX + 1];
    struct ts_buf buf = TS_BUF_INIT, small = {.limit = 16};
    (void)state;
    struct ts_series_view *view = a_view(TS_KIND_COUNTER, "", "");
    view->name = (struct ts_str){name, TS_SERIES_MAX - 7};
    assert_int_equal(ts_series_encode(view, &buf), 0);
    assert_int_equal(buf.len, TS_SERIES_MAX);
    view->name.len++;
    assert_int_equal(ts_series_encode(view, &buf), -TS_ELIMIT);
    assert_int_equal(buf.len, TS_SERIES_MAX);
    assert_int_equal(ts_series_encode(a_view(TS_KIND_COUNTER, "a.name.longer.than.that", ""), &small), -TS_ENOMEM);
    ts_buf_fini(&buf);
    ts_buf_fini(&small);
}

static void damage_is_noticed(void **state)
{
    struct ts_buf buf = TS_BUF_INIT;
    static struct ts_series_view back;
    (void)state;
    struct ts_series_view *view = a_view(TS_KIND_TIMING, "api", "");
    add_tag(view, TS_STR("region"), TS_STR("eu"));
    assert_int_equal(ts_series_encode(view, &buf), 0);
    for (size_t len = 0; len < buf.len; len++)
        assert_int_equal(ts_series_decode((struct ts_str){buf.p, len}, &back), -TS_ECORRUPT);
    ts_buf_putc(&buf, 0);
    assert_int_equal(ts_series_decode(ts_buf_str(&buf), &back), -TS_ECORRUPT);
    buf.len--;
    buf.p[0] = TS_KIND_COUNT;
    assert_int_equal(ts_series_decode(ts_buf_str(&buf), &back), -TS_ECORRUPT);
    ts_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_sorted),
        cmocka_unit_test(any_bytes_survive),
        cmocka_unit_test(too_long),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
