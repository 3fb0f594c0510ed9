/* The pipeline's stages in the status, in their order. Thread: server. A stage has a set of counters for each
 * ingest thread. */
#include "config.h"
#include "server/server_priv.h"

#include "core/counters.h"
#include "core/stage.h"

#include <inttypes.h>

static const struct value {
    const char *key;
    enum ts_counter counter;
} values[] = {{"in", TS_C_STAGE_IN},
              {"out", TS_C_STAGE_OUT},
              {"dropped", TS_C_STAGE_DROPPED},
              {"errors", TS_C_STAGE_ERRORS},
              {"released_early", TS_C_STAGE_EARLY}};

struct sum {
    const char *stage;
    uint64_t v[TS_C_COUNT];
};

static void add(const struct ts_counters *cnt, void *arg)
{
    struct sum *sum = arg;
    if (strcmp(cnt->label, "stage") == 0 && strcmp(cnt->value, sum->stage) == 0)
        for (unsigned i = TS_C_STAGE_IN; i <= TS_C_STAGE_TIMED_NS; i++)
            sum->v[i] += ts_counter_of(cnt, (enum ts_counter)i);
}

void ts_server_stages_status(const struct ts_server_info *info, struct ts_buf *body)
{
    ts_buf_puts(body, ",\n \"pipeline\": [");
    for (unsigned s = 0; s < info->conf->npipeline; s++) {
        const struct ts_conf_stage *stage = &info->conf->pipeline[s];
        char name[TS_STAGE_NAME_MAX + 1];
        struct sum sum = {.stage = name};
        ts_stage_name(stage, s, name);
        ts_counters_each(add, &sum);
        ts_buf_puts(body, s ? ",\n  {\"name\": " : "\n  {\"name\": ");
        ts_buf_put_json(body, ts_str_of(name));
        ts_buf_printf(body, ", \"type\": \"%s\"", stage->type);
        for (size_t i = 0; i < TS_ARRAY_SIZE(values); i++)
            ts_buf_printf(body, ", \"%s\": %" PRIu64, values[i].key, sum.v[values[i].counter]);
        uint64_t timed = sum.v[TS_C_STAGE_TIMED];
        ts_buf_printf(body, ", \"ns_per_sample\": %.1f}",
                      timed ? (double)sum.v[TS_C_STAGE_TIMED_NS] / (double)timed : 0.0);
    }
    ts_buf_putc(body, ']');
}
