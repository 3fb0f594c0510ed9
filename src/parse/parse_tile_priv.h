#ifndef TS_PARSE_PARSE_TILE_PRIV_H
#define TS_PARSE_PARSE_TILE_PRIV_H
/* Inside the tiler: its state, and what the fast way and the slow way ask of each other. */
#include "parse/parse_scan.h"
#include "parse/parse_tile.h"

/** Reads data as ts_tiler_feed does. */
typedef void ts_tile_feed_fn(struct ts_tiler *tiler, char *data, size_t len);

struct ts_tiler {
    struct ts_tile tile;
    ts_scan_fn *scan;
    ts_tile_feed_fn *feed;
    struct ts_parse_opts opts;
    struct ts_parser *parser;   /* of slow lines */
    struct ts_parser *resolver; /* of first sights, which may come while a slow line is being handed on */
    struct ts_counters *cnt;
    ts_tile_fn *fn;
    void *arg;
    uint64_t more_lines;   /* accepted and not yet counted, beyond one for each sample of the tile; wraps below 0 */
    uint64_t more_samples; /* the same of samples: those that did not get into the tile */
    ts_passed_fn *pass;    /* of events and service checks, or NULL */
    void *pass_arg;
    struct ts_buf scratch;   /* encoded series of slow lines in this tile; never grows past its first size */
    struct ts_series_view view;
    struct ts_buf names; /* what templates put together */
    struct ts_buf fields, series; /* of the event being handed on */
    unsigned resolve_index; /* sample of the line that resolve is after */
    int resolve_rc;
    uint32_t pos[TS_SCAN_MAX + 64];
};

/** The fastest one that this processor runs. */
ts_tile_feed_fn *ts_tile_feed_choose(void);

/** Counts what the tile holds, hands it on, and empties it. */
void ts_tile_hand_on(struct ts_tiler *tiler);

/** The complete parser's turn. */
void ts_tile_read_slowly(struct ts_tiler *tiler, struct ts_str line);

enum ts_kind ts_tile_kind_of_type(char type);

#endif
