#ifndef TS_INGEST_INGEST_LIMIT_H
#define TS_INGEST_INGEST_LIMIT_H
/* A token bucket (RFC 2697's, with one colour): burst tokens at first, rate more per second, never more than
 * burst. */
#include "core/base.h"

struct ts_limit {
    uint64_t rate, burst; /* 1 … 1e9; rate 0: no limit */
    uint64_t level;       /* tokens * 1e9 */
    int64_t filled_ns;    /* monotonic */
};

/** burst 0: as much as comes in a second. */
void ts_limit_init(struct ts_limit *limit, uint64_t rate, uint64_t burst, int64_t now_ns);

/** Puts in what has come up since the last time. */
void ts_limit_fill(struct ts_limit *limit, int64_t now_ns);

/** Lines that are not empty. */
uint64_t ts_limit_lines(const char *data, size_t len);

/** Takes a token for each line of the data that is not empty. @return how many bytes have one; *over: lines
 * behind them. */
size_t ts_limit_take(struct ts_limit *limit, const char *data, size_t len, uint64_t *over);

#endif
