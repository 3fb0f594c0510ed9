/*
 * A worker's series and panes to blocks of a snapshot, some of them at a time between two batches of samples. Thread: worker.
 * Blocks belong to the snapper; when the writer has none to give back, the snapshot waits and the samples do not. Without memory
 * a block says so, and the writer gives the snapshot up.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"

#define STEP_BYTES  ((size_t)32 << 10)
#define STEP_SLOTS  1024 /* looked at */
#define FETCH_AHEAD 8
#define PANE_HEAD   (TS_VARINT_MAX + 8 + 1 + 4)
#define SERIES_HEAD (1 + TS_VARINT_MAX + 1 + 4)
#define BLOCK_BYTES ((size_t)256 << 10)

uint64_t ts_rule_key(const struct ts_rule *rule)
{
    const struct ts_conf_rollup *conf = rule->conf;
    int64_t shape[] = {rule->every_ns,     rule->period_ns, conf->calendar, conf->sketch_buckets,
                       conf->histogram.n, rule->hidden,    rule->is_side,  conf->late == TS_LATE_SIDE};
    uint64_t key = ts_hash_seeded(shape, sizeof shape, ts_hash(conf->name, strlen(conf->name)));
    key = ts_hash_seeded(conf->histogram.bounds, conf->histogram.n * sizeof conf->histogram.bounds[0], key);
    int64_t session[] = {conf->session_ns, conf->session_max_ns};
    if (rule->sessions)
        key = ts_hash_seeded(session, sizeof session, key);
    return rule->base ? ts_hash_seeded("", 0, key ^ ts_rule_key(rule->base)) : key;
}

static void put_start(const struct ts_worker *wk, struct ts_buf *buf)
{
    ts_buf_putc(buf, 'W');
    ts_snap_put_i64(buf, wk->watermark_ns);
    ts_snap_put_uint(buf, wk->conf.nsources);
    for (unsigned i = 0; i < wk->conf.nsources; i++) {
        ts_snap_put_u64(buf, wk->sources[i].lane->source);
        ts_snap_put_i64(buf, wk->sources[i].max_event_ns);
    }
    unsigned n = ts_snap_nrules(wk);
    ts_snap_put_uint(buf, n);
    for (unsigned r = 0; r < n; r++) {
        ts_snap_put_u64(buf, ts_rule_key(wk->rules[r]));
        ts_buf_putc(buf, (char)ts_snap_form(wk->rules[r]));
        ts_buf_putc(buf, (char)wk->rules[r]->wants);
        ts_snap_put_text(buf, ts_str_of(wk->rules[r]->conf->name));
    }
}

static void put_stats(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_pane_chunk *ch, uint32_t slot,
                      struct ts_buf *buf)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    const struct ts_stats *st = &ts_chunk_pane(ch, i)->stats;
    struct ts_sketch *sk = ts_chunk_sketch(ch, slot);
    const double moments[] = {st->count, st->sum, st->sd, st->sd2, st->shift, st->min, st->max, st->last};
    bool timed = ch->last_ns && ch->last_ns[i] != TS_TIME_NONE, sketched = sk && sk->state >= TS_SKETCH_LIST;
    bool more = ch->more && wk->series.slots[slot].kind != TS_KIND_COUNTER;
    char *to = ts_snap_reserve(buf, 1 + sizeof moments);
    if (!to)
        return;
    *to++ = (char)((timed ? PART_LAST : 0) | (sketched ? PART_SKETCH : 0) | (more ? PART_MORE : 0));
    for (unsigned m = 0; m < TS_ARRAY_SIZE(moments); m++, to += sizeof moments[0])
        ts_le_put_double(to, moments[m]);
    ts_snap_put_up_to(buf, to);
    if (timed)
        ts_snap_put_i64(buf, ch->last_ns[i]);
    if (sketched) {
        size_t from = ts_snap_open(buf);
        (void)!ts_sketch_save(sk, buf); /* marks it */
        ts_snap_close(buf, from);
    }
    if (more)
        ts_window_save_more(ch, slot, rule->conf->histogram.n, buf);
}

void ts_snap_put_content(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_pane_chunk *ch, uint32_t slot,
                         struct ts_buf *buf)
{
    const union ts_pane *pane = ts_chunk_pane(ch, slot);
    switch (wk->series.slots[slot].kind) {
    case TS_KIND_SET:
        ts_snap_put_double(buf, pane->set.count);
        (void)!ts_hll_encode(pane->set.hll, buf);
        break;
    case TS_KIND_STRING:
        ts_snap_put_double(buf, pane->string.count);
        ts_snap_put_i64(buf, pane->string.time_ns);
        ts_buf_put(buf, pane->string.text->p, pane->string.text->len);
        break;
    default: put_stats(wk, rule, ch, slot, buf);
    }
}

