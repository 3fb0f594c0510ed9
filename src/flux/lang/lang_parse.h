#ifndef TS_FLUX_LANG_PARSE_H
#define TS_FLUX_LANG_PARSE_H
/* The parser's state, shared by its files. A function that fails gives NULL and has filled the error. */
#include "flux/lang/lang_lex.h"

#define TS_FLUX_HEIGHT_MAX 2000 /* of the tree: a chain of operators is as high as it is long */

struct ts_flux_parser {
    struct ts_flux_lexer lex;
    struct ts_flux_names *names;
    struct ts_flux_token tok; /* the next one */
    uint32_t last_end;        /* where the one before it ended */
    unsigned depth;
};

struct ts_flux_node *ts_flux_parse_expr(struct ts_flux_parser *ps);
struct ts_flux_node *ts_flux_parse_block(struct ts_flux_parser *ps);
struct ts_flux_node *ts_flux_parse_file(struct ts_flux_parser *ps);
struct ts_flux_node *ts_flux_parse_primary(struct ts_flux_parser *ps);

/** `(`…: a function or an expression in parentheses. `{`…: a record. `[`…: an array or a dictionary. */
struct ts_flux_node *ts_flux_parse_paren(struct ts_flux_parser *ps);
struct ts_flux_node *ts_flux_parse_record(struct ts_flux_parser *ps);
struct ts_flux_node *ts_flux_parse_brackets(struct ts_flux_parser *ps);

/** Properties up to and with the closing token, for records, calls and attributes, behind list. */
int ts_flux_parse_properties(struct ts_flux_parser *ps, struct ts_flux_node *owner,
                             enum ts_flux_token_kind close);

struct ts_flux_node *ts_flux_parse_string(struct ts_flux_parser *ps, bool may_interpolate);
struct ts_flux_node *ts_flux_parse_number(struct ts_flux_parser *ps);

/* ---- shared by all of them ---- */

struct ts_flux_node *ts_flux_parse_new(struct ts_flux_parser *ps, enum ts_flux_node_kind kind,
                                       uint32_t start);

/** Ends the node where the last token ended and checks the tree's height. @return node, or NULL. */
struct ts_flux_node *ts_flux_parse_done(struct ts_flux_parser *ps, struct ts_flux_node *node);

void ts_flux_parse_advance(struct ts_flux_parser *ps);
bool ts_flux_parse_accept(struct ts_flux_parser *ps, enum ts_flux_token_kind kind);

/** The next token must be one; what says what it is for ("after the parameters"). */
bool ts_flux_parse_expect(struct ts_flux_parser *ps, enum ts_flux_token_kind kind, const char *what);
const struct ts_flux_name *ts_flux_parse_name(struct ts_flux_parser *ps, const char *what);

/** Fills the error: wanted, and what stands there. @return NULL. */
void *ts_flux_parse_unexpected(struct ts_flux_parser *ps, const char *wanted);

static inline struct ts_flux_pos ts_flux_parse_pos(const struct ts_flux_parser *ps, uint32_t start,
                                                   uint32_t end)
{
    return (struct ts_flux_pos){ps->lex.src, start, end};
}

#endif
