/* Keys of series. Thread: any; owns nothing. */
#include "config.h"
#include "store/store_key.h"

#include "core/err.h"

static void put_text(struct ts_buf *out, struct ts_str s)
{
    const char *p = s.p, *end = s.p + s.len;
    for (const char *q = p; q < end; q++) {
        if ((unsigned char)*q > 1)
            continue;
        ts_buf_put(out, p, (size_t)(q - p));
        ts_buf_put(out, *q ? "\1\2" : "\1\1", 2);
        p = q + 1;
    }
    ts_buf_put(out, p, (size_t)(end - p));
    ts_buf_putc(out, 0);
}

int ts_key_prefix(struct ts_str measurement, struct ts_buf *out)
{
    put_text(out, measurement);
    return ts_buf_failed(out) ? -TS_ENOMEM : 0;
}

int ts_key_encode(struct ts_str measurement, const struct ts_tag *tags, unsigned ntags, struct ts_buf *out)
{
    size_t from = out->len;
    put_text(out, measurement);
    for (unsigned i = 0; i < ntags; i++) {
        put_text(out, tags[i].key);
        put_text(out, tags[i].value);
    }
    if (ts_buf_failed(out))
        return -TS_ENOMEM;
    if (out->len - from <= TS_KEY_MAX && ntags <= TS_TAGS_MAX)
        return 0;
    out->len = from;
    return -TS_ELIMIT;
}

/* Texts that hold a 1 are unescaped behind each other in scratch, which has room for all of the key. */
static bool get_text(const char **p, const char *end, struct ts_buf *scratch, struct ts_str *out)
{
    const char *stop = memchr(*p, 0, (size_t)(end - *p));
    if (!stop)
        return false;
    *out = (struct ts_str){*p, (size_t)(stop - *p)};
    const char *q = *p;
    *p = stop + 1;
    if (!memchr(q, 1, out->len))
        return true;
    out->p = scratch->p + scratch->len;
    for (; q < stop; q++) {
        bool escaped = *q == 1;
        if (escaped && (++q == stop || *q < 1 || *q > 2))
            return false;
        scratch->p[scratch->len++] = escaped ? (char)(*q - 1) : *q;
    }
    out->len = (size_t)(scratch->p + scratch->len - out->p);
    return true;
}

int ts_key_decode(struct ts_str key, struct ts_buf *scratch, struct ts_str *measurement, struct ts_tag tags[TS_TAGS_MAX],
                  unsigned *ntags)
{
    const char *p = key.p, *end = key.p + key.len;
    ts_buf_clear(scratch);
    *ntags = 0;
    if (memchr(key.p, 1, key.len) && !ts_buf_reserve(scratch, key.len))
        return -TS_ENOMEM;
    if (!get_text(&p, end, scratch, measurement))
        return -TS_ECORRUPT;
    while (p < end) {
        if (*ntags == TS_TAGS_MAX || !get_text(&p, end, scratch, &tags[*ntags].key) ||
            !get_text(&p, end, scratch, &tags[*ntags].value))
            return -TS_ECORRUPT;
        ++*ntags;
    }
    return 0;
}

void ts_key_print(struct ts_str key, struct ts_buf *out)
{
    struct ts_tag tags[TS_TAGS_MAX];
    struct ts_buf scratch = TS_BUF_INIT;
    struct ts_str measurement;
    unsigned ntags;
    if (ts_key_decode(key, &scratch, &measurement, tags, &ntags) == 0) {
        ts_buf_put_str(out, measurement);
        for (unsigned i = 0; i < ntags; i++) {
            ts_buf_putc(out, ',');
            ts_buf_put_str(out, tags[i].key);
            ts_buf_putc(out, '=');
            ts_buf_put_str(out, tags[i].value);
        }
    }
    ts_buf_fini(&scratch);
}
