/*
 * Wires a query: answer → decoder → format → buffer → file descriptor. Thread: main. Nothing is kept but
 * what the format holds back and the buffer, and both go out at the latest HOLD_NS after they came.
 */
#include "config.h"
#include "query/query.h"

#include "core/clock.h"

#include <errno.h>

#define HOLD_NS (200 * TS_MS)

struct run {
    const struct ts_query_format *format;
    void *st; /* the format's */
    struct ts_query_out out;
    struct ts_query_decoder *dec;
    struct ts_buf *error;
    int64_t held_since_ns; /* monotonic; 0: nothing is held back */
};

static void on_table(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct run *run = arg;
    if (run->format->table)
        run->format->table(run->st, tbl, cells);
}

static void on_row(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct run *run = arg;
    if (run->format->row)
        run->format->row(run->st, tbl, cells);
    ts_query_out_check(&run->out);
}

static int on_body(void *arg, struct ts_str bytes)
{
    struct run *run = arg;
    if (run->format->body)
        run->format->body(run->st, bytes);
    int rc = ts_query_decoder_feed(run->dec, bytes.p, bytes.len, run->error);
    if (!run->held_since_ns)
        run->held_since_ns = ts_clock_mono_ns();
    return rc == 0 && run->out.error ? -TS_EIO : rc;
}

static void write_held(struct run *run)
{
    if (run->format->sync)
        run->format->sync(run->st);
    ts_query_out_flush(&run->out);
    run->held_since_ns = 0;
}

static void on_tick(void *arg)
{
    struct run *run = arg;
    if (run->held_since_ns && ts_clock_mono_ns() - run->held_since_ns >= HOLD_NS)
        write_held(run);
}

static enum ts_query_end end_of(int rc)
{
    switch (rc) {
    case 0: return TS_QUERY_OK;
    case -TS_ECONNECT: return TS_QUERY_NOWHERE;
    case -TS_EAUTH: return TS_QUERY_REFUSED;
    default: return TS_QUERY_FAILED;
    }
}

/* What is to be said about a run that got to its end: empty results, cut cells. */
static enum ts_query_end conclude(struct run *run, bool fail_empty, struct ts_buf *notes)
{
    bool empty = ts_query_decoder_rows(run->dec) == 0;
    if (run->out.cut)
        ts_buf_printf(notes, "cells were cut to the terminal's %u columns\n", run->out.columns);
    if (empty && run->out.columns)
        ts_buf_puts(notes, "no rows\n");
    return empty && fail_empty ? TS_QUERY_EMPTY : TS_QUERY_OK;
}

enum ts_query_end ts_query_run(const struct ts_query_request *req, const struct ts_query_format *format,
                               int fd, bool fail_empty, struct ts_buf *notes, struct ts_buf *error)
{
    struct run run = {.format = format, .error = error};
    ts_query_out_init(&run.out, fd);
    run.st = format->open(&run.out);
    run.dec = ts_query_decoder_new(&(struct ts_query_events){on_table, on_row, &run});

    ts_query_source_fn source = req->source ? req->source : ts_query_http_run;
    int rc = source(req, &(struct ts_query_http_events){on_body, on_tick, &run}, error);
    bool stopped = req->stop && *req->stop;
    if (rc == 0 && !stopped)
        rc = ts_query_decoder_finish(run.dec, error);
    if (rc == 0 && !stopped && format->end)
        format->end(run.st);
    write_held(&run);

    enum ts_query_end end = end_of(rc);
    if (run.out.error == EPIPE) {
        end = TS_QUERY_OK;
        ts_buf_clear(error);
    } else if (run.out.error) {
        end = TS_QUERY_FAILED;
        ts_buf_clear(error);
        ts_buf_printf(error, "cannot write the results: %s", strerror(run.out.error));
    } else if (end == TS_QUERY_OK && !stopped) {
        end = conclude(&run, fail_empty, notes);
    }
    format->free(run.st);
    ts_query_decoder_free(&run.dec);
    ts_query_out_fini(&run.out);
    return end;
}
