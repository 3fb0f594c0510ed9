#ifndef TS_CORE_CLOCK_H
#define TS_CORE_CLOCK_H
/*
 * Time. int64 nanoseconds since 1970-01-01T00:00:00Z everywhere; monotonic time only for waiting.
 * Tests set both clocks.
 */
#include "core/base.h"

#define TS_US  INT64_C(1000)
#define TS_MS  INT64_C(1000000)
#define TS_SEC INT64_C(1000000000)

#define TS_TIME_NONE INT64_MIN /* "no time": before every other */

/** The earliest time of a sample, in 1678: windows, lateness and corrections reach back from it without an overflow. */
#define TS_TIME_FIRST (INT64_MIN + 366 * 86400 * TS_SEC)

int64_t ts_clock_now_ns(void);
int64_t ts_clock_mono_ns(void);
int64_t ts_clock_cpu_ns(void);     /* CPU time that the calling thread has had */
int64_t ts_clock_process_ns(void); /* and all threads of the process */

/** From now on ts_clock_now_ns returns t_ns; TS_TIME_NONE gives the real clock back. */
void ts_clock_set_fake(int64_t t_ns);

/** The same of ts_clock_mono_ns. */
void ts_clock_set_fake_mono(int64_t t_ns);

/** The wall clock as one thread takes it: it never goes back. All 0 at first. */
struct ts_clock_steady {
    int64_t at_ns;      /* what was said last */
    bool is_ahead;      /* of the wall clock */
    int64_t since_ns;   /* by the monotonic clock, while it is ahead: it was at_ns then */
};

/**
 * What the steady clock says when the wall clock says wall_ns. When the wall clock was set back, the steady one goes on at half speed until
 * the other has caught up, so that time neither repeats itself nor stands still. *back_ns is how far it was set back just now, or 0.
 */
int64_t ts_clock_steady(struct ts_clock_steady *clk, int64_t wall_ns, int64_t *back_ns);

/**
 * Reads a duration: one or more <number><unit>, units ns us ms s m h d w (d = 24 h): "10s", "1m30s", "1.5s".
 * @return 0, -TS_EPARSE (no unit among them), -TS_ELIMIT.
 */
int ts_clock_read_duration(struct ts_str s, int64_t *out_ns) TS_MUST_CHECK;

/** The shortest exact form that ts_clock_read_duration reads back. @return bytes written, at most TS_NUM_MAX. */
size_t ts_clock_put_duration(char *to, int64_t ns);

/** RFC 3339 in UTC with as many fraction digits as needed. @return bytes written, at most TS_NUM_MAX. */
size_t ts_clock_put_time(char *to, int64_t t_ns);

/** Reads a date, which is its midnight in UTC, or RFC 3339 with an offset. @return 0, -TS_EPARSE, -TS_ELIMIT beyond int64 nanoseconds. */
int ts_clock_read_time(struct ts_str s, int64_t *out_ns) TS_MUST_CHECK;

/** Largest multiple of every_ns (> 0) that is not after t_ns, also before 1970. */
TS_INLINE int64_t ts_clock_floor(int64_t t_ns, int64_t every_ns)
{
    int64_t r = t_ns % every_ns;
    return t_ns - (r < 0 ? r + every_ns : r);
}

/** Ingest threads tell their workers the time at multiples of this by the wall clock, so that a window's end is heard of when it comes. */
#define TS_TICK_NS (50 * TS_MS)

/** From the wall clock's t_ns to the next tick. */
TS_INLINE int64_t ts_clock_to_tick(int64_t t_ns)
{
    return ts_clock_floor(t_ns, TS_TICK_NS) + TS_TICK_NS - t_ns;
}

#endif
