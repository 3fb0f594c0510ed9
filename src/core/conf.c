/*
 * A configuration from a file, settings and defaults: text to tree (conf_yaml.c), settings into the tree
 * (conf_set.c), tree to structs by the option table (here), and what single options cannot say
 * (conf_check.c). Thread: main; without memory the process ends. Reading goes on after an error, so that one
 * run tells all of them.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/cidr.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/template.h"

#include <errno.h>
#include <stdio.h>

#define FILE_MAX (1 << 20)

static int read_file(const char *file, struct ts_buf *text, struct ts_buf *errors)
{
    int rc = -TS_EIO;
    FILE *f = fopen(file, "re");
    if (!f)
        goto fail;
    for (;;) {
        char *to = ts_buf_reserve(text, 4096);
        if (!to) {
            errno = EFBIG;
            goto fail_close;
        }
        size_t n = fread(to, 1, 4096, f);
        text->len += n;
        if (n == 0)
            break;
    }
    if (!ferror(f))
        rc = 0;
fail_close:;
    int saved = errno;
    fclose(f);
    errno = saved;
fail:
    if (rc)
        ts_buf_printf(errors, "%s: cannot be read: %s; give a readable YAML file\n", file, strerror(errno));
    return rc;
}

static void set_defaults(enum ts_conf_section section, void *base)
{
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        struct ts_err err;
        if (opt->section == section && opt->def)
            TS_ASSERT(ts_conf_option_read(opt, ts_str_of(opt->def), base, &err) == 0);
    }
}

static const struct ts_conf_option *find_option(enum ts_conf_section section, const char *key,
                                                const char *kind)
{
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        if (opt->section == section && strcmp(opt->key, key) == 0 &&
            ts_conf_option_need(opt, kind) != TS_NEED_NOT_HERE)
            return opt;
    }
    return NULL;
}

static void tell_unknown_key(struct ts_conf_load *ld, enum ts_conf_section section,
                             const struct ts_conf_node *key, const char *kind)
{
    struct ts_conf_near near = {.nearest.asked = ts_str_of(key->text)};
    struct ts_err remedy;
    bool of_other_kind = find_option(section, key->text, NULL) != NULL;
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        if (opt->section == section && ts_conf_option_need(opt, kind) != TS_NEED_NOT_HERE)
            ts_conf_near_offer(&near, ts_str_of(opt->key));
    }
    for (unsigned i = TS_SECTION_top + 1; section == TS_SECTION_top && i < TS_SECTION_COUNT; i++)
        ts_conf_near_offer(&near, ts_str_of(ts_conf_sections[i].key));
    ts_conf_near_print(&near, "known here:", &remedy);
    if (of_other_kind)
        ts_conf_error(ld, key, "%s does not belong to a %s %s; %s", key->text,
                      section == TS_SECTION_listen ? "listener of"
                      : section == TS_SECTION_sinks  ? "sink of type"
                                                      : "stage of type",
                      kind, remedy.msg);
    else
        ts_conf_error(ld, key, "unknown key %s; %s", ts_log_quote_z(key->text), remedy.msg);
}

static void tell_wrong_value(struct ts_conf_load *ld, const struct ts_conf_option *opt,
                             const struct ts_conf_node *value, const char *wrong)
{
    struct ts_buf expects = TS_BUF_INIT;
    ts_conf_option_expects(opt, &expects);
    const char *text = ts_buf_cstr(&expects);
    ts_conf_error(ld, value, "%s; give %s", wrong, text ? text : "");
    ts_buf_fini(&expects);
}

static const char *kind_name(const struct ts_conf_node *node)
{
    static const char *const names[] = {
        [TS_NODE_SCALAR] = "a single value", [TS_NODE_LIST] = "a list", [TS_NODE_MAP] = "a mapping"};
    return node->null ? "empty" : names[node->kind];
}

/* Never shows what it says: a part of it may be a secret. */
static bool check_hmac_key(struct ts_conf_load *ld, const struct ts_conf_option *opt,
                           const struct ts_conf_node *list, unsigned i)
{
    const struct ts_conf_node *item = list->entries[i].value;
    struct ts_str secret, other_secret;
    uint32_t id, other;
    struct ts_str text = ts_str_of(item->text), hidden = TS_STR(":" TS_CONF_HIDDEN);
    if (text.len > hidden.len &&
        ts_str_eq((struct ts_str){text.p + text.len - hidden.len, hidden.len}, hidden)) {
        ts_conf_error(ld, item,
                      "%s: entry %u has \"%s\", which --print-config writes in a secret's place; give the secret itself, "
                      "or \"${NAME}\" for an environment variable",
                      opt->key, i + 1, TS_CONF_HIDDEN);
        return false;
    }
    if (ts_conf_read_hmac_key(text, &id, &secret)) {
        ts_conf_error(
            ld, item,
            "%s: entry %u is no key; give ID:SECRET, a number and at least %d characters without commas, "
            "such as \"1:${TSAGG_KEY}\"",
            opt->key, i + 1, TS_HMAC_SECRET_MIN);
        return false;
    }
    for (unsigned j = 0; j < i; j++) {
        const char *before = list->entries[j].value->text;
        if (before && ts_conf_read_hmac_key(ts_str_of(before), &other, &other_secret) == 0 && other == id) {
            ts_conf_error(ld, item, "%s: key %u twice; give each a number of its own", opt->key, id);
            return false;
        }
    }
    return true;
}

