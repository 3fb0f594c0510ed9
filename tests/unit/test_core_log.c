/* Log lines as they leave on stderr: form, level, limit per event, quoting. */
#include "config.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static int saved, out[2];

static int redirect(void **state)
{
    (void)state;
    saved = dup(STDERR_FILENO);
    return pipe(out) == 0 && dup2(out[1], STDERR_FILENO) >= 0 && close(out[1]) == 0 ? 0 : -1;
}

/* Gives stderr back and returns what was written to it. */
static struct ts_buf written(void)
{
    struct ts_buf buf = TS_BUF_INIT;
    ssize_t n;
    dup2(saved, STDERR_FILENO);
    close(saved);
    while ((n = read(out[0], ts_buf_reserve(&buf, 4096), 4096)) > 0)
        buf.len += (size_t)n;
    close(out[0]);
    return buf;
}

static void lines_have_their_form(void **state)
{
    (void)state;
    ts_clock_set_fake(INT64_C(1700000000123456789));
    ts_log(TS_LOG_INFO, "one", "stage=%s n=%d", "test", 3);
    ts_log(TS_LOG_DEBUG, "two", "stage=test");
    ts_log(TS_LOG_ERROR, "three", "%s", "");
    ts_clock_set_fake(TS_TIME_NONE);
    struct ts_buf buf = written();
    assert_string_equal(ts_buf_cstr(&buf), "time=2023-11-14T22:13:20.123Z level=info event=one stage=test n=3\n"
                                           "time=2023-11-14T22:13:20.123Z level=error event=three\n");
    ts_buf_fini(&buf);
}

static void an_event_is_limited(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 25; i++)
        ts_log(TS_LOG_WARN, "often", "n=%u", i);
    struct ts_buf buf = written();
    unsigned lines = 0;
    for (size_t i = 0; i < buf.len; i++)
        lines += buf.p[i] == '\n';
    assert_int_equal(lines, 10);
    ts_buf_fini(&buf);
}

static void long_lines_are_cut(void **state)
{
    static char text[5000];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    ts_log(TS_LOG_WARN, "long", "text=%s", text);
    struct ts_buf buf = written();
    assert_true(buf.len > 1000 && buf.len <= 2048);
    assert_int_equal(buf.p[buf.len - 1], '\n');
    ts_buf_fini(&buf);
}

static void quoting(void **state)
{
    char text[1000];
    (void)state;
    assert_string_equal(ts_log_quote_z("a b"), "\"a b\"");
    assert_string_equal(ts_log_quote(TS_STR("\"\\\n\0\xff")).z, "\"\\\"\\\\\\x0a\\x00\\xff\"");
    memset(text, '\n', sizeof text);
    struct ts_log_quoted q = ts_log_quote((struct ts_str){text, sizeof text});
    assert_true(strlen(q.z) < sizeof q.z);
    assert_string_equal(q.z + strlen(q.z) - 4, "\xE2\x80\xA6\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_have_their_form, redirect),
        cmocka_unit_test_setup(an_event_is_limited, redirect),
        cmocka_unit_test_setup(long_lines_are_cut, redirect),
        cmocka_unit_test(quoting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
