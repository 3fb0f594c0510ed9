/*
 * Snapshots to disk: asks the workers for one every `snapshot`, writes their blocks to <state_dir>/snapshot.new as they come, and
 * exchanges that with the former when the journal has all that was sealed before it. Thread: ts-snapshot, whose work begins
 * again no sooner than ts_snap_wait says. A disk that fails keeps the former snapshot, counted, and is tried again; the
 * workers never wait for it.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/losses.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAP_NS  (5 * TS_MS)
#define LOOK_NS (100 * TS_MS) /* at least between two looks at how much CPU time has passed */
#define PATIENCE_NS (2 * TS_SEC) /* for windows of groups that are on their way out */

struct ts_snapshots {
    struct ts_snapshots_conf conf;
    char *path, *path_new;
    struct ts_counters *cnt;
    struct ts_bell bell;
    pthread_t thread;
    _Atomic bool stopping;
    pthread_mutex_t lock; /* of shown, in_place and spoiled */
    bool in_place; /* there is a snapshot */
    bool spoiled;  /* the one being taken */
    struct ts_snapshot_status shown;
    /* @thread ts-snapshot, and main when that has ended */
    uint64_t number; /* of the snapshot asked for */
    uint64_t activity;
    int64_t taken_ns;
    struct ts_feed_pos at;
    uint64_t nblocks, bytes;
    int fd;
    bool failed; /* the one being taken */
};

static struct ts_snapper *snapper_new(struct ts_snapshots *snaps)
{
    struct ts_snapper *snap = ts_xalloc_aligned(sizeof *snap, TS_CACHELINE);
    ts_ring_init(&snap->full, 2 * SNAP_BLOCKS);
    ts_ring_init(&snap->empty, 2 * SNAP_BLOCKS);
    for (unsigned i = 0; i < SNAP_BLOCKS; i++) {
        bool pushed = ts_ring_push(&snap->empty, &snap->blocks[i]);
        TS_ASSERT(pushed);
    }
    snap->bell = &snaps->bell;
    return snap;
}

struct ts_snapshots *ts_snapshots_new(const struct ts_snapshots_conf *conf)
{
    struct ts_snapshots *snaps = ts_xalloc_aligned(sizeof *snaps, TS_CACHELINE);
    struct ts_buf path = TS_BUF_INIT;
    snaps->conf = *conf;
    ts_buf_printf(&path, "%s/snapshot", conf->conf->state_dir);
    snaps->path = ts_xstrndup(path.p, path.len);
    ts_buf_puts(&path, ".new");
    snaps->path_new = ts_xstrndup(path.p, path.len);
    ts_buf_fini(&path);
    snaps->cnt = ts_counters_new(NULL, NULL);
    pthread_mutex_init(&snaps->lock, NULL);
    snaps->shown.taken_ns = TS_TIME_NONE;
    snaps->fd = -1;
    for (unsigned w = 0; w < conf->nworkers; w++)
        conf->workers[w]->snap = snapper_new(snaps);
    return snaps;
}

void ts_snapshots_free(struct ts_snapshots **snapshots)
{
    struct ts_snapshots *snaps = *snapshots;
    if (!snaps)
        return;
    pthread_mutex_destroy(&snaps->lock);
    ts_free(snaps->path);
    ts_free(snaps->path_new);
    TS_FREE(*snapshots);
}

/* ---- the file ---- */

static void put_uint(char *to, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (char)(v >> 8 * i & 0xff);
}

void ts_snap_put_head(char head[SNAP_HEAD], unsigned flags, int64_t taken_ns, struct ts_feed_pos at)
{
    memset(head, 0, SNAP_HEAD);
    memcpy(head, SNAP_MAGIC, 8);
    put_uint(head + 8, SNAP_VERSION, 4);
    put_uint(head + 12, flags, 4);
    put_uint(head + 16, (uint64_t)taken_ns, 8);
    put_uint(head + 24, at.segment, 8);
    put_uint(head + 32, at.offset, 8);
    put_uint(head + 56, ts_hash(head, 56), 8);
}

