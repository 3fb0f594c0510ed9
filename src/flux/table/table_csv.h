#ifndef TS_FLUX_TABLE_CSV_H
#define TS_FLUX_TABLE_CSV_H
/* Results as annotated CSV, as InfluxDB encodes them. */
#include "core/ask.h"
#include "flux/table/table.h"

#define TS_FLUX_DIALECT_ANNOTATED TS_ASK_ANNOTATED

struct ts_flux_csv;

/**
 * An encoder of all results that the run has registered, in the script's order. It runs the plans as it is
 * read.
 * @return 0, -TS_EQUERY.
 */
int ts_flux_csv_new(struct ts_flux_run *run, struct ts_ask_dialect dialect,
                    struct ts_flux_csv **out) TS_MUST_CHECK;
void ts_flux_csv_free(struct ts_flux_csv **csv);

/** Appends the next piece, some thousand rows at most; *more false: that was the end. @return 0, -TS_EQUERY.
 */
int ts_flux_csv_read(struct ts_flux_csv *csv, struct ts_buf *to, bool *more) TS_MUST_CHECK;

/** The error that ended a query as a table; csv may be NULL: nothing was written before. */
void ts_flux_csv_put_error(struct ts_flux_csv *csv, struct ts_ask_dialect dialect, struct ts_str message,
                           struct ts_buf *to);

/** A cell without quotes: times with as many fraction digits as needed; a null is nothing. */
void ts_flux_put_cell(struct ts_buf *to, struct ts_flux_value v);

#endif