/* An item of a list option; @return whether it is good. */
static bool check_item(struct ts_conf_load *ld, const struct ts_conf_option *opt,
                       const struct ts_conf_node *list, unsigned i)
{
    const struct ts_conf_node *item = list->entries[i].value;
    if (item->kind != TS_NODE_SCALAR || item->null) {
        ts_conf_error(ld, item, "%s: an entry is %s; give a %s", opt->key, kind_name(item),
                      opt->type == TS_CONF_NAMES ? "name" : "single value");
        return false;
    }
    if (opt->type == TS_CONF_SECRETS)
        return check_hmac_key(ld, opt, list, i);
    for (unsigned j = 0; j < i; j++) {
        if (list->entries[j].value->text && strcmp(list->entries[j].value->text, item->text) == 0) {
            ts_conf_error(ld, item, "%s: %s twice; keep one of them", opt->key, ts_log_quote_z(item->text));
            return false;
        }
    }
    if (opt->type == TS_CONF_LINES && strchr(item->text, '\n')) {
        ts_conf_error(ld, item, "%s: an entry of several lines; give each an entry of its own", opt->key);
        return false;
    }
    struct ts_cidr range;
    if (opt->type == TS_CONF_CIDRS && ts_cidr_read(ts_str_of(item->text), &range)) {
        ts_conf_error(ld, item,
                      "%s: %s is no range of addresses; give ADDRESS or ADDRESS/BITS, such as 10.0.0.0/8",
                      opt->key, ts_log_quote_z(item->text));
        return false;
    }
    struct ts_template tpl;
    struct ts_err err;
    if (opt->type == TS_CONF_TEMPLATES && ts_template_read(ts_str_of(item->text), &tpl, &err)) {
        ts_conf_error(ld, item, "%s: %s: %s", opt->key, ts_log_quote_z(item->text), err.msg);
        return false;
    }
    if (opt->type == TS_CONF_PAIRS)
        return ts_conf_pair_check(ld, opt, list, i);
    return opt->type != TS_CONF_AGGREGATES || ts_conf_aggregate_check(ld, opt, item);
}

static void read_list(struct ts_conf_load *ld, const struct ts_conf_option *opt,
                      const struct ts_conf_node *value, void *base)
{
    struct ts_buf joined = TS_BUF_NEEDED;
    struct ts_err err;
    bool good = true;
    if (value->kind != TS_NODE_LIST || (value->n == 0 && !ts_conf_option_may_be_empty(opt))) {
        ts_conf_error(ld, value, "%s is %s; give a list of one or more, such as [%s]", opt->key,
                      value->kind == TS_NODE_LIST ? "an empty list" : kind_name(value),
                      ts_conf_option_is_secret(opt)                   ? "\"1:${TSAGG_KEY}\""
                      : value->kind == TS_NODE_SCALAR && !value->null ? value->text
                                                                      : "a, b");
        return;
    }
    for (unsigned i = 0; i < value->n; i++) {
        good &= check_item(ld, opt, value, i);
        if (good) {
            if (i)
                ts_buf_putc(&joined, ts_conf_option_between(opt));
            ts_buf_puts(&joined, value->entries[i].value->text);
        }
    }
    if (good && ts_conf_option_read(opt, ts_buf_str(&joined), base, &err))
        tell_wrong_value(ld, opt, value, err.msg);
    ts_buf_fini(&joined);
}

static void read_option(struct ts_conf_load *ld, const struct ts_conf_option *opt,
                        const struct ts_conf_node *value, void *base)
{
    struct ts_err err;
    if (ts_conf_option_is_list(opt)) {
        read_list(ld, opt, value, base);
    } else if (value->kind != TS_NODE_SCALAR || value->null) {
        (void)ts_fail(&err, TS_ECONF, "%s is %s", opt->key, kind_name(value));
        tell_wrong_value(ld, opt, value, err.msg);
    } else if (ts_conf_option_read(opt, ts_str_of(value->text), base, &err)) {
        tell_wrong_value(ld, opt, value, err.msg);
    }
}

