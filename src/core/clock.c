/* Wall clock, monotonic clock, durations and RFC 3339. Thread: any. */
#include "config.h"
#include "core/clock.h"

#include "core/err.h"
#include "core/num.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* Read on every call and written only by tests: relaxed, nothing else hangs on it. */
static _Atomic int64_t fake_ns = TS_TIME_NONE, fake_mono_ns = TS_TIME_NONE;

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * TS_SEC + t.tv_nsec;
}

int64_t ts_clock_now_ns(void)
{
    int64_t fake = atomic_load_explicit(&fake_ns, memory_order_relaxed);
    return TS_LIKELY(fake == TS_TIME_NONE) ? read_clock(CLOCK_REALTIME) : fake;
}

int64_t ts_clock_mono_ns(void)
{
    int64_t fake = atomic_load_explicit(&fake_mono_ns, memory_order_relaxed);
    return TS_LIKELY(fake == TS_TIME_NONE) ? read_clock(CLOCK_MONOTONIC) : fake;
}

void ts_clock_set_fake(int64_t t_ns)
{
    atomic_store_explicit(&fake_ns, t_ns, memory_order_relaxed);
}

void ts_clock_set_fake_mono(int64_t t_ns)
{
    atomic_store_explicit(&fake_mono_ns, t_ns, memory_order_relaxed);
}

int64_t ts_clock_steady(struct ts_clock_steady *clk, int64_t wall_ns, int64_t *back_ns)
{
    *back_ns = 0;
    if (clk->is_ahead) {
        int64_t half_ns = (ts_clock_mono_ns() - clk->since_ns) / 2;
        clk->at_ns += half_ns;
        clk->since_ns += 2 * half_ns;
    }
    bool ahead = wall_ns < clk->at_ns;
    if (ahead && !clk->is_ahead) {
        *back_ns = clk->at_ns - wall_ns;
        clk->since_ns = ts_clock_mono_ns();
    }
    clk->is_ahead = ahead;
    clk->at_ns = TS_MAX(clk->at_ns, wall_ns);
    return clk->at_ns;
}

static const struct {
    const char *name;
    int64_t ns;
} units[] = {{"w", 604800 * TS_SEC}, {"d", 86400 * TS_SEC}, {"h", 3600 * TS_SEC}, {"m", 60 * TS_SEC},
             {"s", TS_SEC},          {"ms", TS_MS},         {"us", TS_US},        {"ns", 1}};

int ts_clock_read_duration(struct ts_str s, int64_t *out_ns)
{
    int64_t total = 0;
    size_t i = 0;
    if (s.len == 0)
        return -TS_EPARSE;
    while (i < s.len) {
        size_t from = i, unit_from;
        while (i < s.len && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.'))
            i++;
        unit_from = i;
        while (i < s.len && s.p[i] >= 'a' && s.p[i] <= 'z')
            i++;
        struct ts_str number = {s.p + from, unit_from - from}, unit = {s.p + unit_from, i - unit_from};
        size_t u = 0;
        while (u < TS_ARRAY_SIZE(units) && !ts_str_eq(unit, ts_str_of(units[u].name)))
            u++;
        double v;
        if (u == TS_ARRAY_SIZE(units) || ts_num_read(number, &v) != 0)
            return -TS_EPARSE;
        double ns = v * (double)units[u].ns;
        if (ns >= 0x1p63 || __builtin_add_overflow(total, (int64_t)llround(ns), &total))
            return -TS_ELIMIT;
    }
    *out_ns = total;
    return 0;
}

size_t ts_clock_put_duration(char *to, int64_t ns)
{
    size_t len = 0;
    if (ns <= 0) {
        memcpy(to, "0s", 2);
        return 2;
    }
    for (size_t u = 0; u < TS_ARRAY_SIZE(units) && ns; u++) {
        int64_t n = ns / units[u].ns;
        if (n == 0)
            continue;
        len += ts_num_put_int(to + len, n);
        size_t name = strlen(units[u].name);
        memcpy(to + len, units[u].name, name);
        len += name;
        ns -= n * units[u].ns;
    }
    return len;
}

size_t ts_clock_put_time(char *to, int64_t t_ns)
{
    int64_t frac = t_ns - ts_clock_floor(t_ns, TS_SEC);
    time_t sec = (time_t)((t_ns - frac) / TS_SEC);
    struct tm tm;
    gmtime_r(&sec, &tm);
    char tmp[64];
    int n = snprintf(tmp, sizeof tmp, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (frac) {
        n += snprintf(tmp + n, sizeof tmp - (size_t)n, ".%09d", (int)frac);
        while (tmp[n - 1] == '0')
            n--;
    }
    tmp[n++] = 'Z';
    memcpy(to, tmp, (size_t)n);
    return (size_t)n;
}
