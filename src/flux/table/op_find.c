/*
 * tableFind, getColumn, getRecord, findColumn, findRecord, yield: plans that run while the script is
 * evaluated, and results that it names. A table found becomes a stream of that one table. Thread: the
 * query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

struct found_args {
    struct ts_flux_chunk *chk;
};

struct found {
    bool done;
};

static int found_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    const struct found_args *args = cur->args;
    struct found *st = cur->st;
    if (!st->done)
        *out = ts_flux_chunk_ref(args->chk);
    st->done = true;
    return 0;
}

static const struct ts_flux_operator found_op = {
    .name = "tableFind", .state = sizeof(struct found), .next = found_next};

/* Chunks that plans hold on to, until the query ends. */
struct held {
    struct ts_flux_chunk *chk;
    struct held *next;
};

static void release(struct ts_flux_run *run)
{
    for (struct held *held = run->stream_state; held; held = held->next)
        ts_flux_chunk_unref(&held->chk);
    run->stream_state = NULL;
}

static int hold(struct ts_flux_run *run, struct ts_flux_chunk *chk)
{
    struct held *held = ts_flux_arena_alloc(&run->arena, sizeof *held);
    if (!held) {
        ts_flux_chunk_unref(&chk);
        return ts_flux_fail_nomem(run);
    }
    *held = (struct held){chk, run->stream_state};
    run->stream_state = held;
    run->stream_fini = release;
    return 0;
}

/* Whether fn says yes to the key. */
static int asks(struct ts_flux_run *run, struct ts_flux_value fn, const struct ts_flux_key *key, bool *yes)
{
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    struct ts_flux_arena *heap = run->heap;
    struct ts_str *names = ts_flux_arena_alloc(&run->scratch, key->n * sizeof *names);
    const struct ts_flux_shape *shape;
    struct ts_flux_value *values, rec, v;
    if (!names)
        return ts_flux_fail_nomem(run);
    for (uint32_t i = 0; i < key->n; i++)
        names[i] = ts_flux_name_str(key->cols[i].name);
    run->heap = &run->scratch;
    int rc = ts_flux_make_shape(run, key->n, names, &shape);
    if (rc == 0)
        rc = ts_flux_make_record(run, shape, &values, &rec);
    for (uint32_t i = 0; rc == 0 && i < key->n; i++)
        values[i] = key->cols[i].v;
    if (rc == 0)
        rc = ts_flux_call(run, fn, &(struct ts_flux_named){"key", rec}, 1, &v);
    run->heap = heap;
    ts_flux_arena_release(&run->scratch, mark);
    if (rc == 0 && v.type != TS_FLUX_BOOL)
        return ts_flux_fail(run, "fn gives a %s, not a bool", ts_flux_type_text(v.type));
    *yes = rc == 0 && !v.null && v.b;
    return rc;
}

/* The first table of the stream that fn (NONE: any) says yes to; NULL: none. */
static int find(struct ts_flux_run *run, struct ts_flux_stream *stream, struct ts_flux_value fn,
                struct ts_flux_chunk **out)
{
    struct ts_flux_cursor *cur;
    struct ts_flux_chunk *ahead = NULL, *chk = NULL;
    bool yes = false;
    *out = NULL;
    int rc = ts_flux_open(run, stream, &cur);
    while (rc == 0 && !yes) {
        rc = ts_flux_next_table(cur, &ahead, &chk);
        if (rc || !chk)
            break;
        if (fn.type == TS_FLUX_NONE)
            yes = true;
        else
            rc = asks(run, fn, chk->key, &yes);
        if (yes)
            *out = chk;
        else
            ts_flux_chunk_unref(&chk);
    }
    ts_flux_chunk_unref(&ahead);
    ts_flux_close(&cur);
    return rc;
}

int ts_flux_op_table_find(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct found_args fa;
    int rc = find(run, args->v[0].stream, args->v[1], &fa.chk);
    if (rc)
        return rc;
    if (!fa.chk)
        return ts_flux_fail(run, "no table found");
    rc = hold(run, fa.chk);
    return rc ? rc : ts_flux_plan(run, &found_op, &fa, sizeof fa, NULL, out);
}

