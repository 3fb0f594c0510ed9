/*
 * join(): rows of two streams that agree in the columns `on`. Every table of one side meets those of the
 * other whose group key does not contradict it in these columns; both are sorted by them and merged. Columns
 * that both sides have take the side's name behind theirs. Both streams are held in memory. Thread: the
 * query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

struct join_args {
    struct ts_flux_cols on;
    struct ts_str side[2]; /* the streams' names */
};

struct join {
    struct ts_flux_chunks side[2]; /* sorted by `on` */
    bool filled;
};

static void join_close(struct ts_flux_cursor *cur)
{
    struct join *st = cur->st;
    for (int s = 0; s < 2; s++)
        ts_flux_chunks_fini(cur->run, &st->side[s]);
}

static int read_side(struct ts_flux_cursor *cur, int s)
{
    const struct join_args *args = cur->args;
    struct join *st = cur->st;
    struct ts_flux_chunk *ahead = NULL, *chk, *sorted;
    int rc;
    while ((rc = ts_flux_next_table(cur->in[s], &ahead, &chk)) == 0 && chk) {
        bool all = true;
        for (unsigned i = 0; i < args->on.n; i++)
            all = all && ts_flux_chunk_col(chk, args->on.v[i]) >= 0;
        if (all && chk->n) { /* a table that lacks a column has no partner */
            rc = ts_flux_sort_chunk(cur->run, chk, &args->on, false, &sorted);
            rc = rc ? rc : ts_flux_chunks_push(cur->run, &st->side[s], sorted);
        }
        ts_flux_chunk_unref(&chk);
        if (rc)
            break;
    }
    ts_flux_chunk_unref(&ahead);
    return rc;
}

/* Whether no column of `on` has different values in both group keys. */
static bool meet(const struct ts_flux_cols *on, const struct ts_flux_chunk *a, const struct ts_flux_chunk *b)
{
    for (unsigned i = 0; i < on->n; i++) {
        const struct ts_flux_value *x = ts_flux_key_get(a->key, on->v[i]),
                                   *y = ts_flux_key_get(b->key, on->v[i]);
        if (x && y && !(x->null && y->null) && (x->null || y->null || !ts_flux_value_same(*x, *y)))
            return false;
    }
    return true;
}

/* Order of row i of a and row j of b by `on`. */
static int cmp(const struct ts_flux_cols *on, const struct ts_flux_chunk *a, size_t i,
               const struct ts_flux_chunk *b, size_t j)
{
    for (unsigned k = 0; k < on->n; k++) {
        struct ts_flux_value x = ts_flux_column_get(ts_flux_chunk_column(a, on->v[k]), i);
        struct ts_flux_value y = ts_flux_column_get(ts_flux_chunk_column(b, on->v[k]), j);
        if (x.type != y.type)
            return (int)x.type - (int)y.type;
        int c = ts_flux_value_cmp(x, y);
        if (c)
            return c;
    }
    return 0;
}

static bool any_null(const struct ts_flux_cols *on, const struct ts_flux_chunk *a, size_t i)
{
    for (unsigned k = 0; k < on->n; k++)
        if (ts_flux_column_null(ts_flux_chunk_column(a, on->v[k]), i))
            return true;
    return false;
}

/* Pairs of row numbers. */
struct pairs {
    uint32_t *v[2];
    size_t n, cap;
};

static bool add_pair(struct ts_flux_mem *mem, struct pairs *pr, size_t i, size_t j)
{
    if (pr->n == pr->cap) {
        size_t cap = TS_MAX(pr->cap * 2, (size_t)256);
        for (int s = 0; s < 2; s++) {
            uint32_t *v = ts_flux_mem_alloc(mem, cap * sizeof *v);
            if (!v) {
                if (s == 1) { /* the first has grown already: give up both, the join is lost anyway */
                    ts_flux_mem_free(mem, pr->v[0], cap * sizeof *v);
                    ts_flux_mem_free(mem, pr->v[1], pr->cap * sizeof *v);
                    *pr = (struct pairs){0};
                }
                return false;
            }
            if (pr->n)
                memcpy(v, pr->v[s], pr->n * sizeof *v);
            ts_flux_mem_free(mem, pr->v[s], pr->cap * sizeof *v);
            pr->v[s] = v;
        }
        pr->cap = cap;
    }
    pr->v[0][pr->n] = (uint32_t)i;
    pr->v[1][pr->n++] = (uint32_t)j;
    return true;
}

static int merge(struct ts_flux_cursor *cur, const struct ts_flux_chunk *a, const struct ts_flux_chunk *b,
                 struct pairs *pr)
{
    const struct join_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    size_t i = 0, j = 0;
    while (i < a->n && j < b->n) {
        int c = any_null(&args->on, a, i) ? -1 : any_null(&args->on, b, j) ? 1 : cmp(&args->on, a, i, b, j);
        i += c < 0;
        j += c > 0;
        if (c)
            continue;
        size_t to = j;
        for (; to < b->n && cmp(&args->on, a, i, b, to) == 0; to++)
            if (!add_pair(&run->mem, pr, i, to))
                return ts_flux_fail_nomem(run);
        int rc = ts_flux_tick(run, to - j);
        if (rc)
            return rc;
        i++;
    }
    return 0;
}

/* The name that a column of one side has in the result. */
static int out_name(struct ts_flux_cursor *cur, const struct ts_flux_name *name, int s,
                    const struct ts_flux_chunk *other, const struct ts_flux_name **out)
{
    const struct join_args *args = cur->args;
    *out = name;
    if (ts_flux_cols_has(&args->on, name) || ts_flux_chunk_col(other, name) < 0)
        return 0;
    struct ts_buf text = TS_BUF_INIT;
    ts_buf_put_str(&text, ts_flux_name_str(name));
    ts_buf_putc(&text, '_');
    ts_buf_put_str(&text, args->side[s]);
    *out = ts_buf_failed(&text) ? NULL : ts_flux_name_of(&cur->run->names, ts_buf_str(&text));
    ts_buf_fini(&text);
    return *out ? 0 : ts_flux_fail_nomem(cur->run);
}

