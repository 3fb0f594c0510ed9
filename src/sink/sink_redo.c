/*
 * Dead letters that tsagg-ctl dead-letter retry has moved to <sink>.retry.lp, to jobs. Thread: the sink's.
 * Owns the descriptor. The file goes when all of them have been answered: then each is delivered, or refused
 * once more and back in <sink>.lp. A daemon that ends before begins with the file anew: what was delivered
 * says the same twice.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/dead_letter.h"
#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define LOOK_NS   TS_SEC
#define CHUNK_MAX ((size_t)8 << 20)

static struct ts_dead_letter_path path_of(const struct ts_sink *snk)
{
    return ts_dead_letter_path(snk->all->state_dir, snk->conf->name, ".retry.lp");
}

static bool is_under_way(struct ts_sink *snk)
{
    for (unsigned i = 0; i < snk->nused; i++) {
        const struct ts_sink_job *job = ts_sink_job_at(snk, i);
        if (job->dead && (job->ntodo || job->running))
            return true;
    }
    return false;
}

static void end_file(struct ts_sink *snk)
{
    struct ts_dead_letter_path path = path_of(snk);
    if (unlink(path.z) != 0)
        ts_log(TS_LOG_WARN, "dead_letter_remove_failed", "stage=sink sink=%s error=%s", snk->conf->name,
               ts_log_quote_z(strerror(errno)));
    else
        ts_log(TS_LOG_INFO, "dead_letters_tried", "stage=sink sink=%s delivered=%llu", snk->conf->name,
               (unsigned long long)ts_counter_of(snk->feed->cnt, TS_C_SINK_DEAD_DELIVERED));
    close(snk->redo.fd);
    snk->redo.fd = -1;
}

/* A job of the next letters, a batch at most. @return 0; -TS_EAGAIN there are no more; -TS_EIO, -TS_ENOMEM.
 */
static int make_job(struct ts_sink *snk)
{
    struct ts_buf bytes = TS_BUF_INIT, text = TS_BUF_INIT;
    size_t *ends = ts_alloc(snk->conf->batch * sizeof *ends);
    unsigned n = 0;
    int rc = ends ? ts_dead_letter_read(snk->redo.fd, snk->redo.offset, CHUNK_MAX, &bytes) : -TS_ENOMEM;
    struct ts_str rest = ts_buf_str(&bytes);
    struct ts_dead_letter letter;
    while (rc == 0 && n < snk->conf->batch && ts_dead_letter_next(&rest, &letter)) {
        ts_buf_put_str(&text, letter.point);
        ends[n++] = text.len;
    }
    if (rc == 0 && n == 0)
        rc = -TS_EAGAIN;
    else if (rc == 0) {
        struct ts_sink_job *job =
            ts_buf_failed(&text) ? NULL : ts_sink_job_new(snk, &text, ends, n);
        rc = job ? 0 : -TS_ENOMEM;
        if (job) {
            job->dead = true;
            snk->redo.offset += bytes.len - rest.len;
        }
    }
    ts_free(ends);
    ts_buf_fini(&text);
    ts_buf_fini(&bytes);
    return rc;
}

void ts_sink_redo(struct ts_sink *snk)
{
    if (snk->redo.fd < 0) {
        int64_t now = ts_clock_mono_ns();
        if (snk->redo.looked_ns && now - snk->redo.looked_ns < LOOK_NS)
            return;
        snk->redo.looked_ns = now;
        ts_sink_dead_look(snk);
        snk->redo.fd = open(path_of(snk).z, O_RDONLY | O_CLOEXEC);
        snk->redo.offset = 0;
    }
    if (snk->redo.fd < 0 || snk->nused == snk->njobs || is_under_way(snk) ||
        ts_sink_time_left(snk) != INT64_MAX)
        return;
    if (make_job(snk) == -TS_EAGAIN)
        end_file(snk);
}
