/*
 * Operators on single values (Flux language specification, "Operators"). A null operand makes a null, `and`
 * and `or` know three values; numbers of different types are compared but never added; integers wrap, their
 * division by 0 is an error.
 */
#include "config.h"
#include "core/hash.h"
#include "flux/exec/exec_interp.h"

#include <math.h>

static int mismatch(struct ts_flux_run *run, enum ts_flux_op op, struct ts_flux_value a,
                    struct ts_flux_value b)
{
    return ts_flux_fail(run, "unsupported binary expression %s %s %s", ts_flux_type_text(a.type),
                        ts_flux_op_text(op), ts_flux_type_text(b.type));
}

static int concat(struct ts_flux_run *run, struct ts_flux_value a, struct ts_flux_value b,
                  struct ts_flux_value *out)
{
    size_t len = (size_t)a.len + b.len;
    if (len > UINT32_MAX)
        return ts_flux_fail(run, "a text longer than 4 GiB");
    char *p = ts_flux_new(run, len + 1);
    if (!p)
        return -TS_EQUERY;
    memcpy(p, a.p ? a.p : "", a.len);
    memcpy(p + a.len, b.p ? b.p : "", b.len);
    *out = ts_flux_string((struct ts_str){p, len});
    return 0;
}

static int arith_int(struct ts_flux_run *run, enum ts_flux_op op, int64_t a, int64_t b,
                     struct ts_flux_value *out)
{
    uint64_t x = (uint64_t)a, y = (uint64_t)b;
    switch (op) {
    case TS_FLUX_OP_ADD: *out = ts_flux_int((int64_t)(x + y)); return 0;
    case TS_FLUX_OP_SUB: *out = ts_flux_int((int64_t)(x - y)); return 0;
    case TS_FLUX_OP_MUL: *out = ts_flux_int((int64_t)(x * y)); return 0;
    case TS_FLUX_OP_POW: *out = ts_flux_float(pow((double)a, (double)b)); return 0;
    default: break;
    }
    if (b == 0)
        return ts_flux_fail(run, "cannot divide by zero");
    if (op == TS_FLUX_OP_DIV)
        *out = ts_flux_int(b == -1 ? (int64_t)(0 - x) : a / b);
    else
        *out = ts_flux_int(b == -1 ? 0 : a % b);
    return 0;
}

static int arith_uint(struct ts_flux_run *run, enum ts_flux_op op, uint64_t a, uint64_t b,
                      struct ts_flux_value *out)
{
    switch (op) {
    case TS_FLUX_OP_ADD: *out = ts_flux_uint(a + b); return 0;
    case TS_FLUX_OP_SUB: *out = ts_flux_uint(a - b); return 0;
    case TS_FLUX_OP_MUL: *out = ts_flux_uint(a * b); return 0;
    case TS_FLUX_OP_POW: *out = ts_flux_float(pow((double)a, (double)b)); return 0;
    default: break;
    }
    if (b == 0)
        return ts_flux_fail(run, "cannot divide by zero");
    *out = ts_flux_uint(op == TS_FLUX_OP_DIV ? a / b : a % b);
    return 0;
}

static double arith_float(enum ts_flux_op op, double a, double b)
{
    switch (op) {
    case TS_FLUX_OP_ADD: return a + b;
    case TS_FLUX_OP_SUB: return a - b;
    case TS_FLUX_OP_MUL: return a * b;
    case TS_FLUX_OP_DIV: return a / b;
    case TS_FLUX_OP_MOD: return fmod(a, b);
    default: return pow(a, b);
    }
}

