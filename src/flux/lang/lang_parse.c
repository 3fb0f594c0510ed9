/*
 * Tokens to the tree: operators, calls, and what all parts of the parser share. Recursive descent, one
 * function for each level of precedence (Flux language specification, "Operator precedence"): a pipe binds
 * tighter than ^, a sign tighter than a pipe, `not` and `exists` looser than comparisons. The first error
 * ends the parsing.
 */
#include "config.h"
#include "flux/lang/lang_parse.h"

#include <stdio.h>

struct ts_flux_node *ts_flux_parse_new(struct ts_flux_parser *ps, enum ts_flux_node_kind kind, uint32_t start)
{
    struct ts_flux_node *node = ts_flux_arena_alloc(ps->lex.arena, sizeof *node);
    if (!node) {
        (void)ts_flux_error_set(ps->lex.error, ts_flux_parse_pos(ps, start, start), "memory limit reached");
        return NULL;
    }
    node->kind = kind;
    node->start = start;
    return node;
}

static uint32_t height(const struct ts_flux_node *node)
{
    return node ? node->height : 0;
}

struct ts_flux_node *ts_flux_parse_done(struct ts_flux_parser *ps, struct ts_flux_node *node)
{
    uint32_t h = TS_MAX(height(node->a), TS_MAX(height(node->b), height(node->c)));
    for (const struct ts_flux_node *item = node->list; item; item = item->next)
        h = TS_MAX(h, item->height);
    node->height = h + 1;
    node->end = TS_MAX(ps->last_end, node->start);
    if (node->height <= TS_FLUX_HEIGHT_MAX)
        return node;
    (void)ts_flux_error_set(ps->lex.error, ts_flux_parse_pos(ps, node->end, node->end),
                            "too many operators in one expression (limit %u)", TS_FLUX_HEIGHT_MAX);
    return NULL;
}

void ts_flux_parse_advance(struct ts_flux_parser *ps)
{
    ps->last_end = ps->tok.end;
    ps->tok = ts_flux_lex_next(&ps->lex);
}

bool ts_flux_parse_accept(struct ts_flux_parser *ps, enum ts_flux_token_kind kind)
{
    if (ps->tok.kind != kind)
        return false;
    ts_flux_parse_advance(ps);
    return true;
}

void *ts_flux_parse_unexpected(struct ts_flux_parser *ps, const char *wanted)
{
    struct ts_flux_pos pos = ts_flux_parse_pos(ps, ps->tok.start, ps->tok.end);
    struct ts_str text = {ps->lex.src->text.p + ps->tok.start, ps->tok.end - ps->tok.start};
    if (ps->tok.kind == TS_FLUX_T_BAD)
        return NULL; /* the lexer has said it */
    if (ps->tok.kind == TS_FLUX_T_EOF)
        (void)ts_flux_error_set(ps->lex.error, pos, "expected %s, got the end of the script", wanted);
    else
        (void)ts_flux_error_set(ps->lex.error, pos, "expected %s, got %.*s", wanted,
                                (int)TS_MIN(text.len, (size_t)60), text.p);
    return NULL;
}

bool ts_flux_parse_expect(struct ts_flux_parser *ps, enum ts_flux_token_kind kind, const char *what)
{
    char wanted[120];
    if (ts_flux_parse_accept(ps, kind))
        return true;
    snprintf(wanted, sizeof wanted, "%s %s", ts_flux_token_text(kind), what);
    (void)ts_flux_parse_unexpected(ps, wanted);
    return false;
}

const struct ts_flux_name *ts_flux_parse_name(struct ts_flux_parser *ps, const char *what)
{
    if (ps->tok.kind != TS_FLUX_T_IDENT)
        return ts_flux_parse_unexpected(ps, what);
    struct ts_str s = {ps->lex.src->text.p + ps->tok.start, ps->tok.end - ps->tok.start};
    const struct ts_flux_name *name = ts_flux_name_of(ps->names, s);
    if (!name)
        (void)ts_flux_error_set(ps->lex.error, ts_flux_parse_pos(ps, ps->tok.start, ps->tok.end),
                                "memory limit reached");
    ts_flux_parse_advance(ps);
    return name;
}

/* a(…): the arguments. */
static struct ts_flux_node *call(struct ts_flux_parser *ps, struct ts_flux_node *callee)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_CALL, callee->start);
    ts_flux_parse_advance(ps);
    if (!node || ts_flux_parse_properties(ps, node, TS_FLUX_T_RPAREN) != 0)
        return NULL;
    node->a = callee;
    return ts_flux_parse_done(ps, node);
}

