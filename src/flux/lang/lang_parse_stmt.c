/* Tokens to the tree: statements, blocks, the file with its package clause, imports and attributes. */
#include "config.h"
#include "flux/lang/lang_parse.h"

static bool at_word(const struct ts_flux_parser *ps, const char *word)
{
    struct ts_str s = {ps->lex.src->text.p + ps->tok.start, ps->tok.end - ps->tok.start};
    return ps->tok.kind == TS_FLUX_T_IDENT && ts_str_eq(s, ts_str_of(word));
}

/* @name or @name(properties), as many as there are. */
static bool attributes(struct ts_flux_parser *ps, struct ts_flux_node **out)
{
    *out = NULL;
    while (ps->tok.kind == TS_FLUX_T_ATTRIBUTE) {
        struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_CALL, ps->tok.start);
        struct ts_str s = {ps->lex.src->text.p + ps->tok.start + 1, ps->tok.end - ps->tok.start - 1};
        node = node && (node->name = ts_flux_name_of(ps->names, s)) ? node : NULL;
        ts_flux_parse_advance(ps);
        if (!node ||
            (ts_flux_parse_accept(ps, TS_FLUX_T_LPAREN) &&
             ts_flux_parse_properties(ps, node, TS_FLUX_T_RPAREN) != 0) ||
            !ts_flux_parse_done(ps, node))
            return false;
        *out = node;
        out = &node->next;
    }
    return true;
}

/* option name = expr, option package.name = expr */
static struct ts_flux_node *option(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_OPTION, ps->tok.start);
    ts_flux_parse_advance(ps);
    uint32_t start = ps->tok.start;
    if (!node || !(node->name = ts_flux_parse_name(ps, "the option's name")))
        return NULL;
    if (ps->tok.kind == TS_FLUX_T_DOT) {
        node->b = ts_flux_parse_new(ps, TS_FLUX_N_IDENT, start);
        if (!node->b)
            return NULL;
        node->b->name = node->name;
        (void)ts_flux_parse_done(ps, node->b);
        ts_flux_parse_advance(ps);
        if (!(node->name = ts_flux_parse_name(ps, "the option's name")))
            return NULL;
    }
    if (!ts_flux_parse_expect(ps, TS_FLUX_T_ASSIGN, "after the option's name") ||
        !(node->a = ts_flux_parse_expr(ps)))
        return NULL;
    return ts_flux_parse_done(ps, node);
}

static bool type(struct ts_flux_parser *ps, unsigned depth);

/* Items of a type between brackets, up to and with close: names with ? and <-, colons, types, `with`. */
static bool type_items(struct ts_flux_parser *ps, enum ts_flux_token_kind close, unsigned depth)
{
    while (ps->tok.kind != close) {
        (void)ts_flux_parse_accept(ps, TS_FLUX_T_QUESTION);
        bool pipe = ts_flux_parse_accept(ps, TS_FLUX_T_PIPE_RECEIVE);
        if (ps->tok.kind == TS_FLUX_T_QUOTE && !ts_flux_parse_string(ps, false))
            return false;
        if (!(pipe && ps->tok.kind == TS_FLUX_T_COLON) && ps->tok.kind != TS_FLUX_T_COLON && !type(ps, depth))
            return false;
        if (at_word(ps, "with"))
            ts_flux_parse_advance(ps);
        else if (ts_flux_parse_accept(ps, TS_FLUX_T_COLON) && !type(ps, depth))
            return false;
        if (ts_flux_parse_accept(ps, TS_FLUX_T_ASSIGN) &&
            (!ts_flux_parse_expect(ps, TS_FLUX_T_DOT, "before the label") ||
             !ts_flux_parse_name(ps, "a label")))
            return false;
        if (ps->tok.kind != close && ps->tok.kind != TS_FLUX_T_IDENT &&
            !ts_flux_parse_expect(ps, TS_FLUX_T_COMMA, "in the type"))
            return false;
    }
    ts_flux_parse_advance(ps);
    return true;
}

/* A type expression; only its text is kept. */
static bool type(struct ts_flux_parser *ps, unsigned depth)
{
    if (depth > TS_FLUX_NESTING)
        return ts_flux_parse_unexpected(ps, "a type that is less nested") != NULL;
    if (ts_flux_parse_accept(ps, TS_FLUX_T_LBRACE))
        return type_items(ps, TS_FLUX_T_RBRACE, depth + 1);
    if (ts_flux_parse_accept(ps, TS_FLUX_T_LBRACKET))
        return type_items(ps, TS_FLUX_T_RBRACKET, depth + 1);
    if (ts_flux_parse_accept(ps, TS_FLUX_T_LPAREN))
        return type_items(ps, TS_FLUX_T_RPAREN, depth + 1) &&
               ts_flux_parse_expect(ps, TS_FLUX_T_ARROW, "after the parameters") && type(ps, depth + 1);
    if (!ts_flux_parse_name(ps, "a type"))
        return false;
    return !ts_flux_parse_accept(ps, TS_FLUX_T_LBRACKET) || type_items(ps, TS_FLUX_T_RBRACKET, depth + 1);
}

/* where A: Addable + Divisible, B: … */
static bool constraints(struct ts_flux_parser *ps)
{
    do {
        ts_flux_parse_advance(ps);
        if (!ts_flux_parse_name(ps, "a type variable") ||
            !ts_flux_parse_expect(ps, TS_FLUX_T_COLON, "after the type variable"))
            return false;
        do {
            if (!ts_flux_parse_name(ps, "a constraint"))
                return false;
        } while (ts_flux_parse_accept(ps, TS_FLUX_T_ADD));
    } while (ps->tok.kind == TS_FLUX_T_COMMA);
    return true;
}

