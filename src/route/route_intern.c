/*
 * The intern table of one ingest thread. Entries lie in chunks of 2 MiB (huge pages where there are some) and are named by 32-bit
 * references in units of 16 bytes; they never move. The buckets double when they are half full.
 * Thread: ingest. Without memory an add fails, and the caller drops the sample, counted.
 */
#include "config.h"
#include "route/route_intern.h"

#include "core/hash.h"
#include "core/mem.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define UNIT        16
#define CHUNK_BYTES ((size_t)2 << 20)
#define CHUNK_UNITS (CHUNK_BYTES / UNIT)
#define CHUNKS_MAX  4096 /* 8 GiB of keys */
#define FIRST_BUCKETS 1024

struct ts_intern {
    struct ts_bucket *buckets;
    uint32_t mask; /* number of buckets - 1 */
    uint32_t count;
    uint32_t nchunks;
    size_t used; /* units of the last chunk */
    char *chunks[CHUNKS_MAX];
};

struct ts_intern *ts_intern_new(void)
{
    struct ts_intern *in = ts_xalloc(sizeof *in);
    in->mask = FIRST_BUCKETS - 1;
    in->buckets = ts_pages_alloc(FIRST_BUCKETS * sizeof *in->buckets);
    TS_ASSERT(in->buckets);
    in->used = CHUNK_UNITS;
    return in;
}

void ts_intern_free(struct ts_intern **in)
{
    if (*in) {
        for (uint32_t i = 0; i < (*in)->nchunks; i++)
            ts_pages_free((*in)->chunks[i], CHUNK_BYTES);
        ts_pages_free((*in)->buckets, ((size_t)(*in)->mask + 1) * sizeof *(*in)->buckets);
        TS_FREE(*in);
    }
}

uint32_t ts_intern_count(const struct ts_intern *in)
{
    return in->count;
}

uint64_t ts_intern_hash(const struct ts_raw *raw)
{
    uint64_t seed = (uint64_t)raw->kind << 8 | (raw->flags & TS_RAW_CANONICAL);
    if (raw->tail_len)
        seed ^= ts_hash(raw->tail, raw->tail_len);
    return ts_hash_seeded(raw->head, raw->head_len, seed);
}

/* Never 0, which marks a free slot. */
TS_INLINE uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

TS_INLINE struct ts_entry *entry_at(const struct ts_intern *in, uint32_t ref)
{
    return (struct ts_entry *)(void *)(in->chunks[ref / CHUNK_UNITS] + (size_t)(ref % CHUNK_UNITS) * UNIT);
}

/* Bit i is set when slot i has the tag. */
TS_INLINE unsigned slots_with(const struct ts_bucket *bucket, uint32_t tag)
{
#if defined(__SSE2__)
    __m128i want = _mm_set1_epi32((int)tag);
    __m128i low = _mm_cmpeq_epi32(want, _mm_load_si128((const __m128i *)(const void *)bucket->tag));
    __m128i high = _mm_cmpeq_epi32(want, _mm_load_si128((const __m128i *)(const void *)(bucket->tag + 4)));
    return (unsigned)_mm_movemask_ps(_mm_castsi128_ps(low)) |
           (unsigned)_mm_movemask_ps(_mm_castsi128_ps(high)) << 4;
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < TS_BUCKET_SLOTS; i++)
        bits |= (unsigned)(bucket->tag[i] == tag) << i;
    return bits;
#endif
}

void ts_intern_prefetch(const struct ts_intern *in, uint64_t hash)
{
    __builtin_prefetch(&in->buckets[(uint32_t)hash & in->mask]);
}

const struct ts_entry *ts_intern_guess(const struct ts_intern *in, uint64_t hash)
{
    const struct ts_bucket *bucket = &in->buckets[(uint32_t)hash & in->mask];
    unsigned bits = slots_with(bucket, tag_of(hash));
    return TS_LIKELY(bits) ? entry_at(in, bucket->ref[__builtin_ctz(bits)]) : NULL;
}

