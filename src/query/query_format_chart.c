/*
 * A picture of each table on a terminal: one column of numbers over time, or over the rows where there is no
 * _time. Thread: main. Points of a table are kept up to POINTS; beyond that two neighbours become their mean,
 * so memory does not grow with the result.
 */
#include "config.h"
#include "query/query_format.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "query/query_text.h"

#include <math.h>
#include <stdio.h>

#define POINTS  8192u
#define HEIGHT  8u  /* lines */
#define LEVELS  8u  /* of a character */
#define LABEL   10u /* columns left of the axis */
#define COLUMNS 80u /* where there is no terminal */
#define WIDEST  500u

struct point {
    int64_t x; /* time, or number of the row */
    double y;
};

struct state {
    struct ts_query_out *out;
    struct ts_buf title;
    int value, time; /* which columns they are; -1: none */
    bool open;       /* a table is being gathered */
    uint64_t rows;
    struct point *points, part; /* part: sums of what becomes the next point */
    unsigned n, stride, in_part;
};

static void *open_chart(struct ts_query_out *out)
{
    struct state *st = ts_xalloc(sizeof *st);
    st->out = out;
    st->points = ts_xalloc(POINTS * sizeof *st->points);
    return st;
}

/* ---- the picture ---- */

static double lowest(const struct state *st, double *highest)
{
    double lo = st->points[0].y;
    *highest = lo;
    for (unsigned i = 1; i < st->n; i++) {
        lo = TS_MIN(lo, st->points[i].y);
        *highest = TS_MAX(*highest, st->points[i].y);
    }
    return lo;
}

static void put_y(struct ts_buf *to, double y, bool shown)
{
    char text[32] = "";
    if (shown)
        snprintf(text, sizeof text, "%.4g", y == 0 ? 0.0 : y);
    ts_buf_printf(to, "%*s ", (int)LABEL - 2, text);
    ts_buf_puts(to, shown ? "┤" : "│");
}

/* From where points of a column come to where its own end. Columns without a point show the one before: a
 * value holds until the next. */
static void spread(const struct state *st, unsigned width, double *column)
{
    int64_t first = st->points[0].x;
    double span = (double)(st->points[st->n - 1].x - first);
    unsigned *count = ts_xalloc(width * sizeof *count);
    for (unsigned i = 0; i < st->n; i++) {
        double at = span > 0 ? (double)(st->points[i].x - first) / span : 0;
        unsigned c = TS_MIN((unsigned)(at * width), width - 1);
        column[c] = count[c]++ ? column[c] + (st->points[i].y - column[c]) / count[c] : st->points[i].y;
    }
    for (unsigned c = 1; c < width; c++)
        if (!count[c])
            column[c] = column[c - 1];
    ts_free(count);
}

static void put_time(struct ts_buf *to, int64_t t, bool date)
{
    char text[TS_NUM_MAX];
    size_t n = ts_clock_put_time(text, ts_clock_floor(t, TS_SEC));
    ts_buf_put(to, date ? text : text + n - 9, date ? n : 8); /* hh:mm:ss, in UTC as all times are */
}

static void put_x(const struct state *st, unsigned width)
{
    struct ts_buf *to = &st->out->buf, first = TS_BUF_INIT, last = TS_BUF_INIT;
    int64_t from = st->points[0].x, till = st->points[st->n - 1].x;
    if (st->time >= 0) {
        bool date = ts_clock_floor(from, 86400 * TS_SEC) != ts_clock_floor(till, 86400 * TS_SEC);
        put_time(&first, from, date);
        put_time(&last, till, date);
    } else {
        ts_buf_printf(&first, "row %lld", (long long)from);
        ts_buf_put_int(&last, till);
    }
    ts_buf_printf(to, "%*s%s", (int)LABEL, "", ts_buf_cstr(&first));
    if (from != till && width > first.len + last.len)
        ts_buf_printf(to, "%*s", (int)(width - first.len), ts_buf_cstr(&last));
    ts_buf_putc(to, '\n');
    ts_buf_fini(&first);
    ts_buf_fini(&last);
}

