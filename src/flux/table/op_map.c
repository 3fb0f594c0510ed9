/*
 * map, reduce, stateTracking: functions of rows make columns. map() keeps those columns of the group key that
 * its record has; where their values are the input's own, tables stay apart and stream through. Thread: the
 * query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/exec/exec_interp.h"

/* ---- map ---- */

struct map_args {
    struct ts_flux_value fn;
    bool merge_key;
    bool sorted; /* columns in the order of their names */
};

/*
 * Whether InfluxDB would evaluate the expression over columns: then the columns keep the record's order, else
 * they are sorted by name.
 */
static bool is_plain(const struct ts_flux_node *node)
{
    if (!node)
        return true;
    switch (node->kind) {
    case TS_FLUX_N_IDENT: /* no variables from outside */
        return ts_str_eq(ts_flux_name_str(node->name), TS_STR("true")) ||
               ts_str_eq(ts_flux_name_str(node->name), TS_STR("false"));
    case TS_FLUX_N_INT:
    case TS_FLUX_N_FLOAT:
    case TS_FLUX_N_STRING:
    case TS_FLUX_N_TIME: return true;
    case TS_FLUX_N_MEMBER: return node->a->kind == TS_FLUX_N_IDENT;
    case TS_FLUX_N_PAREN: return is_plain(node->a);
    case TS_FLUX_N_UNARY: return node->op != TS_FLUX_OP_EXISTS && is_plain(node->a);
    case TS_FLUX_N_BINARY:
        return node->op != TS_FLUX_OP_MATCH && node->op != TS_FLUX_OP_NOT_MATCH && is_plain(node->a) &&
               is_plain(node->b);
    case TS_FLUX_N_LOGICAL: return is_plain(node->a) && is_plain(node->b);
    case TS_FLUX_N_IF: return is_plain(node->a) && is_plain(node->b) && is_plain(node->c);
    case TS_FLUX_N_CALL:
        return node->a->kind == TS_FLUX_N_IDENT &&
               ts_str_eq(ts_flux_name_str(node->a->name), TS_STR("float")) && node->list &&
               is_plain(node->list->a);
    default: return false;
    }
}

static bool keeps_order(struct ts_flux_value fn)
{
    const struct ts_flux_node *body = fn.func->node ? fn.func->node->a : NULL;
    while (body && body->kind == TS_FLUX_N_PAREN)
        body = body->a;
    if (!body || body->kind != TS_FLUX_N_RECORD)
        return false;
    for (const struct ts_flux_node *p = body->list; p; p = p->next)
        if (!is_plain(p->a))
            return false;
    return true;
}

static int map_open(struct ts_flux_cursor *cur)
{
    const struct map_args *args = cur->args;
    return ts_flux_rows_init(cur->run, cur->st, args->fn, "map");
}

static void rows_close(struct ts_flux_cursor *cur)
{
    ts_flux_rows_fini(cur->st);
}

/* One property of the record as a column of mk. */
static int map_column(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, const struct ts_flux_name *name,
                      const struct ts_flux_vec *vec, struct ts_flux_maker *mk)
{
    struct ts_flux_column *was = ts_flux_chunk_column(chk, name);
    if (vec->type ==
        TS_FLUX_NULL) { /* a null that nobody gave a type: the column's that was there, or no column */
        if (was && was->type != TS_FLUX_NULL)
            ts_flux_maker_const(mk, name, ts_flux_null(was->type));
        return 0;
    }
    if (!ts_flux_is_column(vec->type))
        return ts_flux_fail(cur->run,
                            "map object property \"%s\" is %s type which is not supported in a flux table",
                            name->z, ts_flux_type_text(vec->type));
    ts_flux_maker_add(mk, name, ts_flux_rows_column(cur->st, vec, chk->n, chk));
    return 0;
}

static int map_give(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, struct ts_flux_maker *mk)
{
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    const struct ts_flux_name **names = ts_flux_arena_alloc(&run->scratch, chk->key->n * sizeof *names);
    size_t n = 0;
    bool same = true;
    for (uint32_t i = 0; names && i < chk->key->n; i++) {
        int at = ts_flux_maker_find(mk, chk->key->cols[i].name);
        struct ts_flux_column *was = ts_flux_chunk_column(chk, chk->key->cols[i].name);
        same = same && at >= 0 && was && mk->v[at].col == was;
        if (at >= 0)
            names[n++] = chk->key->cols[i].name;
    }
    struct ts_flux_chunk *out = ts_flux_maker_end(mk, chk->key, chk->n);
    int rc = out && names ? 0 : ts_flux_fail_nomem(run);
    if (rc == 0)
        rc = same ? ts_flux_emit(cur, ts_flux_chunk_ref(out)) : ts_flux_regroup(cur, out, names, n);
    ts_flux_chunk_unref(&out);
    ts_flux_arena_release(&run->scratch, mark);
    return rc;
}

