/* Chunks: some rows of one table. They share columns with other chunks and never change. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table.h"

struct ts_flux_chunk *ts_flux_chunk_new(struct ts_flux_mem *mem, struct ts_flux_key *key, size_t n,
                                        const struct ts_flux_slot *cols, size_t ncols)
{
    bool ok = key != NULL;
    for (size_t i = 0; i < ncols; i++) {
        ok = ok && cols[i].col;
        TS_ASSERT(!cols[i].col || cols[i].col->konst || cols[i].col->n == n);
    }
    struct ts_flux_chunk *chk = ok ? ts_flux_mem_alloc(mem, sizeof *chk + ncols * sizeof *cols) : NULL;
    if (!chk) {
        for (size_t i = 0; i < ncols; i++) {
            struct ts_flux_column *col = cols[i].col;
            ts_flux_column_unref(&col);
        }
        return NULL;
    }
    chk->refs = 1;
    chk->ncols = (uint32_t)ncols;
    chk->n = n;
    chk->key = ts_flux_key_ref(key);
    chk->mem = mem;
    if (ncols)
        memcpy(chk->cols, cols, ncols * sizeof *cols);
    return chk;
}

void ts_flux_chunk_unref(struct ts_flux_chunk **chkp)
{
    struct ts_flux_chunk *chk = *chkp;
    *chkp = NULL;
    if (!chk || --chk->refs > 0)
        return;
    for (uint32_t i = 0; i < chk->ncols; i++)
        ts_flux_column_unref(&chk->cols[i].col);
    ts_flux_key_unref(&chk->key);
    ts_flux_mem_free(chk->mem, chk, sizeof *chk + chk->ncols * sizeof chk->cols[0]);
}

int ts_flux_chunk_col(const struct ts_flux_chunk *chk, const struct ts_flux_name *name)
{
    for (uint32_t i = 0; i < chk->ncols; i++)
        if (chk->cols[i].name == name)
            return (int)i;
    return -1;
}

struct ts_flux_column *ts_flux_chunk_column(const struct ts_flux_chunk *chk, const struct ts_flux_name *name)
{
    int i = ts_flux_chunk_col(chk, name);
    return i < 0 ? NULL : chk->cols[i].col;
}

/* A chunk with the same key and names, and columns that make() gives. */
static struct ts_flux_chunk *
remake(struct ts_flux_chunk *chk, size_t n,
       struct ts_flux_column *(*make)(struct ts_flux_column *col, const void *arg, size_t n), const void *arg)
{
    size_t bytes = sizeof(struct ts_flux_slot) * chk->ncols;
    struct ts_flux_slot *cols = ts_flux_mem_alloc(chk->mem, bytes);
    if (!cols)
        return NULL;
    for (uint32_t i = 0; i < chk->ncols; i++)
        cols[i] = (struct ts_flux_slot){chk->cols[i].name, make(chk->cols[i].col, arg, n)};
    struct ts_flux_chunk *out = ts_flux_chunk_new(chk->mem, chk->key, n, cols, chk->ncols);
    ts_flux_mem_free(chk->mem, cols, bytes);
    return out;
}

static struct ts_flux_column *gather_column(struct ts_flux_column *col, const void *sel, size_t n)
{
    return ts_flux_column_gather(col, sel, n);
}

struct ts_flux_chunk *ts_flux_chunk_gather(struct ts_flux_chunk *chk, const uint32_t *sel, size_t n)
{
    return remake(chk, n, gather_column, sel);
}

static struct ts_flux_column *slice_column(struct ts_flux_column *col, const void *start, size_t n)
{
    if (col->konst)
        return ts_flux_column_ref(col);
    struct ts_flux_column *out = ts_flux_column_new(col->mem, col->type, TS_MAX(n, (size_t)1));
    if (out && ts_flux_column_append(out, col, *(const size_t *)start, n))
        ts_flux_column_unref(&out);
    return out;
}

struct ts_flux_chunk *ts_flux_chunk_slice(struct ts_flux_chunk *chk, size_t start, size_t n)
{
    return start == 0 && n == chk->n ? ts_flux_chunk_ref(chk) : remake(chk, n, slice_column, &start);
}

struct ts_flux_chunk *ts_flux_chunk_with_key(struct ts_flux_chunk *chk, struct ts_flux_key *key)
{
    for (uint32_t i = 0; i < chk->ncols; i++)
        ts_flux_column_ref(chk->cols[i].col);
    return ts_flux_chunk_new(chk->mem, key, chk->n, chk->cols, chk->ncols);
}
