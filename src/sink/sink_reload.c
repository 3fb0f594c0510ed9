/*
 * Sinks in place of others, while the journal goes on. Thread: main. What can fail is done first, beside the running sinks; then the
 * threads of those that change are stopped, and go on with the new options where the old ones were: with the same queue, jobs and
 * cursor, so that nothing is sent twice that was acknowledged, and nothing is left out. A sink that is gone keeps these, too, until
 * it is back.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#include <stdio.h>

#define STOP_NS (500 * TS_MS)

struct change {
    struct ts_sink *live;  /* NULL: there is none of the name */
    struct ts_sink *fresh; /* with live: of it only conf, impl and target count. NULL: live is to go */
};

struct ts_sinks_change {
    struct ts_feeds feeds;
    unsigned n;
    struct change changes[2 * TS_SINKS_MAX];
};

static struct ts_sink *find(const struct ts_sinks *sinks, const char *name)
{
    for (unsigned i = 0; i < sinks->n; i++)
        if (strcmp(sinks->sinks[i]->feed->name, name) == 0)
            return sinks->sinks[i];
    return NULL;
}

static bool has_sink(const struct ts_conf *conf, const char *name)
{
    for (unsigned i = 0; i < conf->nsinks; i++)
        if (strcmp(conf->sinks[i].name, name) == 0)
            return true;
    return false;
}

static int prepare_one(struct ts_sinks *sinks, const struct ts_conf_sink *conf, struct ts_sinks_change *chg, struct ts_err *err)
{
    struct ts_sink *live = find(sinks, conf->name);
    if (live && !live->away && ts_conf_sink_same(live->conf, conf))
        return 0;
    if (live && strcmp(live->type, conf->type) != 0)
        return ts_fail(err, TS_ECONF, "sink %s: its type cannot change while it runs; give the new one another name, or restart", conf->name);
    struct ts_feed *feed = live ? live->feed : chg->feeds.add(chg->feeds.arg, conf->name);
    if (!feed)
        return ts_fail(err, TS_EINVAL, "sink %s: too many sinks since the start; restart", conf->name);
    struct ts_sink *fresh = ts_xalloc(sizeof *fresh);
    chg->changes[chg->n++] = (struct change){live, fresh};
    fresh->own = ts_xalloc(sizeof *fresh->own);
    ts_conf_sink_copy(fresh->own, conf);
    fresh->all = sinks->all;
    fresh->conf = fresh->own;
    fresh->feed = feed;
    return ts_sink_open(fresh, err);
}

int ts_sinks_prepare(struct ts_sinks *sinks, const struct ts_conf *next, const struct ts_feeds *feeds, struct ts_sinks_change **out,
                     struct ts_err *err)
{
    struct ts_sinks_change *chg = *out = ts_xalloc(sizeof *chg);
    int rc = 0;
    chg->feeds = *feeds;
    if (next->nsinks > TS_SINKS_MAX)
        rc = ts_fail(err, TS_EINVAL, "%u sinks: there may be %u", next->nsinks, TS_SINKS_MAX);
    for (unsigned i = 0; i < next->nsinks && rc == 0; i++)
        rc = prepare_one(sinks, &next->sinks[i], chg, err);
    for (unsigned i = 0; i < sinks->n && rc == 0; i++)
        if (!sinks->sinks[i]->away && !has_sink(next, sinks->sinks[i]->feed->name))
            chg->changes[chg->n++] = (struct change){sinks->sinks[i], NULL};
    if (rc)
        ts_sinks_cancel(out);
    return rc;
}

void ts_sinks_cancel(struct ts_sinks_change **change)
{
    struct ts_sinks_change *chg = *change;
    for (unsigned i = 0; chg && i < chg->n; i++) {
        struct change *one = &chg->changes[i];
        if (one->fresh && !one->live)
            chg->feeds.leave(chg->feeds.arg, one->fresh->feed);
        if (one->fresh)
            ts_sink_free(&one->fresh);
    }
    TS_FREE(*change);
}

static void show_state(struct ts_sink *snk, const char *state)
{
    pthread_mutex_lock(&snk->lock);
    snprintf(snk->state, sizeof snk->state, "%s", state);
    snk->next_try_ns = 0;
    snk->shown_running = 0;
    pthread_mutex_unlock(&snk->lock);
}

