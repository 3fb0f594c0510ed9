/*
 * statsd and DogStatsD metrics, with the tag forms of InfluxDB, Librato and SignalFx in the name. Thread: the
 * parser's owner. Reads prs->p … prs->end from left to right, one function per rule of the grammar, and
 * leaves one section for each run of values that share a type. The first thing wrong refuses the line.
 * docs/DIALECTS.md says where dialects differ.
 *
 *   line    = event | check | name ":" section {":" section}
 *   section = values "|" type {"|" field}
 *   field   = "@" rate | "#" tags | "T" seconds | word ":" anything | nothing
 */
#include "config.h"
#include "parse/parse_priv.h"

#include "core/clock.h"
#include "core/num.h"

#define FORM "name:value|type"

static struct ts_str str_between(const char *from, const char *to)
{
    return (struct ts_str){from, (size_t)(to - from)};
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || c == '_' || c == '-' || c == '.' || c == ';' || c == '=';
}

/* statsd's clean names: a run of blanks becomes '_', '/' becomes '-', other punctuation goes; text beyond
 * ASCII stays. */
static size_t clean_name(char *to, struct ts_str raw)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.p[i];
        if (c == ' ' || c == '\t') {
            if (i == 0 || (raw.p[i - 1] != ' ' && raw.p[i - 1] != '\t'))
                to[len++] = '_';
        } else if (c == '/') {
            to[len++] = '-';
        } else if (is_name_byte(c)) {
            to[len++] = c;
        }
    }
    return len;
}

/* pairs = [pair] {"," [pair]}; pair = key "=" value | flag */
static int add_pairs(struct ts_parser *prs, struct ts_str text)
{
    const char *end = text.p + text.len;
    for (const char *p = text.p; p < end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        const char *eq = memchr(p, '=', (size_t)(stop - p));
        struct ts_str key = str_between(p, eq ? eq : stop);
        struct ts_str value = eq ? str_between(eq + 1, stop) : (struct ts_str){NULL, 0};
        if (stop > p && ts_parse_add_tag(prs, key, value) < 0)
            return -TS_EPARSE;
        p = comma ? comma + 1 : end;
    }
    return 0;
}

/* Whether the text is key=value {,key=value} throughout: otherwise a ',' or '#' is only a part of the name.
 */
static bool is_pairs(struct ts_str text)
{
    const char *p = text.p, *end = text.p + text.len;
    for (;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        const char *eq = memchr(p, '=', (size_t)(stop - p));
        if (!eq || eq == p || eq + 1 == stop)
            return false;
        if (!comma)
            return true;
        p = comma + 1;
    }
}

/*
 * name = text | text ("," | "#") pairs | [text] "[" pairs "]" [text]
 * Plain names stay where they are; what has to be cleaned or put together goes to the scratch memory.
 */
static int read_name(struct ts_parser *prs, struct ts_str raw)
{
    struct ts_str head = raw, tail = {raw.p + raw.len, 0}, pairs = {raw.p, 0};
    const char *end = raw.p + raw.len, *open = memchr(raw.p, '[', raw.len);
    const char *close = open ? memchr(open, ']', (size_t)(end - open)) : NULL;
    if (close) {
        head = str_between(raw.p, open);
        pairs = str_between(open + 1, close);
        tail = str_between(close + 1, end);
    } else {
        const char *p = raw.p;
        while (p < end && *p != ',' && *p != '#')
            p++;
        if (p < end && is_pairs(str_between(p + 1, end))) {
            head = str_between(raw.p, p);
            pairs = str_between(p + 1, end);
        }
    }
    bool clean = tail.len == 0;
    for (size_t i = 0; i < head.len && clean; i++)
        clean = is_name_byte(head.p[i]);
    if (!clean) {
        char *to = ts_parse_scratch(prs, head.len + tail.len);
        size_t len = clean_name(to, head);
        head = (struct ts_str){to, len + clean_name(to + len, tail)};
    }
    if (head.len == 0)
        return ts_parse_fail(prs, TS_C_REJECTED_NO_NAME, raw.p, "a name is missing before ':'");
    prs->parsed.name = head;
    return add_pairs(prs, pairs);
}

