/*
 * filter, range, hourSelection, limit, tail, sample: rows that stay. A chunk of which all rows stay is passed
 * on as it is. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/exec/exec_time.h"
#include "flux/table/table_scan.h"

#include <stdlib.h>

/* The rows whose bit is set, as a chunk. */
static struct ts_flux_chunk *take_bits(struct ts_flux_run *run, struct ts_flux_chunk *chk,
                                       const uint64_t *keep, size_t nkept)
{
    if (nkept == chk->n)
        return ts_flux_chunk_ref(chk);
    size_t bytes = TS_MAX(nkept, (size_t)1) * sizeof(uint32_t), n = 0;
    uint32_t *sel = ts_flux_mem_alloc(&run->mem, bytes);
    if (!sel)
        return NULL;
    for (size_t w = 0; w < (chk->n + 63) / 64; w++)
        for (uint64_t bits = keep[w]; bits; bits &= bits - 1)
            sel[n++] = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
    TS_ASSERT(n == nkept);
    struct ts_flux_chunk *out = ts_flux_chunk_gather(chk, sel, nkept);
    ts_flux_mem_free(&run->mem, sel, bytes);
    return out;
}

/* ---- filter ---- */

struct filter_args {
    struct ts_flux_value fn;
    bool keep_empty, plain;
    bool decided;  /* what a from() below has filtered, it has filtered as this does */
    unsigned want; /* of a from() below */
};

struct filter {
    struct ts_flux_rows rows;
    bool any;                    /* of the present table something was given */
    struct ts_flux_chunk *empty; /* of the present table, in case that nothing stays */
};

static int filter_open(struct ts_flux_cursor *cur)
{
    const struct filter_args *args = cur->args;
    struct filter *st = cur->st;
    return ts_flux_rows_init(cur->run, &st->rows, args->fn, "filter");
}

static void filter_close(struct ts_flux_cursor *cur)
{
    struct filter *st = cur->st;
    ts_flux_rows_fini(&st->rows);
    ts_flux_chunk_unref(&st->empty);
}

/* The table before has ended: it is given as an empty one when nothing of it stayed and the script wants
 * that. */
static int filter_end(struct ts_flux_cursor *cur)
{
    struct filter *st = cur->st;
    struct ts_flux_chunk *empty = st->empty;
    st->empty = NULL;
    if (empty && !st->any)
        return ts_flux_emit(cur, empty);
    ts_flux_chunk_unref(&empty);
    return 0;
}

static int filter_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct filter_args *args = cur->args;
    struct filter *st = cur->st;
    struct ts_flux_run *run = cur->run;
    int rc = 0;
    if (cur->new_table) {
        rc = filter_end(cur);
        st->any = false;
        if (rc == 0 && args->keep_empty && !(st->empty = ts_flux_chunk_slice(chk, 0, 0)))
            rc = ts_flux_fail_nomem(run);
    }
    if (rc || chk->n == 0)
        return rc;
    if (args->decided && ts_flux_scan_filtered(cur->in[0]))
        return ts_flux_emit(cur, ts_flux_chunk_ref(chk));
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    uint64_t *keep = ts_flux_arena_alloc(&run->scratch, (chk->n + 63) / 64 * 8);
    unsigned nkept = 0;
    rc = keep ? ts_flux_rows_set(&st->rows, chk, 0) : ts_flux_fail_nomem(run);
    if (rc == 0)
        rc = ts_flux_rowfn_filter(st->rows.rf, (unsigned)chk->n, st->rows.vecs, keep, &nkept);
    if (rc == 0 && nkept) {
        st->any = true;
        rc = ts_flux_emit(cur, take_bits(run, chk, keep, nkept));
    }
    ts_flux_arena_release(&run->scratch, mark);
    return rc;
}

static const struct ts_flux_operator filter_op = {.name = "filter",
                                                  .state = sizeof(struct filter),
                                                  .open = filter_open,
                                                  .feed = filter_feed,
                                                  .finish = filter_end,
                                                  .close = filter_close};

