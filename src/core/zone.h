#ifndef TS_CORE_ZONE_H
#define TS_CORE_ZONE_H
/*
 * Days, weeks, months and years of a time zone of the system's tzdata: where clocks are put forward a day has
 * 23 hours. The zone is the process's.
 */
#include "core/base.h"

enum ts_calendar { TS_CALENDAR_NONE, TS_CALENDAR_DAY, TS_CALENDAR_WEEK, TS_CALENDAR_MONTH, TS_CALENDAR_YEAR };

/** Whether there is such a zone. */
bool ts_zone_exists(const char *name);

/** From now on days are those of this zone, which exists. @thread main, before others */
void ts_zone_set(const char *name);

/** The first instant of the day, week (from Monday), month or year that t_ns is in. */
int64_t ts_zone_floor(int64_t t_ns, enum ts_calendar unit);

/** The first instant of the one that follows the one starting at start_ns. */
int64_t ts_zone_next(int64_t start_ns, enum ts_calendar unit);

#endif
