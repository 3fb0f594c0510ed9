#ifndef TS_CORE_SNAPSHOT_STATUS_H
#define TS_CORE_SNAPSHOT_STATUS_H
/* What the status page says about snapshots; the window stage makes it, the server shows it, tsaggd.c introduces them. */
#include "core/base.h"

/** What a start found in a snapshot. Panes: windows of a series. */
struct ts_restored {
    bool any;        /* there was one */
    int64_t gap_ns;  /* from what it last knew to the start */
    uint64_t series, panes;
    uint64_t sealed;  /* panes that the journal had sealed since */
    uint64_t no_rule; /* panes that no rollup is like any more */
    uint64_t no_room; /* panes without place: memory, limits.series */
};

struct ts_snapshot_status {
    int64_t taken_ns; /* of the last one written; TS_TIME_NONE: none yet */
    uint64_t bytes;
    int64_t took_ns;  /* from the first series to its place on disk */
    int64_t cpu_ns;   /* of all threads for it */
    int64_t pause_ns; /* longest that samples waited for a step of one, since the start */
    struct ts_restored restored;
};

/** @thread any */
typedef void ts_snapshot_status_fn(void *snapshots, struct ts_snapshot_status *out);

#endif