uint64_t ts_snap_checksum(struct ts_str payload, uint64_t number, uint32_t worker, int64_t taken_ns)
{
    uint64_t place[] = {number, worker, (uint64_t)taken_ns};
    return ts_hash_seeded(payload.p, payload.len, ts_hash(place, sizeof place));
}

static void fail(struct ts_snapshots *snaps, const char *why)
{
    if (!snaps->failed)
        ts_log(TS_LOG_WARN, "snapshot_failed", "stage=window error=%s remedy=\"the former one stays\"", ts_log_quote_z(why));
    snaps->failed = true;
}

static void write_bytes(struct ts_snapshots *snaps, struct ts_str bytes)
{
    if (!snaps->failed && ts_write_all(snaps->fd, bytes) != 0)
        fail(snaps, strerror(errno));
    snaps->bytes += bytes.len;
}

static void write_block(struct ts_snapshots *snaps, struct ts_str payload, uint32_t worker)
{
    char head[SNAP_BLOCK_HEAD];
    put_uint(head, payload.len, 4);
    put_uint(head + 4, worker, 4);
    put_uint(head + 8, ts_snap_checksum(payload, snaps->nblocks++, worker, snaps->taken_ns), 8);
    write_bytes(snaps, (struct ts_str){head, sizeof head});
    write_bytes(snaps, payload);
}

