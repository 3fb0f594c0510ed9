/*
 * One line in, what it says out: the parser object, which dialect a line is in, where it ends, and the checks
 * that hold for every dialect. Thread: the parser's owner. Everything a line needs lies in the parser, sized
 * for the longest line, so nothing here can run out; a line beyond the limits is refused.
 */
#include "config.h"
#include "parse/parse_priv.h"

#include "core/mem.h"
#include "core/utf8.h"

#include <stdarg.h>
#include <stdio.h>

struct ts_parser *ts_parser_new(const struct ts_parse_opts *opts)
{
    struct ts_parser *prs = ts_alloc(sizeof *prs);
    if (prs)
        prs->opts = *opts;
    return prs;
}

void ts_parser_free(struct ts_parser **parser)
{
    TS_FREE(*parser);
}

void ts_parser_set_precision(struct ts_parser *prs, int64_t precision_ns)
{
    prs->opts.precision_ns = precision_ns;
}

void ts_parse_set_error(struct ts_parser *prs, enum ts_counter reason, const char *at, const char *fmt, ...)
{
    prs->error->reason = reason;
    prs->error->column = (unsigned)(at - prs->line) + 1;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prs->error->why, sizeof prs->error->why, fmt, ap);
    va_end(ap);
}

char *ts_parse_scratch(struct ts_parser *prs, size_t bytes)
{
    TS_ASSERT(bytes <= sizeof prs->scratch - prs->scratch_used);
    char *p = prs->scratch + prs->scratch_used;
    prs->scratch_used += bytes;
    return p;
}

int ts_parse_add_tag(struct ts_parser *prs, struct ts_str key, struct ts_str value)
{
    if (prs->parsed.ntags == TS_TAGS_MAX)
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TAGS, key.p, "more than %d tags", TS_TAGS_MAX);
    prs->tags[prs->parsed.ntags++] = (struct ts_tag){key, value};
    return 0;
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

static const char *trim_blanks(const char *p, const char *end)
{
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return end;
}

/* UTF-8, and in statsd no control characters but tab; line protocol may have them in strings
 * (parse_influx.c). */
static int check_text(struct ts_parser *prs, enum ts_format format)
{
    for (const char *p = prs->p; p < prs->end;) {
        size_t n = ts_utf8_len(p, (size_t)(prs->end - p));
        if (n == 0)
            return ts_parse_fail(prs, TS_C_REJECTED_NOT_TEXT, p, "not UTF-8");
        if (format == TS_FORMAT_STATSD && ts_parse_is_control(*p) && *p != '\t')
            return ts_parse_fail(prs, TS_C_REJECTED_NOT_TEXT, p, "a control character");
        p += n;
    }
    return 0;
}

/* Hands out a metric for each section; the line's name, tags and time belong to all of them. */
static int emit_sections(struct ts_parser *prs, ts_parsed_fn *fn, void *arg)
{
    for (unsigned i = 0; i < prs->nsections; i++) {
        const struct ts_section *sec = &prs->sections[i];
        prs->parsed.metric.type = sec->type;
        prs->parsed.metric.relative = sec->relative;
        prs->parsed.metric.rate = sec->rate;
        prs->parsed.metric.nvalues = sec->nvalues;
        prs->parsed.metric.values = sec->values;
        prs->parsed.metric.set_value = sec->set_value;
        fn(&prs->parsed, arg);
    }
    return (int)prs->nsections;
}

int ts_parse_line(struct ts_parser *prs, struct ts_str line, ts_parsed_fn *fn, void *arg,
                  struct ts_parse_error *error)
{
    if (line.len && line.p[line.len - 1] == '\r')
        line.len--;
    prs->line = line.p;
    prs->end = line.p + line.len;
    prs->p = skip_blanks(prs->line, prs->end);
    prs->error = error;
    if (prs->p == prs->end)
        return 0;
    if (line.len > TS_LINE_MAX)
        return ts_parse_fail(prs, TS_C_REJECTED_TOO_LONG, line.p, "a line longer than %d bytes", TS_LINE_MAX);

