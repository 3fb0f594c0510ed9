/*
 * What pipeline and rollups make of a line: it goes the way that the daemon's lines go, through the tiler and the pipeline, and what
 * comes out is printed in place of being routed. What a stage holds back comes out behind its line. Thread: main.
 */
#include "config.h"
#include "ctl_parse_rules.h"

#include "core/clock.h"
#include "core/matcher.h"
#include "core/mem.h"
#include "parse/parse_tile.h"
#include "pipe/pipe.h"

#define FEED_MAX 65536 /* bytes that the tiler takes at once */

struct ctl_rules {
    const struct ts_conf *conf;
    struct ts_matcher *matcher;
    struct ts_pipe *pipe; /* NULL: there is no pipeline */
    struct ts_tiler *tiler;
    struct ts_buf line, series, named;
    struct ts_buf *out;
    unsigned n; /* samples of the line so far */
};

static void put_tags(struct ts_buf *out, const struct ts_series_view *view)
{
    ts_buf_puts(out, ",\"tags\":[");
    for (unsigned i = 0; i < view->ntags; i++) {
        ts_buf_puts(out, i ? ",[" : "[");
        ts_buf_put_json(out, view->tags[i].key);
        ts_buf_putc(out, ',');
        ts_buf_put_json(out, view->tags[i].value);
        ts_buf_putc(out, ']');
    }
    ts_buf_putc(out, ']');
}

static void put_names(struct ts_buf *out, const char *list)
{
    struct ts_str rest = ts_str_of(list);
    ts_buf_puts(out, ",\"to\":[");
    while (rest.len) {
        const char *comma = memchr(rest.p, ',', rest.len);
        size_t n = comma ? (size_t)(comma - rest.p) : rest.len;
        ts_buf_put_json(out, (struct ts_str){rest.p, n});
        if (comma)
            ts_buf_putc(out, ',');
        n += comma != NULL;
        rest = (struct ts_str){rest.p + n, rest.len - n};
    }
    ts_buf_putc(out, ']');
}

/* The series as the rollup's points have it. */
static void put_rollup(struct ctl_rules *rules, const struct ts_conf_rollup *rollup)
{
    static struct ts_series_view view;
    struct ts_buf *out = rules->out;
    ts_buf_puts(out, "{\"name\":");
    ts_buf_put_json(out, ts_str_of(rollup->name));
    ts_buf_clear(&rules->named);
    if (ts_rollup_rename(rollup, ts_buf_str(&rules->series), &rules->named) == 0 && ts_series_decode(ts_buf_str(&rules->named), &view) == 0) {
        ts_buf_puts(out, ",\"measurement\":");
        ts_buf_put_json(out, view.name);
        put_tags(out, &view);
    }
    put_names(out, ts_conf_sinks_of(rollup));
    ts_buf_putc(out, '}');
}

static void put_rollups(struct ctl_rules *rules, const struct ts_series_view *view)
{
    bool gave_up = false, first = true;
    uint64_t mask = ts_matcher_find(rules->matcher, view, &gave_up);
    ts_buf_puts(rules->out, ",\"rollups\":[");
    for (unsigned i = 0; i < rules->conf->nrollups; i++) {
        if (!(mask >> i & 1))
            continue;
        if (!first)
            ts_buf_putc(rules->out, ',');
        first = false;
        put_rollup(rules, &rules->conf->rollups[i]);
    }
    ts_buf_putc(rules->out, ']');
}

