/*
 * Globs by hand, regular expressions by PCRE2 (8 bit, no UTF: names may hold any byte), compiled to machine
 * code where PCRE2 can. Thread: any; a match uses memory of its own. A search that goes beyond the limits
 * fails.
 */
#include "config.h"
#include "core/pattern.h"

#include "core/glob.h"
#include "core/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 100000 /* steps back */
#define DEPTH_LIMIT 1000
#define HEAP_KIB    1024

struct ts_pattern {
    struct ts_str glob; /* its own; p is NULL for a regular expression */
    pcre2_code *code;
    pcre2_match_context *limits;
    uint32_t ngroups;
};

struct ts_pattern *ts_pattern_glob(struct ts_str glob)
{
    struct ts_pattern *pat = ts_xalloc(sizeof *pat);
    pat->glob = (struct ts_str){ts_xstrndup(glob.p, glob.len), glob.len};
    return pat;
}

int ts_pattern_regex(struct ts_str regex, struct ts_pattern **out, struct ts_err *err)
{
    int code;
    size_t at;
    *out = NULL;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)regex.p, regex.len,
                                         PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF, &code, &at, NULL);
    if (!compiled) {
        unsigned char why[128];
        pcre2_get_error_message(code, why, sizeof why);
        return ts_fail(err, TS_EPARSE, "no regular expression: %s, at byte %zu of it", (const char *)why,
                       at + 1);
    }
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* without it, it is interpreted */
    struct ts_pattern *pat = ts_xalloc(sizeof *pat);
    pat->code = compiled;
    pat->limits = pcre2_match_context_create(NULL);
    if (!pat->limits) {
        ts_pattern_free(&pat);
        return ts_fail(err, TS_ENOMEM, "a regular expression: out of memory");
    }
    pcre2_set_match_limit(pat->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(pat->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(pat->limits, HEAP_KIB);
    pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &pat->ngroups);
    *out = pat;
    return 0;
}

void ts_pattern_free(struct ts_pattern **pat)
{
    if (!*pat)
        return;
    pcre2_match_context_free((*pat)->limits);
    pcre2_code_free((*pat)->code);
    ts_free((void *)(uintptr_t)(*pat)->glob.p);
    TS_FREE(*pat);
}

int ts_pattern_match(const struct ts_pattern *pat, struct ts_str text)
{
    if (pat->glob.p)
        return ts_glob_match(pat->glob, text);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (!data)
        return -TS_ELIMIT;
    int rc = pcre2_match(pat->code, (PCRE2_SPTR)(text.len ? text.p : ""), text.len, 0, 0, data, pat->limits);
    pcre2_match_data_free(data);
    return rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : -TS_ELIMIT;
}

int ts_pattern_check_replacement(const struct ts_pattern *pat, struct ts_str by, struct ts_err *err)
{
    for (size_t i = 0; i < by.len; i++) {
        if (by.p[i] != '$')
            continue;
        char c = ++i < by.len ? by.p[i] : 0;
        if (c == '$')
            continue;
        if (c < '0' || c > '9')
            return ts_fail(err, TS_EPARSE,
                           "a $ without a digit; write $1 for a group, $$ for the character itself");
        if ((uint32_t)(c - '0') > pat->ngroups)
            return ts_fail(err, TS_EPARSE, "$%c, but the expression has %u groups; give a lower number", c,
                           pat->ngroups);
    }
    return 0;
}

static void put_replacement(struct ts_buf *out, struct ts_str text, struct ts_str by, const size_t *group,
                            int ngroups)
{
    for (size_t i = 0; i < by.len; i++) {
        if (by.p[i] != '$' || i + 1 == by.len) {
            ts_buf_putc(out, by.p[i]);
            continue;
        }
        int g = by.p[++i] - '0';
        if (by.p[i] == '$')
            ts_buf_putc(out, '$');
        else if (g < ngroups && group[2 * g] != PCRE2_UNSET && group[2 * g] <= group[2 * g + 1])
            ts_buf_put(out, text.p + group[2 * g], group[2 * g + 1] - group[2 * g]);
    }
}

int ts_pattern_replace(const struct ts_pattern *pat, struct ts_str text, struct ts_str by, struct ts_buf *out)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(pat->code, NULL);
    if (!data)
        return -TS_ENOMEM;
    size_t done = 0, from = 0;
    int rc = 0;
    while (from <= text.len) {
        int n = pcre2_match(pat->code, (PCRE2_SPTR)(text.len ? text.p : ""), text.len, from, 0, data,
                            pat->limits);
        if (n == PCRE2_ERROR_NOMATCH)
            break;
        const size_t *group = pcre2_get_ovector_pointer(data);
        rc = n < 0 || group[0] > group[1] || group[0] < done ? -TS_ELIMIT : 0;
        if (rc)
            break;
        ts_buf_put(out, text.p + done, group[0] - done);
        put_replacement(out, text, by, group, n);
        done = group[1];
        from = group[1] + (group[0] == group[1]); /* an empty match is not found again */
    }
    ts_buf_put(out, text.p + done, text.len - done);
    pcre2_match_data_free(data);
    return rc ? rc : ts_buf_failed(out) ? -TS_ENOMEM : 0;
}
