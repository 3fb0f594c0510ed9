/*
 * The evaluator's functions of rows over chunks: columns as views, results as columns. Results that are a
 * column of the input stay that column, so constants stay constant. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_ops.h"

int ts_flux_rows_init(struct ts_flux_run *run, struct ts_flux_rows *rows, struct ts_flux_value func,
                      const char *what)
{
    *rows = (struct ts_flux_rows){.run = run};
    return ts_flux_rowfn_new(run, func, what, &rows->rf);
}

void ts_flux_rows_fini(struct ts_flux_rows *rows)
{
    if (!rows->run)
        return;
    ts_flux_mem_free(&rows->run->mem, rows->fields, rows->cap * sizeof *rows->fields);
    ts_flux_mem_free(&rows->run->mem, rows->vecs, rows->cap * sizeof *rows->vecs);
    *rows = (struct ts_flux_rows){0};
}

static int room(struct ts_flux_rows *rows, uint32_t n)
{
    if (n <= rows->cap && rows->cap)
        return 0;
    struct ts_flux_mem *mem = &rows->run->mem;
    uint32_t cap = TS_MAX(n, 16u);
    struct ts_flux_field *fields = ts_flux_mem_alloc(mem, cap * sizeof *fields);
    struct ts_flux_vec *vecs = ts_flux_mem_alloc(mem, cap * sizeof *vecs);
    if (!fields || !vecs) {
        ts_flux_mem_free(mem, fields, cap * sizeof *fields);
        ts_flux_mem_free(mem, vecs, cap * sizeof *vecs);
        return ts_flux_fail_nomem(rows->run);
    }
    ts_flux_mem_free(mem, rows->fields, rows->cap * sizeof *fields);
    ts_flux_mem_free(mem, rows->vecs, rows->cap * sizeof *vecs);
    rows->fields = fields;
    rows->vecs = vecs;
    rows->cap = cap;
    rows->bound = false;
    return 0;
}

static size_t width_of(enum ts_flux_type type)
{
    return type == TS_FLUX_BOOL ? 1 : type == TS_FLUX_STRING ? sizeof(struct ts_str) : 8;
}

int ts_flux_rows_set(struct ts_flux_rows *rows, const struct ts_flux_chunk *chk, size_t start)
{
    int rc = room(rows, chk->ncols);
    if (rc)
        return rc;
    bool same = rows->bound && rows->n == chk->ncols;
    for (uint32_t i = 0; i < chk->ncols; i++) {
        const struct ts_flux_column *col = chk->cols[i].col;
        struct ts_flux_field fld = {chk->cols[i].name, col->type};
        same = same && rows->fields[i].name == fld.name && rows->fields[i].type == fld.type;
        rows->fields[i] = fld;
        size_t from = col->konst ? 0 : start;
        rows->vecs[i] = (struct ts_flux_vec){.type = col->type,
                                             .constant = col->konst,
                                             .nulls = col->nulls ? col->nulls + from / 64 : NULL,
                                             .data = (const char *)col->data + from * width_of(col->type)};
    }
    rows->n = chk->ncols;
    if (same)
        return 0;
    rows->bound = true;
    return ts_flux_rowfn_bind(rows->rf, rows->n, rows->fields);
}

static struct ts_flux_column *copy(struct ts_flux_mem *mem, const struct ts_flux_vec *vec, size_t n)
{
    struct ts_flux_column *col = ts_flux_column_new(mem, vec->type, TS_MAX(n, (size_t)1));
    if (!col)
        return NULL;
    bool ok = true;
    if (vec->type == TS_FLUX_STRING || vec->nulls) {
        for (size_t i = 0; ok && i < n; i++)
            ok = ts_flux_column_push(col, ts_flux_vec_get(vec, (unsigned)i)) == 0;
    } else {
        memcpy(col->data, vec->data, n * width_of(vec->type));
        col->n = n;
    }
    if (!ok)
        ts_flux_column_unref(&col);
    return col;
}

struct ts_flux_column *ts_flux_rows_column(struct ts_flux_rows *rows, const struct ts_flux_vec *vec, size_t n,
                                           const struct ts_flux_chunk *chk)
{
    struct ts_flux_mem *mem = &rows->run->mem;
    for (uint32_t i = 0; chk && i < chk->ncols; i++)
        if (rows->vecs[i].data == vec->data && rows->vecs[i].type == vec->type &&
            rows->vecs[i].constant == vec->constant && rows->vecs[i].nulls == vec->nulls && vec->data)
            return ts_flux_column_ref(chk->cols[i].col);
    if (vec->type == TS_FLUX_NULL)
        return ts_flux_column_const(mem, ts_flux_null(TS_FLUX_NULL));
    return vec->constant ? ts_flux_column_const(mem, ts_flux_vec_get(vec, 0)) : copy(mem, vec, n);
}
