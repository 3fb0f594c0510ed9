/*
 * Sessions to rollup points. Thread: worker. A chunk of series is looked at when something may be due in it, and then not again for a
 * moment, since each of them has its own time. When the journal's ring is full it is looked at again later, and the panes stay.
 */
#include "config.h"
#include "window/window_session.h"

#define LOOK_EVERY_NS    (500 * TS_MS) /* on the worker's clock, or */
#define LOOKS_PER_GAP    4             /* by the watermark, whichever is sooner */
#define CORRECT_EVERY_NS TS_SEC        /* late samples of a closed session are collected for this long */

void ts_session_tell(const struct ts_pane_chunk *ch, uint32_t slot, struct ts_rollup *point)
{
    const struct ts_session *ssn = &ch->sessions->at[slot % TS_CHUNK_PANES];
    point->time_ns = ssn->flags & TS_SESSION_SENT ? ssn->time_ns : ssn->first_ns;
    point->duration_ns = (int64_t)((uint64_t)ssn->last_ns - (uint64_t)ssn->first_ns);
}

static int64_t time_of(const struct ts_worker *wk, const struct ts_rule *rule, enum ts_domain domain)
{
    return domain == TS_DOMAIN_EVENT ? ts_worker_watermark(wk, rule) : wk->clock_ns;
}

/* Sends the session if that is due. @return false: not now. */
static bool send(struct ts_worker *wk, const struct ts_rule *rule, struct ts_session_row *row, unsigned layer, uint32_t slot, bool everything)
{
    static const struct ts_window any; /* points of sessions have times of their own */
    const struct ts_sessions *set = rule->sessions;
    struct ts_session *ssn = ts_session_at(set, layer, slot);
    const struct ts_pane_chunk *ch = set->layers[layer]->chunks[slot / TS_CHUNK_PANES];
    bool sent = ssn->flags & TS_SESSION_SENT;
    if (sent && !everything && wk->clock_ns < ssn->changed_ns + CORRECT_EVERY_NS) {
        row->correct_ns = TS_MIN(row->correct_ns, ssn->changed_ns + CORRECT_EVERY_NS);
        return true;
    }
    if (!ts_window_send_pane(wk, rule, &any, slot, ts_chunk_pane(ch, slot), ch, sent))
        return false;
    if (!sent)
        ssn->time_ns = ssn->first_ns;
    ssn->flags = (ssn->flags | TS_SESSION_SENT) & ~(uint32_t)TS_SESSION_CHANGED;
    row->unsent--;
    ts_slot_saw(&wk->series.slots[slot], wk->clock_ns);
    return true;
}

/* Sends what is due of a series and forgets what can be forgotten. @return false: not now. */
static bool look_at_slot(struct ts_worker *wk, struct ts_rule *rule, struct ts_session_row *row, uint32_t slot)
{
    struct ts_sessions *set = rule->sessions;
    enum ts_domain domain = ts_slot_is_of(wk, slot, TS_DOMAIN_EVENT) ? TS_DOMAIN_EVENT : TS_DOMAIN_ARRIVAL;
    int64_t now_ns = time_of(wk, rule, domain);
    int64_t keep_ns = domain == TS_DOMAIN_EVENT ? ts_session_keep(wk, rule) : 0;
    bool everything = wk->draining || (wk->idle && domain == TS_DOMAIN_EVENT);
    unsigned n = ts_session_settle(wk, rule, slot, now_ns, everything);
    for (unsigned i = 0; i < n; i++) {
        unsigned layer = set->order[i].layer;
        const struct ts_session *ssn = ts_session_at(set, layer, slot);
        if (!everything && !(ssn->flags & TS_SESSION_CLOSED))
            continue; /* settling has said when */
        if ((ssn->flags & (TS_SESSION_SENT | TS_SESSION_CHANGED)) != TS_SESSION_SENT && !send(wk, rule, row, layer, slot, everything))
            return false;
        int64_t until_ns = ts_time_after(ts_session_end(rule, ssn), keep_ns);
        if (ssn->flags & TS_SESSION_CHANGED) /* a correction waits for more */
            continue;
        if (wk->draining || domain == TS_DOMAIN_ARRIVAL || until_ns <= now_ns)
            ts_session_clear(wk, rule, layer, slot);
        else
            row->due_ns[domain] = TS_MIN(row->due_ns[domain], until_ns);
    }
    return true;
}

static bool is_due(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_session_row *row)
{
    int64_t event_ns = ts_worker_watermark(wk, rule);
    if (wk->draining)
        return true;
    if (!(wk->idle && row->unsent) && row->due_ns[TS_DOMAIN_ARRIVAL] > wk->clock_ns &&
        (event_ns == TS_TIME_NONE || row->due_ns[TS_DOMAIN_EVENT] > event_ns) && row->correct_ns > wk->clock_ns)
        return false;
    return row->looked_ns == TS_TIME_NONE || wk->clock_ns >= row->looked_ns + LOOK_EVERY_NS ||
           event_ns >= ts_time_after(row->looked_event_ns, rule->conf->session_ns / LOOKS_PER_GAP);
}

/* All series of a chunk. @return false: not now; what is due will be found again. */
static bool look_at_row(struct ts_worker *wk, struct ts_rule *rule, uint32_t index)
{
    struct ts_session_row *row = rule->sessions->rows[index], before = *row;
    uint32_t end = TS_MIN((index + 1) * TS_CHUNK_PANES, wk->series.count);
    row->due_ns[TS_DOMAIN_ARRIVAL] = row->due_ns[TS_DOMAIN_EVENT] = row->correct_ns = INT64_MAX;
    for (uint32_t slot = index * TS_CHUNK_PANES; slot < end; slot++) {
        if (!look_at_slot(wk, rule, row, slot)) {
            memcpy(row->due_ns, before.due_ns, sizeof row->due_ns);
            row->correct_ns = before.correct_ns;
            return false;
        }
    }
    row->looked_ns = wk->clock_ns;
    row->looked_event_ns = ts_worker_watermark(wk, rule);
    return true;
}

/* ts_worker_is_sealing asks for it. */
static bool note_pause(struct ts_rule *rule, bool paused)
{
    for (unsigned i = 0; i < rule->sessions->nlayers; i++)
        if (rule->sessions->layers[i])
            rule->sessions->layers[i]->state[TS_DOMAIN_EVENT] = paused ? TS_WINDOW_SEALING : TS_WINDOW_OPEN;
    return !paused;
}

bool ts_session_seal(struct ts_worker *wk, struct ts_rule *rule, uint32_t *budget)
{
    struct ts_sessions *set = rule->sessions;
    if (set->ended)
        ts_session_drop_ended(wk, rule);
    for (uint32_t i = 0; i < set->nrows; i++) {
        if (set->next_row >= set->nrows)
            set->next_row = 0;
        const struct ts_session_row *row = set->rows[set->next_row];
        if (row && set->nlayers && is_due(wk, rule, row)) {
            if (*budget < TS_CHUNK_PANES)
                return note_pause(rule, true);
            *budget -= TS_MIN(*budget, TS_CHUNK_PANES * set->nlayers);
            if (!look_at_row(wk, rule, set->next_row))
                return note_pause(rule, true);
        }
        set->next_row++;
    }
    return note_pause(rule, false);
}
