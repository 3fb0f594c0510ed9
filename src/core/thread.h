#ifndef TS_CORE_THREAD_H
#define TS_CORE_THREAD_H
/*
 * Threads with names, and a bell: how a thread sleeps until another has something for it, without a lock and
 * without a system call while both are busy.
 */
#include "core/base.h"

#include <pthread.h>
#include <stdatomic.h>

/** Starts a thread with all signals blocked; the name (at most 15 bytes) shows in top -H. @return 0, -TS_ENOMEM. */
int ts_thread_start(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg) TS_MUST_CHECK;

/**
 * One sleeper, any number of ringers. The sleeper calls ts_bell_prepare, looks once more for work, and only if there is
 * none ts_bell_sleep; a ringer publishes its work first and then rings.
 */
struct ts_bell {
    _Atomic uint32_t parked; /* 1 while the sleeper is (about to be) asleep */
} TS_ALIGNED;

void ts_bell_prepare(struct ts_bell *bell);
void ts_bell_cancel(struct ts_bell *bell);
/** Sleeps until rung or for timeout_ns; wakes at once when it was rung after ts_bell_prepare. */
void ts_bell_sleep(struct ts_bell *bell, int64_t timeout_ns);
void ts_bell_wake(struct ts_bell *bell); /* the slow half of ts_bell_ring */

TS_INLINE void ts_bell_ring(struct ts_bell *bell)
{
    /* The work published before must be visible before we look whether the sleeper is parked: otherwise both could
     * miss each other. Pairs with the fence in ts_bell_prepare. */
    atomic_thread_fence(memory_order_seq_cst);
    if (TS_UNLIKELY(atomic_load_explicit(&bell->parked, memory_order_relaxed)))
        ts_bell_wake(bell);
}

/**
 * Where another thread is asked to run a function between two pieces of its work: no lock on its way but when somebody asks. One asker
 * at a time, while the thread runs.
 */
struct ts_desk {
    _Atomic bool asked;
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t done;
    void (*fn)(void *arg);
    void *arg;
};

void ts_desk_init(struct ts_desk *desk);
void ts_desk_fini(struct ts_desk *desk);

/** Wakes the thread by its bell, and waits until it has run fn. */
void ts_desk_ask(struct ts_desk *desk, struct ts_bell *bell, void (*fn)(void *arg), void *arg);
void ts_desk_answer(struct ts_desk *desk); /* the slow half of ts_desk_serve */

/** Whether somebody asks. To be looked at after ts_bell_prepare. */
TS_INLINE bool ts_desk_is_asked(struct ts_desk *desk)
{
    /* Acquire: pairs with the release in ts_desk_ask, for what the function will look at. */
    return atomic_load_explicit(&desk->asked, memory_order_acquire);
}

TS_INLINE void ts_desk_serve(struct ts_desk *desk)
{
    if (TS_UNLIKELY(ts_desk_is_asked(desk)))
        ts_desk_answer(desk);
}

#endif
