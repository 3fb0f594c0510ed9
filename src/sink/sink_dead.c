/*
 * Points that the other side refuses for good, kept for somebody to look at:
 * <state_dir>/dead-letter/<sink>.lp, the time and the reason as a comment before each. Thread: the sink's.
 * Owns the descriptor. tsagg-ctl moves the file away under its lock (flock), so that who holds the lock and
 * finds the file still in its place writes into the right one. When the file cannot be written the point is
 * not given up.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/dead_letter.h"
#include "core/file.h"
#include "core/log.h"
#include "core/num.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_file(struct ts_sink *snk)
{
    if (snk->dead_fd >= 0)
        close(snk->dead_fd); /* which also unlocks */
    snk->dead_fd = -1;
}

static void show_letters(struct ts_sink *snk, uint64_t n)
{
    pthread_mutex_lock(&snk->lock);
    snk->dead_letters = n;
    pthread_mutex_unlock(&snk->lock);
}

/* Whether the descriptor is that of the file at this path. */
static bool is_in_place(int fd, const char *path)
{
    struct stat there, ours;
    return stat(path, &there) == 0 && fstat(fd, &ours) == 0 && there.st_ino == ours.st_ino &&
           there.st_dev == ours.st_dev;
}

static int open_file(struct ts_sink *snk, const char *path)
{
    struct ts_dead_letter_path dir = ts_dead_letter_path(snk->all->state_dir, NULL, "");
    if (ts_dir_make(dir.z) != 0 || (snk->dead_fd = ts_append_open(path)) < 0)
        return -TS_EIO;
    return 0;
}

/* Opens the file if need be, and locks it. */
static int lock_file(struct ts_sink *snk)
{
    struct ts_dead_letter_path path = ts_dead_letter_path(snk->all->state_dir, snk->conf->name, ".lp");
    for (unsigned tries = 0; tries < 10; tries++) {
        if (snk->dead_fd < 0 && open_file(snk, path.z) != 0)
            return -TS_EIO;
        if (flock(snk->dead_fd, LOCK_EX) != 0)
            return -TS_EIO;
        if (is_in_place(snk->dead_fd, path.z))
            return 0;
        close_file(snk);
    }
    errno = EBUSY;
    return -TS_EIO;
}

void ts_sink_dead_look(struct ts_sink *snk)
{
    struct ts_dead_letter_path path = ts_dead_letter_path(snk->all->state_dir, snk->conf->name, ".lp");
    struct stat st;
    if (stat(path.z, &st) != 0) {
        close_file(snk);
        snk->dead_bytes = 0;
        show_letters(snk, 0);
    } else if (st.st_size != snk->dead_bytes) {
        uint64_t n = 0;
        if (ts_dead_letter_count(path.z, &n) == 0)
            snk->dead_bytes = st.st_size;
        show_letters(snk, n);
    }
}

int ts_sink_dead_put(struct ts_sink *snk, const char *why, struct ts_str point)
{
    if (lock_file(snk) != 0) {
        close_file(snk);
        return -TS_EIO;
    }
    struct ts_buf text = TS_BUF_INIT;
    ts_buf_puts(&text, "# ");
    char *when = ts_buf_reserve(&text, TS_NUM_MAX);
    if (when)
        text.len += ts_clock_put_time(when, ts_clock_now_ns());
    ts_buf_putc(&text, ' ');
    for (const char *p = why; *p; p++)
        ts_buf_putc(&text, (unsigned char)*p < 0x20 ? ' ' : *p);
    ts_buf_putc(&text, '\n');
    ts_buf_put_str(&text, point);
    errno = ENOMEM;
    int rc = ts_buf_failed(&text) ? -TS_EIO : ts_append_whole(snk->dead_fd, ts_buf_str(&text));
    int saved = errno;
    flock(snk->dead_fd, LOCK_UN);
    if (rc == 0) {
        snk->dead_bytes += (off_t)text.len;
        show_letters(snk, snk->dead_letters + 1);
    }
    ts_buf_fini(&text);
    errno = saved;
    return rc;
}
