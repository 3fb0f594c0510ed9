#ifndef TS_CORE_POOL_H
#define TS_CORE_POOL_H
/*
 * Short runs of bytes, by the million: no header and next to no rounding for each, unlike malloc. They never move. A block of
 * memory holds runs of one size only, and goes back to the system when the last of them is freed. The owner's thread.
 */
#include "core/base.h"

#define TS_POOL_GRAIN   4   /* sizes are rounded up to it */
#define TS_POOL_MIN     8   /* what a free run needs for the link to the next */
#define TS_POOL_MAX     512 /* longer ones come from ts_alloc */
#define TS_POOL_CLASSES (TS_POOL_MAX / TS_POOL_GRAIN + 1)

struct ts_pool_block;

struct ts_pool {
    struct ts_pool_block *with_room[TS_POOL_CLASSES]; /* by size */
};

/** Bytes at no particular alignment, not cleared. A pool of zeros is empty. @return NULL without memory. */
void *ts_pool_take(struct ts_pool *pool, size_t bytes) TS_MUST_CHECK;

/** Gives back what was taken with the same number of bytes. A pool that has all back holds nothing. */
void ts_pool_give(struct ts_pool *pool, void *p, size_t bytes);

#endif
