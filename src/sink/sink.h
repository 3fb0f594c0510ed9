#ifndef TS_SINK_SINK_H
#define TS_SINK_SINK_H
/*
 * From the journal to the outside: one thread per configured sink reads its feed, sends, and acknowledges
 * what the other side has taken. Order of calls: open, start, (the journal stops), stop, free, and only then
 * the journal's close.
 */
#include "core/base.h"
#include "core/conf.h"
#include "core/err.h"
#include "core/feed.h"
#include "core/sink_status.h"

struct ts_sinks;

/**
 * Prepares every sink of the configuration; connects to nothing.
 * @param conf, feeds (one for each of conf->sinks, in that order) borrowed until ts_sinks_free.
 * @return 0; -TS_ECONF a sink's options cannot work; -TS_EIO; err says which and why. @thread main
 */
int ts_sinks_open(const struct ts_conf *conf, struct ts_feed *const *feeds, struct ts_sinks **out,
                  struct ts_err *err) TS_MUST_CHECK;

struct ts_writer;

/** Where sinks of type store write; before ts_sinks_open, when there is such a sink. wtr outlives them. @thread main */
void ts_sinks_use_store(struct ts_writer *wtr);

/** @return 0, -TS_ENOMEM: those that were started go on until ts_sinks_stop. @thread main */
int ts_sinks_start(struct ts_sinks *sinks, struct ts_err *err) TS_MUST_CHECK;

/**
 * Delivers what the journal still has as long as the other side takes it, at most until the deadline
 * (ts_clock_mono_ns), and ends the threads. A sink whose other side fails tries once more and ends; what it
 * leaves stays in the journal and is logged.
 * @thread main
 */
void ts_sinks_stop(struct ts_sinks *sinks, int64_t deadline_mono_ns);

/* ---- a reload: sink_reload.c. All of it @thread main ---- */

struct ts_sinks_change;

/** Where feeds come from and go to; see ts_journal_add_feed and ts_journal_leave_feed. */
struct ts_feeds {
    struct ts_feed *(*add)(void *arg, const char *name); /* NULL: there are too many */
    void (*leave)(void *arg, struct ts_feed *feed);
    void *arg;
};

/**
 * Opens what the configuration has and the running sinks have not, or have otherwise. A sink is known by its name; its type cannot
 * change. next is copied from.
 * @return 0; as ts_sinks_open, and nothing has changed.
 */
int ts_sinks_prepare(struct ts_sinks *sinks, const struct ts_conf *next, const struct ts_feeds *feeds, struct ts_sinks_change **out,
                     struct ts_err *err) TS_MUST_CHECK;

/**
 * Stops those that are to go or change, which takes half a second at most, and starts what was prepared. What was not delivered yet
 * stays with the sink: it goes on when the sink does, or is configured again. @return how many were added, changed or removed.
 */
unsigned ts_sinks_commit(struct ts_sinks *sinks, struct ts_sinks_change **change);
void ts_sinks_cancel(struct ts_sinks_change **change);

/** @thread main */
void ts_sinks_free(struct ts_sinks **sinks);

/** A ts_sink_status_fn; sinks is a struct ts_sinks. @thread any, until ts_sinks_free */
bool ts_sinks_status(void *sinks, unsigned i, struct ts_sink_status *out);

#endif