bool ts_entry_matches(const struct ts_entry *entry, const struct ts_raw *raw)
{
    uint8_t kind = raw->kind | (raw->flags & TS_RAW_CANONICAL ? TS_ENTRY_CANONICAL : 0);
    return entry->head_len == raw->head_len && entry->tail_len == raw->tail_len && entry->kind == kind &&
           memcmp(entry->key, raw->head, raw->head_len) == 0 &&
           (raw->tail_len == 0 || memcmp(entry->key + raw->head_len, raw->tail, raw->tail_len) == 0);
}

struct ts_entry *ts_intern_find(struct ts_intern *in, const struct ts_raw *raw)
{
    uint32_t tag = tag_of(raw->hash);
    for (uint32_t b = (uint32_t)raw->hash & in->mask;; b = (b + 1) & in->mask) {
        const struct ts_bucket *bucket = &in->buckets[b];
        for (unsigned bits = slots_with(bucket, tag); bits; bits &= bits - 1) {
            struct ts_entry *entry = entry_at(in, bucket->ref[__builtin_ctz(bits)]);
            if (ts_entry_matches(entry, raw))
                return entry;
        }
        if (bucket->tag[TS_BUCKET_SLOTS - 1] == 0)
            return NULL;
    }
}

static void place(struct ts_bucket *buckets, uint32_t mask, uint32_t hash_low, uint32_t tag, uint32_t ref)
{
    for (uint32_t b = hash_low & mask;; b = (b + 1) & mask) {
        for (unsigned i = 0; i < TS_BUCKET_SLOTS; i++) {
            if (buckets[b].tag[i] == 0) {
                buckets[b].tag[i] = tag;
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
            place(bigger, mask, entry_at(in, in->buckets[b].ref[i])->hash_low, in->buckets[b].tag[i],
                  in->buckets[b].ref[i]);
    ts_pages_free(in->buckets, n * sizeof *in->buckets);
    in->buckets = bigger;
    in->mask = mask;
    return true;
}

/* Room for an entry with `bytes` of key; *ref names it. */
static struct ts_entry *take(struct ts_intern *in, size_t bytes, uint32_t *ref)
{
    size_t units = (sizeof(struct ts_entry) + bytes + UNIT - 1) / UNIT;
    if (in->used + units > CHUNK_UNITS) {
        char *chunk = in->nchunks < CHUNKS_MAX ? ts_pages_alloc(CHUNK_BYTES) : NULL;
        if (!chunk)
            return NULL;
        in->chunks[in->nchunks++] = chunk;
        in->used = 0;
    }
    *ref = (uint32_t)((in->nchunks - 1) * CHUNK_UNITS + in->used);
    in->used += units;
    return entry_at(in, *ref);
}

struct ts_entry *ts_intern_add(struct ts_intern *in, const struct ts_raw *raw, unsigned worker)
{
    uint32_t ref;
    if (in->count >= ((size_t)in->mask + 1) * TS_BUCKET_SLOTS / 2 && !grow(in))
        return NULL;
    struct ts_entry *entry = take(in, (size_t)raw->head_len + raw->tail_len, &ref);
    if (!entry)
        return NULL;
    entry->hash_low = (uint32_t)raw->hash;
    entry->id = in->count++;
    entry->head_len = raw->head_len;
    entry->tail_len = raw->tail_len;
    entry->kind = (uint8_t)(raw->kind | (raw->flags & TS_RAW_CANONICAL ? TS_ENTRY_CANONICAL : 0));
    entry->worker = (uint8_t)worker;
    memcpy(entry->key, raw->head, raw->head_len);
    if (raw->tail_len)
        memcpy(entry->key + raw->head_len, raw->tail, raw->tail_len);
    place(in->buckets, in->mask, entry->hash_low, tag_of(raw->hash), ref);
    return entry;
}
