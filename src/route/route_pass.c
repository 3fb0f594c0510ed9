/*
 * Passed points to batches for the journal. Thread: ingest; a passer belongs to one. Owns the batch being
 * filled. A full ring means that the disk stands still and the journal with it: with `block` the thread looks
 * again every millisecond (points are few, and the journal rings no bell of ours), once per batch of data and
 * at most block_ns; then, and with the other policies at once, the batch is dropped and counted. What waits
 * is bounded by the ring: 255 batches.
 *
 * The time of a point is exact to the millisecond; below it stands a number that the next 999,999 points do
 * not have.
 */
#include "config.h"
#include "route/route_pass.h"

#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"
#include "core/rollup.h"

#include <time.h>

#define BATCH_POINTS 64
#define BATCH_BYTES  65536 /* of series and fields, after which a batch goes out */

struct ts_passer {
    struct ts_passer_conf conf;
    struct ts_rollup_batch *batch; /* NULL: none is open */
    int64_t arrival_ns;
    _Atomic(const char *) to;
    bool gave_up; /* waited block_ns in this batch of data already */
};

struct ts_passer *ts_passer_new(const struct ts_passer_conf *conf)
{
    struct ts_passer *psr = ts_xalloc(sizeof *psr);
    psr->conf = *conf;
    ts_passer_set_to(psr, conf->to);
    return psr;
}

/* Release: whoever takes the pointer sees the text. */
void ts_passer_set_to(struct ts_passer *psr, const char *to)
{
    atomic_store_explicit(&psr->to, to, memory_order_release);
}

void ts_passer_free(struct ts_passer **passer)
{
    if (*passer) {
        ts_rollup_batch_free(&(*passer)->batch);
        TS_FREE(*passer);
    }
}

void ts_passer_begin(struct ts_passer *psr, int64_t arrival_ns)
{
    psr->arrival_ns = arrival_ns;
    psr->gave_up = false;
}

static bool push(struct ts_passer *psr, struct ts_rollup_batch *batch)
{
    bool wait = psr->conf.when_full == TS_FULL_BLOCK && !psr->gave_up;
    int64_t since_ns = ts_clock_mono_ns();
    while (!ts_ring_push(psr->conf.out, batch)) {
        psr->gave_up = !wait || ts_clock_mono_ns() - since_ns >= psr->conf.block_ns;
        if (psr->gave_up)
            return false;
        nanosleep(&(struct timespec){0, TS_MS}, NULL);
    }
    ts_bell_ring(psr->conf.out_bell);
    return true;
}

void ts_passer_flush(struct ts_passer *psr)
{
    struct ts_rollup_batch *batch = psr->batch;
    if (!batch)
        return;
    psr->batch = NULL;
    const char *at = batch->texts.p;
    for (unsigned i = 0; i < batch->n; i++) { /* only now do the texts lie where they stay */
        struct ts_rollup *pt = &batch->points[i];
        pt->series.p = at;
        pt->fields.p = at + pt->series.len;
        at += pt->series.len + pt->fields.len;
    }
    unsigned n = batch->n; /* the batch is the journal's once it is pushed */
    if (push(psr, batch)) {
        ts_count(psr->conf.cnt, TS_C_SAMPLES_PASSED, n);
    } else {
        ts_count(psr->conf.cnt, TS_C_DROPPED_RING_FULL, n);
        ts_rollup_batch_free(&batch);
    }
}

static int open_batch(struct ts_passer *psr)
{
    psr->batch = ts_rollup_batch_sized(BATCH_POINTS);
    if (!psr->batch)
        return -TS_ENOMEM;
    psr->batch->rule = "events";
    psr->batch->to = atomic_load_explicit(&psr->to, memory_order_acquire);
    psr->batch->passed = true;
    return 0;
}

static int64_t time_of(struct ts_passer *psr, const struct ts_passed *psd)
{
    /* Relaxed: only that no two threads get the same number matters. */
    uint64_t number = atomic_fetch_add_explicit(psr->conf.count, 1, memory_order_relaxed);
    int64_t time_ns = psd->has_time ? psd->time_ns : ts_clock_floor(psr->arrival_ns, TS_MS);
    return time_ns + (int64_t)(number % (uint64_t)TS_MS);
}

void ts_passer_take(const struct ts_passed *psd, void *passer)
{
    struct ts_passer *psr = passer;
    if (!psr->batch && open_batch(psr) != 0) {
        ts_count(psr->conf.cnt, TS_C_DROPPED_NO_MEMORY, 1);
        return;
    }
    struct ts_rollup_batch *batch = psr->batch;
    char *to = ts_buf_reserve(&batch->texts, psd->series.len + psd->fields.len);
    if (!to) {
        batch->texts.failed = false;
        ts_count(psr->conf.cnt, TS_C_DROPPED_NO_MEMORY, 1);
        return;
    }
    ts_buf_put_str(&batch->texts, psd->series);
    ts_buf_put_str(&batch->texts, psd->fields);
    batch->points[batch->n++] = (struct ts_rollup){.series = {NULL, psd->series.len},
                                                   .last_text = TS_STR(""),
                                                   .fields = {NULL, psd->fields.len},
                                                   .time_ns = time_of(psr, psd)};
    if (batch->n == BATCH_POINTS || batch->texts.len >= BATCH_BYTES)
        ts_passer_flush(psr);
}
