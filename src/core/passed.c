/* The fields of points that are passed through, to bytes and back. Thread: any; owns nothing. */
#include "config.h"
#include "core/passed.h"

#include "core/err.h"

static void put_uint(struct ts_buf *buf, uint64_t v, unsigned bytes)
{
    char to[8];
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (char)(v >> 8 * i & 0xff);
    ts_buf_put(buf, to, bytes);
}

static void put_head(struct ts_buf *fields, char type, struct ts_str key)
{
    TS_ASSERT(key.len <= UINT16_MAX);
    ts_buf_putc(fields, type);
    put_uint(fields, key.len, 2);
    ts_buf_put_str(fields, key);
}

void ts_passed_put_text(struct ts_buf *fields, struct ts_str key, struct ts_str text)
{
    put_head(fields, 's', key);
    put_uint(fields, text.len, 4);
    ts_buf_put_str(fields, text);
}

void ts_passed_put_int(struct ts_buf *fields, struct ts_str key, int64_t v)
{
    put_head(fields, 'i', key);
    put_uint(fields, (uint64_t)v, 8);
}

void ts_passed_put_float(struct ts_buf *fields, struct ts_str key, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_head(fields, 'f', key);
    put_uint(fields, bits, 8);
}

static bool get_uint(struct ts_str *in, unsigned bytes, uint64_t *v)
{
    if (in->len < bytes)
        return false;
    *v = 0;
    for (unsigned i = 0; i < bytes; i++)
        *v |= (uint64_t)(unsigned char)in->p[i] << 8 * i;
    *in = (struct ts_str){in->p + bytes, in->len - bytes};
    return true;
}

static bool get_text(struct ts_str *in, unsigned len_bytes, struct ts_str *out)
{
    uint64_t len;
    if (!get_uint(in, len_bytes, &len) || in->len < len)
        return false;
    *out = (struct ts_str){in->p, len};
    *in = (struct ts_str){in->p + len, in->len - len};
    return true;
}

int ts_passed_next(struct ts_str *fields, struct ts_passed_field *out)
{
    uint64_t type, v = 0;
    if (fields->len == 0)
        return -TS_EAGAIN;
    *out = (struct ts_passed_field){.text = TS_STR("")};
    if (!get_uint(fields, 1, &type) || !get_text(fields, 2, &out->key) || out->key.len == 0)
        return -TS_ECORRUPT;
    out->type = (char)type;
    bool is_number = type == 'i' || type == 'f';
    bool good = is_number ? get_uint(fields, 8, &v) : type == 's' && get_text(fields, 4, &out->text);
    out->i = (int64_t)v;
    memcpy(&out->f, &v, sizeof v);
    return good ? 0 : -TS_ECORRUPT;
}

bool ts_passed_is_sound(struct ts_str fields)
{
    struct ts_passed_field field;
    int rc = -TS_ECORRUPT;
    if (fields.len)
        while ((rc = ts_passed_next(&fields, &field)) == 0)
            continue;
    return rc == -TS_EAGAIN;
}