static int give(struct ts_flux_cursor *cur, struct ts_flux_chunk *const tbl[2], const struct pairs *pr)
{
    const struct join_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    struct ts_flux_key_col *keys =
        ts_flux_arena_alloc(&run->scratch, (tbl[0]->key->n + tbl[1]->key->n) * sizeof *keys);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    size_t nkeys = 0;
    int rc = keys ? 0 : ts_flux_fail_nomem(run);
    for (int s = 0; s < 2; s++) {
        for (uint32_t i = 0; rc == 0 && i < tbl[s]->ncols; i++) {
            const struct ts_flux_name *name, *was = tbl[s]->cols[i].name;
            const struct ts_flux_value *v = ts_flux_key_get(tbl[s]->key, was);
            rc = out_name(cur, was, s, tbl[1 - s], &name);
            if (rc)
                break;
            bool on = ts_flux_cols_has(&args->on, was);
            if (v && (!on || s == 0 || !ts_flux_key_get(tbl[0]->key, was)))
                keys[nkeys++] = (struct ts_flux_key_col){name, *v};
            if (!on || s == 0)
                ts_flux_maker_add(&mk, name, ts_flux_column_gather(tbl[s]->cols[i].col, pr->v[s], pr->n));
        }
    }
    ts_flux_maker_sort(&mk);
    struct ts_flux_key *key = rc ? NULL : ts_flux_key_new(&run->mem, keys, nkeys);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, pr->n);
    ts_flux_key_unref(&key);
    ts_flux_arena_release(&run->scratch, mark);
    if (rc) {
        ts_flux_chunk_unref(&out);
        return rc;
    }
    return ts_flux_collect(cur, out);
}

static int join_tables(struct ts_flux_cursor *cur, struct ts_flux_chunk *a, struct ts_flux_chunk *b)
{
    struct ts_flux_mem *mem = &cur->run->mem;
    struct pairs pr = {0};
    struct ts_flux_chunk *const tbl[2] = {a, b};
    int rc = merge(cur, a, b, &pr);
    if (rc == 0 && pr.n)
        rc = give(cur, tbl, &pr);
    for (int s = 0; s < 2; s++)
        ts_flux_mem_free(mem, pr.v[s], pr.cap * sizeof(uint32_t));
    return rc;
}

static int join_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    const struct join_args *args = cur->args;
    struct join *st = cur->st;
    int rc = 0;
    for (int s = 0; rc == 0 && !st->filled && s < 2; s++)
        rc = read_side(cur, s);
    for (size_t i = 0; rc == 0 && !st->filled && i < st->side[0].n; i++) {
        for (size_t j = 0; rc == 0 && j < st->side[1].n; j++)
            if (meet(&args->on, st->side[0].v[i], st->side[1].v[j]))
                rc = join_tables(cur, st->side[0].v[i], st->side[1].v[j]);
        rc = rc ? rc : ts_flux_tick(cur->run, 1);
    }
    if (rc)
        return rc;
    st->filled = true;
    return cur->tables ? ts_flux_tables_take(cur->tables, out) : 0;
}

static const struct ts_flux_operator join_op = {
    .name = "join", .state = sizeof(struct join), .next = join_next, .close = join_close};

int ts_flux_op_join(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    const struct ts_flux_record *rec = args->v[0].record;
    struct join_args *ja = ts_flux_arena_alloc(&run->arena, sizeof *ja);
    if (!ja)
        return ts_flux_fail_nomem(run);
    if (ts_flux_given(args, 1) && !ts_flux_is(args->v[1], "inner"))
        return ts_flux_fail(run, "method must be \"inner\"");
    if (rec->shape->n != 2)
        return ts_flux_fail(run, "joins currently must have two parents, but tables has %u", rec->shape->n);
    int rc = ts_flux_arg_cols(run, args->v[2], "", &ja->on);
    if (rc == 0 && ja->on.n == 0)
        return ts_flux_fail(run, "at least one column in 'on' column list is required");
    for (unsigned i = 1; rc == 0 && i < ja->on.n;
         i++) /* rows are sorted by the columns in the order of their names */
        for (unsigned k = i;
             k > 0 && ts_str_cmp(ts_flux_name_str(ja->on.v[k - 1]), ts_flux_name_str(ja->on.v[k])) > 0; k--) {
            const struct ts_flux_name *name = ja->on.v[k];
            ja->on.v[k] = ja->on.v[k - 1];
            ja->on.v[k - 1] = name;
        }
    int first =
        ts_str_cmp(ts_flux_name_str(rec->shape->names[0]), ts_flux_name_str(rec->shape->names[1])) > 0;
    struct ts_flux_stream *from[2];
    for (int s = 0; rc == 0 && s < 2; s++) {
        struct ts_flux_value v = rec->v[first ^ s];
        if (v.type != TS_FLUX_STREAM || v.null)
            return ts_flux_fail(run, "join: tables.%s is a %s", rec->shape->names[first ^ s]->z,
                                ts_flux_type_text(v.type));
        from[s] = v.stream;
        ja->side[s] = ts_flux_name_str(rec->shape->names[first ^ s]);
    }
    struct ts_flux_stream *stream = rc ? NULL : ts_flux_stream_new(&run->arena, &join_op, ja, from, 2);
    if (rc == 0 && !stream)
        return ts_flux_fail_nomem(run);
    *out = ts_flux_stream_value(stream);
    return rc;
}
