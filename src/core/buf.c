/* A growing byte buffer. Thread: any, one at a time. Full or without memory: the put is dropped and marked. */
#include "config.h"
#include "core/buf.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/utf8.h"

#include <stdio.h>

void ts_buf_fini(struct ts_buf *buf)
{
    TS_FREE(buf->p);
    *buf = (struct ts_buf){.limit = buf->limit, .needed = buf->needed};
}

char *ts_buf_reserve(struct ts_buf *buf, size_t bytes)
{
    if (TS_LIKELY(bytes <= buf->cap - buf->len && buf->p))
        return buf->p + buf->len;
    size_t want = buf->len + bytes;
    if (want < bytes || (buf->limit && want > buf->limit)) {
        buf->failed = true;
        return NULL;
    }
    size_t cap = TS_MAX(buf->cap * 2, (size_t)256);
    if (cap < want)
        cap = want;
    if (buf->limit && cap > buf->limit)
        cap = buf->limit;
    char *p = buf->needed ? ts_xresize(buf->p, cap) : ts_resize(buf->p, cap);
    if (!p) {
        buf->failed = true;
        return NULL;
    }
    buf->p = p;
    buf->cap = cap;
    return p + buf->len;
}

void ts_buf_put(struct ts_buf *buf, const void *p, size_t len)
{
    if (len == 0)
        return;
    char *to = ts_buf_reserve(buf, len);
    if (to) {
        memcpy(to, p, len);
        buf->len += len;
    }
}

void ts_buf_puts(struct ts_buf *buf, const char *z)
{
    ts_buf_put(buf, z, strlen(z));
}

void ts_buf_printf(struct ts_buf *buf, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    TS_ASSERT(n >= 0);
    if ((size_t)n < sizeof small) {
        ts_buf_put(buf, small, (size_t)n);
        return;
    }
    char *to = ts_buf_reserve(buf, (size_t)n + 1);
    if (to) {
        va_start(ap, fmt);
        vsnprintf(to, (size_t)n + 1, fmt, ap);
        va_end(ap);
        buf->len += (size_t)n;
    }
}

void ts_buf_put_double(struct ts_buf *buf, double v)
{
    char *to = ts_buf_reserve(buf, TS_NUM_MAX);
    if (to)
        buf->len += ts_num_put_double(to, v);
}

void ts_buf_put_int(struct ts_buf *buf, int64_t v)
{
    char *to = ts_buf_reserve(buf, TS_NUM_MAX);
    if (to)
        buf->len += ts_num_put_int(to, v);
}

void ts_buf_put_uint(struct ts_buf *buf, uint64_t v)
{
    char *to = ts_buf_reserve(buf, TS_NUM_MAX);
    if (to)
        buf->len += ts_num_put_uint(to, v);
}

void ts_buf_put_json(struct ts_buf *buf, struct ts_str s)
{
    ts_buf_putc(buf, '"');
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t n = c < 0x80 ? 1 : ts_utf8_len(s.p + i, s.len - i);
        if (c == '"' || c == '\\') {
            ts_buf_putc(buf, '\\');
            ts_buf_putc(buf, (char)c);
        } else if (c == '\n') {
            ts_buf_puts(buf, "\\n");
        } else if (c == '\r') {
            ts_buf_puts(buf, "\\r");
        } else if (c == '\t') {
            ts_buf_puts(buf, "\\t");
        } else if (c < 0x20) {
            ts_buf_printf(buf, "\\u%04x", c);
        } else if (n == 0) {
            ts_buf_puts(buf, "\xEF\xBF\xBD");
            n = 1;
        } else {
            ts_buf_put(buf, s.p + i, n);
        }
        i += n;
    }
    ts_buf_putc(buf, '"');
}

const char *ts_buf_cstr(struct ts_buf *buf)
{
    if (buf->failed)
        return NULL;
    char *to = ts_buf_reserve(buf, 1);
    if (!to)
        return NULL;
    *to = 0;
    return buf->p;
}

void ts_buf_drop_front(struct ts_buf *buf, size_t bytes)
{
    TS_ASSERT(bytes <= buf->len);
    if (bytes)
        memmove(buf->p, buf->p + bytes, buf->len - bytes);
    buf->len -= bytes;
}
