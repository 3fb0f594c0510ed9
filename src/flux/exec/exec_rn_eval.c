/*
 * Evaluates a compiled row's function over the rows of a chunk, column by column. Branches of `if`, and the
 * second operand of `and` and `or`, are evaluated for the rows that need them alone where they could fail.
 */
#include "config.h"
#include "flux/exec/exec_rowfn.h"

int ts_flux_row_record(struct ts_flux_rows *rows, unsigned i, struct ts_flux_value *out)
{
    struct ts_flux_value *values;
    unsigned row = rows->sel ? rows->sel[i] : i;
    int rc = ts_flux_make_record(rows->rf->run, rows->rf->shape, &values, out);
    for (unsigned c = 0; c < rows->rf->ncols && rc == 0; c++)
        values[c] = ts_flux_vec_get(&rows->cols[c], row);
    return rc;
}

static int column(struct ts_flux_rows *rows, const struct ts_flux_rn *rn, struct ts_flux_vec *out)
{
    if (rn->column < 0) {
        *out = (struct ts_flux_vec){.type = TS_FLUX_NULL, .constant = true};
        return 0;
    }
    *out = rows->cols[rn->column];
    return rows->sel ? ts_flux_vec_gather(rows->rf->run, &rows->cols[rn->column], rows->sel, rows->n, out)
                     : 0;
}

/* Evaluates rn for those of the rows whose number is in pick[0 … n), counted in `rows`. */
static int eval_some(const struct ts_flux_rows *rows, struct ts_flux_rn *rn, uint32_t *pick, unsigned n,
                     struct ts_flux_vec *out)
{
    struct ts_flux_rows some = *rows;
    for (unsigned i = 0; rows->sel && i < n; i++)
        pick[i] = rows->sel[pick[i]];
    some.n = n;
    some.sel = pick;
    some.epoch = ++rows->rf->epoch;
    return ts_flux_rn_eval(&some, rn, out);
}

/* out[pick[i]] = from[i] */
static void scatter(struct ts_flux_value *out, const struct ts_flux_vec *from, const uint32_t *where,
                    unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        out[where[i]] = ts_flux_vec_get(from, i);
}

/* Room for two lists of row numbers, twice each: the second copy survives eval_some. */
static uint32_t *row_lists(struct ts_flux_rows *rows)
{
    return ts_flux_new(rows->rf->run, (size_t)rows->n * 4 * sizeof(uint32_t));
}

static int choose(struct ts_flux_rows *rows, const struct ts_flux_rn *rn, const struct ts_flux_vec *cond,
                  struct ts_flux_vec *out)
{
    uint32_t *yes = row_lists(rows), *no = yes + rows->n * 2;
    struct ts_flux_vec a, b;
    unsigned ny = 0, nn = 0;
    if (!yes)
        return -TS_EQUERY;
    for (unsigned i = 0; i < rows->n; i++)
        if (!ts_flux_vec_is_null(cond, i) && cond->b[cond->constant ? 0 : i])
            yes[rows->n + ny] = i, yes[ny++] = i;
        else
            no[rows->n + nn] = i, no[nn++] = i;
    if (ny == rows->n || nn == rows->n)
        return ts_flux_rn_eval(rows, nn ? rn->c : rn->b, out);
    int rc = eval_some(rows, rn->b, yes, ny, &a);
    rc = rc ? rc : eval_some(rows, rn->c, no, nn, &b);
    struct ts_flux_value *v = rc == 0 ? ts_flux_new(rows->rf->run, rows->n * sizeof *v) : NULL;
    if (!v)
        return -TS_EQUERY;
    scatter(v, &a, yes + rows->n, ny);
    scatter(v, &b, no + rows->n, nn);
    rows->rf->run->pos = rn->pos;
    return ts_flux_vec_of_values(rows->rf->run, rows->n, v, out);
}

static int conditional(struct ts_flux_rows *rows, const struct ts_flux_rn *rn, struct ts_flux_vec *out)
{
    struct ts_flux_vec cond;
    int rc = ts_flux_rn_eval(rows, rn->a, &cond);
    if (rc == 0 && cond.type != TS_FLUX_BOOL && cond.type != TS_FLUX_NULL)
        return ts_flux_fail_at(rows->rf->run, rn->a->pos, "if wants a bool, not %s",
                               ts_flux_type_text(cond.type));
    if (rc == 0 && rows->n == 0) {
        struct ts_flux_vec other;
        rc = ts_flux_rn_eval(rows, rn->b, out);
        rc = rc ? rc : ts_flux_rn_eval(rows, rn->c, &other);
        if (rc == 0 && out->type == TS_FLUX_NULL)
            *out = other;
        return rc;
    }
    return rc ? rc : choose(rows, rn, &cond, out);
}

