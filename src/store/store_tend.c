/*
 * The rounds of work behind the writes, and the thread that makes them. It sleeps until much has landed or a second has passed. What
 * fails is logged and tried with the next round; writers go on.
 */
#include "config.h"
#include "store/store_tend.h"

#include "core/log.h"
#include "core/mem.h"

#include <sys/stat.h>
#include <time.h>

#define ROUND_NS        TS_SEC
#define RETAIN_NS       (60 * TS_SEC)
#define AFTER_ERROR_NS  (10 * TS_SEC)
#define LAND_BYTES      (32 << 20) /* landing segments of a shard, from which on they become blocks; */
#define LAND_SEGMENTS   64         /* or so many commits; */
#define TURN_SEGMENTS   128        /* commits that become blocks at once */
#define LAND_AFTER_NS   (600 * TS_SEC) /* or the oldest of them waits so long; */
#define LAND_BULK       512 /* or values of a series, when nothing has come for a round: what was loaded at once is read three times as fast */
#define LOG_BYTES       (4 << 20)
#define VACUUM_PAGES    2048
#define CATCH_UP_BYTES  (8u * LAND_BYTES) /* landed within a round: it does not wait any more */
#define BURST_NS        TS_SEC            /* of the limit, that may be read and written without a wait */
#define SLICE_NS        (50 * TS_MS)

struct round {
    enum ts_store_effort effort;
    struct ts_shard *shards;
    unsigned nshards;
    int64_t seq;
    uint32_t nseries; /* of all buckets */
    bool quiet;       /* nothing was written since the last round */
    bool landed;      /* something became blocks, which takes tens of MiB for a moment */
    int rc;
    struct ts_err err;
};

static void note(struct ts_store *store, struct round *rnd, int rc, const struct ts_err *err)
{
    if (rc == 0)
        return;
    if (rnd->rc == 0) {
        rnd->rc = rc;
        rnd->err = *err;
    }
    pthread_mutex_lock(&store->work_lock);
    store->done.errors++;
    pthread_mutex_unlock(&store->work_lock);
}

static void count(struct ts_store *store, uint64_t compactions, uint64_t merges)
{
    pthread_mutex_lock(&store->work_lock);
    store->done.compactions += compactions;
    store->done.merges += merges;
    pthread_mutex_unlock(&store->work_lock);
}

/* ---- bounded I/O ---- */

void ts_store_limit_io(struct ts_store *store, uint64_t bytes_per_second)
{
    atomic_store_explicit(&store->io_limit, bytes_per_second, memory_order_relaxed);
}

void ts_store_pace(struct ts_store *store, uint64_t bytes)
{
    uint64_t limit = atomic_load_explicit(&store->io_limit, memory_order_relaxed);
    int64_t began = ts_clock_mono_ns(), now = began;
    if (limit == 0)
        return;
    store->paid_until_ns = TS_MAX(store->paid_until_ns, began - BURST_NS) + (int64_t)((double)bytes * 1e9 / (double)limit);
    while (now < store->paid_until_ns && !atomic_load_explicit(&store->stopping, memory_order_relaxed) &&
           atomic_load_explicit(&store->landed_bytes, memory_order_relaxed) < CATCH_UP_BYTES) {
        nanosleep(&(struct timespec){0, TS_MIN(store->paid_until_ns - now, SLICE_NS)}, NULL);
        now = ts_clock_mono_ns();
    }
    pthread_mutex_lock(&store->work_lock);
    store->done.waited_ns += (uint64_t)(now - began);
    pthread_mutex_unlock(&store->work_lock);
}

/* ---- what was done, for who asks from outside ---- */

const char *const ts_work_names[TS_WORK_FIELDS] = {"work_compactions",    "work_merges",     "work_blocks",    "work_bytes",   "work_shards_dropped",
                                                   "work_errors", "work_longest_ns", "work_waited_ns", "work_held_ns", "work_io_limit"};
