/* Package date. Times may be durations from now(); clocks are those of `location`, by default the option's.
 */
#include "config.h"
#include "flux/exec/exec_time.h"
#include "flux/std/std.h"

#define TIMEABLE "null|time|duration"

/* Argument 0 as a time, and the clock of argument `at`. *null: argument 0 is null. */
static int local_time(struct ts_flux_run *run, const struct ts_flux_args *args, unsigned at, int64_t *out,
                      bool *null)
{
    struct ts_flux_clock clock;
    *null = args->v[0].null;
    int rc = *null ? 0 : ts_flux_time_of(run, args->v[0], out);
    rc = rc ? rc : ts_flux_clock_of(run, at < args->n ? args->v[at] : (struct ts_flux_value){0}, &clock);
    if (rc == 0 && !*null)
        *out = ts_flux_clock_local(&clock, *out);
    return rc;
}

/* ISO 8601: weeks begin with Monday, the first has the year's first Thursday. */
static int64_t iso_week(int64_t local)
{
    struct ts_flux_date d = ts_flux_date_of(local);
    int64_t days = ts_flux_days_of(d.year, d.month, d.day), thursday = days - (d.weekday + 6) % 7 + 3;
    struct ts_flux_date t = ts_flux_date_of(thursday * 86400 * TS_SEC);
    return (t.yearday - 1) / 7 + 1;
}

#define PART(name, location_at, expr)                                                                        \
    static int name(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)     \
    {                                                                                                        \
        int64_t local = 0;                                                                                   \
        bool null;                                                                                           \
        int rc = local_time(run, args, location_at, &local, &null);                                          \
        struct ts_flux_date d = ts_flux_date_of(local);                                                      \
        (void)d;                                                                                             \
        *out = null ? ts_flux_null(TS_FLUX_INT) : ts_flux_int(expr);                                         \
        return rc;                                                                                           \
    }
PART(minute, 1, d.minute)
PART(hour, 1, d.hour)
PART(week_day, 1, d.weekday)
PART(month_day, 1, d.day)
PART(year_day, 1, d.yearday)
PART(month, 1, d.month)
PART(year, 1, d.year)
PART(week, 1, iso_week(local))
PART(quarter, 1, (d.month - 1) / 3 + 1)

/* Parts below a minute are the same everywhere. */
#define SMALL_PART(name, expr)                                                                               \
    static int name(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)     \
    {                                                                                                        \
        int64_t t = 0;                                                                                       \
        int rc = args->v[0].null ? 0 : ts_flux_time_of(run, args->v[0], &t);                                 \
        struct ts_flux_date d = ts_flux_date_of(t);                                                          \
        *out = args->v[0].null ? ts_flux_null(TS_FLUX_INT) : ts_flux_int(expr);                              \
        return rc;                                                                                           \
    }
SMALL_PART(second, d.second)
SMALL_PART(millisecond, d.ns / 1000000)
SMALL_PART(microsecond, d.ns / 1000)
SMALL_PART(nanosecond, d.ns)

static int date_time(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    int64_t local = 0;
    bool null;
    int rc = local_time(run, args, 1, &local, &null);
    *out = null ? ts_flux_null(TS_FLUX_TIME) : ts_flux_time(local);
    return rc;
}

/* On the local clock, so that a day is a day also when it has 23 hours. */
static int shift(struct ts_flux_run *run, struct ts_flux_value t, struct ts_flux_value d,
                 struct ts_flux_value location, int sign, struct ts_flux_value *out)
{
    struct ts_flux_clock clock;
    int64_t at;
    *out = ts_flux_null(TS_FLUX_TIME);
    if (t.null || d.null)
        return 0;
    int rc = ts_flux_time_of(run, t, &at);
    rc = rc ? rc : ts_flux_clock_of(run, location, &clock);
    if (rc == 0)
        *out = ts_flux_time(ts_flux_clock_utc(
            &clock, ts_flux_time_add(ts_flux_clock_local(&clock, at), ts_flux_dur_of(d), sign)));
    return rc;
}

static int add(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return shift(run, args->v[1], args->v[0], args->v[2], 1, out);
}

static int sub(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    return shift(run, args->v[1], args->v[0], args->v[2], -1, out);
}

static int truncate(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_flux_window win = {.every = ts_flux_dur_of(args->v[1]), .period = ts_flux_dur_of(args->v[1])};
    int64_t t;
    *out = ts_flux_null(TS_FLUX_TIME);
    if (args->v[0].null)
        return 0;
    int rc = ts_flux_time_of(run, args->v[0], &t);
    rc = rc ? rc : ts_flux_clock_of(run, args->v[2], &win.clock);
    rc = rc ? rc : ts_flux_window_check(run, &win);
    if (rc == 0)
        *out = ts_flux_time(ts_flux_window_at(&win, t).start);
    return rc;
}

static int scale(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    int64_t months, ns;
    if (__builtin_mul_overflow((int64_t)args->v[0].months, args->v[1].i, &months) ||
        __builtin_mul_overflow(args->v[0].i, args->v[1].i, &ns) || months > INT32_MAX || months < -INT32_MAX)
        return ts_flux_fail(run, "a duration beyond 64 bits of nanoseconds");
    *out = ts_flux_duration(months, ns);
    return 0;
}

#define CLOCKED(result) "(t: " TIMEABLE ", location?: record) => " result

const struct ts_flux_builtin ts_flux_std_date[] = {
    {"add", "(d: null|duration, to: " TIMEABLE ", location?: record) => time", add},
    {"hour", CLOCKED("int"), hour},
    {"microsecond", "(t: " TIMEABLE ") => int", microsecond},
    {"millisecond", "(t: " TIMEABLE ") => int", millisecond},
    {"minute", CLOCKED("int"), minute},
    {"month", CLOCKED("int"), month},
    {"monthDay", CLOCKED("int"), month_day},
    {"nanosecond", "(t: " TIMEABLE ") => int", nanosecond},
    {"quarter", CLOCKED("int"), quarter},
    {"scale", "(d: duration, n: int) => duration", scale},
    {"second", "(t: " TIMEABLE ") => int", second},
    {"sub", "(d: null|duration, from: " TIMEABLE ", location?: record) => time", sub},
    {"time", CLOCKED("time"), date_time},
    {"truncate", "(t: " TIMEABLE ", unit: duration, location?: record) => time", truncate},
    {"week", CLOCKED("int"), week},
    {"weekDay", CLOCKED("int"), week_day},
    {"year", CLOCKED("int"), year},
    {"yearDay", CLOCKED("int"), year_day},
    {0},
};
