#ifndef TS_STORE_PRIV_H
#define TS_STORE_PRIV_H
/* Inside the store: what its files share. */
#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"
#include "core/thread.h"
#include "store/store.h"
#include "store/store_db.h"
#include "store/store_map.h"

#define TS_STORE_FORMAT 4 /* of the catalogue */
#define TS_STORE_FORMAT_READ 3 /* and what else can be read */
#define TS_GROUP_SERIES 1024 /* series whose points land together */
#define TS_BLOCK_ROWS   4096

/* A block's number: epoch and series. */
#define TS_BLOCK_ID(epoch, series) ((int64_t)(epoch) << 32 | (int64_t)(series))
#define TS_EPOCH_MAX 0x7fffffff

static inline uint32_t ts_group_of(uint32_t series)
{
    return series / TS_GROUP_SERIES;
}

/** What a landing segment's checksums are seeded with. */
static inline uint64_t ts_landing_place(uint32_t group, uint32_t part)
{
    return (uint64_t)group << 32 | part;
}

/* ---- store_catalog.c: what there is, as the one writer knows it ---- */

struct ts_bucket {
    int64_t id, retention_ns, shard_ns;
    char *name;
};

struct ts_shard {
    int64_t id, bucket, start_ns, end_ns;
    bool has_file;
};

/** Everything here is read and changed under the store's lock. */
struct ts_catalog {
    struct ts_db *db;
    int64_t seq;         /* of the last commit */
    int64_t next_shard;
    uint32_t next_series, next_name;
    unsigned generation; /* counts when numbers of series may have gone */
    struct ts_bucket *buckets;
    unsigned nbuckets;
    struct ts_shard *shards;
    unsigned nshards, shards_cap;
    /* Maps; entries from `kept` on are not in the database yet, and go in with the next commit. */
    struct ts_map series, names, fields;
    uint32_t series_kept, names_kept, fields_kept;
};

/** Opens or makes DIR/catalog.db and reads it. @return as ts_store_open. */
int ts_catalog_open(const char *dir, struct ts_catalog *cat, struct ts_err *err) TS_MUST_CHECK;
/** Reads the buckets anew. */
int ts_catalog_load_buckets(struct ts_catalog *cat, struct ts_err *err) TS_MUST_CHECK;
/** Reads everything anew. */
int ts_catalog_load(struct ts_catalog *cat, struct ts_err *err) TS_MUST_CHECK;
void ts_catalog_close(struct ts_catalog *cat);

const struct ts_bucket *ts_catalog_bucket(const struct ts_catalog *cat, struct ts_str name);
const struct ts_bucket *ts_catalog_bucket_by_id(const struct ts_catalog *cat, int64_t id);

/** Finds or makes the number of a series. @return 0, -TS_ENOMEM, -TS_EFULL (2^32 series). */
int ts_catalog_series(struct ts_catalog *cat, int64_t bucket, struct ts_str key, uint32_t *out) TS_MUST_CHECK;
/** Finds or makes a field of a measurement; *type is what it has, which may be another than asked for. */
int ts_catalog_field(struct ts_catalog *cat, int64_t bucket, struct ts_str measurement, struct ts_str name,
                     enum ts_scan_type *type, uint32_t *out) TS_MUST_CHECK;
/** Finds or makes the shard for a time; new ones are made within the transaction in progress. */
int ts_catalog_shard(struct ts_catalog *cat, int64_t bucket, int64_t start_ns, int64_t end_ns, int64_t *out,
                     struct ts_err *err) TS_MUST_CHECK;
/** Writes what is not kept yet, and the sequence number. In a transaction. */
int ts_catalog_keep(struct ts_catalog *cat, struct ts_err *err) TS_MUST_CHECK;
/** After the commit of a transaction with ts_catalog_keep. */
void ts_catalog_kept(struct ts_catalog *cat);
/** After a rollback: forgets shards that were made in it. */
void ts_catalog_rolled_back(struct ts_catalog *cat, unsigned nshards_before);

/** After a commit that dropped series: those whose bit is set (numbers below n) are not known any more. @return 0, -TS_ENOMEM. */
int ts_catalog_forget(struct ts_catalog *cat, const uint64_t *bits, uint32_t n) TS_MUST_CHECK;

/** The beginning of the shard that a time belongs to. */
int64_t ts_shard_start(int64_t t_ns, int64_t shard_ns);
int64_t ts_shard_end(int64_t start_ns, int64_t shard_ns);
int64_t ts_shard_duration(int64_t retention_ns);

/** DIR/shard-ID.db */
void ts_shard_path(const char *dir, int64_t id, struct ts_buf *out);

/* ---- the store ---- */

struct ts_reader;

#define TS_CHANGES 256 /* that are remembered */

struct ts_changes {
    pthread_mutex_t lock;
    uint64_t n; /* ever */
    struct ts_change {
        int64_t start_ns, stop_ns; /* both inclusive */
    } last[TS_CHANGES];
};

/** Points between may be others than before; after the commit. */
void ts_changes_note(struct ts_store *store, int64_t start_ns, int64_t stop_ns);

struct ts_store {
    struct ts_writer writer; /* first */
    struct ts_admin admin;
    char *dir;
    int lock_fd;
    pthread_mutex_t lock; /* of cat */
    struct ts_catalog cat;
    struct ts_reader *reader;
    struct ts_changes changes;

    pthread_mutex_t tending; /* one round at a time */
    struct ts_db *work;      /* the catalogue for reading, of that round */
    int64_t retained_ns, aged_ns, young_seq, aged_seq, round_seq; /* see store_tend.c */
    struct ts_buf scratch;
    pthread_mutex_t work_lock;
    struct ts_store_work done, before; /* since it was opened; by all who had it open before */
    bool unsaved; /* done has changed since it was saved */
    _Atomic uint64_t io_limit;
    int64_t paid_until_ns; /* by what was read and written: see ts_store_pace */
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    _Atomic uint64_t landed_bytes; /* since the last compaction looked */
    struct ts_bell bell;
};

extern const struct ts_writer_ops ts_store_writer_ops;
extern const struct ts_admin_ops ts_store_admin_ops;

/** The store that it administers. */
static inline struct ts_store *ts_store_of_admin(struct ts_admin *adm)
{
    return (struct ts_store *)(void *)((char *)adm - offsetof(struct ts_store, admin));
}

/** As ts_admin_delete_points. */
int ts_delete_points(struct ts_admin *adm, int64_t bucket, const struct ts_scan_pred *pred, int64_t start_ns, int64_t stop_ns,
                     struct ts_err *err) TS_MUST_CHECK;

/** Names of what is kept of ts_store_work in `meta`, in its order, and then of the limit. */
#define TS_WORK_FIELDS 10
extern const char *const ts_work_names[TS_WORK_FIELDS];
int ts_work_read(struct ts_db *cat, struct ts_store_work *work, uint64_t *io_limit, struct ts_err *err) TS_MUST_CHECK;

/** BEGIN … COMMIT around a change of the catalogue, with the store's lock held: fn runs inside; on failure all is as before. */
int ts_store_change(struct ts_store *store, int (*fn)(struct ts_store *store, void *arg, struct ts_err *err), void *arg,
                    struct ts_err *err) TS_MUST_CHECK;

#endif
