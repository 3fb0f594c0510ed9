/*
 * Queued points to verdicts: sends a range, halves what is refused until the bad points stand alone, waits
 * and sends again what cannot be taken now. Thread: the sink's. Bounded: a range is halved at most 32 times.
 * Nothing is given up but single points that the other side refuses, after they are in the dead-letter file.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/num.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HELD_LOG_NS (60 * TS_SEC)
#define HELD_TRY_NS (10 * TS_SEC) /* whoever puts it right should not have to wait long */

struct range {
    unsigned from, to;
};

int64_t ts_sink_time_left(struct ts_sink *snk)
{
    /* Pairs with ts_sinks_stop: the deadline was stored before. */
    if (!atomic_load_explicit(&snk->stopping, memory_order_acquire))
        return INT64_MAX;
    int64_t left = atomic_load_explicit(&snk->deadline_ns, memory_order_relaxed) - ts_clock_mono_ns();
    return TS_MAX(left, 0);
}

static void set_state(struct ts_sink *snk, const char *what, const char *why, int64_t next_try_ns)
{
    pthread_mutex_lock(&snk->lock);
    snprintf(snk->state, sizeof snk->state, "%s%s%.180s", what, *why ? ": " : "", why);
    snk->next_try_ns = next_try_ns;
    pthread_mutex_unlock(&snk->lock);
}

/* splitmix64 (Steele, Lea, Flood 2014); a value in [0, 1). */
static double draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* Exponential back-off with full jitter: anywhere between retry_min and what the number of failures allows.
 */
static int64_t delay_of(struct ts_sink *snk, const struct ts_sink_reply *reply)
{
    int64_t min = snk->conf->retry_min_ns, max = snk->conf->retry_max_ns;
    if (reply->verdict == TS_SINK_HELD)
        return TS_MIN(max, HELD_TRY_NS);
    int64_t bound = min;
    for (unsigned i = 0; i < snk->failures && bound < max; i++)
        bound = TS_MIN(2 * bound, max);
    int64_t delay = min + (int64_t)((double)(bound - min) * draw(&snk->random));
    return TS_MAX(delay, reply->retry_after_ns);
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
           "stage=sink sink=%s why=%s next_try=%.1fs pending=%llu", snk->conf->name, ts_log_quote_z(reply->why),
           (double)delay_ns / 1e9, (unsigned long long)(ts_feed_rolled_up(snk->feed) -
                                ts_counter_of(snk->feed->cnt, TS_C_SINK_DELIVERED) -
                                ts_counter_of(snk->feed->cnt, TS_C_SINK_DROPPED)));
}

/* Waits until the next try is due. @return false when there will be none: the sink is to stop and has tried
 * once more. */
static bool pause_after(struct ts_sink *snk, const struct ts_sink_reply *reply)
{
    int64_t delay = delay_of(snk, reply), until = ts_clock_mono_ns() + delay;
    snk->failures++;
    tell(snk, reply, delay);
    set_state(snk, reply->verdict == TS_SINK_HELD ? "held" : "retrying", reply->why, until);
    for (int64_t now; (now = ts_clock_mono_ns()) < until && ts_sink_time_left(snk) == INT64_MAX;) {
        ts_bell_prepare(&snk->feed->bell);
        if (ts_sink_time_left(snk) != INT64_MAX)
            ts_bell_cancel(&snk->feed->bell);
        else
            ts_bell_sleep(&snk->feed->bell, until - now);
    }
    if (ts_sink_time_left(snk) != INT64_MAX) {
        if (snk->tried_last || ts_sink_time_left(snk) == 0)
            return false;
        snk->tried_last = true;
    }
    ts_count(snk->feed->cnt, TS_C_SINK_RETRIES, 1);
    return true;
}

static void delivered(struct ts_sink *snk, unsigned points)
{
    if (snk->failures)
        ts_log(TS_LOG_INFO, "recovered", "stage=sink sink=%s failures=%u", snk->conf->name, snk->failures);
    snk->failures = 0;
    snk->told_held_ns = 0;
    set_state(snk, "ok", "", 0);
    ts_count(snk->feed->cnt, TS_C_SINK_DELIVERED, points);
    ts_count(snk->feed->cnt, TS_C_SINK_BATCHES, 1);
}

/* A point that is refused on its own. @return false when it cannot be put away: reply then says to try again.
 */
static bool drop(struct ts_sink *snk, struct ts_str line, struct ts_sink_reply *reply)
{
    if (ts_sink_dead_put(snk, reply->why, line) != 0) {
        reply->verdict = TS_SINK_RETRY;
        snprintf(reply->why, sizeof reply->why, "cannot write the dead-letter file: %s", strerror(errno));
        return false;
    }
    ts_count(snk->feed->cnt, TS_C_SINK_DROPPED, 1);
    ts_log(TS_LOG_WARN, "point_refused", "stage=sink sink=%s why=%s kept_in=dead-letter/%s.lp",
           snk->conf->name, ts_log_quote_z(reply->why), snk->conf->name);
    return true;
}

bool ts_sink_deliver(struct ts_sink *snk, unsigned n)
{
    struct range todo[34] = {{0, n}};
    unsigned ntodo = 1;
    while (ntodo) {
        struct range r = todo[--ntodo];
        struct ts_str body = ts_sink_queue_text(&snk->queue, r.from, r.to);
        struct ts_sink_reply reply = {.verdict = TS_SINK_RETRY};
        snk->ops->send(snk, body, &reply);
        if (reply.verdict == TS_SINK_SENT) {
            delivered(snk, r.to - r.from);
            continue;
        }
        bool refused = reply.verdict == TS_SINK_TOO_BIG || reply.verdict == TS_SINK_REFUSED;
        if (refused && r.to - r.from > 1) {
            unsigned middle = r.from + (r.to - r.from) / 2;
            todo[ntodo++] = (struct range){middle, r.to};
            todo[ntodo++] = (struct range){r.from, middle};
        } else if (!refused || !drop(snk, body, &reply)) {
            todo[ntodo++] = r;
            if (!pause_after(snk, &reply))
                return false;
        }
    }
    return true;
}
