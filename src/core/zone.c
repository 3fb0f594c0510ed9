/*
 * Calendar windows. The C library reads tzdata; only what local time an instant has is asked of it, since the
 * way back is ambiguous. Thread: any, after ts_zone_set.
 */
#include "config.h"
#include "core/zone.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DAY_S      INT64_C(86400)
#define OFFSET_MAX (17 * INT64_C(3600)) /* no place was ever that far from UTC */

bool ts_zone_exists(const char *name)
{
    const char *dir = getenv("TZDIR");
    char path[512];
    FILE *file;
    char magic[4] = "";
    if (!name[0] || name[0] == '/' || strstr(name, "..") || strcmp(name, "UTC") == 0)
        return strcmp(name, "UTC") == 0;
    int n = snprintf(path, sizeof path, "%s/%s", dir ? dir : "/usr/share/zoneinfo", name);
    if (n < 0 || (size_t)n >= sizeof path || !(file = fopen(path, "re")))
        return false;
    bool good = fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", 4) == 0;
    fclose(file);
    return good;
}

void ts_zone_set(const char *name)
{
    int rc = setenv("TZ", strcmp(name, "UTC") == 0 ? "UTC0" : name, 1);
    TS_ASSERT(rc == 0);
    tzset();
}

/* Days from 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day is their last.
 */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void local(int64_t s, struct tm *tm)
{
    time_t t = (time_t)s;
    struct tm *got = localtime_r(&t, tm);
    TS_ASSERT(got); /* years of int64 nanoseconds fit */
}

/* The unit's first day; step: units later. */
static int64_t first_day(const struct tm *tm, enum ts_calendar unit, int step)
{
    int64_t year = tm->tm_year + INT64_C(1900);
    int month = tm->tm_mon + step;
    switch (unit) {
    case TS_CALENDAR_YEAR: return days_of(year + step, 1, 1);
    case TS_CALENDAR_MONTH:
        year += month < 0 ? -1 : month / 12;
        return days_of(year, (month + 12) % 12 + 1, 1);
    case TS_CALENDAR_WEEK:
        return days_of(year, tm->tm_mon + 1, tm->tm_mday) - (tm->tm_wday + 6) % 7 + 7 * step;
    default: return days_of(year, tm->tm_mon + 1, tm->tm_mday) + step;
    }
}

/* The first second whose local date is that day or a later one. Clocks that go back over midnight do so once:
 * one of the two it is. */
static int64_t begin_of(int64_t day)
{
    int64_t before = day * DAY_S - OFFSET_MAX, at = day * DAY_S + OFFSET_MAX;
    while (at - before > 1) {
        int64_t mid = before + (at - before) / 2;
        struct tm tm;
        local(mid, &tm);
        if (days_of(tm.tm_year + INT64_C(1900), tm.tm_mon + 1, tm.tm_mday) >= day)
            at = mid;
        else
            before = mid;
    }
    return at;
}

int64_t ts_zone_floor(int64_t t_ns, enum ts_calendar unit)
{
    int64_t s = ts_clock_floor(t_ns, TS_SEC) / TS_SEC;
    struct tm tm;
    local(s, &tm);
    int64_t start = begin_of(first_day(&tm, unit, 0));
    if (start > s) /* its date comes a second time */
        start = begin_of(first_day(&tm, unit, -1));
    else if (begin_of(first_day(&tm, unit, 1)) <= s)
        start = begin_of(first_day(&tm, unit, 1));
    return start * TS_SEC;
}

int64_t ts_zone_next(int64_t start_ns, enum ts_calendar unit)
{
    struct tm tm;
    local(start_ns / TS_SEC, &tm);
    return begin_of(first_day(&tm, unit, 1)) * TS_SEC;
}