/* a[…]: a text is a member. */
static struct ts_flux_node *subscript(struct ts_flux_parser *ps, struct ts_flux_node *of)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_INDEX, of->start);
    ts_flux_parse_advance(ps);
    struct ts_flux_node *index = node ? ts_flux_parse_expr(ps) : NULL;
    if (!index || !ts_flux_parse_expect(ps, TS_FLUX_T_RBRACKET, "after the index"))
        return NULL;
    node->a = of;
    if (index->kind == TS_FLUX_N_STRING) {
        node->kind = TS_FLUX_N_MEMBER;
        node->quoted = true;
        node->name = ts_flux_name_of(ps->names, index->text);
        return node->name ? ts_flux_parse_done(ps, node) : NULL;
    }
    node->b = index;
    return ts_flux_parse_done(ps, node);
}

static struct ts_flux_node *member(struct ts_flux_parser *ps, struct ts_flux_node *of)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_MEMBER, of->start);
    ts_flux_parse_advance(ps);
    if (!node || !(node->name = ts_flux_parse_name(ps, "a name after the .")))
        return NULL;
    node->a = of;
    return ts_flux_parse_done(ps, node);
}

static struct ts_flux_node *postfix(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_primary(ps);
    while (node) {
        if (ps->tok.kind == TS_FLUX_T_DOT)
            node = member(ps, node);
        else if (ps->tok.kind == TS_FLUX_T_LPAREN)
            node = call(ps, node);
        else if (ps->tok.kind == TS_FLUX_T_LBRACKET)
            node = subscript(ps, node);
        else
            break;
    }
    return node;
}

static bool deeper(struct ts_flux_parser *ps)
{
    if (++ps->depth <= TS_FLUX_NESTING)
        return true;
    (void)ts_flux_error_set(ps->lex.error, ts_flux_parse_pos(ps, ps->tok.start, ps->tok.end),
                            "nested deeper than %u levels", TS_FLUX_NESTING);
    return false;
}

static struct ts_flux_node *prefix(struct ts_flux_parser *ps, enum ts_flux_op op,
                                   struct ts_flux_node *(*operand)(struct ts_flux_parser *))
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_UNARY, ps->tok.start);
    ts_flux_parse_advance(ps);
    bool room = deeper(ps);
    if (!node || !room || !(node->a = operand(ps)))
        return NULL;
    ps->depth--;
    node->op = op;
    return ts_flux_parse_done(ps, node);
}

static struct ts_flux_node *sign(struct ts_flux_parser *ps)
{
    if (ps->tok.kind == TS_FLUX_T_SUB)
        return prefix(ps, TS_FLUX_OP_SUB, sign);
    if (ps->tok.kind == TS_FLUX_T_ADD)
        return prefix(ps, TS_FLUX_OP_ADD, sign);
    return postfix(ps);
}

/* left op right, ended here. */
static struct ts_flux_node *join(struct ts_flux_parser *ps, enum ts_flux_node_kind kind, enum ts_flux_op op,
                                 struct ts_flux_node *left, struct ts_flux_node *right)
{
    struct ts_flux_node *node = right ? ts_flux_parse_new(ps, kind, left->start) : NULL;
    if (!node)
        return NULL;
    node->op = op;
    node->a = left;
    node->b = right;
    return ts_flux_parse_done(ps, node);
}

static struct ts_flux_node *pipe(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = sign(ps);
    while (node && ts_flux_parse_accept(ps, TS_FLUX_T_PIPE)) {
        struct ts_flux_node *right = sign(ps);
        if (right && right->kind != TS_FLUX_N_CALL) {
            (void)ts_flux_error_set(ps->lex.error, ts_flux_parse_pos(ps, right->start, right->end),
                                    "behind |> must stand a call");
            return NULL;
        }
        node = join(ps, TS_FLUX_N_PIPE, TS_FLUX_OP_NONE, node, right);
    }
    return node;
}

struct level {
    enum ts_flux_token_kind first, last; /* its operators */
    enum ts_flux_op op;                  /* of first; the others follow */
    enum ts_flux_node_kind kind;
};

