/*
 * The fast way against the complete one: whatever line is fed, both must see the same samples. Lines are made at random from
 * the pieces that make lines go wrong.
 */
#include "config.h"
#include "unit.h"

#include "core/buf.h"
#include "core/counters.h"
#include "core/hash.h"
#include "core/mem.h"
#include "parse/parse_scan.h"
#include "parse/parse_template.h"
#include "parse/parse_tile.h"

static uint64_t state = 88172645463325252u;

static unsigned pick(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % n);
}

static void scans_agree(void **unused)
{
    (void)unused;
    static char data[TS_SCAN_MAX + 64];
    static uint32_t a[TS_SCAN_MAX + 64], b[TS_SCAN_MAX + 64];
    for (unsigned round = 0; round < 3000; round++) {
        size_t len = round < 2900 ? pick(300) : TS_SCAN_MAX - pick(70);
        for (size_t i = 0; i < sizeof data && i < len + 64; i++)
            data[i] = "abc\n:|.\xff"[pick(8)];
        size_t na = ts_scan_plain(data, len, a), nb = ts_scan_choose()(data, len, b);
        assert_int_equal(na, nb);
        assert_memory_equal(a, b, na * sizeof *a);
    }
}

/* One line per sample: series bytes in hexadecimal, value or text, weight, time. */
static void describe(struct ts_buf *out, struct ts_series_view *view, const struct ts_raw *raw)
{
    struct ts_buf series = TS_BUF_INIT;
    assert_int_equal(ts_series_encode(view, &series), 0);
    for (size_t i = 0; i < series.len; i++)
        ts_buf_printf(out, "%02x", (unsigned char)series.p[i]);
    if (raw->flags & TS_RAW_TEXT)
        ts_buf_printf(out, " text %.*s", (int)raw->text->len, raw->text->p);
    else
        ts_buf_printf(out, " value %a", raw->value);
    ts_buf_printf(out, " weight %a", raw->flags & TS_RAW_WEIGHT ? raw->weight : 1.0);
    if (raw->flags & TS_RAW_TIME)
        ts_buf_printf(out, " time %lld", (long long)raw->time_ns);
    ts_buf_printf(out, "%s\n", raw->flags & TS_RAW_RELATIVE ? " relative" : "");
    ts_buf_fini(&series);
}

static void take_tile(struct ts_tile *tile, void *arg)
{
    static struct ts_series_view view;
    for (unsigned i = 0; i < tile->n; i++) {
        if (tile->resolve(tile, i, &view) == 0)
            describe(arg, &view, &tile->raw[i]);
        if (tile->raw[i].flags & TS_RAW_TEXT)
            TS_FREE(tile->raw[i].text);
    }
}

static struct ts_templates *templates; /* NULL: none */

/* What ts_parse_line says of it, in the same words. */
static void take_parsed(const struct ts_parsed *parsed, void *arg)
{
    static struct ts_series_view view;
    for (unsigned i = 0; i < ts_parsed_samples(parsed); i++) {
        struct ts_raw raw = {0};
        char room[sizeof(struct ts_text) + 4096];
        struct ts_buf names = {.limit = TS_SERIES_MAX};
        assert_int_equal(ts_parsed_series(parsed, i, &view), 0);
        if (templates && parsed->what == TS_PARSED_METRIC)
            assert_int_equal(ts_templates_apply(templates, &view, &names), 0);
        if (parsed->what == TS_PARSED_METRIC) {
            raw.flags = parsed->metric.relative ? TS_RAW_RELATIVE : 0;
            if (view.kind != TS_KIND_GAUGE && view.kind != TS_KIND_SET && parsed->metric.rate != 1) {
                raw.flags |= TS_RAW_WEIGHT;
                raw.weight = 1 / parsed->metric.rate;
            }
            if (view.kind == TS_KIND_SET)
                raw.bits = ts_hash(parsed->metric.set_value.p, parsed->metric.set_value.len);
            else
                raw.value = parsed->metric.values[i];
        } else {
            const struct ts_field *f = &parsed->point.fields[i];
            raw.value = f->type == TS_FIELD_FLOAT  ? f->f
                        : f->type == TS_FIELD_INT  ? (double)f->i
                        : f->type == TS_FIELD_UINT ? (double)f->u
                                                   : f->b;
            if (f->type == TS_FIELD_STRING) {
                raw.flags = TS_RAW_TEXT;
                raw.text = (struct ts_text *)(void *)room;
                raw.text->len = (uint32_t)f->s.len;
                memcpy(raw.text->p, f->s.p, f->s.len);
            }
        }
        if (parsed->has_time) {
            raw.flags |= TS_RAW_TIME;
            raw.time_ns = parsed->time_ns;
        }
        describe(arg, &view, &raw);
        ts_buf_fini(&names);
    }
}