static int logical(struct ts_flux_rows *rows, const struct ts_flux_rn *rn, struct ts_flux_vec *out)
{
    struct ts_flux_vec a, b;
    int rc = ts_flux_rn_eval(rows, rn->a, &a);
    bool decides = rn->op == TS_FLUX_OP_OR; /* the value of a that needs no b */
    unsigned n = 0;
    if (rc != 0)
        return rc;
    if (rn->b->safe || a.type != TS_FLUX_BOOL) {
        rc = ts_flux_rn_eval(rows, rn->b, &b);
        rows->rf->run->pos = rn->pos;
        return rc ? rc : ts_flux_vec_logical(rows->rf->run, rn->op, rows->n, &a, &b, out);
    }
    uint32_t *open = row_lists(rows);
    struct ts_flux_value *v = open ? ts_flux_new(rows->rf->run, rows->n * sizeof *v) : NULL;
    if (!v)
        return -TS_EQUERY;
    for (unsigned i = 0; i < rows->n; i++) {
        v[i] = ts_flux_bool(decides);
        if (ts_flux_vec_is_null(&a, i) || a.b[a.constant ? 0 : i] != decides)
            open[rows->n + n] = i, open[n++] = i;
    }
    if (n && (rc = eval_some(rows, rn->b, open, n, &b)) != 0)
        return rc;
    if (n)
        scatter(v, &b, open + rows->n, n);
    rc = ts_flux_vec_of_values(rows->rf->run, rows->n, v, &b);
    rows->rf->run->pos = rn->pos;
    return rc ? rc : ts_flux_vec_logical(rows->rf->run, rn->op, rows->n, &a, &b, out);
}

static int text(struct ts_flux_rows *rows, const struct ts_flux_rn *rn, struct ts_flux_vec *out)
{
    struct ts_flux_run *run = rows->rf->run;
    struct ts_flux_vec *parts = ts_flux_new(run, rn->n * sizeof *parts);
    struct ts_str *to = parts ? ts_flux_new(run, rows->n * sizeof *to) : NULL;
    struct ts_buf buf = TS_BUF_INIT;
    int rc = to ? 0 : -TS_EQUERY;
    for (unsigned p = 0; p < rn->n && rc == 0; p++)
        rc = ts_flux_rn_eval(rows, rn->args[p], &parts[p]);
    run->pos = rn->pos;
    for (unsigned i = 0; i < rows->n && rc == 0; i++) {
        ts_buf_clear(&buf);
        for (unsigned p = 0; p < rn->n && rc == 0; p++)
            rc = ts_flux_put_part(run, &buf, ts_flux_vec_get(&parts[p], i));
        to[i] = ts_flux_arena_str(run->heap, ts_buf_str(&buf));
        if (rc == 0 && (!to[i].p || ts_buf_failed(&buf)))
            rc = ts_flux_fail_nomem(run);
    }
    ts_buf_fini(&buf);
    *out = (struct ts_flux_vec){.type = TS_FLUX_STRING, .s = to};
    return rc;
}

