/*
 * A script in its one form: statements, one blank line where there were some, comments where they stood. A
 * comment in the middle of what ends up on one line follows behind it.
 */
#include "config.h"
#include "flux/lang/lang_format.h"

void ts_flux_format_newline(struct ts_flux_formatter *fm)
{
    ts_flux_format_puts(fm, "\n");
    for (unsigned i = 0; i < fm->indent * TS_FLUX_FORMAT_INDENT; i++)
        ts_flux_format_puts(fm, " ");
}

static void put_comment(struct ts_flux_formatter *fm)
{
    const struct ts_flux_comment *c = fm->comments;
    ts_buf_put(fm->to, fm->src->text.p + c->start, c->end - c->start);
    fm->comments = c->next;
}

void ts_flux_format_comments(struct ts_flux_formatter *fm, uint32_t before)
{
    while (!fm->flat && fm->comments && fm->comments->start < before) {
        put_comment(fm);
        ts_flux_format_newline(fm);
    }
}

bool ts_flux_format_trailing(struct ts_flux_formatter *fm, uint32_t end, uint32_t before)
{
    const struct ts_flux_comment *c = fm->comments;
    /* A line's end before it means that the comment belongs to what follows. */
    if (fm->flat || !c || c->start < end || c->start >= before ||
        memchr(fm->src->text.p + end, '\n', c->start - end))
        return false;
    ts_flux_format_puts(fm, " ");
    put_comment(fm);
    return true;
}

