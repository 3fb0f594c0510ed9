#ifndef TS_SERVER_SERVER_H
#define TS_SERVER_SERVER_H
/*
 * The HTTP server. GET /metrics, /health, /ready, /ping, /api/v1/status show counters and what the functions
 * of struct ts_server_info tell; POST /api/v2/write and /write give a body of line protocol to one of them, POST
 * /api/v2/query gives a Flux script.
 * /api/v2/buckets, /api/v2/orgs and /api/v2/delete are InfluxDB 2's.
 */
#include "core/admin.h"
#include "core/ask.h"
#include "core/base.h"
#include "core/body.h"
#include "core/buf.h"
#include "core/census.h"
#include "core/conf.h"
#include "core/err.h"
#include "core/journal_status.h"
#include "core/readings.h"
#include "core/sink_status.h"
#include "core/snapshot_status.h"

struct ts_server;

/** Reads the configuration again, and appends what came of it, in lines. @return 0; -TS_ECONF it is wrong, and the former stays; -TS_EIO something of it
 * cannot be had, and the former stays; -TS_EBUSY: tsaggd ends. */
typedef int ts_reload_fn(void *arg, struct ts_buf *text);

/** What is shown beyond counters, and where bodies go. The functions run on server threads, several at a
 * time, until ts_server_stop returns. */
struct ts_server_info {
    const struct ts_conf *conf; /* borrowed */
    int64_t started_ns;
    ts_gauges_fn *gauges; /* what further is measured; may be NULL */
    void *gauges_arg;
    struct ts_census *census;       /* borrowed */
    ts_sink_status_fn *sink_status; /* asked for sink 0, 1, … until it says false; may be NULL */
    void *sinks;
    ts_journal_status_fn *journal_status; /* may be NULL */
    void *journal;
    ts_snapshot_status_fn *snapshot_status; /* NULL: none are taken */
    void *snapshots;
    ts_body_fn *write; /* the request is answered when it returns; NULL: writes are not accepted */
    void *write_arg;
    ts_reload_fn *reload; /* NULL: there is nothing to reload */
    void *reload_arg;
    ts_ask_fn *ask; /* who answers queries; NULL: they are not accepted */
    ts_ask_changed_fn *changed; /* what answers are kept by; NULL: nothing ever changes */
    void *ask_arg;
    struct ts_queries *queries; /* the server's own */
    struct ts_admin *admin; /* buckets and deletes; NULL: there is no store */
};

/**
 * Listens on conf->http.address, which is not empty, and answers from threads of its own, with signals
 * blocked. info is copied.
 * @return 0, -TS_EINVAL (no such address), -TS_EIO (cannot listen), -TS_ENOMEM; err says why.
 * @thread main
 */
int ts_server_start(const struct ts_server_info *info, struct ts_server **out,
                    struct ts_err *err) TS_MUST_CHECK;

/** All that /metrics shows but the version. info is what ts_server_start was given, or ts_server_info of what it made. @thread any */
void ts_server_readings(const struct ts_server_info *info, struct ts_readings *out);

/** What the server shows, its queries included; borrowed. */
const struct ts_server_info *ts_server_info(const struct ts_server *srv);

/** The port listened on, also when the configuration's is 0. */
uint16_t ts_server_port(const struct ts_server *srv);

/**
 * Refuses writes that begin from now on with status 503, and waits until those in progress are answered or
 * the monotonic clock says until_mono_ns. @thread main
 */
void ts_server_end_writes(struct ts_server *srv, int64_t until_mono_ns);

/** Ends the connections and joins the threads. @thread main */
void ts_server_stop(struct ts_server **srv);

#endif
