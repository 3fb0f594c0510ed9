/*
 * What was acknowledged is there, once, whatever happened: processes killed at random moments while they write, compact and merge; and
 * disks that are full or fail at any write or sync.
 */
#include "config.h"
#include "unit.h"

#include "core/clock.h"
#include "core/mem.h"
#include "store/store.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUCKET TS_STR("b")
#define SERIES 20
#define T0     (INT64_C(1700000000) * TS_SEC)
#define DAY    (86400 * TS_SEC)

static char dir[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/tsagg-test-store-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

/* Batch k writes a point of its own for each series, in another shard from time to time, and sets the one at T0 - 1 to k. */
static int64_t time_of(uint64_t k)
{
    return T0 + (int64_t)k * 10 * TS_SEC + (int64_t)(k / 40) * 28 * DAY;
}

static int put_batch(struct ts_points *pts, uint64_t k, struct ts_err *err)
{
    int rc = 0;
    ts_points_clear(pts);
    for (unsigned s = 0; s < SERIES && rc == 0; s++) {
        char host[16];
        uint32_t series;
        snprintf(host, sizeof host, "h%u", s);
        struct ts_tag tag = {TS_STR("host"), ts_str_of(host)};
        struct ts_point_field fields[] = {{.key = TS_STR("a"), .type = TS_SCAN_FLOAT, .v.f = (double)k + s / 100.0},
                                          {.key = TS_STR("b"), .type = TS_SCAN_UINT, .v.u = k}};
        rc = ts_points_series(pts, TS_STR("m"), &tag, 1, &series, err);
        rc = rc ? rc : ts_points_add(pts, series, time_of(k), fields, 2, err);
        rc = rc ? rc : ts_points_add(pts, series, T0 - 1, &fields[1], 1, err);
    }
    return rc ? rc : ts_points_commit(pts, TS_STR("last"), (struct ts_str){(char *)&k, sizeof k}, err);
}

static uint64_t mark_of(struct ts_store *store)
{
    struct ts_buf buf = TS_BUF_INIT;
    struct ts_err err;
    uint64_t k = 0;
    assert_int_equal(ts_writer_mark(ts_store_writer(store), TS_STR("last"), &buf, &err), 0);
    if (buf.len == sizeof k)
        memcpy(&k, buf.p, sizeof k);
    ts_buf_fini(&buf);
    return k;
}

/* Batches 1 … k are there, each once, and nothing else. */
static void check_batches(struct ts_scan_source *src, uint64_t k)
{
    struct ts_scan_request req = {.bucket = BUCKET, .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    struct ts_err err = {""};
    uint64_t seen = 0, lasts = 0;
    unsigned series = 0, damaged;
    assert_int_equal(ts_scan_open(src, &req, &cur, &err), 0);
    for (;;) {
        if (ts_scan_next(cur, &chunk, &err) != 0)
            fail_msg("%s", err.msg);
        if (!chunk || chunk->first) {
            if (series > 0)
                assert_int_equal(seen, k);
            seen = 0;
            series++;
        }
        if (!chunk)
            break;
        unsigned s = (unsigned)strtoul(chunk->series->tags[0].value.p + 1, NULL, 10);
        for (unsigned i = 0; i < chunk->n; i++) {
            if (chunk->times[i] == T0 - 1) {
                assert_true(chunk->v.u[i] == k);
                lasts++;
                continue;
            }
            seen++;
            assert_true(chunk->times[i] == time_of(seen));
            if (chunk->series->type == TS_SCAN_FLOAT)
                assert_true(chunk->v.f[i] == (double)seen + s / 100.0);
            else
                assert_true(chunk->v.u[i] == seen);
        }
    }
    assert_int_equal(series, k ? 2 * SERIES + 1 : 1);
    assert_int_equal(lasts, k ? SERIES : 0);
    ts_scan_damage(cur, &damaged);
    assert_int_equal(damaged, 0);
    ts_scan_close(&cur);
}

static uint64_t draw(uint64_t *state, uint64_t n)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % n;
}

/* ---- kill ---- */

/* The child: writes batch after batch, tells each one that is committed, and tends in between. */
static void live(int out, uint64_t k, uint64_t random)
{
    struct ts_store *store;
    struct ts_points *pts;
    struct ts_err err = {""};
    if (ts_store_open(dir, &store, &err) != 0 || ts_store_put_bucket(store, BUCKET, 0, &err) != 0 || ts_store_start(store, &err) != 0 ||
        ts_points_begin(ts_store_writer(store), BUCKET, &pts, &err) != 0)
        _exit(2);
    for (;;) {
        k++;
        if (put_batch(pts, k, &err) != 0 || write(out, &k, sizeof k) != sizeof k)
            _exit(3);
        if (draw(&random, 8) == 0 &&
            ts_store_tend(store, draw(&random, 3) ? TS_STORE_LAND : TS_STORE_FULL, &err) != 0)
            _exit(4);
    }
}

static void test_kill(void **state)
{
    (void)state;
    const char *scale = getenv("TSAGG_TEST_SCALE");
    double factor = scale ? strtod(scale, NULL) : 1;
    unsigned kills = (unsigned)TS_MAX(3, 200 * factor);
    uint64_t acked = 0, random = 5;
    for (unsigned i = 0; i < kills; i++) {
        int fds[2], status;
        assert_int_equal(pipe(fds), 0);
        uint64_t seed = draw(&random, UINT64_MAX), wait_us = 1000 + draw(&random, 60000);
        pid_t pid = fork();
        if (pid == 0) {
            close(fds[0]);
            live(fds[1], acked, seed);
        }
        close(fds[1]);
        usleep((useconds_t)wait_us);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        for (uint64_t k; read(fds[0], &k, sizeof k) == sizeof k;)
            acked = k;
        close(fds[0]);
        struct ts_store *store;
        struct ts_err err = {""};
        if (ts_store_open(dir, &store, &err) != 0)
            fail_msg("after kill %u: %s", i, err.msg);
        uint64_t stored = mark_of(store);
        assert_in_range(stored, acked, acked + 1); /* one may be stored and not told yet */
        acked = stored;
        if (acked)
            check_batches(ts_store_source(store), acked);
        ts_store_close(&store);
    }
    print_message("%u kills, %llu batches\n", kills, (unsigned long long)acked);
    assert_true(acked > 0);
}

/* ---- a disk that fails ---- */

static struct {
    sqlite3_vfs vfs, *real;
    long left; /* writes and syncs until the first failure; < 0: none */
    int code;
    unsigned failed;
} faulty;

struct faulty_file {
    sqlite3_file base;
    sqlite3_file *real;
};

#define REAL(file) (((struct faulty_file *)(file))->real)

static bool strikes(void)
{
    if (faulty.left < 0 || faulty.left-- > 0)
        return false;
    faulty.left = 0; /* and so do all that follow */
    faulty.failed++;
    return true;
}

static int f_close(sqlite3_file *f)
{
    return REAL(f)->pMethods->xClose(REAL(f));
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return REAL(f)->pMethods->xRead(REAL(f), p, n, at);
}
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (!strikes())
        return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
    if (n > 1) /* a part of it gets there */
        REAL(f)->pMethods->xWrite(REAL(f), p, n / 2, at);
    return faulty.code == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return strikes() ? SQLITE_IOERR_TRUNCATE : REAL(f)->pMethods->xTruncate(REAL(f), n);
}
static int f_sync(sqlite3_file *f, int flags)
{
    return strikes() && faulty.code != SQLITE_FULL ? SQLITE_IOERR_FSYNC : REAL(f)->pMethods->xSync(REAL(f), flags);
}
static int f_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return REAL(f)->pMethods->xFileSize(REAL(f), n);
}
static int f_lock(sqlite3_file *f, int how)
{
    return REAL(f)->pMethods->xLock(REAL(f), how);
}
static int f_unlock(sqlite3_file *f, int how)
{
    return REAL(f)->pMethods->xUnlock(REAL(f), how);
}
static int f_reserved(sqlite3_file *f, int *out)
{
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), out);
}
static int f_control(sqlite3_file *f, int op, void *arg)
{
    return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}