#define WORK_LONGEST (offsetof(struct ts_store_work, longest_ns) / sizeof(uint64_t))
#define WORK_HELD    (offsetof(struct ts_store_work, held_ns) / sizeof(uint64_t))
_Static_assert(sizeof(struct ts_store_work) == (TS_WORK_FIELDS - 1) * sizeof(uint64_t), "a name for each");

static int save_work(struct ts_store *store, void *arg, struct ts_err *err)
{
    const uint64_t *values = arg;
    int rc = 0;
    for (size_t i = 0; i < TS_WORK_FIELDS && rc == 0; i++) {
        sqlite3_stmt *stmt = ts_db_stmt(store->cat.db, TS_SQL_C_SET_META);
        if (stmt) {
            sqlite3_bind_text(stmt, 1, ts_work_names[i], -1, SQLITE_STATIC);
            sqlite3_bind_int64(stmt, 2, (int64_t)values[i]);
        }
        rc = ts_db_run(store->cat.db, stmt, err);
    }
    return rc;
}

static int keep_work(struct ts_store *store, struct ts_err *err)
{
    uint64_t values[TS_WORK_FIELDS], before[TS_WORK_FIELDS];
    pthread_mutex_lock(&store->work_lock);
    bool unsaved = store->unsaved;
    memcpy(values, &store->done, sizeof store->done);
    memcpy(before, &store->before, sizeof store->before);
    for (size_t i = 0; i < TS_WORK_FIELDS - 1; i++)
        values[i] += before[i];
    values[WORK_LONGEST] = TS_MAX(store->done.longest_ns, store->before.longest_ns);
    values[WORK_HELD] = TS_MAX(store->done.held_ns, store->before.held_ns);
    values[TS_WORK_FIELDS - 1] = atomic_load_explicit(&store->io_limit, memory_order_relaxed);
    store->unsaved = false;
    pthread_mutex_unlock(&store->work_lock);
    if (!unsaved)
        return 0;
    pthread_mutex_lock(&store->lock);
    int rc = ts_store_change(store, save_work, values, err);
    pthread_mutex_unlock(&store->lock);
    return rc;
}

/* One view of the catalogue for the work on a shard. */
static int begin(struct ts_store *store, int64_t *seq, struct ts_err *err)
{
    int rc = ts_db_run(store->work, ts_db_stmt(store->work, TS_SQL_BEGIN), err);
    if (rc)
        return rc;
    sqlite3_stmt *stmt = ts_db_stmt(store->work, TS_SQL_C_META);
    if (stmt)
        sqlite3_bind_text(stmt, 1, "seq", -1, SQLITE_STATIC);
    return ts_db_number(store->work, stmt, 0, seq, err);
}

static void end(struct ts_store *store)
{
    struct ts_err err;
    for (unsigned i = 0; i < TS_SQL_COUNT; i++)
        if (store->work->stmts[i])
            sqlite3_reset(store->work->stmts[i]);
    if (!sqlite3_get_autocommit(store->work->h))
        (void)!ts_db_run(store->work, ts_db_stmt(store->work, TS_SQL_COMMIT), &err); /* it has only read */
}

/* ---- a shard ---- */

struct landing {
    int64_t segments, bytes, groups, first_seq, points;
};

static int landing_of(struct ts_store *store, int64_t shard, struct landing *out, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_bind(store->work, TS_SQL_C_LANDING_SIZE, &shard, 1);
    int rc = ts_db_step(store->work, stmt, err);
    *out = (struct landing){0};
    if (rc <= 0)
        return rc;
    out->segments = sqlite3_column_int64(stmt, 0);
    out->bytes = sqlite3_column_int64(stmt, 1);
    out->groups = sqlite3_column_int64(stmt, 2);
    out->first_seq = sqlite3_column_int64(stmt, 3);
    out->points = sqlite3_column_int64(stmt, 4);
    sqlite3_reset(stmt);
    return 0;
}