static size_t random_line(char *to)
{
    static const char *const pieces[] = {
        "a",     "cpu",    ".load", ":",    "1",     "12.5", "-3",       "+4",      "|",     "c",   "g",        "ms",    "h",
        "d",     "s",      "|@",    "0.1",  "|#",    "k:v",  "host:a,b", ",",       "=",     " ",   "\\",       "\"",    "1i",
        "value", "value=", "2u",    "true", "1e3",   ".5",   "5.",       "0",       "100",   "#x",  "|T",       "e",     "nan",
        "|e:x",  "|card:low", ":1|ms", ":2|c",   ":3|g",  "x=1",  " y=2i", ",t=u", " 170000",  "0000000", "|c:id", "\r",  "99999999", "é",     "m,a=b f=1",
        "\t",    "1:2:3",  "_sc|",  "|@1",  "|@2",   "|#a",  "000000000000", "|h",  "\\ ",   "f=1", "-",        "12345678901234567"};
    size_t len = 0;
    unsigned n = 1 + pick(8);
    for (unsigned i = 0; i < n; i++) {
        const char *piece = pieces[pick(TS_ARRAY_SIZE(pieces))];
        memcpy(to + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return len;
}

static void both_ways(enum ts_format format, enum ts_signed_gauges gauges, bool origin_tags)
{
    struct ts_parse_opts opts = {.format = format,
                                 .signed_gauges = gauges,
                                 .precision_ns = 1,
                                 .origin_tags = origin_tags,
                                 .templates = templates};
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    struct ts_buf fast = TS_BUF_INIT, slow = TS_BUF_INIT;
    struct ts_tiler *tl = ts_tiler_new(&opts, cnt, take_tile, &fast);
    struct ts_parser *parser = ts_parser_new(&opts);
    uint64_t good = 0;
    for (unsigned round = 0; round < 200000; round++) {
        char line[512] = {0}, copy[512];
        size_t len = random_line(line);
        memcpy(copy, line, sizeof copy);
        struct ts_parse_error error;
        ts_buf_clear(&fast);
        ts_buf_clear(&slow);
        int rc = ts_parse_line(parser, (struct ts_str){copy, len}, take_parsed, &slow, &error);
        uint64_t accepted = ts_counter_of(cnt, TS_C_LINES_ACCEPTED), received = ts_counter_of(cnt, TS_C_LINES_RECEIVED);
        ts_tiler_feed(tl, line, len);
        ts_tiler_flush(tl);
        if (fast.len != slow.len || (fast.len && memcmp(fast.p, slow.p, fast.len) != 0))
            fail_msg("line [%s]\nfast %.*s\nslow %.*s %s", copy, (int)fast.len, fast.p, (int)slow.len, slow.p,
                     rc < 0 ? error.why : "");
        accepted = ts_counter_of(cnt, TS_C_LINES_ACCEPTED) - accepted;
        received = ts_counter_of(cnt, TS_C_LINES_RECEIVED) - received;
        if (accepted != (rc > 0) || received != (rc != 0))
            fail_msg("line [%s] accepted %d received %d, parsed %d", copy, (int)accepted, (int)received, rc);
        good += rc > 0;
    }
    assert_true(good > 1000); /* the pieces do make good lines, too */
    ts_parser_free(&parser);
    ts_tiler_free(&tl);
    ts_buf_fini(&fast);
    ts_buf_fini(&slow);
    ts_counters_free_all();
}

static void fast_and_complete_agree(void **unused)
{
    (void)unused;
    both_ways(TS_FORMAT_AUTO, TS_GAUGES_RELATIVE, false);
    both_ways(TS_FORMAT_STATSD, TS_GAUGES_ABSOLUTE, true);
    both_ways(TS_FORMAT_INFLUX, TS_GAUGES_RELATIVE, false);
    templates = ts_templates_new("a.* measurement.field*  host=1\n.measurement\n*.load k.measurement", "_");
    both_ways(TS_FORMAT_AUTO, TS_GAUGES_RELATIVE, true);
    ts_templates_free(&templates);
}

/* Random lines, most of them of line protocol, in one piece: what each holds does not depend on its neighbours. */
static void neighbours_do_not_matter(void **unused)
{
    (void)unused;
    static const char *const lines[] = {"m a=1,b=2,c=3,d=4,e=5", "m,t=x:y a=1,b=1e3", "m a=1,b=2 1000", "a.b:1.5|ms", "m a=true", "m a=-5i,b=1.5i",
                                        "m a=12345678901234567890", "a:1e2|c", "m a=7u", "bad", "", "m a=1 x", "m a=1,b=-0.5,c=2"};
    struct ts_parse_opts opts = {.precision_ns = 1};
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    struct ts_buf fast = TS_BUF_INIT, slow = TS_BUF_INIT, data = TS_BUF_INIT;
    struct ts_tiler *tl = ts_tiler_new(&opts, cnt, take_tile, &fast);
    struct ts_parser *parser = ts_parser_new(&opts);
    for (unsigned round = 0; round < 500; round++) {
        uint64_t good = 0, accepted = ts_counter_of(cnt, TS_C_LINES_ACCEPTED);
        unsigned kinds = 1 + pick(TS_ARRAY_SIZE(lines)); /* with few of them there are long runs */
        for (unsigned i = 0; i < 300; i++) {
            char line[512] = {0};
            struct ts_parse_error error;
            size_t len = pick(4) ? (size_t)snprintf(line, sizeof line, "%s", lines[pick(kinds)]) : random_line(line);
            if (memchr(line, '"', len)) /* may reach further than its line */
                continue;
            ts_buf_put(&data, line, len);
            ts_buf_puts(&data, "\n");
            good += ts_parse_line(parser, (struct ts_str){line, len}, take_parsed, &slow, &error) > 0;
        }
        assert_non_null(ts_buf_reserve(&data, TS_TILER_PADDING));
        ts_tiler_feed(tl, data.p, data.len);
        ts_tiler_flush(tl);
        assert_int_equal(fast.len, slow.len);
        assert_memory_equal(fast.p, slow.p, fast.len);
        assert_int_equal(ts_counter_of(cnt, TS_C_LINES_ACCEPTED) - accepted, good);
        ts_buf_clear(&fast);
        ts_buf_clear(&slow);
        ts_buf_clear(&data);
    }
    ts_parser_free(&parser);
    ts_tiler_free(&tl);
    ts_buf_fini(&fast);
    ts_buf_fini(&slow);
    ts_buf_fini(&data);
    ts_counters_free_all();
}

static void count_tile(struct ts_tile *tile, void *arg)
{
    *(unsigned *)arg += tile->n;
    for (unsigned i = 0; i < tile->n; i++)
        if (tile->raw[i].flags & TS_RAW_TEXT)
            TS_FREE(tile->raw[i].text);
}

/* Many lines in one piece, good beside bad, across tiles: each is counted once. */
static void lines_beside_each_other(void **unused)
{
    (void)unused;
    struct ts_parse_opts opts = {.precision_ns = 1};
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    unsigned samples = 0;
    struct ts_tiler *tl = ts_tiler_new(&opts, cnt, count_tile, &samples);
    struct ts_buf data = TS_BUF_INIT;
    for (unsigned i = 0; i < 500; i++)
        ts_buf_puts(&data, "a.b:1.5|ms\nbad\n\ncpu,host=x idle=1,user=2 1000\nuniq:me|s\nm f=\"two\nlines\",g=1i\n");
    char *room = ts_buf_reserve(&data, TS_TILER_PADDING);
    assert_non_null(room);
    ts_tiler_feed(tl, data.p, data.len);
    ts_tiler_flush(tl);
    assert_int_equal(samples, 500 * 6);
    assert_int_equal(ts_counter_of(cnt, TS_C_LINES_RECEIVED), 500 * 5);
    assert_int_equal(ts_counter_of(cnt, TS_C_LINES_ACCEPTED), 500 * 4);
    assert_int_equal(ts_counter_of(cnt, TS_C_SAMPLES_RECEIVED), 500 * 7);
    assert_int_equal(ts_counter_of(cnt, TS_C_LINES_EMPTY), 500);
    ts_tiler_free(&tl);
    ts_buf_fini(&data);
    ts_counters_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scans_agree),
        cmocka_unit_test(fast_and_complete_agree),
        cmocka_unit_test(neighbours_do_not_matter),
        cmocka_unit_test(lines_beside_each_other),
    };
    return cmocka_run_group_tests_name("parse_tile", tests, NULL, NULL);
}
