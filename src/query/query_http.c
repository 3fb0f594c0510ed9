/*
 * A query over HTTP with libcurl. Thread: main. Owns the connection; passes the answer on as it comes, unpacked, and keeps only the
 * beginning of an answer that is no result, to find the message in it.
 */
#include "config.h"
#include "query/query_http.h"

#include "core/clock.h"
#include "query/query_curl.h"

#include <jansson.h>

#define CONNECT_TIMEOUT_MS 10000
#define TICK_MS            100
#define MESSAGE_MAX        65536 /* bytes kept of an answer that is no result */

static const struct ts_query_curl *lib; /* loaded */

struct transfer {
    const struct ts_query_request *req;
    const struct ts_query_http_events *events;
    CURL *easy;
    enum { NO_ANSWER, RESULT, MESSAGE } answer;
    int body_rc;
    struct ts_buf message;
    char curl_error[CURL_ERROR_SIZE];
};

/* The parameters as a Flux syntax tree that the server puts in front of the script, `params = {name:
 * "value"}`: the script and the line numbers of its errors stay as they are. */
static void put_params(const struct ts_query_request *req, struct ts_buf *to)
{
    ts_buf_puts(
        to, ",\"extern\":{\"type\":\"File\",\"package\":null,\"imports\":null,\"body\":[{\"type\":"
            "\"VariableAssignment\",\"id\":{\"type\":\"Identifier\",\"name\":\"params\"},\"init\":{\"type\":"
            "\"ObjectExpression\",\"properties\":[");
    for (unsigned i = 0; i < req->nparams; i++) {
        ts_buf_puts(to, i ? "," : "");
        ts_buf_puts(to, "{\"type\":\"Property\",\"key\":{\"type\":\"Identifier\",\"name\":");
        ts_buf_put_json(to, req->params[i].name);
        ts_buf_puts(to, "},\"value\":{\"type\":\"StringLiteral\",\"value\":");
        ts_buf_put_json(to, req->params[i].value);
        ts_buf_puts(to, "}}");
    }
    ts_buf_puts(to, "]}}]}");
}

void ts_query_request_put_body(const struct ts_query_request *req, struct ts_buf *to)
{
    ts_buf_puts(to, "{\"query\":");
    ts_buf_put_json(to, req->script);
    ts_buf_puts(to, ",\"type\":\"flux\",\"dialect\":{\"header\":true,\"delimiter\":\",\","
                    "\"annotations\":[\"datatype\",\"group\",\"default\"]}");
    if (req->now) {
        ts_buf_puts(to, ",\"now\":");
        ts_buf_put_json(to, ts_str_of(req->now));
    }
    if (req->nparams)
        put_params(req, to);
    ts_buf_putc(to, '}');
}

static long status_of(CURL *easy)
{
    long status = 0;
    lib->curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool is_result(CURL *easy)
{
    const char *type = NULL;
    lib->curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    return status_of(easy) == 200 && type && strncasecmp(type, "text/csv", 8) == 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *tr = arg;
    n *= size;
    if (tr->answer == NO_ANSWER)
        tr->answer = is_result(tr->easy) ? RESULT : MESSAGE;
    if (tr->answer == MESSAGE) {
        ts_buf_put(&tr->message, p, TS_MIN(n, MESSAGE_MAX - tr->message.len));
        return n;
    }
    tr->body_rc = tr->events->body(tr->events->arg, (struct ts_str){p, n});
    return tr->body_rc ? 0 : n;
}

static void put_url(CURL *easy, const struct ts_query_target *tgt, struct ts_buf *to)
{
    size_t len = strlen(tgt->host);
    while (len && tgt->host[len - 1] == '/')
        len--;
    ts_buf_put(to, tgt->host, len);
    ts_buf_puts(to, "/api/v2/query");
    const char *value = tgt->org ? tgt->org : tgt->org_id;
    char *escaped = value ? lib->curl_easy_escape(easy, value, 0) : NULL;
    if (escaped)
        ts_buf_printf(to, "?%s=%s", tgt->org ? "org" : "orgID", escaped);
    lib->curl_free(escaped);
}

static struct curl_slist *make_headers(const struct ts_query_request *req)
{
    struct ts_buf auth = TS_BUF_INIT;
    struct curl_slist *list = lib->curl_slist_append(NULL, "Content-Type: application/json");
    list = lib->curl_slist_append(list, "Accept: text/csv");
    list = lib->curl_slist_append(list, "Expect:");
    if (req->target.token) {
        ts_buf_printf(&auth, "Authorization: Token %s", req->target.token);
        list = lib->curl_slist_append(list, ts_buf_cstr(&auth));
    }
    ts_buf_fini(&auth);
    return list;
}

static void set_options(struct transfer *tr, const char *url, const struct curl_slist *headers,
                        const struct ts_buf *body)
{
    const struct ts_query_request *req = tr->req;
    CURL *easy = tr->easy;
    lib->curl_easy_setopt(easy, CURLOPT_URL, url);
    lib->curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    lib->curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body->p);
    lib->curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
    lib->curl_easy_setopt(easy, CURLOPT_USERAGENT, "tsagg-query/" PACKAGE_VERSION);
    lib->curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    lib->curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    lib->curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, tr->curl_error);
    lib->curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    lib->curl_easy_setopt(easy, CURLOPT_WRITEDATA, tr);
    lib->curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    lib->curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((req->timeout_ns + TS_MS - 1) / TS_MS));
    if (req->ca)
        lib->curl_easy_setopt(easy, CURLOPT_CAINFO, req->ca);
    lib->curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, (long)req->verify);
    lib->curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, req->verify ? 2L : 0L);
}