static int f_sector(sqlite3_file *f)
{
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}
static int f_device(sqlite3_file *f)
{
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}
static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, out);
}
static int f_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return REAL(f)->pMethods->xShmLock(REAL(f), at, n, flags);
}
static void f_shm_barrier(sqlite3_file *f)
{
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}
static int f_shm_unmap(sqlite3_file *f, int gone)
{
    return REAL(f)->pMethods->xShmUnmap(REAL(f), gone);
}

static const sqlite3_io_methods faulty_methods = {2,         f_close,   f_read,     f_write,   f_truncate, f_sync,
                                                  f_size,    f_lock,    f_unlock,   f_reserved, f_control, f_sector,
                                                  f_device,  f_shm_map, f_shm_lock, f_shm_barrier, f_shm_unmap, NULL, NULL};

static int f_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct faulty_file *ff = (struct faulty_file *)f;
    ff->real = (sqlite3_file *)(ff + 1);
    ff->base.pMethods = NULL;
    int rc = faulty.real->xOpen(faulty.real, name, ff->real, flags, out);
    if (rc == SQLITE_OK)
        ff->base.pMethods = &faulty_methods;
    return rc;
}

static void install_vfs(void)
{
    faulty.real = sqlite3_vfs_find(NULL);
    faulty.vfs = *faulty.real;
    faulty.vfs.szOsFile += (int)sizeof(struct faulty_file);
    faulty.vfs.zName = "faulty";
    faulty.vfs.xOpen = f_open;
    faulty.left = -1;
    assert_int_equal(sqlite3_vfs_register(&faulty.vfs, 1), SQLITE_OK);
}

