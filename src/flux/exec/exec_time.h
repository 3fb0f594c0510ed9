#ifndef TS_FLUX_EXEC_TIME_H
#define TS_FLUX_EXEC_TIME_H
/* Calendar and clock of a place: months, time zones (tzdata), and where windows begin. */
#include "flux/exec/exec.h"

struct ts_flux_zone;

/** A pair as in the language: months of the calendar, and nanoseconds. Both parts have one sign. */
struct ts_flux_dur {
    int64_t months, ns;
};

static inline struct ts_flux_dur ts_flux_dur_of(struct ts_flux_value v)
{
    return (struct ts_flux_dur){v.months, v.i};
}

/** A zone by its tzdata name ("UTC" or "": none). Kept until the query ends. An unknown name is an error. */
void ts_flux_zones_free(struct ts_flux_run *run, struct ts_flux_zone **zones);
int ts_flux_zone_find(struct ts_flux_run *run, struct ts_str name,
                      const struct ts_flux_zone **out) TS_MUST_CHECK;

/** The clock of a place: a zone and a fixed offset on top; {NULL, 0}: UTC. */
struct ts_flux_clock {
    const struct ts_flux_zone *zone;
    int64_t offset_ns;
};

/** From a `location` record {zone, offset}; a NONE value gives the option `location`. */
int ts_flux_clock_of(struct ts_flux_run *run, struct ts_flux_value location,
                     struct ts_flux_clock *out) TS_MUST_CHECK;

/**
 * The wall clock's reading (as if it were UTC) at t, and the moment at which a wall clock reads so: of a
 * reading that a jump skips it is the jump, of one that comes twice the first.
 */
int64_t ts_flux_clock_local(const struct ts_flux_clock *clock, int64_t t);
int64_t ts_flux_clock_utc(const struct ts_flux_clock *clock, int64_t local);

/** t + times·d on the calendar (day 31 of a shorter month is its last day), without a zone. */
int64_t ts_flux_time_add(int64_t t, struct ts_flux_dur d, int64_t times);

struct ts_flux_date {
    int64_t year;
    int month, day, hour, minute, second, ns; /* month and day from 1 */
    int weekday, yearday;                     /* 0: Sunday; from 1 */
};
struct ts_flux_date ts_flux_date_of(int64_t local);
/** Days since 1970-01-01 of a date (proleptic Gregorian). */
int64_t ts_flux_days_of(int64_t year, int month, int day);

/** Windows as window() and date.truncate() see them. */
struct ts_flux_window {
    struct ts_flux_dur every, period, offset;
    struct ts_flux_clock clock;
};
struct ts_flux_bounds {
    int64_t start, stop; /* UTC */
    int64_t index;       /* of the window, 0 at the epoch */
};

/** Checks every and period (not zero, not mixed). */
int ts_flux_window_check(struct ts_flux_run *run, const struct ts_flux_window *win) TS_MUST_CHECK;

/** The latest window that begins at or before t (with offset applied); the ones next to it by
 * ts_flux_window_step. */
struct ts_flux_bounds ts_flux_window_at(const struct ts_flux_window *win, int64_t t);
struct ts_flux_bounds ts_flux_window_step(const struct ts_flux_window *win, struct ts_flux_bounds b,
                                          int64_t steps);

#endif
