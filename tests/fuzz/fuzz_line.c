#include "config.h"
#include "fuzz_line.h"

#include "core/buf.h"
#include "core/mem.h"
#include "parse/parse.h"
#include "parse/parse_template.h"

/* What a line gave: every part with its length, so that equal descriptions mean equal results. */
struct result {
    int rc;
    struct ts_parse_error error;
    struct ts_buf what, line; /* description; the last point as line protocol */
};

static void put_raw(struct ts_buf *buf, const void *p, size_t len)
{
    ts_buf_put(buf, p, len);
}

static void put_part(struct ts_buf *buf, struct ts_str s)
{
    put_raw(buf, &s.len, sizeof s.len);
    ts_buf_put_str(buf, s);
}

static void put_escaped(struct ts_buf *buf, struct ts_str s, const char *special)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] && strchr(special, s.p[i]))
            ts_buf_putc(buf, '\\');
        ts_buf_putc(buf, s.p[i]);
    }
}

static void put_field(struct ts_buf *buf, const struct ts_field *field)
{
    put_escaped(buf, field->key, ",= \"");
    ts_buf_putc(buf, '=');
    switch (field->type) {
    case TS_FIELD_FLOAT: ts_buf_put_double(buf, field->f); break;
    case TS_FIELD_INT:
        ts_buf_put_int(buf, field->i);
        ts_buf_putc(buf, 'i');
        break;
    case TS_FIELD_UINT:
        ts_buf_put_uint(buf, field->u);
        ts_buf_putc(buf, 'u');
        break;
    case TS_FIELD_BOOL: ts_buf_putc(buf, field->b ? 't' : 'f'); break;
    case TS_FIELD_STRING:
        ts_buf_putc(buf, '"');
        put_escaped(buf, field->s, "\"\\");
        ts_buf_putc(buf, '"');
        break;
    }
}

static void put_point(struct ts_buf *buf, const struct ts_parsed *parsed)
{
    put_escaped(buf, parsed->name, ", ");
    for (unsigned i = 0; i < parsed->ntags; i++) {
        ts_buf_putc(buf, ',');
        put_escaped(buf, parsed->tags[i].key, ",= ");
        ts_buf_putc(buf, '=');
        put_escaped(buf, parsed->tags[i].value, ",= ");
    }
    for (unsigned i = 0; i < parsed->point.nfields; i++) {
        ts_buf_putc(buf, i ? ',' : ' ');
        put_field(buf, &parsed->point.fields[i]);
    }
    if (parsed->has_time) {
        ts_buf_putc(buf, ' ');
        ts_buf_put_int(buf, parsed->time_ns);
    }
}

static void check_series(const struct ts_parsed *parsed, unsigned i)
{
    static struct ts_series_view view, back;
    static struct ts_buf bytes, again;
    TS_ASSERT(ts_parsed_series(parsed, i, &view) == 0);
    ts_buf_clear(&bytes);
    ts_buf_clear(&again);
    if (ts_series_encode(&view, &bytes) == -TS_ELIMIT)
        return;
    TS_ASSERT(ts_series_decode(ts_buf_str(&bytes), &back) == 0);
    TS_ASSERT(back.kind == view.kind && back.ntags == view.ntags && ts_str_eq(back.name, view.name));
    TS_ASSERT(ts_series_encode(&back, &again) == 0);
    TS_ASSERT(ts_str_eq(ts_buf_str(&bytes), ts_buf_str(&again)));
}

/* Templates change names and add tags, and what comes out is a series or too long for one. */
static void check_templates(const struct ts_parsed *parsed)
{
    static struct ts_templates *templates;
    static struct ts_series_view view;
    static struct ts_buf names = {.limit = TS_SERIES_MAX};
    if (!templates)
        templates = ts_templates_new(
            "a.* .measurement.field* x=1\n*.b host.measurement\n*.*.* measurement.host.host.field\n"
            "_ *_* measurement_k_measurement*\nmeasurement* dc=2",
            "--");
    TS_ASSERT(ts_parsed_series(parsed, 0, &view) == 0);
    unsigned tags = view.ntags;
    int rc = ts_templates_apply(templates, &view, &names);
    TS_ASSERT(rc == 0 || rc == -TS_ELIMIT);
    TS_ASSERT(rc || (view.name.len > 0 && view.ntags >= tags && view.ntags <= TS_TAGS_MAX));
}

/* An event's point can be read back. */
static void check_pass(const struct ts_parsed *parsed)
{
    static struct ts_series_view view;
    static struct ts_buf fields, series;
    int rc = ts_parsed_pass(parsed, &view, &fields);
    TS_ASSERT(rc == 0 || rc == -TS_ELIMIT);
    ts_buf_clear(&series);
    TS_ASSERT(rc || ts_passed_is_sound(ts_buf_str(&fields)));
    TS_ASSERT(rc || ts_series_encode(&view, &series) != -TS_ENOMEM);
}

