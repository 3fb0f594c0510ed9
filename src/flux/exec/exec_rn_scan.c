/*
 * What filter()'s function asks of a series, as a predicate of core/scan.h: comparisons of tags, measurement and field with
 * constants, regular expressions, exists, and, or, not. They mean the same here and there, nulls included. What depends on the
 * value too is a second predicate, on points. Of `and` the parts that can be decided suffice; rows are then filtered once
 * more. Lives in the query's arena.
 */
#include "config.h"
#include "flux/exec/exec_rowfn.h"

#include "core/scan.h"

#define DEPTH 32 /* deeper than that it is left to the filter */

static bool is_name(const struct ts_flux_name *name, const char *z)
{
    return strcmp(name->z, z) == 0;
}

/* Columns that are no part of a series. */
static bool of_rows(const struct ts_flux_name *name)
{
    return is_name(name, "_value") || is_name(name, "_time") || is_name(name, "_start") || is_name(name, "_stop");
}

static struct ts_scan_pred *new_pred(struct ts_flux_run *run, enum ts_scan_op op)
{
    struct ts_scan_pred *pred = ts_flux_arena_alloc(&run->arena, sizeof *pred);
    if (pred)
        pred->op = op;
    return pred;
}

static struct ts_scan_pred *on_column(struct ts_flux_run *run, enum ts_scan_op op, const struct ts_flux_name *name)
{
    struct ts_scan_pred *pred = new_pred(run, op);
    if (!pred)
        return NULL;
    pred->on = is_name(name, "_measurement") ? TS_SCAN_MEASUREMENT
               : is_name(name, "_field")     ? TS_SCAN_FIELD
               : is_name(name, "_value")     ? TS_SCAN_VALUE
                                             : TS_SCAN_TAG;
    pred->tag = ts_flux_name_str(name);
    return pred;
}

struct regexp_test {
    struct ts_flux_run *run;
    const struct ts_flux_regexp *re;
};

/* An error of matching stays with the run, and ends it at its next step. */
static bool matches(void *arg, struct ts_str value)
{
    const struct regexp_test *test = arg;
    bool found = false;
    return ts_flux_regexp_match(test->run, test->re, value, &found) == 0 && found;
}

static struct ts_scan_pred *negated(struct ts_flux_run *run, const struct ts_scan_pred *of)
{
    struct ts_scan_pred *pred = of ? new_pred(run, TS_SCAN_NOT) : NULL;
    const struct ts_scan_pred **args = pred ? ts_flux_arena_alloc(&run->arena, sizeof *args) : NULL;
    if (!args)
        return NULL;
    args[0] = of;
    pred->nargs = 1;
    pred->args = args;
    return pred;
}

static struct ts_scan_pred *regexp(struct ts_flux_run *run, const struct ts_flux_rn *rn)
{
    struct ts_scan_pred *pred = on_column(run, TS_SCAN_TEST, rn->a->name);
    struct regexp_test *test = ts_flux_arena_alloc(&run->arena, sizeof *test);
    if (!pred || !test)
        return NULL;
    *test = (struct regexp_test){run, rn->b->value.regexp};
    pred->test = matches;
    pred->arg = test;
    return rn->op == TS_FLUX_OP_MATCH ? pred : negated(run, pred);
}

static bool is_value(const struct ts_flux_rn *rn)
{
    return rn->kind == TS_FLUX_RN_COLUMN && is_name(rn->name, "_value");
}

/* of_value: that is as good as a tag. */
static bool is_column(const struct ts_flux_rn *rn, bool of_value)
{
    return rn->kind == TS_FLUX_RN_COLUMN && (!of_rows(rn->name) || (of_value && is_value(rn)));
}

static bool is_const(const struct ts_flux_rn *rn, enum ts_flux_type type)
{
    return rn->kind == TS_FLUX_RN_CONST && rn->value.type == type && !rn->value.null;
}

