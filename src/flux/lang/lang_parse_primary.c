/* Tokens to the tree: names, literals, records, arrays, dictionaries, functions, parentheses. */
#include "config.h"
#include "flux/lang/lang_parse.h"

/* Where the parser stood, to read on from there again in another way. */
struct place {
    struct ts_flux_token tok;
    uint32_t at, last_end;
};

static struct place here(const struct ts_flux_parser *ps)
{
    return (struct place){ps->tok, ps->lex.at, ps->last_end};
}

static void go_back(struct ts_flux_parser *ps, struct place place)
{
    ps->tok = place.tok;
    ps->lex.at = place.at;
    ps->last_end = place.last_end;
}

/* The token after a literal that was read character by character. */
static void resume(struct ts_flux_parser *ps)
{
    ps->last_end = ps->lex.at;
    ps->tok = ts_flux_lex_next(&ps->lex);
}

static struct ts_flux_node *regexp(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_REGEXP, ps->tok.start);
    if (!node || ts_flux_lex_regexp(&ps->lex, ps->tok.start, &node->text) != 0)
        return NULL;
    resume(ps);
    return ts_flux_parse_done(ps, node);
}

/* Adds the part of a string that ends at lex->at. */
static struct ts_flux_node *text_part(struct ts_flux_parser *ps, uint32_t start, struct ts_str text,
                                      struct ts_flux_node ***end)
{
    struct ts_flux_node *part = ts_flux_parse_new(ps, TS_FLUX_N_STRING, start);
    if (!part)
        return NULL;
    part->text = text;
    part->end = ps->lex.at;
    part->height = 1;
    **end = part;
    *end = &part->next;
    return part;
}

struct ts_flux_node *ts_flux_parse_string(struct ts_flux_parser *ps, bool may_interpolate)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_STRING, ps->tok.start);
    bool more;
    if (!node || ts_flux_lex_text(&ps->lex, node->start, &node->text, &more) != 0)
        return NULL;
    if (more && !may_interpolate) {
        (void)ts_flux_error_set(ps->lex.error, ts_flux_parse_pos(ps, node->start, ps->lex.at),
                                "expected a plain text without ${");
        return NULL;
    }
    if (!more) {
        resume(ps);
        return ts_flux_parse_done(ps, node);
    }
    struct ts_flux_node **end = &node->list;
    struct ts_str text = node->text;
    node->kind = TS_FLUX_N_INTERPOLATE;
    if (text.len && !text_part(ps, node->start + 1, text, &end))
        return NULL;
    while (more) {
        resume(ps);
        struct ts_flux_node *expr = ts_flux_parse_expr(ps);
        if (!expr || (ps->tok.kind != TS_FLUX_T_RBRACE &&
                      !ts_flux_parse_unexpected(ps, "} after the expression in a text")))
            return NULL;
        *end = expr;
        end = &expr->next;
        uint32_t from = ps->lex.at;
        if (ts_flux_lex_text(&ps->lex, node->start, &text, &more) != 0 ||
            (text.len && !text_part(ps, from, text, &end)))
            return NULL;
    }
    resume(ps);
    return ts_flux_parse_done(ps, node);
}

static struct ts_flux_node *label(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_LABEL, ps->tok.start);
    ts_flux_parse_advance(ps);
    if (!node || !(node->name = ts_flux_parse_name(ps, "a name after the .")))
        return NULL;
    return ts_flux_parse_done(ps, node);
}

/* name: value, "name": value, or name alone. */
static struct ts_flux_node *property(struct ts_flux_parser *ps, bool argument)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_PROPERTY, ps->tok.start);
    if (!node)
        return NULL;
    if (ps->tok.kind == TS_FLUX_T_QUOTE) {
        struct ts_flux_node *key = ts_flux_parse_string(ps, false);
        node->quoted = true;
        node->name = key ? ts_flux_name_of(ps->names, key->text) : NULL;
    } else {
        node->name = ts_flux_parse_name(ps, argument ? "the argument's name and : before its value" : "a name");
    }
    if (!node->name)
        return NULL;
    if (ts_flux_parse_accept(ps, TS_FLUX_T_COLON)) {
        if (!(node->a = ts_flux_parse_expr(ps)))
            return NULL;
    } else if (node->quoted) {
        return ts_flux_parse_unexpected(ps, argument ? "the argument's name and : before its value"
                                                     : ": and a value after the quoted name");
    }
    return ts_flux_parse_done(ps, node);
}

