/* What all listeners share: open by the URL's scheme, run, stop, close. Each owns its socket, and the file of
 * a unix socket. */
#include "config.h"
#include "ingest/ingest_priv.h"

#include "core/mem.h"

#include <unistd.h>

static const struct ts_listener_ops *const readers[] = {
#define TS_TRANSPORT(id, scheme, address, socket, reader) &reader,
#include "tbl/transports.def"
#undef TS_TRANSPORT
};

static void close_socket(struct ts_listener *lis)
{
    if (lis->own_path)
        (void)unlink(lis->conf->path);
    close(lis->fd);
}

static void read_allow(struct ts_listener *lis)
{
    struct ts_str rest = ts_str_of(lis->conf->allow ? lis->conf->allow : "");
    while (rest.len) {
        const char *comma = memchr(rest.p, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.p) : rest.len;
        lis->allow = ts_xresize(lis->allow, (lis->nallow + 1) * sizeof *lis->allow);
        int rc = ts_cidr_read((struct ts_str){rest.p, len}, &lis->allow[lis->nallow++]);
        TS_ASSERT(rc == 0); /* the configuration was checked */
        rest = (struct ts_str){rest.p + len + (comma != NULL), rest.len - len - (comma != NULL)};
    }
}

static int open_share(struct ts_listener *lis, struct ts_listener *sibling, struct ts_err *err)
{
    const struct ts_conf_listen *conf = lis->conf;
    lis->share = sibling ? sibling->share : ts_xalloc(sizeof *lis->share);
    if (lis->share->sockets++)
        return 0;
    pthread_mutex_init(&lis->share->lock, NULL);
    ts_limit_init(&lis->share->limit, conf->rate_limit, conf->burst, ts_clock_mono_ns());
    return conf->hmac_keys
               ? ts_auth_new(conf->hmac_keys, conf->max_skew_ns, ts_clock_now_ns(), &lis->share->auth, err)
               : 0;
}

static void close_share(struct ts_listener *lis)
{
    if (--lis->share->sockets == 0) {
        ts_auth_free(&lis->share->auth);
        pthread_mutex_destroy(&lis->share->lock);
        ts_free(lis->share);
    }
}

int ts_listener_open(const struct ts_conf_listen *conf, uint16_t port, struct ts_inherited *inh,
                     struct ts_counters *cnt, struct ts_listener *sibling, struct ts_listener **out,
                     struct ts_err *err)
{
    const struct ts_listener_ops *ops = readers[conf->transport];
    struct ts_listener *lis = ts_xalloc_aligned(ops->bytes, TS_CACHELINE);
    lis->ops = ops;
    lis->conf = conf;
    lis->cnt = cnt;
    read_allow(lis);
    int rc = open_share(lis, sibling, err);
    if (rc == 0)
        rc = ts_ingest_bind(lis, port, inh, err);
    if (rc)
        goto fail;
    rc = ops->init(lis, err);
    if (rc)
        goto fail_socket;
    *out = lis;
    return 0;
fail_socket:
    close_socket(lis);
fail:
    close_share(lis);
    ts_free(lis->allow);
    TS_FREE(lis);
    return rc;
}

uint16_t ts_listener_port(const struct ts_listener *lis)
{
    return lis->port;
}

void ts_listener_hand_over(struct ts_listener *from, struct ts_listener *to)
{
    if (!from->own_path || to->own_path || strcmp(from->conf->path, to->conf->path) != 0)
        return;
    to->own_path = true;
    from->own_path = false;
}

void ts_listener_set_consumer(struct ts_listener *lis, const struct ts_ingest_consumer *consumer)
{
    lis->to = *consumer;
}

void *ts_listener_run(void *arg)
{
    struct ts_listener *lis = arg;
    lis->ops->run(lis);
    lis->to.last(lis->to.arg);
    return NULL;
}

void ts_listener_stop(struct ts_listener *lis)
{
    atomic_store_explicit(&lis->stop, true, memory_order_relaxed);
}

void ts_listener_close(struct ts_listener **lis)
{
    if (*lis) {
        (*lis)->ops->fini(*lis);
        close_socket(*lis);
        close_share(*lis);
        ts_free((*lis)->allow);
        TS_FREE(*lis);
    }
}

void ts_listener_begin(struct ts_listener *lis)
{
    struct ts_listener_share *share = lis->share;
    if (share->limit.rate) {
        pthread_mutex_lock(&share->lock);
        ts_limit_fill(&share->limit, ts_clock_mono_ns());
        pthread_mutex_unlock(&share->lock);
    }
    lis->to.begin(lis->to.arg, ts_clock_now_ns());
}

void ts_listener_data(struct ts_listener *lis, char *data, size_t len)
{
    struct ts_listener_share *share = lis->share;
    if (TS_UNLIKELY(ts_pressure_has(TS_PRESSURE_DROP))) {
        ts_listener_drop(lis, TS_C_DROPPED_MEMORY_LIMIT, ts_limit_lines(data, len));
        return;
    }
    if (share->limit.rate) {
        uint64_t over;
        pthread_mutex_lock(&share->lock);
        len = ts_limit_take(&share->limit, data, len, &over);
        pthread_mutex_unlock(&share->lock);
        ts_listener_drop(lis, TS_C_DROPPED_RATE_LIMIT, over);
    }
    if (len)
        lis->to.data(lis->to.arg, data, len);
}

bool ts_listener_waits(struct ts_listener *lis)
{
    if (!ts_pressure_has(TS_PRESSURE_WAIT) || ts_listener_stopped(lis))
        return false;
    bool stream = ts_transport_info(lis->conf->transport)->is_stream, dropping = ts_pressure_has(TS_PRESSURE_DROP);
    if (lis->conf->when_full != TS_FULL_BLOCK)
        return stream && !dropping;
    if (stream)
        return true;
    int64_t now_ns = ts_clock_mono_ns();
    if (!dropping || now_ns - lis->waited_ns >= 2 * lis->conf->block_ns) /* another wait begins */
        lis->waited_ns = now_ns;
    return dropping && now_ns - lis->waited_ns < lis->conf->block_ns;
}

bool ts_listener_tick(struct ts_listener *lis)
{
    int64_t now_ns = ts_clock_now_ns(), tick_ns = ts_clock_floor(now_ns, TS_TICK_NS);
    if (tick_ns == lis->ticked_ns)
        return false;
    lis->ticked_ns = tick_ns;
    lis->to.tick(lis->to.arg, now_ns);
    return true;
}

/* Wholes before parts: a reader must never see more parts. */
static void count_lines(struct ts_listener *lis, enum ts_counter reason, uint64_t lines, uint64_t accepted)
{
    ts_count(lis->cnt, TS_C_LINES_RECEIVED, lines);
    ts_count(lis->cnt, TS_C_LINES_ACCEPTED, accepted);
    ts_count(lis->cnt, TS_C_SAMPLES_RECEIVED, lines);
    ts_count(lis->cnt, reason, lines);
}

void ts_listener_reject(struct ts_listener *lis, enum ts_counter reason)
{
    count_lines(lis, reason, 1, 0);
}

void ts_listener_drop(struct ts_listener *lis, enum ts_counter reason, uint64_t lines)
{
    count_lines(lis, reason, lines, lines);
}