/* A constant that the column may be compared with here. */
static bool put_constant(struct ts_scan_pred *pred, struct ts_flux_value v)
{
    switch (v.type) {
    case TS_FLUX_FLOAT: pred->type = TS_SCAN_FLOAT, pred->num.f = v.f; break;
    case TS_FLUX_INT: pred->type = TS_SCAN_INT, pred->num.i = v.i; break;
    case TS_FLUX_UINT: pred->type = TS_SCAN_UINT, pred->num.u = v.u; break;
    case TS_FLUX_BOOL: pred->type = TS_SCAN_BOOL, pred->num.u = v.b; break;
    case TS_FLUX_STRING: pred->type = TS_SCAN_STRING, pred->value = ts_flux_value_str(v); break;
    default: return false;
    }
    return !v.null && (pred->on == TS_SCAN_VALUE || v.type == TS_FLUX_STRING);
}

static struct ts_scan_pred *comparison(struct ts_flux_run *run, const struct ts_flux_rn *rn, bool of_value)
{
    static const enum ts_scan_op ops[][2] = {/* and with the operands the other way round */
                                             [TS_FLUX_OP_EQ] = {TS_SCAN_EQ, TS_SCAN_EQ},
                                             [TS_FLUX_OP_NE] = {TS_SCAN_NE, TS_SCAN_NE},
                                             [TS_FLUX_OP_LT] = {TS_SCAN_LT, TS_SCAN_GT},
                                             [TS_FLUX_OP_LE] = {TS_SCAN_LE, TS_SCAN_GE},
                                             [TS_FLUX_OP_GT] = {TS_SCAN_GT, TS_SCAN_LT},
                                             [TS_FLUX_OP_GE] = {TS_SCAN_GE, TS_SCAN_LE}};
    if ((rn->op == TS_FLUX_OP_MATCH || rn->op == TS_FLUX_OP_NOT_MATCH) && is_column(rn->a, of_value) &&
        is_const(rn->b, TS_FLUX_REGEXP))
        return regexp(run, rn);
    if (rn->op < TS_FLUX_OP_EQ || rn->op > TS_FLUX_OP_GE)
        return NULL;
    bool turned = is_column(rn->b, of_value);
    const struct ts_flux_rn *col = turned ? rn->b : rn->a, *with = turned ? rn->a : rn->b;
    if (!is_column(col, of_value) || with->kind != TS_FLUX_RN_CONST)
        return NULL;
    struct ts_scan_pred *pred = on_column(run, ops[rn->op][turned], col->name);
    return pred && put_constant(pred, with->value) ? pred : NULL;
}

static struct ts_scan_pred *exactly(struct ts_flux_run *run, const struct ts_flux_rn *rn, bool of_value, unsigned depth);

/* `a or b or c` is one node of three. */
static unsigned operands(const struct ts_flux_rn *rn, enum ts_flux_op op, const struct ts_flux_rn **out)
{
    if (rn->kind != TS_FLUX_RN_LOGICAL || rn->op != op) {
        if (out)
            *out = rn;
        return 1;
    }
    unsigned n = operands(rn->a, op, out);
    return n + operands(rn->b, op, out ? out + n : NULL);
}

/* All operands, or NULL. */
static struct ts_scan_pred *logical(struct ts_flux_run *run, const struct ts_flux_rn *rn, bool of_value, unsigned depth)
{
    unsigned n = operands(rn, rn->op, NULL);
    struct ts_scan_pred *pred = new_pred(run, rn->op == TS_FLUX_OP_AND ? TS_SCAN_AND : TS_SCAN_OR);
    const struct ts_flux_rn **of = ts_flux_arena_alloc(&run->arena, n * sizeof *of);
    const struct ts_scan_pred **args = ts_flux_arena_alloc(&run->arena, n * sizeof *args);
    if (!pred || !of || !args)
        return NULL;
    operands(rn, rn->op, of);
    pred->args = args;
    for (; pred->nargs < n; pred->nargs++)
        if (!(args[pred->nargs] = exactly(run, of[pred->nargs], of_value, depth + 1)))
            return NULL;
    return pred;
}

/* NULL: it cannot be decided for a series, or not here. of_value: not by the value of a point either. */
static struct ts_scan_pred *exactly(struct ts_flux_run *run, const struct ts_flux_rn *rn, bool of_value, unsigned depth)
{
    if (depth > DEPTH)
        return NULL;
    switch (rn->kind) {
    case TS_FLUX_RN_CONST:
        return is_const(rn, TS_FLUX_BOOL) ? new_pred(run, rn->value.b ? TS_SCAN_AND : TS_SCAN_OR) : NULL;
    case TS_FLUX_RN_BINARY: return comparison(run, rn, of_value);
    case TS_FLUX_RN_LOGICAL: return logical(run, rn, of_value, depth);
    case TS_FLUX_RN_UNARY:
        if (rn->op == TS_FLUX_OP_EXISTS && is_column(rn->a, of_value))
            return on_column(run, TS_SCAN_EXISTS, rn->a->name);
        return rn->op == TS_FLUX_OP_NOT ? negated(run, exactly(run, rn->a, of_value, depth + 1)) : NULL;
    default: return NULL;
    }
}

