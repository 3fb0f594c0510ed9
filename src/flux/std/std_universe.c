/* Package universe, the part without tables: conversions, contains, length, bins, die, now. */
#include "config.h"
#include "core/num.h"
#include "flux/exec/exec_time.h"
#include "flux/std/std.h"
#include "flux/std/std_convert.h"

#include <math.h>

#define BINS_MAX 10000000

static int cannot(struct ts_flux_run *run, struct ts_flux_value v, const char *to)
{
    struct ts_buf text = TS_BUF_INIT;
    ts_flux_value_display(&text, v);
    const char *z = ts_buf_cstr(&text);
    int rc =
        ts_flux_fail(run, "cannot convert %s \"%.80s\" to %s", ts_flux_type_text(v.type), z ? z : "", to);
    ts_buf_fini(&text);
    return rc;
}

/* strconv.ParseFloat of Go takes these words in any case, with a sign. */
static bool float_word(struct ts_str s, double *out)
{
    bool negative = s.len && s.p[0] == '-', sign = s.len && (s.p[0] == '-' || s.p[0] == '+');
    struct ts_str word = {s.p + sign, s.len - sign};
    if ((word.len == 3 && strncasecmp(word.p, "inf", 3) == 0) ||
        (word.len == 8 && strncasecmp(word.p, "infinity", 8) == 0))
        *out = negative ? -INFINITY : INFINITY;
    else if (s.len == 3 && strncasecmp(s.p, "nan", 3) == 0)
        *out = NAN;
    else
        return false;
    return true;
}

int ts_flux_to_float(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    *out = ts_flux_null(TS_FLUX_FLOAT);
    if (v.null)
        return 0;
    *out = ts_flux_float(0);
    switch (v.type) {
    case TS_FLUX_FLOAT: *out = v; return 0;
    case TS_FLUX_INT: out->f = (double)v.i; return 0;
    case TS_FLUX_UINT: out->f = (double)v.u; return 0;
    case TS_FLUX_BOOL: out->f = v.b; return 0;
    case TS_FLUX_STRING:
        if (ts_num_read(ts_flux_value_str(v), &out->f) == 0 || float_word(ts_flux_value_str(v), &out->f))
            return 0;
        return cannot(run, v, "float");
    default: return ts_flux_fail(run, "cannot convert %s to float", ts_flux_type_text(v.type));
    }
}

int ts_flux_to_int(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    *out = ts_flux_null(TS_FLUX_INT);
    if (v.null)
        return 0;
    *out = ts_flux_int(v.i);
    switch (v.type) {
    case TS_FLUX_INT:
    case TS_FLUX_UINT:
    case TS_FLUX_TIME: return 0;
    case TS_FLUX_DURATION:
        if (v.months)
            return ts_flux_fail(run, "cannot convert a duration with months to int");
        return 0;
    case TS_FLUX_BOOL: out->i = v.b; return 0;
    case TS_FLUX_FLOAT: /* as amd64 does it: what does not fit becomes the lowest */
        out->i = v.f >= -0x1p63 && v.f < 0x1p63 ? (int64_t)v.f : INT64_MIN;
        return 0;
    case TS_FLUX_STRING:
        return ts_num_read_int(ts_flux_value_str(v), &out->i) == 0 ? 0 : cannot(run, v, "int");
    default: return ts_flux_fail(run, "cannot convert %s to int", ts_flux_type_text(v.type));
    }
}

int ts_flux_to_uint(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    struct ts_flux_value i;
    *out = ts_flux_null(TS_FLUX_UINT);
    if (v.null)
        return 0;
    *out = ts_flux_uint(v.u);
    if (v.type == TS_FLUX_STRING)
        return ts_num_read_uint(ts_flux_value_str(v), &out->u) == 0 ? 0 : cannot(run, v, "uint");
    if (v.type == TS_FLUX_FLOAT) {
        out->u = v.f >= 0x1p63 && v.f < 0x1p64   ? (uint64_t)v.f
                 : v.f > -0x1p63 && v.f < 0x1p63 ? (uint64_t)(int64_t)v.f
                                                 : UINT64_C(1) << 63;
        return 0;
    }
    if (v.type > TS_FLUX_DURATION)
        return ts_flux_fail(run, "cannot convert %s to uint", ts_flux_type_text(v.type));
    int rc = ts_flux_to_int(run, v, &i);
    out->u = i.u;
    return rc;
}

