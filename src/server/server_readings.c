/* What the status shows beside counters, as gauges. Thread: any; owns nothing. */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/pressure.h"
#include "core/skew.h"

static double seconds(int64_t ns)
{
    return (double)(ns / TS_US) / 1e6;
}

static void measure_memory(struct ts_readings *out)
{
    struct ts_memory_status mem;
    ts_memory_status(&mem);
    ts_readings_gauge(out, TS_G_MEMORY, NULL, (double)mem.used_bytes);
    ts_readings_gauge(out, TS_G_MEMORY_LIMIT, NULL, (double)mem.limit_bytes);
    ts_readings_gauge(out, TS_G_MEMORY_PRESSURE, NULL,
                      atomic_load_explicit(&ts_pressure_bits, memory_order_relaxed));
}

static void measure_journal(const struct ts_server_info *info, struct ts_readings *out)
{
    struct ts_journal_status st = {0};
    if (!info->journal_status)
        return;
    info->journal_status(info->journal, &st);
    ts_readings_gauge(out, TS_G_JOURNAL_BYTES, NULL, (double)st.bytes);
    ts_readings_gauge(out, TS_G_JOURNAL_MAX, NULL, (double)st.max_bytes);
    ts_readings_gauge(out, TS_G_JOURNAL_WAITING, NULL, (double)st.waiting_bytes);
    ts_readings_count(out, TS_G_JOURNAL_COARSENED, NULL, st.coarsened);
    ts_readings_count(out, TS_G_JOURNAL_DROPPED, NULL, st.dropped);
}

static void measure_snapshot(const struct ts_server_info *info, struct ts_readings *out)
{
    struct ts_snapshot_status st;
    if (!info->snapshot_status)
        return;
    info->snapshot_status(info->snapshots, &st);
    ts_readings_gauge(out, TS_G_SNAPSHOT_SIZE, NULL, (double)st.bytes);
    if (st.taken_ns != TS_TIME_NONE)
        ts_readings_gauge(out, TS_G_SNAPSHOT_AGE, NULL, seconds(TS_MAX(ts_clock_now_ns() - st.taken_ns, 0)));
    ts_readings_gauge(out, TS_G_SNAPSHOT_TOOK, NULL, seconds(st.took_ns));
    ts_readings_gauge(out, TS_G_SNAPSHOT_CPU, NULL, seconds(st.cpu_ns));
    ts_readings_gauge(out, TS_G_SNAPSHOT_PAUSE, NULL, seconds(st.pause_ns));
    if (st.restored.any) {
        ts_readings_gauge(out, TS_G_RESTORED_GAP, NULL, seconds(st.restored.gap_ns));
        ts_readings_gauge(out, TS_G_RESTORED_SERIES, NULL, (double)st.restored.series);
    }
}

static void measure_sinks(const struct ts_server_look *look, struct ts_readings *out)
{
    for (unsigned i = 0; i < look->nsinks; i++) {
        const struct ts_sink_status *sink = &look->sinks[i];
        ts_readings_gauge(out, TS_G_SINK_PENDING, sink->name, (double)sink->pending);
        ts_readings_gauge(out, TS_G_SINK_IN_FLIGHT, sink->name, sink->in_flight);
        ts_readings_gauge(out, TS_G_SINK_LIMIT, sink->name, sink->limit);
        ts_readings_gauge(out, TS_G_SINK_RETRY_IN, sink->name, (double)(sink->retry_in_ns / TS_MS) / 1e3);
        ts_readings_gauge(out, TS_G_SINK_CIRCUIT_OPEN, sink->name, strcmp(sink->circuit, "closed") != 0);
        ts_readings_gauge(out, TS_G_SINK_DEAD_LETTERS, sink->name, (double)sink->dead_letters);
    }
}

static void measure_source(struct ts_skew *skw, void *out)
{
    struct ts_skew_sum sum;
    if (!ts_skew_is_first(skw))
        return;
    ts_skew_add_up(skw->source, &sum);
    ts_readings_count(out, TS_G_SOURCE_LATE, skw->source, sum.late);
    ts_readings_count(out, TS_G_SOURCE_FUTURE, skw->source, sum.future);
    ts_readings_count(out, TS_G_SOURCE_OLD, skw->source, sum.too_old);
    ts_readings_count(out, TS_G_SOURCE_JUMPS, skw->source, sum.jumps);
    if (sum.least_ns <= sum.most_ns) {
        ts_readings_gauge(out, TS_G_SOURCE_LEAST, skw->source, (double)(sum.least_ns / TS_MS) / 1e3);
        ts_readings_gauge(out, TS_G_SOURCE_MOST, skw->source, (double)(sum.most_ns / TS_MS) / 1e3);
        ts_readings_gauge(out, TS_G_SOURCE_LAST, skw->source, (double)(sum.last_ns / TS_MS) / 1e3);
    }
}

static void measure(void *arg, struct ts_readings *out)
{
    const struct ts_server_info *info = arg;
    struct ts_server_look *look = ts_alloc(sizeof *look);
    ts_readings_gauge(out, TS_G_UPTIME, NULL, (double)((ts_clock_now_ns() - info->started_ns) / TS_MS) / 1e3);
    measure_memory(out);
    measure_journal(info, out);
    measure_snapshot(info, out);
    out->failed |= !look;
    if (look) {
        ts_server_look(info, look);
        ts_readings_gauge(out, TS_G_IN_FLIGHT, NULL, (double)look->ledger.in_flight);
        ts_readings_gauge(out, TS_G_BALANCED, NULL, look->balanced);
        measure_sinks(look, out);
    }
    ts_skew_each(measure_source, out);
    if (info->queries)
        ts_server_queries_readings(info, out);
    if (info->gauges)
        info->gauges(info->gauges_arg, out);
    ts_free(look);
}

void ts_server_readings(const struct ts_server_info *info, struct ts_readings *out)
{
    ts_readings_take(out, measure, (void *)(uintptr_t)info);
}