static int map_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct map_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_rows *rows = cur->st;
    if (chk->n == 0)
        return 0;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_columns cols;
    int rc = ts_flux_rows_set(rows, chk, 0);
    if (rc == 0)
        rc = ts_flux_rowfn_eval_record(rows->rf, (unsigned)chk->n, rows->vecs, &cols);
    for (unsigned i = 0; rc == 0 && i < cols.n; i++)
        rc = map_column(cur, chk, cols.names[i], &cols.vecs[i], &mk);
    for (uint32_t i = 0; rc == 0 && args->merge_key && i < chk->ncols; i++)
        if (ts_flux_key_get(chk->key, chk->cols[i].name) && ts_flux_maker_find(&mk, chk->cols[i].name) < 0)
            ts_flux_maker_share(&mk, chk, i);
    ts_flux_arena_release(&run->scratch, mark);
    if (rc || mk.n == 0) {
        ts_flux_maker_drop(&mk);
        return rc;
    }
    if (args->sorted)
        ts_flux_maker_sort(&mk);
    return map_give(cur, chk, &mk);
}

static const struct ts_flux_operator map_op = {.name = "map",
                                               .state = sizeof(struct ts_flux_rows),
                                               .open = map_open,
                                               .feed = map_feed,
                                               .close = rows_close};

int ts_flux_op_map(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct map_args ma = {args->v[1], ts_flux_arg_bool(args->v[2], false), !keeps_order(args->v[1])};
    return ts_flux_plan(run, &map_op, &ma, sizeof ma, args->v[0].stream, out);
}

/* ---- reduce ---- */

struct reduce_args {
    struct ts_flux_value fn, identity;
};

static int reduce_open(struct ts_flux_cursor *cur)
{
    const struct reduce_args *args = cur->args;
    return ts_flux_rows_init(cur->run, cur->st, args->fn, "reduce");
}

static int reduce_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct reduce_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_rows *rows = cur->st;
    struct ts_flux_value acc = args->identity;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    int rc = chk->n ? ts_flux_rows_set(rows, chk, 0) : 0;
    if (rc == 0 && chk->n)
        rc = ts_flux_rowfn_fold(rows->rf, (unsigned)chk->n, rows->vecs, &acc);
    if (rc == 0 && (acc.type != TS_FLUX_RECORD || acc.null))
        rc = ts_flux_fail(run, "reduce: fn gives a %s, not a record", ts_flux_type_text(acc.type));
    struct ts_flux_maker mk = TS_FLUX_MAKER(run), results = TS_FLUX_MAKER(run);
    if (rc == 0)
        ts_flux_maker_key(&mk, chk);
    for (uint32_t i = 0; rc == 0 && i < acc.record->shape->n; i++) {
        struct ts_flux_value v = acc.record->v[i];
        if (!ts_flux_is_column(v.type) && v.type != TS_FLUX_NULL)
            rc = ts_flux_fail(run, "reduce: property \"%s\" is a %s, which no column can be",
                              acc.record->shape->names[i]->z, ts_flux_type_text(v.type));
        else
            ts_flux_maker_const(&results, acc.record->shape->names[i], v);
    }
    ts_flux_maker_sort(&results);
    for (size_t i = 0; rc == 0 && i < results.n; i++)
        ts_flux_maker_add(&mk, results.v[i].name,
                          results.v[i].col ? ts_flux_column_ref(results.v[i].col) : NULL);
    mk.failed = mk.failed || results.failed;
    ts_flux_maker_drop(&results);
    ts_flux_arena_release(&run->scratch, mark);
    if (rc) {
        ts_flux_maker_drop(&mk);
        return rc;
    }
    const struct ts_flux_name **names = ts_flux_arena_alloc(&run->scratch, chk->key->n * sizeof *names);
    for (uint32_t i = 0; names && i < chk->key->n; i++)
        names[i] = chk->key->cols[i].name;
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, chk->key, 1);
    rc = out && names ? ts_flux_regroup(cur, out, names, chk->key->n) : ts_flux_fail_nomem(run);
    ts_flux_chunk_unref(&out);
    ts_flux_arena_release(&run->scratch, mark);
    return rc;
}

