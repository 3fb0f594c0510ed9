/*
 * A snapshot's bytes back into workers that do not run yet, and what the journal has sealed since out of them again. Thread: main.
 * Series go to the worker that their hash says, however many there were before. A pane whose rule is gone, or that there is no room
 * for, is left out, counted. Reading accepts any bytes.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/hash.h"
#include "core/matcher.h"
#include "core/mem.h"

#define SOURCES_MAX 65536
#define TIME_MAX    (INT64_MAX / 2) /* windows further from 1970 than this are none */
#define LATE        "_late"         /* what names of points aside end with */

/* ---- the file ---- */

static uint64_t get_uint(const char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)(unsigned char)p[i] << 8 * i;
    return v;
}

struct block {
    uint32_t worker;
    struct ts_str payload;
};

/* The block at *at, which moves on. @return false: there is none. */
static bool next_block(const struct ts_snapshot *snap, size_t *at, uint64_t number, struct block *out)
{
    const char *p = snap->bytes.p + *at;
    size_t left = snap->bytes.len - *at;
    if (left < SNAP_BLOCK_HEAD || get_uint(p, 4) > left - SNAP_BLOCK_HEAD)
        return false;
    out->payload = (struct ts_str){p + SNAP_BLOCK_HEAD, (size_t)get_uint(p, 4)};
    out->worker = (uint32_t)get_uint(p + 4, 4);
    *at += SNAP_BLOCK_HEAD + out->payload.len;
    return get_uint(p + 8, 8) == ts_snap_checksum(out->payload, number, out->worker, snap->taken_ns);
}

int ts_snapshot_check(struct ts_str bytes, struct ts_snapshot *out)
{
    struct block block = {0};
    size_t at = SNAP_HEAD;
    uint64_t number = 0;
    if (bytes.len < SNAP_HEAD || memcmp(bytes.p, SNAP_MAGIC, 8) != 0 || get_uint(bytes.p + 56, 8) != ts_hash(bytes.p, 56))
        return -TS_ECORRUPT;
    if (get_uint(bytes.p + 8, 4) != SNAP_VERSION)
        return -TS_EINVAL;
    *out = (struct ts_snapshot){.bytes = bytes,
                                .final = get_uint(bytes.p + 12, 4) & SNAP_FINAL,
                                .taken_ns = (int64_t)get_uint(bytes.p + 16, 8),
                                .at = {get_uint(bytes.p + 24, 8), get_uint(bytes.p + 32, 8)}};
    while (block.worker != SNAP_LAST) {
        if (!next_block(out, &at, number++, &block))
            return -TS_ECORRUPT;
    }
    bool whole = block.payload.len == 8 && get_uint(block.payload.p, 8) == number - 1 && at == bytes.len;
    return whole ? 0 : -TS_ECORRUPT;
}

/* ---- what the journal has ---- */

struct sealed_window {
    uint64_t rule; /* hash of its name */
    int64_t start_ns, end_ns;
    bool aside;
};

struct ts_sealed {
    struct ts_map64 points;     /* of rule, window and series */
    struct ts_buf windows;      /* of struct sealed_window, each once */
    struct ts_map64 known;      /* of these */
    struct ts_rollup_batch *batch;
};

struct ts_sealed *ts_sealed_new(void)
{
    struct ts_sealed *sealed = ts_xalloc(sizeof *sealed);
    ts_map64_init(&sealed->points);
    ts_map64_init(&sealed->known);
    sealed->batch = ts_rollup_batch_new();
    TS_ASSERT(sealed->batch);
    return sealed;
}

void ts_sealed_free(struct ts_sealed **sealed)
{
    if (!*sealed)
        return;
    ts_map64_fini(&(*sealed)->points);
    ts_map64_fini(&(*sealed)->known);
    ts_buf_fini(&(*sealed)->windows);
    ts_rollup_batch_free(&(*sealed)->batch);
    TS_FREE(*sealed);
}

static uint64_t point_key(uint64_t rule, int64_t start_ns, struct ts_str series)
{
    uint64_t key = ts_hash_seeded(series.p, series.len, ts_hash_seeded(&start_ns, sizeof start_ns, rule));
    return key ? key : 1;
}

static void add_key(struct ts_map64 *map, uint64_t key)
{
    if (!ts_map64_find(map, key))
        TS_ASSERT(ts_map64_add(map, key)); /* a start, where nothing goes on without memory */
}

