/*
 * Running a plan: cursors that pull chunks from those below them. Nothing runs before it is asked for, so
 * results stream, and what an operator holds is what it cannot do without. Owns operator states, waiting
 * chunks; a closed cursor has freed all of it, also after an error. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table.h"

#define DEPTH_MAX 1000 /* operators in a row: each takes some hundred bytes of stack */

struct ts_flux_stream *ts_flux_stream_new(struct ts_flux_arena *arena, const struct ts_flux_operator *op,
                                          const void *args, struct ts_flux_stream *const *from, unsigned n)
{
    struct ts_flux_stream *stream = ts_flux_arena_alloc(arena, sizeof *stream);
    struct ts_flux_stream **in = ts_flux_arena_alloc(arena, TS_MAX(n, 1u) * sizeof *in);
    if (!stream || !in)
        return NULL;
    *stream = (struct ts_flux_stream){.op = op, .args = args, .n = n, .from = in};
    for (unsigned i = 0; i < n; i++) {
        in[i] = from[i];
        stream->depth = TS_MAX(stream->depth, from[i]->depth + 1);
        if (!stream->span.set)
            stream->span = from[i]->span;
    }
    return stream;
}

static int open_cursor(struct ts_flux_run *run, const struct ts_flux_stream *stream,
                       struct ts_flux_cursor *cur)
{
    *cur = (struct ts_flux_cursor){.run = run, .stream = stream, .args = stream->args};
    if (stream->op->state && !(cur->st = ts_flux_mem_alloc(&run->mem, stream->op->state)))
        return ts_flux_fail_nomem(run);
    if (stream->n && !(cur->in = ts_flux_mem_alloc(&run->mem, stream->n * sizeof(void *))))
        return ts_flux_fail_nomem(run);
    for (unsigned i = 0; i < stream->n; i++) {
        int rc = ts_flux_open(run, stream->from[i], &cur->in[i]);
        if (rc)
            return rc;
    }
    return stream->op->open ? stream->op->open(cur) : 0;
}

int ts_flux_open(struct ts_flux_run *run, const struct ts_flux_stream *stream, struct ts_flux_cursor **out)
{
    *out = NULL;
    if (stream->depth > DEPTH_MAX)
        return ts_flux_fail(run, "more than %d operators in a row", DEPTH_MAX);
    int rc = ts_flux_tick(run, 1);
    if (rc)
        return rc;
    struct ts_flux_cursor *cur = ts_flux_mem_alloc(&run->mem, sizeof *cur);
    if (!cur)
        return ts_flux_fail_nomem(run);
    rc = open_cursor(run, stream, cur);
    if (rc)
        ts_flux_close(&cur);
    *out = cur;
    return rc;
}

void ts_flux_close(struct ts_flux_cursor **curp)
{
    struct ts_flux_cursor *cur = *curp;
    *curp = NULL;
    if (!cur)
        return;
    struct ts_flux_mem *mem = &cur->run->mem;
    const struct ts_flux_stream *stream = cur->stream;
    if (stream->op->close && cur->st)
        stream->op->close(cur);
    for (unsigned i = 0; cur->in && i < stream->n; i++)
        ts_flux_close(&cur->in[i]);
    if (cur->in)
        ts_flux_mem_free(mem, cur->in, stream->n * sizeof(void *));
    ts_flux_mem_free(mem, cur->st, stream->op->state);
    while (cur->head < cur->tail)
        ts_flux_chunk_unref(&cur->queue[cur->head++]);
    ts_flux_mem_free(mem, cur->queue, cur->cap * sizeof *cur->queue);
    ts_flux_chunk_unref(&cur->ahead);
    ts_flux_key_unref(&cur->table);
    ts_flux_tables_free(&cur->tables);
    ts_flux_mem_free(mem, cur, sizeof *cur);
}

int ts_flux_emit(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    if (!chk)
        return ts_flux_fail_nomem(cur->run);
    if (cur->tail == cur->cap) {
        size_t cap = TS_MAX(cur->cap * 2, (size_t)4);
        struct ts_flux_chunk **queue = ts_flux_mem_alloc(&cur->run->mem, cap * sizeof *queue);
        if (!queue) {
            ts_flux_chunk_unref(&chk);
            return ts_flux_fail_nomem(cur->run);
        }
        if (cur->tail)
            memcpy(queue, cur->queue, cur->tail * sizeof *queue);
        ts_flux_mem_free(&cur->run->mem, cur->queue, cur->cap * sizeof *queue);
        cur->queue = queue;
        cur->cap = cap;
    }
    cur->queue[cur->tail++] = chk;
    return 0;
}

int ts_flux_collect(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    if (!cur->tables && !(cur->tables = ts_flux_tables_new(cur->run))) {
        ts_flux_chunk_unref(&chk);
        return ts_flux_fail_nomem(cur->run);
    }
    return ts_flux_tables_add(cur->tables, chk);
}

