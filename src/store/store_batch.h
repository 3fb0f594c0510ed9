#ifndef TS_STORE_BATCH_H
#define TS_STORE_BATCH_H
/* A batch of points: gathered by store_batch.c, landed by store_commit.c. */
#include "store/store_priv.h"

#define TS_BATCH_ROWS_MAX  1000000
#define TS_BATCH_CELLS_MAX 4000000
#define TS_BATCH_TEXT_MAX  (256u << 20)

struct ts_batch_field {
    char *key;
    uint32_t len, name; /* its number in the catalogue */
    enum ts_scan_type type;
};

struct ts_batch_measurement {
    struct ts_batch_field *fields;
    unsigned n, cap;
};

struct ts_batch_series {
    uint32_t id, measurement;
};

struct ts_batch_row {
    int64_t time_ns;
    uint32_t series; /* index in batch.series */
    uint32_t cell, ncells;
};

struct ts_batch_cell {
    uint32_t name;
    uint32_t type; /* enum ts_scan_type */
    uint64_t v;    /* STRING: where its text begins in batch.text << 32 | its length */
};

struct ts_batch {
    struct ts_points pts; /* first */
    struct ts_store *store;
    int64_t bucket, retention_ns, shard_ns;
    unsigned generation;
    struct ts_map keys;         /* a series' key to its index */
    struct ts_map measurements; /* name to index */
    struct ts_batch_series *series;
    struct ts_batch_measurement *meas;
    struct ts_batch_row *rows;
    struct ts_batch_cell *cells;
    uint32_t nseries, series_cap, nmeas, meas_cap, nrows, rows_cap, ncells, cells_cap;
    struct ts_buf text, key;
};

/** All numbers anew: those of series may have gone. Under the store's lock. @return 0, -TS_ENOMEM, -TS_ENOTFOUND. */
int ts_batch_resolve(struct ts_batch *bat, struct ts_err *err) TS_MUST_CHECK;

int ts_batch_commit(struct ts_points *pts, struct ts_str mark, struct ts_str value, struct ts_err *err) TS_MUST_CHECK;

#endif