static bool is_aside(struct ts_str series)
{
    struct ts_series_view view;
    size_t n = strlen(LATE);
    return ts_series_decode(series, &view) == 0 && view.name.len >= n &&
           memcmp(view.name.p + view.name.len - n, LATE, n) == 0;
}

void ts_sealed_note(void *arg, struct ts_str bytes)
{
    struct ts_sealed *sealed = arg;
    struct ts_rollup_batch *batch = sealed->batch;
    if (ts_rollup_batch_decode(bytes, batch) != 0 || batch->passed || batch->sessions || batch->coarse || batch->partial || batch->n == 0)
        return;
    struct sealed_window win = {.rule = ts_hash(batch->rule, strlen(batch->rule)),
                                .start_ns = batch->start_ns,
                                .end_ns = batch->end_ns,
                                .aside = is_aside(batch->points[0].series)};
    for (unsigned i = 0; i < batch->n; i++)
        add_key(&sealed->points, point_key(win.rule, win.start_ns, batch->points[i].series));
    uint64_t key = point_key(win.rule + win.aside, win.start_ns, TS_STR(""));
    if (!ts_map64_find(&sealed->known, key)) {
        add_key(&sealed->known, key);
        ts_buf_put(&sealed->windows, &win, sizeof win);
    }
}

/* ---- reading records ---- */

struct rule_of {
    unsigned index; /* in a worker's rules, UINT_MAX: none is like it */
};

/* What the records of one former worker refer to. */
struct former {
    bool begun;
    unsigned nrules;
    struct rule_of rules[SNAP_RULES_MAX];
};

struct loader {
    const struct ts_snapshot *snap;
    const struct ts_snapshots_conf *to;
    struct ts_restored *out;
    int64_t now_ns;
    struct former *formers;
    unsigned nformers;
    uint32_t *next_ids; /* by worker: of its restored series */
    bool source_found;
    int64_t max_event_ns; /* of sources that are gone */
};

static void load_sources(struct loader *ld, struct ts_varints *in)
{
    uint64_t n = ts_varint_get(in);
    for (uint64_t i = 0; i < n && n <= SOURCES_MAX && !in->bad; i++) {
        uint64_t key = ts_snap_get_fixed(in, 8);
        int64_t max_event_ns = ts_snap_get_i64(in);
        bool found = false;
        if (max_event_ns == TS_TIME_NONE)
            continue;
        for (unsigned w = 0; w < ld->to->nworkers; w++) {
            struct ts_worker *wk = ld->to->workers[w];
            for (unsigned s = 0; s < wk->conf.nsources; s++) {
                if (wk->sources[s].lane->source != key)
                    continue;
                wk->sources[s].max_event_ns = TS_MAX(wk->sources[s].max_event_ns, max_event_ns);
                found = true;
            }
        }
        ld->source_found |= found;
        ld->max_event_ns = TS_MAX(ld->max_event_ns, max_event_ns);
    }
    in->bad |= n > SOURCES_MAX;
}

/* Rules are the same for every worker. */
static unsigned find_rule(const struct loader *ld, uint64_t key, unsigned form, unsigned wants)
{
    const struct ts_worker *wk = ld->to->workers[0];
    for (unsigned r = 0; r < wk->nrules && form == SNAP_FORM; r++)
        if (!wk->rules[r]->sessions && ts_rule_key(wk->rules[r]) == key && (wk->rules[r]->wants & ~wants) == 0)
            return r;
    return UINT_MAX;
}

static int load_start(struct loader *ld, struct former *former, struct ts_varints *in)
{
    int64_t watermark_ns = ts_snap_get_i64(in);
    load_sources(ld, in);
    uint64_t n = ts_varint_get(in);
    if (in->bad || n > SNAP_RULES_MAX)
        return -TS_ECORRUPT;
    for (former->nrules = 0; former->nrules < n; former->nrules++) {
        uint64_t key = ts_snap_get_fixed(in, 8);
        unsigned form = (unsigned)ts_snap_get_fixed(in, 1), wants = (unsigned)ts_snap_get_fixed(in, 1);
        (void)ts_snap_get_text(in);
        former->rules[former->nrules].index = find_rule(ld, key, form, wants);
    }
    for (unsigned w = 0; w < ld->to->nworkers && watermark_ns != TS_TIME_NONE && !in->bad; w++)
        ld->to->workers[w]->watermark_ns = TS_MAX(ld->to->workers[w]->watermark_ns, watermark_ns);
    former->begun = true;
    return in->bad ? -TS_ECORRUPT : 0;
}

