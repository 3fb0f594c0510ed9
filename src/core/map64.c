/* Hashes to numbers. Thread: the owner's. Without memory an add fails and the table stays as it was. */
#include "config.h"
#include "core/map64.h"

#include "core/mem.h"

#define FIRST_PLACES 1024

static uint64_t key_of(uint64_t key)
{
    return key ? key : 1; /* 0 marks a free place */
}

void ts_map64_init(struct ts_map64 *map)
{
    *map = (struct ts_map64){.places = FIRST_PLACES};
    map->keys = ts_xalloc(FIRST_PLACES * sizeof *map->keys);
    map->values = ts_xalloc(FIRST_PLACES * sizeof *map->values);
}

void ts_map64_fini(struct ts_map64 *map)
{
    TS_FREE(map->keys);
    TS_FREE(map->values);
}

/* The lower half of the hash as a fraction of all places: any number of them will do (Lemire, "Fast random integer generation in an
 * interval", 2019), and growing keeps their order. */
static uint32_t home_of(const struct ts_map64 *map, uint64_t key)
{
    return (uint32_t)((key & UINT32_MAX) * map->places >> 32);
}

static uint32_t after(const struct ts_map64 *map, uint32_t at)
{
    return at + 1 == map->places ? 0 : at + 1;
}

/* How many places `at` lies behind the other. */
static uint32_t distance(const struct ts_map64 *map, uint32_t from, uint32_t at)
{
    return at >= from ? at - from : at + map->places - from;
}

/* The place of the key, or the free one where it would stand. */
static uint32_t place_of(const struct ts_map64 *map, uint64_t key)
{
    uint32_t at = home_of(map, key);
    while (map->keys[at] && map->keys[at] != key)
        at = after(map, at);
    return at;
}

uint32_t *ts_map64_find(const struct ts_map64 *map, uint64_t key)
{
    uint32_t at = place_of(map, key_of(key));
    return map->keys[at] ? &map->values[at] : NULL;
}

static bool grow(struct ts_map64 *map)
{
    if (map->places > UINT32_MAX / 2)
        return false;
    struct ts_map64 bigger = {.places = map->places + map->places / 4, .count = map->count};
    bigger.keys = ts_alloc(bigger.places * sizeof *bigger.keys);
    bigger.values = ts_alloc(bigger.places * sizeof *bigger.values);
    if (!bigger.keys || !bigger.values) {
        ts_map64_fini(&bigger);
        return false;
    }
    for (uint32_t i = 0; i < map->places; i++) {
        if (map->keys[i]) {
            uint32_t at = place_of(&bigger, map->keys[i]);
            bigger.keys[at] = map->keys[i];
            bigger.values[at] = map->values[i];
        }
    }
    ts_map64_fini(map);
    *map = bigger;
    return true;
}

uint32_t *ts_map64_add(struct ts_map64 *map, uint64_t key)
{
    if (map->count >= map->places / 5 * 4 && !grow(map))
        return NULL;
    uint32_t at = place_of(map, key_of(key));
    TS_ASSERT(!map->keys[at]);
    map->keys[at] = key_of(key);
    map->values[at] = 0;
    map->count++;
    return &map->values[at];
}

/* What stands behind the hole moves into it unless it would then stand before its home (Knuth, TAOCP 3, 6.4, algorithm R). */
void ts_map64_remove(struct ts_map64 *map, uint64_t key)
{
    uint32_t hole = place_of(map, key_of(key));
    TS_ASSERT(map->keys[hole]);
    for (uint32_t at = after(map, hole); map->keys[at]; at = after(map, at)) {
        if (distance(map, home_of(map, map->keys[at]), at) >= distance(map, hole, at)) {
            map->keys[hole] = map->keys[at];
            map->values[hole] = map->values[at];
            hole = at;
        }
    }
    map->keys[hole] = 0;
    map->count--;
}
