/*
 * Rollups with a bucket of their own. A sink of a bucket is made for each pair of them that is not there: SINK.BUCKET, with the options
 * of SINK but the bucket. So each has its batches, its place in the journal, its dead letters and its pauses, and a bucket that is
 * missing holds no other back. Thread: main. Options that did not read well are missing here and passed over: they have been told.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/mem.h"

#define NAME_BYTES_MAX 200 /* it names files */

static bool has_buckets(const struct ts_conf_sink *sink)
{
    return sink->type && (strcmp(sink->type, "influxdb") == 0 || strcmp(sink->type, "store") == 0);
}

static struct ts_conf_sink *find_sink(const struct ts_conf *conf, struct ts_str name)
{
    for (unsigned i = 0; i < conf->nsinks; i++)
        if (conf->sinks[i].name && ts_str_eq(ts_str_of(conf->sinks[i].name), name))
            return &conf->sinks[i];
    return NULL;
}

/* No sink of the configuration has a point in its name. Of the bucket, what may not be in a name is written as %XX. */
static void put_name(struct ts_buf *out, struct ts_str sink, const char *bucket)
{
    ts_buf_put_str(out, sink);
    ts_buf_putc(out, '.');
    for (const char *p = bucket; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_' || *p == '-';
        if (plain)
            ts_buf_putc(out, *p);
        else
            ts_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
    }
}

static void add_sink(struct ts_conf *conf, const struct ts_conf_sink *like, const char *bucket, struct ts_str name)
{
    struct ts_conf_sink sink = *like;
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        if (ts_conf_options[i].section != TS_SECTION_sinks || !ts_conf_option_is_text(&ts_conf_options[i]))
            continue;
        char **text = ts_conf_option_text(&ts_conf_options[i], &sink);
        *text = *text ? ts_xstrdup(*text) : NULL;
    }
    ts_free(sink.bucket);
    sink.bucket = ts_xstrdup(bucket);
    sink.name = ts_xstrndup(name.p, name.len);
    sink.derived = true;
    conf->sinks = ts_xresize(conf->sinks, (conf->nsinks + 1) * sizeof *conf->sinks);
    conf->sinks[conf->nsinks++] = sink;
}

/* The sink that the rollup's points go to in place of the named one, behind out. @return whether it has the rollup's bucket. */
static bool put_sink(struct ts_conf *conf, const struct ts_conf_rollup *rule, struct ts_str name, struct ts_buf *out)
{
    const struct ts_conf_sink *sink = find_sink(conf, name);
    bool buckets = sink && has_buckets(sink);
    size_t from = out->len;
    if (!buckets || !sink->bucket || strcmp(sink->bucket, rule->bucket) == 0) {
        ts_buf_put_str(out, name);
        return buckets;
    }
    put_name(out, name, rule->bucket);
    struct ts_str own = {out->p + from, out->len - from};
    if (!find_sink(conf, own))
        add_sink(conf, sink, rule->bucket, own);
    return true;
}

static void take_bucket(struct ts_conf_load *ld, unsigned i)
{
    struct ts_conf_rollup *rule = &ld->conf->rollups[i];
    struct ts_buf into = TS_BUF_NEEDED;
    struct ts_str rest = ts_str_of(rule->to), name;
    bool any = false;
    while (ts_conf_next(&rest, ',', &name)) {
        size_t from = into.len;
        any |= put_sink(ld->conf, rule, name, &into);
        if (into.len - from > NAME_BYTES_MAX)
            ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "bucket"),
                          "bucket: the name is too long for the files of sink %.*s, which are named by it; give a shorter one, or this "
                          "bucket a sink of its own",
                          (int)name.len, name.p);
        if (rest.len)
            ts_buf_putc(&into, ',');
    }
    if (!any)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "bucket"),
                      "bucket: rollup %s goes to no sink of type influxdb or store, and others have no buckets; remove it, or name such a "
                      "sink in to",
                      rule->name);
    rule->into = ts_xstrndup(into.p, into.len);
    ts_buf_fini(&into);
}

void ts_conf_check_buckets(struct ts_conf_load *ld)
{
    for (unsigned i = 0; i < ld->conf->nrollups; i++)
        if (ld->conf->rollups[i].bucket && ld->conf->rollups[i].name && ld->conf->rollups[i].to)
            take_bucket(ld, i);
    for (unsigned i = 0; i < ld->conf->nsinks; i++)
        if (ld->conf->sinks[i].derived)
            ts_conf_check_target(ld, i);
}