/* The value of a kept gauge has gone out for this window, and nothing else tells so. */
static bool kept_is_sent(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_window *win, uint32_t slot)
{
    const struct ts_slot *sl = &wk->series.slots[slot];
    return sl->flags & TS_SLOT_KEPT && !(sl->flags & TS_SLOT_EVENT) && win->used[TS_DOMAIN_ARRIVAL] &&
           ts_rule_matches(rule, slot) &&
           (win->state[TS_DOMAIN_ARRIVAL] == TS_WINDOW_SEALED ||
            (win->state[TS_DOMAIN_ARRIVAL] == TS_WINDOW_SEALING && slot < win->cursor[TS_DOMAIN_ARRIVAL]));
}

static void put_pane(const struct ts_worker *wk, unsigned r, const struct ts_window *win, uint32_t slot, struct ts_buf *buf)
{
    const struct ts_rule *rule = wk->rules[r];
    const struct ts_slot *sl = &wk->series.slots[slot];
    uint32_t index = slot / TS_CHUNK_PANES, i = slot % TS_CHUNK_PANES;
    const struct ts_pane_chunk *ch = index < win->nchunks ? win->chunks[index] : NULL;
    if (rule->ending && !ts_span_has(&rule->sent, win->start_ns))
        return;
    enum ts_domain domain = sl->flags & TS_SLOT_EVENT ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL;
    bool there = ch && ch != TS_CHUNK_GONE, gone = !rule->nfolds || win->no_folds || win->gone;
    bool sealed = win->state[domain] == TS_WINDOW_SEALED && gone;
    bool has = there && ts_chunk_pane(ch, i)->stats.count != 0 && !(rule->nfolds && sealed && domain == TS_DOMAIN_ARRIVAL);
    bool kept = !has && kept_is_sent(wk, rule, win, slot);
    bool done = !has && ((there && ts_chunk_is_done(ch, slot)) || (kept && gone));
    if (!has && !done && !kept)
        return;
    bool dirty = has && ch->dirty[i / 64] >> (i % 64) & 1, merged = has && ch->merged[i / 64] >> (i % 64) & 1;
    char *to = ts_snap_reserve(buf, PANE_HEAD);
    if (!to)
        return;
    to = ts_varint_put(to, r);
    ts_le_put64(to, (uint64_t)win->start_ns);
    to[8] = (char)((sealed && !dirty ? PANE_SEALED : 0) | (merged ? PANE_MERGED : 0) | (done ? PANE_DONE : 0) |
                   (win->again ? PANE_AGAIN : 0) | (!has && !done ? PANE_WANTED : 0) |
                   (rule->nfolds && (win->beside || win->no_folds) ? PANE_BESIDE : 0));
    ts_snap_put_up_to(buf, to + 9);
    size_t from = ts_snap_open(buf);
    if (has)
        ts_snap_put_content(wk, rule, ch, slot, buf);
    ts_snap_close(buf, from);
}

/* A series' record, or nothing when all that is known of it is its name. */
static void put_slot(const struct ts_worker *wk, uint32_t slot, struct ts_buf *buf)
{
    const struct ts_slot *sl = &wk->series.slots[slot];
    size_t begun = buf->len;
    char *to = sl->series && !(sl->flags & TS_SLOT_GONE) ? ts_snap_reserve(buf, SERIES_HEAD + sl->len) : NULL;
    if (!to)
        return;
    *to++ = 'S';
    to = ts_varint_put(to, sl->len);
    memcpy(to, sl->series, sl->len);
    to += sl->len;
    *to++ = (char)(sl->flags & (TS_SLOT_EVENT | TS_SLOT_ARRIVAL | TS_SLOT_KEPT));
    ts_snap_put_up_to(buf, to);
    if (sl->kind == TS_KIND_GAUGE)
        ts_snap_put_double(buf, sl->gauge);
    if (sl->flags & TS_SLOT_EVENT)
        ts_snap_put_i64(buf, sl->closed_ns);
    else if (sl->flags & TS_SLOT_KEPT)
        ts_snap_put_double(buf, sl->kept);
    size_t from = ts_snap_open(buf);
    for (unsigned r = 0, n = ts_snap_nrules(wk); r < n; r++) {
        if (wk->rules[r]->sessions)
            ts_session_save(wk, r, slot, buf);
        else
            for (const struct ts_window *win = wk->rules[r]->windows; win; win = win->next)
                put_pane(wk, r, win, slot, buf);
    }
    ts_snap_close(buf, from);
    if (buf->len == from && sl->kind != TS_KIND_GAUGE && !(sl->flags & TS_SLOT_EVENT))
        buf->len = begun;
}

