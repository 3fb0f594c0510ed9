#ifndef TS_CORE_CSV_H
#define TS_CORE_CSV_H
/* Records of CSV from bytes that come in pieces. */
#include "core/base.h"
#include "core/buf.h"

#define TS_CSV_RECORD_MAX  (64u << 20) /* bytes of one record */
#define TS_CSV_COLUMNS_MAX 16384       /* cells of one record */

/** The cells of one line, unquoted. Zeroed is empty; ts_csv_record_fini frees. */
struct ts_csv_record {
    struct ts_buf text; /* the cells one after another */
    size_t *ends;       /* where each cell ends in text */
    unsigned n, cap;
};

static inline struct ts_str ts_csv_cell(const struct ts_csv_record *rec, unsigned i)
{
    size_t from = i ? rec->ends[i - 1] : 0, len = rec->ends[i] - from;
    return len ? (struct ts_str){rec->text.p + from, len} : TS_STR("");
}

void ts_csv_record_fini(struct ts_csv_record *rec);

/** Takes one record; it may swap the contents with a record of its own. Not 0 ends the reading and is passed
 * on. */
typedef int (*ts_csv_record_fn)(void *arg, struct ts_csv_record *rec);

struct ts_csv {
    struct ts_csv_record rec;
    enum { TS_CSV_CELL_START, TS_CSV_PLAIN, TS_CSV_QUOTED, TS_CSV_QUOTE } state;
    bool cr;       /* a carriage return waits for what follows */
    unsigned bom;  /* bytes of a byte order mark seen at the very start; 3: past it */
    uint64_t line; /* lines ended */
    ts_csv_record_fn fn;
    void *arg;
};

void ts_csv_init(struct ts_csv *csv, ts_csv_record_fn fn, void *arg);
void ts_csv_fini(struct ts_csv *csv);

/**
 * Reads the next piece of the input. Blank lines give no record; a line end inside a quoted cell is "\n"
 * however it came.
 * @return 0; -TS_ELIMIT a record that is too long or has too many cells, or no memory; what the callback
 * returned.
 */
int ts_csv_feed(struct ts_csv *csv, const char *p, size_t len) TS_MUST_CHECK;

/** The end of the input: gives the last line when it had no line end. @return also -TS_EPARSE: inside a
 * quoted cell. */
int ts_csv_finish(struct ts_csv *csv) TS_MUST_CHECK;

#endif
