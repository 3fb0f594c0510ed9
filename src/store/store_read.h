#ifndef TS_STORE_READ_H
#define TS_STORE_READ_H
/*
 * Reading: one view of catalogue and shards. A reader keeps connections that nobody uses for the next one who wants them.
 */
#include "core/scan.h"
#include "store/store_priv.h"
#include "store/store_table.h"

struct ts_reader;

/** @return 0, -TS_ENOMEM; nothing is opened yet. dir is copied. */
int ts_reader_open(const char *dir, struct ts_reader **out, struct ts_err *err) TS_MUST_CHECK;
void ts_reader_close(struct ts_reader **rdr);
struct ts_scan_source *ts_reader_source(struct ts_reader *rdr);
/** The shard has been dropped: no connection is kept. @thread any */
void ts_reader_forget(struct ts_reader *rdr, int64_t shard);

struct ts_view_epoch {
    int64_t id, rank, min_ns, max_ns;
};

/** A landing segment: its bytes are read when it is asked for. */
struct ts_view_landing {
    int64_t id, seq, min_ns, max_ns;
    uint32_t group, part;
    bool loaded, damaged;
    struct ts_seg seg;
    struct ts_str data;
    uint32_t *series, *ends;
};

struct ts_view_shard {
    int64_t id, start_ns, end_ns;
    struct ts_db *db; /* NULL: it has no file yet */
    struct ts_view_epoch *epochs; /* in order of rank and id */
    unsigned nepochs;
    struct ts_view_landing *landing; /* in order of group and seq, without those that blocks have */
    unsigned nlanding;
};

/** One view: transactions are open in all of its databases. */
struct ts_view {
    struct ts_reader *rdr;
    struct ts_db *cat;
    struct ts_scan_bucket bucket;
    struct ts_view_shard *shards; /* that reach into the range, oldest first */
    unsigned nshards;
    struct ts_tomb *tombs;
    unsigned ntombs;
    struct ts_map names; /* u32 number of a name to the index of its text in … */
    struct ts_str *texts;
    unsigned ntexts;
    struct ts_buf text;
};

/** @return 0; -TS_ENOTFOUND no such bucket; -TS_EIO, -TS_ECORRUPT, -TS_ENOMEM, -TS_EBUSY. */
int ts_view_open(struct ts_reader *rdr, struct ts_str bucket, int64_t start_ns, int64_t stop_ns, struct ts_view *view,
                 struct ts_err *err) TS_MUST_CHECK;
void ts_view_close(struct ts_view *view);

/** Reads a landing segment. @return 0; -TS_ECORRUPT (marked, not asked again); -TS_EIO, -TS_ENOMEM. */
int ts_view_load(struct ts_view *view, struct ts_view_landing *lnd, struct ts_err *err) TS_MUST_CHECK;

/** The text of a field's number; empty when the catalogue does not have it. */
struct ts_str ts_view_name(const struct ts_view *view, uint32_t name);

/* ---- store_pred.c ---- */

enum ts_truth { TS_FALSE, TS_TRUE, TS_UNKNOWN };

/** @return 0, -TS_ELIMIT deeper than TS_SCAN_PRED_DEPTH. */
int ts_pred_check(const struct ts_scan_pred *pred, struct ts_err *err) TS_MUST_CHECK;

/** Kleene's value for a series. field NULL: any (what depends on it is then *open, and the value UNKNOWN). */
enum ts_truth ts_pred_value(const struct ts_scan_pred *pred, struct ts_str measurement, const struct ts_tag *tags, unsigned ntags,
                            const struct ts_str *field, bool *open);

/** The measurement that the predicate asks for, when it asks for one. */
bool ts_pred_measurement(const struct ts_scan_pred *pred, struct ts_str *out);

/* ---- store_scan.c, store_schema.c ---- */

int ts_cursor_open(struct ts_reader *rdr, const struct ts_scan_request *req, struct ts_scan_cursor **out, struct ts_err *err)
    TS_MUST_CHECK;
int ts_schema_read(struct ts_reader *rdr, const struct ts_scan_schema_request *req, ts_scan_schema_fn *fn, void *arg,
                   struct ts_err *err) TS_MUST_CHECK;
int ts_bucket_read(struct ts_reader *rdr, struct ts_str name, struct ts_scan_bucket *out, struct ts_err *err) TS_MUST_CHECK;
extern const struct ts_scan_ops ts_store_scan_ops;

/** A connection to the catalogue (shard 0) or to a shard; give it back with ts_reader_give. @return as ts_db_open. */
int ts_reader_take(struct ts_reader *rdr, int64_t shard, struct ts_db **out, struct ts_err *err) TS_MUST_CHECK;
void ts_reader_give(struct ts_reader *rdr, int64_t shard, struct ts_db *db);

#endif
