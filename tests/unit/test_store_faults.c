/*
 * A disk that fails under the store: a VFS of SQLite whose n-th write, sync or truncation fails, once or from
 * then on, as a full disk or as an I/O error. For every n: what fails says so, what was acknowledged is there
 * afterwards, and a batch that was not is there whole or not at all.
 */
#include "config.h"
#include "unit.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdlib.h>

#define BUCKET  TS_STR("b")
#define BATCHES 8
#define SERIES  5
#define T0      (INT64_C(1700006400) * TS_SEC)

/* ---- the VFS ---- */

static struct {
    int left;  /* operations until it fails; < 0: it does not */
    bool once; /* and is well again */
    bool full; /* disk full, else an I/O error */
    int fired;
} fault = {.left = -1};

static bool fails(void)
{
    if (fault.left < 0 || fault.left-- > 0)
        return false;
    fault.left = fault.once ? -1 : 0;
    fault.fired++;
    return true;
}

struct file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct file *)f)->real;
}

#define PASS(name, params, args)                                                                             \
    static int do_##name params                                                                              \
    {                                                                                                        \
        return real(f)->pMethods->x##name args;                                                              \
    }
PASS(Read, (sqlite3_file * f, void *p, int n, sqlite3_int64 at), (real(f), p, n, at))
PASS(FileSize, (sqlite3_file * f, sqlite3_int64 *n), (real(f), n))
PASS(Lock, (sqlite3_file * f, int how), (real(f), how))
PASS(Unlock, (sqlite3_file * f, int how), (real(f), how))
PASS(CheckReservedLock, (sqlite3_file * f, int *out), (real(f), out))
PASS(FileControl, (sqlite3_file * f, int op, void *arg), (real(f), op, arg))
PASS(SectorSize, (sqlite3_file * f), (real(f)))
PASS(DeviceCharacteristics, (sqlite3_file * f), (real(f)))
PASS(ShmMap, (sqlite3_file * f, int page, int size, int extend, void volatile **out),
     (real(f), page, size, extend, out))
PASS(ShmLock, (sqlite3_file * f, int at, int n, int flags), (real(f), at, n, flags))
PASS(ShmUnmap, (sqlite3_file * f, int del), (real(f), del))

static void do_ShmBarrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int do_Write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (!fails())
        return real(f)->pMethods->xWrite(real(f), p, n, at);
    (void)real(f)->pMethods->xWrite(real(f), p, n / 2, at); /* a torn one */
    return fault.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int do_Sync(sqlite3_file *f, int flags)
{
    return fails() ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), flags);
}

static int do_Truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : real(f)->pMethods->xTruncate(real(f), n);
}

static int do_Close(sqlite3_file *f)
{
    int rc = real(f)->pMethods->xClose(real(f));
    ts_free(real(f));
    return rc;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = do_Close,
                                           .xRead = do_Read,
                                           .xWrite = do_Write,
                                           .xTruncate = do_Truncate,
                                           .xSync = do_Sync,
                                           .xFileSize = do_FileSize,
                                           .xLock = do_Lock,
                                           .xUnlock = do_Unlock,
                                           .xCheckReservedLock = do_CheckReservedLock,
                                           .xFileControl = do_FileControl,
                                           .xSectorSize = do_SectorSize,
                                           .xDeviceCharacteristics = do_DeviceCharacteristics,
                                           .xShmMap = do_ShmMap,
                                           .xShmLock = do_ShmLock,
                                           .xShmBarrier = do_ShmBarrier,
                                           .xShmUnmap = do_ShmUnmap};

static sqlite3_vfs *unix_vfs, faulty;

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
    struct file *file = (struct file *)f;
    (void)vfs;
    *file = (struct file){.real = ts_xalloc((size_t)unix_vfs->szOsFile)};
    int rc = unix_vfs->xOpen(unix_vfs, name, file->real, flags, out_flags);
    if (rc == SQLITE_OK)
        file->base.pMethods = &methods;
    else
        ts_free(file->real);
    return rc;
}

static void use_faulty_vfs(void)
{
    unix_vfs = sqlite3_vfs_find(NULL);
    faulty = *unix_vfs;
    faulty.zName = "faulty";
    faulty.szOsFile = sizeof(struct file);
    faulty.xOpen = open_file;
    assert_int_equal(sqlite3_vfs_register(&faulty, 1), SQLITE_OK);
}

