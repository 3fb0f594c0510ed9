/* Names, places in a source, and errors shown with their line and a caret. Thread: the query's. */
#include "config.h"
#include "core/hash.h"
#include "core/utf8.h"
#include "flux/lang/lang.h"

#include <stdarg.h>
#include <stdio.h>

#define CARET_WIDTH 100 /* characters of a source line that are shown */

static bool grow(struct ts_flux_names *names)
{
    uint32_t cap = names->cap ? names->cap * 2 : 256;
    const struct ts_flux_name **slots = ts_flux_arena_alloc(names->arena, cap * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < names->cap; i++) {
        if (!names->slots[i])
            continue;
        uint32_t at = names->slots[i]->hash & (cap - 1);
        while (slots[at])
            at = (at + 1) & (cap - 1);
        slots[at] = names->slots[i];
    }
    names->slots = slots;
    names->cap = cap;
    return true;
}

const struct ts_flux_name *ts_flux_name_of(struct ts_flux_names *names, struct ts_str s)
{
    uint32_t hash = (uint32_t)ts_hash(s.p, s.len);
    if (names->n * 4 >= names->cap * 3 && !grow(names))
        return NULL;
    uint32_t at = hash & (names->cap - 1);
    for (; names->slots[at]; at = (at + 1) & (names->cap - 1))
        if (names->slots[at]->hash == hash && ts_str_eq(ts_flux_name_str(names->slots[at]), s))
            return names->slots[at];
    struct ts_flux_name *name = ts_flux_arena_alloc(names->arena, sizeof *name + s.len + 1);
    if (!name)
        return NULL;
    name->len = (uint32_t)s.len;
    name->hash = hash;
    if (s.len)
        memcpy(name->z, s.p, s.len);
    names->slots[at] = name;
    names->n++;
    return name;
}

/* Characters in [p, p + len): what is no UTF-8 counts by bytes. */
static unsigned characters(const char *p, size_t len)
{
    unsigned n = 0;
    for (size_t i = 0, step; i < len; i += step, n++) {
        step = ts_utf8_len(p + i, len - i);
        step = step ? step : 1;
    }
    return n;
}

struct ts_flux_where ts_flux_source_where(const struct ts_flux_source *src, uint32_t offset)
{
    size_t len = src->text.len, at = TS_MIN((size_t)offset, len), line = 0;
    const char *p = src->text.p;
    unsigned n = 1;
    for (size_t i = 0; i < at; i++)
        if (p[i] == '\n') {
            n++;
            line = i + 1;
        }
    size_t end = at;
    while (end < len && p[end] != '\n' && p[end] != '\r')
        end++;
    return (struct ts_flux_where){n, 1 + characters(p + line, at - line), {p + line, end - line}};
}

int ts_flux_error_set(struct ts_flux_error *error, struct ts_flux_pos pos, const char *fmt, ...)
{
    if (error->msg[0])
        return -TS_EQUERY;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(error->msg, sizeof error->msg, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof error->msg) { /* never half a character at the end */
        size_t end = sizeof error->msg - 1;
        while (end && ((unsigned char)error->msg[end - 1] & 0xC0) == 0x80)
            end--;
        if (end && (unsigned char)error->msg[end - 1] >= 0xC0)
            end--;
        error->msg[end] = '\0';
    }
    error->pos = pos;
    return -TS_EQUERY;
}

/* The line with the place in the middle when it is long, and below it the caret. */
static void put_line(struct ts_buf *to, struct ts_flux_where where, unsigned width)
{
    size_t from = 0;
    unsigned skipped = 0;
    while (where.column - skipped > CARET_WIDTH * 3 / 4 && from < where.text.len) {
        size_t step = ts_utf8_len(where.text.p + from, where.text.len - from);
        from += step ? step : 1;
        skipped++;
    }
    ts_buf_puts(to, "\n    ");
    for (unsigned n = 0; from < where.text.len && n < CARET_WIDTH; n++) {
        size_t step = ts_utf8_len(where.text.p + from, where.text.len - from);
        step = step ? step : 1;
        if (step == 1 && (unsigned char)where.text.p[from] < ' ')
            ts_buf_putc(to, ' '); /* a tab would move the caret */
        else
            ts_buf_put(to, where.text.p + from, step);
        from += step;
    }
    ts_buf_puts(to, "\n    ");
    for (unsigned i = 1; i < where.column - skipped; i++)
        ts_buf_putc(to, ' ');
    for (unsigned i = 0; i < TS_MIN(width, CARET_WIDTH + 1 - (where.column - skipped)); i++)
        ts_buf_putc(to, '^');
}

static void put_error(const struct ts_flux_error *error, bool shown, struct ts_buf *to)
{
    const struct ts_flux_source *src = error->pos.src;
    if (!src) {
        ts_buf_printf(to, "error: %s", error->msg);
        return;
    }
    struct ts_flux_where from = ts_flux_source_where(src, error->pos.start);
    struct ts_flux_where till = ts_flux_source_where(src, TS_MAX(error->pos.start, error->pos.end));
    ts_buf_puts(to, "error ");
    if (src->name[0])
        ts_buf_printf(to, "in package %s ", src->name);
    ts_buf_printf(to, "@%u:%u-%u:%u: %s", from.line, from.column, till.line, till.column, error->msg);
    unsigned width = till.line == from.line && till.column > from.column ? till.column - from.column : 1;
    if (shown)
        put_line(to, from, width);
}

void ts_flux_error_print(const struct ts_flux_error *error, struct ts_buf *to)
{
    put_error(error, true, to);
}

void ts_flux_error_print_line(const struct ts_flux_error *error, struct ts_buf *to)
{
    put_error(error, false, to);
}

const char *ts_flux_op_text(enum ts_flux_op op)
{
    static const char *const texts[] = {
        [TS_FLUX_OP_NONE] = "",         [TS_FLUX_OP_ADD] = "+",    [TS_FLUX_OP_SUB] = "-",
        [TS_FLUX_OP_MUL] = "*",         [TS_FLUX_OP_DIV] = "/",    [TS_FLUX_OP_MOD] = "%",
        [TS_FLUX_OP_POW] = "^",         [TS_FLUX_OP_EQ] = "==",    [TS_FLUX_OP_NE] = "!=",
        [TS_FLUX_OP_LT] = "<",          [TS_FLUX_OP_LE] = "<=",    [TS_FLUX_OP_GT] = ">",
        [TS_FLUX_OP_GE] = ">=",         [TS_FLUX_OP_MATCH] = "=~", [TS_FLUX_OP_NOT_MATCH] = "!~",
        [TS_FLUX_OP_AND] = "and",       [TS_FLUX_OP_OR] = "or",    [TS_FLUX_OP_NOT] = "not",
        [TS_FLUX_OP_EXISTS] = "exists",
    };
    return texts[op];
}
