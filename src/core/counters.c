/* The list of counter sets. Thread: any; the list is lock-free to read, sets are only ever added. */
#include "config.h"
#include "core/counters.h"

#include "core/mem.h"

#include <stdio.h>

/* Published with release, read with acquire: a reader sees a set's label and next before the set. */
static _Atomic(struct ts_counters *) sets;

static const struct ts_counter_info infos[] = {
#define TS_COUNTER(id, name, label, value, help) {name, label, value, help},
#include "tbl/counters.def"
#undef TS_COUNTER
};

struct ts_counters *ts_counters_new(const char *label, const char *value)
{
    struct ts_counters *cnt = ts_xalloc_aligned(sizeof *cnt, TS_CACHELINE);
    snprintf(cnt->label, sizeof cnt->label, "%s", label ? label : "");
    snprintf(cnt->value, sizeof cnt->value, "%s", value ? value : "");
    cnt->next = atomic_load_explicit(&sets, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&sets, &cnt->next, cnt, memory_order_release,
                                                  memory_order_relaxed))
        ;
    return cnt;
}

struct ts_counters *ts_counters_again(const char *label, const char *value)
{
    for (struct ts_counters *cnt = atomic_load_explicit(&sets, memory_order_acquire); cnt; cnt = cnt->next) {
        if (cnt->free && strcmp(cnt->label, label) == 0 && strncmp(cnt->value, value, sizeof cnt->value - 1) == 0) {
            cnt->free = false;
            return cnt;
        }
    }
    return ts_counters_new(label, value);
}

void ts_counters_let_go(struct ts_counters *cnt)
{
    cnt->free = true;
}

void ts_counters_free_all(void)
{
    struct ts_counters *cnt = atomic_exchange_explicit(&sets, NULL, memory_order_acquire);
    while (cnt) {
        struct ts_counters *next = cnt->next;
        ts_free(cnt);
        cnt = next;
    }
}

uint64_t ts_counter_sum(enum ts_counter id)
{
    uint64_t sum = 0;
    for (struct ts_counters *cnt = atomic_load_explicit(&sets, memory_order_acquire); cnt; cnt = cnt->next)
        sum += ts_counter_of(cnt, id);
    return sum;
}

const struct ts_counter_info *ts_counter_info(enum ts_counter id)
{
    TS_ASSERT(id < TS_C_COUNT);
    return &infos[id];
}

void ts_counters_each(void (*fn)(const struct ts_counters *cnt, void *arg), void *arg)
{
    for (struct ts_counters *cnt = atomic_load_explicit(&sets, memory_order_acquire); cnt; cnt = cnt->next)
        fn(cnt, arg);
}
