/*
 * union, and debug.sink: tables of several streams, those of one group key together. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

struct union_state {
    bool filled;
};

static int union_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    struct union_state *st = cur->st;
    int rc = 0;
    for (unsigned i = 0; !st->filled && i < cur->stream->n; i++) {
        struct ts_flux_chunk *chk;
        while ((rc = ts_flux_next(cur->in[i], &chk)) == 0 && chk)
            if ((rc = ts_flux_collect(cur, chk)) != 0)
                break;
        if (rc)
            return rc;
    }
    st->filled = true;
    return cur->tables ? ts_flux_tables_take(cur->tables, out) : 0;
}

static const struct ts_flux_operator union_op = {
    .name = "union", .state = sizeof(struct union_state), .next = union_next};

int ts_flux_op_union(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    const struct ts_flux_array *tables = args->v[0].array;
    struct ts_flux_stream **from = ts_flux_arena_alloc(&run->arena, tables->n * sizeof *from);
    if (!from)
        return ts_flux_fail_nomem(run);
    if (tables->n < 2)
        return ts_flux_fail(run, "union must have at least two streams as input");
    for (uint32_t i = 0; i < tables->n; i++) {
        if (tables->v[i].type != TS_FLUX_STREAM)
            return ts_flux_fail(run, "union: tables has a %s", ts_flux_type_text(tables->v[i].type));
        from[i] = tables->v[i].stream;
    }
    struct ts_flux_stream *stream = ts_flux_stream_new(&run->arena, &union_op, NULL, from, tables->n);
    if (!stream)
        return ts_flux_fail_nomem(run);
    for (uint32_t i = 0; i < tables->n; i++) { /* as far as any of them reaches */
        struct ts_flux_span s = from[i]->span;
        if (s.set)
            stream->span = (struct ts_flux_span){true, TS_MIN(s.start, stream->span.start),
                                                 TS_MAX(s.stop, stream->span.stop)};
    }
    *out = ts_flux_stream_value(stream);
    return 0;
}

static int sink_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    (void)cur;
    (void)chk;
    return 0;
}

static const struct ts_flux_operator sink_op = {.name = "sink", .feed = sink_feed};

int ts_flux_op_sink(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return ts_flux_plan(run, &sink_op, NULL, 0, args->v[0].stream, out);
}
