#ifndef TS_CORE_MATCHER_H
#define TS_CORE_MATCHER_H
/*
 * Which rollups a series goes to, and what it is called there. Asked once for each series, never for a sample. A matcher that is there is never changed, so
 * threads may share it.
 */
#include "core/conf.h"
#include "core/pattern.h"
#include "core/series.h"

struct ts_matcher;

/** Of a configuration that has been checked, which it borrows. Ends the process without memory. */
struct ts_matcher *ts_matcher_new(const struct ts_conf *conf);
void ts_matcher_free(struct ts_matcher **matcher);

/**
 * The rollups that match, bit i for conf->rollups[i]: those behind one with keep_original: false that matches are not among them.
 * An expression whose search takes too long does not match; *gave_up then says so, else it stays as it is.
 */
uint64_t ts_matcher_find(const struct ts_matcher *matcher, const struct ts_series_view *view, bool *gave_up);

/**
 * Appends the series as the rollup's points have it: its measurement, its tags, and of the series' own those that group_by and
 * without leave. @return 0; -TS_ELIMIT too long; -TS_ENOMEM.
 */
int ts_rollup_rename(const struct ts_conf_rollup *rollup, struct ts_str series, struct ts_buf *out) TS_MUST_CHECK;

/** Reads match, or the text behind KEY= of match_tags: a regular expression between slashes, else a glob. @return 0, -TS_EPARSE. */
int ts_matcher_read(struct ts_str text, struct ts_pattern **out, struct ts_err *err) TS_MUST_CHECK;

/** Whether the text is a regular expression. */
static inline bool ts_matcher_is_regex(struct ts_str text)
{
    return text.len >= 2 && text.p[0] == '/' && text.p[text.len - 1] == '/';
}

#endif
