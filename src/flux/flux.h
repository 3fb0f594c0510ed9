#ifndef TS_FLUX_H
#define TS_FLUX_H
/*
 * The Flux engine: a script is parsed, checked and evaluated; its results are the yields of the run, streams
 * of tables that whoever asked pulls. One run, one thread. Nothing is shared between runs.
 */
#include "core/ask.h"
#include "flux/exec/exec.h"

/**
 * Prepares a run. limits: copied. now_ns: what now() is. The thread's stack must have room for 1 MiB at
 * least.
 * @return 0, -TS_EQUERY (run->error). After either, ts_flux_run_fini.
 */
int ts_flux_run_init(struct ts_flux_run *run, const struct ts_flux_limits *limits,
                     int64_t now_ns) TS_MUST_CHECK;

/**
 * What from(), buckets() and the schema functions of the script read; before ts_flux_run_script. Borrowed until fini. Without one, or with
 * NULL, those functions end the query with an error.
 */
void ts_flux_run_source(struct ts_flux_run *run, struct ts_scan_source *src);

/**
 * Names that the script finds beside those of the language: JSON of a Flux syntax tree of assignments and options, as clients of InfluxDB
 * send it. Before ts_flux_run_script; borrowed until then.
 */
void ts_flux_run_externs(struct ts_flux_run *run, struct ts_str json);

/** Parses, checks and evaluates script, which must stay until fini. Results are in run->yields then. */
int ts_flux_run_script(struct ts_flux_run *run, struct ts_str script,
                       const struct ts_ask_param *params, unsigned nparams) TS_MUST_CHECK;

void ts_flux_run_fini(struct ts_flux_run *run);

/** An answer (core/ask.h) by a run of its own over src, which may be NULL. @return NULL without memory. */
struct ts_answer *ts_flux_answer(struct ts_scan_source *src, const struct ts_ask *ask) TS_MUST_CHECK;

#endif
