/*
 * All configured sinks: finds their types in tbl/sinks.def, starts and stops their threads, tells their
 * state. Thread: main; status any. Owns everything of the sinks but their feeds.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/mem.h"

#include <stdio.h>
#include <unistd.h>

static const struct {
    const char *type;
    const struct ts_sink_ops *ops;
} types[] = {
#define TS_SINK(type, ops, text) {#type, &ops},
#include "tbl/sinks.def"
#undef TS_SINK
};

static const struct ts_sink_ops *find_ops(const char *type)
{
    for (size_t i = 0; i < TS_ARRAY_SIZE(types); i++) {
        if (strcmp(types[i].type, type) == 0)
            return types[i].ops;
    }
    return NULL;
}

unsigned ts_sink_requests(const struct ts_sink *snk)
{
    return snk->ops->begin ? TS_MAX(snk->conf->in_flight, 1u) : 1;
}

void ts_sink_show_target(struct ts_sink *snk)
{
    const char *target = ts_conf_keep(snk->target);
    pthread_mutex_lock(&snk->lock);
    snk->shown_target = target;
    pthread_mutex_unlock(&snk->lock);
}

int ts_sink_open(struct ts_sink *snk, struct ts_err *err)
{
    TS_ASSERT(snk->conf->batch > 0);
    snk->dead_fd = snk->redo.fd = -1;
    pthread_mutex_init(&snk->lock, NULL);
    snprintf(snk->state, sizeof snk->state, "ok");
    snk->batch = ts_rollup_batch_new();
    if (!snk->batch)
        return ts_fail(err, TS_ENOMEM, "no memory for sink %s", snk->conf->name);
    snk->ops = find_ops(snk->conf->type);
    if (!snk->ops)
        return ts_fail(err, TS_ECONF, "sink %s: there is no sink type %s", snk->conf->name, snk->conf->type);
    snk->type = ts_conf_keep(snk->conf->type);
    unsigned requests = ts_sink_requests(snk);
    snk->njobs = TS_SINK_JOBS_PER_REQUEST * requests;
    snk->jobs = ts_xalloc(snk->njobs * sizeof *snk->jobs);
    ts_flow_init(&snk->flow, requests, snk->conf->retry_min_ns, snk->conf->retry_max_ns,
                 (uint64_t)ts_clock_mono_ns() ^ (uint64_t)(uintptr_t)snk);
    int rc = snk->ops->open(snk, err);
    if (rc == 0)
        ts_sink_show_target(snk);
    return rc;
}

int ts_sinks_open(const struct ts_conf *conf, struct ts_feed *const *feeds, struct ts_sinks **out,
                  struct ts_err *err)
{
    struct ts_sinks *sinks = ts_xalloc(sizeof *sinks);
    int rc = 0;
    sinks->all = conf;
    TS_ASSERT(conf->nsinks <= TS_SINKS_MAX); /* the journal has no more feeds */
    for (unsigned i = 0; i < conf->nsinks && rc == 0; i++) {
        struct ts_sink *snk = sinks->sinks[sinks->n++] = ts_xalloc(sizeof *snk);
        snk->all = conf;
        snk->conf = &conf->sinks[i];
        snk->feed = feeds[i];
        rc = ts_sink_open(snk, err);
    }
    if (rc != 0)
        ts_sinks_free(&sinks);
    *out = sinks;
    return rc;
}

int ts_sink_start(struct ts_sink *snk)
{
    char name[16];
    snprintf(name, sizeof name, "sink:%.10s", snk->conf->name);
    atomic_store_explicit(&snk->stopping, false, memory_order_relaxed);
    int rc = ts_thread_start(&snk->thread, name, ts_sink_run, snk);
    snk->started = rc == 0;
    return rc;
}

int ts_sinks_start(struct ts_sinks *sinks, struct ts_err *err)
{
    for (unsigned i = 0; i < sinks->n; i++)
        if (ts_sink_start(sinks->sinks[i]) != 0)
            return ts_fail(err, TS_ENOMEM, "cannot start the thread of sink %s", sinks->sinks[i]->conf->name);
    return 0;
}

