/*
 * Making and freeing batches of rollup points. Thread: any. Some that have been freed are kept for the next: the pages of 700 KB cost more
 * to get from the system, and to give back, than all that is written into them.
 */
#include "config.h"
#include "core/rollup.h"

#include "core/mem.h"

#include <pthread.h>

#define SPARE_MAX 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the next two */
static struct ts_rollup *spare[SPARE_MAX];               /* arrays of TS_ROLLUP_BATCH_MAX points */
static unsigned nspare;

static struct ts_rollup *take_spare(void)
{
    pthread_mutex_lock(&lock);
    struct ts_rollup *points = nspare ? spare[--nspare] : NULL;
    pthread_mutex_unlock(&lock);
    return points;
}

static bool keep_spare(struct ts_rollup *points)
{
    pthread_mutex_lock(&lock);
    bool room = nspare < SPARE_MAX;
    if (room)
        spare[nspare++] = points;
    pthread_mutex_unlock(&lock);
    return room;
}

void ts_rollup_trim(void)
{
    for (struct ts_rollup *points; (points = take_spare());)
        ts_free(points);
}

struct ts_rollup_batch *ts_rollup_batch_new(void)
{
    return ts_rollup_batch_sized(TS_ROLLUP_BATCH_MAX);
}

struct ts_rollup_batch *ts_rollup_batch_sized(unsigned points)
{
    struct ts_rollup_batch *batch = ts_alloc(sizeof *batch);
    if (!batch)
        return NULL;
    batch->room = points;
    batch->points = points == TS_ROLLUP_BATCH_MAX ? take_spare() : NULL;
    if (!batch->points)
        batch->points = ts_alloc(points * sizeof *batch->points);
    if (!batch->points)
        TS_FREE(batch);
    return batch;
}

void ts_rollup_batch_free(struct ts_rollup_batch **batch)
{
    if (*batch) {
        if ((*batch)->returned) /* release: whoever sees the number may free what the batch borrowed */
            atomic_fetch_add_explicit((*batch)->returned, 1, memory_order_release);
        ts_buf_fini(&(*batch)->texts);
        if ((*batch)->room != TS_ROLLUP_BATCH_MAX || !keep_spare((*batch)->points))
            ts_free((*batch)->points);
        TS_FREE(*batch);
    }
}
