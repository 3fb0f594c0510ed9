#ifndef TS_WINDOW_WINDOW_PRIV_H
#define TS_WINDOW_WINDOW_PRIV_H
/* Inside the window stage: all of it belongs to one worker thread. */
#include "core/clock.h"
#include "core/hll.h"
#include "core/pool.h"
#include "core/runs.h"
#include "core/sketch.h"
#include "core/zone.h"
#include "window/window.h"
#include "window/window_group.h"

/* ---- series of this worker: window_series.c ---- */

enum ts_slot_flag {
    TS_SLOT_EVENT = 1,  /* lives in event time: has had a sample with a time of its own */
    TS_SLOT_ARRIVAL = 2, /* has had a sample before that, placed by arrival */
    TS_SLOT_KEPT = 4,    /* a gauge in arrival time with a value to send again */
    TS_SLOT_LEAVING = 8, /* is on the list of those without an id */
    TS_SLOT_GONE = 16    /* is in no bucket any more; its bytes may still be read */
};

struct ts_slot {
    char *series; /* encoded; NULL: free */
    uint16_t len;
    uint8_t kind; /* enum ts_kind */
    uint8_t flags;
    uint32_t tag;  /* of the hash */
    double gauge;  /* current value, what relative gauges change */
    union {
        int64_t closed_ns; /* moved to event time here: windows that end no later have been sent by arrival time */
        double kept;       /* of a gauge in arrival time: its last value in the windows sent so far */
        uint64_t epoch;    /* of a series that has left: when this many batches are back, nobody reads its bytes */
    };
    uint32_t ids;      /* of all sources, that stand for it */
    union {
        uint32_t seen_s; /* worker's clock, in seconds, when its last window with samples was sent, or when it was made */
        uint32_t next;   /* with TS_SLOT_LEAVING or TS_SLOT_GONE: in a list of slots */
    };
};
_Static_assert(sizeof(struct ts_slot) == 40, "there may be millions");

/* First in, first out; through ts_slot.next. */
struct ts_slot_list {
    uint32_t first, last;
};
#define TS_SLOT_NONE UINT32_MAX

struct ts_series_table {
    struct ts_slot *slots;
    uint32_t count, cap; /* slots ever used, free ones among them: series is NULL then */
    uint32_t live;       /* series in the buckets */
    struct ts_slot_list leaving; /* no id stands for them, perhaps a window does */
    struct ts_slot_list limbo;   /* gone, but batches may hold their bytes */
    struct ts_slot_list free;
    struct ts_runs names; /* their bytes */
    uint32_t *buckets; /* slot + 1, 0 free; linear probing, at most half full */
    uint32_t mask;
};

/* What a source's id stands for: a slot, or one of these. */
#define TS_SLOT_SPECIAL      (UINT32_C(1) << 31) /* set beside a slot: gauge, set or string, or nothing placed by arrival yet */
#define TS_SLOT_REFUSED      UINT32_MAX
#define TS_SLOT_TIMED        (UINT32_C(1) << 30) /* set beside a slot: a timing, counter or field that has always been in event time */
#define TS_SLOT_MARKS        (TS_SLOT_SPECIAL | TS_SLOT_TIMED)
#define TS_SLOTS_MAX         (TS_SLOT_TIMED - 1024)

void ts_series_table_init(struct ts_series_table *tab);
void ts_series_table_fini(struct ts_series_table *tab);

/** The series' slot; a new one when there is none. *added says so. @return TS_SLOT_REFUSED: no memory. */
uint32_t ts_series_table_get(struct ts_series_table *tab, const struct ts_announce *announce, bool *added);

/** Takes the series out of the buckets. Its bytes stay, and its slot is not given again, until `epoch` has passed. */
void ts_series_table_remove(struct ts_series_table *tab, uint32_t slot, uint64_t epoch);

/** Frees what was removed with this epoch or an earlier one. */
void ts_series_table_reclaim(struct ts_series_table *tab, uint64_t epoch);

void ts_slot_list_push(struct ts_series_table *tab, struct ts_slot_list *list, uint32_t slot);
uint32_t ts_slot_list_pop(struct ts_series_table *tab, struct ts_slot_list *list); /* TS_SLOT_NONE: empty */

