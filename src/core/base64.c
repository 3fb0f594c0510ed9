/* Bytes as base64. Thread: any. Without memory the buffer is marked. */
#include "config.h"
#include "core/base64.h"

void ts_buf_put_base64(struct ts_buf *buf, struct ts_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *to = ts_buf_reserve(buf, (bytes.len + 2) / 3 * 4);
    if (!to)
        return;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = TS_MIN(bytes.len - i, 3);
        uint32_t three = 0;
        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            *to++ = k <= n ? digits[three >> (18 - 6 * k) & 63] : '=';
    }
    buf->len = (size_t)(to - buf->p);
}

/* A digit's six bits; 64: it is none. */
static unsigned digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool ts_buf_get_base64(struct ts_buf *buf, struct ts_str text)
{
    char *to = text.len % 4 == 0 ? ts_buf_reserve(buf, text.len / 4 * 3) : NULL;
    size_t n = 0;
    if (text.len == 0)
        return true;
    if (!to)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        unsigned pad = i + 4 < text.len || text.p[i + 3] != '=' ? 0 : text.p[i + 2] == '=' ? 2 : 1, bits = 0;
        for (unsigned k = 0; k < 4; k++) {
            unsigned d = k < 4 - pad ? digit_of(text.p[i + k]) : 0;
            if (d > 63)
                return false;
            bits = bits << 6 | d;
        }
        if (bits & ((1u << pad * 8) - 1)) /* bits behind the last byte */
            return false;
        for (unsigned k = 0; k < 3 - pad; k++)
            to[n++] = (char)(bits >> (16 - 8 * k));
    }
    buf->len += n;
    return true;
}
