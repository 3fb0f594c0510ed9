/*
 * The worker's series: encoded bytes to slot. A slot is given back, and its bytes are freed, when no rollup batch can hold
 * them any more. Thread: worker. Without memory a series is refused; its samples are dropped, counted.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

#define LIST_EMPTY ((struct ts_slot_list){TS_SLOT_NONE, TS_SLOT_NONE})

void ts_series_table_init(struct ts_series_table *tab)
{
    *tab = (struct ts_series_table){
        .mask = 4095, .cap = 1024, .leaving = LIST_EMPTY, .limbo = LIST_EMPTY, .free = LIST_EMPTY};
    tab->buckets = ts_xalloc(((size_t)tab->mask + 1) * sizeof *tab->buckets);
    tab->slots = ts_xalloc(tab->cap * sizeof *tab->slots);
}

void ts_series_table_fini(struct ts_series_table *tab)
{
    for (uint32_t s = 0; s < tab->count; s++)
        if (tab->slots[s].series)
            ts_runs_give(&tab->names, tab->slots[s].series, tab->slots[s].len);
    TS_FREE(tab->buckets);
    TS_FREE(tab->slots);
}

void ts_slot_list_push(struct ts_series_table *tab, struct ts_slot_list *list, uint32_t slot)
{
    tab->slots[slot].next = TS_SLOT_NONE;
    if (list->first == TS_SLOT_NONE)
        list->first = slot;
    else
        tab->slots[list->last].next = slot;
    list->last = slot;
}

uint32_t ts_slot_list_pop(struct ts_series_table *tab, struct ts_slot_list *list)
{
    uint32_t slot = list->first;
    if (slot != TS_SLOT_NONE)
        list->first = tab->slots[slot].next;
    return slot;
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
    if (tab->free.first == TS_SLOT_NONE && tab->count == tab->cap) {
        uint32_t cap = tab->cap * 2;
        struct ts_slot *slots = ts_resize(tab->slots, cap * sizeof *slots);
        if (!slots)
            return false;
        tab->slots = slots;
        tab->cap = cap;
    }
    if (tab->live >= (tab->mask + 1) / 2) {
        uint32_t mask = tab->mask * 2 + 1;
        uint32_t *buckets = ts_alloc(((size_t)mask + 1) * sizeof *buckets);
        if (!buckets)
            return false;
        for (uint32_t s = 0; s < tab->count; s++)
            if (tab->slots[s].series && !(tab->slots[s].flags & TS_SLOT_GONE))
                place(buckets, mask, tab->slots[s].tag, s);
        ts_free(tab->buckets);
        tab->buckets = buckets;
        tab->mask = mask;
    }
    return true;
}

uint32_t ts_series_table_get(struct ts_series_table *tab, const struct ts_announce *announce, bool *added)
{
    uint32_t tag = (uint32_t)announce->hash;
    *added = false;
    for (uint32_t b = tag & tab->mask; tab->buckets[b]; b = (b + 1) & tab->mask) {
        const struct ts_slot *slot = &tab->slots[tab->buckets[b] - 1];
        if (slot->tag == tag && slot->len == announce->len &&
            memcmp(slot->series, announce->series, announce->len) == 0)
            return tab->buckets[b] - 1;
    }
    if (tab->count == TS_SLOTS_MAX || !grow(tab))
        return TS_SLOT_REFUSED;
    char *bytes = ts_runs_take(&tab->names, announce->len);
    if (!bytes)
        return TS_SLOT_REFUSED;
    memcpy(bytes, announce->series, announce->len);
    uint32_t s = ts_slot_list_pop(tab, &tab->free);
    if (s == TS_SLOT_NONE)
        s = tab->count++;
    tab->slots[s] = (struct ts_slot){.series = bytes,
                                     .len = (uint16_t)announce->len,
                                     .kind = (uint8_t)announce->series[0],
                                     .tag = tag,
                                     .closed_ns = TS_TIME_NONE};
    place(tab->buckets, tab->mask, tag, s);
    tab->live++;
    *added = true;
    return s;
}

/* What stands behind the hole moves into it unless it would then stand before its home (Knuth, TAOCP 3, 6.4, algorithm R). */
void ts_series_table_remove(struct ts_series_table *tab, uint32_t slot, uint64_t epoch)
{
    uint32_t mask = tab->mask, hole = tab->slots[slot].tag & mask;
    while (tab->buckets[hole] != slot + 1)
        hole = (hole + 1) & mask;
    for (uint32_t at = (hole + 1) & mask; tab->buckets[at]; at = (at + 1) & mask) {
        uint32_t home = tab->slots[tab->buckets[at] - 1].tag & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            tab->buckets[hole] = tab->buckets[at];
            hole = at;
        }
    }
    tab->buckets[hole] = 0;
    tab->live--;
    tab->slots[slot].flags = TS_SLOT_GONE;
    tab->slots[slot].epoch = epoch;
    ts_slot_list_push(tab, &tab->limbo, slot);
}

void ts_series_table_reclaim(struct ts_series_table *tab, uint64_t epoch)
{
    while (tab->limbo.first != TS_SLOT_NONE && tab->slots[tab->limbo.first].epoch <= epoch) {
        uint32_t slot = ts_slot_list_pop(tab, &tab->limbo);
        ts_runs_give(&tab->names, tab->slots[slot].series, tab->slots[slot].len);
        tab->slots[slot].series = NULL;
        ts_slot_list_push(tab, &tab->free, slot);
    }
}