static int arith(struct ts_flux_run *run, enum ts_flux_op op, struct ts_flux_value a, struct ts_flux_value b,
                 struct ts_flux_value *out)
{
    if (a.null || b.null) {
        enum ts_flux_type type = a.type == TS_FLUX_NULL ? b.type : a.type;
        if (a.type != b.type && a.type != TS_FLUX_NULL && b.type != TS_FLUX_NULL)
            return mismatch(run, op, a, b);
        *out = ts_flux_null(type);
        return 0;
    }
    if (a.type != b.type)
        return mismatch(run, op, a, b);
    switch (a.type) {
    case TS_FLUX_INT: return arith_int(run, op, a.i, b.i, out);
    case TS_FLUX_UINT: return arith_uint(run, op, a.u, b.u, out);
    case TS_FLUX_FLOAT: *out = ts_flux_float(arith_float(op, a.f, b.f)); return 0;
    case TS_FLUX_STRING: return op == TS_FLUX_OP_ADD ? concat(run, a, b, out) : mismatch(run, op, a, b);
    case TS_FLUX_DURATION:
        if (op == TS_FLUX_OP_ADD)
            *out = ts_flux_duration((int64_t)a.months + b.months, (int64_t)((uint64_t)a.i + (uint64_t)b.i));
        else if (op == TS_FLUX_OP_SUB)
            *out = ts_flux_duration((int64_t)a.months - b.months, (int64_t)((uint64_t)a.i - (uint64_t)b.i));
        else
            return mismatch(run, op, a, b);
        return 0;
    default: return mismatch(run, op, a, b);
    }
}

static bool is_number(struct ts_flux_value v)
{
    return v.type == TS_FLUX_INT || v.type == TS_FLUX_UINT || v.type == TS_FLUX_FLOAT;
}

static double as_float(struct ts_flux_value v)
{
    return v.type == TS_FLUX_FLOAT ? v.f : v.type == TS_FLUX_INT ? (double)v.i : (double)v.u;
}

/* -1, 0, 1; 2: not comparable in order (a NaN). */
static int order_numbers(struct ts_flux_value a, struct ts_flux_value b)
{
    if (a.type == TS_FLUX_FLOAT || b.type == TS_FLUX_FLOAT) {
        double x = as_float(a), y = as_float(b);
        return x != x || y != y ? 2 : (x > y) - (x < y);
    }
    if (a.type != b.type) { /* an int and a uint: a negative one is smaller than every uint */
        if (a.type == TS_FLUX_INT && a.i < 0)
            return -1;
        if (b.type == TS_FLUX_INT && b.i < 0)
            return 1;
        return (a.u > b.u) - (a.u < b.u);
    }
    return ts_flux_value_cmp(a, b);
}

static int compare(struct ts_flux_run *run, enum ts_flux_op op, struct ts_flux_value a,
                   struct ts_flux_value b, struct ts_flux_value *out)
{
    bool equality = op == TS_FLUX_OP_EQ || op == TS_FLUX_OP_NE, ordered = a.type == b.type;
    int c;
    if (a.type == TS_FLUX_NULL || b.type == TS_FLUX_NULL) {
        *out = ts_flux_null(TS_FLUX_BOOL);
        return 0;
    }
    if (is_number(a) && is_number(b)) {
        c = a.null || b.null ? 0 : order_numbers(a, b);
    } else if (equality && ordered && a.type != TS_FLUX_FUNCTION && a.type != TS_FLUX_STREAM) {
        c = a.null || b.null ? 0 : !ts_flux_value_same(a, b);
    } else if (!equality && ordered &&
               (a.type == TS_FLUX_STRING || a.type == TS_FLUX_TIME || a.type == TS_FLUX_DURATION)) {
        c = a.null || b.null ? 0 : ts_flux_value_cmp(a, b);
    } else {
        return mismatch(run, op, a, b);
    }
    if (a.null || b.null) {
        *out = ts_flux_null(TS_FLUX_BOOL);
        return 0;
    }
    bool yes = op == TS_FLUX_OP_EQ   ? c == 0
               : op == TS_FLUX_OP_NE ? c != 0
               : op == TS_FLUX_OP_LT ? c == -1 || (c < 0)
               : op == TS_FLUX_OP_LE ? c <= 0
               : op == TS_FLUX_OP_GT ? c > 0 && c != 2
                                     : c >= 0 && c != 2;
    *out = ts_flux_bool(yes);
    return 0;
}

