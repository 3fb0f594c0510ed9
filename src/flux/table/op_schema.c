/*
 * drop, keep, rename, duplicate, set: columns change, rows do not, so chunks share what they do not change.
 * Where the group key may now be that of another table too, tables are collected. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

enum mode { DROP, KEEP, RENAME };

struct mutate_args {
    enum mode mode;
    struct ts_flux_cols cols, to; /* to: new names, of RENAME */
    struct ts_flux_value fn;      /* NONE: by cols */
};

/* What a function has said of a column's name. */
struct decision {
    const struct ts_flux_name *name, *to; /* to NULL: the column goes */
};

struct mutate {
    struct decision *v;
    size_t n, cap;
};

static int ask(struct ts_flux_run *run, const struct mutate_args *args, const struct ts_flux_name *name,
               const struct ts_flux_name **to)
{
    struct ts_flux_named arg = {"column", ts_flux_string(ts_flux_name_str(name))};
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    struct ts_flux_arena *heap = run->heap;
    struct ts_flux_value v;
    run->heap = &run->scratch;
    int rc = ts_flux_call(run, args->fn, &arg, 1, &v);
    run->heap = heap;
    if (rc == 0 && args->mode == RENAME) {
        rc = v.type != TS_FLUX_STRING || v.null
                 ? ts_flux_fail(run, "rename: fn gives a %s, not a string", ts_flux_type_text(v.type))
                 : ts_flux_arg_name(run, v, NULL, to);
    } else if (rc == 0 && v.type != TS_FLUX_BOOL) {
        rc = ts_flux_fail(run, "fn gives a %s, not a bool", ts_flux_type_text(v.type));
    } else if (rc == 0) {
        bool yes = !v.null && v.b;
        *to = yes == (args->mode == KEEP) ? name : NULL;
    }
    ts_flux_arena_release(&run->scratch, mark);
    return rc;
}

static int decide(struct ts_flux_cursor *cur, const struct ts_flux_name *name, const struct ts_flux_name **to)
{
    const struct mutate_args *args = cur->args;
    struct mutate *st = cur->st;
    *to = name;
    if (args->fn.type == TS_FLUX_NONE) {
        bool listed = ts_flux_cols_has(&args->cols, name);
        if (args->mode != RENAME)
            *to = listed == (args->mode == KEEP) ? name : NULL;
        for (unsigned i = 0; args->mode == RENAME && i < args->cols.n; i++)
            if (args->cols.v[i] == name)
                *to = args->to.v[i];
        return 0;
    }
    for (size_t i = 0; i < st->n; i++)
        if (st->v[i].name == name) {
            *to = st->v[i].to;
            return 0;
        }
    int rc = ask(cur->run, args, name, to);
    if (rc)
        return rc;
    if (st->n == st->cap) {
        size_t cap = TS_MAX(st->cap * 2, (size_t)16);
        struct decision *v = ts_flux_mem_alloc(&cur->run->mem, cap * sizeof *v);
        if (!v)
            return ts_flux_fail_nomem(cur->run);
        if (st->n)
            memcpy(v, st->v, st->n * sizeof *v);
        ts_flux_mem_free(&cur->run->mem, st->v, st->cap * sizeof *v);
        st->v = v;
        st->cap = cap;
    }
    st->v[st->n++] = (struct decision){name, *to};
    return 0;
}

static void mutate_close(struct ts_flux_cursor *cur)
{
    struct mutate *st = cur->st;
    ts_flux_mem_free(&cur->run->mem, st->v, st->cap * sizeof *st->v);
}

