/*
 * dedup: samples with a time are held back for a while, in the order they came; one with the same series and
 * time takes the place of the one that is held. Thread: ingest. They all go on in the order of their places,
 * so what follows sees no more disorder than before. A full ring lets the oldest go early, counted.
 */
#include "config.h"
#include "pipe/pipe_priv.h"

#include "core/clock.h"
#include "core/mem.h"

/* Samples on their way to the next stage. */
struct out {
    unsigned n;
    struct item items[TS_TILE_MAX];
};

static void put_out(struct ts_pipe *pipe, unsigned stage, struct out *out, const struct item *item)
{
    if (item)
        out->items[out->n++] = *item;
    if (out->n == TS_TILE_MAX || (!item && out->n)) {
        unsigned n = out->n;
        out->n = 0;
        ts_count(pipe->cnt[stage], TS_C_STAGE_OUT, n);
        pipe_deliver(pipe, stage + 1, out->items, n);
    }
}

static struct held *place(const struct ts_pipe *pipe, unsigned stage, uint64_t number)
{
    return &pipe->memories[stage].held[number % pipe->stages[stage].conf->hold];
}

static void let_go(struct ts_pipe *pipe, unsigned stage, struct out *out)
{
    struct memory *mem = &pipe->memories[stage];
    struct held *held = place(pipe, stage, mem->head++);
    ts_map64_remove(&mem->places, held->key);
    put_out(pipe, stage, out, &held->item);
}

static bool take_memory(struct ts_pipe *pipe, unsigned stage)
{
    struct memory *mem = &pipe->memories[stage];
    if (!mem->held)
        mem->held = ts_pages_alloc((size_t)pipe->stages[stage].conf->hold * sizeof *mem->held);
    return mem->held != NULL;
}

static void hold_one(struct ts_pipe *pipe, unsigned stage, struct item *item, struct out *out)
{
    struct memory *mem = &pipe->memories[stage];
    uint64_t hold = pipe->stages[stage].conf->hold;
    uint64_t key = ts_hash_seeded(&item->raw.time_ns, sizeof item->raw.time_ns, item->node->hash);
    const uint32_t *at = ts_map64_find(&mem->places, key);
    if (at) {
        struct held *held = &mem->held[*at];
        ts_count(pipe->cnt[stage], TS_C_STAGE_DROPPED, 1);
        pipe_lose(pipe, &held->item, TS_C_DROPPED_DUPLICATE);
        held->item = *item;
        return;
    }
    if (mem->tail - mem->head == hold) {
        ts_count(pipe->cnt[stage], TS_C_STAGE_EARLY, 1);
        let_go(pipe, stage, out);
    }
    uint32_t *new = take_memory(pipe, stage) ? ts_map64_add(&mem->places, key) : NULL;
    if (!new) { /* without memory it goes on as it is */
        put_out(pipe, stage, out, item);
        return;
    }
    *new = (uint32_t)(mem->tail % hold);
    *place(pipe, stage, mem->tail++) =
        (struct held){*item, key, TS_MIN(pipe_now(pipe), pipe->conf.replay ? item->raw.time_ns : INT64_MAX)};
}

void pipe_hold(struct ts_pipe *pipe, unsigned stage, struct item *items, unsigned n)
{
    struct out out = {.n = 0};
    for (unsigned i = 0; i < n; i++) {
        struct item *item = &items[i];
        const struct step *step = &item->node->steps[stage];
        bool timed = (item->raw.flags & TS_RAW_TIME) && item->raw.time_ns >= TS_TIME_FIRST;
        if (step->act == ACT_FAIL) {
            ts_count(pipe->cnt[stage], TS_C_STAGE_ERRORS, 1);
            pipe_lose(pipe, item, TS_C_DROPPED_STAGE_ERROR);
        } else if (step->act == ACT_RUN && timed && pipe_is_meant(pipe, step, &item->raw)) {
            hold_one(pipe, stage, item, &out);
        } else {
            put_out(pipe, stage, &out, item);
        }
    }
    put_out(pipe, stage, &out, NULL);
}

void pipe_release(struct ts_pipe *pipe, bool all)
{
    int64_t now_ns = pipe_now(pipe);
    for (unsigned stage = 0; stage < pipe->nstages; stage++) {
        struct memory *mem = &pipe->memories[stage];
        struct out out;
        out.n = 0;
        if (pipe->stages[stage].type != TS_STAGE_DEDUP)
            continue;
        while (mem->head < mem->tail && (all || now_ns - pipe->stages[stage].conf->within_ns >=
                                                    place(pipe, stage, mem->head)->since_ns))
            let_go(pipe, stage, &out);
        put_out(pipe, stage, &out, NULL);
    }
}

void pipe_hold_fini(struct ts_pipe *pipe, unsigned stage)
{
    struct memory *mem = &pipe->memories[stage];
    if (!mem->held)
        return;
    for (; mem->head < mem->tail; mem->head++)
        pipe_lose(pipe, &place(pipe, stage, mem->head)->item, TS_C_DROPPED_NO_MEMORY);
    ts_pages_free(mem->held, (size_t)pipe->stages[stage].conf->hold * sizeof *mem->held);
    mem->held = NULL;
}
