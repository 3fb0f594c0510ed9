/* Configurations that load: defaults, values, settings, environment; what is printed loads back to the same.
 */
#include "config.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/conf_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char file[] = "/tmp/test_conf_XXXXXX";

static struct ts_conf *load(const char *yaml, const char *const *set, unsigned nset)
{
    struct ts_buf errors = TS_BUF_INIT;
    struct ts_conf *conf;
    if (yaml) {
        FILE *f = fopen(file, "w");
        assert_non_null(f);
        assert_true(fputs(yaml, f) >= 0);
        fclose(f);
    }
    int rc = ts_conf_load(yaml ? file : NULL, set, nset, &conf, &errors);
    if (rc)
        print_error("%s", ts_buf_cstr(&errors));
    assert_int_equal(rc, 0);
    assert_int_equal(errors.len, 0);
    ts_buf_fini(&errors);
    return conf;
}

static void assert_setting_fails(const char *setting, const char *error)
{
    struct ts_buf errors = TS_BUF_INIT;
    struct ts_conf *conf;
    assert_int_equal(ts_conf_load(NULL, &setting, 1, &conf, &errors), -TS_ECONF);
    assert_null(conf);
    assert_string_equal(ts_buf_cstr(&errors), error);
    ts_buf_fini(&errors);
}

/* The values of DESIGN.md. */
static void defaults_are_those_of_the_design(void **state)
{
    (void)state;
    struct ts_conf *conf = load(NULL, NULL, 0);
    assert_int_equal(conf->workers, 0);
    assert_int_equal(conf->idle_after_ns, 10 * TS_SEC);
    assert_int_equal(conf->correct_for_ns, 60 * TS_SEC);
    assert_int_equal(conf->future_ns, 600 * TS_SEC);
    assert_int_equal(conf->log_level, TS_LOG_INFO);
    assert_string_equal(conf->http.address, "127.0.0.1:8186");
    assert_string_equal(conf->http.token, "");
    assert_int_equal(conf->limits.series, 1000000);
    assert_int_equal(conf->limits.tag_values, 10000);
    assert_int_equal(conf->limits.expire_ns, 3600 * TS_SEC);
    assert_false(conf->keep_gauges);
    assert_int_equal(conf->nlisten, 1);
    const struct ts_conf_listen *lis = &conf->listen[0];
    assert_string_equal(lis->url, "udp://127.0.0.1:8125");
    assert_string_equal(lis->host, "127.0.0.1");
    assert_int_equal(lis->port, 8125);
    assert_int_equal(lis->format, TS_FORMAT_AUTO);
    assert_int_equal(lis->signed_gauges, TS_GAUGES_RELATIVE);
    assert_int_equal(lis->when_full, TS_FULL_BLOCK);
    assert_int_equal(lis->block_ns, 100 * TS_MS);
    assert_int_equal(lis->sockets, 1);
    assert_int_equal(lis->rcvbuf_bytes, 4 << 20);
    assert_int_equal(conf->nrollups, 1);
    const struct ts_conf_rollup *rule = &conf->rollups[0];
    assert_string_equal(rule->name, "raw10s");
    assert_int_equal(rule->every_ns, 10 * TS_SEC);
    assert_int_equal(rule->lateness_ns, 2 * TS_SEC);
    assert_int_equal(rule->late, TS_LATE_CORRECT);
    assert_int_equal(rule->aggregates, TS_AGG_BIT(count) | TS_AGG_BIT(sum) | TS_AGG_BIT(min) |
                                           TS_AGG_BIT(max) | TS_AGG_BIT(mean) | TS_AGG_BIT(stddev));
    assert_false(rule->stddev_sample);
    assert_string_equal(rule->to, "store");
    assert_int_equal(conf->nsinks, 1);
    assert_string_equal(conf->sinks[0].name, "store");
    assert_string_equal(conf->sinks[0].type, "store");
    assert_string_equal(conf->sinks[0].bucket, "tsagg");
    assert_int_equal(conf->sinks[0].batch, 5000);
    assert_int_equal(conf->sinks[0].flush_interval_ns, 100 * TS_MS);
    ts_conf_free(&conf);
    assert_null(conf);
}

