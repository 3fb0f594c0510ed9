/*
 * Ledger, sinks and state as JSON. Thread: server. Lines that are being parsed while we look can make the
 * ledger seem off for a moment, so it is looked at again, LOOKS times at most, before it is called
 * unbalanced.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"
#include "core/ledger.h"
#include "core/num.h"
#include "core/pressure.h"

#include <inttypes.h>
#include <time.h>

#define LOOKS     20
#define LOOK_NS   TS_MS

static void put_member(struct ts_buf *body, const char *before, const char *key, uint64_t v)
{
    ts_buf_printf(body, "%s\"%s\": %" PRIu64, before, key, v);
}

/* "key": {"reason": n, …} of all counters that share id's name. */
static void put_reasons(struct ts_buf *body, const char *key, const struct ts_ledger *led, enum ts_counter id)
{
    const char *name = ts_counter_info(id)->name, *before = "";
    ts_buf_printf(body, ", \"%s\": {", key);
    for (unsigned i = 0; i < TS_C_COUNT; i++) {
        const struct ts_counter_info *info = ts_counter_info((enum ts_counter)i);
        if (strcmp(info->name, name) == 0) {
            put_member(body, before, info->value, led->v[i]);
            before = ", ";
        }
    }
    ts_buf_putc(body, '}');
}

static void put_ledger(struct ts_buf *body, const struct ts_ledger *led)
{
    const uint64_t *v = led->v;
    put_member(body, ",\n \"lines\": {", "received", v[TS_C_LINES_RECEIVED]);
    put_member(body, ", ", "accepted", v[TS_C_LINES_ACCEPTED]);
    put_member(body, ", ", "rejected", led->lines_rejected);
    put_member(body, ", ", "ignored", v[TS_C_LINES_EMPTY]);
    put_reasons(body, "rejected_by_reason", led, TS_C_REJECTED_SYNTAX);
    put_member(body, "},\n \"samples\": {", "received", v[TS_C_SAMPLES_RECEIVED]);
    put_member(body, ", ", "created", v[TS_C_SAMPLES_CREATED]);
    put_member(body, ", ", "aggregated", v[TS_C_SAMPLES_AGGREGATED]);
    put_member(body, ", ", "passed", v[TS_C_SAMPLES_PASSED]);
    put_member(body, ", ", "rejected", led->lines_rejected);
    put_member(body, ", ", "dropped", led->samples_dropped);
    put_member(body, ", ", "overflowed", v[TS_C_OVERFLOWED_SERIES] + v[TS_C_OVERFLOWED_TAG_VALUES]);
    put_reasons(body, "overflowed_by_reason", led, TS_C_OVERFLOWED_SERIES);
    ts_buf_printf(body, ", \"in_flight\": %" PRId64, led->in_flight);
    put_reasons(body, "dropped_by_reason", led, TS_C_DROPPED_RING_FULL);
    put_member(body, "},\n \"datagrams\": {", "received", v[TS_C_DATAGRAMS_RECEIVED]);
    put_member(body, ", ", "kernel_dropped", v[TS_C_KERNEL_DROPPED]);
    put_member(body, ", ", "truncated", v[TS_C_DATAGRAMS_TRUNCATED]);
    put_member(body, "},\n \"late\": {", "corrected", v[TS_C_LATE_CORRECTED]);
    put_member(body, ", ", "dropped", v[TS_C_LATE_DROPPED]);
    put_member(body, "},\n ", "series", v[TS_C_SERIES_CREATED]);
    put_member(body, ",\n \"rollups\": {", "sealed", v[TS_C_ROLLUPS_SEALED]);
    put_member(body, ", ", "corrected", v[TS_C_ROLLUPS_CORRECTED]);
    put_member(body, ", ", "lost", v[TS_C_ROLLUPS_LOST]);
    put_member(body, "},\n \"journal\": {", "appended", v[TS_C_JOURNAL_APPENDED]);
    put_member(body, ", ", "written_bytes", v[TS_C_JOURNAL_BYTES]);
    put_member(body, ", ", "syncs", v[TS_C_JOURNAL_SYNCS]);
    put_member(body, ", ", "errors", v[TS_C_JOURNAL_ERRORS]);
    put_member(body, ", ", "damaged_blocks", v[TS_C_JOURNAL_DAMAGED]);
}

