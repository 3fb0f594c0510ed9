/* A worker that the caller drives. What fails is a bug here, and ends the process: measurements have no cmocka. */
#include "config.h"
#include "worker_rig.h"

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"

#include <string.h>

void rig_init(struct rig *rig, struct ts_conf_rollup *rules, unsigned nrules, unsigned nsources)
{
    TS_ASSERT(nsources <= RIG_SOURCES);
    *rig = (struct rig){.conf = {.nrollups = nrules,
                                 .rollups = rules,
                                 .idle_after_ns = 10 * TS_SEC,
                                 .correct_for_ns = 60 * TS_SEC,
                                 .limits = {.series = 100}}};
    ts_ring_init(&rig->out, 64);
    for (unsigned i = 0; i < nsources; i++) {
        ts_lane_init(&rig->lanes[i], &rig->worker_bell, &rig->ingest_bell);
        rig->lane_list[i] = &rig->lanes[i];
    }
    rig->census = ts_census_new(1 << 20, 10000);
    rig->worker_conf = (struct ts_worker_conf){.conf = &rig->conf,
                                               .nsources = nsources,
                                               .lanes = rig->lane_list,
                                               .bell = &rig->worker_bell,
                                               .rollups = &rig->out,
                                               .rollups_bell = &rig->out_bell,
                                               .census = rig->census};
}

void rig_start(struct rig *rig)
{
    rig->worker = ts_worker_new(&rig->worker_conf);
}

void rig_fini(struct rig *rig)
{
    for (struct ts_rollup_batch *batch; (batch = ts_ring_pop(&rig->out));)
        ts_rollup_batch_free(&batch);
    ts_worker_free(&rig->worker);
    for (unsigned i = 0; i < rig->worker_conf.nsources; i++)
        ts_lane_fini(&rig->lanes[i]);
    ts_ring_fini(&rig->out);
    ts_census_free(&rig->census);
}

struct ts_point rig_announcement(uint32_t id, struct ts_series_view *view)
{
    struct ts_buf buf = TS_BUF_INIT;
    int rc = ts_series_encode(view, &buf);
    TS_ASSERT(rc == 0);
    struct ts_announce *announce = ts_xalloc(sizeof *announce + buf.len);
    announce->hash = ts_hash(buf.p, buf.len);
    announce->len = (uint32_t)buf.len;
    memcpy(announce->series, buf.p, buf.len);
    ts_buf_fini(&buf);
    return (struct ts_point){.id = id, .flags = TS_POINT_SERIES, .announce = announce};
}

struct ts_point rig_announce(struct rig *rig, uint32_t id, struct ts_series_view *view)
{
    struct ts_point pt = rig_announcement(id, view);
    int rc = ts_census_hold(rig->worker_conf.census, (struct ts_str){pt.announce->series, pt.announce->len}, pt.announce->hash, TS_CENSUS_OWN);
    TS_ASSERT(rc == 0);
    return pt;
}

struct ts_point rig_announce_name(struct rig *rig, uint32_t id, enum ts_kind kind, const char *name)
{
    static struct ts_series_view view;
    view = (struct ts_series_view){.kind = kind, .name = ts_str_of(name)};
    return rig_announce(rig, id, &view);
}

void rig_put_timed(struct ts_point *at, uint32_t id, double value, int64_t time_ns, double weight)
{
    at[0] = (struct ts_point){.id = id, .flags = TS_POINT_EXT, .value = value};
    memcpy(&at[1], &(struct ts_point_ext){time_ns, weight}, sizeof(struct ts_point_ext));
}
