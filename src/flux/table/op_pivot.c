/*
 * pivot(): rows that agree in rowKey become one, with a column for each value of columnKey. In two steps:
 * chunks are collected under the key that is left, with no more columns than are needed; then each table is
 * turned as a whole. Values of several types may meet in a table, so each type travels in a column of its
 * own. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/table/table_csv.h"

struct pivot_args {
    struct ts_flux_cols rows, columns;
    const struct ts_flux_name *value;
    const struct ts_flux_name *hidden[TS_FLUX_TYPE_COUNT]; /* the value's columns, by type */
};

static bool is_hidden(const struct pivot_args *args, const struct ts_flux_name *name)
{
    for (int t = 0; t < TS_FLUX_TYPE_COUNT; t++)
        if (args->hidden[t] == name)
            return true;
    return false;
}

static int gather_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct pivot_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    for (unsigned i = 0; i < args->rows.n; i++)
        if (ts_flux_chunk_col(chk, args->rows.v[i]) < 0)
            return ts_flux_fail(run, "specified row key column does not exist in table: %s",
                                args->rows.v[i]->z);
    for (unsigned i = 0; i < args->columns.n; i++)
        if (ts_flux_chunk_col(chk, args->columns.v[i]) < 0)
            return ts_flux_fail(run, "specified column does not exist in table: %s", args->columns.v[i]->z);
    struct ts_flux_column *value = ts_flux_chunk_column(chk, args->value);
    if (!value)
        return ts_flux_fail(run, "specified value column does not exist in table: %s", args->value->z);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_key *key = ts_flux_key_ref(chk->key);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        const struct ts_flux_name *name = chk->cols[i].name;
        bool keyed = ts_flux_key_get(chk->key, name),
             turned = ts_flux_cols_has(&args->columns, name) || name == args->value;
        if (turned && keyed && key) {
            struct ts_flux_key *with = ts_flux_key_with(run, key, name, (struct ts_flux_value){0});
            ts_flux_key_unref(&key);
            key = with;
        }
        if (name != args->value && (turned || keyed || ts_flux_cols_has(&args->rows, name)))
            ts_flux_maker_share(&mk, chk, i);
    }
    ts_flux_maker_add(&mk, args->hidden[value->type], ts_flux_column_ref(value));
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, chk->n);
    ts_flux_key_unref(&key);
    return ts_flux_collect(cur, out);
}

static const struct ts_flux_operator gather_op = {.name = "pivot", .feed = gather_feed};

/* The name of the column that row's value goes to. */
static int column_name(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, size_t row,
                       const struct ts_flux_name **out)
{
    const struct pivot_args *args = cur->args;
    struct ts_buf text = TS_BUF_INIT;
    for (unsigned i = 0; i < args->columns.n; i++) {
        struct ts_flux_value v = ts_flux_column_get(ts_flux_chunk_column(chk, args->columns.v[i]), row);
        if (i)
            ts_buf_putc(&text, '_');
        if (v.null)
            ts_buf_puts(&text, "null");
        ts_flux_put_cell(&text, v);
    }
    *out = ts_buf_failed(&text) ? NULL : ts_flux_name_of(&cur->run->names, ts_buf_str(&text));
    ts_buf_fini(&text);
    return *out ? 0 : ts_flux_fail_nomem(cur->run);
}

/* The value's column that these rows have theirs in: the first with any, else the first there is. */
static struct ts_flux_column *value_column(const struct pivot_args *args, struct ts_flux_chunk *chk,
                                           const uint32_t *sel, size_t n)
{
    struct ts_flux_column *any = NULL;
    for (uint32_t i = 0; i < chk->ncols; i++) {
        struct ts_flux_column *col = chk->cols[i].col;
        if (!is_hidden(args, chk->cols[i].name))
            continue;
        any = any ? any : col;
        for (size_t k = 0; k < n; k++)
            if (!ts_flux_column_null(col, sel[k]))
                return col;
    }
    return any;
}

/* The turned column: the values of rows sel, each at the place of its row group; at: room for one number of
 * each. */
static struct ts_flux_column *turn(struct ts_flux_column *value, const uint32_t *sel, size_t n,
                                   const uint32_t *group, size_t ngroups, uint32_t *at)
{
    if (value->type == TS_FLUX_NULL)
        return ts_flux_column_ref(value);
    struct ts_flux_column *out = ts_flux_column_new(value->mem, value->type, ngroups);
    memset(at, 0, ngroups * sizeof *at);
    for (size_t k = 0; k < n; k++)
        at[group[sel[k]]] = sel[k] + 1;
    for (size_t g = 0; out && g < ngroups; g++)
        if (ts_flux_column_push(out,
                                at[g] ? ts_flux_column_get(value, at[g] - 1) : ts_flux_null(value->type)))
            ts_flux_column_unref(&out);
    return out;
}

