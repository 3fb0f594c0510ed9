/*
 * Operators over columns: one loop for each operator and type, over whole chunks; what is unusual goes value
 * by value through the operators of exec_op.c. Results are new columns on the query's scratch arena.
 */
#include "config.h"
#include "flux/exec/exec_rowfn.h"
#include "flux/std/std_convert.h"

#include <math.h>

/* Null where one of the two is; NULL: nowhere. */
static int join_nulls(struct ts_flux_run *run, unsigned n, const struct ts_flux_vec *a,
                      const struct ts_flux_vec *b, const uint64_t **out)
{
    unsigned words = (n + 63) / 64;
    const struct ts_flux_vec *only = !b->nulls ? a : !a->nulls ? b : NULL;
    *out = NULL;
    if (!a->nulls && !b->nulls)
        return 0;
    if (only && !only->constant) {
        *out = only->nulls;
        return 0;
    }
    uint64_t *nulls = ts_flux_new(run, words * sizeof *nulls);
    if (!nulls)
        return -TS_EQUERY;
    for (unsigned w = 0; w < words; w++) {
        uint64_t x = !a->nulls ? 0 : a->constant ? -(a->nulls[0] & 1) : a->nulls[w];
        uint64_t y = !b->nulls ? 0 : b->constant ? -(b->nulls[0] & 1) : b->nulls[w];
        nulls[w] = x | y;
    }
    *out = nulls;
    return 0;
}

/* One loop for each of: two columns, a column and a constant, a constant and a column. */
#define LOOP(expr)                                                                                           \
    do {                                                                                                     \
        if (ca) {                                                                                            \
            const __typeof__(a[0]) x = a[0];                                                                 \
            for (unsigned i = 0; i < n; i++) {                                                               \
                const __typeof__(b[0]) y = b[i];                                                             \
                to[i] = expr;                                                                                \
            }                                                                                                \
        } else if (cb) {                                                                                     \
            const __typeof__(b[0]) y = b[0];                                                                 \
            for (unsigned i = 0; i < n; i++) {                                                               \
                const __typeof__(a[0]) x = a[i];                                                             \
                to[i] = expr;                                                                                \
            }                                                                                                \
        } else {                                                                                             \
            for (unsigned i = 0; i < n; i++) {                                                               \
                const __typeof__(a[0]) x = a[i];                                                             \
                const __typeof__(b[0]) y = b[i];                                                             \
                to[i] = expr;                                                                                \
            }                                                                                                \
        }                                                                                                    \
    } while (0)

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define FAST __attribute__((target_clones("avx2", "default"), optimize("O3"))) /* -O2 leaves some of these loops scalar */
#else
#define FAST
#endif

FAST static void float_arith(enum ts_flux_op op, unsigned n, const double *a, bool ca, const double *b,
                             bool cb, double *to)
{
    switch (op) {
    case TS_FLUX_OP_ADD: LOOP(x + y); break;
    case TS_FLUX_OP_SUB: LOOP(x - y); break;
    case TS_FLUX_OP_MUL: LOOP(x * y); break;
    case TS_FLUX_OP_DIV: LOOP(x / y); break;
    case TS_FLUX_OP_MOD: LOOP(fmod(x, y)); break;
    default: LOOP(pow(x, y));
    }
}

FAST static void uint_arith(enum ts_flux_op op, unsigned n, const uint64_t *a, bool ca, const uint64_t *b,
                            bool cb, uint64_t *to)
{
    switch (op) {
    case TS_FLUX_OP_ADD: LOOP(x + y); break;
    case TS_FLUX_OP_SUB: LOOP(x - y); break;
    default: LOOP(x * y);
    }
}

#define COMPARE_LOOPS                                                                                        \
    switch (op) {                                                                                            \
    case TS_FLUX_OP_EQ: LOOP(x == y); break;                                                                 \
    case TS_FLUX_OP_NE: LOOP(x != y); break;                                                                 \
    case TS_FLUX_OP_LT: LOOP(x < y); break;                                                                  \
    case TS_FLUX_OP_LE: LOOP(x <= y); break;                                                                 \
    case TS_FLUX_OP_GT: LOOP(x > y); break;                                                                  \
    default: LOOP(x >= y);                                                                                   \
    }

/* A NaN is unlike everything, and not even unlike: `!=` of exec_op.c says true for it, and so does C. */
FAST static void float_compare(enum ts_flux_op op, unsigned n, const double *a, bool ca, const double *b,
                               bool cb, uint8_t *to){COMPARE_LOOPS}

FAST static void int_compare(enum ts_flux_op op, unsigned n, const int64_t *a, bool ca, const int64_t *b,
                             bool cb, uint8_t *to){COMPARE_LOOPS}

