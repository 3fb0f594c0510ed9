#ifndef TSAGGD_WRITE_LINE_H
#define TSAGGD_WRITE_LINE_H
/*
 * The common line of a body, read in a fraction of the time: a series that the body has had before, fields that are plain numbers, a
 * time. Everything else is left to ts_parse_line, which says the same of these lines.
 */
#include "core/base.h"
#include "core/points.h"

#define WRITE_FIELDS_MAX 64

/** Series by their text, as it stands in the line. */
struct write_keys {
    struct write_key {
        char *text;
        uint32_t len, hash, series;
    } * slots;
    uint32_t n, mask;
};

struct write_line {
    uint32_t series;
    int64_t time_ns;
    unsigned nfields;
    struct ts_point_field fields[WRITE_FIELDS_MAX]; /* keys point into the line */
};

/** @return behind the line and its \n; NULL when it is not such a line. */
const char *write_line_read(const struct write_keys *keys, const char *p, const char *end, int64_t precision_ns,
                            struct write_line *out);

/** Notes the series of a line that ts_parse_line has read; without memory, or UINT32_MAX, it does not. */
void write_keys_add(struct write_keys *keys, struct ts_str line, uint32_t series);
void write_keys_fini(struct write_keys *keys);

#endif
