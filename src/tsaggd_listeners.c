/*
 * Listeners in place of others, while the workers go on. Thread: main. A listener that stays as it is keeps its thread and its socket;
 * one whose options change hands its socket over to its successor, which starts when the former has read what it had begun with, so that no
 * datagram and no waiting connection is lost, and none is read twice. Connections of a stream listener that changes are closed.
 */
#include "config.h"
#include "tsaggd_reload.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#include <time.h>

#define POLL_NS TS_MS

struct listeners_change {
    unsigned nfresh, nold;
    struct source **fresh, **old; /* old: they are to go */
};

/* All listeners are old until one of the new configuration is found to be the same. */
static void keep_same(struct listeners_change *chg, const struct ts_conf_listen *listen)
{
    unsigned n = 0;
    for (unsigned i = 0; i < chg->nold; i++)
        if (chg->old[i]->listen != listen)
            chg->old[n++] = chg->old[i];
    chg->nold = n;
}

static const struct ts_conf_listen *find_same(const struct listeners_change *chg, const struct ts_conf_listen *want)
{
    for (unsigned i = 0; i < chg->nold; i++)
        if (ts_conf_listen_same(chg->old[i]->listen, want))
            return chg->old[i]->listen;
    return NULL;
}

/* A port that the system has chosen stays. */
static uint16_t port_of(const struct listeners_change *chg, const struct ts_conf_listen *want)
{
    for (unsigned i = 0; i < chg->nold && !want->port; i++)
        if (strcmp(chg->old[i]->listen->url, want->url) == 0)
            return ts_listener_port(chg->old[i]->listener);
    return want->port;
}

static int open_listener(struct daemon *dmn, struct listeners_change *chg, const struct ts_conf_listen *want, struct ts_inherited *inh,
                         struct ts_err *err)
{
    struct source_wiring to = daemon_wiring(dmn);
    struct source *sibling = NULL;
    uint16_t port = port_of(chg, want);
    struct own_listen *own = ts_xalloc(sizeof *own);
    ts_conf_listen_copy(&own->conf, want);
    own->refs = 1; /* this function's */
    int rc = 0;
    for (unsigned s = 0; s < want->sockets && rc == 0; s++) {
        struct source *src = daemon_add_source(dmn);
        if (!src) {
            rc = ts_fail(err, TS_ELIMIT, "listen %s: too many listeners for a reload; restart", want->url);
            break;
        }
        rc = source_open_listener(src, &to, &own->conf, port, inh, sibling, err);
        if (rc) {
            dmn->nsources--;
            ts_free(src);
            break;
        }
        src->own = own;
        own->refs++;
        sibling = src;
        chg->fresh[chg->nfresh++] = src;
        daemon_wire_passing(dmn, src);
        port = ts_listener_port(src->listener);
    }
    own_listen_unref(&own);
    return rc;
}

static int open_all(struct daemon *dmn, struct listeners_change *chg, const struct ts_conf *next, const bool *same, struct ts_err *err)
{
    struct ts_inherited inh = {.n = 0};
    int rc = 0;
    for (unsigned i = 0; i < chg->nold && rc == 0; i++)
        if (ts_inherited_add(&inh, chg->old[i]->listener) != 0)
            rc = ts_fail_errno(err, TS_EIO, "listen %s", chg->old[i]->listen->url);
    for (unsigned i = 0; i < next->nlisten && rc == 0; i++)
        if (!same[i])
            rc = open_listener(dmn, chg, &next->listen[i], &inh, err);
    ts_inherited_close(&inh);
    return rc;
}

/* The fresh one's thread does not run and never will: its place in the workers ends as if it had. */
static void end_unstarted(struct daemon *dmn, struct source *src, unsigned nworkers)
{
    ts_router_end(src->router);
    for (unsigned w = 0; w < nworkers; w++)
        while (!ts_worker_drop_source(dmn->shards[w].worker, &src->lanes[w]))
            nanosleep(&(struct timespec){0, POLL_NS}, NULL);
}

