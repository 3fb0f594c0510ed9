/* Changes of series, and patterns. */
#include "config.h"
#include "unit.h"

#include "core/edit.h"

typedef int read_fn(struct ts_edits *edits, struct ts_str text, struct ts_err *err);

static read_fn *const reads[] = {
    ['s'] = ts_edits_read_set, ['r'] = ts_edits_read_replace, ['d'] = ts_edits_read_drop};

static void changes(void **unused)
{
    (void)unused;
    static const struct {
        char how;
        const char *text, *result;
    } cases[] = {
        {'s', "name=x", "x,a=1,b=two usage"},
        {'s', "name={name}.{tags.b}.{field}{{{tags.none}}", "cpu.load.two.usage{},a=1,b=two usage"},
        {'s', "tags.a={tags.b}", "cpu.load,a=two,b=two usage"},
        {'s', "tags.c={kind}", "cpu.load,a=1,b=two,c=field usage"},
        {'s', "tags.a=", "cpu.load,b=two usage"},
        {'s', "tags.a={tags.none}", "cpu.load,b=two usage"},
        {'s', "field=idle", "cpu.load,a=1,b=two idle"},
        {'d', "a", "cpu.load,b=two usage"},
        {'d', "*", "cpu.load usage"},
        {'d', "?x", "cpu.load,a=1,b=two usage"},
        {'r', "name /\\./_/", "cpu_load,a=1,b=two usage"},
        {'r', "name /^([a-z]+)\\.(.*)$/$2$$$1/", "load$cpu,a=1,b=two usage"},
        {'r', "name /l|$/\\/x/", "cpu./xoad/x,a=1,b=two usage"},
        {'r', "tags.b /t(x)?/$1T/", "cpu.load,a=1,b=Two usage"},
        {'r', "tags.none /^/x/", "cpu.load,a=1,b=two usage"},
        {'r', "tags.b /.*//", "cpu.load,a=1 usage"},
    };
    struct ts_buf scratch;
    ts_edit_scratch_init(&scratch);
    for (size_t i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        static struct ts_series_view view;
        struct ts_edits edits = {0};
        struct ts_err err = {{0}};
        struct ts_buf bytes = TS_BUF_INIT, shown = TS_BUF_INIT;
        view = (struct ts_series_view){
            .kind = TS_KIND_FIELD, .name = TS_STR("cpu.load"), .field = TS_STR("usage"), .ntags = 2};
        view.tags[0] = (struct ts_tag){TS_STR("a"), TS_STR("1")};
        view.tags[1] = (struct ts_tag){TS_STR("b"), TS_STR("two")};
        if (reads[(unsigned char)cases[i].how](&edits, ts_str_of(cases[i].text), &err) != 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_int_equal(ts_edits_apply(&edits, &view, &scratch), 0);
        assert_int_equal(ts_series_encode(&view, &bytes), 0);
        ts_series_print(&view, &shown);
        assert_string_equal(ts_buf_cstr(&shown), cases[i].result);
        ts_buf_clear(&scratch);
        ts_edits_fini(&edits);
        ts_buf_fini(&bytes);
        ts_buf_fini(&shown);
    }
    ts_buf_fini(&scratch);
}

static void what_is_wrong(void **unused)
{
    (void)unused;
    static const struct {
        char how;
        const char *text;
    } cases[] = {{'s', "name"},
                 {'s', "name="},
                 {'s', "nme=x"},
                 {'s', "tags.=x"},
                 {'s', "name={x}"},
                 {'s', "name={name"},
                 {'s', "name={tags.}"},
                 {'s', ""},
                 {'d', ""},
                 {'r', "name"},
                 {'r', "name /a/"},
                 {'r', "name /a/b"},
                 {'r', "name /a/b/c"},
                 {'r', "name /a/$1/"},
                 {'r', "name /a/$x/"},
                 {'r', "name /(/x/"},
                 {'r', "x /a/b/"},
                 {'r', " /a/b/"},
                 {'r', "name /a/$/"},
                 {'r', "name /a\\/b/"}};
    for (size_t i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        struct ts_edits edits = {0};
        struct ts_err err = {{0}};
        if (reads[(unsigned char)cases[i].how](&edits, ts_str_of(cases[i].text), &err) != -TS_EPARSE ||
            !err.msg[0])
            fail_msg("%s", cases[i].text);
        assert_int_equal(edits.n, 0);
        ts_edits_fini(&edits);
    }
}

static void limits(void **unused)
{
    (void)unused;
    static struct ts_series_view view;
    struct ts_edits edits = {0};
    struct ts_err err;
    struct ts_buf scratch;
    ts_edit_scratch_init(&scratch);
    view = (struct ts_series_view){
        .kind = TS_KIND_FIELD, .name = TS_STR("m"), .field = TS_STR("v"), .ntags = TS_TAGS_MAX};
    for (unsigned i = 0; i < TS_TAGS_MAX; i++)
        view.tags[i] = (struct ts_tag){TS_STR("k"), TS_STR("v")};
    view.tags[0].key = TS_STR("first");
    assert_int_equal(ts_edit_put_tag(&view, TS_STR("k"), TS_STR("v")), 0);
    assert_int_equal(view.ntags, 2);
    static char keys[TS_TAGS_MAX][8];
    for (view.ntags = 0; view.ntags < TS_TAGS_MAX; view.ntags++) {
        snprintf(keys[view.ntags], sizeof keys[0], "k%u", view.ntags);
        view.tags[view.ntags] = (struct ts_tag){ts_str_of(keys[view.ntags]), TS_STR("v")};
    }
    assert_int_equal(ts_edit_put_tag(&view, TS_STR("more"), TS_STR("v")), -TS_ELIMIT);
    /* A name that doubles with each change ends at the limit. */
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(ts_edits_read_set(&edits, TS_STR("name={name}{name}"), &err), 0);
    assert_int_equal(ts_edits_apply(&edits, &view, &scratch), -TS_ELIMIT);
    ts_edits_fini(&edits);
    assert_int_equal(ts_edits_read_replace(&edits, TS_STR("name /.*//"), &err), 0);
    ts_buf_clear(&scratch);
    view.name = TS_STR("m");
    assert_int_equal(ts_edits_apply(&edits, &view, &scratch), -TS_EINVAL);
    ts_edits_fini(&edits);
    ts_buf_fini(&scratch);
}

/* Globs against the definition, by recursion, for all short texts of two letters. */
static bool fits(const char *glob, const char *text)
{
    if (*glob == 0)
        return *text == 0;
    if (*glob == '*')
        return fits(glob + 1, text) || (*text && fits(glob, text + 1));
    return *text && (*glob == '?' || *glob == *text) && fits(glob + 1, text + 1);
}

static void globs(void **unused)
{
    (void)unused;
    static const char letters[] = "ab*?";
    unsigned nfit = 0;
    for (unsigned g = 0; g < 4 * 4 * 4 * 4; g++) {
        const char glob[] = {letters[g & 3], letters[g >> 2 & 3], letters[g >> 4 & 3], letters[g >> 6], 0};
        struct ts_pattern *pat = ts_pattern_glob(ts_str_of(glob));
        for (unsigned t = 0; t < 63; t++) {
            char text[6] = "";
            unsigned len = 31 - (unsigned)__builtin_clz(t + 1);
            for (unsigned i = 0; i < len; i++)
                text[i] = (t + 1) >> i & 1 ? 'a' : 'b';
            assert_int_equal(ts_pattern_match(pat, ts_str_of(text)), fits(glob, text));
            nfit += fits(glob, text);
        }
        ts_pattern_free(&pat);
    }
    assert_true(nfit > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(changes), cmocka_unit_test(what_is_wrong),
                                       cmocka_unit_test(limits), cmocka_unit_test(globs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
