#ifndef TS_CORE_LANE_H
#define TS_CORE_LANE_H
/*
 * The way from one ingest thread to one worker: slabs of 16-byte points through one ring, empty slabs back through
 * another. A lane owns its slabs; whoever took one out of a ring holds it until it pushes it into the other.
 */
#include "core/base.h"
#include "core/ring.h"
#include "core/skew.h"
#include "core/thread.h"
#include "core/tile.h"

enum ts_point_flag {
    TS_POINT_EXT = 1,                      /* the next 16 bytes are a struct ts_point_ext */
    TS_POINT_SERIES = 2,                   /* no sample: says what series the id stands for from now on */
    TS_POINT_RELATIVE = TS_RAW_RELATIVE,   /* value is a gauge's change */
    TS_POINT_TEXT = TS_RAW_TEXT,           /* text is the value, and owned */
    TS_POINT_RETIRED = 64                  /* no sample: the id stands for nothing from now on */
};

struct ts_announce; /* an encoded series; allocated by route, belongs to the worker */

struct ts_point {
    uint32_t id; /* the ingest thread's name for a series */
    uint32_t flags;
    union {
        double value;
        uint64_t bits;                 /* sets: hash of the member */
        struct ts_text *text;          /* strings */
        struct ts_announce *announce;  /* with TS_POINT_SERIES */
    };
};

struct ts_point_ext {
    int64_t time_ns; /* TS_TIME_NONE: by arrival */
    double weight;
};

struct ts_announce {
    uint64_t hash; /* ts_hash of the bytes */
    uint32_t len;
    char series[]; /* encoded */
};

_Static_assert(sizeof(struct ts_point) == 16 && sizeof(struct ts_point_ext) == 16, "points are 16 bytes");

#define TS_SLAB_POINTS 1020
#define TS_LANE_SLABS  64 /* power of two; 1 MiB a lane */

struct ts_slab {
    uint32_t n;             /* 16-byte entries used */
    bool end;               /* the source has ended; no slab follows */
    uint16_t nidle;         /* on its way back: the ids of so many points stand for series that nothing came for in a long time */
    int64_t arrival_ns;     /* wall clock when these points were received; never goes back within a lane */
    int64_t max_event_ns;   /* highest event time of the source up to here, or TS_TIME_NONE */
    int64_t event_seen_ns;  /* arrival of the source's latest sample with a time of its own, or TS_TIME_NONE */
    struct ts_point points[TS_SLAB_POINTS] TS_ALIGNED;
};

struct ts_lane {
    struct ts_ring full, empty;
    struct ts_bell *worker_bell, *ingest_bell;
    struct ts_slab *slabs;
    struct ts_skew *skew; /* of the source, for the worker to count what is late; NULL: nobody asks */
};

/** Which of n workers a series of this hash belongs to. The high bits choose: the worker's own table uses the low ones. */
static inline unsigned ts_lane_worker_of(uint64_t hash, unsigned n)
{
    return (unsigned)((hash >> 48) % n);
}

/** Ends the process without memory. The bells belong to the two threads. */
void ts_lane_init(struct ts_lane *lane, struct ts_bell *worker_bell, struct ts_bell *ingest_bell);

/** Both threads have ended. */
void ts_lane_fini(struct ts_lane *lane);

#endif
