#ifndef TS_CORE_CENSUS_H
#define TS_CORE_CENSUS_H
/*
 * Which series live, of all workers together, and what the limits say of a new one. Asked once for each first sight of a key,
 * never for a sample of a known series; a lock guards it.
 *
 * Beyond limits.tag_values of one measurement and tag key, a further value is replaced by "_overflow". Beyond
 * limits.series, a new series becomes that of its measurement, kind and field whose only tag is _overflow=true. These have a
 * bound of their own (ts_census_reserve), beyond which a sample has no series at all.
 *
 * Series and tag values are known by 64-bit hashes: a count is too low by one for each collision, of which a million
 * series have one in 37 million times.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/series.h"

#define TS_OVERFLOW "_overflow"

struct ts_census;

enum ts_census_verdict {
    TS_CENSUS_OWN,        /* a series of its own */
    TS_CENSUS_TAG_VALUES, /* values of tags were replaced */
    TS_CENSUS_SERIES,     /* the overflow series of its measurement */
    TS_CENSUS_REFUSED     /* not even that */
};

/** Ends the process without memory. @thread main */
struct ts_census *ts_census_new(uint64_t series_limit, uint64_t tag_values_limit);
void ts_census_free(struct ts_census **census);

/** How many overflow series there may be beside the limit. */
uint64_t ts_census_reserve(uint64_t series_limit);

/**
 * Says to what series the samples of `view` belong and leaves it, encoded, in `series` with its hash. The view may be changed
 * for that. Nothing is held yet. @return 0; -TS_ELIMIT series too long; -TS_ENOMEM. @thread any
 */
int ts_census_judge(struct ts_census *census, struct ts_series_view *view, struct ts_buf *series, uint64_t *hash,
                    enum ts_census_verdict *verdict) TS_MUST_CHECK;

/**
 * Somebody has a name for the series from now on: it lives until as many releases have come as holds.
 * @return 0; -TS_EAGAIN the last place went to another meanwhile: judge again; -TS_ENOMEM. @thread any
 */
int ts_census_hold(struct ts_census *census, struct ts_str series, uint64_t hash,
                   enum ts_census_verdict verdict) TS_MUST_CHECK;
void ts_census_release(struct ts_census *census, struct ts_str series, uint64_t hash);

/** Series that live, overflow series included. @thread any */
uint64_t ts_census_count(struct ts_census *census);

#define TS_CENSUS_ROWS     50
#define TS_CENSUS_NAME_MAX 200 /* longer names are cut */

struct ts_census_row {
    char measurement[TS_CENSUS_NAME_MAX + 1];
    char key[TS_CENSUS_NAME_MAX + 1]; /* of a tag; "" for a measurement */
    uint64_t series;     /* that live */
    uint64_t values;     /* of a tag: distinct */
    uint64_t overflowed; /* samples that went to an overflow series because of it */
};

/** Who is to blame: those with most series, and with most values. */
struct ts_census_report {
    uint64_t series, series_limit, overflow_series, tag_values_limit;
    bool complete; /* every measurement and tag key was followed; else the smallest were left out at times */
    unsigned nmeasurements, ntags;
    struct ts_census_row measurements[TS_CENSUS_ROWS], tags[TS_CENSUS_ROWS];
};

/** Takes time in proportion to what is followed: 16,384 measurements and 65,536 tag keys at most. @thread server */
void ts_census_report(struct ts_census *census, struct ts_census_report *out);

#endif