/* Loosest first; behind level 1 (and) stand `not` and `exists`. */
static const struct level levels[] = {
    {TS_FLUX_T_OR, TS_FLUX_T_OR, TS_FLUX_OP_OR, TS_FLUX_N_LOGICAL},
    {TS_FLUX_T_AND, TS_FLUX_T_AND, TS_FLUX_OP_AND, TS_FLUX_N_LOGICAL},
    {TS_FLUX_T_EQ, TS_FLUX_T_NOT_MATCH, TS_FLUX_OP_EQ, TS_FLUX_N_BINARY},
    {TS_FLUX_T_ADD, TS_FLUX_T_SUB, TS_FLUX_OP_ADD, TS_FLUX_N_BINARY},
    {TS_FLUX_T_MUL, TS_FLUX_T_MOD, TS_FLUX_OP_MUL, TS_FLUX_N_BINARY},
    {TS_FLUX_T_POW, TS_FLUX_T_POW, TS_FLUX_OP_POW, TS_FLUX_N_BINARY},
};
#define COMPARISONS 2

static struct ts_flux_node *logical_operand(struct ts_flux_parser *ps);

static struct ts_flux_node *binary(struct ts_flux_parser *ps, size_t i)
{
    bool tightest = i + 1 == TS_ARRAY_SIZE(levels);
    const struct level *lv = &levels[i];
    struct ts_flux_node *node = tightest               ? pipe(ps)
                                : i + 1 == COMPARISONS ? logical_operand(ps)
                                                       : binary(ps, i + 1);
    while (node && ps->tok.kind >= lv->first && ps->tok.kind <= lv->last) {
        enum ts_flux_op op = lv->op + (enum ts_flux_op)(ps->tok.kind - lv->first);
        ts_flux_parse_advance(ps);
        struct ts_flux_node *right = tightest               ? pipe(ps)
                                     : i + 1 == COMPARISONS ? logical_operand(ps)
                                                            : binary(ps, i + 1);
        node = join(ps, lv->kind, op, node, right);
    }
    return node;
}

static struct ts_flux_node *logical_operand(struct ts_flux_parser *ps)
{
    if (ps->tok.kind == TS_FLUX_T_NOT)
        return prefix(ps, TS_FLUX_OP_NOT, logical_operand);
    if (ps->tok.kind == TS_FLUX_T_EXISTS)
        return prefix(ps, TS_FLUX_OP_EXISTS, logical_operand);
    return binary(ps, COMPARISONS);
}

static struct ts_flux_node *conditional(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_IF, ps->tok.start);
    ts_flux_parse_advance(ps);
    if (!node || !(node->a = ts_flux_parse_expr(ps)) ||
        !ts_flux_parse_expect(ps, TS_FLUX_T_THEN, "after the condition") ||
        !(node->b = ts_flux_parse_expr(ps)) ||
        !ts_flux_parse_expect(ps, TS_FLUX_T_ELSE, "after the value of then") ||
        !(node->c = ts_flux_parse_expr(ps)))
        return NULL;
    return ts_flux_parse_done(ps, node);
}

struct ts_flux_node *ts_flux_parse_expr(struct ts_flux_parser *ps)
{
    if (!deeper(ps))
        return NULL;
    struct ts_flux_node *node = ps->tok.kind == TS_FLUX_T_IF ? conditional(ps) : binary(ps, 0);
    ps->depth--;
    return node;
}

int ts_flux_parse(struct ts_flux_arena *arena, struct ts_flux_names *names, const struct ts_flux_source *src,
                  struct ts_flux_file *out, struct ts_flux_error *error)
{
    struct ts_flux_parser ps = {.names = names};
    if (src->text.len > TS_FLUX_SOURCE_MAX)
        return ts_flux_error_set(error, (struct ts_flux_pos){0}, "the script is longer than %u bytes",
                                 TS_FLUX_SOURCE_MAX);
    ts_flux_lex_init(&ps.lex, src, arena, error);
    if (src->text.len >= 3 && memcmp(src->text.p, "\xef\xbb\xbf", 3) == 0)
        ps.lex.at = 3; /* a byte order mark */
    ps.tok = ts_flux_lex_next(&ps.lex);
    *out = (struct ts_flux_file){.src = src, .root = ts_flux_parse_file(&ps)};
    out->comments = ps.lex.comments;
    if (out->root)
        return 0;
    if (!error->msg[0])
        return ts_flux_error_set(error, ts_flux_parse_pos(&ps, ps.tok.start, ps.tok.end),
                                 "memory limit reached");
    return -TS_EQUERY;
}
