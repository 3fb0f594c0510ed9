#ifndef TS_CORE_PRESSURE_H
#define TS_CORE_PRESSURE_H
/*
 * limits.memory: how the process stands to it, and what gives way. One thread looks, up to 100 times a second; the others ask, once for
 * a batch or a piece of data, never for a sample.
 *
 * In this order, as the part of the limit that is used grows:
 *   85 %  WAIT      streams and write requests are not read: their senders wait. Until 80 %.
 *   92 %  DROP      data of listeners is dropped, as their when_full says. Until 88 %.
 *   97 %  OVERFLOW  new series go to overflow series. Until 80 %. Also after a second of DROP or five of WAIT; little grows from
 *                   then on, so that streams are read again below 88 %, and wait from 92 %.
 * Meanwhile series are forgotten as soon as nothing came for them in TS_PRESSURE_EXPIRE_NS.
 */
#include "core/base.h"
#include "core/clock.h"

#include <stdatomic.h>

enum ts_pressure { TS_PRESSURE_WAIT = 1, TS_PRESSURE_DROP = 2, TS_PRESSURE_OVERFLOW = 4 };

#define TS_PRESSURE_EXPIRE_NS (5 * TS_SEC)

extern _Atomic unsigned ts_pressure_bits; /* of enum ts_pressure; relaxed: only its own value matters */

static inline bool ts_pressure_has(unsigned any)
{
    return atomic_load_explicit(&ts_pressure_bits, memory_order_relaxed) & any;
}

struct ts_memory_status {
    uint64_t limit_bytes; /* 0: none */
    uint64_t used_bytes;  /* anonymous memory in RAM, as last seen; 0: not known */
    const char *state;    /* "ok", "waiting", "dropping", "overflowing" */
};

/** limit_bytes 0: none. @thread main */
void ts_pressure_init(uint64_t limit_bytes);

/** What is given way at `used` bytes, `now_ns` (monotonic). Of ts_pressure_look; for tests. @thread main */
void ts_pressure_set(uint64_t used_bytes, int64_t now_ns);

/**
 * Looks how much is used, and above 85 % gives free memory back to the system once a second. @return nanoseconds to the next look:
 * 1 s without a limit, 100 ms as long as half of it is free, then 10 ms. @thread main
 */
int64_t ts_pressure_look(void);

void ts_memory_status(struct ts_memory_status *out);

#endif
