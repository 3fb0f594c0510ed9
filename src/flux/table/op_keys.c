/*
 * columns, keys, keyValues, experimental.unpivot: names as values. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

struct keys_args {
    const struct ts_flux_name *column, *key;
    struct ts_flux_cols cols;
    bool key_only;
};

static struct ts_flux_value name_value(const struct ts_flux_name *name)
{
    return ts_flux_string(ts_flux_name_str(name));
}

static int keys_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct keys_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *names = ts_flux_column_new(&run->mem, TS_FLUX_STRING, chk->ncols + 1);
    for (uint32_t i = 0; names && i < chk->ncols; i++)
        if ((!args->key_only || ts_flux_key_get(chk->key, chk->cols[i].name)) &&
            ts_flux_column_push(names, name_value(chk->cols[i].name)))
            ts_flux_column_unref(&names);
    size_t n = names ? names->n : 0;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_key(&mk, chk);
    ts_flux_maker_add(&mk, args->column, names);
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, n));
}

static const struct ts_flux_operator keys_op = {.name = "keys", .whole = true, .feed = keys_feed};

static int plan_keys(struct ts_flux_run *run, const struct ts_flux_args *args, bool key_only,
                     struct ts_flux_value *out)
{
    struct keys_args ka = {.key_only = key_only};
    int rc = ts_flux_arg_name(run, args->v[1], "_value", &ka.column);
    return rc ? rc : ts_flux_plan(run, &keys_op, &ka, sizeof ka, args->v[0].stream, out);
}

int ts_flux_op_keys(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_keys(run, args, true, out);
}

int ts_flux_op_columns(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_keys(run, args, false, out);
}

/* ---- keyValues ---- */

/* Row by row, and in it column by column, those pairs that have not been seen before. */
static int pairs(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, struct ts_flux_column *names,
                 struct ts_flux_column *values)
{
    const struct keys_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    size_t bytes = TS_MAX(args->cols.n, 1u) * sizeof(struct ts_flux_split), done = 0;
    struct ts_flux_split *sp = ts_flux_mem_alloc(&run->mem, bytes);
    uint32_t *by = ts_flux_arena_alloc(&run->scratch, args->cols.n * sizeof *by);
    int rc = sp && by ? 0 : ts_flux_fail_nomem(run);
    for (unsigned c = 0; rc == 0 && c < args->cols.n; c++) {
        int at = ts_flux_chunk_col(chk, args->cols.v[c]);
        by[c] = (uint32_t)(at < 0 ? 0 : at);
        rc = ts_flux_split_init(run, &sp[c], chk, &by[c], at >= 0 && !chk->cols[at].col->konst ? 1 : 0);
        done += rc == 0;
    }
    for (size_t row = 0; rc == 0 && row < chk->n; row++) {
        for (unsigned c = 0; rc == 0 && c < args->cols.n; c++) {
            struct ts_flux_column *col = ts_flux_chunk_column(chk, args->cols.v[c]);
            if (!col || sp[c].first[sp[c].group[row]] != row)
                continue;
            if (ts_flux_column_push(names, name_value(args->cols.v[c])) ||
                ts_flux_column_push(values, ts_flux_column_get(col, row)))
                rc = ts_flux_fail_nomem(run);
        }
    }
    for (size_t c = 0; c < done; c++)
        ts_flux_split_fini(run, &sp[c]);
    ts_flux_mem_free(&run->mem, sp, bytes);
    return rc;
}

static int key_values_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct keys_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    enum ts_flux_type type = TS_FLUX_NONE;
    for (unsigned c = 0; c < args->cols.n; c++) {
        struct ts_flux_column *col = ts_flux_chunk_column(chk, args->cols.v[c]);
        if (col && type != TS_FLUX_NONE && type != col->type)
            return ts_flux_fail(run, "keyColumns must all be the same type");
        type = col ? col->type : type;
    }
    if (type == TS_FLUX_NONE)
        return ts_flux_fail(run, "received table with columns not having key columns");
    struct ts_flux_column *names = ts_flux_column_new(&run->mem, TS_FLUX_STRING, 16);
    struct ts_flux_column *values = ts_flux_column_new(&run->mem, type, 16);
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    int rc = names && values ? pairs(cur, chk, names, values) : ts_flux_fail_nomem(run);
    ts_flux_arena_release(&run->scratch, mark);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    size_t n = names ? names->n : 0;
    ts_flux_maker_key(&mk, chk);
    ts_flux_maker_add(&mk, args->key, names);
    ts_flux_maker_add(&mk, args->column, values);
    if (rc) {
        ts_flux_maker_drop(&mk);
        return rc;
    }
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, n));
}