/* ---- panes and windows of one rule: window_pane.c ---- */

#define TS_CHUNK_PANES 1024

/* What a window knows of a series: one cache line. Which member counts says the series' kind. */
union ts_pane {
    struct ts_stats stats;
    struct {
        double count; /* shared with stats: 0 is an untouched pane */
        struct ts_hll *hll;
    } set;
    struct {
        double count;
        struct ts_text *text;
        int64_t time_ns;
    } string;
};
_Static_assert(sizeof(union ts_pane) == 64, "a pane is a cache line");

union ts_cell {
    union ts_pane pane;
    struct ts_sketch sketch;
};

struct ts_pane_chunk {
    bool sketched;        /* each pane has its sketch behind it, so that a sample touches one page and a pair of cache lines */
    struct ts_more *more; /* beside the panes, made when a rule wants them: window_more.c */
    struct ts_pane_sessions *sessions; /* when the panes are sessions: window_session.c */
    int64_t *last_ns; /* event time of each `last`; made when the first sample with a time of its own comes */
    bool event;       /* holds a pane of a series in event time */
    bool owns;        /* holds panes of sets or strings, which own memory */
    uint64_t dirty[TS_CHUNK_PANES / 64]; /* sealed panes that late samples have changed */
    uint64_t merged[TS_CHUNK_PANES / 64]; /* panes that rules derived from this one have; empty ones: see ts_chunk_is_done */
    uint64_t folded[TS_CHUNK_PANES / 64]; /* panes that groups have as they were sealed in arrival time */
    union ts_cell cells[] TS_ALIGNED; /* TS_CHUNK_PANES, twice as many of a sketched chunk */
};
_Static_assert(sizeof(struct ts_pane_chunk) % (2 * TS_CACHELINE) == TS_CACHELINE, "in a pool's item a pane and its sketch are a pair of lines");
#define TS_CHUNK_BYTES(sketched) (sizeof(struct ts_pane_chunk) + (TS_CHUNK_PANES << (sketched)) * sizeof(union ts_cell))

/** A slot's pane; the chunk is its own. */
TS_INLINE union ts_pane *ts_chunk_pane(const struct ts_pane_chunk *ch, uint32_t slot)
{
    return (union ts_pane *)(uintptr_t)&ch->cells[slot % TS_CHUNK_PANES << ch->sketched].pane;
}

/** The same of a chunk that is known not to be sketched, and of one that is: without a look at the chunk. */
TS_INLINE union ts_pane *ts_chunk_pane_alone(struct ts_pane_chunk *ch, uint32_t slot)
{
    return &ch->cells[slot % TS_CHUNK_PANES].pane;
}

TS_INLINE union ts_cell *ts_chunk_pair(struct ts_pane_chunk *ch, uint32_t slot)
{
    return &ch->cells[slot % TS_CHUNK_PANES * 2];
}

/** A slot's sketch, NULL where there are none. */
TS_INLINE struct ts_sketch *ts_chunk_sketch(const struct ts_pane_chunk *ch, uint32_t slot)
{
    return ch->sketched ? (struct ts_sketch *)(uintptr_t)&ch->cells[slot % TS_CHUNK_PANES * 2 + 1].sketch : NULL;
}

enum ts_window_state {
    TS_WINDOW_OPEN,    /* nothing sent */
    TS_WINDOW_SEALING, /* being sent, from `cursor` on */
    TS_WINDOW_SEALED
};

/* A window is sealed twice: for series in arrival time by the clock, for series in event time by the watermark. */
enum ts_domain { TS_DOMAIN_ARRIVAL, TS_DOMAIN_EVENT, TS_DOMAINS };

