/*
 * Changes of series, from the configuration's texts and onto a view. Thread: main while they are read, any
 * while they are applied: edits are not changed then. They run once for a series, so texts are read again
 * each time.
 */
#include "config.h"
#include "core/edit.h"

#include "core/expr.h"
#include "core/mem.h"

void ts_edits_fini(struct ts_edits *edits)
{
    for (unsigned i = 0; i < edits->n; i++) {
        ts_free(edits->edits[i].key);
        ts_free(edits->edits[i].text);
        ts_pattern_free(&edits->edits[i].pattern);
    }
    TS_FREE(edits->edits);
    edits->n = 0;
}

void ts_edit_scratch_init(struct ts_buf *scratch)
{
    *scratch = (struct ts_buf){.p = ts_xalloc(TS_EDIT_SCRATCH), .cap = TS_EDIT_SCRATCH, .limit = TS_EDIT_SCRATCH};
}

static struct ts_edit *append(struct ts_edits *edits, struct ts_edit edit)
{
    edits->edits = ts_xresize(edits->edits, (edits->n + 1) * sizeof *edits->edits);
    edits->edits[edits->n] = edit;
    return &edits->edits[edits->n++];
}

static bool begins_with(struct ts_str s, struct ts_str head)
{
    return s.len >= head.len && memcmp(s.p, head.p, head.len) == 0;
}

/* "name", "field" or "tags.KEY" */
static int read_target(struct ts_str text, struct ts_edit *edit, struct ts_err *err)
{
    if (ts_str_eq(text, TS_STR("name")))
        edit->target = TS_EDIT_NAME;
    else if (ts_str_eq(text, TS_STR("field")))
        edit->target = TS_EDIT_FIELD;
    else if (begins_with(text, TS_STR("tags.")) && text.len > 5 && !memchr(text.p, ' ', text.len)) {
        edit->target = TS_EDIT_TAG;
        edit->key = ts_xstrndup(text.p + 5, text.len - 5);
    } else {
        return ts_fail(err, TS_EPARSE, "\"%.*s\" cannot be changed; give name, field or tags.KEY",
                       (int)TS_MIN(text.len, (size_t)40), text.p);
    }
    return 0;
}

static struct ts_str value_of(struct ts_str ref, const struct ts_series_view *view)
{
    if (!view)
        return TS_STR("");
    if (ts_str_eq(ref, TS_STR("name")))
        return view->name;
    if (ts_str_eq(ref, TS_STR("field")))
        return view->field;
    if (ts_str_eq(ref, TS_STR("kind")))
        return ts_str_of(ts_expr_kind_name(view->kind));
    return ts_expr_tag(view, (struct ts_str){ref.p + 5, ref.len - 5});
}

static bool is_reference(struct ts_str ref)
{
    return ts_str_eq(ref, TS_STR("name")) || ts_str_eq(ref, TS_STR("field")) ||
           ts_str_eq(ref, TS_STR("kind")) || (begins_with(ref, TS_STR("tags.")) && ref.len > 5);
}

int ts_edit_fill(struct ts_str text, const struct ts_series_view *view, struct ts_buf *out,
                 struct ts_err *err)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] != '{') {
            ts_buf_putc(out, text.p[i]);
            continue;
        }
        if (i + 1 < text.len && text.p[i + 1] == '{') {
            ts_buf_putc(out, '{');
            i++;
            continue;
        }
        const char *from = text.p + i + 1, *end = memchr(from, '}', text.len - i - 1);
        struct ts_str ref = {from, end ? (size_t)(end - from) : 0};
        if (!end || !is_reference(ref))
            return ts_fail(
                err, TS_EPARSE,
                "\"{\" without {name}, {field}, {kind} or {tags.KEY}; write {{ for the character itself");
        ts_buf_put_str(out, value_of(ref, view));
        i += ref.len + 1;
    }
    return ts_buf_failed(out) ? -TS_ELIMIT : 0;
}

int ts_edits_read_set(struct ts_edits *edits, struct ts_str text, struct ts_err *err)
{
    const char *equals = text.len ? memchr(text.p, '=', text.len) : NULL;
    struct ts_edit edit = {.what = TS_EDIT_SET};
    if (!equals)
        return ts_fail(err, TS_EPARSE, "no \"=\"; write it as in tags.env=prod, or name=api.{tags.region}");
    struct ts_str value = {equals + 1, text.len - (size_t)(equals + 1 - text.p)};
    struct ts_buf filled = TS_BUF_INIT;
    int rc = read_target((struct ts_str){text.p, (size_t)(equals - text.p)}, &edit, err);
    if (rc == 0)
        rc = ts_edit_fill(value, NULL, &filled, err);
    ts_buf_fini(&filled);
    if (rc == 0 && value.len == 0 && edit.target == TS_EDIT_NAME)
        rc = ts_fail(err, TS_EPARSE, "name= leaves no name; give a text");
    if (rc) {
        ts_free(edit.key);
        return -TS_EPARSE;
    }
    edit.text = ts_xstrndup(value.p, value.len);
    append(edits, edit);
    return 0;
}

/* Up to the next / that has no backslash before it. @return false without one. */
static bool next_part(struct ts_str *rest, struct ts_str *part)
{
    size_t i = 0;
    while (i < rest->len && rest->p[i] != '/')
        i += rest->p[i] == '\\' ? 2 : 1;
    if (i >= rest->len)
        return false;
    *part = (struct ts_str){rest->p, i};
    *rest = (struct ts_str){rest->p + i + 1, rest->len - i - 1};
    return true;
}

