/*
 * The package tsagg: sketches as rollups store them (docs/SKETCHES.md: base64 in a string field) merged over the rows of a table,
 * and what they say. Nulls are skipped; what is no sketch, and the two sorts in one table, are errors. Owns the one sketch that
 * is being merged, whose size has a limit. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "core/base64.h"
#include "core/hll.h"
#include "core/sketch.h"

#define SKETCH_BYTES ((size_t)2 * TS_SKETCH_LIMIT_MAX * 8) /* what one takes at most, accounted while there is one */

enum kind { MERGE, QUANTILE, DISTINCT };

struct sketch_args {
    enum kind kind;
    const struct ts_flux_name *column;
    double q;
};

struct merged {
    struct ts_flux_chunk *first; /* of the table: its key's columns */
    struct ts_sketch sketch;     /* in use unless its state is NONE */
    struct ts_hll *hll;          /* NULL: not in use */
    struct ts_buf bytes, text;
    bool accounted;
};

static int merged_open(struct ts_flux_cursor *cur)
{
    struct merged *st = cur->st;
    st->bytes = st->text = (struct ts_buf)TS_BUF_INIT;
    st->accounted = ts_flux_mem_take(&cur->run->mem, SKETCH_BYTES);
    return st->accounted ? 0 : ts_flux_fail_nomem(cur->run);
}

static void forget(struct merged *st)
{
    ts_flux_chunk_unref(&st->first);
    if (st->sketch.state != TS_SKETCH_NONE)
        ts_sketch_fini(&st->sketch);
    st->sketch = (struct ts_sketch){0};
    ts_hll_free(&st->hll);
}

static void merged_close(struct ts_flux_cursor *cur)
{
    struct merged *st = cur->st;
    forget(st);
    ts_buf_fini(&st->bytes);
    ts_buf_fini(&st->text);
    if (st->accounted)
        ts_flux_mem_give(&cur->run->mem, SKETCH_BYTES);
}

/* ---- in ---- */

static int add_hll(struct merged *st, struct ts_str bytes)
{
    struct ts_hll *hll;
    int rc = ts_hll_decode(bytes, &hll);
    if (rc)
        return rc;
    if (!st->hll) {
        st->hll = hll;
        return 0;
    }
    rc = ts_hll_merge(st->hll, hll);
    ts_hll_free(&hll);
    return rc;
}

static int add_sketch(struct merged *st, struct ts_str bytes)
{
    struct ts_sketch sketch;
    int rc = ts_sketch_decode(bytes, &sketch);
    if (rc)
        return rc;
    if (st->sketch.state == TS_SKETCH_NONE) {
        st->sketch = sketch;
        return 0;
    }
    rc = ts_sketch_merge(&st->sketch, &sketch);
    ts_sketch_fini(&sketch);
    return rc;
}

static int add(struct ts_flux_cursor *cur, struct ts_str text)
{
    const struct sketch_args *args = cur->args;
    struct merged *st = cur->st;
    ts_buf_clear(&st->bytes);
    bool is_base64 = ts_buf_get_base64(&st->bytes, text);
    if (ts_buf_failed(&st->bytes))
        return ts_flux_fail_nomem(cur->run);
    if (!is_base64)
        return ts_flux_fail(cur->run, "column \"%s\" has a value that is no sketch", args->column->z);
    bool is_hll = ts_hll_is(ts_buf_str(&st->bytes));
    if (is_hll ? st->sketch.state != TS_SKETCH_NONE : st->hll != NULL)
        return ts_flux_fail(cur->run, "a table has sketches of quantiles and of distinct values in one");
    if (args->kind != MERGE && is_hll != (args->kind == DISTINCT))
        return ts_flux_fail(cur->run, is_hll ? "a sketch of distinct values has no quantiles"
                                             : "a sketch of quantiles does not count distinct values");
    int rc = is_hll ? add_hll(st, ts_buf_str(&st->bytes)) : add_sketch(st, ts_buf_str(&st->bytes));
    if (rc == -TS_ECORRUPT)
        return ts_flux_fail(cur->run, "column \"%s\" has a value that is no sketch", args->column->z);
    return rc ? ts_flux_fail_nomem(cur->run) : 0;
}

/* ---- out ---- */

