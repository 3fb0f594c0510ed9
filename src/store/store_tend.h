#ifndef TS_STORE_TEND_H
#define TS_STORE_TEND_H
/* The work behind the writes: landing segments to blocks, blocks to larger ones, deletes, retention. @thread one at a time (tending) */
#include "store/store_priv.h"
#include "store/store_table.h"

#define TS_EPOCH_SET_ASIDE 9 /* level of an epoch that keeps damaged blocks: never merged */

struct ts_epoch {
    int64_t id, rank, level, min_ns, max_ns, blocks, rows, points, bytes;
};

/** A shard that is being worked on. */
struct ts_shard_work {
    struct ts_store *store;
    struct ts_shard shard;
    struct ts_db *db;
    struct ts_epoch *epochs; /* in order of rank and id */
    unsigned nepochs, epochs_cap;
    int64_t next_epoch;
    struct ts_tomb *tombs; /* of its bucket */
    unsigned ntombs;
    int64_t seq;  /* of the catalogue that the work is based on */
    int64_t upto; /* what has landed later waits for the next turn */
    struct ts_table table;
    struct ts_seg seg;
    struct ts_buf head, data;
    int64_t began_ns;  /* the transaction */
    uint64_t io_bytes; /* read and written for it */
};

/** Opens a shard's file, or makes it. The catalogue's snapshot (store->work) is open. */
int ts_shard_open(struct ts_store *store, const struct ts_shard *shard, int64_t seq, struct ts_shard_work *wrk, struct ts_err *err)
    TS_MUST_CHECK;
void ts_shard_close(struct ts_shard_work *wrk);

int ts_shard_begin(struct ts_shard_work *wrk, struct ts_err *err) TS_MUST_CHECK;
/** Writes epochs that changed with it. On failure everything of the transaction is undone; the work must end. */
int ts_shard_commit(struct ts_shard_work *wrk, struct ts_err *err) TS_MUST_CHECK;
void ts_shard_rollback(struct ts_shard_work *wrk);

/** A new epoch, the newest of its rank. NULL without memory or numbers. Pointers to epochs are valid until the next one is made. */
struct ts_epoch *ts_shard_add_epoch(struct ts_shard_work *wrk, int64_t rank);

/** Writes the rows of wrk->table (sorted) as blocks of a series into epochs first, first + 1, …, which are made as needed. */
int ts_shard_put_blocks(struct ts_shard_work *wrk, uint32_t series, int64_t first_epoch, int64_t rank, struct ts_err *err)
    TS_MUST_CHECK;
/** Accounts for a block in its epoch (sign 1), or its removal (-1). */
void ts_epoch_count(struct ts_epoch *epo, const struct ts_seg *seg, size_t bytes, int sign);
struct ts_epoch *ts_shard_epoch(struct ts_shard_work *wrk, int64_t id);

/** Waits until so many bytes more are within the limit. */
void ts_store_pace(struct ts_store *store, uint64_t bytes);

/** Says in the log what is damaged. */
void ts_shard_complain(struct ts_shard_work *wrk, uint32_t series, int64_t min_ns, int64_t max_ns, const char *what);

/* One job each; the catalogue's snapshot is open where wrk is given. */
int ts_land(struct ts_shard_work *wrk, struct ts_err *err) TS_MUST_CHECK;
int ts_land_forget(struct ts_store *store, int64_t shard, int64_t seq, struct ts_err *err) TS_MUST_CHECK;
int ts_merge(struct ts_shard_work *wrk, bool full, bool *more, struct ts_err *err) TS_MUST_CHECK;
int ts_purge(struct ts_shard_work *wrk, struct ts_err *err) TS_MUST_CHECK;
int ts_retain(struct ts_store *store, struct ts_err *err) TS_MUST_CHECK;

#endif
