/*
 * The worker's series: encoded bytes to slot, in arrival order. Slots are never given back, so their bytes may be lent to
 * rollup batches. Thread: worker. Without memory a series is refused; its samples are dropped, counted.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

#define CHUNK_BYTES ((size_t)1 << 20)

struct ts_series_chunk {
    struct ts_series_chunk *next;
    char bytes[CHUNK_BYTES];
};

void ts_series_table_init(struct ts_series_table *tab)
{
    *tab = (struct ts_series_table){.mask = 4095, .cap = 1024, .chunk_used = CHUNK_BYTES};
    tab->buckets = ts_xalloc(((size_t)tab->mask + 1) * sizeof *tab->buckets);
    tab->slots = ts_xalloc(tab->cap * sizeof *tab->slots);
}

void ts_series_table_fini(struct ts_series_table *tab)
{
    while (tab->chunks) {
        struct ts_series_chunk *next = tab->chunks->next;
        ts_free(tab->chunks);
        tab->chunks = next;
    }
    TS_FREE(tab->buckets);
    TS_FREE(tab->slots);
}

static char *keep_bytes(struct ts_series_table *tab, const char *p, size_t len)
{
    if (tab->chunk_used + len > CHUNK_BYTES) {
        struct ts_series_chunk *chunk = ts_alloc(sizeof *chunk);
        if (!chunk)
            return NULL;
        chunk->next = tab->chunks;
        tab->chunks = chunk;
        tab->chunk_used = 0;
    }
    char *to = tab->chunks->bytes + tab->chunk_used;
    tab->chunk_used += len;
    return memcpy(to, p, len);
}

/* The slot's hash is not kept: a tag of its upper half is, and the buckets are chosen by the tag. */
static void place(uint32_t *buckets, uint32_t mask, uint32_t tag, uint32_t slot)
{
    uint32_t b = tag & mask;
    while (buckets[b])
        b = (b + 1) & mask;
    buckets[b] = slot + 1;
}

static bool grow(struct ts_series_table *tab)
{
    if (tab->count == tab->cap) {
        uint32_t cap = tab->cap * 2;
        struct ts_slot *slots = ts_resize(tab->slots, cap * sizeof *slots);
        if (!slots)
            return false;
        tab->slots = slots;
        tab->cap = cap;
    }
    if (tab->count >= (tab->mask + 1) / 2) {
        uint32_t mask = tab->mask * 2 + 1;
        uint32_t *buckets = ts_alloc(((size_t)mask + 1) * sizeof *buckets);
        if (!buckets)
            return false;
        for (uint32_t s = 0; s < tab->count; s++)
            place(buckets, mask, tab->slots[s].tag, s);
        ts_free(tab->buckets);
        tab->buckets = buckets;
        tab->mask = mask;
    }
    return true;
}

uint32_t ts_series_table_get(struct ts_series_table *tab, const struct ts_announce *announce, bool may_add,
                             bool *added)
{
    uint32_t tag = (uint32_t)announce->hash;
    *added = false;
    for (uint32_t b = tag & tab->mask; tab->buckets[b]; b = (b + 1) & tab->mask) {
        const struct ts_slot *slot = &tab->slots[tab->buckets[b] - 1];
        if (slot->tag == tag && slot->len == announce->len &&
            memcmp(slot->series, announce->series, announce->len) == 0)
            return tab->buckets[b] - 1;
    }
    if (!may_add || tab->count == TS_SLOTS_MAX || !grow(tab))
        return TS_SLOT_REFUSED;
    const char *bytes = keep_bytes(tab, announce->series, announce->len);
    if (!bytes)
        return TS_SLOT_REFUSED;
    uint32_t s = tab->count++;
    tab->slots[s] = (struct ts_slot){.series = bytes,
                                     .len = (uint16_t)announce->len,
                                     .kind = (uint8_t)announce->series[0],
                                     .tag = tag,
                                     .closed_ns = TS_TIME_NONE};
    place(tab->buckets, tab->mask, tag, s);
    *added = true;
    return s;
}
