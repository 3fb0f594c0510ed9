/*
 * Batches on their way: a ring in the order of the feed, of which any may be done first; the cursor follows
 * the oldest ones. Thread: the sink's. Owns their texts. Full: the rest stays in the queue, and in the
 * journal.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/mem.h"

struct ts_sink_job *ts_sink_job_at(struct ts_sink *snk, unsigned i)
{
    return &snk->jobs[(snk->head + i) % snk->njobs];
}

struct ts_sink_job *ts_sink_job_new(struct ts_sink *snk, struct ts_buf *text, const size_t *ends, unsigned n)
{
    if (snk->nused == snk->njobs || n == 0)
        return NULL;
    struct ts_sink_job *job = ts_sink_job_at(snk, snk->nused);
    if (job->cap < n) {
        size_t *room = ts_resize(job->ends, n * sizeof *room);
        if (!room)
            return NULL;
        job->ends = room;
        job->cap = n;
    }
    ts_buf_clear(&job->text);
    if (ends[n - 1] == text->len) {
        struct ts_buf empty = job->text;
        job->text = *text;
        *text = empty;
    } else {
        ts_buf_put(&job->text, text->p, ends[n - 1]);
        if (ts_buf_failed(&job->text))
            return NULL;
    }
    memcpy(job->ends, ends, n * sizeof *ends);
    job->n = n;
    job->todo[0] = (struct ts_sink_range){0, n};
    job->ntodo = 1;
    job->dead = job->barrier = job->running = job->has_pos = false;
    snk->nused++;
    return job;
}

static size_t begin_of(const struct ts_sink_job *job, unsigned i)
{
    return i ? job->ends[i - 1] : 0;
}

struct ts_str ts_sink_job_text(const struct ts_sink_job *job, struct ts_sink_range r)
{
    size_t begin = begin_of(job, r.from);
    return (struct ts_str){job->text.p + begin, begin_of(job, r.to) - begin};
}

/* Strings may hold line ends, so a point may have several lines. */
bool ts_sink_job_find_line(const struct ts_sink_job *job, struct ts_sink_range r, unsigned line,
                           unsigned *point)
{
    unsigned at = 1;
    for (unsigned i = r.from; i < r.to; i++) {
        struct ts_str text = ts_sink_job_text(job, (struct ts_sink_range){i, i + 1});
        for (const char *p = text.p; (p = memchr(p, '\n', text.len - (size_t)(p - text.p))); p++)
            at++;
        if (line < at) {
            *point = i;
            return line > 0;
        }
    }
    return false;
}

bool ts_sink_jobs_settle(struct ts_sink *snk, struct ts_feed_pos *pos)
{
    bool moved = false;
    while (snk->nused) {
        struct ts_sink_job *job = ts_sink_job_at(snk, 0);
        if (job->ntodo || job->running)
            break;
        if (job->has_pos) {
            *pos = job->pos;
            moved = true;
        }
        snk->head = (snk->head + 1) % snk->njobs;
        snk->nused--;
    }
    return moved;
}

void ts_sink_jobs_fini(struct ts_sink *snk)
{
    for (unsigned i = 0; i < snk->njobs; i++) {
        ts_buf_fini(&snk->jobs[i].text);
        ts_free(snk->jobs[i].ends);
    }
    TS_FREE(snk->jobs);
    snk->njobs = snk->nused = 0;
}
