/* What a query is made of: the request's body, numbers and times, profiles and the environment. */
#include "config.h"
#include "query/query_http.h"

#include "query/query_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char config_dir[] = "/tmp/tsagg-test-XXXXXX";

static void write_profiles(const char *text)
{
    struct ts_buf path = TS_BUF_INIT;
    ts_buf_printf(&path, "%s/tsagg", config_dir);
    mkdir(ts_buf_cstr(&path), 0700);
    ts_buf_puts(&path, "/profiles.yaml");
    FILE *file = fopen(ts_buf_cstr(&path), "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    ts_buf_fini(&path);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(config_dir));
    return setenv("XDG_CONFIG_HOME", config_dir, 1);
}

static int tear_down(void **state)
{
    (void)state;
    struct ts_buf path = TS_BUF_INIT;
    ts_query_profiles_path(&path);
    unlink(ts_buf_cstr(&path));
    path.len -= sizeof "/profiles.yaml" - 1;
    rmdir(ts_buf_cstr(&path));
    rmdir(config_dir);
    ts_buf_fini(&path);
    return 0;
}

static int clear_environment(void **state)
{
    (void)state;
    static const char *const names[] = {"TSAGG_HOST",    "INFLUX_HOST", "TSAGG_ORG",   "INFLUX_ORG",
                                        "INFLUX_ORG_ID", "TSAGG_TOKEN", "INFLUX_TOKEN"};
    for (size_t i = 0; i < TS_ARRAY_SIZE(names); i++)
        unsetenv(names[i]);
    return 0;
}

static void test_body(void **state)
{
    (void)state;
    struct ts_buf body = TS_BUF_INIT;
    struct ts_query_request req = {.script = TS_STR("from(bucket: \"b\")\n")};
    ts_query_request_put_body(&req, &body);
    assert_string_equal(
        ts_buf_cstr(&body),
        "{\"query\":\"from(bucket: \\\"b\\\")\\n\",\"type\":\"flux\",\"dialect\":{\"header\":true,"
        "\"delimiter\":\",\",\"annotations\":[\"datatype\",\"group\",\"default\"]}}");
    ts_buf_clear(&body);
    struct ts_ask_param params[] = {{TS_STR("a"), TS_STR("1")}, {TS_STR("b"), TS_STR("\"")}};
    req = (struct ts_query_request){
        .script = TS_STR("x"), .now = "2026-01-01T00:00:00Z", .params = params, .nparams = 2};
    ts_query_request_put_body(&req, &body);
    assert_string_equal(
        ts_buf_cstr(&body),
        "{\"query\":\"x\",\"type\":\"flux\",\"dialect\":{\"header\":true,\"delimiter\":\",\",\"annotations\":"
        "[\"datatype\",\"group\",\"default\"]},\"now\":\"2026-01-01T00:00:00Z\",\"extern\":{\"type\":"
        "\"File\","
        "\"package\":null,\"imports\":null,\"body\":[{\"type\":\"VariableAssignment\",\"id\":{\"type\":"
        "\"Identifier\",\"name\":\"params\"},\"init\":{\"type\":\"ObjectExpression\",\"properties\":["
        "{\"type\":\"Property\",\"key\":{\"type\":\"Identifier\",\"name\":\"a\"},\"value\":{\"type\":"
        "\"StringLiteral\",\"value\":\"1\"}},{\"type\":\"Property\",\"key\":{\"type\":\"Identifier\","
        "\"name\":"
        "\"b\"},\"value\":{\"type\":\"StringLiteral\",\"value\":\"\\\"\"}}]}}]}}");
    ts_buf_fini(&body);
}

static void test_times_and_numbers(void **state)
{
    (void)state;
    static const char *const times[] = {"2026-11-21T09:30:00Z", "2024-02-29T23:59:59.123456789Z",
                                        "2026-11-21T09:30:00.5+01:00", "0000-01-01T00:00:00-23:59"};
    static const char *const no_times[] = {"",
                                           "2026-11-21",
                                           "2026-11-21T09:30:00",
                                           "2026-11-21 09:30:00Z",
                                           "2023-02-29T00:00:00Z",
                                           "2100-02-29T00:00:00Z",
                                           "2026-04-31T00:00:00Z",
                                           "2026-13-01T00:00:00Z",
                                           "2026-01-01T24:00:00Z",
                                           "2026-01-01T00:00:00.Z",
                                           "2026-01-01T00:00:00+1:00",
                                           "2026-01-01T00:00:00Zx",
                                           "-1h"};
    static const char *const numbers[] = {"0", "-0", "10", "1.5", "-0.25", "1e9", "1E-9", "12.5e+3"};
    static const char *const no_numbers[] = {"",   "-",   "+1",   "01",  "1.", ".5",
                                             "1e", "NaN", "+Inf", "0x1", "1 "};
    for (size_t i = 0; i < TS_ARRAY_SIZE(times); i++)
        assert_true(ts_query_is_time(ts_str_of(times[i])));
    for (size_t i = 0; i < TS_ARRAY_SIZE(no_times); i++)
        assert_false(ts_query_is_time(ts_str_of(no_times[i])));
    for (size_t i = 0; i < TS_ARRAY_SIZE(numbers); i++)
        assert_true(ts_query_is_number(ts_str_of(numbers[i])));
    for (size_t i = 0; i < TS_ARRAY_SIZE(no_numbers); i++)
        assert_false(ts_query_is_number(ts_str_of(no_numbers[i])));
}

static void expect_target(const char *profile, const char *host, const char *org, const char *token)
{
    struct ts_buf error = TS_BUF_INIT;
    struct ts_query_target tgt = {0};
    assert_int_equal(ts_query_target_resolve(&tgt, profile, &error), 0);
    assert_int_equal(error.len, 0);
    assert_string_equal(tgt.host, host);
    assert_string_equal(tgt.org ? tgt.org : "-", org);
    assert_string_equal(tgt.token ? tgt.token : "-", token);
    ts_query_target_fini(&tgt);
    ts_buf_fini(&error);
}

static void test_order_of_sources(void **state)
{
    (void)state;
    expect_target(NULL, "http://127.0.0.1:8186", "-", "-"); /* no file yet */
    write_profiles("default: {host: 'http://d:1', org: od, token: td}\n"
                   "prod:\n  host: https://p\n  org: op\n");
    expect_target(NULL, "http://d:1", "od", "td");
    expect_target("prod", "https://p", "op", "-");
    setenv("INFLUX_TOKEN", "ti", 1);
    setenv("INFLUX_ORG", "oi", 1);
    expect_target(NULL, "http://d:1", "oi", "ti");
    expect_target("prod", "https://p", "op", "ti");
    setenv("TSAGG_TOKEN", "tt", 1);
    setenv("INFLUX_HOST", "http://i", 1);
    unsetenv("INFLUX_ORG");
    expect_target(NULL, "http://i", "-", "tt"); /* another host: the default profile stands back */
    setenv("TSAGG_HOST", "http://t", 1);
    expect_target(NULL, "http://t", "-", "tt");
}

static void expect_error(const char *profiles, const char *name, int code, const char *want)
{
    struct ts_buf path = TS_BUF_INIT, error = TS_BUF_INIT;
    struct ts_query_target tgt = {0};
    write_profiles(profiles);
    ts_query_profiles_path(&path);
    assert_int_equal(ts_query_profile_read(ts_buf_cstr(&path), name, &tgt, &error), code);
    assert_memory_equal(ts_buf_cstr(&error), path.p, path.len);
    assert_string_equal(error.p + path.len, want);
    ts_query_target_fini(&tgt);
    ts_buf_fini(&path);
    ts_buf_fini(&error);
}

static void test_malformed_profiles(void **state)
{
    (void)state;
    expect_error("a: {host: 'http://a'}\nb: {}\n", "c", -TS_ENOTFOUND,
                 ": no profile \"c\" there; the profiles are: a, b");
    expect_error("a:\n  host: h\n  tokken: x\n", "a", -TS_ECONF,
                 ":3:3: unknown key; a profile has host, org and token");
    expect_error("a: {host: [1]}\n", "a", -TS_ECONF, ":1:11: the value must be a text");
    expect_error("- a\n", "a", -TS_ECONF, ":1:1: the file must be a map from names to profiles");
    expect_error("a: {host: h}\nb: 3\n", "a", -TS_ECONF, ":2:4: a profile is a map of host, org and token");
    expect_error("a: {host: h\n", "a", -TS_ECONF, ":2:1: did not find expected ',' or '}'");
    expect_error("", "a", -TS_ENOTFOUND, ": no profile \"a\" there; the profiles are: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_times_and_numbers),
        cmocka_unit_test_setup_teardown(test_order_of_sources, clear_environment, clear_environment),
        cmocka_unit_test(test_malformed_profiles),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
