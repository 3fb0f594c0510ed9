/*
 * Settings from the command line: KEY=VALUE put into the tree before the options are read. KEY is a dotted
 * path; in a list a step is a number or an entry's name; VALUE is YAML. Thread: main. What the path leads
 * through is made where it is missing.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/mem.h"
#include "core/num.h"

#include <stdio.h>

/* The place in a list, which may be the one behind the last. @return false when there is none; told. */
static bool find_place(struct ts_conf_load *ld, const struct ts_conf_node *list, struct ts_str step,
                       const struct ts_conf_node *at, uint64_t *out)
{
    if (ts_num_read_uint(step, out) == 0 && *out <= list->n)
        return true;
    for (unsigned i = 0; i < list->n; i++) {
        const struct ts_conf_entry *name = ts_conf_node_find(list->entries[i].value, TS_STR("name"));
        if (name && name->value->text && ts_str_eq(ts_str_of(name->value->text), step)) {
            *out = i;
            return true;
        }
    }
    ts_conf_error(ld, at,
                  "no entry \"%.*s\" in the list; give a number from 0 to %u (%u adds one) or a name in it",
                  (int)step.len, step.p, list->n, list->n);
    return false;
}

/* The slot that step leads to, made when it is missing. NULL: told. */
static struct ts_conf_node **step_into(struct ts_conf_load *ld, struct ts_conf_node *node, struct ts_str step,
                                       const struct ts_conf_node *at)
{
    uint64_t i;
    if (node->kind == TS_NODE_SCALAR) {
        ts_conf_error(ld, at, "\"%.*s\" below a single value; end the key before it", (int)step.len, step.p);
        return NULL;
    }
    if (node->kind == TS_NODE_LIST) {
        if (!find_place(ld, node, step, at, &i))
            return NULL;
        if (i == node->n)
            ts_conf_node_add(node, NULL, NULL);
        return &node->entries[i].value;
    }
    struct ts_conf_entry *entry = ts_conf_node_find(node, step);
    if (!entry) {
        struct ts_conf_node *key = ts_conf_node_new(TS_NODE_SCALAR, at->source);
        key->text = ts_xstrndup(step.p, step.len);
        ts_conf_node_add(node, key, NULL);
        entry = &node->entries[node->n - 1];
    }
    return &entry->value;
}

/* The section that a path begins with; the one of the options without a section when there is no such. */
static enum ts_conf_section section_of(struct ts_str step)
{
    for (unsigned i = 0; i < TS_SECTION_COUNT; i++)
        if (i != TS_SECTION_top && ts_str_eq(ts_str_of(ts_conf_sections[i].key), step))
            return (enum ts_conf_section)i;
    return TS_SECTION_top;
}

/* Whether nothing that is set there can be a secret. A whole section may hold one; so may a key that nobody knows, misspelt. */
static bool is_harmless(struct ts_str path)
{
    struct ts_str step, key = TS_STR("");
    bool known = false, secrets = false;
    if (!ts_conf_next(&path, '.', &step))
        return false;
    enum ts_conf_section section = section_of(step);
    if (section == TS_SECTION_top)
        key = step;
    else if (ts_conf_sections[section].shape == TS_SHAPE_ONE || ts_conf_next(&path, '.', &step))
        (void)ts_conf_next(&path, '.', &key);
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        if (opt->section != section)
            continue;
        secrets |= ts_conf_option_is_secret(opt);
        if (ts_str_eq(ts_str_of(opt->key), key))
            return !ts_conf_option_is_secret(opt);
        known = true;
    }
    return known && !secrets;
}

/* "--set KEY=VALUE" for messages: one line of bounded length, no secret in it. Lives as long as the tree. */
static const char *source_of(struct ts_conf_load *ld, const char *setting)
{
    char text[200];
    const char *equals = strchr(setting, '=');
    size_t len = equals ? (size_t)(equals - setting) : 0;
    bool password = equals && strstr(equals, "://") && strchr(equals, '@'); /* in a URL */
    if (equals && (password || !is_harmless((struct ts_str){setting, len})))
        snprintf(text, sizeof text, "--set %.*s=" TS_CONF_HIDDEN, (int)TS_MIN(len, sizeof text), setting);
    else
        snprintf(text, sizeof text, "--set %s", setting);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    ld->sources = ts_xresize(ld->sources, (ld->nsources + 1) * sizeof *ld->sources);
    return ld->sources[ld->nsources++] = ts_xstrdup(text);
}

void ts_conf_set(struct ts_conf_load *ld, const char *setting)
{
    struct ts_conf_node at = {.kind = TS_NODE_SCALAR, .source = source_of(ld, setting)};
    const char *equals = strchr(setting, '=');
    if (!equals || equals == setting) {
        ts_conf_error(ld, &at, "not KEY=VALUE; write it as in http.address=127.0.0.1:9000");
        return;
    }
    struct ts_conf_node *value;
    if (ts_conf_yaml(ld, at.source, false, ts_str_of(equals + 1), &value))
        goto done;
    if (!value) {
        value = ts_conf_node_new(TS_NODE_SCALAR, at.source);
        value->text = ts_xstrdup("");
    }
    struct ts_str path = {setting, (size_t)(equals - setting)}, step;
    struct ts_conf_node **slot = &ld->root;
    while (ts_conf_next(&path, '.', &step)) {
        if (!*slot)
            *slot = ts_conf_node_new(TS_NODE_MAP, at.source);
        slot = step_into(ld, *slot, step, &at);
        if (!slot)
            goto done;
    }
    ts_conf_node_free(slot);
    *slot = value;
    value = NULL;
done:
    ts_conf_node_free(&value);
}
