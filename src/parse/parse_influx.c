/*
 * Line protocol as InfluxDB 2.7 reads it (models/points.go, cited by function below), less what its scanner
 * lets through by accident; docs/DIALECTS.md lists the differences. Thread: the parser's owner. Texts without
 * a backslash stay where they are, others are unescaped into the scratch memory. The first thing wrong
 * refuses the line.
 *
 *   line   = measurement {"," key "=" value} blank {blank} field {"," field} [blank {blank} [time {" "}]]
 *   field  = key "=" (float | int "i" | uint "u" | bool | '"' text '"')
 */
#include "config.h"
#include "parse/parse_priv.h"

#include "core/num.h"

#define KEY_MAX   65535 /* bytes of measurement, tags and field as written (models.MaxKeyLength), … */
#define KEY_SPARE 4     /* … with what InfluxDB puts between them */

static bool at(const struct ts_parser *prs, const char *any_of)
{
    return prs->p < prs->end && *prs->p && strchr(any_of, *prs->p);
}

static void skip_blanks(struct ts_parser *prs)
{
    while (at(prs, " \t"))
        prs->p++;
}

/* Takes the backslash from before each byte of `escapes`; every other backslash is a backslash. */
static struct ts_str unescape(struct ts_parser *prs, struct ts_str raw, const char *escapes)
{
    if (!memchr(raw.p, '\\', raw.len))
        return raw;
    char *to = ts_parse_scratch(prs, raw.len);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.p[i] == '\\' && i + 1 < raw.len && raw.p[i + 1] && strchr(escapes, raw.p[i + 1]))
            i++;
        to[len++] = raw.p[i];
    }
    return (struct ts_str){to, len};
}

/* A name up to the first byte of `stops` that no backslash precedes; its first byte, which the caller has
 * looked at, stops nothing (scanMeasurement, scanTagsKey, scanTagsValue). */
static int read_name(struct ts_parser *prs, const char *stops, const char *escapes, struct ts_str *out)
{
    const char *start = prs->p;
    for (; prs->p < prs->end; prs->p++) {
        if (ts_parse_is_control(*prs->p))
            return ts_parse_fail(prs, TS_C_REJECTED_NOT_TEXT, prs->p, "a control character in a name or tag");
        if (prs->p > start && prs->p[-1] != '\\' && at(prs, stops))
            break;
    }
    *out = unescape(prs, (struct ts_str){start, (size_t)(prs->p - start)}, escapes);
    return 0;
}

/* Names that InfluxDB's storage keeps for itself (models.reservedTagKeys). */
static bool is_reserved(struct ts_str key)
{
    return ts_str_eq(key, TS_STR("_field")) || ts_str_eq(key, TS_STR("_measurement")) ||
           ts_str_eq(key, TS_STR("time"));
}

/* tag = key "=" value, behind its comma */
static int read_tag(struct ts_parser *prs)
{
    const char *start = prs->p;
    struct ts_str key, value;
    if (prs->p == prs->end || at(prs, " ,="))
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TAGS, start, "a tag key is missing after ','");
    if (read_name(prs, " ,=", ",= ", &key) < 0)
        return -TS_EPARSE;
    if (!at(prs, "="))
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TAGS, prs->p, "'=' and a tag value are missing");
    prs->p++;
    if (prs->p == prs->end || at(prs, " ,"))
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TAGS, prs->p, "a tag value is missing after '='");
    if (read_name(prs, " ,=", ",= ", &value) < 0)
        return -TS_EPARSE;
    if (at(prs, "="))
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TAGS, prs->p, "'=' in a tag value is written \\=");
    if (is_reserved(key))
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TAGS, start,
                             "the tag keys _field, _measurement and time are reserved");
    for (unsigned i = 0; i < prs->parsed.ntags; i++)
        if (ts_str_eq(prs->tags[i].key, key))
            return ts_parse_fail(prs, TS_C_REJECTED_BAD_TAGS, start, "a tag key that the line has already");
    return ts_parse_add_tag(prs, key, value);
}

/*
 * The key of a field (scanFields, FieldIterator.Next): a backslash takes the byte behind it along, but one
 * more of them right before the '=' or blank is read both ways by InfluxDB, and so refused.
 */
static int read_field_key(struct ts_parser *prs, struct ts_str *out)
{
    const char *start = prs->p;
    for (; prs->p < prs->end && !at(prs, "=, "); prs->p++) {
        if (*prs->p == '\\' && prs->p + 1 < prs->end)
            prs->p++;
        if (ts_parse_is_control(*prs->p))
            return ts_parse_fail(prs, TS_C_REJECTED_NOT_TEXT, prs->p, "a control character in a field key");
    }
    if (prs->p == start)
        return ts_parse_fail(prs, TS_C_REJECTED_SYNTAX, start, "a field key is missing");
    if (!at(prs, "=") || prs->p[-1] == '\\')
        return ts_parse_fail(prs, TS_C_REJECTED_SYNTAX, prs->p,
                             "'=' and a value are missing after the field key");
    *out = unescape(prs, (struct ts_str){start, (size_t)(prs->p - start)}, ",= \"");
    prs->p++;
    return 0;
}

/* '"' text '"'; within it only \" and \\ are escapes (scanFieldValue, unescapeStringField) */
static int read_string(struct ts_parser *prs, struct ts_str *out)
{
    const char *start = prs->p++;
    while (prs->p < prs->end && *prs->p != '"')
        prs->p += *prs->p == '\\' && prs->p + 1 < prs->end && (prs->p[1] == '"' || prs->p[1] == '\\') ? 2 : 1;
    if (prs->p == prs->end)
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_VALUE, start, "a string without its closing quote");
    *out = unescape(prs, (struct ts_str){start + 1, (size_t)(prs->p - start - 1)}, "\"\\");
    prs->p++;
    return 0;
}

