#ifndef TS_FLUX_TABLE_SCAN_H
#define TS_FLUX_TABLE_SCAN_H
/* from(): a plan that reads a bucket through core/scan.h, and what the plans above it may put into it. */
#include "core/scan.h"
#include "flux/table/table_ops.h"

/** What is read, and how much of it. */
struct ts_flux_scan {
    struct ts_str bucket; /* its name; empty: id is what was given */
    uint64_t id;
    const struct ts_scan_pred *pred; /* NULL: all series */
};

/** NULL: the stream is no from(). */
const struct ts_flux_scan *ts_flux_scan_of(const struct ts_flux_stream *stream);

/**
 * Whether the rows of the stream are what InfluxDB's storage would give: from(), range() and filters that it does itself. What
 * it then does in storage too has a shape of its own: group() keeps _start and _stop in the key, and so on.
 */
bool ts_flux_scan_stored(const struct ts_flux_stream *stream);

/** The same from() with another range. */
int ts_flux_scan_range(struct ts_flux_run *run, const struct ts_flux_stream *stream, struct ts_flux_span span,
                       struct ts_flux_stream **out) TS_MUST_CHECK;

/**
 * Puts what can be decided for a series of filter()'s function into the from() below, if there is one; *out is what is left
 * to be filtered, unless cond->whole.
 */
int ts_flux_scan_filter(struct ts_flux_run *run, struct ts_flux_stream *stream, struct ts_flux_value fn,
                        struct ts_flux_stream **out, struct ts_flux_scan_cond *cond) TS_MUST_CHECK;

/** What from() asks of the source; an error without range(), store or bucket. */
int ts_flux_scan_request(struct ts_flux_run *run, const struct ts_flux_stream *stream,
                         struct ts_scan_request *req) TS_MUST_CHECK;

#endif
