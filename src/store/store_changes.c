/*
 * Which times were changed of late, for whoever keeps answers: a ring of the last changes, each with the
 * times that it was about. Thread: any, under a lock of its own, taken after the change is durable. What the
 * ring has forgotten counts as changed.
 */
#include "config.h"
#include "store/store_priv.h"

void ts_changes_note(struct ts_store *store, int64_t start_ns, int64_t stop_ns)
{
    struct ts_changes *chg = &store->changes;
    pthread_mutex_lock(&chg->lock);
    chg->last[chg->n++ % TS_CHANGES] = (struct ts_change){start_ns, stop_ns};
    pthread_mutex_unlock(&chg->lock);
}

bool ts_store_changed(struct ts_store *store, uint64_t *since, int64_t start_ns, int64_t stop_ns)
{
    struct ts_changes *chg = &store->changes;
    pthread_mutex_lock(&chg->lock);
    bool changed = chg->n - *since > TS_CHANGES;
    for (uint64_t i = *since; i < chg->n && !changed; i++) {
        const struct ts_change *one = &chg->last[i % TS_CHANGES];
        changed = one->start_ns < stop_ns && start_ns <= one->stop_ns;
    }
    *since = chg->n;
    pthread_mutex_unlock(&chg->lock);
    return changed;
}