static void put_picture(struct state *st)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    struct ts_buf *to = &st->out->buf;
    unsigned columns = st->out->columns ? st->out->columns : COLUMNS,
             width = TS_MIN(TS_MAX(columns, LABEL + 20) - LABEL, WIDEST);
    double hi, lo = lowest(st, &hi), column[WIDEST] = {0};
    lo = TS_MIN(lo, 0);
    hi = TS_MAX(hi, 0);
    if (!(hi - lo > 0))
        hi = lo + 1;
    spread(st, width, column);
    for (unsigned line = HEIGHT; line-- > 0;) {
        put_y(to, line ? lo + (hi - lo) * (line + 1) / HEIGHT : lo,
              line == HEIGHT - 1 || line == HEIGHT / 2 - 1 || line == 0);
        for (unsigned c = 0; c < width; c++) {
            double level = (column[c] / 2 - lo / 2) / (hi / 2 - lo / 2) * HEIGHT * LEVELS -
                           line * LEVELS; /* halves: no overflow */
            ts_buf_puts(to, blocks[(unsigned)TS_MAX(0.0, TS_MIN((double)LEVELS, round(level)))]);
        }
        ts_buf_putc(to, '\n');
    }
    put_x(st, width);
}

static void end_table(struct state *st)
{
    struct ts_buf *to = &st->out->buf;
    if (!st->open)
        return;
    st->open = false;
    if (st->in_part && st->n < POINTS)
        st->points[st->n++] = (struct point){st->part.x, st->part.y / st->in_part};
    ts_buf_put_str(to, ts_buf_str(&st->title));
    if (st->n)
        put_picture(st);
    else
        ts_buf_puts(to, "  no numbers to show\n");
    ts_buf_putc(to, '\n');
}

/* ---- a table ---- */

static bool is_named(const struct ts_query_column *col, const char *name)
{
    return ts_str_eq(col->name, ts_str_of(name));
}

/* What the values are: _value, or else the first column of numbers that differ. */
static void choose(struct state *st, const struct ts_query_table *tbl)
{
    st->value = st->time = -1;
    for (unsigned i = 0; i < tbl->ncols; i++) {
        const struct ts_query_column *col = &tbl->cols[i];
        bool number = (col->type == TS_QUERY_INTEGER || col->type == TS_QUERY_FLOAT) && !col->in_key;
        if (number && (st->value < 0 || is_named(col, "_value")))
            st->value = (int)i;
        if (is_named(col, "_time"))
            st->time = (int)i;
    }
}

/* The values of the group key, without what all tables have: the bounds. */
static void put_title(struct state *st, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct ts_buf *to = &st->title;
    ts_buf_clear(to);
    ts_query_put_visible(to, ts_query_result_name(tbl));
    for (unsigned i = 0; i < tbl->ncols; i++) {
        const struct ts_query_column *col = &tbl->cols[i];
        if (!col->in_key || is_named(col, "_start") || is_named(col, "_stop"))
            continue;
        ts_buf_puts(to, to->len ? " " : "");
        ts_query_put_visible(to, col->name);
        ts_buf_putc(to, '=');
        ts_query_put_visible(to, cells[i]);
    }
    if (to->len)
        ts_buf_putc(to, '\n');
}

static void begin_table(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct state *st = arg;
    end_table(st);
    choose(st, tbl);
    put_title(st, tbl, cells);
    st->open = true;
    st->rows = 0;
    st->n = st->in_part = 0;
    st->stride = 1;
}

/* Room for more: neighbours become one. */
static void halve(struct state *st)
{
    for (unsigned i = 0; i < POINTS / 2; i++)
        st->points[i] =
            (struct point){st->points[2 * i].x, st->points[2 * i].y / 2 + st->points[2 * i + 1].y / 2};
    st->n = POINTS / 2;
    st->stride *= 2;
}

static void put_row(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells)
{
    struct state *st = arg;
    int64_t x = (int64_t)++st->rows;
    double y;
    (void)tbl;
    if (st->value < 0 || ts_num_read(cells[st->value], &y) != 0 || !isfinite(y))
        return;
    if (st->time >= 0 && ts_clock_read_time(cells[st->time], &x) != 0)
        return;
    if (!st->in_part)
        st->part = (struct point){x, 0};
    st->part.y += y;
    if (++st->in_part < st->stride)
        return;
    if (st->n == POINTS)
        halve(st);
    st->points[st->n++] = (struct point){st->part.x, st->part.y / st->in_part};
    st->in_part = 0;
}

static void end_chart(void *arg)
{
    end_table(arg);
}

static void free_chart(void *arg)
{
    struct state *st = arg;
    ts_buf_fini(&st->title);
    TS_FREE(st->points);
    TS_FREE(st);
}

const struct ts_query_format ts_query_format_chart = {.name = "chart",
                                                      .open = open_chart,
                                                      .table = begin_table,
                                                      .row = put_row,
                                                      .end = end_chart,
                                                      .free = free_chart};
