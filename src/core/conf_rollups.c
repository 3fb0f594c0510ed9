/*
 * What rollups can only say together: windows that go up, and rules whose points would replace each other.
 * Thread: main. Options that did not read well are missing here and passed over: they have been told.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/num.h"

#define OVERLAP_MAX 1000 /* windows of a rule that a sample is in */

const struct ts_conf_node *ts_conf_at(const struct ts_conf_load *ld, enum ts_conf_section section, unsigned i,
                                      const char *key)
{
    const struct ts_conf_entry *entry = ts_conf_node_find(ld->root, ts_str_of(ts_conf_sections[section].key));
    const struct ts_conf_node *node = entry ? entry->value : ld->root;
    if (entry && ts_conf_sections[section].shape != TS_SHAPE_ONE)
        node = node->entries[i].value;
    const struct ts_conf_entry *option = ts_conf_node_find(node, ts_str_of(key));
    return option ? option->value : node;
}

bool ts_conf_has_word(const char *list, struct ts_str asked)
{
    struct ts_str rest = ts_str_of(list), word;
    while (ts_conf_next(&rest, ',', &word))
        if (ts_str_eq(word, asked))
            return true;
    return false;
}

bool ts_conf_has_line(const char *lines, struct ts_str tag)
{
    struct ts_str rest = ts_str_of(lines), line;
    while (ts_conf_next(&rest, '\n', &line))
        if (ts_str_eq(line, tag))
            return true;
    return false;
}

bool ts_conf_next_pair(struct ts_str *lines, struct ts_str *key, struct ts_str *rest)
{
    struct ts_str line;
    if (!ts_conf_next(lines, '\n', &line))
        return false;
    const char *equals = memchr(line.p, '=', line.len);
    size_t n = equals ? (size_t)(equals - line.p) : line.len;
    *key = (struct ts_str){line.p, n};
    n += equals != NULL;
    *rest = (struct ts_str){line.p + n, line.len - n};
    return true;
}

bool ts_conf_pair_check(struct ts_conf_load *ld, const struct ts_conf_option *opt,
                        const struct ts_conf_node *list, unsigned i)
{
    const struct ts_conf_node *item = list->entries[i].value;
    const char *equals = strchr(item->text, '=');
    size_t n = equals ? (size_t)(equals - item->text) : 0;
    if (n == 0 || !equals[1] || !ts_conf_is_clean(ts_str_of(item->text))) {
        ts_conf_error(ld, item, "%s: %s is not KEY=VALUE; give a tag and its value, such as region=eu",
                      opt->key, ts_log_quote_z(item->text));
        return false;
    }
    for (unsigned j = 0; j < i; j++) {
        const char *other = list->entries[j].value->text;
        if (other && strncmp(other, item->text, n + 1) == 0) {
            ts_conf_error(ld, item, "%s: tag %.*s twice; keep one of them", opt->key, (int)n, item->text);
            return false;
        }
    }
    return true;
}

/* histogram and buckets: both or none. */
static void check_histogram(struct ts_conf_load *ld, unsigned i)
{
    struct ts_conf_rollup *rule = &ld->conf->rollups[i];
    bool asked = rule->aggregates & TS_AGG_BIT(histogram), given = rule->buckets;
    if (given && !asked)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "buckets"),
                      "buckets without histogram among the aggregates; give both or none");
    if (asked && !given && !ts_conf_node_find(ts_conf_at(ld, TS_SECTION_rollups, i, ""), TS_STR("buckets")))
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "aggregates"),
                      "aggregates: histogram without buckets; give buckets, such as [exponential, 1, 2, 10]");
    if (given)
        TS_ASSERT(ts_buckets_read(ts_str_of(rule->buckets), &rule->histogram) == 0); /* it has been checked */
}

static const struct {
    const char *text;
    enum ts_calendar unit;
    int64_t ns;
} calendars[] = {
    {"1d", TS_CALENDAR_DAY, 86400 * TS_SEC},
    {"1w", TS_CALENDAR_WEEK, 7 * 86400 * TS_SEC},
    {"1mo", TS_CALENDAR_MONTH, 30 * 86400 * TS_SEC},
    {"1y", TS_CALENDAR_YEAR, 365 * 86400 * TS_SEC},
};

bool ts_conf_calendar_read(struct ts_str text, struct ts_conf_rollup *rule)
{
    for (unsigned i = 0; i < TS_ARRAY_SIZE(calendars); i++) {
        if (ts_str_eq(text, ts_str_of(calendars[i].text))) {
            rule->calendar = calendars[i].unit;
            rule->every_ns = calendars[i].ns;
            return true;
        }
    }
    return false;
}

bool ts_conf_calendar_print(const struct ts_conf_rollup *rule, struct ts_buf *buf)
{
    for (unsigned i = 0; i < TS_ARRAY_SIZE(calendars); i++)
        if (calendars[i].unit == rule->calendar)
            ts_buf_puts(buf, calendars[i].text);
    if (rule->calendar == TS_CALENDAR_NONE && rule->every_ns == 86400 * TS_SEC)
        ts_buf_puts(buf, "24h"); /* 1d is the calendar's */
    return rule->calendar != TS_CALENDAR_NONE || rule->every_ns == 86400 * TS_SEC;
}

