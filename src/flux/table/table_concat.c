/*
 * Chunks to one chunk. A column that is the same constant in all of them stays one. Schemas are united: a
 * column that some lack is null there; two types of one name are the query's error. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table.h"

#include "core/mem.h"

void ts_flux_schema_fini(struct ts_flux_schema *schema)
{
    ts_flux_mem_free(schema->mem, schema->fields, schema->cap * sizeof *schema->fields);
    *schema = (struct ts_flux_schema){0};
}

static int add_field(struct ts_flux_run *run, struct ts_flux_schema *schema, struct ts_flux_slot slot)
{
    for (uint32_t i = 0; i < schema->n; i++) {
        struct ts_flux_field *fld = &schema->fields[i];
        if (fld->name != slot.name)
            continue;
        if (fld->type == TS_FLUX_NULL)
            fld->type = slot.col->type;
        if (slot.col->type != fld->type && slot.col->type != TS_FLUX_NULL)
            return ts_flux_fail(run, "schema collision detected: column \"%s\" is both of type %s and %s",
                                slot.name->z, ts_flux_type_text(slot.col->type),
                                ts_flux_type_text(fld->type));
        return 0;
    }
    if (schema->n == schema->cap) {
        uint32_t cap = TS_MAX(schema->cap * 2, 16u);
        struct ts_flux_field *fields = ts_flux_mem_alloc(&run->mem, cap * sizeof *fields);
        if (!fields)
            return ts_flux_fail_nomem(run);
        if (schema->n)
            memcpy(fields, schema->fields, schema->n * sizeof *fields);
        ts_flux_mem_free(&run->mem, schema->fields, schema->cap * sizeof *fields);
        schema->fields = fields;
        schema->cap = cap;
    }
    schema->fields[schema->n++] = (struct ts_flux_field){slot.name, slot.col->type};
    return 0;
}

int ts_flux_schema_add(struct ts_flux_run *run, struct ts_flux_schema *schema,
                       const struct ts_flux_chunk *chk)
{
    schema->mem = &run->mem;
    bool same = schema->n == chk->ncols;
    for (uint32_t i = 0; same && i < chk->ncols; i++)
        same =
            schema->fields[i].name == chk->cols[i].name && schema->fields[i].type == chk->cols[i].col->type;
    int rc = 0;
    for (uint32_t i = 0; !same && rc == 0 && i < chk->ncols; i++)
        rc = add_field(run, schema, chk->cols[i]);
    return rc;
}

/* The one constant that the column is in all chunks; NULL: it is not. */
static struct ts_flux_column *common(const struct ts_flux_field *fld, struct ts_flux_chunk *const *chunks,
                                     size_t n)
{
    struct ts_flux_column *first = NULL;
    for (size_t k = 0; k < n; k++) {
        if (chunks[k]->n == 0 && n > 1)
            continue;
        struct ts_flux_column *col = ts_flux_chunk_column(chunks[k], fld->name);
        if (!col || !col->konst || col->type != fld->type)
            return NULL;
        if (!first)
            first = col;
        else if (col != first &&
                 (ts_flux_column_null(col, 0) != ts_flux_column_null(first, 0) ||
                  (!ts_flux_column_null(col, 0) &&
                   !ts_flux_value_same(ts_flux_column_get(col, 0), ts_flux_column_get(first, 0)))))
            return NULL;
    }
    return first;
}

static struct ts_flux_column *join_column(struct ts_flux_mem *mem, const struct ts_flux_field *fld,
                                          struct ts_flux_chunk *const *chunks, size_t n, size_t rows)
{
    struct ts_flux_column *out = common(fld, chunks, n);
    if (out)
        return ts_flux_column_ref(out);
    if (fld->type == TS_FLUX_NULL)
        return ts_flux_column_const(mem, ts_flux_null(TS_FLUX_NULL));
    struct ts_flux_column *none = ts_flux_column_const(mem, ts_flux_null(fld->type));
    out = ts_flux_column_new(mem, fld->type, TS_MAX(rows, (size_t)1));
    bool ok = out && none;
    for (size_t k = 0; ok && k < n; k++) {
        struct ts_flux_column *col = ts_flux_chunk_column(chunks[k], fld->name);
        if (!col || col->type != fld->type)
            col = none;
        ok = ts_flux_column_append(out, col, 0, chunks[k]->n) == 0;
    }
    ts_flux_column_unref(&none);
    if (!ok)
        ts_flux_column_unref(&out);
    return out;
}

static bool has_schema(const struct ts_flux_schema *schema, const struct ts_flux_chunk *chk)
{
    if (schema->n != chk->ncols)
        return false;
    for (uint32_t i = 0; i < chk->ncols; i++)
        if (schema->fields[i].name != chk->cols[i].name || schema->fields[i].type != chk->cols[i].col->type)
            return false;
    return true;
}

int ts_flux_chunk_concat(struct ts_flux_run *run, const struct ts_flux_schema *schema,
                         struct ts_flux_chunk *const *chunks, size_t n, struct ts_flux_chunk **out)
{
    *out = NULL;
    if (n == 1 && has_schema(schema, chunks[0])) {
        *out = ts_flux_chunk_ref(chunks[0]);
        return 0;
    }
    size_t rows = 0, bytes = schema->n * sizeof(struct ts_flux_slot);
    for (size_t k = 0; k < n; k++)
        rows += chunks[k]->n;
    if (rows > UINT32_MAX)
        return ts_flux_fail(run, "a table has more than %u rows", UINT32_MAX);
    struct ts_flux_slot *cols = ts_flux_mem_alloc(&run->mem, bytes);
    if (!cols)
        return ts_flux_fail_nomem(run);
    for (uint32_t i = 0; i < schema->n; i++)
        cols[i] = (struct ts_flux_slot){schema->fields[i].name,
                                        join_column(&run->mem, &schema->fields[i], chunks, n, rows)};
    *out = ts_flux_chunk_new(&run->mem, chunks[0]->key, rows, cols, schema->n);
    ts_flux_mem_free(&run->mem, cols, bytes);
    return *out ? 0 : ts_flux_fail_nomem(run);
}
