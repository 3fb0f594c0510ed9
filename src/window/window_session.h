#ifndef TS_WINDOW_SESSION_H
#define TS_WINDOW_SESSION_H
/*
 * Sessions of one rule. A series has as many panes as it has sessions at the time, each in another layer: a window of the rule that
 * knows nothing but its chunks. So what is done with a pane elsewhere is done with a session, too.
 */
#include "window/window_priv.h"

#define TS_LAYERS_MAX 1024 /* sessions of a series */

enum ts_session_flag {
    TS_SESSION_USED = 1,
    TS_SESSION_CLOSED = 2,  /* the watermark has passed its end: only a late sample belongs to it */
    TS_SESSION_CUT = 4,     /* what follows would make it too long */
    TS_SESSION_SENT = 8,
    TS_SESSION_CHANGED = 16 /* since then */
};

struct ts_session {
    int64_t first_ns, last_ns; /* of its samples */
    int64_t time_ns;           /* of its point, once it has been sent */
    int64_t changed_ns;        /* arrival of the first sample since then, as far as one is to wait for more */
    uint32_t flags;
};

/* Beside the panes of a chunk. */
struct ts_pane_sessions {
    uint32_t used;
    struct ts_session at[TS_CHUNK_PANES];
};

/* What is known of the same chunk of all layers. */
struct ts_session_row {
    int64_t due_ns[TS_DOMAINS]; /* no sooner there is something to do; INT64_MAX: never */
    int64_t correct_ns;         /* on the worker's clock: the same for corrections */
    int64_t looked_ns;          /* on the worker's clock: the last time it was gone through */
    int64_t looked_event_ns;    /* the same by the watermark */
    uint32_t unsent;            /* sessions of which something has not been sent */
    uint16_t newest[TS_CHUNK_PANES]; /* by series: the layer of the session that the last sample went to */
};

struct ts_session_place {
    int64_t first_ns;
    unsigned layer;
};

/* A session that the journal had before a start, sent after the snapshot that was restored: it is not begun again. */
struct ts_session_ended {
    uint64_t series;     /* hash of its name as it was sent */
    int64_t time_ns;     /* of its point, which is that of one of its samples */
    int64_t last_ns;     /* of its last sample, or before it */
    int64_t duration_ns; /* as it was sent last */
};

struct ts_sessions {
    struct ts_window **layers;      /* NULL: not in use */
    struct ts_session_place *order; /* one series' sessions, earliest first; see ts_session_list */
    unsigned nlayers, room;
    struct ts_session_row **rows;
    uint32_t nrows, next_row; /* to look at */
    struct ts_session_ended *ended; /* by series; NULL: none */
    uint32_t nended, ended_room;
    int64_t ended_until_ns; /* when the worker's times have passed this, they have gone */
    int64_t part_ns; /* with a longest length: sessions are made of parts, none of which lies across a multiple of this; 0: no limit */
};

static inline int64_t ts_time_after(int64_t t_ns, int64_t ns)
{
    int64_t sum;
    return __builtin_add_overflow(t_ns, ns, &sum) ? INT64_MAX : sum;
}

/** The first time that belongs to the session no more, when nothing else comes. */
static inline int64_t ts_session_end(const struct ts_rule *rule, const struct ts_session *ssn)
{
    return ts_time_after(ssn->last_ns, rule->conf->session_ns + 1);
}

/** How long a closed session is kept. */
static inline int64_t ts_session_keep(const struct ts_worker *wk, const struct ts_rule *rule)
{
    (void)wk;
    return rule->keep_ns;
}

TS_INLINE struct ts_session *ts_session_at(const struct ts_sessions *set, unsigned layer, uint32_t slot)
{
    const struct ts_window *win = layer < set->nlayers ? set->layers[layer] : NULL;
    uint32_t index = slot / TS_CHUNK_PANES;
    if (!win || index >= win->nchunks || !win->chunks[index])
        return NULL;
    struct ts_session *ssn = &win->chunks[index]->sessions->at[slot % TS_CHUNK_PANES];
    return ssn->flags & TS_SESSION_USED ? ssn : NULL;
}

static inline struct ts_session_row *ts_session_row(const struct ts_sessions *set, uint32_t slot)
{
    return set->rows[slot / TS_CHUNK_PANES];
}

/** Lists the slot's sessions in set->order. @return how many. */
unsigned ts_session_list(struct ts_sessions *set, uint32_t slot);

/**
 * Puts together what belongs together, as far as no sample can come any more that the watermark would not find late, and closes what
 * the watermark has passed; of what is left open, the row's due_ns is told. everything: nothing will come.
 * @return how many there are in set->order.
 */
unsigned ts_session_settle(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, int64_t watermark_ns, bool everything);

/** A new session of the slot, in a layer of its own. @return NULL: no memory, or too many. */
struct ts_session *ts_session_begin(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, int64_t time_ns, unsigned *layer);

/** Whether b, which does not begin before a, goes on where a was, and both fit into one session. */
bool ts_session_goes_on(const struct ts_rule *rule, const struct ts_session *a, const struct ts_session *b);

/* ---- in snapshots: window_session_snapshot.c ---- */

/** Appends the slot's sessions under rule number r. */
void ts_session_save(const struct ts_worker *wk, unsigned r, uint32_t slot, struct ts_buf *buf);

/** Puts one back. @return 0; -TS_ECORRUPT; -TS_ENOMEM. @thread main */
int ts_session_load(struct ts_worker *wk, struct ts_rule *rule, uint32_t slot, int64_t first_ns, struct ts_str bytes) TS_MUST_CHECK;

/** What is open was sent at a stop, too: its points replace these. @thread main */
void ts_session_note_parts(struct ts_worker *wk, struct ts_rule *rule);

/** Appends up to n of the rules' ended sessions, from *at on. @return whether there are no more. */
bool ts_session_save_ended(const struct ts_worker *wk, uint32_t *at, uint32_t n, struct ts_buf *buf);

/** Ends the process without memory. @thread main */
void ts_session_add_ended(struct ts_rule *rule, const struct ts_session_ended *one);

/** Sorts those that were added, and takes out of the worker what is in them. @return how many sessions that was. @thread main */
uint64_t ts_session_close_ended(struct ts_worker *wk, struct ts_rule *rule);

/** Whether a sample lies within an ended session of its series. */
bool ts_session_is_ended(const struct ts_worker *wk, const struct ts_rule *rule, uint32_t slot, int64_t time_ns);

/** Forgets ended sessions when nothing can come for them any more. */
void ts_session_drop_ended(const struct ts_worker *wk, struct ts_rule *rule);

/** Forgets a session. */
void ts_session_clear(struct ts_worker *wk, struct ts_rule *rule, unsigned layer, uint32_t slot);

#endif
