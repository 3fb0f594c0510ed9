#ifndef TS_CORE_PATTERN_H
#define TS_CORE_PATTERN_H
/*
 * Globs and regular expressions (PCRE2) over bytes. A match has limits: it ends with an error rather than
 * late. A pattern that is there is never changed, so threads may share it.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/err.h"

struct ts_pattern;

/** A glob: * stands for any bytes, ? for one; it must fit the whole text. Ends the process without memory. */
struct ts_pattern *ts_pattern_glob(struct ts_str glob);

/** A regular expression, which may fit anywhere. @return 0, -TS_EPARSE (err says why, and at which byte). */
int ts_pattern_regex(struct ts_str regex, struct ts_pattern **out, struct ts_err *err) TS_MUST_CHECK;

void ts_pattern_free(struct ts_pattern **pat);

/** @return 1 it fits, 0 it does not, -TS_ELIMIT the search took too long. */
int ts_pattern_match(const struct ts_pattern *pat, struct ts_str text) TS_MUST_CHECK;

/** Whether `by` can stand in for matches: $0 … $9 are groups that the expression has, $$ is a dollar. @return
 * 0, -TS_EPARSE. */
int ts_pattern_check_replacement(const struct ts_pattern *pat, struct ts_str by,
                                 struct ts_err *err) TS_MUST_CHECK;

/** Appends the text with every match of a regular expression replaced. @return 0, -TS_ELIMIT, -TS_ENOMEM. */
int ts_pattern_replace(const struct ts_pattern *pat, struct ts_str text, struct ts_str by,
                       struct ts_buf *out) TS_MUST_CHECK;

#endif