static int load_stats(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch, uint32_t slot,
                      struct ts_varints *in)
{
    struct ts_stats *st = &ch->panes[slot % TS_CHUNK_PANES].stats;
    double *moments[] = {&st->count, &st->sum, &st->sd, &st->sd2, &st->shift, &st->min, &st->max, &st->last};
    unsigned parts = (unsigned)ts_snap_get_fixed(in, 1);
    for (unsigned m = 0; m < TS_ARRAY_SIZE(moments); m++)
        *moments[m] = ts_snap_get_double(in);
    if (parts & PART_LAST)
        (void)ts_window_is_latest(ch, slot, true, ts_snap_get_i64(in));
    struct ts_str sketch = parts & PART_SKETCH ? ts_snap_get_part(in) : TS_STR("");
    if (in->bad || !(st->count > 0))
        return -TS_ECORRUPT;
    if (sketch.len) {
        struct ts_sketch sk;
        int rc = ts_sketch_decode(sketch, &sk);
        if (rc)
            return rc;
        if (!(rule->wants & TS_WANTS_SKETCH))
            ts_sketch_fini(&sk);
        else if (ch->sketches || (ch->sketches = ts_pool_take(&wk->sketches)))
            ch->sketches[slot % TS_CHUNK_PANES] = sk;
        else
            rc = (ts_sketch_fini(&sk), -TS_ENOMEM);
        if (rc)
            return rc;
    }
    return parts & PART_MORE ? ts_window_load_more(ch, slot, rule->conf->histogram.n, (struct ts_str){in->p, (size_t)(in->end - in->p)})
                             : 0;
}

static int load_content(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch, uint32_t slot,
                        struct ts_str bytes)
{
    union ts_pane *pane = &ch->panes[slot % TS_CHUNK_PANES];
    struct ts_varints in = {bytes.p, bytes.p + bytes.len, false};
    uint8_t kind = wk->series.slots[slot].kind;
    if (kind != TS_KIND_SET && kind != TS_KIND_STRING)
        return load_stats(wk, rule, ch, slot, &in);
    double count = ts_snap_get_double(&in);
    int64_t time_ns = kind == TS_KIND_STRING ? ts_snap_get_i64(&in) : 0;
    struct ts_str rest = {in.p, (size_t)(in.end - in.p)};
    if (in.bad || !(count > 0) || rest.len > UINT32_MAX)
        return -TS_ECORRUPT;
    ch->owns = true;
    int rc = 0;
    if (kind == TS_KIND_SET) {
        rc = ts_hll_decode(rest, &pane->set.hll);
    } else if ((pane->string.text = ts_alloc(sizeof *pane->string.text + rest.len))) {
        pane->string.text->len = (uint32_t)rest.len;
        memcpy(pane->string.text->p, rest.p, rest.len);
        pane->string.time_ns = time_ns;
    } else {
        rc = -TS_ENOMEM;
    }
    if (rc == 0)
        pane->set.count = count; /* of a string, too */
    return rc;
}

static void set_bit(uint64_t *bits, uint32_t slot)
{
    bits[slot % TS_CHUNK_PANES / 64] |= UINT64_C(1) << (slot % 64);
}

/* @return 0; -TS_ECORRUPT; -TS_ENOMEM. */
static int load_into(struct loader *ld, struct ts_worker *wk, struct ts_rule *rule, int64_t start_ns, uint32_t slot,
                     unsigned flags, struct ts_str content)
{
    enum ts_domain domain = wk->series.slots[slot].flags & TS_SLOT_EVENT ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL;
    struct ts_window *win = ts_rule_window_at(rule, start_ns);
    struct ts_pane_chunk *ch = win ? ts_window_chunk(win, slot) : NULL;
    if (!ch)
        return -TS_ENOMEM;
    if (ch->panes[slot % TS_CHUNK_PANES].stats.count != 0)
        return -TS_ECORRUPT; /* twice */
    int rc = flags & PANE_DONE ? 0 : load_content(wk, rule, ch, slot, content);
    if (rc) {
        ts_window_clear_pane(ch, slot, (enum ts_kind)wk->series.slots[slot].kind);
        return rc;
    }
    /* It is as sealed as its least sealed pane; what is sent twice says the same twice. */
    if (!win->used[domain] && flags & PANE_SEALED)
        win->state[domain] = TS_WINDOW_SEALED;
    else if (!(flags & (PANE_SEALED | PANE_DONE)))
        win->state[domain] = TS_WINDOW_OPEN;
    win->used[domain] = true;
    win->again |= ld->snap->final || flags & PANE_AGAIN;
    win->mixed |= flags & PANE_MERGED;
    ch->event |= domain == TS_DOMAIN_EVENT;
    if (flags & (PANE_MERGED | PANE_DONE))
        set_bit(ch->merged, slot);
    ld->out->panes += !(flags & PANE_DONE);
    return 0;
}

