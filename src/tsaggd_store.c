/* The daemon's store: which buckets the configuration asks for. Thread: main. */
#include "config.h"
#include "tsaggd_store.h"

#include "flux/flux.h"
#include "sink/sink.h"

static bool is_wanted(const struct ts_conf *conf)
{
    if (conf->http.address[0] && conf->http.write != TS_WRITE_AGGREGATE)
        return true;
    for (unsigned i = 0; i < conf->nsinks; i++)
        if (strcmp(conf->sinks[i].type, "store") == 0)
            return true;
    return false;
}

static int put_buckets(const struct ts_conf *conf, struct ts_store *store, struct ts_err *err)
{
    int rc = 0;
    for (unsigned i = 0; i < conf->nsinks && rc == 0; i++)
        if (strcmp(conf->sinks[i].type, "store") == 0)
            rc = ts_store_put_bucket(store, ts_str_of(conf->sinks[i].bucket), conf->sinks[i].retention_ns, err);
    return rc;
}

int store_open(const struct ts_conf *conf, struct ts_store **out, struct ts_err *err)
{
    struct ts_buf dir = TS_BUF_INIT;
    *out = NULL;
    if (!is_wanted(conf))
        return 0;
    ts_buf_printf(&dir, "%s/store", conf->state_dir);
    const char *z = ts_buf_cstr(&dir);
    int rc = z ? ts_store_open(z, out, err) : ts_fail(err, TS_ENOMEM, "no memory for a path");
    ts_buf_fini(&dir);
    rc = rc ? rc : put_buckets(conf, *out, err);
    if (rc == 0)
        ts_store_limit_io(*out, conf->store.io_limit_bytes);
    rc = rc ? rc : ts_store_start(*out, err);
    if (rc == 0)
        ts_sinks_use_store(ts_store_writer(*out));
    return rc;
}

struct ts_answer *store_ask(void *arg, const struct ts_ask *ask)
{
    struct ts_store *store = arg;
    return ts_flux_answer(store ? ts_store_source(store) : NULL, ask);
}

bool store_changed(void *arg, uint64_t *since, int64_t start_ns, int64_t stop_ns)
{
    return ts_store_changed(arg, since, start_ns, stop_ns);
}