struct ts_window {
    struct ts_pool *pool; /* of its chunks */
    bool sketched;        /* they all are */
    int64_t start_ns, end_ns;
    int64_t made_ns; /* or the earliest of what was merged into it: until then nothing of it had arrived */
    enum ts_window_state state[TS_DOMAINS];
    bool used[TS_DOMAINS];
    bool closed; /* sealed before a crash: takes nothing but for panes that were restored; some of its points may have yet to go */
    bool again;  /* a part of it was sent at a stop */
    bool no_folds; /* restored, and groups have gone out for it: nothing of it is folded again */
    bool held;     /* sealed in arrival time, but its panes stay until groups have gone out, for the snapshot */
    bool gone;     /* they have, when last looked at */
    bool beside;   /* they had a part of series in arrival time that is in no pane any more */
    bool mixed;  /* open, but restored with panes that derived rules have: of a worker that was further */
    uint32_t cursor[TS_DOMAINS]; /* next slot to send */
    uint64_t dirty;              /* panes with a dirty bit */
    int64_t dirty_since_ns;      /* arrival time of the first of them */
    uint32_t nchunks;
    struct ts_pane_chunk **chunks; /* NULL: untouched; TS_CHUNK_GONE: freed after it was sent */
    struct ts_partials **folds;    /* by fold and domain, of panes sealed so far; NULL: none */
    struct ts_window *next;        /* by start, earliest first */
};

#define TS_CHUNK_GONE ((struct ts_pane_chunk *)(uintptr_t)1)

/*
 * Rules that share panes: samples are added to the finest rule alone (the base), and when its windows are sealed, their panes are
 * merged into the windows of the others (derived). A sample that comes when its pane has been merged is added to these, too.
 */
struct ts_rule {
    const struct ts_conf_rollup *conf;
    struct ts_pool *chunks;      /* the worker's two */
    int64_t every_ns, period_ns; /* period_ns is longer: windows overlap, and the rule is derived, or a side */
    struct ts_rule *base;        /* NULL: samples are added to it */
    struct ts_rule **derived;
    unsigned nderived;
    uint32_t nmerges; /* windows that a pane is merged into */
    struct ts_rule *side; /* of what is too late here; NULL: dropped */
    struct ts_sessions *sessions; /* its windows are these and begin nowhere, every_ns is 0; NULL: they are not */
    bool is_side;
    bool hidden;          /* panes only: no series is sent */
    struct ts_fold *folds; /* rollups of groups that have these windows */
    unsigned nfolds;
    struct ts_rule_set *set;
    struct ts_rule *head;  /* the base of its family: the rules that share panes, and their sides */
    struct ts_span sent;   /* windows whose points are its own */
    struct ts_span taken;  /* windows that it has: those and what derived rules are merged from. Of sessions: times of samples */
    bool ending;           /* it is not in the configuration any more */
    bool folded;              /* it, or one derived, has folds */
    struct ts_gather *gather; /* with folds */
    bool tracks_last;     /* it, or one derived, asks for `last` */
    const uint64_t *masks; /* by slot: the set's; NULL: it matches everything */
    uint64_t bit;          /* in masks */
    int64_t keep_ns;       /* how long sealed windows are kept for corrections */
    struct ts_conf_rollup own; /* what conf points to when the rule is not as configured */
    struct ts_window *windows;
    struct ts_window *recent;  /* the last one found: nearly always the next one too */
    struct ts_window *arrival; /* that of the slab being added, or NULL */
    uint64_t nwindows;
    unsigned wants; /* bits of enum ts_wants: what its aggregates need beside panes, and those of rules derived from it */
    unsigned sends; /* what its own need */
};

/* ---- what was lost of a window: window_completeness.c ---- */

/**
 * The share of what was received for a window that was aggregated: in arrival time from its start to its end, in event time while it was
 * open. made_ns as in struct ts_window. @return 1 when the rollup does not ask for it.
 */
double ts_window_completeness(const struct ts_worker *wk, const struct ts_conf_rollup *conf, enum ts_domain domain, int64_t start_ns,
                              int64_t end_ns, int64_t made_ns);

/** Where the window starts that t_ns falls into, of overlapping ones the last. */
TS_INLINE int64_t ts_rule_floor(const struct ts_rule *rule, int64_t t_ns)
{
    const struct ts_window *win = rule->recent;
    if (TS_LIKELY(!rule->conf->calendar))
        return ts_clock_floor(t_ns, rule->every_ns);
    return win && t_ns >= win->start_ns && t_ns < win->end_ns ? win->start_ns : ts_zone_floor(t_ns, rule->conf->calendar);
}