int ts_flux_op_filter(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct filter_args fa = {.fn = args->v[1], .keep_empty = ts_flux_is(args->v[2], "keep")};
    if (ts_flux_given(args, 2) && !fa.keep_empty && !ts_flux_is(args->v[2], "drop"))
        return ts_flux_fail(run, "onEmpty must be \"keep\" or \"drop\"");
    struct ts_flux_stream *from = args->v[0].stream;
    struct ts_flux_scan_cond cond = {0};
    int rc = fa.keep_empty ? 0 : ts_flux_scan_filter(run, from, fa.fn, &from, &cond);
    fa.plain = cond.plain;
    fa.decided = cond.decided;
    fa.want = TS_SCAN_VALUES | (cond.times ? TS_SCAN_TIMES : 0);
    *out = ts_flux_stream_value(from);
    return rc || cond.whole ? rc : ts_flux_plan(run, &filter_op, &fa, sizeof fa, from, out);
}

bool ts_flux_filter_wants(const struct ts_flux_stream *stream, unsigned *want, bool *decided)
{
    const struct filter_args *args = stream->args;
    if (stream->op != &filter_op)
        return false;
    *decided = args->decided;
    *want = args->keep_empty ? TS_SCAN_TIMES | TS_SCAN_VALUES : args->want;
    return true;
}

bool ts_flux_scan_root(const struct ts_flux_stream *stream)
{
    while (stream->op == &filter_op)
        stream = stream->from[0];
    return ts_flux_scan_of(stream) != NULL;
}

bool ts_flux_scan_stored(const struct ts_flux_stream *stream)
{
    while (stream->op == &filter_op && ((const struct filter_args *)stream->args)->plain)
        stream = stream->from[0];
    return ts_flux_scan_of(stream) && stream->span.set;
}

/* ---- range ---- */

struct range_args {
    int64_t start, stop;
    const struct ts_flux_name *time, *start_col, *stop_col;
};

/* The key with bounds: those of range, cut by bounds that the key has already. */
static struct ts_flux_key *range_key(struct ts_flux_cursor *cur, struct ts_flux_key *key, int64_t *start,
                                     int64_t *stop)
{
    const struct range_args *args = cur->args;
    const struct ts_flux_value *from = ts_flux_key_get(key, args->start_col),
                               *to = ts_flux_key_get(key, args->stop_col);
    *start = args->start;
    *stop = args->stop;
    if (from && to && from->type == TS_FLUX_TIME && to->type == TS_FLUX_TIME && !from->null && !to->null &&
        from->i < args->stop && args->start < to->i) {
        *start = TS_MAX(*start, from->i);
        *stop = TS_MIN(*stop, to->i);
    }
    struct ts_flux_key *half = ts_flux_key_with(cur->run, key, args->start_col, ts_flux_time(*start));
    struct ts_flux_key *out =
        half ? ts_flux_key_with(cur->run, half, args->stop_col, ts_flux_time(*stop)) : NULL;
    ts_flux_key_unref(&half);
    return out;
}

static struct ts_flux_chunk *range_rows(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk,
                                        const struct ts_flux_column *time)
{
    const struct range_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    uint64_t *keep = ts_flux_arena_alloc(&run->scratch, (chk->n + 63) / 64 * 8 + 8);
    struct ts_flux_chunk *out = NULL;
    size_t nkept = 0;
    for (size_t i = 0; keep && i < chk->n; i++) {
        int64_t t = time->i[i & time->mask];
        bool in = t >= args->start && t < args->stop && !ts_flux_column_null(time, i);
        keep[i >> 6] |= (uint64_t)in << (i & 63);
        nkept += in;
    }
    if (keep)
        out = take_bits(run, chk, keep, nkept);
    ts_flux_arena_release(&run->scratch, mark);
    return out;
}

static int range_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct range_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *time = ts_flux_chunk_column(chk, args->time);
    if (!time)
        return ts_flux_fail(run, "range error: supplied time column %s doesn't exist", args->time->z);
    if (time->type != TS_FLUX_TIME)
        return ts_flux_fail(run, "range error: provided column %s is not of type time", args->time->z);
    struct ts_flux_chunk *in = range_rows(cur, chk, time);
    if (!in)
        return ts_flux_fail_nomem(run);
    int64_t start, stop;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_key *key = range_key(cur, chk->key, &start, &stop);
    ts_flux_maker_const(&mk, args->start_col, ts_flux_time(start));
    ts_flux_maker_const(&mk, args->stop_col, ts_flux_time(stop));
    for (uint32_t i = 0; i < in->ncols; i++)
        if (in->cols[i].name != args->start_col && in->cols[i].name != args->stop_col)
            ts_flux_maker_share(&mk, in, i);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, in->n);
    ts_flux_key_unref(&key);
    ts_flux_chunk_unref(&in);
    /* tables that had other bounds before may be one now */
    bool merges = ts_flux_key_get(chk->key, args->start_col) || ts_flux_key_get(chk->key, args->stop_col);
    return merges ? ts_flux_collect(cur, out) : ts_flux_emit(cur, out);
}