static void put_value(struct ts_buf *out, const struct ts_raw *raw)
{
    if (raw->flags & TS_RAW_TEXT) {
        ts_buf_puts(out, ",\"text\":");
        ts_buf_put_json(out, (struct ts_str){raw->text->p, raw->text->len});
    } else if (!(raw->flags & TS_RAW_BITS)) {
        ts_buf_puts(out, ",\"value\":");
        ts_buf_put_double(out, raw->value);
    }
    if (raw->flags & TS_RAW_RELATIVE)
        ts_buf_puts(out, ",\"relative\":true");
    if (raw->flags & TS_RAW_WEIGHT) {
        ts_buf_puts(out, ",\"weight\":");
        ts_buf_put_double(out, raw->weight);
    }
    if (raw->flags & TS_RAW_TIME) {
        ts_buf_puts(out, ",\"time\":");
        ts_buf_put_int(out, raw->time_ns);
    }
}

static void put_sample(struct ctl_rules *rules, const struct ts_raw *raw, const struct ts_series_view *view)
{
    struct ts_buf *out = rules->out;
    const char *type = ts_kind_metric_type(view->kind);
    ts_buf_puts(out, rules->n++ ? ",{\"measurement\":" : "{\"measurement\":");
    ts_buf_put_json(out, view->name);
    if (view->field.len) {
        ts_buf_puts(out, ",\"field\":");
        ts_buf_put_json(out, view->field);
    }
    ts_buf_printf(out, ",\"kind\":\"%s\"", type ? type : view->kind == TS_KIND_STRING ? "string" : "field");
    put_tags(out, view);
    put_value(out, raw);
    put_rollups(rules, view);
    ts_buf_putc(out, '}');
}

/* A ts_tile_fn. */
static void take_tile(struct ts_tile *tile, void *arg)
{
    struct ctl_rules *rules = arg;
    static struct ts_series_view view, sorted;
    for (unsigned i = 0; i < tile->n; i++) {
        struct ts_raw *raw = &tile->raw[i];
        ts_buf_clear(&rules->series);
        if (tile->resolve(tile, i, &view) == 0 && ts_series_encode(&view, &rules->series) == 0 &&
            ts_series_decode(ts_buf_str(&rules->series), &sorted) == 0)
            put_sample(rules, raw, &sorted);
        if (raw->flags & TS_RAW_TEXT)
            ts_free(raw->text);
    }
}

struct ctl_rules *ctl_rules_new(const struct ts_conf *conf, const struct ts_parse_opts *opts)
{
    struct ctl_rules *rules = ts_xalloc(sizeof *rules);
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    rules->conf = conf;
    rules->matcher = ts_matcher_new(conf);
    rules->pipe = conf->npipeline
                      ? ts_pipe_new(&(struct ts_pipe_conf){.conf = conf, .cnt = cnt, .next = take_tile, .arg = rules})
                      : NULL;
    rules->tiler = rules->pipe ? ts_tiler_new(opts, cnt, ts_pipe_tile, rules->pipe) : ts_tiler_new(opts, cnt, take_tile, rules);
    return rules;
}

void ctl_rules_free(struct ctl_rules **rules)
{
    if (!*rules)
        return;
    ts_tiler_free(&(*rules)->tiler);
    ts_pipe_free(&(*rules)->pipe);
    ts_matcher_free(&(*rules)->matcher);
    ts_buf_fini(&(*rules)->line);
    ts_buf_fini(&(*rules)->series);
    ts_buf_fini(&(*rules)->named);
    TS_FREE(*rules);
}

void ctl_rules_put(struct ctl_rules *rules, struct ts_str line, struct ts_buf *out)
{
    rules->out = out;
    rules->n = 0;
    ts_buf_putc(out, '[');
    ts_buf_clear(&rules->line);
    ts_buf_put_str(&rules->line, line);
    if (line.len <= FEED_MAX && ts_buf_reserve(&rules->line, TS_TILER_PADDING)) {
        if (rules->pipe)
            ts_pipe_begin(rules->pipe, ts_clock_now_ns());
        ts_tiler_feed(rules->tiler, rules->line.p, line.len);
        ts_tiler_flush(rules->tiler);
        if (rules->pipe)
            ts_pipe_end(rules->pipe);
    }
    ts_buf_putc(out, ']');
}
