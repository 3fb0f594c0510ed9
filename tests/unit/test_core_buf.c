/* The growing buffer: limits, failures, numbers, JSON strings (RFC 8259), UTF-8 (RFC 3629). */
#include "config.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/utf8.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void grows_and_clears(void **state)
{
    struct ts_buf buf = TS_BUF_INIT;
    (void)state;
    assert_string_equal(ts_buf_cstr(&buf), "");
    for (unsigned i = 0; i < 1000; i++)
        ts_buf_putc(&buf, (char)('a' + i % 26));
    assert_int_equal(buf.len, 1000);
    assert_int_equal(buf.p[999], 'a' + 999 % 26);
    ts_buf_drop_front(&buf, 998);
    assert_int_equal(buf.len, 2);
    assert_int_equal(buf.p[1], 'a' + 999 % 26);
    ts_buf_clear(&buf);
    ts_buf_put_int(&buf, INT64_MIN);
    ts_buf_putc(&buf, ' ');
    ts_buf_put_uint(&buf, UINT64_MAX);
    ts_buf_putc(&buf, ' ');
    ts_buf_put_double(&buf, 0.25);
    ts_buf_put(&buf, NULL, 0);
    ts_buf_printf(&buf, " %300s|", "x");
    assert_memory_equal(ts_buf_cstr(&buf), "-9223372036854775808 18446744073709551615 0.25   ", 48);
    assert_memory_equal(buf.p + buf.len - 3, " x|", 3);
    ts_buf_fini(&buf);
    assert_null(buf.p);
}

static void a_put_beyond_the_limit_is_marked(void **state)
{
    struct ts_buf buf = {.limit = 10};
    (void)state;
    ts_buf_puts(&buf, "12345678");
    ts_buf_puts(&buf, "abc");
    assert_true(ts_buf_failed(&buf));
    assert_int_equal(buf.len, 8);
    assert_null(ts_buf_cstr(&buf));
    ts_buf_clear(&buf);
    assert_false(ts_buf_failed(&buf));
    ts_buf_puts(&buf, "1234567890");
    assert_false(ts_buf_failed(&buf));
    assert_null(ts_buf_reserve(&buf, SIZE_MAX));
    ts_buf_fini(&buf);
    assert_int_equal(buf.limit, 10);
}

static void json_strings(void **state)
{
    static const struct {
        struct ts_str in;
        const char *out;
    } all[] = {{TS_STR(""), "\"\""},
               {TS_STR("a\"b\\c/\n\r\t\x01\x7f"), "\"a\\\"b\\\\c/\\n\\r\\t\\u0001\x7f\""},
               {TS_STR("\0"), "\"\\u0000\""},
               {TS_STR("\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80\""},
               {TS_STR("a\xC3"), "\"a\xEF\xBF\xBD\""},
               {TS_STR("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}};
    (void)state;
    for (size_t i = 0; i < TS_ARRAY_SIZE(all); i++) {
        struct ts_buf buf = TS_BUF_INIT;
        ts_buf_put_json(&buf, all[i].in);
        assert_string_equal(ts_buf_cstr(&buf), all[i].out);
        ts_buf_fini(&buf);
    }
}

static void utf8(void **state)
{
    (void)state;
    assert_true(ts_utf8_valid(TS_STR("")));
    assert_true(ts_utf8_valid(TS_STR("a\xC3\xBC\xE2\x82\xAC\xF4\x8F\xBF\xBF")));
    for (const char *const *bad = (const char *const[]){"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xE2\x82",
                                                        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", NULL};
         *bad; bad++)
        assert_false(ts_utf8_valid(ts_str_of(*bad)));
}

#ifdef TS_HOSTILE
static void without_memory(void **state)
{
    struct ts_buf buf = TS_BUF_INIT;
    (void)state;
    ts_alloc_fail_at(1);
    ts_buf_puts(&buf, "x");
    assert_true(ts_buf_failed(&buf));
    assert_int_equal(buf.len, 0);
    ts_buf_clear(&buf);
    ts_buf_puts(&buf, "x");
    assert_string_equal(ts_buf_cstr(&buf), "x");
    ts_buf_fini(&buf);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_clears),
        cmocka_unit_test(a_put_beyond_the_limit_is_marked),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(utf8),
#ifdef TS_HOSTILE
        cmocka_unit_test(without_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