/* One chunk of the input to the operator. */
static int step(struct ts_flux_cursor *cur)
{
    const struct ts_flux_operator *op = cur->stream->op;
    struct ts_flux_chunk *chk;
    int rc = op->whole ? ts_flux_next_table(cur->in[0], &cur->ahead, &chk) : ts_flux_next(cur->in[0], &chk);
    if (rc)
        return rc;
    if (!chk) {
        cur->ended = true;
        return op->finish ? op->finish(cur) : 0;
    }
    cur->new_table = !cur->table || !ts_flux_key_eq(cur->table, chk->key);
    if (cur->table != chk->key) {
        ts_flux_key_unref(&cur->table);
        cur->table = ts_flux_key_ref(chk->key);
    }
    rc = ts_flux_tick(cur->run, chk->n / 8 + 1);
    if (!rc)
        rc = op->feed(cur, chk);
    ts_flux_chunk_unref(&chk);
    return rc;
}

int ts_flux_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    *out = NULL;
    if (cur->stream->op->next)
        return cur->stream->op->next(cur, out);
    for (;;) {
        if (cur->head < cur->tail) {
            *out = cur->queue[cur->head++];
            if (cur->head == cur->tail)
                cur->head = cur->tail = 0;
            return 0;
        }
        if (cur->ended)
            return cur->tables ? ts_flux_tables_take(cur->tables, out) : 0;
        int rc = step(cur);
        if (rc)
            return rc;
    }
}

/* The chunks of one table, while they are looked for. */
struct parts {
    struct ts_flux_chunk **v;
    size_t n, cap;
};

static int push(struct ts_flux_run *run, struct parts *parts, struct ts_flux_chunk *chk)
{
    if (parts->n == parts->cap) {
        size_t cap = TS_MAX(parts->cap * 2, (size_t)8);
        struct ts_flux_chunk **v = ts_flux_mem_alloc(&run->mem, cap * sizeof *v);
        if (!v) {
            ts_flux_chunk_unref(&chk);
            return ts_flux_fail_nomem(run);
        }
        if (parts->n)
            memcpy(v, parts->v, parts->n * sizeof *v);
        ts_flux_mem_free(&run->mem, parts->v, parts->cap * sizeof *v);
        parts->v = v;
        parts->cap = cap;
    }
    parts->v[parts->n++] = chk;
    return 0;
}

int ts_flux_next_table(struct ts_flux_cursor *cur, struct ts_flux_chunk **ahead, struct ts_flux_chunk **out)
{
    struct ts_flux_run *run = cur->run;
    struct ts_flux_schema schema = {0};
    struct parts parts = {0};
    struct ts_flux_chunk *chk = *ahead;
    *ahead = *out = NULL;
    int rc = chk ? 0 : ts_flux_next(cur, &chk);
    while (rc == 0 && chk) {
        if (parts.n && !ts_flux_key_eq(parts.v[0]->key, chk->key)) {
            *ahead = chk;
            break;
        }
        rc = ts_flux_schema_add(run, &schema, chk);
        if (rc)
            ts_flux_chunk_unref(&chk);
        else if ((rc = push(run, &parts, chk)) == 0)
            rc = ts_flux_next(cur, &chk);
    }
    if (rc == 0 && parts.n)
        rc = ts_flux_chunk_concat(run, &schema, parts.v, parts.n, out);
    for (size_t k = 0; k < parts.n; k++)
        ts_flux_chunk_unref(&parts.v[k]);
    ts_flux_mem_free(&run->mem, parts.v, parts.cap * sizeof *parts.v);
    ts_flux_schema_fini(&schema);
    return rc;
}

int ts_flux_chunks_push(struct ts_flux_run *run, struct ts_flux_chunks *list, struct ts_flux_chunk *chk)
{
    if (list->n == list->cap) {
        size_t cap = TS_MAX(list->cap * 2, (size_t)16);
        struct ts_flux_chunk **v = ts_flux_mem_alloc(&run->mem, cap * sizeof *v);
        if (!v) {
            ts_flux_chunk_unref(&chk);
            return ts_flux_fail_nomem(run);
        }
        if (list->n)
            memcpy(v, list->v, list->n * sizeof *v);
        ts_flux_mem_free(&run->mem, list->v, list->cap * sizeof *v);
        list->v = v;
        list->cap = cap;
    }
    list->v[list->n++] = chk;
    return 0;
}

void ts_flux_chunks_fini(struct ts_flux_run *run, struct ts_flux_chunks *list)
{
    for (size_t i = 0; i < list->n; i++)
        ts_flux_chunk_unref(&list->v[i]);
    ts_flux_mem_free(&run->mem, list->v, list->cap * sizeof(void *));
}
