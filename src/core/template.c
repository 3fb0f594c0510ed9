/*
 * Reading a template, with all checks: configuration errors are told before anything runs. Thread: any; owns
 * nothing.
 *
 *   text = [[separator] filter] template [tag "=" value {"," tag "=" value}]     parted by blanks
 *
 * Three words without a "=" in the last are separator, filter and template; so are the first three of four.
 */
#include "config.h"
#include "core/template.h"

#include "core/log.h"
#include "core/utf8.h"

#define FORM                                                                                                 \
    "give [SEPARATOR] [FILTER] TEMPLATE [TAG=VALUE,...], such as \"servers.* .host.measurement.field*\""

bool ts_template_word(struct ts_str *rest, struct ts_str separator, struct ts_str *word)
{
    if (!rest->p)
        return false;
    const char *at = memmem(rest->p, rest->len, separator.p, separator.len);
    word->p = rest->p;
    word->len = at ? (size_t)(at - rest->p) : rest->len;
    size_t used = word->len + (at ? separator.len : 0);
    *rest = at ? (struct ts_str){rest->p + used, rest->len - used} : (struct ts_str){NULL, 0};
    return true;
}

static bool is_text(struct ts_str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t n = ts_utf8_len(s.p + i, s.len - i);
        if (n == 0 || (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
        i += n;
    }
    return true;
}

static bool has_equals(struct ts_str s)
{
    return memchr(s.p, '=', s.len) != NULL;
}

static int read_filter(struct ts_template *tpl, struct ts_str text, struct ts_err *err)
{
    struct ts_str word;
    while (ts_template_word(&text, tpl->separator, &word)) {
        if (tpl->nfilter == TS_TEMPLATE_WORDS)
            return ts_fail(err, TS_ECONF, "its filter has more than %d words; give fewer", TS_TEMPLATE_WORDS);
        if (word.len > 1 && memchr(word.p, '*', word.len))
            return ts_fail(err, TS_ECONF, "%s in its filter is part of a word; give a word, or * for any one",
                           ts_log_quote(word).z);
        tpl->filter[tpl->nfilter++] = word;
    }
    return 0;
}

static struct ts_template_part part_of(struct ts_str word)
{
    if (word.len == 0)
        return (struct ts_template_part){.what = TS_TEMPLATE_NOTHING};
    if (ts_str_eq(word, TS_STR("measurement")) || ts_str_eq(word, TS_STR("measurement*")))
        return (struct ts_template_part){.what = TS_TEMPLATE_MEASUREMENT,
                                         .rest = word.p[word.len - 1] == '*'};
    if (ts_str_eq(word, TS_STR("field")) || ts_str_eq(word, TS_STR("field*")))
        return (struct ts_template_part){.what = TS_TEMPLATE_FIELD, .rest = word.p[word.len - 1] == '*'};
    return (struct ts_template_part){.what = TS_TEMPLATE_TAG, .key = word};
}

static int read_parts(struct ts_template *tpl, struct ts_str text, struct ts_err *err)
{
    struct ts_str word;
    bool measurement = false;
    while (ts_template_word(&text, tpl->separator, &word)) {
        if (tpl->nparts == TS_TEMPLATE_WORDS)
            return ts_fail(err, TS_ECONF, "it has more than %d words; give fewer", TS_TEMPLATE_WORDS);
        struct ts_template_part part = part_of(word);
        if (part.what == TS_TEMPLATE_TAG && memchr(word.p, '*', word.len))
            return ts_fail(err, TS_ECONF,
                           "%s is no key of a tag; give measurement*, field*, or a key without *",
                           ts_log_quote(word).z);
        if (part.rest && text.p)
            return ts_fail(err, TS_ECONF, "%s takes all that follow; make it the last word",
                           ts_log_quote(word).z);
        measurement |= part.what == TS_TEMPLATE_MEASUREMENT;
        tpl->parts[tpl->nparts++] = part;
    }
    if (!measurement)
        return ts_fail(err, TS_ECONF,
                       "it names no measurement; make one of its words measurement or measurement*");
    return 0;
}

static bool has_key(const struct ts_template *tpl, struct ts_str key)
{
    for (unsigned i = 0; i < tpl->nparts; i++)
        if (tpl->parts[i].what == TS_TEMPLATE_TAG && ts_str_eq(tpl->parts[i].key, key))
            return true;
    for (unsigned i = 0; i < tpl->ntags; i++)
        if (ts_str_eq(tpl->tags[i].key, key))
            return true;
    return false;
}

static int read_tags(struct ts_template *tpl, struct ts_str text, struct ts_err *err)
{
    struct ts_str pair;
    while (ts_template_word(&text, TS_STR(","), &pair)) {
        const char *eq = memchr(pair.p, '=', pair.len);
        if (!eq || eq == pair.p || eq + 1 == pair.p + pair.len)
            return ts_fail(err, TS_ECONF, "%s is no tag; give TAG=VALUE, with commas between",
                           ts_log_quote(pair).z);
        struct ts_str key = {pair.p, (size_t)(eq - pair.p)};
        if (has_key(tpl, key))
            return ts_fail(err, TS_ECONF, "it gives tag %s twice; keep one of them", ts_log_quote(key).z);
        if (tpl->ntags == TS_TEMPLATE_TAGS)
            return ts_fail(err, TS_ECONF, "it has more than %d extra tags; give fewer", TS_TEMPLATE_TAGS);
        tpl->tags[tpl->ntags++] = (struct ts_tag){key, {eq + 1, pair.len - key.len - 1}};
    }
    return 0;
}

/* @return the number of words parted by blanks, or 5 when there are more than 4. */
static unsigned split(struct ts_str text, struct ts_str words[4])
{
    unsigned n = 0;
    for (size_t i = 0; i < text.len;) {
        size_t from = i;
        while (i < text.len && text.p[i] != ' ')
            i++;
        if (i > from) {
            if (n == 4)
                return 5;
            words[n++] = (struct ts_str){text.p + from, i - from};
        }
        i++;
    }
    return n;
}

int ts_template_read(struct ts_str text, struct ts_template *out, struct ts_err *err)
{
    struct ts_str words[4], *w = words;
    if (!is_text(text))
        return ts_fail(err, TS_ECONF, "it has control characters or is not UTF-8; " FORM);
    unsigned n = split(text, words);
    if (n == 0 || n > 4)
        return ts_fail(err, TS_ECONF, "it has %s; " FORM, n ? "more than four parts" : "nothing in it");
    *out = (struct ts_template){.separator = TS_STR(".")};
    bool tags = n > 1 && has_equals(words[n - 1]);
    if (n == 4 && !tags)
        return ts_fail(err, TS_ECONF, "%s is no tag; " FORM, ts_log_quote(words[3]).z);
    if (n - tags == 3)
        out->separator = *w++;
    int rc = n - tags >= 2 ? read_filter(out, *w++, err) : 0;
    if (rc == 0)
        rc = read_parts(out, *w++, err);
    return rc == 0 && tags ? read_tags(out, *w, err) : rc;
}

bool ts_template_same_filter(const struct ts_template *a, const struct ts_template *b)
{
    if (a->nfilter != b->nfilter || (a->nfilter && !ts_str_eq(a->separator, b->separator)))
        return false;
    for (unsigned i = 0; i < a->nfilter; i++)
        if (!ts_str_eq(a->filter[i], b->filter[i]))
            return false;
    return true;
}
