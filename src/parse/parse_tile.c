/*
 * Bytes to tiles, the fast way: a structural scan gives every '\n', ':' and '|'; common lines are read from these
 * positions, all others by ts_parse_line. Thread: ingest; a tiler belongs to one.
 * Owns the tile and the encoded series of lines that took the slow way (scratch, emptied with each tile). What is refused is
 * counted by reason; logs are left to nobody, since garbage may come at full rate: `tsagg-ctl parse` explains a line.
 */
#include "config.h"
#include "parse/parse_tile_priv.h"

#include "core/hash.h"
#include "core/mem.h"
#include "parse/parse_template.h"

#define SCRATCH_BYTES (4 * TS_SERIES_MAX)

/* Counted before the tile goes out: a reader must never see a sample aggregated that was not received. */
void ts_tile_hand_on(struct ts_tiler *tl)
{
    ts_count(tl->cnt, TS_C_LINES_RECEIVED, tl->tile.n + tl->more_lines);
    ts_count(tl->cnt, TS_C_LINES_ACCEPTED, tl->tile.n + tl->more_lines);
    ts_count(tl->cnt, TS_C_SAMPLES_RECEIVED, tl->tile.n + tl->more_samples);
    tl->more_lines = tl->more_samples = 0;
    if (tl->tile.n)
        tl->fn(&tl->tile, tl->arg);
    tl->tile.n = 0;
    ts_buf_clear(&tl->scratch);
}

TS_INLINE struct ts_raw *next_raw(struct ts_tiler *tl)
{
    if (TS_UNLIKELY(tl->tile.n == TS_TILE_MAX))
        ts_tile_hand_on(tl);
    return &tl->tile.raw[tl->tile.n++];
}

static void count_rejected(struct ts_tiler *tl, enum ts_counter reason)
{
    ts_count(tl->cnt, TS_C_LINES_RECEIVED, 1);
    ts_count(tl->cnt, TS_C_SAMPLES_RECEIVED, 1);
    ts_count(tl->cnt, reason, 1);
}

enum ts_kind ts_tile_kind_of_type(char type)
{
    switch (type) {
    case 'c': return TS_KIND_COUNTER;
    case 'g': return TS_KIND_GAUGE;
    case 's': return TS_KIND_SET;
    default: return TS_KIND_TIMING;
    }
}

/* ---- the slow way ---- */

static struct ts_text *text_new(struct ts_str s)
{
    struct ts_text *text = ts_alloc(sizeof *text + s.len);
    if (text) {
        text->len = (uint32_t)s.len;
        memcpy(text->p, s.p, s.len);
    }
    return text;
}

/* Fills value, kind and flags of sample i. @return false without memory. */
static bool slow_value(const struct ts_parsed *parsed, unsigned i, struct ts_raw *raw)
{
    if (parsed->what == TS_PARSED_METRIC) {
        raw->kind = (uint8_t)ts_tile_kind_of_type(parsed->metric.type);
        if (parsed->metric.type == 's') {
            raw->bits = ts_hash(parsed->metric.set_value.p, parsed->metric.set_value.len);
            raw->flags |= TS_RAW_BITS;
            return true;
        }
        raw->value = parsed->metric.values[i];
        raw->flags |= parsed->metric.relative ? TS_RAW_RELATIVE : 0;
        if (parsed->metric.rate != 1 && raw->kind != TS_KIND_GAUGE) {
            raw->weight = 1 / parsed->metric.rate;
            raw->flags |= TS_RAW_WEIGHT;
        }
        return true;
    }
    const struct ts_field *field = &parsed->point.fields[i];
    raw->kind = TS_KIND_FIELD;
    switch (field->type) {
    case TS_FIELD_FLOAT: raw->value = field->f; break;
    case TS_FIELD_INT: raw->value = (double)field->i; break;
    case TS_FIELD_UINT: raw->value = (double)field->u; break;
    case TS_FIELD_BOOL: raw->value = field->b; break;
    case TS_FIELD_STRING:
        raw->kind = TS_KIND_STRING;
        raw->flags |= TS_RAW_TEXT;
        raw->text = text_new(field->s);
        return raw->text != NULL;
    }
    return true;
}

