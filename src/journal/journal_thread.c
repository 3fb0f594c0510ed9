/*
 * Sealed batches to durable records: takes all that the workers' rings hold, appends it with one write and
 * one fdatasync. Thread: journal. Owns the batches it pops and the segment being written. When the disk
 * fails: the segment is given up behind its last durable record, what waits stays in memory up to PENDING_MAX
 * and is tried again every RETRY_NS in a new segment (after a failed fsync the old one's pages cannot be
 * trusted); what comes beyond that is counted ROLLUPS_LOST, and the workers never wait for the disk.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PENDING_MAX (64u << 20) /* bytes kept in memory while the disk fails */
#define RETRY_NS    TS_SEC
#define IDLE_NS     TS_SEC
#define KEEP_MAX    (1u << 20) /* bytes of a buffer kept while nothing comes */

/* Leaves the segment as it was after its last flush; one without any goes away and its sequence is used
 * again. */
static void give_up_segment(struct ts_journal *jr)
{
    if (jr->fd < 0)
        return;
    if (jr->end > TS_SEGMENT_HEAD) {
        if (ftruncate(jr->fd, (off_t)jr->end) != 0)
            ts_log(TS_LOG_WARN, "journal_cut_failed", "stage=journal segment=%llu error=%s",
                   (unsigned long long)jr->seq, ts_log_quote_z(strerror(errno)));
    } else {
        pthread_mutex_lock(&jr->lock);
        ts_segment_forget(jr, jr->nsegs - 1, 1);
        pthread_mutex_unlock(&jr->lock);
        ts_segment_remove(jr->dir, jr->seq--);
    }
    close(jr->fd);
    jr->fd = -1;
}

static int next_segment(struct ts_journal *jr)
{
    int fd = ts_segment_create(jr->dir, jr->seq + 1);
    if (fd < 0)
        return fd;
    if (jr->fd >= 0) {
        close(jr->fd);
        pthread_mutex_lock(&jr->lock);
        struct segment sealed = jr->segs[jr->nsegs - 1]; /* the last one stays, but the table may move */
        pthread_mutex_unlock(&jr->lock);
        ts_index_save(jr, &sealed);
    }
    jr->fd = fd;
    jr->seq++;
    jr->end = TS_SEGMENT_HEAD;
    jr->begun_ns = ts_clock_now_ns();
    pthread_mutex_lock(&jr->lock);
    ts_segment_add(jr, jr->seq, jr->end);
    ts_segment_trim(jr);
    pthread_mutex_unlock(&jr->lock);
    if (jr->holder.bell)
        ts_bell_ring(jr->holder.bell);
    return 0;
}

/* Nothing is pending: whoever waits for what they pushed may go on. */
static void tell_durable(struct ts_journal *jr)
{
    for (unsigned i = 0; i < jr->ninputs; i++) /* release: what publish did is visible with it */
        atomic_store_explicit(&jr->counts[i].durable, jr->counts[i].taken, memory_order_release);
}

/* What is pending is durable: readers may see it, and it counts from now on as rolled up. */
static void publish(struct ts_journal *jr)
{
    jr->end += jr->pending.len;
    pthread_mutex_lock(&jr->lock);
    struct segment *seg = &jr->segs[jr->nsegs - 1];
    seg->end = jr->end;
    seg->written_ns = ts_clock_now_ns();
    for (unsigned i = 0; i < jr->pending_spans.n; i++)
        ts_spans_add(&seg->spans, jr->pending_spans.v[i].from_ns, jr->pending_spans.v[i].to_ns);
    jr->pending_spans.n = 0;
    for (unsigned i = 0; i < jr->nreaders; i++) {
        ts_count(jr->readers[i].rolled, TS_C_SINK_ROLLED_UP, jr->pending_for[i]);
        seg->points[i] += jr->pending_for[i];
        jr->pending_for[i] = 0;
    }
    pthread_mutex_unlock(&jr->lock);
    ts_count(jr->cnt, TS_C_JOURNAL_APPENDED, jr->pending_points);
    ts_count(jr->cnt, TS_C_JOURNAL_BYTES, jr->pending.len);
    jr->pending_points = 0;
    ts_buf_clear(&jr->pending);
    tell_durable(jr);
    for (unsigned i = 0; i < jr->nreaders; i++)
        ts_bell_ring(&jr->readers[i].feed.bell);
}

static int write_pending(struct ts_journal *jr)
{
    int64_t max_age_ns =
        jr->conf->journal.max_age_ns; /* a segment is dropped as a whole, so it should not be long */
    bool full =
        jr->end > TS_SEGMENT_HEAD && (jr->end + jr->pending.len > jr->segment_max ||
                                      (max_age_ns && ts_clock_now_ns() - jr->begun_ns > max_age_ns / 8));
    if ((jr->fd < 0 || full) && next_segment(jr) != 0)
        return -TS_EIO;
    ts_record_stamp(&jr->pending, jr->seq, jr->end);
    if (ts_pwrite_all(jr->fd, ts_buf_str(&jr->pending), jr->end) != 0)
        return -TS_EIO;
    ts_count(jr->cnt, TS_C_JOURNAL_SYNCS, 1);
    return fdatasync(jr->fd) == 0 ? 0 : -TS_EIO;
}

static void show(struct ts_journal *jr, const char *state)
{
    pthread_mutex_lock(&jr->lock);
    snprintf(jr->shown.state, sizeof jr->shown.state, "%s", state);
    jr->shown.waiting_bytes = jr->pending.len;
    pthread_mutex_unlock(&jr->lock);
}

