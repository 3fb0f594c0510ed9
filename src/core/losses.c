/*
 * Sums of kept and lost samples at moments of the past. Thread: any, behind a lock that a worker takes 20 times a second and for a batch of
 * points, never for samples. Owns rings of fixed size: 1,024 seconds, minutes, quarters of an hour and quarters of a day. What is
 * further back than a ring reads as of the next coarser one, and in the end as of the beginning.
 */
#include "config.h"
#include "core/losses.h"

#include "core/clock.h"
#include "core/ledger.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#define MARKS   1024
#define SAVED   64
#define GAP_NS  (4 * TS_TICK_NS) /* without a look: the process was stopped, or the clock was set */
#define FIRST   TS_LOSSES_LEVELS
#define LATEST  (TS_LOSSES_LEVELS + 1)

static const int64_t units[TS_LOSSES_LEVELS] = {TS_SEC, 60 * TS_SEC, 900 * TS_SEC, 21600 * TS_SEC};

struct level {
    int64_t oldest, newest; /* in units; there are marks from the one to the other, none when newest is less */
    struct ts_losses marks[MARKS];
};

static _Atomic int64_t due_ns = INT64_MAX; /* of the next look; INT64_MAX: nobody asks. Relaxed: the lock orders the rest */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all that follows */
static struct level levels[TS_LOSSES_LEVELS];
static struct ts_losses before; /* the counters began with */
static struct ts_losses first;  /* where it begins */
static struct ts_losses latest;
static int64_t latest_ns = TS_TIME_NONE;

static struct ts_losses count(void)
{
    static const enum ts_counter losing[] = {TS_C_DROPPED_RING_FULL,        TS_C_DROPPED_LATE,         TS_C_DROPPED_FUTURE,
                                             TS_C_DROPPED_SERIES_LIMIT,     TS_C_DROPPED_NO_MEMORY,    TS_C_DROPPED_MEMORY_LIMIT,
                                             TS_C_DROPPED_RATE_LIMIT,       TS_C_DROPPED_SERIES_TOO_LONG, TS_C_DROPPED_STAGE_RATE_LIMIT,
                                             TS_C_DROPPED_STAGE_ERROR,      TS_C_KERNEL_DROPPED_SAMPLES};
    static struct ts_ledger led; /* behind the lock */
    struct ts_losses sums = before;
    ts_ledger_read(&led);
    for (unsigned i = 0; i < TS_ARRAY_SIZE(losing); i++)
        sums.lost += (double)led.v[losing[i]];
    sums.kept += (double)(led.in_flight + (int64_t)led.v[TS_C_SAMPLES_AGGREGATED]);
    return sums;
}

static void clear(void)
{
    for (unsigned i = 0; i < TS_LOSSES_LEVELS; i++)
        levels[i] = (struct level){.newest = -1};
    before = (struct ts_losses){0, 0};
    latest_ns = TS_TIME_NONE;
}

void ts_losses_watch(void)
{
    pthread_mutex_lock(&lock);
    if (atomic_load_explicit(&due_ns, memory_order_relaxed) == INT64_MAX) {
        clear();
        first = latest = count();
        atomic_store_explicit(&due_ns, TS_TIME_NONE, memory_order_relaxed);
    }
    pthread_mutex_unlock(&lock);
}

void ts_losses_forget(void)
{
    atomic_store_explicit(&due_ns, INT64_MAX, memory_order_relaxed);
}

/* Marks for the multiples of the unit up to clock_ns. */
static void mark(unsigned i, int64_t clock_ns, struct ts_losses sums)
{
    struct level *lvl = &levels[i];
    int64_t to = ts_clock_floor(clock_ns, units[i]) / units[i];
    int64_t from = lvl->newest < lvl->oldest ? ts_clock_floor(latest_ns, units[i]) / units[i] + 1 : lvl->newest + 1;
    if (lvl->newest < lvl->oldest)
        lvl->oldest = from;
    for (int64_t k = TS_MAX(from, to - MARKS + 1); k <= to; k++)
        lvl->marks[k & (MARKS - 1)] = sums;
    lvl->newest = TS_MAX(to, from - 1);
    lvl->oldest = TS_MAX(lvl->oldest, lvl->newest - MARKS + 1);
}

