#ifndef TSAGGD_RELOAD_H
#define TSAGGD_RELOAD_H
/*
 * A new configuration in place of the running one. It is checked as a whole first, and all that can fail is done beside what runs;
 * only then anything changes. Unchanged listeners, sinks and rollups are not touched.
 */
#include "tsaggd_daemon.h"

struct reload;

/** file and set: where the configuration comes from, as for ts_conf_load; borrowed. @thread main */
void reload_init(struct daemon *dmn, const char *file, const char *const *set, unsigned nset);

/** SIGHUP has come. @thread main */
void reload_now(struct daemon *dmn);

/** A ts_reload_fn; arg is the daemon. Asks the main thread, and waits until it has done it. @thread server */
int reload_ask(void *arg, struct ts_buf *answer);

/** Nothing is reloaded any more: who waits is told so. @thread main */
void reload_end(struct daemon *dmn);
void reload_free(struct daemon *dmn);

/* ---- its listeners: tsaggd_listeners.c ---- */

struct listeners_change;

/** Opens what is new or changed, on the sockets of those that go where the address is the same. @return 0; what ts_listener_open says, and nothing
 * has changed; -TS_ELIMIT. */
int listeners_prepare(struct daemon *dmn, const struct ts_conf *next, struct listeners_change **out, struct ts_err *err) TS_MUST_CHECK;

/** opened, closed: sockets; of a listener that has changed, both. */
void listeners_commit(struct daemon *dmn, struct listeners_change **change, unsigned *opened, unsigned *closed);
void listeners_cancel(struct daemon *dmn, struct listeners_change **change);

#endif