/* The merged sketch's bytes. */
static int encode(struct ts_flux_cursor *cur)
{
    struct merged *st = cur->st;
    ts_buf_clear(&st->bytes);
    int rc = st->hll ? ts_hll_encode(st->hll, &st->bytes) : ts_sketch_encode(&st->sketch, &st->bytes);
    return rc ? ts_flux_fail_nomem(cur->run) : 0;
}

static int result(struct ts_flux_cursor *cur, struct ts_flux_value *out)
{
    const struct sketch_args *args = cur->args;
    struct merged *st = cur->st;
    double q;
    *out = ts_flux_null(args->kind == MERGE ? TS_FLUX_STRING : TS_FLUX_FLOAT);
    if (st->sketch.state == TS_SKETCH_NONE && !st->hll)
        return 0;
    if (args->kind == DISTINCT) {
        *out = ts_flux_float(ts_hll_estimate(st->hll));
        return 0;
    }
    int rc = encode(cur);
    if (rc)
        return rc;
    if (args->kind == QUANTILE) {
        if (ts_sketch_quantiles(ts_buf_str(&st->bytes), 1, &args->q, &q) != 0)
            return ts_flux_fail(cur->run, "a merged sketch cannot be read");
        *out = ts_flux_float(q);
        return 0;
    }
    ts_buf_clear(&st->text);
    ts_buf_put_base64(&st->text, ts_buf_str(&st->bytes));
    if (ts_buf_failed(&st->text))
        return ts_flux_fail_nomem(cur->run);
    *out = ts_flux_string(ts_buf_str(&st->text));
    return 0;
}

static int merged_end(struct ts_flux_cursor *cur)
{
    const struct sketch_args *args = cur->args;
    struct merged *st = cur->st;
    struct ts_flux_value v;
    if (!st->first)
        return 0;
    int rc = result(cur, &v);
    if (rc)
        return rc;
    struct ts_flux_maker mk = TS_FLUX_MAKER(cur->run);
    ts_flux_maker_key(&mk, st->first);
    ts_flux_maker_const(&mk, args->column, v);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, st->first->key, 1);
    forget(st);
    return ts_flux_emit(cur, out);
}

static int merged_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct sketch_args *args = cur->args;
    struct merged *st = cur->st;
    struct ts_flux_column *col = NULL;
    int rc = cur->new_table ? merged_end(cur) : 0;
    rc = rc ? rc : ts_flux_need_column(cur->run, chk, args->column, &col);
    if (rc)
        return rc;
    if (ts_flux_key_get(chk->key, args->column))
        return ts_flux_fail(cur->run, "cannot aggregate columns that are part of the group key");
    if (col->type != TS_FLUX_STRING && col->type != TS_FLUX_NULL)
        return ts_flux_fail(cur->run, "sketches are strings, but column \"%s\" is of type %s", args->column->z,
                            ts_flux_type_text(col->type));
    if (!st->first && !(st->first = ts_flux_chunk_slice(chk, 0, 0)))
        return ts_flux_fail_nomem(cur->run);
    for (size_t i = 0; rc == 0 && i < chk->n; i++) {
        rc = ts_flux_tick(cur->run, 1);
        if (rc == 0 && !ts_flux_column_null(col, i))
            rc = add(cur, col->s[i & col->mask]);
    }
    return rc;
}

static const struct ts_flux_operator merged_op = {.name = "tsagg",
                                                  .state = sizeof(struct merged),
                                                  .open = merged_open,
                                                  .feed = merged_feed,
                                                  .finish = merged_end,
                                                  .close = merged_close};

static int plan_sketch(struct ts_flux_run *run, const struct ts_flux_args *args, struct sketch_args sa,
                       struct ts_flux_value column, struct ts_flux_value *out)
{
    int rc = ts_flux_arg_name(run, column, "_value", &sa.column);
    return rc ? rc : ts_flux_plan(run, &merged_op, &sa, sizeof sa, args->v[0].stream, out);
}

/* tables, q, column */
int ts_flux_op_sketch_quantile(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    double q = args->v[1].f;
    if (!(q >= 0 && q <= 1))
        return ts_flux_fail(run, "quantile must be between 0 and 1");
    return plan_sketch(run, args, (struct sketch_args){.kind = QUANTILE, .q = q}, args->v[2], out);
}

int ts_flux_op_sketch_distinct(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_sketch(run, args, (struct sketch_args){.kind = DISTINCT}, args->v[1], out);
}

int ts_flux_op_sketch_merge(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_sketch(run, args, (struct sketch_args){.kind = MERGE}, args->v[1], out);
}