/* "\/" becomes "/"; other backslashes mean something to the expression and stay, in the replacement too. */
static char *without_escapes(struct ts_str s)
{
    struct ts_buf buf = TS_BUF_INIT;
    for (size_t i = 0; i < s.len; i++)
        if (!(s.p[i] == '\\' && i + 1 < s.len && s.p[i + 1] == '/'))
            ts_buf_putc(&buf, s.p[i]);
    char *out = ts_xstrndup(buf.len ? buf.p : "", buf.len);
    ts_buf_fini(&buf);
    return out;
}

int ts_edits_read_replace(struct ts_edits *edits, struct ts_str text, struct ts_err *err)
{
    struct ts_edit edit = {.what = TS_EDIT_REPLACE};
    struct ts_str rest = text, target = {text.p, 0}, regex, by;
    while (target.len < text.len && text.p[target.len] != ' ')
        target.len++;
    rest.p += TS_MIN(target.len + 1, text.len);
    rest.len -= TS_MIN(target.len + 1, text.len);
    if (rest.len == 0 || rest.p[0] != '/')
        return ts_fail(err, TS_EPARSE, "no expression; write it as in name /^prod\\.(.*)/$1/");
    rest.p++;
    rest.len--;
    if (!next_part(&rest, &regex) || !next_part(&rest, &by) || rest.len)
        return ts_fail(err, TS_EPARSE, "not TARGET /REGEX/TEXT/; write it as in name /^prod\\.(.*)/$1/");
    int rc = read_target(target, &edit, err);
    char *plain = without_escapes(regex);
    if (rc == 0)
        rc = ts_pattern_regex(ts_str_of(plain), &edit.pattern, err);
    ts_free(plain);
    edit.text = without_escapes(by);
    if (rc == 0)
        rc = ts_pattern_check_replacement(edit.pattern, ts_str_of(edit.text), err);
    if (rc == 0) {
        append(edits, edit);
        return 0;
    }
    ts_free(edit.key);
    ts_free(edit.text);
    ts_pattern_free(&edit.pattern);
    return rc;
}

int ts_edits_read_drop(struct ts_edits *edits, struct ts_str text, struct ts_err *err)
{
    if (text.len == 0)
        return ts_fail(err, TS_EPARSE, "no key; give a tag's key, or a glob such as tmp_*");
    append(edits,
           (struct ts_edit){.what = TS_EDIT_DROP, .target = TS_EDIT_TAG, .pattern = ts_pattern_glob(text)});
    return 0;
}

static void take_out_tags(struct ts_series_view *view, struct ts_str key)
{
    unsigned n = 0;
    for (unsigned i = 0; i < view->ntags; i++)
        if (!ts_str_eq(view->tags[i].key, key))
            view->tags[n++] = view->tags[i];
    view->ntags = n;
}

int ts_edit_put_tag(struct ts_series_view *view, struct ts_str key, struct ts_str value)
{
    take_out_tags(view, key);
    if (value.len == 0)
        return 0;
    if (view->ntags == TS_TAGS_MAX)
        return -TS_ELIMIT;
    view->tags[view->ntags++] = (struct ts_tag){key, value};
    return 0;
}

static int drop_tags(const struct ts_edit *edit, struct ts_series_view *view)
{
    unsigned n = 0;
    for (unsigned i = 0; i < view->ntags; i++) {
        int fits = ts_pattern_match(edit->pattern, view->tags[i].key);
        if (fits < 0)
            return fits;
        if (!fits)
            view->tags[n++] = view->tags[i];
    }
    view->ntags = n;
    return 0;
}

static int change_text(const struct ts_edit *edit, struct ts_series_view *view, struct ts_buf *scratch)
{
    size_t from = scratch->len;
    struct ts_str text = ts_str_of(edit->text), key = edit->key ? ts_str_of(edit->key) : TS_STR("");
    struct ts_str old = edit->target == TS_EDIT_NAME    ? view->name
                        : edit->target == TS_EDIT_FIELD ? view->field
                                                        : ts_expr_tag(view, key);
    if (edit->what == TS_EDIT_REPLACE && edit->target == TS_EDIT_TAG && old.len == 0)
        return 0; /* there is no such tag */
    int rc = edit->what == TS_EDIT_SET ? ts_edit_fill(text, view, scratch, NULL)
                                       : ts_pattern_replace(edit->pattern, old, text, scratch);
    if (rc)
        return ts_buf_failed(scratch) ? -TS_ELIMIT : rc;
    struct ts_str new = {scratch->p + from, scratch->len - from};
    if (edit->target == TS_EDIT_TAG)
        return ts_edit_put_tag(view, key, new);
    if (new.len == 0 && (edit->target == TS_EDIT_NAME || old.len))
        return -TS_EINVAL;
    if (edit->target == TS_EDIT_NAME)
        view->name = new;
    else
        view->field = new;
    return 0;
}

int ts_edits_apply(const struct ts_edits *edits, struct ts_series_view *view, struct ts_buf *scratch)
{
    for (unsigned i = 0; i < edits->n; i++) {
        const struct ts_edit *edit = &edits->edits[i];
        int rc = edit->what == TS_EDIT_DROP ? drop_tags(edit, view) : change_text(edit, view, scratch);
        if (rc)
            return rc;
    }
    return 0;
}