/** Where the window ends that starts at start_ns. */
TS_INLINE int64_t ts_rule_end(const struct ts_rule *rule, int64_t start_ns)
{
    const struct ts_window *win = rule->recent;
    if (TS_LIKELY(!rule->conf->calendar))
        return start_ns + rule->period_ns;
    return win && win->start_ns == start_ns ? win->end_ns : ts_zone_next(start_ns, rule->conf->calendar);
}

/** An empty pane with the bit of a merged one: the point of its slot was sent before a crash, and nothing follows. */
TS_INLINE bool ts_chunk_is_done(const struct ts_pane_chunk *ch, uint32_t slot)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    return ts_chunk_pane(ch, i)->stats.count == 0 && ch->merged[i / 64] >> (i % 64) & 1;
}

/** The window that t_ns falls into, of overlapping ones the last; made when it is not there. @return NULL without memory, or when it is not the rule's. */
struct ts_window *ts_rule_window(struct ts_rule *rule, int64_t t_ns);

/** The window that starts at start_ns, a multiple of every. */
struct ts_window *ts_rule_window_at(struct ts_rule *rule, int64_t start_ns);

/** The chunk of a slot, made when it is not there. @return NULL without memory; TS_CHUNK_GONE. */
struct ts_pane_chunk *ts_window_make_chunk(struct ts_window *win, uint32_t index);

TS_INLINE struct ts_pane_chunk *ts_window_chunk(struct ts_window *win, uint32_t slot)
{
    uint32_t index = slot / TS_CHUNK_PANES;
    struct ts_pane_chunk *ch = TS_LIKELY(index < win->nchunks) ? win->chunks[index] : NULL;
    return TS_LIKELY(ch) ? ch : ts_window_make_chunk(win, index);
}

/** Before its first chunk: which ones it has. */
void ts_window_use_pool(struct ts_window *win, const struct ts_rule *rule);

/** Frees the chunk's memory with what its panes own. */
void ts_window_free_chunk(struct ts_window *win, uint32_t index, const struct ts_series_table *tab);

/** Takes a window off the rule's list and frees it. */
void ts_rule_forget(struct ts_rule *rule, struct ts_window *win, const struct ts_series_table *tab);

/** Forgets a pane and what is kept beside it. */
void ts_window_clear_pane(struct ts_pane_chunk *ch, uint32_t slot, enum ts_kind kind);

/* ---- what only some rules keep: window_sketch.c, window_more.c ---- */

enum ts_wants {
    TS_WANTS_SKETCH = 1, /* quantiles */
    TS_WANTS_FIRST = 2,
    TS_WANTS_INCREASE = 4,
    TS_WANTS_DISTINCT = 8, /* of numbers */
    TS_WANTS_HISTOGRAM = 16,
    TS_WANTS_LAST = 32, /* the time of `last` also in arrival time, to tell which series of a group has the latest */
    TS_WANTS_MORE = TS_WANTS_FIRST | TS_WANTS_INCREASE | TS_WANTS_DISTINCT | TS_WANTS_HISTOGRAM
};

unsigned ts_rule_wants(const struct ts_conf_rollup *conf);

struct ts_worker;

/** Adds a sample to what the rule keeps beside the pane; without memory it misses there, counted. */
void ts_window_add_wanted(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch,
                          uint32_t slot, double value, double weight, int64_t time_ns);

#define TS_MANY_IDS 65536 /* with more than these their table of slots does not stay in the cache */

struct ts_source;

/**
 * Plain points, of n, under a single rule that wants sketches and nothing else.
 * @return how many it added, up to the first that is something else.
 */
uint32_t ts_window_add_sketched(struct ts_worker *wk, const struct ts_source *src, const struct ts_point *points, uint32_t n);

/** The same as ts_window_add_wanted for the part of window_more.c. */
void ts_window_add_more(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch,
                        uint32_t slot, double value, double weight, int64_t time_ns);