int ts_flux_to_bool(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    *out = ts_flux_null(TS_FLUX_BOOL);
    if (v.null)
        return 0;
    switch (v.type) {
    case TS_FLUX_BOOL: *out = v; return 0;
    case TS_FLUX_STRING:
        *out = ts_flux_bool(ts_str_eq(ts_flux_value_str(v), TS_STR("true")));
        return out->b || ts_str_eq(ts_flux_value_str(v), TS_STR("false")) ? 0 : cannot(run, v, "bool");
    case TS_FLUX_INT:
    case TS_FLUX_UINT: *out = ts_flux_bool(v.u == 1); return v.u <= 1 ? 0 : cannot(run, v, "bool");
    case TS_FLUX_FLOAT:
        *out = ts_flux_bool(v.f == 1);
        return v.f == 0 || v.f == 1 ? 0 : cannot(run, v, "bool");
    default: return ts_flux_fail(run, "cannot convert %s to bool", ts_flux_type_text(v.type));
    }
}

int ts_flux_to_time(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    *out = ts_flux_null(TS_FLUX_TIME);
    if (v.null)
        return 0;
    *out = ts_flux_time(v.i);
    switch (v.type) {
    case TS_FLUX_TIME:
    case TS_FLUX_INT:
    case TS_FLUX_UINT: return 0;
    case TS_FLUX_STRING:
        return ts_flux_read_time(ts_flux_value_str(v), &out->i) == 0 ? 0 : cannot(run, v, "time");
    default: return ts_flux_fail(run, "cannot convert %s to time", ts_flux_type_text(v.type));
    }
}

int ts_flux_to_duration(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    struct ts_str s = ts_flux_value_str(v);
    int64_t months = 0, ns = 0;
    *out = ts_flux_null(TS_FLUX_DURATION);
    if (v.null)
        return 0;
    switch (v.type) {
    case TS_FLUX_DURATION: *out = v; return 0;
    case TS_FLUX_INT:
    case TS_FLUX_UINT: *out = ts_flux_duration(0, v.i); return 0;
    case TS_FLUX_STRING: break;
    default: return ts_flux_fail(run, "cannot convert %s to duration", ts_flux_type_text(v.type));
    }
    bool negative = s.len && s.p[0] == '-';
    if (ts_flux_read_duration((struct ts_str){s.p + negative, s.len - negative}, &months, &ns) != 0)
        return cannot(run, v, "duration");
    *out = negative ? ts_flux_duration(-months, -ns) : ts_flux_duration(months, ns);
    return 0;
}

int ts_flux_to_string(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    struct ts_buf text = TS_BUF_INIT;
    *out = v.type == TS_FLUX_STRING ? v : ts_flux_null(TS_FLUX_STRING);
    if (v.null || v.type == TS_FLUX_STRING)
        return 0;
    if (v.type == TS_FLUX_BYTES)
        return ts_flux_make_string(run, ts_flux_value_str(v), out);
    if (v.type < TS_FLUX_BOOL || v.type > TS_FLUX_DURATION)
        return ts_flux_fail(run, "cannot convert %s to string", ts_flux_type_text(v.type));
    if (v.type == TS_FLUX_FLOAT)
        ts_flux_put_float(&text, v.f);
    else
        ts_flux_value_display(&text, v);
    int rc =
        ts_buf_failed(&text) ? ts_flux_fail_nomem(run) : ts_flux_make_string(run, ts_buf_str(&text), out);
    ts_buf_fini(&text);
    return rc;
}

#define CONVERSION(name)                                                                                     \
    int ts_flux_std_to_##name(struct ts_flux_run *run, const struct ts_flux_args *args,                      \
                              struct ts_flux_value *out)                                                     \
    {                                                                                                        \
        struct ts_flux_value v = args->v[0];                                                                 \
        return ts_flux_to_##name(run, v.type == TS_FLUX_DYNAMIC ? *v.dynamic : v, out);                      \
    }
CONVERSION(float)
CONVERSION(int)
CONVERSION(uint)
CONVERSION(bool)
CONVERSION(time)
CONVERSION(duration)
CONVERSION(string)

