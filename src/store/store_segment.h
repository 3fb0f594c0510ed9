#ifndef TS_STORE_SEGMENT_H
#define TS_STORE_SEGMENT_H
/*
 * A segment: rows of points as columns, in two byte strings. The head says what there is (a directory of columns with their
 * statistics), the data holds the columns, so that a look at the head does not read them. A block is a segment of
 * one series; a landing segment has the points of up to 1,024 series, each with its rows together.
 *
 * Every part has a checksum, seeded with the place that the segment was written for.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/scan.h"

#define TS_SEG_ROWS_MAX 65536
#define TS_SEG_COLUMNS_MAX 65536
#define TS_SEG_DIVISOR UINT32_MAX /* instead of a column: a number */
#define TS_SEG_PAD 16 /* values that arrays for decoding need beyond the last, rounded up to a vector's rows */

/** A column to be encoded, or decoded. */
struct ts_column {
    uint32_t name; /* number of the field's name (catalogue) */
    enum ts_scan_type type;
    uint8_t *present; /* a byte for each row; NULL: in all of them */
    uint64_t *v;      /* a value for each row, bits of double, int64 or uint64; BOOL 0 or 1; STRING: NULL */
    struct ts_str *s; /* STRING */
};

struct ts_seg_rows {
    unsigned n;
    const int64_t *times; /* of a series in ascending order, no two equal */
    unsigned ncols;
    const struct ts_column *cols; /* sorted by name, then type */
    /* Landing segments: numbers of the series, ascending, and where their rows end. */
    unsigned nseries;
    const uint32_t *series, *ends;
};

/** Appends head and data. @return 0, -TS_ENOMEM (the buffers are marked). */
int ts_seg_encode(const struct ts_seg_rows *rows, uint64_t place, struct ts_buf *head, struct ts_buf *data) TS_MUST_CHECK;

struct ts_seg_part {
    uint32_t at, len, hash; /* in the data */
};

struct ts_seg_column {
    uint32_t name;
    enum ts_scan_type type;
    uint8_t nulls;  /* enum in store_segment.c */
    bool has_stats; /* sum, min, max are finite and of all values */
    bool quotient;  /* the sequence is added to the bits of columns a / b, or a / divisor */
    uint32_t a, b;  /* b: TS_SEG_DIVISOR for a number */
    double divisor;
    unsigned count; /* values */
    struct ts_seg_part part;
    union ts_scan_value sum, min, max;
};

/** What a head says. cols is kept from one open to the next; free with ts_seg_fini. */
struct ts_seg {
    unsigned n, ncols, nseries, cols_cap;
    int64_t min_ns, max_ns;
    uint64_t place;
    struct ts_seg_part times, series;
    uint32_t series_ends_at; /* in the part `series` */
    struct ts_seg_column *cols;
};

/** @return 0; -TS_ECORRUPT the head is damaged, or of another place; -TS_ENOMEM. */
int ts_seg_open(struct ts_seg *seg, struct ts_str head, uint64_t place) TS_MUST_CHECK;
void ts_seg_fini(struct ts_seg *seg);

const struct ts_seg_column *ts_seg_find(const struct ts_seg *seg, uint32_t name, enum ts_scan_type type);

/** Whether a part of the data is what was written. Others below must not be asked before. */
bool ts_seg_is_whole(const struct ts_seg *seg, struct ts_str data, const struct ts_seg_part *part);
/** The same of a column, and of those that it is told from. */
bool ts_seg_column_is_whole(const struct ts_seg *seg, struct ts_str data, const struct ts_seg_column *col);

/** Times of rows from … from + n. out: room for TS_SEG_PAD more. @return 0, -TS_ECORRUPT. */
int ts_seg_times(const struct ts_seg *seg, struct ts_str data, unsigned from, unsigned n, int64_t *out) TS_MUST_CHECK;

/** All of the directory of series: room for nseries + TS_SEG_PAD. @return 0, -TS_ECORRUPT. */
int ts_seg_series(const struct ts_seg *seg, struct ts_str data, uint32_t *series, uint32_t *ends) TS_MUST_CHECK;

/**
 * Values of rows from … from + n that are there, one behind the other: v (or s, for STRING) gets *count of them, and rows
 * their positions relative to from (when all are there, rows is left alone and *count is n). All arrays have
 * room for n + TS_SEG_PAD. Texts point into data.
 * @return 0, -TS_ECORRUPT, -TS_ENOMEM.
 */
int ts_seg_values(const struct ts_seg *seg, struct ts_str data, const struct ts_seg_column *col, unsigned from,
                      unsigned n, uint64_t *v, struct ts_str *s, uint32_t *rows, unsigned *count) TS_MUST_CHECK;

#endif