static void push_block(struct ts_snapper *snap)
{
    struct snap_block *block = snap->filling;
    snap->filling = NULL;
    bool pushed = ts_ring_push(&snap->full, block);
    TS_ASSERT(pushed);
    ts_bell_ring(snap->bell);
}

/* @return false: the writer has all blocks. */
static bool open_block(struct ts_snapper *snap)
{
    if (!snap->filling && (snap->filling = ts_ring_pop(&snap->empty))) {
        ts_buf_clear(&snap->filling->buf);
        snap->filling->last = false;
    }
    return snap->filling;
}

static void step(struct ts_worker *wk)
{
    struct ts_snapper *snap = wk->snap;
    struct ts_buf *buf = &snap->filling->buf;
    if (wk->renumbered)
        snap->next_ended = 0; /* what is written twice counts once */
    if (snap->starting || wk->renumbered)
        put_start(wk, buf);
    if (snap->starting && wk->conf.number == 0)
        ts_snap_put_losses(buf);
    snap->starting = wk->renumbered = false;
    size_t stop_at = buf->len + STEP_BYTES;
    ts_gather_look(wk);
    bool all_ended = ts_session_save_ended(wk, &snap->next_ended, STEP_SLOTS, buf);
    uint32_t end = all_ended ? TS_MIN(wk->series.count, snap->next_slot + STEP_SLOTS) : 0;
    while (snap->next_slot < end && buf->len < stop_at) {
        if (snap->next_slot + FETCH_AHEAD < end)
            __builtin_prefetch(wk->series.slots[snap->next_slot + FETCH_AHEAD].series);
        put_slot(wk, snap->next_slot++, buf);
    }
    if (all_ended && snap->next_slot >= wk->series.count) {
        snap->busy = false;
        snap->filling->last = true;
        snap->filling->batches = wk->nbatches - (wk->batch && wk->batch->n == 0);
    }
    if (!snap->busy || buf->len >= BLOCK_BYTES)
        push_block(snap);
}

bool ts_worker_snap(struct ts_worker *wk)
{
    struct ts_snapper *snap = wk->snap;
    if (!snap)
        return false;
    if (!snap->busy) {
        /* Relaxed: it says nothing but that another is wanted. */
        uint64_t asked = atomic_load_explicit(&snap->asked, memory_order_relaxed);
        if (asked == snap->begun)
            return false;
        snap->begun = asked;
        snap->busy = snap->starting = true;
        snap->next_slot = snap->next_ended = 0;
    }
    if (wk->held || (wk->nending && wk->behind) || !open_block(snap))
        return false; /* of two rules with the same pane, one may have merged it */
    int64_t from_ns = ts_clock_mono_ns(), cpu_ns = ts_clock_cpu_ns();
    step(wk);
    cpu_ns = ts_clock_cpu_ns() - cpu_ns;
    int64_t pause_ns = ts_clock_mono_ns() - from_ns;
    atomic_store_explicit(&snap->cpu_ns, atomic_load_explicit(&snap->cpu_ns, memory_order_relaxed) + cpu_ns, memory_order_relaxed);
    if (pause_ns > atomic_load_explicit(&snap->pause_ns, memory_order_relaxed))
        atomic_store_explicit(&snap->pause_ns, pause_ns, memory_order_relaxed); /* figures of their own */
    return snap->busy;
}

bool ts_worker_may_drain(struct ts_worker *wk)
{
    struct ts_snapper *snap = wk->snap;
    if (!snap)
        return true;
    bool settled = !ts_worker_is_sealing(wk) && !(wk->batch && wk->batch->n) && !snap->busy;
    if (settled && !atomic_load_explicit(&snap->settled, memory_order_relaxed)) {
        /* Release: whoever sees it and asks for a snapshot gets one without what is due. */
        atomic_store_explicit(&snap->settled, true, memory_order_release);
        ts_bell_ring(snap->bell);
    }
    if (!atomic_load_explicit(&snap->released, memory_order_acquire)) /* pairs with the writer's release */
        return false;
    wk->partial = snap->kept;
    return true;
}

void ts_snapper_free(struct ts_snapper **snapper)
{
    struct ts_snapper *snap = *snapper;
    if (!snap)
        return;
    for (unsigned i = 0; i < SNAP_BLOCKS; i++)
        ts_buf_fini(&snap->blocks[i].buf);
    ts_ring_fini(&snap->full);
    ts_ring_fini(&snap->empty);
    TS_FREE(*snapper);
}