static int tell_workers(struct daemon *dmn, struct listeners_change *chg, struct ts_err *err)
{
    for (unsigned i = 0; i < chg->nfresh; i++) {
        for (unsigned w = 0; w < dmn->nshards; w++) {
            if (ts_worker_add_source(dmn->shards[w].worker, &chg->fresh[i]->lanes[w]) == 0)
                continue;
            end_unstarted(dmn, chg->fresh[i], w);
            for (unsigned k = 0; k < i; k++)
                end_unstarted(dmn, chg->fresh[k], dmn->nshards);
            return ts_fail(err, TS_ENOMEM, "no memory for a listener");
        }
    }
    return 0;
}

static void close_source(struct daemon *dmn, struct source *src)
{
    unsigned i = 0;
    while (dmn->sources[i] != src)
        i++;
    dmn->sources[i] = dmn->sources[--dmn->nsources];
    source_close(src);
    source_free_lanes(src);
    ts_free(src);
}

static void close_fresh(struct daemon *dmn, struct listeners_change *chg)
{
    while (chg->nfresh)
        close_source(dmn, chg->fresh[--chg->nfresh]);
}

static void free_change(struct listeners_change **change)
{
    ts_free((*change)->fresh);
    ts_free((*change)->old);
    TS_FREE(*change);
}

int listeners_prepare(struct daemon *dmn, const struct ts_conf *next, struct listeners_change **out, struct ts_err *err)
{
    struct listeners_change *chg = *out = ts_xalloc(sizeof *chg);
    bool *same = ts_xalloc((next->nlisten + 1) * sizeof *same);
    chg->fresh = ts_xalloc(dmn->nplaces * sizeof(struct source *));
    chg->old = ts_xalloc(dmn->nplaces * sizeof(struct source *));
    for (unsigned s = 0; s < dmn->nsources; s++)
        if (dmn->sources[s]->listener)
            chg->old[chg->nold++] = dmn->sources[s];
    for (unsigned i = 0; i < next->nlisten; i++) {
        const struct ts_conf_listen *found = find_same(chg, &next->listen[i]);
        same[i] = found != NULL;
        if (found)
            keep_same(chg, found);
    }
    int rc = open_all(dmn, chg, next, same, err);
    ts_free(same);
    if (rc == 0)
        rc = tell_workers(dmn, chg, err);
    if (rc) {
        close_fresh(dmn, chg);
        free_change(out);
    }
    return rc;
}

void listeners_cancel(struct daemon *dmn, struct listeners_change **change)
{
    struct listeners_change *chg = *change;
    for (unsigned i = 0; i < chg->nfresh; i++)
        end_unstarted(dmn, chg->fresh[i], dmn->nshards);
    close_fresh(dmn, chg);
    free_change(change);
}

static void start_fresh(struct daemon *dmn, struct listeners_change *chg)
{
    for (unsigned i = 0; i < chg->nfresh; i++) {
        struct source *src = chg->fresh[i];
        if (source_start(src) == 0)
            continue;
        ts_log(TS_LOG_ERROR, "listener_start_failed", "url=%s", src->listen->url);
        end_unstarted(dmn, src, dmn->nshards);
        chg->old[chg->nold++] = src;
    }
}

void listeners_commit(struct daemon *dmn, struct listeners_change **change, unsigned *opened, unsigned *closed)
{
    struct listeners_change *chg = *change;
    unsigned nold = chg->nold;
    *opened = chg->nfresh;
    *closed = nold;
    for (unsigned i = 0; i < nold; i++) {
        for (unsigned k = 0; k < chg->nfresh; k++)
            ts_listener_hand_over(chg->old[i]->listener, chg->fresh[k]->listener);
        source_stop(chg->old[i]);
    }
    for (unsigned i = 0; i < nold; i++)
        pthread_join(chg->old[i]->thread, NULL);
    start_fresh(dmn, chg);
    for (unsigned i = 0; i < nold; i++)
        for (unsigned w = 0; w < dmn->nshards; w++)
            while (!ts_worker_drop_source(dmn->shards[w].worker, &chg->old[i]->lanes[w]))
                nanosleep(&(struct timespec){0, POLL_NS}, NULL);
    while (chg->nold)
        close_source(dmn, chg->old[--chg->nold]);
    free_change(change);
}