static bool fits(const struct ts_rule *rule, int64_t start_ns)
{
    return start_ns > -TIME_MAX && start_ns < TIME_MAX && ts_rule_floor(rule, start_ns) == start_ns;
}

/* slot: TS_SLOT_REFUSED when there is no room for the series. */
static int load_panes(struct loader *ld, const struct former *former, struct ts_worker *wk, uint32_t slot, struct ts_str bytes)
{
    struct ts_varints in = {bytes.p, bytes.p + bytes.len, false};
    while (in.p < in.end) {
        uint64_t r = ts_varint_get(&in);
        int64_t start_ns = ts_snap_get_i64(&in);
        unsigned flags = (unsigned)ts_snap_get_fixed(&in, 1);
        struct ts_str content = ts_snap_get_part(&in);
        if (in.bad || r >= former->nrules)
            return -TS_ECORRUPT;
        unsigned index = former->rules[r].index;
        struct ts_rule *rule = index < wk->nrules ? wk->rules[index] : NULL;
        int rc = -TS_ENOMEM;
        if (!rule || !fits(rule, start_ns) || (slot != TS_SLOT_REFUSED && !ts_rule_matches(rule, slot))) {
            ld->out->no_rule += !(flags & PANE_DONE);
            continue;
        }
        if (slot != TS_SLOT_REFUSED)
            rc = load_into(ld, wk, rule, start_ns, slot, flags, content);
        if (rc == -TS_ECORRUPT)
            return rc;
        ld->out->no_room += rc != 0;
    }
    return 0;
}

/* The series' slot, as if it had just been announced. */
static uint32_t make_slot(struct loader *ld, unsigned w, struct ts_str series, const struct ts_series_view *view,
                          uint64_t hash)
{
    bool overflow = view->ntags == 1 && ts_str_eq(view->tags[0].key, TS_STR(TS_OVERFLOW));
    struct ts_worker *wk = ld->to->workers[w];
    struct ts_announce *announce = ts_alloc(sizeof *announce + series.len);
    if (!announce || ts_census_hold(wk->conf.census, series, hash, overflow ? TS_CENSUS_SERIES : TS_CENSUS_OWN) != 0) {
        ts_free(announce);
        return TS_SLOT_REFUSED;
    }
    announce->hash = hash;
    announce->len = (uint32_t)series.len;
    memcpy(announce->series, series.p, series.len);
    return ts_worker_learn(wk, &wk->restored, ld->next_ids[w]++, announce, ld->now_ns);
}

static int load_series(struct loader *ld, const struct former *former, struct ts_varints *in)
{
    static struct ts_series_view view; /* of main */
    struct ts_str series = ts_snap_get_text(in);
    unsigned flags = (unsigned)ts_snap_get_fixed(in, 1) & (TS_SLOT_EVENT | TS_SLOT_ARRIVAL | TS_SLOT_KEPT);
    if (in->bad || ts_series_decode(series, &view) != 0 || view.kind == TS_KIND_PASSED)
        return -TS_ECORRUPT;
    double gauge = view.kind == TS_KIND_GAUGE ? ts_snap_get_double(in) : 0;
    int64_t closed_ns = flags & TS_SLOT_EVENT ? ts_snap_get_i64(in) : TS_TIME_NONE;
    double kept = flags & TS_SLOT_KEPT && !(flags & TS_SLOT_EVENT) ? ts_snap_get_double(in) : 0;
    struct ts_str panes = ts_snap_get_part(in);
    if (in->bad)
        return -TS_ECORRUPT;
    uint64_t hash = ts_hash(series.p, series.len);
    unsigned w = ts_lane_worker_of(hash, ld->to->nworkers);
    struct ts_worker *wk = ld->to->workers[w];
    uint32_t slot = make_slot(ld, w, series, &view, hash);
    if (slot != TS_SLOT_REFUSED) {
        struct ts_slot *sl = &wk->series.slots[slot];
        if (sl->ids > 1)
            return -TS_ECORRUPT; /* twice */
        sl->flags |= (uint8_t)flags;
        sl->gauge = gauge;
        if (flags & TS_SLOT_EVENT) {
            sl->flags &= (uint8_t)~TS_SLOT_KEPT;
            sl->closed_ns = closed_ns;
            wk->event_chunks[slot / TS_CHUNK_PANES] = 1;
        } else if (flags & TS_SLOT_KEPT) {
            sl->kept = kept;
        }
        ld->out->series++;
    }
    return load_panes(ld, former, wk, slot, panes);
}

