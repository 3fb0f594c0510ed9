/*
 * Tiles through the stages. Thread: ingest. The stages run over a tile one after the other; one tile in 64 is
 * timed. Samples leave under their key when no stage changed their series, else under the encoded series.
 * Owns nodes (pipe_node.c), what stages remember (pipe_stage.c) and what dedup holds (pipe_hold.c); all of it
 * is bounded, and forgotten as a whole when a bound is reached.
 */
#include "config.h"
#include "pipe/pipe_priv.h"

#include "core/clock.h"
#include "core/mem.h"

#include <math.h>

#define TIMED_EVERY 64

/* What route asks for at the first sight of a key that we let through. */
static int resolve(struct ts_tile *tile, unsigned i, struct ts_series_view *out)
{
    struct ts_pipe *pipe = tile->owner;
    const struct node *node = pipe->out_nodes[i];
    int rc = ts_series_decode((struct ts_str){node->series, node->len}, out);
    TS_ASSERT(rc == 0);
    return 0;
}

struct ts_pipe *ts_pipe_new(const struct ts_pipe_conf *conf)
{
    struct ts_pipe *pipe = ts_xalloc(sizeof *pipe);
    pipe->conf = *conf;
    pipe->nstages = conf->conf->npipeline;
    TS_ASSERT(pipe->nstages > 0 && pipe->nstages <= TS_STAGES_MAX);
    pipe->stages = ts_xalloc(pipe->nstages * sizeof *pipe->stages);
    pipe->memories = ts_xalloc(pipe->nstages * sizeof *pipe->memories);
    pipe->cnt = ts_xalloc(pipe->nstages * sizeof(struct ts_counters *));
    for (unsigned i = 0; i < pipe->nstages; i++) {
        struct ts_err err;
        const char *option;
        unsigned item;
        int rc = ts_stage_read(&conf->conf->pipeline[i], i, &pipe->stages[i], &option, &item, &err);
        TS_ASSERT(rc == 0); /* the configuration has been checked */
        pipe->cnt[i] = ts_counters_again("stage", pipe->stages[i].name);
        ts_map64_init(&pipe->memories[i].places);
        pipe->holds |= pipe->stages[i].type == TS_STAGE_DEDUP;
    }
    ts_map64_init(&pipe->keys);
    ts_edit_scratch_init(&pipe->scratch);
    pipe->latest_ns = TS_TIME_FIRST;
    pipe->out.resolve = resolve;
    pipe->out.owner = pipe;
    return pipe;
}

void ts_pipe_free(struct ts_pipe **pipe)
{
    struct ts_pipe *pp = *pipe;
    if (!pp)
        return;
    for (unsigned i = 0; i < pp->nstages; i++)
        pipe_hold_fini(pp, i);
    pipe_forget_all(pp);
    for (unsigned i = 0; i < pp->nstages; i++) {
        ts_counters_let_go(pp->cnt[i]);
        ts_map64_fini(&pp->memories[i].places);
        ts_stage_fini(&pp->stages[i]);
    }
    ts_map64_fini(&pp->keys);
    ts_buf_fini(&pp->scratch);
    ts_free(pp->stages);
    ts_free(pp->memories);
    ts_free(pp->cnt);
    TS_FREE(*pipe);
}

void ts_pipe_begin(struct ts_pipe *pipe, int64_t arrival_ns)
{
    pipe->arrival_ns = TS_MAX(pipe->arrival_ns, arrival_ns);
}

void pipe_lose(struct ts_pipe *pipe, struct item *item, enum ts_counter reason)
{
    if (item->raw.flags & TS_RAW_TEXT)
        TS_FREE(item->raw.text);
    ts_count(pipe->conf.cnt, reason, 1);
}

static void hand_on(struct ts_pipe *pipe, const struct item *items, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct node *node = items[i].node;
        struct ts_raw *raw = &pipe->out.raw[i];
        *raw = items[i].raw;
        pipe->out_nodes[i] = items[i].node;
        if (node->renamed) {
            raw->head = node->series;
            raw->head_len = node->len;
            raw->tail_len = 0;
            raw->flags |= TS_RAW_CANONICAL;
        }
    }
    pipe->out.n = n;
    if (n)
        pipe->conf.next(&pipe->out, pipe->conf.arg);
    pipe->out.n = 0;
}

