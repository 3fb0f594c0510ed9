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
    const char *key;
    enum ts_counter counter;
} values[] = {
#define TS_LISTENER_VALUE(key, counter, help) {#key, TS_C_##counter},
#include "tbl/listeners.def"
#undef TS_LISTENER_VALUE
};

struct row {
    const char *url;
    uint64_t v[TS_C_COUNT];
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

static void gather(const struct ts_counters *cnt, void *arg)
{
    struct row *row = strcmp(cnt->label, "listener") == 0 ? row_of(arg, cnt->value) : NULL;
    for (unsigned i = 0; row && i < TS_C_COUNT; i++)
        row->v[i] += ts_counter_of(cnt, (enum ts_counter)i);
}

/* , "key": n, and what it is made of by reason, of those that there are: , "key_by_reason": {"reason": n, ...} */
static void put_value(struct ts_buf *body, const struct row *row, const struct value *val)
{
    const struct ts_counter_info *info = ts_counter_info(val->counter);
    const char *before = "";
    uint64_t sum = 0;
    for (unsigned i = 0; i < TS_C_COUNT; i++)
        if (strcmp(ts_counter_info((enum ts_counter)i)->name, info->name) == 0)
            sum += row->v[i];
    ts_buf_printf(body, ", \"%s\": %" PRIu64, val->key, sum);
    if (!info->label)
        return;
    ts_buf_printf(body, ", \"%s_by_reason\": {", val->key);
    for (unsigned i = 0; i < TS_C_COUNT; i++) {
        const struct ts_counter_info *part = ts_counter_info((enum ts_counter)i);
        if (row->v[i] && strcmp(part->name, info->name) == 0) {
            ts_buf_printf(body, "%s\"%s\": %" PRIu64, before, part->value, row->v[i]);
            before = ", ";
        }
    }
    ts_buf_putc(body, '}');
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
            put_value(body, &rows.row[r], &values[i]);
        ts_buf_putc(body, '}');
    }
    ts_buf_putc(body, ']');
    ts_free(rows.row);
}
