/*
 * What one configuration changes of another, and copies of parts of one that outlive it. Thread: main. Goes by the option table, so
 * that an option cannot be forgotten.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/mem.h"

#include <stdatomic.h>

static const char *text_of(const struct ts_conf_option *opt, const void *base)
{
    return *(char *const *)(const void *)((const char *)base + opt->offset);
}

static bool same_option(const struct ts_conf_option *opt, const void *a, const void *b)
{
    if (ts_conf_option_is_text(opt)) { /* secrets, too, are compared as they are */
        const char *x = text_of(opt, a), *y = text_of(opt, b);
        return !x || !y ? x == y : strcmp(x, y) == 0;
    }
    struct ts_buf x = TS_BUF_NEEDED, y = TS_BUF_NEEDED;
    ts_conf_option_print(opt, a, &x);
    ts_conf_option_print(opt, b, &y);
    bool same = ts_str_eq(ts_buf_str(&x), ts_buf_str(&y));
    ts_buf_fini(&x);
    ts_buf_fini(&y);
    return same;
}

/* but: a key that may differ, or NULL. */
static bool same(enum ts_conf_section section, const void *a, const void *b, const char *but)
{
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        if (opt->section == section && !(but && strcmp(opt->key, but) == 0) && !same_option(opt, a, b))
            return false;
    }
    return true;
}

bool ts_conf_listen_same(const struct ts_conf_listen *a, const struct ts_conf_listen *b)
{
    return same(TS_SECTION_listen, a, b, NULL);
}

bool ts_conf_sink_same(const struct ts_conf_sink *a, const struct ts_conf_sink *b)
{
    return same(TS_SECTION_sinks, a, b, NULL);
}

/* What takes effect while the daemon runs, of sections that as a whole do not. */
static bool is_live(const struct ts_conf_option *opt)
{
    static const struct {
        enum ts_conf_section section;
        const char *key;
    } live[] = {{TS_SECTION_top, "log_level"}, {TS_SECTION_top, "correct_for"}, {TS_SECTION_limits, "memory"}, {TS_SECTION_events, "to"},
               {TS_SECTION_self, "every"},    {TS_SECTION_self, "to"},         {TS_SECTION_self, "tags"}};
    for (size_t i = 0; i < TS_ARRAY_SIZE(live); i++)
        if (opt->section == live[i].section && strcmp(opt->key, live[i].key) == 0)
            return true;
    return false;
}

void ts_conf_fixed_changes(const struct ts_conf *was, const struct ts_conf *now, struct ts_buf *names)
{
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        if (ts_conf_sections[opt->section].shape != TS_SHAPE_ONE || is_live(opt) || same_option(opt, was, now))
            continue;
        const char *section = ts_conf_sections[opt->section].key;
        ts_buf_printf(names, "%s%s%s%s", names->len ? ", " : "", section, section[0] ? "." : "", opt->key);
    }
    bool pipeline = was->npipeline == now->npipeline;
    for (unsigned i = 0; pipeline && i < was->npipeline; i++)
        pipeline = same(TS_SECTION_pipeline, &was->pipeline[i], &now->pipeline[i], NULL);
    if (!pipeline)
        ts_buf_printf(names, "%spipeline", names->len ? ", " : "");
}

static char *copy_of(const char *text)
{
    return text ? ts_xstrdup(text) : NULL;
}

/* The structs are equal but for their texts, which are made anew. */
static void own_texts(enum ts_conf_section section, void *base)
{
    for (unsigned i = 0; i < ts_conf_noptions; i++)
        if (ts_conf_options[i].section == section && ts_conf_option_is_text(&ts_conf_options[i]))
            *ts_conf_option_text(&ts_conf_options[i], base) = copy_of(text_of(&ts_conf_options[i], base));
}

static void free_texts(enum ts_conf_section section, void *base)
{
    for (unsigned i = 0; i < ts_conf_noptions; i++)
        if (ts_conf_options[i].section == section && ts_conf_option_is_text(&ts_conf_options[i]))
            TS_FREE(*ts_conf_option_text(&ts_conf_options[i], base));
}

void ts_conf_listen_copy(struct ts_conf_listen *to, const struct ts_conf_listen *from)
{
    *to = *from;
    own_texts(TS_SECTION_listen, to);
    to->host = copy_of(from->host);
    to->path = copy_of(from->path);
}

void ts_conf_listen_fini(struct ts_conf_listen *listen)
{
    free_texts(TS_SECTION_listen, listen);
    TS_FREE(listen->host);
    TS_FREE(listen->path);
}

void ts_conf_sink_copy(struct ts_conf_sink *to, const struct ts_conf_sink *from)
{
    *to = *from;
    own_texts(TS_SECTION_sinks, to);
    to->name = copy_of(from->name);
}

void ts_conf_sink_fini(struct ts_conf_sink *sink)
{
    free_texts(TS_SECTION_sinks, sink);
    TS_FREE(sink->name);
}

static char **kept;
static unsigned nkept;

const char *ts_conf_keep(const char *text)
{
    for (unsigned i = 0; i < nkept; i++)
        if (strcmp(kept[i], text) == 0)
            return kept[i];
    kept = ts_xresize(kept, (nkept + 1) * sizeof *kept);
    return kept[nkept++] = ts_xstrdup(text);
}

void ts_conf_keep_free(void)
{
    for (unsigned i = 0; i < nkept; i++)
        ts_free(kept[i]);
    TS_FREE(kept);
    nkept = 0;
}

const char *ts_conf_sinks_now(const struct ts_conf_rollup *rollup)
{
    const struct ts_conf_rollup *origin = rollup->origin ? rollup->origin : rollup;
    /* Acquire: pairs with the release below, for the text. */
    const char *to = atomic_load_explicit(&origin->moved, memory_order_acquire);
    return to ? to : ts_conf_sinks_of(origin);
}

static bool set_sinks(struct ts_conf_rollup *rollup, const char *to)
{
    if (strcmp(ts_conf_sinks_now(rollup), to) == 0)
        return false;
    atomic_store_explicit(&rollup->moved, ts_conf_keep(to), memory_order_release);
    return true;
}

bool ts_conf_rollup_same(const struct ts_conf_rollup *a, const struct ts_conf_rollup *b)
{
    return same(TS_SECTION_rollups, a, b, "to");
}

unsigned ts_conf_move_rollups(struct ts_conf *was, uint64_t which, const struct ts_conf *now)
{
    unsigned n = 0;
    for (unsigned i = 0; i < was->nrollups; i++)
        for (unsigned k = 0; k < now->nrollups; k++)
            if (which >> i & 1 && strcmp(was->rollups[i].name, now->rollups[k].name) == 0 && ts_conf_rollup_same(&was->rollups[i], &now->rollups[k]))
                n += set_sinks(&was->rollups[i], ts_conf_sinks_of(&now->rollups[k]));
    return n;
}
