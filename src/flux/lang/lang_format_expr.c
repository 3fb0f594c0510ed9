/*
 * Expressions in their one form: on one line when they fit, else a line for each item, pipe or operand.
 * Literals stand as they were written.
 */
#include "config.h"
#include "flux/lang/lang_format.h"

static void raw(struct ts_flux_formatter *fm, uint32_t start, uint32_t end)
{
    struct ts_str s = {fm->src->text.p + start, end - start};
    if (fm->flat && memchr(s.p, '\n', s.len))
        fm->failed = true;
    while (!fm->flat && fm->comments && fm->comments->start >= start && fm->comments->start < end)
        fm->comments = fm->comments->next; /* inside of an interpolated text: it is copied */
    ts_buf_put_str(fm->to, s);
}

static bool has_comment(const struct ts_flux_formatter *fm, uint32_t start, uint32_t end)
{
    const struct ts_flux_comment *c = fm->comments;
    while (c && c->start < start)
        c = c->next;
    return c && c->start < end;
}

static size_t column(const struct ts_flux_formatter *fm)
{
    size_t n = 0;
    while (n < fm->to->len && n < TS_FLUX_FORMAT_WIDTH && fm->to->p[fm->to->len - n - 1] != '\n')
        n++;
    return n;
}

/* Tries node on one line. @return false: nothing is written. */
static bool fits(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    size_t before = fm->to->len, at = column(fm);
    if (has_comment(fm, node->start, node->end) || at >= TS_FLUX_FORMAT_WIDTH)
        return false;
    struct ts_flux_formatter try = *fm;
    try.flat = true;
    try.failed = false;
    try.flat_end = before + TS_FLUX_FORMAT_WIDTH - at;
    ts_flux_format_node(&try, node);
    if (!try.failed && fm->to->len <= try.flat_end)
        return true;
    fm->to->len = before;
    return false;
}

static void item(struct ts_flux_formatter *fm, const struct ts_flux_node *node);

void ts_flux_format_list(struct ts_flux_formatter *fm, const struct ts_flux_node *list, const char *open,
                         const char *close, uint32_t close_at)
{
    ts_flux_format_puts(fm, open);
    if (fm->flat || (!list && !has_comment(fm, 0, close_at))) {
        for (const struct ts_flux_node *n = list; n && !fm->failed; n = n->next) {
            item(fm, n);
            ts_flux_format_puts(fm, n->next ? ", " : "");
        }
        ts_flux_format_puts(fm, close);
        return;
    }
    fm->indent++;
    for (const struct ts_flux_node *n = list; n; n = n->next) {
        ts_flux_format_newline(fm);
        ts_flux_format_comments(fm, n->start);
        item(fm, n);
        ts_flux_format_puts(fm, ",");
        (void)ts_flux_format_trailing(fm, n->end, n->next ? n->next->start : close_at);
    }
    ts_flux_format_newline(fm);
    ts_flux_format_comments(fm, close_at);
    fm->indent--;
    fm->to->len -= TS_FLUX_FORMAT_INDENT;
    ts_flux_format_puts(fm, close);
}

static void named(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    if (node->quoted)
        ts_flux_format_quoted(fm->to, ts_flux_name_str(node->name));
    else
        ts_buf_put_str(fm->to, ts_flux_name_str(node->name));
}

/* A property, a parameter, a pair, an item. */
static void item(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    switch (node->kind) {
    case TS_FLUX_N_PROPERTY:
        named(fm, node);
        if (node->a) {
            ts_flux_format_puts(fm, ": ");
            ts_flux_format_node(fm, node->a);
        }
        break;
    case TS_FLUX_N_PARAM:
        named(fm, node);
        if (node->a) {
            ts_flux_format_puts(fm, "=");
            ts_flux_format_node(fm, node->a);
        }
        break;
    case TS_FLUX_N_PAIR:
        ts_flux_format_node(fm, node->a);
        ts_flux_format_puts(fm, ": ");
        ts_flux_format_node(fm, node->b);
        break;
    default: ts_flux_format_node(fm, node);
    }
}

