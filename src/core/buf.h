#ifndef TS_CORE_BUF_H
#define TS_CORE_BUF_H
/*
 * A byte buffer that grows up to a limit. It owns its bytes. A failed put leaves the buffer as it was and
 * marks it: check once at the end with ts_buf_failed instead of after every put.
 */
#include "core/base.h"
#include "core/err.h"

#include <stdarg.h>

struct ts_buf {
    char *p;
    size_t len, cap;
    size_t limit; /* bytes; 0 is no limit */
    bool failed;
    bool needed; /* without memory it waits and then the process ends, as ts_xalloc does: for what would be wrong when it is cut short */
};

#define TS_BUF_INIT   ((struct ts_buf){0})
#define TS_BUF_NEEDED ((struct ts_buf){.needed = true})

void ts_buf_fini(struct ts_buf *buf);

static inline void ts_buf_clear(struct ts_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

static inline bool ts_buf_failed(const struct ts_buf *buf)
{
    return buf->failed;
}

/** Room for `bytes` more behind the end, or NULL (limit or memory; the buffer is marked). */
char *ts_buf_reserve(struct ts_buf *buf, size_t bytes);

void ts_buf_put(struct ts_buf *buf, const void *p, size_t len);
void ts_buf_puts(struct ts_buf *buf, const char *z);
void ts_buf_printf(struct ts_buf *buf, const char *fmt, ...) TS_PRINTF(2, 3);

static inline void ts_buf_putc(struct ts_buf *buf, char c)
{
    char *to = TS_LIKELY(buf->len < buf->cap) ? buf->p + buf->len : ts_buf_reserve(buf, 1);
    if (TS_LIKELY(to)) {
        *to = c;
        buf->len++;
    }
}

static inline void ts_buf_put_str(struct ts_buf *buf, struct ts_str s)
{
    ts_buf_put(buf, s.p, s.len);
}

/** Shortest decimal that reads back as v (see core/num.h). */
void ts_buf_put_double(struct ts_buf *buf, double v);
void ts_buf_put_int(struct ts_buf *buf, int64_t v);
void ts_buf_put_uint(struct ts_buf *buf, uint64_t v);

/** Text as a JSON string with its quotes (RFC 8259); bytes that are not UTF-8 become U+FFFD. */
void ts_buf_put_json(struct ts_buf *buf, struct ts_str s);

/** The bytes as a C string, valid until the next put; NULL when the buffer failed. */
const char *ts_buf_cstr(struct ts_buf *buf);

static inline struct ts_str ts_buf_str(const struct ts_buf *buf)
{
    return (struct ts_str){buf->p, buf->len};
}

/** Removes `bytes` (at most len) from the front. */
void ts_buf_drop_front(struct ts_buf *buf, size_t bytes);

#endif
