/* Arguments of builtins into plans, and chunks made column by column. Thread: the query's. */
#include "config.h"
#include "flux/table/table_ops.h"

#include <stdlib.h>

bool ts_flux_cols_has(const struct ts_flux_cols *cols, const struct ts_flux_name *name)
{
    for (unsigned i = 0; i < cols->n; i++)
        if (cols->v[i] == name)
            return true;
    return false;
}

static int name_of(struct ts_flux_run *run, struct ts_str s, const struct ts_flux_name **out)
{
    *out = ts_flux_name_of(&run->names, s);
    return *out ? 0 : ts_flux_fail_nomem(run);
}

int ts_flux_arg_name(struct ts_flux_run *run, struct ts_flux_value v, const char *dflt,
                     const struct ts_flux_name **out)
{
    *out = NULL;
    if (v.type == TS_FLUX_STRING && !v.null)
        return name_of(run, ts_flux_value_str(v), out);
    return dflt ? name_of(run, ts_str_of(dflt), out) : 0;
}

static int cols_of_text(struct ts_flux_run *run, const char *z, struct ts_flux_cols *out)
{
    size_t n = *z ? 1 : 0;
    for (const char *p = z; *p; p++)
        n += *p == ' ';
    out->v = ts_flux_arena_alloc(&run->arena, n * sizeof *out->v);
    if (!out->v)
        return ts_flux_fail_nomem(run);
    while (out->n < n) {
        size_t len = strcspn(z, " ");
        int rc = name_of(run, (struct ts_str){z, len}, &out->v[out->n++]);
        if (rc)
            return rc;
        z += len + (z[len] == ' ');
    }
    return 0;
}

int ts_flux_arg_cols(struct ts_flux_run *run, struct ts_flux_value v, const char *dflt,
                     struct ts_flux_cols *out)
{
    *out = (struct ts_flux_cols){0};
    if (v.type != TS_FLUX_ARRAY || v.null)
        return cols_of_text(run, dflt, out);
    out->v = ts_flux_arena_alloc(&run->arena, v.array->n * sizeof *out->v);
    if (!out->v)
        return ts_flux_fail_nomem(run);
    for (uint32_t i = 0; i < v.array->n; i++) {
        struct ts_flux_value item = v.array->v[i];
        if (item.type != TS_FLUX_STRING || item.null)
            return ts_flux_fail(run, "expected an array of strings, but it has a %s",
                                ts_flux_type_text(item.type));
        int rc = name_of(run, ts_flux_value_str(item), &out->v[out->n++]);
        if (rc)
            return rc;
    }
    return 0;
}

int ts_flux_plan(struct ts_flux_run *run, const struct ts_flux_operator *op, const void *args, size_t bytes,
                 struct ts_flux_stream *from, struct ts_flux_value *out)
{
    void *copy = ts_flux_arena_alloc(&run->arena, bytes);
    struct ts_flux_stream *stream =
        copy ? ts_flux_stream_new(&run->arena, op, copy, &from, from ? 1 : 0) : NULL;
    if (!stream)
        return ts_flux_fail_nomem(run);
    if (bytes)
        memcpy(copy, args, bytes);
    *out = ts_flux_stream_value(stream);
    return 0;
}

void ts_flux_maker_add(struct ts_flux_maker *mk, const struct ts_flux_name *name, struct ts_flux_column *col)
{
    int at = ts_flux_maker_find(mk, name);
    if (at >= 0) {
        ts_flux_column_unref(&mk->v[at].col);
        mk->v[at].col = col;
        return;
    }
    if (mk->n == mk->cap) {
        size_t cap = TS_MAX(mk->cap * 2, (size_t)16);
        struct ts_flux_slot *v = ts_flux_mem_alloc(mk->mem, cap * sizeof *v);
        if (!v) {
            ts_flux_column_unref(&col);
            mk->failed = true;
            return;
        }
        if (mk->n)
            memcpy(v, mk->v, mk->n * sizeof *v);
        ts_flux_mem_free(mk->mem, mk->v, mk->cap * sizeof *v);
        mk->v = v;
        mk->cap = cap;
    }
    mk->v[mk->n++] = (struct ts_flux_slot){name, col};
}