/* ---- what is done, and what must be there ---- */

static char dir[64];
static bool acknowledged[BATCHES], deleted;

static void must_say_why(int rc, const struct ts_err *err)
{
    assert_true(rc == -TS_EIO || rc == -TS_EFULL || rc == -TS_ECORRUPT || rc == -TS_EBUSY);
    assert_non_null(strstr(err->msg, dir));
}

static struct ts_store *open_store(void)
{
    struct ts_store *store;
    struct ts_err err = {""};
    int rc;
    while ((rc = ts_store_open(dir, &store, &err)) != 0 ||
           (rc = ts_store_put_bucket(store, BUCKET, 0, &err)) != 0) {
        must_say_why(rc, &err);
        assert_true(fault.fired > 0);
        ts_store_close(&store);
        fault.left = fault.once ? fault.left : -1; /* somebody makes room */
    }
    return store;
}

static int commit(struct ts_points *pts, int batch)
{
    struct ts_err err = {""};
    int rc = ts_points_commit(pts, TS_STR("m"), TS_STR("x"), &err);
    if (rc)
        must_say_why(rc, &err);
    acknowledged[batch] |= rc == 0;
    return rc;
}

static void write_batch(struct ts_store *store, int batch)
{
    struct ts_points *pts;
    struct ts_err err;
    assert_int_equal(ts_points_begin(ts_store_writer(store), BUCKET, &pts, &err), 0);
    for (unsigned s = 0; s < SERIES; s++) {
        char host[16];
        uint32_t series;
        snprintf(host, sizeof host, "h%u", s);
        struct ts_tag tag = {TS_STR("host"), ts_str_of(host)};
        struct ts_point_field field = {
            .key = TS_STR("v"), .type = TS_SCAN_FLOAT, .v.f = batch * 1000 + (double)s};
        assert_int_equal(ts_points_series(pts, TS_STR("m"), &tag, 1, &series, &err), 0);
        assert_int_equal(ts_points_add(pts, series, T0 + batch * TS_SEC, &field, 1, &err), 0);
    }
    if (commit(pts, batch) != 0)
        (void)commit(pts, batch); /* as a sink does: it succeeds when the disk is well again */
    ts_points_end(&pts);
}

static void tend(struct ts_store *store, enum ts_store_effort effort)
{
    struct ts_err err = {""};
    int rc = ts_store_tend(store, effort, &err);
    if (rc)
        must_say_why(rc, &err);
}

static void scenario(void)
{
    struct ts_store *store = open_store();
    struct ts_err err = {""};
    for (int b = 0; b < BATCHES; b++) {
        write_batch(store, b);
        if (b == 2 || b == 4 || b == 6)
            tend(store, b == 6 ? TS_STORE_FULL : TS_STORE_LAND);
        if (b == 5) {
            struct ts_scan_pred pred = {
                .op = TS_SCAN_EQ, .on = TS_SCAN_TAG, .tag = TS_STR("host"), .value = TS_STR("h3")};
            int rc = ts_admin_delete_points(ts_store_admin(store), 1, &pred, T0, T0 + 3 * TS_SEC, &err);
            deleted = rc == 0;
            if (rc)
                must_say_why(rc, &err);
        }
    }
    ts_store_close(&store);
}

