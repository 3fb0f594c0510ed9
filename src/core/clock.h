#ifndef TS_CORE_CLOCK_H
#define TS_CORE_CLOCK_H
/*
 * Time. int64 nanoseconds since 1970-01-01T00:00:00Z everywhere; monotonic time only for waiting.
 * Tests set the wall clock with ts_clock_set_fake.
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

/** From now on ts_clock_now_ns returns t_ns; TS_TIME_NONE gives the real clock back. */
void ts_clock_set_fake(int64_t t_ns);

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

#endif
