/*
 * Segments to rows. Thread: any; a segment's reader owns its list of columns. Any bytes may come: what no encoder has written is
 * -TS_ECORRUPT, and nothing is read beyond the end.
 */
#include "config.h"
#include "store/store_segment_priv.h"

#include "core/hash.h"
#include "core/mem.h"
#include "store/store_codec.h"

#define WHOLE_FROM 24 /* values of a vector wanted at once, from which on all of it is decoded */

/* ---- sequences ---- */

bool ts_sequence_open(struct ts_sequence *seq, const uint8_t *p, const uint8_t *end, unsigned n, bool floats)
{
    size_t nvectors = (n + TS_VECTOR_MAX - 1) / TS_VECTOR_MAX, table = nvectors > 1 ? nvectors * 4 : 0;
    if ((size_t)(end - p) < table)
        return false;
    *seq = (struct ts_sequence){.ends = p, .p = p + table, .end = end, .n = n, .floats = floats};
    return true;
}

/* Bytes and length of vector i. */
static bool vector_at(const struct ts_sequence *seq, unsigned i, const uint8_t **p, const uint8_t **end, unsigned *n)
{
    *n = TS_MIN(seq->n - i * TS_VECTOR_MAX, TS_VECTOR_MAX);
    *p = seq->p;
    *end = seq->end;
    if (seq->n <= TS_VECTOR_MAX)
        return true;
    uint32_t to, from = 0;
    memcpy(&to, seq->ends + i * 4, 4);
    if (i > 0)
        memcpy(&from, seq->ends + (i - 1) * 4, 4);
    if (from > to || to > (size_t)(seq->end - seq->p))
        return false;
    *p = seq->p + from;
    *end = seq->p + to;
    return true;
}

static bool decode_vector(bool floats, const uint8_t *p, const uint8_t *end, unsigned n, uint64_t *out)
{
    return floats ? ts_floats_decode(p, end, n, (double *)out) != NULL : ts_ints_decode(p, end, n, (int64_t *)out) != NULL;
}

static bool get_single(bool floats, const uint8_t *p, const uint8_t *end, unsigned n, unsigned i, uint64_t *out)
{
    return floats ? ts_floats_get(p, end, n, i, (double *)out) : ts_ints_get(p, end, n, i, (int64_t *)out);
}

static bool read_part(bool floats, const uint8_t *p, const uint8_t *end, unsigned n, unsigned from, unsigned m, uint64_t *out)
{
    uint64_t all[TS_VECTOR_MAX + TS_SEG_PAD];
    unsigned i = 0;
    if (from == 0 && m == n)
        return decode_vector(floats, p, end, n, out);
    if (m < WHOLE_FROM)
        while (i < m && get_single(floats, p, end, n, from + i, &out[i]))
            i++;
    if (i == m)
        return true;
    if (!decode_vector(floats, p, end, n, all))
        return false;
    memcpy(out, all + from, m * sizeof *out);
    return true;
}

bool ts_sequence_read(const struct ts_sequence *seq, unsigned from, unsigned n, uint64_t *out)
{
    while (n > 0) {
        unsigned i = from / TS_VECTOR_MAX, skip = from % TS_VECTOR_MAX, len;
        const uint8_t *p, *end;
        if (!vector_at(seq, i, &p, &end, &len))
            return false;
        unsigned m = TS_MIN(n, len - skip);
        if (!read_part(seq->floats, p, end, len, skip, m, out))
            return false;
        from += m;
        out += m;
        n -= m;
    }
    return true;
}

/* ---- head ---- */

/* The place of a part whose bytes follow those of the former one. */
static bool get_part(const uint8_t **p, const uint8_t *end, uint32_t *at, struct ts_seg_part *part)
{
    uint64_t len;
    if (!ts_varint_get(p, end, &len) || len > UINT32_MAX - *at || end - *p < 4)
        return false;
    part->at = *at;
    part->len = (uint32_t)len;
    memcpy(&part->hash, *p, 4);
    *p += 4;
    *at += (uint32_t)len;
    return true;
}

static bool get_quotient(const uint8_t **p, const uint8_t *end, struct ts_seg_column *col)
{
    uint64_t a, b;
    if (!ts_varint_get(p, end, &a) || a >= TS_SEG_DIVISOR || !ts_varint_get(p, end, &b) || b > TS_SEG_DIVISOR)
        return false;
    col->a = (uint32_t)a;
    col->b = b ? (uint32_t)b - 1 : TS_SEG_DIVISOR;
    if (b)
        return true;
    if (end - *p < 8)
        return false;
    memcpy(&col->divisor, *p, 8);
    *p += 8;
    return true;
}

