/*
 * DogStatsD events and service checks. Thread: the parser's owner. A field that is unknown or wrong does not
 * spoil the rest; a wrong head does. "\n" in a text stands for a line end.
 *
 *   event = "_e{" length "," length "}:" title "|" text {"|" field}     lengths in bytes
 *   check = "_sc|" name "|" status {"|" field}
 *   field = "d:" seconds | "h:" host | "k:" key | "p:" priority | "s:" source | "t:" type | "m:" message |
 * "#" tags
 */
#include "config.h"
#include "parse/parse_priv.h"

#include "core/num.h"

/* The text with each backslash and n as a line end. */
static struct ts_str unescape_newlines(struct ts_parser *prs, struct ts_str raw)
{
    if (!memchr(raw.p, '\\', raw.len))
        return raw;
    char *to = ts_parse_scratch(prs, raw.len);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        bool newline = raw.p[i] == '\\' && i + 1 < raw.len && raw.p[i + 1] == 'n';
        to[len++] = newline ? '\n' : raw.p[i];
        i += newline;
    }
    return (struct ts_str){to, len};
}

/* length = digits; stops at the byte `stop`, which follows */
static bool read_length(struct ts_parser *prs, char stop, uint64_t *out)
{
    struct ts_str digits = ts_parse_until(prs, stop);
    return prs->p++ < prs->end && digits.len && *digits.p != '+' && ts_num_read_uint(digits, out) == 0;
}

/* field = letter ":" value */
static bool take(struct ts_str field, char letter, struct ts_str *value)
{
    if (field.len < 2 || field.p[0] != letter || field.p[1] != ':')
        return false;
    *value = (struct ts_str){field.p + 2, field.len - 2};
    return true;
}

static void take_known(struct ts_str field, char letter, const char *const *known, struct ts_str *value)
{
    struct ts_str given;
    if (take(field, letter, &given))
        for (; *known; known++)
            if (ts_str_eq(given, ts_str_of(*known)))
                *value = given;
}

/* The fields that events and checks share. */
static int read_common_field(struct ts_parser *prs, struct ts_str field, struct ts_str *hostname)
{
    struct ts_str seconds;
    if (field.len && *field.p == '#')
        return ts_parse_dog_tags(prs, (struct ts_str){field.p + 1, field.len - 1});
    if (take(field, 'd', &seconds))
        prs->parsed.has_time = ts_parse_unix_time(seconds, &prs->parsed.time_ns);
    take(field, 'h', hostname);
    return ts_parse_origin(prs, field);
}

static int read_event_fields(struct ts_parser *prs)
{
    static const char *const priorities[] = {"normal", "low", NULL};
    static const char *const alert_types[] = {"info", "warning", "error", "success", NULL};
    struct ts_parsed *ev = &prs->parsed;
    while (prs->p < prs->end) {
        prs->p++;
        struct ts_str field = ts_parse_until(prs, '|');
        if (read_common_field(prs, field, &ev->event.hostname) < 0)
            return -TS_EPARSE;
        take(field, 'k', &ev->event.aggregation_key);
        take(field, 's', &ev->event.source_type);
        take_known(field, 'p', priorities, &ev->event.priority);
        take_known(field, 't', alert_types, &ev->event.alert_type);
    }
    return 0;
}

int ts_parse_event(struct ts_parser *prs)
{
    const char *start = prs->p;
    uint64_t title_len, text_len;
    prs->p += 3;
    if (!read_length(prs, ',', &title_len) || !read_length(prs, '}', &text_len) || prs->p >= prs->end ||
        *prs->p++ != ':')
        return ts_parse_fail(prs, TS_C_REJECTED_SYNTAX, start,
                             "an event begins _e{title length,text length}:title|text");
    uint64_t left = (uint64_t)(prs->end - prs->p);
    if (title_len >= left || text_len > left - title_len - 1)
        return ts_parse_fail(prs, TS_C_REJECTED_SYNTAX, prs->p, "the event is shorter than its lengths say");
    struct ts_str title = {prs->p, title_len}, text = {prs->p + title_len + 1, text_len};
    prs->p = text.p + text.len;
    if (text.p[-1] != '|' || (prs->p < prs->end && *prs->p != '|'))
        return ts_parse_fail(prs, TS_C_REJECTED_SYNTAX, title.p,
                             "no '|' where the event's lengths say; they count bytes");
    if (title.len == 0)
        return ts_parse_fail(prs, TS_C_REJECTED_NO_NAME, title.p, "an event without a title");
    prs->parsed.what = TS_PARSED_EVENT;
    prs->parsed.name = unescape_newlines(prs, title);
    prs->parsed.event.text = unescape_newlines(prs, text);
    prs->parsed.event.priority = TS_STR("normal");
    prs->parsed.event.alert_type = TS_STR("info");
    return read_event_fields(prs);
}

int ts_parse_check(struct ts_parser *prs)
{
    prs->p += 4;
    struct ts_parsed *chk = &prs->parsed;
    chk->what = TS_PARSED_SERVICE_CHECK;
    chk->name = ts_parse_until(prs, '|');
    if (chk->name.len == 0)
        return ts_parse_fail(prs, TS_C_REJECTED_NO_NAME, chk->name.p,
                             "a service check without a name: _sc|name|status");
    if (prs->p == prs->end)
        return ts_parse_fail(prs, TS_C_REJECTED_NO_VALUE, prs->end, "a status is missing: _sc|name|status");
    prs->p++;
    struct ts_str status = ts_parse_until(prs, '|');
    if (status.len != 1 || *status.p < '0' || *status.p > '3')
        return ts_parse_fail(prs, TS_C_REJECTED_BAD_VALUE, status.p, "a status is 0, 1, 2 or 3");
    chk->check.status = *status.p - '0';
    struct ts_str message = {NULL, 0};
    while (prs->p < prs->end) {
        prs->p++;
        struct ts_str field = ts_parse_until(prs, '|');
        if (read_common_field(prs, field, &chk->check.hostname) < 0)
            return -TS_EPARSE;
        take(field, 'm', &message);
    }
    if (message.len)
        chk->check.message = unescape_newlines(prs, message);
    return 0;
}
