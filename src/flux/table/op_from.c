/*
 * from(): a bucket's points as tables, a table for each series. Columns of times and values are the scan's own memory,
 * lent to a chunk until the next is asked for; who still holds one then gets a copy. range() and what filter() asks of a
 * series are put into the scan. Owns the scan's cursor. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_group.h"
#include "flux/table/table_scan.h"
#include "flux/table/table_std.h"

#include "core/log.h"

#include <stdlib.h>

#define FIXED 4 /* _start, _stop, _time, _value; the tags follow */

struct from {
    struct ts_scan_cursor *scan;
    const struct ts_scan_chunk *chk; /* the present one, until the next is asked for */
    struct ts_flux_key *key; /* of the present series, as all below */
    struct ts_flux_slot *slots;
    size_t bytes; /* of the scan, as accounted */
    bool enough; /* of the present series */
    struct ts_flux_column *lent[2], *blank[2]; /* of times and values: with the scan's memory, and of nulls */
    size_t n, cap;
    const struct ts_flux_name *fixed[FIXED], *measurement, *field;
};

static const struct ts_flux_operator from_op;

const struct ts_flux_scan *ts_flux_scan_of(const struct ts_flux_stream *stream)
{
    return stream->op == &from_op ? stream->args : NULL;
}

/* ---- which bucket ---- */

struct find_bucket {
    struct ts_scan_source *src;
    uint64_t id;
    struct ts_flux_run *run;
    struct ts_str name;
};

static bool by_id(void *arg, struct ts_str value, enum ts_scan_type type)
{
    struct find_bucket *find = arg;
    struct ts_scan_bucket bucket;
    struct ts_err err;
    (void)type;
    if (ts_scan_bucket(find->src, value, &bucket, &err) != 0 || bucket.id != find->id)
        return true;
    find->name = ts_flux_arena_str(&find->run->arena, value);
    return false;
}

int ts_flux_scan_failed(struct ts_flux_run *run, int rc, struct ts_str bucket, const struct ts_err *err)
{
    if (!run->source)
        return ts_flux_fail(run, "there is no store to read buckets from");
    if (rc == -TS_ENOTFOUND)
        return ts_flux_fail_as(run, rc, "could not find bucket \"%.*s\"", (int)bucket.len, bucket.p);
    return ts_flux_fail_as(run, rc, "%s", err->msg);
}

static int bucket_name(struct ts_flux_run *run, const struct ts_flux_scan *scan, struct ts_str *out)
{
    struct find_bucket find = {.src = run->source, .id = scan->id, .run = run};
    struct ts_scan_schema_request req = {.what = TS_SCAN_BUCKETS, .start_ns = INT64_MIN, .stop_ns = INT64_MAX};
    struct ts_err err;
    *out = scan->bucket;
    if (scan->bucket.len)
        return 0;
    int rc = ts_scan_schema(run->source, &req, by_id, &find, &err);
    if (rc)
        return ts_flux_fail_as(run, rc, "%s", err.msg);
    *out = find.name;
    return find.name.p ? 0 : ts_flux_fail_as(run, -TS_ENOTFOUND, "could not find bucket \"%016llx\"", (unsigned long long)scan->id);
}

