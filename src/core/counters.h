#ifndef TS_CORE_COUNTERS_H
#define TS_CORE_COUNTERS_H
/*
 * Counters by thread. A set belongs to one thread (and one label, such as sink="influx"), which alone writes it;
 * a reader adds the sets up. No cache line of a set is shared with another thread's writes.
 * Increments are relaxed loads and stores: a reader sees each counter at some recent value, and sets of a thread that
 * has ended exactly.
 */
#include "core/base.h"

#include <stdatomic.h>

enum ts_counter {
#define TS_COUNTER(id, name, label, value, help) TS_C_##id,
#include "tbl/counters.def"
#undef TS_COUNTER
    TS_C_COUNT
};

struct ts_counters {
    _Atomic uint64_t v[TS_C_COUNT] TS_ALIGNED;
    char label[16], value[128]; /* "sink", "influx"; empty: none */
    bool free; /* @thread main */
    struct ts_counters *next;
} TS_ALIGNED;

/** Makes a set and puts it on the list of all. label/value may be NULL. Sets live until ts_counters_free_all. @thread any */
struct ts_counters *ts_counters_new(const char *label, const char *value);

/** A set with this label and value whose thread has ended and was let go, or a new one. @thread main */
struct ts_counters *ts_counters_again(const char *label, const char *value);

/** Its thread has ended: the set stays in every sum, and another thread may count on in it. @thread main */
void ts_counters_let_go(struct ts_counters *cnt);

/** Frees every set; only when no thread that counts is left. @thread main */
void ts_counters_free_all(void);

TS_INLINE void ts_count(struct ts_counters *cnt, enum ts_counter id, uint64_t n)
{
    uint64_t v = atomic_load_explicit(&cnt->v[id], memory_order_relaxed);
    atomic_store_explicit(&cnt->v[id], v + n, memory_order_relaxed);
}

/** One set's value. */
TS_INLINE uint64_t ts_counter_of(const struct ts_counters *cnt, enum ts_counter id)
{
    return atomic_load_explicit(&cnt->v[id], memory_order_relaxed);
}

/** The sum over all sets. @thread any */
uint64_t ts_counter_sum(enum ts_counter id);

struct ts_counter_info {
    const char *name, *label, *value, *help;
};
const struct ts_counter_info *ts_counter_info(enum ts_counter id);

/** Calls fn for every set, newest first. @thread any */
void ts_counters_each(void (*fn)(const struct ts_counters *cnt, void *arg), void *arg);

#endif