void ts_flux_maker_const(struct ts_flux_maker *mk, const struct ts_flux_name *name, struct ts_flux_value v)
{
    ts_flux_maker_add(mk, name, ts_flux_column_const(mk->mem, v));
}

void ts_flux_maker_share(struct ts_flux_maker *mk, const struct ts_flux_chunk *chk, uint32_t i)
{
    ts_flux_maker_add(mk, chk->cols[i].name, ts_flux_column_ref(chk->cols[i].col));
}

void ts_flux_maker_share_all(struct ts_flux_maker *mk, const struct ts_flux_chunk *chk)
{
    for (uint32_t i = 0; i < chk->ncols; i++)
        ts_flux_maker_share(mk, chk, i);
}

void ts_flux_maker_key(struct ts_flux_maker *mk, const struct ts_flux_chunk *chk)
{
    for (uint32_t i = 0; i < chk->ncols; i++) {
        const struct ts_flux_value *v = ts_flux_key_get(chk->key, chk->cols[i].name);
        if (v && chk->cols[i].col->konst)
            ts_flux_maker_share(mk, chk, i);
        else if (v)
            ts_flux_maker_const(mk, chk->cols[i].name, *v);
    }
}

int ts_flux_maker_find(const struct ts_flux_maker *mk, const struct ts_flux_name *name)
{
    for (size_t i = 0; i < mk->n; i++)
        if (mk->v[i].name == name)
            return (int)i;
    return -1;
}

static int by_name(const void *a, const void *b)
{
    const struct ts_flux_slot *x = a, *y = b;
    return ts_str_cmp(ts_flux_name_str(x->name), ts_flux_name_str(y->name));
}

void ts_flux_maker_sort(struct ts_flux_maker *mk)
{
    if (mk->n)
        qsort(mk->v, mk->n, sizeof *mk->v, by_name);
}

void ts_flux_maker_drop(struct ts_flux_maker *mk)
{
    for (size_t i = 0; i < mk->n; i++)
        ts_flux_column_unref(&mk->v[i].col);
    ts_flux_mem_free(mk->mem, mk->v, mk->cap * sizeof *mk->v);
    *mk = (struct ts_flux_maker){.mem = mk->mem};
}

struct ts_flux_chunk *ts_flux_maker_end(struct ts_flux_maker *mk, struct ts_flux_key *key, size_t n)
{
    struct ts_flux_chunk *chk = NULL;
    if (!mk->failed) {
        chk = ts_flux_chunk_new(mk->mem, key, n, mk->v, mk->n);
        mk->n = 0; /* the chunk has taken the columns */
    }
    ts_flux_maker_drop(mk);
    return chk;
}

struct ts_flux_key *ts_flux_key_with(struct ts_flux_run *run, const struct ts_flux_key *key,
                                     const struct ts_flux_name *name, struct ts_flux_value v)
{
    size_t n = 0, bytes = (key->n + 1) * sizeof(struct ts_flux_key_col);
    struct ts_flux_key_col *cols = ts_flux_mem_alloc(&run->mem, bytes);
    if (!cols)
        return NULL;
    for (uint32_t i = 0; i < key->n; i++)
        if (key->cols[i].name != name)
            cols[n++] = key->cols[i];
    if (v.type != TS_FLUX_NONE)
        cols[n++] = (struct ts_flux_key_col){name, v};
    struct ts_flux_key *out = ts_flux_key_new(&run->mem, cols, n);
    ts_flux_mem_free(&run->mem, cols, bytes);
    return out;
}

int ts_flux_need_column(struct ts_flux_run *run, const struct ts_flux_chunk *chk,
                        const struct ts_flux_name *name, struct ts_flux_column **out)
{
    *out = ts_flux_chunk_column(chk, name);
    return *out ? 0 : ts_flux_fail(run, "column \"%s\" does not exist", name->z);
}
