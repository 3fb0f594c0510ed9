/*
 * join.tables() and experimental.join(): tables of two streams that have the same group key, joined by equal
 * columns. Both tables are sorted by these and merged; a function makes the row of each pair. A row without
 * partner meets a record of nulls that has the group key's values. Both streams are held in memory. Thread:
 * the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/exec/exec_interp.h"

enum { LEFT, RIGHT };

struct equi_args {
    struct ts_flux_cols on[2];
    bool outer[2]; /* rows of this side without partner stay */
    struct ts_flux_value as;
    const char *names[2]; /* of as's parameters */
};

struct equi {
    struct ts_flux_chunks side[2]; /* whole tables, sorted by `on` */
    bool filled;
};

static void equi_close(struct ts_flux_cursor *cur)
{
    struct equi *st = cur->st;
    for (int s = 0; s < 2; s++)
        ts_flux_chunks_fini(cur->run, &st->side[s]);
}

static int read_side(struct ts_flux_cursor *cur, int s)
{
    const struct equi_args *args = cur->args;
    struct equi *st = cur->st;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_chunk *ahead = NULL, *chk, *sorted;
    int rc;
    while ((rc = ts_flux_next_table(cur->in[s], &ahead, &chk)) == 0 && chk) {
        for (unsigned i = 0; rc == 0 && i < args->on[s].n; i++)
            if (chk->n && ts_flux_chunk_col(chk, args->on[s].v[i]) < 0)
                rc = ts_flux_fail(run, "table is missing column '%s'", args->on[s].v[i]->z);
        rc = rc ? rc : ts_flux_sort_chunk(run, chk, &args->on[s], false, &sorted);
        rc = rc ? rc : ts_flux_chunks_push(run, &st->side[s], sorted);
        ts_flux_chunk_unref(&chk);
        if (rc)
            break;
    }
    ts_flux_chunk_unref(&ahead);
    return rc;
}

/* ---- rows of results: columns that appear and take their type as values come ---- */

struct out_col {
    const struct ts_flux_name *name;
    struct ts_flux_column *col; /* NULL: only nulls without a type so far */
};

struct out {
    struct ts_flux_run *run;
    struct out_col *v;
    size_t n, cap, rows;
};

static void out_fini(struct out *out)
{
    for (size_t i = 0; i < out->n; i++)
        ts_flux_column_unref(&out->v[i].col);
    ts_flux_mem_free(&out->run->mem, out->v, out->cap * sizeof *out->v);
}

static struct out_col *out_find(struct out *out, const struct ts_flux_name *name, size_t hint)
{
    if (hint < out->n && out->v[hint].name == name)
        return &out->v[hint];
    for (size_t i = 0; i < out->n; i++)
        if (out->v[i].name == name)
            return &out->v[i];
    if (out->n == out->cap) {
        size_t cap = TS_MAX(out->cap * 2, (size_t)16);
        struct out_col *v = ts_flux_mem_alloc(&out->run->mem, cap * sizeof *v);
        if (!v)
            return NULL;
        if (out->n)
            memcpy(v, out->v, out->n * sizeof *v);
        ts_flux_mem_free(&out->run->mem, out->v, out->cap * sizeof *v);
        out->v = v;
        out->cap = cap;
    }
    out->v[out->n] = (struct out_col){name, NULL};
    return &out->v[out->n++];
}

/* Fills a column up to `rows` with nulls. */
static bool pad(struct ts_flux_column *col, size_t rows)
{
    while (col->n < rows)
        if (ts_flux_column_push(col, ts_flux_null(col->type)))
            return false;
    return true;
}

static int out_add(struct out *out, const struct ts_flux_record *rec)
{
    for (uint32_t i = 0; i < rec->shape->n; i++) {
        struct ts_flux_value v = rec->v[i];
        struct out_col *oc = out_find(out, rec->shape->names[i], i);
        if (!oc)
            return ts_flux_fail_nomem(out->run);
        if (v.type == TS_FLUX_NULL)
            continue;
        if (!ts_flux_is_column(v.type))
            return ts_flux_fail(out->run, "join: property \"%s\" is a %s, which no column can be",
                                oc->name->z, ts_flux_type_text(v.type));
        if (!oc->col)
            oc->col = ts_flux_column_new(&out->run->mem, v.type, out->rows + 16);
        if (oc->col && oc->col->type != v.type && !v.null)
            return ts_flux_fail(out->run, "join: column \"%s\" is both of type %s and %s", oc->name->z,
                                ts_flux_type_text(oc->col->type), ts_flux_type_text(v.type));
        if (!oc->col || !pad(oc->col, out->rows) || ts_flux_column_push(oc->col, v))
            return ts_flux_fail_nomem(out->run);
    }
    out->rows++;
    return 0;
}