static bool is_due(const struct ts_store *store, const struct round *rnd, const struct landing *lnd)
{
    int64_t series = TS_MIN(lnd->groups * TS_GROUP_SERIES, (int64_t)rnd->nseries); /* at most */
    if (rnd->quiet && lnd->points >= LAND_BULK * series && lnd->segments > 0)
        return true;
    return lnd->segments > 0 && (rnd->effort != TS_STORE_DUE || lnd->bytes >= LAND_BYTES ||
                                 lnd->segments >= LAND_SEGMENTS * lnd->groups || lnd->first_seq <= store->aged_seq);
}

/* Pages that merges have left behind go to the end of the file and away, when they will not be needed again. */
static int shrink(struct ts_shard_work *wrk, bool full, struct ts_err *err)
{
    int64_t pages, unused;
    int rc = ts_db_number(wrk->db, ts_db_stmt(wrk->db, TS_SQL_PAGE_COUNT), 0, &pages, err);
    rc = rc ? rc : ts_db_number(wrk->db, ts_db_stmt(wrk->db, TS_SQL_FREE_COUNT), 0, &unused, err);
    bool over = wrk->shard.end_ns < ts_clock_now_ns() && unused * 4 > pages;
    for (; (full || over) && unused > 0 && rc == 0; unused -= VACUUM_PAGES)
        rc = ts_db_exec(wrk->db, "PRAGMA incremental_vacuum(2048)", err);
    return rc;
}

static int merge_all(struct ts_store *store, struct ts_shard_work *wrk, bool full, struct ts_err *err)
{
    bool more = true;
    int rc = 0;
    while (rc == 0 && !atomic_load_explicit(&store->stopping, memory_order_relaxed)) {
        rc = ts_merge(wrk, full, &more, err);
        if (!more)
            break;
        count(store, 0, rc == 0);
    }
    return rc;
}

/* The commit up to which one turn goes: what is read for a group at once is bounded, however much waits. */
static int end_of_turn(struct ts_store *store, const struct ts_shard *shard, const struct landing *lnd, bool purge, int64_t seq,
                       int64_t *upto, struct ts_err *err)
{
    *upto = seq;
    if (purge || lnd->segments <= TURN_SEGMENTS * lnd->groups) /* a tomb goes when nothing older is left */
        return 0;
    return ts_db_number(store->work, ts_db_bind(store->work, TS_SQL_C_LANDING_NTH, (int64_t[]){shard->id, TURN_SEGMENTS - 1}, 2), seq, upto, err);
}

/* Landing segments become blocks; when all that is due has, the rest of the work. The catalogue's view ends before the merges: as long as it is
 * open, the log grows. */
