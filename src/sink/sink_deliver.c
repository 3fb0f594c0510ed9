/*
 * Jobs to verdicts: keeps as many requests running as the flow allows, halves what is refused until the bad
 * points stand alone (or takes the line that the answer names), sends again what cannot be taken now. Thread:
 * the sink's. Bounded: see split. Nothing is given up but single points that the other side refuses, after
 * they are in the dead-letter file.
 *
 * Order: a point may replace another only if it is a correction, or from another run of the daemon (another
 * segment of the journal); jobs with such points wait until all before them are done. So an old point that is
 * sent again never comes after the newer one.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HELD_LOG_NS (60 * TS_SEC)

int64_t ts_sink_time_left(struct ts_sink *snk)
{
    /* Pairs with ts_sinks_stop: the deadline was stored before. */
    if (!atomic_load_explicit(&snk->stopping, memory_order_acquire))
        return INT64_MAX;
    int64_t left = atomic_load_explicit(&snk->deadline_ns, memory_order_relaxed) - ts_clock_mono_ns();
    return TS_MAX(left, 0);
}

static void set_state(struct ts_sink *snk, const char *what, const char *why)
{
    pthread_mutex_lock(&snk->lock);
    snprintf(snk->state, sizeof snk->state, "%s%s%.180s", what, *why ? ": " : "", why);
    pthread_mutex_unlock(&snk->lock);
}

static void show_flow(struct ts_sink *snk)
{
    pthread_mutex_lock(&snk->lock);
    snk->next_try_ns = snk->flow.pause_until_ns;
    snk->shown_running = snk->running;
    snk->shown_limit = (unsigned)snk->flow.limit;
    snk->shown_circuit = snk->flow.circuit;
    pthread_mutex_unlock(&snk->lock);
}

static void tell(struct ts_sink *snk, const struct ts_sink_reply *reply, int64_t delay_ns)
{
    int64_t now = ts_clock_mono_ns();
    bool held = reply->verdict == TS_SINK_HELD;
    if (held && snk->told_held_ns && now - snk->told_held_ns < HELD_LOG_NS)
        return;
    if (held)
        snk->told_held_ns = now;
    ts_log(held ? TS_LOG_ERROR : TS_LOG_WARN, held ? "held" : "retry",
           "stage=sink sink=%s why=%s next_try=%.1fs circuit=%s in_flight=%u pending=%llu", snk->conf->name,
           ts_log_quote_z(reply->why), (double)delay_ns / 1e9, ts_circuit_name(snk->flow.circuit),
           snk->running, (unsigned long long)ts_feed_pending(snk->feed));
}

/* The other side has looked at a request, whatever it thinks of the points. */
static void answered(struct ts_sink *snk)
{
    if (snk->flow.failures)
        ts_log(TS_LOG_INFO, "recovered", "stage=sink sink=%s failures=%u", snk->conf->name,
               snk->flow.failures);
    ts_flow_succeeded(&snk->flow, snk->running + 1);
    if (snk->flow.pause_until_ns == 0) /* else a request that began later has failed */
        set_state(snk, "ok", "");
}

static void sent(struct ts_sink *snk, const struct ts_sink_job *job, unsigned points)
{
    answered(snk);
    ts_count(snk->feed->cnt, job->dead ? TS_C_SINK_DEAD_DELIVERED : TS_C_SINK_DELIVERED, points);
    ts_count(snk->feed->cnt, TS_C_SINK_BATCHES, 1);
}

static void failed(struct ts_sink *snk, const struct ts_sink_job *job, const struct ts_sink_reply *reply)
{
    struct ts_flow_failure failure = {.held = reply->verdict == TS_SINK_HELD,
                                      .retry_after_ns = reply->retry_after_ns,
                                      .began_ns = job->began_ns};
    int64_t delay_ns = ts_flow_failed(&snk->flow, &failure, ts_clock_mono_ns());
    tell(snk, reply, delay_ns);
    set_state(snk, failure.held ? "held" : "retrying", reply->why);
    ts_count(snk->feed->cnt, TS_C_SINK_RETRIES, 1);
    snk->give_up |= snk->unpaused_ns && job->began_ns >= snk->unpaused_ns;
}

/* A point that is refused on its own. @return false when it cannot be put away: reply then says to try again.
 */
static bool drop(struct ts_sink *snk, const struct ts_sink_job *job, struct ts_str point,
                 struct ts_sink_reply *reply)
{
    if (ts_sink_dead_put(snk, reply->why, point) != 0) {
        reply->verdict = TS_SINK_RETRY;
        snprintf(reply->why, sizeof reply->why, "cannot write the dead-letter file: %s", strerror(errno));
        return false;
    }
    if (!job->dead)
        ts_count(snk->feed->cnt, TS_C_SINK_DROPPED, 1);
    ts_log(TS_LOG_WARN, "point_refused", "stage=sink sink=%s why=%s kept_in=dead-letter/%s.lp",
           snk->conf->name, ts_log_quote_z(reply->why), snk->conf->name);
    return true;
}

