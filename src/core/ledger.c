/* The counters in the order that keeps their equations. Thread: any; owns nothing. */
#include "config.h"
#include "core/ledger.h"

/* The sum of the counters that share id's name: all reasons. */
static uint64_t sum_of_name(const struct ts_ledger *led, enum ts_counter id)
{
    uint64_t sum = 0;
    const char *name = ts_counter_info(id)->name;
    for (unsigned i = 0; i < TS_C_COUNT; i++)
        if (strcmp(ts_counter_info((enum ts_counter)i)->name, name) == 0)
            sum += led->v[i];
    return sum;
}

static bool is_producer(enum ts_counter id)
{
    return id == TS_C_LINES_RECEIVED || id == TS_C_SAMPLES_RECEIVED || id == TS_C_SAMPLES_CREATED ||
           id == TS_C_DATAGRAMS_RECEIVED;
}

void ts_ledger_read(struct ts_ledger *led)
{
    for (unsigned i = 0; i < TS_C_COUNT; i++)
        if (!is_producer((enum ts_counter)i))
            led->v[i] = ts_counter_sum((enum ts_counter)i);
    /* The parts above must have been read before the wholes below; nothing of another thread's is awaited. */
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < TS_C_COUNT; i++)
        if (is_producer((enum ts_counter)i))
            led->v[i] = ts_counter_sum((enum ts_counter)i);
    led->lines_rejected = sum_of_name(led, TS_C_REJECTED_SYNTAX);
    led->samples_dropped = sum_of_name(led, TS_C_DROPPED_RING_FULL);
    led->in_flight = (int64_t)(led->v[TS_C_SAMPLES_RECEIVED] + led->v[TS_C_SAMPLES_CREATED] - led->v[TS_C_SAMPLES_AGGREGATED] -
                               led->v[TS_C_SAMPLES_PASSED] - led->samples_dropped - led->lines_rejected);
    led->balanced = led->v[TS_C_LINES_RECEIVED] == led->v[TS_C_LINES_ACCEPTED] + led->lines_rejected &&
                    led->in_flight >= 0;
}
