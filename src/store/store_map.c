/* Bytes to numbers. Thread: the owner's. Without memory a put fails and the map stays as it was. */
#include "config.h"
#include "store/store_map.h"

#include "core/hash.h"
#include "core/mem.h"

#define CHUNK_BYTES 262144

static uint32_t slot_of(const struct ts_map *map, struct ts_str key, uint32_t hash)
{
    uint32_t slot = hash & map->mask;
    for (; map->slots[slot]; slot = (slot + 1) & map->mask) {
        const struct ts_map_entry *ent = &map->entries[map->slots[slot] - 1];
        if (ent->hash == hash && ts_str_eq((struct ts_str){ent->key, ent->len}, key))
            break;
    }
    return slot;
}

struct ts_map_entry *ts_map_find(const struct ts_map *map, struct ts_str key)
{
    if (map->n == 0)
        return NULL;
    uint32_t at = map->slots[slot_of(map, key, (uint32_t)ts_hash(key.p, key.len))];
    return at ? &map->entries[at - 1] : NULL;
}

static bool grow(struct ts_map *map)
{
    uint32_t cap = map->cap ? map->cap * 2 : 64;
    if (cap > UINT32_MAX / 4)
        return false;
    struct ts_map_entry *entries = ts_resize(map->entries, cap * sizeof *entries);
    if (!entries)
        return false;
    map->entries = entries;
    uint32_t *slots = ts_alloc(2 * (size_t)cap * sizeof *slots);
    if (!slots)
        return false;
    ts_free(map->slots);
    map->slots = slots;
    map->cap = cap;
    map->mask = 2 * cap - 1;
    for (uint32_t i = 0; i < map->n; i++) {
        uint32_t slot = entries[i].hash & map->mask;
        while (slots[slot])
            slot = (slot + 1) & map->mask;
        slots[slot] = i + 1;
    }
    return true;
}

static char *copy(struct ts_map *map, struct ts_str key)
{
    if (map->nchunks == 0 || key.len > CHUNK_BYTES - map->chunk_used) {
        if (map->nchunks == map->chunks_cap) {
            uint32_t cap = map->chunks_cap ? map->chunks_cap * 2 : 16;
            char **chunks = ts_resize(map->chunks, cap * sizeof *chunks);
            if (!chunks)
                return NULL;
            map->chunks = chunks;
            map->chunks_cap = cap;
        }
        size_t bytes = TS_MAX(key.len, (size_t)CHUNK_BYTES);
        char *chunk = ts_alloc(bytes);
        if (!chunk)
            return NULL;
        map->chunks[map->nchunks++] = chunk;
        map->chunk_used = 0;
        map->bytes += bytes;
    }
    char *p = map->chunks[map->nchunks - 1] + map->chunk_used;
    if (key.len)
        memcpy(p, key.p, key.len);
    map->chunk_used += key.len;
    if (map->chunk_used > CHUNK_BYTES) /* a key of its own chunk */
        map->chunk_used = CHUNK_BYTES;
    return p;
}

struct ts_map_entry *ts_map_put(struct ts_map *map, struct ts_str key, bool *is_new)
{
    uint32_t hash = (uint32_t)ts_hash(key.p, key.len);
    *is_new = false;
    if (map->n == map->cap && !grow(map))
        return NULL;
    uint32_t slot = slot_of(map, key, hash);
    if (map->slots[slot])
        return &map->entries[map->slots[slot] - 1];
    char *p = copy(map, key);
    if (!p)
        return NULL;
    struct ts_map_entry *ent = &map->entries[map->n++];
    *ent = (struct ts_map_entry){.key = p, .len = (uint32_t)key.len, .hash = hash};
    map->slots[slot] = map->n;
    *is_new = true;
    return ent;
}

void ts_map_fini(struct ts_map *map)
{
    for (uint32_t i = 0; i < map->nchunks; i++)
        ts_free(map->chunks[i]);
    ts_free(map->chunks);
    ts_free(map->entries);
    ts_free(map->slots);
    *map = (struct ts_map){0};
}