FAST static void uint_compare(enum ts_flux_op op, unsigned n, const uint64_t *a, bool ca, const uint64_t *b,
                              bool cb, uint8_t *to)
{
    COMPARE_LOOPS
}

static void str_compare(enum ts_flux_op op, unsigned n, const struct ts_str *a, bool ca,
                        const struct ts_str *b, bool cb, uint8_t *to)
{
    switch (op) {
    case TS_FLUX_OP_EQ: LOOP(ts_str_eq(x, y)); break;
    case TS_FLUX_OP_NE: LOOP(!ts_str_eq(x, y)); break;
    case TS_FLUX_OP_LT: LOOP(ts_str_cmp(x, y) < 0); break;
    case TS_FLUX_OP_LE: LOOP(ts_str_cmp(x, y) <= 0); break;
    case TS_FLUX_OP_GT: LOOP(ts_str_cmp(x, y) > 0); break;
    default: LOOP(ts_str_cmp(x, y) >= 0);
    }
}

/* Value by value. */
static int each(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                const struct ts_flux_vec *b, struct ts_flux_vec *out)
{
    struct ts_flux_value *v = ts_flux_new(run, (size_t)n * sizeof *v);
    int rc = v ? 0 : -TS_EQUERY;
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = ts_flux_binary(run, op, ts_flux_vec_get(a, i), ts_flux_vec_get(b, i), &v[i]);
    rc = rc ? rc : ts_flux_vec_of_values(run, n, v, out);
    if (rc == 0 && out->type == TS_FLUX_NULL && n == 0) /* no row says what the type is: the operands do */
        out->type = op >= TS_FLUX_OP_EQ && op <= TS_FLUX_OP_NOT_MATCH ? TS_FLUX_BOOL : a->type;
    return rc;
}

static bool is_fast_arith(enum ts_flux_op op, enum ts_flux_type type)
{
    if (type == TS_FLUX_FLOAT)
        return true;
    return (type == TS_FLUX_INT || type == TS_FLUX_UINT) &&
           (op == TS_FLUX_OP_ADD || op == TS_FLUX_OP_SUB || op == TS_FLUX_OP_MUL);
}

static int arith(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                 const struct ts_flux_vec *b, struct ts_flux_vec *out)
{
    void *to = ts_flux_new(run, (size_t)n * 8);
    *out = (struct ts_flux_vec){.type = a->type, .data = to};
    if (!to || join_nulls(run, n, a, b, &out->nulls) != 0)
        return -TS_EQUERY;
    if (a->type == TS_FLUX_FLOAT)
        float_arith(op, n, a->f, a->constant, b->f, b->constant, to);
    else
        uint_arith(op, n, a->u, a->constant, b->u, b->constant, to);
    return 0;
}

static bool is_fast_compare(enum ts_flux_type type)
{
    return type == TS_FLUX_FLOAT || type == TS_FLUX_INT || type == TS_FLUX_UINT || type == TS_FLUX_TIME ||
           type == TS_FLUX_STRING;
}

static int compare(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                   const struct ts_flux_vec *b, struct ts_flux_vec *out)
{
    uint8_t *to = ts_flux_new(run, n);
    *out = (struct ts_flux_vec){.type = TS_FLUX_BOOL, .b = to};
    if (!to || join_nulls(run, n, a, b, &out->nulls) != 0)
        return -TS_EQUERY;
    switch (a->type) {
    case TS_FLUX_FLOAT: float_compare(op, n, a->f, a->constant, b->f, b->constant, to); break;
    case TS_FLUX_UINT: uint_compare(op, n, a->u, a->constant, b->u, b->constant, to); break;
    case TS_FLUX_STRING: str_compare(op, n, a->s, a->constant, b->s, b->constant, to); break;
    default: int_compare(op, n, a->i, a->constant, b->i, b->constant, to);
    }
    return 0;
}

static int match(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                 const struct ts_flux_regexp *re, struct ts_flux_vec *out)
{
    uint8_t *to = ts_flux_new(run, n);
    *out = (struct ts_flux_vec){.type = TS_FLUX_BOOL, .b = to, .nulls = a->nulls};
    int rc = to ? 0 : -TS_EQUERY;
    for (unsigned i = 0; i < n && rc == 0; i++) {
        bool found = false;
        if (!ts_flux_vec_is_null(a, i))
            rc = ts_flux_regexp_match(run, re, a->s[i], &found);
        to[i] = found == (op == TS_FLUX_OP_MATCH);
    }
    return rc;
}