/* Its thread has ended: requests that run are broken off, and sent again later. */
static void close_impl(struct ts_sink *snk)
{
    if (!snk->away)
        snk->ops->close(snk);
    for (unsigned i = 0; i < snk->nused; i++)
        ts_sink_job_at(snk, i)->running = false;
    snk->running = 0;
    snk->unpaused_ns = 0;
    snk->give_up = false;
}

/* Those that are in use move to the front, in order. */
static void set_jobs(struct ts_sink *snk, unsigned njobs)
{
    njobs = TS_MAX(njobs, snk->nused);
    struct ts_sink_job *jobs = ts_xalloc(njobs * sizeof *jobs);
    for (unsigned i = 0; i < snk->njobs; i++) {
        struct ts_sink_job *job = ts_sink_job_at(snk, i);
        if (i < njobs) {
            jobs[i] = *job;
        } else {
            ts_buf_fini(&job->text);
            ts_free(job->ends);
        }
    }
    ts_free(snk->jobs);
    snk->jobs = jobs;
    snk->njobs = njobs;
    snk->head = 0;
}

/* The fresh one's numbers of requests must be at least as many as there are jobs. */
static int take_over(struct ts_sink *snk, struct ts_sink *fresh)
{
    struct ts_err err;
    set_jobs(snk, fresh->njobs);
    if (snk->njobs > fresh->njobs) { /* it was opened for fewer */
        unsigned njobs = fresh->njobs;
        fresh->ops->close(fresh);
        fresh->njobs = snk->njobs;
        int rc = fresh->ops->open(fresh, &err);
        fresh->njobs = njobs; /* so many it has */
        if (rc) {
            ts_log(TS_LOG_ERROR, "sink_open_failed", "stage=sink sink=%s error=%s", snk->feed->name, ts_log_quote_z(err.msg));
            return rc;
        }
    }
    ts_sink_free_own(snk);
    snk->conf = snk->own = fresh->own;
    fresh->own = NULL;
    snk->impl = fresh->impl;
    snk->target = fresh->target;
    snk->flow = fresh->flow;
    fresh->away = true; /* it has no impl any more */
    snk->away = false;
    show_state(snk, "ok");
    ts_sink_show_target(snk);
    return 0;
}

static void start(struct ts_sink *snk)
{
    if (ts_sink_start(snk) == 0)
        return;
    show_state(snk, "its thread does not start; its points stay in the journal");
    ts_log(TS_LOG_ERROR, "sink_start_failed", "stage=sink sink=%s", snk->feed->name);
}

static void commit_one(struct ts_sinks *sinks, struct ts_sinks_change *chg, struct change *one)
{
    struct ts_sink *live = one->live;
    if (!live) {
        unsigned n = sinks->n;
        sinks->sinks[n] = one->fresh;
        start(one->fresh);
        one->fresh = NULL;
        /* Release: the status reads it without a lock. */
        atomic_store_explicit(&sinks->n, n + 1, memory_order_release);
        return;
    }
    ts_sink_join(live);
    close_impl(live);
    live->away = true;
    if (!one->fresh || take_over(live, one->fresh) != 0) {
        chg->feeds.leave(chg->feeds.arg, live->feed);
        show_state(live, "not in the configuration");
    } else {
        (void)chg->feeds.add(chg->feeds.arg, live->feed->name); /* it is back, or was never away */
        start(live);
    }
    if (one->fresh)
        ts_sink_free(&one->fresh);
}

unsigned ts_sinks_commit(struct ts_sinks *sinks, struct ts_sinks_change **change)
{
    struct ts_sinks_change *chg = *change;
    unsigned n = chg->n;
    int64_t deadline_ns = ts_clock_mono_ns() + STOP_NS;
    for (unsigned i = 0; i < n; i++)
        if (chg->changes[i].live)
            ts_sink_stop(chg->changes[i].live, deadline_ns);
    for (unsigned i = 0; i < n; i++)
        commit_one(sinks, chg, &chg->changes[i]);
    TS_FREE(*change);
    return n;
}