static void begin_file(struct ts_snapshots *snaps, unsigned flags)
{
    char head[SNAP_HEAD];
    snaps->failed = false;
    snaps->nblocks = snaps->bytes = 0;
    snaps->taken_ns = ts_clock_now_ns();
    pthread_mutex_lock(&snaps->lock);
    bool in_place = snaps->in_place;
    snaps->spoiled = false;
    pthread_mutex_unlock(&snaps->lock);
    snaps->fd = open(snaps->path_new, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (snaps->fd < 0)
        fail(snaps, strerror(errno));
    if (!in_place)
        snaps->conf.journal.hold(snaps->conf.journal.arg, snaps->at);
    ts_snap_put_head(head, flags, snaps->taken_ns, snaps->at);
    write_bytes(snaps, (struct ts_str){head, sizeof head});
}

static void end_file(struct ts_snapshots *snaps)
{
    char count[8];
    put_uint(count, snaps->nblocks, sizeof count);
    write_block(snaps, (struct ts_str){count, sizeof count}, SNAP_LAST);
    if (!snaps->failed && (ftruncate(snaps->fd, (off_t)snaps->bytes) != 0 || fdatasync(snaps->fd) != 0))
        fail(snaps, strerror(errno));
}

/* ---- taking one ---- */

static void wake(struct ts_worker *wk)
{
    ts_bell_ring(wk->conf.bell);
}

static bool is_stopping(const struct ts_snapshots *snaps)
{
    return atomic_load_explicit(&snaps->stopping, memory_order_acquire);
}

/* Sleeps until something was pushed, or for so long. */
static void nap(struct ts_snapshots *snaps, int64_t ns)
{
    bool any = false;
    ts_bell_prepare(&snaps->bell);
    for (unsigned w = 0; w < snaps->conf.nworkers; w++)
        any |= ts_ring_count(&snaps->conf.workers[w]->snap->full) > 0;
    if (any)
        ts_bell_cancel(&snaps->bell);
    else
        ts_bell_sleep(&snaps->bell, ns);
}

/* What a worker has ready. @return whether that was all of it. */
static bool take_blocks(struct ts_snapshots *snaps, unsigned w, uint64_t *batches)
{
    struct ts_worker *wk = snaps->conf.workers[w];
    bool last = false;
    for (struct snap_block *block; !last && (block = ts_ring_pop(&wk->snap->full));) {
        if (ts_buf_failed(&block->buf))
            fail(snaps, "no memory");
        else
            write_block(snaps, ts_buf_str(&block->buf), w);
        last = block->last;
        *batches = block->batches;
        bool pushed = ts_ring_push(&wk->snap->empty, block);
        TS_ASSERT(pushed);
        wake(wk);
    }
    return last;
}

/* Writes everything to the new file, durable. batches: by worker. */
static void collect(struct ts_snapshots *snaps, unsigned flags, uint64_t *batches)
{
    unsigned n = snaps->conf.nworkers, ready = 0;
    bool *done = ts_xalloc(n * sizeof *done);
    begin_file(snaps, flags);
    snaps->number++;
    for (unsigned w = 0; w < n; w++) {
        /* Release: the journal's end was looked at before. */
        atomic_store_explicit(&snaps->conf.workers[w]->snap->asked, snaps->number, memory_order_release);
        wake(snaps->conf.workers[w]);
    }
    while (ready < n) {
        for (unsigned w = 0; w < n; w++)
            if (!done[w] && (done[w] = take_blocks(snaps, w, &batches[w])))
                ready++;
        if (ready < n)
            nap(snaps, 100 * TS_MS);
    }
    end_file(snaps);
    ts_free(done);
}

/*
 * Notes the journal's end, before any worker begins, when no window of groups has gone out in part: so the journal has all of it behind
 * that, or the snapshot has what it is made of. @return false: not within PATIENCE_NS, or it stops.
 */
static bool note_end(struct ts_snapshots *snaps, bool ending)
{
    struct ts_gather *gat = snaps->conf.workers[0]->conf.gather;
    int64_t until_ns = ts_clock_mono_ns() + PATIENCE_NS;
    for (;;) {
        snaps->at = snaps->conf.journal.end(snaps->conf.journal.arg);
        if (!gat || ts_gather_is_whole(gat, ending))
            return true;
        if ((is_stopping(snaps) && !ending) || ts_clock_mono_ns() > until_ns)
            return false;
        nap(snaps, NAP_NS);
    }
}

/* Groups that a worker found to have gone out may be in batches of another. */
static void note_batches(const struct ts_snapshots *snaps, uint64_t *batches)
{
    struct ts_gather *gat = snaps->conf.workers[0]->conf.gather;
    if (!gat)
        return;
    (void)ts_gather_count(gat); /* its lock makes `made` visible */
    for (unsigned w = 0; w < snaps->conf.nworkers; w++)
        batches[w] = TS_MAX(batches[w], atomic_load_explicit(&snaps->conf.workers[w]->made, memory_order_relaxed));
}

/* @return false: it stops, and the journal has not got that far. */
static bool wait_durable(struct ts_snapshots *snaps, uint64_t *batches)
{
    note_batches(snaps, batches);
    for (unsigned w = 0; w < snaps->conf.nworkers; w++)
        while (snaps->conf.journal.durable(snaps->conf.journal.arg, w) < batches[w]) {
            if (is_stopping(snaps))
                return false;
            nap(snaps, NAP_NS);
        }
    return true;
}

/* The former one becomes the file that the next is written over, whose pages and blocks are there then: half of what a write costs. */
static int rename_new(const struct ts_snapshots *snaps)
{
#ifdef RENAME_EXCHANGE
    if (renameat2(AT_FDCWD, snaps->path_new, AT_FDCWD, snaps->path, RENAME_EXCHANGE) == 0)
        return 0;
#endif
    return rename(snaps->path_new, snaps->path);
}

/* Of this thread and for the workers' steps, so far. */
static int64_t cpu_so_far(const struct ts_snapshots *snaps)
{
    int64_t sum_ns = ts_clock_cpu_ns();
    for (unsigned w = 0; w < snaps->conf.nworkers; w++) /* relaxed: a figure of its own */
        sum_ns += atomic_load_explicit(&snaps->conf.workers[w]->snap->cpu_ns, memory_order_relaxed);
    return sum_ns;
}

static void put_in_place(struct ts_snapshots *snaps, int64_t begun_mono_ns, int64_t begun_cpu_ns)
{
    pthread_mutex_lock(&snaps->lock);
    if (snaps->spoiled)
        fail(snaps, "the journal is full");
    else if (!snaps->failed && rename_new(snaps) != 0)
        fail(snaps, strerror(errno));
    snaps->in_place |= !snaps->failed;
    pthread_mutex_unlock(&snaps->lock);
    if (!snaps->failed && ts_dir_sync(snaps->conf.conf->state_dir) != 0)
        fail(snaps, strerror(errno));
    if (snaps->fd >= 0)
        close(snaps->fd);
    snaps->fd = -1;
    ts_count(snaps->cnt, snaps->failed ? TS_C_SNAPSHOTS_FAILED : TS_C_SNAPSHOTS_WRITTEN, 1);
    if (snaps->failed) {
        (void)unlink(snaps->path_new);
        return;
    }
    snaps->conf.journal.hold(snaps->conf.journal.arg, snaps->at);
    ts_count(snaps->cnt, TS_C_SNAPSHOT_BYTES, snaps->bytes);
    pthread_mutex_lock(&snaps->lock);
    snaps->shown.taken_ns = snaps->taken_ns;
    snaps->shown.bytes = snaps->bytes;
    snaps->shown.took_ns = ts_clock_mono_ns() - begun_mono_ns;
    snaps->shown.cpu_ns = cpu_so_far(snaps) - begun_cpu_ns;
    pthread_mutex_unlock(&snaps->lock);
}

/* Grows with whatever changes what a snapshot would hold. */
static uint64_t activity(void)
{
    static const enum ts_counter what[] = {TS_C_SAMPLES_AGGREGATED, TS_C_ROLLUPS_SEALED, TS_C_WINDOWS_SEALED,
                                           TS_C_SERIES_CREATED,     TS_C_SERIES_EXPIRED, TS_C_DROPPED_LATE};
    uint64_t sum = (uint64_t)ts_losses_between(0, INT64_MAX).lost;
    for (unsigned i = 0; i < TS_ARRAY_SIZE(what); i++)
        sum += ts_counter_sum(what[i]);
    return sum;
}

static void take(struct ts_snapshots *snaps)
{
    int64_t begun_ns = ts_clock_mono_ns(), begun_cpu_ns = cpu_so_far(snaps);
    uint64_t now = activity();
    if (now == snaps->activity && snaps->in_place) {
        (void)utimensat(AT_FDCWD, snaps->path, NULL, 0); /* it is as good as new: the gap begins here */
        pthread_mutex_lock(&snaps->lock);
        snaps->shown.taken_ns = ts_clock_now_ns();
        pthread_mutex_unlock(&snaps->lock);
        return;
    }
    if (!note_end(snaps, false))
        return;
    uint64_t *batches = ts_xalloc(snaps->conf.nworkers * sizeof *batches);
    collect(snaps, 0, batches);
    if (!wait_durable(snaps, batches)) {
        close(snaps->fd); /* another follows, in the same file */
        snaps->fd = -1;
    } else {
        put_in_place(snaps, begun_ns, begun_cpu_ns);
        snaps->activity = snaps->failed ? 0 : now;
    }
    ts_free(batches);
}

/* Of what the stop leaves open, before it is sent. */
static void take_last(struct ts_snapshots *snaps)
{
    unsigned n = snaps->conf.nworkers;
    uint64_t *batches = ts_xalloc(n * sizeof *batches);
    for (unsigned w = 0; w < n; w++)
        while (!atomic_load_explicit(&snaps->conf.workers[w]->snap->settled, memory_order_acquire)) {
            wake(snaps->conf.workers[w]);
            nap(snaps, NAP_NS);
        }
    (void)note_end(snaps, true); /* what cannot go now is in the snapshot */
    collect(snaps, SNAP_FINAL, batches);
    ts_free(batches);
    for (unsigned w = 0; w < n; w++) {
        snaps->conf.workers[w]->snap->kept = !snaps->failed;
        /* Release: the file is complete, and `kept` says whether. */
        atomic_store_explicit(&snaps->conf.workers[w]->snap->released, true, memory_order_release);
        wake(snaps->conf.workers[w]);
    }
}

/* A journal that fills fast should not have to hold much of it. */
static bool is_far_behind(const struct ts_snapshots *snaps)
{
    return snaps->conf.journal.end(snaps->conf.journal.arg).segment > snaps->at.segment + 1;
}

int64_t ts_snap_wait(const struct snap_pace *pace, int64_t now_ns, int64_t process_ns)
{
    int64_t passed_ns = now_ns - pace->begun_ns;
    int64_t work_ns = SNAP_CPU_SHARE * pace->cpu_ns - (process_ns - pace->process_ns);
    int64_t core_ns = SNAP_CORE_SHARE * pace->cpu_ns - passed_ns;
    int64_t cpu_ns = work_ns > 0 ? TS_MIN(TS_MAX(work_ns, LOOK_NS), core_ns) : 0;
    return TS_MAX(TS_MAX(SNAP_TIME_SHARE * pace->took_ns - passed_ns, cpu_ns), 0);
}

static void *run(void *arg)
{
    struct ts_snapshots *snaps = arg;
    struct snap_pace pace = {.begun_ns = INT64_MIN / 2};
    while (!is_stopping(snaps)) {
        int64_t now_ns = ts_clock_mono_ns(), wait_ns = ts_snap_wait(&pace, now_ns, ts_clock_process_ns());
        if (!is_far_behind(snaps))
            wait_ns = TS_MAX(wait_ns, pace.begun_ns + snaps->conf.conf->snapshot_ns - now_ns);
        if (wait_ns > 0) {
            nap(snaps, TS_MIN(wait_ns, TS_SEC));
            continue;
        }
        int64_t cpu_ns = cpu_so_far(snaps);
        take(snaps);
        pace = (struct snap_pace){.begun_ns = now_ns,
                                  .took_ns = ts_clock_mono_ns() - now_ns,
                                  .cpu_ns = cpu_so_far(snaps) - cpu_ns,
                                  .process_ns = ts_clock_process_ns()};
    }
    take_last(snaps);
    return NULL;
}

int ts_snapshots_start(struct ts_snapshots *snaps)
{
    return ts_thread_start(&snaps->thread, "ts-snapshot", run, snaps);
}

void ts_snapshots_stop(struct ts_snapshots *snaps)
{
    atomic_store_explicit(&snaps->stopping, true, memory_order_release);
    ts_bell_ring(&snaps->bell);
    pthread_join(snaps->thread, NULL);
}

/* Everything is in the journal by now, so nothing behind its end matters to this snapshot. */
void ts_snapshots_commit(struct ts_snapshots *snaps)
{
    char head[SNAP_HEAD];
    snaps->at = snaps->conf.journal.end(snaps->conf.journal.arg);
    ts_snap_put_head(head, SNAP_FINAL, snaps->taken_ns, snaps->at);
    if (!snaps->failed && (ts_pwrite_all(snaps->fd, (struct ts_str){head, sizeof head}, 0) != 0 || fdatasync(snaps->fd) != 0))
        fail(snaps, strerror(errno));
    put_in_place(snaps, ts_clock_mono_ns(), cpu_so_far(snaps));
}

void ts_snapshots_status(void *snapshots, struct ts_snapshot_status *out)
{
    struct ts_snapshots *snaps = snapshots;
    pthread_mutex_lock(&snaps->lock);
    *out = snaps->shown;
    pthread_mutex_unlock(&snaps->lock);
    for (unsigned w = 0; w < snaps->conf.nworkers; w++) {
        int64_t pause_ns = atomic_load_explicit(&snaps->conf.workers[w]->snap->pause_ns, memory_order_relaxed);
        out->pause_ns = TS_MAX(out->pause_ns, pause_ns);
    }
}

struct ts_bell *ts_snapshots_bell(struct ts_snapshots *snaps)
{
    return &snaps->bell;
}

void ts_snapshots_spoil(struct ts_snapshots *snaps)
{
    pthread_mutex_lock(&snaps->lock);
    bool removed = snaps->in_place;
    if (removed)
        (void)unlink(snaps->path);
    snaps->in_place = false;
    snaps->spoiled = true;
    pthread_mutex_unlock(&snaps->lock);
    if (removed)
        ts_log(TS_LOG_WARN, "snapshot_removed", "stage=window why=\"the journal is full, and merges what was sealed since\"");
}

void ts_snapshots_set_restored(struct ts_snapshots *snaps, const struct ts_restored *restored)
{
    snaps->shown.restored = *restored;
    snaps->in_place = restored->any;
}
