/* Series identity: encode, decode, print. Thread: any. */
#include "config.h"
#include "core/series.h"

#include "core/le.h"

static void sort_tags(struct ts_series_view *view)
{
    /* Insertion sort: a handful of tags, mostly in order already; stable, so that the last of equals wins below. */
    for (unsigned i = 1; i < view->ntags; i++) {
        struct ts_tag t = view->tags[i];
        unsigned j = i;
        for (; j > 0 && ts_str_cmp(view->tags[j - 1].key, t.key) > 0; j--)
            view->tags[j] = view->tags[j - 1];
        view->tags[j] = t;
    }
    unsigned n = 0;
    for (unsigned i = 0; i < view->ntags; i++) {
        if (n && ts_str_eq(view->tags[n - 1].key, view->tags[i].key))
            n--;
        view->tags[n++] = view->tags[i];
    }
    view->ntags = n;
}

static size_t put_u16(char *to, size_t v)
{
    to[0] = (char)(v & 0xff);
    to[1] = (char)(v >> 8);
    return 2;
}

static size_t put_text(char *to, struct ts_str s)
{
    size_t n = put_u16(to, s.len);
    if (s.len)
        memcpy(to + n, s.p, s.len);
    return n + s.len;
}

int ts_series_encode(struct ts_series_view *view, struct ts_buf *buf)
{
    TS_ASSERT(view->ntags <= TS_TAGS_MAX);
    sort_tags(view);
    size_t len = 1 + 2 + view->name.len + 2 + view->field.len + 2;
    for (unsigned i = 0; i < view->ntags; i++)
        len += 4 + view->tags[i].key.len + view->tags[i].value.len;
    if (len > TS_SERIES_MAX)
        return -TS_ELIMIT;
    char *to = ts_buf_reserve(buf, len);
    if (!to)
        return -TS_ENOMEM;
    *to++ = (char)view->kind;
    to += put_text(to, view->name);
    to += put_text(to, view->field);
    to += put_u16(to, view->ntags);
    for (unsigned i = 0; i < view->ntags; i++) {
        to += put_text(to, view->tags[i].key);
        to += put_text(to, view->tags[i].value);
    }
    buf->len += len;
    return 0;
}

struct cursor {
    const char *p, *end;
    bool bad;
};

TS_INLINE size_t get_u16(struct cursor *c)
{
    if (TS_UNLIKELY(c->end - c->p < 2)) {
        c->bad = true;
        return 0;
    }
    c->p += 2;
    return ts_le_get16(c->p - 2);
}

TS_INLINE struct ts_str get_text(struct cursor *c)
{
    size_t n = get_u16(c);
    if (TS_UNLIKELY((size_t)(c->end - c->p) < n)) {
        c->bad = true;
        return TS_STR("");
    }
    struct ts_str s = {c->p, n};
    c->p += n;
    return s;
}

int ts_series_decode(struct ts_str bytes, struct ts_series_view *view)
{
    struct cursor c = {bytes.p, bytes.p + bytes.len, false};
    if (bytes.len < 1 || (unsigned char)bytes.p[0] >= TS_KIND_COUNT)
        return -TS_ECORRUPT;
    view->kind = (enum ts_kind)*c.p++;
    view->name = get_text(&c);
    view->field = get_text(&c);
    size_t ntags = get_u16(&c);
    if (c.bad || ntags > TS_TAGS_MAX)
        return -TS_ECORRUPT;
    view->ntags = (unsigned)ntags;
    for (unsigned i = 0; i < view->ntags && !c.bad; i++) {
        view->tags[i].key = get_text(&c);
        view->tags[i].value = get_text(&c);
    }
    return c.bad || c.p != c.end ? -TS_ECORRUPT : 0;
}

void ts_series_print(const struct ts_series_view *view, struct ts_buf *buf)
{
    ts_buf_put_str(buf, view->name);
    for (unsigned i = 0; i < view->ntags; i++) {
        ts_buf_putc(buf, ',');
        ts_buf_put_str(buf, view->tags[i].key);
        ts_buf_putc(buf, '=');
        ts_buf_put_str(buf, view->tags[i].value);
    }
    if (view->field.len) {
        ts_buf_putc(buf, ' ');
        ts_buf_put_str(buf, view->field);
    }
}
