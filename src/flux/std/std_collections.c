/* Packages array and dict, and those of single functions: types, runtime, system, timezone, internal/debug,
 * bitwise. */
#include "config.h"
#include "flux/exec/exec_time.h"
#include "flux/std/std.h"

#define FN(name)                                                                                             \
    static int name(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)

FN(array_concat)
{
    const struct ts_flux_array *a = args->v[0].array, *b = args->v[1].array;
    struct ts_flux_value *items;
    if (a->n && b->n && a->v[0].type != b->v[0].type)
        return ts_flux_fail(run, "concat: an array of %s and one of %s", ts_flux_type_text(a->v[0].type),
                            ts_flux_type_text(b->v[0].type));
    if (ts_flux_make_array(run, a->n + b->n, &items, out) != 0)
        return -TS_EQUERY;
    memcpy(items, a->v, a->n * sizeof *items);
    memcpy(items + a->n, b->v, b->n * sizeof *items);
    return 0;
}

FN(array_map)
{
    const struct ts_flux_array *a = args->v[0].array;
    struct ts_flux_value *items;
    int rc = ts_flux_make_array(run, a->n, &items, out);
    for (uint32_t i = 0; i < a->n && rc == 0; i++)
        rc = ts_flux_call(run, args->v[1], &(struct ts_flux_named){"x", a->v[i]}, 1, &items[i]);
    return rc;
}

FN(array_filter)
{
    const struct ts_flux_array *a = args->v[0].array;
    struct ts_flux_value *items, keep;
    uint32_t n = 0;
    int rc = ts_flux_make_array(run, a->n, &items, out);
    for (uint32_t i = 0; i < a->n && rc == 0; i++) {
        rc = ts_flux_call(run, args->v[1], &(struct ts_flux_named){"x", a->v[i]}, 1, &keep);
        if (rc == 0 && keep.type != TS_FLUX_BOOL && keep.type != TS_FLUX_NULL)
            return ts_flux_fail(run, "filter wants a function that returns a bool, not %s",
                                ts_flux_type_text(keep.type));
        if (rc == 0 && !keep.null && keep.b)
            items[n++] = a->v[i];
    }
    ((struct ts_flux_array *)(uintptr_t)out->array)->n = n; /* nobody else has it yet */
    return rc;
}

const struct ts_flux_builtin ts_flux_std_array[] = {
    {"concat", "(<-arr: array, v: array) => array", array_concat},
    {"filter", "(<-arr: array, fn: function) => array", array_filter},
    {"map", "(<-arr: array, fn: function) => array", array_map},
    {0},
};

/* ---- dict ---- */

FN(dict_from_list)
{
    const struct ts_flux_array *pairs = args->v[0].array;
    struct ts_flux_value *keys = ts_flux_new(run, pairs->n * sizeof *keys), *values;
    if (!keys || !(values = ts_flux_new(run, pairs->n * sizeof *values)))
        return -TS_EQUERY;
    for (uint32_t i = 0; i < pairs->n; i++) {
        const struct ts_flux_record *rec =
            pairs->v[i].type == TS_FLUX_RECORD && !pairs->v[i].null ? pairs->v[i].record : NULL;
        const struct ts_flux_value *k = rec ? ts_flux_record_find(rec, TS_STR("key")) : NULL;
        const struct ts_flux_value *v = rec ? ts_flux_record_find(rec, TS_STR("value")) : NULL;
        if (!k || !v)
            return ts_flux_fail(run, "fromList wants records {key, value}");
        keys[i] = *k;
        values[i] = *v;
    }
    return ts_flux_make_dict(run, pairs->n, keys, values, out);
}

FN(dict_get)
{
    const struct ts_flux_value *v = ts_flux_dict_get(args->v[0].dict, args->v[1]);
    (void)run;
    *out = v ? *v : args->v[2];
    return 0;
}

/* A copy without key; with `value` unless it is NULL. */
static int changed(struct ts_flux_run *run, const struct ts_flux_dict *dict, struct ts_flux_value key,
                   const struct ts_flux_value *value, struct ts_flux_value *out)
{
    struct ts_flux_value *keys = ts_flux_new(run, (dict->n + 1) * sizeof *keys);
    struct ts_flux_value *values = keys ? ts_flux_new(run, (dict->n + 1) * sizeof *values) : NULL;
    uint32_t n = 0;
    if (!values)
        return -TS_EQUERY;
    if (dict->n && dict->keys[0].type != key.type)
        return ts_flux_fail(run, "the keys of the dictionary are of type %s, not %s",
                            ts_flux_type_text(dict->keys[0].type), ts_flux_type_text(key.type));
    for (uint32_t i = 0; i < dict->n; i++)
        if (ts_flux_value_cmp(dict->keys[i], key) != 0) {
            keys[n] = dict->keys[i];
            values[n++] = dict->values[i];
        }
    if (value) {
        keys[n] = key;
        values[n++] = *value;
    }
    return ts_flux_make_dict(run, n, keys, values, out);
}

FN(dict_insert)
{
    return changed(run, args->v[0].dict, args->v[1], &args->v[2], out);
}

FN(dict_remove)
{
    return changed(run, args->v[0].dict, args->v[1], NULL, out);
}

const struct ts_flux_builtin ts_flux_std_dict[] = {
    {"fromList", "(pairs: array) => dictionary", dict_from_list},
    {"get", "(dict: dictionary, key: any, default: any) => any", dict_get},
    {"insert", "(dict: dictionary, key: any, value: any) => dictionary", dict_insert},
    {"remove", "(dict: dictionary, key: any) => dictionary", dict_remove},
    {0},
};