static int copy_value(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    *out = v;
    return v.type == TS_FLUX_STRING && !v.null ? ts_flux_make_string(run, ts_flux_value_str(v), out) : 0;
}

static int column_values(struct ts_flux_run *run, struct ts_flux_chunk *chk, struct ts_str name, bool must,
                         struct ts_flux_value *out)
{
    struct ts_flux_value *items;
    const struct ts_flux_name *nm = ts_flux_name_of(&run->names, name);
    struct ts_flux_column *col = chk && nm ? ts_flux_chunk_column(chk, nm) : NULL;
    if (!col && must)
        return ts_flux_fail(run, "cannot find column \"%.*s\"", (int)name.len, name.p);
    int rc = ts_flux_make_array(run, col ? (uint32_t)chk->n : 0, &items, out);
    for (size_t i = 0; rc == 0 && col && i < chk->n; i++)
        rc = copy_value(run, ts_flux_column_get(col, i), &items[i]);
    return rc;
}

static int record_of(struct ts_flux_run *run, struct ts_flux_chunk *chk, int64_t idx,
                     struct ts_flux_value *out)
{
    bool has = chk && idx >= 0 && (uint64_t)idx < chk->n;
    uint32_t n = has ? chk->ncols : 0;
    const struct ts_flux_shape *shape;
    struct ts_flux_value *values;
    struct ts_str *names = ts_flux_new(run, n * sizeof *names);
    if (!names)
        return -TS_EQUERY;
    for (uint32_t i = 0; i < n; i++)
        names[i] = ts_flux_name_str(chk->cols[i].name);
    int rc = ts_flux_make_shape(run, n, names, &shape);
    if (rc == 0)
        rc = ts_flux_make_record(run, shape, &values, out);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = copy_value(run, ts_flux_column_get(chk->cols[i].col, (size_t)idx), &values[i]);
    return rc;
}

int ts_flux_op_get_column(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_flux_chunk *chk;
    int rc = find(run, args->v[0].stream, (struct ts_flux_value){0}, &chk);
    if (rc == 0)
        rc = column_values(run, chk, ts_flux_value_str(args->v[1]), true, out);
    ts_flux_chunk_unref(&chk);
    return rc;
}

int ts_flux_op_get_record(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_flux_chunk *chk;
    int rc = find(run, args->v[0].stream, (struct ts_flux_value){0}, &chk);
    if (rc == 0 && (!chk || args->v[1].i < 0 || (uint64_t)args->v[1].i >= chk->n))
        rc = ts_flux_fail(run, "idx %lld is out of bounds: the table has %zu rows", (long long)args->v[1].i,
                          chk ? chk->n : 0);
    if (rc == 0)
        rc = record_of(run, chk, args->v[1].i, out);
    ts_flux_chunk_unref(&chk);
    return rc;
}

int ts_flux_op_find_column(struct ts_flux_run *run, const struct ts_flux_args *args,
                           struct ts_flux_value *out)
{
    struct ts_flux_chunk *chk;
    int rc = find(run, args->v[0].stream, args->v[1], &chk);
    if (rc == 0)
        rc = column_values(run, chk, ts_flux_value_str(args->v[2]), false, out);
    ts_flux_chunk_unref(&chk);
    return rc;
}

int ts_flux_op_find_record(struct ts_flux_run *run, const struct ts_flux_args *args,
                           struct ts_flux_value *out)
{
    struct ts_flux_chunk *chk;
    int rc = find(run, args->v[0].stream, args->v[1], &chk);
    if (rc == 0)
        rc = record_of(run, chk, args->v[2].i, out);
    ts_flux_chunk_unref(&chk);
    return rc;
}

/* ---- yield ---- */

int ts_flux_op_yield(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_str name = ts_flux_given(args, 1) ? ts_flux_value_str(args->v[1]) : TS_STR("_result");
    *out = ts_flux_stream_value(args->v[0].stream);
    return ts_flux_yield(run, name, args->v[0].stream);
}
