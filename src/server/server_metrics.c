/* The readings in Prometheus' text format, version 0.0.4. Thread: server. */
#include "config.h"
#include "server/server_priv.h"

#include <inttypes.h>

/* A backslash, a quote and a line end are escaped, as the format has it. */
static void put_label(struct ts_buf *body, const char *before, const char *key, const char *value)
{
    ts_buf_printf(body, "%s%s=\"", before, key);
    for (; *value; value++) {
        if (*value == '\n') {
            ts_buf_puts(body, "\\n");
            continue;
        }
        if (*value == '"' || *value == '\\')
            ts_buf_putc(body, '\\');
        ts_buf_putc(body, *value);
    }
    ts_buf_putc(body, '"');
}

static void put_reading(struct ts_buf *body, const struct ts_reading *rd)
{
    ts_buf_printf(body, "tsagg_%s", rd->name);
    for (unsigned i = 0; i < rd->nlabels; i++)
        put_label(body, i ? "," : "{", rd->labels[i].key, rd->labels[i].value);
    ts_buf_puts(body, rd->nlabels ? "} " : " ");
    if (rd->counts)
        ts_buf_printf(body, "%" PRIu64, rd->n);
    else
        ts_buf_put_double(body, rd->v);
    ts_buf_putc(body, '\n');
}

void ts_server_metrics(const struct ts_server_info *info, struct ts_buf *body)
{
    struct ts_readings all = {0};
    ts_server_readings(info, &all);
    body->failed |= all.failed;
    for (size_t i = 0; i < all.n; i++) {
        const struct ts_reading *rd = &all.v[i];
        if (i == 0 || strcmp(rd[-1].name, rd->name) != 0)
            ts_buf_printf(body, "# HELP tsagg_%s %s\n# TYPE tsagg_%s %s\n", rd->name, rd->help, rd->name,
                          rd->counts ? "counter" : "gauge");
        put_reading(body, rd);
    }
    ts_readings_fini(&all);
    ts_buf_puts(body,
                "# HELP tsagg_build_info The version, as a label; always 1\n# TYPE tsagg_build_info gauge\n"
                "tsagg_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
}