static const struct ts_flux_operator reduce_op = {.name = "reduce",
                                                  .whole = true,
                                                  .state = sizeof(struct ts_flux_rows),
                                                  .open = reduce_open,
                                                  .feed = reduce_feed,
                                                  .close = rows_close};

int ts_flux_op_reduce(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct reduce_args ra = {args->v[1], args->v[2]};
    return ts_flux_plan(run, &reduce_op, &ra, sizeof ra, args->v[0].stream, out);
}

/* ---- stateTracking ---- */

struct state_args {
    struct ts_flux_value fn;
    const struct ts_flux_name *count, *duration, *time; /* count, duration: NULL when not wanted */
    int64_t unit_ns;
};

static int state_open(struct ts_flux_cursor *cur)
{
    const struct state_args *args = cur->args;
    return ts_flux_rows_init(cur->run, cur->st, args->fn, "stateTracking");
}

static int state_columns(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk, const uint64_t *in,
                         struct ts_flux_maker *mk)
{
    const struct state_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    const struct ts_flux_column *time = args->duration ? ts_flux_chunk_column(chk, args->time) : NULL;
    if (args->duration && (!time || time->type != TS_FLUX_TIME))
        return ts_flux_fail(run, "no column \"%s\" of type time exists", args->time->z);
    struct ts_flux_column *count = ts_flux_column_new(&run->mem, TS_FLUX_INT, chk->n);
    struct ts_flux_column *duration = ts_flux_column_new(&run->mem, TS_FLUX_INT, chk->n);
    int64_t n = 0, since = 0;
    for (size_t i = 0; count && duration && i < chk->n; i++) {
        bool is = in[i >> 6] >> (i & 63) & 1;
        int64_t t = time ? time->i[i & time->mask] : 0;
        if (time && i && t < time->i[(i - 1) & time->mask]) {
            ts_flux_column_unref(&count);
            ts_flux_column_unref(&duration);
            return ts_flux_fail(run, "got an out-of-order timestamp");
        }
        if (is && n == 0)
            since = t;
        n = is ? n + 1 : 0;
        count->i[i] = is ? n : -1;
        duration->i[i] = is ? (t - since) / args->unit_ns : -1;
        count->n = duration->n = i + 1;
    }
    if (args->count)
        ts_flux_maker_add(mk, args->count, count);
    else
        ts_flux_column_unref(&count);
    if (args->duration)
        ts_flux_maker_add(mk, args->duration, duration);
    else
        ts_flux_column_unref(&duration);
    return 0;
}

static int state_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    struct ts_flux_run *run = cur->run;
    struct ts_flux_rows *rows = cur->st;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    uint64_t *in = ts_flux_arena_alloc(&run->scratch, (chk->n + 63) / 64 * 8 + 8);
    unsigned n;
    int rc = in ? ts_flux_rows_set(rows, chk, 0) : ts_flux_fail_nomem(run);
    if (rc == 0 && chk->n)
        rc = ts_flux_rowfn_filter(rows->rf, (unsigned)chk->n, rows->vecs, in, &n);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_share_all(&mk, chk);
    if (rc == 0)
        rc = state_columns(cur, chk, in, &mk);
    ts_flux_arena_release(&run->scratch, mark);
    if (rc) {
        ts_flux_maker_drop(&mk);
        return rc;
    }
    return ts_flux_emit(cur, ts_flux_maker_end(&mk, chk->key, chk->n));
}

static const struct ts_flux_operator state_op = {.name = "stateTracking",
                                                 .whole = true,
                                                 .state = sizeof(struct ts_flux_rows),
                                                 .open = state_open,
                                                 .feed = state_feed,
                                                 .close = rows_close};

int ts_flux_op_state_tracking(struct ts_flux_run *run, const struct ts_flux_args *args,
                              struct ts_flux_value *out)
{
    struct state_args sa = {.fn = args->v[1], .unit_ns = ts_flux_given(args, 4) ? args->v[4].i : TS_SEC};
    int rc = ts_flux_arg_name(run, args->v[2], NULL, &sa.count);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[3], NULL, &sa.duration);
    if (rc == 0)
        rc = ts_flux_arg_name(run, args->v[5], "_time", &sa.time);
    if (rc)
        return rc;
    if (sa.count && sa.count->len == 0)
        sa.count = NULL;
    if (sa.duration && sa.duration->len == 0)
        sa.duration = NULL;
    if (sa.unit_ns <= 0)
        return ts_flux_fail(run, "stateTracking: durationUnit must be greater than zero");
    return ts_flux_plan(run, &state_op, &sa, sizeof sa, args->v[0].stream, out);
}