static const struct ts_flux_operator range_op = {.name = "range", .feed = range_feed};

/* A time, a duration from now, or seconds since 1970. */
static int bound(struct ts_flux_run *run, struct ts_flux_value v, int64_t *out)
{
    if (v.type != TS_FLUX_INT || v.null)
        return ts_flux_time_of(run, v, out);
    return __builtin_mul_overflow(v.i, TS_SEC, out)
               ? ts_flux_fail(run, "%lld s is beyond the range of times", (long long)v.i)
               : 0;
}

int ts_flux_op_range(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct range_args ra;
    int rc = bound(run, args->v[1], &ra.start);
    if (rc == 0)
        rc = ts_flux_given(args, 2) ? bound(run, args->v[2], &ra.stop) : ts_flux_now(run, &ra.stop);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[3], "_time", &ra.time);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[4], "_start", &ra.start_col);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[5], "_stop", &ra.stop_col);
    if (rc)
        return rc;
    if (ra.start >= ra.stop)
        return ts_flux_fail(run, "cannot query an empty range");
    struct ts_flux_stream *from = args->v[0].stream;
    struct ts_flux_span span = {true, ra.start, ra.stop};
    bool meets = from->span.set && TS_MAX(from->span.start, ra.start) < TS_MIN(from->span.stop, ra.stop);
    if (meets)
        span = (struct ts_flux_span){true, TS_MAX(from->span.start, ra.start), TS_MIN(from->span.stop, ra.stop)};
    bool plain = !ts_flux_given(args, 3) && !ts_flux_given(args, 4) && !ts_flux_given(args, 5);
    if (plain && ts_flux_scan_of(from) && (meets || !from->span.set)) {
        rc = ts_flux_scan_range(run, from, span, &from);
        *out = ts_flux_stream_value(from);
        return rc;
    }
    rc = ts_flux_plan(run, &range_op, &ra, sizeof ra, from, out);
    if (rc == 0)
        out->stream->span = span;
    return rc;
}

/* ---- hourSelection ---- */

struct hour_args {
    int64_t start, stop;
    struct ts_flux_clock clock;
    const struct ts_flux_name *time;
};

static int hour_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct hour_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *time = ts_flux_chunk_column(chk, args->time);
    if (!time || time->type != TS_FLUX_TIME)
        return ts_flux_fail(run, "invalid time column \"%s\"", args->time->z);
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    uint64_t *keep = ts_flux_arena_alloc(&run->scratch, (chk->n + 63) / 64 * 8 + 8);
    if (!keep)
        return ts_flux_fail_nomem(run);
    size_t nkept = 0;
    for (size_t i = 0; i < chk->n; i++) {
        if (ts_flux_column_null(time, i))
            continue;
        int64_t local = ts_flux_clock_local(&args->clock, time->i[i & time->mask]);
        int64_t hour = (local - ts_clock_floor(local, 86400 * TS_SEC)) / (3600 * TS_SEC);
        bool in = args->start <= args->stop ? hour >= args->start && hour <= args->stop
                                            : hour >= args->start || hour <= args->stop;
        keep[i >> 6] |= (uint64_t)in << (i & 63);
        nkept += in;
    }
    struct ts_flux_chunk *out = take_bits(run, chk, keep, nkept);
    ts_flux_arena_release(&run->scratch, mark);
    return ts_flux_emit(cur, out);
}

static const struct ts_flux_operator hour_op = {.name = "hourSelection", .feed = hour_feed};

int ts_flux_op_hour_selection(struct ts_flux_run *run, const struct ts_flux_args *args,
                              struct ts_flux_value *out)
{
    struct hour_args ha = {.start = args->v[1].i, .stop = args->v[2].i};
    if (ha.start < 0 || ha.start > 23 || ha.stop < 0 || ha.stop > 23)
        return ts_flux_fail(run, "start and stop must be between 0 and 23");
    int rc = ts_flux_clock_of(run, args->v[3], &ha.clock);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[4], "_time", &ha.time);
    return rc ? rc : ts_flux_plan(run, &hour_op, &ha, sizeof ha, args->v[0].stream, out);
}

/* ---- limit, tail, sample ---- */

struct limit_args {
    int64_t n, offset;
};

struct limit {
    int64_t skip, left;
};