    enum ts_format format = prs->opts.format;
    if (format == TS_FORMAT_AUTO)
        format = ts_parse_detect(line);
    if (format == TS_FORMAT_INFLUX && *prs->p == '#')
        return 0;
    if (format == TS_FORMAT_STATSD)
        prs->end = trim_blanks(prs->p, prs->end);
    prs->parsed = (struct ts_parsed){.what = TS_PARSED_POINT, .tags = prs->tags};
    prs->nsections = prs->nvalues = 0;
    prs->scratch_used = 0;
    int rc = check_text(prs, format);
    if (rc == 0)
        rc = format == TS_FORMAT_INFLUX ? ts_parse_influx(prs) : ts_parse_statsd(prs);
    if (rc < 0)
        return rc;
    if (prs->parsed.what == TS_PARSED_METRIC)
        return emit_sections(prs, fn, arg);
    fn(&prs->parsed, arg);
    return 1;
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* A blank that no backslash precedes and, anywhere behind it, a '=': the fields of line protocol. */
static bool has_fields(struct ts_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == ' ' && (i == 0 || s.p[i - 1] != '\\'))
            return memchr(s.p + i, '=', s.len - i) != NULL;
    return false;
}

static struct ts_str until_any(const char *p, const char *end, const char *stops)
{
    const char *start = p;
    while (p < end && !is_one_of(*p, stops))
        p++;
    return (struct ts_str){start, (size_t)(p - start)};
}

/* What may follow name and ':' in a statsd line: value "|" type {"|" field} [":" the same again]. */
static bool is_statsd_rest(const char *p, const char *end, bool name_has_tags)
{
    for (;;) {
        struct ts_str value = until_any(p, end, "|");
        p += value.len;
        if (p == end || has_fields(value))
            return false;
        struct ts_str type = until_any(p + 1, end, "|:");
        p += 1 + type.len;
        if (type.len > 2 || memchr(type.p, ' ', type.len) || memchr(type.p, '"', type.len))
            return false;
        while (p < end && *p == '|') {
            struct ts_str field = until_any(++p, end, "|");
            if (field.len && field.p[0] == '#')
                return !(name_has_tags && has_fields(field));
            if (field.len && is_one_of(field.p[0], "@:"))
                field = until_any(p, end, "|:");
            if (has_fields(field) || memchr(field.p, '"', field.len))
                return false;
            p += field.len;
        }
        if (p == end)
            return true;
        p++;
    }
}

enum ts_format ts_parse_detect(struct ts_str line)
{
    const char *end = trim_blanks(line.p, line.p + line.len), *p = skip_blanks(line.p, end);
    size_t len = (size_t)(end - p);
    if (len >= 3 && (memcmp(p, "_e{", 3) == 0 || (len >= 4 && memcmp(p, "_sc|", 4) == 0)))
        return TS_FORMAT_STATSD;
    const char *colon = len && *p != '#' ? memchr(p, ':', len) : NULL;
    if (!colon)
        return TS_FORMAT_INFLUX;
    if (!memchr(p, ' ', len))
        return TS_FORMAT_STATSD;
    struct ts_str name = {p, (size_t)(colon - p)};
    const char *comma = memchr(p, ',', name.len);
    bool name_has_tags = comma && memchr(comma, '=', (size_t)(colon - comma));
    return !has_fields(name) && is_statsd_rest(colon + 1, end, name_has_tags) ? TS_FORMAT_STATSD
                                                                              : TS_FORMAT_INFLUX;
}

/* As InfluxDB's scanLine: a quote opens a string only in a field's value: after more '=' than ','. */
static size_t influx_line_end(const char *p, size_t len)
{
    bool quoted = false, fields = false;
    size_t equals = 0, commas = 0;
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '\n' && !quoted)
            return i;
        if (p[i] == '\\' && i + 1 < len && (quoted || p[i + 1] != '\n'))
            i++;
        else if (p[i] == ' ')
            fields = true;
        else if (p[i] == '"' && equals > commas)
            quoted = !quoted;
        else if (fields && !quoted) {
            equals += p[i] == '=';
            commas += p[i] == ',';
        }
    }
    return len;
}

size_t ts_parse_line_end(const char *p, size_t len, enum ts_format format)
{
    const char *nl = memchr(p, '\n', len);
    if (!nl)
        return len;
    size_t first = (size_t)(nl - p);
    if (format == TS_FORMAT_STATSD || !memchr(p, '"', first))
        return first;
    if (format == TS_FORMAT_AUTO && ts_parse_detect((struct ts_str){p, first}) == TS_FORMAT_STATSD)
        return first;
    const char *start = skip_blanks(p, nl);
    return *start == '#' ? first : influx_line_end(p, len);
}
