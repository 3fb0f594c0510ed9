/* Predicates of deletes: what they are read as, how they end at their limits. What InfluxDB makes of them is
 * in tests/integration. */
#include "config.h"
#include "unit.h"

#include "core/mem.h"
#include "server/server_priv.h"

#include <stdio.h>

static void assert_read(const char *text, const char *expected)
{
    struct ts_predicate pre;
    struct ts_buf out = TS_BUF_INIT;
    struct ts_err err = {""};
    assert_int_equal(ts_predicate_read(ts_str_of(text), &pre, &err), 0);
    assert_true(pre.all.op == TS_SCAN_AND && pre.all.nargs == pre.n);
    for (unsigned i = 0; i < pre.n; i++) {
        const struct ts_scan_pred *term = pre.all.args[i];
        struct ts_str name = term->on == TS_SCAN_MEASUREMENT ? TS_STR("MEASUREMENT") : term->tag;
        ts_buf_printf(&out, "[%.*s]%s[%.*s]", (int)name.len, name.p,
                      term->op == TS_SCAN_EQ ? "=" : "!=", (int)term->value.len, term->value.p);
    }
    assert_string_equal(ts_buf_cstr(&out), expected);
    ts_buf_fini(&out);
    ts_predicate_fini(&pre);
}

static void is_read(void **state)
{
    (void)state;
    assert_read("a=b", "[a]=[b]");
    assert_read(" ( ( _measurement = \"m 1\" ) aNd(b_2!=-1.5)AND c=1h30m )",
                "[MEASUREMENT]=[m 1][b_2]!=[-1.5][c]=[1h30m]");
    assert_read("\"a b\"=\"q\\\"\\\\\\n\\x\" AND \"and\"=FALSE AND x=\"\" AND y=\"TRUE\"",
                "[a b]=[q\"\\\n\\x][and]=[false][x]=[][y]=[TRUE]");
    assert_read("_m=\"\xc3\xbc\"", "[_m]=[\xc3\xbc]");
}

static void assert_wrong(const char *text, int rc, const char *why)
{
    struct ts_predicate pre;
    struct ts_err err = {""};
    assert_int_equal(ts_predicate_read(ts_str_of(text), &pre, &err), rc);
    assert_non_null(strstr(err.msg, why));
    assert_null(pre.texts);
}

static void is_refused(void **state)
{
    struct ts_buf text = TS_BUF_INIT;
    (void)state;
    assert_wrong("", -TS_EPARSE, "position 0");
    assert_wrong("a=b c=d", -TS_EPARSE, "position 4");
    assert_wrong("a=b OR c=d", -TS_EPARSE, "OR is not supported");
    assert_wrong("(a=b", -TS_EPARSE, "extra (");
    assert_wrong("a=b)", -TS_EPARSE, "extra )");
    assert_wrong("a=~b", -TS_EPARSE, "not supported");
    assert_wrong("a!~b", -TS_EPARSE, "not supported");
    assert_wrong("a=\"b", -TS_EPARSE, "position 2");
    assert_wrong("a=\"b\\", -TS_EPARSE, "position 2");
    assert_wrong("a=-", -TS_EPARSE, "position 2");
    assert_wrong("a!", -TS_EPARSE, "invalid operator, at position 1");
    assert_wrong("x=y AND _field=f", -TS_EREFUSED, "delete by field is not supported");
    assert_wrong("\"_field\"!=f", -TS_EREFUSED, "delete by field is not supported");
    for (int i = 0; i < TS_PREDICATE_TERMS; i++)
        ts_buf_printf(&text, "%sa=b", i ? " AND " : "");
    struct ts_predicate pre;
    struct ts_err err;
    assert_int_equal(ts_predicate_read(ts_buf_str(&text), &pre, &err), 0);
    ts_predicate_fini(&pre);
    ts_buf_puts(&text, " AND a=b");
    assert_int_equal(ts_predicate_read(ts_buf_str(&text), &pre, &err), -TS_ELIMIT);
    ts_buf_clear(&text);
    for (int i = 0; i < 100000; i++) /* nesting costs nothing */
        ts_buf_putc(&text, '(');
    assert_int_equal(ts_predicate_read(ts_buf_str(&text), &pre, &err), -TS_EPARSE);
    ts_buf_fini(&text);
}

/* Whatever bytes: an answer, and nothing beyond the text is looked at (it ends where its memory does). */
static void any_bytes(void **state)
{
    static const char parts[] = "\"\\=!~()andorAND _f-1.\n\t\xff";
    uint64_t seed = 1;
    unsigned good = 0;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        size_t n = (size_t)(seed >> 33) % 12;
        char *text = ts_xalloc(n + 1);
        for (size_t k = 0; k < n; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            text[k] = parts[(seed >> 33) % (sizeof parts - 1)];
        }
        struct ts_predicate pre;
        struct ts_err err;
        char *exact = n ? ts_xalloc(n) : NULL;
        if (n)
            memcpy(exact, text, n);
        int rc = ts_predicate_read((struct ts_str){n ? exact : "", n}, &pre, &err);
        good += rc == 0;
        assert_true(rc == 0 || rc == -TS_EPARSE || rc == -TS_EREFUSED);
        ts_predicate_fini(&pre);
        ts_free(exact);
        ts_free(text);
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    }
    assert_true(good > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_read), cmocka_unit_test(is_refused),
                                       cmocka_unit_test(any_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
