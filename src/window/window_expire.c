/*
 * Series that nothing comes for any more. What is idle shows when windows are sealed, so a sample costs nothing for it. The worker names
 * the ids of idle series on a slab that goes back to its source; the source forgets them and says so in-band, behind whatever it
 * sent for them before; a series without ids and windows is forgotten. No step needs the other thread to stand still, and an id
 * that is named twice, or by mistake, costs its source a first sight, nothing else. Thread: worker.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/hash.h"
#include "core/pressure.h"

#define IDS_PER_SLAB   1024 /* looked at */
#define PASSES         4    /* over all ids while a series expires */
#define LEAVING_PER_TURN 1024

/* Whether a window holds something of the slot's. */
static bool is_in_window(const struct ts_worker *wk, uint32_t slot)
{
    uint32_t index = slot / TS_CHUNK_PANES;
    for (unsigned r = 0; r < wk->nrules; r++) {
        for (const struct ts_window *win = wk->rules[r]->windows; win; win = win->next) {
            const struct ts_pane_chunk *ch = index < win->nchunks ? win->chunks[index] : NULL;
            if (!ch || ch == TS_CHUNK_GONE)
                continue;
            const union ts_pane *pane = ts_chunk_pane(ch, slot);
            if (pane->stats.count != 0 || (wk->series.slots[slot].kind == TS_KIND_SET && pane->set.hll))
                return true;
        }
    }
    return false;
}

/* 0: never. As long as memory is scarce it is soon. */
static int64_t expire_after(const struct ts_worker *wk)
{
    int64_t expire_ns = wk->conf.conf->limits.expire_ns;
    bool soon = ts_pressure_has(~0u);
    return soon && (!expire_ns || expire_ns > TS_PRESSURE_EXPIRE_NS) ? TS_PRESSURE_EXPIRE_NS : expire_ns;
}

static bool is_idle(const struct ts_worker *wk, uint32_t slot, int64_t expire_ns)
{
    const struct ts_slot *sl = &wk->series.slots[slot];
    return !(sl->flags & TS_SLOT_LEAVING) && wk->clock_ns - sl->seen_s * TS_SEC >= expire_ns && !is_in_window(wk, slot);
}

void ts_worker_list_idle(struct ts_worker *wk, struct ts_source *src, struct ts_slab *slab)
{
    int64_t expire_ns = expire_after(wk);
    slab->nidle = 0;
    if (expire_ns == 0 || wk->clock_ns == TS_TIME_NONE || src->ended)
        return;
    if (src->idle_cursor == 0) {
        src->next_pass_ns = TS_MIN(src->next_pass_ns, wk->clock_ns + expire_ns / PASSES); /* it may be shorter now */
        if (wk->clock_ns < src->next_pass_ns)
            return;
        src->next_pass_ns = wk->clock_ns + expire_ns / PASSES;
    }
    uint32_t ids = ts_pressure_has(~0u) ? 16 * IDS_PER_SLAB : IDS_PER_SLAB, end = TS_MIN(src->nslots, src->idle_cursor + ids);
    for (; src->idle_cursor < end && slab->nidle < TS_SLAB_POINTS; src->idle_cursor++) {
        uint32_t slot = src->slots[src->idle_cursor];
        if (slot != TS_SLOT_REFUSED && is_idle(wk, slot & ~TS_SLOT_MARKS, expire_ns))
            slab->points[slab->nidle++].id = src->idle_cursor;
    }
    if (src->idle_cursor == src->nslots)
        src->idle_cursor = 0;
}

void ts_worker_leave(struct ts_worker *wk, uint32_t slot)
{
    struct ts_slot *sl = &wk->series.slots[slot];
    if (sl->ids == 0 && !(sl->flags & TS_SLOT_LEAVING)) {
        sl->flags |= TS_SLOT_LEAVING;
        ts_slot_list_push(&wk->series, &wk->series.leaving, slot);
    }
}

void ts_worker_retire(struct ts_worker *wk, struct ts_source *src, uint32_t id)
{
    uint32_t slot = id < src->nslots ? src->slots[id] : TS_SLOT_REFUSED;
    if (slot == TS_SLOT_REFUSED)
        return;
    slot &= ~TS_SLOT_MARKS;
    struct ts_slot *sl = &wk->series.slots[slot];
    struct ts_str series = {sl->series, sl->len};
    src->slots[id] = TS_SLOT_REFUSED;
    ts_census_release(wk->conf.census, series, ts_hash(series.p, series.len));
    sl->ids--;
    ts_worker_leave(wk, slot);
}

/* A series of the snapshot stays until somebody else has a name for it, or until it has expired. */
static void retire_restored(struct ts_worker *wk)
{
    struct ts_source *src = &wk->restored;
    int64_t expire_ns = expire_after(wk);
    if (src->nslots == 0 || wk->clock_ns == TS_TIME_NONE || (src->idle_cursor == 0 && wk->clock_ns < src->next_pass_ns))
        return;
    uint32_t end = TS_MIN(src->nslots, src->idle_cursor + IDS_PER_SLAB);
    for (; src->idle_cursor < end; src->idle_cursor++) {
        uint32_t slot = src->slots[src->idle_cursor] & ~TS_SLOT_MARKS;
        if (src->slots[src->idle_cursor] != TS_SLOT_REFUSED &&
            (wk->series.slots[slot].ids > 1 || (expire_ns && is_idle(wk, slot, expire_ns))))
            ts_worker_retire(wk, src, src->idle_cursor);
    }
    if (src->idle_cursor == src->nslots) {
        src->idle_cursor = 0;
        src->next_pass_ns = wk->clock_ns + TS_MAX(expire_ns / PASSES, TS_SEC);
    }
}

void ts_worker_forget(struct ts_worker *wk)
{
    retire_restored(wk);
    struct ts_series_table *tab = &wk->series;
    uint32_t last = tab->leaving.first == TS_SLOT_NONE ? TS_SLOT_NONE : tab->leaving.last, slot;
    for (unsigned i = 0; i < LEAVING_PER_TURN && (slot = ts_slot_list_pop(tab, &tab->leaving)) != TS_SLOT_NONE; i++) {
        struct ts_slot *sl = &tab->slots[slot];
        if (sl->ids) {
            sl->flags &= (uint8_t)~TS_SLOT_LEAVING; /* it is back */
            ts_slot_saw(sl, wk->clock_ns);
        } else if (is_in_window(wk, slot)) {
            ts_slot_list_push(tab, &tab->leaving, slot);
        } else {
            ts_worker_leave_groups(wk, slot);
            ts_series_table_remove(tab, slot, wk->nbatches);
            ts_count(wk->cnt, TS_C_SERIES_EXPIRED, 1);
        }
        if (slot == last)
            break;
    }
    /* Acquire: what the readers of these batches did with their bytes is over. */
    ts_series_table_reclaim(tab, atomic_load_explicit(&wk->returned, memory_order_acquire));
}
