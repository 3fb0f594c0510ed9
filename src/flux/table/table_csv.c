/*
 * Chunks to annotated CSV, piece by piece: each read pulls one chunk through the plan, so memory is bounded
 * whatever the size of the result. Annotations are written when the columns or the key's columns change,
 * before and after empty tables; an empty table's values are its defaults. Lines end in CRLF, and each result
 * with a blank line. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_csv.h"

#include "core/mem.h"
#include "core/num.h"

#include <math.h>

struct ts_flux_csv {
    struct ts_flux_run *run;
    struct ts_ask_dialect dialect;
    const struct ts_flux_yield **results;
    size_t nresults, at;
    struct ts_flux_cursor *cur;  /* of results[at]; NULL: not begun */
    struct ts_flux_chunk *ahead; /* what comes after a chunk without rows */
    bool has_ahead;
    struct ts_flux_chunk *before; /* the last chunk of the result, for its columns */
    bool before_empty, any;       /* any: something was written at all */
    int64_t table;
};

/* A cell of text: in quotes where they are needed, line ends as CRLF (as Go's encoding/csv writes them). */
static void put_text(struct ts_buf *to, char delimiter, struct ts_str s)
{
    bool quote = s.len && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\v' || s.p[0] == '\f');
    for (size_t i = 0; i < s.len && !quote; i++)
        quote = s.p[i] == delimiter || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
    if (s.len == 2 && s.p[0] == '\\' && s.p[1] == '.')
        quote = true;
    if (!quote) {
        ts_buf_put_str(to, s);
        return;
    }
    ts_buf_putc(to, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"')
            ts_buf_puts(to, "\"\"");
        else if (s.p[i] == '\n')
            ts_buf_puts(to, "\r\n");
        else if (s.p[i] != '\r')
            ts_buf_putc(to, s.p[i]);
    }
    ts_buf_putc(to, '"');
}

void ts_flux_put_cell(struct ts_buf *to, struct ts_flux_value v)
{
    if (v.null)
        return;
    switch (v.type) {
    case TS_FLUX_BOOL: ts_buf_puts(to, v.b ? "true" : "false"); break;
    case TS_FLUX_INT: ts_buf_put_int(to, v.i); break;
    case TS_FLUX_UINT: ts_buf_put_uint(to, v.u); break;
    case TS_FLUX_FLOAT: ts_flux_put_float(to, v.f); break;
    case TS_FLUX_STRING: ts_buf_put_str(to, ts_flux_value_str(v)); break;
    case TS_FLUX_TIME: {
        char *p = ts_buf_reserve(to, TS_NUM_MAX);
        if (p)
            to->len += ts_clock_put_time(p, v.i);
        break;
    }
    default: break;
    }
}

static void put_value(struct ts_buf *to, char delimiter, struct ts_flux_value v)
{
    if (v.type == TS_FLUX_STRING && !v.null)
        put_text(to, delimiter, ts_flux_value_str(v));
    else
        ts_flux_put_cell(to, v);
}

static const char *datatype(enum ts_flux_type type)
{
    switch (type) {
    case TS_FLUX_BOOL: return "boolean";
    case TS_FLUX_INT: return "long";
    case TS_FLUX_UINT: return "unsignedLong";
    case TS_FLUX_FLOAT: return "double";
    case TS_FLUX_TIME: return "dateTime:RFC3339";
    default: return "string";
    }
}

/* A column of nulls that never had a type is no column of the result. */
static bool shown(const struct ts_flux_chunk *chk, uint32_t i)
{
    return chk->cols[i].col->type != TS_FLUX_NULL;
}

static bool has_default(struct ts_ask_dialect dialect)
{
    return memchr(dialect.annotate, TS_ASK_DEFAULT, sizeof dialect.annotate) != NULL;
}

static char delimiter_of(struct ts_ask_dialect dialect)
{
    return dialect.delimiter ? dialect.delimiter : ',';
}

static void put_default(struct ts_flux_csv *csv, const struct ts_flux_chunk *chk, struct ts_buf *to)
{
    char d = delimiter_of(csv->dialect);
    ts_buf_puts(to, "#default");
    ts_buf_putc(to, d);
    put_text(to, d, csv->results[csv->at]->name);
    ts_buf_putc(to, d);
    if (chk->n == 0)
        ts_buf_put_int(to, csv->table);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        if (!shown(chk, i))
            continue;
        ts_buf_putc(to, d);
        const struct ts_flux_value *v = chk->n == 0 ? ts_flux_key_get(chk->key, chk->cols[i].name) : NULL;
        if (v)
            put_value(to, d, *v);
    }
    ts_buf_puts(to, "\r\n");
}

