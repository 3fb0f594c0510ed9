/*
 * Annotated CSV (InfluxDB documentation, "Annotated CSV syntax") to tables and rows. Thread: any, one at a
 * time. Blocks of #datatype, #group and #default rows, a header and data rows follow one another; the table
 * cell of the rows tells where a table ends. A block without rows is one empty table. A header
 * "error,reference" announces the error that ended the query, also in the middle of a block. Owns copies of
 * the annotations; rows are passed on, never kept.
 */
#include "config.h"
#include "query/query_decode.h"

#include "core/mem.h"
#include "core/csv.h"

/* Before the data come the cells annotation, result and table. */
enum { CELL_RESULT = 1, CELL_TABLE = 2, CELL_DATA = 3 };

enum annotation { DATATYPE, GROUP, DEFAULT, NANNOTATIONS };
static const char *const annotation_names[NANNOTATIONS] = {"#datatype", "#group", "#default"};

struct ts_query_decoder {
    struct ts_csv csv;
    struct ts_query_events events;
    enum { BETWEEN, ANNOTATIONS, ROWS, ERROR_TABLE } state;
    struct ts_csv_record annotations[NANNOTATIONS], header;
    struct ts_query_column *cols;
    struct ts_str *cells;
    struct ts_query_table tbl;
    bool in_table;
    struct ts_buf result, table_id; /* of the table whose rows come */
    uint64_t rows;
    struct ts_buf *error; /* the caller's, while it calls */
};

static int on_record(void *arg, struct ts_csv_record *rec);

struct ts_query_decoder *ts_query_decoder_new(const struct ts_query_events *events)
{
    struct ts_query_decoder *dec = ts_xalloc(sizeof *dec);
    dec->events = *events;
    ts_csv_init(&dec->csv, on_record, dec);
    return dec;
}

void ts_query_decoder_free(struct ts_query_decoder **dec)
{
    struct ts_query_decoder *d = *dec;
    if (!d)
        return;
    ts_csv_fini(&d->csv);
    for (int a = 0; a < NANNOTATIONS; a++)
        ts_csv_record_fini(&d->annotations[a]);
    ts_csv_record_fini(&d->header);
    TS_FREE(d->cols);
    TS_FREE(d->cells);
    ts_buf_fini(&d->result);
    ts_buf_fini(&d->table_id);
    TS_FREE(*dec);
}

static int fail(struct ts_query_decoder *dec, const char *what)
{
    ts_buf_printf(dec->error, "line %llu of the answer is not annotated CSV: %s",
                  (unsigned long long)dec->csv.line, what);
    return -TS_EPARSE;
}

static void copy(struct ts_buf *to, struct ts_str s)
{
    ts_buf_clear(to);
    ts_buf_put_str(to, s);
}

static struct ts_str or_default(struct ts_str s, struct ts_str dflt)
{
    return s.len ? s : dflt;
}

static void begin_table(struct ts_query_decoder *dec, struct ts_str result, struct ts_str id)
{
    copy(&dec->result, result);
    copy(&dec->table_id, id);
    dec->tbl.result = ts_buf_str(&dec->result);
    dec->in_table = true;
    dec->events.table(dec->events.arg, &dec->tbl, dec->cells);
}

/* A block has ended; if it had no rows, that is an empty table. */
static void end_block(struct ts_query_decoder *dec)
{
    if (dec->state == ROWS && !dec->in_table) {
        const struct ts_csv_record *dflt = &dec->annotations[DEFAULT];
        for (unsigned i = 0; i < dec->tbl.ncols; i++)
            dec->cells[i] = dec->cols[i].dflt;
        begin_table(dec, ts_csv_cell(dflt, CELL_RESULT), ts_csv_cell(dflt, CELL_TABLE));
    }
    dec->state = BETWEEN;
}

static void take(struct ts_csv_record *to, struct ts_csv_record *from)
{
    struct ts_csv_record former = *to;
    *to = *from;
    *from = former;
}

static void on_annotation(struct ts_query_decoder *dec, struct ts_csv_record *rec)
{
    if (dec->state != ANNOTATIONS) {
        end_block(dec);
        dec->state = ANNOTATIONS;
        for (int a = 0; a < NANNOTATIONS; a++)
            dec->annotations[a].n = 0;
    }
    struct ts_str name = ts_csv_cell(rec, 0);
    for (int a = 0; a < NANNOTATIONS; a++)
        if (ts_str_eq(name, ts_str_of(annotation_names[a])))
            take(&dec->annotations[a], rec);
}

static enum ts_query_type type_of(struct ts_str datatype)
{
    static const struct {
        const char *name;
        enum ts_query_type type;
    } types[] = {{"double", TS_QUERY_FLOAT},
                 {"long", TS_QUERY_INTEGER},
                 {"unsignedLong", TS_QUERY_INTEGER},
                 {"boolean", TS_QUERY_BOOLEAN}};
    for (size_t i = 0; i < TS_ARRAY_SIZE(types); i++)
        if (ts_str_eq(datatype, ts_str_of(types[i].name)))
            return types[i].type;
    return TS_QUERY_TEXT;
}