static void state_dir_follows_the_user(void **state)
{
    (void)state;
    setenv("XDG_STATE_HOME", "/s", 1);
    const char *const to_file[] = {"sinks.file.type=file"};
    struct ts_conf *conf = load(NULL, to_file, 1);
    const char *dir = geteuid() == 0 ? "/var/lib/tsagg" : "/s/tsagg";
    assert_string_equal(conf->state_dir, dir);
    assert_int_equal(strncmp(conf->sinks[1].path, dir, strlen(dir)), 0);
    assert_string_equal(conf->sinks[1].path + strlen(dir), "/rollups.lp");
    ts_conf_free(&conf);
    unsetenv("XDG_STATE_HOME");
}

static const char everything[] =
    "state_dir: /tmp/x y\nworkers: 4\nsnapshot: 1s\nidle_after: 1m30s\ncorrect_for: 0s\nfuture: 1h\nkeep_gauges: true\nlog_level: debug\n"
    "listen:\n"
    "  - {url: \"udp://[::1]:9125\", format: influx, signed_gauges: absolute, when_full: drop_new, block: "
    "1.5s, sockets: 2,\n"
    "     rcvbuf: 64kB}\n"
    "  - {url: \"udp://:0\", templates: [\"_ a_* host_measurement* dc=1,x=\\\"y\\\"\", measurement], "
    "template_joiner: \"-\",\n"
    "     origin_tags: true}\n"
    "  - {connections: 7, idle_timeout: off, allow: [10.0.0.0/8, \"::1\"], rate_limit: 5, burst: 9, url: "
    "\"tcp://:1\"}\n"
    "  - {url: \"unix:///tmp/a b\", framing: dogstatsd, mode: 660}\n"
    "  - {url: \"unixgram:///tmp/c\", mode: \"0600\", block: 2s}\n"
    "http: {address: \"\"}\n"
    "limits: {series: 5, tag_values: 6, expire: off}\n"
    "events: {to: [f, one]}\n"
    "self: {every: 5s, to: [one], tags: [env=a b, dc=x]}\n"
    "rollups:\n"
    "  - {name: a, every: 250ms, lateness: 0s, late: drop, aggregates: [stddev, p99, distinct, p7.5, "
    "histogram], buckets: [linear, 1, 2, 3], sketch_buckets: 64, stddev: sample, "
    "to: [two, one]}\n"
    "  - {name: b, every: 1d, to: [f]}\n"
    "  - {name: c, every: 10s, period: 1m, late: side, match: \"a*\", match_tags: [\"x=1, ?\", y==z], "
    "measurement: \"{name}_1m\", tags: [\"k=v \\\"w\", l=\u00fc], to: [f]}\n"
    "sinks:\n"
    "  one: {type: influxdb, url: \"https://h:1/p\", org: \"o \\\"\\\\ \\u00fc\", bucket: \"$${b}\", ca: /c, "
    "verify: no, gzip: off,\n"
    "        batch: 1, flush_interval: 10ms, timeout: 1m, retry_min: 2s, retry_max: 3s}\n"
    "  two: {type: influxdb1, url: \"http://h\", database: d, retention_policy: rp, username: u}\n"
    "  f: {type: file, path: out.lp}\n";

