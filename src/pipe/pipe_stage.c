/* The stages over samples, as far as they depend on value, time and number. Thread: ingest. */
#include "config.h"
#include "pipe/pipe_priv.h"

#include "core/clock.h"
#include "core/mem.h"

#include <math.h>

static bool has_number(const struct ts_raw *raw)
{
    return !(raw->flags & (TS_RAW_TEXT | TS_RAW_BITS));
}

static struct ts_expr_sample sample_of(const struct ts_pipe *pipe, const struct ts_raw *raw)
{
    int64_t time_ns = raw->flags & TS_RAW_TIME ? raw->time_ns : pipe->arrival_ns;
    return (struct ts_expr_sample){.value = has_number(raw) ? raw->value : (double)NAN,
                                   .weight = raw->flags & TS_RAW_WEIGHT ? raw->weight : 1,
                                   .time = (double)time_ns / 1e9};
}

bool pipe_is_meant(const struct ts_pipe *pipe, const struct step *step, const struct ts_raw *raw)
{
    if (!step->when)
        return true;
    struct ts_expr_sample smp = sample_of(pipe, raw);
    return ts_calc_run(step->when, &smp) != 0;
}

int64_t pipe_now(const struct ts_pipe *pipe)
{
    return pipe->conf.replay ? pipe->latest_ns : pipe->arrival_ns;
}

uint32_t pipe_place(struct ts_pipe *pipe, unsigned stage, uint64_t key)
{
    struct memory *mem = &pipe->memories[stage];
    uint32_t *at = ts_map64_find(&mem->places, key);
    if (at)
        return *at;
    if (mem->n == mem->cap) {
        uint32_t cap = TS_MAX(mem->cap * 2, 64u);
        void *counts = ts_resize(mem->counts, cap * sizeof *mem->counts);
        mem->counts = counts ? counts : mem->counts;
        void *buckets = ts_resize(mem->buckets, cap * sizeof *mem->buckets);
        mem->buckets = buckets ? buckets : mem->buckets;
        if (!counts || !buckets)
            return UINT32_MAX;
        mem->cap = cap;
    }
    at = ts_map64_add(&mem->places, key);
    if (!at)
        return UINT32_MAX;
    mem->counts[mem->n] = key; /* where its numbers begin: no two series have the same */
    mem->buckets[mem->n] = (struct bucket){.at_ns = TS_TIME_NONE};
    return *at = mem->n++;
}

static void drop(struct ts_pipe *pipe, unsigned stage, struct item *item, enum ts_counter reason)
{
    ts_count(pipe->cnt[stage], reason == TS_C_DROPPED_STAGE_ERROR ? TS_C_STAGE_ERRORS : TS_C_STAGE_DROPPED,
             1);
    pipe_lose(pipe, item, reason);
}

static bool filter(struct ts_pipe *pipe, unsigned stage, struct item *item)
{
    if (pipe_is_meant(pipe, &item->node->steps[stage], &item->raw) != pipe->stages[stage].drops)
        return true;
    drop(pipe, stage, item, TS_C_DROPPED_FILTERED);
    return false;
}

static bool map(struct ts_pipe *pipe, unsigned stage, struct item *item)
{
    const struct step *step = &item->node->steps[stage];
    if (!pipe_is_meant(pipe, step, &item->raw))
        return true;
    if (step->value) {
        struct ts_expr_sample smp = sample_of(pipe, &item->raw);
        item->raw.value = ts_calc_run(step->value, &smp);
    }
    if (step->scales)
        item->raw.value *= pipe->stages[stage].scale;
    if ((step->value || step->scales) && !isfinite(item->raw.value)) {
        drop(pipe, stage, item, TS_C_DROPPED_STAGE_ERROR);
        return false;
    }
    if (step->nto)
        item->node = step->to[0];
    return true;
}

/* splitmix64's finish: every bit of the number reaches every bit of the result. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static bool sample(struct ts_pipe *pipe, unsigned stage, struct item *item)
{
    const struct step *step = &item->node->steps[stage];
    struct ts_raw *raw = &item->raw;
    double probability = pipe->stages[stage].probability;
    if (!pipe_is_meant(pipe, step, raw))
        return true;
    uint64_t *number = &pipe->memories[stage].counts[step->state];
    *number += 0x9e3779b97f4a7c15;
    if ((double)(mix(*number) >> 11) * 0x1p-53 >= probability) {
        drop(pipe, stage, item, TS_C_DROPPED_SAMPLED_OUT);
        return false;
    }
    /* A gauge's, set's or string's sample says what is, not how often. */
    if (raw->kind != TS_KIND_GAUGE && has_number(raw) && probability < 1) {
        raw->weight = (raw->flags & TS_RAW_WEIGHT ? raw->weight : 1) / probability;
        raw->flags |= TS_RAW_WEIGHT;
    }
    return true;
}

