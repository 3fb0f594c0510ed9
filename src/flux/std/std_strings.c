/* Package strings. Texts are UTF-8; positions are bytes, but for substring and strlen, which count characters, as in Go. */
#include "config.h"
#include "core/utf8.h"
#include "flux/std/std.h"

#include <locale.h>
#include <pthread.h>
#include <wchar.h>
#include <wctype.h>

#define S(i) ts_flux_value_str(args->v[i])
#define FN(name) static int name(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
#define RESULT_MAX ((size_t)64 << 20) /* bytes of one text made here */

/* The characters' properties without the process's locale. */
static locale_t utf8_locale;
static pthread_once_t utf8_once = PTHREAD_ONCE_INIT;

static void open_locale(void)
{
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8_locale)
        utf8_locale = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
}

static locale_t letters(void)
{
    pthread_once(&utf8_once, open_locale);
    return utf8_locale;
}

/* The character at p and its length; what is no UTF-8 is one byte, U+FFFD. */
static size_t decode(struct ts_str s, size_t i, wint_t *c)
{
    const unsigned char *p = (const unsigned char *)s.p + i;
    size_t n = ts_utf8_len(s.p + i, s.len - i);
    *c = n == 1 ? p[0] : n == 2 ? (p[0] & 31u) << 6 | (p[1] & 63u)
         : n == 3 ? (p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u)
         : n == 4 ? (p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u) : 0xFFFD;
    return n ? n : 1;
}

