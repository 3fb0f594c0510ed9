/*
 * Functions of rows, as filter(), map() and reduce() use them: compiled once, bound to the columns at hand,
 * evaluated chunk by chunk. Results are on the query's scratch arena, or are columns that came in.
 */
#include "config.h"
#include "flux/exec/exec_rowfn.h"

#include <endian.h>

int ts_flux_rowfn_new(struct ts_flux_run *run, struct ts_flux_value func, const char *what,
                      struct ts_flux_rowfn **out)
{
    struct ts_flux_arena *heap = run->heap;
    unsigned required = 0;
    if (func.type != TS_FLUX_FUNCTION || func.null)
        return ts_flux_fail(run, "%s wants a function, not %s", what, ts_flux_type_text(func.type));
    struct ts_flux_rowfn *rf = ts_flux_arena_alloc(&run->arena, sizeof *rf);
    if (!rf)
        return ts_flux_fail_nomem(run);
    rf->run = run;
    rf->func = func.func;
    rf->what = what;
    ts_flux_arena_init(&rf->fold[0], &run->mem);
    ts_flux_arena_init(&rf->fold[1], &run->mem);
    for (unsigned i = 0; i < func.func->sig->n; i++) {
        const struct ts_flux_param *par = &func.func->sig->params[i];
        if (par->optional)
            continue;
        if (strcmp(par->name->z, "accumulator") == 0)
            rf->acc = par->name;
        else
            rf->row = par->name;
        required++;
    }
    if (!rf->row || required > 1u + (rf->acc != NULL))
        return ts_flux_fail(run, "%s wants a function of one row: (r) => …", what);
    run->heap = &run->arena;
    int rc = rf->acc || func.func->builtin ? 0 : ts_flux_rn_compile(rf, &rf->body);
    run->heap = heap;
    *out = rf;
    return rc;
}

int ts_flux_rowfn_bind(struct ts_flux_rowfn *rf, unsigned ncols, const struct ts_flux_field *cols)
{
    struct ts_flux_arena *arena = &rf->run->arena;
    struct ts_flux_field *fields;
    bool same = rf->shape && rf->ncols == ncols;
    for (unsigned i = 0; same && i < ncols; i++)
        same = rf->fields[i].name == cols[i].name && rf->fields[i].type == cols[i].type;
    if (same)
        return 0;
    struct ts_flux_shape *shape = ts_flux_arena_alloc(arena, sizeof *shape);
    if (!shape || !(shape->names = ts_flux_arena_alloc(arena, ncols * sizeof *shape->names)) ||
        !(fields = ts_flux_arena_alloc(arena, ncols * sizeof *fields)))
        return ts_flux_fail_nomem(rf->run);
    shape->n = ncols;
    for (unsigned i = 0; i < ncols; i++) {
        shape->names[i] = cols[i].name;
        fields[i] = cols[i];
    }
    rf->shape = shape;
    rf->fields = fields;
    rf->ncols = ncols;
    for (struct ts_flux_rn *rn = rf->columns; rn; rn = rn->c) {
        rn->column = -1;
        for (unsigned i = 0; i < ncols; i++)
            if (cols[i].name == rn->name)
                rn->column = (int)i;
    }
    return 0;
}

static int add_need(struct ts_flux_rowfn *rf, const struct ts_flux_name *name)
{
    for (unsigned i = 0; i < rf->nneeds; i++)
        if (rf->needs[i] == name)
            return 0;
    if (rf->nneeds == rf->needs_cap) {
        unsigned cap = TS_MAX(8u, rf->needs_cap * 2);
        const struct ts_flux_name **needs = ts_flux_arena_alloc(&rf->run->arena, cap * sizeof *needs);
        if (!needs)
            return ts_flux_fail_nomem(rf->run);
        if (rf->nneeds)
            memcpy(needs, rf->needs, rf->nneeds * sizeof *needs);
        rf->needs = needs;
        rf->needs_cap = cap;
    }
    rf->needs[rf->nneeds++] = name;
    return 0;
}