/* ---- pairs ---- */

/* One side of the tables being joined; chk NULL: there is none, like has its columns. */
struct table {
    const struct ts_flux_chunk *chk, *like;
    const struct ts_flux_shape *shape;
};

/* Row `row` as a record; SIZE_MAX: none, nulls but for the key. */
static int record(struct ts_flux_run *run, const struct table *tbl, const struct ts_flux_key *key, size_t row,
                  struct ts_flux_value *out)
{
    struct ts_flux_value *values;
    int rc = ts_flux_make_record(run, tbl->shape, &values, out);
    for (uint32_t i = 0; rc == 0 && i < tbl->shape->n; i++) {
        const struct ts_flux_slot *slot = &tbl->like->cols[i];
        const struct ts_flux_value *v = ts_flux_key_get(key, slot->name);
        values[i] = row != SIZE_MAX ? ts_flux_column_get(slot->col, row)
                    : v             ? *v
                                    : ts_flux_null(slot->col->type);
    }
    return rc;
}

static int pair(struct ts_flux_cursor *cur, struct table tbl[2], const struct ts_flux_key *key, size_t l,
                size_t r, struct out *out)
{
    const struct equi_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    struct ts_flux_arena *heap = run->heap;
    struct ts_flux_named named[2] = {{.name = args->names[0]}, {.name = args->names[1]}};
    struct ts_flux_value v;
    run->heap = &run->scratch;
    int rc = record(run, &tbl[LEFT], key, l, &named[0].value);
    rc = rc ? rc : record(run, &tbl[RIGHT], key, r, &named[1].value);
    rc = rc ? rc : ts_flux_call(run, args->as, named, 2, &v);
    if (rc == 0 && (v.type != TS_FLUX_RECORD || v.null))
        rc = ts_flux_fail(run, "join: the function gives a %s, not a record", ts_flux_type_text(v.type));
    rc = rc ? rc : out_add(out, v.record);
    run->heap = heap;
    ts_flux_arena_release(&run->scratch, mark);
    return rc ? rc : ts_flux_tick(run, 1);
}

static bool null_row(const struct equi_args *args, int s, const struct ts_flux_chunk *chk, size_t row)
{
    for (unsigned k = 0; k < args->on[s].n; k++)
        if (ts_flux_column_null(ts_flux_chunk_column(chk, args->on[s].v[k]), row))
            return true;
    return false;
}

static int compare(const struct equi_args *args, const struct ts_flux_chunk *a, size_t i,
                   const struct ts_flux_chunk *b, size_t j)
{
    for (unsigned k = 0; k < args->on[LEFT].n; k++) {
        struct ts_flux_value x = ts_flux_column_get(ts_flux_chunk_column(a, args->on[LEFT].v[k]), i);
        struct ts_flux_value y = ts_flux_column_get(ts_flux_chunk_column(b, args->on[RIGHT].v[k]), j);
        int c = x.type != y.type ? (int)x.type - (int)y.type : ts_flux_value_cmp(x, y);
        if (c)
            return c;
    }
    return 0;
}

static int merge(struct ts_flux_cursor *cur, struct table tbl[2], const struct ts_flux_key *key,
                 struct out *out)
{
    const struct equi_args *args = cur->args;
    const struct ts_flux_chunk *a = tbl[LEFT].chk, *b = tbl[RIGHT].chk;
    size_t i = 0, j = 0, na = a ? a->n : 0, nb = b ? b->n : 0;
    int rc = 0;
    while (rc == 0 && (i < na || j < nb)) {
        int c = i == na                       ? 1
                : j == nb                     ? -1
                : null_row(args, LEFT, a, i)  ? -1
                : null_row(args, RIGHT, b, j) ? 1
                                              : compare(args, a, i, b, j);
        if (c < 0) {
            rc = args->outer[LEFT] ? pair(cur, tbl, key, i, SIZE_MAX, out) : 0;
            i++;
        } else if (c > 0) {
            rc = args->outer[RIGHT] ? pair(cur, tbl, key, SIZE_MAX, j, out) : 0;
            j++;
        } else {
            size_t ito = i + 1, jto = j + 1;
            while (ito < na && compare(args, a, ito, b, j) == 0)
                ito++;
            while (jto < nb && compare(args, a, i, b, jto) == 0)
                jto++;
            for (; rc == 0 && i < ito; i++)
                for (size_t k = j; rc == 0 && k < jto; k++)
                    rc = pair(cur, tbl, key, i, k, out);
            j = jto;
        }
    }
    return rc;
}

