/* The status of a tsaggd over HTTP with libcurl. Thread: main. The whole answer is held in memory, ANSWER_MAX
 * bytes at most. */
#include "config.h"
#include "status_http.h"

#include <curl/curl.h>
#include <stdio.h>

#define ANSWER_MAX ((size_t)16 << 20)
#define TIMEOUT_S  10L
#define POST_TIMEOUT_S 120L

static size_t on_data(char *p, size_t one, size_t n, void *arg)
{
    struct ts_buf *buf = arg;
    ts_buf_put(buf, p, one * n);
    return ts_buf_failed(buf) ? 0 : n;
}

static bool is_loopback(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
           strncmp(host, "[::1]", 5) == 0;
}

static int judge_answer(const char *who, const char *host, CURLcode rc, long status, const char *why)
{
    if (rc != CURLE_OK)
        fprintf(stderr, "%s: cannot reach %s: %s; %s\n", who, host, why,
                rc == CURLE_PEER_FAILED_VERIFICATION ? "--ca FILE names the certificates to trust"
                                                     : "is tsaggd running, and is this its http.address?");
    else if (status == 401 || status == 403)
        fprintf(stderr, "%s: %s refuses (%ld); give its http.token with --token or TSAGG_TOKEN\n", who, host,
                status);
    else if (status != 200)
        fprintf(stderr, "%s: %s answers %ld; is this tsaggd's http.address?\n", who, host, status);
    else
        return 0;
    return status == 401 || status == 403 ? -TS_EAUTH : -TS_ECONNECT;
}

/* @return as curl says; *status is the answer's, why has room for CURL_ERROR_SIZE. */
static CURLcode perform(const char *host, const char *token, const char *ca, const char *page, bool post, struct ts_buf *answer, long *status,
                        char *why)
{
    struct ts_buf url = TS_BUF_INIT, auth = TS_BUF_INIT;
    struct curl_slist *headers = NULL;
    size_t n = strlen(host);
    CURL *curl = curl_easy_init();
    answer->limit = ANSWER_MAX;
    ts_buf_printf(&url, "%.*s%s", (int)(n - (host[n - 1] == '/')), host, page);
    ts_buf_printf(&auth, "Authorization: Token %s", token);
    if (token[0])
        headers = curl_slist_append(NULL, ts_buf_cstr(&auth));
    curl_easy_setopt(curl, CURLOPT_URL, ts_buf_cstr(&url));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, post ? POST_TIMEOUT_S : TIMEOUT_S);
    if (post)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (ca)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    if (is_loopback(host))
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    ts_buf_fini(&url);
    ts_buf_fini(&auth);
    return rc;
}

int status_fetch(const char *who, const char *host, const char *token, const char *ca, const char *page,
                 struct ts_buf *answer)
{
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURLcode rc = perform(host, token, ca, page, false, answer, &status, why);
    return judge_answer(who, host, rc, status, why[0] ? why : curl_easy_strerror(rc));
}

int status_post(const char *who, const char *host, const char *token, const char *ca, const char *page,
                struct ts_buf *answer)
{
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURLcode rc = perform(host, token, ca, page, true, answer, &status, why);
    if (rc == CURLE_OK && (status == 400 || status == 503))
        return status == 400 ? -TS_ECONF : -TS_EBUSY;
    return judge_answer(who, host, rc, status, why[0] ? why : curl_easy_strerror(rc));
}
