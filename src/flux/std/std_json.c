/* Packages json and experimental/dynamic: values to JSON and back. */
#include "config.h"
#include "core/num.h"
#include "flux/std/std.h"
#include "flux/std/std_json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define DEPTH_MAX 100

static int put(struct ts_flux_run *run, struct ts_buf *to, struct ts_flux_value v, unsigned depth);

static void put_base64(struct ts_buf *to, struct ts_str s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.len; i += 3) {
        unsigned n = (unsigned)TS_MIN(s.len - i, (size_t)3), bits = (unsigned)(unsigned char)s.p[i] << 16;
        bits |= n > 1 ? (unsigned)(unsigned char)s.p[i + 1] << 8 : 0;
        bits |= n > 2 ? (unsigned)(unsigned char)s.p[i + 2] : 0;
        for (unsigned k = 0; k < 4; k++)
            ts_buf_putc(to, k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
}

/* RFC 3339 with as many digits as needed. */
static void put_time(struct ts_buf *to, int64_t t)
{
    char z[TS_NUM_MAX];
    size_t n = ts_clock_put_time(z, t);
    ts_buf_putc(to, '"');
    ts_buf_put(to, z, n);
    ts_buf_putc(to, '"');
}

static int put_array(struct ts_flux_run *run, struct ts_buf *to, const struct ts_flux_array *arr,
                     unsigned depth)
{
    int rc = 0;
    ts_buf_putc(to, '[');
    for (uint32_t i = 0; i < arr->n && rc == 0; i++) {
        ts_buf_puts(to, i ? "," : "");
        rc = put(run, to, arr->v[i], depth + 1);
    }
    ts_buf_putc(to, ']');
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct ts_flux_name *x = *(const struct ts_flux_name *const *)a,
                              *y = *(const struct ts_flux_name *const *)b;
    return ts_str_cmp(ts_flux_name_str(x), ts_flux_name_str(y));
}

static int put_record(struct ts_flux_run *run, struct ts_buf *to, const struct ts_flux_record *rec,
                      unsigned depth)
{
    uint32_t n = rec->shape->n;
    const struct ts_flux_name **names = ts_flux_new(run, n * sizeof *names);
    int rc = names ? 0 : -TS_EQUERY;
    if (rc != 0)
        return rc;
    memcpy(names, rec->shape->names, n * sizeof *names);
    qsort(names, n, sizeof *names, by_name);
    ts_buf_putc(to, '{');
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        ts_buf_puts(to, i ? "," : "");
        ts_buf_put_json(to, ts_flux_name_str(names[i]));
        ts_buf_putc(to, ':');
        rc = put(run, to, *ts_flux_record_get(rec, names[i]), depth + 1);
    }
    ts_buf_putc(to, '}');
    return rc;
}

static int put_dict(struct ts_flux_run *run, struct ts_buf *to, const struct ts_flux_dict *dict,
                    unsigned depth)
{
    int rc = 0;
    ts_buf_putc(to, '{');
    for (uint32_t i = 0; i < dict->n && rc == 0; i++) {
        struct ts_buf key = TS_BUF_INIT;
        ts_flux_value_display(&key, dict->keys[i]);
        ts_buf_puts(to, i ? "," : "");
        ts_buf_put_json(to, ts_buf_str(&key));
        ts_buf_fini(&key);
        ts_buf_putc(to, ':');
        rc = put(run, to, dict->values[i], depth + 1);
    }
    ts_buf_putc(to, '}');
    return rc;
}

static int put_float(struct ts_flux_run *run, struct ts_buf *to, double f)
{
    if (!isfinite(f))
        return ts_flux_fail(run, "json: unsupported value: %s", isnan(f) ? "NaN" : f > 0 ? "+Inf" : "-Inf");
    ts_buf_put_double(to, f);
    return 0;
}

static int put(struct ts_flux_run *run, struct ts_buf *to, struct ts_flux_value v, unsigned depth)
{
    if (depth > DEPTH_MAX)
        return ts_flux_fail(run, "a value nested deeper than %u levels", DEPTH_MAX);
    if (v.type == TS_FLUX_DYNAMIC)
        return put(run, to, *v.dynamic, depth + 1);
    if (v.null) {
        ts_buf_puts(to, "null");
        return 0;
    }
    switch (v.type) {
    case TS_FLUX_BOOL: ts_buf_puts(to, v.b ? "true" : "false"); return 0;
    case TS_FLUX_INT: ts_buf_put_int(to, v.i); return 0;
    case TS_FLUX_UINT: ts_buf_put_uint(to, v.u); return 0;
    case TS_FLUX_FLOAT: return put_float(run, to, v.f);
    case TS_FLUX_STRING: ts_buf_put_json(to, ts_flux_value_str(v)); return 0;
    case TS_FLUX_REGEXP: ts_buf_put_json(to, ts_flux_regexp_text(v.regexp)); return 0;
    case TS_FLUX_TIME: put_time(to, v.i); return 0;
    case TS_FLUX_BYTES:
    case TS_FLUX_DURATION:
        ts_buf_putc(to, '"');
        if (v.type == TS_FLUX_BYTES)
            put_base64(to, ts_flux_value_str(v));
        else
            ts_flux_put_duration(to, v.months, v.i);
        ts_buf_putc(to, '"');
        return 0;
    case TS_FLUX_ARRAY: return put_array(run, to, v.array, depth);
    case TS_FLUX_RECORD: return put_record(run, to, v.record, depth);
    case TS_FLUX_DICT: return put_dict(run, to, v.dict, depth);
    case TS_FLUX_STREAM:
        return ts_flux_fail(run, "got table stream instead of array. Try using tableFind() or findRecord() "
                                 "to extract data from stream");
    default: return ts_flux_fail(run, "cannot encode a %s value", ts_flux_type_text(v.type));
    }
}