static void put_types(struct ts_flux_csv *csv, const struct ts_flux_chunk *chk, struct ts_buf *to)
{
    char d = delimiter_of(csv->dialect);
    ts_buf_printf(to, "#datatype%cstring%clong", d, d);
    for (uint32_t i = 0; i < chk->ncols; i++)
        if (shown(chk, i))
            ts_buf_printf(to, "%c%s", d, datatype(chk->cols[i].col->type));
    ts_buf_puts(to, "\r\n");
}

static void put_group(struct ts_flux_csv *csv, const struct ts_flux_chunk *chk, struct ts_buf *to)
{
    char d = delimiter_of(csv->dialect);
    ts_buf_printf(to, "#group%cfalse%cfalse", d, d);
    for (uint32_t i = 0; i < chk->ncols; i++)
        if (shown(chk, i))
            ts_buf_printf(to, "%c%s", d, ts_flux_key_get(chk->key, chk->cols[i].name) ? "true" : "false");
    ts_buf_puts(to, "\r\n");
}

static void put_schema(struct ts_flux_csv *csv, const struct ts_flux_chunk *chk, struct ts_buf *to)
{
    char d = delimiter_of(csv->dialect);
    for (unsigned a = 0; a < TS_ASK_ANNOTATIONS && csv->dialect.annotate[a]; a++) {
        switch (csv->dialect.annotate[a]) {
        case TS_ASK_DATATYPE: put_types(csv, chk, to); break;
        case TS_ASK_GROUP: put_group(csv, chk, to); break;
        default: put_default(csv, chk, to); break;
        }
    }
    if (csv->dialect.no_header)
        return;
    ts_buf_printf(to, "%cresult%ctable", d, d);
    for (uint32_t i = 0; i < chk->ncols; i++)
        if (shown(chk, i)) {
            ts_buf_putc(to, d);
            put_text(to, d, ts_flux_name_str(chk->cols[i].name));
        }
    ts_buf_puts(to, "\r\n");
}

static bool same_schema(const struct ts_flux_chunk *a, const struct ts_flux_chunk *b)
{
    if (a->ncols != b->ncols || a->key->n != b->key->n)
        return false;
    for (uint32_t i = 0; i < a->key->n; i++)
        if (a->key->cols[i].name != b->key->cols[i].name)
            return false;
    for (uint32_t i = 0; i < a->ncols; i++)
        if (a->cols[i].name != b->cols[i].name || a->cols[i].col->type != b->cols[i].col->type)
            return false;
    return true;
}

/* ---- rows: cells are written where they belong, in room reserved for a row ---- */

#define CELL_MAX 48 /* bytes of a cell that is no text: ts_num_put_double's, a time, and the delimiter */

/* What was written last: most rows are of the same day, and many of the same minute. */
struct day {
    int64_t start, minute; /* ns; of none at first */
    char text[40];         /* "2006-01-02T15:04:" */
    size_t len;            /* of the day's part, up to the T */
};

static char *put_two(char *p, int64_t v)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
    return p + 2;
}

/* Makes the text that of t's minute. @return false: the year has another form. */
static bool begin_minute(struct day *day, int64_t t)
{
    const int64_t day_ns = 86400 * TS_SEC;
    if (t < TS_TIME_FIRST)
        return false;
    if (t < day->start || t - day->start >= day_ns || day->len == 0) {
        char text[TS_NUM_MAX];
        day->start = ts_clock_floor(t, day_ns);
        ts_clock_put_time(text, day->start);
        day->len = (size_t)((char *)memchr(text, 'T', sizeof text) - text) + 1;
        memcpy(day->text, text, day->len);
    }
    int64_t minutes = (t - day->start) / (60 * TS_SEC);
    char *p = put_two(day->text + day->len, minutes / 60);
    *p++ = ':';
    p = put_two(p, minutes % 60);
    *p = ':';
    day->minute = day->start + minutes * 60 * TS_SEC;
    return true;
}

static char *put_time(char *p, int64_t t, struct day *day)
{
    uint64_t rest = (uint64_t)t - (uint64_t)day->minute;
    if (rest >= 60 * (uint64_t)TS_SEC || day->len == 0) {
        if (!begin_minute(day, t))
            return p + ts_clock_put_time(p, t);
        rest = (uint64_t)(t - day->minute);
    }
    int64_t sec = (int64_t)(rest / TS_SEC), ns = (int64_t)(rest % TS_SEC);
    memcpy(p, day->text, 24); /* more than there is */
    p = put_two(p + day->len + 6, sec);
    if (ns) {
        *p++ = '.';
        for (int64_t unit = 100000000; ns; unit /= 10) {
            *p++ = (char)('0' + ns / unit);
            ns %= unit;
        }
    }
    *p++ = 'Z';
    return p;
}