static int give(struct ts_flux_cursor *cur, struct ts_flux_key *key, struct out *out)
{
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    const struct ts_flux_name **names = ts_flux_arena_alloc(&run->scratch, key->n * sizeof *names);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    bool ok = names != NULL;
    for (size_t i = 0; ok && i < out->n; i++) {
        if (!out->v[i].col)
            continue;
        ok = pad(out->v[i].col, out->rows);
        ts_flux_maker_add(&mk, out->v[i].name, ts_flux_column_ref(out->v[i].col));
    }
    ts_flux_maker_sort(&mk);
    int rc = ok ? 0 : ts_flux_fail_nomem(run);
    for (uint32_t i = 0; rc == 0 && i < key->n; i++) {
        names[i] = key->cols[i].name;
        if (ts_flux_maker_find(&mk, names[i]) < 0)
            rc = ts_flux_fail(run, "join cannot modify group key: output record is missing column '%s'",
                              names[i]->z);
    }
    struct ts_flux_chunk *chk = NULL;
    if (rc == 0) {
        chk = ts_flux_maker_end(&mk, key, out->rows);
        rc = chk ? ts_flux_regroup(cur, chk, names, key->n) : ts_flux_fail_nomem(run);
    }
    ts_flux_maker_drop(&mk);
    ts_flux_chunk_unref(&chk);
    ts_flux_arena_release(&run->scratch, mark);
    return rc;
}

static int shape_of(struct ts_flux_run *run, const struct ts_flux_chunk *like,
                    const struct ts_flux_shape **out)
{
    struct ts_flux_shape *shape = ts_flux_arena_alloc(&run->arena, sizeof *shape);
    uint32_t n = like ? like->ncols : 0;
    if (!shape || !(shape->names = ts_flux_arena_alloc(&run->arena, n * sizeof *shape->names)))
        return ts_flux_fail_nomem(run);
    shape->n = n;
    for (uint32_t i = 0; i < n; i++)
        shape->names[i] = like->cols[i].name;
    *out = shape;
    return 0;
}

/* The tables of one group key; either may be missing. */
static int join_pair(struct ts_flux_cursor *cur, struct ts_flux_chunk *l, struct ts_flux_chunk *r)
{
    struct equi *st = cur->st;
    struct ts_flux_chunk *chk[2] = {l, r};
    struct ts_flux_key *key = l ? l->key : r->key;
    struct table tbl[2];
    struct out out = {.run = cur->run};
    int rc = 0;
    for (int s = 0; rc == 0 && s < 2; s++) {
        tbl[s] = (struct table){chk[s], chk[s] ? chk[s] : st->side[s].n ? st->side[s].v[0] : NULL, NULL};
        rc = shape_of(cur->run, tbl[s].like, &tbl[s].shape);
    }
    rc = rc ? rc : merge(cur, tbl, key, &out);
    if (rc == 0 && out.rows)
        rc = give(cur, key, &out);
    out_fini(&out);
    return rc;
}

static struct ts_flux_chunk *partner(const struct ts_flux_chunks *side, const struct ts_flux_key *key)
{
    for (size_t i = 0; i < side->n; i++)
        if (ts_flux_key_eq(side->v[i]->key, key))
            return side->v[i];
    return NULL;
}

static int equi_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    struct equi *st = cur->st;
    int rc = 0;
    if (!st->filled) {
        rc = read_side(cur, LEFT);
        rc = rc ? rc : read_side(cur, RIGHT);
        for (size_t i = 0; rc == 0 && i < st->side[LEFT].n; i++)
            rc = join_pair(cur, st->side[LEFT].v[i], partner(&st->side[RIGHT], st->side[LEFT].v[i]->key));
        for (size_t i = 0; rc == 0 && i < st->side[RIGHT].n; i++)
            if (!partner(&st->side[LEFT], st->side[RIGHT].v[i]->key))
                rc = join_pair(cur, NULL, st->side[RIGHT].v[i]);
    }
    if (rc)
        return rc;
    st->filled = true;
    return cur->tables ? ts_flux_tables_take(cur->tables, out) : 0;
}

static const struct ts_flux_operator equi_op = {
    .name = "join", .state = sizeof(struct equi), .next = equi_next, .close = equi_close};

/* ---- the predicate: (l, r) => l.a == r.b and … ---- */

