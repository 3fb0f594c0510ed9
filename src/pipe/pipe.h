#ifndef TS_PIPE_PIPE_H
#define TS_PIPE_PIPE_H
/*
 * The pipeline between parse and route: tiles in, tiles out. What stages decide by a sample's key is decided
 * at its first sight; what is left for each sample is a look-up and what depends on value and time. One for
 * each ingest thread: counts, limits and what dedup holds are the thread's own.
 */
#include "core/base.h"
#include "core/conf.h"
#include "core/counters.h"
#include "core/tile.h"

struct ts_pipe;

struct ts_pipe_conf {
    const struct ts_conf *conf; /* borrowed; with one stage or more, checked */
    struct ts_counters *cnt;    /* of the ingest thread; those of the stages are the pipe's */
    bool replay;                /* --input: time is that of the samples */
    ts_tile_fn *next;
    void *arg;
};

/** Ends the process without memory. @thread main */
struct ts_pipe *ts_pipe_new(const struct ts_pipe_conf *conf);

/** What is held back is dropped. @thread main */
void ts_pipe_free(struct ts_pipe **pipe);

/** A batch of data begins, received at arrival_ns. @thread ingest */
void ts_pipe_begin(struct ts_pipe *pipe, int64_t arrival_ns);

/** A ts_tile_fn. The next one's tiles have keys of the data or of the pipe; both stay until it returns.
 * @thread ingest */
void ts_pipe_tile(struct ts_tile *tile, void *pipe);

/** Lets go what has been held back long enough: after each batch, and when nothing comes. @thread ingest */
void ts_pipe_tick(struct ts_pipe *pipe, int64_t now_ns);

/** Lets go all that is held back. @thread ingest */
void ts_pipe_end(struct ts_pipe *pipe);

#endif