/* The value of a row, which is no text, no time and not null. */
static char *put_number(char *p, const struct ts_flux_column *col, size_t row)
{
    switch (col->type) {
    case TS_FLUX_BOOL: memcpy(p, col->b[row] ? "true" : "false", 5); return p + (col->b[row] ? 4 : 5);
    case TS_FLUX_INT: return p + ts_num_put_int(p, col->i[row]);
    case TS_FLUX_UINT: return p + ts_num_put_uint(p, col->u[row]);
    default: return p + ts_num_put_double(p, col->f[row]);
    }
}

/* Whether ts_num_put_double writes the number without an exponent. */
static bool is_short(double v)
{
    return v == 0 || v != v || (fabs(v) >= 1e-4 && fabs(v) < 1e20);
}

/* What all rows have between the values of two columns that vary: constant columns, and delimiters. */
struct piece {
    size_t end;                       /* of its bytes */
    const struct ts_flux_column *col; /* whose value follows; NULL: the end of the row */
};

#define PAD 32 /* bytes that may be read and written behind the pieces */

/* Copies len bytes, and some more behind them. */
TS_INLINE char *put_fixed(char *p, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i += PAD)
        memcpy(p + i, from + i, PAD);
    return p + len;
}

static void put_row(struct ts_buf *to, size_t row, char d, const struct ts_buf *fixed, const struct piece *pieces, size_t room,
                    struct day *day)
{
    char *p = to->cap - to->len >= room ? to->p + to->len : ts_buf_reserve(to, room);
    size_t from = 0;
    if (!p)
        return;
    for (const struct piece *pc = pieces;; from = pc++->end) {
        const struct ts_flux_column *col = pc->col;
        p = put_fixed(p, fixed->p + from, pc->end - from);
        if (!col)
            break;
        if (ts_flux_column_null(col, row))
            continue;
        if (col->type == TS_FLUX_TIME) {
            p = put_time(p, col->i[row], day);
            continue;
        }
        if (col->type != TS_FLUX_STRING && (col->type != TS_FLUX_FLOAT || is_short(col->f[row]))) {
            p = put_number(p, col, row);
            continue;
        }
        to->len = (size_t)(p - to->p);
        put_value(to, d, ts_flux_column_get(col, row));
        p = ts_buf_reserve(to, room);
        if (!p)
            return;
    }
    to->len = (size_t)(p - to->p);
}

static void put_rows(struct ts_flux_csv *csv, const struct ts_flux_chunk *chk, struct ts_buf *to)
{
    char d = delimiter_of(csv->dialect);
    struct ts_buf fixed = TS_BUF_INIT;
    struct piece *pieces = ts_alloc((chk->ncols + 1) * sizeof *pieces);
    struct day day = {0};
    size_t n = 0;
    ts_buf_putc(&fixed, d);
    if (!has_default(csv->dialect))
        put_text(&fixed, d, csv->results[csv->at]->name);
    ts_buf_putc(&fixed, d);
    ts_buf_put_int(&fixed, csv->table);
    for (uint32_t i = 0; pieces && i < chk->ncols; i++) {
        const struct ts_flux_column *col = chk->cols[i].col;
        if (col->konst && !shown(chk, i))
            continue;
        ts_buf_putc(&fixed, d);
        if (col->konst)
            put_value(&fixed, d, ts_flux_column_get(col, 0));
        else
            pieces[n++] = (struct piece){fixed.len, col};
    }
    ts_buf_puts(&fixed, "\r\n");
    bool ok = pieces && ts_buf_reserve(&fixed, PAD) && !ts_buf_failed(&fixed);
    if (ok)
        pieces[n] = (struct piece){fixed.len, NULL};
    for (size_t row = 0; ok && row < chk->n; row++)
        put_row(to, row, d, &fixed, pieces, fixed.len + (n + 1) * CELL_MAX + PAD, &day);
    to->failed = to->failed || !ok;
    ts_buf_fini(&fixed);
    ts_free(pieces);
}

static void put_chunk(struct ts_flux_csv *csv, struct ts_flux_chunk *chk, struct ts_buf *to)
{
    struct ts_flux_chunk *was = csv->before;
    bool more = was && ts_flux_key_eq(was->key, chk->key);
    if (was && !more)
        csv->table++;
    bool schema = !was || !same_schema(was, chk);
    if (schema || (!more && (csv->before_empty || chk->n == 0))) {
        if (was)
            ts_buf_puts(to, "\r\n");
        put_schema(csv, chk, to);
    }
    put_rows(csv, chk, to);
    csv->before_empty = chk->n == 0;
    csv->any = true;
    if (schema || !more) { /* its key and its columns' names, without the rows */
        ts_flux_chunk_unref(&csv->before);
        csv->before = ts_flux_chunk_slice(chk, 0, 0);
        to->failed = to->failed || !csv->before;
    }
}

