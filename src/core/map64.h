#ifndef TS_CORE_MAP64_H
#define TS_CORE_MAP64_H
/*
 * 64-bit hashes to 32-bit numbers: open addressing, linear probing, 12 bytes a place. It grows by a quarter when it is four fifths
 * full, so that an entry takes 15 to 19 bytes. What is removed leaves no trace, so a table that things come to and go from stays
 * as fast as it was. The owner's thread, or its lock.
 */
#include "core/base.h"

struct ts_map64 {
    uint64_t *keys; /* 0: free */
    uint32_t *values;
    uint32_t places, count;
};

/** Ends the process without memory. */
void ts_map64_init(struct ts_map64 *map);
void ts_map64_fini(struct ts_map64 *map);

/** @return the number, valid until something is added or removed, or NULL. */
uint32_t *ts_map64_find(const struct ts_map64 *map, uint64_t key);

/** Fetches the place where a key is looked for first. */
static inline void ts_map64_prefetch(const struct ts_map64 *map, uint64_t key)
{
    __builtin_prefetch(&map->keys[(key & UINT32_MAX) * map->places >> 32]);
}

/** Adds a key that is not there, with the number 0. @return NULL without memory. */
uint32_t *ts_map64_add(struct ts_map64 *map, uint64_t key) TS_MUST_CHECK;

/** Takes out a key that is there. */
void ts_map64_remove(struct ts_map64 *map, uint64_t key);

#endif
