/*
 * What queries share: how many of them run at a time, and answers that are kept for a while. Thread: server,
 * all of it under one lock. Those beyond limits.queries wait, half of the connections at most; what comes
 * beyond is refused. Kept answers are bounded in bytes: the oldest go.
 */
#include "config.h"
#include "server/server_query.h"

#include "core/clock.h"
#include "core/conf.h"
#include "core/mem.h"

#include <time.h>

#define QUERIES_MAX 32u           /* running and waiting: half of the connections */
#define WAIT_NS     (10 * TS_SEC) /* longest wait for others to end */
#define LOOK_NS     (100 * TS_MS) /* how often somebody who waits is looked after */
#define KEPT_PART   8             /* an answer may take this part of the cache */
#define KEPT_COUNT  1024u         /* they are looked for one by one */

struct ts_kept {
    struct ts_kept *newer, *older;
    int64_t until_ns; /* monotonic */
    struct ts_ask_span span;
    uint64_t since; /* nothing in the span has changed after this */
    size_t nkey, nanswer;
    char bytes[]; /* key, answer */
};

struct ts_queries {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t room;
    unsigned running, waiting;
    uint64_t kept_bytes;
    unsigned nkept;
    struct ts_kept *newest, *oldest;
};

struct ts_queries *ts_queries_new(void)
{
    pthread_condattr_t attr;
    struct ts_queries *qs = ts_alloc(sizeof *qs);
    if (!qs)
        return NULL;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&qs->room, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&qs->lock, NULL);
    return qs;
}

/* ---- a place among those that run ---- */

static void wait_a_little(struct ts_queries *qs)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_NS;
    until.tv_sec += until.tv_nsec / TS_SEC;
    until.tv_nsec %= TS_SEC;
    pthread_cond_timedwait(&qs->room, &qs->lock, &until);
}

int ts_queries_enter(struct ts_server *srv, bool (*is_over)(void *arg), void *arg)
{
    struct ts_queries *qs = srv->queries;
    uint64_t limit = srv->info.conf->limits.queries;
    int64_t until_ns = ts_clock_mono_ns() + WAIT_NS;
    int rc = 0;
    pthread_mutex_lock(&qs->lock);
    if (qs->running + qs->waiting >= QUERIES_MAX)
        rc = -TS_EFULL;
    qs->waiting++;
    while (rc == 0 && qs->running >= limit) {
        wait_a_little(qs);
        if (is_over(arg))
            rc = -TS_EREFUSED;
        else if (qs->running >= limit && ts_clock_mono_ns() > until_ns)
            rc = -TS_ETIMEOUT;
    }
    qs->waiting--;
    qs->running += rc == 0;
    pthread_mutex_unlock(&qs->lock);
    return rc;
}

void ts_queries_leave(struct ts_server *srv)
{
    struct ts_queries *qs = srv->queries;
    pthread_mutex_lock(&qs->lock);
    qs->running--;
    pthread_cond_signal(&qs->room);
    pthread_mutex_unlock(&qs->lock);
}

/* ---- answers that are kept ---- */

static size_t size_of(const struct ts_kept *kept)
{
    return sizeof *kept + kept->nkey + kept->nanswer;
}

static void drop(struct ts_queries *qs, struct ts_kept *kept)
{
    *(kept->newer ? &kept->newer->older : &qs->newest) = kept->older;
    *(kept->older ? &kept->older->newer : &qs->oldest) = kept->newer;
    qs->kept_bytes -= size_of(kept);
    qs->nkept--;
    ts_free(kept);
}

static bool is_stale(const struct ts_server *srv, struct ts_kept *kept)
{
    const struct ts_server_info *info = &srv->info;
    return info->changed &&
           info->changed(info->ask_arg, &kept->since, kept->span.start_ns, kept->span.stop_ns);
}

/* The one with the key that is as good as new; what is too old on the way goes. */
static struct ts_kept *find(struct ts_server *srv, struct ts_str key)
{
    struct ts_queries *qs = srv->queries;
    int64_t now_ns = ts_clock_mono_ns();
    for (struct ts_kept *kept = qs->newest, *next; kept; kept = next) {
        next = kept->older;
        bool same = ts_str_eq((struct ts_str){kept->bytes, kept->nkey}, key);
        if (kept->until_ns <= now_ns || (same && is_stale(srv, kept)))
            drop(qs, kept);
        else if (same)
            return kept;
    }
    return NULL;
}

bool ts_queries_find(struct ts_server *srv, struct ts_str key, struct ts_buf *to)
{
    struct ts_queries *qs = srv->queries;
    pthread_mutex_lock(&qs->lock);
    const struct ts_kept *kept = find(srv, key);
    if (kept)
        ts_buf_put(to, kept->bytes + kept->nkey, kept->nanswer);
    pthread_mutex_unlock(&qs->lock);
    return kept != NULL;
}