/* Comparisons of one column with a constant, joined: what InfluxDB's storage takes over, values among them. */
static bool is_plain(const struct ts_flux_rn *rn, unsigned depth)
{
    if (depth > DEPTH)
        return false;
    switch (rn->kind) {
    case TS_FLUX_RN_CONST: return is_const(rn, TS_FLUX_BOOL);
    case TS_FLUX_RN_BINARY:
        return rn->op >= TS_FLUX_OP_EQ && rn->a->kind == TS_FLUX_RN_COLUMN && rn->b->kind == TS_FLUX_RN_CONST &&
               is_column(rn->a, true);
    case TS_FLUX_RN_LOGICAL: return is_plain(rn->a, depth + 1) && is_plain(rn->b, depth + 1);
    case TS_FLUX_RN_UNARY: return rn->op == TS_FLUX_OP_EXISTS && is_column(rn->a, false);
    default: return false;
    }
}

/* Both, without growing deeper with each filter(). */
static const struct ts_scan_pred *both(struct ts_flux_run *run, const struct ts_scan_pred *a, const struct ts_scan_pred *b)
{
    if (!a || !b)
        return a ? a : b;
    unsigned n = (a->op == TS_SCAN_AND ? a->nargs : 1) + (b->op == TS_SCAN_AND ? b->nargs : 1);
    struct ts_scan_pred *pred = new_pred(run, TS_SCAN_AND);
    const struct ts_scan_pred **args = ts_flux_arena_alloc(&run->arena, n * sizeof *args);
    if (!pred || !args)
        return NULL;
    for (int k = 0; k < 2; k++) {
        const struct ts_scan_pred *of = k ? b : a;
        for (unsigned i = 0; of->op == TS_SCAN_AND && i < of->nargs; i++)
            args[pred->nargs++] = of->args[i];
        if (of->op != TS_SCAN_AND)
            args[pred->nargs++] = of;
    }
    pred->args = args;
    return pred;
}

/* Each operand of `and` where it can be decided. One that depends on values only if none before it has to be left to the filter:
 * that may fail, and then the query does. */
static int put_conditions(struct ts_flux_run *run, const struct ts_flux_rn *body, struct ts_flux_scan_cond *cond)
{
    unsigned n = operands(body, TS_FLUX_OP_AND, NULL);
    const struct ts_flux_rn **of = ts_flux_arena_alloc(&run->arena, n * sizeof *of);
    if (!of)
        return ts_flux_fail_nomem(run);
    operands(body, TS_FLUX_OP_AND, of);
    cond->whole = cond->decided = true;
    for (unsigned i = 0; i < n; i++) {
        const struct ts_scan_pred *pred = exactly(run, of[i], false, 0), *rows = NULL;
        if (!pred && cond->decided)
            rows = exactly(run, of[i], true, 0);
        cond->whole &= pred != NULL;
        cond->decided &= pred || rows;
        cond->pred = both(run, cond->pred, pred);
        cond->rows = both(run, cond->rows, rows);
    }
    return 0;
}

int ts_flux_rowfn_scan(struct ts_flux_rowfn *rf, struct ts_flux_scan_cond *cond)
{
    struct ts_flux_run *run = rf->run;
    const struct ts_flux_name *const *names;
    unsigned n;
    int rc = ts_flux_rowfn_needs(rf, &names, &n, &cond->times);
    if (rc || !rf->body)
        return rc;
    for (unsigned i = 0; i < n; i++)
        cond->times |= is_name(names[i], "_time");
    bool refused = run->mem.refused;
    run->mem.refused = false;
    rc = put_conditions(run, rf->body, cond);
    cond->plain = cond->whole || is_plain(rf->body, 0);
    if (rc || run->mem.refused)
        return rc ? rc : ts_flux_fail_nomem(run);
    run->mem.refused = refused;
    return 0;
}
