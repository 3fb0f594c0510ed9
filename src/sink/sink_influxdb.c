/*
 * Line protocol to InfluxDB 2 (/api/v2/write) and InfluxDB 1 (/write), and what their answers mean. Thread:
 * the sink's. Owns its HTTP client. Sources of the meanings: InfluxDB 2.7's http/write_handler.go and
 * points_parser.go, 1.8's services/httpd/handler.go. A "partial write" has stored the good points; as storing
 * them again changes nothing, it is split like any other refusal.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/mem.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <strings.h>

static struct ts_http *client(const struct ts_sink *snk)
{
    return snk->impl;
}

/* The line that the answer calls bad: "line" (InfluxDB Cloud), or the first of InfluxDB 3's list. */
static unsigned named_line(const json_t *doc)
{
    const json_t *line = json_object_get(doc, "line");
    if (!line)
        line = json_object_get(json_array_get(json_object_get(doc, "data"), 0), "line_number");
    json_int_t n = json_integer_value(line);
    return n > 0 && n <= UINT_MAX ? (unsigned)n : 0;
}

/* The server's own words: JSON's message (InfluxDB 2) or error (InfluxDB 1), else the body's beginning.
 * @return the line that it names, 0 for none. */
static unsigned put_message(struct ts_str body, char *to, size_t size)
{
    json_t *doc = body.len ? json_loadb(body.p, body.len, 0, NULL) : NULL;
    unsigned line = named_line(doc);
    const char *text = json_string_value(json_object_get(doc, "message"));
    if (!text)
        text = json_string_value(json_object_get(doc, "error"));
    struct ts_str s = text ? ts_str_of(text) : body;
    size_t n = TS_MIN(s.len, size - 1);
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)s.p[i] < 0x20 ? ' ' : s.p[i];
    to[n] = 0;
    json_decref(doc);
    return line;
}

static bool is_html(const struct ts_http_answer *answer)
{
    return strncasecmp(answer->content_type, "text/html", 9) == 0;
}

static enum ts_sink_verdict verdict_of(const struct ts_http_answer *answer)
{
    long status = answer->status;
    if (status == 0 || status == 408 || status == 429 || status >= 500)
        return TS_SINK_RETRY;
    if (status == 413)
        return TS_SINK_TOO_BIG; /* also from a proxy in front, whose page is HTML */
    if (is_html(answer))
        return TS_SINK_HELD;
    if (status >= 200 && status < 300)
        return TS_SINK_SENT;
    if (status == 400 || status == 422)
        return TS_SINK_REFUSED;
    return TS_SINK_HELD;
}

/* What somebody has to do about an answer that holds the data back. */
static const char *advice_for(const struct ts_http_answer *answer, bool v2)
{
    if (is_html(answer))
        return "this is not InfluxDB's answer: does a proxy or another service listen there?";
    switch (answer->status) {
    case 401: return v2 ? "set a valid token" : "set username and password";
    case 403:
        return v2 ? "give the token write access to the bucket"
                  : "give the user write access to the database";
    case 404:
        return v2 ? "create the bucket, or correct org and bucket" : "create the database, or correct it";
    default: return "unexpected answer: is url right?";
    }
}

static void judge(struct ts_sink *snk, const struct ts_http_answer *answer, struct ts_sink_reply *reply,
                  bool v2)
{
    const struct ts_conf_sink *conf = snk->conf;
    reply->verdict = verdict_of(answer);
    reply->retry_after_ns = answer->retry_after_ns;
    if (reply->verdict == TS_SINK_SENT)
        return;
    char said[256];
    reply->line = put_message(answer->body, said, sizeof said);
    if (answer->status == 0)
        snprintf(reply->why, sizeof reply->why, "%s", answer->error);
    else if (reply->verdict != TS_SINK_HELD)
        snprintf(reply->why, sizeof reply->why, "HTTP %ld%s%s", answer->status, *said ? ": " : "", said);
    else if (v2)
        snprintf(reply->why, sizeof reply->why, "HTTP %ld: %s (url %s, org %s, bucket %s): %s",
                 answer->status, advice_for(answer, v2), conf->url, conf->org, conf->bucket, said);
    else
        snprintf(reply->why, sizeof reply->why, "HTTP %ld: %s (url %s, database %s): %s", answer->status,
                 advice_for(answer, v2), conf->url, conf->database, said);
}