static int on_header(struct ts_query_decoder *dec, struct ts_csv_record *rec)
{
    for (int a = 0; a < NANNOTATIONS; a++)
        if (dec->annotations[a].n != rec->n)
            return fail(dec, "the header does not have the same cells as #datatype, #group and #default");
    if (rec->n < CELL_DATA || !ts_str_eq(ts_csv_cell(rec, CELL_RESULT), TS_STR("result")) ||
        !ts_str_eq(ts_csv_cell(rec, CELL_TABLE), TS_STR("table")))
        return fail(dec, "the header does not begin with result and table");
    take(&dec->header, rec);
    unsigned n = dec->header.n - CELL_DATA;
    dec->cols = ts_xresize(dec->cols, TS_MAX(n, 1u) * sizeof *dec->cols);
    dec->cells = ts_xresize(dec->cells, TS_MAX(n, 1u) * sizeof *dec->cells);
    for (unsigned i = 0; i < n; i++)
        dec->cols[i] = (struct ts_query_column){
            .name = ts_csv_cell(&dec->header, CELL_DATA + i),
            .dflt = ts_csv_cell(&dec->annotations[DEFAULT], CELL_DATA + i),
            .type = type_of(ts_csv_cell(&dec->annotations[DATATYPE], CELL_DATA + i)),
            .in_key = ts_str_eq(ts_csv_cell(&dec->annotations[GROUP], CELL_DATA + i), TS_STR("true")),
        };
    dec->tbl.ncols = n;
    dec->tbl.cols = dec->cols;
    dec->in_table = false;
    dec->state = ROWS;
    return 0;
}

static int on_row(struct ts_query_decoder *dec, const struct ts_csv_record *rec)
{
    if (rec->n != dec->header.n)
        return fail(dec, "the row does not have the same cells as the header");
    const struct ts_csv_record *dflt = &dec->annotations[DEFAULT];
    for (unsigned i = 0; i < dec->tbl.ncols; i++)
        dec->cells[i] = or_default(ts_csv_cell(rec, CELL_DATA + i), dec->cols[i].dflt);
    struct ts_str result = or_default(ts_csv_cell(rec, CELL_RESULT), ts_csv_cell(dflt, CELL_RESULT));
    struct ts_str id = or_default(ts_csv_cell(rec, CELL_TABLE), ts_csv_cell(dflt, CELL_TABLE));
    if (!dec->in_table || !ts_str_eq(id, ts_buf_str(&dec->table_id)) ||
        !ts_str_eq(result, ts_buf_str(&dec->result)))
        begin_table(dec, result, id);
    dec->rows++;
    dec->events.row(dec->events.arg, &dec->tbl, dec->cells);
    return 0;
}

static int on_error_row(struct ts_query_decoder *dec, const struct ts_csv_record *rec)
{
    struct ts_str message = rec->n > 1 ? ts_csv_cell(rec, 1) : TS_STR("");
    ts_buf_put_str(dec->error,
                   or_default(message, TS_STR("the query failed, and the server does not say why")));
    if (rec->n > 2 && ts_csv_cell(rec, 2).len) {
        ts_buf_puts(dec->error, " (reference ");
        ts_buf_put_str(dec->error, ts_csv_cell(rec, 2));
        ts_buf_putc(dec->error, ')');
    }
    return -TS_EQUERY;
}

static int on_record(void *arg, struct ts_csv_record *rec)
{
    struct ts_query_decoder *dec = arg;
    struct ts_str first = ts_csv_cell(rec, 0);
    if (dec->state == ERROR_TABLE)
        return on_error_row(dec, rec);
    if (first.len && first.p[0] == '#') {
        on_annotation(dec, rec);
        return 0;
    }
    if (first.len)
        return fail(dec, "its first cell is neither empty nor an annotation");
    if (rec->n == 3 && ts_str_eq(ts_csv_cell(rec, 1), TS_STR("error")) &&
        ts_str_eq(ts_csv_cell(rec, 2), TS_STR("reference"))) {
        if (dec->state == ROWS)
            end_block(dec);
        dec->state = ERROR_TABLE;
        return 0;
    }
    switch (dec->state) {
    case ANNOTATIONS: return on_header(dec, rec);
    case ROWS: return on_row(dec, rec);
    default: return fail(dec, "there are no annotations before it");
    }
}

static int explain(struct ts_query_decoder *dec, int rc)
{
    if (rc == -TS_ELIMIT)
        ts_buf_printf(dec->error, "line %llu of the answer is too long: at most %u bytes in %d cells",
                      (unsigned long long)dec->csv.line + 1, TS_CSV_RECORD_MAX, TS_CSV_COLUMNS_MAX);
    return rc;
}

int ts_query_decoder_feed(struct ts_query_decoder *dec, const char *p, size_t len, struct ts_buf *error)
{
    dec->error = error;
    return explain(dec, ts_csv_feed(&dec->csv, p, len));
}

int ts_query_decoder_finish(struct ts_query_decoder *dec, struct ts_buf *error)
{
    dec->error = error;
    bool quoted = dec->csv.state == TS_CSV_QUOTED;
    int rc = ts_csv_finish(&dec->csv);
    if (rc == -TS_EPARSE && quoted)
        return fail(dec, "it ends inside a quoted cell");
    if (rc)
        return explain(dec, rc);
    if (dec->state == ANNOTATIONS)
        return fail(dec, "it ends before a header");
    if (dec->state == ERROR_TABLE)
        return on_error_row(dec, &(struct ts_csv_record){0});
    end_block(dec);
    return 0;
}

uint64_t ts_query_decoder_rows(const struct ts_query_decoder *dec)
{
    return dec->rows;
}
