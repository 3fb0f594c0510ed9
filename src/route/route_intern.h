#ifndef TS_ROUTE_ROUTE_INTERN_H
#define TS_ROUTE_ROUTE_INTERN_H
/*
 * Key bytes to a small id. Buckets of one cache line: eight tags (hash bits), eight entries, no probing inside; the entry
 * holds the key. A full bucket goes on in the next one. The steps of a look-up are apart so that a caller can run each over
 * a whole tile and let the memory latencies overlap.
 */
#include "core/base.h"
#include "core/tile.h"

#define TS_BUCKET_SLOTS 8

struct ts_bucket {
    uint32_t tag[TS_BUCKET_SLOTS]; /* 0: free, and so are those behind it */
    uint32_t ref[TS_BUCKET_SLOTS];
} TS_ALIGNED;

/* 16 bytes, and then head and tail. */
struct ts_entry {
    uint32_t hash_low; /* chooses the bucket */
    uint32_t id;
    uint32_t head_len;
    uint16_t tail_len;
    uint8_t kind; /* enum ts_kind, with TS_ENTRY_CANONICAL when the key is an encoded series */
    uint8_t worker;
    char key[];
};
#define TS_ENTRY_CANONICAL 0x80

struct ts_intern;

struct ts_intern *ts_intern_new(void); /* ends the process without memory */
void ts_intern_free(struct ts_intern **in);

/** The key's hash; low half chooses the bucket, high half is the tag. */
uint64_t ts_intern_hash(const struct ts_raw *raw);

void ts_intern_prefetch(const struct ts_intern *in, uint64_t hash);

/** The entry whose tag fits, most likely the right one, or NULL: worth prefetching. */
const struct ts_entry *ts_intern_guess(const struct ts_intern *in, uint64_t hash);

/** @return NULL when the key is not there. */
struct ts_entry *ts_intern_find(struct ts_intern *in, const struct ts_raw *raw);

bool ts_entry_matches(const struct ts_entry *entry, const struct ts_raw *raw);

/** Adds a key that is not there, with an id of its own: 0, 1, 2, … @return NULL without memory. */
struct ts_entry *ts_intern_add(struct ts_intern *in, const struct ts_raw *raw, unsigned worker);

uint32_t ts_intern_count(const struct ts_intern *in);

#endif
