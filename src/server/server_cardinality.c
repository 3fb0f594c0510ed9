/* Who has how many series, as JSON. Thread: server. */
#include "config.h"
#include "server/server_priv.h"

#include "core/mem.h"

#include <inttypes.h>

static void put_rows(struct ts_buf *body, const char *list, const struct ts_census_row *rows, unsigned n)
{
    ts_buf_printf(body, ",\n \"%s\": [", list);
    for (unsigned i = 0; i < n; i++) {
        const struct ts_census_row *row = &rows[i];
        ts_buf_puts(body, i ? ",\n  {\"measurement\": " : "\n  {\"measurement\": ");
        ts_buf_put_json(body, ts_str_of(row->measurement));
        if (row->key[0]) {
            ts_buf_puts(body, ", \"tag\": ");
            ts_buf_put_json(body, ts_str_of(row->key));
            ts_buf_printf(body, ", \"values\": %" PRIu64, row->values);
        }
        ts_buf_printf(body, ", \"series\": %" PRIu64 ", \"overflowed\": %" PRIu64 "}", row->series, row->overflowed);
    }
    ts_buf_putc(body, ']');
}

void ts_server_cardinality(const struct ts_server_info *info, struct ts_buf *body)
{
    struct ts_census_report *report = ts_alloc(sizeof *report);
    if (!report || !info->census) {
        body->failed = true;
        ts_free(report);
        return;
    }
    ts_census_report(info->census, report);
    ts_buf_printf(body,
                  "{\"series\": %" PRIu64 ", \"series_limit\": %" PRIu64 ", \"overflow_series\": %" PRIu64
                  ", \"tag_values_limit\": %" PRIu64 ", \"complete\": %s",
                  report->series, report->series_limit, report->overflow_series, report->tag_values_limit,
                  report->complete ? "true" : "false");
    put_rows(body, "measurements", report->measurements, report->nmeasurements);
    put_rows(body, "tags", report->tags, report->ntags);
    ts_buf_puts(body, "}\n");
    ts_free(report);
}