/* The key after the change; *merges: other tables may get the same. */
static struct ts_flux_key *mutate_key(struct ts_flux_cursor *cur, const struct ts_flux_key *key, bool *merges)
{
    struct ts_flux_run *run = cur->run;
    const struct mutate_args *args = cur->args;
    size_t n = 0, bytes = TS_MAX(key->n, 1u) * sizeof(struct ts_flux_key_col);
    struct ts_flux_key_col *cols = ts_flux_mem_alloc(&run->mem, bytes);
    if (!cols)
        return NULL;
    for (uint32_t i = 0; i < key->n; i++) {
        const struct ts_flux_name *to = NULL;
        if (decide(cur, key->cols[i].name, &to) == 0 && to)
            cols[n++] = (struct ts_flux_key_col){to, key->cols[i].v};
    }
    *merges = args->mode != RENAME && n < key->n;
    struct ts_flux_key *out = ts_flux_key_new(&run->mem, cols, n);
    ts_flux_mem_free(&run->mem, cols, bytes);
    return out;
}

static int check_rename(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct mutate_args *args = cur->args;
    for (unsigned i = 0; i < args->cols.n; i++)
        if (ts_flux_chunk_col(chk, args->cols.v[i]) < 0)
            return ts_flux_fail(cur->run, "rename error: column \"%s\" doesn't exist", args->cols.v[i]->z);
    return 0;
}

static int mutate_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct mutate_args *args = cur->args;
    struct ts_flux_maker mk = TS_FLUX_MAKER(cur->run);
    bool merges = false;
    int rc = args->mode == RENAME && args->fn.type == TS_FLUX_NONE ? check_rename(cur, chk) : 0;
    for (uint32_t i = 0; rc == 0 && i < chk->ncols; i++) {
        const struct ts_flux_name *to;
        rc = decide(cur, chk->cols[i].name, &to);
        if (rc == 0 && to && args->mode == RENAME && ts_flux_maker_find(&mk, to) >= 0)
            rc = ts_flux_fail(cur->run, "rename error: column \"%s\" already exists", to->z);
        if (rc == 0 && to)
            ts_flux_maker_add(&mk, to, ts_flux_column_ref(chk->cols[i].col));
    }
    if (rc || mk.n == 0) {
        ts_flux_maker_drop(&mk);
        return rc;
    }
    struct ts_flux_key *key = mutate_key(cur, chk->key, &merges);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, chk->n);
    ts_flux_key_unref(&key);
    return merges ? ts_flux_collect(cur, out) : ts_flux_emit(cur, out);
}

static const struct ts_flux_operator mutate_op = {
    .name = "columns", .state = sizeof(struct mutate), .feed = mutate_feed, .close = mutate_close};

static int plan_mutate(struct ts_flux_run *run, const struct ts_flux_args *args, enum mode mode,
                       const char *what, struct ts_flux_value *out)
{
    struct mutate_args ma = {.mode = mode, .fn = args->v[2]};
    if (ts_flux_given(args, 1) == ts_flux_given(args, 2))
        return ts_flux_fail(run, "%s error: %s column list and predicate function provided", what,
                            ts_flux_given(args, 1) ? "both" : "neither");
    int rc = mode == RENAME ? 0 : ts_flux_arg_cols(run, args->v[1], "", &ma.cols);
    if (rc == 0 && mode == RENAME && ts_flux_given(args, 1)) {
        const struct ts_flux_record *rec = args->v[1].record;
        ma.cols.n = ma.to.n = rec->shape->n;
        ma.cols.v = rec->shape->names;
        ma.to.v = ts_flux_arena_alloc(&run->arena, rec->shape->n * sizeof *ma.to.v);
        if (!ma.to.v)
            return ts_flux_fail_nomem(run);
        for (uint32_t i = 0; rc == 0 && i < rec->shape->n; i++) {
            if (rec->v[i].type != TS_FLUX_STRING || rec->v[i].null)
                return ts_flux_fail(run, "rename: columns.%s is not a string", rec->shape->names[i]->z);
            rc = ts_flux_arg_name(run, rec->v[i], NULL, &ma.to.v[i]);
        }
    }
    return rc ? rc : ts_flux_plan(run, &mutate_op, &ma, sizeof ma, args->v[0].stream, out);
}

int ts_flux_op_drop(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_mutate(run, args, DROP, "drop", out);
}

int ts_flux_op_keep(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_mutate(run, args, KEEP, "keep", out);
}

int ts_flux_op_rename(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return plan_mutate(run, args, RENAME, "rename", out);
}

