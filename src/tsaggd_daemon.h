#ifndef TSAGGD_DAEMON_H
#define TSAGGD_DAEMON_H
/* The daemon's objects, between tsaggd.c, which makes and ends them, and what changes them meanwhile. All of it @thread main. */
#include "core/census.h"
#include "core/conf.h"
#include "core/thread.h"
#include "ingest/ingest.h"
#include "journal/journal.h"
#include "server/server.h"
#include "sink/sink.h"
#include "store/store.h"
#include "tsaggd_input.h"
#include "tsaggd_snapshot.h"
#include "tsaggd_source.h"
#include "tsaggd_write.h"
#include "window/window.h"

#define SPARE_SOURCES 64u /* that a reload may add, with those that end in it */

struct shard {
    struct ts_worker *worker;
    struct ts_lane **lanes; /* [nsources], borrowed from the sources; of the start */
    pthread_t thread;
};

struct daemon {
    struct ts_conf *conf; /* of the start: what a reload cannot change is as it says */
    int64_t started_ns;
    unsigned nsources, nshards;
    unsigned nplaces;         /* for sources; each has a ring to the journal */
    struct source **sources;  /* [nplaces], nsources of them are there */
    struct source *http;      /* one of them, NULL when the server is off */
    struct shard *shards;
    struct ts_bell *worker_bells; /* [nshards] */
    struct ts_worker **workers;   /* [nshards], those of the shards */
    struct snapshots snapshots;
    struct ts_journal *journal;
    struct ts_store *store; /* NULL: nothing needs it */
    struct ts_sinks *sinks;
    struct write_target write;
    struct ts_server *server;
    const char *input_path; /* --input; NULL: listen */
    struct input input;
    struct ts_census *census;   /* of the series of all workers */
    struct ts_gather *gather;
    struct ts_rule_plan *plan; /* of the last reload; NULL: the rollups are those of `conf` */
    const char *events_to;      /* kept, see ts_conf_keep */
    _Atomic uint64_t passed;    /* numbers events and service checks, of all sources */
    struct reload *reload;
    struct self *self;
    struct ts_server_info info; /* what the server shows, also when there is none */
};

/** Puts a source into a free place, its ring to the journal with it. @return NULL: there is none. */
struct source *daemon_add_source(struct daemon *dmn);

/** Appends " udp=8125 …", as the ready line has it. */
void daemon_put_listeners(const struct daemon *dmn, struct ts_buf *line);

/** The way of events and service checks, once the source is open and the journal too. */
void daemon_wire_passing(struct daemon *dmn, struct source *src);

struct source_wiring daemon_wiring(struct daemon *dmn);

#endif