void ts_losses_look(int64_t clock_ns)
{
    int64_t due = atomic_load_explicit(&due_ns, memory_order_relaxed);
    if (clock_ns < due || due == INT64_MAX || clock_ns < 0 || pthread_mutex_trylock(&lock) != 0)
        return; /* or another worker looks */
    struct ts_losses now = count();
    if (latest_ns == TS_TIME_NONE)
        latest_ns = clock_ns;
    for (unsigned i = 0; i < TS_LOSSES_LEVELS; i++) /* what came while the process was stopped has been read, and arrived, only now */
        mark(i, clock_ns, clock_ns - latest_ns > GAP_NS ? latest : now);
    latest = now;
    latest_ns = TS_MAX(latest_ns, clock_ns);
    atomic_store_explicit(&due_ns, ts_clock_floor(clock_ns, TS_TICK_NS) + TS_TICK_NS, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
}

/* The sums at t_ns, or at the last mark before it, with `up` at the next second. */
static struct ts_losses at(int64_t t_ns, bool up)
{
    if (latest_ns == TS_TIME_NONE && !up)
        return first;
    if (latest_ns == TS_TIME_NONE || t_ns > latest_ns + TS_TICK_NS)
        return count();
    for (unsigned i = 0; i < TS_LOSSES_LEVELS; i++) {
        const struct level *lvl = &levels[i];
        int64_t k = ts_clock_floor(t_ns, units[i]) / units[i];
        k += i == 0 && up && k * units[i] < t_ns;
        if (k > lvl->newest)
            return latest;
        if (k >= lvl->oldest)
            return lvl->marks[k & (MARKS - 1)];
    }
    return first;
}

struct ts_losses ts_losses_between(int64_t from_ns, int64_t to_ns)
{
    struct ts_losses from = {0, 0}, to = {0, 0};
    pthread_mutex_lock(&lock);
    if (atomic_load_explicit(&due_ns, memory_order_relaxed) != INT64_MAX) {
        from = at(from_ns, false);
        to = at(to_ns, true);
    }
    pthread_mutex_unlock(&lock);
    return (struct ts_losses){to.kept - from.kept, to.lost - from.lost};
}

double ts_losses_share(struct ts_losses sums)
{
    /* Samples that a worker dropped had been counted as kept before, perhaps in the second before. */
    double kept = TS_MAX(sums.kept, 0), lost = TS_MAX(sums.lost, 0);
    return lost > 0 ? kept / (kept + lost) : 1;
}

unsigned ts_losses_save(struct ts_losses_mark marks[TS_LOSSES_SAVED])
{
    unsigned n = 0;
    pthread_mutex_lock(&lock);
    if (atomic_load_explicit(&due_ns, memory_order_relaxed) != INT64_MAX && latest_ns != TS_TIME_NONE) {
        marks[n++] = (struct ts_losses_mark){FIRST, 0, first};
        for (unsigned i = 0; i < TS_LOSSES_LEVELS; i++)
            for (int64_t k = TS_MAX(levels[i].oldest, levels[i].newest - SAVED + 1); k <= levels[i].newest; k++)
                marks[n++] = (struct ts_losses_mark){i, k * units[i], levels[i].marks[k & (MARKS - 1)]};
        marks[n++] = (struct ts_losses_mark){LATEST, latest_ns, latest};
    }
    pthread_mutex_unlock(&lock);
    return n;
}

static bool load(const struct ts_losses_mark *mark)
{
    if (mark->level == FIRST) {
        first = mark->sums;
    } else if (mark->level == LATEST) {
        struct ts_losses own = count();
        before.kept += mark->sums.kept - own.kept;
        before.lost += mark->sums.lost - own.lost;
        latest = mark->sums;
        latest_ns = mark->at_ns;
    } else {
        struct level *lvl = &levels[mark->level];
        int64_t k = mark->at_ns / units[mark->level];
        if (lvl->newest < lvl->oldest)
            lvl->oldest = k;
        else if (k != lvl->newest + 1)
            return false;
        lvl->newest = k;
        lvl->marks[k & (MARKS - 1)] = mark->sums;
    }
    return true;
}

bool ts_losses_load(const struct ts_losses_mark *mark)
{
    bool good = mark->level <= LATEST && mark->at_ns >= 0 && mark->at_ns < INT64_MAX / 2 && isfinite(mark->sums.kept) && isfinite(mark->sums.lost);
    pthread_mutex_lock(&lock);
    if (good && atomic_load_explicit(&due_ns, memory_order_relaxed) != INT64_MAX)
        good = load(mark);
    pthread_mutex_unlock(&lock);
    return good;
}