/** What a pane's `more` says, into a point; NaN for what it does not. */
void ts_window_tell_more(const struct ts_pane_chunk *ch, uint32_t slot, struct ts_rollup *point);

/** The same as it is kept; borrowed. ch may be NULL. */
struct ts_more_view {
    bool has_first, has_increase;
    double first, increase;
    int64_t first_ns;
    struct ts_hll *hll;
    const double *histogram;
};
void ts_window_peek_more(const struct ts_pane_chunk *ch, uint32_t slot, struct ts_more_view *out);

/** Appends the pane's histogram to texts as a rollup point has it. @return its bytes; without memory texts
 * are marked. */
size_t ts_window_put_histogram(const struct ts_rule *rule, const struct ts_pane_chunk *ch, uint32_t slot,
                               struct ts_buf *texts);

/** Adds what one chunk keeps beside a pane to what the other does; what there is no memory for is counted. */
void ts_window_merge_sketch(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *to,
                            const struct ts_pane_chunk *from, uint32_t slot);
void ts_window_merge_more(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *to,
                          const struct ts_pane_chunk *from, uint32_t slot);

/** Frees both with what they own. */
void ts_window_free_sketches(struct ts_pane_chunk *ch);
void ts_window_free_more(struct ts_pane_chunk *ch);

/** What a pane's `more` holds, appended in the form of window_snapshot_save.c; nothing when there is none. */
void ts_window_save_more(const struct ts_pane_chunk *ch, uint32_t slot, unsigned nbuckets, struct ts_buf *buf);

/** Reads it into the slot's, which is untouched. @return 0; -TS_ECORRUPT; -TS_ENOMEM. */
int ts_window_load_more(struct ts_pane_chunk *ch, uint32_t slot, unsigned nbuckets, struct ts_str bytes) TS_MUST_CHECK;
/** Takes one pane's part away. */
void ts_window_clear_more(struct ts_pane_chunk *ch, uint32_t slot);

/* ---- the worker ---- */

struct ts_source {
    struct ts_lane *lane;
    uint32_t *slots; /* the source's ids to ours */
    uint32_t nslots;
    uint32_t idle_cursor;  /* next id to look at for ts_worker_list_idle */
    int64_t next_pass_ns;  /* when it begins anew */
    int64_t arrival_ns;    /* its clock */
    int64_t max_event_ns;  /* highest event time, TS_TIME_NONE before its first */
    int64_t event_seen_ns; /* on its clock */
    bool ended;
};

struct ts_worker {
    struct ts_worker_conf conf;
    struct ts_counters *cnt;
    struct ts_series_table series;
    struct ts_source *sources;
    struct ts_rule **rules; /* of all sets: first those that samples are added to, then derived ones and sides */
    unsigned nrules, nadding;
    struct ts_rule_set *sets; /* earliest first; the last attached one is of the configuration in force, as are rules of others that it has not changed */
    struct ts_rule_set *last; /* that one */
    const uint64_t *masks; /* of the last set; NULL: one of its rules may match everything */
    unsigned nending;      /* rules that end */
    struct ts_rule_set *gone; /* that have no rules any more, but batches may hold their texts */
    bool bounded;          /* rules have come or are to go: not every window is theirs */
    bool held;             /* nothing is sealed: which rules have what is about to be settled */
    bool behind;           /* sealing has paused */
    bool renumbered;       /* rules have come or gone since a snapshot has named them */
    int64_t horizon_ns[TS_DOMAINS]; /* the latest times of sources that are gone, TS_TIME_NONE: there were none */
    bool gathering;        /* there is more that all workers have passed and that is to be sent */
    uint64_t adds;         /* to panes, of the slab being added */
    uint8_t *event_chunks; /* by slot / TS_CHUNK_PANES: whether a series in event time is among them */
    uint32_t nevent_chunks;
    int64_t clock_ns;     /* lowest arrival of the sources: nothing from before it can come any more */
    int64_t watermark_ns; /* of event time, without lateness; never goes back */
    bool idle;            /* every source with event time has been silent for idle_after */
    bool ended;           /* every source has */
    bool draining;        /* and what is open is to be sent */
    bool partial;         /* as a part: it is in the snapshot, and goes on after the next start */
    struct ts_snapper *snap; /* NULL: no snapshots are taken */
    struct ts_source restored; /* whose ids stand for series of the snapshot that nothing came for yet */
    struct ts_pool chunks[2]; /* of panes, by ts_pane_chunk.sketched */
    struct ts_rollup_batch *batch; /* being filled */
    const struct ts_conf_rollup *batch_of; /* what its points are of */
    uint64_t nbatches;          /* made */
    _Atomic uint64_t made;      /* the same, for others */
    _Atomic uint64_t returned;  /* of these: freed. Whoever reads it with acquire may free what they borrowed. @thread any */
    bool trim_due;              /* there have been windows since memory was given back */
    int64_t trimmed_ns;
    struct ts_worker_gauges gauges;
    struct ts_desk desk; /* for what main asks in a reload */
};