/* One mapping of a section into its struct. at: where to say that something is missing. */
static void read_map(struct ts_conf_load *ld, enum ts_conf_section section, const struct ts_conf_node *map,
                     const struct ts_conf_node *at, void *base)
{
    const char *kind = NULL;
    set_defaults(section, base);
    if (map->kind != TS_NODE_MAP) {
        ts_conf_error(ld, map, "%s is %s; give a mapping of options",
                      section == TS_SECTION_top ? "the configuration" : ts_conf_sections[section].key,
                      kind_name(map));
        return;
    }
    const char *decider = section == TS_SECTION_sinks || section == TS_SECTION_pipeline ? "type"
                          : section == TS_SECTION_listen                                ? "url"
                                                                                        : NULL;
    const struct ts_conf_entry *first = decider ? ts_conf_node_find(map, ts_str_of(decider)) : NULL;
    if (first) {
        read_option(ld, find_option(section, decider, NULL), first->value, base);
        kind = ts_conf_kind_of(section, base);
    }
    for (unsigned i = 0; i < map->n; i++) {
        const struct ts_conf_node *key = map->entries[i].key;
        const struct ts_conf_option *opt = find_option(section, key->text, kind);
        if (opt && &map->entries[i] != first)
            read_option(ld, opt, map->entries[i].value, base);
        else if (!opt)
            tell_unknown_key(ld, section, key, kind);
    }
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        if (opt->section == section && ts_conf_option_need(opt, kind) == TS_NEED_REQUIRED &&
            (kind || opt->need[0] == '!') && !ts_conf_node_find(map, ts_str_of(opt->key))) {
            struct ts_err err;
            (void)ts_fail(&err, TS_ECONF, "%s is missing", opt->key);
            tell_wrong_value(ld, opt, at, err.msg);
        }
    }
}

/* A section of several; @return the array, whose length goes to *n. */
static void *read_many(struct ts_conf_load *ld, enum ts_conf_section section, size_t size, unsigned *n)
{
    const struct ts_conf_section_info *info = &ts_conf_sections[section];
    bool named = info->shape == TS_SHAPE_MAP;
    const struct ts_conf_entry *entry = ts_conf_node_find(ld->root, ts_str_of(info->key));
    const struct ts_conf_node *node = entry->value;
    bool may_be_empty = info->def && strcmp(info->def, "[]") == 0;
    if (node->kind != (named ? TS_NODE_MAP : TS_NODE_LIST) || (node->n == 0 && !may_be_empty)) {
        ts_conf_error(ld, node, "%s is %s; give %s, such as %s", info->key,
                      node->kind != TS_NODE_SCALAR && node->n == 0 ? "empty" : kind_name(node),
                      named ? "a mapping of names" : "a list",
                      may_be_empty ? "[{type: filter, keep: value > 0}]" : info->def);
        return NULL;
    }
    if (node->n == 0)
        return NULL;
    char *array = ts_xalloc(node->n * size);
    for (unsigned i = 0; i < node->n; i++) {
        const struct ts_conf_node *value = node->entries[i].value;
        read_map(ld, section, value, named ? node->entries[i].key : value, array + i * size);
    }
    *n = node->n;
    return array;
}

/* self: 10s is self: {every: 10s}. */
static void read_self(struct ts_conf_load *ld, const struct ts_conf_entry *self)
{
    struct ts_conf_node key = {.kind = TS_NODE_SCALAR, .source = self->key->source, .line = self->key->line, .column = self->key->column, .text = (char *)(uintptr_t)"every"};
    struct ts_conf_entry every = {&key, self->value};
    struct ts_conf_node map = {.kind = TS_NODE_MAP, .n = 1, .entries = &every};
    bool is_short = self->value->kind == TS_NODE_SCALAR;
    read_map(ld, TS_SECTION_self, is_short ? &map : self->value, self->key, ld->conf);
}

static void read_sections(struct ts_conf_load *ld)
{
    struct ts_conf *conf = ld->conf;
    struct ts_conf_node top = {.kind = TS_NODE_MAP}; /* the root without its sections */
    top.entries = ts_xalloc(ld->root->n * sizeof *top.entries);
    for (unsigned i = 0; i < ld->root->n; i++) {
        const char *key = ld->root->entries[i].key->text;
        unsigned s = TS_SECTION_top + 1;
        while (s < TS_SECTION_COUNT && strcmp(key, ts_conf_sections[s].key) != 0)
            s++;
        if (s == TS_SECTION_COUNT)
            top.entries[top.n++] = ld->root->entries[i];
        else if (s == TS_SECTION_self)
            read_self(ld, &ld->root->entries[i]);
        else if (ts_conf_sections[s].shape == TS_SHAPE_ONE)
            read_map(ld, (enum ts_conf_section)s, ld->root->entries[i].value, ld->root->entries[i].key, conf);
    }
    read_map(ld, TS_SECTION_top, &top, &top, conf);
    ts_free(top.entries);
    conf->listen = read_many(ld, TS_SECTION_listen, sizeof *conf->listen, &conf->nlisten);
    conf->pipeline = read_many(ld, TS_SECTION_pipeline, sizeof *conf->pipeline, &conf->npipeline);
    conf->rollups = read_many(ld, TS_SECTION_rollups, sizeof *conf->rollups, &conf->nrollups);
    conf->sinks = read_many(ld, TS_SECTION_sinks, sizeof *conf->sinks, &conf->nsinks);
}

