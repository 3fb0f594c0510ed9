/* Thread start, the bell (a futex), the desk. Thread: any. */
#include "config.h"
#include "core/thread.h"

#include "core/clock.h"
#include "core/err.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int ts_thread_start(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg)
{
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    int rc = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (rc)
        return -TS_ENOMEM;
    pthread_setname_np(*thread, name);
    return 0;
}

void ts_bell_prepare(struct ts_bell *bell)
{
    atomic_store_explicit(&bell->parked, 1, memory_order_relaxed);
    /* parked must be visible before the sleeper looks for work once more; pairs with ts_bell_ring. */
    atomic_thread_fence(memory_order_seq_cst);
}

void ts_bell_cancel(struct ts_bell *bell)
{
    atomic_store_explicit(&bell->parked, 0, memory_order_relaxed);
}

void ts_bell_sleep(struct ts_bell *bell, int64_t timeout_ns)
{
    if (timeout_ns > 0) {
        struct timespec t = {timeout_ns / TS_SEC, timeout_ns % TS_SEC};
        syscall(SYS_futex, &bell->parked, FUTEX_WAIT_PRIVATE, 1, &t, NULL, 0);
    }
    ts_bell_cancel(bell);
}

void ts_bell_wake(struct ts_bell *bell)
{
    /* Only the ringer that takes the mark away makes the system call. */
    if (atomic_exchange_explicit(&bell->parked, 0, memory_order_relaxed) == 1)
        syscall(SYS_futex, &bell->parked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void ts_desk_init(struct ts_desk *desk)
{
    pthread_mutex_init(&desk->lock, NULL);
    pthread_cond_init(&desk->done, NULL);
}

void ts_desk_fini(struct ts_desk *desk)
{
    pthread_cond_destroy(&desk->done);
    pthread_mutex_destroy(&desk->lock);
}

void ts_desk_ask(struct ts_desk *desk, struct ts_bell *bell, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&desk->lock);
    desk->fn = fn;
    desk->arg = arg;
    atomic_store_explicit(&desk->asked, true, memory_order_release);
    ts_bell_ring(bell);
    while (ts_desk_is_asked(desk))
        pthread_cond_wait(&desk->done, &desk->lock);
    pthread_mutex_unlock(&desk->lock);
}

void ts_desk_answer(struct ts_desk *desk)
{
    pthread_mutex_lock(&desk->lock);
    desk->fn(desk->arg);
    atomic_store_explicit(&desk->asked, false, memory_order_relaxed); /* the lock orders it */
    pthread_cond_signal(&desk->done);
    pthread_mutex_unlock(&desk->lock);
}
