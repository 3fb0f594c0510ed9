/*
 * Text of route_look_up.c, compiled there more than once: LOOK_UP(name) is what a function is called, HASH(raw, in) is a key's hash,
 * SLOTS_WITH(bucket, tag) a bit for each slot with the tag. No header of its own: it has no guard and defines functions.
 */

static uint64_t LOOK_UP(hash)(const struct ts_intern *in, const struct ts_raw *raw)
{
    return HASH(raw, in);
}

static void LOOK_UP(tile)(const struct ts_intern *in, struct ts_tile *tile, const struct ts_entry *guess[TS_TILE_MAX])
{
    struct ts_raw *end = tile->raw + tile->n;
    const struct ts_bucket *buckets = in->buckets;
    char *const *chunks = in->chunks;
    uint32_t mask = in->mask;
    for (struct ts_raw *raw = tile->raw; raw < end; raw++) {
        raw->hash = HASH(raw, in);
        __builtin_prefetch(&buckets[(uint32_t)raw->hash & mask]);
    }
    for (struct ts_raw *raw = tile->raw; raw < end; raw++, guess++) {
        const struct ts_bucket *bucket = &buckets[(uint32_t)raw->hash & mask];
        unsigned bits = SLOTS_WITH(bucket, ts_intern_tag(raw->hash));
        if (TS_UNLIKELY(!bits)) {
            *guess = NULL;
            continue;
        }
        uint32_t ref = bucket->ref[__builtin_ctz(bits)];
        const char *entry = chunks[ref / TS_INTERN_CHUNK_UNITS] + (size_t)(ref % TS_INTERN_CHUNK_UNITS) * TS_INTERN_UNIT;
        *guess = (const struct ts_entry *)(const void *)entry;
        __builtin_prefetch(entry);
        __builtin_prefetch(entry + sizeof **guess + raw->head_len); /* often in the next cache line */
    }
}
