/*
 * Bytes to tiles, the fast way: a structural scan gives every '\n', ':' and '|'; common lines are read from these
 * positions, all others by ts_parse_line. Thread: ingest; a tiler belongs to one.
 * Owns the tile and the encoded series of lines that took the slow way (scratch, emptied with each tile). What is refused is
 * counted by reason; logs are left to nobody, since garbage may come at full rate: `tsagg-ctl parse` explains a line.
 */
#include "config.h"
#include "parse/parse_tile.h"

#include "core/hash.h"
#include "core/mem.h"
#include "parse/parse_find.h"
#include "parse/parse_number.h"
#include "parse/parse_scan.h"
#include "parse/parse_template.h"

#define SCRATCH_BYTES (4 * TS_SERIES_MAX)

struct ts_tiler {
    struct ts_tile tile;
    ts_scan_fn *scan;
    struct ts_parse_opts opts;
    struct ts_parser *parser;   /* of slow lines */
    struct ts_parser *resolver; /* of first sights, which may come while a slow line is being handed on */
    struct ts_counters *cnt;
    ts_tile_fn *fn;
    void *arg;
    uint64_t more_lines;   /* accepted and not yet counted, beyond one for each sample of the tile; wraps below 0 */
    uint64_t more_samples; /* the same of samples: those that did not get into the tile */
    ts_passed_fn *pass;    /* of events and service checks, or NULL */
    void *pass_arg;
    struct ts_buf scratch;   /* encoded series of slow lines in this tile; never grows past its first size */
    struct ts_series_view view;
    struct ts_buf names; /* what templates put together */
    struct ts_buf fields, series; /* of the event being handed on */
    unsigned resolve_index; /* sample of the line that resolve is after */
    int resolve_rc;
    uint32_t pos[TS_SCAN_MAX + 64];
};

/* Counted before the tile goes out: a reader must never see a sample aggregated that was not received. */
static void hand_on(struct ts_tiler *tl)
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
        hand_on(tl);
    return &tl->tile.raw[tl->tile.n++];
}

static void count_rejected(struct ts_tiler *tl, enum ts_counter reason)
{
    ts_count(tl->cnt, TS_C_LINES_RECEIVED, 1);
    ts_count(tl->cnt, TS_C_SAMPLES_RECEIVED, 1);
    ts_count(tl->cnt, reason, 1);
}

static enum ts_kind kind_of_type(char type)
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
        raw->kind = (uint8_t)kind_of_type(parsed->metric.type);
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
        hand_on(tl);
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

static TS_COLD void slow_read(struct ts_tiler *tl, struct ts_str line)
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

/* ---- the fast way: statsd ---- */

/* rate = number in (0, 1] */
static bool fast_rate(const char *p, const char *end, double *weight)
{
    double rate;
    if (p == end || !ts_number_plain(p, (size_t)(end - p), &rate) || !(rate > 0 && rate <= 1))
        return false;
    *weight = 1 / rate;
    return true;
}