/* ---- packages of a function or two ---- */

FN(record_get)
{
    const struct ts_flux_value *v = ts_flux_record_find(args->v[0].record, ts_flux_value_str(args->v[1]));
    (void)run;
    *out = v ? *v : args->v[2];
    return 0;
}

const struct ts_flux_builtin ts_flux_std_record[] = {
    {"get", "(r: record, key: string, default: any) => any", record_get},
    {0},
};

FN(is_type)
{
    struct ts_flux_value v = args->v[0];
    (void)run;
    *out = ts_flux_bool(v.type >= TS_FLUX_BOOL && v.type <= TS_FLUX_REGEXP &&
                        ts_str_eq(ts_flux_value_str(args->v[1]), ts_str_of(ts_flux_type_text(v.type))));
    return 0;
}

const struct ts_flux_builtin ts_flux_std_types[] = {
    {"isType", "(v: any, type: string) => bool", is_type},
    {0},
};

FN(version)
{
    (void)args;
    return ts_flux_make_stringf(run, out, "tsagg %s", PACKAGE_VERSION);
}

const struct ts_flux_builtin ts_flux_std_runtime[] = {
    {"version", "() => string", version},
    {0},
};

FN(system_time)
{
    (void)args;
    run->asked_clock = true;
    *out = ts_flux_time(ts_clock_now_ns());
    return 0;
}

const struct ts_flux_builtin ts_flux_std_system[] = {
    {"time", "() => time", system_time},
    {0},
};

FN(location)
{
    const struct ts_flux_zone *zone;
    const struct ts_flux_shape *shape;
    struct ts_flux_value *v;
    int rc = ts_flux_zone_find(run, ts_flux_value_str(args->v[0]), &zone);
    rc = rc ? rc : ts_flux_make_shape(run, 2, (struct ts_str[]){TS_STR("zone"), TS_STR("offset")}, &shape);
    rc = rc ? rc : ts_flux_make_record(run, shape, &v, out);
    if (rc == 0) {
        v[0] = args->v[0];
        v[1] = ts_flux_duration(0, 0);
    }
    return rc;
}

const struct ts_flux_builtin ts_flux_std_timezone[] = {
    {"location", "(name: string) => record", location},
    {0},
};

FN(debug_null)
{
    struct ts_str type = ts_flux_given(args, 0) ? ts_flux_value_str(args->v[0]) : TS_STR("null");
    for (unsigned t = TS_FLUX_NULL; t <= TS_FLUX_BYTES; t++)
        if (ts_str_eq(type, ts_str_of(ts_flux_type_text(t)))) {
            *out = ts_flux_null(t);
            return 0;
        }
    return ts_flux_fail(run, "invalid type %.*s", (int)TS_MIN(type.len, (size_t)50), type.p);
}

const struct ts_flux_builtin ts_flux_std_debug[] = {
    {"null", "(type?: string) => any", debug_null},
    {0},
};

#define BITS(name, make, expr)                                                                               \
    FN(name)                                                                                                 \
    {                                                                                                        \
        uint64_t a = args->v[0].u, b = args->n > 1 ? args->v[1].u : 0;                                       \
        (void)run;                                                                                           \
        (void)a;                                                                                             \
        (void)b;                                                                                             \
        *out = make(expr);                                                                                   \
        return 0;                                                                                            \
    }
/* Go's shifts: everything goes when the count is 64 or more; of signed numbers the sign stays. */
BITS(u_and, ts_flux_uint, a &b)
BITS(u_or, ts_flux_uint, a | b)
BITS(u_not, ts_flux_uint, ~a)
BITS(u_xor, ts_flux_uint, a ^ b)
BITS(u_clear, ts_flux_uint, a & ~b)
BITS(u_left, ts_flux_uint, b < 64 ? a << b : 0)
BITS(u_right, ts_flux_uint, b < 64 ? a >> b : 0)
BITS(s_and, ts_flux_int, (int64_t)(a &b))
BITS(s_or, ts_flux_int, (int64_t)(a | b))
BITS(s_not, ts_flux_int, (int64_t)~a)
BITS(s_xor, ts_flux_int, (int64_t)(a ^ b))
BITS(s_clear, ts_flux_int, (int64_t)(a & ~b))
BITS(s_left, ts_flux_int, (int64_t)(b < 64 ? a << b : 0))
BITS(s_right, ts_flux_int, (int64_t)a >> TS_MIN(b, UINT64_C(63)))

const struct ts_flux_builtin ts_flux_std_bitwise[] = {
    {"uand", "(a: uint, b: uint) => uint", u_and},
    {"uor", "(a: uint, b: uint) => uint", u_or},
    {"unot", "(a: uint) => uint", u_not},
    {"uxor", "(a: uint, b: uint) => uint", u_xor},
    {"uclear", "(a: uint, b: uint) => uint", u_clear},
    {"ulshift", "(a: uint, b: uint) => uint", u_left},
    {"urshift", "(a: uint, b: uint) => uint", u_right},
    {"sand", "(a: int, b: int) => int", s_and},
    {"sor", "(a: int, b: int) => int", s_or},
    {"snot", "(a: int) => int", s_not},
    {"sxor", "(a: int, b: int) => int", s_xor},
    {"sclear", "(a: int, b: int) => int", s_clear},
    {"slshift", "(a: int, b: int) => int", s_left},
    {"srshift", "(a: int, b: int) => int", s_right},
    {0},
};