static int to_bytes(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_flux_value v = args->v[0];
    if (!v.null && v.type != TS_FLUX_STRING && v.type != TS_FLUX_BYTES)
        return ts_flux_fail(run, "cannot convert %s to bytes", ts_flux_type_text(v.type));
    *out = v;
    out->type = TS_FLUX_BYTES;
    return 0;
}

static int display(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_buf text = TS_BUF_INIT;
    ts_flux_value_display(&text, args->v[0]);
    int rc =
        ts_buf_failed(&text) ? ts_flux_fail_nomem(run) : ts_flux_make_string(run, ts_buf_str(&text), out);
    ts_buf_fini(&text);
    return rc;
}

static int contains(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    const struct ts_flux_array *set = args->v[1].array;
    *out = ts_flux_bool(false);
    for (uint32_t i = 0; i < set->n && !out->b; i++)
        out->b = ts_flux_value_same(set->v[i], args->v[0]);
    return ts_flux_tick(run, set->n / 64);
}

static int length(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    (void)run;
    *out = ts_flux_int(args->v[0].array->n);
    return 0;
}

static int die(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    (void)out;
    return ts_flux_fail(run, "%.*s", (int)TS_MIN(args->v[0].len, 380u), args->v[0].p);
}

static int now(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    (void)args;
    run->asked_clock = true;
    *out = ts_flux_time(run->now_ns);
    return 0;
}

static int yes(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    (void)run;
    (void)args;
    *out = ts_flux_bool(true);
    return 0;
}

static int no(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    (void)run;
    (void)args;
    *out = ts_flux_bool(false);
    return 0;
}

/* Longer than every time can be apart: window(every: inf) is one window. */
static int inf(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    (void)run;
    (void)args;
    *out = ts_flux_duration(0, INT64_MAX);
    return 0;
}

/* start, width or factor, count, infinity */
static int bins(struct ts_flux_run *run, const struct ts_flux_args *args, bool logarithmic,
                struct ts_flux_value *out)
{
    struct ts_flux_value *items;
    int64_t n = args->v[2].i;
    bool infinity = !ts_flux_given(args, 3) || args->v[3].b;
    double bound = args->v[0].f;
    if (n < 0 || n > BINS_MAX)
        return ts_flux_fail(run, "the number of bins must be from 0 to %d", BINS_MAX);
    int rc = ts_flux_make_array(run, (uint32_t)n + infinity, &items, out);
    for (int64_t i = 0; i < n && rc == 0; i++) {
        items[i] = ts_flux_float(bound);
        bound = logarithmic ? bound * args->v[1].f : bound + args->v[1].f;
    }
    if (rc == 0 && infinity)
        items[n] = ts_flux_float(INFINITY);
    return rc;
}

static int linear_bins(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return bins(run, args, false, out);
}

static int logarithmic_bins(struct ts_flux_run *run, const struct ts_flux_args *args,
                            struct ts_flux_value *out)
{
    return bins(run, args, true, out);
}

const struct ts_flux_builtin ts_flux_std_universe[] = {
    {"true", "bool", yes},
    {"false", "bool", no},
    {"inf", "duration", inf},
    {"bool", "(v: any) => bool", ts_flux_std_to_bool},
    {"bytes", "(v: any) => bytes", to_bytes},
    {"contains", "(value: any, set: array) => bool", contains},
    {"die", "(msg: string) => any", die},
    {"display", "(v: any) => string", display},
    {"duration", "(v: any) => duration", ts_flux_std_to_duration},
    {"float", "(v: any) => float", ts_flux_std_to_float},
    {"int", "(v: any) => int", ts_flux_std_to_int},
    {"length", "(<-arr: array) => int", length},
    {"linearBins", "(start: float, width: float, count: int, infinity?: bool) => array", linear_bins},
    {"logarithmicBins", "(start: float, factor: float, count: int, infinity?: bool) => array",
     logarithmic_bins},
    {"_now", "() => time", now},
    {"string", "(v: any) => string", ts_flux_std_to_string},
    {"time", "(v: any) => time", ts_flux_std_to_time},
    {"uint", "(v: any) => uint", ts_flux_std_to_uint},
    {0},
};