static void flush(struct ts_journal *jr)
{
    if (jr->pending.len == 0)
        return;
    ts_limit_enforce(jr);
    if (write_pending(jr) != 0) {
        ts_count(jr->cnt, TS_C_JOURNAL_ERRORS, 1);
        ts_log(TS_LOG_ERROR, "journal_write_failed", "stage=journal error=%s points_waiting=%llu next_try=1s",
               ts_log_quote_z(strerror(errno)), (unsigned long long)jr->pending_points);
        char state[200];
        snprintf(state, sizeof state, "cannot write: %s; rollups wait in memory", strerror(errno));
        show(jr, state);
        give_up_segment(jr);
        jr->retry_at_ns = ts_clock_mono_ns() + RETRY_NS;
        return;
    }
    if (jr->retry_at_ns)
        ts_log(TS_LOG_INFO, "journal_recovered", "stage=journal points=%llu",
               (unsigned long long)jr->pending_points);
    jr->retry_at_ns = 0;
    publish(jr);
    show(jr, "ok");
}

static void lose(struct ts_journal *jr, uint64_t points, const char *why)
{
    ts_count(jr->cnt, TS_C_ROLLUPS_LOST, points);
    ts_log(TS_LOG_ERROR, "rollups_lost", "stage=journal points=%llu why=%s", (unsigned long long)points,
           ts_log_quote_z(why));
}

/* Encodes a batch behind what is pending, in parts when it is too long for one record. */
static void append(struct ts_journal *jr, const struct ts_rollup_batch *batch)
{
    size_t from = jr->pending.len;
    int rc = ts_record_begin(&jr->pending) ? ts_rollup_batch_encode(batch, &jr->pending) : -TS_ENOMEM;
    if (rc == 0) {
        ts_record_end(&jr->pending, from);
        if (from == 0)
            jr->pending_since_ns = ts_clock_mono_ns();
        jr->pending_points += batch->n;
        ts_spans_add(&jr->pending_spans, batch->start_ns, batch->end_ns);
        for (unsigned i = 0; i < jr->nreaders; i++) {
            if (ts_rollup_is_for(ts_str_of(batch->to), ts_str_of(jr->readers[i].feed.name)))
                jr->pending_for[i] += batch->n;
        }
        return;
    }
    jr->pending.len = from;
    jr->pending.failed = false;
    if (rc == -TS_ELIMIT && batch->n > 1) {
        struct ts_rollup_batch part = *batch;
        part.n = batch->n / 2;
        append(jr, &part);
        part.points += part.n;
        part.n = batch->n - part.n;
        append(jr, &part);
    } else {
        lose(jr, batch->n, ts_strerror(rc));
    }
}

/* What a large window took is not kept for the next. */
static void give_back(struct ts_journal *jr)
{
    if (jr->pending.len == 0 && jr->pending.cap > KEEP_MAX) {
        ts_buf_fini(&jr->pending);
        ts_mem_trim();
    }
}

/* Empties the rings once around. @return batches taken. */
static unsigned take(struct ts_journal *jr)
{
    unsigned n = 0;
    for (unsigned i = 0; i < jr->ninputs; i++) {
        for (struct ts_rollup_batch *batch; (batch = ts_ring_pop(&jr->inputs[i])); n++) {
            jr->counts[i].taken++;
            if (jr->pending.len >= PENDING_MAX)
                lose(jr, batch->n, "the disk fails and the memory for what waits is full");
            else if (batch->n)
                append(jr, batch);
            ts_rollup_batch_free(&batch);
            if (jr->pending.len >= jr->flush_at && !jr->retry_at_ns)
                flush(jr);
        }
    }
    if (n && jr->pending.len == 0)
        tell_durable(jr);
    return n;
}

static bool has_input(const struct ts_journal *jr)
{
    for (unsigned i = 0; i < jr->ninputs; i++) {
        if (ts_ring_count(&jr->inputs[i]))
            return true;
    }
    return false;
}

/* Pairs with the store in ts_journal_stop: who sees it sees every push before it. */
static bool is_stopping(const struct ts_journal *jr)
{
    return atomic_load_explicit(&jr->stopping, memory_order_acquire);
}

/* When what is pending is due, monotonic: at once, when its interval is over, or when the disk is tried
 * again. */
static int64_t due_ns(const struct ts_journal *jr)
{
    if (jr->retry_at_ns)
        return jr->retry_at_ns;
    return jr->pending.len ? jr->pending_since_ns + jr->conf->journal.sync_interval_ns : INT64_MAX;
}

void *ts_journal_run(void *journal)
{
    struct ts_journal *jr = journal;
    int64_t looked_ns = ts_clock_mono_ns();
    for (;;) {
        bool last = is_stopping(jr); /* asked before looking: nothing can come after it */
        unsigned n = take(jr);
        int64_t now = ts_clock_mono_ns();
        if (last || now >= due_ns(jr))
            flush(jr);
        if (last)
            break;
        if (n)
            continue;
        if (now - looked_ns >= IDLE_NS) { /* age passes also when nothing comes */
            looked_ns = now;
            ts_limit_enforce(jr);
            give_back(jr);
        }
        ts_bell_prepare(&jr->bell);
        if (has_input(jr) || is_stopping(jr))
            ts_bell_cancel(&jr->bell);
        else
            ts_bell_sleep(&jr->bell, TS_MIN(TS_MAX(due_ns(jr) - now, 0), IDLE_NS));
    }
    if (jr->pending_points)
        lose(jr, jr->pending_points, "the disk still fails at the end");
    return jr->pending_points ? jr : NULL;
}
