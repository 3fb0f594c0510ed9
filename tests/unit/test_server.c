/* The status server over real HTTP: pages, methods, token, Prometheus' syntax line by line, the ledger in the
 * status. */
#include "config.h"
#include "core/clock.h"
#include "core/counters.h"
#include "server/server.h"

#include <ctype.h>
#include <curl/curl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct answer {
    long status;
    struct ts_buf headers, body;
};

static char address[] = "127.0.0.1:0", no_token[] = "", token[] = "swordfish";
static struct ts_counters *main_cnt;
static struct ts_sink_status sink = {.name = "influx",
                                     .type = "influxdb",
                                     .url = "http://127.0.0.1:8086",
                                     .state = "ok",
                                     .circuit = "closed",
                                     .rolled_up = 10,
                                     .delivered = 6,
                                     .pending = 3,
                                     .dropped = 1,
                                     .retries = 2};

static void gauges(void *arg, struct ts_readings *out)
{
    (void)arg;
    ts_readings_gauge(out, TS_G_SERIES, NULL, 3);
}

static bool sink_status(void *arg, unsigned i, struct ts_sink_status *out)
{
    (void)arg;
    *out = sink;
    return i == 0;
}

static struct ts_server *start(struct ts_conf *conf)
{
    struct ts_server_info info = {.conf = conf,
                                  .started_ns = ts_clock_now_ns() - 90 * TS_SEC,
                                  .gauges = gauges,
                                  .sink_status = sink_status};
    struct ts_server *srv;
    struct ts_err err;
    assert_int_equal(ts_server_start(&info, &srv, &err), 0);
    assert_true(ts_server_port(srv) != 0);
    return srv;
}

static size_t on_data(char *p, size_t one, size_t n, void *arg)
{
    ts_buf_put(arg, p, one * n);
    return n;
}

static void request(const struct ts_server *srv, const char *method, const char *path, const char *header,
                    struct answer *ans)
{
    struct ts_buf url = TS_BUF_INIT;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = header ? curl_slist_append(NULL, header) : NULL;
    *ans = (struct answer){0};
    ts_buf_printf(&url, "http://127.0.0.1:%u%s", ts_server_port(srv), path);
    curl_easy_setopt(curl, CURLOPT_URL, ts_buf_cstr(&url));
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "POST") == 0)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "some=body");
    else
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &ans->body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &ans->headers);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ans->status);
    assert_non_null(ts_buf_cstr(&ans->body));
    assert_non_null(ts_buf_cstr(&ans->headers));
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    ts_buf_fini(&url);
}

static void answer_fini(struct answer *ans)
{
    ts_buf_fini(&ans->headers);
    ts_buf_fini(&ans->body);
}

static void assert_answer(const struct ts_server *srv, const char *method, const char *path,
                          const char *header, long status, const char *in_headers, const char *in_body)
{
    struct answer ans;
    request(srv, method, path, header, &ans);
    assert_int_equal(ans.status, status);
    assert_non_null(strstr(ans.headers.p, in_headers));
    assert_non_null(strstr(ans.body.p, in_body));
    answer_fini(&ans);
}

static void pages_and_methods(void **state)
{
    struct ts_conf conf = {.http = {address, no_token}};
    struct ts_server *srv = start(&conf);
    struct answer ans;
    (void)state;
    assert_answer(srv, "GET", "/health", NULL, 200, "application/json", "{\"name\":\"tsaggd\",");
    assert_answer(srv, "GET", "/health", NULL, 200, "application/json", "\"status\":\"pass\"");
    assert_answer(srv, "GET", "/ready", NULL, 200, "application/json", "\"up\":\"1m30s");
    assert_answer(srv, "GET", "/ping", NULL, 204, "", "");
    assert_answer(srv, "GET", "/nothing", NULL, 404, "application/json",
                  "{\"code\":\"not found\",\"message\":\"path not found\"}");
    assert_answer(srv, "POST", "/metrics", NULL, 405, "Allow: GET, HEAD",
                  "{\"code\":\"method not allowed\",");
    assert_answer(srv, "DELETE", "/api/v1/status", NULL, 405, "Allow: GET, HEAD",
                  "{\"code\":\"method not allowed\",");
    request(srv, "HEAD", "/metrics", NULL, &ans);
    assert_int_equal(ans.status, 200);
    assert_int_equal(ans.body.len, 0);
    answer_fini(&ans);
    ts_server_stop(&srv);
    assert_null(srv);
}

