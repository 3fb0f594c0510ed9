/*
 * The intern table of one ingest thread. Buckets keep two rules: what is free in one stands behind what is used, and a key is in the
 * first bucket from its home on that had room. They double when there are two keys to a bucket: then one key in thirty stands in a
 * later one. Thread: ingest. Without memory an add fails, and the caller drops the sample, counted.
 */
#include "config.h"
#include "route/route_intern.h"

#include "core/mem.h"

#define FIRST_BUCKETS 1024
#define BUCKETS_MAX   (UINT64_C(1) << 31)

struct place {
    uint64_t bucket;
    unsigned slot;
};

struct ts_intern *ts_intern_new(void)
{
    struct ts_intern *in = ts_xalloc(sizeof *in);
    ts_intern_choose(in);
    in->mask = FIRST_BUCKETS - 1;
    in->buckets = ts_xpages_alloc(FIRST_BUCKETS * sizeof *in->buckets);
    return in;
}

void ts_intern_free(struct ts_intern **in)
{
    if (*in) {
        ts_free((*in)->tags);
        ts_pages_free((*in)->buckets, ((*in)->mask + 1) * sizeof *(*in)->buckets);
        TS_FREE(*in);
    }
}

uint64_t ts_intern_find(const struct ts_intern *in, struct ts_print print)
{
    uint64_t tag = ts_print_tag(print);
    for (uint64_t b = tag & in->mask;; b = (b + 1) & in->mask) {
        const struct ts_bucket *bucket = &in->buckets[b];
        for (unsigned i = 0; i < TS_BUCKET_SLOTS; i++)
            if (bucket->tag[i] == tag && ts_ref_fits(bucket->ref[i], print))
                return bucket->ref[i];
        if (bucket->tag[TS_BUCKET_SLOTS - 1] == 0)
            return 0;
    }
}

static void put(struct ts_bucket *buckets, uint64_t mask, uint64_t tag, uint64_t ref)
{
    for (uint64_t b = tag & mask;; b = (b + 1) & mask) {
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
    uint64_t n = in->mask + 1;
    struct ts_bucket *bigger = n < BUCKETS_MAX ? ts_pages_alloc(2 * n * sizeof *bigger) : NULL;
    if (!bigger)
        return false;
    for (uint64_t b = 0; b < n; b++)
        for (unsigned i = 0; i < TS_BUCKET_SLOTS && in->buckets[b].tag[i]; i++)
            put(bigger, 2 * n - 1, in->buckets[b].tag[i], in->buckets[b].ref[i]);
    ts_pages_free(in->buckets, n * sizeof *in->buckets);
    in->buckets = bigger;
    in->mask = 2 * n - 1;
    return true;
}

static bool room_for_id(struct ts_intern *in)
{
    if (in->free_id < in->nids || in->nids < in->tags_cap)
        return true;
    uint32_t cap = TS_MAX(in->tags_cap * 2, 1024u);
    uint64_t *tags = cap > in->tags_cap ? ts_resize(in->tags, cap * sizeof *tags) : NULL;
    if (!tags)
        return false;
    in->tags = tags;
    in->tags_cap = cap;
    return true;
}

static uint32_t take_id(struct ts_intern *in, uint64_t tag)
{
    uint32_t id = in->nids;
    if (in->free_id < id) {
        id = (uint32_t)in->free_id;
        in->free_id = in->tags[id];
    } else {
        in->free_id = ++in->nids;
    }
    in->tags[id] = tag;
    return id;
}

uint64_t ts_intern_add(struct ts_intern *in, struct ts_print print, unsigned worker)
{
    if (!room_for_id(in) || (in->count >= (in->mask + 1) * 2 && !grow(in)))
        return 0;
    uint64_t tag = ts_print_tag(print);
    uint64_t ref = TS_REF_THERE | (print.high & TS_REF_CHECK) | (uint64_t)worker << 32 | take_id(in, tag);
    in->count++;
    put(in->buckets, in->mask, tag, ref);
    return ref;
}

static bool place_of(const struct ts_intern *in, uint32_t id, struct place *out)
{
    if (id >= in->nids || !(in->tags[id] & TS_REF_THERE))
        return false;
    for (uint64_t b = in->tags[id] & in->mask;; b = (b + 1) & in->mask)
        for (unsigned i = 0; i < TS_BUCKET_SLOTS; i++) {
            *out = (struct place){b, i};
            if (in->buckets[b].tag[i] && ts_ref_id(in->buckets[b].ref[i]) == id)
                return true;
        }
}

uint64_t ts_intern_by_id(const struct ts_intern *in, uint32_t id)
{
    struct place at;
    return place_of(in, id, &at) ? in->buckets[at.bucket].ref[at.slot] : 0;
}

/* A key of a later bucket that would stand in this one if it had had room; to be called when the bucket is full. */
static bool find_follower(const struct ts_intern *in, uint64_t bucket, struct place *out)
{
    for (uint64_t b = (bucket + 1) & in->mask;; b = (b + 1) & in->mask) {
        const struct ts_bucket *bu = &in->buckets[b];
        for (unsigned i = 0; i < TS_BUCKET_SLOTS && bu->tag[i]; i++) {
            if (((b - bu->tag[i]) & in->mask) >= ((b - bucket) & in->mask)) { /* a tag's low bits are its home */
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

void ts_intern_remove(struct ts_intern *in, uint32_t id)
{
    struct place at;
    bool found = place_of(in, id, &at);
    TS_ASSERT(found);
    clear_place(in, at);
    in->count--;
    in->tags[id] = in->free_id;
    in->free_id = id;
}