static void run_stages(struct ts_pipe *pipe, unsigned stage, struct item *items, unsigned n)
{
    for (; stage < pipe->nstages && n; stage++) {
        int64_t began_ns = pipe->timed ? ts_clock_mono_ns() : 0, inner_ns = pipe->inner_ns;
        unsigned came = n;
        ts_count(pipe->cnt[stage], TS_C_STAGE_IN, n);
        n = pipe_run(pipe, stage, items, n);
        ts_count(pipe->cnt[stage], TS_C_STAGE_OUT, n);
        if (TS_UNLIKELY(pipe->timed)) {
            int64_t spent_ns = ts_clock_mono_ns() - began_ns - (pipe->inner_ns - inner_ns);
            ts_count(pipe->cnt[stage], TS_C_STAGE_TIMED, came);
            ts_count(pipe->cnt[stage], TS_C_STAGE_TIMED_NS, (uint64_t)TS_MAX(spent_ns, 0));
        }
    }
    hand_on(pipe, items, n);
}

void pipe_deliver(struct ts_pipe *pipe, unsigned stage, struct item *items, unsigned n)
{
    int64_t began_ns = pipe->timed ? ts_clock_mono_ns() : 0, inner_ns = pipe->inner_ns;
    run_stages(pipe, stage, items, n);
    if (TS_UNLIKELY(pipe->timed)) /* instead of the parts that were added meanwhile: they are in it */
        pipe->inner_ns = inner_ns + ts_clock_mono_ns() - began_ns;
}

/* With --input: the time that has come so far, as dedup and limits see it. */
static void note_times(struct ts_pipe *pipe, const struct ts_tile *tile)
{
    for (unsigned i = 0; i < tile->n; i++) {
        const struct ts_raw *raw = &tile->raw[i];
        if ((raw->flags & TS_RAW_TIME) && raw->time_ns > pipe->latest_ns &&
            raw->time_ns < pipe->arrival_ns + pipe->conf.conf->future_ns)
            pipe->latest_ns = raw->time_ns;
    }
}

void ts_pipe_tile(struct ts_tile *tile, void *arg)
{
    struct ts_pipe *pipe = arg;
    struct item items[TS_TILE_MAX];
    uint32_t at[TS_TILE_MAX];
    unsigned n = 0;
    if (TS_UNLIKELY(pipe_is_full(pipe))) {
        pipe_release(pipe, true);
        pipe_forget_all(pipe);
    }
    pipe->timed = pipe->ntiles++ % TIMED_EVERY == 0;
    for (unsigned i = 0; i < tile->n; i++) {
        tile->raw[i].hash = ts_key_hash(&tile->raw[i]);
        ts_map64_prefetch(&pipe->keys, tile->raw[i].hash);
    }
    for (unsigned i = 0; i < tile->n; i++) {
        at[i] = pipe_guess(pipe, tile->raw[i].hash);
        if (at[i] != UINT32_MAX)
            __builtin_prefetch(&pipe->nodes[at[i]]);
    }
    for (unsigned i = 0; i < tile->n; i++) {
        const struct node *node = at[i] != UINT32_MAX ? pipe->nodes[at[i]] : NULL;
        if (node) {
            __builtin_prefetch(node);
            __builtin_prefetch((const char *)node + TS_CACHELINE);
            __builtin_prefetch((const char *)(node->steps + pipe->nstages)); /* the key */
        }
    }
    for (unsigned i = 0; i < tile->n; i++) {
        struct item *item = &items[n];
        enum ts_counter reason;
        item->raw = tile->raw[i];
        item->node = at[i] != UINT32_MAX ? pipe->nodes[at[i]] : NULL;
        if (TS_UNLIKELY(!item->node || !pipe_is_of(item->node, &item->raw)))
            item->node = pipe_find(pipe, &item->raw);
        if (TS_UNLIKELY(!item->node)) {
            if (tile->resolve(tile, i, &pipe->view) != 0) { /* counted */
                if (item->raw.flags & TS_RAW_TEXT)
                    ts_free(item->raw.text);
                continue;
            }
            item->node = pipe_introduce(pipe, &item->raw, &reason);
            if (!item->node) {
                pipe_lose(pipe, item, reason);
                continue;
            }
        }
        n++;
    }
    if (pipe->conf.replay)
        note_times(pipe, tile);
    run_stages(pipe, 0, items, n);
    if (pipe->holds)
        pipe_release(pipe, false);
}

void ts_pipe_tick(struct ts_pipe *pipe, int64_t now_ns)
{
    ts_pipe_begin(pipe, now_ns);
    if (pipe->holds)
        pipe_release(pipe, false);
}

void ts_pipe_end(struct ts_pipe *pipe)
{
    if (pipe->holds)
        pipe_release(pipe, true);
}