/* The series of sample i into tl->view, templates applied. @return 0, -TS_ELIMIT. */
static int series_of(struct ts_tiler *tl, const struct ts_parsed *parsed, unsigned i)
{
    int rc = ts_parsed_series(parsed, i, &tl->view);
    if (rc == 0 && tl->opts.templates && parsed->what == TS_PARSED_METRIC)
        rc = ts_templates_apply(tl->opts.templates, &tl->view, &tl->names);
    return rc;
}

static void slow_sample(struct ts_tiler *tl, const struct ts_parsed *parsed, unsigned i)
{
    if (tl->scratch.len + TS_SERIES_MAX > SCRATCH_BYTES)
        ts_tile_hand_on(tl);
    struct ts_raw *raw = next_raw(tl);
    tl->more_lines--;
    size_t at = tl->scratch.len;
    *raw = (struct ts_raw){.flags = TS_RAW_CANONICAL, .weight = 1};
    enum ts_counter dropped = TS_C_DROPPED_NO_MEMORY;
    if (series_of(tl, parsed, i) != 0 || ts_series_encode(&tl->view, &tl->scratch) != 0) {
        dropped = TS_C_DROPPED_SERIES_TOO_LONG;
        goto drop;
    }
    raw->head = tl->scratch.p + at;
    raw->head_len = (uint32_t)(tl->scratch.len - at);
    if (parsed->has_time) {
        raw->time_ns = parsed->time_ns;
        raw->flags |= TS_RAW_TIME;
    }
    if (!slow_value(parsed, i, raw))
        goto drop;
    return;
drop:
    tl->tile.n--;
    tl->more_lines++;
    tl->more_samples++;
    tl->scratch.len = at;
    ts_count(tl->cnt, dropped, 1);
}

/* An event or a service check: one sample, which overtakes those of its tile. Counted before it goes out, as they are. */
static void slow_pass(struct ts_tiler *tl, const struct ts_parsed *parsed)
{
    if (!tl->pass)
        return;
    ts_count(tl->cnt, TS_C_SAMPLES_RECEIVED, 1);
    ts_buf_clear(&tl->series);
    int rc = ts_parsed_pass(parsed, &tl->view, &tl->fields);
    if (rc == 0)
        rc = ts_series_encode(&tl->view, &tl->series);
    if (rc) {
        ts_count(tl->cnt, rc == -TS_ENOMEM ? TS_C_DROPPED_NO_MEMORY : TS_C_DROPPED_SERIES_TOO_LONG, 1);
        return;
    }
    struct ts_passed psd = {ts_buf_str(&tl->series), ts_buf_str(&tl->fields), parsed->has_time, parsed->time_ns};
    tl->pass(&psd, tl->pass_arg);
}

static void slow_parsed(const struct ts_parsed *parsed, void *arg)
{
    struct ts_tiler *tl = arg;
    if (parsed->what == TS_PARSED_EVENT || parsed->what == TS_PARSED_SERVICE_CHECK)
        slow_pass(tl, parsed);
    unsigned n = ts_parsed_samples(parsed);
    for (unsigned i = 0; i < n; i++)
        slow_sample(tl, parsed, i);
}

TS_COLD void ts_tile_read_slowly(struct ts_tiler *tl, struct ts_str line)
{
    struct ts_parse_error error;
    int rc = ts_parse_line(tl->parser, line, slow_parsed, tl, &error);
    if (rc > 0)
        tl->more_lines++;
    else if (rc < 0)
        count_rejected(tl, error.reason);
    else if (line.len == 0 || (line.len == 1 && line.p[0] == '\r'))
        ts_count(tl->cnt, TS_C_LINES_EMPTY, 1);
}

/* ---- what route asks for at the first sight of a head and tail ---- */

