/*
 * Events and service checks to points that are passed through. Thread: ingest; owns nothing.
 *
 *   events          tags: the line's, alert_type, priority, and hostname, source_type when given
 *                   fields: title, text, and aggregation_key when given
 *   service_checks  tags: the line's, name, and hostname when given
 *                   fields: status (integer), and message when given
 *
 * What has few values is a tag. The tags above go before tags of the line with the same keys.
 */
#include "config.h"
#include "parse/parse_priv.h"

static void add_tag(struct ts_series_view *view, struct ts_str key, struct ts_str value)
{
    if (value.len)
        view->tags[view->ntags++] = (struct ts_tag){key, value};
}

static void add_text(struct ts_buf *fields, struct ts_str key, struct ts_str text)
{
    if (text.len)
        ts_passed_put_text(fields, key, text);
}

static int add_event(const struct ts_parsed *parsed, struct ts_series_view *view, struct ts_buf *fields)
{
    if (view->ntags + 4 > TS_TAGS_MAX)
        return -TS_ELIMIT;
    view->name = TS_STR("events");
    add_tag(view, TS_STR("alert_type"), parsed->event.alert_type);
    add_tag(view, TS_STR("priority"), parsed->event.priority);
    add_tag(view, TS_STR("hostname"), parsed->event.hostname);
    add_tag(view, TS_STR("source_type"), parsed->event.source_type);
    ts_passed_put_text(fields, TS_STR("title"), parsed->name);
    ts_passed_put_text(fields, TS_STR("text"), parsed->event.text);
    add_text(fields, TS_STR("aggregation_key"), parsed->event.aggregation_key);
    return 0;
}

static int add_check(const struct ts_parsed *parsed, struct ts_series_view *view, struct ts_buf *fields)
{
    if (view->ntags + 2 > TS_TAGS_MAX)
        return -TS_ELIMIT;
    view->name = TS_STR("service_checks");
    add_tag(view, TS_STR("name"), parsed->name);
    add_tag(view, TS_STR("hostname"), parsed->check.hostname);
    ts_passed_put_int(fields, TS_STR("status"), parsed->check.status);
    add_text(fields, TS_STR("message"), parsed->check.message);
    return 0;
}

int ts_parsed_pass(const struct ts_parsed *parsed, struct ts_series_view *view, struct ts_buf *fields)
{
    int rc = ts_parsed_tags(parsed, view);
    view->kind = TS_KIND_PASSED;
    view->field = TS_STR("");
    ts_buf_clear(fields);
    if (rc == 0)
        rc = parsed->what == TS_PARSED_EVENT ? add_event(parsed, view, fields)
                                             : add_check(parsed, view, fields);
    return rc ? rc : ts_buf_failed(fields) ? -TS_ENOMEM : 0;
}