static const struct ts_flux_operator key_values_op = {
    .name = "keyValues", .whole = true, .feed = key_values_feed};

int ts_flux_op_key_values(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct keys_args ka = {0};
    struct ts_flux_value none = {0};
    int rc = ts_flux_arg_cols(run, args->v[1], "", &ka.cols);
    if (rc == 0 && ka.cols.n == 0)
        return ts_flux_fail(run, "keyValues: keyColumns must be given");
    if (rc == 0)
        rc = ts_flux_arg_name(run, none, "_value", &ka.column);
    if (rc == 0)
        rc = ts_flux_arg_name(run, none, "_key", &ka.key);
    return rc ? rc : ts_flux_plan(run, &key_values_op, &ka, sizeof ka, args->v[0].stream, out);
}

/* ---- experimental.unpivot: a row for each value of columns that are not in the key ---- */

static int unpivot_column(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, uint32_t at)
{
    const struct keys_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    const struct ts_flux_column *col = chk->cols[at].col;
    size_t bytes = TS_MAX(chk->n, (size_t)1) * sizeof(uint32_t), n = 0;
    uint32_t *sel = ts_flux_mem_alloc(&run->mem, bytes);
    if (!sel)
        return ts_flux_fail_nomem(run);
    for (size_t i = 0; i < chk->n; i++)
        if (!ts_flux_column_null(col, i))
            sel[n++] = (uint32_t)i;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    for (uint32_t i = 0; i < chk->ncols; i++)
        if (ts_flux_key_get(chk->key, chk->cols[i].name) || ts_flux_cols_has(&args->cols, chk->cols[i].name))
            ts_flux_maker_add(&mk, chk->cols[i].name, ts_flux_column_gather(chk->cols[i].col, sel, n));
    ts_flux_maker_const(&mk, args->key, name_value(chk->cols[at].name));
    ts_flux_maker_add(&mk, args->column, ts_flux_column_gather(chk->cols[at].col, sel, n));
    bool keyed =
        !ts_flux_cols_has(&args->cols, args->key); /* the name is in the key unless it was listed itself */
    struct ts_flux_key *key = keyed
                                  ? ts_flux_key_with(run, chk->key, args->key, name_value(chk->cols[at].name))
                                  : ts_flux_key_ref(chk->key);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, n);
    ts_flux_key_unref(&key);
    ts_flux_mem_free(&run->mem, sel, bytes);
    if (out && n == 0) {
        ts_flux_chunk_unref(&out);
        return 0;
    }
    return ts_flux_collect(cur, out);
}

static int unpivot_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct keys_args *args = cur->args;
    for (unsigned i = 0; i < args->cols.n; i++)
        if (args->cols.v[i] != args->key && ts_flux_chunk_col(chk, args->cols.v[i]) < 0)
            return ts_flux_fail(cur->run, "unpivot could not find column named \"%s\"", args->cols.v[i]->z);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        const struct ts_flux_name *name = chk->cols[i].name;
        if (ts_flux_key_get(chk->key, name) || ts_flux_cols_has(&args->cols, name) ||
            chk->cols[i].col->type == TS_FLUX_NULL)
            continue;
        if (name == args->key || name == args->column)
            return ts_flux_fail(cur->run, "unpivot can't have \"_field\" or \"_value\" as an input column");
        int rc = unpivot_column(cur, chk, i);
        if (rc)
            return rc;
    }
    return 0;
}

static const struct ts_flux_operator unpivot_op = {.name = "unpivot", .feed = unpivot_feed};

int ts_flux_op_unpivot(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct keys_args ka = {0};
    struct ts_flux_value none = {0};
    int rc = ts_flux_arg_cols(run, args->v[1], "_time", &ka.cols);
    if (rc == 0)
        rc = ts_flux_arg_name(run, none, "_value", &ka.column);
    if (rc == 0)
        rc = ts_flux_arg_name(run, none, "_field", &ka.key);
    return rc ? rc : ts_flux_plan(run, &unpivot_op, &ka, sizeof ka, args->v[0].stream, out);
}