static void put_memory(struct ts_buf *body)
{
    struct ts_memory_status mem;
    ts_memory_status(&mem);
    put_member(body, ",\n \"memory\": {", "used_bytes", mem.used_bytes);
    put_member(body, ", ", "limit_bytes", mem.limit_bytes);
    ts_buf_printf(body, ", \"state\": \"%s\", \"new_series\": \"%s\"}", mem.state,
                  ts_pressure_has(TS_PRESSURE_OVERFLOW) ? "overflow" : "own");
}

static void put_span(struct ts_buf *body, const char *key, const struct ts_journal_span *span)
{
    char from[TS_NUM_MAX], to[TS_NUM_MAX];
    if (span->from_ns >= span->to_ns)
        return;
    ts_buf_printf(body, ", \"%s\": {\"from\": \"%.*s\", \"to\": \"%.*s\"}", key, (int)ts_clock_put_time(from, span->from_ns),
                  from, (int)ts_clock_put_time(to, span->to_ns), to);
}

/* Closes what put_ledger has left open. */
static void put_journal(struct ts_buf *body, const struct ts_server_info *info)
{
    struct ts_journal_status st = {0};
    if (info->journal_status) {
        info->journal_status(info->journal, &st);
        put_member(body, ", ", "bytes", st.bytes);
        put_member(body, ", ", "max_bytes", st.max_bytes);
        put_member(body, ", ", "waiting_bytes", st.waiting_bytes);
        put_member(body, ", ", "coarsenings", st.coarsenings);
        put_member(body, ", ", "rollups_coarsened", st.coarsened);
        put_member(body, ", ", "segments_dropped", st.segments_dropped);
        put_member(body, ", ", "rollups_dropped", st.dropped);
        ts_buf_puts(body, ", \"state\": ");
        ts_buf_put_json(body, ts_str_of(st.state));
        put_span(body, "coarsened_span", &st.coarsened_span);
        put_span(body, "dropped_span", &st.dropped_span);
    }
    ts_buf_putc(body, '}');
}

static void put_seconds(struct ts_buf *body, const char *before, const char *key, int64_t ns)
{
    ts_buf_printf(body, "%s\"%s\": ", before, key);
    ts_buf_put_double(body, (double)(ns / TS_US) / 1e6);
}

static void put_snapshot(struct ts_buf *body, const struct ts_server_info *info)
{
    struct ts_snapshot_status st;
    if (!info->snapshot_status)
        return;
    info->snapshot_status(info->snapshots, &st);
    put_member(body, ",\n \"snapshot\": {", "bytes", st.bytes);
    if (st.taken_ns != TS_TIME_NONE)
        put_seconds(body, ", ", "age_seconds", TS_MAX(ts_clock_now_ns() - st.taken_ns, 0));
    put_seconds(body, ", ", "took_seconds", st.took_ns);
    put_seconds(body, ", ", "cpu_seconds", st.cpu_ns);
    put_seconds(body, ", ", "longest_pause_seconds", st.pause_ns);
    if (st.restored.any) {
        put_seconds(body, ", \"restored\": {", "gap_seconds", st.restored.gap_ns);
        put_member(body, ", ", "series", st.restored.series);
        put_member(body, ", ", "windows", st.restored.panes - st.restored.sealed);
        put_member(body, ", ", "sealed_since", st.restored.sealed);
        put_member(body, ", ", "no_rollup", st.restored.no_rule);
        put_member(body, ", ", "no_room", st.restored.no_room);
        ts_buf_putc(body, '}');
    }
    ts_buf_putc(body, '}');
}