void ts_sink_stop(struct ts_sink *snk, int64_t deadline_mono_ns)
{
    if (!snk->started)
        return;
    atomic_store_explicit(&snk->deadline_ns, deadline_mono_ns, memory_order_relaxed);
    /* Who sees it sees the deadline, and all that the journal has published before. */
    atomic_store_explicit(&snk->stopping, true, memory_order_release);
    ts_bell_ring(&snk->feed->bell);
    if (snk->ops->wake)
        snk->ops->wake(snk);
}

void ts_sink_join(struct ts_sink *snk)
{
    if (snk->started)
        pthread_join(snk->thread, NULL);
    snk->started = false;
}

void ts_sinks_stop(struct ts_sinks *sinks, int64_t deadline_mono_ns)
{
    for (unsigned i = 0; i < sinks->n; i++)
        ts_sink_stop(sinks->sinks[i], deadline_mono_ns);
    for (unsigned i = 0; i < sinks->n; i++)
        ts_sink_join(sinks->sinks[i]);
}

void ts_sink_free_own(struct ts_sink *snk)
{
    if (snk->own)
        ts_conf_sink_fini(snk->own);
    TS_FREE(snk->own);
}

void ts_sink_free(struct ts_sink **sink)
{
    struct ts_sink *snk = *sink;
    TS_ASSERT(!snk->started);
    if (snk->ops && !snk->away)
        snk->ops->close(snk);
    ts_sink_jobs_fini(snk);
    if (snk->dead_fd >= 0)
        close(snk->dead_fd);
    if (snk->redo.fd >= 0)
        close(snk->redo.fd);
    ts_rollup_batch_free(&snk->batch);
    ts_sink_queue_fini(&snk->queue);
    pthread_mutex_destroy(&snk->lock);
    ts_sink_free_own(snk);
    TS_FREE(*sink);
}

void ts_sinks_free(struct ts_sinks **sinks)
{
    if (!*sinks)
        return;
    for (unsigned i = 0; i < (*sinks)->n; i++)
        ts_sink_free(&(*sinks)->sinks[i]);
    TS_FREE(*sinks);
}

bool ts_sinks_status(void *arg, unsigned i, struct ts_sink_status *out)
{
    struct ts_sinks *sinks = arg;
    /* Pairs with the release in ts_sinks_commit. */
    if (i >= atomic_load_explicit(&sinks->n, memory_order_acquire))
        return false;
    struct ts_sink *snk = sinks->sinks[i];
    *out = (struct ts_sink_status){
        .name = snk->feed->name,
        .type = snk->type,
        .delivered = ts_feed_count(snk->feed, TS_C_SINK_DELIVERED),
        .dropped = ts_feed_count(snk->feed, TS_C_SINK_DROPPED),
        .coarsened = ts_feed_count(snk->feed, TS_C_SINK_COARSENED),
        .retries = ts_counter_of(snk->feed->cnt, TS_C_SINK_RETRIES),
    };
    out->rolled_up = ts_feed_rolled_up(snk->feed);
    /* The counters are read one after the other while they move. */
    uint64_t done = out->delivered + out->dropped + out->coarsened;
    out->pending = out->rolled_up > done ? out->rolled_up - done : 0;
    out->dead_delivered = ts_counter_of(snk->feed->cnt, TS_C_SINK_DEAD_DELIVERED);
    pthread_mutex_lock(&snk->lock);
    out->url = snk->shown_target;
    int64_t wait_ns = TS_MAX(snk->next_try_ns - ts_clock_mono_ns(), 0);
    if (snk->next_try_ns)
        snprintf(out->state, sizeof out->state, "%s, next in %lld s", snk->state,
                 (long long)((wait_ns + TS_SEC - 1) / TS_SEC));
    else
        snprintf(out->state, sizeof out->state, "%s", snk->state);
    out->retry_in_ns = snk->next_try_ns ? wait_ns : 0;
    out->in_flight = snk->shown_running;
    out->limit = TS_MAX(snk->shown_limit, 1u);
    out->circuit = ts_circuit_name(snk->shown_circuit);
    out->dead_letters = snk->dead_letters;
    pthread_mutex_unlock(&snk->lock);
    return true;
}
