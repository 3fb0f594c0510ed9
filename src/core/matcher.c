/* The conditions match and match_tags of rollups, compiled; names and tags of their points. Thread: any. */
#include "config.h"
#include "core/matcher.h"

#include "core/mem.h"

struct condition {
    struct ts_str key; /* of the tag; p is NULL: the measurement */
    struct ts_pattern *pattern;
};

struct rule {
    struct condition *conditions; /* all are to hold */
    unsigned n;
    bool exclusive;
};

struct ts_matcher {
    struct rule *rules;
    unsigned n;
};

int ts_matcher_read(struct ts_str text, struct ts_pattern **out, struct ts_err *err)
{
    if (ts_matcher_is_regex(text))
        return ts_pattern_regex((struct ts_str){text.p + 1, text.len - 2}, out, err);
    *out = ts_pattern_glob(text);
    return 0;
}

static void add_condition(struct rule *rule, struct ts_str key, struct ts_str text)
{
    struct ts_err err;
    rule->conditions = ts_xresize(rule->conditions, (rule->n + 1) * sizeof *rule->conditions);
    struct condition *cond = &rule->conditions[rule->n++];
    cond->key = key;
    int rc = ts_matcher_read(text, &cond->pattern, &err);
    TS_ASSERT(rc == 0);
}

struct ts_matcher *ts_matcher_new(const struct ts_conf *conf)
{
    struct ts_matcher *matcher = ts_xalloc(sizeof *matcher);
    matcher->n = conf->nrollups;
    matcher->rules = ts_xalloc(TS_MAX(conf->nrollups, 1u) * sizeof *matcher->rules);
    for (unsigned i = 0; i < conf->nrollups; i++) {
        const struct ts_conf_rollup *rollup = &conf->rollups[i];
        struct ts_str lines = ts_str_of(rollup->match_tags ? rollup->match_tags : ""), key, text;
        matcher->rules[i].exclusive = rollup->drop_original;
        if (rollup->match)
            add_condition(&matcher->rules[i], (struct ts_str){NULL, 0}, ts_str_of(rollup->match));
        while (ts_conf_next_pair(&lines, &key, &text))
            add_condition(&matcher->rules[i], key, text);
    }
    return matcher;
}

void ts_matcher_free(struct ts_matcher **matcher)
{
    if (!*matcher)
        return;
    for (unsigned i = 0; i < (*matcher)->n; i++) {
        struct rule *rule = &(*matcher)->rules[i];
        for (unsigned k = 0; k < rule->n; k++)
            ts_pattern_free(&rule->conditions[k].pattern);
        ts_free(rule->conditions);
    }
    ts_free((*matcher)->rules);
    TS_FREE(*matcher);
}

static bool holds(const struct condition *cond, const struct ts_series_view *view, bool *gave_up)
{
    struct ts_str text = view->name;
    if (cond->key.p) {
        unsigned i = 0;
        while (i < view->ntags && !ts_str_eq(view->tags[i].key, cond->key))
            i++;
        if (i == view->ntags)
            return false;
        text = view->tags[i].value;
    }
    int rc = ts_pattern_match(cond->pattern, text);
    *gave_up |= rc < 0;
    return rc == 1;
}

uint64_t ts_matcher_find(const struct ts_matcher *matcher, const struct ts_series_view *view, bool *gave_up)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < matcher->n; i++) {
        const struct rule *rule = &matcher->rules[i];
        unsigned k = 0;
        while (k < rule->n && holds(&rule->conditions[k], view, gave_up))
            k++;
        if (k < rule->n)
            continue;
        mask |= UINT64_C(1) << i;
        if (rule->exclusive)
            break;
    }
    return mask;
}

static void put_name(struct ts_buf *out, const char *measurement, struct ts_str name)
{
    for (const char *at = measurement, *brace; *at;) {
        brace = strchr(at, '{'); /* nothing but {name} begins with one */
        ts_buf_put(out, at, brace ? (size_t)(brace - at) : strlen(at));
        if (!brace)
            break;
        ts_buf_put_str(out, name);
        at = brace + strlen("{name}");
    }
}

static void drop_tags(const struct ts_conf_rollup *rollup, struct ts_series_view *view)
{
    unsigned n = 0;
    for (unsigned i = 0; i < view->ntags; i++) {
        bool listed = ts_conf_has_line(rollup->group_by ? rollup->group_by : rollup->without, view->tags[i].key);
        if (listed == (rollup->group_by != NULL))
            view->tags[n++] = view->tags[i];
    }
    view->ntags = n;
}

int ts_rollup_rename(const struct ts_conf_rollup *rollup, struct ts_str series, struct ts_buf *out)
{
    struct ts_series_view view;
    struct ts_buf name = TS_BUF_INIT;
    struct ts_str lines = ts_str_of(rollup->tags ? rollup->tags : ""), key, value;
    int rc = ts_series_decode(series, &view);
    TS_ASSERT(rc == 0);
    if (ts_conf_is_grouped(rollup))
        drop_tags(rollup, &view);
    while (ts_conf_next_pair(&lines, &key, &value)) {
        if (view.ntags == TS_TAGS_MAX)
            return -TS_ELIMIT;
        view.tags[view.ntags++] = (struct ts_tag){key, value};
    }
    if (rollup->measurement) {
        put_name(&name, rollup->measurement, view.name);
        view.name = ts_buf_str(&name);
    }
    rc = ts_buf_failed(&name) ? -TS_ENOMEM : ts_series_encode(&view, out);
    ts_buf_fini(&name);
    return rc;
}
