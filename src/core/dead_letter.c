/*
 * Refused points in their files, read back. Thread: any. Owns nothing. What does not end is left alone: a
 * crash may have cut the last one, and its sink meets that point again.
 */
#include "config.h"
#include "core/dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)

struct ts_dead_letter_path ts_dead_letter_path(const char *state_dir, const char *sink, const char *ending)
{
    struct ts_dead_letter_path path;
    snprintf(path.z, sizeof path.z, "%s/dead-letter%s%s%s", state_dir, sink ? "/" : "", sink ? sink : "",
             ending);
    return path;
}

/* Where a point of line protocol ends, behind its line end; NULL: not in these bytes. Line ends inside the
 * quotes of a string field are part of it; a quote in measurement and tags stands for itself. */
static const char *end_of_point(const char *p, const char *end)
{
    bool in_fields = false, in_string = false;
    for (; p < end; p++) {
        if (*p == '\\' && p + 1 < end && p[1] != '\n')
            p++;
        else if (*p == '\n' && !in_string)
            return p + 1;
        else if (*p == ' ' && !in_fields)
            in_fields = true;
        else if (*p == '"' && in_fields)
            in_string = !in_string;
    }
    return NULL;
}

bool ts_dead_letter_next(struct ts_str *rest, struct ts_dead_letter *out)
{
    const char *p = rest->p, *end = rest->p + rest->len;
    *out = (struct ts_dead_letter){.why = TS_STR("")};
    while (p < end && (*p == '#' || *p == '\n')) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        if (!line_end)
            return false;
        if (*p == '#') {
            p += 1 + (p + 1 < line_end && p[1] == ' ');
            out->why = (struct ts_str){p, (size_t)(line_end - p)};
        }
        p = line_end + 1;
    }
    const char *point_end = p < end ? end_of_point(p, end) : NULL;
    if (!point_end)
        return false;
    out->point = (struct ts_str){p, (size_t)(point_end - p)};
    *rest = (struct ts_str){point_end, (size_t)(end - point_end)};
    return true;
}

int ts_dead_letter_read(int fd, uint64_t offset, size_t bytes, struct ts_buf *buf)
{
    ts_buf_clear(buf);
    char *to = ts_buf_reserve(buf, bytes);
    if (!to)
        return -TS_ENOMEM;
    while (buf->len < bytes) {
        ssize_t n = pread(fd, buf->p + buf->len, bytes - buf->len, (off_t)(offset + buf->len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -TS_EIO;
        if (n == 0)
            break;
        buf->len += (size_t)n;
    }
    return 0;
}

int ts_dead_letter_count(const char *path, uint64_t *out)
{
    struct ts_buf buf = TS_BUF_INIT;
    uint64_t offset = 0;
    size_t bytes = CHUNK;
    *out = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -TS_EIO : 0;
    while (rc == 0 && (rc = ts_dead_letter_read(fd, offset, bytes, &buf)) == 0) {
        struct ts_str rest = ts_buf_str(&buf);
        struct ts_dead_letter letter;
        while (ts_dead_letter_next(&rest, &letter))
            ++*out;
        if (buf.len < bytes)
            break;
        if (rest.len == buf.len)
            bytes *= 2; /* one that is longer than this */
        offset += buf.len - rest.len;
    }
    if (fd >= 0)
        close(fd);
    ts_buf_fini(&buf);
    return rc;
}