/* ---- series that nothing comes for any more: window_expire.c ---- */

/**
 * Looks at some of the source's ids and writes those of idle series into the slab on its way back. The source then says
 * TS_POINT_RETIRED for each, unless it has none by then; until that comes the id stands for its series.
 */
void ts_worker_list_idle(struct ts_worker *wk, struct ts_source *src, struct ts_slab *slab);

/** TS_POINT_RETIRED has come, or the id is given anew. */
void ts_worker_retire(struct ts_worker *wk, struct ts_source *src, uint32_t id);

/** Something came for the slot's series by now, by the worker's clock. */
static inline void ts_slot_saw(struct ts_slot *sl, int64_t clock_ns)
{
    if (!(sl->flags & (TS_SLOT_LEAVING | TS_SLOT_GONE)))
        sl->seen_s = (uint32_t)((clock_ns + TS_SEC - 1) / TS_SEC);
}

/** Puts a series on the list of those to be forgotten, unless an id stands for it. */
void ts_worker_leave(struct ts_worker *wk, uint32_t slot);

/** Forgets, in bounded steps, series that no id and no window stands for. */
void ts_worker_forget(struct ts_worker *wk);

/* ---- rules: window_rule.c ---- */

/** Makes of a rollup the one of what is too late for it; its measurement is the caller's to free. */
void ts_rule_make_side(int64_t correct_for_ns, const struct ts_conf_rollup *of, struct ts_conf_rollup *rollup);

TS_INLINE bool ts_rule_matches(const struct ts_rule *rule, uint32_t slot)
{
    return !rule->masks || rule->masks[slot] & rule->bit;
}

/**
 * Merges a chunk's panes of the domain into the windows of derived rules: window_merge.c.
 * @return false: no memory now, and nothing has been merged.
 */
bool ts_window_merge_chunk(struct ts_worker *wk, const struct ts_rule *rule, const struct ts_window *win, uint32_t index,
                           enum ts_domain domain);

/** Merges a pane into that of the same slot in another chunk. */
void ts_window_merge_pane(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *to, const struct ts_pane_chunk *from,
                          uint32_t slot);

TS_INLINE bool ts_slot_is_of(const struct ts_worker *wk, uint32_t slot, enum ts_domain domain)
{
    return !(wk->series.slots[slot].flags & TS_SLOT_EVENT) == (domain == TS_DOMAIN_ARRIVAL);
}

/* ---- samples that need more than the plain way: window_place.c ---- */

/* The best comes first. */
enum ts_verdict {
    TS_TAKEN,
    TS_TAKEN_LATE,
    TS_TAKEN_ASIDE,
    TS_TOO_LATE,
    TS_NO_MEMORY,
    TS_NOT_TAKEN /* the window is another rule's, or none's */
};

struct ts_placed {
    uint32_t slot;
    bool timed; /* has a time of its own */
    int64_t time_ns;
    double weight;
    union {
        double value;
        uint64_t bits;
        struct ts_text *text;
    };
};

/** Adds the sample to the slot's pane. @return false without memory. */
bool ts_window_put(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch, const struct ts_placed *smp);

