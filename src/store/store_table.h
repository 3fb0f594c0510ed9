#ifndef TS_STORE_TABLE_H
#define TS_STORE_TABLE_H
/*
 * Rows of one series, gathered from segments and put in order: what compaction writes blocks from. Of points at the same time the
 * field's last appended value counts.
 */
#include "store/store_segment.h"

/** A deleted span of a series: points of segments older than seq (rank < seq) with start <= time <= stop are gone. */
struct ts_tomb {
    int64_t seq, series; /* series < 0: all of the bucket */
    int64_t start_ns, stop_ns;
};

struct ts_table {
    unsigned n, cap, ncols, cols_cap;
    int64_t *times;
    struct ts_column *cols; /* texts of STRING: p is an offset in text until ts_table_sort */
    struct ts_buf text;
    /* scratch */
    uint64_t *v;
    uint32_t *rows, *order;
    struct ts_str *s;
    unsigned scratch_cap, order_cap;
};

void ts_table_clear(struct ts_table *tbl);
void ts_table_fini(struct ts_table *tbl);

/** All rows of a segment, decoded: when many parts of it are taken, a row or two at a time. */
struct ts_all_column {
    uint64_t *v;
    struct ts_str *s; /* STRING */
    uint32_t *rows;   /* NULL: all of them */
    unsigned count;
};
struct ts_seg_all {
    int64_t *times;
    struct ts_all_column *cols;
    char *bytes;
};

/** What ts_all_decode takes. */
size_t ts_all_bytes(const struct ts_seg *seg);
/** The segment's data outlive it. @return 0, or -TS_ECORRUPT, -TS_ENOMEM and nothing to free. */
int ts_all_decode(struct ts_seg_all *all, const struct ts_seg *seg, struct ts_str data) TS_MUST_CHECK;
void ts_all_free(struct ts_seg_all *all);

/**
 * Appends rows from … from + n of a segment whose parts are whole; all: the same decoded, or NULL. Rows that a tomb newer than rank
 * covers are left out.
 * @return 0, -TS_ECORRUPT (the table is then of no use), -TS_ENOMEM.
 */
int ts_table_append(struct ts_table *tbl, const struct ts_seg *seg, struct ts_str data, const struct ts_seg_all *all, unsigned from,
                    unsigned n, int64_t rank, uint32_t series, const struct ts_tomb *tombs, unsigned ntombs) TS_MUST_CHECK;

/** Rows in ascending order, one for each time; columns sorted, empty ones gone. @return 0, -TS_ENOMEM. */
int ts_table_sort(struct ts_table *tbl) TS_MUST_CHECK;

/** Encodes rows from … from + n (at most TS_BLOCK_ROWS) as a block. @return points in it, -TS_ENOMEM. */
int ts_table_encode(const struct ts_table *tbl, unsigned from, unsigned n, uint64_t place, struct ts_buf *head,
                    struct ts_buf *data) TS_MUST_CHECK;

/** Whether a tomb newer than rank covers any of the span. */
bool ts_tombs_touch(const struct ts_tomb *tombs, unsigned ntombs, uint32_t series, int64_t rank, int64_t min_ns, int64_t max_ns);
bool ts_tombs_cover(const struct ts_tomb *tombs, unsigned ntombs, uint32_t series, int64_t rank, int64_t t_ns);

#endif