static void put_sinks(struct ts_buf *body, const struct ts_sink_status *sinks, unsigned n)
{
    ts_buf_puts(body, ",\n \"sinks\": [");
    for (unsigned i = 0; i < n; i++) {
        const struct ts_sink_status *sink = &sinks[i];
        ts_buf_puts(body, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        ts_buf_put_json(body, ts_str_of(sink->name));
        ts_buf_puts(body, ", \"type\": ");
        ts_buf_put_json(body, ts_str_of(sink->type));
        ts_buf_puts(body, ", \"url\": ");
        ts_buf_put_json(body, ts_str_of(sink->url));
        ts_buf_puts(body, ", \"state\": ");
        ts_buf_put_json(body, ts_str_of(sink->state));
        put_member(body, ", ", "rolled_up", sink->rolled_up);
        put_member(body, ", ", "delivered", sink->delivered);
        put_member(body, ", ", "pending", sink->pending);
        put_member(body, ", ", "dropped", sink->dropped);
        put_member(body, ", ", "coarsened", sink->coarsened);
        put_member(body, ", ", "retries", sink->retries);
        put_member(body, ", ", "in_flight", sink->in_flight);
        put_member(body, ", ", "in_flight_limit", sink->limit);
        ts_buf_printf(body, ", \"circuit\": \"%s\", \"retry_in_seconds\": ", sink->circuit);
        ts_buf_put_double(body, (double)(sink->retry_in_ns / TS_MS) / 1e3);
        put_member(body, ", ", "dead_letters", sink->dead_letters);
        put_member(body, ", ", "dead_letters_delivered", sink->dead_delivered);
        ts_buf_putc(body, '}');
    }
    ts_buf_putc(body, ']');
}

static void look_once(const struct ts_server_info *info, struct ts_server_look *look)
{
    look->nsinks = 0;
    while (info->sink_status && look->nsinks < TS_SERVER_SINKS_MAX &&
           info->sink_status(info->sinks, look->nsinks, &look->sinks[look->nsinks]))
        look->nsinks++;
    ts_ledger_read(&look->ledger);
    look->balanced = look->ledger.balanced;
    for (unsigned i = 0; i < look->nsinks; i++) {
        const struct ts_sink_status *sink = &look->sinks[i];
        look->balanced &=
            ts_ledger_sink_balances(sink->rolled_up, sink->delivered, sink->pending, sink->dropped, sink->coarsened);
    }
}

void ts_server_look(const struct ts_server_info *info, struct ts_server_look *look)
{
    look_once(info, look);
    for (unsigned i = 1; i < LOOKS && !look->balanced; i++) {
        nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
        look_once(info, look);
    }
}

void ts_server_status(const struct ts_server_info *info, struct ts_buf *body)
{
    struct ts_server_look look;
    ts_server_look(info, &look);
    ts_buf_puts(body, "{\"version\": \"" PACKAGE_VERSION "\",\n \"uptime_seconds\": ");
    ts_buf_put_double(body, (double)((ts_clock_now_ns() - info->started_ns) / TS_MS) / 1e3);
    ts_buf_printf(body, ",\n \"balanced\": %s", look.balanced ? "true" : "false");
    put_ledger(body, &look.ledger);
    put_journal(body, info);
    put_snapshot(body, info);
    put_memory(body);
    ts_server_listeners_status(body);
    ts_server_sources_status(body);
    ts_server_stages_status(info, body);
    ts_server_queries_status(info, body);
    put_sinks(body, look.sinks, look.nsinks);
    ts_buf_puts(body, "}\n");
}

void ts_server_health(const struct ts_server_info *info, struct ts_buf *body)
{
    (void)info;
    ts_buf_puts(
        body,
        "{\"name\":\"tsaggd\",\"message\":\"ready for queries and writes\",\"status\":\"pass\",\"checks\":[],"
        "\"version\":\"" PACKAGE_VERSION "\",\"commit\":\"\"}\n");
}

void ts_server_ready(const struct ts_server_info *info, struct ts_buf *body)
{
    char started[TS_NUM_MAX], up[TS_NUM_MAX];
    size_t nstarted = ts_clock_put_time(started, info->started_ns);
    size_t nup = ts_clock_put_duration(up, (ts_clock_now_ns() - info->started_ns) / TS_MS * TS_MS);
    ts_buf_printf(body, "{\"status\":\"ready\",\"started\":\"%.*s\",\"up\":\"%.*s\"}\n", (int)nstarted,
                  started, (int)nup, up);
}
