/*
 * Streams to lines. Thread: ingest. Owns the begin of a line or packet that is not whole yet: TS_FRAME_MAX
 * bytes at most. Bytes are looked at once and copied twice at most, also when a long line comes byte by byte:
 * what came before stays in carry, and joins the region only when the line is whole.
 */
#include "config.h"
#include "ingest/ingest_frame.h"

#define LENGTH_BYTES 4
#define KEEP_BYTES   4096 /* a carry larger than this is given back when it is empty */

void ts_frame_init(struct ts_framer *fr, enum ts_framing framing)
{
    *fr = (struct ts_framer){.framing = framing, .need = LENGTH_BYTES};
}

void ts_frame_fini(struct ts_framer *fr)
{
    ts_buf_fini(&fr->carry);
}

char *ts_frame_room(const struct ts_framer *fr, char *region, size_t *room)
{
    *room = TS_FRAME_MAX - fr->carry.len;
    return region + fr->carry.len;
}

static void clear_carry(struct ts_framer *fr)
{
    if (fr->carry.cap > KEEP_BYTES)
        ts_buf_fini(&fr->carry);
    ts_buf_clear(&fr->carry);
}

/* Puts the carried bytes where they belong, before those just read. */
static void join(struct ts_framer *fr, char *region)
{
    if (fr->carry.len)
        memcpy(region, fr->carry.p, fr->carry.len);
    clear_carry(fr);
}

/* @return false without memory. */
static bool carry(struct ts_framer *fr, const char *p, size_t n)
{
    ts_buf_put(&fr->carry, p, n);
    if (!ts_buf_failed(&fr->carry))
        return true;
    clear_carry(fr);
    return false;
}

static struct ts_frame take_lines(struct ts_framer *fr, char *region, size_t n)
{
    struct ts_frame frame = {.lines = region};
    char *from = region + fr->carry.len, *end = from + n;
    if (fr->skipping) {
        char *newline = memchr(from, '\n', n);
        if (!newline)
            return frame;
        from = frame.lines = newline + 1;
    }
    char *last = memrchr(from, '\n', (size_t)(end - from));
    if (last) {
        join(fr, region);
        frame.len = (size_t)(last + 1 - frame.lines);
        from = last + 1;
    }
    if (fr->carry.len + (size_t)(end - from) == TS_FRAME_MAX) {
        frame.loss = TS_FRAME_TOO_LONG;
        clear_carry(fr);
    } else if (!carry(fr, from, (size_t)(end - from))) {
        frame.loss = TS_FRAME_NO_MEMORY;
    }
    fr->skipping = frame.loss != TS_FRAME_NOTHING;
    return frame;
}

static uint32_t read_length(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/*
 * Packets become lines in place: a packet moves over the 4 bytes of its length, and a \n behind it, so what
 * is written never overtakes what is read.
 */
static struct ts_frame take_packets(struct ts_framer *fr, char *region, size_t n)
{
    struct ts_frame frame = {.lines = region};
    const char *from = region + fr->carry.len, *end = from + n;
    if (fr->carry.len + n >= fr->need) {
        join(fr, region);
        from = region;
        for (;;) {
            fr->need = LENGTH_BYTES;
            if ((size_t)(end - from) < LENGTH_BYTES)
                break;
            size_t len = read_length(from);
            if (len > TS_FRAME_MAX - LENGTH_BYTES) {
                frame.loss = TS_FRAME_BROKEN;
                return frame;
            }
            fr->need += len;
            if ((size_t)(end - from) < fr->need)
                break;
            memmove(region + frame.len, from + LENGTH_BYTES, len);
            frame.len += len;
            if (len == 0 || region[frame.len - 1] != '\n')
                region[frame.len++] = '\n';
            from += LENGTH_BYTES + len;
        }
    }
    if (!carry(fr, from, (size_t)(end - from)))
        frame.loss = TS_FRAME_NO_MEMORY;
    return frame;
}

struct ts_frame ts_frame_take(struct ts_framer *fr, char *region, size_t n)
{
    return fr->framing == TS_FRAMING_LINES ? take_lines(fr, region, n) : take_packets(fr, region, n);
}

struct ts_frame ts_frame_end(struct ts_framer *fr, char *region)
{
    struct ts_frame frame = {.lines = region, .len = fr->carry.len};
    join(fr, region);
    if (fr->framing != TS_FRAMING_LINES && frame.len) {
        frame.len = 0;
        frame.loss = TS_FRAME_CUT_OFF;
    }
    return frame;
}