/* A named line is sent alone, after those before it: the name is a hint, the answer to that request decides.
 * Halving needs a place for each of 17 halvings, which names must leave free. */
static void split(struct ts_sink_job *job, struct ts_sink_range r, const struct ts_sink_reply *reply)
{
    unsigned bad;
    if (reply->line && job->ntodo + 3 + 18 <= TS_SINK_RANGES &&
        ts_sink_job_find_line(job, r, reply->line, &bad)) {
        if (bad + 1 < r.to)
            job->todo[job->ntodo++] = (struct ts_sink_range){bad + 1, r.to};
        job->todo[job->ntodo++] = (struct ts_sink_range){bad, bad + 1};
        if (r.from < bad)
            job->todo[job->ntodo++] = (struct ts_sink_range){r.from, bad};
        return;
    }
    unsigned middle = r.from + (r.to - r.from) / 2;
    TS_ASSERT(job->ntodo + 2 <= TS_SINK_RANGES);
    job->todo[job->ntodo++] = (struct ts_sink_range){middle, r.to};
    job->todo[job->ntodo++] = (struct ts_sink_range){r.from, middle};
}

static void judge(struct ts_sink *snk, struct ts_sink_job *job, struct ts_sink_reply *reply)
{
    struct ts_sink_range r = job->todo[--job->ntodo];
    if (reply->verdict == TS_SINK_SENT) {
        sent(snk, job, r.to - r.from);
        return;
    }
    if (reply->verdict == TS_SINK_TOO_BIG || reply->verdict == TS_SINK_REFUSED) {
        bool alone = r.to - r.from == 1;
        if (!alone)
            split(job, r, reply);
        if (!alone || drop(snk, job, ts_sink_job_text(job, r), reply)) {
            answered(snk);
            return;
        }
    }
    job->todo[job->ntodo++] = r;
    failed(snk, job, reply);
}

/* Whether the job may start beside those before it. */
static bool may_start(struct ts_sink *snk, unsigned i)
{
    const struct ts_sink_job *job = ts_sink_job_at(snk, i);
    if (job->running || job->ntodo == 0)
        return false;
    for (unsigned k = 0; k < i && job->barrier; k++) {
        const struct ts_sink_job *before = ts_sink_job_at(snk, k);
        if (before->running || before->ntodo)
            return false;
    }
    return true;
}

static void start_one(struct ts_sink *snk, unsigned i)
{
    struct ts_sink_job *job = ts_sink_job_at(snk, i);
    struct ts_str body = ts_sink_job_text(job, job->todo[job->ntodo - 1]);
    struct ts_sink_reply reply = {.verdict = TS_SINK_RETRY, .why = "out of memory"};
    job->began_ns = ts_clock_mono_ns();
    if (!snk->ops->begin) {
        snk->ops->send(snk, body, &reply);
        judge(snk, job, &reply);
    } else if (snk->ops->begin(snk, (snk->head + i) % snk->njobs, body)) {
        job->running = true;
        snk->running++;
    } else {
        judge(snk, job, &reply);
    }
}

static void start_all(struct ts_sink *snk)
{
    for (unsigned i = 0; i < snk->nused; i++) {
        while (may_start(snk, i) && !snk->give_up && ts_sink_time_left(snk) > 0 &&
               snk->running < ts_flow_allowed(&snk->flow, ts_clock_mono_ns()))
            start_one(snk, i);
    }
}

int64_t ts_sink_next_start(struct ts_sink *snk)
{
    for (unsigned i = 0; i < snk->nused; i++) {
        if (!may_start(snk, i))
            continue;
        if (snk->flow.pause_until_ns)
            return snk->flow.pause_until_ns;
        return snk->running ? INT64_MAX : 0; /* an answer makes room for it */
    }
    return INT64_MAX;
}

void ts_sink_deliver(struct ts_sink *snk, int64_t timeout_ns)
{
    struct ts_sink_reply reply = {.verdict = TS_SINK_RETRY};
    unsigned request;
    start_all(snk);
    show_flow(snk);
    while (snk->running && snk->ops->finish(snk, timeout_ns, &request, &reply)) {
        struct ts_sink_job *job = &snk->jobs[request];
        job->running = false;
        snk->running--;
        judge(snk, job, &reply);
        start_all(snk);
        show_flow(snk);
        reply = (struct ts_sink_reply){.verdict = TS_SINK_RETRY};
        timeout_ns = 0;
    }
}
