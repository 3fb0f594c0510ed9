#ifndef TS_QUERY_TEXT_H
#define TS_QUERY_TEXT_H
/* What texts look like on a terminal, and what they may be. */
#include "core/base.h"
#include "core/buf.h"

/**
 * Appends s so that a terminal shows it and does nothing else: control characters and bytes that are not
 * UTF-8 are escaped (\n, \t, \x1b). @return the terminal's columns that it takes, one per character.
 */
size_t ts_query_put_visible(struct ts_buf *to, struct ts_str s);

/** Bytes of the longest beginning of well-formed text that takes at most this many columns. */
size_t ts_query_cut(struct ts_str s, size_t columns);

/** Whether s is a number as JSON writes them (RFC 8259, section 6). */
bool ts_query_is_number(struct ts_str s);

/** Whether s is a time of RFC 3339 that exists: "2026-11-21T09:30:00.25+01:00". */
bool ts_query_is_time(struct ts_str s);

#endif
