/*
 * Which template a name gets, and what it makes of it. Runs when a key is first seen, and for lines that are
 * read in full. Thread: any. Owns the templates' texts.
 *
 * A filter fits a name that begins with its words. Of those that fit the most specific is taken: at the first
 * word where two differ a word goes before a *, and either goes before the filter that has ended. A template
 * without a filter comes last.
 */
#include "config.h"
#include "parse/parse_template.h"

#include "core/err.h"
#include "core/mem.h"
#include "core/template.h"

struct ts_templates {
    char *list;
    struct ts_str joiner;
    unsigned n;
    struct ts_template *templates;
};

struct ts_templates *ts_templates_new(const char *list, const char *joiner)
{
    if (!list || !list[0])
        return NULL;
    struct ts_templates *tms = ts_xalloc(sizeof *tms);
    tms->list = ts_xstrdup(list);
    tms->joiner = ts_str_of(ts_xstrdup(joiner));
    struct ts_str rest = ts_str_of(tms->list), one;
    while (ts_template_word(&rest, TS_STR("\n"), &one)) {
        struct ts_err err;
        tms->templates = ts_xresize(tms->templates, (tms->n + 1) * sizeof *tms->templates);
        int rc = ts_template_read(one, &tms->templates[tms->n++], &err);
        TS_ASSERT(rc == 0); /* the configuration was checked */
    }
    return tms;
}

void ts_templates_free(struct ts_templates **templates)
{
    struct ts_templates *tms = *templates;
    if (tms) {
        ts_free(tms->list);
        ts_free((char *)(uintptr_t)tms->joiner.p);
        ts_free(tms->templates);
        TS_FREE(*templates);
    }
}

static bool is_any(struct ts_str word)
{
    return word.len == 1 && word.p[0] == '*';
}

static bool fits(const struct ts_template *tpl, struct ts_str name)
{
    struct ts_str word;
    for (unsigned i = 0; i < tpl->nfilter; i++)
        if (!ts_template_word(&name, tpl->separator, &word) ||
            !(is_any(tpl->filter[i]) || ts_str_eq(tpl->filter[i], word)))
            return false;
    return true;
}

/* Both fit the same name. */
static bool is_more_specific(const struct ts_template *a, const struct ts_template *b)
{
    for (unsigned i = 0; i < a->nfilter && i < b->nfilter; i++)
        if (is_any(a->filter[i]) != is_any(b->filter[i]))
            return is_any(b->filter[i]);
    return a->nfilter > b->nfilter;
}

static const struct ts_template *choose(const struct ts_templates *tms, struct ts_str name)
{
    const struct ts_template *best = NULL;
    for (unsigned i = 0; i < tms->n; i++)
        if (fits(&tms->templates[i], name) && (!best || is_more_specific(&tms->templates[i], best)))
            best = &tms->templates[i];
    return best;
}

/* The words of the name that the template's parts of this kind (and key) take, with the joiner between. */
static struct ts_str join(const struct ts_templates *tms, const struct ts_template *tpl, struct ts_str name,
                          enum ts_template_what what, struct ts_str key, struct ts_buf *text)
{
    size_t from = text->len;
    bool first = true;
    struct ts_str word;
    for (unsigned i = 0; i < tpl->nparts && ts_template_word(&name, tpl->separator, &word); i++) {
        const struct ts_template_part *part = &tpl->parts[i];
        if (part->what != what || !ts_str_eq(part->key, key))
            continue;
        do {
            if (!first)
                ts_buf_put_str(text, tms->joiner);
            ts_buf_put_str(text, word);
            first = false;
        } while (part->rest && ts_template_word(&name, tpl->separator, &word));
    }
    return (struct ts_str){text->p + from, text->len - from};
}

/* Whether part i is the first one of its key. */
static bool is_first_of_key(const struct ts_template *tpl, unsigned i)
{
    for (unsigned j = 0; j < i; j++)
        if (tpl->parts[j].what == TS_TEMPLATE_TAG && ts_str_eq(tpl->parts[j].key, tpl->parts[i].key))
            return false;
    return true;
}

/* Puts the template's tags before the line's own, which win: of equal keys the last one stays. */
static int add_tags(const struct ts_templates *tms, const struct ts_template *tpl, struct ts_str name,
                    struct ts_series_view *view, struct ts_buf *text)
{
    struct ts_tag tags[TS_TEMPLATE_TAGS + TS_TEMPLATE_WORDS];
    unsigned n = 0;
    for (; n < tpl->ntags; n++)
        tags[n] = tpl->tags[n];
    for (unsigned i = 0; i < tpl->nparts; i++) {
        if (tpl->parts[i].what != TS_TEMPLATE_TAG || !is_first_of_key(tpl, i))
            continue;
        tags[n] = (struct ts_tag){tpl->parts[i].key,
                                  join(tms, tpl, name, TS_TEMPLATE_TAG, tpl->parts[i].key, text)};
        n += tags[n].value.len != 0;
    }
    if (view->ntags + n > TS_TAGS_MAX)
        return -TS_ELIMIT;
    memmove(view->tags + n, view->tags, view->ntags * sizeof *view->tags);
    memcpy(view->tags, tags, n * sizeof *tags);
    view->ntags += n;
    return 0;
}

int ts_templates_apply(const struct ts_templates *tms, struct ts_series_view *view, struct ts_buf *text)
{
    const struct ts_template *tpl = choose(tms, view->name);
    struct ts_str none = {NULL, 0}, name = view->name;
    ts_buf_clear(text);
    if (!tpl)
        return 0;
    if (!ts_buf_reserve(text, TS_SERIES_MAX)) /* and so the texts below stay where they are */
        return -TS_ELIMIT;
    struct ts_str measurement = join(tms, tpl, name, TS_TEMPLATE_MEASUREMENT, none, text);
    if (measurement.len == 0) /* the name ends before it */
        return 0;
    struct ts_str field = join(tms, tpl, name, TS_TEMPLATE_FIELD, none, text);
    int rc = add_tags(tms, tpl, name, view, text);
    view->name = measurement;
    view->field = field;
    return ts_buf_failed(text) ? -TS_ELIMIT : rc;
}
