/* What the daemon's own objects measure: workers and their windows, series, groups. Thread: any. */
#include "config.h"
#include "tsaggd_gauges.h"

#include "core/clock.h"

#include <stdio.h>

static double seconds(int64_t ns)
{
    return (double)(ns / TS_US) / 1e6;
}

static void measure_worker(const struct ts_worker_gauges *gauges, unsigned number, struct ts_readings *out)
{
    char name[16];
    snprintf(name, sizeof name, "%u", number);
    int64_t clock_ns = atomic_load_explicit(&gauges->clock_ns, memory_order_relaxed);
    int64_t delay_ns = atomic_load_explicit(&gauges->seal_delay_ns, memory_order_relaxed);
    ts_readings_gauge(out, TS_G_WORKER_SERIES, name,
                      (double)atomic_load_explicit(&gauges->series, memory_order_relaxed));
    ts_readings_gauge(out, TS_G_WORKER_WINDOWS, name,
                      (double)atomic_load_explicit(&gauges->windows, memory_order_relaxed));
    ts_readings_gauge(out, TS_G_WORKER_QUEUE, name,
                      (double)atomic_load_explicit(&gauges->waiting, memory_order_relaxed));
    if (clock_ns != TS_TIME_NONE)
        ts_readings_gauge(out, TS_G_WORKER_LAG, name, seconds(TS_MAX(ts_clock_now_ns() - clock_ns, 0)));
    if (delay_ns != TS_TIME_NONE)
        ts_readings_gauge(out, TS_G_WORKER_SEAL_DELAY, name, seconds(TS_MAX(delay_ns, 0)));
}

void daemon_measure(void *arg, struct ts_readings *out)
{
    const struct daemon *dmn = arg;
    uint64_t windows = 0;
    int64_t lowest_ns = INT64_MAX;
    for (unsigned w = 0; w < dmn->nshards; w++) {
        const struct ts_worker_gauges *gauges = ts_worker_gauges(dmn->shards[w].worker);
        windows += atomic_load_explicit(&gauges->windows, memory_order_relaxed);
        int64_t watermark_ns = atomic_load_explicit(&gauges->watermark_ns, memory_order_relaxed);
        if (watermark_ns != TS_TIME_NONE)
            lowest_ns = TS_MIN(lowest_ns, watermark_ns);
        measure_worker(gauges, w, out);
    }
    ts_readings_gauge(out, TS_G_SERIES, NULL, (double)ts_census_count(dmn->census));
    ts_readings_gauge(out, TS_G_GROUPS, NULL, (double)ts_gather_count(dmn->gather));
    ts_readings_gauge(out, TS_G_WINDOWS, NULL, (double)windows);
    ts_readings_gauge(out, TS_G_WORKERS, NULL, dmn->nshards);
    if (lowest_ns != INT64_MAX)
        ts_readings_gauge(out, TS_G_WATERMARK_LAG, NULL, seconds(ts_clock_now_ns() - lowest_ns));
}
