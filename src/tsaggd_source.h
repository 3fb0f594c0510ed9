#ifndef TSAGGD_SOURCE_H
#define TSAGGD_SOURCE_H
/* tsaggd's sources: ingest threads, wired through parse to route. All of it @thread main but source_take_body. */
#include "core/clock.h"
#include "core/conf.h"
#include "core/lane.h"
#include "ingest/ingest.h"
#include "ingest/ingest_body.h"
#include "parse/parse_template.h"
#include "parse/parse_tile.h"
#include "pipe/pipe.h"
#include "route/route.h"
#include "route/route_pass.h"

/** One ingest thread and what it owns. */
struct source {
    struct ts_listener *listener; /* one of these three */
    struct ts_bodies *bodies;
    struct ts_file *file;
    const struct ts_conf_listen *listen; /* of a listener */
    struct ts_tiler *tiler;
    struct ts_pipe *pipe; /* between tiler and router; NULL without stages */
    struct ts_router *router;
    struct ts_passer_conf pass; /* as far as opening knows it */
    struct ts_passer *passer;
    struct ts_templates *templates; /* or NULL */
    struct ts_lane *lanes; /* [nlanes], one for each worker */
    unsigned nlanes;
    struct ts_bell bell;
    struct ts_clock_steady clock; /* arrival times */
    pthread_t thread;
};

/** Where a source's samples go. */
struct source_wiring {
    const struct ts_conf *conf;
    unsigned nworkers;
    struct ts_bell *worker_bells; /* [nworkers] */
    struct ts_census *census;
};

/** @param port that to bind, 0: the system chooses. sibling: of another socket of this listener, NULL for the first. @return 0, or what ts_listener_open says. */
int source_open_listener(struct source *src, const struct source_wiring *to, const struct ts_conf_listen *listen,
                         uint16_t port, struct ts_inherited *inh, const struct source *sibling, struct ts_err *err) TS_MUST_CHECK;

/** Bodies of requests. A request waits as long as it takes: nothing of it is dropped. */
void source_open_http(struct source *src, const struct source_wiring *to);

/** --input: read as the first listener would read it; waits for room without limit. @return 0, or what ts_file_open says. */
int source_open_file(struct source *src, const struct source_wiring *to, const char *path,
                     struct ts_err *err) TS_MUST_CHECK;

/** After opening: the way of events and service checks. The ring is the source's own. */
void source_set_pass(struct source *src, struct ts_ring *out, struct ts_bell *out_bell, const char *to,
                     _Atomic uint64_t *count);

/** A ts_body_fn; arg is a source of requests. @thread server */
int source_take_body(void *arg, struct ts_body *body);

/** The same for a body that ts_parse_body has read. */
int source_post_body(struct source *src, struct ts_body *body);

int source_start(struct source *src) TS_MUST_CHECK;
void source_stop(struct source *src);

/** After its thread has ended: all but the lanes, which the workers look at until they are freed. */
void source_close(struct source *src);
void source_free_lanes(struct source *src);

#endif
