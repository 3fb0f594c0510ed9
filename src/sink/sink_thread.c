/*
 * A sink's thread: feed records to queued points, queued points to jobs, which ts_sink_deliver sends, and the
 * cursor behind the oldest that are done. Owns the queue, at most a batch and a record, and the jobs. A full
 * queue leaves the rest in the journal; what fails waits (sink_deliver.c) and so leaves it there too.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#define BODY_MAX (8u << 20) /* bytes of a batch before compression; InfluxDB 1 takes 25 MB */
#define ALL_MAX  (4u << 20) /* the same of a sink that takes all: it is sent while more becomes durable */
#define KEEP_MAX (1u << 20) /* bytes of a buffer kept while there is nothing to send */
#define KEEP_NS  (2 * TS_SEC)
#define AGAIN_NS TS_SEC     /* between tries to read the feed */
#define LOOK_NS  TS_SEC     /* at most between looks for dead letters to try again */
#define REDO_NS  (50 * TS_MS)
#define PEEK_NS  (20 * TS_MS) /* between looks for new records while requests run */

static bool is_stopping(struct ts_sink *snk)
{
    return ts_sink_time_left(snk) != INT64_MAX;
}

static bool is_full(const struct ts_sink *snk)
{
    return snk->queue.n >= snk->conf->batch || snk->queue.text.len >= BODY_MAX;
}

static void drop_unsent(struct ts_sink *snk, unsigned points, const char *why)
{
    ts_count(snk->feed->cnt, TS_C_SINK_DROPPED, points);
    ts_log(TS_LOG_ERROR, "points_dropped", "stage=sink sink=%s points=%u why=%s", snk->conf->name, points,
           ts_log_quote_z(why));
}

/* Whether to leave the rest of the feed for later. */
static bool has_enough(const struct ts_sink *snk)
{
    return snk->ops->takes_all ? snk->queue.text.len >= ALL_MAX : is_full(snk);
}

/* Encodes all points of the record in hand behind the queue. @return 0, or -TS_ENOMEM with the queue as it
 * was. */
static int queue_record(struct ts_sink *snk)
{
    struct ts_sink_queue *queue = &snk->queue;
    struct ts_rollup_head head;
    int rc = ts_rollup_head_decode(snk->record, &head);
    TS_ASSERT(rc == 0); /* the feed has read the same to find out whose it is */
    rc = ts_rollup_batch_decode(snk->record, snk->batch);
    if (rc == -TS_ENOMEM || !ts_sink_queue_reserve(queue, head.n + 1))
        return -TS_ENOMEM;
    if (rc != 0) {
        drop_unsent(snk, head.n, "a record with a good checksum cannot be read");
    } else {
        unsigned before = queue->n, mute = 0;
        bool may_replace = snk->batch->correction || snk->record_end.segment != snk->last_segment;
        for (unsigned i = 0; i < snk->batch->n; i++) {
            rc = snk->ops->encode(snk->batch, &snk->batch->points[i], &queue->text);
            if (rc == -TS_ENOMEM) {
                ts_sink_queue_cut(queue, before);
                return rc;
            }
            if (rc == 0)
                ts_sink_queue_add(queue);
            else
                mute++;
        }
        if (may_replace && queue->n > before)
            snk->barrier_at = queue->n;
        snk->last_segment = snk->record_end.segment;
        if (mute)
            drop_unsent(snk, mute, "no aggregate of the point is a finite number");
        if (before == 0)
            snk->queued_since_ns = ts_clock_mono_ns();
    }
    ts_sink_queue_mark(queue, snk->record_end);
    return 0;
}

/* Reads records until the queue is full or nothing is left. @return how long until it makes sense to look
 * again unasked. */
static int64_t fill(struct ts_sink *snk)
{
    while (!has_enough(snk)) {
        if (!snk->record.p) {
            int rc = ts_feed_next(snk->feed, &snk->record, &snk->record_end);
            if (rc == -TS_EAGAIN && snk->queue.n == 0 && snk->nused == 0)
                (void)!ts_feed_ack(snk->feed,
                                   snk->record_end); /* what failed is logged, and tried with the next */
            if (rc != 0) {
                snk->record.p = NULL;
                return rc == -TS_EAGAIN ? INT64_MAX : AGAIN_NS;
            }
        }
        if (queue_record(snk) != 0) {
            ts_log(TS_LOG_WARN, "no_memory", "stage=sink sink=%s next_try=1s", snk->conf->name);
            return AGAIN_NS;
        }
        snk->record.p = NULL;
    }
    return 0;
}

/* Sleeps until the bell is rung. What it was rung for before it was prepared is found by looking once more.
 */
static void sleep_for(struct ts_sink *snk, int64_t timeout_ns)
{
    ts_bell_prepare(&snk->feed->bell);
    unsigned before = snk->queue.n;
    fill(snk);
    if (snk->queue.n > before || is_stopping(snk))
        ts_bell_cancel(&snk->feed->bell);
    else
        ts_bell_sleep(&snk->feed->bell, TS_MIN(timeout_ns, 3600 * TS_SEC));
}

