/*
 * Sources of a worker that runs. Thread: main asks, the worker does it between two slabs (ts_desk).
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

struct order {
    struct ts_worker *wk;
    struct ts_lane *lane;
    int rc;
};

static void ask(struct ts_worker *wk, void (*fn)(void *arg), struct order *order)
{
    order->wk = wk;
    ts_desk_ask(&wk->desk, wk->conf.bell, fn, order);
}

static void add_source(void *arg)
{
    struct order *order = arg;
    struct ts_worker *wk = order->wk;
    struct ts_source *sources = ts_resize(wk->sources, (wk->conf.nsources + 1) * sizeof *sources);
    order->rc = sources ? 0 : -TS_ENOMEM;
    if (!sources)
        return;
    wk->sources = sources;
    sources[wk->conf.nsources++] = (struct ts_source){.lane = order->lane,
                                                      .arrival_ns = TS_TIME_NONE,
                                                      .max_event_ns = TS_TIME_NONE,
                                                      .event_seen_ns = TS_TIME_NONE};
}

int ts_worker_add_source(struct ts_worker *wk, struct ts_lane *lane)
{
    struct order order = {.lane = lane};
    ask(wk, add_source, &order);
    return order.rc;
}

static void drop_source(void *arg)
{
    struct order *order = arg;
    struct ts_worker *wk = order->wk;
    unsigned i = 0;
    while (i < wk->conf.nsources && wk->sources[i].lane != order->lane)
        i++;
    TS_ASSERT(i < wk->conf.nsources);
    struct ts_source *src = &wk->sources[i];
    order->rc = src->ended ? 0 : -TS_EAGAIN;
    if (!src->ended)
        return;
    for (uint32_t id = 0; id < src->nslots; id++)
        ts_worker_retire(wk, src, id);
    ts_pages_free(src->slots, src->nslots * sizeof *src->slots);
    wk->horizon_ns[TS_DOMAIN_ARRIVAL] = TS_MAX(wk->horizon_ns[TS_DOMAIN_ARRIVAL], src->arrival_ns);
    wk->horizon_ns[TS_DOMAIN_EVENT] = TS_MAX(wk->horizon_ns[TS_DOMAIN_EVENT], src->max_event_ns);
    *src = wk->sources[--wk->conf.nsources];
}

bool ts_worker_drop_source(struct ts_worker *wk, struct ts_lane *lane)
{
    struct order order = {.lane = lane};
    ask(wk, drop_source, &order);
    return order.rc == 0;
}
