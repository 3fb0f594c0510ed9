#ifndef TS_PARSE_PARSE_TILE_H
#define TS_PARSE_PARSE_TILE_H
/*
 * The fast way: datagrams to tiles. Reads the common forms of a line in a few nanoseconds
 *   name:number|type[|@rate][|#tags]        measurement[,tag=value…] key=number[i|u][,…] [time]
 * and gives every other line to ts_parse_line. What it accepts, ts_parse_line accepts with the same meaning; the name
 * and the tags it leaves unread until route has not seen them before (struct ts_tile, resolve).
 */
#include "core/base.h"
#include "core/counters.h"
#include "core/tile.h"
#include "parse/parse.h"

#define TS_TILER_PADDING 64 /* readable bytes wanted behind every piece of data */

struct ts_tiler;

/**
 * @param fn  gets each full tile, and the rest at ts_tiler_flush. A tile's samples point into the data fed.
 * @thread ingest
 */
struct ts_tiler *ts_tiler_new(const struct ts_parse_opts *opts, struct ts_counters *cnt, ts_tile_fn *fn, void *arg);
/** Who gets events and service checks, each at once; before the first feed. Without it they count as lines without a sample. @thread main */
void ts_tiler_set_pass(struct ts_tiler *tiler, ts_passed_fn *pass, void *arg);

void ts_tiler_free(struct ts_tiler **tiler);

/**
 * Reads whole lines; the last one needs no \n. The data, at most 64 KiB, must stay until ts_tiler_flush, with TS_TILER_PADDING
 * bytes behind it that may be overwritten.
 */
void ts_tiler_feed(struct ts_tiler *tiler, char *data, size_t len);

/** Hands on what is left. */
void ts_tiler_flush(struct ts_tiler *tiler);

/** After a flush: the unit of the times to come. */
void ts_tiler_set_precision(struct ts_tiler *tiler, int64_t precision_ns);

#endif
