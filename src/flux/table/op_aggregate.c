/*
 * Aggregates: a table becomes one row of its group key and the result. Chunks are folded as they come; of a
 * table only the first chunk is kept, for its key columns. Over group() the chunks go to their group's state
 * at once, so that nothing is gathered. Nulls are skipped, but count() counts them. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/table/table_digest.h"
#include "flux/table/table_fold.h"
#include "flux/table/table_group.h"
#include "flux/table/table_index.h"
#include "flux/table/table_scan.h"

#include <math.h>

enum kind { COUNT, SUM, MEAN, SPREAD, STDDEV, SKEW, DIGEST };

struct agg_args {
    enum kind kind;
    const struct ts_flux_name *column;
    bool population;                        /* STDDEV */
    double q, compression;                  /* DIGEST */
    const struct ts_flux_group_args *group; /* of the group() below, which is passed by; NULL: none */
    bool stored;                            /* InfluxDB's storage would do it: its columns have an order of their own */
};

struct agg {
    struct ts_flux_chunk *first;
    enum ts_flux_type type; /* of the column */
    uint64_t rows, n;       /* n: that are not null */
    union {
        uint64_t u;
        double f;
    } sum, lo, hi;
    double mean, m2, m3;
    struct ts_flux_digest digest;
};

/* The tables being folded: one, or all groups. */
struct aggs {
    struct ts_flux_index index; /* of v */
    struct agg *v;
    size_t n, cap;
};

static int agg_open(struct ts_flux_cursor *cur)
{
    struct aggs *st = cur->st;
    ts_flux_index_init(&st->index, &cur->run->mem);
    return 0;
}

static void agg_fini(struct agg *st)
{
    ts_flux_chunk_unref(&st->first);
    ts_flux_digest_fini(&st->digest);
}

static void agg_close(struct ts_flux_cursor *cur)
{
    struct aggs *st = cur->st;
    for (size_t i = 0; i < st->n; i++)
        agg_fini(&st->v[i]);
    ts_flux_mem_free(&cur->run->mem, st->v, st->cap * sizeof *st->v);
    ts_flux_index_fini(&st->index);
}

/* The state of the chunk's table. */
static struct agg *agg_of(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct agg_args *args = cur->args;
    struct aggs *st = cur->st;
    struct ts_flux_mem *mem = &cur->run->mem;
    size_t at = ts_flux_index_of(&st->index, chk->key);
    if (at < st->n)
        return &st->v[at];
    struct ts_flux_chunk *first = ts_flux_chunk_slice(chk, 0, 0); /* for the key's columns: there may be many groups */
    if (at == SIZE_MAX || !first) {
        ts_flux_chunk_unref(&first);
        return NULL;
    }
    if (st->n == st->cap) {
        size_t cap = TS_MAX(st->cap * 2, (size_t)4);
        struct agg *v = ts_flux_mem_alloc(mem, cap * sizeof *v);
        if (!v) {
            ts_flux_chunk_unref(&first);
            return NULL;
        }
        if (st->n)
            memcpy(v, st->v, st->n * sizeof *v);
        ts_flux_mem_free(mem, st->v, st->cap * sizeof *v);
        st->v = v;
        st->cap = cap;
    }
    struct agg *agg = &st->v[st->n++];
    *agg = (struct agg){.first = first};
    if (args->kind == DIGEST)
        ts_flux_digest_init(&agg->digest, mem, args->compression);
    return agg;
}

/* Runs BODY for each row i that is not null. */
#define EACH(col, rows, body)                                                                                \
    do {                                                                                                     \
        if (!(col)->nulls) {                                                                                 \
            for (size_t i = 0; i < (rows); i++)                                                              \
                body;                                                                                        \
        } else {                                                                                             \
            for (size_t i = 0; i < (rows); i++)                                                              \
                if (!ts_flux_column_null(col, i))                                                            \
                    body;                                                                                    \
        }                                                                                                    \
    } while (0)

static void fold_sum(struct agg *st, const struct ts_flux_column *col, size_t rows)
{
    uint64_t n = 0;
    if (col->type == TS_FLUX_FLOAT) {
        double s = 0;
        if (!col->nulls && !col->konst) {
            s = ts_flux_sum_floats(col->f, rows);
            n = rows;
        } else {
            EACH(col, rows, (s += col->f[i & col->mask], n++));
        }
        st->sum.f += s;
    } else { /* integers wrap alike, signed or not */
        uint64_t s = st->sum.u;
        EACH(col, rows, (s += col->u[i & col->mask], n++));
        st->sum.u = s;
    }
    st->n += n;
}