static bool rate_limit(struct ts_pipe *pipe, unsigned stage, struct item *item)
{
    const struct ts_conf_stage *conf = pipe->stages[stage].conf;
    const struct step *step = &item->node->steps[stage];
    if (!pipe_is_meant(pipe, step, &item->raw))
        return true;
    struct bucket *bucket = &pipe->memories[stage].buckets[step->state];
    double most = conf->burst ? conf->burst : conf->rate;
    int64_t now_ns = pipe_now(pipe);
    if (pipe->conf.replay && (item->raw.flags & TS_RAW_TIME))
        now_ns = TS_MIN(now_ns, TS_MAX(item->raw.time_ns, TS_TIME_FIRST));
    if (bucket->at_ns == TS_TIME_NONE) {
        bucket->tokens = most;
        bucket->at_ns = now_ns;
    } else if (now_ns > bucket->at_ns) {
        bucket->tokens = TS_MIN(most, bucket->tokens + (double)(now_ns - bucket->at_ns) / 1e9 * conf->rate);
        bucket->at_ns = now_ns;
    }
    if (bucket->tokens < 1) {
        drop(pipe, stage, item, TS_C_DROPPED_STAGE_RATE_LIMIT);
        return false;
    }
    bucket->tokens--;
    return true;
}

/* The same sample once more, for another series. @return false without memory. */
static bool copy_to(struct item *to, const struct item *from, struct node *node)
{
    *to = *from;
    to->node = node;
    if (from->raw.flags & TS_RAW_TEXT) {
        size_t bytes = sizeof *from->raw.text + from->raw.text->len;
        to->raw.text = ts_alloc(bytes);
        if (!to->raw.text)
            return false;
        memcpy(to->raw.text, from->raw.text, bytes);
    }
    return true;
}

static unsigned put_out(struct ts_pipe *pipe, unsigned stage, struct item *out, unsigned n)
{
    if (n < TS_TILE_MAX)
        return n;
    ts_count(pipe->cnt[stage], TS_C_STAGE_OUT, n);
    pipe_deliver(pipe, stage + 1, out, n);
    return 0;
}

/* What comes out may be more than a tile, so it is delivered from here. */
static void flatmap(struct ts_pipe *pipe, unsigned stage, struct item *items, unsigned n)
{
    struct item out[TS_TILE_MAX];
    unsigned nout = 0;
    for (unsigned i = 0; i < n; i++) {
        struct item *item = &items[i];
        const struct step *step = &item->node->steps[stage];
        if (step->act == ACT_FAIL) {
            drop(pipe, stage, item, TS_C_DROPPED_STAGE_ERROR);
            continue;
        }
        if (step->act == ACT_PASS || !pipe_is_meant(pipe, step, &item->raw)) {
            out[nout++] = *item;
            nout = put_out(pipe, stage, out, nout);
            continue;
        }
        ts_count(pipe->conf.cnt, TS_C_SAMPLES_CREATED, step->nto - 1);
        for (unsigned j = 0; j + 1 < step->nto; j++) {
            if (copy_to(&out[nout], item, step->to[j])) {
                nout++;
            } else {
                ts_count(pipe->cnt[stage], TS_C_STAGE_ERRORS, 1);
                ts_count(pipe->conf.cnt, TS_C_DROPPED_NO_MEMORY, 1);
            }
            nout = put_out(pipe, stage, out, nout);
        }
        out[nout] = *item;
        out[nout++].node = step->to[step->nto - 1];
        nout = put_out(pipe, stage, out, nout);
    }
    if (nout) {
        ts_count(pipe->cnt[stage], TS_C_STAGE_OUT, nout);
        pipe_deliver(pipe, stage + 1, out, nout);
    }
}

unsigned pipe_run(struct ts_pipe *pipe, unsigned stage, struct item *items, unsigned n)
{
    static bool (*const runs[])(struct ts_pipe *, unsigned,
                                struct item *) = {[TS_STAGE_FILTER] = filter,
                                                  [TS_STAGE_MAP] = map,
                                                  [TS_STAGE_SAMPLE] = sample,
                                                  [TS_STAGE_RATE_LIMIT] = rate_limit};
    enum ts_stage_type type = pipe->stages[stage].type;
    if (type == TS_STAGE_FLATMAP) {
        flatmap(pipe, stage, items, n);
        return 0;
    }
    if (type == TS_STAGE_DEDUP) {
        pipe_hold(pipe, stage, items, n);
        return 0;
    }
    unsigned left = 0;
    for (unsigned i = 0; i < n; i++) {
        enum act act = items[i].node->steps[stage].act;
        bool stays = act == ACT_PASS;
        if (act == ACT_RUN)
            stays = runs[type](pipe, stage, &items[i]);
        else if (!stays)
            drop(pipe, stage, &items[i], act == ACT_DROP ? TS_C_DROPPED_FILTERED : TS_C_DROPPED_STAGE_ERROR);
        if (!stays)
            continue;
        if (left != i)
            items[left] = items[i];
        left++;
    }
    return left;
}