static const struct ts_flux_node *bare(const struct ts_flux_node *node)
{
    for (;;) {
        if (node->kind == TS_FLUX_N_PAREN)
            node = node->a;
        else if (node->kind == TS_FLUX_N_BLOCK && node->list && node->list->kind == TS_FLUX_N_RETURN)
            node = node->list->a;
        else
            return node;
    }
}

static bool member_of(const struct ts_flux_node *node, const char *record)
{
    return node->kind == TS_FLUX_N_MEMBER && node->a->kind == TS_FLUX_N_IDENT &&
           ts_str_eq(ts_flux_name_str(node->a->name), ts_str_of(record));
}

static unsigned comparisons(const struct ts_flux_node *node)
{
    node = bare(node);
    return node->kind == TS_FLUX_N_LOGICAL ? comparisons(node->a) + comparisons(node->b) : 1;
}

static int read_predicate(struct ts_flux_run *run, const struct ts_flux_node *node, struct equi_args *ea)
{
    node = bare(node);
    if (node->kind == TS_FLUX_N_LOGICAL && node->op == TS_FLUX_OP_AND) {
        int rc = read_predicate(run, node->a, ea);
        return rc ? rc : read_predicate(run, node->b, ea);
    }
    if (node->kind != TS_FLUX_N_BINARY || node->op != TS_FLUX_OP_EQ)
        return ts_flux_fail(
            run, "illegal comparison in join predicate: must be l.column == r.column, joined by `and`");
    const struct ts_flux_node *a = bare(node->a), *b = bare(node->b);
    if (member_of(a, "r")) {
        const struct ts_flux_node *swap = a;
        a = b;
        b = swap;
    }
    if (!member_of(a, "l") || !member_of(b, "r"))
        return ts_flux_fail(
            run, "illegal comparison in join predicate: one side must be a column of l, the other one of r");
    ea->on[LEFT].v[ea->on[LEFT].n++] = a->name;
    ea->on[RIGHT].v[ea->on[RIGHT].n++] = b->name;
    return 0;
}

static int plan_equi(struct ts_flux_run *run, const struct equi_args *ea, struct ts_flux_stream *left,
                     struct ts_flux_stream *right, struct ts_flux_value *out)
{
    struct equi_args *copy = ts_flux_arena_alloc(&run->arena, sizeof *copy);
    struct ts_flux_stream *from[2] = {left, right};
    struct ts_flux_stream *stream = copy ? ts_flux_stream_new(&run->arena, &equi_op, copy, from, 2) : NULL;
    if (!stream)
        return ts_flux_fail_nomem(run);
    *copy = *ea;
    *out = ts_flux_stream_value(stream);
    return 0;
}

int ts_flux_op_join_tables(struct ts_flux_run *run, const struct ts_flux_args *args,
                           struct ts_flux_value *out)
{
    const struct ts_flux_func *on = args->v[2].func;
    struct equi_args ea = {.as = args->v[3], .names = {"l", "r"}};
    bool full = ts_flux_is(args->v[4], "full");
    ea.outer[LEFT] = full || ts_flux_is(args->v[4], "left");
    ea.outer[RIGHT] = full || ts_flux_is(args->v[4], "right");
    if (!ea.outer[LEFT] && !ea.outer[RIGHT] && !ts_flux_is(args->v[4], "inner"))
        return ts_flux_fail(run, "invalid join method: must be \"inner\", \"left\", \"right\" or \"full\"");
    if (!on->node)
        return ts_flux_fail(run, "join: on must be a function literal");
    unsigned n = comparisons(on->node->a);
    for (int s = 0; s < 2; s++)
        if (!(ea.on[s].v = ts_flux_arena_alloc(&run->arena, n * sizeof *ea.on[s].v)))
            return ts_flux_fail_nomem(run);
    int rc = read_predicate(run, on->node->a, &ea);
    return rc ? rc : plan_equi(run, &ea, args->v[0].stream, args->v[1].stream, out);
}

int ts_flux_op_experimental_join(struct ts_flux_run *run, const struct ts_flux_args *args,
                                 struct ts_flux_value *out)
{
    struct equi_args ea = {.as = args->v[2], .names = {"left", "right"}};
    for (int s = 0; s < 2; s++) {
        int rc = ts_flux_arg_cols(run, (struct ts_flux_value){0}, "_time", &ea.on[s]);
        if (rc)
            return rc;
    }
    return plan_equi(run, &ea, args->v[0].stream, args->v[1].stream, out);
}
