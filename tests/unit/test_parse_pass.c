/* Events and service checks to points, by the mapping in docs/DIALECTS.md; through the tiler, as a listener
 * does. */
#include "config.h"
#include "unit.h"

#include "core/counters.h"
#include "parse/parse_tile.h"

static struct ts_buf got;

/* series tags | fields [@time], a line each */
static void take(const struct ts_passed *psd, void *arg)
{
    static struct ts_series_view view;
    struct ts_str fields = psd->fields;
    struct ts_passed_field field;
    (void)arg;
    assert_true(ts_passed_is_sound(fields));
    assert_int_equal(ts_series_decode(psd->series, &view), 0);
    assert_int_equal(view.kind, TS_KIND_PASSED);
    assert_int_equal(view.field.len, 0);
    ts_buf_put_str(&got, view.name);
    for (unsigned i = 0; i < view.ntags; i++)
        ts_buf_printf(&got, " %.*s=%.*s", (int)view.tags[i].key.len, view.tags[i].key.p,
                      (int)view.tags[i].value.len, view.tags[i].value.p);
    ts_buf_puts(&got, " |");
    while (ts_passed_next(&fields, &field) == 0) {
        ts_buf_printf(&got, " %.*s=", (int)field.key.len, field.key.p);
        if (field.type == 'i')
            ts_buf_printf(&got, "%lldi", (long long)field.i);
        else
            ts_buf_printf(&got, "'%.*s'", (int)field.text.len, field.text.p);
    }
    if (psd->has_time)
        ts_buf_printf(&got, " @%lld", (long long)psd->time_ns);
    ts_buf_putc(&got, '\n');
}

static void no_tile(struct ts_tile *tile, void *arg)
{
    (void)arg;
    assert_int_equal(tile->n, 0);
}

static void expect(bool origin_tags, const char *lines, const char *want, unsigned samples)
{
    static char data[8192];
    struct ts_parse_opts opts = {.format = TS_FORMAT_AUTO, .precision_ns = 1, .origin_tags = origin_tags};
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    struct ts_tiler *tl = ts_tiler_new(&opts, cnt, no_tile, NULL);
    ts_tiler_set_pass(tl, take, NULL);
    ts_buf_clear(&got);
    memcpy(data, lines, strlen(lines));
    ts_tiler_feed(tl, data, strlen(lines));
    ts_tiler_flush(tl);
    assert_string_equal(ts_buf_cstr(&got), want);
    assert_int_equal(ts_counter_of(cnt, TS_C_SAMPLES_RECEIVED), samples);
    assert_int_equal(ts_counter_of(cnt, TS_C_LINES_RECEIVED), samples);
    ts_tiler_free(&tl);
    ts_counters_free_all();
}

static void events(void **unused)
{
    (void)unused;
    expect(false, "_e{5,4}:title|text",
           "events alert_type=info priority=normal | title='title' text='text'\n", 1);
    expect(false,
           "_e{1,4}:t|a\\nb|d:1700000000|h:web1|k:deploy 7|p:low|s:git|t:error|#env:prod,flag,empty:,a:1",
           "events a=1 alert_type=error env=prod flag=true hostname=web1 priority=low source_type=git | "
           "title='t' text='a\nb' aggregation_key='deploy 7' @1700000000000000000\n",
           1);
    /* empty text; a tag of the line with the name of one of ours gives way */
    expect(false, "_e{1,0}:t||h:web1|#hostname:other,title:x",
           "events alert_type=info hostname=web1 priority=normal title=x | title='t' text=''\n", 1);
    expect(false, "_e{1,1}:t|x|c:in-1|e:it|card:low",
           "events alert_type=info priority=normal | title='t' text='x'\n", 1);
    expect(true, "_e{1,1}:t|x|c:in-1|e:it|card:low",
           "events alert_type=info cardinality=low container_id=in-1 external_data=it priority=normal | "
           "title='t' text='x'\n",
           1);
    expect(false, "_e{5,4}:title", "", 1); /* rejected */
}

static void service_checks(void **unused)
{
    (void)unused;
    expect(false, "_sc|db.up|2", "service_checks name=db.up | status=2i\n", 1);
    expect(false, "_sc|db up|0|d:1700000000|h:db1|#a:b|m:all\\nwell, \"it\" is",
           "service_checks a=b hostname=db1 name=db up | status=0i message='all\nwell, \"it\" is' "
           "@1700000000000000000\n",
           1);
    expect(false, "_sc|x|1|#name:y\n_sc|x|3\n_sc|x|4\n",
           "service_checks name=x | status=1i\nservice_checks name=x | status=3i\n", 3);
}

static void too_many_tags(void **unused)
{
    (void)unused;
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_puts(&line, "_sc|x|1|h:y|#");
    for (unsigned i = 0; i < TS_TAGS_MAX - 1; i++)
        ts_buf_printf(&line, "%st%u:1", i ? "," : "", i);
    expect(false, ts_buf_cstr(&line), "", 1); /* 255 and two of ours: dropped, counted */
    ts_buf_fini(&line);
}

static void damaged_fields_are_not_sound(void **unused)
{
    (void)unused;
    struct ts_buf fields = TS_BUF_INIT;
    ts_passed_put_text(&fields, TS_STR("key"), TS_STR("text"));
    ts_passed_put_int(&fields, TS_STR("n"), -2);
    assert_int_equal(fields.len, (1 + 2 + 3 + 4 + 4) + (1 + 2 + 1 + 8));
    assert_true(ts_passed_is_sound(ts_buf_str(&fields)));
    for (size_t len = 0; len < fields.len; len++)
        assert_int_equal(ts_passed_is_sound((struct ts_str){fields.p, len}), len == 14);
    fields.p[0] = 'x';
    assert_false(ts_passed_is_sound(ts_buf_str(&fields)));
    ts_buf_fini(&fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),
        cmocka_unit_test(service_checks),
        cmocka_unit_test(too_many_tags),
        cmocka_unit_test(damaged_fields_are_not_sound),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    ts_buf_fini(&got);
    return rc;
}
