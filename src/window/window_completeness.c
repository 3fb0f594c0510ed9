/*
 * What a rollup can say of losses: from core/losses.h for a window, and into and out of snapshots. Thread: worker; loading: main. A lost
 * sample has no series, and often no time, so it counts by the clock: in what was open when it got lost.
 */
#include "config.h"
#include "window/window_snapshot_priv.h"

#include "core/losses.h"

/* Of a window that a backfill opens, only since then: long ago, when its time went by, other samples came. */
static int64_t opened_ns(const struct ts_conf_rollup *conf, int64_t start_ns, int64_t end_ns, int64_t made_ns)
{
    return made_ns - conf->lateness_ns <= end_ns ? TS_MIN(start_ns, made_ns) : made_ns;
}

double ts_window_completeness(const struct ts_worker *wk, const struct ts_conf_rollup *conf, enum ts_domain domain, int64_t start_ns,
                              int64_t end_ns, int64_t made_ns)
{
    int64_t from_ns = start_ns, to_ns = end_ns;
    if (!(conf->aggregates & TS_AGG_BIT(completeness)))
        return 1;
    if (domain == TS_DOMAIN_EVENT) {
        from_ns = opened_ns(conf, start_ns, end_ns, made_ns);
        to_ns = wk->clock_ns;
    }
    if (wk->clock_ns == TS_TIME_NONE || (wk->draining && to_ns >= wk->clock_ns)) /* the clock has stopped, before all was counted */
        to_ns = INT64_MAX;
    return ts_losses_share(ts_losses_between(from_ns, to_ns));
}

void ts_snap_put_losses(struct ts_buf *buf)
{
    struct ts_losses_mark marks[TS_LOSSES_SAVED];
    unsigned n = ts_losses_save(marks);
    for (unsigned i = 0; i < n; i++) {
        ts_buf_putc(buf, 'C');
        ts_buf_putc(buf, (char)marks[i].level);
        ts_snap_put_i64(buf, marks[i].at_ns);
        ts_snap_put_double(buf, marks[i].sums.kept);
        ts_snap_put_double(buf, marks[i].sums.lost);
    }
}

int ts_snap_load_losses(struct ts_varints *in)
{
    struct ts_losses_mark mark;
    mark.level = (unsigned)ts_snap_get_fixed(in, 1);
    mark.at_ns = ts_snap_get_i64(in);
    mark.sums.kept = ts_snap_get_double(in);
    mark.sums.lost = ts_snap_get_double(in);
    return !in->bad && ts_losses_load(&mark) ? 0 : -TS_ECORRUPT;
}
