/*
 * Any bytes as annotated CSV: in pieces they give the same rows as whole, and every format takes what comes.
 */
#include "config.h"
#include "../unit/query_dump.h"

#include "query/query_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
    const struct ts_query_format *format;
    void *st;
};

static void on_table(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct target *to = arg;
    to->format->table(to->st, tbl, cells);
}

static void on_row(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct target *to = arg;
    to->format->row(to->st, tbl, cells);
}

static void try_format(const struct ts_query_format *format, struct ts_str input)
{
    struct ts_query_out out;
    struct ts_buf error = TS_BUF_INIT;
    ts_query_out_init(&out, -1);
    out.columns = 20;
    struct target to = {format, format->open(&out)};
    struct ts_query_decoder *dec = ts_query_decoder_new(&(struct ts_query_events){on_table, on_row, &to});
    if (ts_query_decoder_feed(dec, input.p, input.len, &error) == 0 &&
        ts_query_decoder_finish(dec, &error) == 0 && format->end)
        format->end(to.st);
    format->free(to.st);
    ts_query_decoder_free(&dec);
    ts_query_out_fini(&out);
    ts_buf_fini(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_str input = {(const char *)data, size};
    struct ts_buf whole = TS_BUF_INIT, pieces = TS_BUF_INIT;
    dump(input, TS_MAX(size, (size_t)1), &whole);
    dump(input, 1 + (size ? data[size - 1] : 0) % 7, &pieces);
    TS_ASSERT(ts_str_eq(ts_buf_str(&whole), ts_buf_str(&pieces)));
    ts_buf_fini(&whole);
    ts_buf_fini(&pieces);
    try_format(&ts_query_format_table, input);
    try_format(&ts_query_format_csv, input);
    try_format(&ts_query_format_tsv, input);
    try_format(&ts_query_format_json, input);
    return 0;
}
