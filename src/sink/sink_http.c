/*
 * Requests to answers: libcurl multi, several at a time, connections kept alive (with HTTP/2 a single one),
 * bodies compressed with libdeflate. Thread: the sink's; ts_http_wake any. Owns the handles and the answers'
 * bytes, of each the first ANSWER_MAX. A request ends at its time-out, or with the client; without an answer
 * its status is 0.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/mem.h"

#include <curl/curl.h>
#include <libdeflate.h>
#include <stdio.h>
#include <unistd.h>

#define ANSWER_MAX      16384
#define RETRY_AFTER_MAX 600 /* seconds */
#define GZIP_LEVEL      1 /* line protocol shrinks to about an eighth; higher levels cost much and gain little */
#define POLL_MAX_MS     1000

struct request {
    CURL *easy; /* made when the request is first used */
    struct ts_buf packed, answer;
    char error[CURL_ERROR_SIZE];
};

struct ts_http {
    const struct ts_conf_sink *conf;
    struct ts_counters *cnt;
    char *url;
    CURLM *multi;
    struct curl_slist *headers;
    struct libdeflate_compressor *gzip; /* NULL: off */
    unsigned n;
    struct request *requests;
};

static size_t take_answer(char *p, size_t size, size_t n, void *arg)
{
    struct ts_buf *answer = arg;
    ts_buf_put(answer, p, TS_MIN(size * n, ANSWER_MAX - answer->len));
    return size * n;
}

static bool add_header(struct ts_http *http, const char *line)
{
    struct curl_slist *list = curl_slist_append(http->headers, line);
    http->headers = list ? list : http->headers;
    return list != NULL;
}

static bool add_headers(struct ts_http *http, const char *authorization)
{
    return (!authorization || add_header(http, authorization)) &&
           add_header(http, "Content-Type: text/plain; charset=utf-8") &&
           (!http->gzip || add_header(http, "Content-Encoding: gzip")) &&
           add_header(
               http,
               "Expect:"); /* no 100-continue: it costs a round trip, or a second where it is not known */
}

static bool is_set(const char *text)
{
    return text && *text;
}

/* Files, keys and the proxy. Without a proxy of its own a sink has the environment's (https_proxy, no_proxy).
 */
