#ifndef TSAGGD_WRITE_H
#define TSAGGD_WRITE_H
/* Where the bodies of write requests go: into the windows, the embedded store, or both. */
#include "core/body.h"
#include "core/conf.h"
#include "core/counters.h"
#include "store/store.h"
#include "tsaggd_source.h"

#include <pthread.h>

struct write_target {
    struct ts_store *store; /* NULL: none */
    struct source *windows; /* NULL: none */
    struct ts_counters *cnt;
    pthread_mutex_t lock; /* of cnt, which many connections write */
};

/** store and source: those that conf says are borrowed until the server has stopped. @thread main */
void write_target_init(struct write_target *to, const struct ts_conf *conf, struct ts_store *store, struct source *source);

/** A ts_body_fn; arg is a struct write_target. @thread server */
int write_take_body(void *arg, struct ts_body *body);

#endif