static int call(struct ts_flux_rows *rows, const struct ts_flux_rn *rn, struct ts_flux_vec *out)
{
    struct ts_flux_run *run = rows->rf->run;
    const struct ts_flux_sig *sig = rn->func->sig;
    unsigned n = TS_MIN(rn->varies ? rows->n : 1, rows->n); /* without rows nothing is called */
    struct ts_flux_vec *vecs = ts_flux_new(run, rn->n * sizeof *vecs);
    struct ts_flux_value *args = vecs ? ts_flux_new(run, rn->n * sizeof *args) : NULL;
    int rc = args ? 0 : -TS_EQUERY;
    for (unsigned p = 0; p < rn->n && rc == 0; p++)
        if (rn->args[p])
            rc = ts_flux_rn_eval(rows, rn->args[p], &vecs[p]);
    if (rc == 0 && rn->n == 1 && ts_flux_vec_convert(run, rn->func->builtin->fn, n, &vecs[0], out))
        return 0;
    struct ts_flux_value *v = rc == 0 ? ts_flux_new(run, n * sizeof *v) : NULL;
    rc = v ? 0 : -TS_EQUERY;
    for (unsigned i = 0; i < n && rc == 0; i++) {
        for (unsigned p = 0; p < rn->n; p++)
            args[p] = rn->args[p] ? ts_flux_vec_get(&vecs[p], i) : (struct ts_flux_value){0};
        rc = ts_flux_invoke_builtin(run, rn->func, args, rn->pos, &v[i]);
    }
    run->pos = rn->pos;
    if (rc == 0 && !rn->varies && n)
        *out = ts_flux_vec_constant(run, v[0]);
    else
        rc = rc ? rc : ts_flux_vec_of_values(run, n, v, out);
    if (rc == 0 && out->type == TS_FLUX_NULL && sig->result && __builtin_popcount(sig->result) == 1)
        out->type = (enum ts_flux_type)__builtin_ctz(sig->result); /* no row says it, but the signature */
    return rc;
}

/* The value of a local at row i of rows. */
static int local_value(struct ts_flux_rows *rows, struct ts_flux_local *l, unsigned i,
                       struct ts_flux_value *out)
{
    struct ts_flux_vec vec;
    if (l->node->kind == TS_FLUX_RN_ROW)
        return ts_flux_row_record(rows, i, out);
    if (l->node->kind == TS_FLUX_RN_CONST) {
        *out = l->node->value;
        return 0;
    }
    if (l->node->kind == TS_FLUX_RN_RECORD) {
        struct ts_flux_value row = {0}, *values;
        struct ts_flux_shape *shape = ts_flux_new(rows->rf->run, sizeof *shape);
        unsigned base = l->node->with_row ? rows->rf->ncols : 0;
        if (!shape ||
            !(shape->names = ts_flux_new(rows->rf->run, (base + l->node->n) * sizeof *shape->names)) ||
            (base && ts_flux_row_record(rows, i, &row) != 0))
            return -TS_EQUERY;
        for (unsigned c = 0; c < base; c++)
            shape->names[shape->n++] = rows->rf->shape->names[c];
        for (unsigned p = 0; p < l->node->n; p++) {
            unsigned at = 0;
            while (at < shape->n && shape->names[at] != l->node->names[p])
                at++;
            shape->names[at] = l->node->names[p];
            shape->n = TS_MAX(shape->n, at + 1);
        }
        int rc = ts_flux_make_record(rows->rf->run, shape, &values, out);
        for (unsigned c = 0; c < base && rc == 0; c++)
            values[c] = row.record->v[c];
        for (unsigned p = 0; p < l->node->n && rc == 0; p++) {
            unsigned at = 0;
            while (shape->names[at] != l->node->names[p])
                at++;
            rc = ts_flux_rn_eval(rows, l->node->args[p], &vec);
            values[at] = rc == 0 ? ts_flux_vec_get(&vec, i) : (struct ts_flux_value){0};
        }
        return rc;
    }
    int rc = ts_flux_rn_eval(rows, l->node, &vec);
    *out = rc == 0 ? ts_flux_vec_get(&vec, i) : (struct ts_flux_value){0};
    return rc;
}

static int slow_row(struct ts_flux_rows *rows, const struct ts_flux_rn *rn, unsigned i,
                    struct ts_flux_value *out)
{
    struct ts_flux_frame fr = rn->frame;
    struct ts_flux_run *run = fr.run;
    if (rn->locals && !(fr.scope = ts_flux_scope_new(run, rn->frame.scope, 4)))
        return -TS_EQUERY;
    for (struct ts_flux_local *l = rn->locals; l; l = l->up) {
        struct ts_flux_value v;
        if (!rn->varies && l->node->varies)
            continue; /* rn does not use it, and there may be no row */
        int rc = ts_flux_scope_own(fr.scope, l->name) ? 0 : local_value(rows, l, i, &v);
        if (rc == 0 && !ts_flux_scope_own(fr.scope, l->name))
            rc = ts_flux_scope_add(run, fr.scope, l->name, v);
        if (rc != 0)
            return rc;
    }
    if (rn->ast->kind != TS_FLUX_N_BLOCK)
        return ts_flux_eval(&fr, rn->ast, out);
    bool returned;
    int rc = ts_flux_exec_list(&fr, rn->ast->list, &returned, out);
    return rc || returned ? rc : ts_flux_fail_at(run, rn->pos, "a function ended without a return");
}

