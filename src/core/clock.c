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

int64_t ts_clock_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t ts_clock_process_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
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

/* ---- RFC 3339 to a time ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly n digits at *i. */
static bool number_at(struct ts_str s, size_t *i, size_t n, int64_t *out)
{
    *out = 0;
    for (size_t end = *i + n; *i < end; ++*i) {
        if (*i >= s.len || !is_digit(s.p[*i]))
            return false;
        *out = *out * 10 + (s.p[*i] - '0');
    }
    return true;
}

static bool char_at(struct ts_str s, size_t *i, char c)
{
    bool is = *i < s.len && s.p[*i] == c;
    *i += is;
    return is;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible date
 * algorithms"). */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* [.fraction](Z|±hh:mm) at *i. */
static bool fraction_and_offset(struct ts_str s, size_t *i, int64_t *fraction, int64_t *offset)
{
    int64_t hours, minutes, unit = TS_SEC;
    *fraction = *offset = 0;
    if (char_at(s, i, '.')) {
        size_t from = *i;
        for (; *i < s.len && is_digit(s.p[*i]); ++*i) {
            unit /= 10;
            *fraction += unit * (s.p[*i] - '0');
        }
        if (*i == from)
            return false;
    }
    if (char_at(s, i, 'Z'))
        return true;
    int sign = char_at(s, i, '+') ? 1 : char_at(s, i, '-') ? -1 : 0;
    if (!sign || !number_at(s, i, 2, &hours) || !char_at(s, i, ':') || !number_at(s, i, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *offset = sign * (hours * 60 + minutes) * 60;
    return true;
}

int ts_clock_read_time(struct ts_str s, int64_t *ns)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y, mo, d, h = 0, mi = 0, sec = 0, fraction = 0, offset = 0, t;
    size_t i = 0;
    if (!number_at(s, &i, 4, &y) || !char_at(s, &i, '-') || !number_at(s, &i, 2, &mo) ||
        !char_at(s, &i, '-') || !number_at(s, &i, 2, &d))
        return -TS_EPARSE;
    if (i < s.len && (!char_at(s, &i, 'T') || !number_at(s, &i, 2, &h) || !char_at(s, &i, ':') ||
                      !number_at(s, &i, 2, &mi) || !char_at(s, &i, ':') || !number_at(s, &i, 2, &sec) ||
                      !fraction_and_offset(s, &i, &fraction, &offset)))
        return -TS_EPARSE;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (i != s.len || mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1] || (mo == 2 && d == 29 && !leap) ||
        h > 23 || mi > 59 || sec > 59)
        return -TS_EPARSE;
    t = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec - offset;
    /* The smallest int64 has a fraction below its whole second. */
    if (t < 0 && fraction) {
        t++;
        fraction -= TS_SEC;
    }
    return __builtin_mul_overflow(t, TS_SEC, ns) || __builtin_add_overflow(*ns, fraction, ns) ? -TS_ELIMIT
                                                                                              : 0;
}