int ts_flux_vec_binary(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                       const struct ts_flux_vec *b, struct ts_flux_vec *out)
{
    bool comparison = op >= TS_FLUX_OP_EQ && op <= TS_FLUX_OP_GE;
    if (n > 0 && a->constant && b->constant) { /* once for all */
        struct ts_flux_value v;
        int rc = ts_flux_binary(run, op, ts_flux_vec_get(a, 0), ts_flux_vec_get(b, 0), &v);
        if (rc == 0)
            *out = ts_flux_vec_constant(run, v);
        return rc;
    }
    if (a->type == b->type && comparison && is_fast_compare(a->type))
        return compare(run, op, n, a, b, out);
    if (a->type == b->type && !comparison && is_fast_arith(op, a->type))
        return arith(run, op, n, a, b, out);
    bool is_match = op == TS_FLUX_OP_MATCH || op == TS_FLUX_OP_NOT_MATCH;
    if (is_match && n > 0 && a->type == TS_FLUX_STRING && b->type == TS_FLUX_REGEXP && b->constant)
        return match(run, op, n, a, b->v[0].regexp, out);
    return each(run, op, n, a, b, out);
}

int ts_flux_vec_logical(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                        const struct ts_flux_vec *b, struct ts_flux_vec *out)
{
    uint8_t *to = ts_flux_new(run, n);
    uint64_t *nulls = NULL;
    if ((a->type != TS_FLUX_BOOL && a->type != TS_FLUX_NULL) ||
        (b->type != TS_FLUX_BOOL && b->type != TS_FLUX_NULL))
        return ts_flux_fail(run, "%s wants bools, not %s and %s", ts_flux_op_text(op),
                            ts_flux_type_text(a->type), ts_flux_type_text(b->type));
    bool may_null = a->nulls || b->nulls || a->type == TS_FLUX_NULL || b->type == TS_FLUX_NULL;
    if (!to || (may_null && !(nulls = ts_flux_new(run, (n + 63) / 64 * sizeof *nulls))))
        return -TS_EQUERY;
    *out = (struct ts_flux_vec){.type = TS_FLUX_BOOL, .b = to, .nulls = nulls};
    if (!may_null) {
        unsigned sa = !a->constant, sb = !b->constant;
        bool is_and = op == TS_FLUX_OP_AND;
        for (unsigned i = 0; i < n; i++)
            to[i] = is_and ? a->b[i * sa] & b->b[i * sb] : a->b[i * sa] | b->b[i * sb];
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        struct ts_flux_value x = ts_flux_vec_get(a, i), y = ts_flux_vec_get(b, i);
        struct ts_flux_value v = op == TS_FLUX_OP_AND ? ts_flux_and(x, y) : ts_flux_or(x, y);
        to[i] = !v.null && v.b;
        nulls[i / 64] |= (uint64_t)v.null << (i % 64);
    }
    return 0;
}

int ts_flux_vec_unary(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                      struct ts_flux_vec *out)
{
    struct ts_flux_value *v = NULL;
    uint8_t *to;
    int rc = 0;
    if (op == TS_FLUX_OP_EXISTS || (op == TS_FLUX_OP_NOT && a->type == TS_FLUX_BOOL)) {
        if (!(to = ts_flux_new(run, n)))
            return -TS_EQUERY;
        for (unsigned i = 0; i < n; i++)
            to[i] = op == TS_FLUX_OP_EXISTS ? !ts_flux_vec_is_null(a, i) : !a->b[a->constant ? 0 : i];
        *out = (struct ts_flux_vec){.type = TS_FLUX_BOOL, .b = to};
        if (op == TS_FLUX_OP_NOT && a->nulls)
            rc = join_nulls(run, n, a, a, &out->nulls);
        return rc;
    }
    if (!(v = ts_flux_new(run, (size_t)n * sizeof *v)))
        return -TS_EQUERY;
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = ts_flux_unary(run, op, ts_flux_vec_get(a, i), &v[i]);
    return rc ? rc : ts_flux_vec_of_values(run, n, v, out);
}

bool ts_flux_vec_convert(struct ts_flux_run *run, ts_flux_builtin_fn fn, unsigned n,
                         const struct ts_flux_vec *a, struct ts_flux_vec *out)
{
    bool to_float = fn == ts_flux_std_to_float, to_int = fn == ts_flux_std_to_int;
    if (a->constant)
        return false;
    *out = *a;
    if ((to_float && a->type == TS_FLUX_FLOAT) || (to_int && a->type == TS_FLUX_INT))
        return true;
    if (to_int && (a->type == TS_FLUX_UINT || a->type == TS_FLUX_TIME)) { /* the same bits */
        out->type = TS_FLUX_INT;
        return true;
    }
    double *to = to_float && (a->type == TS_FLUX_INT || a->type == TS_FLUX_UINT)
                     ? ts_flux_new(run, n * sizeof *to)
                     : NULL;
    if (!to)
        return false;
    for (unsigned i = 0; i < n; i++)
        to[i] = a->type == TS_FLUX_INT ? (double)a->i[i] : (double)a->u[i];
    out->type = TS_FLUX_FLOAT;
    out->f = to;
    return true;
}
