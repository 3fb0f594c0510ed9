#ifndef TS_QUERY_DECODE_H
#define TS_QUERY_DECODE_H
/* Tables and rows from InfluxDB's annotated CSV that comes in pieces. */
#include "core/base.h"
#include "core/buf.h"

enum ts_query_type { TS_QUERY_TEXT, TS_QUERY_INTEGER, TS_QUERY_FLOAT, TS_QUERY_BOOLEAN };

struct ts_query_column {
    struct ts_str name, dflt;
    enum ts_query_type type; /* TEXT: everything else, times included */
    bool in_key;             /* part of the group key: the same in all rows of a table */
};

/** What rows have in common. The columns are the data's: without annotation, result and table. */
struct ts_query_table {
    struct ts_str result; /* "_result", or the name given by yield */
    unsigned ncols;
    const struct ts_query_column *cols;
};

/**
 * What the input turns into. A cell of length 0 is null (the format cannot tell it from an empty text).
 * Everything passed is valid during the call only.
 */
struct ts_query_events {
    /** A table begins. cells: its first row, or the defaults (which hold the group key's values) when it has
     * no rows. */
    void (*table)(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells);
    void (*row)(void *arg, const struct ts_query_table *tbl, const struct ts_str *cells);
    void *arg;
};

struct ts_query_decoder;

/** Ends the process without memory. */
struct ts_query_decoder *ts_query_decoder_new(const struct ts_query_events *events);
void ts_query_decoder_free(struct ts_query_decoder **dec);

/**
 * Decodes the next piece of the input; after an error nothing more.
 * @return 0; -TS_EQUERY: the server's error table, error is its message; -TS_EPARSE: not annotated CSV (error
 * says where); -TS_ELIMIT: a line beyond the limits of core/csv.h.
 */
int ts_query_decoder_feed(struct ts_query_decoder *dec, const char *p, size_t len,
                          struct ts_buf *error) TS_MUST_CHECK;

/** The input ends here. Errors as above. */
int ts_query_decoder_finish(struct ts_query_decoder *dec, struct ts_buf *error) TS_MUST_CHECK;

/** Rows decoded so far. */
uint64_t ts_query_decoder_rows(const struct ts_query_decoder *dec);

#endif
