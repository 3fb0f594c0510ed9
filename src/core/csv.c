/*
 * Bytes of CSV (RFC 4180) to records, in pieces of any size. Thread: any, one at a time. Owns the record it
 * fills. Lenient as InfluxDB's own readers are: line ends are CRLF or LF, a byte order mark is skipped, and a
 * quote where none belongs stands for itself. A record that is too long is an error: what follows could not
 * be trusted.
 */
#include "config.h"
#include "core/csv.h"

#include "core/mem.h"

void ts_csv_record_fini(struct ts_csv_record *rec)
{
    ts_buf_fini(&rec->text);
    TS_FREE(rec->ends);
}

void ts_csv_init(struct ts_csv *csv, ts_csv_record_fn fn, void *arg)
{
    *csv = (struct ts_csv){.rec.text.limit = TS_CSV_RECORD_MAX, .fn = fn, .arg = arg};
}

void ts_csv_fini(struct ts_csv *csv)
{
    ts_csv_record_fini(&csv->rec);
}

static int end_cell(struct ts_csv *csv)
{
    struct ts_csv_record *rec = &csv->rec;
    if (rec->n == rec->cap) {
        unsigned cap = TS_MAX(rec->cap * 2, 32u);
        size_t *ends = cap > TS_CSV_COLUMNS_MAX ? NULL : ts_resize(rec->ends, cap * sizeof *ends);
        if (!ends)
            return -TS_ELIMIT;
        rec->ends = ends;
        rec->cap = cap;
    }
    rec->ends[rec->n++] = rec->text.len;
    csv->state = TS_CSV_CELL_START;
    return 0;
}

static int end_record(struct ts_csv *csv)
{
    struct ts_csv_record *rec = &csv->rec;
    int rc = end_cell(csv);
    if (rc || ts_buf_failed(&rec->text))
        return -TS_ELIMIT;
    csv->line++;
    bool blank = rec->n == 1 && rec->text.len == 0;
    rc = blank ? 0 : csv->fn(csv->arg, rec);
    rec->n = 0;
    ts_buf_clear(&rec->text);
    rec->text.limit = TS_CSV_RECORD_MAX;
    return rc;
}

static int read_char(struct ts_csv *csv, char c)
{
    switch (csv->state) {
    case TS_CSV_CELL_START:
        if (c == '"') {
            csv->state = TS_CSV_QUOTED;
            return 0;
        }
        csv->state = TS_CSV_PLAIN;
        TS_FALLTHROUGH;
    case TS_CSV_PLAIN:
        if (c == ',')
            return end_cell(csv);
        if (c == '\n')
            return end_record(csv);
        break;
    case TS_CSV_QUOTED:
        if (c == '"') {
            csv->state = TS_CSV_QUOTE;
            return 0;
        }
        csv->line += c == '\n';
        break;
    case TS_CSV_QUOTE:
        if (c == ',')
            return end_cell(csv);
        if (c == '\n')
            return end_record(csv);
        csv->state = TS_CSV_QUOTED;
        if (c != '"')
            ts_buf_putc(&csv->rec.text, '"');
        break;
    }
    ts_buf_putc(&csv->rec.text, c);
    return 0;
}

/* Number of bytes at p that mean nothing but themselves wherever they stand in a cell. */
static size_t plain_span(const char *p, const char *end)
{
    static const bool special[256] = {[','] = true, ['"'] = true, ['\n'] = true, ['\r'] = true};
    const char *q = p;
    while (q < end && !special[(unsigned char)*q])
        q++;
    return (size_t)(q - p);
}

/* Skips a byte order mark at the very start; one cut short was data. @return bytes skipped of this piece. */
static size_t skip_bom(struct ts_csv *csv, const char *p, size_t len)
{
    static const char bom[3] = "\xEF\xBB\xBF";
    size_t i = 0;
    while (csv->bom < 3 && i < len && p[i] == bom[csv->bom]) {
        csv->bom++;
        i++;
    }
    if (csv->bom < 3 && i < len) {
        ts_buf_put(&csv->rec.text, bom, csv->bom);
        csv->state = csv->bom ? TS_CSV_PLAIN : csv->state;
        csv->bom = 3;
    }
    return i;
}

int ts_csv_feed(struct ts_csv *csv, const char *p, size_t len)
{
    const char *end = p + len;
    int rc = 0;
    if (TS_UNLIKELY(csv->bom < 3))
        p += skip_bom(csv, p, len);
    while (p < end && rc == 0) {
        if (csv->cr && *p != '\n')
            rc = read_char(csv, '\r'); /* it stood alone: data, which never fails */
        csv->cr = *p == '\r';
        size_t n = csv->state == TS_CSV_QUOTE ? 0 : plain_span(p, end);
        if (n) {
            ts_buf_put(&csv->rec.text, p, n);
            if (csv->state == TS_CSV_CELL_START)
                csv->state = TS_CSV_PLAIN;
            p += n;
        } else if (csv->cr) {
            p++;
        } else {
            rc = read_char(csv, *p++);
        }
    }
    if (rc)
        return rc;
    return ts_buf_failed(&csv->rec.text) ? -TS_ELIMIT : 0;
}

int ts_csv_finish(struct ts_csv *csv)
{
    if (csv->state == TS_CSV_QUOTED)
        return -TS_EPARSE;
    bool begun = csv->state != TS_CSV_CELL_START || csv->rec.n > 0;
    return begun ? end_record(csv) : 0;
}
