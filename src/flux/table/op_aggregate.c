/*
 * Aggregates: a table becomes one row of its group key and the result. Chunks are folded as they come; of a
 * table only the first chunk is kept, for its key columns. Over group() the chunks go to their group's state
 * at once, so that nothing is gathered. Nulls are skipped, but count() counts them. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/table/table_digest.h"
#include "flux/table/table_group.h"
#include "flux/table/table_index.h"

#include <math.h>

enum kind { COUNT, SUM, MEAN, SPREAD, STDDEV, SKEW, DIGEST };

struct agg_args {
    enum kind kind;
    const struct ts_flux_name *column;
    bool population;                        /* STDDEV */
    double q, compression;                  /* DIGEST */
    const struct ts_flux_group_args *group; /* of the group() below, which is passed by; NULL: none */
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
    struct ts_flux_chunk *first = args->group ? ts_flux_chunk_slice(chk, 0, 0) : ts_flux_chunk_ref(chk);
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
    *agg = (struct agg){.first =
                            first}; /* of a group no more than the key's columns: there may be many groups */
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
        double s = st->sum.f;
        EACH(col, rows, (s += col->f[i & col->mask], n++));
        st->sum.f = s;
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

static int give(struct ts_flux_cursor *cur, struct agg *st)
{
    const struct agg_args *args = cur->args;
    struct ts_flux_value v;
    int rc = result(cur, st, &v);
    if (rc)
        return rc;
    struct ts_flux_maker mk = TS_FLUX_MAKER(cur->run);
    ts_flux_maker_key(&mk, st->first);
    ts_flux_maker_const(&mk, args->column, v);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, st->first->key, 1);
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
    if (rc == 0 && agg->type != 0 && col->type != TS_FLUX_NULL && agg->type != col->type)
        rc = ts_flux_fail(cur->run, "schema collision detected: column \"%s\" is both of type %s and %s",
                          args->column->z, ts_flux_type_text(col->type), ts_flux_type_text(agg->type));
    if (rc == 0) {
        agg->type = col->type != TS_FLUX_NULL ? col->type : agg->type;
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
    struct ts_flux_stream *from = args->v[0].stream;
    aa.group = ts_flux_group_of(from);
    return rc ? rc : ts_flux_plan(run, &agg_op, &aa, sizeof aa, aa.group ? from->from[0] : from, out);
}

#define AGGREGATE(fn, k)                                                                                     \
    int ts_flux_op_##fn(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out) \
    {                                                                                                        \
        return plan_agg(run, args, args->v[1], (struct agg_args){.kind = (k)}, out);                         \
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