static bool less(enum ts_flux_type type, const void *a, const void *b)
{
    if (type == TS_FLUX_FLOAT)
        return *(const double *)a < *(const double *)b;
    return type == TS_FLUX_UINT ? *(const uint64_t *)a < *(const uint64_t *)b
                                : *(const int64_t *)a < *(const int64_t *)b;
}

static void fold_spread(struct agg *st, const struct ts_flux_column *col, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        if (ts_flux_column_null(col, i))
            continue;
        const uint64_t *v = &col->u[i & col->mask];
        if (st->n == 0 || less(col->type, v, &st->lo))
            st->lo.u = *v;
        if (st->n == 0 || less(col->type, &st->hi, v))
            st->hi.u = *v;
        st->n++;
    }
}

/* Welford's recurrences, the third moment after Terriberry. */
static void fold_moments(struct agg *st, const struct ts_flux_column *col, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        if (ts_flux_column_null(col, i))
            continue;
        double n0 = (double)st->n, n = n0 + 1, d = ts_flux_column_double(col, i) - st->mean, dn = d / n,
               t = d * dn * n0;
        st->mean += dn;
        st->m3 += t * dn * (n - 2) - 3 * dn * st->m2;
        st->m2 += t;
        st->n++;
    }
}

/* Of a block that was not read. */
static void fold_stats(enum kind kind, struct agg *st, const struct ts_scan_chunk *stats)
{
    enum ts_flux_type type = st->type;
    st->rows += stats->n;
    if (kind == SUM || kind == MEAN) {
        if (type == TS_FLUX_FLOAT)
            st->sum.f += stats->sum.f;
        else
            st->sum.u += stats->sum.u;
    } else if (kind == SPREAD) {
        if (st->n == 0 || less(type, &stats->min, &st->lo))
            st->lo.u = stats->min.u;
        if (st->n == 0 || less(type, &st->hi, &stats->max))
            st->hi.u = stats->max.u;
    }
    st->n += stats->n;
}

static int fold(struct ts_flux_cursor *cur, struct agg *st, const struct ts_flux_column *col, size_t rows)
{
    const struct agg_args *args = cur->args;
    st->rows += rows;
    if (args->kind == COUNT || col->type == TS_FLUX_NULL)
        return 0;
    if (!ts_flux_is_numeric(col->type))
        return ts_flux_fail(cur->run, "unsupported aggregate column type %s", ts_flux_type_text(col->type));
    switch (args->kind) {
    case COUNT: break;
    case SUM:
    case MEAN: fold_sum(st, col, rows); break;
    case SPREAD: fold_spread(st, col, rows); break;
    case STDDEV:
    case SKEW: fold_moments(st, col, rows); break;
    case DIGEST:
        if (col->type == TS_FLUX_FLOAT && !col->nulls && !col->konst) {
            st->n += rows;
            return ts_flux_digest_add_all(&st->digest, col->f, rows) ? ts_flux_fail_nomem(cur->run) : 0;
        }
        for (size_t i = 0; i < rows; i++)
            if (!ts_flux_column_null(col, i)) {
                if (ts_flux_digest_add(&st->digest, ts_flux_column_double(col, i)))
                    return ts_flux_fail_nomem(cur->run);
                st->n++;
            }
        break;
    }
    return 0;
}

static double as_double(const struct agg *st)
{
    return st->type == TS_FLUX_FLOAT  ? st->sum.f
           : st->type == TS_FLUX_UINT ? (double)st->sum.u
                                      : (double)(int64_t)st->sum.u;
}

static struct ts_flux_value raw(enum ts_flux_type type, uint64_t u)
{
    return (struct ts_flux_value){.type = (uint8_t)type, .u = u};
}