/* The next chunk of the result; one without rows only when its table has no others. */
static int pull(struct ts_flux_csv *csv, struct ts_flux_chunk **out)
{
    int rc = 0;
    *out = csv->ahead;
    csv->ahead = NULL;
    if (csv->has_ahead)
        csv->has_ahead = false;
    else
        rc = ts_flux_next(csv->cur, out);
    while (rc == 0 && *out && (*out)->n == 0) {
        rc = ts_flux_next(csv->cur, &csv->ahead);
        csv->has_ahead = rc == 0;
        bool same = csv->ahead && ts_flux_key_eq(csv->ahead->key, (*out)->key);
        bool told = csv->before && ts_flux_key_eq(csv->before->key, (*out)->key);
        if (rc == 0 && !same && !told)
            return 0;
        ts_flux_chunk_unref(out);
        *out = csv->ahead;
        csv->ahead = NULL;
        csv->has_ahead = false;
    }
    if (rc)
        ts_flux_chunk_unref(out);
    return rc;
}

int ts_flux_csv_new(struct ts_flux_run *run, struct ts_ask_dialect dialect, struct ts_flux_csv **out)
{
    size_t n = 0;
    for (const struct ts_flux_yield *y = run->yields; y; y = y->next)
        n++;
    *out = NULL;
    struct ts_flux_csv *csv = ts_alloc(sizeof *csv);
    if (!csv)
        return ts_flux_fail_nomem(run);
    *csv = (struct ts_flux_csv){.run = run, .dialect = dialect};
    csv->results = ts_alloc(TS_MAX(n, (size_t)1) * sizeof(void *));
    if (!csv->results) {
        ts_flux_csv_free(&csv);
        return ts_flux_fail_nomem(run);
    }
    for (const struct ts_flux_yield *y = run->yields; y; y = y->next)
        csv->results[csv->nresults++] = y;
    *out = csv;
    return 0;
}

void ts_flux_csv_free(struct ts_flux_csv **csvp)
{
    struct ts_flux_csv *csv = *csvp;
    if (!csv)
        return;
    ts_flux_close(&csv->cur);
    ts_flux_chunk_unref(&csv->ahead);
    ts_flux_chunk_unref(&csv->before);
    TS_FREE(csv->results);
    TS_FREE(*csvp);
}

static void end_result(struct ts_flux_csv *csv, struct ts_buf *to)
{
    ts_flux_close(&csv->cur);
    ts_flux_chunk_unref(&csv->before);
    ts_buf_puts(to, "\r\n");
    csv->before_empty = false;
    csv->table = 0;
    csv->at++;
}

int ts_flux_csv_read(struct ts_flux_csv *csv, struct ts_buf *to, bool *more)
{
    *more = csv->at < csv->nresults;
    if (!*more)
        return 0;
    struct ts_flux_chunk *chk;
    int rc = csv->cur ? 0 : ts_flux_open(csv->run, csv->results[csv->at]->stream, &csv->cur);
    if (rc == 0)
        rc = pull(csv, &chk);
    if (rc)
        return rc;
    if (chk && chk->ncols)
        put_chunk(csv, chk, to);
    else if (!chk)
        end_result(csv, to);
    ts_flux_chunk_unref(&chk);
    *more = csv->at < csv->nresults;
    return ts_buf_failed(to) ? ts_flux_fail_nomem(csv->run) : 0;
}

void ts_flux_csv_put_error(struct ts_flux_csv *csv, struct ts_ask_dialect dialect, struct ts_str message,
                           struct ts_buf *to)
{
    char d = delimiter_of(dialect);
    if (csv && csv->any)
        ts_buf_puts(to, "\r\n");
    for (unsigned a = 0; a < TS_ASK_ANNOTATIONS && dialect.annotate[a]; a++) {
        static const struct {
            const char *name, *cell;
        } rows[] = {[TS_ASK_DATATYPE] = {"#datatype", "string"}, [TS_ASK_GROUP] = {"#group", "true"}, [TS_ASK_DEFAULT] = {"#default", ""}};
        ts_buf_printf(to, "%s%c%s%c%s\r\n", rows[dialect.annotate[a]].name, d, rows[dialect.annotate[a]].cell, d,
                      rows[dialect.annotate[a]].cell);
    }
    ts_buf_printf(to, "%cerror%creference\r\n%c", d, d, d);
    put_text(to, d, message);
    ts_buf_printf(to, "%c\r\n", d);
}
