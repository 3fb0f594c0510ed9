/*
 * Formats by name, and the buffer that they write to. Thread: main. A write that fails (the reader has gone,
 * the disk is full) is remembered in out->error, and everything after it is dropped.
 */
#include "config.h"
#include "query/query_format.h"

#include "core/num.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUFFER_BYTES 65536

const struct ts_query_format *ts_query_format_find(const char *name)
{
#define SAME(format)                                                                                         \
    if (strcmp(name, #format) == 0)                                                                          \
        return &ts_query_format_##format;
    TS_QUERY_FORMATS(SAME)
#undef SAME
    return NULL;
}

struct ts_str ts_query_result_name(const struct ts_query_table *tbl)
{
    return ts_str_eq(tbl->result, TS_STR("_result")) ? TS_STR("") : tbl->result;
}

static unsigned terminal_columns(int fd)
{
    const char *env = getenv("COLUMNS");
    uint64_t n;
    struct winsize size;
    if (env && ts_num_read_uint(ts_str_of(env), &n) == 0 && n > 0 && n < 100000)
        return (unsigned)n;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

void ts_query_out_init(struct ts_query_out *out, int fd)
{
    *out = (struct ts_query_out){.fd = fd};
    if (fd < 0 || !isatty(fd))
        return;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    out->columns = terminal_columns(fd);
    out->bold = !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

void ts_query_out_fini(struct ts_query_out *out)
{
    ts_buf_fini(&out->buf);
}

void ts_query_out_flush(struct ts_query_out *out)
{
    if (out->fd < 0)
        return;
    if (ts_buf_failed(&out->buf) && !out->error)
        out->error = ENOMEM;
    for (size_t done = 0; done < out->buf.len && !out->error;) {
        ssize_t n = write(out->fd, out->buf.p + done, out->buf.len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            out->error = errno;
    }
    ts_buf_clear(&out->buf);
}

void ts_query_out_check(struct ts_query_out *out)
{
    if (out->buf.len >= BUFFER_BYTES)
        ts_query_out_flush(out);
}