static void on_parsed(const struct ts_parsed *parsed, void *arg)
{
    struct result *res = arg;
    put_raw(&res->what, &parsed->what, sizeof parsed->what);
    put_part(&res->what, parsed->name);
    for (unsigned i = 0; i < parsed->ntags; i++) {
        put_part(&res->what, parsed->tags[i].key);
        put_part(&res->what, parsed->tags[i].value.p ? parsed->tags[i].value : TS_STR("\n"));
    }
    put_raw(&res->what, &parsed->time_ns, sizeof parsed->time_ns);
    switch (parsed->what) {
    case TS_PARSED_METRIC:
        TS_ASSERT(parsed->metric.rate > 0 && parsed->metric.rate <= 1);
        ts_buf_printf(&res->what, "%c%d%.17g", parsed->metric.type, parsed->metric.relative,
                      parsed->metric.rate);
        put_part(&res->what, parsed->metric.set_value);
        put_raw(&res->what, parsed->metric.values, parsed->metric.nvalues * sizeof *parsed->metric.values);
        break;
    case TS_PARSED_POINT:
        TS_ASSERT(parsed->point.nfields > 0);
        for (unsigned i = 0; i < parsed->point.nfields; i++)
            put_field(&res->what, &parsed->point.fields[i]);
        ts_buf_clear(&res->line);
        put_point(&res->line, parsed);
        break;
    case TS_PARSED_EVENT:
        put_part(&res->what, parsed->event.text);
        put_part(&res->what, parsed->event.hostname);
        put_part(&res->what, parsed->event.alert_type);
        break;
    case TS_PARSED_SERVICE_CHECK:
        put_part(&res->what, parsed->check.message);
        put_raw(&res->what, &parsed->check.status, sizeof parsed->check.status);
        break;
    }
    for (unsigned i = 0; i < ts_parsed_samples(parsed); i++)
        check_series(parsed, i);
    if (parsed->what == TS_PARSED_METRIC && ts_parsed_samples(parsed))
        check_templates(parsed);
    if (parsed->what == TS_PARSED_EVENT || parsed->what == TS_PARSED_SERVICE_CHECK)
        check_pass(parsed);
}

static void parse(enum ts_format format, struct ts_str line, struct result *res)
{
    static struct ts_parser *parsers[TS_FORMAT_INFLUX + 1];
    const struct ts_parse_opts opts = {.format = format, .precision_ns = 1, .origin_tags = true};
    if (!parsers[format])
        parsers[format] = ts_parser_new(&opts);
    ts_buf_clear(&res->what);
    ts_buf_clear(&res->line);
    res->rc = ts_parse_line(parsers[format], line, on_parsed, res, &res->error);
    if (res->rc < 0) {
        TS_ASSERT(res->rc == -TS_EPARSE && res->what.len == 0);
        TS_ASSERT(res->error.column >= 1 && res->error.column <= line.len + 1);
        TS_ASSERT(res->error.reason >= TS_C_REJECTED_SYNTAX && res->error.reason <= TS_C_REJECTED_NOT_TEXT);
        TS_ASSERT(memchr(res->error.why, 0, sizeof res->error.why) && *res->error.why);
    }
}

static void expect_same(const struct result *a, const struct result *b)
{
    TS_ASSERT(a->rc == b->rc && ts_str_eq(ts_buf_str(&a->what), ts_buf_str(&b->what)));
}

static void check_line(enum ts_format format, const char *p, size_t len)
{
    static struct result first, second;
    char *alone = ts_xalloc(len ? len : 1);
    memcpy(alone, p, len);
    struct ts_str line = {alone, len};
    parse(format, line, &first);
    parse(format, line, &second);
    expect_same(&first, &second);
    if (ts_parse_detect(line) == format) {
        parse(TS_FORMAT_AUTO, line, &second);
        expect_same(&first, &second);
    }
    if (first.rc > 0 && first.line.len > 0 && first.line.len <= TS_LINE_MAX) {
        parse(TS_FORMAT_INFLUX, ts_buf_str(&first.line), &second);
        expect_same(&first, &second);
    }
    TS_FREE(alone);
}

void fuzz_lines(enum ts_format format, const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = p + size;
    while (p < end) {
        size_t left = (size_t)(end - p), len = ts_parse_line_end(p, left, format);
        TS_ASSERT(len == left || (len < left && p[len] == '\n'));
        TS_ASSERT(ts_parse_line_end(p, left, TS_FORMAT_AUTO) <= left);
        check_line(format, p, len);
        p += TS_MIN(len + 1, left);
    }
}
