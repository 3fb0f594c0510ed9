#ifndef TESTS_UNIT_WORKER_RIG_H
#define TESTS_UNIT_WORKER_RIG_H
/*
 * A worker that the caller drives, for tests and measurements: lanes in, a ring out, bells and census. It stays where it is.
 */
#include "core/conf.h"
#include "window/window_priv.h"

#define RIG_SOURCES 2

struct rig {
    struct ts_conf conf;
    struct ts_worker_conf worker_conf;
    struct ts_bell ingest_bell, worker_bell, out_bell;
    struct ts_lane lanes[RIG_SOURCES], *lane_list[RIG_SOURCES];
    struct ts_ring out;
    struct ts_census *census;
    struct ts_worker *worker;
};

/** Everything but the worker: conf and worker_conf are the usual ones, and may be changed before rig_start(). The rules are the caller's. */
void rig_init(struct rig *rig, struct ts_conf_rollup *rules, unsigned nrules, unsigned nsources);

void rig_start(struct rig *rig);

/** With what is left in the ring. */
void rig_fini(struct rig *rig);

/** The entry that says what series an id stands for. */
struct ts_point rig_announcement(uint32_t id, struct ts_series_view *view);

/** The same with the series held in the census, as route does. */
struct ts_point rig_announce(struct rig *rig, uint32_t id, struct ts_series_view *view);
struct ts_point rig_announce_name(struct rig *rig, uint32_t id, enum ts_kind kind, const char *name);

/** Two entries: a sample with its time and weight. */
void rig_put_timed(struct ts_point *at, uint32_t id, double value, int64_t time_ns, double weight);

#endif
