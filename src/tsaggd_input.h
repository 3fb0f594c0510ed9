#ifndef TSAGGD_INPUT_H
#define TSAGGD_INPUT_H
/* tsaggd --input: the waiting and the telling while a file is replayed. All of it @thread main. */
#include "core/conf.h"
#include "core/progress.h"
#include "ingest/ingest.h"
#include "sink/sink.h"

#include <signal.h>

struct input {
    const char *path;
    const struct ts_conf *conf;
    struct ts_file *file; /* borrowed */
    struct ts_progress progress;
    int64_t begun_ns;
};

void input_begin(struct input *in, const char *path, const struct ts_conf *conf, struct ts_file *file);

/** Waits until the file has been read or a signal comes. */
void input_wait_read(struct input *in, const sigset_t *signals);

/**
 * Everything is in the journal: waits until the sinks have delivered it, until none of them has got anything
 * off for the longest of their time-outs, or until a signal comes.
 */
void input_wait_delivered(struct input *in, const sigset_t *signals);

/** Prints the summary. @return whether all of the input was read and is delivered. */
bool input_report(struct input *in, struct ts_sinks *sinks);

#endif