static bool get_column(const uint8_t **p, const uint8_t *end, unsigned n, uint32_t *at, struct ts_seg_column *col)
{
    uint64_t name, count = n;
    if (!ts_varint_get(p, end, &name) || name > UINT32_MAX || end - *p < 2)
        return false;
    uint8_t type = *(*p)++, flags = *(*p)++;
    if (type > TS_SCAN_STRING || (flags & 15) >= TS_NULLS_COUNT || flags > 63)
        return false;
    *col = (struct ts_seg_column){.name = (uint32_t)name,
                                  .type = type,
                                  .nulls = flags & 15,
                                  .has_stats = flags >> 4 & 1,
                                  .quotient = flags >> 5};
    if (col->nulls != TS_NULLS_NONE && (!ts_varint_get(p, end, &count) || count > n))
        return false;
    col->count = (unsigned)count;
    if (!get_part(p, end, at, &col->part))
        return false;
    if (col->has_stats) {
        if (end - *p < 24)
            return false;
        memcpy(&col->sum, *p, 8);
        memcpy(&col->min, *p + 8, 8);
        memcpy(&col->max, *p + 16, 8);
        *p += 24;
    }
    return !col->quotient || get_quotient(p, end, col);
}

static bool is_plain(const struct ts_seg *seg, uint32_t c)
{
    return c < seg->ncols && seg->cols[c].type == TS_SCAN_FLOAT && seg->cols[c].nulls == TS_NULLS_NONE &&
           !seg->cols[c].quotient;
}

static bool quotients_are_sound(const struct ts_seg *seg, unsigned version)
{
    for (unsigned c = 0; c < seg->ncols; c++) {
        const struct ts_seg_column *col = &seg->cols[c];
        if (col->quotient && (version == TS_SEG_FORMER || seg->nseries || col->type != TS_SCAN_FLOAT ||
                              col->nulls != TS_NULLS_NONE || !is_plain(seg, col->a) ||
                              (col->b != TS_SEG_DIVISOR && !is_plain(seg, col->b))))
            return false;
    }
    return true;
}

static int reserve_columns(struct ts_seg *seg, unsigned n)
{
    if (n <= seg->cols_cap)
        return 0;
    struct ts_seg_column *cols = ts_resize(seg->cols, n * sizeof *cols);
    if (!cols)
        return -TS_ENOMEM;
    seg->cols = cols;
    seg->cols_cap = n;
    return 0;
}

static bool get_series_part(const uint8_t **p, const uint8_t *end, uint32_t *at, struct ts_seg *seg)
{
    uint64_t n, first;
    if (!ts_varint_get(p, end, &n) || n > seg->n)
        return false;
    seg->nseries = (unsigned)n;
    if (n == 0)
        return true;
    if (!ts_varint_get(p, end, &first) || !get_part(p, end, at, &seg->series) || first > seg->series.len)
        return false;
    seg->series_ends_at = (uint32_t)first;
    return true;
}

int ts_seg_open(struct ts_seg *seg, struct ts_str head, uint64_t place)
{
    const uint8_t *p = (const uint8_t *)head.p, *end = p + head.len;
    uint64_t hash, n, span, ncols;
    uint32_t at = 0;
    if (head.len < 11 || p[0] != TS_SEG_MAGIC || (p[1] != TS_SEG_VERSION && p[1] != TS_SEG_FORMER))
        return -TS_ECORRUPT;
    end -= 8;
    memcpy(&hash, end, 8);
    if (hash != ts_hash_seeded(p, head.len - 8, place))
        return -TS_ECORRUPT;
    unsigned version = p[1];
    p += 2;
    seg->place = place;
    seg->ncols = 0;
    if (!ts_varint_get(&p, end, &n) || n == 0 || n > TS_SEG_ROWS_MAX || !ts_zigzag_get(&p, end, &seg->min_ns) ||
        !ts_varint_get(&p, end, &span))
        return -TS_ECORRUPT;
    seg->n = (unsigned)n;
    seg->max_ns = (int64_t)((uint64_t)seg->min_ns + span);
    if (seg->max_ns < seg->min_ns || !get_part(&p, end, &at, &seg->times) || !get_series_part(&p, end, &at, seg) ||
        !ts_varint_get(&p, end, &ncols) || ncols > TS_SEG_COLUMNS_MAX || ncols > (size_t)(end - p))
        return -TS_ECORRUPT;
    if (reserve_columns(seg, (unsigned)ncols) != 0)
        return -TS_ENOMEM;
    for (unsigned c = 0; c < ncols; c++)
        if (!get_column(&p, end, seg->n, &at, &seg->cols[c]))
            return -TS_ECORRUPT;
    seg->ncols = (unsigned)ncols;
    return p == end && quotients_are_sound(seg, version) ? 0 : -TS_ECORRUPT;
}

