#include "config.h"
#include "parse_cases.h"

#include "core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void put_tags(struct ts_buf *out, const struct ts_parsed *parsed)
{
    for (unsigned i = 0; i < parsed->ntags; i++) {
        ts_buf_puts(out, i ? "," : " #");
        ts_buf_put_str(out, parsed->tags[i].key);
        if (parsed->tags[i].value.p) {
            ts_buf_putc(out, '=');
            ts_buf_put_str(out, parsed->tags[i].value);
        }
    }
}

static void put_time(struct ts_buf *out, const struct ts_parsed *parsed)
{
    if (parsed->has_time) {
        ts_buf_puts(out, " T");
        ts_buf_put_int(out, parsed->time_ns);
    }
}

static void put_metric(struct ts_buf *out, const struct ts_parsed *parsed)
{
    ts_buf_put_str(out, parsed->name);
    ts_buf_printf(out, " %c%s ", parsed->metric.type, parsed->metric.relative ? "+" : "");
    if (parsed->metric.type == 's')
        ts_buf_put_str(out, parsed->metric.set_value);
    for (unsigned i = 0; i < parsed->metric.nvalues; i++) {
        ts_buf_puts(out, i ? "," : "");
        ts_buf_put_double(out, parsed->metric.values[i]);
    }
    if (parsed->metric.rate != 1) {
        ts_buf_puts(out, " @");
        ts_buf_put_double(out, parsed->metric.rate);
    }
    put_tags(out, parsed);
}

static void put_field(struct ts_buf *out, const struct ts_field *field)
{
    ts_buf_put_str(out, field->key);
    ts_buf_printf(out, "=%c:", "fiubs"[field->type]);
    switch (field->type) {
    case TS_FIELD_FLOAT: ts_buf_put_double(out, field->f); break;
    case TS_FIELD_INT: ts_buf_put_int(out, field->i); break;
    case TS_FIELD_UINT: ts_buf_put_uint(out, field->u); break;
    case TS_FIELD_BOOL: ts_buf_puts(out, field->b ? "true" : "false"); break;
    case TS_FIELD_STRING: ts_buf_put_str(out, field->s); break;
    }
}

static void put_point(struct ts_buf *out, const struct ts_parsed *parsed)
{
    ts_buf_put_str(out, parsed->name);
    for (unsigned i = 0; i < parsed->ntags; i++) {
        ts_buf_putc(out, ',');
        ts_buf_put_str(out, parsed->tags[i].key);
        ts_buf_putc(out, '=');
        ts_buf_put_str(out, parsed->tags[i].value);
    }
    for (unsigned i = 0; i < parsed->point.nfields; i++) {
        ts_buf_putc(out, i ? ',' : ' ');
        put_field(out, &parsed->point.fields[i]);
    }
}

static void put_or_dash(struct ts_buf *out, struct ts_str s)
{
    ts_buf_putc(out, ' ');
    ts_buf_put_str(out, s.p ? s : TS_STR("-"));
}

static void put_event(struct ts_buf *out, const struct ts_parsed *parsed)
{
    ts_buf_printf(out, "event{%.*s}", (int)parsed->name.len, parsed->name.p);
    ts_buf_printf(out, "{%.*s}", (int)parsed->event.text.len, parsed->event.text.p);
    put_or_dash(out, parsed->event.priority);
    put_or_dash(out, parsed->event.alert_type);
    put_or_dash(out, parsed->event.hostname);
    put_or_dash(out, parsed->event.aggregation_key);
    put_or_dash(out, parsed->event.source_type);
    put_tags(out, parsed);
}

static void put_check(struct ts_buf *out, const struct ts_parsed *parsed)
{
    ts_buf_printf(out, "check{%.*s} %d", (int)parsed->name.len, parsed->name.p, parsed->check.status);
    put_or_dash(out, parsed->check.hostname);
    ts_buf_printf(out, " {%.*s}", (int)parsed->check.message.len, parsed->check.message.p);
    put_tags(out, parsed);
}

static void on_parsed(const struct ts_parsed *parsed, void *arg)
{
    struct ts_buf *out = arg;
    if (out->len)
        ts_buf_puts(out, " ; ");
    switch (parsed->what) {
    case TS_PARSED_METRIC: put_metric(out, parsed); break;
    case TS_PARSED_POINT: put_point(out, parsed); break;
    case TS_PARSED_EVENT: put_event(out, parsed); break;
    case TS_PARSED_SERVICE_CHECK: put_check(out, parsed); break;
    }
    put_time(out, parsed);
}

void check_parse_cases(const struct ts_parse_opts *opts, const struct parse_case *cases, size_t n)
{
    struct ts_parser *prs = ts_parser_new(opts);
    assert_non_null(prs);
    struct ts_buf out = TS_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        struct ts_parse_error error;
        ts_buf_clear(&out);
        int rc = ts_parse_line(prs, ts_str_of(cases[i].line), on_parsed, &out, &error);
        if (rc < 0) {
            assert_int_equal(rc, -TS_EPARSE);
            assert_int_equal(out.len, 0);
            ts_buf_printf(&out, "!%s@%u", ts_counter_info(error.reason)->value, error.column);
        }
        const char *got = ts_buf_cstr(&out);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("line:     %s\nexpected: %s\ngot:      %s%s%s", cases[i].line, cases[i].want, got,
                     rc < 0 ? ": " : "", rc < 0 ? error.why : "");
    }
    ts_buf_fini(&out);
    ts_parser_free(&prs);
}