static int match(struct ts_flux_run *run, enum ts_flux_op op, struct ts_flux_value a, struct ts_flux_value b,
                 struct ts_flux_value *out)
{
    bool found;
    if ((a.type != TS_FLUX_STRING && a.type != TS_FLUX_NULL) || b.type != TS_FLUX_REGEXP)
        return mismatch(run, op, a, b);
    *out = ts_flux_null(TS_FLUX_BOOL);
    if (a.null)
        return 0;
    int rc = ts_flux_regexp_match(run, b.regexp, ts_flux_value_str(a), &found);
    *out = ts_flux_bool(found == (op == TS_FLUX_OP_MATCH));
    return rc;
}

int ts_flux_binary(struct ts_flux_run *run, enum ts_flux_op op, struct ts_flux_value a,
                   struct ts_flux_value b, struct ts_flux_value *out)
{
    if (op == TS_FLUX_OP_MATCH || op == TS_FLUX_OP_NOT_MATCH)
        return match(run, op, a, b, out);
    if (op >= TS_FLUX_OP_EQ && op <= TS_FLUX_OP_GE)
        return compare(run, op, a, b, out);
    return arith(run, op, a, b, out);
}

int ts_flux_unary(struct ts_flux_run *run, enum ts_flux_op op, struct ts_flux_value a,
                  struct ts_flux_value *out)
{
    *out = a;
    if (op == TS_FLUX_OP_EXISTS) {
        *out = ts_flux_bool(!a.null && a.type != TS_FLUX_NONE &&
                            !(a.type == TS_FLUX_DYNAMIC && a.dynamic->null));
        return 0;
    }
    if (op == TS_FLUX_OP_NOT) {
        if (a.type != TS_FLUX_BOOL && a.type != TS_FLUX_NULL)
            return ts_flux_fail(run, "not wants a bool, not %s", ts_flux_type_text(a.type));
        *out = a.null ? ts_flux_null(TS_FLUX_BOOL) : ts_flux_bool(!a.b);
        return 0;
    }
    if (a.null && (a.type == TS_FLUX_NULL || is_number(a) || a.type == TS_FLUX_DURATION))
        return 0;
    if (a.type == TS_FLUX_FLOAT) {
        out->f = op == TS_FLUX_OP_SUB ? -a.f : a.f;
    } else if (a.type == TS_FLUX_INT || a.type == TS_FLUX_UINT) {
        out->u = op == TS_FLUX_OP_SUB ? 0 - a.u : a.u;
    } else if (a.type == TS_FLUX_DURATION) {
        if (op == TS_FLUX_OP_SUB)
            *out = ts_flux_duration(-(int64_t)a.months, (int64_t)(0 - (uint64_t)a.i));
    } else {
        return ts_flux_fail(run, "%s wants a number or a duration, not %s", ts_flux_op_text(op),
                            ts_flux_type_text(a.type));
    }
    return 0;
}

struct ts_flux_value ts_flux_and(struct ts_flux_value a, struct ts_flux_value b)
{
    if ((!a.null && !a.b) || (!b.null && !b.b))
        return ts_flux_bool(false);
    return a.null || b.null ? ts_flux_null(TS_FLUX_BOOL) : ts_flux_bool(true);
}

struct ts_flux_value ts_flux_or(struct ts_flux_value a, struct ts_flux_value b)
{
    if ((!a.null && a.b) || (!b.null && b.b))
        return ts_flux_bool(true);
    return a.null || b.null ? ts_flux_null(TS_FLUX_BOOL) : ts_flux_bool(false);
}

int ts_flux_put_part(struct ts_flux_run *run, struct ts_buf *to, struct ts_flux_value v)
{
    if (v.null)
        return ts_flux_fail(run, "a null in an interpolated text");
    if (v.type < TS_FLUX_BOOL || v.type > TS_FLUX_DURATION)
        return ts_flux_fail(run, "%s cannot be a part of an interpolated text", ts_flux_type_text(v.type));
    if (v.type == TS_FLUX_FLOAT)
        ts_flux_put_float(to, v.f);
    else
        ts_flux_value_display(to, v);
    return 0;
}
