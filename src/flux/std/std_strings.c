/* Package strings. Texts are UTF-8; positions are bytes, but for substring and strlen, which count
 * characters, as in Go. */
#include "config.h"
#include "flux/std/std_strings.h"

#include "flux/std/std.h"

#define FN(name)                                                                                             \
    static int name(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)

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
        n = ts_flux_str_decode(s, i, &c);
        if (ts_flux_str_in_set(set, c) && (last || found < 0))
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
    for (size_t i = 0; i < s.len; i += ts_flux_str_decode(s, i, &c))
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
    for (size_t i = 0; i < s.len; i += ts_flux_str_decode(s, i, &c), n++) {
        from = n == start ? i : from;
        till = n == end ? i : till;
    }
    if (args->v[1].i > args->v[2].i)
        return ts_flux_fail(run, "substring: start %lld is behind end %lld", (long long)args->v[1].i,
                            (long long)end);
    till = end <= 0 ? 0 : till;
    *out = ts_flux_string((struct ts_str){s.p + TS_MIN(from, till), till - TS_MIN(from, till)});
    return 0;
}

FN(repeat)
{
    struct ts_buf text = {.limit = RESULT_MAX};
    if (args->v[1].i < 0)
        return ts_flux_fail(run, "repeat: a negative count %lld", (long long)args->v[1].i);
    for (int64_t i = 0; i < args->v[1].i && S(0).len && !ts_buf_failed(&text); i++)
        ts_buf_put_str(&text, S(0));
    return ts_flux_str_finish(run, &text, out);
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
            size_t n = ts_flux_str_decode(s, i, &c);
            ts_buf_put(&text, s.p + i, n);
            i += n;
        }
    }
    if (i < s.len)
        ts_buf_put(&text, s.p + i, s.len - i);
    return ts_flux_str_finish(run, &text, out);
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
static int split_into(struct ts_flux_run *run, struct ts_str s, struct ts_str t, int64_t n, bool keep,
                      struct ts_flux_value *out)
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
            len = t.len ? (size_t)find(s, t, 0) : ts_flux_str_decode(s, 0, &c);
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
            return ts_flux_fail(run, "joinStr wants an array of strings, not of %s",
                                ts_flux_type_text(arr->v[i].type));
        }
        if (i)
            ts_buf_put_str(&text, S(1));
        ts_buf_put_str(&text, ts_flux_value_str(arr->v[i]));
    }
    return ts_flux_str_finish(run, &text, out);
}

const struct ts_flux_builtin ts_flux_std_strings[] = {
    {"compare", "(v: string, t: string) => int", compare},
    {"containsAny", "(v: string, chars: string) => bool", contains_any},
    {"containsStr", "(v: string, substr: string) => bool", contains_str},
    {"countStr", "(v: string, substr: string) => int", count_str},
    {"equalFold", "(v: string, t: string) => bool", ts_flux_strings_equal_fold},
    {"hasPrefix", "(v: string, prefix: string) => bool", has_prefix},
    {"hasSuffix", "(v: string, suffix: string) => bool", has_suffix},
    {"index", "(v: string, substr: string) => int", index_of},
    {"indexAny", "(v: string, chars: string) => int", index_any},
    {"isDigit", "(v: string) => bool", ts_flux_strings_is_digit},
    {"isLetter", "(v: string) => bool", ts_flux_strings_is_letter},
    {"isLower", "(v: string) => bool", ts_flux_strings_is_lower},
    {"isUpper", "(v: string) => bool", ts_flux_strings_is_upper},
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
    {"title", "(v: string) => string", ts_flux_strings_title},
    {"toLower", "(v: string) => string", ts_flux_strings_to_lower},
    {"toTitle", "(v: string) => string", ts_flux_strings_to_upper},
    {"toUpper", "(v: string) => string", ts_flux_strings_to_upper},
    {"trim", "(v: string, cutset: string) => string", ts_flux_strings_trim},
    {"trimLeft", "(v: string, cutset: string) => string", ts_flux_strings_trim_left},
    {"trimPrefix", "(v: string, prefix: string) => string", trim_prefix},
    {"trimRight", "(v: string, cutset: string) => string", ts_flux_strings_trim_right},
    {"trimSpace", "(v: string) => string", ts_flux_strings_trim_space},
    {"trimSuffix", "(v: string, suffix: string) => string", trim_suffix},
    {0},
};
