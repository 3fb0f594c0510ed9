/* Columns: from values, to values, of one value, some rows of another. On the query's scratch arena. */
#include "config.h"
#include "flux/exec/exec_rowfn.h"

size_t ts_flux_vec_width(enum ts_flux_type type)
{
    switch (type) {
    case TS_FLUX_BOOL: return 1;
    case TS_FLUX_INT:
    case TS_FLUX_UINT:
    case TS_FLUX_FLOAT:
    case TS_FLUX_TIME: return 8;
    case TS_FLUX_STRING:
    case TS_FLUX_BYTES: return sizeof(struct ts_str);
    case TS_FLUX_NULL: return 0;
    default: return sizeof(struct ts_flux_value);
    }
}

struct ts_flux_value ts_flux_vec_get(const struct ts_flux_vec *vec, unsigned row)
{
    unsigned i = vec->constant ? 0 : row;
    if (ts_flux_vec_is_null(vec, row))
        return ts_flux_null(vec->type);
    switch (vec->type) {
    case TS_FLUX_BOOL: return ts_flux_bool(vec->b[i]);
    case TS_FLUX_INT:
    case TS_FLUX_UINT:
    case TS_FLUX_FLOAT:
    case TS_FLUX_TIME: return (struct ts_flux_value){.type = (uint8_t)vec->type, .u = vec->u[i]};
    case TS_FLUX_STRING:
    case TS_FLUX_BYTES:
        return (struct ts_flux_value){
            .type = (uint8_t)vec->type, .len = (uint32_t)vec->s[i].len, .p = vec->s[i].p};
    default: return vec->v[i];
    }
}

int ts_flux_vec_new(struct ts_flux_run *run, enum ts_flux_type type, unsigned n, void **data,
                    uint64_t **nulls, struct ts_flux_vec *out)
{
    *data = ts_flux_new(run, n * ts_flux_vec_width(type));
    *nulls = *data ? ts_flux_new(run, (n + 63) / 64 * sizeof **nulls) : NULL;
    *out = (struct ts_flux_vec){.type = type, .data = *data, .nulls = *nulls};
    return *nulls ? 0 : -TS_EQUERY;
}

static void store(enum ts_flux_type type, void *data, unsigned i, struct ts_flux_value v)
{
    switch (type) {
    case TS_FLUX_BOOL: ((uint8_t *)data)[i] = v.b; break;
    case TS_FLUX_INT:
    case TS_FLUX_UINT:
    case TS_FLUX_FLOAT:
    case TS_FLUX_TIME: ((uint64_t *)data)[i] = v.u; break;
    case TS_FLUX_STRING:
    case TS_FLUX_BYTES: ((struct ts_str *)data)[i] = ts_flux_value_str(v); break;
    default: ((struct ts_flux_value *)data)[i] = v;
    }
}

int ts_flux_vec_of_values(struct ts_flux_run *run, unsigned n, const struct ts_flux_value *v,
                          struct ts_flux_vec *out)
{
    enum ts_flux_type type = TS_FLUX_NULL;
    uint64_t *nulls;
    void *data;
    bool any = false;
    for (unsigned i = 0; i < n; i++) {
        if (v[i].type == TS_FLUX_NULL || v[i].type == type)
            continue;
        if (type != TS_FLUX_NULL)
            return ts_flux_fail(run, "values of one column are of type %s and of type %s",
                                ts_flux_type_text(type), ts_flux_type_text(v[i].type));
        type = v[i].type;
    }
    *out = (struct ts_flux_vec){.type = TS_FLUX_NULL};
    if (type == TS_FLUX_NULL)
        return 0;
    if (ts_flux_vec_new(run, type, n, &data, &nulls, out) != 0)
        return -TS_EQUERY;
    for (unsigned i = 0; i < n; i++) {
        if (v[i].null) {
            nulls[i / 64] |= UINT64_C(1) << (i % 64);
            any = true;
        } else {
            store(type, data, i, v[i]);
        }
    }
    out->nulls = any ? nulls : NULL;
    return 0;
}

/* In run->arena's or scratch's memory, 32 bytes of it. Without memory: a null, and the error is set. */
struct ts_flux_vec ts_flux_vec_constant(struct ts_flux_run *run, struct ts_flux_value v)
{
    struct {
        struct ts_flux_value v;
        uint64_t null;
    } *cell = ts_flux_new(run, sizeof *cell);
    if (!cell)
        return (struct ts_flux_vec){.type = TS_FLUX_NULL, .constant = true};
    cell->null = v.null;
    if (!v.null)
        store(v.type, &cell->v, 0, v);
    return (struct ts_flux_vec){
        .type = v.type, .constant = true, .nulls = v.null ? &cell->null : NULL, .data = &cell->v};
}

#define GATHER(type, from_field)                                                                             \
    for (unsigned i = 0; i < n; i++)                                                                         \
    ((type *)data)[i] = from->from_field[sel[i]]

int ts_flux_vec_gather(struct ts_flux_run *run, const struct ts_flux_vec *from, const uint32_t *sel,
                       unsigned n, struct ts_flux_vec *out)
{
    uint64_t *nulls;
    void *data;
    *out = *from;
    if (from->constant || from->type == TS_FLUX_NULL)
        return 0;
    if (ts_flux_vec_new(run, from->type, n, &data, &nulls, out) != 0)
        return -TS_EQUERY;
    switch (ts_flux_vec_width(from->type)) {
    case 1: GATHER(uint8_t, b); break;
    case 8: GATHER(uint64_t, u); break;
    default: GATHER(struct ts_str, s); /* 16 bytes, as values have */
    }
    for (unsigned i = 0; from->nulls && i < n; i++)
        nulls[i / 64] |= (from->nulls[sel[i] / 64] >> (sel[i] % 64) & 1) << (i % 64);
    out->nulls = from->nulls ? nulls : NULL;
    return 0;
}
