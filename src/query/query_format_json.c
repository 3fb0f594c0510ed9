/*
 * JSON: one array of objects, or one object per line (ndjson). Thread: main.
 * Numbers and booleans are passed on as the server wrote them when they are JSON, whole floats with ".0" so
 * that readers see a float; what JSON cannot say (NaN, +Inf, -Inf) becomes a string, and so do times. A
 * failed query leaves the array open, so that nobody takes it for whole.
 */
#include "config.h"
#include "query/query_format.h"

#include "core/mem.h"
#include "query/query_text.h"

struct state {
    struct ts_query_out *out;
    bool lines;          /* ndjson */
    bool any;            /* an object has been written */
    struct ts_buf names; /* of the table's columns, quoted and with their colon, one after another */
    size_t *ends; /* where each ends; the first is what opens an object: "{", or with the result's name */
};

static void *open_json(struct ts_query_out *out)
{
    struct state *st = ts_xalloc(sizeof *st);
    st->out = out;
    return st;
}

static void *open_ndjson(struct ts_query_out *out)
{
    struct state *st = open_json(out);
    st->lines = true;
    return st;
}

static void begin_table(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct state *st = arg;
    struct ts_str result = ts_query_result_name(tbl);
    (void)cells;
    st->ends = ts_xresize(st->ends, (tbl->ncols + 1) * sizeof *st->ends);
    ts_buf_clear(&st->names);
    ts_buf_putc(&st->names, '{');
    if (result.len) {
        ts_buf_puts(&st->names, "\"result\":");
        ts_buf_put_json(&st->names, result);
    }
    st->ends[0] = st->names.len;
    for (unsigned i = 0; i < tbl->ncols; i++) {
        if (i || result.len)
            ts_buf_putc(&st->names, ',');
        ts_buf_put_json(&st->names, tbl->cols[i].name);
        ts_buf_putc(&st->names, ':');
        st->ends[i + 1] = st->names.len;
    }
}

static void put_value(struct ts_buf *buf, enum ts_query_type type, struct ts_str s)
{
    bool number = (type == TS_QUERY_INTEGER || type == TS_QUERY_FLOAT) && ts_query_is_number(s);
    bool boolean =
        type == TS_QUERY_BOOLEAN && (ts_str_eq(s, TS_STR("true")) || ts_str_eq(s, TS_STR("false")));
    if (s.len == 0)
        ts_buf_puts(buf, "null");
    else if (number || boolean)
        ts_buf_put_str(buf, s);
    else
        ts_buf_put_json(buf, s);
    if (number && type == TS_QUERY_FLOAT && !memchr(s.p, '.', s.len) && !memchr(s.p, 'e', s.len))
        ts_buf_puts(buf, ".0");
}

static void put_row(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct state *st = arg;
    struct ts_buf *buf = &st->out->buf;
    if (!st->lines)
        ts_buf_puts(buf, st->any ? ",\n" : "[\n");
    st->any = true;
    ts_buf_put(buf, st->names.p, st->ends[0]);
    for (unsigned i = 0; i < tbl->ncols; i++) {
        ts_buf_put(buf, st->names.p + st->ends[i], st->ends[i + 1] - st->ends[i]);
        put_value(buf, tbl->cols[i].type, cells[i]);
    }
    ts_buf_puts(buf, st->lines ? "}\n" : "}");
}

static void end_json(void *arg)
{
    struct state *st = arg;
    ts_buf_puts(&st->out->buf, st->any ? "\n]\n" : "[]\n");
}

static void free_json(void *arg)
{
    struct state *st = arg;
    ts_buf_fini(&st->names);
    TS_FREE(st->ends);
    TS_FREE(st);
}

const struct ts_query_format ts_query_format_json = {.name = "json",
                                                     .open = open_json,
                                                     .table = begin_table,
                                                     .row = put_row,
                                                     .end = end_json,
                                                     .free = free_json};
const struct ts_query_format ts_query_format_ndjson = {
    .name = "ndjson", .open = open_ndjson, .table = begin_table, .row = put_row, .free = free_json};