/* One argument that has brackets of its own needs no line of its own: map(fn: (r) => … */
static bool hugs(const struct ts_flux_formatter *fm, const struct ts_flux_node *call)
{
    const struct ts_flux_node *only = call->list && !call->list->next ? call->list->a : NULL;
    if (!only || has_comment(fm, call->a->end, only->start) || has_comment(fm, only->end, call->end))
        return false;
    return only->kind == TS_FLUX_N_FUNCTION || only->kind == TS_FLUX_N_RECORD ||
           only->kind == TS_FLUX_N_ARRAY || only->kind == TS_FLUX_N_STRING ||
           only->kind == TS_FLUX_N_INTERPOLATE;
}

static void call(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    ts_flux_format_node(fm, node->a);
    if (!fm->flat && hugs(fm, node)) {
        ts_flux_format_puts(fm, "(");
        item(fm, node->list);
        ts_flux_format_puts(fm, ")");
        return;
    }
    ts_flux_format_list(fm, node->list, "(", ")", node->end - 1);
}

static void function(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    const struct ts_flux_node *body = node->a;
    struct ts_flux_node params = {
        .kind = TS_FLUX_N_FUNCTION, .list = node->list, .start = node->start, .end = node->start};
    for (const struct ts_flux_node *n = node->list; n; n = n->next)
        params.end = n->end;
    if (fm->flat || !fits(fm, &params))
        ts_flux_format_list(fm, node->list, "(", ")", params.end);
    ts_flux_format_puts(fm, " => ");
    if (body->kind == TS_FLUX_N_BLOCK || body->kind == TS_FLUX_N_PAREN || body->kind == TS_FLUX_N_FUNCTION ||
        fm->flat) {
        ts_flux_format_node(fm, body);
        return;
    }
    if (fits(fm, body))
        return;
    fm->to->len--; /* the space */
    fm->indent++;
    ts_flux_format_newline(fm);
    ts_flux_format_comments(fm, body->start);
    ts_flux_format_node(fm, body);
    fm->indent--;
}

static void pipe(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    const struct ts_flux_node *left = node->a;
    if (left->kind == TS_FLUX_N_PIPE && !fm->flat)
        pipe(fm, left); /* one pipe on a line of its own means all */
    else
        ts_flux_format_node(fm, left);
    if (fm->flat) {
        fm->failed |= left->kind == TS_FLUX_N_PIPE; /* two pipes are two lines */
        ts_flux_format_puts(fm, " |> ");
        ts_flux_format_node(fm, node->b);
        return;
    }
    fm->indent++;
    (void)ts_flux_format_trailing(fm, left->end, node->b->start);
    ts_flux_format_newline(fm);
    ts_flux_format_comments(fm, node->b->start);
    ts_flux_format_puts(fm, "|> ");
    ts_flux_format_node(fm, node->b);
    fm->indent--;
}

static void binary(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    ts_flux_format_node(fm, node->a);
    if (!fm->flat) {
        fm->indent++;
        (void)ts_flux_format_trailing(fm, node->a->end, node->b->start);
        ts_flux_format_newline(fm);
        ts_flux_format_comments(fm, node->b->start);
    } else {
        ts_flux_format_puts(fm, " ");
    }
    ts_flux_format_puts(fm, ts_flux_op_text(node->op));
    ts_flux_format_puts(fm, " ");
    ts_flux_format_node(fm, node->b);
    if (!fm->flat)
        fm->indent--;
}

/* A part of `if` on a line of its own. */
static void branch(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    fm->indent++;
    ts_flux_format_newline(fm);
    ts_flux_format_comments(fm, node->start);
    ts_flux_format_node(fm, node);
    fm->indent--;
}

