/*
 * Each listener's share of the counters. Thread: server. A listener has a set for each of its sockets;
 * listeners with the same URL (several with port 0) are shown as one.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/counters.h"
#include "core/mem.h"

#include <inttypes.h>

static const struct value {
    const char *key, *help;
    enum ts_counter counter;
} values[] = {
#define TS_LISTENER_VALUE(key, counter, help) {#key, help, TS_C_##counter},
#include "tbl/listeners.def"
#undef TS_LISTENER_VALUE
};

struct row {
    const char *url;
    uint64_t v[TS_ARRAY_SIZE(values)];
};

struct rows {
    struct row *row; /* the last configured first */
    size_t n;
    bool failed;
};

static struct row *row_of(struct rows *rows, const char *url)
{
    for (size_t i = 0; i < rows->n; i++)
        if (strcmp(rows->row[i].url, url) == 0)
            return &rows->row[i];
    void *p = ts_resize(rows->row, (rows->n + 1) * sizeof *rows->row);
    rows->failed |= !p;
    if (!p)
        return NULL;
    rows->row = p;
    rows->row[rows->n] = (struct row){.url = url};
    return &rows->row[rows->n++];
}

static uint64_t sum_of_name(const struct ts_counters *cnt, enum ts_counter id)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < TS_C_COUNT; i++)
        if (strcmp(ts_counter_info((enum ts_counter)i)->name, ts_counter_info(id)->name) == 0)
            sum += ts_counter_of(cnt, (enum ts_counter)i);
    return sum;
}

static void gather(const struct ts_counters *cnt, void *arg)
{
    struct row *row = strcmp(cnt->label, "listener") == 0 ? row_of(arg, cnt->value) : NULL;
    for (size_t i = 0; row && i < TS_ARRAY_SIZE(values); i++)
        row->v[i] += sum_of_name(cnt, values[i].counter);
}

void ts_server_listeners_status(struct ts_buf *body)
{
    struct rows rows = {0};
    ts_counters_each(gather, &rows);
    body->failed |= rows.failed;
    ts_buf_puts(body, ",\n \"listeners\": [");
    for (size_t r = rows.n; r-- > 0;) {
        ts_buf_puts(body, r + 1 < rows.n ? ",\n  {\"url\": " : "\n  {\"url\": ");
        ts_buf_put_json(body, ts_str_of(rows.row[r].url));
        for (size_t i = 0; i < TS_ARRAY_SIZE(values); i++)
            ts_buf_printf(body, ", \"%s\": %" PRIu64, values[i].key, rows.row[r].v[i]);
        ts_buf_putc(body, '}');
    }
    ts_buf_putc(body, ']');
    ts_free(rows.row);
}

void ts_server_listeners_metrics(struct ts_buf *body)
{
    struct rows rows = {0};
    ts_counters_each(gather, &rows);
    body->failed |= rows.failed;
    for (size_t i = 0; rows.n && i < TS_ARRAY_SIZE(values); i++) {
        const char *key = values[i].key;
        ts_buf_printf(body, "# HELP tsagg_listener_%s_total %s\n# TYPE tsagg_listener_%s_total counter\n",
                      key, values[i].help, key);
        for (size_t r = rows.n; r-- > 0;) {
            ts_buf_printf(body, "tsagg_listener_%s_total", key);
            ts_server_put_label(body, "listener", rows.row[r].url);
            ts_buf_printf(body, " %" PRIu64 "\n", rows.row[r].v[i]);
        }
    }
    ts_free(rows.row);
}