static struct ts_flux_node *builtin(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_BUILTIN, ps->tok.start);
    ts_flux_parse_advance(ps);
    if (!node || !(node->name = ts_flux_parse_name(ps, "the builtin's name")) ||
        !ts_flux_parse_expect(ps, TS_FLUX_T_COLON, "before the type"))
        return NULL;
    uint32_t from = ps->tok.start;
    if (!type(ps, 0) || (at_word(ps, "where") && !constraints(ps)))
        return NULL;
    node->text = (struct ts_str){ps->lex.src->text.p + from, ps->last_end - from};
    return ts_flux_parse_done(ps, node);
}

static struct ts_flux_node *testcase(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_TESTCASE, ps->tok.start);
    ts_flux_parse_advance(ps);
    if (!node || !(node->name = ts_flux_parse_name(ps, "the test case's name")))
        return NULL;
    if (at_word(ps, "extends")) {
        ts_flux_parse_advance(ps);
        if (ps->tok.kind != TS_FLUX_T_QUOTE)
            return ts_flux_parse_unexpected(ps, "a text after extends");
        struct ts_flux_node *base = ts_flux_parse_string(ps, false);
        if (!base)
            return NULL;
        node->text = base->text;
        node->quoted = true;
    }
    node->a = ts_flux_parse_block(ps);
    return node->a ? ts_flux_parse_done(ps, node) : NULL;
}

/* An expression, or name = expression. */
static struct ts_flux_node *plain(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_EXPR, ps->tok.start);
    struct ts_flux_node *expr = node ? ts_flux_parse_expr(ps) : NULL;
    if (!expr)
        return NULL;
    node->a = expr;
    if (ps->tok.kind == TS_FLUX_T_ASSIGN && expr->kind == TS_FLUX_N_IDENT) {
        node->kind = TS_FLUX_N_ASSIGN;
        node->name = expr->name;
        ts_flux_parse_advance(ps);
        if (!(node->a = ts_flux_parse_expr(ps)))
            return NULL;
    }
    return ts_flux_parse_done(ps, node);
}

static struct ts_flux_node *statement(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node, *attrs;
    if (!attributes(ps, &attrs))
        return NULL;
    switch (ps->tok.kind) {
    case TS_FLUX_T_OPTION: node = option(ps); break;
    case TS_FLUX_T_BUILTIN: node = builtin(ps); break;
    case TS_FLUX_T_TESTCASE: node = testcase(ps); break;
    case TS_FLUX_T_RETURN:
        node = ts_flux_parse_new(ps, TS_FLUX_N_RETURN, ps->tok.start);
        ts_flux_parse_advance(ps);
        if (node && (node->a = ts_flux_parse_expr(ps)) != NULL)
            node = ts_flux_parse_done(ps, node);
        else
            node = NULL;
        break;
    default: node = plain(ps);
    }
    if (node)
        node->attrs = attrs;
    return node;
}

struct ts_flux_node *ts_flux_parse_block(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_BLOCK, ps->tok.start), **end;
    if (!node || !ts_flux_parse_expect(ps, TS_FLUX_T_LBRACE, "to begin the block"))
        return NULL;
    end = &node->list;
    if (++ps->depth > TS_FLUX_NESTING)
        return ts_flux_parse_unexpected(ps, "a block that is less nested");
    while (ps->tok.kind != TS_FLUX_T_RBRACE) {
        struct ts_flux_node *stmt = statement(ps);
        if (!stmt)
            return NULL;
        *end = stmt;
        end = &stmt->next;
    }
    ps->depth--;
    ts_flux_parse_advance(ps);
    return ts_flux_parse_done(ps, node);
}

static struct ts_flux_node *import(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_IMPORT, ps->tok.start);
    ts_flux_parse_advance(ps);
    if (!node || (ps->tok.kind == TS_FLUX_T_IDENT && !(node->name = ts_flux_parse_name(ps, "a name"))))
        return NULL;
    if (ps->tok.kind != TS_FLUX_T_QUOTE)
        return ts_flux_parse_unexpected(ps, "the package's path in quotes");
    struct ts_flux_node *path = ts_flux_parse_string(ps, false);
    if (!path)
        return NULL;
    node->text = path->text;
    return ts_flux_parse_done(ps, node);
}

/* package, imports and statements, in this order; attributes may stand before each. */
struct ts_flux_node *ts_flux_parse_file(struct ts_flux_parser *ps)
{
    struct ts_flux_node *file = ts_flux_parse_new(ps, TS_FLUX_N_FILE, 0), *attrs = NULL, *node;
    struct ts_flux_node **imports = file ? &file->b : NULL, **statements = file ? &file->list : NULL;
    if (!file || !attributes(ps, &attrs))
        return NULL;
    if (ps->tok.kind == TS_FLUX_T_PACKAGE) {
        file->a = ts_flux_parse_new(ps, TS_FLUX_N_PACKAGE, ps->tok.start);
        ts_flux_parse_advance(ps);
        if (!file->a || !(file->a->name = ts_flux_parse_name(ps, "the package's name")) ||
            !ts_flux_parse_done(ps, file->a))
            return NULL;
        file->a->attrs = attrs;
        if (!attributes(ps, &attrs))
            return NULL;
    }
    for (; ps->tok.kind == TS_FLUX_T_IMPORT; imports = &node->next) {
        if (!(node = import(ps)))
            return NULL;
        node->attrs = attrs;
        *imports = node;
        if (!attributes(ps, &attrs))
            return NULL;
    }
    for (; ps->tok.kind != TS_FLUX_T_EOF; statements = &node->next) {
        if (!(node = statement(ps)))
            return NULL;
        if (attrs)
            node->attrs = attrs;
        attrs = NULL;
        *statements = node;
    }
    return ts_flux_parse_done(ps, file);
}