/* type = "c" | "g" | "ms" | "h" | "d" | "s" */
static int read_type(struct ts_parser *prs, char *out)
{
    const char *start = prs->p;
    while (prs->p < prs->end && *prs->p != '|' && *prs->p != ':')
        prs->p++;
    struct ts_str type = str_between(start, prs->p);
    if (type.len == 0)
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TYPE, start, "a type is missing after '|': c g ms h d s");
    if (type.len == 1 && memchr("cghds", *type.p, 5))
        *out = *type.p;
    else if (ts_str_eq(type, TS_STR("ms")))
        *out = 'm';
    else
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TYPE, start, "unknown type: c g ms h d s are known");
    return 0;
}

static int add_section(struct ts_parser *prs, char type, bool relative, struct ts_section **out)
{
    if (prs->nsections == TS_FIELDS_MAX)
        return ts_parse_fail(prs, TS_C_REJECTED_TOO_LONG, prs->p, "more than %d values with a type",
                             TS_FIELDS_MAX);
    *out = &prs->sections[prs->nsections++];
    **out = (struct ts_section){type, relative, 1.0, 0, prs->values + prs->nvalues, {NULL, 0}};
    return 0;
}

/* values = [number] {":" [number]}; empty ones are passed over. Changes of a gauge and settings get sections
 * of their own. */
static int add_values(struct ts_parser *prs, char type, struct ts_str text)
{
    bool can_be_relative = type == 'g' && prs->opts.signed_gauges == TS_GAUGES_RELATIVE;
    struct ts_section *sec = NULL;
    const char *end = text.p + text.len;
    for (const char *p = text.p; p <= end;) {
        const char *colon = memchr(p, ':', (size_t)(end - p));
        struct ts_str piece = str_between(p, colon ? colon : end);
        p += piece.len + 1;
        bool relative = piece.len && can_be_relative && (*piece.p == '+' || *piece.p == '-');
        if (!sec || (sec->nvalues && piece.len && sec->relative != relative)) {
            if (add_section(prs, type, relative, &sec) < 0)
                return -TS_EPARSE;
        }
        if (piece.len == 0)
            continue;
        sec->relative = relative;
        if (prs->nvalues == TS_VALUES_MAX)
            return ts_parse_fail(prs, TS_C_REJECTED_TOO_LONG, piece.p, "more than %d values", TS_VALUES_MAX);
        int rc = ts_num_read(piece, &prs->values[prs->nvalues]);
        if (rc == -TS_ELIMIT)
            return ts_parse_fail(prs, TS_C_REJECTED_BAD_VALUE, piece.p,
                                 "a number beyond the range of a double");
        if (rc)
            return ts_parse_fail(prs, TS_C_REJECTED_BAD_VALUE, piece.p, "not a number");
        prs->nvalues++;
        sec->nvalues++;
    }
    return 0;
}

/* values "|" type; a set's value is any text, colons included. */
static int read_values(struct ts_parser *prs)
{
    struct ts_str text = ts_parse_until(prs, '|');
    if (text.len == 0)
        return ts_parse_fail(prs, TS_C_REJECTED_NO_VALUE, text.p, "a value is missing after ':': " FORM);
    if (prs->p == prs->end)
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TYPE, prs->end, "a type is missing: " FORM);
    prs->p++;
    char type;
    int rc = read_type(prs, &type);
    if (rc == 0 && type != 's')
        return add_values(prs, type, text);
    struct ts_section *sec;
    if (rc < 0 || add_section(prs, type, false, &sec) < 0)
        return -TS_EPARSE;
    sec->set_value = text;
    return 0;
}

/* rate = number in (0, 1]; counts for the values since section `first` */
static int read_rate(struct ts_parser *prs, unsigned first)
{
    const char *start = prs->p;
    while (prs->p < prs->end && *prs->p != '|' && *prs->p != ':')
        prs->p++;
    double rate;
    if (ts_num_read(str_between(start, prs->p), &rate) || !(rate > 0 && rate <= 1))
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_RATE, start,
                             "a sample rate is a number above 0, at most 1");
    for (unsigned i = first; i < prs->nsections; i++)
        prs->sections[i].rate = rate;
    return 0;
}

