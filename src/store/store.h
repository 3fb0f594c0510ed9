#ifndef TS_STORE_STORE_H
#define TS_STORE_STORE_H
/*
 * The embedded database: buckets of points in a directory, as SQLite files. One process at a time writes (a lock in the
 * directory says which), any number read. docs/STORE.md explains what lies there and why.
 *
 * Writing: ts_store_writer and core/points.h. Reading: ts_store_source, or ts_store_open_source in a process that does not
 * write, and core/scan.h. What was written is compacted, and what is over its retention dropped, by ts_store_tend, which
 * the store's own thread calls (ts_store_start).
 */
#include "core/base.h"
#include "core/admin.h"
#include "core/err.h"
#include "core/points.h"
#include "core/scan.h"

struct ts_store;

/**
 * Opens the store, makes it when there is none, and takes its lock.
 * @return 0; -TS_EBUSY another process has it; -TS_ECORRUPT; -TS_ECONF of a later version; -TS_EIO; -TS_ENOMEM.
 */
int ts_store_open(const char *dir, struct ts_store **out, struct ts_err *err) TS_MUST_CHECK;
/** All batches and cursors must have ended. */
void ts_store_close(struct ts_store **store);

/** Starts the thread that tends the store until it is closed. @return 0, -TS_ENOMEM. */
int ts_store_start(struct ts_store *store, struct ts_err *err) TS_MUST_CHECK;

struct ts_writer *ts_store_writer(struct ts_store *store);
struct ts_scan_source *ts_store_source(struct ts_store *store);
struct ts_admin *ts_store_admin(struct ts_store *store);

/** For a process that only reads. @return 0; -TS_ENOTFOUND there is no store; -TS_ECONF; -TS_EIO, -TS_ENOMEM. */
int ts_store_open_source(const char *dir, struct ts_scan_source **out, struct ts_err *err) TS_MUST_CHECK;
void ts_store_close_source(struct ts_scan_source **src);

/* ---- buckets; @thread any ---- */

#define TS_STORE_RETENTION_MIN (3600 * TS_SEC)

/** Makes a bucket, or sets the retention (0: forever) of the one that there is. @return 0, -TS_EINVAL, or as a commit. */
int ts_store_put_bucket(struct ts_store *store, struct ts_str name, int64_t retention_ns, struct ts_err *err) TS_MUST_CHECK;

/**
 * Whether points with start <= time < stop were written or deleted, or buckets changed, after *since, which becomes the present. Rather true
 * than false. @thread any
 */
bool ts_store_changed(struct ts_store *store, uint64_t *since, int64_t start_ns, int64_t stop_ns);

/* ---- tending ---- */

enum ts_store_effort {
    TS_STORE_DUE,  /* what is due by size and age */
    TS_STORE_LAND, /* all that has landed becomes blocks */
    TS_STORE_FULL, /* and all blocks are merged */
};

/** One round of retention, compaction and clearing of logs. @return 0, or the first error; the rest is done all the same. */
int ts_store_tend(struct ts_store *store, enum ts_store_effort effort, struct ts_err *err) TS_MUST_CHECK;

struct ts_store_work {
    uint64_t compactions, merges, blocks_written, bytes_written, shards_dropped, errors;
    uint64_t longest_ns; /* transaction of the compaction */
    uint64_t waited_ns;  /* for the limit below */
    uint64_t held_ns;    /* longest that a commit has waited for others that change the catalogue */
};
/** Since the store was opened. */
void ts_store_work(struct ts_store *store, struct ts_store_work *out);

/**
 * Bytes a second that compaction reads and writes at most, taken over some seconds; 0: any number. It waits between transactions,
 * unless so much lands meanwhile that readers would suffer.
 */
void ts_store_limit_io(struct ts_store *store, uint64_t bytes_per_second);

/* ---- looking after it, also from another process ---- */

struct ts_store_level {
    uint64_t epochs, blocks, rows, points, bytes; /* bytes: of heads and columns */
};

struct ts_store_stats {
    uint64_t buckets, series, fields, shards, tombs;
    uint64_t landed, landed_points, landed_bytes; /* landing segments */
    struct ts_store_level levels[3];              /* young: up to 255 points a block, middle: to 2,047, old */
    uint64_t file_bytes, log_bytes;               /* databases, their WALs */
    struct ts_store_work work;                    /* since the store was made */
    uint64_t io_limit;
};
int ts_store_stats(const char *dir, struct ts_store_stats *out, struct ts_err *err) TS_MUST_CHECK;

/** Called with each thing that is wrong: series (or ""), time span, what. */
typedef void ts_store_complaint_fn(void *arg, const struct ts_scan_damage *dmg);
/** Reads everything. @return 0: it could be read, the complaints say how it is; or as ts_store_open_source. */
int ts_store_check(const char *dir, ts_store_complaint_fn *fn, void *arg, uint64_t *points, struct ts_err *err) TS_MUST_CHECK;

#endif