/* The n-th write or sync from now on fails, and all after it: a commit, then a compaction. */
static uint64_t fail_at(struct ts_store *store, struct ts_points *pts, uint64_t k, long n, int code)
{
    struct ts_err err = {""};
    faulty.left = n;
    faulty.code = code;
    faulty.failed = 0;
    int rc = put_batch(pts, k + 1, &err);
    if (rc) {
        assert_true(faulty.failed > 0);
        assert_true(strlen(err.msg) > 0);
        if (code == SQLITE_FULL)
            assert_int_equal(rc, -TS_EFULL);
        else
            assert_int_equal(rc, -TS_EIO);
    } else {
        k++;
    }
    rc = ts_store_tend(store, k % 2 ? TS_STORE_FULL : TS_STORE_LAND, &err);
    assert_true(rc == 0 || faulty.failed > 0);
    /* While the disk fails, what is there can be read. */
    check_batches(ts_store_source(store), k);
    faulty.left = -1;
    return k;
}

static void test_faults(void **state)
{
    (void)state;
    const char *scale = getenv("TSAGG_TEST_SCALE");
    unsigned rounds = (unsigned)TS_MAX(20, 150 * (scale ? strtod(scale, NULL) : 1)), hits = 0;
    uint64_t k = 0, random = 11;
    install_vfs();
    for (unsigned i = 0; i < rounds; i++) {
        struct ts_store *store;
        struct ts_points *pts;
        struct ts_err err = {""};
        if (ts_store_open(dir, &store, &err) != 0 || ts_store_put_bucket(store, BUCKET, 0, &err) != 0 ||
            ts_points_begin(ts_store_writer(store), BUCKET, &pts, &err) != 0)
            fail_msg("%s", err.msg);
        uint64_t before = mark_of(store);
        assert_int_equal(before, k);
        k = fail_at(store, pts, k, (long)draw(&random, i % 3 ? 30 : 200), i % 2 ? SQLITE_FULL : SQLITE_IOERR);
        hits += faulty.failed > 0;
        /* The same again, now that the disk works: the journal would. */
        if (put_batch(pts, k + 1, &err) != 0 || (i % 4 == 0 && ts_store_tend(store, TS_STORE_LAND, &err) != 0))
            fail_msg("%s", err.msg);
        k++;
        check_batches(ts_store_source(store), k);
        ts_points_end(&pts);
        ts_store_close(&store);
    }
    sqlite3_vfs_unregister(&faulty.vfs);
    print_message("%u of %u rounds with a failure\n", hits, rounds);
    assert_true(hits > rounds / 2);
}

/* ---- damage ---- */

/* A bit changed in a block's columns: the block is told of, with its series and time, and all others can be read. */
static void test_damage(void **state)
{
    (void)state;
    struct ts_store *store;
    struct ts_points *pts;
    struct ts_err err = {""};
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_int_equal(ts_store_put_bucket(store, BUCKET, 0, &err), 0);
    assert_int_equal(ts_points_begin(ts_store_writer(store), BUCKET, &pts, &err), 0);
    for (uint64_t k = 1; k <= 30; k++)
        assert_int_equal(put_batch(pts, k, &err), 0);
    ts_points_end(&pts);
    assert_int_equal(ts_store_tend(store, TS_STORE_FULL, &err), 0);
    ts_store_close(&store);
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/shard-1.db", dir);
    if (access(path, F_OK) != 0)
        snprintf(path, sizeof path, "%s/shard-2.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    /* The last byte of a block's data belongs to its last column. Which series it is, the number says. */
    assert_int_equal(sqlite3_exec(db,
                                  "UPDATE block SET data = CAST(substr(data, 1, length(data) - 1) || x'a5' AS BLOB) "
                                  "WHERE id = (SELECT max(id) FROM block)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    struct ts_scan_source *src;
    assert_int_equal(ts_store_open_source(dir, &src, &err), 0);
    struct ts_scan_request req = {.bucket = BUCKET, .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    uint64_t points = 0;
    unsigned n;
    assert_int_equal(ts_scan_open(src, &req, &cur, &err), 0);
    while (ts_scan_next(cur, &chunk, &err) == 0 && chunk)
        points += chunk->n;
    const struct ts_scan_damage *dmg = ts_scan_damage(cur, &n);
    assert_int_equal(n, 1);
    assert_true(ts_str_eq(dmg->series, TS_STR("m,host=h19")));
    assert_true(dmg->min_ns <= time_of(1) && dmg->max_ns == time_of(30));
    /* 20 series of 30 + 30 points and one for T0 - 1, less the damaged column b of one series. */
    assert_in_range(points, 20 * 61 - 31, 20 * 61 - 30);
    ts_scan_close(&cur);
    ts_store_close_source(&src);
    /* A merge leaves it, and what is around it, alone. */
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_int_equal(ts_store_tend(store, TS_STORE_FULL, &err), 0);
    assert_int_equal(ts_scan_open(ts_store_source(store), &req, &cur, &err), 0);
    uint64_t again = 0;
    while (ts_scan_next(cur, &chunk, &err) == 0 && chunk)
        again += chunk->n;
    assert_int_equal(again, points);
    ts_scan_close(&cur);
    ts_store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_kill, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