static void resolve_parsed(const struct ts_parsed *parsed, void *arg)
{
    struct ts_tiler *tl = arg;
    unsigned n = ts_parsed_samples(parsed);
    if (tl->resolve_index < n && tl->resolve_rc == -TS_EAGAIN)
        tl->resolve_rc = series_of(tl, parsed, tl->resolve_index);
    tl->resolve_index -= TS_MIN(n, tl->resolve_index);
}

static int resolve(struct ts_tile *tile, unsigned i, struct ts_series_view *out)
{
    struct ts_tiler *tl = tile->owner;
    struct ts_raw *raw = &tile->raw[i];
    if (raw->flags & TS_RAW_CANONICAL)
        return ts_series_decode((struct ts_str){raw->head, raw->head_len}, out);
    struct ts_parse_error error = {.reason = TS_C_REJECTED_SYNTAX};
    tl->resolve_index = raw->index;
    tl->resolve_rc = -TS_EAGAIN;
    int rc = ts_parse_line(tl->resolver, (struct ts_str){raw->head, raw->line_len}, resolve_parsed, tl, &error);
    if (rc > 0 && tl->resolve_rc == 0 && tl->view.kind == raw->kind) {
        *out = tl->view;
        return 0;
    }
    if (tl->resolve_rc == -TS_ELIMIT)
        error.reason = TS_C_REJECTED_TOO_LONG;
    /* Taken back: the line is no good in full. Of a line with several fields all share the fate of the first, which goes on
     * counting as a sample: the rejected one. */
    if (raw->index == 0) {
        ts_count(tl->cnt, TS_C_LINES_ACCEPTED, UINT64_C(0) - 1);
        ts_count(tl->cnt, error.reason, 1);
    } else {
        ts_count(tl->cnt, TS_C_SAMPLES_RECEIVED, UINT64_C(0) - 1);
    }
    return -TS_EPARSE;
}

void ts_tiler_feed(struct ts_tiler *tl, char *data, size_t len)
{
    TS_ASSERT(len <= TS_SCAN_MAX);
    tl->feed(tl, data, len);
}

void ts_tiler_flush(struct ts_tiler *tl)
{
    ts_tile_hand_on(tl);
}

void ts_tiler_set_precision(struct ts_tiler *tl, int64_t precision_ns)
{
    tl->opts.precision_ns = precision_ns;
    ts_parser_set_precision(tl->parser, precision_ns);
    ts_parser_set_precision(tl->resolver, precision_ns);
}

struct ts_tiler *ts_tiler_new(const struct ts_parse_opts *opts, struct ts_counters *cnt, ts_tile_fn *fn, void *arg)
{
    struct ts_tiler *tl = ts_xalloc_aligned(sizeof *tl, TS_CACHELINE);
    tl->scan = ts_scan_choose();
    tl->feed = ts_tile_feed_choose();
    tl->opts = *opts;
    tl->parser = ts_parser_new(opts);
    tl->resolver = ts_parser_new(opts);
    tl->cnt = cnt;
    tl->fn = fn;
    tl->arg = arg;
    tl->tile.resolve = resolve;
    tl->tile.owner = tl;
    tl->names.limit = tl->series.limit = TS_SERIES_MAX;
    tl->scratch = (struct ts_buf){.p = ts_xalloc(SCRATCH_BYTES), .cap = SCRATCH_BYTES, .limit = SCRATCH_BYTES};
    return tl;
}

void ts_tiler_set_pass(struct ts_tiler *tl, ts_passed_fn *pass, void *arg)
{
    tl->pass = pass;
    tl->pass_arg = arg;
}

void ts_tiler_free(struct ts_tiler **tiler)
{
    if (*tiler) {
        ts_parser_free(&(*tiler)->parser);
        ts_parser_free(&(*tiler)->resolver);
        ts_buf_fini(&(*tiler)->scratch);
        ts_buf_fini(&(*tiler)->names);
        ts_buf_fini(&(*tiler)->fields);
        ts_buf_fini(&(*tiler)->series);
        TS_FREE(*tiler);
    }
}
