/*
 * Counters to Prometheus' text format, version 0.0.4. Thread: server. A counter whose label has no value of
 * its own in tbl/counters.def is shown once for each value that sets carry; every other is the sum over all
 * sets.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/clock.h"
#include "core/counters.h"
#include "core/mem.h"
#include "core/pressure.h"

#include <inttypes.h>

struct sets {
    const struct ts_counters **set; /* those with a label, newest first */
    unsigned n;
    bool failed;
};

static void gather(const struct ts_counters *cnt, void *arg)
{
    struct sets *sets = arg;
    if (!cnt->label[0] || sets->failed)
        return;
    void *p = ts_resize(sets->set, (sets->n + 1) * sizeof *sets->set);
    sets->failed = !p;
    if (p) {
        sets->set = p;
        sets->set[sets->n++] = cnt;
    }
}

void ts_server_put_label(struct ts_buf *body, const char *label, const char *value)
{
    ts_buf_printf(body, "{%s=\"", label);
    for (; *value; value++) {
        if (*value == '\n') {
            ts_buf_puts(body, "\\n");
            continue;
        }
        if (*value == '"' || *value == '\\')
            ts_buf_putc(body, '\\');
        ts_buf_putc(body, *value);
    }
    ts_buf_puts(body, "\"}");
}

/* One line per value of the label; several sets may share one. */
static void put_by_set(struct ts_buf *body, enum ts_counter id, const struct sets *sets)
{
    const struct ts_counter_info *info = ts_counter_info(id);
    for (unsigned i = sets->n; i-- > 0;) {
        const struct ts_counters *cnt = sets->set[i];
        uint64_t sum = 0;
        bool told = false;
        if (strcmp(cnt->label, info->label) != 0)
            continue;
        for (unsigned j = sets->n; j-- > 0;) {
            bool same =
                strcmp(sets->set[j]->label, cnt->label) == 0 && strcmp(sets->set[j]->value, cnt->value) == 0;
            told |= same && j > i;
            sum += same ? ts_counter_of(sets->set[j], id) : 0;
        }
        if (told)
            continue;
        ts_buf_printf(body, "tsagg_%s", info->name);
        ts_server_put_label(body, info->label, cnt->value);
        ts_buf_printf(body, " %" PRIu64 "\n", sum);
    }
}

static void put_counter(struct ts_buf *body, enum ts_counter id, const struct sets *sets)
{
    const struct ts_counter_info *info = ts_counter_info(id);
    if (id == 0 || strcmp(ts_counter_info(id - 1)->name, info->name) != 0)
        ts_buf_printf(body, "# HELP tsagg_%s %s\n# TYPE tsagg_%s counter\n", info->name, info->help,
                      info->name);
    if (info->label && !info->value) {
        put_by_set(body, id, sets);
        return;
    }
    ts_buf_printf(body, "tsagg_%s", info->name);
    if (info->label)
        ts_server_put_label(body, info->label, info->value);
    ts_buf_printf(body, " %" PRIu64 "\n", ts_counter_sum(id));
}

void ts_server_metrics(const struct ts_server_info *info, struct ts_buf *body)
{
    struct sets sets = {0};
    ts_counters_each(gather, &sets);
    body->failed |= sets.failed;
    for (unsigned i = 0; i < TS_C_COUNT; i++)
        put_counter(body, (enum ts_counter)i, &sets);
    ts_free(sets.set);
    ts_server_listeners_metrics(body);
    ts_server_queries_metrics(info, body);
    ts_buf_puts(body,
                "# HELP tsagg_build_info The version, as a label; always 1\n# TYPE tsagg_build_info gauge\n"
                "tsagg_build_info{version=\"" PACKAGE_VERSION "\"} 1\n"
                "# HELP tsagg_uptime_seconds Time since the start\n# TYPE tsagg_uptime_seconds "
                "gauge\ntsagg_uptime_seconds ");
    ts_buf_put_double(body, (double)((ts_clock_now_ns() - info->started_ns) / TS_MS) / 1e3);
    ts_buf_putc(body, '\n');
    struct ts_memory_status mem;
    ts_memory_status(&mem);
    ts_buf_printf(body,
                  "# HELP tsagg_memory_bytes Memory used, pages of files not counted\n# TYPE tsagg_memory_bytes gauge\n"
                  "tsagg_memory_bytes %" PRIu64 "\n"
                  "# HELP tsagg_memory_limit_bytes limits.memory, 0 without\n# TYPE tsagg_memory_limit_bytes gauge\n"
                  "tsagg_memory_limit_bytes %" PRIu64 "\n"
                  "# HELP tsagg_memory_pressure What gives way: 1 streams and writes, 2 listeners, 4 new series, or their sum\n"
                  "# TYPE tsagg_memory_pressure gauge\ntsagg_memory_pressure %u\n",
                  mem.used_bytes, mem.limit_bytes, atomic_load_explicit(&ts_pressure_bits, memory_order_relaxed));
    if (info->gauges)
        info->gauges(info->gauges_arg, body);
}