/* Whether a value holds on to memory. */
static bool is_plain(struct ts_flux_value v)
{
    return v.null || (v.type >= TS_FLUX_BOOL && v.type <= TS_FLUX_DURATION && v.type != TS_FLUX_STRING);
}

/* What evaluating a row took is given back at once where the value allows. The first row keeps it: locals are
 * cached. */
static int slow(struct ts_flux_rows *rows, const struct ts_flux_rn *rn, struct ts_flux_vec *out)
{
    struct ts_flux_run *run = rows->rf->run;
    unsigned n = TS_MIN(rn->varies ? rows->n : 1, rows->n);
    struct ts_flux_value *v = ts_flux_new(run, n * sizeof *v);
    int rc = v ? 0 : -TS_EQUERY;
    for (unsigned i = 0; i < n && rc == 0; i++) {
        struct ts_flux_mark mark = ts_flux_arena_mark(run->heap);
        rc = slow_row(rows, rn, i, &v[i]);
        if (rc == 0 && i > 0 && is_plain(v[i]))
            ts_flux_arena_release(run->heap, mark);
    }
    run->pos = rn->pos;
    if (rc == 0 && !rn->varies && n) {
        *out = ts_flux_vec_constant(run, v[0]);
        return 0;
    }
    return rc ? rc : ts_flux_vec_of_values(run, n, v, out);
}

static int dispatch(struct ts_flux_rows *rows, struct ts_flux_rn *rn, struct ts_flux_vec *out)
{
    struct ts_flux_vec a, b;
    int rc;
    switch (rn->kind) {
    case TS_FLUX_RN_CONST: *out = ts_flux_vec_constant(rows->rf->run, rn->value); return 0;
    case TS_FLUX_RN_COLUMN: return column(rows, rn, out);
    case TS_FLUX_RN_BINARY:
        rc = ts_flux_rn_eval(rows, rn->a, &a);
        rc = rc ? rc : ts_flux_rn_eval(rows, rn->b, &b);
        rows->rf->run->pos = rn->pos;
        return rc ? rc : ts_flux_vec_binary(rows->rf->run, rn->op, rows->n, &a, &b, out);
    case TS_FLUX_RN_UNARY:
        rc = ts_flux_rn_eval(rows, rn->a, &a);
        rows->rf->run->pos = rn->pos;
        return rc ? rc : ts_flux_vec_unary(rows->rf->run, rn->op, rows->n, &a, out);
    case TS_FLUX_RN_LOGICAL: return logical(rows, rn, out);
    case TS_FLUX_RN_IF: return conditional(rows, rn, out);
    case TS_FLUX_RN_TEXT: return text(rows, rn, out);
    case TS_FLUX_RN_CALL: return call(rows, rn, out);
    case TS_FLUX_RN_SLOW: return slow(rows, rn, out);
    default: break;
    }
    struct ts_flux_value *v = ts_flux_new(rows->rf->run, rows->n * sizeof *v);
    struct ts_flux_local self = {.node = rn};
    rc = v ? 0 : -TS_EQUERY;
    for (unsigned i = 0; i < rows->n && rc == 0; i++)
        rc = local_value(rows, &self, i, &v[i]);
    return rc ? rc : ts_flux_vec_of_values(rows->rf->run, rows->n, v, out);
}

/* A node that several places share (a local) is evaluated once for the same rows. */
int ts_flux_rn_eval(struct ts_flux_rows *rows, struct ts_flux_rn *rn, struct ts_flux_vec *out)
{
    if (rn->epoch == rows->epoch) {
        *out = rn->cache;
        return 0;
    }
    if ((uintptr_t)__builtin_frame_address(0) < rows->rf->run->interp->stack_end)
        return ts_flux_fail_at(rows->rf->run, rn->pos, "calls and expressions are nested too deep");
    int rc = dispatch(rows, rn, out);
    rc = rc ? rc : rows->rf->run->error.msg[0] ? -TS_EQUERY : 0;
    rn->epoch = rc == 0 ? rows->epoch : 0;
    rn->cache = *out;
    return rc;
}
