/* Package regexp. */
#include "config.h"
#include "flux/exec/exec_regexp.h"
#include "flux/std/std.h"

#define FN(name)                                                                                             \
    static int name(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
#define S(i)   ts_flux_value_str(args->v[i])
#define GROUPS 50

FN(compile)
{
    return ts_flux_make_regexp(run, S(0), out);
}

FN(quote_meta)
{
    struct ts_buf text = TS_BUF_INIT;
    for (size_t i = 0; i < S(0).len; i++) {
        if (strchr("\\.+*?()|[]{}^$", S(0).p[i]))
            ts_buf_putc(&text, '\\');
        ts_buf_putc(&text, S(0).p[i]);
    }
    int rc =
        ts_buf_failed(&text) ? ts_flux_fail_nomem(run) : ts_flux_make_string(run, ts_buf_str(&text), out);
    ts_buf_fini(&text);
    return rc;
}

FN(find_string)
{
    int64_t at[2];
    unsigned n;
    int rc = ts_flux_regexp_find(run, args->v[0].regexp, S(1), 0, at, 1, &n);
    *out = ts_flux_string(n ? (struct ts_str){S(1).p + at[0], (size_t)(at[1] - at[0])} : TS_STR(""));
    return rc;
}

FN(find_string_index)
{
    struct ts_flux_value *items;
    int64_t at[2];
    unsigned n;
    int rc = ts_flux_regexp_find(run, args->v[0].regexp, S(1), 0, at, 1, &n);
    rc = rc ? rc : ts_flux_make_array(run, n ? 2 : 0, &items, out);
    for (unsigned i = 0; rc == 0 && i < n * 2; i++)
        items[i] = ts_flux_int(at[i]);
    return rc;
}

FN(match_string)
{
    *out = ts_flux_bool(false);
    return ts_flux_regexp_match(run, args->v[0].regexp, S(1), &out->b);
}

/* $1, ${1}, ${name}, $name, $$ of Go's Expand. */
static void put_template(struct ts_buf *to, const struct ts_flux_regexp *re, struct ts_str tmpl,
                         struct ts_str s, const int64_t *at, unsigned n)
{
    for (size_t i = 0; i < tmpl.len; i++) {
        size_t from = i + 1, end;
        if (tmpl.p[i] != '$' || from >= tmpl.len) {
            ts_buf_putc(to, tmpl.p[i]);
            continue;
        }
        if (tmpl.p[from] == '$') {
            ts_buf_putc(to, '$');
            i++;
            continue;
        }
        bool braces = tmpl.p[from] == '{';
        from += braces;
        for (end = from; end < tmpl.len; end++) {
            char c = tmpl.p[end];
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'))
                break;
        }
        if (end == from || (braces && (end == tmpl.len || tmpl.p[end] != '}'))) {
            ts_buf_putc(to, '$');
            continue;
        }
        struct ts_str name = {tmpl.p + from, end - from};
        int group = 0;
        for (size_t k = 0; k < name.len && group >= 0; k++)
            group = name.p[k] >= '0' && name.p[k] <= '9' && group < 1000 ? group * 10 + name.p[k] - '0' : -1;
        if (group < 0)
            group = ts_flux_regexp_group_named(re, name);
        if (group >= 0 && (unsigned)group < n && at[group * 2] >= 0)
            ts_buf_put(to, s.p + at[group * 2], (size_t)(at[group * 2 + 1] - at[group * 2]));
        i = end - !braces;
    }
}

/* Where the search for all matches stands. */
struct all {
    size_t pos;
    int64_t last_end; /* of the match before; -1: none */
};

static size_t next_character(struct ts_str s, size_t i)
{
    i++;
    while (i < s.len && ((unsigned char)s.p[i] & 0xC0) == 0x80)
        i++;
    return i;
}

/* The next match as Go's FindAll has them: none that is empty where the one before ended. *n 0: there are no
 * more. */
static int next_match(struct ts_flux_run *run, const struct ts_flux_regexp *re, struct ts_str s,
                      struct all *all, int64_t *at, unsigned *n)
{
    *n = 0;
    while (all->pos <= s.len) {
        int rc = ts_flux_regexp_find(run, re, s, all->pos, at, GROUPS, n);
        if (rc != 0 || *n == 0)
            return rc;
        bool again = at[0] == at[1] && at[0] == all->last_end;
        all->pos =
            (size_t)at[1] == all->pos || at[0] == at[1] ? next_character(s, (size_t)at[1]) : (size_t)at[1];
        all->last_end = at[1];
        if (!again)
            return 0;
        *n = 0;
    }
    return 0;
}

FN(replace_all_string)
{
    struct ts_buf text = {.limit = (size_t)64 << 20};
    struct ts_str s = S(1);
    struct all all = {0, -1};
    int64_t at[GROUPS * 2];
    size_t done = 0;
    unsigned n;
    int rc;
    while ((rc = next_match(run, args->v[0].regexp, s, &all, at, &n)) == 0 && n) {
        ts_buf_put(&text, s.p + done, (size_t)at[0] - done);
        put_template(&text, args->v[0].regexp, S(2), s, at, n);
        done = (size_t)at[1];
    }
    ts_buf_put(&text, s.p + done, s.len - done);
    rc = rc                     ? rc
         : ts_buf_failed(&text) ? ts_flux_fail_nomem(run)
                                : ts_flux_make_string(run, ts_buf_str(&text), out);
    ts_buf_fini(&text);
    return rc;
}

/* Parts into items, or only counted when it is NULL. As Go's Split: at most `limit` parts, below 0: all. */
static int split_parts(struct ts_flux_run *run, const struct ts_flux_regexp *re, struct ts_str s,
                       int64_t limit, struct ts_flux_value *items, uint32_t *count)
{
    struct all all = {0, -1};
    int64_t at[GROUPS * 2], begin = 0, end = -1;
    unsigned n;
    int rc = 0;
    *count = 0;
    while (limit != 0 && (limit < 0 || *count + 1 < limit) &&
           (rc = next_match(run, re, s, &all, at, &n)) == 0 && n) {
        end = at[0];
        if (at[1] != 0) {
            if (items)
                items[*count] = ts_flux_string((struct ts_str){s.p + begin, (size_t)(end - begin)});
            ++*count;
        }
        begin = at[1];
    }
    if (rc == 0 && limit != 0 && end != (int64_t)s.len) {
        if (items)
            items[*count] = ts_flux_string((struct ts_str){s.p + begin, s.len - (size_t)begin});
        ++*count;
    }
    return rc;
}

FN(split_regexp)
{
    struct ts_flux_value *items;
    uint32_t n;
    int rc = split_parts(run, args->v[0].regexp, S(1), args->v[2].i, NULL, &n);
    rc = rc ? rc : ts_flux_make_array(run, n, &items, out);
    return rc ? rc : split_parts(run, args->v[0].regexp, S(1), args->v[2].i, items, &n);
}

FN(get_string)
{
    (void)run;
    *out = ts_flux_string(ts_flux_regexp_text(args->v[0].regexp));
    return 0;
}

const struct ts_flux_builtin ts_flux_std_regexp[] = {
    {"compile", "(v: string) => regexp", compile},
    {"findString", "(r: regexp, v: string) => string", find_string},
    {"findStringIndex", "(r: regexp, v: string) => array", find_string_index},
    {"getString", "(r: regexp) => string", get_string},
    {"matchRegexpString", "(r: regexp, v: string) => bool", match_string},
    {"quoteMeta", "(v: string) => string", quote_meta},
    {"replaceAllString", "(r: regexp, v: string, t: string) => string", replace_all_string},
    {"splitRegexp", "(r: regexp, v: string, i: int) => array", split_regexp},
    {0},
};
