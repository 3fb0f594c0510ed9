#ifndef TS_CORE_RUNS_H
#define TS_CORE_RUNS_H
/*
 * Short runs of bytes, by the million: no header and next to no rounding for each, unlike malloc. They never move. A block of
 * memory holds runs of one size only, and goes back to the system when the last of them is freed. The owner's thread.
 */
#include "core/base.h"

#define TS_RUNS_GRAIN   4   /* sizes are rounded up to it */
#define TS_RUNS_MIN     8   /* what a free run needs for the link to the next */
#define TS_RUNS_MAX     512 /* longer ones come from ts_alloc */
#define TS_RUNS_CLASSES (TS_RUNS_MAX / TS_RUNS_GRAIN + 1)

struct ts_runs_block;

struct ts_runs {
    struct ts_runs_block *with_room[TS_RUNS_CLASSES]; /* by size */
};

/** Bytes at no particular alignment, not cleared. Zeros are empty. @return NULL without memory. */
void *ts_runs_take(struct ts_runs *rns, size_t bytes) TS_MUST_CHECK;

/** Gives back what was taken with the same number of bytes. With all of them back nothing is held. */
void ts_runs_give(struct ts_runs *rns, void *p, size_t bytes);

#endif