static int result(struct ts_flux_cursor *cur, struct agg *st, struct ts_flux_value *out)
{
    const struct agg_args *args = cur->args;
    double n = (double)st->n, q = 0;
    enum ts_flux_type own = ts_flux_is_numeric(st->type) ? st->type : TS_FLUX_FLOAT;
    *out = args->kind == SUM || args->kind == SPREAD ? ts_flux_null(own) : ts_flux_null(TS_FLUX_FLOAT);
    if (args->kind == COUNT)
        *out = ts_flux_int((int64_t)st->rows);
    if (args->kind == COUNT || st->n == 0)
        return 0;
    switch (args->kind) {
    case COUNT: break;
    case SUM: *out = raw(own, st->sum.u); break;
    case MEAN: *out = ts_flux_float(as_double(st) / n); break;
    case SPREAD:
        *out = own == TS_FLUX_FLOAT ? ts_flux_float(st->hi.f - st->lo.f) : raw(own, st->hi.u - st->lo.u);
        break;
    case STDDEV:
        *out = ts_flux_float(args->population ? sqrt(st->m2 / n) : st->n < 2 ? NAN : sqrt(st->m2 / (n - 1)));
        break;
    case SKEW: *out = ts_flux_float(st->n < 2 ? NAN : sqrt(n) * st->m3 / pow(st->m2, 1.5)); break;
    case DIGEST:
        if (ts_flux_digest_quantile(&st->digest, args->q, &q))
            return ts_flux_fail_nomem(cur->run);
        *out = ts_flux_float(q);
        break;
    }
    return 0;
}

/* The key, then the value. Storage has the value behind the bounds, and a group's columns as they were asked for. */
static void give_columns(struct ts_flux_cursor *cur, const struct agg *st, struct ts_flux_value v, struct ts_flux_maker *mk)
{
    const struct agg_args *args = cur->args;
    const struct ts_flux_key *key = st->first->key;
    bool grouped = args->group && args->group->stored;
    for (uint32_t i = 0; i < st->first->ncols; i++) {
        const struct ts_flux_name *name = st->first->cols[i].name;
        const struct ts_flux_value *is = ts_flux_key_get(key, name);
        if (args->stored && name == args->column)
            ts_flux_maker_const(mk, args->column, v);
        else if (is && (!grouped || strcmp(name->z, "_start") == 0 || strcmp(name->z, "_stop") == 0))
            ts_flux_maker_const(mk, name, *is);
    }
    for (unsigned i = 0; grouped && i < args->group->cols.n; i++) {
        const struct ts_flux_value *is = ts_flux_key_get(key, args->group->cols.v[i]);
        if (is)
            ts_flux_maker_const(mk, args->group->cols.v[i], *is);
    }
    if (!args->stored)
        ts_flux_maker_const(mk, args->column, v);
}

static int give(struct ts_flux_cursor *cur, struct agg *st)
{
    const struct agg_args *args = cur->args;
    struct ts_flux_value v;
    int rc = result(cur, st, &v);
    if (rc)
        return rc;
    struct ts_flux_maker mk = TS_FLUX_MAKER(cur->run);
    give_columns(cur, st, v, &mk);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, st->first->key, 1);
    if (args->group && args->stored && !cur->tables && (cur->tables = ts_flux_tables_new(cur->run)))
        ts_flux_tables_order(cur->tables, args->group->cols.v, args->group->cols.n);
    return args->group ? ts_flux_collect(cur, out) : ts_flux_emit(cur, out);
}

static int agg_end(struct ts_flux_cursor *cur)
{
    struct aggs *st = cur->st;
    int rc = 0;
    for (size_t i = 0; i < st->n; i++) {
        rc = rc ? rc : give(cur, &st->v[i]);
        agg_fini(&st->v[i]);
    }
    st->n = 0;
    ts_flux_index_clear(&st->index);
    return rc;
}

/* A part of a chunk that belongs to one table. */
static int on_part(void *arg, struct ts_flux_chunk *part)
{
    struct ts_flux_cursor *cur = arg;
    const struct agg_args *args = cur->args;
    struct ts_flux_column *col = NULL;
    int rc = part ? ts_flux_need_column(cur->run, part, args->column, &col) : ts_flux_fail_nomem(cur->run);
    if (rc == 0 && ts_flux_key_get(part->key, args->column))
        rc = ts_flux_fail(cur->run, "cannot aggregate columns that are part of the group key");
    struct agg *agg = rc ? NULL : agg_of(cur, part);
    if (rc == 0 && !agg)
        rc = ts_flux_fail_nomem(cur->run);
    bool counts = args->kind == COUNT && args->stored;
    if (rc == 0 && !counts && agg->type != 0 && col->type != TS_FLUX_NULL && agg->type != col->type)
        rc = ts_flux_fail(cur->run, "schema collision detected: column \"%s\" is both of type %s and %s",
                          args->column->z, ts_flux_type_text(col->type), ts_flux_type_text(agg->type));
    if (rc == 0) {
        agg->type = col->type != TS_FLUX_NULL ? col->type : agg->type;
        const struct ts_scan_chunk *stats = ts_flux_scan_stats(cur->in[0]);
        if (stats)
            fold_stats(args->kind, agg, stats);
        else
            rc = fold(cur, agg, col, part->n);
    }
    ts_flux_chunk_unref(&part);
    return rc;
}