static int load_block(struct loader *ld, const struct block *block)
{
    struct ts_varints in = {block->payload.p, block->payload.p + block->payload.len, false};
    int rc = block->worker < ld->nformers ? 0 : -TS_ECORRUPT;
    while (rc == 0 && in.p < in.end) {
        struct former *former = &ld->formers[block->worker];
        char what = *in.p++;
        if (what == 'W')
            rc = load_start(ld, former, &in);
        else
            rc = what == 'S' && former->begun ? load_series(ld, former, &in) : -TS_ECORRUPT;
    }
    return rc;
}

/* ---- what has been sealed since ---- */

static bool is_sealed(const struct ts_sealed *sealed, const struct ts_worker *wk, const struct ts_rule *rule, uint64_t name,
                      const struct ts_window *win, uint32_t slot, struct ts_buf *series)
{
    const struct ts_slot *sl = &wk->series.slots[slot];
    if (!ts_rule_matches(rule, slot))
        return false;
    ts_buf_clear(series);
    struct ts_str bytes = {sl->series, sl->len};
    if (rule->conf->measurement || rule->conf->tags) {
        if (ts_rollup_rename(rule->conf, bytes, series) != 0)
            return false;
        bytes = ts_buf_str(series);
    }
    return ts_map64_find(&sealed->points, point_key(name, win->start_ns, bytes));
}

/* Takes out what the journal has of the window, for good. */
static void close_window(const struct loader *ld, const struct ts_sealed *sealed, struct ts_worker *wk, struct ts_rule *rule,
                         struct ts_window *win)
{
    uint64_t name = ts_hash(rule->conf->name, strlen(rule->conf->name));
    struct ts_buf series = TS_BUF_INIT;
    for (unsigned d = 0; d < TS_DOMAINS; d++)
        for (uint32_t c = 0; c < win->nchunks && rule->nderived; c++)
            if (win->chunks[c])
                (void)ts_window_merge_chunk(wk, rule, win, c, d); /* without memory a derived window misses it, at a start */
    for (uint32_t slot = 0; slot < wk->series.count; slot++) {
        if (!is_sealed(sealed, wk, rule, name, win, slot, &series))
            continue;
        struct ts_pane_chunk *ch = ts_window_chunk(win, slot);
        if (!ch)
            continue;
        ld->out->sealed += ch->panes[slot % TS_CHUNK_PANES].stats.count != 0;
        ts_window_clear_pane(ch, slot, (enum ts_kind)wk->series.slots[slot].kind);
        set_bit(ch->merged, slot);
    }
    ts_buf_fini(&series);
}

/* Groups went out for a window when all workers were through with it: what is left of it does not make them anew. */
static void close_folds(const struct ts_sealed *sealed, struct ts_rule *rule)
{
    const struct sealed_window *all = (const void *)sealed->windows.p;
    size_t n = sealed->windows.len / sizeof *all;
    for (unsigned f = 0; f < rule->nfolds && !rule->sessions; f++) {
        uint64_t name = ts_hash(rule->folds[f].conf->name, strlen(rule->folds[f].conf->name));
        for (size_t i = 0; i < n; i++) {
            if (all[i].rule != name || (rule->is_side && !all[i].aside) || !fits(rule, all[i].start_ns))
                continue;
            struct ts_window *win = ts_rule_window_at(rule, all[i].start_ns);
            if (win)
                win->no_folds = true;
        }
    }
    for (struct ts_window *win = rule->windows; win && rule->nfolds; win = win->next)
        for (unsigned d = 0; d < TS_DOMAINS; d++)
            win->no_folds |= win->used[d] && win->state[d] == TS_WINDOW_SEALED;
}

