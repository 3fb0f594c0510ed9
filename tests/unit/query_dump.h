#ifndef TS_TEST_QUERY_DUMP_H
#define TS_TEST_QUERY_DUMP_H
/*
 * Decodes annotated CSV in pieces of one size and writes down what came out, a line each:
 * "table RESULT NAME:TYPE[*] …" (* is the group key), "row CELL|CELL", "end: ok", or the code's text and the
 * message.
 */
#include "core/err.h"
#include "query/query_decode.h"

static inline void dump_table(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    (void)cells;
    ts_buf_puts(arg, "table ");
    ts_buf_put_str(arg, tbl->result);
    for (unsigned i = 0; i < tbl->ncols; i++) {
        ts_buf_putc(arg, ' ');
        ts_buf_put_str(arg, tbl->cols[i].name);
        ts_buf_printf(arg, ":%c%s", "tifb"[tbl->cols[i].type], tbl -> cols[i].in_key ? "*" : "");
    }
    ts_buf_putc(arg, '\n');
}

static inline void dump_row(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    for (unsigned i = 0; i < tbl->ncols; i++) {
        ts_buf_puts(arg, i ? "|" : "row ");
        ts_buf_put_str(arg, cells[i]);
    }
    ts_buf_putc(arg, '\n');
}

static inline void dump(struct ts_str input, size_t piece, struct ts_buf *to)
{
    struct ts_buf error = TS_BUF_INIT;
    struct ts_query_decoder *dec = ts_query_decoder_new(&(struct ts_query_events){dump_table, dump_row, to});
    int rc = 0;
    for (size_t i = 0; i < input.len && rc == 0; i += piece)
        rc = ts_query_decoder_feed(dec, input.p + i, TS_MIN(piece, input.len - i), &error);
    if (rc == 0)
        rc = ts_query_decoder_finish(dec, &error);
    ts_buf_printf(to, "end: %s%s", rc ? ts_strerror(rc) : "ok", rc ? ": " : "");
    ts_buf_put_str(to, ts_buf_str(&error));
    ts_query_decoder_free(&dec);
    ts_buf_fini(&error);
}

#endif
