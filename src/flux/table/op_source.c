/* array.from: records as one table; and streams of nothing. Thread: the query's. */
#include "config.h"
#include "flux/table/table_std.h"

struct array_args {
    const struct ts_flux_array *rows;
};

struct array_state {
    bool done;
};

/* Names and types over all records; a property that is null everywhere keeps the type its null has, or none.
 */
static int array_schema(struct ts_flux_run *run, const struct ts_flux_array *rows,
                        struct ts_flux_field *fields, size_t cap, size_t *n)
{
    const struct ts_flux_shape *seen = NULL;
    for (uint32_t r = 0; r < rows->n; r++) {
        const struct ts_flux_record *rec = rows->v[r].record;
        for (uint32_t i = 0; i < rec->shape->n; i++) {
            struct ts_flux_value v = rec->v[i];
            size_t k = rec->shape == seen && i < *n && fields[i].name == rec->shape->names[i] ? i : 0;
            while (k < *n && fields[k].name != rec->shape->names[i])
                k++;
            if (!ts_flux_is_column(v.type) && v.type != TS_FLUX_NULL)
                return ts_flux_fail(run, "array.from: property \"%s\" is a %s, which no column can be",
                                    rec->shape->names[i]->z, ts_flux_type_text(v.type));
            if (k == *n) {
                if (k == cap)
                    return ts_flux_fail(run, "array.from: rows have more than %zu columns", cap);
                fields[(*n)++] = (struct ts_flux_field){rec->shape->names[i], v.type};
            } else if (fields[k].type == TS_FLUX_NULL) {
                fields[k].type = v.type;
            } else if (v.type != fields[k].type && v.type != TS_FLUX_NULL) {
                return ts_flux_fail(run, "array.from: column \"%s\" is both of type %s and %s",
                                    fields[k].name->z, ts_flux_type_text(fields[k].type),
                                    ts_flux_type_text(v.type));
            }
        }
        seen = rec->shape;
    }
    return 0;
}

static struct ts_flux_column *array_column(struct ts_flux_run *run, const struct ts_flux_array *rows,
                                           const struct ts_flux_field *fld, size_t at)
{
    if (fld->type == TS_FLUX_NULL)
        return ts_flux_column_const(&run->mem, ts_flux_null(TS_FLUX_NULL));
    struct ts_flux_column *col = ts_flux_column_new(&run->mem, fld->type, rows->n);
    for (uint32_t r = 0; col && r < rows->n; r++) {
        const struct ts_flux_record *rec = rows->v[r].record;
        const struct ts_flux_value *v = at < rec->shape->n && rec->shape->names[at] == fld->name
                                            ? &rec->v[at]
                                            : ts_flux_record_get(rec, fld->name);
        if (ts_flux_column_push(col, v ? *v : ts_flux_null(fld->type)))
            ts_flux_column_unref(&col);
    }
    return col;
}

#define ARRAY_COLUMNS 4096

static int array_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    const struct array_args *args = cur->args;
    struct array_state *st = cur->st;
    struct ts_flux_run *run = cur->run;
    if (st->done)
        return 0;
    st->done = true;
    size_t n = 0, bytes = ARRAY_COLUMNS * sizeof(struct ts_flux_field);
    struct ts_flux_field *fields = ts_flux_mem_alloc(&run->mem, bytes);
    int rc = fields ? array_schema(run, args->rows, fields, ARRAY_COLUMNS, &n) : ts_flux_fail_nomem(run);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (fields[i].type != TS_FLUX_NULL)
            ts_flux_maker_add(&mk, fields[i].name, array_column(run, args->rows, &fields[i], i));
    ts_flux_mem_free(&run->mem, fields, bytes);
    if (rc) {
        ts_flux_maker_drop(&mk);
        return rc;
    }
    struct ts_flux_key *key = ts_flux_key_new(&run->mem, NULL, 0);
    *out = ts_flux_maker_end(&mk, key, args->rows->n);
    ts_flux_key_unref(&key);
    return *out ? 0 : ts_flux_fail_nomem(run);
}

static const struct ts_flux_operator array_op = {
    .name = "array.from", .state = sizeof(struct array_state), .next = array_next};

int ts_flux_op_array_from(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct array_args aa = {args->v[0].array};
    if (aa.rows->n == 0)
        return ts_flux_fail(run, "rows must be non-empty");
    for (uint32_t i = 0; i < aa.rows->n; i++)
        if (aa.rows->v[i].type != TS_FLUX_RECORD || aa.rows->v[i].null)
            return ts_flux_fail(run, "rows should have been a list of records, but one is a %s",
                                ts_flux_type_text(aa.rows->v[i].type));
    return ts_flux_plan(run, &array_op, &aa, sizeof aa, NULL, out);
}
