/*
 * The intern table of one ingest thread. Entries lie in chunks of 2 MiB (huge pages where there are some) and are named by 32-bit
 * references in units of 16 bytes; they move only when others are removed. The buckets double when they are half full.
 * Thread: ingest. Without memory an add fails, and the caller drops the sample, counted.
 */
#include "config.h"
#include "route/route_intern.h"

#include "core/mem.h"

#define FIRST_BUCKETS 1024

struct ts_intern *ts_intern_new(void)
{
    struct ts_intern *in = ts_xalloc(sizeof *in);
    ts_intern_choose(in);
    in->mask = FIRST_BUCKETS - 1;
    in->buckets = ts_xpages_alloc(FIRST_BUCKETS * sizeof *in->buckets);
    in->used = TS_INTERN_CHUNK_UNITS;
    in->free_id = TS_INTERN_NONE;
    return in;
}

void ts_intern_free(struct ts_intern **in)
{
    if (*in) {
        for (uint32_t i = 0; i < (*in)->nchunks; i++)
            ts_pages_free((*in)->chunks[i], TS_INTERN_CHUNK_BYTES);
        ts_free((*in)->refs);
        ts_pages_free((*in)->buckets, ((size_t)(*in)->mask + 1) * sizeof *(*in)->buckets);
        TS_FREE(*in);
    }
}

struct ts_entry *ts_intern_find(struct ts_intern *in, const struct ts_raw *raw)
{
    uint32_t tag = ts_intern_tag(raw->hash);
    for (uint32_t b = (uint32_t)raw->hash & in->mask;; b = (b + 1) & in->mask) {
        const struct ts_bucket *bucket = &in->buckets[b];
        for (unsigned bits = ts_bucket_slots_with(bucket, tag); bits; bits &= bits - 1) {
            struct ts_entry *entry = ts_intern_entry(in, bucket->ref[__builtin_ctz(bits)]);
            if (ts_entry_matches(entry, raw))
                return entry;
        }
        if (bucket->tag[TS_BUCKET_SLOTS - 1] == 0)
            return NULL;
    }
}

static void place(struct ts_bucket *buckets, uint32_t mask, uint64_t hash, uint32_t ref)
{
    for (uint32_t b = (uint32_t)hash & mask;; b = (b + 1) & mask) {
        for (unsigned i = 0; i < TS_BUCKET_SLOTS; i++) {
            if (buckets[b].tag[i] == 0) {
                buckets[b].tag[i] = ts_intern_tag(hash);
                buckets[b].ref[i] = ref;
                return;
            }
        }
    }
}

static bool grow(struct ts_intern *in)
{
    size_t n = (size_t)in->mask + 1;
    if (n > UINT32_MAX / 4)
        return false;
    struct ts_bucket *bigger = ts_pages_alloc(2 * n * sizeof *bigger);
    if (!bigger)
        return false;
    uint32_t mask = (uint32_t)(2 * n - 1);
    for (size_t b = 0; b < n; b++)
        for (unsigned i = 0; i < TS_BUCKET_SLOTS && in->buckets[b].tag[i]; i++)
            place(bigger, mask, ts_entry_hash(in, ts_intern_entry(in, in->buckets[b].ref[i])), in->buckets[b].ref[i]);
    ts_pages_free(in->buckets, n * sizeof *in->buckets);
    in->buckets = bigger;
    in->mask = mask;
    return true;
}

/* The next chunk to fill, in the first place that has none. */
static bool next_chunk(struct ts_intern *in)
{
    uint32_t c = 0;
    while (c < in->nchunks && in->chunks[c])
        c++;
    char *chunk = c < TS_INTERN_CHUNKS_MAX ? ts_pages_alloc(TS_INTERN_CHUNK_BYTES) : NULL;
    if (!chunk)
        return false;
    if (in->nchunks)
        in->filled[in->current] = (uint32_t)in->used;
    in->nchunks = TS_MAX(in->nchunks, c + 1);
    in->chunks[c] = chunk;
    in->live[c] = 0;
    in->current = c;
    in->used = 0;
    return true;
}

struct ts_entry *ts_intern_take(struct ts_intern *in, size_t bytes, uint32_t *ref)
{
    size_t units = (sizeof(struct ts_entry) + bytes + TS_INTERN_UNIT - 1) / TS_INTERN_UNIT;
    if (in->used + units > TS_INTERN_CHUNK_UNITS && !next_chunk(in))
        return NULL;
    *ref = (uint32_t)(in->current * TS_INTERN_CHUNK_UNITS + in->used);
    in->used += units;
    in->live[in->current] += (uint32_t)units;
    return ts_intern_entry(in, *ref);
}

static bool room_for_id(struct ts_intern *in)
{
    if (in->free_id != TS_INTERN_NONE || in->nids < in->refs_cap)
        return true;
    uint32_t cap = TS_MAX(in->refs_cap * 2, 1024u);
    uint32_t *refs = ts_resize(in->refs, cap * sizeof *refs);
    if (!refs)
        return false;
    in->refs = refs;
    in->refs_cap = cap;
    return true;
}

static uint32_t take_id(struct ts_intern *in, uint32_t ref)
{
    uint32_t id = in->free_id;
    if (id == TS_INTERN_NONE)
        id = in->nids++;
    else
        in->free_id = in->refs[id] == TS_INTERN_NONE ? TS_INTERN_NONE : in->refs[id] & ~TS_INTERN_FREE;
    in->refs[id] = ref;
    return id;
}

struct ts_entry *ts_intern_add(struct ts_intern *in, const struct ts_raw *raw, unsigned worker)
{
    uint32_t ref;
    if (!room_for_id(in) || (in->count >= ((size_t)in->mask + 1) * TS_BUCKET_SLOTS / 2 && !grow(in)))
        return NULL;
    struct ts_entry *entry = ts_intern_take(in, (size_t)raw->head_len + raw->tail_len, &ref);
    if (!entry)
        return NULL;
    entry->id = take_id(in, ref);
    in->count++;
    entry->worker = (uint8_t)worker;
    entry->shape = ts_key_shape(raw);
    memcpy(entry->key, raw->head, raw->head_len);
    if (raw->tail_len)
        memcpy(entry->key + raw->head_len, raw->tail, raw->tail_len);
    place(in->buckets, in->mask, raw->hash, ref);
    return entry;
}
