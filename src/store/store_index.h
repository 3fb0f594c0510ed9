#ifndef TS_STORE_INDEX_H
#define TS_STORE_INDEX_H
/*
 * The index of tags: table `tag` of the catalogue, (bucket, key, value, measurement, series) for each tag of
 * each series. What is asked of tags by equality is answered from it, and what tags there are. @thread one at
 * a time for each connection
 */
#include "core/scan.h"
#include "store/store_priv.h"

/** Adds or removes the tags of a series; scratch is the caller's. In a transaction. @return 0, or as
 * ts_db_fail. */
int ts_index_put(struct ts_db *cat, int64_t bucket, uint32_t series, struct ts_str key,
                 struct ts_buf *scratch, struct ts_err *err) TS_MUST_CHECK;
int ts_index_drop(struct ts_db *cat, int64_t bucket, uint32_t series, struct ts_str key,
                  struct ts_buf *scratch, struct ts_err *err) TS_MUST_CHECK;

/** Tags of many new series, in order of the index: neighbours go into the same pages. */
struct ts_index_batch {
    struct ts_index_row *rows;
    uint32_t n, cap;
    struct ts_buf scratch;
};

/** Adds the tags of a series, at the latest with ts_index_flush; the key outlives it. @return 0, or as ts_db_fail. */
int ts_index_gather(struct ts_db *cat, struct ts_index_batch *bat, int64_t bucket, uint32_t series, struct ts_str key,
                    struct ts_err *err) TS_MUST_CHECK;
int ts_index_flush(struct ts_db *cat, struct ts_index_batch *bat, struct ts_err *err) TS_MUST_CHECK;
void ts_index_batch_fini(struct ts_index_batch *bat);

/** Whether the catalogue has the index: one of an older format that nobody has opened for writing yet has
 * none. */
bool ts_index_is_there(struct ts_db *cat);

typedef int ts_index_fn(void *arg, struct ts_str text);

/** Calls fn for each tag key of a bucket, or of one of its measurements, or for each value of a key, in order
 * of bytes. The same text may come twice. @return 0, what fn has returned, or as ts_db_fail. */
int ts_index_keys(struct ts_db *cat, int64_t bucket, const struct ts_str *measurement, ts_index_fn *fn,
                  void *arg, struct ts_err *err) TS_MUST_CHECK;
int ts_index_values(struct ts_db *cat, int64_t bucket, struct ts_str key, const struct ts_str *measurement,
                    ts_index_fn *fn, void *arg, struct ts_err *err) TS_MUST_CHECK;

/* ---- series that a predicate may take (store_walk.c) ---- */

struct ts_walk_item {
    uint32_t id;
    size_t at, len; /* of its key in ts_walk.keys */
};

/** In order of their keys: a range of the table of series, or those that the index has named. */
struct ts_walk {
    struct ts_db *cat;
    int64_t bucket;
    sqlite3_stmt *range; /* NULL: listed */
    struct ts_buf lo, hi, keys;
    struct ts_walk_item *items;
    uint32_t n, cap, at;
};

/** @return 0, or as ts_db_fail. The predicate is still to be looked at. */
int ts_walk_open(struct ts_walk *walk, struct ts_db *cat, int64_t bucket, const struct ts_scan_pred *pred,
                 struct ts_err *err) TS_MUST_CHECK;
/** @return 1 there is one, its key valid until the next call; 0 the end; or as ts_db_fail. */
int ts_walk_next(struct ts_walk *walk, uint32_t *id, struct ts_str *key, struct ts_err *err) TS_MUST_CHECK;
/** Those that are left of the present series' measurement are not wanted; of a list they come all the same.
 * @return 0, or as ts_db_fail. */
int ts_walk_skip_measurement(struct ts_walk *walk, struct ts_err *err) TS_MUST_CHECK;
void ts_walk_close(struct ts_walk *walk);

#endif