bool ts_parse_unix_time(struct ts_str text, int64_t *out_ns)
{
    int64_t seconds;
    return text.len && *text.p >= '0' && *text.p <= '9' && ts_num_read_int(text, &seconds) == 0 &&
           !__builtin_mul_overflow(seconds, TS_SEC, out_ns);
}

int ts_parse_dog_tags(struct ts_parser *prs, struct ts_str text)
{
    const char *end = text.p + text.len;
    for (const char *p = text.p; p < end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        const char *colon = memchr(p, ':', (size_t)(stop - p));
        struct ts_str key = str_between(p, colon ? colon : stop);
        struct ts_str value = colon ? str_between(colon + 1, stop) : (struct ts_str){NULL, 0};
        if (stop > p && ts_parse_add_tag(prs, key, value) < 0)
            return -TS_EPARSE;
        p = comma ? comma + 1 : end;
    }
    return 0;
}

int ts_parse_origin(struct ts_parser *prs, struct ts_str field)
{
    static const struct {
        const char *word, *key;
    } known[] = {{"c:", "container_id"}, {"e:", "external_data"}, {"card:", "cardinality"}};
    for (size_t i = 0; i < TS_ARRAY_SIZE(known) && prs->opts.origin_tags; i++) {
        struct ts_str word = ts_str_of(known[i].word);
        if (field.len < word.len || memcmp(field.p, word.p, word.len) != 0)
            continue;
        struct ts_str value = {field.p + word.len, field.len - word.len};
        if (prs->parsed.ntags == TS_TAGS_MAX)
            return ts_parse_fail(prs, TS_C_REJECTED_BAD_TAGS, field.p, "more than %d tags", TS_TAGS_MAX);
        return ts_parse_add_tag(prs, ts_str_of(known[i].key), value) < 0 ? -TS_EPARSE : 1;
    }
    return 0;
}

/* One field, behind its '|'. With ':' in front the next section begins, but ':' alone says nothing. */
static int read_field(struct ts_parser *prs, unsigned first)
{
    const char *start = prs->p;
    if (start < prs->end && *start == '@') {
        prs->p++;
        return read_rate(prs, first);
    }
    struct ts_str field = ts_parse_until(prs, '|');
    if (field.len == 0 || ts_str_eq(field, TS_STR(":")))
        return 0;
    switch (*start) {
    case '#': return ts_parse_dog_tags(prs, str_between(start + 1, prs->p));
    case 'T':
        prs->parsed.has_time = ts_parse_unix_time(str_between(start + 1, prs->p), &prs->parsed.time_ns);
        if (!prs->parsed.has_time)
            return ts_parse_fail(prs, TS_C_REJECTED_BAD_TIME, start,
                                 "a time is T and seconds since 1970: T1700000000");
        return 0;
    case ':': prs->p = start; return 0;
    default:
        if (!memchr(start, ':', field.len))
            return ts_parse_fail(prs, TS_C_REJECTED_SYNTAX, start,
                                 "unknown field: @rate, #tags, Tseconds and word:text are known");
        return ts_parse_origin(prs, field) < 0 ? -TS_EPARSE : 0;
    }
}

int ts_parse_statsd(struct ts_parser *prs)
{
    size_t len = (size_t)(prs->end - prs->p);
    if (len >= 3 && memcmp(prs->p, "_e{", 3) == 0)
        return ts_parse_event(prs);
    if (len >= 4 && memcmp(prs->p, "_sc|", 4) == 0)
        return ts_parse_check(prs);
    prs->parsed.what = TS_PARSED_METRIC;
    struct ts_str name = ts_parse_until(prs, ':');
    if (prs->p == prs->end)
        return ts_parse_fail(prs, TS_C_REJECTED_NO_VALUE, prs->end, "a value is missing: " FORM);
    int rc = read_name(prs, name);
    while (rc == 0 && prs->p < prs->end) {
        prs->p++;
        unsigned first = prs->nsections;
        rc = read_values(prs);
        while (rc == 0 && prs->p < prs->end && *prs->p == '|') {
            prs->p++;
            rc = read_field(prs, first);
        }
    }
    return rc;
}