static int take_turn(struct ts_store *store, struct round *rnd, const struct ts_shard *shard, bool *more, struct ts_err *err)
{
    struct ts_shard_work wrk;
    struct landing lnd;
    int64_t seq, purge, upto = 0;
    bool full = rnd->effort == TS_STORE_FULL;
    int rc = begin(store, &seq, err);
    rc = rc ? rc : landing_of(store, shard->id, &lnd, err);
    const int64_t values[] = {shard->bucket, shard->start_ns, shard->end_ns};
    rc = rc ? rc : ts_db_number(store->work, ts_db_bind(store->work, TS_SQL_C_HAS_TOMBS, values, 3), 0, &purge, err);
    rc = rc ? rc : end_of_turn(store, shard, &lnd, purge, seq, &upto, err);
    *more = false;
    if (rc)
        return rc;
    bool land = is_due(store, rnd, &lnd) || (purge && lnd.segments > 0);
    if (!land && !shard->has_file)
        return 0;
    rc = ts_shard_open(store, shard, seq, &wrk, err);
    if (rc)
        return rc;
    wrk.upto = upto;
    if (land)
        rc = ts_land(&wrk, err);
    end(store);
    rnd->landed |= land;
    if (rc == 0 && land) {
        count(store, 1, 0);
        rc = ts_land_forget(store, shard->id, upto, err);
    }
    *more = rc == 0 && land && upto < seq;
    if (rc == 0 && purge)
        rc = ts_purge(&wrk, err);
    if (!*more) {
        rc = rc ? rc : merge_all(store, &wrk, full, err);
        rc = rc ? rc : shrink(&wrk, full, err);
        if (rnd->effort != TS_STORE_DUE)
            sqlite3_wal_checkpoint_v2(wrk.db->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    ts_shard_close(&wrk);
    return rc;
}

static int work_on(struct ts_store *store, struct round *rnd, const struct ts_shard *shard, struct ts_err *err)
{
    bool more = true;
    int rc = 0;
    while (rc == 0 && more && !atomic_load_explicit(&store->stopping, memory_order_relaxed)) {
        rc = take_turn(store, rnd, shard, &more, err);
        end(store);
    }
    return rc;
}

/* ---- a round ---- */

static int copy_shards(struct ts_store *store, struct round *rnd)
{
    pthread_mutex_lock(&store->lock);
    rnd->nshards = store->cat.nshards;
    rnd->seq = store->cat.seq;
    rnd->nseries = store->cat.series.n;
    rnd->shards = ts_alloc((rnd->nshards + 1) * sizeof *rnd->shards);
    if (rnd->shards && rnd->nshards)
        memcpy(rnd->shards, store->cat.shards, rnd->nshards * sizeof *rnd->shards);
    pthread_mutex_unlock(&store->lock);
    return rnd->shards ? 0 : -TS_ENOMEM;
}

/* What has landed ten minutes ago is compacted, however little it is. */
static void age(struct ts_store *store, const struct round *rnd)
{
    int64_t now = ts_clock_mono_ns();
    if (store->aged_ns && now - store->aged_ns < LAND_AFTER_NS)
        return;
    store->aged_seq = store->young_seq;
    store->young_seq = rnd->seq;
    store->aged_ns = now;
}

/* Tombs go when every shard that they could touch has carried them out, and nothing older than them waits to land. */
struct tombs {
    int64_t bucket, seq;
};

static int drop_tombs(struct ts_store *store, void *arg, struct ts_err *err)
{
    const struct tombs *tmb = arg;
    return ts_db_run(store->cat.db, ts_db_bind(store->cat.db, TS_SQL_C_DROP_TOMBS, (int64_t[]){tmb->bucket, tmb->seq}, 2), err);
}

static int finish_tombs(struct ts_store *store, struct round *rnd, struct ts_err *err)
{
    struct tombs done[16];
    unsigned n = 0;
    sqlite3_stmt *stmt = ts_db_stmt(store->work, TS_SQL_C_TOMB_BUCKETS);
    int rc;
    while ((rc = ts_db_step(store->work, stmt, err)) > 0 && n < TS_ARRAY_SIZE(done))
        done[n++] = (struct tombs){sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1)};
    if (rc > 0)
        sqlite3_reset(stmt);
    for (unsigned i = 0; i < n && rc >= 0; i++) {
        /* Every shard was looked at in this round, after all of its tombs were there. */
        done[i].seq = TS_MIN(done[i].seq, rnd->seq);
        pthread_mutex_lock(&store->lock);
        rc = ts_store_change(store, drop_tombs, &done[i], err);
        pthread_mutex_unlock(&store->lock);
    }
    return TS_MIN(rc, 0);
}

/* What has landed leaves pages behind, which the next flushes need; only who compacts everything wants them gone. */
static int shrink_catalog(struct ts_store *store, struct ts_err *err)
{
    int64_t unused = 1;
    int rc = 0;
    while (rc == 0 && unused > 0) {
        pthread_mutex_lock(&store->lock);
        rc = ts_db_exec(store->cat.db, "PRAGMA incremental_vacuum(2048)", err);
        rc = rc ? rc : ts_db_number(store->cat.db, ts_db_stmt(store->cat.db, TS_SQL_FREE_COUNT), 0, &unused, err);
        pthread_mutex_unlock(&store->lock);
    }
    return rc;
}

static void clear_log(struct ts_store *store, const struct round *rnd)
{
    struct ts_buf path = TS_BUF_INIT;
    struct stat st;
    ts_buf_printf(&path, "%s/catalog.db-wal", store->dir);
    const char *z = ts_buf_cstr(&path);
    if (z && stat(z, &st) == 0 && (st.st_size >= LOG_BYTES || rnd->effort != TS_STORE_DUE))
        sqlite3_wal_checkpoint_v2(store->work->h, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    ts_buf_fini(&path);
}

int ts_store_tend(struct ts_store *store, enum ts_store_effort effort, struct ts_err *err)
{
    struct round rnd = {.effort = effort};
    struct ts_err why = {""};
    pthread_mutex_lock(&store->tending);
    int64_t now = ts_clock_mono_ns();
    if (effort != TS_STORE_DUE || now - store->retained_ns > RETAIN_NS || store->retained_ns == 0) {
        note(store, &rnd, ts_retain(store, &why), &why);
        store->retained_ns = now;
    }
    bool all = copy_shards(store, &rnd) == 0;
    rnd.quiet = rnd.seq == store->round_seq;
    store->round_seq = rnd.seq;
    for (unsigned i = 0; i < rnd.nshards && all; i++) {
        int rc = work_on(store, &rnd, &rnd.shards[i], &why);
        note(store, &rnd, rc, &why);
        all = !atomic_load_explicit(&store->stopping, memory_order_relaxed);
    }
    if (all && rnd.rc == 0)
        note(store, &rnd, finish_tombs(store, &rnd, &why), &why);
    age(store, &rnd);
    note(store, &rnd, keep_work(store, &why), &why);
    if (effort == TS_STORE_FULL)
        note(store, &rnd, shrink_catalog(store, &why), &why);
    clear_log(store, &rnd);
    ts_free(rnd.shards);
    pthread_mutex_unlock(&store->tending);
    if (rnd.landed)
        ts_mem_trim();
    if (rnd.rc && err)
        *err = rnd.err;
    return rnd.rc;
}

/* ---- the thread ---- */

static void *run(void *arg)
{
    struct ts_store *store = arg;
    while (!atomic_load_explicit(&store->stopping, memory_order_acquire)) {
        struct ts_err err;
        int rc = ts_store_tend(store, TS_STORE_DUE, &err);
        if (rc)
            ts_log(TS_LOG_WARN, "store_tend_failed", "stage=store error=%s next_try=10s", ts_log_quote_z(err.msg));
        int64_t until = ts_clock_mono_ns() + (rc ? AFTER_ERROR_NS : ROUND_NS), left;
        while (!atomic_load_explicit(&store->stopping, memory_order_acquire) && (left = until - ts_clock_mono_ns()) > 0) {
            ts_bell_prepare(&store->bell);
            bool much = atomic_load_explicit(&store->landed_bytes, memory_order_relaxed) >= LAND_BYTES && rc == 0;
            if (much || atomic_load_explicit(&store->stopping, memory_order_acquire)) {
                ts_bell_cancel(&store->bell);
                break;
            }
            ts_bell_sleep(&store->bell, left);
        }
        atomic_store_explicit(&store->landed_bytes, 0, memory_order_relaxed);
    }
    return NULL;
}

int ts_store_start(struct ts_store *store, struct ts_err *err)
{
    if (ts_thread_start(&store->thread, "ts-store", run, store) != 0)
        return ts_fail(err, TS_ENOMEM, "cannot start the store's thread");
    store->started = true;
    return 0;
}