void ts_seg_fini(struct ts_seg *seg)
{
    TS_FREE(seg->cols);
    *seg = (struct ts_seg){0};
}

const struct ts_seg_column *ts_seg_find(const struct ts_seg *seg, uint32_t name, enum ts_scan_type type)
{
    for (unsigned c = 0; c < seg->ncols; c++)
        if (seg->cols[c].name == name && seg->cols[c].type == type)
            return &seg->cols[c];
    return NULL;
}

/* ---- data ---- */

bool ts_seg_is_whole(const struct ts_seg *seg, struct ts_str data, const struct ts_seg_part *part)
{
    return part->at <= data.len && part->len <= data.len - part->at &&
           (uint32_t)ts_hash_seeded(data.p + part->at, part->len, seg->place) == part->hash;
}

bool ts_seg_column_is_whole(const struct ts_seg *seg, struct ts_str data, const struct ts_seg_column *col)
{
    return ts_seg_is_whole(seg, data, &col->part) &&
           (!col->quotient ||
            (ts_seg_is_whole(seg, data, &seg->cols[col->a].part) &&
             (col->b == TS_SEG_DIVISOR || ts_seg_is_whole(seg, data, &seg->cols[col->b].part))));
}

static bool bytes_of(struct ts_str data, const struct ts_seg_part *part, const uint8_t **p, const uint8_t **end)
{
    if (part->at > data.len || part->len > data.len - part->at)
        return false;
    *p = (const uint8_t *)data.p + part->at;
    *end = *p + part->len;
    return true;
}

int ts_seg_times(const struct ts_seg *seg, struct ts_str data, unsigned from, unsigned n, int64_t *out)
{
    const uint8_t *p, *end;
    struct ts_sequence seq;
    TS_ASSERT(from <= seg->n && n <= seg->n - from);
    return bytes_of(data, &seg->times, &p, &end) && ts_sequence_open(&seq, p, end, seg->n, false) &&
                   ts_sequence_read(&seq, from, n, (uint64_t *)out)
               ? 0
               : -TS_ECORRUPT;
}

int ts_seg_series(const struct ts_seg *seg, struct ts_str data, uint32_t *series, uint32_t *ends)
{
    const uint8_t *p, *end;
    struct ts_sequence seq[2];
    uint64_t v[256 + TS_SEG_PAD];
    if (seg->nseries == 0 || !bytes_of(data, &seg->series, &p, &end))
        return -TS_ECORRUPT;
    const uint8_t *middle = p + seg->series_ends_at;
    if (!ts_sequence_open(&seq[0], p, middle, seg->nseries, false) || !ts_sequence_open(&seq[1], middle, end, seg->nseries, false))
        return -TS_ECORRUPT;
    for (unsigned i = 0; i < seg->nseries; i += 256) {
        unsigned m = TS_MIN(seg->nseries - i, 256);
        for (unsigned k = 0; k < 2; k++) {
            uint32_t *to = k ? ends : series;
            if (!ts_sequence_read(&seq[k], i, m, v))
                return -TS_ECORRUPT;
            for (unsigned j = 0; j < m; j++) {
                if (v[j] > UINT32_MAX || (i + j > 0 && v[j] <= to[i + j - 1]))
                    return -TS_ECORRUPT;
                to[i + j] = (uint32_t)v[j];
            }
        }
    }
    return ends[seg->nseries - 1] == seg->n && ends[0] > 0 ? 0 : -TS_ECORRUPT;
}

/* The texts that codes v[0 … n) stand for. p is at the dictionary and moves behind it; codes are read by the caller's sequence. */
static int read_strings(const uint8_t *p, const uint8_t *end, unsigned count, unsigned from, unsigned n, uint64_t *v, struct ts_str *s)
{
    uint64_t ndict, len, total = 0;
    if (!ts_varint_get(&p, end, &ndict) || ndict == 0 || ndict > count)
        return -TS_ECORRUPT;
    struct ts_str *dict = ts_alloc(ndict * sizeof *dict);
    if (!dict)
        return -TS_ENOMEM;
    bool good = true;
    for (uint64_t i = 0; i < ndict && good; i++) {
        good = ts_varint_get(&p, end, &len) && len <= (size_t)(end - p) && total + len <= (size_t)(end - p);
        dict[i].len = (size_t)len;
        total += len;
    }
    good = good && total <= (size_t)(end - p);
    for (uint64_t i = 0; i < ndict && good; i++) {
        dict[i].p = (const char *)p;
        p += dict[i].len;
    }
    struct ts_sequence seq;
    good = good && ts_sequence_open(&seq, p, end, count, false) && ts_sequence_read(&seq, from, n, v);
    for (unsigned i = 0; i < n && good; i++) {
        good = v[i] < ndict;
        if (good)
            s[i] = dict[v[i]];
    }
    ts_free(dict);
    return good ? 0 : -TS_ECORRUPT;
}