static bool begin(struct ts_sink *snk, unsigned request, struct ts_str body)
{
    return ts_http_begin(client(snk), request, body);
}

static bool finish(struct ts_sink *snk, int64_t timeout_ns, unsigned *request, struct ts_sink_reply *reply,
                   bool v2)
{
    struct ts_http_answer answer;
    if (!ts_http_finish(client(snk), timeout_ns, request, &answer))
        return false;
    judge(snk, &answer, reply, v2);
    return true;
}

static bool finish2(struct ts_sink *snk, int64_t timeout_ns, unsigned *request, struct ts_sink_reply *reply)
{
    return finish(snk, timeout_ns, request, reply, true);
}

static bool finish1(struct ts_sink *snk, int64_t timeout_ns, unsigned *request, struct ts_sink_reply *reply)
{
    return finish(snk, timeout_ns, request, reply, false);
}

static void put_param(struct ts_buf *url, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    ts_buf_puts(url, name);
    ts_http_put_escaped(url, value);
}

static int open_at(struct ts_sink *snk, struct ts_buf *url, struct ts_buf *authorization, struct ts_err *err)
{
    struct ts_http *http = NULL;
    const char *at = ts_buf_cstr(url), *auth = authorization->len ? ts_buf_cstr(authorization) : NULL;
    int rc = at && !ts_buf_failed(authorization)
                 ? ts_http_open(snk->conf, at, auth, snk->njobs, snk->feed->cnt, &http, err)
                 : ts_fail(err, TS_ENOMEM, "no memory for sink %s", snk->conf->name);
    snk->impl = http;
    snk->target = snk->conf->url;
    ts_buf_fini(url);
    ts_buf_fini(authorization);
    return rc;
}

/* The configured url with a path of the server's behind it. */
static struct ts_buf url_of(const struct ts_conf_sink *conf, const char *path)
{
    struct ts_buf url = TS_BUF_INIT;
    struct ts_str base = ts_str_of(conf->url);
    while (base.len && base.p[base.len - 1] == '/')
        base.len--;
    ts_buf_put_str(&url, base);
    ts_buf_puts(&url, path);
    return url;
}

static int need(const struct ts_conf_sink *conf, const char *option, const char *value, struct ts_err *err)
{
    if (value && *value)
        return 0;
    return ts_fail(err, TS_ECONF, "sink %s: type %s needs the option %s", conf->name, conf->type, option);
}

static int open2(struct ts_sink *snk, struct ts_err *err)
{
    const struct ts_conf_sink *conf = snk->conf;
    if (need(conf, "url", conf->url, err) != 0 || need(conf, "org", conf->org, err) != 0 ||
        need(conf, "bucket", conf->bucket, err) != 0)
        return -TS_ECONF;
    struct ts_buf url = url_of(conf, "/api/v2/write?precision=ns"), authorization = TS_BUF_INIT;
    put_param(&url, "&org=", conf->org);
    put_param(&url, "&bucket=", conf->bucket);
    if (conf->token && *conf->token)
        ts_buf_printf(&authorization, "Authorization: Token %s", conf->token);
    return open_at(snk, &url, &authorization, err);
}

static int open1(struct ts_sink *snk, struct ts_err *err)
{
    const struct ts_conf_sink *conf = snk->conf;
    if (need(conf, "url", conf->url, err) != 0 || need(conf, "database", conf->database, err) != 0)
        return -TS_ECONF;
    struct ts_buf url = url_of(conf, "/write?precision=ns"), authorization = TS_BUF_INIT;
    put_param(&url, "&db=", conf->database);
    put_param(&url, "&rp=", conf->retention_policy);
    return open_at(snk, &url, &authorization, err);
}

static void wake(struct ts_sink *snk)
{
    ts_http_wake(client(snk));
}

static void close_client(struct ts_sink *snk)
{
    struct ts_http *http = snk->impl;
    ts_http_close(&http);
    snk->impl = NULL;
}

const struct ts_sink_ops ts_sink_influxdb2_ops = {.open = open2,
                                                  .encode = ts_sink_lp_put,
                                                  .begin = begin,
                                                  .finish = finish2,
                                                  .wake = wake,
                                                  .close = close_client};
const struct ts_sink_ops ts_sink_influxdb1_ops = {.open = open1,
                                                  .encode = ts_sink_lp_put,
                                                  .begin = begin,
                                                  .finish = finish1,
                                                  .wake = wake,
                                                  .close = close_client};