/* What stands there instead of a comma may tell what was meant. */
static const char *between(const struct ts_flux_parser *ps, enum ts_flux_token_kind close)
{
    if (ps->tok.kind == TS_FLUX_T_ASSIGN)
        return close == TS_FLUX_T_RPAREN ? "or ) after an argument (== compares)" : "or } after a property (: stands behind its name)";
    if (ps->tok.kind == TS_FLUX_T_ARROW)
        return "or ) after an argument (a function is written (r) => …)";
    return close == TS_FLUX_T_RPAREN ? "or ) after an argument" : "or } after a property";
}

int ts_flux_parse_properties(struct ts_flux_parser *ps, struct ts_flux_node *owner,
                             enum ts_flux_token_kind close)
{
    struct ts_flux_node **end = &owner->list;
    while (ps->tok.kind != close) {
        struct ts_flux_node *prop = property(ps, close == TS_FLUX_T_RPAREN);
        if (!prop)
            return -TS_EQUERY;
        *end = prop;
        end = &prop->next;
        if (ps->tok.kind != close && !ts_flux_parse_expect(ps, TS_FLUX_T_COMMA, between(ps, close)))
            return -TS_EQUERY;
    }
    ts_flux_parse_advance(ps);
    return 0;
}

struct ts_flux_node *ts_flux_parse_record(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_RECORD, ps->tok.start);
    if (!node)
        return NULL;
    ts_flux_parse_advance(ps);
    if (ps->tok.kind == TS_FLUX_T_IDENT) {
        struct place place = here(ps);
        struct ts_flux_node *with = ts_flux_parse_primary(ps);
        struct ts_str word = {ps->lex.src->text.p + ps->tok.start, ps->tok.end - ps->tok.start};
        if (with && ps->tok.kind == TS_FLUX_T_IDENT && ts_str_eq(word, TS_STR("with"))) {
            node->a = with;
            ts_flux_parse_advance(ps);
        } else {
            go_back(ps, place);
        }
    }
    return ts_flux_parse_properties(ps, node, TS_FLUX_T_RBRACE) == 0 ? ts_flux_parse_done(ps, node) : NULL;
}

/* key: value of a dictionary, whose key is read already. */
static struct ts_flux_node *pair(struct ts_flux_parser *ps, struct ts_flux_node *key)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_PAIR, key->start);
    if (!node || !ts_flux_parse_expect(ps, TS_FLUX_T_COLON, "after the key") ||
        !(node->b = ts_flux_parse_expr(ps)))
        return NULL;
    node->a = key;
    return ts_flux_parse_done(ps, node);
}

struct ts_flux_node *ts_flux_parse_brackets(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_ARRAY, ps->tok.start), **end;
    if (!node)
        return NULL;
    end = &node->list;
    ts_flux_parse_advance(ps);
    if (ts_flux_parse_accept(ps, TS_FLUX_T_COLON)) {
        node->kind = TS_FLUX_N_DICT;
        return ts_flux_parse_expect(ps, TS_FLUX_T_RBRACKET, "to end the empty dictionary")
                   ? ts_flux_parse_done(ps, node)
                   : NULL;
    }
    while (ps->tok.kind != TS_FLUX_T_RBRACKET) {
        struct ts_flux_node *item = ts_flux_parse_expr(ps);
        if (item && !node->list && ps->tok.kind == TS_FLUX_T_COLON)
            node->kind = TS_FLUX_N_DICT;
        if (item && node->kind == TS_FLUX_N_DICT)
            item = pair(ps, item);
        if (!item)
            return NULL;
        *end = item;
        end = &item->next;
        if (ps->tok.kind != TS_FLUX_T_RBRACKET && !ts_flux_parse_expect(ps, TS_FLUX_T_COMMA, "or ] after an item"))
            return NULL;
    }
    ts_flux_parse_advance(ps);
    return ts_flux_parse_done(ps, node);
}

