/*
 * The body of a query request to what is asked: a Flux script as it is, or JSON around one with the form that
 * the answer is to have. What is wrong is said in InfluxDB's words. Thread: server.
 */
#include "config.h"
#include "server/server_query.h"

#include "core/clock.h"
#include "core/utf8.h"

#include <strings.h>

static int wrong(struct ts_buf *why, const char *fmt, ...) TS_PRINTF(2, 3);

static int wrong(struct ts_buf *why, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ts_buf_printf(why, "failed to decode request body: %s", text);
    return -TS_EPARSE;
}

static int wrong_json(struct ts_buf *why, const char *what)
{
    return wrong(why,
                 "failed parsing request body as JSON; if sending a raw Flux script, set 'Content-Type: "
                 "application/vnd.flux' in your "
                 "request headers: %s",
                 what);
}

/* A text that may be missing or null. */
static int text_of(const json_t *obj, const char *key, struct ts_str *out, struct ts_buf *why)
{
    const json_t *v = json_object_get(obj, key);
    char what[64];
    *out = TS_STR("");
    if (!v || json_is_null(v))
        return 0;
    snprintf(what, sizeof what, "%s is not a string", key);
    if (!json_is_string(v))
        return wrong_json(why, what);
    *out = (struct ts_str){json_string_value(v), json_string_length(v)};
    return 0;
}

static int read_annotations(const json_t *list, struct ts_ask_dialect *dialect, struct ts_buf *why)
{
    static const char *const names[] = {
        [TS_ASK_DATATYPE] = "datatype", [TS_ASK_GROUP] = "group", [TS_ASK_DEFAULT] = "default"};
    const json_t *item;
    unsigned n = 0;
    size_t i;
    if (list && !json_is_null(list) && !json_is_array(list))
        return wrong_json(why, "annotations is not an array");
    json_array_foreach(list, i, item) {
        const char *name = json_string_value(item);
        unsigned char a = 1;
        while (name && a < TS_ARRAY_SIZE(names) && strcmp(name, names[a]) != 0)
            a++;
        if (!name || a == TS_ARRAY_SIZE(names))
            return wrong(why, "unknown dialect annotation type: %.100s", name ? name : "not a string");
        if (!memchr(dialect->annotate, a, sizeof dialect->annotate))
            dialect->annotate[n++] = a;
    }
    return 0;
}

static int read_dialect(const json_t *obj, struct ts_ask_dialect *dialect, struct ts_buf *why)
{
    struct ts_str delimiter, prefix, format;
    const json_t *header = json_object_get(obj, "header");
    if (obj && !json_is_null(obj) && !json_is_object(obj))
        return wrong_json(why, "dialect is not an object");
    if (header && !json_is_null(header) && !json_is_boolean(header))
        return wrong_json(why, "header is not a boolean");
    int rc = text_of(obj, "delimiter", &delimiter, why);
    rc = rc ? rc : text_of(obj, "commentPrefix", &prefix, why);
    rc = rc ? rc : text_of(obj, "dateTimeFormat", &format, why);
    if (rc)
        return rc;
    if (prefix.len > 1)
        return wrong(why, "invalid dialect comment prefix: must be length 0 or 1");
    if (delimiter.len > 1)
        return wrong(why, "invalid dialect delimeter: must be length 1");
    if (delimiter.len && strchr("\"\r\n", delimiter.p[0]))
        return wrong(why, "invalid dialect delimeter character");
    if (format.len && !ts_str_eq(format, TS_STR("RFC3339")) && !ts_str_eq(format, TS_STR("RFC3339Nano")))
        return wrong(why, "unknown dialect date time format: %.*s", (int)TS_MIN(format.len, (size_t)100),
                     format.p);
    dialect->no_header = json_is_false(header);
    dialect->delimiter = delimiter.len ? delimiter.p[0] : ',';
    return read_annotations(json_object_get(obj, "annotations"), dialect, why);
}

static int read_now(struct ts_query_body *body, struct ts_ask *ask, struct ts_buf *why)
{
    struct ts_str now;
    char what[96];
    int rc = text_of(body->json, "now", &now, why);
    if (rc || !now.len)
        return rc;
    body->has_now = true;
    snprintf(what, sizeof what, "now: \"%.40s\" is no time of RFC 3339", now.p);
    return ts_clock_read_time(now, &ask->now_ns) == 0 ? 0 : wrong_json(why, what);
}

static int on_dumped(const char *p, size_t len, void *arg)
{
    ts_buf_put(arg, p, len);
    return 0;
}

static int read_json(struct ts_query_body *body, struct ts_str text, struct ts_ask *ask, struct ts_buf *why)
{
    struct ts_str type;
    json_error_t error;
    body->json = json_loadb(text.p ? text.p : "", text.len, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);
    if (!body->json)
        return wrong_json(why, error.text);
    if (!json_is_object(body->json) && !json_is_null(body->json))
        return wrong_json(why, "expected an object");
    int rc = text_of(body->json, "query", &ask->script, why);
    rc = rc ? rc : text_of(body->json, "type", &type, why);
    rc = rc ? rc : read_now(body, ask, why);
    if (rc)
        return rc;
    if (!ask->script.len)
        return wrong(why, json_object_get(body->json, "ast") ? "an AST in place of a query is not supported"
                                                             : "request body requires either query or AST");
    if (type.len && !ts_str_eq(type, TS_STR("flux")))
        return wrong(why, "unknown query type: %.*s", (int)TS_MIN(type.len, (size_t)100), type.p);
    const json_t *externs = json_object_get(body->json, "extern");
    if (externs && !json_is_null(externs) &&
        json_dump_callback(externs, on_dumped, &body->externs, JSON_ENCODE_ANY) != 0)
        return -TS_ENOMEM;
    ask->externs = ts_buf_str(&body->externs);
    rc = read_dialect(json_object_get(body->json, "dialect"), &ask->dialect, why);
    return rc == 0 && ts_buf_failed(&body->externs) ? -TS_ENOMEM : rc;
}

static int read_flux(struct ts_str text, struct ts_ask *ask, struct ts_buf *why)
{
    ask->script = text;
    if (!text.len)
        return wrong(why, "request body requires either query or AST");
    if (ts_utf8_valid(text))
        return 0;
    ts_buf_puts(why, "compilation failed: the script is not UTF-8");
    return -TS_EPARSE;
}

int ts_query_body_read(struct ts_query_body *body, const char *type, struct ts_str text, struct ts_ask *ask,
                       struct ts_buf *why)
{
    static const char flux[] = "application/vnd.flux";
    size_t len = strcspn(type, "; \t");
    ask->now_ns = ts_clock_now_ns();
    if (len == sizeof flux - 1 && strncasecmp(type, flux, len) == 0)
        return read_flux(text, ask, why);
    return read_json(body, text, ask, why);
}

void ts_query_body_fini(struct ts_query_body *body)
{
    json_decref(body->json);
    ts_buf_fini(&body->externs);
}

void ts_query_body_put_key(const struct ts_query_body *body, const struct ts_ask *ask, struct ts_buf *to)
{
    const struct ts_ask_dialect *dialect = &ask->dialect;
    ts_buf_printf(to, "%d %d %lld ", dialect->no_header, dialect->delimiter,
                  body->has_now ? (long long)ask->now_ns : -1LL);
    ts_buf_put(to, dialect->annotate, sizeof dialect->annotate);
    ts_buf_printf(to, "%zu ", ask->externs.len);
    ts_buf_put_str(to, ask->externs);
    ts_buf_put_str(to, ask->script);
}
