/*
 * A snapshot's bytes back into workers that do not run yet. Thread: main. Series go to the worker that their hash says, however many
 * there were before. A pane whose rule is gone, or that there is no room for, is left out, counted. Reading accepts any bytes.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/hash.h"
#include "core/mem.h"

#define SOURCES_MAX 65536

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
    uint64_t version = get_uint(bytes.p + 8, 4);
    if (version < SNAP_VERSION_FIRST || version > SNAP_VERSION)
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
    for (unsigned r = 0; r < wk->nrules; r++)
        if (form == ts_snap_form(wk->rules[r]) && ts_rule_key(wk->rules[r]) == key && (wk->rules[r]->wants & ~wants) == 0)
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

static int load_stats(const struct ts_rule *rule, struct ts_pane_chunk *ch, uint32_t slot,
                      struct ts_varints *in)
{
    struct ts_stats *st = &ts_chunk_pane(ch, slot)->stats;
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
        int rc = ts_sketch_load(sketch, &sk);
        if (rc)
            return rc;
        if (ch->sketched)
            *ts_chunk_sketch(ch, slot) = sk;
        else
            ts_sketch_fini(&sk);
    }
    return parts & PART_MORE ? ts_window_load_more(ch, slot, rule->conf->histogram.n, (struct ts_str){in->p, (size_t)(in->end - in->p)})
                             : 0;
}

int ts_snap_load_content(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch, uint32_t slot, struct ts_str bytes)
{
    union ts_pane *pane = ts_chunk_pane(ch, slot);
    struct ts_varints in = {bytes.p, bytes.p + bytes.len, false};
    uint8_t kind = wk->series.slots[slot].kind;
    if (kind != TS_KIND_SET && kind != TS_KIND_STRING)
        return load_stats(rule, ch, slot, &in);
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

/* @return 0; -TS_ECORRUPT; -TS_ENOMEM. */
static int load_into(struct loader *ld, struct ts_worker *wk, struct ts_rule *rule, int64_t start_ns, uint32_t slot,
                     unsigned flags, struct ts_str content)
{
    enum ts_domain domain = wk->series.slots[slot].flags & TS_SLOT_EVENT ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL;
    struct ts_window *win = ts_rule_window_at(rule, start_ns);
    if (win && flags & PANE_WANTED) {
        win->used[TS_DOMAIN_ARRIVAL] = true;
        return 0;
    }
    struct ts_pane_chunk *ch = win ? ts_window_chunk(win, slot) : NULL;
    if (!ch)
        return -TS_ENOMEM;
    if (ts_chunk_pane(ch, slot)->stats.count != 0)
        return -TS_ECORRUPT; /* twice */
    int rc = flags & PANE_DONE ? 0 : ts_snap_load_content(wk, rule, ch, slot, content);
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
    win->made_ns = TS_MIN(win->made_ns, ld->snap->taken_ns);
    win->again |= ld->snap->final || flags & PANE_AGAIN;
    win->mixed |= flags & PANE_MERGED;
    ch->event |= domain == TS_DOMAIN_EVENT;
    if (flags & (PANE_MERGED | PANE_DONE))
        ts_snap_set_bit(ch->merged, slot);
    ld->out->panes += !(flags & PANE_DONE);
    return 0;
}

/* What the workers have of the window is not all that its groups had. */
static void leave_groups(const struct loader *ld, unsigned rule, int64_t start_ns)
{
    for (unsigned w = 0; w < ld->to->nworkers; w++) {
        struct ts_window *win = ts_rule_window_at(ld->to->workers[w]->rules[rule], start_ns);
        if (win)
            win->no_folds = true;
    }
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
        if (!rule || !ts_snap_fits(rule, start_ns) || (slot != TS_SLOT_REFUSED && !ts_rule_matches(rule, slot))) {
            ld->out->no_rule += !(flags & (PANE_DONE | PANE_WANTED));
            continue;
        }
        if (slot != TS_SLOT_REFUSED && rule->sessions) {
            rc = ts_session_load(wk, rule, slot, start_ns, content);
            ld->out->panes += rc == 0;
        } else if (slot != TS_SLOT_REFUSED) {
            if (flags & PANE_BESIDE)
                leave_groups(ld, index, start_ns);
            rc = load_into(ld, wk, rule, start_ns, slot, flags, content);
        }
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

/* Sessions that the journal had sealed before the start that this snapshot followed. */
static int load_ended(struct loader *ld, const struct former *former, struct ts_varints *in)
{
    uint64_t r = ts_varint_get(in), series = ts_snap_get_fixed(in, 8);
    struct ts_session_ended one = {.series = series, .time_ns = ts_snap_get_i64(in), .last_ns = ts_snap_get_i64(in)};
    one.duration_ns = ts_snap_get_i64(in);
    if (in->bad || r >= former->nrules)
        return -TS_ECORRUPT;
    unsigned index = former->rules[r].index;
    for (unsigned w = 0; w < ld->to->nworkers && index != UINT_MAX && ld->to->workers[w]->rules[index]->sessions; w++)
        ts_session_add_ended(ld->to->workers[w]->rules[index], &one);
    return 0;
}

static int load_block(struct loader *ld, const struct block *block)
{
    struct ts_varints in = {block->payload.p, block->payload.p + block->payload.len, false};
    int rc = block->worker < ld->nformers ? 0 : -TS_ECORRUPT;
    while (rc == 0 && in.p < in.end) {
        struct former *former = &ld->formers[block->worker];
        char what = *in.p++;
        if (what != 'W' && !former->begun)
            return -TS_ECORRUPT;
        switch (what) {
        case 'W': rc = load_start(ld, former, &in); break;
        case 'S': rc = load_series(ld, former, &in); break;
        case 'E': rc = load_ended(ld, former, &in); break;
        case 'C': rc = ts_snap_load_losses(&in); break;
        default: rc = -TS_ECORRUPT;
        }
    }
    return rc;
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
    for (unsigned w = 0; w < to->nworkers; w++)
        ts_sealed_close(sealed, to->workers[w], snap->final, out);
    count_restored(to->workers[0], out);
    ts_free(ld.formers);
    ts_free(ld.next_ids);
    return rc;
}