/* With `derived` those of rules that others are merged into, which must not be opened again by that: these are first. */
static void close_windows(const struct loader *ld, const struct ts_sealed *sealed, struct ts_worker *wk, bool derived)
{
    const struct sealed_window *all = (const void *)sealed->windows.p;
    size_t n = sealed->windows.len / sizeof *all;
    for (unsigned r = 0; r < wk->nrules; r++) {
        struct ts_rule *rule = wk->rules[r];
        uint64_t name = ts_hash(rule->conf->name, strlen(rule->conf->name));
        for (size_t i = 0; i < n && !rule->hidden && !rule->sessions && (rule->base != NULL) == derived; i++) {
            const struct sealed_window *one = &all[i];
            if (one->rule != name || (rule->is_side && !one->aside) || !fits(rule, one->start_ns) ||
                ts_rule_end(rule, one->start_ns) != one->end_ns)
                continue;
            struct ts_window *win = ts_rule_window_at(rule, one->start_ns);
            if (!win || win->closed)
                continue;
            win->closed = true;
            close_window(ld, sealed, wk, rule, win);
            if (wk->watermark_ns != TS_TIME_NONE) { /* it was going on */
                win->used[TS_DOMAIN_EVENT] = true;
                win->state[TS_DOMAIN_EVENT] = TS_WINDOW_SEALING;
            }
        }
    }
}

/* ---- all of it ---- */

/* From now on the clock runs, and sources in event time are silent. */
static void start_clocks(struct loader *ld)
{
    for (unsigned w = 0; w < ld->to->nworkers; w++) {
        struct ts_worker *wk = ld->to->workers[w];
        for (unsigned s = 0; s < wk->conf.nsources; s++) {
            struct ts_source *src = &wk->sources[s];
            if (s == 0 && !ld->source_found)
                src->max_event_ns = ld->max_event_ns; /* somebody's; without any, nothing would seal what is open */
            src->arrival_ns = ld->now_ns;
            wk->horizon_ns[TS_DOMAIN_EVENT] = ld->max_event_ns;
            if (src->max_event_ns != TS_TIME_NONE)
                src->event_seen_ns = ld->now_ns;
        }
    }
}

static void count_restored(const struct ts_worker *wk, const struct ts_restored *out)
{
    ts_count(wk->cnt, TS_C_RESTORED_OPEN, out->panes - out->sealed);
    ts_count(wk->cnt, TS_C_RESTORED_SEALED, out->sealed);
    ts_count(wk->cnt, TS_C_RESTORED_NO_ROLLUP, out->no_rule);
    ts_count(wk->cnt, TS_C_RESTORED_NO_ROOM, out->no_room);
}

int ts_snapshot_restore(const struct ts_snapshot *snap, const struct ts_sealed *sealed, const struct ts_snapshots_conf *to,
                        int64_t now_ns, struct ts_restored *out)
{
    struct block block;
    size_t at = SNAP_HEAD;
    int rc = 0;
    *out = (struct ts_restored){.any = true, .gap_ns = now_ns - snap->taken_ns};
    struct loader ld = {.snap = snap, .to = to, .out = out, .now_ns = now_ns, .nformers = 64, .max_event_ns = TS_TIME_NONE};
    ld.formers = ts_xalloc(ld.nformers * sizeof *ld.formers);
    ld.next_ids = ts_xalloc(to->nworkers * sizeof *ld.next_ids);
    for (uint64_t number = 0; rc == 0 && next_block(snap, &at, number, &block) && block.worker != SNAP_LAST; number++)
        rc = load_block(&ld, &block);
    start_clocks(&ld);
    for (unsigned w = 0; w < to->nworkers; w++) {
        close_windows(&ld, sealed, to->workers[w], true);
        close_windows(&ld, sealed, to->workers[w], false);
        for (unsigned r = 0; r < to->workers[w]->nrules; r++)
            close_folds(sealed, to->workers[w]->rules[r]);
    }
    count_restored(to->workers[0], out);
    ts_free(ld.formers);
    ts_free(ld.next_ids);
    return rc;
}
