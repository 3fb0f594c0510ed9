#ifndef TS_PARSE_PARSE_SCAN_H
#define TS_PARSE_PARSE_SCAN_H
/* Where the structure of statsd lines is: positions of '\n', ':' and '|', 64 bytes at a time. */
#include "core/base.h"

#define TS_SCAN_MAX 65536 /* bytes of one piece of data */

/**
 * Writes the positions in increasing order; reads up to 63 bytes behind the end. len <= TS_SCAN_MAX.
 * @param pos  room for len + 64 positions. @return their number.
 */
typedef size_t ts_scan_fn(const char *data, size_t len, uint32_t *pos);

/** The fastest one that this processor runs. */
ts_scan_fn *ts_scan_choose(void);

/** Portable; what the others are tested against. */
size_t ts_scan_plain(const char *data, size_t len, uint32_t *pos);

#endif