static void values_arrive(void **state)
{
    (void)state;
    struct ts_conf *conf = load(everything, NULL, 0);
    assert_string_equal(conf->state_dir, "/tmp/x y");
    assert_int_equal(conf->workers, 4);
    assert_int_equal(conf->idle_after_ns, 90 * TS_SEC);
    assert_int_equal(conf->correct_for_ns, 0);
    assert_string_equal(conf->http.address, "");
    assert_string_equal(conf->listen[0].host, "::1");
    assert_int_equal(conf->listen[0].port, 9125);
    assert_int_equal(conf->listen[0].format, TS_FORMAT_INFLUX);
    assert_int_equal(conf->listen[0].signed_gauges, TS_GAUGES_ABSOLUTE);
    assert_int_equal(conf->listen[0].when_full, TS_FULL_DROP_NEW);
    assert_int_equal(conf->listen[0].block_ns, 1500 * TS_MS);
    assert_int_equal(conf->listen[0].rcvbuf_bytes, 64000);
    assert_string_equal(conf->listen[1].templates, "_ a_* host_measurement* dc=1,x=\"y\"\nmeasurement");
    assert_string_equal(conf->listen[1].template_joiner, "-");
    assert_true(conf->listen[1].origin_tags);
    assert_string_equal(conf->listen[1].host, "");
    assert_null(conf->listen[0].templates);
    assert_false(conf->listen[0].origin_tags);
    assert_string_equal(conf->events.to, "f,one");
    assert_int_equal(conf->self.every_ns, 5 * TS_SEC);
    assert_string_equal(conf->self.to, "one");
    assert_string_equal(conf->self.tags, "env=a b\ndc=x");
    assert_int_equal(conf->listen[1].port, 0);
    assert_int_equal(conf->listen[2].transport, TS_TRANSPORT_TCP);
    assert_int_equal(conf->listen[2].connections, 7);
    assert_int_equal(conf->listen[2].idle_timeout_ns, 0);
    assert_string_equal(conf->listen[2].allow, "10.0.0.0/8,::1");
    assert_int_equal(conf->listen[2].rate_limit, 5);
    assert_int_equal(conf->listen[2].burst, 9);
    assert_int_equal(conf->listen[3].transport, TS_TRANSPORT_UNIX);
    assert_string_equal(conf->listen[3].path, "/tmp/a b");
    assert_int_equal(conf->listen[3].framing, TS_FRAMING_DOGSTATSD);
    assert_int_equal(conf->listen[3].mode, 0660);
    assert_null(conf->listen[3].allow);
    assert_int_equal(conf->listen[4].mode, 0600);
    assert_int_equal(conf->listen[4].idle_timeout_ns, 600 * TS_SEC);
    assert_int_equal(conf->rollups[0].aggregates,
                     TS_AGG_BIT(stddev) | TS_AGG_BIT(distinct) | TS_AGG_BIT(histogram));
    assert_true(conf->rollups[0].quantiles.n == 2 && conf->rollups[0].quantiles.q[0] == 75000 &&
                conf->rollups[0].quantiles.q[1] == 990000);
    assert_int_equal(conf->rollups[0].sketch_buckets, 64);
    assert_true(conf->rollups[0].histogram.n == 3 && conf->rollups[0].histogram.bounds[2] == 5);
    assert_true(conf->rollups[0].stddev_sample);
    assert_int_equal(conf->rollups[0].late, TS_LATE_DROP);
    assert_string_equal(conf->rollups[0].to, "two,one");
    assert_int_equal(conf->rollups[1].every_ns, 86400 * TS_SEC);
    assert_int_equal(conf->rollups[1].calendar, TS_CALENDAR_DAY);
    assert_int_equal(conf->rollups[1].period_ns, 0);
    assert_null(conf->rollups[1].match);
    assert_int_equal(conf->rollups[2].period_ns, 60 * TS_SEC);
    assert_int_equal(conf->rollups[2].late, TS_LATE_SIDE);
    assert_string_equal(conf->rollups[2].match, "a*");
    assert_string_equal(conf->rollups[2].match_tags, "x=1, ?\ny==z");
    assert_string_equal(conf->rollups[2].measurement, "{name}_1m");
    assert_string_equal(conf->rollups[2].tags, "k=v \"w\nl=\xC3\xBC");
    assert_string_equal(conf->sinks[0].org, "o \"\\ \xC3\xBC");
    assert_string_equal(conf->sinks[0].bucket, "${b}");
    assert_false(conf->sinks[0].verify);
    assert_false(conf->sinks[0].gzip);
    assert_string_equal(conf->sinks[1].retention_policy, "rp");
    assert_string_equal(conf->sinks[2].path, "out.lp");
    ts_conf_free(&conf);
}