/* name, name=default, name=<- */
static struct ts_flux_node *parameter(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_PARAM, ps->tok.start);
    if (!node || !(node->name = ts_flux_parse_name(ps, "a parameter's name")))
        return NULL;
    if (ts_flux_parse_accept(ps, TS_FLUX_T_ASSIGN)) {
        if (ps->tok.kind == TS_FLUX_T_PIPE_RECEIVE) {
            node->a = ts_flux_parse_new(ps, TS_FLUX_N_PIPE_ARG, ps->tok.start);
            ts_flux_parse_advance(ps);
            node->a = node->a ? ts_flux_parse_done(ps, node->a) : NULL;
        } else {
            node->a = ts_flux_parse_expr(ps);
        }
        if (!node->a)
            return NULL;
    }
    return ts_flux_parse_done(ps, node);
}

/* From the first parameter on; the ( is read. */
static struct ts_flux_node *function(struct ts_flux_parser *ps, uint32_t start)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_FUNCTION, start), **end;
    if (!node)
        return NULL;
    end = &node->list;
    while (ps->tok.kind != TS_FLUX_T_RPAREN) {
        struct ts_flux_node *param = parameter(ps);
        if (!param)
            return NULL;
        *end = param;
        end = &param->next;
        if (ps->tok.kind != TS_FLUX_T_RPAREN &&
            !ts_flux_parse_expect(ps, TS_FLUX_T_COMMA, "between parameters"))
            return NULL;
    }
    ts_flux_parse_advance(ps);
    if (!ts_flux_parse_expect(ps, TS_FLUX_T_ARROW, "after the parameters"))
        return NULL;
    node->a = ps->tok.kind == TS_FLUX_T_LBRACE ? ts_flux_parse_block(ps) : ts_flux_parse_expr(ps);
    return node->a ? ts_flux_parse_done(ps, node) : NULL;
}

/* Whether what follows a ( are parameters: nothing, a name with `,` or `=` behind it, or one name and `) =>`.
 */
static bool begins_function(struct ts_flux_parser *ps)
{
    struct place place = here(ps);
    bool yes = ps->tok.kind == TS_FLUX_T_RPAREN;
    if (ps->tok.kind == TS_FLUX_T_IDENT) {
        ts_flux_parse_advance(ps);
        yes = ps->tok.kind == TS_FLUX_T_COMMA || ps->tok.kind == TS_FLUX_T_ASSIGN;
        if (ts_flux_parse_accept(ps, TS_FLUX_T_RPAREN))
            yes = ps->tok.kind == TS_FLUX_T_ARROW;
        go_back(ps, place);
    }
    return yes;
}

struct ts_flux_node *ts_flux_parse_paren(struct ts_flux_parser *ps)
{
    uint32_t start = ps->tok.start;
    ts_flux_parse_advance(ps);
    if (begins_function(ps))
        return function(ps, start);
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_PAREN, start);
    if (!node || !(node->a = ts_flux_parse_expr(ps)) ||
        !ts_flux_parse_expect(ps, TS_FLUX_T_RPAREN, "to close the parenthesis"))
        return NULL;
    return ts_flux_parse_done(ps, node);
}

struct ts_flux_node *ts_flux_parse_primary(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node;
    switch (ps->tok.kind) {
    case TS_FLUX_T_IDENT:
        node = ts_flux_parse_new(ps, TS_FLUX_N_IDENT, ps->tok.start);
        if (!node || !(node->name = ts_flux_parse_name(ps, "a name")))
            return NULL;
        return ts_flux_parse_done(ps, node);
    case TS_FLUX_T_INT:
    case TS_FLUX_T_FLOAT:
    case TS_FLUX_T_TIME:
    case TS_FLUX_T_DURATION: return ts_flux_parse_number(ps);
    case TS_FLUX_T_QUOTE: return ts_flux_parse_string(ps, true);
    case TS_FLUX_T_DIV: return regexp(ps);
    case TS_FLUX_T_DOT: return label(ps);
    case TS_FLUX_T_LPAREN: return ts_flux_parse_paren(ps);
    case TS_FLUX_T_LBRACKET: return ts_flux_parse_brackets(ps);
    case TS_FLUX_T_LBRACE: return ts_flux_parse_record(ps);
    default: return ts_flux_parse_unexpected(ps, "an expression");
    }
}
