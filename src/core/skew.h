#ifndef TS_CORE_SKEW_H
#define TS_CORE_SKEW_H
/*
 * What is off with the times that a source's samples have: how far they are from the clock, how many were of no use, and which series they
 * were of. A source is a listener or all write requests together. Its ingest thread writes; anybody reads. The names of a source are few:
 * the one that was seen longest ago gives way.
 */
#include "core/base.h"
#include "core/clock.h"
#include "core/tile.h"

#include <pthread.h>
#include <stdatomic.h>

#define TS_SKEW_NAMES 8
#define TS_SKEW_OFF   (60 * TS_SEC)    /* from here on a sample's series is named, and a change is a jump */
#define TS_SKEW_OLD   (86400 * TS_SEC) /* from here on a sample is counted as too old */

struct ts_skew_name {
    char series[120]; /* as it stood in its line, or its beginning; "" none */
    int64_t off_ns, seen_ns;
};

struct ts_skew {
    char source[128];
    _Atomic uint64_t late; /* behind the end of a sealed window; counted by workers */
    _Atomic uint64_t future, too_old, jumps TS_ALIGNED;
    _Atomic int64_t last_ns;              /* by how much the last one was ahead of the clock; TS_TIME_NONE: none came */
    _Atomic int64_t least_ns[2], most_ns[2]; /* of this minute and the one before; least is above most: none came */
    int64_t minute_ns, next_name_ns;      /* arrival time: the minute's end; when a series may be named again. @thread ingest */
    pthread_mutex_t lock;                 /* of the names; taken a few times a second at most */
    struct ts_skew_name names[TS_SKEW_NAMES];
    bool free; /* @thread main: its source is closed, and another of the name may go on with it */
    struct ts_skew *next;
};

/** On the list of all until ts_skew_free_all. Ends the process without memory. @thread main */
struct ts_skew *ts_skew_new(const char *source);

/** Its source is closed: one of the same name goes on with it. @thread main */
void ts_skew_let_go(struct ts_skew *skw);
/** When nobody writes or reads any more. @thread main */
void ts_skew_free_all(void);

/** Calls fn for each, newest first; of several sockets of a listener each has its own. */
void ts_skew_each(void (*fn)(struct ts_skew *skw, void *arg), void *arg);

/** Whether none before it is of the same source. */
bool ts_skew_is_first(const struct ts_skew *skw);

/** What all of a source's have counted, together. */
struct ts_skew_sum {
    uint64_t late, future, too_old, jumps;
    int64_t least_ns, most_ns, last_ns; /* least is above most: none came lately */
};
void ts_skew_add_up(const char *source, struct ts_skew_sum *sum);

/** A copy of the names. */
void ts_skew_names(struct ts_skew *skw, struct ts_skew_name names[TS_SKEW_NAMES]);

/** One more. @thread ingest; of late, any. */
static inline void ts_skew_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/** The part of ts_skew_note that is rare. @thread ingest */
void ts_skew_note_rare(struct ts_skew *skw, int64_t off_ns, int64_t arrival_ns, const struct ts_raw *raw);

/** A sample with a time of its own came. @thread ingest */
TS_INLINE void ts_skew_note(struct ts_skew *skw, const struct ts_raw *raw, int64_t arrival_ns)
{
    int64_t off_ns = raw->time_ns < 0 ? TS_MAX(raw->time_ns, INT64_MIN + arrival_ns) - arrival_ns : raw->time_ns - arrival_ns;
    uint64_t leap_ns = (uint64_t)off_ns - (uint64_t)atomic_load_explicit(&skw->last_ns, memory_order_relaxed) + TS_SKEW_OFF;
    bool usual = leap_ns < 2 * TS_SKEW_OFF && off_ns > -TS_SKEW_OFF && off_ns < TS_SKEW_OFF && arrival_ns < skw->minute_ns &&
                 off_ns >= atomic_load_explicit(&skw->least_ns[0], memory_order_relaxed) &&
                 off_ns <= atomic_load_explicit(&skw->most_ns[0], memory_order_relaxed);
    if (TS_UNLIKELY(!usual))
        ts_skew_note_rare(skw, off_ns, arrival_ns, raw);
    atomic_store_explicit(&skw->last_ns, off_ns, memory_order_relaxed);
}

#endif
