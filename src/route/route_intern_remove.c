/*
 * Taking keys out of the intern table. Buckets keep their two rules: what is free in one stands behind what is used, and a key is in
 * the first bucket from its home on that had room. A chunk that is at least half empty is emptied into the current one
 * and given back to the system, so chunks hold at most about twice what is there. Thread: ingest.
 */
#include "config.h"
#include "route/route_intern.h"

#include "core/mem.h"

static size_t key_bytes(const struct ts_entry *entry)
{
    struct ts_raw raw = {.shape = entry->shape};
    return (size_t)raw.head_len + raw.tail_len;
}

static size_t units_of(const struct ts_entry *entry)
{
    return (sizeof *entry + key_bytes(entry) + TS_INTERN_UNIT - 1) / TS_INTERN_UNIT;
}

static uint32_t home_of(const struct ts_intern *in, const struct ts_entry *entry)
{
    return (uint32_t)ts_entry_hash(in, entry) & in->mask;
}

struct ts_entry *ts_intern_by_id(const struct ts_intern *in, uint32_t id)
{
    return id < in->nids && !(in->refs[id] & TS_INTERN_FREE) ? ts_intern_entry(in, in->refs[id]) : NULL;
}

struct place {
    uint32_t bucket;
    unsigned slot;
};

static struct place place_of(const struct ts_intern *in, const struct ts_entry *entry, uint32_t ref)
{
    for (struct place at = {home_of(in, entry), 0};; at.bucket = (at.bucket + 1) & in->mask)
        for (at.slot = 0; at.slot < TS_BUCKET_SLOTS; at.slot++)
            if (in->buckets[at.bucket].tag[at.slot] && in->buckets[at.bucket].ref[at.slot] == ref)
                return at;
}

/* A key of a later bucket that would stand in this one if it had had room; to be called when the bucket is full. */
static bool find_follower(const struct ts_intern *in, uint32_t bucket, struct place *out)
{
    for (uint32_t b = (bucket + 1) & in->mask;; b = (b + 1) & in->mask) {
        const struct ts_bucket *bu = &in->buckets[b];
        for (unsigned i = 0; i < TS_BUCKET_SLOTS && bu->tag[i]; i++) {
            uint32_t home = home_of(in, ts_intern_entry(in, bu->ref[i]));
            if (((b - home) & in->mask) >= ((b - bucket) & in->mask)) {
                *out = (struct place){b, i};
                return true;
            }
        }
        if (bu->tag[TS_BUCKET_SLOTS - 1] == 0)
            return false;
    }
}

static void clear_place(struct ts_intern *in, struct place at)
{
    struct place follower;
    while (in->buckets[at.bucket].tag[TS_BUCKET_SLOTS - 1] && find_follower(in, at.bucket, &follower)) {
        in->buckets[at.bucket].tag[at.slot] = in->buckets[follower.bucket].tag[follower.slot];
        in->buckets[at.bucket].ref[at.slot] = in->buckets[follower.bucket].ref[follower.slot];
        at = follower;
    }
    struct ts_bucket *bu = &in->buckets[at.bucket];
    unsigned last = TS_BUCKET_SLOTS - 1;
    while (bu->tag[last] == 0)
        last--;
    bu->tag[at.slot] = bu->tag[last];
    bu->ref[at.slot] = bu->ref[last];
    bu->tag[last] = bu->ref[last] = 0;
}

/* Moves what is there into the current chunk. Without memory the rest stays where it is. */
static void empty_chunk(struct ts_intern *in, uint32_t chunk)
{
    for (uint32_t unit = 0; unit < in->filled[chunk];) {
        uint32_t ref = (uint32_t)(chunk * TS_INTERN_CHUNK_UNITS + unit), to;
        struct ts_entry *entry = ts_intern_entry(in, ref);
        size_t units = units_of(entry);
        unit += (uint32_t)units;
        if (entry->id == TS_INTERN_NONE)
            continue;
        struct ts_entry *copy = ts_intern_take(in, key_bytes(entry), &to);
        if (!copy)
            return;
        memcpy(copy, entry, units * TS_INTERN_UNIT);
        struct place at = place_of(in, entry, ref);
        in->buckets[at.bucket].ref[at.slot] = to;
        in->refs[entry->id] = to;
        entry->id = TS_INTERN_NONE;
        in->live[chunk] -= (uint32_t)units;
    }
    ts_pages_free(in->chunks[chunk], TS_INTERN_CHUNK_BYTES);
    in->chunks[chunk] = NULL;
}

void ts_intern_remove(struct ts_intern *in, uint32_t id)
{
    uint32_t ref = in->refs[id], chunk = (uint32_t)(ref / TS_INTERN_CHUNK_UNITS);
    struct ts_entry *entry = ts_intern_entry(in, ref);
    TS_ASSERT(entry->id == id);
    clear_place(in, place_of(in, entry, ref));
    entry->id = TS_INTERN_NONE;
    in->count--;
    in->refs[id] = in->free_id | TS_INTERN_FREE;
    in->free_id = id;
    in->live[chunk] -= (uint32_t)units_of(entry);
    if (chunk != in->current && in->live[chunk] <= in->filled[chunk] / 2)
        empty_chunk(in, chunk);
}
