/*
 * The journal as a whole: opens the folder, makes rings and readers, starts and stops the thread. Thread:
 * main. Owns everything of the journal but the batches in its rings. Failing at start is fatal; later see
 * journal_thread.c.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/buf.h"
#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static int lock_dir(struct ts_journal *jr, struct ts_err *err)
{
    struct ts_buf path = TS_BUF_INIT;
    ts_buf_printf(&path, "%s/lock", jr->dir);
    const char *name = ts_buf_cstr(&path);
    int rc = 0;
    jr->lock_fd = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640) : -1;
    if (jr->lock_fd < 0)
        rc = ts_fail_errno(err, TS_EIO, "cannot open %s/lock", jr->dir);
    else if (flock(jr->lock_fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK
                 ? ts_fail(err, TS_EBUSY, "%s is in use by another tsaggd: give each its own state_dir",
                           jr->dir)
                 : ts_fail_errno(err, TS_EIO, "cannot lock %s", jr->dir);
    ts_buf_fini(&path);
    return rc;
}

static void make_reader(struct ts_journal *jr, unsigned i, const char *name)
{
    struct reader *rd = &jr->readers[i];
    TS_ASSERT(*name && *name != '.' &&
              !strchr(name, '/')); /* it names files; the configuration has checked it */
    rd->feed =
        (struct ts_feed){.ops = &ts_journal_feed_ops, .name = name, .cnt = ts_counters_new("sink", name)};
    rd->rolled = ts_counters_new("sink", name);
    rd->jr = jr;
    rd->fd = -1;
    jr->feeds[i] = &rd->feed;
}

static struct ts_journal *journal_new(const struct ts_conf *conf, unsigned ninputs)
{
    struct ts_journal *jr = ts_xalloc_aligned(sizeof *jr, TS_CACHELINE);
    struct ts_buf dir = TS_BUF_INIT;
    ts_buf_printf(&dir, "%s/journal", conf->state_dir);
    jr->dir = ts_xstrndup(dir.p, dir.len);
    ts_buf_fini(&dir);
    jr->lock_fd = jr->fd = -1;
    jr->conf = conf;
    jr->segment_max = TS_SEGMENT_MAX;
    if (conf->journal.max_bytes)
        jr->segment_max = TS_MAX(TS_MIN(conf->journal.max_bytes / 16, TS_SEGMENT_MAX), TS_SEGMENT_LEAST);
    jr->flush_at = TS_MIN(jr->segment_max, TS_FLUSH_BYTES);
    snprintf(jr->shown.state, sizeof jr->shown.state, "ok");
    pthread_mutex_init(&jr->lock, NULL);
    jr->cnt = ts_counters_new(NULL, NULL);
    jr->nreaders = conf->nsinks;
    jr->readers = ts_xalloc_aligned(TS_MAX(conf->nsinks, 1u) * sizeof *jr->readers, TS_CACHELINE);
    jr->feeds = ts_xalloc(TS_MAX(conf->nsinks, 1u) * sizeof *jr->feeds);
    jr->pending_for = ts_xalloc(TS_MAX(conf->nsinks, 1u) * sizeof *jr->pending_for);
    jr->wants = ts_xalloc(TS_MAX(conf->nsinks, 1u) * sizeof *jr->wants);
    jr->wants2 = ts_xalloc(TS_MAX(conf->nsinks, 1u) * sizeof *jr->wants2);
    for (unsigned i = 0; i < conf->nsinks; i++)
        make_reader(jr, i, conf->sinks[i].name);
    jr->held.segment = UINT64_MAX;
    jr->ninputs = ninputs;
    jr->counts = ts_xalloc(ninputs * sizeof *jr->counts);
    jr->inputs = ts_xalloc_aligned(ninputs * sizeof *jr->inputs, TS_CACHELINE);
    for (unsigned i = 0; i < ninputs; i++)
        ts_ring_init(&jr->inputs[i], TS_JOURNAL_RING);
    return jr;
}

