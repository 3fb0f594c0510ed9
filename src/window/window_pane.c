/*
 * Windows of a rule and their panes, in chunks of 1,024 that are made when first touched. Thread: worker.
 * Without memory a pane is refused; the sample is dropped, counted.
 */
#include "config.h"
#include "window/window_priv.h"

#include "core/mem.h"

void ts_window_use_pool(struct ts_window *win, const struct ts_rule *rule)
{
    win->sketched = rule->wants & TS_WANTS_SKETCH;
    win->pool = &rule->chunks[win->sketched];
}

static struct ts_window *make_window(struct ts_rule *rule, int64_t start_ns)
{
    struct ts_window *win = ts_alloc(sizeof *win);
    if (!win)
        return NULL;
    ts_window_use_pool(win, rule);
    win->start_ns = start_ns;
    win->end_ns = ts_rule_end(rule, start_ns);
    win->made_ns = ts_clock_now_ns();
    struct ts_window **at = &rule->windows;
    while (*at && (*at)->start_ns < start_ns)
        at = &(*at)->next;
    win->next = *at;
    *at = win;
    rule->nwindows++;
    return win;
}

struct ts_window *ts_rule_window(struct ts_rule *rule, int64_t t_ns)
{
    struct ts_window *win = rule->recent;
    int64_t end_ns = win ? (rule->conf->calendar ? win->end_ns : win->start_ns + rule->every_ns) : 0;
    if (TS_LIKELY(win && t_ns >= win->start_ns && t_ns < end_ns))
        return win;
    int64_t start_ns = ts_rule_floor(rule, t_ns);
    return ts_span_has(&rule->taken, start_ns) ? ts_rule_window_at(rule, start_ns) : NULL;
}

struct ts_window *ts_rule_window_at(struct ts_rule *rule, int64_t start_ns)
{
    struct ts_window *win = rule->recent;
    if (!win || win->start_ns > start_ns)
        win = rule->windows;
    for (; win && win->start_ns < start_ns; win = win->next)
        ;
    if (!win || win->start_ns != start_ns)
        win = make_window(rule, start_ns);
    if (win)
        rule->recent = win;
    return win;
}

TS_COLD struct ts_pane_chunk *ts_window_make_chunk(struct ts_window *win, uint32_t index)
{
    if (index >= win->nchunks) {
        uint32_t n = TS_MAX(index + 1, win->nchunks * 2);
        struct ts_pane_chunk **chunks = ts_resize(win->chunks, n * sizeof *chunks);
        if (!chunks)
            return NULL;
        memset(chunks + win->nchunks, 0, (n - win->nchunks) * sizeof *chunks);
        win->chunks = chunks;
        win->nchunks = n;
    }
    if (!win->chunks[index]) {
        win->chunks[index] = ts_pool_take(win->pool);
        if (win->chunks[index])
            win->chunks[index]->sketched = win->sketched;
    }
    return win->chunks[index];
}

static void free_pane(union ts_pane *pane, enum ts_kind kind)
{
    switch (kind) {
    case TS_KIND_SET: ts_hll_free(&pane->set.hll); break;
    case TS_KIND_STRING: TS_FREE(pane->string.text); break;
    default: break;
    }
}

void ts_window_clear_pane(struct ts_pane_chunk *ch, uint32_t slot, enum ts_kind kind)
{
    uint32_t i = slot % TS_CHUNK_PANES;
    union ts_pane *pane = ts_chunk_pane(ch, slot);
    struct ts_sketch *sk = ts_chunk_sketch(ch, slot);
    free_pane(pane, kind);
    *pane = (union ts_pane){0};
    if (ch->last_ns)
        ch->last_ns[i] = TS_TIME_NONE;
    if (sk)
        ts_sketch_fini(sk);
    ts_window_clear_more(ch, slot);
}

void ts_window_free_chunk(struct ts_window *win, uint32_t index, const struct ts_series_table *tab)
{
    struct ts_pane_chunk *ch = win->chunks[index];
    if (!ch || ch == TS_CHUNK_GONE)
        return;
    for (uint32_t i = 0; ch->owns && i < TS_CHUNK_PANES && index * TS_CHUNK_PANES + i < tab->count; i++)
        free_pane(ts_chunk_pane(ch, i), (enum ts_kind)tab->slots[index * TS_CHUNK_PANES + i].kind);
    ts_window_free_sketches(ch);
    ts_window_free_more(ch);
    ts_free(ch->sessions);
    ts_free(ch->last_ns);
    ts_pool_give(ch);
    win->chunks[index] = TS_CHUNK_GONE;
}

void ts_rule_forget(struct ts_rule *rule, struct ts_window *win, const struct ts_series_table *tab)
{
    struct ts_window **at = &rule->windows;
    while (*at != win)
        at = &(*at)->next;
    *at = win->next;
    if (rule->recent == win)
        rule->recent = NULL;
    if (rule->arrival == win)
        rule->arrival = NULL;
    rule->nwindows--;
    ts_window_free_folds(rule, win);
    for (uint32_t i = 0; i < win->nchunks; i++)
        ts_window_free_chunk(win, i, tab);
    ts_free(win->chunks);
    ts_free(win);
}
