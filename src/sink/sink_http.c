/*
 * A request to an answer: libcurl multi with one connection kept alive, bodies compressed with libdeflate.
 * Thread: the sink's; ts_http_wake any. Owns the handles and the answer's bytes, of which it keeps the first
 * ANSWER_MAX. A request ends at its time-out, or at the sink's deadline; without an answer its status is 0.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/mem.h"

#include <curl/curl.h>
#include <libdeflate.h>
#include <stdio.h>

#define ANSWER_MAX      16384
#define RETRY_AFTER_MAX 600 /* seconds */
#define GZIP_LEVEL      1 /* line protocol shrinks to about an eighth; higher levels cost much and gain little */
#define POLL_MAX_MS     1000

struct ts_http {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    struct libdeflate_compressor *gzip; /* NULL: off */
    struct ts_buf packed, answer;
    char error[CURL_ERROR_SIZE];
};

static size_t take_answer(char *p, size_t size, size_t n, void *arg)
{
    struct ts_http *http = arg;
    ts_buf_put(&http->answer, p, TS_MIN(size * n, ANSWER_MAX - http->answer.len));
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

static bool set_options(struct ts_http *http, const struct ts_conf_sink *conf, const char *url)
{
    CURL *easy = http->easy;
    long timeout_ms = (long)(conf->timeout_ns / TS_MS);
    CURLcode rc = CURLE_OK;
#define SET(option, value) rc = rc == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_##option, value) : rc
    SET(URL, url);
    SET(POST, 1L);
    SET(HTTPHEADER, http->headers);
    SET(USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    SET(NOSIGNAL, 1L);
    SET(TIMEOUT_MS, timeout_ms);
    SET(CONNECTTIMEOUT_MS, timeout_ms);
    SET(TCP_KEEPALIVE, 1L);
    SET(ACCEPT_ENCODING, "");
    SET(ERRORBUFFER, http->error);
    SET(WRITEFUNCTION, take_answer);
    SET(WRITEDATA, http);
    SET(SSL_VERIFYPEER, conf->verify ? 1L : 0L);
    SET(SSL_VERIFYHOST, conf->verify ? 2L : 0L);
    if (conf->ca && *conf->ca)
        SET(CAINFO, conf->ca);
    if (conf->username && *conf->username) {
        SET(HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(USERNAME, conf->username);
        SET(PASSWORD, conf->password ? conf->password : "");
    }
#undef SET
    return rc == CURLE_OK;
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int ts_http_open(const struct ts_conf_sink *conf, const char *url, const char *authorization,
                 struct ts_http **out, struct ts_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct ts_http *http = ts_xalloc(sizeof *http);
    http->multi = curl_multi_init();
    http->easy = curl_easy_init();
    http->gzip = conf->gzip ? libdeflate_alloc_compressor(GZIP_LEVEL) : NULL;
    int rc = 0;
    if (!http->multi || !http->easy || (conf->gzip && !http->gzip) || !add_headers(http, authorization))
        rc = ts_fail(err, TS_ENOMEM, "no memory for an HTTP client");
    else if (!set_options(http, conf, url))
        rc = ts_fail(err, TS_ECONF, "libcurl does not take the options of sink %s (url %s)", conf->name,
                     conf->url);
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
    curl_easy_cleanup(http->easy);
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    libdeflate_free_compressor(http->gzip);
    ts_buf_fini(&http->packed);
    ts_buf_fini(&http->answer);
    TS_FREE(*out);
}

void ts_http_wake(struct ts_http *http)
{
    curl_multi_wakeup(http->multi);
}

/* Lets the transfer run to its end, the sink's deadline or an error. @return what it ended with. */
static CURLcode transfer(struct ts_http *http, struct ts_sink *snk)
{
    int running = 1, left;
    while (curl_multi_perform(http->multi, &running) == CURLM_OK && running) {
        int64_t time_left = ts_sink_time_left(snk);
        if (time_left == 0)
            return CURLE_OPERATION_TIMEDOUT;
        int wait_ms = (int)(TS_MIN(time_left, POLL_MAX_MS * TS_MS) / TS_MS) + 1;
        if (curl_multi_poll(http->multi, NULL, 0, wait_ms, NULL) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
    }
    CURLMsg *msg = curl_multi_info_read(http->multi, &left);
    return msg && msg->msg == CURLMSG_DONE ? msg->data.result : CURLE_OUT_OF_MEMORY;
}

static bool pack(struct ts_http *http, struct ts_str *body)
{
    ts_buf_clear(&http->packed);
    size_t room = libdeflate_gzip_compress_bound(http->gzip, body->len);
    char *to = ts_buf_reserve(&http->packed, room);
    if (!to)
        return false;
    http->packed.len = libdeflate_gzip_compress(http->gzip, body->p, body->len, to, room);
    *body = ts_buf_str(&http->packed);
    return true;
}

void ts_http_post(struct ts_http *http, struct ts_sink *snk, struct ts_str body,
                  struct ts_http_answer *answer)
{
    *answer = (struct ts_http_answer){.error = "out of memory", .content_type = "", .body = TS_STR("")};
    ts_buf_clear(&http->answer);
    http->error[0] = 0;
    if (http->gzip && !pack(http, &body))
        return;
    curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, body.p);
    curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
        return;
    CURLcode rc = transfer(http, snk);
    char *type = NULL;
    curl_off_t after = 0, sent = 0;
    curl_easy_getinfo(http->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    ts_count(snk->feed->cnt, TS_C_SINK_BYTES, (uint64_t)sent);
    if (rc == CURLE_OK) {
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer->status);
        curl_easy_getinfo(http->easy, CURLINFO_CONTENT_TYPE, &type);
        curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER,
                          &after); /* seconds, also when the header gives a date */
        answer->error = "";
    } else {
        answer->error = http->error[0] ? http->error : curl_easy_strerror(rc);
    }
    curl_multi_remove_handle(http->multi, http->easy);
    answer->content_type = type ? type : "";
    answer->retry_after_ns = TS_MIN(TS_MAX(after, 0), RETRY_AFTER_MAX) * TS_SEC;
    answer->body = ts_buf_str(&http->answer);
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