TS_INLINE uint32_t four_bytes(const char *p)
{
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

/* A type of one letter, or two; 0 when it is neither a number's nor known. */
TS_INLINE bool fast_type(const char *bar, const char *end, enum ts_kind *kind)
{
    if (end - bar == 3 && bar[1] == 'm' && bar[2] == 's') {
        *kind = TS_KIND_TIMING;
        return true;
    }
    *kind = kind_of_type(bar[1]);
    return end - bar == 2 && (bar[1] == 'c' || bar[1] == 'g' || bar[1] == 'h' || bar[1] == 'd');
}

/*
 * { '|' ( '@' rate | '#' tags ) }, from the position *used on, which is a bar's. @return the line's end, or NULL: not this form.
 */
static inline const char *fast_sections(const char *data, const uint32_t *pos, size_t *used, struct ts_raw *raw)
{
    const char *end = data + pos[*used - 1], *section;
    do {
        section = end + 1;
        ++*used;
        if (*section == '#' && !raw->tail_len) {
            while (data[pos[*used - 1]] == ':')
                ++*used;
            end = data + pos[*used - 1];
            if (end - section - 1 > UINT16_MAX)
                return NULL;
            raw->tail = section + 1;
            raw->tail_len = (uint16_t)(end - section - 1);
        } else if (*section == '@' && !(raw->flags & TS_RAW_WEIGHT)) {
            end = data + pos[*used - 1];
            if (!fast_rate(section + 1, end, &raw->weight))
                return NULL;
            raw->flags |= TS_RAW_WEIGHT;
        } else {
            return NULL;
        }
    } while (*end == '|');
    return end;
}

/*
 * name ':' number '|' type { '|' ( '@' rate | '#' tags ) } '\n', with pos[0] the first ':' of the line.
 * @return the number of positions used, the line's end among them; 0: not this form.
 */
TS_INLINE size_t fast_statsd(const struct ts_parse_opts *opts, const char *data, const char *line, const uint32_t *pos,
                             struct ts_raw *raw)
{
    const char *colon = data + pos[0], *bar = data + pos[1], *end = data + pos[2];
    size_t used = 3;
    if (TS_UNLIKELY(*colon != ':' || colon == line || (unsigned char)*line <= '#')) /* a comment, perhaps behind blanks */
        return 0;
    if (TS_UNLIKELY(!ts_number_plain(colon + 1, (size_t)(bar - colon - 1), &raw->value)))
        return 0;
    raw->head = line;
    raw->head_len = (uint32_t)(colon - line);
    raw->tail_len = 0;
    raw->kind = TS_KIND_TIMING;
    raw->flags = 0;
    raw->index = 0;
    if (TS_UNLIKELY(four_bytes(bar) != four_bytes("|ms\n"))) {
        enum ts_kind kind;
        if (*bar != '|' || !fast_type(bar, end, &kind))
            return 0;
        raw->kind = (uint8_t)kind;
        if (*end == '|') {
            end = fast_sections(data, pos, &used, raw);
            if (!end)
                return 0;
        }
        if (TS_UNLIKELY(*end != '\n' || end[-1] == '\r'))
            return 0;
        if (kind == TS_KIND_GAUGE) {
            bool sign = colon[1] == '-' || colon[1] == '+';
            raw->flags = sign && opts->signed_gauges == TS_GAUGES_RELATIVE ? TS_RAW_RELATIVE : 0;
        }
    }
    raw->line_len = (uint32_t)(end - line);
    return used;
}

/* ---- the fast way: line protocol ---- */

/* number = plain decimal, or digits with i or u behind them */
TS_INLINE bool fast_field_value(const char *p, const char *end, double *out)
{
    size_t len = (size_t)(end - p);
    if (len == 0 || *p == '+')
        return false;
    if (end[-1] == 'i' || end[-1] == 'u') {
        if (TS_FIND(p, end, ".") != end || (end[-1] == 'u' && *p == '-'))
            return false;
        len--;
    }
    return len > (size_t)(*p == '-') && ts_number_plain(p, len, out);
}

#define TILE_FULL (TS_TILE_MAX + 1)

/* Reads fields into the tile's free places. @return how many; 0: not this form; TILE_FULL. *rest is where the last one ends. */
TS_INLINE unsigned fast_fields(struct ts_tile *tile, const char *line, size_t len, const char *blank, const char **rest)
{
    const char *end = line + len, *p = blank;
    unsigned n = 0;
    do {
        const char *key = p + 1, *eq = TS_FIND(key, end, "=,\\\" ");
        if (TS_UNLIKELY(*eq != '=' || eq == key)) /* at the end there is a '\n' */
            return 0;
        if (TS_UNLIKELY(tile->n + n == TS_TILE_MAX))
            return TILE_FULL;
        struct ts_raw *raw = &tile->raw[tile->n + n];
        p = TS_FIND(eq + 1, end, ", ");
        if (TS_UNLIKELY(!fast_field_value(eq + 1, p, &raw->value)))
            return 0;
        raw->head = line;
        raw->tail = key;
        raw->head_len = (uint32_t)(blank - line);
        raw->tail_len = (uint16_t)(eq - key); /* less than TS_SCAN_MAX */
        raw->kind = TS_KIND_FIELD;
        raw->flags = 0;
        raw->line_len = (uint32_t)len;
        raw->index = n++;
    } while (p < end && *p == ',');
    *rest = p;
    return n;
}

/* measurement{,tag=value} ' ' key=number{,key=number} [' ' time], no quotes, no backslash before the first blank. */
static bool fast_influx(struct ts_tiler *tl, const char *line, size_t len)
{
    const char *end = line + len, *blank = TS_FIND(line, end, " ");
    const char *rest = end; /* gcc with -fsanitize=thread does not see that it is set */
    if (TS_UNLIKELY(blank == end || blank == line || blank[-1] == '\\' || end[-1] == '\r' ||
                    (unsigned char)*line <= '#')) /* a comment, perhaps behind blanks */
        return false;
    unsigned n = fast_fields(&tl->tile, line, len, blank, &rest);
    if (n == TILE_FULL && tl->tile.n > 0) {
        hand_on(tl);
        n = fast_fields(&tl->tile, line, len, blank, &rest);
    }
    if (n == 0 || n == TILE_FULL)
        return false;
    if (rest < end) {
        int64_t time_ns;
        if (!ts_number_time(rest + 1, (size_t)(end - rest - 1), &time_ns) ||
            __builtin_mul_overflow(time_ns, tl->opts.precision_ns, &time_ns))
            return false;
        for (struct ts_raw *raw = &tl->tile.raw[tl->tile.n], *last = raw + n; raw < last; raw++) {
            raw->flags = TS_RAW_TIME;
            raw->weight = 1;
            raw->time_ns = time_ns;
        }
    }
    tl->tile.n += n;
    tl->more_lines -= n - 1;
    return true;
}

/* ---- both ---- */

/* @return where the next line begins. next is where the scan saw the line end: a quoted text may reach further. */
static const char *other_line(struct ts_tiler *tl, const char *line, const char *next, const char *end, bool bar)
{
    size_t len = (size_t)(next - line);
    bool influx = tl->opts.format == TS_FORMAT_INFLUX || (tl->opts.format == TS_FORMAT_AUTO && !bar);
    if (influx && len && fast_influx(tl, line, len))
        return next;
    if (tl->opts.format != TS_FORMAT_STATSD && !tl->opts.newline_ends && memchr(line, '"', len)) {
        len = ts_parse_line_end(line, (size_t)(end - line), tl->opts.format);
        next = line + len;
    }
    slow_read(tl, (struct ts_str){line, len});
    return next;
}

void ts_tiler_feed(struct ts_tiler *tl, char *data, size_t len)
{
    TS_ASSERT(len <= TS_SCAN_MAX);
    size_t n = tl->scan(data, len, tl->pos);
    const uint32_t *pos = tl->pos;
    /* The end is a line end too; as often as a line's shortest form looks ahead. */
    data[len] = '\n';
    for (unsigned i = 0; i < 4; i++)
        tl->pos[n + i] = (uint32_t)len;
    const char *line = data, *end = data + len;
    bool statsd = tl->opts.format != TS_FORMAT_INFLUX;
    while (line < end) {
        if (TS_LIKELY(statsd)) {
            if (TS_UNLIKELY(tl->tile.n == TS_TILE_MAX))
                hand_on(tl);
            size_t used = fast_statsd(&tl->opts, data, line, pos, &tl->tile.raw[tl->tile.n]);
            if (TS_LIKELY(used)) {
                tl->tile.n++;
                pos += used;
                line = data + pos[-1] + 1;
                continue;
            }
        }
        bool bar = false;
        while (data[*pos] != '\n')
            bar |= data[*pos++] == '|';
        const char *newline = data + *pos++;
        line = other_line(tl, line, newline, end, bar) + 1;
        if (TS_UNLIKELY(line != newline + 1))
            while (data + *pos < line && *pos < len)
                pos++;
    }
}

void ts_tiler_flush(struct ts_tiler *tl)
{
    hand_on(tl);
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
    tl->opts = *opts;
    tl->parser = ts_parser_new(opts);
    tl->resolver = ts_parser_new(opts);
    tl->cnt = cnt;
    tl->fn = fn;
    tl->arg = arg;
    tl->tile.resolve = resolve;
    tl->tile.owner = tl;
    tl->names.limit = tl->series.limit = TS_SERIES_MAX;
    tl->scratch.limit = SCRATCH_BYTES;
    char *room = ts_buf_reserve(&tl->scratch, SCRATCH_BYTES);
    TS_ASSERT(room);
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