int ts_flux_scan_request(struct ts_flux_run *run, const struct ts_flux_stream *stream, struct ts_scan_request *req)
{
    const struct ts_flux_scan *scan = stream->args;
    if (!run->source)
        return ts_flux_scan_failed(run, 0, scan->bucket, NULL);
    if (!stream->span.set)
        return ts_flux_fail(run, "cannot submit unbounded read to \"%.*s\"; try bounding 'from' with a call to 'range'",
                            (int)scan->bucket.len, scan->bucket.p);
    *req = (struct ts_scan_request){.start_ns = stream->span.start,
                                    .stop_ns = stream->span.stop,
                                    .pred = scan->pred,
                                    .rows = scan->rows,
                                    .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
    if (scan->tune.want || scan->tune.stats)
        req->want = scan->tune.want;
    req->stats = scan->tune.stats;
    req->every_ns = scan->tune.every_ns;
    req->offset_ns = scan->tune.offset_ns;
    req->descending = scan->tune.rows == TS_FLUX_SCAN_NEWEST;
    return bucket_name(run, scan, &req->bucket);
}

/* ---- a series ---- */

static void forget_series(struct from *st)
{
    for (size_t i = 0; i < st->n; i++)
        ts_flux_column_unref(&st->slots[i].col);
    st->n = 0;
    for (size_t i = 0; i < 2; i++) {
        ts_flux_column_unref(&st->lent[i]);
        ts_flux_column_unref(&st->blank[i]);
    }
    ts_flux_key_unref(&st->key);
}

static int need_slots(struct ts_flux_run *run, struct from *st, size_t n)
{
    if (n <= st->cap)
        return 0;
    struct ts_flux_slot *slots = ts_flux_mem_alloc(&run->mem, n * sizeof *slots);
    if (!slots)
        return ts_flux_fail_nomem(run);
    ts_flux_mem_free(&run->mem, st->slots, st->cap * sizeof *slots);
    st->slots = slots;
    st->cap = n;
    return 0;
}

static enum ts_flux_type type_of(enum ts_scan_type type)
{
    static const enum ts_flux_type types[] = {[TS_SCAN_FLOAT] = TS_FLUX_FLOAT,
                                              [TS_SCAN_INT] = TS_FLUX_INT,
                                              [TS_SCAN_UINT] = TS_FLUX_UINT,
                                              [TS_SCAN_BOOL] = TS_FLUX_BOOL,
                                              [TS_SCAN_STRING] = TS_FLUX_STRING};
    return types[type];
}

/* The i-th of a series' tags, with measurement and field among them, by name. */
struct named {
    const struct ts_flux_name *name;
    struct ts_str value;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return ts_str_cmp(ts_flux_name_str(x->name), ts_flux_name_str(y->name));
}

/* Constant columns and the key; those of times and values come with each chunk. */
static int begin_series(struct ts_flux_cursor *cur, const struct ts_scan_series *ser)
{
    struct ts_flux_run *run = cur->run;
    struct from *st = cur->st;
    struct named tags[TS_TAGS_MAX + 2];
    struct ts_flux_key_col cols[TS_TAGS_MAX + 4];
    size_t n = 0;
    forget_series(st);
    int rc = need_slots(run, st, ser->ntags + 2 + FIXED);
    if (rc)
        return rc;
    tags[n++] = (struct named){st->measurement, ser->measurement};
    tags[n++] = (struct named){st->field, ser->field};
    for (unsigned i = 0; i < ser->ntags; i++)
        tags[n++] = (struct named){ts_flux_name_of(&run->names, ser->tags[i].key), ser->tags[i].value};
    for (size_t i = 0; i < n; i++)
        if (!tags[i].name)
            return ts_flux_fail_nomem(run);
    qsort(tags, n, sizeof *tags, by_name);
    const struct ts_flux_span *span = &cur->stream->span;
    cols[0] = (struct ts_flux_key_col){st->fixed[0], ts_flux_time(span->start)};
    cols[1] = (struct ts_flux_key_col){st->fixed[1], ts_flux_time(span->stop)};
    for (size_t i = 0; i < n; i++)
        cols[2 + i] = (struct ts_flux_key_col){tags[i].name, ts_flux_string(tags[i].value)};
    for (size_t i = 0; i < 2; i++) {
        enum ts_flux_type type = i == 0 ? TS_FLUX_TIME : type_of(ser->type);
        st->lent[i] = ts_flux_column_new(&run->mem, type, 0);
        st->blank[i] = ts_flux_column_const(&run->mem, ts_flux_null(type));
        if (!st->lent[i] || !st->blank[i])
            return ts_flux_fail_nomem(run);
    }
    for (size_t i = 0; i < n + FIXED; i++) {
        const struct ts_flux_key_col *col = i < 2 ? &cols[i] : i < FIXED ? NULL : &cols[i - 2];
        st->slots[i] = col ? (struct ts_flux_slot){col->name, ts_flux_column_const(&run->mem, col->v)}
                           : (struct ts_flux_slot){st->fixed[i], ts_flux_column_ref(st->blank[i - 2])};
        if (!st->slots[i].col)
            return ts_flux_fail_nomem(run);
        st->n = i + 1;
    }
    st->key = ts_flux_key_new(&run->mem, cols, n + 2);
    return st->key ? 0 : ts_flux_fail_nomem(run);
}

/* ---- chunks ---- */

/* The scan's memory changes now: who holds a column keeps a copy. */
static int settle(struct ts_flux_cursor *cur)
{
    struct from *st = cur->st;
    for (size_t i = 0; i < 2 && st->lent[i]; i++) {
        struct ts_flux_column *col = st->lent[i];
        if (st->slots[i + 2].col == col) {
            ts_flux_column_unref(&st->slots[i + 2].col);
            st->slots[i + 2].col = ts_flux_column_ref(st->blank[i]);
        }
        if (col->refs == 1)
            continue;
        if (ts_flux_column_own(col) != 0)
            return ts_flux_fail_nomem(cur->run);
        struct ts_flux_column *next = ts_flux_column_new(&cur->run->mem, col->type, 0);
        if (!next)
            return ts_flux_fail_nomem(cur->run);
        ts_flux_column_unref(&st->lent[i]);
        st->lent[i] = next;
    }
    return 0;
}

static void lend(struct from *st, size_t i, const void *data, size_t n)
{
    if (!data)
        return;
    ts_flux_column_lend(st->lent[i], data, n);
    ts_flux_column_unref(&st->slots[i + 2].col);
    st->slots[i + 2].col = ts_flux_column_ref(st->lent[i]);
}

/* Rows of the chunk as columns; of a series of which one is wanted, that. *n: how many. */
static void show(struct ts_flux_cursor *cur, const struct ts_scan_chunk *chk, size_t *n)
{
    static const size_t widths[] = {[TS_SCAN_FLOAT] = 8, [TS_SCAN_INT] = 8, [TS_SCAN_UINT] = 8, [TS_SCAN_BOOL] = 1,
                                    [TS_SCAN_STRING] = sizeof(struct ts_str)};
    const struct ts_flux_scan *scan = cur->args;
    struct from *st = cur->st;
    size_t at = scan->tune.rows == TS_FLUX_SCAN_NEWEST ? chk->n - 1 : 0;
    *n = scan->tune.rows == TS_FLUX_SCAN_ALL ? chk->n : 1;
    if (!chk->columns)
        return;
    lend(st, 0, chk->times ? chk->times + at : NULL, *n);
    lend(st, 1, chk->v.f ? (const char *)chk->v.f + at * widths[chk->series->type] : NULL, *n);
}

static void damaged(const struct from *st)
{
    unsigned n;
    const struct ts_scan_damage *dmg = ts_scan_damage(st->scan, &n);
    for (unsigned i = 0; i < TS_MIN(n, (unsigned)TS_SCAN_DAMAGE_MAX); i++)
        ts_log(TS_LOG_WARN, "scan_damage", "series=%s what=%s", ts_log_quote(dmg[i].series).z, ts_log_quote_z(dmg[i].what));
}

/* The scan's memory is the query's. */
static int account(struct ts_flux_cursor *cur)
{
    struct from *st = cur->st;
    size_t now = ts_scan_bytes(st->scan);
    if (now > st->bytes && !ts_flux_mem_take(&cur->run->mem, now - st->bytes))
        return ts_flux_fail_nomem(cur->run);
    if (now < st->bytes)
        ts_flux_mem_give(&cur->run->mem, st->bytes - now);
    st->bytes = now;
    return 0;
}

static void end_scan(struct ts_flux_cursor *cur)
{
    struct from *st = cur->st;
    ts_scan_close(&st->scan);
    ts_flux_mem_give(&cur->run->mem, st->bytes);
    st->bytes = 0;
}

/* The scan's next chunk, which has points; NULL at the end. */
static int scan_next(struct ts_flux_cursor *cur)
{
    struct from *st = cur->st;
    struct ts_err err;
    int rc;
    do {
        rc = ts_scan_next(st->scan, &st->chk, &err);
        if (rc)
            return ts_flux_fail_as(cur->run, rc, "%s", err.msg);
        if (!st->chk)
            return 0;
        rc = account(cur);
        rc = rc ? rc : ts_flux_tick(cur->run, st->chk->n / 8 + 1);
    } while (rc == 0 && st->chk->n == 0);
    return rc;
}

static int from_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    struct ts_flux_run *run = cur->run;
    const struct ts_flux_scan *scan = cur->args;
    struct from *st = cur->st;
    size_t n;
    int rc = settle(cur);
    if (rc || !st->scan)
        return rc;
    if (st->chk && (st->enough || scan->tune.rows != TS_FLUX_SCAN_ALL))
        ts_scan_skip(st->scan);
    st->enough = false;
    rc = scan_next(cur);
    if (rc == 0 && !st->chk) {
        damaged(st);
        end_scan(cur);
        return 0;
    }
    if (rc == 0 && st->chk->first)
        rc = begin_series(cur, st->chk->series);
    if (rc)
        return rc;
    show(cur, st->chk, &n);
    for (size_t i = 0; i < st->n; i++)
        ts_flux_column_ref(st->slots[i].col);
    *out = ts_flux_chunk_new(&run->mem, st->key, n, st->slots, st->n);
    return *out ? 0 : ts_flux_fail_nomem(run);
}

