#ifndef TS_CORE_TEMPLATE_H
#define TS_CORE_TEMPLATE_H
/*
 * A template takes a dotted statsd name apart: [separator] [filter] template [tag=value,…], as Telegraf
 * writes them.
 *
 *   servers.* .host.measurement.field*  dc=1
 *
 * Word i of the template says what word i of the name is: measurement, field, measurement* or field* (it and
 * all that follow), nothing (left out), or a tag's key. What is applied to which name:
 * parse/parse_template.c.
 */
#include "core/base.h"
#include "core/err.h"
#include "core/series.h"

#define TS_TEMPLATE_WORDS 32 /* of a filter, of a template */
#define TS_TEMPLATE_TAGS  16 /* extra ones */

enum ts_template_what { TS_TEMPLATE_NOTHING, TS_TEMPLATE_MEASUREMENT, TS_TEMPLATE_FIELD, TS_TEMPLATE_TAG };

struct ts_template_part {
    enum ts_template_what what;
    bool rest;         /* this word and all that follow; the last part */
    struct ts_str key; /* of a tag */
};

/** Texts are borrowed from what it was read from. */
struct ts_template {
    struct ts_str separator;
    unsigned nfilter, nparts, ntags;
    struct ts_str filter[TS_TEMPLATE_WORDS]; /* "*" stands for any word; none: every name */
    struct ts_template_part parts[TS_TEMPLATE_WORDS];
    struct ts_tag tags[TS_TEMPLATE_TAGS];
};

/** @return 0; -TS_ECONF, err says what is wrong; what would be right. */
int ts_template_read(struct ts_str text, struct ts_template *out, struct ts_err *err) TS_MUST_CHECK;

/** Whether two templates are for exactly the same names. */
bool ts_template_same_filter(const struct ts_template *a, const struct ts_template *b);

/** Takes the next word off a name; empty words count. @return false behind the last one (rest->p is NULL
 * then). */
bool ts_template_word(struct ts_str *rest, struct ts_str separator, struct ts_str *word);

#endif