/* Members of the row's parameter; the parameter anywhere else may read everything. */
static int scan(struct ts_flux_rowfn *rf, const struct ts_flux_node *ast)
{
    if (!ast || rf->needs_all)
        return 0;
    if (ast->kind == TS_FLUX_N_MEMBER && ast->a->kind == TS_FLUX_N_IDENT && ast->a->name == rf->row)
        return add_need(rf, ast->name);
    if ((ast->kind == TS_FLUX_N_IDENT || (ast->kind == TS_FLUX_N_PROPERTY && !ast->a)) &&
        ast->name == rf->row)
        rf->needs_all = true;
    int rc = 0;
    for (const struct ts_flux_node *n = ast->list; n && rc == 0; n = n->next)
        rc = scan(rf, n);
    rc = rc ? rc : scan(rf, ast->a);
    rc = rc ? rc : scan(rf, ast->b);
    return rc ? rc : scan(rf, ast->c);
}

int ts_flux_rowfn_needs(struct ts_flux_rowfn *rf, const struct ts_flux_name *const **names, unsigned *n,
                        bool *all)
{
    int rc = 0;
    if (!rf->needs_known) {
        if (rf->func->builtin)
            rf->needs_all = true;
        else
            rc = scan(rf, rf->func->node->a);
        rf->needs_known = rc == 0;
    }
    *names = rf->needs;
    *n = rf->nneeds;
    *all = rf->needs_all;
    return rc;
}

/* A builtin as the function: row by row. */
static int each_row(struct ts_flux_rows *rows, struct ts_flux_vec *out)
{
    struct ts_flux_run *run = rows->rf->run;
    struct ts_flux_value *v = ts_flux_new(run, rows->n * sizeof *v);
    int rc = v ? 0 : -TS_EQUERY;
    for (unsigned i = 0; i < rows->n && rc == 0; i++) {
        struct ts_flux_call_arg arg = {rows->rf->row, {0}};
        rc = ts_flux_row_record(rows, i, &arg.value);
        rc = rc ? rc : ts_flux_invoke(run, rows->rf->func, &arg, 1, NULL, run->pos, &v[i]);
    }
    return rc ? rc : ts_flux_vec_of_values(run, rows->n, v, out);
}

static int eval(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                struct ts_flux_vec *out)
{
    struct ts_flux_rows rows = {rf, nrows, NULL, cols, ++rf->epoch};
    int rc = ts_flux_tick(rf->run, nrows);
    if (rc != 0)
        return rc;
    return rf->body ? ts_flux_rn_eval(&rows, rf->body, out) : each_row(&rows, out);
}

/* Calls fn with values going to scratch, and errors placed where they were. */
#define ON_SCRATCH(rf, call)                                                                                 \
    do {                                                                                                     \
        struct ts_flux_arena *heap = (rf)->run->heap;                                                        \
        struct ts_flux_pos pos = (rf)->run->pos;                                                             \
        (rf)->run->heap = &(rf)->run->scratch;                                                               \
        rc = (call);                                                                                         \
        (rf)->run->heap = heap;                                                                              \
        if (rc == 0)                                                                                         \
            (rf)->run->pos = pos;                                                                            \
    } while (0)

int ts_flux_rowfn_eval(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                       struct ts_flux_vec *out)
{
    int rc;
    ON_SCRATCH(rf, eval(rf, nrows, cols, out));
    return rc;
}