int ts_flux_put_json(struct ts_flux_run *run, struct ts_buf *to, struct ts_flux_value v)
{
    return put(run, to, v, 0);
}

static int encode(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_buf text = TS_BUF_INIT;
    int rc = ts_flux_put_json(run, &text, args->v[0]);
    rc = rc                     ? rc
         : ts_buf_failed(&text) ? ts_flux_fail_nomem(run)
                                : ts_flux_make_string(run, ts_buf_str(&text), out);
    if (rc == 0)
        out->type = TS_FLUX_BYTES;
    ts_buf_fini(&text);
    return rc;
}

const struct ts_flux_builtin ts_flux_std_json[] = {
    {"encode", "(v: any) => bytes", encode},
    {0},
};

/* ---- dynamic ---- */

static int dynamic(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return ts_flux_make_dynamic(run, args->v[0], out);
}

static int as_array(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    *out = *args->v[0].dynamic;
    if (out->null || out->type != TS_FLUX_ARRAY)
        return ts_flux_fail(run, "unable to convert dynamic value to array: it is %s",
                            out->null ? "null" : ts_flux_type_text(out->type));
    return 0;
}

static int is_type(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_flux_value v = *args->v[0].dynamic;
    struct ts_str asked = ts_flux_value_str(args->v[1]);
    const char *type = v.null ? "null" : v.type == TS_FLUX_RECORD ? "object" : ts_flux_type_text(v.type);
    (void)run;
    *out = ts_flux_bool(ts_str_eq(asked, ts_str_of(type)) ||
                        (v.type == TS_FLUX_DICT && ts_str_eq(asked, TS_STR("dict"))));
    return 0;
}

static int of_json(struct ts_flux_run *run, json_t *js, struct ts_flux_value *out);

static int of_object(struct ts_flux_run *run, json_t *js, struct ts_flux_value *out)
{
    uint32_t n = (uint32_t)json_object_size(js), i = 0;
    struct ts_str *names = ts_flux_new(run, n * sizeof *names);
    const struct ts_flux_shape *shape;
    struct ts_flux_value *v;
    const char *key;
    json_t *item;
    if (!names)
        return -TS_EQUERY;
    json_object_foreach(js, key, item)
        names[i++] = ts_str_of(key);
    int rc = ts_flux_make_shape(run, n, names, &shape);
    rc = rc ? rc : ts_flux_make_record(run, shape, &v, out);
    i = 0;
    json_object_foreach(js, key, item)
        rc = rc ? rc : of_json(run, item, &v[i++]);
    return rc;
}

static int of_json(struct ts_flux_run *run, json_t *js, struct ts_flux_value *out)
{
    struct ts_flux_value inner = ts_flux_null(TS_FLUX_NULL), *items;
    int rc = 0;
    switch (json_typeof(js)) {
    case JSON_TRUE:
    case JSON_FALSE: inner = ts_flux_bool(json_is_true(js)); break;
    case JSON_INTEGER:
    case JSON_REAL: inner = ts_flux_float(json_number_value(js)); break;
    case JSON_STRING:
        rc = ts_flux_make_string(run, (struct ts_str){json_string_value(js), json_string_length(js)}, &inner);
        break;
    case JSON_ARRAY:
        rc = ts_flux_make_array(run, (uint32_t)json_array_size(js), &items, &inner);
        for (size_t i = 0; i < json_array_size(js) && rc == 0; i++)
            rc = of_json(run, json_array_get(js, i), &items[i]);
        break;
    case JSON_OBJECT: rc = of_object(run, js, &inner); break;
    default: break;
    }
    return rc ? rc : ts_flux_make_dynamic(run, inner, out);
}

static int json_parse(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_str s = ts_flux_value_str(args->v[0]);
    json_error_t error;
    json_t *js = json_loadb(s.p, s.len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
    if (!js)
        return ts_flux_fail(run, "not JSON: %s at line %d", error.text, error.line);
    int rc = of_json(run, js, out);
    json_decref(js);
    return rc;
}

const struct ts_flux_builtin ts_flux_std_dynamic[] = {
    {"dynamic", "(v: any) => dynamic", dynamic},
    {"asArray", "(<-v: dynamic) => array", as_array},
    {"isType", "(v: dynamic, type: string) => bool", is_type},
    {"jsonEncode", "(v: dynamic) => bytes", encode},
    {"jsonParse", "(data: bytes) => dynamic", json_parse},
    {0},
};
