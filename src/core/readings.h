#ifndef TS_CORE_READINGS_H
#define TS_CORE_READINGS_H
/*
 * Everything that the daemon counts and measures at one moment, as a list: what tbl/counters.def,
 * tbl/listeners.def and tbl/gauges.def name. /metrics and the points of `self` are two forms of this one
 * list, so that neither has what the other misses.
 */
#include "core/base.h"
#include "core/counters.h"

enum ts_gauge {
#define TS_GAUGE(id, name, label, help) TS_G_##id,
#include "tbl/gauges.def"
#undef TS_GAUGE
    TS_G_COUNT
};

#define TS_READING_LABELS 2

struct ts_reading {
    const char *name, *help; /* of a table; without tsagg_ */
    bool counts;             /* never goes down but at a start; the value is n, else v */
    unsigned nlabels;
    struct {
        const char *key; /* of a table */
        char value[128];
    } labels[TS_READING_LABELS];
    uint64_t n;
    double v;
    size_t place; /* orders names as the tables do */
};

struct ts_readings {
    struct ts_reading *v;
    size_t n, room;
    bool failed; /* no memory: something is missing */
};

/** Appends what it measures, with ts_readings_gauge. @thread any */
typedef void ts_gauges_fn(void *arg, struct ts_readings *out);

/** value: of the gauge's label, or NULL when it has none. */
void ts_readings_gauge(struct ts_readings *out, enum ts_gauge id, const char *value, double v);

/** The same of a gauge that counts. */
void ts_readings_count(struct ts_readings *out, enum ts_gauge id, const char *value, uint64_t n);

/** Appends all counters, and what the functions (which may be NULL) measure; the readings of one name stand
 * together. @thread any */
void ts_readings_take(struct ts_readings *out, ts_gauges_fn *gauges, void *arg);
void ts_readings_fini(struct ts_readings *readings);

/** The names and texts of the gauges, for the manual. */
const struct ts_counter_info *ts_gauge_info(enum ts_gauge id);

#endif
