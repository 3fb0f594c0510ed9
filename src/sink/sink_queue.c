/*
 * Encoded points waiting to be sent, with the feed positions between them. Thread: the sink's. Owns its
 * arrays. Bounded by its user, who adds no more than a batch and one record. Without memory reserve refuses.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/mem.h"

bool ts_sink_queue_reserve(struct ts_sink_queue *queue, unsigned n)
{
    if (queue->n + n <= queue->cap)
        return true;
    unsigned cap = TS_MAX(queue->n + n, 2 * queue->cap);
    size_t *ends = ts_resize(queue->ends, cap * sizeof *ends);
    if (!ends)
        return false;
    queue->ends = ends;
    struct ts_sink_mark *marks = ts_resize(queue->marks, (cap + 1) * sizeof *marks);
    if (!marks)
        return false;
    queue->marks = marks;
    queue->cap = cap;
    return true;
}

void ts_sink_queue_add(struct ts_sink_queue *queue)
{
    TS_ASSERT(queue->n < queue->cap);
    queue->ends[queue->n++] = queue->text.len;
}

void ts_sink_queue_mark(struct ts_sink_queue *queue, struct ts_feed_pos pos)
{
    TS_ASSERT(queue->cap);
    if (queue->nmarks == 0 || queue->marks[queue->nmarks - 1].points < queue->n)
        queue->nmarks++;
    queue->marks[queue->nmarks - 1] = (struct ts_sink_mark){queue->n, pos};
}

static size_t begin_of(const struct ts_sink_queue *queue, unsigned i)
{
    return i ? queue->ends[i - 1] : 0;
}

void ts_sink_queue_cut(struct ts_sink_queue *queue, unsigned n)
{
    queue->n = n;
    queue->text.len = begin_of(queue, n);
    queue->text.failed = false;
}

bool ts_sink_queue_pop(struct ts_sink_queue *queue, unsigned n, struct ts_feed_pos *pos)
{
    unsigned passed = 0;
    while (passed < queue->nmarks && queue->marks[passed].points <= n)
        *pos = queue->marks[passed++].pos;
    queue->nmarks -= passed;
    for (unsigned i = 0; i < queue->nmarks; i++) {
        queue->marks[i] = queue->marks[i + passed];
        queue->marks[i].points -= n;
    }
    size_t bytes = begin_of(queue, n);
    queue->n -= n;
    for (unsigned i = 0; i < queue->n; i++)
        queue->ends[i] = queue->ends[i + n] - bytes;
    if (queue->n == 0)
        ts_buf_clear(&queue->text); /* a job may have taken it as a whole */
    else
        ts_buf_drop_front(&queue->text, bytes);
    return passed > 0;
}

void ts_sink_queue_fini(struct ts_sink_queue *queue)
{
    ts_buf_fini(&queue->text);
    TS_FREE(queue->ends);
    TS_FREE(queue->marks);
}