/* Sections that the file does not have, from the table. */
static void add_sections(struct ts_conf_load *ld)
{
    for (unsigned s = TS_SECTION_top + 1; s < TS_SECTION_COUNT; s++) {
        const struct ts_conf_section_info *info = &ts_conf_sections[s];
        if (ts_conf_node_find(ld->root, ts_str_of(info->key)))
            continue;
        struct ts_conf_node *key = ts_conf_node_new(TS_NODE_SCALAR, "default"), *value;
        key->text = ts_xstrdup(info->key);
        TS_ASSERT(ts_conf_yaml(ld, "default", false, ts_str_of(info->def ? info->def : "{}"), &value) == 0);
        ts_conf_node_add(ld->root, key, value);
    }
}

int ts_conf_load(const char *file, const char *const *set, unsigned nset, struct ts_conf **out,
                 struct ts_buf *errors)
{
    struct ts_conf_load ld = {.errors = errors};
    struct ts_buf text = {.limit = FILE_MAX, .needed = true};
    int rc = 0;
    *out = NULL;
    if (file && (rc = read_file(file, &text, errors)))
        goto done;
    rc = -TS_ECONF;
    if (file && ts_conf_yaml(&ld, file, true, ts_buf_str(&text), &ld.root) && !ld.root)
        goto done;
    if (!ld.root)
        ld.root = ts_conf_node_new(TS_NODE_MAP, file ? file : "default");
    if (ld.root->kind != TS_NODE_MAP) {
        ts_conf_error(&ld, ld.root,
                      "the configuration is %s; give a mapping, such as state_dir: /var/lib/tsagg",
                      kind_name(ld.root));
        goto done;
    }
    add_sections(&ld);
    for (unsigned i = 0; i < nset; i++)
        ts_conf_set(&ld, set[i]);
    ld.conf = ts_xalloc(sizeof *ld.conf);
    read_sections(&ld);
    ts_conf_check(&ld);
    if (ld.nerrors == 0) {
        *out = ld.conf;
        ld.conf = NULL;
        rc = 0;
    }
done:
    ts_conf_free(&ld.conf);
    ts_conf_node_free(&ld.root);
    for (unsigned i = 0; i < ld.nsources; i++)
        ts_free(ld.sources[i]);
    ts_free(ld.sources);
    ts_buf_fini(&text);
    return rc;
}

static void free_texts(enum ts_conf_section section, void *base)
{
    for (unsigned i = 0; i < ts_conf_noptions; i++)
        if (ts_conf_options[i].section == section && ts_conf_option_is_text(&ts_conf_options[i]))
            ts_free(*ts_conf_option_text(&ts_conf_options[i], base));
}

void ts_conf_free(struct ts_conf **conf)
{
    if (!*conf)
        return;
    for (unsigned i = 0; i < (*conf)->nlisten; i++) {
        free_texts(TS_SECTION_listen, &(*conf)->listen[i]);
        ts_free((*conf)->listen[i].host);
        ts_free((*conf)->listen[i].path);
    }
    for (unsigned i = 0; i < (*conf)->npipeline; i++)
        free_texts(TS_SECTION_pipeline, &(*conf)->pipeline[i]);
    for (unsigned i = 0; i < (*conf)->nrollups; i++) {
        free_texts(TS_SECTION_rollups, &(*conf)->rollups[i]);
        ts_free((*conf)->rollups[i].into);
    }
    for (unsigned i = 0; i < (*conf)->nsinks; i++) {
        free_texts(TS_SECTION_sinks, &(*conf)->sinks[i]);
        ts_free((*conf)->sinks[i].name);
    }
    for (unsigned s = 0; s < TS_SECTION_COUNT; s++)
        if (ts_conf_sections[s].shape == TS_SHAPE_ONE)
            free_texts((enum ts_conf_section)s, *conf);
    ts_free((*conf)->listen);
    ts_free((*conf)->pipeline);
    ts_free((*conf)->rollups);
    ts_free((*conf)->sinks);
    TS_FREE(*conf);
}
