/*
 * Sessions into a snapshot, piece by piece like panes, and out of it again; and those that the journal had sealed since it was taken:
 * they are taken out, and what comes for them later does not begin them anew, or a part would take the place of the whole. Which these
 * are is kept, and goes into later snapshots, until nothing can come for them any more. Thread: worker; main at a start.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/hash.h"
#include "core/mem.h"

#include <stdlib.h>

#define FLAGS (TS_SESSION_CLOSED | TS_SESSION_CUT | TS_SESSION_SENT | TS_SESSION_CHANGED)

void ts_session_save(const struct ts_worker *wk, unsigned r, uint32_t slot, struct ts_buf *buf)
{
    const struct ts_rule *rule = wk->rules[r];
    for (unsigned layer = 0; layer < rule->sessions->nlayers; layer++) {
        const struct ts_session *ssn = ts_session_at(rule->sessions, layer, slot);
        if (!ssn)
            continue;
        ts_snap_put_uint(buf, r);
        ts_snap_put_i64(buf, ssn->first_ns);
        ts_buf_putc(buf, 0);
        size_t from = ts_snap_open(buf);
        ts_buf_putc(buf, (char)(ssn->flags & FLAGS));
        ts_snap_put_i64(buf, ssn->last_ns);
        ts_snap_put_i64(buf, ssn->time_ns);
        ts_snap_put_content(wk, rule, rule->sessions->layers[layer]->chunks[slot / TS_CHUNK_PANES], slot, buf);
        ts_snap_close(buf, from);
    }
}

/* It goes out with a time that a point has already. */
static void mark_sent(struct ts_session_row *row, struct ts_session *ssn, int64_t time_ns, unsigned flags)
{
    bool was_unsent = (ssn->flags & (TS_SESSION_SENT | TS_SESSION_CHANGED)) != TS_SESSION_SENT;
    ssn->flags |= flags;
    ssn->time_ns = time_ns;
    ssn->changed_ns = TS_TIME_NONE; /* it does not wait for more */
    row->unsent -= was_unsent && !(flags & TS_SESSION_CHANGED);
}

int ts_session_load(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, int64_t first_ns, struct ts_str bytes)
{
    struct ts_varints in = {bytes.p, bytes.p + bytes.len, false};
    unsigned flags = (unsigned)ts_snap_get_fixed(&in, 1) & FLAGS, layer;
    int64_t last_ns = ts_snap_get_i64(&in), time_ns = ts_snap_get_i64(&in);
    if (in.bad || last_ns < first_ns || last_ns >= SNAP_TIME_MAX || time_ns <= -SNAP_TIME_MAX || time_ns >= SNAP_TIME_MAX)
        return -TS_ECORRUPT;
    struct ts_session *ssn = ts_session_begin(wk, rule, slot, first_ns, &layer);
    if (!ssn)
        return -TS_ENOMEM;
    struct ts_session_row *row = ts_session_row(rule->sessions, slot);
    struct ts_pane_chunk *ch = rule->sessions->layers[layer]->chunks[slot / TS_CHUNK_PANES];
    int rc = ts_snap_load_content(wk, rule, ch, slot, (struct ts_str){in.p, (size_t)(in.end - in.p)});
    if (rc) {
        ts_session_clear(wk, rule, layer, slot);
        return rc;
    }
    ssn->last_ns = last_ns;
    ssn->flags |= flags & (TS_SESSION_CLOSED | TS_SESSION_CUT);
    if (flags & TS_SESSION_SENT)
        mark_sent(row, ssn, time_ns, flags & (TS_SESSION_SENT | TS_SESSION_CHANGED));
    row->due_ns[TS_DOMAIN_ARRIVAL] = row->due_ns[TS_DOMAIN_EVENT] = TS_TIME_NONE;
    return 0;
}

/* ---- what a stop has sent ---- */

/* Sessions are kept as the parts that they were; the stop sent them put together, with the time of the first. */
static void note_parts(struct ts_rule *rule, uint32_t slot)
{
    struct ts_sessions *set = rule->sessions;
    struct ts_session whole = {0}, *head = NULL;
    for (unsigned i = 0, n = ts_session_list(set, slot); i <= n; i++) {
        struct ts_session *ssn = i < n ? ts_session_at(set, set->order[i].layer, slot) : NULL;
        if (head && ssn && ts_session_goes_on(rule, &whole, ssn)) {
            whole.last_ns = TS_MAX(whole.last_ns, ssn->last_ns);
            whole.flags |= ssn->flags;
            continue;
        }
        if (head && !(whole.flags & TS_SESSION_SENT))
            mark_sent(ts_session_row(set, slot), head, head->first_ns, TS_SESSION_SENT | TS_SESSION_CHANGED);
        head = ssn;
        if (ssn)
            whole = *ssn;
    }
}

void ts_session_note_parts(struct ts_worker *wk, struct ts_rule *rule)
{
    for (uint32_t slot = 0; slot < wk->series.count; slot++)
        note_parts(rule, slot);
}

/* ---- what the journal has ---- */

bool ts_session_save_ended(const struct ts_worker *wk, uint32_t *at, uint32_t n, struct ts_buf *buf)
{
    uint32_t before = 0;
    for (unsigned r = 0; r < ts_snap_nrules(wk); r++) {
        const struct ts_sessions *set = wk->rules[r]->sessions;
        for (; set && *at < before + set->nended; ++*at) {
            if (n-- == 0)
                return false;
            const struct ts_session_ended *one = &set->ended[*at - before];
            ts_buf_putc(buf, 'E');
            ts_snap_put_uint(buf, r);
            ts_snap_put_u64(buf, one->series);
            ts_snap_put_i64(buf, one->time_ns);
            ts_snap_put_i64(buf, one->last_ns);
            ts_snap_put_i64(buf, one->duration_ns);
        }
        before += set ? set->nended : 0;
    }
    return true;
}

