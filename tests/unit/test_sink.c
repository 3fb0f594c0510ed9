/*
 * Sinks against a server with faults: every good point is there, every bad one in the dead letters, and the
 * ledger says so. Journal and sinks are the real ones.
 */
#include "config.h"
#include "journal/journal.h"
#include "sink/sink.h"

#include "core/clock.h"
#include "core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "http_server.h"
#include "rollups.h"

static char dir[64], url[64], org[] = "my org", bucket[] = "b/1&2", token[] = "secret", name[] = "influx";
static char type2[] = "influxdb", type1[] = "influxdb1", type_file[] = "file", database[] = "db",
            rp[] = "a b", user[] = "u", password[] = "p:w", path[96];
static struct ts_conf_sink sink_conf;
static struct ts_conf conf = {.state_dir = dir, .sinks = &sink_conf, .nsinks = 1};
static struct server srv;
static struct ts_journal *jr;
static struct ts_sinks *sinks;

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/tsagg-sink-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    srv = (struct server){.fd = -1};
    server_start(&srv);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", srv.port);
    sink_conf = (struct ts_conf_sink){.name = name,
                                      .type = type2,
                                      .url = url,
                                      .org = org,
                                      .bucket = bucket,
                                      .token = token,
                                      .verify = true,
                                      .gzip = true,
                                      .batch = 100,
                                      .in_flight = 1,
                                      .flush_interval_ns = 20 * TS_MS,
                                      .timeout_ns = 300 * TS_MS,
                                      .retry_min_ns = 2 * TS_MS,
                                      .retry_max_ns = 20 * TS_MS};
    return 0;
}

static void close_all(void)
{
    ts_sinks_free(&sinks);
    ts_journal_close(&jr);
    ts_counters_free_all();
}

static int tear_down(void **state)
{
    (void)state;
    close_all();
    server_stop(&srv);
    free_series();
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    return system(cmd);
}

static void open_all(void)
{
    struct ts_err err = {""};
    if (ts_journal_open(&conf, 1, &jr, &err) != 0 || ts_journal_start(jr, &err) != 0 ||
        ts_sinks_open(&conf, ts_journal_feeds(jr), &sinks, &err) != 0 || ts_sinks_start(sinks, &err) != 0)
        fail_msg("%s", err.msg);
}

/* Points from…to-1 in batches of 37; each id that is a multiple of bad_every is one that the server refuses.
 */
static void push_points(unsigned from, unsigned to, unsigned bad_every)
{
    struct ts_rollup_batch *batch = NULL;
    for (unsigned i = from; i < to; i++) {
        char id[32];
        bool bad = bad_every && i % bad_every == 0;
        snprintf(id, sizeof id, "%u%s", i, bad ? "bad" : "");
        if (!batch) {
            batch = make_batch(name, 1700000000000000000);
            batch->aggregates = TS_AGG_BIT(sum);
        }
        add_numbers(batch, make_series(TS_KIND_FIELD, "m", "f", 1, (const char *const[]){"id", id}), 1,
                    (const double[]){i + 0.5});
        if (batch->n == 37 || i + 1 == to) {
            while (!ts_ring_push(ts_journal_input(jr, 0), batch))
                usleep(100);
            ts_bell_ring(ts_journal_bell(jr));
            batch = NULL;
        }
    }
}

static struct ts_sink_status status(void)
{
    struct ts_sink_status st;
    assert_true(ts_sinks_status(sinks, 0, &st));
    assert_false(ts_sinks_status(sinks, 1, &(struct ts_sink_status){0}));
    return st;
}

static void wait_for(uint64_t done)
{
    int64_t deadline = ts_clock_mono_ns() + 60 * TS_SEC;
    struct ts_sink_status st;
    do {
        usleep(1000);
        st = status();
        assert_true(st.pending == st.rolled_up - st.delivered - st.dropped);
    } while (st.delivered + st.dropped < done && ts_clock_mono_ns() < deadline);
    assert_int_equal(st.delivered + st.dropped, done);
}

static void stop_all(int64_t wait_ns)
{
    assert_int_equal(ts_journal_stop(jr), 0);
    ts_sinks_stop(sinks, ts_clock_mono_ns() + wait_ns);
}

static unsigned dead_letters(void)
{
    char file[128], text[4096];
    unsigned n = 0, reasons = 0;
    snprintf(file, sizeof file, "%s/dead-letter/influx.lp", dir);
    FILE *f = fopen(file, "r");
    while (f && fgets(text, sizeof text, f)) {
        reasons += text[0] == '#';
        n += text[0] != '#' && strstr(text, "bad");
    }
    if (f)
        fclose(f);
    assert_int_equal(n, reasons);
    return n;
}

