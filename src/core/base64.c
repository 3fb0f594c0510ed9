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