static bool stopped(const struct transfer *tr)
{
    return tr->req->stop && *tr->req->stop;
}

/* Runs the transfer to its end, or until it is to stop. */
static CURLcode drive(struct transfer *tr, CURLM *multi)
{
    int running = 1, left;
    CURLMcode mc = lib->curl_multi_add_handle(multi, tr->easy);
    while (mc == CURLM_OK && running && !stopped(tr)) {
        mc = lib->curl_multi_perform(multi, &running);
        tr->events->tick(tr->events->arg);
        if (mc == CURLM_OK && running)
            mc = lib->curl_multi_poll(multi, NULL, 0, TICK_MS, NULL);
    }
    CURLMsg *msg = lib->curl_multi_info_read(multi, &left);
    CURLcode code = msg ? msg->data.result : mc == CURLM_OK ? CURLE_OK : CURLE_FAILED_INIT;
    lib->curl_multi_remove_handle(multi, tr->easy);
    return code;
}

/* The text of InfluxDB 2's (`message`) or 1's (`error`) JSON; false when the answer is no such thing. */
static bool put_server_message(struct ts_str answer, struct ts_buf *to)
{
    json_t *root = json_loadb(answer.len ? answer.p : "", answer.len, 0, NULL);
    const char *text = json_string_value(json_object_get(root, "message"));
    if (!text)
        text = json_string_value(json_object_get(root, "error"));
    if (text)
        ts_buf_puts(to, *text ? text : "the server does not say why");
    json_decref(root);
    return text != NULL;
}

static int explain_status(const struct transfer *tr, struct ts_buf *error)
{
    struct ts_str answer = ts_buf_str(&tr->message);
    const char *host = tr->req->target.host;
    long status = status_of(tr->easy);
    if (status == 401 || status == 403) {
        ts_buf_printf(error, "%s refuses: ", host);
        if (!put_server_message(answer, error))
            ts_buf_printf(error, "status %ld", status);
        ts_buf_puts(error, tr->req->target.token ? " (is the token right?)"
                                                 : " (no token given: --token, TSAGG_TOKEN or a profile)");
        return -TS_EAUTH;
    }
    if (put_server_message(answer, error))
        return -TS_EQUERY;
    ts_buf_printf(error, "%s does not answer as InfluxDB 2 does (status %ld to POST /api/v2/query)", host,
                  status);
    const char *line_end = answer.len ? memchr(answer.p, '\n', answer.len) : NULL;
    size_t line = TS_MIN(line_end ? (size_t)(line_end - answer.p) : answer.len, (size_t)200);
    if (line)
        ts_buf_printf(error, ": %.*s", (int)line, answer.p);
    return -TS_ECONNECT;
}

static int explain_failure(const struct transfer *tr, CURLcode code, struct ts_buf *error)
{
    const char *why = tr->curl_error[0] ? tr->curl_error : lib->curl_easy_strerror(code);
    ts_buf_printf(error, "%s %s: %s", tr->answer == NO_ANSWER ? "cannot reach" : "lost the connection to",
                  tr->req->target.host, why);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        ts_buf_puts(error, " (--ca FILE names certificates to trust)");
    return -TS_ECONNECT;
}

int ts_query_http_run(const struct ts_query_request *req, const struct ts_query_http_events *events,
                      struct ts_buf *error)
{
    struct ts_buf url = TS_BUF_INIT, body = TS_BUF_INIT;
    struct transfer tr = {.req = req, .events = events};
    const char *why;
    lib = ts_query_curl_load(&why);
    if (!lib) {
        ts_buf_printf(error, "cannot ask %s without libcurl: %s", req->target.host, why);
        return -TS_ECONNECT;
    }
    TS_ASSERT(lib->curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    tr.easy = lib->curl_easy_init();
    CURLM *multi = lib->curl_multi_init();
    TS_ASSERT(tr.easy && multi);
    put_url(tr.easy, &req->target, &url);
    ts_query_request_put_body(req, &body);
    struct curl_slist *headers = make_headers(req);
    set_options(&tr, ts_buf_cstr(&url), headers, &body);

    CURLcode code = drive(&tr, multi);
    int rc = 0;
    if (tr.body_rc)
        rc = tr.body_rc;
    else if (code != CURLE_OK)
        rc = explain_failure(&tr, code, error);
    else if (tr.answer != RESULT && !stopped(&tr) && !is_result(tr.easy))
        rc = explain_status(&tr, error);

    lib->curl_slist_free_all(headers);
    lib->curl_multi_cleanup(multi);
    lib->curl_easy_cleanup(tr.easy);
    lib->curl_global_cleanup();
    ts_buf_fini(&tr.message);
    ts_buf_fini(&body);
    ts_buf_fini(&url);
    return rc;
}