static void encode(struct ts_buf *to, wint_t c)
{
    if (c < 0x80) {
        ts_buf_putc(to, (char)c);
        return;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    ts_buf_putc(to, (char)(more == 1 ? 0xC0 | c >> 6 : more == 2 ? 0xE0 | c >> 12 : 0xF0 | c >> 18));
    while (more--)
        ts_buf_putc(to, (char)(0x80 | (c >> (6 * more) & 63)));
}

static int finish(struct ts_flux_run *run, struct ts_buf *text, struct ts_flux_value *out)
{
    int rc = ts_buf_failed(text) ? ts_flux_fail(run, "the text would be longer than %zu bytes", RESULT_MAX)
                                 : ts_flux_make_string(run, ts_buf_str(text), out);
    ts_buf_fini(text);
    return rc;
}

enum casing { UPPER, LOWER, TITLE };

static int change(struct ts_flux_run *run, struct ts_str s, enum casing how, struct ts_flux_value *out)
{
    struct ts_buf text = {.limit = RESULT_MAX};
    bool inside = false;
    wint_t c;
    for (size_t i = 0; i < s.len; i += decode(s, i, &c)) {
        (void)decode(s, i, &c);
        bool word = iswalnum_l(c, letters()) || c == '_' || c == '\'';
        if (how == LOWER)
            encode(&text, towlower_l(c, letters()));
        else
            encode(&text, how == UPPER || !inside ? towupper_l(c, letters()) : c);
        inside = word;
    }
    return finish(run, &text, out);
}

FN(to_upper)
{
    return change(run, S(0), UPPER, out);
}

FN(to_lower)
{
    return change(run, S(0), LOWER, out);
}

FN(title)
{
    return change(run, S(0), TITLE, out);
}

static bool in_set(struct ts_str set, wint_t c)
{
    wint_t x;
    for (size_t i = 0; i < set.len; i += decode(set, i, &x))
        if (decode(set, i, &x), x == c)
            return true;
    return false;
}

static size_t last_char(struct ts_str s)
{
    size_t i = s.len - 1;
    while (i && ((unsigned char)s.p[i] & 0xC0) == 0x80)
        i--;
    return i;
}

static struct ts_str trimmed(struct ts_str s, struct ts_str set, bool left, bool right)
{
    wint_t c;
    while (left && s.len) {
        size_t n = decode(s, 0, &c);
        if (!in_set(set, c))
            break;
        s = (struct ts_str){s.p + n, s.len - n};
    }
    while (right && s.len) {
        size_t at = last_char(s);
        (void)decode(s, at, &c);
        if (!in_set(set, c))
            break;
        s.len = at;
    }
    return s;
}

FN(trim)
{
    (void)run;
    *out = ts_flux_string(trimmed(S(0), S(1), true, true));
    return 0;
}

FN(trim_left)
{
    (void)run;
    *out = ts_flux_string(trimmed(S(0), S(1), true, false));
    return 0;
}

FN(trim_right)
{
    (void)run;
    *out = ts_flux_string(trimmed(S(0), S(1), false, true));
    return 0;
}

FN(trim_space)
{
    (void)run;
    *out = ts_flux_string(trimmed(S(0), TS_STR("\t\n\v\f\r \xc2\x85\xc2\xa0"), true, true));
    return 0;
}

static bool begins(struct ts_str s, struct ts_str with)
{
    return s.len >= with.len && memcmp(s.p, with.p, with.len) == 0;
}

static bool ends(struct ts_str s, struct ts_str with)
{
    return s.len >= with.len && memcmp(s.p + s.len - with.len, with.p, with.len) == 0;
}

FN(trim_prefix)
{
    (void)run;
    size_t n = begins(S(0), S(1)) ? S(1).len : 0;
    *out = ts_flux_string((struct ts_str){S(0).p + n, S(0).len - n});
    return 0;
}

FN(trim_suffix)
{
    (void)run;
    *out = ts_flux_string((struct ts_str){S(0).p, S(0).len - (ends(S(0), S(1)) ? S(1).len : 0)});
    return 0;
}

FN(has_prefix)
{
    (void)run;
    *out = ts_flux_bool(begins(S(0), S(1)));
    return 0;
}

FN(has_suffix)
{
    (void)run;
    *out = ts_flux_bool(ends(S(0), S(1)));
    return 0;
}

/* The first place of what in s from `from` on; -1: none. */
static int64_t find(struct ts_str s, struct ts_str what, size_t from)
{
    if (from > s.len)
        return -1;
    if (what.len == 0)
        return (int64_t)from;
    const char *p = memmem(s.p + from, s.len - from, what.p, what.len);
    return p ? p - s.p : -1;
}

static int64_t find_last(struct ts_str s, struct ts_str what)
{
    for (size_t i = s.len + 1; i-- > what.len;)
        if (memcmp(s.p + i - what.len, what.p, what.len) == 0)
            return (int64_t)(i - what.len);
    return what.len == 0 ? (int64_t)s.len : -1;
}

/* The first or last character of s that is in set. */
static int64_t find_any(struct ts_str s, struct ts_str set, bool last)
{
    int64_t found = -1;
    wint_t c;
    for (size_t i = 0, n; i < s.len; i += n) {
        n = decode(s, i, &c);
        if (in_set(set, c) && (last || found < 0))
            found = (int64_t)i;
    }
    return found;
}

FN(contains_str)
{
    (void)run;
    *out = ts_flux_bool(find(S(0), S(1), 0) >= 0);
    return 0;
}

FN(contains_any)
{
    (void)run;
    *out = ts_flux_bool(find_any(S(0), S(1), false) >= 0);
    return 0;
}

FN(index_of)
{
    (void)run;
    *out = ts_flux_int(find(S(0), S(1), 0));
    return 0;
}

FN(last_index)
{
    (void)run;
    *out = ts_flux_int(find_last(S(0), S(1)));
    return 0;
}

FN(index_any)
{
    (void)run;
    *out = ts_flux_int(find_any(S(0), S(1), false));
    return 0;
}

FN(last_index_any)
{
    (void)run;
    *out = ts_flux_int(find_any(S(0), S(1), true));
    return 0;
}

FN(equal_fold)
{
    struct ts_str a = S(0), b = S(1);
    size_t i = 0, j = 0;
    wint_t x = 0, y = 0;
    (void)run;
    while (i < a.len && j < b.len && towlower_l(x, letters()) == towlower_l(y, letters())) {
        i += decode(a, i, &x);
        j += decode(b, j, &y);
    }
    *out = ts_flux_bool(i == a.len && j == b.len && towlower_l(x, letters()) == towlower_l(y, letters()));
    return 0;
}

FN(compare)
{
    int c = ts_str_cmp(S(0), S(1));
    (void)run;
    *out = ts_flux_int((c > 0) - (c < 0));
    return 0;
}

static int64_t characters(struct ts_str s)
{
    int64_t n = 0;
    wint_t c;
    for (size_t i = 0; i < s.len; i += decode(s, i, &c))
        n++;
    return n;
}

FN(count_str)
{
    int64_t n = 0, at = 0;
    (void)run;
    if (S(1).len == 0)
        n = characters(S(0)) + 1;
    else
        while ((at = find(S(0), S(1), (size_t)at)) >= 0) {
            n++;
            at += (int64_t)S(1).len;
        }
    *out = ts_flux_int(n);
    return 0;
}

FN(str_len)
{
    (void)run;
    *out = ts_flux_int(characters(S(0)));
    return 0;
}

/* Characters [start, end); what is outside of the text is cut off. */
FN(substring)
{
    struct ts_str s = S(0);
    int64_t start = TS_MAX(args->v[1].i, INT64_C(0)), end = args->v[2].i, n = 0;
    size_t from = s.len, till = s.len;
    wint_t c;
    for (size_t i = 0; i < s.len; i += decode(s, i, &c), n++) {
        from = n == start ? i : from;
        till = n == end ? i : till;
    }
    if (args->v[1].i > args->v[2].i)
        return ts_flux_fail(run, "substring: start %lld is behind end %lld", (long long)args->v[1].i, (long long)end);
    till = end <= 0 ? 0 : till;
    *out = ts_flux_string((struct ts_str){s.p + TS_MIN(from, till), till - TS_MIN(from, till)});
    return 0;
}

#define PROPERTY(name, test)                                                                                 \
    FN(name)                                                                                                 \
    {                                                                                                        \
        wint_t c = 0;                                                                                        \
        (void)run;                                                                                           \
        bool one = S(0).len > 0 && decode(S(0), 0, &c) == S(0).len;                                          \
        *out = ts_flux_bool(one && test(c, letters()));                                                      \
        return 0;                                                                                            \
    }
PROPERTY(is_digit, iswdigit_l)
PROPERTY(is_letter, iswalpha_l)
PROPERTY(is_lower, iswlower_l)
PROPERTY(is_upper, iswupper_l)

FN(repeat)
{
    struct ts_buf text = {.limit = RESULT_MAX};
    if (args->v[1].i < 0)
        return ts_flux_fail(run, "repeat: a negative count %lld", (long long)args->v[1].i);
    for (int64_t i = 0; i < args->v[1].i && S(0).len && !ts_buf_failed(&text); i++)
        ts_buf_put_str(&text, S(0));
    return finish(run, &text, out);
}

static int replaced(struct ts_flux_run *run, struct ts_str s, struct ts_str t, struct ts_str u, int64_t times,
                    struct ts_flux_value *out)
{
    struct ts_buf text = {.limit = RESULT_MAX};
    size_t i = 0;
    wint_t c;
    while (i <= s.len && times != 0) {
        int64_t at = find(s, t, i);
        if (at < 0)
            break;
        ts_buf_put(&text, s.p + i, (size_t)at - i);
        ts_buf_put_str(&text, u);
        times--;
        i = (size_t)at + t.len;
        if (t.len == 0) { /* between all characters */
            if (i == s.len) {
                i++;
                break;
            }
            size_t n = decode(s, i, &c);
            ts_buf_put(&text, s.p + i, n);
            i += n;
        }
    }
    if (i < s.len)
        ts_buf_put(&text, s.p + i, s.len - i);
    return finish(run, &text, out);
}

FN(replace)
{
    return replaced(run, S(0), S(1), S(2), args->v[3].i, out);
}

FN(replace_all)
{
    return replaced(run, S(0), S(1), S(2), -1, out);
}

/* At most n parts (below 0: all); each with the separator behind it when `keep`. */
static int split_into(struct ts_flux_run *run, struct ts_str s, struct ts_str t, int64_t n, bool keep, struct ts_flux_value *out)
{
    struct ts_flux_value *items;
    int64_t parts = 1, at = 0;
    wint_t c;
    if (t.len == 0)
        parts = characters(s);
    else
        while ((at = find(s, t, (size_t)at)) >= 0) {
            parts++;
            at += (int64_t)t.len;
        }
    if (n >= 0)
        parts = TS_MIN(parts, n);
    if (ts_flux_make_array(run, (uint32_t)parts, &items, out) != 0)
        return -TS_EQUERY;
    for (int64_t i = 0; i < parts; i++) {
        size_t len = s.len, sep = 0;
        if (i + 1 < parts) {
            len = t.len ? (size_t)find(s, t, 0) : decode(s, 0, &c);
            sep = t.len;
        }
        items[i] = ts_flux_string((struct ts_str){s.p, len + (keep ? sep : 0)});
        s = (struct ts_str){s.p + len + sep, s.len - len - sep};
    }
    return 0;
}

FN(split)
{
    return split_into(run, S(0), S(1), -1, false, out);
}

FN(split_after)
{
    return split_into(run, S(0), S(1), -1, true, out);
}

FN(split_n)
{
    return split_into(run, S(0), S(1), args->v[2].i, false, out);
}

FN(split_after_n)
{
    return split_into(run, S(0), S(1), args->v[2].i, true, out);
}

FN(join_str)
{
    struct ts_buf text = {.limit = RESULT_MAX};
    const struct ts_flux_array *arr = args->v[0].array;
    for (uint32_t i = 0; i < arr->n; i++) {
        if (arr->v[i].null || arr->v[i].type != TS_FLUX_STRING) {
            ts_buf_fini(&text);
            return ts_flux_fail(run, "joinStr wants an array of strings, not of %s", ts_flux_type_text(arr->v[i].type));
        }
        if (i)
            ts_buf_put_str(&text, S(1));
        ts_buf_put_str(&text, ts_flux_value_str(arr->v[i]));
    }
    return finish(run, &text, out);
}

const struct ts_flux_builtin ts_flux_std_strings[] = {
    {"compare", "(v: string, t: string) => int", compare},
    {"containsAny", "(v: string, chars: string) => bool", contains_any},
    {"containsStr", "(v: string, substr: string) => bool", contains_str},
    {"countStr", "(v: string, substr: string) => int", count_str},
    {"equalFold", "(v: string, t: string) => bool", equal_fold},
    {"hasPrefix", "(v: string, prefix: string) => bool", has_prefix},
    {"hasSuffix", "(v: string, suffix: string) => bool", has_suffix},
    {"index", "(v: string, substr: string) => int", index_of},
    {"indexAny", "(v: string, chars: string) => int", index_any},
    {"isDigit", "(v: string) => bool", is_digit},
    {"isLetter", "(v: string) => bool", is_letter},
    {"isLower", "(v: string) => bool", is_lower},
    {"isUpper", "(v: string) => bool", is_upper},
    {"joinStr", "(arr: array, v: string) => string", join_str},
    {"lastIndex", "(v: string, substr: string) => int", last_index},
    {"lastIndexAny", "(v: string, chars: string) => int", last_index_any},
    {"repeat", "(v: string, i: int) => string", repeat},
    {"replace", "(v: string, t: string, u: string, i: int) => string", replace},
    {"replaceAll", "(v: string, t: string, u: string) => string", replace_all},
    {"split", "(v: string, t: string) => array", split},
    {"splitAfter", "(v: string, t: string) => array", split_after},
    {"splitAfterN", "(v: string, t: string, i: int) => array", split_after_n},
    {"splitN", "(v: string, t: string, i: int) => array", split_n},
    {"strlen", "(v: string) => int", str_len},
    {"substring", "(v: string, start: int, end: int) => string", substring},
    {"title", "(v: string) => string", title},
    {"toLower", "(v: string) => string", to_lower},
    {"toTitle", "(v: string) => string", to_upper},
    {"toUpper", "(v: string) => string", to_upper},
    {"trim", "(v: string, cutset: string) => string", trim},
    {"trimLeft", "(v: string, cutset: string) => string", trim_left},
    {"trimPrefix", "(v: string, prefix: string) => string", trim_prefix},
    {"trimRight", "(v: string, cutset: string) => string", trim_right},
    {"trimSpace", "(v: string) => string", trim_space},
    {"trimSuffix", "(v: string, suffix: string) => string", trim_suffix},
    {0},
};
