/*
 * Slabs that wait for their turn in a lane. Thread: ingest; owns them until they are in the ring. The worker
 * sees at most RING_MOST of them at a time, so what it has taken is never touched from here, and nothing is
 * shared but the ring. Full: the oldest slab is emptied of its samples, which are counted.
 */
#include "config.h"
#include "route/route_backlog.h"

#include "core/mem.h"

#define RING_MOST (TS_LANE_SLABS / 4) /* half a millisecond of work: no worker runs dry between two batches */

struct queue {
    struct ts_slab *slabs[TS_LANE_SLABS];
    unsigned head, n;
    unsigned stripped; /* so many at the head hold announcements alone; all but the last of these are full */
};

struct ts_backlog {
    struct ts_counters *cnt;
    struct queue *queues; /* one for each worker */
};

struct ts_backlog *ts_backlog_new(unsigned nworkers, struct ts_counters *cnt)
{
    struct ts_backlog *bl = ts_xalloc(sizeof *bl);
    bl->cnt = cnt;
    bl->queues = ts_xalloc(nworkers * sizeof *bl->queues);
    return bl;
}

void ts_backlog_free(struct ts_backlog **backlog)
{
    if (*backlog) {
        ts_free((*backlog)->queues);
        TS_FREE(*backlog);
    }
}

static struct ts_slab **slot(struct queue *q, unsigned i)
{
    return &q->slabs[(q->head + i) % TS_LANE_SLABS];
}

static void give(struct queue *q, struct ts_lane *lane, unsigned most)
{
    bool given = false;
    while (q->n && ts_ring_count(&lane->full) < most) {
        bool pushed = ts_ring_push(&lane->full, *slot(q, 0));
        TS_ASSERT(pushed); /* the ring has room for every slab there is */
        given = true;
        q->head = (q->head + 1) % TS_LANE_SLABS;
        q->n--;
        q->stripped -= q->stripped > 0;
    }
    if (given)
        ts_bell_ring(lane->worker_bell);
}

void ts_backlog_push(struct ts_backlog *bl, unsigned worker, struct ts_lane *lane, struct ts_slab *slab)
{
    struct queue *q = &bl->queues[worker];
    TS_ASSERT(q->n < TS_LANE_SLABS);
    *slot(q, q->n++) = slab;
    give(q, lane, RING_MOST);
}

bool ts_backlog_advance(struct ts_backlog *bl, unsigned worker, struct ts_lane *lane)
{
    struct queue *q = &bl->queues[worker];
    give(q, lane, RING_MOST);
    return q->n > 0;
}

void ts_backlog_flush(struct ts_backlog *bl, unsigned worker, struct ts_lane *lane)
{
    give(&bl->queues[worker], lane, TS_LANE_SLABS);
}

/* Leaves announcements alone. */
static void strip(struct ts_backlog *bl, struct ts_slab *slab)
{
    uint32_t kept = 0;
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < slab->n; i++) {
        const struct ts_point *pt = &slab->points[i];
        if (pt->flags & (TS_POINT_SERIES | TS_POINT_RETIRED)) {
            slab->points[kept++] = *pt;
            continue;
        }
        if (pt->flags & TS_POINT_TEXT)
            ts_free(pt->text);
        dropped++;
        i += (pt->flags & TS_POINT_EXT) != 0;
    }
    slab->n = kept;
    ts_count(bl->cnt, TS_C_DROPPED_RING_FULL, dropped);
}

/* Moves as many announcements as the earlier one has room for. */
static void merge(struct ts_slab *earlier, struct ts_slab *later)
{
    uint32_t n = TS_MIN(later->n, (uint32_t)TS_SLAB_POINTS - earlier->n);
    memcpy(&earlier->points[earlier->n], later->points, n * sizeof *later->points);
    memmove(later->points, &later->points[n], (later->n - n) * sizeof *later->points);
    earlier->n += n;
    later->n -= n;
}

struct ts_slab *ts_backlog_reclaim(struct ts_backlog *bl, unsigned worker)
{
    struct queue *q = &bl->queues[worker];
    while (q->stripped < q->n) {
        struct ts_slab *slab = *slot(q, q->stripped);
        strip(bl, slab);
        if (q->stripped)
            merge(*slot(q, q->stripped - 1), slab);
        if (slab->n == 0) {
            for (unsigned i = q->stripped; i > 0; i--)
                *slot(q, i) = *slot(q, i - 1);
            q->head = (q->head + 1) % TS_LANE_SLABS;
            q->n--;
            return slab;
        }
        q->stripped++;
    }
    return NULL;
}