/* What from() gave last, below filter()s. */
static const struct ts_scan_chunk *last_chunk(const struct ts_flux_cursor *in)
{
    unsigned want;
    bool decided;
    while (ts_flux_filter_wants(in->stream, &want, &decided))
        in = in->in[0];
    return in->stream->op == &from_op ? ((const struct from *)in->st)->chk : NULL;
}

bool ts_flux_scan_filtered(const struct ts_flux_cursor *in)
{
    const struct ts_scan_chunk *chk = last_chunk(in);
    return chk && chk->filtered;
}

const struct ts_scan_chunk *ts_flux_scan_stats(const struct ts_flux_cursor *in)
{
    const struct ts_scan_chunk *chk = last_chunk(in);
    return chk && !chk->columns ? chk : NULL;
}

void ts_flux_scan_enough(const struct ts_flux_cursor *in)
{
    if (in->stream->op == &from_op)
        ((struct from *)in->st)->enough = true;
}

static int from_open(struct ts_flux_cursor *cur)
{
    static const char *const names[FIXED] = {"_start", "_stop", "_time", "_value"};
    struct ts_flux_run *run = cur->run;
    struct from *st = cur->st;
    struct ts_scan_request req;
    struct ts_err err;
    int rc = ts_flux_scan_request(run, cur->stream, &req);
    if (rc)
        return rc;
    for (int i = 0; i < FIXED; i++)
        st->fixed[i] = ts_flux_name_of(&run->names, ts_str_of(names[i]));
    st->measurement = ts_flux_name_of(&run->names, TS_STR("_measurement"));
    st->field = ts_flux_name_of(&run->names, TS_STR("_field"));
    for (int i = 0; i < FIXED; i++)
        if (!st->fixed[i] || !st->measurement || !st->field)
            return ts_flux_fail_nomem(run);
    rc = ts_scan_open(run->source, &req, &st->scan, &err);
    return rc ? ts_flux_scan_failed(run, rc, req.bucket, &err) : 0;
}

