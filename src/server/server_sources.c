/*
 * What is off with the times of each source's samples, as JSON. Thread: server. The sockets of a listener are shown as one; so are listeners
 * with the same URL.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/num.h"
#include "core/skew.h"

#include <inttypes.h>

struct place {
    struct ts_buf *body;
    const char *source;
    bool before; /* something stands in this list */
};

static void put_seconds(struct ts_buf *body, const char *before, int64_t ns)
{
    ts_buf_puts(body, before);
    ts_buf_put_double(body, (double)(ns / TS_MS) / 1e3);
}

static void put_names(struct ts_skew *skw, void *arg)
{
    struct place *at = arg;
    struct ts_skew_name names[TS_SKEW_NAMES];
    if (strcmp(skw->source, at->source) != 0)
        return;
    ts_skew_names(skw, names);
    for (unsigned i = 0; i < TS_SKEW_NAMES; i++) {
        char seen[TS_NUM_MAX];
        if (!names[i].series[0])
            continue;
        ts_buf_puts(at->body, at->before ? ",\n    {\"series\": " : "\n    {\"series\": ");
        ts_buf_put_json(at->body, ts_str_of(names[i].series));
        put_seconds(at->body, ", \"ahead_seconds\": ", names[i].off_ns);
        ts_buf_printf(at->body, ", \"seen\": \"%.*s\"}", (int)ts_clock_put_time(seen, names[i].seen_ns), seen);
        at->before = true;
    }
}

static void put_source(struct ts_skew *skw, void *arg)
{
    struct place *list = arg, names = {.body = list->body, .source = skw->source};
    struct ts_buf *body = list->body;
    struct ts_skew_sum sum;
    if (!ts_skew_is_first(skw))
        return;
    ts_skew_add_up(skw->source, &sum);
    ts_buf_puts(body, list->before ? ",\n  {\"source\": " : "\n  {\"source\": ");
    list->before = true;
    ts_buf_put_json(body, ts_str_of(skw->source));
    ts_buf_printf(body, ", \"late\": %" PRIu64 ", \"future\": %" PRIu64 ", \"too_old\": %" PRIu64 ", \"jumps\": %" PRIu64, sum.late,
                  sum.future, sum.too_old, sum.jumps);
    if (sum.least_ns <= sum.most_ns) {
        put_seconds(body, ", \"ahead_seconds\": {\"least\": ", sum.least_ns);
        put_seconds(body, ", \"most\": ", sum.most_ns);
        put_seconds(body, ", \"last\": ", sum.last_ns);
        ts_buf_putc(body, '}');
    }
    ts_buf_puts(body, ", \"off\": [");
    ts_skew_each(put_names, &names);
    ts_buf_puts(body, "]}");
}

void ts_server_sources_status(struct ts_buf *body)
{
    struct place list = {.body = body};
    ts_buf_puts(body, ",\n \"sources\": [");
    ts_skew_each(put_source, &list);
    ts_buf_putc(body, ']');
}
