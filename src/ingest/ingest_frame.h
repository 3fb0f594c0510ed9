#ifndef TS_INGEST_INGEST_FRAME_H
#define TS_INGEST_INGEST_FRAME_H
/*
 * A stream's bytes to whole lines, however the reads cut them. A framer belongs to one connection and keeps
 * what is not whole yet. The caller reads into a region of TS_FRAME_MAX bytes (and the consumer's padding),
 * which framers share: ts_frame_room   where the next bytes belong in the region ts_frame_take   after so
 * many came: the lines that are whole now, in the region ts_frame_end    nothing comes any more: the rest
 * Lines end with \n. Framing dogstatsd: the length of a packet of lines as 32 bits, least byte first, and the
 * packet (as Datadog's clients write to a unix stream).
 */
#include "core/buf.h"
#include "core/conf.h"

#define TS_FRAME_MAX 65536 /* a line with its end, a packet with its length */

enum ts_frame_loss {
    TS_FRAME_NOTHING,
    TS_FRAME_TOO_LONG,  /* a line; what follows of it is skipped */
    TS_FRAME_NO_MEMORY, /* for the begin of a line, which is skipped; a packet: the stream cannot be read on
                         */
    TS_FRAME_BROKEN,    /* a packet too long: the stream cannot be read on */
    TS_FRAME_CUT_OFF,   /* the stream ended inside a packet */
};

struct ts_framer {
    enum ts_framing framing;
    bool skipping; /* to the end of a line */
    size_t need;   /* packets: bytes, carried ones among them, that make the first one whole, or its length */
    struct ts_buf carry;
};

/** What was lost, at most one thing, and the whole lines: possibly none. */
struct ts_frame {
    char *lines;
    size_t len;
    enum ts_frame_loss loss;
};

void ts_frame_init(struct ts_framer *fr, enum ts_framing framing);
void ts_frame_fini(struct ts_framer *fr);

/** @return where in region to read to; *room (> 0) how much. */
char *ts_frame_room(const struct ts_framer *fr, char *region, size_t *room);

/** n bytes (0 < n <= room) were read there. */
struct ts_frame ts_frame_take(struct ts_framer *fr, char *region, size_t n);

/** The rest: a line without its end. */
struct ts_frame ts_frame_end(struct ts_framer *fr, char *region);

#endif
