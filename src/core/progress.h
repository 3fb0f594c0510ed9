#ifndef TS_CORE_PROGRESS_H
#define TS_CORE_PROGRESS_H
/*
 * A line on the terminal that tells how far something is, drawn over itself on stderr. Nothing is drawn in
 * the first second, nor when stderr is no terminal. @thread one
 */
#include "core/base.h"

struct ts_progress {
    bool on, drawn;
    int64_t begun_ns, drawn_ns; /* monotonic */
};

void ts_progress_begin(struct ts_progress *prg);

/** Whether it is time for ts_progress_draw: ten times a second at most. */
bool ts_progress_is_due(const struct ts_progress *prg);

/** share: 0 … 1 of the whole, drawn as a bar; negative: unknown. The text stands behind it, cut at the
 * terminal's width. */
void ts_progress_draw(struct ts_progress *prg, double share, const char *fmt, ...) TS_PRINTF(3, 4);

/** Takes the line away. */
void ts_progress_end(struct ts_progress *prg);

#endif