void ts_flux_format_quoted(struct ts_buf *to, struct ts_str s)
{
    ts_buf_putc(to, '"');
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (c == '"' || c == '\\' || (c == '$' && i + 1 < s.len && s.p[i + 1] == '{'))
            ts_buf_printf(to, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            ts_buf_puts(to, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else
            ts_buf_putc(to, c);
    }
    ts_buf_putc(to, '"');
}

static void attributes(struct ts_flux_formatter *fm, const struct ts_flux_node *attrs, uint32_t before)
{
    for (; attrs; attrs = attrs->next) {
        ts_flux_format_comments(fm, attrs->start);
        ts_flux_format_puts(fm, "@");
        ts_buf_put_str(fm->to, ts_flux_name_str(attrs->name));
        if (attrs->list)
            ts_flux_format_list(fm, attrs->list, "(", ")", attrs->end - 1);
        (void)ts_flux_format_trailing(fm, attrs->end, attrs->next ? attrs->next->start : before);
        ts_flux_format_newline(fm);
    }
}

static void assignment(struct ts_flux_formatter *fm, const struct ts_flux_node *st)
{
    ts_buf_put_str(fm->to, ts_flux_name_str(st->name));
    ts_flux_format_puts(fm, " = ");
    ts_flux_format_node(fm, st->a);
}

static void statement(struct ts_flux_formatter *fm, const struct ts_flux_node *st)
{
    switch (st->kind) {
    case TS_FLUX_N_PACKAGE:
        ts_flux_format_puts(fm, "package ");
        ts_buf_put_str(fm->to, ts_flux_name_str(st->name));
        break;
    case TS_FLUX_N_IMPORT:
        ts_flux_format_puts(fm, "import ");
        if (st->name) {
            ts_buf_put_str(fm->to, ts_flux_name_str(st->name));
            ts_flux_format_puts(fm, " ");
        }
        ts_flux_format_quoted(fm->to, st->text);
        break;
    case TS_FLUX_N_OPTION:
        ts_flux_format_puts(fm, "option ");
        if (st->b) {
            ts_buf_put_str(fm->to, ts_flux_name_str(st->b->name));
            ts_flux_format_puts(fm, ".");
        }
        assignment(fm, st);
        break;
    case TS_FLUX_N_ASSIGN: assignment(fm, st); break;
    case TS_FLUX_N_RETURN:
        ts_flux_format_puts(fm, "return ");
        ts_flux_format_node(fm, st->a);
        break;
    case TS_FLUX_N_BUILTIN:
        ts_flux_format_puts(fm, "builtin ");
        ts_buf_put_str(fm->to, ts_flux_name_str(st->name));
        ts_flux_format_puts(fm, " : ");
        ts_buf_put_str(fm->to, st->text);
        while (fm->comments && fm->comments->start < st->end)
            fm->comments = fm->comments->next; /* they are a part of the type's text */
        break;
    case TS_FLUX_N_TESTCASE:
        ts_flux_format_puts(fm, "testcase ");
        ts_buf_put_str(fm->to, ts_flux_name_str(st->name));
        if (st->quoted) {
            ts_flux_format_puts(fm, " extends ");
            ts_flux_format_quoted(fm->to, st->text);
        }
        ts_flux_format_puts(fm, " ");
        ts_flux_format_node(fm, st->a);
        break;
    default: ts_flux_format_node(fm, st->a);
    }
}

/* Whether a blank line stands between two offsets: two line ends with nothing but space between them. */
static bool blank_between(const struct ts_flux_source *src, uint32_t from, uint32_t till)
{
    unsigned ends = 0;
    for (uint32_t i = from; i < till; i++) {
        char c = src->text.p[i];
        if (c == '\n')
            ends++;
        else if (c != ' ' && c != '\t' && c != '\r')
            ends = 0;
        if (ends == 2)
            return true;
    }
    return false;
}

static void put_gap(struct ts_flux_formatter *fm, uint32_t from, uint32_t till)
{
    if (fm->apart || blank_between(fm->src, from, till))
        ts_flux_format_puts(fm, "\n");
    ts_flux_format_newline(fm);
    fm->apart = false;
}

/* Comments before `before`, each on its line, with a blank line where one was. *last: where the thing before
 * ended. */
static void comments_apart(struct ts_flux_formatter *fm, uint32_t before, uint32_t *last, bool *first)
{
    while (fm->comments && fm->comments->start < before) {
        uint32_t start = fm->comments->start, end = fm->comments->end;
        if (!*first)
            put_gap(fm, *last, start);
        put_comment(fm);
        *last = TS_MAX(*last, end);
        *first = false;
    }
}

static uint32_t start_of(const struct ts_flux_node *st)
{
    return st->attrs ? TS_MIN(st->attrs->start, st->start) : st->start;
}

/* Statements one after another up to `end`; *last and *first as above. */
static void statements(struct ts_flux_formatter *fm, const struct ts_flux_node *list, uint32_t end,
                       uint32_t *last, bool *first)
{
    for (const struct ts_flux_node *st = list; st; st = st->next) {
        comments_apart(fm, start_of(st), last, first);
        if (!*first)
            put_gap(fm, *last, start_of(st));
        attributes(fm, st->attrs, st->start);
        statement(fm, st);
        *last = st->end;
        *first = false;
        uint32_t comment_end = fm->comments ? fm->comments->end : 0;
        if (ts_flux_format_trailing(fm, st->end, st->next ? start_of(st->next) : end))
            *last = comment_end;
    }
}

void ts_flux_format_block(struct ts_flux_formatter *fm, const struct ts_flux_node *block)
{
    uint32_t last = block->start + 1;
    bool first = true;
    ts_flux_format_puts(fm, "{");
    if (block->list || (fm->comments && fm->comments->start < block->end)) {
        fm->indent++;
        (void)ts_flux_format_trailing(fm, block->start + 1, block->list ? start_of(block->list) : block->end);
        ts_flux_format_newline(fm);
        statements(fm, block->list, block->end, &last, &first);
        comments_apart(fm, block->end, &last, &first);
        fm->indent--;
        ts_flux_format_newline(fm);
    }
    ts_flux_format_puts(fm, "}");
}

void ts_flux_format(const struct ts_flux_file *file, struct ts_buf *to)
{
    struct ts_flux_formatter fm = {.src = file->src, .comments = file->comments, .to = to};
    uint32_t last = 0;
    bool first = true;
    uint32_t body = file->root->list ? start_of(file->root->list) : UINT32_MAX;
    uint32_t imports = file->root->b ? start_of(file->root->b) : body;
    statements(&fm, file->root->a, imports, &last, &first);
    fm.apart = !first;
    statements(&fm, file->root->b, body, &last, &first);
    fm.apart = fm.apart || (file->root->b && file->root->list);
    statements(&fm, file->root->list, UINT32_MAX, &last, &first);
    comments_apart(&fm, UINT32_MAX, &last, &first);
    if (!first)
        ts_flux_format_puts(&fm, "\n");
}
