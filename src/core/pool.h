#ifndef TS_CORE_POOL_H
#define TS_CORE_POOL_H
/*
 * Large items of one size, tens of KiB, that lie together in huge pages: with a million series that halves what a sample costs.
 * A pool belongs to one thread.
 */
#include "core/base.h"

struct ts_pool_page;

struct ts_pool {
    size_t item_bytes;
    struct ts_pool_page *pages;
    unsigned npages; /* of 2 MiB each */
};

/** Items of so many bytes, 32 KiB to 1 MiB, each beginning with the second of a pair of cache lines. */
void ts_pool_init(struct ts_pool *pool, size_t item_bytes);

/** Every item has been given back. */
void ts_pool_fini(struct ts_pool *pool);

/** A zeroed item, or NULL without memory. */
void *ts_pool_take(struct ts_pool *pool);

/** Takes an item back; a page without any goes back to the system, but for the last. */
void ts_pool_give(void *item);

#endif
