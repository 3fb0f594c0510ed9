/*
 * What rollups match, and which of their points would meet in a sink. Thread: main. Options that did not read well are missing here
 * and passed over: they have been told.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/glob.h"
#include "core/log.h"
#include "core/matcher.h"

/* Whether it can be seen that no text fits both: of regular expressions nothing can. */
static bool never_both(struct ts_str a, struct ts_str b)
{
    return !ts_matcher_is_regex(a) && !ts_matcher_is_regex(b) && ts_globs_are_disjoint(a, b);
}

/* Whether points of the rollup keep the tag as the series had it. */
static bool keeps_tag(const struct ts_conf_rollup *rule, struct ts_str key)
{
    if (rule->group_by)
        return ts_conf_has_line(rule->group_by, key);
    return !rule->without || !ts_conf_has_line(rule->without, key);
}

/* Whether the measurement of its points tells that of the series. */
static bool keeps_name(const struct ts_conf_rollup *rule)
{
    return !ts_conf_is_grouped(rule) || !rule->measurement || strstr(rule->measurement, "{name}");
}

bool ts_conf_rollups_are_apart(const struct ts_conf_rollup *a, const struct ts_conf_rollup *b)
{
    struct ts_str lines = ts_str_of(a->match_tags ? a->match_tags : ""), key, text, other_key, other;
    if (a->drop_original && !ts_conf_is_grouped(a) && !ts_conf_is_grouped(b))
        return true; /* no series is in both */
    if (a->match && b->match && keeps_name(a) && keeps_name(b) && never_both(ts_str_of(a->match), ts_str_of(b->match)))
        return true;
    while (b->match_tags && ts_conf_next_pair(&lines, &key, &text)) {
        struct ts_str others = ts_str_of(b->match_tags);
        while (ts_conf_next_pair(&others, &other_key, &other))
            if (ts_str_eq(key, other_key) && keeps_tag(a, key) && keeps_tag(b, key) && never_both(text, other))
                return true;
    }
    return false;
}

static void check_pattern(struct ts_conf_load *ld, const struct ts_conf_node *at, const char *option, struct ts_str text)
{
    struct ts_pattern *pattern = NULL;
    struct ts_err err;
    if (ts_matcher_read(text, &pattern, &err))
        ts_conf_error(ld, at, "%s: %s is %s; correct it, or write a pattern of * and ? without slashes around it", option,
                      ts_log_quote(text).z, err.msg);
    ts_pattern_free(&pattern);
}

static void check_patterns(struct ts_conf_load *ld, unsigned i)
{
    const struct ts_conf_rollup *rule = &ld->conf->rollups[i];
    struct ts_str lines = ts_str_of(rule->match_tags ? rule->match_tags : ""), key, text;
    const struct ts_conf_node *list = ts_conf_at(ld, TS_SECTION_rollups, i, "match_tags");
    if (rule->match)
        check_pattern(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "match"), "match", ts_str_of(rule->match));
    for (unsigned k = 0; ts_conf_next_pair(&lines, &key, &text); k++)
        check_pattern(ld, list->entries[k].value, "match_tags", text);
}

static void check_groups(struct ts_conf_load *ld, unsigned i)
{
    const struct ts_conf_rollup *rule = &ld->conf->rollups[i];
    const struct ts_conf_node *list = ts_conf_at(ld, TS_SECTION_rollups, i, "without");
    if (rule->group_by && rule->without)
        ts_conf_error(ld, list, "without beside group_by: one names the tags that stay, the other those that go; remove one");
    if (ts_conf_is_grouped(rule) && rule->session_ns)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "session"),
                      "session beside group_by or without: each series has its own sessions, which have no window in common; give every");
    for (unsigned k = 0; rule->without && k < list->n; k++)
        if (strcmp(list->entries[k].value->text, "metric_type") == 0)
            ts_conf_error(ld, list->entries[k].value,
                          "without: metric_type tells counters, gauges, timings and sets apart, which cannot be added up; remove it");
}

static bool same(const char *a, const char *b)
{
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

/* A rollup that nothing can come to. */
static void check_reach(struct ts_conf_load *ld, unsigned i)
{
    const struct ts_conf_rollup *rule = &ld->conf->rollups[i];
    for (unsigned j = 0; j < i; j++) {
        const struct ts_conf_rollup *before = &ld->conf->rollups[j];
        bool all = (!before->match || same(before->match, rule->match)) &&
                   (!before->match_tags || same(before->match_tags, rule->match_tags));
        if (!before->drop_original || !all || !before->name)
            continue;
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, rule->match ? "match" : "name"),
                      "rollup %s gets nothing: %s stands before it, matches all that it could and has keep_original: false; put it first, or "
                      "narrow the match of %s",
                      rule->name, before->name, before->name);
        return;
    }
}

void ts_conf_check_match(struct ts_conf_load *ld, unsigned i)
{
    check_patterns(ld, i);
    check_groups(ld, i);
    if (ld->conf->rollups[i].name)
        check_reach(ld, i);
}