/* @return what is printed after loading yaml; the caller frees. */
static struct ts_buf printed(const char *yaml)
{
    struct ts_buf out = TS_BUF_INIT;
    struct ts_conf *conf = load(yaml, NULL, 0);
    ts_conf_print(conf, &out);
    ts_conf_free(&conf);
    return out;
}

static void print_loads_back(void **state)
{
    (void)state;
    for (const char *const *yaml = (const char *const[]){everything, "workers: auto\n", NULL}; *yaml;
         yaml++) {
        struct ts_buf first = printed(*yaml), second = printed(ts_buf_cstr(&first));
        assert_string_equal(ts_buf_cstr(&first), ts_buf_cstr(&second));
        ts_buf_fini(&first);
        ts_buf_fini(&second);
    }
    struct ts_buf out = printed(everything);
    const char *text = ts_buf_cstr(&out);
    assert_non_null(
        strstr(text, "workers: 4\nsnapshot: 1s\nidle_after: 1m30s\ncorrect_for: 0s\nfuture: 1h\nkeep_gauges: true\nlog_level: debug\n"));
    assert_non_null(strstr(text, "    block: 1s500ms\n    sockets: 2\n    rcvbuf: 64000B\n"));
    assert_non_null(strstr(
        text,
        "    aggregates: [stddev, distinct, histogram, p7.5, p99]\n    sketch_buckets: 64\n    buckets: "
        "[\"linear\", \"1\", \"2\", \"3\"]\n    stddev: sample\n    to: [\"two\", \"one\"]\n"));
    assert_non_null(strstr(text, "    bucket: \"$${b}\"\n"));
    assert_non_null(strstr(text, "    verify: false\n"));
    ts_buf_fini(&out);
}

static void secrets_are_not_printed(void **state)
{
    (void)state;
    struct ts_buf out = printed("http: {token: swordfish}\nsinks:\n  a: {type: influxdb, url: \"http://h\", "
                                "org: o, bucket: b, token: "
                                "swordfish}\n  b: {type: influxdb1, url: \"http://h\", database: d, "
                                "username: u, password: swordfish, proxy: \"http://me:swordfish@p:1\"}\n");
    assert_null(strstr(ts_buf_cstr(&out), "swordfish"));
    assert_non_null(strstr(out.p, "  token: \"<hidden>\"\n"));
    assert_non_null(strstr(out.p, "    password: \"<hidden>\"\n"));
    assert_non_null(strstr(out.p, "    proxy: \"http://me:<hidden>@p:1\"\n"));
    ts_buf_fini(&out);
}

static void settings_come_last(void **state)
{
    (void)state;
    static const char *const set[] = {"http.address=127.0.0.1:9000",
                                      "rollups.0.every=1s",
                                      "rollups.raw10s.aggregates=[mean, max]",
                                      "listen.1={url: \"udp://127.0.0.1:9125\"}",
                                      "listen.0.sockets=2",
                                      "workers=3",
                                      "workers=2",
                                      "sinks.b={type: file, path: b}",
                                      "sinks.b.batch=7",
                                      "http.token="};
    struct ts_conf *conf = load("workers: 1\n", set, TS_ARRAY_SIZE(set));
    assert_string_equal(conf->http.address, "127.0.0.1:9000");
    assert_int_equal(conf->rollups[0].every_ns, TS_SEC);
    assert_int_equal(conf->rollups[0].aggregates, TS_AGG_BIT(mean) | TS_AGG_BIT(max));
    assert_int_equal(conf->nlisten, 2);
    assert_int_equal(conf->listen[0].sockets, 2);
    assert_int_equal(conf->listen[1].port, 9125);
    assert_int_equal(conf->workers, 2);
    assert_int_equal(conf->nsinks, 2);
    assert_int_equal(conf->sinks[1].batch, 7);
    assert_string_equal(conf->rollups[0].to, "store,b");
    ts_conf_free(&conf);
}