void ts_session_add_ended(struct ts_rule *rule, const struct ts_session_ended *one)
{
    struct ts_sessions *set = rule->sessions;
    int64_t least_ns = TS_MIN(one->time_ns, one->last_ns), most_ns = TS_MAX(one->time_ns, one->last_ns);
    if (least_ns <= -SNAP_TIME_MAX || most_ns >= SNAP_TIME_MAX || one->duration_ns < 0 || one->duration_ns >= SNAP_TIME_MAX)
        return;
    if (set->nended == set->ended_room) {
        set->ended_room = TS_MAX(64, 2 * set->ended_room);
        set->ended = ts_xresize(set->ended, set->ended_room * sizeof *set->ended);
    }
    set->ended[set->nended++] = *one;
}

static int by_series(const void *a, const void *b)
{
    const struct ts_session_ended *x = a, *y = b;
    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* Of each point one: what is known of its last version. */
static void sort_ended(const struct ts_worker *wk, const struct ts_rule *rule)
{
    struct ts_sessions *set = rule->sessions;
    uint32_t n = 0;
    qsort(set->ended, set->nended, sizeof *set->ended, by_series);
    set->ended_until_ns = TS_TIME_NONE;
    for (uint32_t i = 0; i < set->nended; i++) {
        const struct ts_session_ended *one = &set->ended[i];
        int64_t until_ns = ts_time_after(one->time_ns, one->duration_ns) + 1;
        until_ns = ts_time_after(ts_time_after(until_ns, rule->conf->session_ns), ts_session_keep(wk, rule));
        set->ended_until_ns = TS_MAX(set->ended_until_ns, until_ns);
        if (n && by_series(&set->ended[n - 1], one) == 0) {
            set->ended[n - 1].last_ns = TS_MAX(set->ended[n - 1].last_ns, one->last_ns);
            set->ended[n - 1].duration_ns = TS_MAX(set->ended[n - 1].duration_ns, one->duration_ns);
        } else {
            set->ended[n++] = *one;
        }
    }
    set->nended = n;
}

/* The series' ended sessions. @return the first, and how many. */
static struct ts_session_ended *find_ended(const struct ts_worker *wk, const struct ts_rule *rule, uint32_t slot, uint32_t *n)
{
    const struct ts_sessions *set = rule->sessions;
    struct ts_buf room = TS_BUF_INIT;
    struct ts_str name;
    uint32_t low = 0, high = set->nended;
    bool named = ts_rule_name(rule, &wk->series.slots[slot], &room, &name);
    uint64_t series = named ? ts_hash(name.p, name.len) : 0;
    ts_buf_fini(&room);
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (set->ended[mid].series < series)
            low = mid + 1;
        else
            high = mid;
    }
    for (*n = 0; named && low + *n < set->nended && set->ended[low + *n].series == series;)
        ++*n;
    return set->ended + low;
}

/* Both in one session of that length at most. */
static bool holds(const struct ts_session_ended *one, const struct ts_session *ssn)
{
    return TS_MAX(one->last_ns, ssn->last_ns) - TS_MIN(one->time_ns, ssn->first_ns) <= one->duration_ns;
}

/* sent: those that had been sent before; they come first, since they tell how far their new versions reach at least. */
static uint64_t close_slot(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, bool sent)
{
    struct ts_sessions *set = rule->sessions;
    uint64_t closed = 0;
    uint32_t nended;
    struct ts_session_ended *ended = find_ended(wk, rule, slot, &nended);
    for (unsigned i = 0, n = nended ? ts_session_list(set, slot) : 0; i < n; i++) {
        const struct ts_session *ssn = ts_session_at(set, set->order[i].layer, slot);
        bool found = false;
        for (uint32_t e = 0; e < nended && !found && !(ssn->flags & TS_SESSION_SENT) == !sent; e++) {
            found = sent ? ended[e].time_ns == ssn->time_ns : holds(&ended[e], ssn);
            if (found && sent)
                ended[e].last_ns = TS_MAX(ended[e].last_ns, ssn->last_ns);
        }
        if (found)
            ts_session_clear(wk, rule, set->order[i].layer, slot);
        closed += found;
    }
    return closed;
}

uint64_t ts_session_close_ended(struct ts_worker *wk, struct ts_rule *rule)
{
    uint64_t closed = 0;
    if (!rule->sessions->ended)
        return 0;
    sort_ended(wk, rule);
    for (uint32_t slot = 0; slot < wk->series.count; slot++) {
        closed += close_slot(wk, rule, slot, true);
        closed += close_slot(wk, rule, slot, false);
    }
    return closed;
}

bool ts_session_is_ended(const struct ts_worker *wk, const struct ts_rule *rule, uint32_t slot, int64_t time_ns)
{
    uint32_t n;
    const struct ts_session_ended *ended = find_ended(wk, rule, slot, &n);
    for (uint32_t i = 0; i < n; i++)
        if (time_ns >= ended[i].last_ns - ended[i].duration_ns && time_ns <= ts_time_after(ended[i].time_ns, ended[i].duration_ns))
            return true;
    return false;
}

void ts_session_drop_ended(const struct ts_worker *wk, struct ts_rule *rule)
{
    struct ts_sessions *set = rule->sessions;
    int64_t event_ns = ts_worker_watermark(wk, rule);
    if (wk->snap && wk->snap->busy) /* it is being written, and knows its place by number */
        return;
    if (wk->clock_ns <= set->ended_until_ns || (event_ns != TS_TIME_NONE && event_ns <= set->ended_until_ns))
        return;
    TS_FREE(set->ended);
    set->nended = set->ended_room = 0;
}
