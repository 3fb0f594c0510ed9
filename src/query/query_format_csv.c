/*
 * CSV as RFC 4180 quotes it (lines end in LF), and TSV with \t \n \r \\ as escapes. Thread: main.
 * One header as long as the columns stay the same; other columns begin a new block: a blank line and their
 * header.
 */
#include "config.h"
#include "query/query_format.h"

#include "core/mem.h"

struct state {
    struct ts_query_out *out;
    void (*put_cell)(struct ts_buf *buf, struct ts_str s, bool alone);
    char separator;
    struct ts_buf header, next; /* the header that holds, and the one of the table that begins */
    struct ts_buf result; /* the value of the column result; the column is there when the name is not empty */
};

static void put_csv(struct ts_buf *buf, struct ts_str s, bool alone)
{
    bool quote = alone && s.len == 0; /* else it would be a blank line */
    for (size_t i = 0; i < s.len && !quote; i++)
        quote = s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
    if (!quote) {
        ts_buf_put_str(buf, s);
        return;
    }
    ts_buf_putc(buf, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"')
            ts_buf_putc(buf, '"');
        ts_buf_putc(buf, s.p[i]);
    }
    ts_buf_putc(buf, '"');
}

static void put_tsv(struct ts_buf *buf, struct ts_str s, bool alone)
{
    (void)alone;
    for (size_t i = 0, from = 0; i <= s.len; i++) {
        char c = i < s.len ? s.p[i] : 0;
        char letter = c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\\' ? '\\' : 0;
        if (i < s.len && !letter)
            continue;
        ts_buf_put(buf, s.p + from, i - from);
        if (letter)
            ts_buf_put(buf, (char[]){'\\', letter}, 2);
        from = i + 1;
    }
}

static void *open_csv(struct ts_query_out *out)
{
    struct state *st = ts_xalloc(sizeof *st);
    *st = (struct state){.out = out, .put_cell = put_csv, .separator = ','};
    return st;
}

static void *open_tsv(struct ts_query_out *out)
{
    struct state *st = ts_xalloc(sizeof *st);
    *st = (struct state){.out = out, .put_cell = put_tsv, .separator = '\t'};
    return st;
}

static void begin_table(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct state *st = arg;
    struct ts_str result = ts_query_result_name(tbl);
    (void)cells;
    ts_buf_clear(&st->result);
    if (result.len) {
        st->put_cell(&st->result, result, false);
        ts_buf_putc(&st->result, st->separator);
    }
    ts_buf_clear(&st->next);
    if (result.len) {
        ts_buf_puts(&st->next, "result");
        ts_buf_putc(&st->next, st->separator);
    }
    for (unsigned i = 0; i < tbl->ncols; i++) {
        if (i)
            ts_buf_putc(&st->next, st->separator);
        st->put_cell(&st->next, tbl->cols[i].name, false);
    }
    ts_buf_putc(&st->next, '\n');
    if (ts_str_eq(ts_buf_str(&st->header), ts_buf_str(&st->next)))
        return;
    if (st->header.len)
        ts_buf_putc(&st->out->buf, '\n');
    ts_buf_put_str(&st->out->buf, ts_buf_str(&st->next));
    struct ts_buf former = st->header;
    st->header = st->next;
    st->next = former;
}

static void put_row(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct state *st = arg;
    struct ts_buf *buf = &st->out->buf;
    ts_buf_put_str(buf, ts_buf_str(&st->result));
    bool alone = tbl->ncols == 1 && st->result.len == 0;
    for (unsigned i = 0; i < tbl->ncols; i++) {
        if (i)
            ts_buf_putc(buf, st->separator);
        st->put_cell(buf, cells[i], alone);
    }
    ts_buf_putc(buf, '\n');
}

static void free_csv(void *arg)
{
    struct state *st = arg;
    ts_buf_fini(&st->header);
    ts_buf_fini(&st->next);
    ts_buf_fini(&st->result);
    TS_FREE(st);
}

const struct ts_query_format ts_query_format_csv = {
    .name = "csv", .open = open_csv, .table = begin_table, .row = put_row, .free = free_csv};
const struct ts_query_format ts_query_format_tsv = {
    .name = "tsv", .open = open_tsv, .table = begin_table, .row = put_row, .free = free_csv};
