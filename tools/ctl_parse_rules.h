#ifndef TSAGG_CTL_PARSE_RULES_H
#define TSAGG_CTL_PARSE_RULES_H
/* tsagg-ctl parse -c: what pipeline and rollups make of a line. */
#include "parse/parse.h"

struct ctl_rules;

/** conf, opts' templates and cnt are borrowed. */
struct ctl_rules *ctl_rules_new(const struct ts_conf *conf, const struct ts_parse_opts *opts);
void ctl_rules_free(struct ctl_rules **rules);

/** Appends a JSON array of the samples that the line gives behind the pipeline, each with the rollups that it goes to. */
void ctl_rules_put(struct ctl_rules *rules, struct ts_str line, struct ts_buf *out);

#endif
