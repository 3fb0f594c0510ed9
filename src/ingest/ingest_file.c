/*
 * A file, or a pipe, to pieces of whole lines. Thread: ingest, one for the file. Owns the descriptor and two
 * buffers, which take turns: the line that a piece ends in the middle of is carried over into the other one,
 * since the consumer may write behind a piece. When the consumer is slow nothing more is read. A line that
 * does not end within a piece is counted as too long and skipped up to its line end. A read that fails ends
 * the input.
 */
#include "config.h"
#include "ingest/ingest.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES 65536
#define PADDING     64 /* that the consumer may overwrite */
#define TICK_MS     50

struct ts_file {
    int fd;
    const char *path;
    uint64_t size;
    enum ts_format format;
    ts_line_end_fn *line_end;
    struct ts_ingest_consumer to;
    struct ts_counters *cnt;
    char *buf, *other;
    size_t len;                       /* bytes in buf */
    bool skipping;                    /* buf begins inside a line that is too long */
    _Atomic bool stop;                /* relaxed: only its own value matters */
    _Atomic enum ts_file_state state; /* relaxed: who wants more than the value joins the thread */
};

int ts_file_open(const char *path, enum ts_format format, ts_line_end_fn *line_end, struct ts_counters *cnt,
                 struct ts_file **out, struct ts_err *err)
{
    struct stat st = {0};
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ts_fail_errno(err, TS_EIO, "cannot open %s", is_stdin ? "standard input" : path);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        return ts_fail(err, TS_EINVAL, "%s is a directory; give a file, or - for standard input", path);
    }
    struct ts_file *file = ts_xalloc(sizeof *file);
    file->fd = fd;
    file->path = path;
    file->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    file->format = format;
    file->line_end = line_end;
    file->cnt = cnt;
    file->buf = ts_xalloc(PIECE_BYTES + PADDING);
    file->other = ts_xalloc(PIECE_BYTES + PADDING);
    *out = file;
    return 0;
}

uint64_t ts_file_size(const struct ts_file *file)
{
    return file->size;
}

enum ts_file_state ts_file_state(const struct ts_file *file)
{
    return atomic_load_explicit(&file->state, memory_order_relaxed);
}

void ts_file_set_consumer(struct ts_file *file, const struct ts_ingest_consumer *consumer)
{
    file->to = *consumer;
}

void ts_file_stop(struct ts_file *file)
{
    atomic_store_explicit(&file->stop, true, memory_order_relaxed);
}

void ts_file_close(struct ts_file **file)
{
    if (*file) {
        close((*file)->fd);
        ts_free((*file)->buf);
        ts_free((*file)->other);
        TS_FREE(*file);
    }
}

/* Bytes at the buffer's begin that are whole lines. */
static size_t whole_lines(const struct ts_file *file)
{
    const char *last = memrchr(file->buf, '\n', file->len);
    if (!last)
        return 0;
    if (!memchr(file->buf, '"', file->len)) /* then every \n ends a line */
        return (size_t)(last - file->buf) + 1;
    for (size_t at = 0;;) {
        size_t n = file->line_end(file->buf + at, file->len - at, file->format);
        if (at + n == file->len)
            return at;
        at += n + 1;
    }
}

/* Hands on the first n bytes and keeps the rest. */
static void hand_on(struct ts_file *file, size_t n)
{
    char *piece = file->buf;
    file->len -= n;
    memcpy(file->other, piece + n, file->len);
    file->buf = file->other;
    file->other = piece;
    file->to.begin(file->to.arg, ts_clock_now_ns());
    file->to.data(file->to.arg, piece, n);
    file->to.end(file->to.arg, false);
}

/* Up to and with the first \n: a quote that is never closed costs one line, and not all that follow. @return
 * false: none yet. */
static bool skip_line(struct ts_file *file)
{
    const char *end = memchr(file->buf, '\n', file->len);
    size_t n = end ? (size_t)(end - file->buf) + 1 : file->len;
    file->len -= n;
    memmove(file->buf, file->buf + n, file->len);
    file->skipping = !end;
    return end;
}

static void take_lines(struct ts_file *file)
{
    while (!file->skipping || skip_line(file)) {
        size_t n = whole_lines(file);
        if (n)
            hand_on(file, n);
        if (n || file->len < PIECE_BYTES)
            return;
        ts_count(file->cnt, TS_C_LINES_RECEIVED, 1);
        ts_count(file->cnt, TS_C_SAMPLES_RECEIVED, 1);
        ts_count(file->cnt, TS_C_REJECTED_TOO_LONG, 1);
        file->skipping = true;
    }
}

static enum ts_file_state read_more(struct ts_file *file)
{
    struct pollfd pfd = {.fd = file->fd, .events = POLLIN};
    if (poll(&pfd, 1, TICK_MS) <= 0)
        return TS_FILE_READING;
    ssize_t got = read(file->fd, file->buf + file->len, PIECE_BYTES - file->len);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return TS_FILE_READING;
    if (got < 0) {
        ts_log(TS_LOG_ERROR, "read_failed", "input=%s error=%s", ts_log_quote_z(file->path),
               ts_log_quote_z(strerror(errno)));
        return TS_FILE_FAILED;
    }
    ts_count(file->cnt, TS_C_BYTES_RECEIVED, (uint64_t)got);
    file->len += (size_t)got;
    take_lines(file);
    return got ? TS_FILE_READING : TS_FILE_ENDED;
}

void *ts_file_run(void *arg)
{
    struct ts_file *file = arg;
    enum ts_file_state state = TS_FILE_READING;
    while (state == TS_FILE_READING && !atomic_load_explicit(&file->stop, memory_order_relaxed)) {
        state = read_more(file);
        file->to.tick(file->to.arg, ts_clock_now_ns());
    }
    if (state == TS_FILE_ENDED && file->len && !file->skipping)
        hand_on(file, file->len); /* the last line has no \n */
    file->to.last(file->to.arg);
    atomic_store_explicit(&file->state, state == TS_FILE_READING ? TS_FILE_STOPPED : state,
                          memory_order_relaxed);
    return NULL;
}