int ts_journal_open(const struct ts_conf *conf, unsigned ninputs, struct ts_journal **out, struct ts_err *err)
{
    struct ts_journal *jr = journal_new(conf, ninputs);
    int rc = 0;
    if (ts_dir_make(jr->dir) != 0)
        rc = ts_fail_errno(err, TS_EIO, "cannot make %s", jr->dir);
    if (rc == 0)
        rc = lock_dir(jr, err);
    if (rc == 0)
        rc = ts_journal_recover(jr, err);
    if (rc != 0)
        ts_journal_close(&jr);
    *out = jr;
    return rc;
}

struct ts_feed *const *ts_journal_feeds(struct ts_journal *jr)
{
    return jr->feeds;
}

struct ts_ring *ts_journal_input(struct ts_journal *jr, unsigned i)
{
    TS_ASSERT(i < jr->ninputs);
    return &jr->inputs[i];
}

struct ts_bell *ts_journal_bell(struct ts_journal *jr)
{
    return &jr->bell;
}

struct ts_feed_pos ts_journal_end(struct ts_journal *jr)
{
    pthread_mutex_lock(&jr->lock);
    const struct segment *last = jr->nsegs ? &jr->segs[jr->nsegs - 1] : NULL;
    struct ts_feed_pos end = last ? (struct ts_feed_pos){last->seq, last->end} : (struct ts_feed_pos){0, 0};
    pthread_mutex_unlock(&jr->lock);
    return end;
}

void ts_journal_set_holder(struct ts_journal *jr, const struct ts_journal_holder *holder)
{
    jr->holder = *holder;
}

uint64_t ts_journal_durable(struct ts_journal *jr, unsigned i)
{
    TS_ASSERT(i < jr->ninputs);
    return atomic_load_explicit(&jr->counts[i].durable, memory_order_acquire);
}

void ts_journal_hold(struct ts_journal *jr, struct ts_feed_pos from)
{
    pthread_mutex_lock(&jr->lock);
    jr->held = from;
    pthread_mutex_unlock(&jr->lock);
}

int ts_journal_start(struct ts_journal *jr, struct ts_err *err)
{
    int rc = ts_thread_start(&jr->thread, "journal", ts_journal_run, jr);
    if (rc != 0)
        return ts_fail(err, TS_ENOMEM, "cannot start the journal's thread");
    jr->started = true;
    return 0;
}

int ts_journal_stop(struct ts_journal *jr)
{
    if (!jr->started)
        return 0;
    jr->started = false;
    /* Whoever sees it sees the pushes of workers that main has joined before. */
    atomic_store_explicit(&jr->stopping, true, memory_order_release);
    ts_bell_ring(&jr->bell);
    void *lost = NULL;
    pthread_join(jr->thread, &lost);
    return lost ? -TS_EIO : 0;
}

void ts_journal_close(struct ts_journal **journal)
{
    struct ts_journal *jr = *journal;
    if (!jr)
        return;
    TS_ASSERT(!jr->started);
    for (unsigned i = 0; i < jr->nreaders; i++) {
        if (jr->readers[i].fd >= 0)
            close(jr->readers[i].fd);
        ts_buf_fini(&jr->readers[i].payload);
    }
    for (unsigned i = 0; i < jr->ninputs; i++) {
        for (struct ts_rollup_batch *batch; (batch = ts_ring_pop(&jr->inputs[i]));)
            ts_rollup_batch_free(&batch);
        ts_ring_fini(&jr->inputs[i]);
    }
    if (jr->fd >= 0)
        close(jr->fd);
    if (jr->lock_fd >= 0)
        close(jr->lock_fd); /* which also unlocks */
    ts_buf_fini(&jr->pending);
    pthread_mutex_destroy(&jr->lock);
    ts_segment_forget(jr, 0, jr->nsegs);
    ts_free(jr->segs);
    ts_free(jr->wants);
    ts_free(jr->wants2);
    ts_free(jr->readers);
    ts_free(jr->feeds);
    ts_free(jr->pending_for);
    ts_free(jr->counts);
    ts_free(jr->inputs);
    ts_free(jr->dir);
    TS_FREE(*journal);
}
