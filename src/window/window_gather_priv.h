#ifndef TS_WINDOW_GATHER_PRIV_H
#define TS_WINDOW_GATHER_PRIV_H
/* What the two files of the gatherer share. */
#include "window/window_rule.h"

#include <pthread.h>

/*
 * The worker that sends groups, with its own batches: the journal keeps the order of what one worker sends, and a group's point is to come
 * behind those that it replaces.
 */
#define GATHER_SENDER 0

struct progress {
    int64_t clock_ns;  /* windows of arrival time that end by then have been given */
    int64_t event_ns;  /* the same of event time; INT64_MAX: all there are */
    int64_t stream_ns; /* event time as the data tell it */
};

struct gathered {
    int64_t start_ns, end_ns;
    int64_t made_ns; /* the earliest of the workers' windows */
    uint32_t nfresh[TS_DOMAINS];
    bool used[TS_DOMAINS];
    bool again;     /* a part of it was sent at a stop */
    bool sent_some; /* of it has been sent */
    unsigned table; /* where the next look begins */
    uint32_t at;
    struct gathered *next;
    struct ts_partials *tables[]; /* by worker and domain */
};

struct gather_fold {
    struct progress *workers;
    bool *retired; /* by worker */
    unsigned nretired;
    struct gathered *windows; /* by start, earliest first */
};

struct ts_gather {
    struct ts_bell *sender_bell;
    pthread_mutex_t lock; /* all that follows */
    unsigned nworkers, nfolds, nended;
    uint64_t limit, ngroups;
    struct ts_group **buckets;
    size_t mask;
    bool *ended; /* by worker */
    struct gather_fold **folds; /* [nfolds]; NULL: all workers have retired from it */
};

/** Forgets a window of the list, with its partials. */
void ts_gather_forget(struct ts_gather *gat, struct gathered **at);

/** Whether something of the fold can be sent. */
bool ts_gather_is_due(const struct ts_gather *gat, const struct gather_fold *fold);

/** The window's place in the list: itself, or where it would stand. */
static inline struct gathered **ts_gather_find(struct gather_fold *fold, int64_t start_ns)
{
    struct gathered **at = &fold->windows;
    while (*at && (*at)->start_ns < start_ns)
        at = &(*at)->next;
    return at;
}

#endif