/** Adds the sample to a rule that samples are added to, and to those derived from it that its pane has gone to by now. */
enum ts_verdict ts_rule_add(struct ts_worker *wk, struct ts_rule *rule, const struct ts_placed *smp, int64_t now_ns);

/** A pane that has been sent is to be sent again. */
void ts_window_mark_dirty(struct ts_window *win, struct ts_pane_chunk *ch, uint32_t slot, int64_t now_ns);

/** Notes the time of the slot's `last`; first: it has none yet. @return whether it is the latest. */
bool ts_window_is_latest(struct ts_pane_chunk *ch, uint32_t slot, bool first, int64_t time_ns);

/** The slot's series under the rule's names; room may hold its bytes. @return false: there is no such name. */
bool ts_rule_name(const struct ts_rule *rule, const struct ts_slot *sl, struct ts_buf *room, struct ts_str *name);

/* ---- sessions: window_session.c, window_session_seal.c, window_session_snapshot.c ---- */

/** Ends the process without memory. */
struct ts_sessions *ts_sessions_new(const struct ts_conf_rollup *conf);

/** After its windows have gone. */
void ts_sessions_free(struct ts_sessions **sessions);

/** Adds the sample to a rule of sessions. */
enum ts_verdict ts_session_add(struct ts_worker *wk, struct ts_rule *rule, const struct ts_placed *smp, int64_t now_ns);

/** Does a bounded piece of sealing, correcting and forgetting. @return false: paused. */
bool ts_session_seal(struct ts_worker *wk, struct ts_rule *rule, uint32_t *budget);

/** Time and length of the slot's session, into its point. */
void ts_session_tell(const struct ts_pane_chunk *ch, uint32_t slot, struct ts_rollup *point);

/** Appends the slot's point to a batch; the chunk is the pane's, or NULL for a gauge that is sent again. @return false: not now. */
bool ts_window_send_pane(struct ts_worker *wk, const struct ts_rule *rule, const struct ts_window *win, uint32_t slot,
                         const union ts_pane *pane, const struct ts_pane_chunk *ch, bool correction);

/** Adds a slab's points to the windows: window_add.c. */
void ts_worker_add_slab(struct ts_worker *wk, struct ts_source *src, const struct ts_slab *slab);

/**
 * Does a bounded piece of sealing, correcting and forgetting: window_seal.c.
 * @return true when there is more to do now; false when nothing is due or the journal has no room.
 */
bool ts_worker_seal(struct ts_worker *wk);

/** The batch being filled, or a new one, of this window, with room for a point: window_seal.c. @return NULL: not now. */
struct ts_rollup_batch *ts_worker_open_batch(struct ts_worker *wk, const struct ts_conf_rollup *conf, int64_t start_ns, int64_t end_ns,
                                             bool correction);

/** Whether sealing has paused in the middle of a window. */
bool ts_worker_is_sealing(const struct ts_worker *wk);

/** Whether everything has been sent. */
bool ts_worker_is_empty(const struct ts_worker *wk);

/* ---- snapshots: window_snapshot_save.c ---- */

/** Does a bounded piece of a snapshot that is being taken. @return whether there is more to do now. */
bool ts_worker_snap(struct ts_worker *wk);

/** Every source has ended: whether what is open may be sent, because it is in the last snapshot. */
bool ts_worker_may_drain(struct ts_worker *wk);

void ts_snapper_free(struct ts_snapper **snap);

/** Tells rules of one configuration from those of another whose panes mean something else. */
uint64_t ts_rule_key(const struct ts_rule *rule);

/** "id stands for the announced series"; the announcement is the worker's. @return its slot, or TS_SLOT_REFUSED. */
uint32_t ts_worker_learn(struct ts_worker *wk, struct ts_source *src, uint32_t id, struct ts_announce *announce, int64_t arrival_ns);

/** The event-time watermark under a rule. */
static inline int64_t ts_worker_watermark(const struct ts_worker *wk, const struct ts_rule *rule)
{
    return wk->watermark_ns == TS_TIME_NONE ? TS_TIME_NONE : wk->watermark_ns - rule->conf->lateness_ns;
}

#endif