static void conditional(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    ts_flux_format_puts(fm, "if ");
    ts_flux_format_node(fm, node->a);
    if (fm->flat) {
        ts_flux_format_puts(fm, " then ");
        ts_flux_format_node(fm, node->b);
        ts_flux_format_puts(fm, " else ");
        ts_flux_format_node(fm, node->c);
        return;
    }
    ts_flux_format_puts(fm, " then");
    branch(fm, node->b);
    (void)ts_flux_format_trailing(fm, node->b->end, node->c->start);
    ts_flux_format_newline(fm);
    ts_flux_format_comments(fm, node->c->start);
    ts_flux_format_puts(fm, "else");
    if (node->c->kind == TS_FLUX_N_IF) {
        ts_flux_format_puts(fm, " ");
        ts_flux_format_node(fm, node->c);
    } else {
        branch(fm, node->c);
    }
}

static void record(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    struct ts_buf open = TS_BUF_INIT;
    ts_buf_puts(&open, "{");
    if (node->a) {
        ts_buf_put_str(&open, ts_flux_name_str(node->a->name));
        ts_buf_puts(&open, fm->flat && node->list ? " with " : " with");
    }
    const char *z = ts_buf_cstr(&open);
    ts_flux_format_list(fm, node->list, z ? z : "{", "}", node->end - 1);
    ts_buf_fini(&open);
}

static void unary(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    ts_flux_format_puts(fm, ts_flux_op_text(node->op));
    ts_flux_format_puts(fm, node->op == TS_FLUX_OP_NOT || node->op == TS_FLUX_OP_EXISTS ? " " : "");
    ts_flux_format_node(fm, node->a);
}

static void member(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    ts_flux_format_node(fm, node->a);
    ts_flux_format_puts(fm, node->quoted ? "[" : ".");
    named(fm, node);
    ts_flux_format_puts(fm, node->quoted ? "]" : "");
}

void ts_flux_format_node(struct ts_flux_formatter *fm, const struct ts_flux_node *node)
{
    if (fm->flat) {
        fm->failed |= fm->to->len > fm->flat_end || node->kind == TS_FLUX_N_BLOCK;
        if (fm->failed)
            return;
    } else if (node->kind != TS_FLUX_N_BLOCK && fits(fm, node)) {
        return;
    }
    switch (node->kind) {
    case TS_FLUX_N_IDENT: named(fm, node); break;
    case TS_FLUX_N_LABEL:
        ts_flux_format_puts(fm, ".");
        named(fm, node);
        break;
    case TS_FLUX_N_PIPE_ARG: ts_flux_format_puts(fm, "<-"); break;
    case TS_FLUX_N_ARRAY: ts_flux_format_list(fm, node->list, "[", "]", node->end - 1); break;
    case TS_FLUX_N_DICT:
        ts_flux_format_list(fm, node->list, node->list ? "[" : "[:", "]", node->end - 1);
        break;
    case TS_FLUX_N_RECORD: record(fm, node); break;
    case TS_FLUX_N_FUNCTION:
        if (node->a)
            function(fm, node);
        else /* the parameters alone */
            ts_flux_format_list(fm, node->list, "(", ")", node->end);
        break;
    case TS_FLUX_N_BLOCK: ts_flux_format_block(fm, node); break;
    case TS_FLUX_N_CALL: call(fm, node); break;
    case TS_FLUX_N_PIPE: pipe(fm, node); break;
    case TS_FLUX_N_MEMBER: member(fm, node); break;
    case TS_FLUX_N_INDEX:
        ts_flux_format_node(fm, node->a);
        ts_flux_format_puts(fm, "[");
        ts_flux_format_node(fm, node->b);
        ts_flux_format_puts(fm, "]");
        break;
    case TS_FLUX_N_UNARY: unary(fm, node); break;
    case TS_FLUX_N_BINARY:
    case TS_FLUX_N_LOGICAL: binary(fm, node); break;
    case TS_FLUX_N_IF: conditional(fm, node); break;
    case TS_FLUX_N_PAREN:
        ts_flux_format_puts(fm, "(");
        ts_flux_format_node(fm, node->a);
        ts_flux_format_puts(fm, ")");
        break;
    default: raw(fm, node->start, node->end);
    }
}

void ts_flux_format_expr(const struct ts_flux_source *src, const struct ts_flux_node *node, struct ts_buf *to)
{
    struct ts_flux_formatter fm = {.src = src, .to = to};
    ts_flux_format_node(&fm, node);
}