static void token_is_asked_for(void **state)
{
    struct ts_conf conf = {.http = {address, token}};
    struct ts_server *srv = start(&conf);
    (void)state;
    assert_answer(srv, "GET", "/metrics", NULL, 401, "WWW-Authenticate: Bearer", "\"unauthorized\"");
    assert_answer(srv, "GET", "/metrics", "Authorization: Token swordfis", 401, "", "unauthorized");
    assert_answer(srv, "GET", "/metrics", "Authorization: Token swordfishh", 401, "", "unauthorized");
    assert_answer(srv, "GET", "/metrics", "Authorization: Token swordfishswordfish", 401, "", "unauthorized");
    assert_answer(srv, "GET", "/metrics", "Authorization: Basic swordfish", 401, "", "unauthorized");
    assert_answer(srv, "GET", "/metrics", "Authorization: Token ", 401, "", "unauthorized");
    assert_answer(srv, "GET", "/metrics", "Authorization: Token swordfish", 200, "", "tsagg_");
    assert_answer(srv, "GET", "/api/v1/status", "Authorization: bearer swordfish", 200, "", "\"balanced\"");
    assert_answer(srv, "GET", "/health", NULL, 200, "", "pass");
    assert_answer(srv, "GET", "/ping", NULL, 204, "", "");
    assert_answer(srv, "GET", "/ready", NULL, 200, "", "ready");
    ts_server_stop(&srv);
}

static const char *skip_name(const char *p)
{
    if (!isalpha((unsigned char)*p) && *p != '_' && *p != ':')
        return NULL;
    while (isalnum((unsigned char)*p) || *p == '_' || *p == ':')
        p++;
    return p;
}

/* {name="value",…} with \\ \" \n as the only escapes. */
static const char *skip_labels(const char *p)
{
    if (*p != '{')
        return p;
    do {
        p = skip_name(p + 1);
        if (!p || *p++ != '=' || *p++ != '"')
            return NULL;
        for (; *p != '"'; p++)
            if (!*p || (*p == '\\' && !strchr("\\\"n", *++p)))
                return NULL;
        p++;
    } while (*p == ',');
    return *p == '}' ? p + 1 : NULL;
}

static bool is_sample_line(const char *line)
{
    char *end;
    const char *p = skip_name(line);
    p = p ? skip_labels(p) : NULL;
    if (!p || *p++ != ' ')
        return false;
    (void)strtod(p, &end);
    return end != p && *end == 0;
}

/* The grammar of the exposition format 0.0.4: each metric's HELP and TYPE once, before its samples, its
 * samples together. */
static void metrics_are_prometheus(void **state)
{
    struct ts_conf conf = {.http = {address, no_token}};
    struct ts_server *srv = start(&conf);
    struct answer ans;
    char *rest, *line, current[128] = "";
    unsigned families = 0, samples = 0;
    (void)state;
    ts_counters_new("sink", "a\"b\\c\nd");
    request(srv, "GET", "/metrics", NULL, &ans);
    assert_non_null(strstr(ans.headers.p, "text/plain; version=0.0.4"));
    assert_int_equal(ans.body.p[ans.body.len - 1], '\n');
    assert_non_null(strstr(ans.body.p, "\ntsagg_lines_rejected_total{reason=\"bad_value\"} 2\n"));
    assert_non_null(strstr(ans.body.p, "\ntsagg_lines_received_total 12\n"));
    assert_non_null(strstr(ans.body.p, "\ntsagg_sink_rollups_total{sink=\"influx\"} 30\n"));
    assert_non_null(strstr(ans.body.p, "\ntsagg_sink_rollups_total{sink=\"a\\\"b\\\\c\\nd\"} 0\n"));
    assert_null(strstr(ans.body.p, "\ntsagg_sink_rollups_total "));
    assert_non_null(strstr(ans.body.p, "\ntsagg_series 3\n"));
    for (rest = ans.body.p; (line = strsep(&rest, "\n")) && rest;) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            const char *end = skip_name(line + 7);
            assert_non_null(end);
            assert_true(*end == ' ' && end[1]);
            snprintf(current, sizeof current, "%.*s", (int)(end - line - 7), line + 7);
            assert_int_equal(strncmp(current, "tsagg_", 6), 0);
            families++;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(strncmp(line + 7, current, strlen(current)), 0);
            const char *type = line + 7 + strlen(current);
            assert_true(strcmp(type, " counter") == 0 || strcmp(type, " gauge") == 0);
            assert_int_equal(strcmp(type, " counter") == 0, strstr(current, "_total") != NULL);
        } else {
            assert_true(is_sample_line(line));
            assert_int_equal(strncmp(line, current, strlen(current)), 0);
            assert_true(strchr(" {", line[strlen(current)]) != NULL);
            samples++;
        }
    }
    assert_true(families > 20 && samples > families);
    answer_fini(&ans);
    ts_server_stop(&srv);
}