/* The server has each good point with its value, and no bad one. */
static void expect_stored(unsigned n, unsigned bad_every)
{
    for (unsigned i = 0; i < n; i++) {
        bool bad = bad_every && i % bad_every == 0;
        if (bad != (srv.stored[i] == 0) || (!bad && srv.value[i] != i + 0.5))
            fail_msg("point %u: stored %u times, value %g", i, srv.stored[i], srv.value[i]);
    }
    assert_int_equal(srv.bad_stored, 0);
}

static void plain_delivery(void **state)
{
    (void)state;
    open_all();
    push_points(0, 1000, 0);
    wait_for(1000);
    stop_all(5 * TS_SEC);
    expect_stored(1000, 0);
    assert_string_equal(srv.target, "/api/v2/write?precision=ns&org=my%20org&bucket=b%2F1%262 HTTP/1.1");
    assert_string_equal(srv.authorization, "Token secret");
    assert_string_equal(srv.encoding, "gzip");
    assert_int_equal(srv.connections, 1);
    assert_true(srv.largest <= 100 && srv.requests >= 10);
    struct ts_sink_status st = status();
    assert_true(st.rolled_up == 1000 && st.delivered == 1000 && st.dropped == 0 && st.pending == 0);
    assert_string_equal(st.state, "ok");
    assert_string_equal(st.url, url);
}

static void influxdb1_delivery(void **state)
{
    (void)state;
    sink_conf.type = type1;
    sink_conf.token = NULL;
    sink_conf.database = database;
    sink_conf.retention_policy = rp;
    sink_conf.username = user;
    sink_conf.password = password;
    sink_conf.gzip = false;
    open_all();
    push_points(0, 50, 0);
    stop_all(5 * TS_SEC);
    expect_stored(50, 0);
    assert_string_equal(srv.target, "/write?precision=ns&db=db&rp=a%20b HTTP/1.1");
    assert_string_equal(srv.authorization, "Basic dTpwOnc="); /* base64 of u:p:w */
    assert_string_equal(srv.encoding, "");
}

static void bad_points_stand_alone(void **state)
{
    (void)state;
    open_all();
    push_points(0, 500, 49);
    wait_for(500);
    stop_all(5 * TS_SEC);
    expect_stored(500, 49);
    assert_int_equal(dead_letters(), 11); /* 0, 49, … 490 */
    assert_int_equal(status().dropped, 11);
}

static void partial_writes_too(void **state)
{
    (void)state;
    srv.partial = true;
    open_all();
    push_points(0, 500, 49);
    wait_for(500);
    stop_all(5 * TS_SEC);
    expect_stored(500, 49);
    assert_int_equal(dead_letters(), 11);
}

static void too_big_is_halved(void **state)
{
    (void)state;
    srv.max_lines = 7;
    open_all();
    push_points(0, 400, 0);
    wait_for(400);
    stop_all(5 * TS_SEC);
    expect_stored(400, 0);
    assert_int_equal(status().dropped, 0);
}

static void retry_after_is_honoured(void **state)
{
    (void)state;
    enum fault script[] = {FAULT_429_AFTER_1S};
    srv.script = script;
    srv.nscript = 1;
    open_all();
    int64_t from = ts_clock_mono_ns();
    push_points(0, 10, 0);
    wait_for(10);
    assert_true(ts_clock_mono_ns() - from >= TS_SEC);
    stop_all(5 * TS_SEC);
    expect_stored(10, 0);
}

static void held_until_somebody_helps(void **state)
{
    (void)state;
    enum fault script[] = {FAULT_401, FAULT_404, FAULT_302, FAULT_200_HTML};
    srv.script = script;
    srv.nscript = 4;
    sink_conf.retry_max_ns = 200 * TS_MS;
    open_all();
    push_points(0, 10, 0);
    int64_t deadline = ts_clock_mono_ns() + 10 * TS_SEC;
    while (!strstr(status().state, "held: HTTP 401: set a valid token (url http://127.0.0.1") &&
           ts_clock_mono_ns() < deadline)
        usleep(1000);
    while (!strstr(status().state, "org my org, bucket b/1&2") && ts_clock_mono_ns() < deadline)
        usleep(1000);
    while (!strstr(status().state, "HTTP 302") && ts_clock_mono_ns() < deadline)
        usleep(1000);
    while (!strstr(status().state, "this is not InfluxDB's answer") && ts_clock_mono_ns() < deadline)
        usleep(1000);
    assert_true(ts_clock_mono_ns() < deadline);
    assert_null(strstr(status().state, "secret"));
    wait_for(10);
    stop_all(5 * TS_SEC);
    expect_stored(10, 0);
}

