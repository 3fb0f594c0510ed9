/*
 * Line protocol appended to a file, durable before it counts as delivered; what comes while the disk works goes with the next
 * write, as a write of many points takes hardly longer than one of few. Thread: the sink's. Owns the
 * descriptor; opens the path again when somebody has rotated the file away. A disk that fails leaves whole
 * lines only, and is tried again.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES 65536 /* of a line that a crash has cut, at most */

struct file {
    char *path;
    int fd;
};

/* A line without its end is from a crash while it was written; it comes again whole. */
static void cut_torn_line(int fd, off_t size)
{
    struct ts_buf tail = TS_BUF_INIT;
    size_t n = (size_t)TS_MIN(size, TAIL_BYTES);
    off_t from = size - (off_t)n;
    char *p = ts_buf_reserve(&tail, n);
    if (p && ts_pread_all(fd, p, n, (uint64_t)from) == 0) {
        const char *end = memrchr(p, '\n', n);
        off_t keep = end ? from + (end + 1 - p) : from;
        if (keep < size && (end || from == 0) && ftruncate(fd, keep) == 0)
            ts_log(TS_LOG_WARN, "torn_line_cut", "stage=sink bytes=%lld", (long long)(size - keep));
    }
    ts_buf_fini(&tail);
}

static int open_file(struct file *file)
{
    struct stat st;
    file->fd = ts_append_open(file->path);
    if (file->fd < 0)
        return -TS_EIO;
    if (fstat(file->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        cut_torn_line(file->fd, st.st_size);
    return 0;
}

static void close_fd(struct file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

static bool is_rotated(const struct file *file)
{
    struct stat there, ours;
    return stat(file->path, &there) != 0 || fstat(file->fd, &ours) != 0 || there.st_ino != ours.st_ino ||
           there.st_dev != ours.st_dev;
}

static void send_lines(struct ts_sink *snk, struct ts_str body, struct ts_sink_reply *reply)
{
    struct file *file = snk->impl;
    if (file->fd >= 0 && is_rotated(file))
        close_fd(file);
    if ((file->fd < 0 && open_file(file) != 0) || ts_append_whole(file->fd, body) != 0) {
        reply->verdict = TS_SINK_RETRY;
        snprintf(reply->why, sizeof reply->why, "cannot write %s: %s", file->path, strerror(errno));
        return;
    }
    reply->verdict = TS_SINK_SENT;
    ts_count(snk->feed->cnt, TS_C_SINK_BYTES, body.len);
}

static int open_sink(struct ts_sink *snk, struct ts_err *err)
{
    struct ts_buf path = TS_BUF_INIT;
    if (snk->conf->path && *snk->conf->path)
        ts_buf_puts(&path, snk->conf->path);
    else
        ts_buf_printf(&path, "%s/rollups.lp", snk->all->state_dir);
    struct file *file = ts_xalloc(sizeof *file);
    file->path = ts_xstrndup(path.p, path.len);
    ts_buf_fini(&path);
    snk->impl = file;
    snk->target = file->path;
    if (open_file(file) != 0)
        return ts_fail_errno(err, TS_EIO, "sink %s: cannot open %s", snk->conf->name, file->path);
    return 0;
}

static void close_sink(struct ts_sink *snk)
{
    struct file *file = snk->impl;
    if (!file)
        return;
    close_fd(file);
    ts_free(file->path);
    TS_FREE(snk->impl);
}

const struct ts_sink_ops ts_sink_file_ops = {
    .takes_all = true, .open = open_sink, .encode = ts_sink_lp_put, .send = send_lines, .close = close_sink};
