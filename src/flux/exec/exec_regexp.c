/*
 * Regular expressions. A pattern is compiled once for a query and kept until its end. Matching has limits of
 * steps and memory: a pattern that would take exponential time is an error of the query. Owns pcre2's
 * objects.
 */
#include "config.h"
#include "flux/exec/exec_regexp.h"

#include "core/hash.h"
#include "flux/exec/exec_interp.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 10000000u /* steps of pcre2 for one text */
#define HEAP_LIMIT  20000u    /* KiB */
#define PATTERN_MAX 65536     /* bytes */
#define COUNT_MAX   1000      /* patterns of one query: they are kept, and looked for one by one */

struct ts_flux_regexp {
    struct ts_str text;
    pcre2_code *code;
    size_t bytes; /* of code, accounted for */
    struct ts_flux_regexp *next;
};

struct ts_flux_regexps {
    struct ts_flux_regexp *first;
    unsigned n;
    pcre2_match_data *data;
    pcre2_match_context *ctx;
};

void ts_flux_regexps_free(struct ts_flux_run *run, struct ts_flux_regexps **all)
{
    if (!*all)
        return;
    for (struct ts_flux_regexp *re = (*all)->first; re; re = re->next) {
        pcre2_code_free(re->code);
        ts_flux_mem_give(&run->mem, re->bytes);
    }
    pcre2_match_data_free((*all)->data);
    pcre2_match_context_free((*all)->ctx);
    ts_flux_mem_free(&run->mem, *all, sizeof **all);
    *all = NULL;
}

static struct ts_flux_regexps *open_all(struct ts_flux_run *run)
{
    struct ts_flux_regexps **all = ts_flux_interp_regexps(run);
    if (*all)
        return *all;
    *all = ts_flux_mem_alloc(&run->mem, sizeof **all);
    if (!*all)
        return NULL;
    (*all)->data = pcre2_match_data_create(100, NULL);
    (*all)->ctx = pcre2_match_context_create(NULL);
    if (!(*all)->data || !(*all)->ctx) {
        ts_flux_regexps_free(run, all);
        return NULL;
    }
    pcre2_set_match_limit((*all)->ctx, MATCH_LIMIT);
    pcre2_set_heap_limit((*all)->ctx, HEAP_LIMIT);
    return *all;
}

static size_t code_bytes(const pcre2_code *code)
{
    size_t plain = 0, jit = 0;
    (void)pcre2_pattern_info(code, PCRE2_INFO_SIZE, &plain);
    (void)pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &jit);
    return plain + jit;
}

static int compile(struct ts_flux_run *run, struct ts_flux_regexp *re)
{
    int error;
    PCRE2_SIZE at;
    struct ts_str pattern = re->text;
    re->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len,
                             PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    if (!re->code) {
        PCRE2_UCHAR text[200] = "";
        pcre2_get_error_message(error, text, sizeof text);
        return ts_flux_fail(run, "error parsing regexp: %s at character %zu of /%.*s/", (char *)text,
                            (size_t)at, (int)TS_MIN(pattern.len, (size_t)100), pattern.p);
    }
    (void)pcre2_jit_compile(re->code,
                            PCRE2_JIT_COMPLETE); /* where there is no JIT, the interpreter does the same */
    re->bytes = code_bytes(re->code);
    if (ts_flux_mem_take(&run->mem, re->bytes))
        return 0;
    pcre2_code_free(re->code);
    return ts_flux_fail_nomem(run);
}

int ts_flux_make_regexp(struct ts_flux_run *run, struct ts_str pattern, struct ts_flux_value *out)
{
    struct ts_flux_regexps *all = open_all(run);
    struct ts_flux_regexp *re;
    if (!all)
        return ts_flux_fail_nomem(run);
    for (re = all->first; re && !ts_str_eq(re->text, pattern);)
        re = re->next;
    if (!re) {
        if (pattern.len > PATTERN_MAX)
            return ts_flux_fail(run, "a regular expression longer than %u bytes", PATTERN_MAX);
        if (all->n == COUNT_MAX)
            return ts_flux_fail(run, "more than %u regular expressions", COUNT_MAX);
        re = ts_flux_arena_alloc(&run->arena, sizeof *re);
        if (!re || !(re->text = ts_flux_arena_str(&run->arena, pattern)).p)
            return ts_flux_fail_nomem(run);
        int rc = compile(run, re);
        if (rc != 0)
            return rc;
        re->next = all->first;
        all->first = re;
        all->n++;
    }
    *out = (struct ts_flux_value){.type = TS_FLUX_REGEXP, .regexp = re};
    return 0;
}

struct ts_str ts_flux_regexp_text(const struct ts_flux_regexp *re)
{
    return re->text;
}

int ts_flux_regexp_find(struct ts_flux_run *run, const struct ts_flux_regexp *re, struct ts_str s,
                        size_t from, int64_t *groups, unsigned ngroups, unsigned *n)
{
    struct ts_flux_regexps *all = open_all(run);
    if (!all)
        return ts_flux_fail_nomem(run);
    *n = 0;
    PCRE2_SPTR text = (PCRE2_SPTR)(s.p ? s.p : "");
    int rc = pcre2_match(re->code, text, s.len, from, 0, all->data, all->ctx);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter has the heap, up to its limit */
        rc = pcre2_match(re->code, text, s.len, from, PCRE2_NO_JIT, all->data, all->ctx);
    if (rc == PCRE2_ERROR_NOMATCH || (rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21))
        return 0;
    if (rc < 0) {
        PCRE2_UCHAR why[200] = "";
        pcre2_get_error_message(rc, why, sizeof why);
        return ts_flux_fail(run, "/%.*s/: %s", (int)TS_MIN(re->text.len, (size_t)100), re->text.p,
                            (char *)why);
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(all->data);
    unsigned have = pcre2_get_ovector_count(all->data);
    *n = TS_MIN(TS_MIN(have, ts_flux_regexp_groups(re) + 1), ngroups);
    for (unsigned i = 0; i < *n * 2; i++)
        groups[i] = i / 2 < (unsigned)TS_MAX(rc, 1) && at[i] != PCRE2_UNSET ? (int64_t)at[i] : -1;
    if (ngroups == 0)
        *n = 1;
    return 0;
}

int ts_flux_regexp_match(struct ts_flux_run *run, const struct ts_flux_regexp *re, struct ts_str s, bool *out)
{
    int64_t whole[2];
    unsigned n;
    int rc = ts_flux_regexp_find(run, re, s, 0, whole, 1, &n);
    *out = rc == 0 && n > 0;
    return rc;
}

unsigned ts_flux_regexp_groups(const struct ts_flux_regexp *re)
{
    uint32_t n = 0;
    (void)pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &n);
    return n;
}

int ts_flux_regexp_group_named(const struct ts_flux_regexp *re, struct ts_str name)
{
    char z[33];
    if (name.len >= sizeof z)
        return -1;
    memcpy(z, name.p, name.len);
    z[name.len] = '\0';
    int n = pcre2_substring_number_from_name(re->code, (PCRE2_SPTR)z);
    return n < 0 ? -1 : n;
}