/* Values that are records, split into columns: the names of all of them, in the order in which they come. */
static int split(struct ts_flux_rowfn *rf, unsigned n, const struct ts_flux_vec *recs,
                 struct ts_flux_columns *out)
{
    struct ts_flux_run *run = rf->run;
    unsigned cap = 0, total = 0;
    for (unsigned i = 0; i < n; i++) {
        struct ts_flux_value v = ts_flux_vec_get(recs, i);
        if (v.null || v.type != TS_FLUX_RECORD)
            return ts_flux_fail(run, "%s wants a function that returns a record, not %s", rf->what,
                                v.null ? "null" : ts_flux_type_text(v.type));
        cap = TS_MAX(cap, v.record->shape->n);
        total +=
            i == 0 || v.record->shape != ts_flux_vec_get(recs, i - 1).record->shape ? v.record->shape->n : 0;
    }
    cap = TS_MAX(cap, TS_MIN(total, 16384u));
    out->names = ts_flux_new(run, cap * sizeof *out->names);
    struct ts_flux_value *v = ts_flux_new(run, n * sizeof *v);
    out->vecs = ts_flux_new(run, cap * sizeof *out->vecs);
    if (!out->names || !v || !out->vecs)
        return -TS_EQUERY;
    for (unsigned i = 0; i < n; i++) {
        const struct ts_flux_shape *shape = ts_flux_vec_get(recs, i).record->shape;
        for (unsigned p = 0; p < shape->n; p++) {
            unsigned at = 0;
            while (at < out->n && out->names[at] != shape->names[p])
                at++;
            if (at == out->n && out->n == cap)
                return ts_flux_fail(run, "%s makes more than %u columns", rf->what, cap);
            out->names[at] = shape->names[p];
            out->n = TS_MAX(out->n, at + 1);
        }
    }
    int rc = 0;
    for (unsigned c = 0; c < out->n && rc == 0; c++) {
        for (unsigned i = 0; i < n; i++) {
            const struct ts_flux_value *p =
                ts_flux_record_get(ts_flux_vec_get(recs, i).record, out->names[c]);
            v[i] = p ? *p : ts_flux_null(TS_FLUX_NULL);
        }
        rc = ts_flux_vec_of_values(run, n, v, &out->vecs[c]);
    }
    return rc;
}

/* A record literal: its properties are columns already. */
static int literal(struct ts_flux_rows *rows, const struct ts_flux_rn *body, struct ts_flux_columns *out)
{
    struct ts_flux_rowfn *rf = rows->rf;
    unsigned cap = body->n + (body->with_row ? rf->ncols : 0);
    out->names = ts_flux_new(rf->run, cap * sizeof *out->names);
    out->vecs = ts_flux_new(rf->run, cap * sizeof *out->vecs);
    if (!out->names || !out->vecs)
        return -TS_EQUERY;
    for (unsigned i = 0; body->with_row && i < rf->ncols; i++) {
        out->names[i] = rf->fields[i].name;
        out->vecs[i] = rows->cols[i];
        out->n++;
    }
    int rc = 0;
    for (unsigned p = 0; p < body->n && rc == 0; p++) {
        unsigned at = 0;
        while (at < out->n && out->names[at] != body->names[p])
            at++;
        out->names[at] = body->names[p];
        out->n = TS_MAX(out->n, at + 1);
        rc = ts_flux_rn_eval(rows, body->args[p], &out->vecs[at]);
    }
    return rc;
}

static int eval_record(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                       struct ts_flux_columns *out)
{
    struct ts_flux_rows rows = {rf, nrows, NULL, cols, ++rf->epoch};
    struct ts_flux_vec recs;
    *out = (struct ts_flux_columns){0};
    int rc = ts_flux_tick(rf->run, nrows);
    if (rc == 0 && rf->body && rf->body->kind == TS_FLUX_RN_RECORD)
        return literal(&rows, rf->body, out);
    if (rc == 0 && rf->body && rf->body->kind == TS_FLUX_RN_ROW) {
        struct ts_flux_rn all = {.kind = TS_FLUX_RN_RECORD, .with_row = true};
        return literal(&rows, &all, out);
    }
    rc = rc ? rc : eval(rf, nrows, cols, &recs);
    return rc ? rc : split(rf, nrows, &recs, out);
}

