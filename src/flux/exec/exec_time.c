/* The calendar (proleptic Gregorian), durations added to times, windows, and now(). */
#include "config.h"
#include "flux/exec/exec_interp.h"
#include "flux/exec/exec_time.h"

#define DAY_NS (86400 * TS_SEC)

static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

/* Howard Hinnant, "chrono-compatible low-level date algorithms": days_from_civil, civil_from_days. */
int64_t ts_flux_days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct ts_flux_date ts_flux_date_of(int64_t local)
{
    int64_t days = local / DAY_NS - (local % DAY_NS < 0), in_day = local - days * DAY_NS;
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365,
            doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct ts_flux_date d = {.month = (int)(mp < 10 ? mp + 3 : mp - 9),
                             .day = (int)(doy - (153 * mp + 2) / 5 + 1)};
    d.year = yoe + era * 400 + (d.month <= 2);
    d.hour = (int)(in_day / (3600 * TS_SEC));
    d.minute = (int)(in_day / (60 * TS_SEC) % 60);
    d.second = (int)(in_day / TS_SEC % 60);
    d.ns = (int)(in_day % TS_SEC);
    d.weekday = (int)(((days + 4) % 7 + 7) % 7);
    d.yearday = (int)(days - ts_flux_days_of(d.year, 1, 1)) + 1;
    return d;
}

static int64_t add_months(int64_t t, int64_t months)
{
    struct ts_flux_date d = ts_flux_date_of(t);
    int64_t in_day = t - ts_flux_days_of(d.year, d.month, d.day) * DAY_NS;
    int64_t m = d.year * 12 + d.month - 1 + months, year = m / 12 - (m % 12 < 0);
    int month = (int)(m - year * 12) + 1;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int last = month_days[month - 1] + (month == 2 && leap);
    int64_t days = ts_flux_days_of(year, month, TS_MIN(d.day, last)), out;
    if (__builtin_mul_overflow(days, DAY_NS, &out) || __builtin_add_overflow(out, in_day, &out))
        return months < 0 ? INT64_MIN : INT64_MAX;
    return out;
}

int64_t ts_flux_time_add(int64_t t, struct ts_flux_dur d, int64_t times)
{
    int64_t months, ns;
    if (__builtin_mul_overflow(d.months, times, &months))
        return INT64_MAX;
    months = TS_MIN(TS_MAX(months, -12 * INT64_C(1000)), 12 * INT64_C(1000)); /* int64 ns hold 584 years */
    if (months)
        t = add_months(t, months);
    if (__builtin_mul_overflow(d.ns, times, &ns) || __builtin_add_overflow(t, ns, &t))
        return (d.ns < 0) != (times < 0) ? INT64_MIN : INT64_MAX;
    return t;
}

int ts_flux_window_check(struct ts_flux_run *run, const struct ts_flux_window *win)
{
    const struct ts_flux_dur *every = &win->every;
    if (every->months == 0 && every->ns == 0)
        return ts_flux_fail(run, "duration used as an interval cannot be zero");
    if (every->months && every->ns)
        return ts_flux_fail(run, "duration used as an interval cannot mix month and nanosecond units");
    if (every->months < 0 || every->ns < 0)
        return ts_flux_fail(run, "duration used as an interval cannot be negative");
    if (win->period.months == 0 && win->period.ns == 0)
        return ts_flux_fail(run, "the period of a window cannot be zero");
    return 0;
}

static int64_t months_of(struct ts_flux_date d)
{
    return (d.year - 1970) * 12 + d.month - 1;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static struct ts_flux_bounds window_nr(const struct ts_flux_window *win, int64_t index)
{
    int64_t zero = ts_flux_time_add(0, win->offset, 1);
    struct ts_flux_bounds b = {.index = index, .start = ts_flux_time_add(zero, win->every, index)};
    b.stop = ts_flux_time_add(b.start, win->period, 1);
    if (b.stop < b.start) { /* a negative period reaches back */
        int64_t start = b.start;
        b.start = b.stop;
        b.stop = start;
    }
    b.start = ts_flux_clock_utc(&win->clock, b.start);
    b.stop = ts_flux_clock_utc(&win->clock, b.stop);
    return b;
}

/* zero + every·i on the local clock, zero being the epoch and the offset; the largest i that is not after t.
 */
struct ts_flux_bounds ts_flux_window_at(const struct ts_flux_window *win, int64_t t)
{
    int64_t local = ts_flux_clock_local(&win->clock, t), zero = ts_flux_time_add(0, win->offset, 1), index;
    bool back = win->period.months < 0 || win->period.ns < 0;
    if (win->every.months) {
        struct ts_flux_date d = ts_flux_date_of(local), z = ts_flux_date_of(zero);
        int64_t in_month = local - ts_flux_days_of(d.year, d.month, 1) * DAY_NS;
        int64_t zero_in_month = zero - ts_flux_days_of(z.year, z.month, 1) * DAY_NS;
        index = floor_div(months_of(d) - (in_month < zero_in_month) - months_of(z), win->every.months);
    } else {
        int64_t delta = (int64_t)((uint64_t)local - (uint64_t)zero);
        index = floor_div(delta, win->every.ns);
    }
    struct ts_flux_bounds b = window_nr(win, index);
    if (back) {
        if (win->every.ns && win->period.ns && win->period.ns != INT64_MIN)
            b = window_nr(win, index + -win->period.ns / win->every.ns);
        for (struct ts_flux_bounds next = window_nr(win, b.index + 1); next.start <= t && t < next.stop;
             next = window_nr(win, b.index + 1))
            b = next;
    }
    return b;
}

struct ts_flux_bounds ts_flux_window_step(const struct ts_flux_window *win, struct ts_flux_bounds b,
                                          int64_t steps)
{
    return window_nr(win, b.index + steps);
}

int ts_flux_option(struct ts_flux_run *run, const char *name, struct ts_flux_value *out)
{
    const struct ts_flux_name *key = ts_flux_name_of(&run->names, ts_str_of(name));
    const struct ts_flux_binding *b =
        key && run->interp->universe ? ts_flux_scope_own(run->interp->universe, key) : NULL;
    *out = b ? b->value : (struct ts_flux_value){0};
    return key ? 0 : ts_flux_fail_nomem(run);
}

int ts_flux_now(struct ts_flux_run *run, int64_t *out)
{
    struct ts_flux_value now, t;
    int rc = ts_flux_option(run, "now", &now);
    rc = rc ? rc : ts_flux_call(run, now, NULL, 0, &t);
    if (rc == 0 && (t.type != TS_FLUX_TIME || t.null))
        return ts_flux_fail(run, "now() must return a time, not %s", ts_flux_type_text(t.type));
    *out = t.i;
    return rc;
}

int ts_flux_time_of(struct ts_flux_run *run, struct ts_flux_value v, int64_t *out)
{
    if (v.null || (v.type != TS_FLUX_TIME && v.type != TS_FLUX_DURATION))
        return ts_flux_fail(run, "expected a time or a duration, got %s",
                            v.null ? "null" : ts_flux_type_text(v.type));
    *out = v.i;
    if (v.type == TS_FLUX_TIME)
        return 0;
    int rc = ts_flux_now(run, out);
    *out = ts_flux_time_add(*out, ts_flux_dur_of(v), 1);
    return rc;
}