/* Sliding windows stand on panes that divide both, and a sample is in a bounded number of them. */
static void check_period(struct ts_conf_load *ld, unsigned i)
{
    struct ts_conf_rollup *rule = &ld->conf->rollups[i];
    char every[TS_NUM_MAX + 1] = "";
    if (rule->every_ns == 0 || rule->period_ns == 0)
        return;
    every[ts_clock_put_duration(every, rule->every_ns)] = 0;
    const struct ts_conf_node *node = ts_conf_at(ld, TS_SECTION_rollups, i, "period");
    if (rule->calendar)
        ts_conf_error(ld, node,
                      "period beside every: 1d, 1w, 1mo or 1y: windows of the calendar do not overlap; "
                      "remove it, or give every: 24h");
    else if (rule->period_ns < rule->every_ns)
        ts_conf_error(ld, node,
                      "period is shorter than every (%s): samples between two windows would be in none; give "
                      "%s or more",
                      every, every);
    else if (rule->period_ns % rule->every_ns)
        ts_conf_error(ld, node, "period is no multiple of every (%s); give one", every);
    else if (rule->period_ns / rule->every_ns > OVERLAP_MAX)
        ts_conf_error(ld, node,
                      "period is more than %d times every (%s); give a shorter one, or a longer every",
                      OVERLAP_MAX, every);
}

/* Windows of a given length, or sessions. */
static void check_session(struct ts_conf_load *ld, unsigned i)
{
    const struct ts_conf_rollup *rule = &ld->conf->rollups[i];
    const struct ts_conf_node *node = ts_conf_at(ld, TS_SECTION_rollups, i, "");
    bool every = ts_conf_node_find(node, TS_STR("every")), period = ts_conf_node_find(node, TS_STR("period"));
    bool session = ts_conf_node_find(node, TS_STR("session"));
    char gap[TS_NUM_MAX + 1] = "";
    gap[ts_clock_put_duration(gap, rule->session_ns)] = 0;
    if (!every && !session)
        ts_conf_error(ld, node, "every is missing; give the length of a window, such as 10s, or for sessions session: 30s");
    else if (session && (every || period))
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, every ? "every" : "period"),
                      "%s beside session: a session is as long as its samples make it; keep one of them", every ? "every" : "period");
    if (session && rule->aggregates & TS_AGG_BIT(completeness))
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "aggregates"),
                      "aggregates: completeness beside session: it is of windows, which a session is none of; remove one of them");
    if (rule->session_ns && rule->lateness_ns / OVERLAP_MAX > rule->session_ns)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "lateness"),
                      "lateness is more than %d times session (%s), and so many sessions of a series would be open; give a shorter one",
                      OVERLAP_MAX, gap);
    if (!rule->session_max_ns)
        return;
    if (!session)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "session_max"), "session_max without session; give both or none");
    else if (rule->session_ns && rule->session_max_ns < rule->session_ns)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "session_max"),
                      "session_max is shorter than session (%s), the gap in a session; give %s or more", gap, gap);
}

static void check_measurement(struct ts_conf_load *ld, unsigned i)
{
    const char *text = ld->conf->rollups[i].measurement, *brace = text ? strchr(text, '{') : NULL;
    for (; brace; brace = strchr(brace + 1, '{'))
        if (strncmp(brace, "{name}", 6) != 0)
            ts_conf_error(
                ld, ts_conf_at(ld, TS_SECTION_rollups, i, "measurement"),
                "measurement: %s has a brace that does not begin {name}; write it as in \"{name}_1m\"",
                ts_log_quote_z(text));
}

static bool same(const char *a, const char *b)
{
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

/* Two rules may not meet in a sink: points of one series that share a time would replace each other. */
static void check_pair(struct ts_conf_load *ld, unsigned i, unsigned j)
{
    struct ts_conf_rollup *a = &ld->conf->rollups[j], *b = &ld->conf->rollups[i];
    struct ts_str rest = ts_str_of(ts_conf_sinks_of(b)), word;
    if (!a->name || !b->name)
        return;
    if (strcmp(a->name, b->name) == 0)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "name"),
                      "name: a second rollup \"%s\"; give it another name", b->name);
    if (!same(a->measurement, b->measurement) || !same(a->tags, b->tags) || ts_conf_rollups_are_apart(a, b))
        return;
    while (ts_conf_next(&rest, ',', &word)) {
        if (!ts_conf_has_word(ts_conf_sinks_of(a), word))
            continue;
        if (ts_conf_is_grouped(a) != ts_conf_is_grouped(b)) /* only of series without further tags: said when one comes */
            (ts_conf_is_grouped(a) ? a : b)->meets_series = true;
        else
            ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "to"),
                          "to: rollups %s and %s both write to sink %.*s, where their points would replace "
                          "each other; give one a measurement, tags, a bucket or a sink of its own, or each a match "
                          "that excludes the other",
                          a->name, b->name, (int)word.len, word.p);
    }
}

void ts_conf_check_rollups(struct ts_conf_load *ld)
{
    if (ld->conf->timezone && !ts_zone_exists(ld->conf->timezone))
        ts_conf_error(
            ld, ts_conf_at(ld, TS_SECTION_top, 0, "timezone"),
            "timezone: there is no %s among the system's time zones; give one such as Europe/Vienna, or UTC",
            ts_log_quote_z(ld->conf->timezone));
    if (ld->conf->nrollups > TS_ROLLUPS_MAX)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, TS_ROLLUPS_MAX, "name"),
                      "more than %d rollups; leave some out", TS_ROLLUPS_MAX);
    for (unsigned i = 0; i < ld->conf->nrollups; i++) {
        check_histogram(ld, i);
        check_period(ld, i);
        check_session(ld, i);
        check_measurement(ld, i);
        ts_conf_check_match(ld, i);
    }
    for (unsigned i = 0; i < ld->conf->nrollups; i++)
        for (unsigned j = 0; j < i; j++)
            check_pair(ld, i, j);
}