static void wrong_settings_are_told(void **state)
{
    (void)state;
    assert_setting_fails("workers",
                         "--set workers: not KEY=VALUE; write it as in http.address=127.0.0.1:9000\n");
    assert_setting_fails("=1", "--set =<hidden>: not KEY=VALUE; write it as in http.address=127.0.0.1:9000\n");
    assert_setting_fails(
        "wrkers=1",
        "--set wrkers=1: unknown key \"wrkers\"; did you mean \"workers\"? known here: state_dir, workers, snapshot, "
        "idle_after, correct_for, future, keep_gauges, log_level, timezone, listen, http, limits, store, events, self, journal, pipeline, rollups, sinks\n");
    assert_setting_fails("workers=x", "--set workers=x: workers: \"x\" is not a whole number; give a whole "
                                      "number from 1 to 64, or auto\n");
    assert_setting_fails(
        "workers.x=1",
        "--set workers.x=1: workers is a mapping; give a whole number from 1 to 64, or auto\n");
    assert_setting_fails(
        "http.address.x=1",
        "--set http.address.x=1: address is a mapping; give HOST:PORT, such as 127.0.0.1:8186 or "
        "[::1]:8186\n");
    assert_setting_fails("rollups.0.name.x=1",
                         "--set rollups.0.name.x=1: \"x\" below a single value; end the key before it\n");
    assert_setting_fails("listen.5.url=x", "--set listen.5.url=x: no entry \"5\" in the list; give a number "
                                           "from 0 to 1 (1 adds one) or a name in it\n");
    assert_setting_fails("rollups.fast.every=1s",
                         "--set rollups.fast.every=1s: no entry \"fast\" in the list; give a number from 0 "
                         "to 1 (1 adds one) or a name in it\n");
    assert_setting_fails(
        "listen=[",
        "--set listen=<hidden>: no YAML: did not find expected node content while parsing a flow node; check "
        "indentation, quotes and brackets up to here\n");
    assert_setting_fails("rollups.0.to=[x]",
                         "--set rollups.0.to=[x]: to: unknown sink \"x\"; there are: store\n");
}

/* The value is shown only where no secret can stand; a section as a whole and a misspelt key may hold one. */
static void settings_with_secrets_are_not_shown(void **state)
{
    static const char *const settings[] = {
        "http.token=[s3cret",          "http.token.x=s3cret",     "http={token: s3cret, x: 1}",
        "http={tokn: s3cret}",         "http.tokn=s3cret",        "listen.0.hmac_keys=[1:s3cret",
        "listen.7.hmac_keys.0=s3cret", "listen.0.hmac_keys.0=1:s3cret",
        "listen=[{hmac_keys: s3cret}]", "sinks.file.token=s3cret", "sinks.file.pasword=s3cret",
        "sinks.url={token: s3cret}",   "sinks={i: {token: s3cret}}", "=s3cret",
    };
    (void)state;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(settings); i++) {
        struct ts_buf errors = TS_BUF_INIT;
        struct ts_conf *conf;
        assert_int_equal(ts_conf_load(NULL, &settings[i], 1, &conf, &errors), -TS_ECONF);
        if (strstr(ts_buf_cstr(&errors), "s3cret") || !strstr(ts_buf_cstr(&errors), "<hidden>"))
            fail_msg("%s: %s", settings[i], ts_buf_cstr(&errors));
        ts_buf_fini(&errors);
    }
    assert_setting_fails("sinks.store.batch=x", "--set sinks.store.batch=x: batch: \"x\" is not a whole number; give a whole "
                                               "number from 1 to 100000\n");
}

static void environment_is_filled_in(void **state)
{
    (void)state;
    static const char *const set[] = {"log_level=${TSAGG_TEST_LEVEL}"};
    setenv("TSAGG_TEST_A", "one", 1);
    setenv("TSAGG_TEST_EMPTY", "", 1);
    setenv("TSAGG_TEST_N", "7", 1);
    setenv("TSAGG_TEST_LEVEL", "warn", 1);
    struct ts_conf *conf = load(
        "state_dir: /x/${TSAGG_TEST_A}-${TSAGG_TEST_EMPTY}$${TSAGG_TEST_A}$\nworkers: \"${TSAGG_TEST_N}\"\n",
        set, 1);
    assert_string_equal(conf->state_dir, "/x/one-${TSAGG_TEST_A}$");
    assert_int_equal(conf->workers, 7);
    assert_int_equal(conf->log_level, TS_LOG_WARN);
    ts_conf_free(&conf);
}