struct duplicate_args {
    const struct ts_flux_name *column, *as;
};

static int duplicate_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct duplicate_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_column *col = ts_flux_chunk_column(chk, args->column);
    if (!col)
        return ts_flux_fail(run, "duplicate error: column \"%s\" doesn't exist", args->column->z);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_share_all(&mk, chk);
    ts_flux_maker_add(&mk, args->as, ts_flux_column_ref(col));
    bool keyed = ts_flux_key_get(chk->key, args->as) != NULL;
    const struct ts_flux_value *v = ts_flux_key_get(chk->key, args->column);
    struct ts_flux_key *key =
        keyed ? ts_flux_key_with(run, chk->key, args->as, v ? *v : (struct ts_flux_value){0})
              : ts_flux_key_ref(chk->key);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, chk->n);
    ts_flux_key_unref(&key);
    return keyed ? ts_flux_collect(cur, out) : ts_flux_emit(cur, out);
}

static const struct ts_flux_operator duplicate_op = {.name = "duplicate", .feed = duplicate_feed};

int ts_flux_op_duplicate(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct duplicate_args da;
    int rc = ts_flux_arg_name(run, args->v[1], "", &da.column);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[2], "", &da.as);
    return rc ? rc : ts_flux_plan(run, &duplicate_op, &da, sizeof da, args->v[0].stream, out);
}

struct set_args {
    unsigned n;
    const struct ts_flux_name **names;
    const struct ts_flux_value *values;
    bool any_type; /* of experimental.set: the column may have another type */
};

static int set_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct set_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_key *key = ts_flux_key_ref(chk->key);
    bool keyed = false;
    ts_flux_maker_share_all(&mk, chk);
    for (unsigned i = 0; i < args->n; i++) {
        struct ts_flux_column *was = ts_flux_chunk_column(chk, args->names[i]);
        if (was && was->type != args->values[i].type && was->type != TS_FLUX_NULL && !args->any_type) {
            ts_flux_maker_drop(&mk);
            ts_flux_key_unref(&key);
            return ts_flux_fail(run, "set: column \"%s\" is a %s, not a string", args->names[i]->z,
                                ts_flux_type_text(was->type));
        }
        ts_flux_maker_const(&mk, args->names[i], args->values[i]);
        if (key && ts_flux_key_get(key, args->names[i])) {
            struct ts_flux_key *with = ts_flux_key_with(run, key, args->names[i], args->values[i]);
            ts_flux_key_unref(&key);
            key = with;
            keyed = true;
        }
    }
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, chk->n);
    ts_flux_key_unref(&key);
    return keyed ? ts_flux_collect(cur, out) : ts_flux_emit(cur, out);
}

static const struct ts_flux_operator set_op = {.name = "set", .feed = set_feed};

int ts_flux_op_set(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct set_args sa = {.n = 1};
    struct ts_flux_value *v = ts_flux_arena_alloc(&run->arena, sizeof *v);
    sa.names = ts_flux_arena_alloc(&run->arena, sizeof *sa.names);
    if (!v || !sa.names)
        return ts_flux_fail_nomem(run);
    *v = args->v[2];
    sa.values = v;
    int rc = ts_flux_arg_name(run, args->v[1], "", &sa.names[0]);
    return rc ? rc : ts_flux_plan(run, &set_op, &sa, sizeof sa, args->v[0].stream, out);
}

int ts_flux_op_experimental_set(struct ts_flux_run *run, const struct ts_flux_args *args,
                                struct ts_flux_value *out)
{
    const struct ts_flux_record *rec = args->v[1].record;
    struct set_args sa = {.n = rec->shape->n, .names = rec->shape->names, .values = rec->v, .any_type = true};
    for (unsigned i = 0; i < sa.n; i++)
        if (!ts_flux_is_column(rec->v[i].type))
            return ts_flux_fail(run, "set: o.%s is a %s, which no column can be", sa.names[i]->z,
                                ts_flux_type_text(rec->v[i].type));
    return ts_flux_plan(run, &set_op, &sa, sizeof sa, args->v[0].stream, out);
}
