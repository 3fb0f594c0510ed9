#ifndef TS_STORE_SEGMENT_PRIV_H
#define TS_STORE_SEGMENT_PRIV_H
/* What writing and reading a segment share: how numbers of a long column follow each other. */
#include "store/store_segment.h"

#define TS_SEG_MAGIC       0xb7
#define TS_SEG_VERSION     2
#define TS_SEG_FORMER      1 /* has no quotients, nor decimals with last bits */

enum ts_seg_nulls {
    TS_NULLS_NONE,
    TS_NULLS_BITMAP, /* a bit for each row */
    TS_NULLS_ROWS,   /* rows that have a value, as a sequence: when few have one */
    TS_NULLS_COUNT,
};

/*
 * A sequence: n numbers as vectors of 1,024, the last one shorter: u32 ends of the vectors (none when there is only one),
 * then the vectors.
 */
void ts_sequence_put(const uint64_t *v, unsigned n, bool floats, bool random, struct ts_buf *out);

struct ts_sequence {
    const uint8_t *ends, *p, *end; /* p: the first vector */
    unsigned n;
    bool floats;
};

/** @return false when the bytes cannot be one. */
bool ts_sequence_open(struct ts_sequence *seq, const uint8_t *p, const uint8_t *end, unsigned n, bool floats);

/** Values from … from + n; out has room for TS_SEG_PAD more. @return false when it is damaged. */
bool ts_sequence_read(const struct ts_sequence *seq, unsigned from, unsigned n, uint64_t *out);

/* ---- columns that are told from others ---- */

#define TS_SEG_PLANNED 32

struct ts_seg_planned {
    bool used; /* another one is told from it */
    bool quotient;
    uint32_t a, b; /* of these columns; b may be TS_SEG_DIVISOR */
    double divisor;
    size_t at, len; /* its sequence in the plan's bytes; 0: it has none yet */
};

/** The first columns of a block, as they are to be written. */
struct ts_seg_plan {
    uint32_t n;
    struct ts_seg_planned cols[TS_SEG_PLANNED];
    struct ts_buf bytes; /* the caller frees them */
};

/** plan is zeroed; scratch has room for the rows. Without memory the plan's bytes are marked. */
void ts_seg_plan(const struct ts_seg_rows *rows, struct ts_seg_plan *plan, uint64_t *scratch);

/** Adds the bits of a / b to v; b NULL: of a / divisor. Nothing where that is NaN. */
void ts_quotient_add(const double *a, const double *b, double divisor, unsigned n, uint64_t *v);

#endif
