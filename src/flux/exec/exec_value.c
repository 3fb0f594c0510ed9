/* Values: access, order, equality, copies. They never change, so all of it shares. Thread: the query's. */
#include "config.h"
#include "flux/exec/exec_value.h"

#include "flux/exec/exec_regexp.h"

static const char *const type_texts[] = {
#define TS_FLUX_TYPE(name, text) text,
#include "tbl/flux_types.def"
#undef TS_FLUX_TYPE
};

const char *ts_flux_type_text(enum ts_flux_type type)
{
    TS_ASSERT((unsigned)type < TS_FLUX_TYPE_COUNT);
    return type_texts[type];
}

const struct ts_flux_value *ts_flux_record_get(const struct ts_flux_record *rec,
                                               const struct ts_flux_name *name)
{
    for (uint32_t i = 0; i < rec->shape->n; i++)
        if (rec->shape->names[i] == name)
            return &rec->v[i];
    return NULL;
}

const struct ts_flux_value *ts_flux_record_find(const struct ts_flux_record *rec, struct ts_str name)
{
    for (uint32_t i = 0; i < rec->shape->n; i++)
        if (ts_str_eq(ts_flux_name_str(rec->shape->names[i]), name))
            return &rec->v[i];
    return NULL;
}

const struct ts_flux_value *ts_flux_dict_get(const struct ts_flux_dict *dict, struct ts_flux_value key)
{
    uint32_t lo = 0, hi = dict->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = ts_flux_value_cmp(dict->keys[mid], key);
        if (c == 0)
            return &dict->values[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* Of arrays and records in each other: what is deeper is like nothing, and cannot be copied. */
#define DEPTH_MAX 1000

static bool same(struct ts_flux_value a, struct ts_flux_value b, unsigned depth);

static bool same_list(const struct ts_flux_value *a, const struct ts_flux_value *b, uint32_t n,
                      unsigned depth)
{
    for (uint32_t i = 0; i < n; i++)
        if (!same(a[i], b[i], depth + 1))
            return false;
    return true;
}

static bool same_record(const struct ts_flux_record *a, const struct ts_flux_record *b, unsigned depth)
{
    if (a->shape->n != b->shape->n)
        return false;
    for (uint32_t i = 0; i < a->shape->n; i++) {
        const struct ts_flux_value *other = ts_flux_record_get(b, a->shape->names[i]);
        if (!other || !same(a->v[i], *other, depth + 1))
            return false;
    }
    return true;
}

static bool same(struct ts_flux_value a, struct ts_flux_value b, unsigned depth)
{
    if (a.null || b.null)
        return a.null && b.null;
    if (a.type != b.type || depth > DEPTH_MAX)
        return false;
    switch (a.type) {
    case TS_FLUX_BOOL: return a.b == b.b;
    case TS_FLUX_INT:
    case TS_FLUX_UINT:
    case TS_FLUX_TIME: return a.i == b.i;
    case TS_FLUX_FLOAT: return a.f == b.f;
    case TS_FLUX_STRING:
    case TS_FLUX_BYTES: return ts_str_eq(ts_flux_value_str(a), ts_flux_value_str(b));
    case TS_FLUX_DURATION: return a.months == b.months && a.i == b.i;
    case TS_FLUX_ARRAY:
        return a.array->n == b.array->n && same_list(a.array->v, b.array->v, a.array->n, depth);
    case TS_FLUX_RECORD: return same_record(a.record, b.record, depth);
    case TS_FLUX_DICT:
        return a.dict->n == b.dict->n && same_list(a.dict->keys, b.dict->keys, a.dict->n, depth) &&
               same_list(a.dict->values, b.dict->values, a.dict->n, depth);
    case TS_FLUX_REGEXP: return ts_str_eq(ts_flux_regexp_text(a.regexp), ts_flux_regexp_text(b.regexp));
    case TS_FLUX_DYNAMIC: return same(*a.dynamic, *b.dynamic, depth + 1);
    default: return a.p == b.p;
    }
}

bool ts_flux_value_same(struct ts_flux_value a, struct ts_flux_value b)
{
    return same(a, b, 0);
}

static int cmp_float(double a, double b)
{
    if (a != a || b != b)
        return (b != b) - (a != a);
    return (a > b) - (a < b);
}

int ts_flux_value_cmp(struct ts_flux_value a, struct ts_flux_value b)
{
    if (a.null || b.null)
        return (int)b.null - (int)a.null;
    if (a.type != b.type)
        return (a.type > b.type) - (a.type < b.type);
    switch (a.type) {
    case TS_FLUX_BOOL: return (a.b > b.b) - (a.b < b.b);
    case TS_FLUX_UINT: return (a.u > b.u) - (a.u < b.u);
    case TS_FLUX_FLOAT: return cmp_float(a.f, b.f);
    case TS_FLUX_STRING:
    case TS_FLUX_BYTES: return ts_str_cmp(ts_flux_value_str(a), ts_flux_value_str(b));
    case TS_FLUX_DURATION:
        if (a.months != b.months)
            return a.months > b.months ? 1 : -1;
        return (a.i > b.i) - (a.i < b.i);
    case TS_FLUX_DYNAMIC: return ts_flux_value_cmp(*a.dynamic, *b.dynamic);
    default: return (a.i > b.i) - (a.i < b.i);
    }
}

static int copy(struct ts_flux_arena *arena, struct ts_flux_value v, struct ts_flux_value *out,
                unsigned depth);

static struct ts_flux_value *copy_list(struct ts_flux_arena *arena, const struct ts_flux_value *v, uint32_t n,
                                       unsigned depth)
{
    struct ts_flux_value *to = ts_flux_arena_alloc(arena, (size_t)n * sizeof *to);
    for (uint32_t i = 0; to && i < n; i++)
        if (copy(arena, v[i], &to[i], depth + 1) != 0)
            return NULL;
    return to;
}

static int copy_record(struct ts_flux_arena *arena, const struct ts_flux_record *rec,
                       struct ts_flux_value *out, unsigned depth)
{
    struct ts_flux_record *to = ts_flux_arena_alloc(arena, sizeof *to);
    struct ts_flux_shape *shape = ts_flux_arena_alloc(arena, sizeof *shape);
    size_t bytes = rec->shape->n * sizeof *shape->names;
    if (!to || !shape || !(shape->names = ts_flux_arena_alloc(arena, bytes)) ||
        !(to->v = copy_list(arena, rec->v, rec->shape->n, depth)))
        return -TS_ENOMEM;
    memcpy(shape->names, rec->shape->names, bytes);
    shape->n = rec->shape->n;
    to->shape = shape;
    out->record = to;
    return 0;
}

static int copy_dict(struct ts_flux_arena *arena, const struct ts_flux_dict *dict, struct ts_flux_value *out,
                     unsigned depth)
{
    struct ts_flux_dict *to = ts_flux_arena_alloc(arena, sizeof *to);
    if (!to || !(to->keys = copy_list(arena, dict->keys, dict->n, depth)) ||
        !(to->values = copy_list(arena, dict->values, dict->n, depth)))
        return -TS_ENOMEM;
    to->n = dict->n;
    out->dict = to;
    return 0;
}

static int copy(struct ts_flux_arena *arena, struct ts_flux_value v, struct ts_flux_value *out,
                unsigned depth)
{
    *out = v;
    if (depth > DEPTH_MAX)
        return -TS_ENOMEM;
    if (v.null)
        return 0;
    if (v.type == TS_FLUX_STRING || v.type == TS_FLUX_BYTES) {
        out->p = ts_flux_arena_str(arena, ts_flux_value_str(v)).p;
        return out->p ? 0 : -TS_ENOMEM;
    }
    if (v.type == TS_FLUX_ARRAY) {
        struct ts_flux_array *to = ts_flux_arena_alloc(arena, sizeof *to);
        if (!to || !(to->v = copy_list(arena, v.array->v, v.array->n, depth)))
            return -TS_ENOMEM;
        to->n = v.array->n;
        out->array = to;
        return 0;
    }
    if (v.type == TS_FLUX_RECORD)
        return copy_record(arena, v.record, out, depth);
    if (v.type == TS_FLUX_DICT)
        return copy_dict(arena, v.dict, out, depth);
    if (v.type == TS_FLUX_DYNAMIC) {
        struct ts_flux_value *to = copy_list(arena, v.dynamic, 1, depth);
        out->dynamic = to;
        return to ? 0 : -TS_ENOMEM;
    }
    return 0;
}

int ts_flux_value_copy(struct ts_flux_arena *arena, struct ts_flux_value v, struct ts_flux_value *out)
{
    return copy(arena, v, out, 0);
}
