#ifndef TS_FLUX_EXEC_REGEXP_H
#define TS_FLUX_EXEC_REGEXP_H
/* Regular expressions by pcre2, read as Go's RE2 syntax as far as the two agree, with limits on matching. */
#include "flux/exec/exec.h"

struct ts_flux_regexps; /* those of a query, by pattern: compiled once */

void ts_flux_regexps_free(struct ts_flux_run *run, struct ts_flux_regexps **all);

/**
 * Finds the first match at or after `from`. groups: up to ngroups pairs of offsets (start, end; -1 where a
 * group took no part), the whole match first. *n: pairs filled, 0: no match.
 */
int ts_flux_regexp_find(struct ts_flux_run *run, const struct ts_flux_regexp *re, struct ts_str s,
                        size_t from, int64_t *groups, unsigned ngroups, unsigned *n) TS_MUST_CHECK;

/** Number of groups, and the number of a named one (-1: none of that name). */
unsigned ts_flux_regexp_groups(const struct ts_flux_regexp *re);
int ts_flux_regexp_group_named(const struct ts_flux_regexp *re, struct ts_str name);

#endif
