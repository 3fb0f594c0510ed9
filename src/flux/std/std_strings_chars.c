/* Package strings, what looks at characters: case, properties, trimming. Texts are UTF-8. Thread: any. */
#include "config.h"
#include "core/utf8.h"
#include "flux/std/std_strings.h"

#include <locale.h>
#include <pthread.h>
#include <wchar.h>
#include <wctype.h>

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
size_t ts_flux_str_decode(struct ts_str s, size_t i, wint_t *c)
{
    const unsigned char *p = (const unsigned char *)s.p + i;
    size_t n = ts_utf8_len(s.p + i, s.len - i);
    *c = n == 1   ? p[0]
         : n == 2 ? (p[0] & 31u) << 6 | (p[1] & 63u)
         : n == 3 ? (p[0] & 15u) << 12 | (p[1] & 63u) << 6 | (p[2] & 63u)
         : n == 4 ? (p[0] & 7u) << 18 | (p[1] & 63u) << 12 | (p[2] & 63u) << 6 | (p[3] & 63u)
                  : 0xFFFD;
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

int ts_flux_str_finish(struct ts_flux_run *run, struct ts_buf *text, struct ts_flux_value *out)
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
    for (size_t i = 0; i < s.len; i += ts_flux_str_decode(s, i, &c)) {
        (void)ts_flux_str_decode(s, i, &c);
        bool word = iswalnum_l(c, letters()) || c == '_' || c == '\'';
        if (how == LOWER)
            encode(&text, towlower_l(c, letters()));
        else
            encode(&text, how == UPPER || !inside ? towupper_l(c, letters()) : c);
        inside = word;
    }
    return ts_flux_str_finish(run, &text, out);
}

STRINGS_FN(to_upper)
{
    return change(run, S(0), UPPER, out);
}

STRINGS_FN(to_lower)
{
    return change(run, S(0), LOWER, out);
}

STRINGS_FN(title)
{
    return change(run, S(0), TITLE, out);
}

bool ts_flux_str_in_set(struct ts_str set, wint_t c)
{
    wint_t x;
    for (size_t i = 0; i < set.len; i += ts_flux_str_decode(set, i, &x))
        if (ts_flux_str_decode(set, i, &x), x == c)
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
        size_t n = ts_flux_str_decode(s, 0, &c);
        if (!ts_flux_str_in_set(set, c))
            break;
        s = (struct ts_str){s.p + n, s.len - n};
    }
    while (right && s.len) {
        size_t at = last_char(s);
        (void)ts_flux_str_decode(s, at, &c);
        if (!ts_flux_str_in_set(set, c))
            break;
        s.len = at;
    }
    return s;
}

STRINGS_FN(trim)
{
    (void)run;
    *out = ts_flux_string(trimmed(S(0), S(1), true, true));
    return 0;
}

STRINGS_FN(trim_left)
{
    (void)run;
    *out = ts_flux_string(trimmed(S(0), S(1), true, false));
    return 0;
}

STRINGS_FN(trim_right)
{
    (void)run;
    *out = ts_flux_string(trimmed(S(0), S(1), false, true));
    return 0;
}

STRINGS_FN(trim_space)
{
    (void)run;
    *out = ts_flux_string(trimmed(S(0), TS_STR("\t\n\v\f\r \xc2\x85\xc2\xa0"), true, true));
    return 0;
}

#define PROPERTY(name, test)                                                                                 \
    STRINGS_FN(name)                                                                                         \
    {                                                                                                        \
        wint_t c = 0;                                                                                        \
        (void)run;                                                                                           \
        bool one = S(0).len > 0 && ts_flux_str_decode(S(0), 0, &c) == S(0).len;                              \
        *out = ts_flux_bool(one && test(c, letters()));                                                      \
        return 0;                                                                                            \
    }
PROPERTY(is_digit, iswdigit_l)
PROPERTY(is_letter, iswalpha_l)
PROPERTY(is_lower, iswlower_l)
PROPERTY(is_upper, iswupper_l)

STRINGS_FN(equal_fold)
{
    struct ts_str a = S(0), b = S(1);
    size_t i = 0, j = 0;
    wint_t x = 0, y = 0;
    (void)run;
    while (i < a.len && j < b.len && towlower_l(x, letters()) == towlower_l(y, letters())) {
        i += ts_flux_str_decode(a, i, &x);
        j += ts_flux_str_decode(b, j, &y);
    }
    *out = ts_flux_bool(i == a.len && j == b.len && towlower_l(x, letters()) == towlower_l(y, letters()));
    return 0;
}
