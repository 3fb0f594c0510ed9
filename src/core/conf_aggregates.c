/* The list `aggregates` of a rollup: names of tbl/aggregates.def and quantiles, to its fields and back.
 * Thread: main. */
#include "config.h"
#include "core/conf_priv.h"

#include "core/log.h"

static int add(struct ts_conf_rollup *rule, struct ts_str name)
{
    enum ts_aggregate agg;
    if (!ts_aggregate_find(name, &agg))
        return ts_quantiles_add(&rule->quantiles, name);
    rule->aggregates |= 1u << agg;
    return 0;
}

bool ts_conf_aggregate_check(struct ts_conf_load *ld, const struct ts_conf_option *opt,
                             const struct ts_conf_node *item)
{
    struct ts_conf_rollup alone = {0};
    struct ts_str name = ts_str_of(item->text);
    int rc = add(&alone, name);
    if (rc == 0)
        return true;
    if (rc == -TS_EINVAL) {
        ts_conf_error(ld, item,
                      "%s: %s is no quantile; give one between p0 and p100 with up to four decimals, such as "
                      "p99.9, or min or max",
                      opt->key, ts_log_quote(name).z);
        return false;
    }
    struct ts_conf_near near = {.nearest.asked = name};
    struct ts_err remedy;
    for (unsigned i = 0; i < TS_AGG_COUNT; i++)
        ts_conf_near_offer(&near, ts_str_of(ts_aggregate_name((enum ts_aggregate)i)));
    ts_conf_near_print(&near, "there are quantiles such as p50 and p99.9, and:", &remedy);
    ts_conf_error(ld, item, "%s: unknown aggregate %s; %s", opt->key, ts_log_quote(name).z, remedy.msg);
    return false;
}

int ts_conf_aggregates_read(struct ts_str list, struct ts_conf_rollup *rule, struct ts_err *err)
{
    struct ts_str word;
    rule->aggregates = 0;
    rule->quantiles = (struct ts_quantiles){0};
    while (ts_conf_next(&list, ',', &word)) {
        int rc = add(rule, word);
        if (rc == -TS_ELIMIT)
            return ts_fail(err, TS_ECONF, "aggregates: more than %d quantiles", TS_QUANTILES_MAX);
        if (rc)
            return ts_fail(err, TS_ECONF, "aggregates: unknown aggregate %s", ts_log_quote(word).z);
    }
    return 0;
}

void ts_conf_aggregates_print(const struct ts_conf_rollup *rule, struct ts_buf *buf)
{
    const char *between = "";
    for (unsigned i = 0; i < TS_AGG_COUNT; i++) {
        if (rule->aggregates >> i & 1) {
            ts_buf_printf(buf, "%s%s", between, ts_aggregate_name((enum ts_aggregate)i));
            between = ", ";
        }
    }
    for (unsigned i = 0; i < rule->quantiles.n; i++) {
        char name[TS_QUANTILE_NAME];
        ts_quantile_name(rule->quantiles.q[i], '.', name);
        ts_buf_printf(buf, "%s%s", between, name);
        between = ", ";
    }
}
