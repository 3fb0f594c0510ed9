/*
 * The store as a whole: opening, the lock, changes of the catalogue. Thread: any; changes take the store's lock for the length of one
 * transaction. A change that fails is rolled back, in memory too.
 */
#include "config.h"
#include "store/store_priv.h"

#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"
#include "store/store_key.h"
#include "store/store_read.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- open and close ---- */

static int take_lock(struct ts_store *store, struct ts_err *err)
{
    struct ts_buf path = TS_BUF_INIT;
    ts_buf_printf(&path, "%s/lock", store->dir);
    const char *z = ts_buf_cstr(&path);
    int rc = 0;
    store->lock_fd = z ? open(z, O_RDWR | O_CREAT | O_CLOEXEC, 0640) : -1;
    if (store->lock_fd < 0)
        rc = ts_fail_errno(err, TS_EIO, "cannot open %s/lock", store->dir);
    else if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK ? ts_fail(err, TS_EBUSY, "another process writes to the store in %s", store->dir)
                                  : ts_fail_errno(err, TS_EIO, "cannot lock %s/lock", store->dir);
    ts_buf_fini(&path);
    return rc;
}

static int open_all(struct ts_store *store, struct ts_err *err)
{
    struct ts_buf path = TS_BUF_INIT;
    if (ts_dir_make(store->dir) != 0)
        return ts_fail_errno(err, TS_EIO, "cannot make %s", store->dir);
    int rc = take_lock(store, err);
    rc = rc ? rc : ts_catalog_open(store->dir, &store->cat, err);
    if (rc)
        return rc;
    ts_buf_printf(&path, "%s/catalog.db", store->dir);
    const char *z = ts_buf_cstr(&path);
    rc = z ? ts_db_open(z, TS_DB_READ, &store->work, err) : -TS_ENOMEM;
    ts_buf_fini(&path);
    uint64_t former;
    rc = rc ? rc : ts_work_read(store->work, &store->before, &former, err);
    return rc ? rc : ts_reader_open(store->dir, &store->reader, err);
}

int ts_store_open(const char *dir, struct ts_store **out, struct ts_err *err)
{
    struct ts_store *store = ts_xalloc(sizeof *store);
    store->writer.ops = &ts_store_writer_ops;
    store->admin.ops = &ts_store_admin_ops;
    store->dir = ts_xstrdup(dir);
    store->lock_fd = -1;
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->tending, NULL);
    pthread_mutex_init(&store->work_lock, NULL);
    pthread_mutex_init(&store->changes.lock, NULL);
    int rc = open_all(store, err);
    if (rc)
        ts_store_close(&store);
    *out = store;
    return rc;
}

static void stop_thread(struct ts_store *store)
{
    if (!store->started)
        return;
    atomic_store_explicit(&store->stopping, true, memory_order_release); /* the thread looks when it wakes */
    ts_bell_ring(&store->bell);
    pthread_join(store->thread, NULL);
    store->started = false;
}

void ts_store_close(struct ts_store **pstore)
{
    struct ts_store *store = *pstore;
    if (!store)
        return;
    stop_thread(store);
    ts_reader_close(&store->reader);
    ts_db_close(&store->work);
    if (store->cat.db) /* what waits in the log need not be read by the next start */
        sqlite3_wal_checkpoint_v2(store->cat.db->h, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    ts_catalog_close(&store->cat);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->tending);
    pthread_mutex_destroy(&store->work_lock);
    pthread_mutex_destroy(&store->changes.lock);
    ts_buf_fini(&store->scratch);
    ts_free(store->dir);
    TS_FREE(*pstore);
}

struct ts_writer *ts_store_writer(struct ts_store *store)
{
    return &store->writer;
}

struct ts_admin *ts_store_admin(struct ts_store *store)
{
    return &store->admin;
}

struct ts_scan_source *ts_store_source(struct ts_store *store)
{
    return ts_reader_source(store->reader);
}

void ts_store_work(struct ts_store *store, struct ts_store_work *out)
{
    pthread_mutex_lock(&store->work_lock);
    *out = store->done;
    pthread_mutex_unlock(&store->work_lock);
}

/* ---- changes ---- */

int ts_store_change(struct ts_store *store, int (*fn)(struct ts_store *store, void *arg, struct ts_err *err), void *arg,
                    struct ts_err *err)
{
    struct ts_catalog *cat = &store->cat;
    unsigned nshards = cat->nshards;
    int rc = ts_db_run(cat->db, ts_db_stmt(cat->db, TS_SQL_BEGIN_WRITE), err);
    if (rc)
        return rc;
    cat->seq++;
    rc = fn(store, arg, err);
    rc = rc ? rc : ts_catalog_keep(cat, err);
    rc = rc ? rc : ts_db_run(cat->db, ts_db_stmt(cat->db, TS_SQL_COMMIT), err);
    if (rc == 0) {
        ts_catalog_kept(cat);
        return 0;
    }
    if (!sqlite3_get_autocommit(cat->db->h)) {
        sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_ROLLBACK);
        if (stmt) {
            sqlite3_step(stmt); /* what fails here has ended the transaction all the same */
            sqlite3_reset(stmt);
        }
    }
    cat->seq--;
    ts_catalog_rolled_back(cat, nshards);
    return rc;
}
