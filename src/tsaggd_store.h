#ifndef TSAGGD_STORE_H
#define TSAGGD_STORE_H
/* The embedded store of the daemon: opened when the configuration has a use for it. */
#include "core/ask.h"
#include "core/conf.h"
#include "store/store.h"

/**
 * Opens state_dir/store when a sink or http.write needs it, makes the buckets, starts its thread and introduces it to the sinks.
 * @param out  NULL when nothing needs it; close with ts_store_close after the sinks.
 * @return as ts_store_open
 */
int store_open(const struct ts_conf *conf, struct ts_store **out, struct ts_err *err) TS_MUST_CHECK;

/** Makes the buckets of the configuration's sinks, or sets how long they keep points. @return as ts_store_put_bucket */
int store_put_buckets(const struct ts_conf *conf, struct ts_store *store, struct ts_err *err) TS_MUST_CHECK;
/** A ts_ask_changed_fn over the store, arg. */
bool store_changed(void *arg, uint64_t *since, int64_t start_ns, int64_t stop_ns);

/** A ts_ask_fn: Flux over the store, arg, which may be NULL. */
struct ts_answer *store_ask(void *arg, const struct ts_ask *ask) TS_MUST_CHECK;

#endif