size_t ts_queries_keep_max(const struct ts_server *srv)
{
    const struct ts_conf *conf = srv->info.conf;
    return conf->http.query_cache_ttl_ns ? conf->http.query_cache_bytes / KEPT_PART : 0;
}

uint64_t ts_queries_present(const struct ts_server *srv)
{
    const struct ts_server_info *info = &srv->info;
    uint64_t now = 0;
    if (info->changed)
        (void)info->changed(info->ask_arg, &now, 0, 0);
    return now;
}

void ts_queries_keep(struct ts_server *srv, struct ts_str key, struct ts_str answer, uint64_t since,
                     struct ts_ask_span span)
{
    struct ts_queries *qs = srv->queries;
    const struct ts_conf *conf = srv->info.conf;
    struct ts_kept *kept = ts_alloc(sizeof *kept + key.len + answer.len), *former;
    if (!kept)
        return;
    kept->span = span;
    kept->since = since;
    kept->nkey = key.len;
    kept->nanswer = answer.len;
    kept->until_ns = ts_clock_mono_ns() + conf->http.query_cache_ttl_ns;
    memcpy(kept->bytes, key.p, key.len);
    memcpy(kept->bytes + key.len, answer.p, answer.len);
    pthread_mutex_lock(&qs->lock);
    if ((former = find(srv, key)))
        drop(qs, former);
    kept->older = qs->newest;
    *(qs->newest ? &qs->newest->newer : &qs->oldest) = kept;
    qs->newest = kept;
    qs->kept_bytes += size_of(kept);
    qs->nkept++;
    while (qs->oldest && (qs->kept_bytes > conf->http.query_cache_bytes || qs->nkept > KEPT_COUNT))
        drop(qs, qs->oldest);
    pthread_mutex_unlock(&qs->lock);
}

void ts_queries_free(struct ts_queries **qsp)
{
    struct ts_queries *qs = *qsp;
    if (!qs)
        return;
    while (qs->oldest)
        drop(qs, qs->oldest);
    pthread_cond_destroy(&qs->room);
    pthread_mutex_destroy(&qs->lock);
    TS_FREE(*qsp);
}

/* ---- what is shown ---- */

struct gauges {
    unsigned running, waiting, nkept;
    uint64_t kept_bytes;
};

static struct gauges look(struct ts_queries *qs)
{
    pthread_mutex_lock(&qs->lock);
    struct gauges now = {qs->running, qs->waiting, qs->nkept, qs->kept_bytes};
    pthread_mutex_unlock(&qs->lock);
    return now;
}

void ts_server_queries_status(const struct ts_server_info *info, struct ts_buf *body)
{
    static const struct {
        const char *before;
        enum ts_counter id;
    } ends[] = {{", \"ok\": ", TS_C_QUERIES_OK},
                {", \"bad\": ", TS_C_QUERIES_BAD},
                {", \"failed\": ", TS_C_QUERIES_FAILED},
                {", \"limit\": ", TS_C_QUERIES_LIMIT},
                {", \"gone\": ", TS_C_QUERIES_GONE},
                {", \"busy\": ", TS_C_QUERIES_BUSY},
                {", \"unauthorized\": ", TS_C_QUERIES_UNAUTHORIZED},
                {", \"sent_bytes\": ", TS_C_QUERY_BYTES},
                {", \"cache\": {\"hits\": ", TS_C_QUERY_CACHE_HITS},
                {", \"misses\": ", TS_C_QUERY_CACHE_MISSES}};
    struct gauges now = look(info->queries);
    ts_buf_printf(body, ",\n \"queries\": {\"running\": %u, \"waiting\": %u", now.running, now.waiting);
    for (size_t i = 0; i < TS_ARRAY_SIZE(ends); i++) {
        ts_buf_puts(body, ends[i].before);
        ts_buf_put_uint(body, ts_counter_sum(ends[i].id));
    }
    ts_buf_printf(body, ", \"answers\": %u, \"bytes\": %llu}}", now.nkept,
                  (unsigned long long)now.kept_bytes);
}

void ts_server_queries_readings(const struct ts_server_info *info, struct ts_readings *out)
{
    struct gauges now = look(info->queries);
    ts_readings_gauge(out, TS_G_QUERIES, "running", now.running);
    ts_readings_gauge(out, TS_G_QUERIES, "waiting", now.waiting);
    ts_readings_gauge(out, TS_G_ANSWERS, NULL, now.nkept);
    ts_readings_gauge(out, TS_G_ANSWERS_BYTES, NULL, (double)now.kept_bytes);
}