static json_t *status(const struct ts_server *srv)
{
    struct answer ans;
    request(srv, "GET", "/api/v1/status", NULL, &ans);
    json_t *root = json_loadb(ans.body.p, ans.body.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    answer_fini(&ans);
    return root;
}

static json_int_t member(const json_t *root, const char *group, const char *key)
{
    const json_t *value = json_object_get(json_object_get(root, group), key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void status_is_the_ledger(void **state)
{
    struct ts_conf conf = {.http = {address, no_token}};
    struct ts_server *srv = start(&conf);
    (void)state;
    json_t *root = status(srv);
    assert_string_equal(json_string_value(json_object_get(root, "version")), PACKAGE_VERSION);
    assert_true(json_number_value(json_object_get(root, "uptime_seconds")) >= 90);
    assert_true(json_is_true(json_object_get(root, "balanced")));
    assert_int_equal(member(root, "lines", "received"), 12);
    assert_int_equal(member(root, "lines", "accepted"), 9);
    assert_int_equal(member(root, "lines", "rejected"), 3);
    assert_int_equal(member(root, "lines", "ignored"), 1);
    assert_int_equal(member(json_object_get(root, "lines"), "rejected_by_reason", "bad_value"), 2);
    assert_int_equal(member(root, "samples", "received"), 21);
    assert_int_equal(member(root, "samples", "passed"), 1);
    assert_int_equal(member(root, "samples", "dropped"), 4);
    assert_int_equal(member(root, "samples", "in_flight"), 21 - 13 - 1 - 3 - 4);
    assert_int_equal(member(json_object_get(root, "samples"), "dropped_by_reason", "late"), 4);
    const json_t *first = json_array_get(json_object_get(root, "sinks"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "influx");
    assert_int_equal(json_integer_value(json_object_get(first, "pending")), 3);
    json_decref(root);

    sink.delivered--;
    root = status(srv);
    assert_true(json_is_false(json_object_get(root, "balanced")));
    json_decref(root);
    sink.delivered++;
    ts_count(main_cnt, TS_C_LINES_RECEIVED, 1);
    root = status(srv);
    assert_true(json_is_false(json_object_get(root, "balanced")));
    json_decref(root);
    ts_count(main_cnt, TS_C_LINES_ACCEPTED, 1);
    ts_count(main_cnt, TS_C_SAMPLES_AGGREGATED, 4);
    root = status(srv);
    assert_true(json_is_false(json_object_get(root, "balanced")));
    assert_int_equal(member(root, "samples", "in_flight"), -4);
    json_decref(root);
    ts_server_stop(&srv);
}

static void start_fails_clearly(void **state)
{
    struct ts_conf conf = {.http = {address, no_token}};
    struct ts_server *srv = start(&conf), *second;
    struct ts_buf taken = TS_BUF_INIT, want = TS_BUF_INIT;
    struct ts_err err;
    (void)state;
    ts_buf_printf(&taken, "127.0.0.1:%u", ts_server_port(srv));
    ts_buf_printf(&want, "http: cannot listen on 127.0.0.1:%u: Address already in use", ts_server_port(srv));
    assert_non_null(ts_buf_cstr(&taken));
    struct ts_conf again = {.http = {taken.p, no_token}};
    assert_int_equal(ts_server_start(&(struct ts_server_info){.conf = &again}, &second, &err), -TS_EIO);
    assert_null(second);
    assert_string_equal(err.msg, ts_buf_cstr(&want));
    ts_server_stop(&srv);
    ts_server_stop(&srv);
    ts_buf_fini(&taken);
    ts_buf_fini(&want);
}

static int set_counters(void **state)
{
    (void)state;
    main_cnt = ts_counters_new(NULL, NULL);
    struct ts_counters *other = ts_counters_new(NULL, NULL), *labelled = ts_counters_new("sink", "influx"),
                       *twin = ts_counters_new("sink", "influx");
    ts_count(main_cnt, TS_C_LINES_RECEIVED, 7);
    ts_count(other, TS_C_LINES_RECEIVED, 5);
    ts_count(main_cnt, TS_C_LINES_ACCEPTED, 9);
    ts_count(main_cnt, TS_C_LINES_EMPTY, 1);
    ts_count(main_cnt, TS_C_SAMPLES_PASSED, 1);
    ts_count(main_cnt, TS_C_SAMPLES_RECEIVED, 1);
    ts_count(main_cnt, TS_C_REJECTED_SYNTAX, 1);
    ts_count(other, TS_C_REJECTED_BAD_VALUE, 2);
    ts_count(main_cnt, TS_C_SAMPLES_RECEIVED, 20);
    ts_count(other, TS_C_SAMPLES_AGGREGATED, 13);
    ts_count(other, TS_C_DROPPED_LATE, 4);
    ts_count(labelled, TS_C_SINK_ROLLED_UP, 10);
    ts_count(twin, TS_C_SINK_ROLLED_UP, 20);
    return curl_global_init(CURL_GLOBAL_ALL);
}

static int free_counters(void **state)
{
    (void)state;
    ts_counters_free_all();
    curl_global_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_and_methods),      cmocka_unit_test(token_is_asked_for),
        cmocka_unit_test(metrics_are_prometheus), cmocka_unit_test(status_is_the_ledger),
        cmocka_unit_test(start_fails_clearly),
    };
    return cmocka_run_group_tests(tests, set_counters, free_counters);
}
