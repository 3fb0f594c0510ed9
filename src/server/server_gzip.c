/* gzip to text by libdeflate, which wants the room beforehand: first what the trailer promises, then twice as
 * much. Thread: server. */
#include "config.h"
#include "server/server_priv.h"

#include <libdeflate.h>

#define TRAILER 4 /* bytes at the end of a member: its length, modulo 2^32 */

/* What the last member says of its length, within what deflate can do (1032:1). */
static size_t promised(struct ts_str in)
{
    size_t len = 0;
    if (in.len < TRAILER)
        return 0;
    for (unsigned i = 0; i < TRAILER; i++)
        len |= (size_t)(unsigned char)in.p[in.len - TRAILER + i] << 8 * i;
    return TS_MIN(len, in.len * 1032);
}

static int inflate_member(struct libdeflate_decompressor *dec, struct ts_str *in, struct ts_buf *out)
{
    size_t room = TS_MIN(TS_MAX(promised(*in), 4096), out->limit - out->len), took, made;
    for (;;) {
        char *to = ts_buf_reserve(out, room);
        if (!to)
            return -TS_ENOMEM;
        enum libdeflate_result rc =
            libdeflate_gzip_decompress_ex(dec, in->p, in->len, to, room, &took, &made);
        if (rc == LIBDEFLATE_SUCCESS) {
            out->len += made;
            in->p += took;
            in->len -= took;
            return 0;
        }
        if (rc != LIBDEFLATE_INSUFFICIENT_SPACE)
            return -TS_EPARSE;
        if (room == out->limit - out->len)
            return -TS_ELIMIT;
        room = TS_MIN(2 * room, out->limit - out->len);
    }
}

int ts_server_gunzip(struct ts_str in, struct ts_buf *out)
{
    struct libdeflate_decompressor *dec = libdeflate_alloc_decompressor();
    if (!dec)
        return -TS_ENOMEM;
    int rc = -TS_EPARSE;
    do
        rc = inflate_member(dec, &in, out);
    while (rc == 0 && in.len);
    libdeflate_free_decompressor(dec);
    return rc;
}
