#ifndef TS_CORE_EDIT_H
#define TS_CORE_EDIT_H
/*
 * Changes to a series: a name, field or tag set to a text, a regular expression replaced in it, tags left
 * out. A text may hold {name}, {field}, {kind} and {tags.KEY}; {{ is a bracket.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/pattern.h"
#include "core/series.h"

enum ts_edit_what { TS_EDIT_SET, TS_EDIT_REPLACE, TS_EDIT_DROP };
enum ts_edit_target { TS_EDIT_NAME, TS_EDIT_FIELD, TS_EDIT_TAG };

struct ts_edit {
    enum ts_edit_what what;
    enum ts_edit_target target;
    char *key;                  /* of a tag */
    char *text;                 /* SET, REPLACE */
    struct ts_pattern *pattern; /* REPLACE; DROP: of keys */
};

struct ts_edits {
    unsigned n;
    struct ts_edit *edits;
};

/* Each appends one edit. @return 0, -TS_EPARSE (err says what would be right). Without memory the process
 * ends. @thread main */
int ts_edits_read_set(struct ts_edits *edits, struct ts_str text,
                      struct ts_err *err) TS_MUST_CHECK; /* TARGET=TEXT */
int ts_edits_read_replace(struct ts_edits *edits, struct ts_str text,
                          struct ts_err *err) TS_MUST_CHECK; /* TARGET /REGEX/TEXT/ */
int ts_edits_read_drop(struct ts_edits *edits, struct ts_str text,
                       struct ts_err *err) TS_MUST_CHECK; /* a glob of keys */
void ts_edits_fini(struct ts_edits *edits);

#define TS_EDIT_SCRATCH (4 * TS_SERIES_MAX)

/** Room for the texts of changed series: TS_EDIT_SCRATCH bytes that never move. Ends the process without
 * memory. */
void ts_edit_scratch_init(struct ts_buf *scratch);

/**
 * Changes the view, in order; new texts are put into scratch, which must not be emptied while the view is
 * used.
 * @return 0; -TS_ELIMIT too long, too many tags, or an expression that took too long; -TS_EINVAL no name
 * left; -TS_ENOMEM.
 */
int ts_edits_apply(const struct ts_edits *edits, struct ts_series_view *view,
                   struct ts_buf *scratch) TS_MUST_CHECK;

/** Appends the text with its brackets filled from the view (NULL: as if all were empty). @return 0,
 * -TS_EPARSE (err says why), -TS_ELIMIT. */
int ts_edit_fill(struct ts_str text, const struct ts_series_view *view, struct ts_buf *out,
                 struct ts_err *err) TS_MUST_CHECK;

/** Puts the tag in place of those with its key; an empty value takes them out. @return 0, -TS_ELIMIT. */
int ts_edit_put_tag(struct ts_series_view *view, struct ts_str key, struct ts_str value) TS_MUST_CHECK;

#endif