static void random_faults(void **state)
{
    (void)state;
    enum { REQUESTS = 150 };
    enum fault *script = test_malloc(REQUESTS * sizeof *script);
    srandom(20261121);
    for (unsigned i = 0; i < REQUESTS; i++) {
        do
            script[i] = random() % 3 ? FAULT_NONE : (enum fault)(random() % FAULT_COUNT);
        while (script[i] == FAULT_429_AFTER_1S); /* slow */
    }
    srv.script = script;
    srv.nscript = REQUESTS;
    srv.max_lines = 60;
    sink_conf.timeout_ns = 100 * TS_MS;
    open_all();
    push_points(0, 3000, 250);
    wait_for(3000);
    stop_all(5 * TS_SEC);
    assert_true(srv.requests > REQUESTS);
    expect_stored(3000, 250);
    assert_int_equal(dead_letters(), 12);
    assert_int_equal(status().dropped, 12);
    test_free(script);
}

static void lost_answers_mean_twice(void **state)
{
    (void)state;
    enum fault script[] = {FAULT_RESET, FAULT_NONE, FAULT_RESET, FAULT_HANG};
    srv.script = script;
    srv.nscript = 4;
    open_all();
    push_points(0, 200, 0);
    wait_for(200);
    stop_all(5 * TS_SEC);
    expect_stored(200, 0);
    unsigned twice = 0;
    for (unsigned i = 0; i < 200; i++)
        twice += srv.stored[i] > 1;
    assert_true(twice > 0);
}

static void what_is_not_delivered_stays(void **state)
{
    (void)state;
    enum fault hang[] = {FAULT_NONE, FAULT_HANG};
    srv.script = hang;
    srv.nscript = 2;
    sink_conf.timeout_ns = 60 * TS_SEC;
    open_all();
    push_points(0, 100, 0);
    wait_for(100);
    push_points(100, 450, 0);
    assert_int_equal(ts_journal_stop(jr), 0);
    int64_t from = ts_clock_mono_ns();
    ts_sinks_stop(sinks, from + 200 * TS_MS);
    assert_true(ts_clock_mono_ns() - from < 2 * TS_SEC);
    assert_int_equal(status().delivered, 100);
    assert_int_equal(status().pending, 350);
    close_all();

    open_all(); /* the next run */
    wait_for(status().rolled_up);
    stop_all(5 * TS_SEC);
    assert_int_equal(status().pending, 0);
    expect_stored(450, 0);
}

static void nobody_there(void **state)
{
    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:9"); /* discard: nobody listens */
    open_all();
    push_points(0, 10, 0);
    int64_t deadline = ts_clock_mono_ns() + 10 * TS_SEC;
    while (!strstr(status().state, "retrying: Failed to connect") && ts_clock_mono_ns() < deadline)
        usleep(1000);
    assert_true(ts_clock_mono_ns() < deadline);
    int64_t from = ts_clock_mono_ns();
    stop_all(5 * TS_SEC);
    assert_true(ts_clock_mono_ns() - from < TS_SEC);
    assert_int_equal(status().pending, 10);
}

static char *read_file(const char *file)
{
    static char text[1 << 16];
    FILE *f = fopen(file, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    text[n] = 0;
    if (f)
        fclose(f);
    return text;
}

static void file_sink_appends_and_follows_rotation(void **state)
{
    (void)state;
    sink_conf.type = type_file;
    char rotated[128];
    snprintf(path, sizeof path, "%s/rollups.lp", dir);
    snprintf(rotated, sizeof rotated, "%s.1", path);
    FILE *f = fopen(path, "w");
    fputs("whole 1\ntorn li", f);
    fclose(f);
    open_all();
    push_points(0, 2, 0);
    wait_for(2);
    assert_string_equal(
        read_file(path),
        "whole 1\nm,id=0 f_sum=0.5 1700000000000000000\nm,id=1 f_sum=1.5 1700000000000000000\n");
    assert_string_equal(status().url, path);
    assert_int_equal(rename(path, rotated), 0);
    push_points(2, 3, 0);
    stop_all(5 * TS_SEC);
    assert_string_equal(read_file(path), "m,id=2 f_sum=2.5 1700000000000000000\n");
}

static void configuration_is_checked(void **state)
{
    (void)state;
    struct ts_err err;
    assert_int_equal(ts_journal_open(&conf, 1, &jr, &err), 0);
    sink_conf.org = NULL;
    assert_int_equal(ts_sinks_open(&conf, ts_journal_feeds(jr), &sinks, &err), -TS_ECONF);
    assert_string_equal(err.msg, "sink influx: type influxdb needs the option org");
    sink_conf.type = database;
    assert_int_equal(ts_sinks_open(&conf, ts_journal_feeds(jr), &sinks, &err), -TS_ECONF);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(plain_delivery),
        TEST(influxdb1_delivery),
        TEST(bad_points_stand_alone),
        TEST(partial_writes_too),
        TEST(too_big_is_halved),
        TEST(retry_after_is_honoured),
        TEST(held_until_somebody_helps),
        TEST(random_faults),
        TEST(lost_answers_mean_twice),
        TEST(what_is_not_delivered_stays),
        TEST(nobody_there),
        TEST(file_sink_appends_and_follows_rotation),
        TEST(configuration_is_checked),
    };
    setenv("no_proxy", "127.0.0.1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