/* A column that cannot be copied becomes nulls, and the query ends with that error at its next step. */
static void from_close(struct ts_flux_cursor *cur)
{
    struct from *st = cur->st;
    for (size_t i = 0; i < 2; i++)
        if (st->lent[i] && st->lent[i]->refs > 1u + (st->n > 2 && st->slots[i + 2].col == st->lent[i]) &&
            ts_flux_column_own(st->lent[i]) != 0)
            (void)ts_flux_fail_nomem(cur->run);
    forget_series(st);
    ts_flux_mem_free(&cur->run->mem, st->slots, st->cap * sizeof *st->slots);
    end_scan(cur);
}

static const struct ts_flux_operator from_op = {
    .name = "from", .state = sizeof(struct from), .open = from_open, .next = from_next, .close = from_close};

/* ---- plans ---- */

static int replan(struct ts_flux_run *run, const struct ts_flux_scan *scan, struct ts_flux_span span,
                  struct ts_flux_stream **out)
{
    struct ts_flux_value v;
    int rc = ts_flux_plan(run, &from_op, scan, sizeof *scan, NULL, &v);
    if (rc)
        return rc;
    v.stream->span = span;
    *out = v.stream;
    return 0;
}

int ts_flux_scan_range(struct ts_flux_run *run, const struct ts_flux_stream *stream, struct ts_flux_span span,
                       struct ts_flux_stream **out)
{
    return replan(run, stream->args, span, out);
}

