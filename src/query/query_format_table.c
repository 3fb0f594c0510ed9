/*
 * Aligned columns for people. Thread: main. The values of the group key stand once above each table, the
 * other columns below them. Rows are held back in blocks, so that columns can be as wide as their cells; a
 * block ends with the table, after BLOCK_ROWS rows or BLOCK_BYTES, or when the caller says that somebody is
 * waiting (sync). When a later block has a wider cell, the header is written again with the new widths. Cells
 * are cut only to fit a terminal.
 */
#include "config.h"
#include "query/query_format.h"

#include "core/mem.h"
#include "core/num.h"
#include "query/query_text.h"

#define BLOCK_ROWS  1000
#define BLOCK_CELLS 65536
#define BLOCK_BYTES (1u << 20)
#define GAP         2  /* blanks between columns */
#define CUT_MIN     4  /* columns that a cut cell keeps at least */
#define FLOAT_LONG  24 /* bytes; a float that takes more is very big or very small */

struct cell {
    size_t end; /* of its text; it begins where the one before ends */
    size_t width;
};

struct column {
    unsigned index; /* in the table */
    enum ts_query_type type;
    size_t width; /* of the widest cell so far */
};

struct state {
    struct ts_query_out *out;
    struct column *cols; /* the columns that are shown */
    unsigned ncols;
    struct ts_buf text; /* the block: visible text of the header's cells, then row by row */
    struct cell *cells;
    size_t ncells, cap;
    size_t header_bytes;
    bool begun;      /* a table has been written before */
    bool header_due; /* none has been written with these widths */
    bool rows;       /* of this table have been written */
};

static void *open_table(struct ts_query_out *out)
{
    struct state *st = ts_xalloc(sizeof *st);
    st->out = out;
    return st;
}

static bool is_right(const struct column *col)
{
    return col->type == TS_QUERY_INTEGER || col->type == TS_QUERY_FLOAT;
}

/* The server writes 1e300 with all its zeros: here such a number gets its exponent back. to has TS_NUM_MAX
 * bytes. */
static struct ts_str short_float(struct ts_str s, char *to)
{
    double v;
    if (s.len <= FLOAT_LONG || ts_num_read(s, &v) != 0)
        return s;
    return (struct ts_str){to, ts_num_put_double(to, v)};
}

static void hold_cell(struct state *st, struct column *col, struct ts_str s)
{
    if (st->ncells == st->cap) {
        st->cap = TS_MAX(st->cap * 2, (size_t)256);
        st->cells = ts_xresize(st->cells, st->cap * sizeof *st->cells);
    }
    char number[TS_NUM_MAX];
    if (col->type == TS_QUERY_FLOAT)
        s = short_float(s, number);
    size_t width = ts_query_put_visible(&st->text, s);
    st->cells[st->ncells++] = (struct cell){st->text.len, width};
    if (width > col->width) {
        col->width = width;
        st->header_due = true;
    }
}

/* The most columns a cell may take so that a line fits the terminal; SIZE_MAX where nothing has to be cut. */
static size_t cell_limit(const struct state *st)
{
    size_t line = 0, limit = st->out->columns;
    for (unsigned i = 0; i < st->ncols; i++)
        line += st->cols[i].width + (i ? GAP : 0);
    if (!st->out->columns || line <= st->out->columns)
        return SIZE_MAX;
    for (; limit > CUT_MIN; limit--) {
        line = 0;
        for (unsigned i = 0; i < st->ncols; i++)
            line += TS_MIN(st->cols[i].width, limit) + (i ? GAP : 0);
        if (line <= st->out->columns)
            break;
    }
    return limit;
}

static void put_blanks(struct ts_buf *buf, size_t n)
{
    char *to = ts_buf_reserve(buf, n);
    if (to) {
        memset(to, ' ', n);
        buf->len += n;
    }
}

static void put_cell(struct state *st, struct ts_str s, size_t width, size_t limit)
{
    struct ts_buf *buf = &st->out->buf;
    if (width <= limit) {
        ts_buf_put_str(buf, s);
        return;
    }
    ts_buf_put(buf, s.p, ts_query_cut(s, limit - 1));
    ts_buf_puts(buf, "…");
    st->out->cut = true;
}

