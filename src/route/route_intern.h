#ifndef TS_ROUTE_ROUTE_INTERN_H
#define TS_ROUTE_ROUTE_INTERN_H
/*
 * Keys to small ids. A key is known by its print alone, 86 bits of a 128-bit hash that is keyed at random: the bytes are not kept, so a
 * look-up touches one cache line. Two of a million keys have the same print with a probability of 10^12 / 2 / 2^86, which is 6.5e-15;
 * of ten thousand, 6.5e-19. Buckets are cache lines of four keys; a full one goes on in the next.
 */
#include "core/base.h"
#include "core/tile.h"

#define TS_BUCKET_SLOTS 4

/** A key's hash. */
struct ts_print {
    uint64_t low, high;
};

struct ts_bucket {
    uint64_t tag[TS_BUCKET_SLOTS]; /* ts_print_tag; 0: free, and so are those behind it */
    uint64_t ref[TS_BUCKET_SLOTS];
} TS_ALIGNED;

/* A ref: from bit 0 on the id, from bit 32 the worker, from bit 40 the print's high half, and bit 63, so that none is 0. */
#define TS_REF_THERE (UINT64_C(1) << 63)
#define TS_REF_CHECK (TS_REF_THERE - (UINT64_C(1) << 40))

struct ts_intern {
    struct ts_bucket *buckets;
    struct ts_print (*hash)(const struct ts_intern *in, const struct ts_raw *raw);
    /* The refs of a tile's keys; 0: not there. */
    void (*look_up)(const struct ts_intern *in, const struct ts_tile *tile, uint64_t refs[TS_TILE_MAX]);
    uint64_t key[2]; /* of the hash */
    uint64_t mask;   /* number of buckets - 1 */
    uint32_t count;  /* keys that are there */
    uint32_t nids;   /* ids ever given */
    uint64_t free_id; /* the first that is free, at least nids without one */
    uint64_t *tags;  /* by id; of a free one, the next free id */
    uint32_t tags_cap;
};

struct ts_intern *ts_intern_new(void); /* ends the process without memory */
void ts_intern_free(struct ts_intern **in);

/** @return the key's ref; 0: it is not there. */
uint64_t ts_intern_find(const struct ts_intern *in, struct ts_print print);

/** Adds a key that is not there, with an id of its own: the lowest numbers, each given again after its removal. @return its ref; 0
 * without memory. */
uint64_t ts_intern_add(struct ts_intern *in, struct ts_print print, unsigned worker);

/** The ref of the key with this id; 0: there is none. */
uint64_t ts_intern_by_id(const struct ts_intern *in, uint32_t id);

/** Removes the key with this id, which is there. */
void ts_intern_remove(struct ts_intern *in, uint32_t id);

/* For these files only: sets hash, look_up and key. */
void ts_intern_choose(struct ts_intern *in);

TS_INLINE uint32_t ts_ref_id(uint64_t ref)
{
    return (uint32_t)ref;
}

TS_INLINE unsigned ts_ref_worker(uint64_t ref)
{
    return (uint8_t)(ref >> 32);
}

/* Its low bits choose the bucket. */
TS_INLINE uint64_t ts_print_tag(struct ts_print print)
{
    return print.low | UINT64_C(1) << 63;
}

TS_INLINE bool ts_ref_fits(uint64_t ref, struct ts_print print)
{
    return ((ref ^ print.high) & TS_REF_CHECK) == 0;
}

#endif