static CURLcode set_way(CURL *easy, const struct ts_conf_sink *conf)
{
    CURLcode rc = CURLE_OK;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_##option, value) : rc
    SET(SSL_VERIFYPEER, conf->verify ? 1L : 0L);
    SET(SSL_VERIFYHOST, conf->verify ? 2L : 0L);
    if (is_set(conf->ca)) {
        SET(CAINFO, conf->ca);
        SET(CAPATH, NULL); /* trusts these alone */
    }
    if (is_set(conf->certificate)) {
        SET(SSLCERT, conf->certificate);
        SET(SSLKEY, is_set(conf->key) ? conf->key : conf->certificate);
    }
    if (is_set(conf->proxy)) {
        SET(PROXY, strcmp(conf->proxy, "none") == 0 ? "" : conf->proxy);
        SET(NOPROXY, ""); /* the environment's is about its own */
    }
    if (is_set(conf->username)) {
        SET(HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(USERNAME, conf->username);
        SET(PASSWORD, conf->password ? conf->password : "");
    }
    return rc;
}

static bool set_options(struct ts_http *http, struct request *req)
{
    CURL *easy = req->easy;
    long timeout_ms = (long)(http->conf->timeout_ns / TS_MS);
    CURLcode rc = set_way(easy, http->conf);
    SET(URL, http->url);
    SET(POST, 1L);
    SET(HTTPHEADER, http->headers);
    SET(USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    SET(NOSIGNAL, 1L);
    SET(TIMEOUT_MS, timeout_ms);
    SET(CONNECTTIMEOUT_MS, timeout_ms);
    SET(TCP_KEEPALIVE, 1L);
    SET(ACCEPT_ENCODING, "");
    SET(ERRORBUFFER, req->error);
    SET(WRITEFUNCTION, take_answer);
    SET(WRITEDATA, &req->answer);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    if (strncmp(http->url, "https:", 6) == 0)
        SET(PIPEWAIT, 1L); /* rather than a connection of its own */
#undef SET
    return rc == CURLE_OK;
}

/* libcurl quotes a proxy's URL that it does not understand, with all that is in it. */
static void hide_password(char *error)
{
    char *at = strrchr(error, '@'), *user = at ? strstr(error, "://") : NULL;
    user = user ? user + 3 : at ? strchr(error, '\'') : NULL;
    if (user && user < at)
        memset(user, '*', (size_t)(at - user));
}

static int make_request(struct ts_http *http, struct request *req)
{
    if (req->easy)
        return 0;
    req->easy = curl_easy_init();
    if (!req->easy)
        return -TS_ENOMEM;
    if (set_options(http, req))
        return 0;
    curl_easy_cleanup(req->easy);
    req->easy = NULL;
    return -TS_ECONF;
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* What libcurl would find out with the first request, and too late to stop a start. */
static int check_files(const struct ts_conf_sink *conf, struct ts_err *err)
{
    const char *const files[] = {conf->ca, conf->certificate, conf->key};
    for (unsigned i = 0; i < TS_ARRAY_SIZE(files); i++) {
        if (is_set(files[i]) && access(files[i], R_OK) != 0)
            return ts_fail_errno(err, TS_ECONF, "sink %s: cannot read %s", conf->name, files[i]);
    }
    if (is_set(conf->key) && !is_set(conf->certificate))
        return ts_fail(err, TS_ECONF, "sink %s: key without certificate; give both or none", conf->name);
    return 0;
}

int ts_http_open(const struct ts_conf_sink *conf, const char *url, const char *authorization,
                 unsigned requests, struct ts_counters *cnt, struct ts_http **out, struct ts_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct ts_http *http = ts_xalloc(sizeof *http);
    *http = (struct ts_http){.conf = conf, .cnt = cnt, .n = requests, .multi = curl_multi_init()};
    http->url = ts_xstrdup(url);
    http->requests = ts_xalloc(requests * sizeof *http->requests);
    http->gzip = conf->gzip ? libdeflate_alloc_compressor(GZIP_LEVEL) : NULL;
    int rc = check_files(conf, err);
    if (rc == 0 && (!http->multi || (conf->gzip && !http->gzip) || !add_headers(http, authorization)))
        rc = ts_fail(err, TS_ENOMEM, "no memory for an HTTP client");
    else if (rc == 0 && make_request(http, &http->requests[0]) != 0)
        rc = ts_fail(err, TS_ECONF, "libcurl does not take the options of sink %s (url %s)", conf->name,
                     conf->url);
    else if (rc == 0)
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)requests);
    if (rc != 0)
        ts_http_close(&http);
    *out = http;
    return rc;
}

void ts_http_close(struct ts_http **out)
{
    struct ts_http *http = *out;
    if (!http)
        return;
    for (unsigned i = 0; i < http->n; i++) {
        struct request *req = &http->requests[i];
        if (req->easy)
            curl_multi_remove_handle(http->multi, req->easy);
        curl_easy_cleanup(req->easy);
        ts_buf_fini(&req->packed);
        ts_buf_fini(&req->answer);
    }
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    libdeflate_free_compressor(http->gzip);
    ts_free(http->requests);
    ts_free(http->url);
    TS_FREE(*out);
}

void ts_http_wake(struct ts_http *http)
{
    curl_multi_wakeup(http->multi);
}

static bool pack(struct ts_http *http, struct request *req, struct ts_str *body)
{
    ts_buf_clear(&req->packed);
    size_t room = libdeflate_gzip_compress_bound(http->gzip, body->len);
    char *to = ts_buf_reserve(&req->packed, room);
    if (!to)
        return false;
    req->packed.len = libdeflate_gzip_compress(http->gzip, body->p, body->len, to, room);
    *body = ts_buf_str(&req->packed);
    return true;
}

bool ts_http_begin(struct ts_http *http, unsigned request, struct ts_str body)
{
    TS_ASSERT(request < http->n);
    struct request *req = &http->requests[request];
    if (make_request(http, req) != 0 || (http->gzip && !pack(http, req, &body)))
        return false;
    ts_buf_clear(&req->answer);
    req->error[0] = 0;
    curl_easy_setopt(req->easy, CURLOPT_POSTFIELDS, body.p);
    curl_easy_setopt(req->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    return curl_multi_add_handle(http->multi, req->easy) == CURLM_OK;
}

static void read_answer(struct ts_http *http, struct request *req, CURLcode rc, struct ts_http_answer *answer)
{
    *answer = (struct ts_http_answer){.error = ""};
    char *type = NULL;
    curl_off_t after = 0, sent = 0;
    curl_easy_getinfo(req->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    ts_count(http->cnt, TS_C_SINK_BYTES, (uint64_t)sent);
    if (rc == CURLE_OK) {
        curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &answer->status);
        curl_easy_getinfo(req->easy, CURLINFO_CONTENT_TYPE, &type);
        curl_easy_getinfo(req->easy, CURLINFO_RETRY_AFTER,
                          &after); /* seconds, also when the header gives a date */
    } else {
        hide_password(req->error);
        answer->error = req->error[0] ? req->error : curl_easy_strerror(rc);
    }
    answer->content_type = type ? type : "";
    answer->retry_after_ns = TS_MIN(TS_MAX(after, 0), RETRY_AFTER_MAX) * TS_SEC;
    answer->body = ts_buf_str(&req->answer);
}

/* Takes the next request that has ended, if any. */
static bool take_ended(struct ts_http *http, unsigned *request, struct ts_http_answer *answer)
{
    int left;
    for (CURLMsg *msg; (msg = curl_multi_info_read(http->multi, &left));) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode rc = msg->data.result; /* msg is gone with its handle */
        unsigned i = 0;
        while (http->requests[i].easy != msg->easy_handle)
            TS_ASSERT(++i < http->n);
        read_answer(http, &http->requests[i], rc, answer);
        curl_multi_remove_handle(http->multi, http->requests[i].easy);
        *request = i;
        return true;
    }
    return false;
}

bool ts_http_finish(struct ts_http *http, int64_t timeout_ns, unsigned *request,
                    struct ts_http_answer *answer)
{
    int running;
    curl_multi_perform(http->multi, &running);
    if (take_ended(http, request, answer))
        return true;
    if (timeout_ns <= 0)
        return false;
    int wait_ms = (int)(TS_MIN(timeout_ns, POLL_MAX_MS * TS_MS) / TS_MS) + 1;
    curl_multi_poll(http->multi, NULL, 0, wait_ms, NULL);
    curl_multi_perform(http->multi, &running);
    return take_ended(http, request, answer);
}

void ts_http_put_escaped(struct ts_buf *buf, const char *text)
{
    for (const char *p = text; *p; p++) {
        char c = *p;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c))
            ts_buf_putc(buf, c);
        else
            ts_buf_printf(buf, "%%%02X", (unsigned)(unsigned char)c);
    }
}