static int agg_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct agg_args *args = cur->args;
    if (args->group)
        return ts_flux_group_chunk(cur->run, args->group, chk, on_part, cur);
    int rc = cur->new_table ? agg_end(cur) : 0;
    return rc ? rc : on_part(cur, ts_flux_chunk_ref(chk));
}

static const struct ts_flux_operator agg_op = {.name = "aggregate",
                                               .state = sizeof(struct aggs),
                                               .open = agg_open,
                                               .feed = agg_feed,
                                               .finish = agg_end,
                                               .close = agg_close};

static int plan_agg(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value column,
                    struct agg_args aa, struct ts_flux_value *out)
{
    int rc = ts_flux_arg_name(run, column, "_value", &aa.column);
    const struct ts_flux_name *time;
    struct ts_flux_stream *from = args->v[0].stream;
    rc = rc ? rc : ts_flux_arg_name(run, (struct ts_flux_value){0}, "_time", &time);
    if (rc)
        return rc;
    bool value = strcmp(aa.column->z, "_value") == 0;
    aa.group = ts_flux_group_of(from);
    if (aa.group && aa.group->stored)
        aa.stored = value && (aa.kind == COUNT || aa.kind == SUM);
    else
        aa.stored = value && aa.kind <= MEAN && ts_flux_scan_stored(from);
    from = aa.group ? from->from[0] : from;
    struct ts_flux_scan_tune tune = {.want = aa.kind == COUNT ? 0 : TS_SCAN_VALUES, .stats = aa.kind <= SPREAD};
    bool by_rows = aa.group && (ts_flux_group_has(aa.group, time) || ts_flux_group_has(aa.group, aa.column));
    rc = value && !by_rows ? ts_flux_scan_tuned(run, from, &tune, &from) : 0;
    return rc ? rc : ts_flux_plan(run, &agg_op, &aa, sizeof aa, from, out);
}

/* Over window() it may be one pass. */
static int plan_simple(struct ts_flux_run *run, const struct ts_flux_args *args, ts_flux_builtin_fn fn, enum kind kind,
                       struct ts_flux_value *out)
{
    const struct ts_flux_name *column;
    int rc = ts_flux_arg_name(run, args->v[1], "_value", &column);
    rc = rc ? rc : ts_flux_plan_windows(run, args->v[0].stream, fn, column, out);
    return rc || out->type != TS_FLUX_NONE ? rc : plan_agg(run, args, args->v[1], (struct agg_args){.kind = kind}, out);
}

#define AGGREGATE(fn, k)                                                                                     \
    int ts_flux_op_##fn(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out) \
    {                                                                                                        \
        return plan_simple(run, args, ts_flux_op_##fn, (k), out);                                            \
    }
AGGREGATE(count, COUNT)
AGGREGATE(sum, SUM)
AGGREGATE(mean, MEAN)
AGGREGATE(spread, SPREAD)
AGGREGATE(skew, SKEW)

int ts_flux_op_stddev(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    bool population = ts_flux_is(args->v[2], "population");
    if (ts_flux_given(args, 2) && !population && !ts_flux_is(args->v[2], "sample"))
        return ts_flux_fail(run, "stddev: mode must be \"population\" or \"sample\"");
    return plan_agg(run, args, args->v[1], (struct agg_args){.kind = STDDEV, .population = population}, out);
}

int ts_flux_plan_digest(struct ts_flux_run *run, const struct ts_flux_args *args, double q,
                        double compression, struct ts_flux_value column, struct ts_flux_value *out)
{
    return plan_agg(run, args, column, (struct agg_args){.kind = DIGEST, .q = q, .compression = compression},
                    out);
}