static bool read_bool(struct ts_str text, bool *out)
{
    static const char *const names[] = {"t", "T", "true",  "True",  "TRUE",
                                        "f", "F", "false", "False", "FALSE"};
    for (size_t i = 0; i < TS_ARRAY_SIZE(names); i++) {
        if (ts_str_eq(text, ts_str_of(names[i]))) {
            *out = i < 5;
            return true;
        }
    }
    return false;
}

/* number = float | int "i" | uint "u"; no '+' in front (scanNumber) */
static int read_number(struct ts_str text, struct ts_field *field)
{
    struct ts_str digits = {text.p, text.len - 1};
    switch (text.p[text.len - 1]) {
    case 'i': field->type = TS_FIELD_INT; return ts_num_read_int(digits, &field->i);
    case 'u': field->type = TS_FIELD_UINT; return ts_num_read_uint(digits, &field->u);
    default: field->type = TS_FIELD_FLOAT; return ts_num_read(text, &field->f);
    }
}

static int read_value(struct ts_parser *prs, struct ts_field *field)
{
    const char *start = prs->p;
    if (at(prs, "\"")) {
        field->type = TS_FIELD_STRING;
        return read_string(prs, &field->s);
    }
    while (prs->p < prs->end && !at(prs, ", "))
        prs->p++;
    struct ts_str text = {start, (size_t)(prs->p - start)};
    if (text.len == 0)
        return ts_parse_fail(prs, TS_C_REJECTED_NO_VALUE, start, "a field value is missing after '='");
    if (read_bool(text, &field->b)) {
        field->type = TS_FIELD_BOOL;
        return 0;
    }
    int rc = *start == '+' ? -TS_EPARSE : read_number(text, field);
    if (rc == -TS_ELIMIT)
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_VALUE, start, "a number beyond the range of its type");
    if (rc)
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_VALUE, start,
                             "not a value: 1.5, 42i, 42u, true and \"text\" are");
    return 0;
}

/* fields = field {"," field} */
static int read_fields(struct ts_parser *prs, size_t key_len)
{
    for (;;) {
        if (prs->parsed.point.nfields == TS_FIELDS_MAX)
            return ts_parse_fail(prs, TS_C_REJECTED_TOO_LONG, prs->p, "more than %d fields", TS_FIELDS_MAX);
        struct ts_field *field = &prs->fields[prs->parsed.point.nfields++];
        const char *start = prs->p;
        if (read_field_key(prs, &field->key) < 0)
            return -TS_EPARSE;
        if (key_len + KEY_SPARE + (size_t)(prs->p - 1 - start) > KEY_MAX)
            return ts_parse_fail(prs, TS_C_REJECTED_TOO_LONG, start, "a series key longer than %d bytes",
                                 KEY_MAX);
        if (read_value(prs, field) < 0)
            return -TS_EPARSE;
        if (prs->p == prs->end || at(prs, " "))
            return 0;
        if (!at(prs, ","))
            return ts_parse_fail(prs, TS_C_REJECTED_SYNTAX, prs->p,
                                 "only ',' or a blank may follow a string");
        prs->p++;
    }
}

/* time = ["-"] digits {" "}, in units of the precision (scanTime, SafeCalcTime: the ends of int64 are
 * InfluxDB's own) */
static int read_time(struct ts_parser *prs)
{
    const char *start = prs->p;
    int64_t t, t_ns;
    while (prs->p < prs->end && *prs->p != ' ')
        prs->p++;
    int rc =
        *start == '+' ? -TS_EPARSE : ts_num_read_int((struct ts_str){start, (size_t)(prs->p - start)}, &t);
    if (rc == -TS_EPARSE)
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TIME, start, "a time is an integer");
    if (rc || __builtin_mul_overflow(t, prs->opts.precision_ns, &t_ns) || t_ns < INT64_MIN + 2 ||
        t_ns > INT64_MAX - 1)
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_TIME, start,
                             "a time outside 1677 … 2262; is the precision right?");
    while (at(prs, " "))
        prs->p++;
    if (prs->p < prs->end)
        return ts_parse_fail(prs, TS_C_REJECTED_SYNTAX, prs->p, "something stands behind the time");
    prs->parsed.has_time = true;
    prs->parsed.time_ns = t_ns;
    return 0;
}

int ts_parse_influx(struct ts_parser *prs)
{
    const char *start = prs->p;
    prs->parsed.point.fields = prs->fields;
    if (at(prs, ","))
        return ts_parse_fail(prs, TS_C_REJECTED_NO_NAME, start, "a measurement is missing");
    if (read_name(prs, ", ", ", ", &prs->parsed.name) < 0)
        return -TS_EPARSE;
    while (at(prs, ",")) {
        prs->p++;
        if (read_tag(prs) < 0)
            return -TS_EPARSE;
    }
    size_t key_len = (size_t)(prs->p - start);
    skip_blanks(prs);
    if (prs->p == prs->end)
        return ts_parse_fail(prs, TS_C_REJECTED_NO_VALUE, prs->end,
                             "fields are missing: name,tag=value field=value");
    if (read_fields(prs, key_len) < 0)
        return -TS_EPARSE;
    skip_blanks(prs);
    return prs->p == prs->end ? 0 : read_time(prs);
}
