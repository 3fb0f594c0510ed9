#ifndef TS_STORE_MAP_H
#define TS_STORE_MAP_H
/* A hash table from bytes to a number. It owns copies of the keys. Nothing is ever removed but all at once. */
#include "core/base.h"

struct ts_map_entry {
    const char *key;
    uint32_t len, hash;
    uint64_t value;
};

struct ts_map {
    struct ts_map_entry *entries; /* in order of insertion */
    uint32_t n, cap, mask;
    uint32_t *slots; /* index of the entry + 1 */
    char **chunks;
    uint32_t nchunks, chunks_cap;
    size_t chunk_used, bytes;
};

/** NULL when it is not there. Valid until the next put. */
struct ts_map_entry *ts_map_find(const struct ts_map *map, struct ts_str key);

/** Finds or makes the entry; *is_new says which. @return NULL without memory. */
struct ts_map_entry *ts_map_put(struct ts_map *map, struct ts_str key, bool *is_new);

void ts_map_fini(struct ts_map *map);

#endif