static int limit_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct limit_args *args = cur->args;
    struct limit *st = cur->st;
    if (cur->new_table)
        *st = (struct limit){args->offset, args->n};
    size_t start = (size_t)TS_MIN(st->skip, (int64_t)chk->n),
           n = (size_t)TS_MIN(st->left, (int64_t)(chk->n - start));
    st->skip -= (int64_t)start;
    st->left -= (int64_t)n;
    bool none = chk->n == 0 || (args->n == 0 && cur->new_table);
    if (st->left == 0)
        ts_flux_scan_enough(cur->in[0]);
    return n || none ? ts_flux_emit(cur, ts_flux_chunk_slice(chk, start, n)) : 0;
}

static int tail_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct limit_args *args = cur->args;
    size_t end = chk->n - (size_t)TS_MIN(args->offset, (int64_t)chk->n),
           n = (size_t)TS_MIN(args->n, (int64_t)end);
    return ts_flux_emit(cur, ts_flux_chunk_slice(chk, end - n, n));
}

/* n: every n-th row, offset: the first; negative: somewhere. */
static int sample_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct limit_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    uint32_t *sel = ts_flux_arena_alloc(&run->scratch, chk->n * sizeof *sel);
    if (!sel)
        return ts_flux_fail_nomem(run);
    size_t n = 0;
    int64_t first = args->offset >= 0 ? args->offset : (int64_t)(random() % args->n);
    for (int64_t row = first; row < (int64_t)chk->n; row += args->n)
        sel[n++] = (uint32_t)row;
    struct ts_flux_chunk *out = ts_flux_chunk_gather(chk, sel, n);
    ts_flux_arena_release(&run->scratch, mark);
    return ts_flux_emit(cur, out);
}

static const struct ts_flux_operator limit_op = {
    .name = "limit", .state = sizeof(struct limit), .feed = limit_feed};
static const struct ts_flux_operator tail_op = {.name = "tail", .whole = true, .feed = tail_feed};
static const struct ts_flux_operator sample_op = {.name = "sample", .whole = true, .feed = sample_feed};

static int plan_limit(struct ts_flux_run *run, const struct ts_flux_operator *op,
                      const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct limit_args la = {.n = args->v[1].i, .offset = ts_flux_arg_int(args->v[2], 0)};
    if (la.n < 0 || la.offset < 0)
        return ts_flux_fail(run, "%s: n and offset cannot be negative", op->name);
    return ts_flux_plan(run, op, &la, sizeof la, args->v[0].stream, out);
}

int ts_flux_op_limit(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_limit(run, &limit_op, args, out);
}

int ts_flux_op_tail(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_limit(run, &tail_op, args, out);
}

int ts_flux_op_sample(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct limit_args la = {.n = args->v[1].i, .offset = ts_flux_arg_int(args->v[2], -1)};
    if (la.n <= 0)
        return ts_flux_fail(run, "n must be a positive integer, but was %lld", (long long)la.n);
    if (la.offset >= la.n)
        return ts_flux_fail(run, "pos must be less than n, but %lld >= %lld", (long long)la.offset,
                            (long long)la.n);
    return ts_flux_plan(run, &sample_op, &la, sizeof la, args->v[0].stream, out);
}

/* ---- experimental.preview: so many rows of each of so many tables ---- */

struct preview_args {
    int64_t rows, tables;
};

struct preview {
    int64_t left, tables;
};

static int preview_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct preview_args *args = cur->args;
    struct preview *st = cur->st;
    if (cur->new_table) {
        st->left = args->rows;
        st->tables++;
    }
    if (st->tables > args->tables) {
        cur->ended = true;
        return 0;
    }
    size_t n = (size_t)TS_MIN(st->left, (int64_t)chk->n);
    st->left -= (int64_t)n;
    return n || cur->new_table ? ts_flux_emit(cur, ts_flux_chunk_slice(chk, 0, n)) : 0;
}

static const struct ts_flux_operator preview_op = {
    .name = "preview", .state = sizeof(struct preview), .feed = preview_feed};

int ts_flux_op_preview(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct preview_args pa = {.rows = ts_flux_arg_int(args->v[1], 5),
                              .tables = ts_flux_arg_int(args->v[2], 5)};
    if (pa.rows < 0 || pa.tables < 0)
        return ts_flux_fail(run, "preview: nrows and ntables cannot be negative");
    return ts_flux_plan(run, &preview_op, &pa, sizeof pa, args->v[0].stream, out);
}
