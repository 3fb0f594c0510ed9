#ifndef TS_ROUTE_ROUTE_INTERN_H
#define TS_ROUTE_ROUTE_INTERN_H
/*
 * Key bytes to a small id. Buckets of one cache line: eight tags (hash bits), eight entries, no probing inside; the entry
 * holds the key. A full bucket goes on in the next one. The steps of a look-up are apart so that a caller can run each over
 * a whole tile and let the memory latencies overlap.
 */
#include "core/base.h"
#include "core/tile.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define TS_BUCKET_SLOTS 8

struct ts_bucket {
    uint32_t tag[TS_BUCKET_SLOTS]; /* 0: free, and so are those behind it */
    uint32_t ref[TS_BUCKET_SLOTS];
} TS_ALIGNED;

/* 16 bytes, and then head and tail. */
struct ts_entry {
    uint64_t shape; /* what of the key is no text: ts_key_shape */
    uint32_t id;
    uint8_t worker;
    char key[] __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct ts_entry) == 16, "an entry's key is aligned");

#define TS_INTERN_UNIT        16 /* bytes; entries are named in units */
#define TS_INTERN_CHUNK_BYTES ((size_t)2 << 20)
#define TS_INTERN_CHUNK_UNITS (TS_INTERN_CHUNK_BYTES / TS_INTERN_UNIT)
#define TS_INTERN_CHUNKS_MAX  4096 /* 8 GiB of keys */
#define TS_INTERN_NONE        UINT32_MAX
#define TS_INTERN_FREE        (UINT32_C(1) << 31)

struct ts_intern {
    struct ts_bucket *buckets;
    uint64_t (*hash)(const struct ts_intern *in, const struct ts_raw *raw);
    /* Hashes the keys of a tile and finds of each the entry whose tag fits, most likely the right one, or NULL; they are on their way
     * into the cache then. */
    void (*look_up)(const struct ts_intern *in, struct ts_tile *tile, const struct ts_entry *guess[TS_TILE_MAX]);
    uint64_t key[2]; /* of the hash */
    uint32_t mask; /* number of buckets - 1 */
    uint32_t count; /* keys that are there */
    uint32_t nids, free_id; /* ids ever given; the first that is free, TS_INTERN_NONE without one */
    uint32_t *refs, refs_cap; /* by id: its entry; of a free id the next free one, with TS_INTERN_FREE */
    uint32_t current; /* chunk that is being filled */
    uint32_t nchunks;
    size_t used; /* units of the current chunk */
    char *chunks[TS_INTERN_CHUNKS_MAX]; /* NULL: freed */
    uint32_t live[TS_INTERN_CHUNKS_MAX]; /* units of entries that are there */
    uint32_t filled[TS_INTERN_CHUNKS_MAX]; /* units used, of chunks that are full */
};

struct ts_intern *ts_intern_new(void); /* ends the process without memory */
void ts_intern_free(struct ts_intern **in);

/** @return NULL when the key is not there. raw->hash is set. */
struct ts_entry *ts_intern_find(struct ts_intern *in, const struct ts_raw *raw);

/** Adds a key that is not there, with an id of its own: the lowest numbers, each given again after its removal. @return NULL
 * without memory. */
struct ts_entry *ts_intern_add(struct ts_intern *in, const struct ts_raw *raw, unsigned worker);

/** The entry with this id, or NULL. */
struct ts_entry *ts_intern_by_id(const struct ts_intern *in, uint32_t id);

/** Removes an entry that is there. Entries may move: no other entry that was found before is to be used. */
void ts_intern_remove(struct ts_intern *in, uint32_t id);

/* For these two files only: room for an entry with `bytes` of key; *ref names it. */
struct ts_entry *ts_intern_take(struct ts_intern *in, size_t bytes, uint32_t *ref);

/* For these files only: sets hash, look_up and key. */
void ts_intern_choose(struct ts_intern *in);

/* Of a key's hash the low half chooses the bucket, the high half is the tag. */
/** The hash of the entry's key. */
static inline uint64_t ts_entry_hash(const struct ts_intern *in, const struct ts_entry *entry)
{
    struct ts_raw raw = {.head = entry->key, .shape = entry->shape};
    raw.tail = entry->key + raw.head_len;
    return in->hash(in, &raw);
}

/* Never 0, which marks a free slot. */
TS_INLINE uint32_t ts_intern_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

TS_INLINE struct ts_entry *ts_intern_entry(const struct ts_intern *in, uint32_t ref)
{
    return (struct ts_entry *)(void *)(in->chunks[ref / TS_INTERN_CHUNK_UNITS] +
                                       (size_t)(ref % TS_INTERN_CHUNK_UNITS) * TS_INTERN_UNIT);
}

/** Bit i is set when slot i has the tag. */
TS_INLINE unsigned ts_bucket_slots_with(const struct ts_bucket *bucket, uint32_t tag)
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

TS_INLINE uint64_t ts_key_diff(const char *a, const char *b)
{
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return x ^ y;
}

TS_INLINE uint32_t ts_key_diff_4(const char *a, const char *b)
{
    uint32_t x, y;
    memcpy(&x, a, 4);
    memcpy(&y, b, 4);
    return x ^ y;
}

#if defined(__SSE2__)
TS_INLINE __m128i ts_key_same_16(const char *a, const char *b)
{
    return _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)a), _mm_loadu_si128((const __m128i *)(const void *)b));
}
#endif

/* memcmp() == 0 for short keys, in place: words from the front, and one that ends with the key. */
TS_INLINE bool ts_key_same(const char *a, const char *b, size_t len)
{
    uint64_t diff = 0;
#if defined(__SSE2__)
    if (TS_LIKELY(len >= 16)) {
        const char *last = a + len - 16;
        ptrdiff_t to_b = b - a;
        __m128i same = ts_key_same_16(last, last + to_b);
        for (; a < last; a += 16)
            same = _mm_and_si128(same, ts_key_same_16(a, a + to_b));
        return _mm_movemask_epi8(same) == 0xFFFF;
    }
#endif
    if (len < 8) {
        if (len >= 4)
            return (ts_key_diff_4(a, b) | ts_key_diff_4(a + len - 4, b + len - 4)) == 0;
        return len == 0 || ((a[0] ^ b[0]) | (a[len / 2] ^ b[len / 2]) | (a[len - 1] ^ b[len - 1])) == 0;
    }
    for (size_t i = 0; i + 8 < len; i += 8)
        diff |= ts_key_diff(a + i, b + i);
    return (diff | ts_key_diff(a + len - 8, b + len - 8)) == 0;
}

TS_INLINE bool ts_entry_matches(const struct ts_entry *entry, const struct ts_raw *raw)
{
    return entry->shape == ts_key_shape(raw) &&
           ts_key_same(entry->key, raw->head, raw->head_len) &&
           (raw->tail_len == 0 || ts_key_same(entry->key + raw->head_len, raw->tail, raw->tail_len));
}

#endif