static unsigned batch_size(const struct ts_sink *snk)
{
    unsigned n = snk->ops->takes_all ? snk->queue.n : TS_MIN(snk->queue.n, snk->conf->batch);
    while (n > 1 && snk->queue.ends[n - 1] > BODY_MAX)
        n /= 2;
    return n;
}

/* Makes jobs of what the queue holds: whole batches, and a smaller one when its points have waited long
 * enough.
 * @return when that will be, monotonic; INT64_MAX: never, or there is no place for a job. */
static int64_t make_jobs(struct ts_sink *snk, bool all)
{
    struct ts_sink_queue *queue = &snk->queue;
    while (queue->n && snk->nused < snk->njobs) {
        int64_t due_ns = snk->queued_since_ns + snk->conf->flush_interval_ns;
        if (!is_full(snk) && !all && due_ns > ts_clock_mono_ns())
            return due_ns;
        unsigned n = batch_size(snk);
        struct ts_sink_job *job = ts_sink_job_new(snk, &queue->text, queue->ends, n);
        if (!job)
            return ts_clock_mono_ns() + AGAIN_NS;
        job->barrier = snk->barrier_at > 0;
        snk->barrier_at -= TS_MIN(snk->barrier_at, n);
        job->has_pos = ts_sink_queue_pop(queue, n, &job->pos);
        fill(snk);
    }
    return INT64_MAX;
}

static void log_end(struct ts_sink *snk)
{
    uint64_t delivered = ts_feed_count(snk->feed, TS_C_SINK_DELIVERED),
             dropped = ts_feed_count(snk->feed, TS_C_SINK_DROPPED), pending = ts_feed_pending(snk->feed);
    ts_log(pending ? TS_LOG_WARN : TS_LOG_INFO, "sink_stopped",
           "stage=sink sink=%s delivered=%llu dropped=%llu pending=%llu%s", snk->conf->name,
           (unsigned long long)delivered, (unsigned long long)dropped, (unsigned long long)pending,
           pending ? " what=\"pending points stay in the journal and go out after the next start\"" : "");
}

/* What a large window took is not kept for the next. */
static void give_back(struct ts_sink *snk)
{
    bool any = snk->queue.text.cap > KEEP_MAX;
    if (snk->queue.n || snk->nused || ts_clock_mono_ns() - snk->queued_since_ns < KEEP_NS)
        return;
    if (any)
        ts_buf_fini(&snk->queue.text);
    for (unsigned i = 0; i < snk->njobs; i++) {
        if (snk->jobs[i].text.cap > KEEP_MAX) {
            ts_buf_fini(&snk->jobs[i].text);
            any = true;
        }
    }
    if (any)
        ts_mem_trim();
}

/* Waits for answers, for more to send, or for the time when something is due. */
static void wait_for_more(struct ts_sink *snk, int64_t due_ns, int64_t idle_ns)
{
    int64_t now = ts_clock_mono_ns();
    give_back(snk);
    due_ns = TS_MIN(due_ns, ts_sink_next_start(snk));
    idle_ns = idle_ns ? idle_ns : INT64_MAX; /* a full queue wants no more */
    int64_t wait_ns = due_ns == INT64_MAX ? idle_ns : TS_MIN(TS_MAX(due_ns - now, 0), idle_ns);
    wait_ns = TS_MIN(wait_ns, snk->redo.fd >= 0 ? REDO_NS : LOOK_NS);
    wait_ns = TS_MIN(wait_ns, ts_sink_time_left(snk));
    if (!snk->running)
        sleep_for(snk, wait_ns);
    else /* the bell does not end this wait: records that come meanwhile are looked for now and then */
        ts_sink_deliver(snk, snk->nused < snk->njobs ? TS_MIN(wait_ns, PEEK_NS) : wait_ns);
}

/* After the stop the first wait is cut short, to try once more. @return whether the sink has to end. */
static bool must_end(struct ts_sink *snk)
{
    if (ts_sink_time_left(snk) == 0 || snk->give_up)
        return true;
    if (snk->flow.pause_until_ns) {
        if (snk->unpaused_ns)
            return true;
        snk->flow.pause_until_ns = 0;
        snk->unpaused_ns = ts_clock_mono_ns();
    }
    return snk->nused == 0 && snk->queue.n == 0;
}

void *ts_sink_run(void *arg)
{
    struct ts_sink *snk = arg;
    for (;;) {
        bool stopping = is_stopping(snk); /* asked before looking: the journal has ended when it is set */
        int64_t idle_ns = fill(snk);
        ts_sink_redo(snk);
        int64_t due_ns = make_jobs(snk, stopping);
        if (stopping && must_end(snk))
            break;
        ts_sink_deliver(snk, 0);
        struct ts_feed_pos pos;
        if (ts_sink_jobs_settle(snk, &pos))
            (void)!ts_feed_ack(snk->feed, pos); /* what failed is logged, and tried with the next */
        else if (!stopping || snk->running)
            wait_for_more(snk, due_ns, idle_ns);
    }
    log_end(snk);
    return NULL;
}