int ts_flux_rowfn_eval_record(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                              struct ts_flux_columns *out)
{
    int rc;
    ON_SCRATCH(rf, eval_record(rf, nrows, cols, out));
    return rc;
}

int ts_flux_rowfn_filter(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                         uint64_t *keep, unsigned *nkept)
{
    struct ts_flux_vec vec;
    int rc = ts_flux_rowfn_eval(rf, nrows, cols, &vec);
    *nkept = 0;
    memset(keep, 0, (nrows + 63) / 64 * sizeof *keep);
    if (rc != 0 || vec.type == TS_FLUX_NULL)
        return rc;
    if (vec.type != TS_FLUX_BOOL)
        return ts_flux_fail(rf->run, "%s wants a function that returns a bool, not %s", rf->what,
                            ts_flux_type_text(vec.type));
    if (vec.constant) {
        bool all = !ts_flux_vec_is_null(&vec, 0) && vec.b[0];
        for (unsigned i = 0; all && i < nrows; i++)
            keep[i / 64] |= UINT64_C(1) << (i % 64);
        *nkept = all ? nrows : 0;
        return 0;
    }
    for (unsigned from = 0; from < nrows; from += 64) {
        unsigned n = TS_MIN(64u, nrows - from);
        uint64_t word = 0;
        unsigned i = 0;
        for (uint64_t eight; i + 8 <= n; i += 8) { /* bytes of 0 and 1 into bits, by a product that puts each where it belongs */
            memcpy(&eight, vec.b + from + i, sizeof eight);
            word |= (le64toh(eight) * UINT64_C(0x0102040810204080) >> 56) << i;
        }
        for (; i < n; i++)
            word |= (uint64_t)(vec.b[from + i] != 0) << i;
        if (vec.nulls)
            word &= ~vec.nulls[from / 64];
        keep[from / 64] = word;
        *nkept += (unsigned)__builtin_popcountll(word);
    }
    return 0;
}

/* One accumulator lives while the next is made; each is copied to the arena that the one before the last has
 * left. */
static int fold(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                struct ts_flux_value *acc)
{
    struct ts_flux_run *run = rf->run;
    struct ts_flux_rows rows = {rf, nrows, NULL, cols, ++rf->epoch};
    int rc = ts_flux_tick(run, nrows);
    for (unsigned i = 0; i < nrows && rc == 0; i++) {
        struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
        struct ts_flux_call_arg args[2] = {{rf->row, {0}}, {rf->acc, *acc}};
        struct ts_flux_value next;
        rc = ts_flux_row_record(&rows, i, &args[0].value);
        rc = rc ? rc : ts_flux_invoke(run, rf->func, args, 2, NULL, run->pos, &next);
        if (rc == 0 && next.type != TS_FLUX_RECORD)
            rc = ts_flux_fail(run, "%s wants a function that returns a record, not %s", rf->what,
                              ts_flux_type_text(next.type));
        if (rc == 0) {
            struct ts_flux_arena *to = &rf->fold[i & 1];
            ts_flux_arena_release(to, (struct ts_flux_mark){0});
            rc = ts_flux_value_copy(to, next, acc) == 0 ? 0 : ts_flux_fail_nomem(run);
        }
        ts_flux_arena_release(&run->scratch, mark);
    }
    if (rc == 0 && ts_flux_value_copy(&run->arena, *acc, acc) != 0)
        rc = ts_flux_fail_nomem(run);
    ts_flux_arena_fini(&rf->fold[0]);
    ts_flux_arena_fini(&rf->fold[1]);
    return rc;
}

int ts_flux_rowfn_fold(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                       struct ts_flux_value *acc)
{
    int rc;
    if (!rf->acc)
        return ts_flux_fail(rf->run, "%s wants a function of a row and an accumulator: (r, accumulator) => …",
                            rf->what);
    ON_SCRATCH(rf, fold(rf, nrows, cols, acc));
    return rc;
}
