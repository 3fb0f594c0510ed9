#ifndef TS_CORE_JOURNAL_STATUS_H
#define TS_CORE_JOURNAL_STATUS_H
/* What the status page says about the journal; the journal makes it, the server shows it, tsaggd.c introduces
 * them. */
#include "core/base.h"

struct ts_journal_span {
    int64_t from_ns, to_ns; /* windows that begin and end there; to <= from: none */
};

struct ts_journal_status {
    uint64_t bytes, max_bytes; /* on disk, and their limit */
    uint64_t waiting_bytes;    /* in memory, not durable yet */
    /* since the start */
    uint64_t coarsenings, coarsened; /* steps, and the points that are fewer by them, added up over sinks */
    uint64_t segments_dropped, dropped; /* the same of what was dropped */
    struct ts_journal_span coarsened_span, dropped_span;
    char state[200]; /* "ok", or what the disk says */
};

/** @thread any */
typedef void ts_journal_status_fn(void *journal, struct ts_journal_status *out);

#endif
