/* Text to gzip while it comes, by zlib, since libdeflate wants all of it at once. Thread: server. */
#include "config.h"
#include "server/server_query.h"

#include "core/mem.h"

#include <zlib.h>

#define LEVEL     1 /* most of what is to be gained, at a third of the time */
#define GZIP_BITS (15 + 16)
#define ROOM      ((size_t)16 << 10)

struct ts_deflate {
    z_stream z;
};

struct ts_deflate *ts_deflate_new(void)
{
    struct ts_deflate *def = ts_alloc(sizeof *def);
    if (def && deflateInit2(&def->z, LEVEL, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        TS_FREE(def);
    return def;
}

int ts_deflate_put(struct ts_deflate *def, struct ts_str in, bool last, struct ts_buf *to)
{
    z_stream *z = &def->z;
    int rc;
    TS_ASSERT(in.len <= UINT32_MAX);
    z->next_in = (z_const Bytef *)(uintptr_t)in.p;
    z->avail_in = (uInt)in.len;
    do {
        char *p = ts_buf_reserve(to, ROOM);
        if (!p)
            return -TS_ENOMEM;
        z->next_out = (Bytef *)p;
        z->avail_out = ROOM;
        rc = deflate(z, last ? Z_FINISH : Z_NO_FLUSH);
        to->len += ROOM - z->avail_out;
    } while (last ? rc != Z_STREAM_END : z->avail_out == 0);
    return 0;
}

void ts_deflate_free(struct ts_deflate **def)
{
    if (*def)
        deflateEnd(&(*def)->z);
    TS_FREE(*def);
}