static void yaml_is_taken_as_such(void **state)
{
    (void)state;
    struct ts_conf *conf =
        load("%YAML 1.1\n---\nlisten:\n  - &l {url: \"udp://127.0.0.1:1\"}\nlimits: {series: '12'}\n...\n",
             NULL, 0);
    assert_int_equal(conf->limits.series, 12);
    ts_conf_free(&conf);
    conf = load("\n# nothing but a remark\n", NULL, 0);
    assert_int_equal(conf->nlisten, 1);
    ts_conf_free(&conf);
    conf = load("rollups:\n  - {name: a, every: &d 5s, lateness: *d}\n", NULL, 0);
    assert_int_equal(conf->rollups[0].lateness_ns, 5 * TS_SEC);
    ts_conf_free(&conf);
}

static void addresses(void **state)
{
    static const struct {
        const char *text, *host;
        int port;
    } good[] = {
        {"127.0.0.1:80", "127.0.0.1", 80}, {"[::1]:65535", "::1", 65535}, {":0", "", 0},
        {"localhost:1", "127.0.0.1", 1},   {"[::]:5", "::", 5},           {"0.0.0.0:5", "0.0.0.0", 5}};
    static const char *const bad[] = {
        "",     "127.0.0.1", "1.2.3:80",      "::1:80",     "[]:80",    "[1.2.3.4]:80",
        "a:80", "1.2.3.4:",  "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:x"};
    char host[TS_HOST_MAX];
    uint16_t port;
    (void)state;
    for (size_t i = 0; i < TS_ARRAY_SIZE(good); i++) {
        assert_int_equal(ts_conf_read_address(ts_str_of(good[i].text), host, &port), 0);
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(bad); i++)
        assert_int_equal(ts_conf_read_address(ts_str_of(bad[i]), host, &port), -TS_EPARSE);
    assert_true(ts_conf_is_loopback("127.9.9.9") && ts_conf_is_loopback("::1"));
    assert_false(ts_conf_is_loopback("") || ts_conf_is_loopback("0.0.0.0") || ts_conf_is_loopback("::"));
}

static void documentation_has_every_option(void **state)
{
    static const char *const keys[] = {
#define TS_OPTION(section, key, type, field, def, min, max, choices, need, text) key,
#include "tbl/options.def"
    };
    struct ts_buf man = TS_BUF_INIT, help = TS_BUF_INIT, counters = TS_BUF_INIT;
    (void)state;
    ts_conf_doc_options(&man);
    ts_conf_print_options(&help);
    ts_conf_doc_counters(&counters);
    for (size_t i = 0; i < TS_ARRAY_SIZE(keys); i++) {
        struct ts_buf entry = TS_BUF_INIT;
        ts_buf_printf(&entry, ".TP\n.B %s\n", keys[i]);
        assert_non_null(strstr(ts_buf_cstr(&man), ts_buf_cstr(&entry)));
        assert_non_null(strstr(ts_buf_cstr(&help), keys[i]));
        ts_buf_fini(&entry);
    }
    assert_non_null(strstr(ts_buf_cstr(&counters),
                           ".B tsagg_late_total\nSamples that came after their window was sealed.\n"
                           "By result: corrected, side, dropped.\n"));
    ts_buf_fini(&man);
    ts_buf_fini(&help);
    ts_buf_fini(&counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_design),
        cmocka_unit_test(state_dir_follows_the_user),
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(print_loads_back),
        cmocka_unit_test(secrets_are_not_printed),
        cmocka_unit_test(settings_come_last),
        cmocka_unit_test(wrong_settings_are_told),
        cmocka_unit_test(settings_with_secrets_are_not_shown),
        cmocka_unit_test(environment_is_filled_in),
        cmocka_unit_test(yaml_is_taken_as_such),
        cmocka_unit_test(addresses),
        cmocka_unit_test(documentation_has_every_option),
    };
    int fd = mkstemp(file);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);
    return failed;
}