/* Which points there are, by batch and series; each at most once, with its value. */
static void read_points(bool found[BATCHES][SERIES])
{
    struct ts_scan_source *src;
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    struct ts_scan_request req = {.bucket = BUCKET,
                                  .start_ns = INT64_MIN,
                                  .stop_ns = INT64_MAX,
                                  .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
    struct ts_err err = {""};
    unsigned damaged;
    memset(found, 0, BATCHES * sizeof *found);
    assert_int_equal(ts_store_open_source(dir, &src, &err), 0);
    assert_int_equal(ts_scan_open(src, &req, &cur, &err), 0);
    while (ts_scan_next(cur, &chunk, &err) == 0 && chunk)
        for (unsigned i = 0; i < chunk->n; i++) {
            int64_t b = (chunk->times[i] - T0) / TS_SEC;
            int s = chunk->series->tags[0].value.p[1] - '0';
            assert_true(b >= 0 && b < BATCHES && s >= 0 && s < SERIES && !found[b][s]);
            assert_true(chunk->v.f[i] == (double)(b * 1000 + s));
            found[b][s] = true;
        }
    (void)ts_scan_damage(cur, &damaged);
    assert_int_equal(damaged, 0);
    ts_scan_close(&cur);
    ts_store_close_source(&src);
}

static void check(void)
{
    bool found[BATCHES][SERIES];
    read_points(found);
    for (int b = 0; b < BATCHES; b++) {
        bool there = found[b][0];
        assert_true(there || !acknowledged[b]);
        for (int s = 0; s < SERIES; s++)
            if (s != 3 || b > 3)
                assert_true(found[b][s] == there);
        if (b <= 3) /* the delete is there for all of them or for none */
            assert_true(!there || found[b][3] == found[0][3] || !found[0][0]);
        if (b <= 3 && deleted)
            assert_false(found[b][3]);
    }
}

static void run_with(int n, bool once, bool full)
{
    char command[128];
    struct ts_err err = {""};
    snprintf(dir, sizeof dir, "/dev/shm/tsagg-test-faults-XXXXXX"); /* thousands of syncs */
    if (!mkdtemp(dir)) {
        snprintf(dir, sizeof dir, "/tmp/tsagg-test-faults-XXXXXX");
        assert_non_null(mkdtemp(dir));
    }
    memset(acknowledged, 0, sizeof acknowledged);
    deleted = false;
    fault.left = n;
    fault.once = once;
    fault.full = full;
    fault.fired = 0;
    scenario();
    fault.left = -1;
    check(); /* as it is on the disk */
    struct ts_store *store;
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_int_equal(ts_store_tend(store, TS_STORE_FULL, &err), 0);
    ts_store_close(&store);
    check();
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void every_operation(void **state)
{
    int n = 0, all = 0;
    (void)state;
    for (; n < 5000; n += 1 + all / 16) {
        run_with(n, n % 2, n / 2 % 2);
        if (fault.fired == 0)
            break;
        run_with(n, !(n % 2), n / 2 % 2);
        all++;
    }
    print_message("%d operations, %d of them failed\n", n, all);
    assert_true(n > 50 && all > 10 && n < 5000);
}

/* With nothing wrong all is there. */
static void without_faults(void **state)
{
    (void)state;
    run_with(-1, true, false);
    for (int b = 0; b < BATCHES; b++)
        assert_true(acknowledged[b]);
    assert_true(deleted);
}

#ifdef TS_HOSTILE
/* @return whether memory was missing; then the same point is added once more. */
static bool add_somehow(struct ts_points *pts, unsigned n)
{
    char name[16];
    snprintf(name, sizeof name, "m%u", n);
    struct ts_point_field field = {.key = TS_STR("v"), .type = TS_SCAN_FLOAT, .v.f = n};
    for (bool missing = false;; missing = true) {
        struct ts_err err = {""};
        uint32_t series;
        int rc = ts_points_series(pts, ts_str_of(name), NULL, 0, &series, &err);
        rc = rc ? rc : ts_points_add(pts, series, T0 + n * TS_SEC, &field, 1, &err);
        if (rc == 0)
            return missing;
        assert_true(rc == -TS_ENOMEM && !missing);
    }
}

/* Each allocation of a batch fails once, and what was to be added is added again: it is, and can be committed. */
static void batch_without_memory(void **state)
{
    (void)state;
    struct ts_err err = {""};
    snprintf(dir, sizeof dir, "/tmp/tsagg-test-faults-XXXXXX");
    assert_non_null(mkdtemp(dir));
    struct ts_store *store = open_store();
    bool missing = true;
    long at = 1;
    for (; missing; at++) {
        struct ts_points *pts;
        assert_int_equal(ts_points_begin(ts_store_writer(store), BUCKET, &pts, &err), 0);
        missing = false;
        ts_alloc_fail_at(at);
        for (unsigned n = 0; n < 3; n++)
            missing |= add_somehow(pts, n);
        ts_alloc_fail_at(0);
        assert_int_equal(ts_points_commit(pts, TS_STR(""), TS_STR(""), &err), 0);
        ts_points_end(&pts);
    }
    assert_true(at > 10);
    ts_store_close(&store);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef TS_HOSTILE
        cmocka_unit_test(batch_without_memory),
#endif
        cmocka_unit_test(without_faults), cmocka_unit_test(every_operation)};
    use_faulty_vfs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
