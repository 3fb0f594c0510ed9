#ifndef TS_FLUX_TABLE_SCAN_H
#define TS_FLUX_TABLE_SCAN_H
/* from(): a plan that reads a bucket through core/scan.h, and what the plans above it may put into it. */
#include "core/scan.h"
#include "flux/table/table_ops.h"

enum ts_flux_scan_rows { TS_FLUX_SCAN_ALL, TS_FLUX_SCAN_OLDEST, TS_FLUX_SCAN_NEWEST };

/** What those above make of the rows, so that the scan reads no more. */
struct ts_flux_scan_tune {
    unsigned want;                /* enum ts_scan_want: other columns may be null */
    enum ts_flux_scan_rows rows;  /* all, or one of each series */
    bool stats;                   /* see struct ts_scan_request, and ts_flux_scan_stats */
    int64_t every_ns, offset_ns;
};

/** What is read, and how much of it. */
struct ts_flux_scan {
    struct ts_str bucket; /* its name; empty: id is what was given */
    uint64_t id;
    const struct ts_scan_pred *pred; /* NULL: all series */
    const struct ts_scan_pred *rows; /* NULL: all of their points */
    struct ts_flux_scan_tune tune;
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
 * Puts what can be decided for a series or by the value alone of filter()'s function into the from() below, if there is one;
 * *out is what is left to be filtered, unless cond->whole.
 */
int ts_flux_scan_filter(struct ts_flux_run *run, struct ts_flux_stream *stream, struct ts_flux_value fn,
                        struct ts_flux_stream **out, struct ts_flux_scan_cond *cond) TS_MUST_CHECK;

/** Whether filter() is all that is between the stream and a from(). */
bool ts_flux_scan_root(const struct ts_flux_stream *stream);

/** The same stream with the from() below its filter() and group() tuned, as far as these allow; others stay as they are. */
int ts_flux_scan_tuned(struct ts_flux_run *run, struct ts_flux_stream *stream, const struct ts_flux_scan_tune *tune,
                       struct ts_flux_stream **out) TS_MUST_CHECK;

/** Whether the scan has left out of the chunk that from() gave last, below other filter()s, all that these would. */
bool ts_flux_scan_filtered(const struct ts_flux_cursor *in);

/** The chunk that from() gave last, when it has statistics instead of columns (which are null then); NULL: it has columns, or
 * there is more than filter() between from() and in. */
const struct ts_scan_chunk *ts_flux_scan_stats(const struct ts_flux_cursor *in);

/** The rest of the present series is not wanted, when in is from(). */
void ts_flux_scan_enough(const struct ts_flux_cursor *in);

/** Whether the stream is filter(), and which columns its function reads; *decided: none, when the scan has filtered. */
bool ts_flux_filter_wants(const struct ts_flux_stream *stream, unsigned *want, bool *decided);

/** An answer of the source as the query's error. @return -TS_EQUERY. */
int ts_flux_scan_failed(struct ts_flux_run *run, int rc, struct ts_str bucket, const struct ts_err *err);

/** What from() asks of the source; an error without range(), store or bucket. */
int ts_flux_scan_request(struct ts_flux_run *run, const struct ts_flux_stream *stream,
                         struct ts_scan_request *req) TS_MUST_CHECK;

#endif
