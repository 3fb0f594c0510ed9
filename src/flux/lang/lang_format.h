#ifndef TS_FLUX_LANG_FORMAT_H
#define TS_FLUX_LANG_FORMAT_H
/* The formatter's state, shared by its files: statements and comments in one, expressions in the other. */
#include "flux/lang/lang.h"

#define TS_FLUX_FORMAT_WIDTH  100
#define TS_FLUX_FORMAT_INDENT 4

struct ts_flux_formatter {
    const struct ts_flux_source *src;
    const struct ts_flux_comment *comments; /* those not written yet */
    struct ts_buf *to;
    unsigned indent;
    bool apart; /* a blank line comes before the next statement, whatever the source has */
    bool flat;  /* everything on one line; what does not fit or cannot be makes it fail */
    bool failed;
    size_t flat_end; /* where to->len must not get */
};

void ts_flux_format_node(struct ts_flux_formatter *fm, const struct ts_flux_node *node);
void ts_flux_format_block(struct ts_flux_formatter *fm, const struct ts_flux_node *block);
/** The items of a list in brackets; with each on a line of its own when they do not fit on one. */
void ts_flux_format_list(struct ts_flux_formatter *fm, const struct ts_flux_node *list, const char *open,
                         const char *close, uint32_t close_at);

void ts_flux_format_newline(struct ts_flux_formatter *fm);
/** Comments that stand before an offset, each on a line, the cursor being at the start of one. */
void ts_flux_format_comments(struct ts_flux_formatter *fm, uint32_t before);
/** A comment on the line on which something ended, before the next thing begins. @return whether there was
 * one. */
bool ts_flux_format_trailing(struct ts_flux_formatter *fm, uint32_t end, uint32_t before);
void ts_flux_format_quoted(struct ts_buf *to, struct ts_str s);

static inline void ts_flux_format_puts(struct ts_flux_formatter *fm, const char *z)
{
    ts_buf_puts(fm->to, z);
}

#endif