static void put_line(struct state *st, size_t first, size_t limit)
{
    struct ts_buf *buf = &st->out->buf;
    for (unsigned i = 0; i < st->ncols; i++) {
        const struct cell *cell = &st->cells[first + i];
        const struct column *col = &st->cols[i];
        size_t from = first + i ? cell[-1].end : 0,
               pad = TS_MIN(col->width, limit) - TS_MIN(cell->width, limit);
        if (i)
            put_blanks(buf, GAP);
        if (is_right(col))
            put_blanks(buf, pad);
        put_cell(st, (struct ts_str){st->text.p + from, cell->end - from}, cell->width, limit);
        if (!is_right(col) && i + 1 < st->ncols)
            put_blanks(buf, pad);
    }
}

static void put_header(struct state *st, size_t limit)
{
    struct ts_buf *buf = &st->out->buf;
    ts_buf_puts(buf, st->out->bold ? "\033[1m" : "");
    put_line(st, 0, limit);
    ts_buf_puts(buf, st->out->bold ? "\033[0m\n" : "\n");
    st->header_due = false;
}

static void sync_table(void *arg)
{
    struct state *st = arg;
    struct ts_buf *buf = &st->out->buf;
    buf->failed |= ts_buf_failed(&st->text);
    if (st->ncells <= st->ncols || buf->failed)
        return;
    size_t limit = cell_limit(st);
    if (st->header_due) {
        if (st->rows)
            ts_buf_putc(buf, '\n');
        put_header(st, limit);
    }
    for (size_t i = st->ncols; i < st->ncells; i += st->ncols) {
        put_line(st, i, limit);
        ts_buf_putc(buf, '\n');
    }
    st->rows = true;
    st->ncells = st->ncols;
    st->text.len = st->header_bytes;
}

static void end_table(void *arg)
{
    struct state *st = arg;
    sync_table(st);
    if (st->begun && !st->rows) {
        put_header(st, cell_limit(st));
        ts_buf_puts(&st->out->buf, "(no rows)\n");
    }
}

static void put_key_value(struct ts_buf *buf, struct ts_str s)
{
    bool quote = s.len == 0 || memchr(s.p, ' ', s.len) || memchr(s.p, '"', s.len);
    if (quote)
        ts_buf_putc(buf, '"');
    ts_query_put_visible(buf, s);
    if (quote)
        ts_buf_putc(buf, '"');
}

static void put_heading(struct state *st, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct ts_buf *buf = &st->out->buf;
    struct ts_str result = ts_query_result_name(tbl);
    if (st->begun)
        ts_buf_putc(buf, '\n');
    if (result.len) {
        ts_buf_puts(buf, "Result: ");
        ts_query_put_visible(buf, result);
        ts_buf_putc(buf, '\n');
    }
    bool any = false;
    for (unsigned i = 0; i < tbl->ncols; i++) {
        if (!tbl->cols[i].in_key)
            continue;
        ts_buf_puts(buf, any ? " " : "Table: ");
        ts_query_put_visible(buf, tbl->cols[i].name);
        ts_buf_putc(buf, '=');
        put_key_value(buf, cells[i]);
        any = true;
    }
    if (any)
        ts_buf_putc(buf, '\n');
}

static void begin_table(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct state *st = arg;
    end_table(st);
    put_heading(st, tbl, cells);
    st->begun = st->header_due = true;
    st->rows = false;
    st->ncells = st->ncols = 0;
    ts_buf_clear(&st->text);
    st->cols = ts_xresize(st->cols, TS_MAX(tbl->ncols, 1u) * sizeof *st->cols);
    bool all_in_key = true;
    for (unsigned i = 0; i < tbl->ncols; i++)
        all_in_key &= tbl->cols[i].in_key;
    for (unsigned i = 0; i < tbl->ncols; i++) {
        if (tbl->cols[i].in_key && !all_in_key)
            continue;
        struct column *col = &st->cols[st->ncols++];
        *col = (struct column){.index = i};
        hold_cell(st, col, tbl->cols[i].name);
        col->type = tbl->cols[i].type;
    }
    st->header_bytes = st->text.len;
}

static void put_row(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct state *st = arg;
    (void)tbl;
    for (unsigned i = 0; i < st->ncols; i++)
        hold_cell(st, &st->cols[i], cells[st->cols[i].index]);
    if (st->ncells > BLOCK_ROWS * (size_t)st->ncols || st->ncells >= BLOCK_CELLS ||
        st->text.len >= BLOCK_BYTES)
        sync_table(st);
}

static void free_table(void *arg)
{
    struct state *st = arg;
    ts_buf_fini(&st->text);
    TS_FREE(st->cols);
    TS_FREE(st->cells);
    TS_FREE(st);
}

const struct ts_query_format ts_query_format_table = {
    .name = "table",
    .open = open_table,
    .table = begin_table,
    .row = put_row,
    .sync = sync_table,
    .end = end_table,
    .free = free_table,
};