int ts_flux_scan_tuned(struct ts_flux_run *run, struct ts_flux_stream *stream, const struct ts_flux_scan_tune *tune,
                       struct ts_flux_stream **out)
{
    struct ts_flux_scan_tune below = *tune;
    unsigned want;
    bool decided;
    *out = stream;
    if (ts_flux_scan_of(stream)) {
        struct ts_flux_scan scan = *ts_flux_scan_of(stream);
        scan.tune = *tune;
        return replan(run, &scan, stream->span, out);
    }
    if (ts_flux_filter_wants(stream, &want, &decided)) {
        below.want |= decided ? 0 : want;
        below.stats &= decided;
        if (tune->rows != TS_FLUX_SCAN_ALL)
            return 0;
    } else if (!ts_flux_group_of(stream) || tune->rows == TS_FLUX_SCAN_ALL) {
        return 0;
    }
    struct ts_flux_stream *from;
    int rc = ts_flux_scan_tuned(run, stream->from[0], &below, &from);
    if (rc || from == stream->from[0])
        return rc;
    *out = ts_flux_stream_new(&run->arena, stream->op, stream->args, &from, 1);
    return *out ? 0 : ts_flux_fail_nomem(run);
}

int ts_flux_scan_filter(struct ts_flux_run *run, struct ts_flux_stream *stream, struct ts_flux_value fn,
                        struct ts_flux_stream **out, struct ts_flux_scan_cond *cond)
{
    struct ts_flux_rowfn *rf;
    *out = stream;
    *cond = (struct ts_flux_scan_cond){0};
    if (!ts_flux_scan_of(stream))
        return 0;
    struct ts_flux_scan scan = *ts_flux_scan_of(stream);
    cond->pred = scan.pred;
    cond->rows = scan.rows;
    int rc = ts_flux_rowfn_new(run, fn, "filter", &rf);
    rc = rc ? rc : ts_flux_rowfn_scan(rf, cond);
    scan.pred = cond->pred;
    scan.rows = cond->rows;
    return rc ? rc : replan(run, &scan, stream->span, out);
}

static bool read_id(struct ts_str s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (d < 0)
            return false;
        *out = *out << 4 | (uint64_t)d;
    }
    return s.len == 16;
}

/* bucket, bucketID, host, org, orgID, token */
int ts_flux_op_from(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_flux_scan scan = {0};
    if (ts_flux_given(args, 0) == ts_flux_given(args, 1))
        return ts_flux_fail(run, ts_flux_given(args, 0) ? "must specify only one of bucket or bucketID"
                                                        : "must specify one of bucket or bucketID");
    if (ts_flux_given(args, 2))
        return ts_flux_fail(run, "from() reads this process's own store: it takes no host");
    if (ts_flux_given(args, 0))
        scan.bucket = ts_flux_value_str(args->v[0]);
    else if (!read_id(ts_flux_value_str(args->v[1]), &scan.id))
        return ts_flux_fail(run, "invalid bucket id: it must be 16 hexadecimal digits");
    if (ts_flux_given(args, 0) && scan.bucket.len == 0)
        return ts_flux_fail(run, "could not find bucket \"\"");
    return ts_flux_plan(run, &from_op, &scan, sizeof scan, NULL, out);
}