static size_t indices(const struct ts_flux_chunk *chk, const struct ts_flux_cols *cols, uint32_t *by)
{
    size_t n = 0;
    for (unsigned i = 0; i < cols->n; i++) {
        int at = ts_flux_chunk_col(chk, cols->v[i]);
        if (at >= 0 && !chk->cols[at].col->konst)
            by[n++] = (uint32_t)at;
    }
    return n;
}

static int turn_all(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, const struct ts_flux_split *rows,
                    const struct ts_flux_split *cols, struct ts_flux_maker *mk)
{
    const struct pivot_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    size_t bytes = TS_MAX(rows->ngroups, (size_t)1) * sizeof(uint32_t), own = mk->n;
    uint32_t *at = ts_flux_mem_alloc(&run->mem, bytes);
    int rc = at ? 0 : ts_flux_fail_nomem(run);
    for (size_t g = 0; rc == 0 && g < cols->ngroups; g++) {
        const struct ts_flux_name *name = NULL;
        const uint32_t *sel = cols->sel + cols->start[g];
        size_t n = cols->start[g + 1] - cols->start[g];
        rc = column_name(cur, chk, cols->first[g], &name);
        int there = rc ? -1 : ts_flux_maker_find(mk, name);
        if (there >= 0 && (size_t)there < own)
            rc = ts_flux_fail(
                run, "value \"%s\" appears in a column key column, but a column named \"%s\" already exists",
                name->z, name->z);
        if (rc == 0)
            ts_flux_maker_add(mk, name,
                              turn(value_column(args, chk, sel, n), sel, n, rows->group, rows->ngroups, at));
    }
    ts_flux_mem_free(&run->mem, at, bytes);
    return rc;
}

static int pivot_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct pivot_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    uint32_t *by = ts_flux_arena_alloc(&run->scratch, (args->rows.n + args->columns.n) * sizeof *by);
    if (!by)
        return ts_flux_fail_nomem(run);
    struct ts_flux_split rows = {0}, cols = {0};
    size_t nby = indices(chk, &args->rows, by);
    int rc = ts_flux_split_init(run, &rows, chk, by, nby);
    if (rc == 0)
        rc = ts_flux_split_init(run, &cols, chk, by + nby, indices(chk, &args->columns, by + nby));
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    for (uint32_t i = 0; rc == 0 && i < chk->ncols; i++)
        if (!is_hidden(args, chk->cols[i].name) && !ts_flux_cols_has(&args->columns, chk->cols[i].name))
            ts_flux_maker_add(&mk, chk->cols[i].name,
                              ts_flux_column_gather(chk->cols[i].col, rows.first, rows.ngroups));
    if (rc == 0)
        rc = turn_all(cur, chk, &rows, &cols, &mk);
    size_t n = rows.ngroups;
    ts_flux_split_fini(run, &rows);
    ts_flux_split_fini(run, &cols);
    ts_flux_arena_release(&run->scratch, mark);
    if (rc) {
        ts_flux_maker_drop(&mk);
        return rc;
    }
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, n));
}

static const struct ts_flux_operator pivot_op = {.name = "pivot", .whole = true, .feed = pivot_feed};

int ts_flux_op_pivot(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct pivot_args pa = {0};
    int rc = ts_flux_arg_cols(run, args->v[1], "", &pa.rows);
    if (rc == 0)
        rc = ts_flux_arg_cols(run, args->v[2], "", &pa.columns);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[3], "", &pa.value);
    for (unsigned i = 0; rc == 0 && i < pa.columns.n; i++)
        if (ts_flux_cols_has(&pa.rows, pa.columns.v[i]))
            return ts_flux_fail(run, "column name found in both rowKey and colKey: %s", pa.columns.v[i]->z);
    if (rc == 0 && (ts_flux_cols_has(&pa.columns, pa.value) || ts_flux_cols_has(&pa.rows, pa.value)))
        return ts_flux_fail(run, "column specified as both valueColumn and in rowKey or colKey: %s",
                            pa.value->z);
    for (int t = 0; rc == 0 && t < TS_FLUX_TYPE_COUNT; t++) {
        char name[] = {'\1', (char)('a' + t), 0}; /* no column that a script can name */
        rc = ts_flux_arg_name(run, ts_flux_string((struct ts_str){name, 2}), NULL, &pa.hidden[t]);
    }
    if (rc == 0)
        rc = ts_flux_plan(run, &gather_op, &pa, sizeof pa, args->v[0].stream, out);
    return rc ? rc : ts_flux_plan(run, &pivot_op, &pa, sizeof pa, out->stream, out);
}