/* Which values of the column lie in the rows asked for: *first of them comes at index *first of its values. */
static bool find_rows(const struct ts_seg *seg, const struct ts_seg_column *col, const uint8_t **p, const uint8_t *end,
                      unsigned from, unsigned n, uint32_t *rows, unsigned *first, unsigned *count)
{
    if (col->nulls == TS_NULLS_NONE) {
        *first = from;
        *count = n;
        return true;
    }
    *first = *count = 0;
    if (col->nulls == TS_NULLS_BITMAP) {
        size_t bytes = (seg->n + 7) / 8;
        if ((size_t)(end - *p) < bytes)
            return false;
        for (unsigned i = 0; i < from / 8; i++)
            *first += (unsigned)__builtin_popcount((*p)[i]);
        for (unsigned i = from / 8 * 8; i < from + n; i++)
            if ((*p)[i / 8] >> i % 8 & 1) {
                if (i < from)
                    ++*first;
                else
                    rows[(*count)++] = i - from;
            }
        *p += bytes;
        return *first + *count <= col->count;
    }
    struct ts_sequence seq;
    uint64_t v[64 + TS_SEG_PAD];
    const uint8_t *values;
    uint64_t len;
    if (!ts_varint_get(p, end, &len) || len > (size_t)(end - *p))
        return false;
    values = *p + len;
    if (!ts_sequence_open(&seq, *p, values, col->count, false))
        return false;
    for (unsigned i = 0; i < col->count; i += 64) {
        unsigned m = TS_MIN(col->count - i, 64);
        if (!ts_sequence_read(&seq, i, m, v))
            return false;
        for (unsigned j = 0; j < m; j++) {
            if (v[j] >= seg->n)
                return false;
            if (v[j] < from)
                ++*first;
            else if (v[j] < from + n && *count < n)
                rows[(*count)++] = (uint32_t)(v[j] - from);
        }
    }
    *p = values;
    return *first + *count <= col->count;
}

static bool open_floats(const struct ts_seg *seg, struct ts_str data, uint32_t c, struct ts_sequence *seq)
{
    const uint8_t *p, *end;
    return bytes_of(data, &seg->cols[c].part, &p, &end) && ts_sequence_open(seq, p, end, seg->n, true);
}

/* To v, which has what the sequence says, the quotients are added, a vector at a time. */
static bool add_quotients(const struct ts_seg *seg, struct ts_str data, const struct ts_seg_column *col,
                          unsigned from, unsigned n, uint64_t *v)
{
    uint64_t a[TS_VECTOR_MAX + TS_SEG_PAD], b[TS_VECTOR_MAX + TS_SEG_PAD];
    struct ts_sequence as, bs;
    bool by_column = col->b != TS_SEG_DIVISOR;
    if (!open_floats(seg, data, col->a, &as) || (by_column && !open_floats(seg, data, col->b, &bs)))
        return false;
    for (unsigned m; n > 0; from += m, v += m, n -= m) {
        m = TS_MIN(n, TS_VECTOR_MAX - from % TS_VECTOR_MAX);
        if (!ts_sequence_read(&as, from, m, a) || (by_column && !ts_sequence_read(&bs, from, m, b)))
            return false;
        ts_quotient_add((const double *)a, by_column ? (const double *)b : NULL, col->divisor, m, v);
    }
    return true;
}

int ts_seg_values(const struct ts_seg *seg, struct ts_str data, const struct ts_seg_column *col, unsigned from,
                      unsigned n, uint64_t *v, struct ts_str *s, uint32_t *rows, unsigned *count)
{
    const uint8_t *p, *end;
    unsigned first;
    struct ts_sequence seq;
    TS_ASSERT(from <= seg->n && n <= seg->n - from);
    if (!bytes_of(data, &col->part, &p, &end) || !find_rows(seg, col, &p, end, from, n, rows, &first, count))
        return -TS_ECORRUPT;
    if (*count == 0)
        return 0;
    if (col->type == TS_SCAN_STRING)
        return read_strings(p, end, col->count, first, *count, v, s);
    return ts_sequence_open(&seq, p, end, col->count, col->type == TS_SCAN_FLOAT && !col->quotient) &&
                   ts_sequence_read(&seq, first, *count, v) &&
                   (!col->quotient || add_quotients(seg, data, col, first, *count, v))
               ? 0
               : -TS_ECORRUPT;
}
