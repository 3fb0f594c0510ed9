/*
 * Rows to segments. Thread: any; owns nothing. Statistics are made here, and only when they can be trusted:
 * all values finite, and their sum too.
 *
 *   head  magic u8 | version u8 | rows | first time zigzag | span | times: len, hash | series: n, [len, hash]
 * | columns: n | { name | type u8 | flags u8 | [values] | len | hash | [sum, min, max u64] | [a, b + 1,
 * [divisor u64]] } | XXH3-64 of all before data  times (sequence) | [series, ends (sequences)] | columns
 *   column  [nulls: bitmap, or bytes and rows as a sequence] | sequence of numbers, or dictionary: n,
 * lengths, bytes, codes as a sequence
 *
 * Numbers without a type are varints, hashes u32, the lower half of XXH3-64. flags: how nulls are told, 16
 * statistics, 32 a quotient of columns a and b (0: of a and the divisor).
 */
#include "config.h"
#include "store/store_segment_priv.h"

#include "core/hash.h"
#include "core/mem.h"
#include "store/store_codec.h"

#include <math.h>

void ts_sequence_put(const uint64_t *v, unsigned n, bool floats, bool random, struct ts_buf *out)
{
    unsigned nvectors = (n + TS_VECTOR_MAX - 1) / TS_VECTOR_MAX;
    size_t table = out->len;
    if (nvectors > 1) {
        char *p = ts_buf_reserve(out, nvectors * 4);
        if (!p)
            return;
        out->len += nvectors * 4;
    }
    size_t first = out->len;
    for (unsigned i = 0; i < nvectors; i++) {
        unsigned m = TS_MIN(n - i * TS_VECTOR_MAX, TS_VECTOR_MAX);
        if (floats)
            ts_floats_encode((const double *)v + (size_t)i * TS_VECTOR_MAX, m, random, out);
        else
            ts_ints_encode((const int64_t *)v + (size_t)i * TS_VECTOR_MAX, m, random, out);
        if (ts_buf_failed(out))
            return;
        uint32_t end = (uint32_t)(out->len - first);
        if (nvectors > 1)
            memcpy(out->p + table + i * 4, &end, 4);
    }
}

static uint32_t hash_of(const struct ts_buf *data, size_t from, uint64_t place)
{
    return (uint32_t)ts_hash_seeded(data->p + from, data->len - from, place);
}

static void put_part(struct ts_buf *head, const struct ts_buf *data, size_t from, uint64_t place)
{
    if (ts_buf_failed(data))
        return;
    ts_varint_put(head, data->len - from);
    ts_buf_put(head, &(uint32_t){hash_of(data, from, place)}, 4);
}

/* ---- columns ---- */

/* What a column's values are gathered in; of TS_SEG_ROWS_MAX values. */
struct scratch {
    uint64_t *v, *rows;
    struct ts_str *s;
    uint32_t *table; /* hash table of the dictionary: index in dict + 1 */
    unsigned table_size;
};

static unsigned gather(const struct ts_seg_rows *rows, const struct ts_column *col, struct scratch *scr)
{
    unsigned n = 0;
    if (!col->present) {
        if (col->type == TS_SCAN_STRING)
            memcpy(scr->s, col->s, rows->n * sizeof *scr->s);
        else
            memcpy(scr->v, col->v, rows->n * sizeof *scr->v);
        return rows->n;
    }
    for (unsigned i = 0; i < rows->n; i++) {
        if (!col->present[i])
            continue;
        if (col->type == TS_SCAN_STRING)
            scr->s[n] = col->s[i];
        else
            scr->v[n] = col->v[i];
        scr->rows[n++] = i;
    }
    return n;
}

static enum ts_seg_nulls put_nulls(const struct ts_seg_rows *rows, unsigned count, const struct scratch *scr, bool random,
                                       struct ts_buf *data)
{
    if (count == rows->n)
        return TS_NULLS_NONE;
    if (count < rows->n / 16) {
        struct ts_buf seq = TS_BUF_INIT;
        if (count > 0)
            ts_sequence_put(scr->rows, count, false, random, &seq);
        ts_varint_put(data, seq.len);
        ts_buf_put_str(data, ts_buf_str(&seq));
        data->failed |= seq.failed;
        ts_buf_fini(&seq);
        return TS_NULLS_ROWS;
    }
    size_t bytes = (rows->n + 7) / 8;
    char *bits = ts_buf_reserve(data, bytes);
    if (!bits)
        return TS_NULLS_BITMAP;
    memset(bits, 0, bytes);
    for (unsigned i = 0; i < count; i++)
        bits[scr->rows[i] / 8] = (char)(bits[scr->rows[i] / 8] | 1 << scr->rows[i] % 8);
    data->len += bytes;
    return TS_NULLS_BITMAP;
}

/* Distinct texts in order of appearance; codes go to scr->v, the texts to the front of scr->s. */
static unsigned make_dictionary(struct scratch *scr, unsigned n)
{
    unsigned ndict = 0, mask = scr->table_size - 1;
    memset(scr->table, 0, scr->table_size * sizeof *scr->table);
    for (unsigned i = 0; i < n; i++) {
        struct ts_str s = scr->s[i];
        uint32_t slot = (uint32_t)ts_hash(s.p, s.len) & mask;
        while (scr->table[slot] && !ts_str_eq(scr->s[scr->table[slot] - 1], s))
            slot = (slot + 1) & mask;
        if (!scr->table[slot]) {
            scr->s[ndict] = s; /* ndict <= i: what it overwrites has had its turn */
            scr->table[slot] = ++ndict;
        }
        scr->v[i] = scr->table[slot] - 1;
    }
    return ndict;
}

static void put_strings(struct scratch *scr, unsigned n, bool random, struct ts_buf *data)
{
    unsigned ndict = make_dictionary(scr, n);
    ts_varint_put(data, ndict);
    for (unsigned i = 0; i < ndict; i++)
        ts_varint_put(data, scr->s[i].len);
    for (unsigned i = 0; i < ndict; i++)
        ts_buf_put_str(data, scr->s[i]);
    ts_sequence_put(scr->v, n, false, random, data);
}

/* @return whether sum, min and max say something about the column. */
static bool make_stats(enum ts_scan_type type, const uint64_t *v, unsigned n, union ts_scan_value st[3])
{
    if (type == TS_SCAN_FLOAT) {
        const double *f = (const double *)v;
        double sum[4] = {0}, min = f[0], max = f[0];
        for (unsigned i = 0; i < n; i++) {
            sum[i % 4] += f[i];
            min = f[i] < min ? f[i] : min;
            max = f[i] > max ? f[i] : max;
        }
        st[0].f = sum[0] + sum[1] + (sum[2] + sum[3]);
        st[1].f = min;
        st[2].f = max;
        return isfinite(st[0].f) && isfinite(min) && isfinite(max);
    }
    if (type != TS_SCAN_INT && type != TS_SCAN_UINT)
        return false;
    st[0].u = 0;
    st[1].u = st[2].u = v[0];
    for (unsigned i = 0; i < n; i++) {
        bool less = type == TS_SCAN_INT ? (int64_t)v[i] < st[1].i : v[i] < st[1].u;
        bool more = type == TS_SCAN_INT ? (int64_t)v[i] > st[2].i : v[i] > st[2].u;
        st[0].u += v[i];
        st[1].u = less ? v[i] : st[1].u;
        st[2].u = more ? v[i] : st[2].u;
    }
    return true;
}

static void put_planned(const struct ts_seg_rows *rows, const struct ts_column *col,
                        const struct ts_seg_plan *plan, const struct ts_seg_planned *is, uint64_t place,
                        struct ts_buf *head, struct ts_buf *data)
{
    size_t from = data->len;
    union ts_scan_value st[3];
    bool has_stats = make_stats(col->type, col->v, rows->n, st);
    if (!ts_buf_failed(&plan->bytes))
        ts_buf_put(data, plan->bytes.p + is->at, is->len);
    data->failed |= plan->bytes.failed;
    ts_varint_put(head, col->name);
    ts_buf_putc(head, (char)col->type);
    ts_buf_putc(head, (char)((int)TS_NULLS_NONE | has_stats << 4 | is->quotient << 5));
    put_part(head, data, from, place);
    if (has_stats)
        ts_buf_put(head, st, sizeof st);
    if (!is->quotient)
        return;
    ts_varint_put(head, is->a);
    ts_varint_put(head, is->b == TS_SEG_DIVISOR ? 0 : (uint64_t)is->b + 1);
    if (is->b == TS_SEG_DIVISOR)
        ts_buf_put(head, &is->divisor, 8);
}

static void put_column(const struct ts_seg_rows *rows, const struct ts_column *col, uint64_t place, struct scratch *scr,
                       struct ts_buf *head, struct ts_buf *data)
{
    bool random = rows->nseries > 0, has_stats = false;
    size_t from = data->len;
    union ts_scan_value st[3];
    unsigned n = gather(rows, col, scr);
    enum ts_seg_nulls nulls = put_nulls(rows, n, scr, random, data);
    if (n > 0 && col->type == TS_SCAN_STRING) {
        put_strings(scr, n, random, data);
    } else if (n > 0) {
        ts_sequence_put(scr->v, n, col->type == TS_SCAN_FLOAT, random, data);
        has_stats = !random && make_stats(col->type, scr->v, n, st);
    }
    ts_varint_put(head, col->name);
    ts_buf_putc(head, (char)col->type);
    ts_buf_putc(head, (char)((int)nulls | has_stats << 4));
    if (nulls != TS_NULLS_NONE)
        ts_varint_put(head, n);
    put_part(head, data, from, place);
    if (has_stats)
        ts_buf_put(head, st, sizeof st);
}

/* ---- segments ---- */

static int scratch_init(struct scratch *scr, const struct ts_seg_rows *rows)
{
    size_t n = rows->n;
    bool strings = false;
    for (unsigned c = 0; c < rows->ncols; c++)
        strings |= rows->cols[c].type == TS_SCAN_STRING;
    scr->v = ts_alloc((n + TS_SEG_PAD) * 8);
    scr->rows = ts_alloc((n + TS_SEG_PAD) * 8);
    if (strings) {
        for (scr->table_size = 64; scr->table_size < 2 * n;)
            scr->table_size *= 2;
        scr->s = ts_alloc(n * sizeof *scr->s);
        scr->table = ts_alloc(scr->table_size * sizeof *scr->table);
    }
    return scr->v && scr->rows && (!strings || (scr->s && scr->table)) ? 0 : -TS_ENOMEM;
}

static void scratch_fini(struct scratch *scr)
{
    ts_free(scr->v);
    ts_free(scr->rows);
    ts_free(scr->s);
    ts_free(scr->table);
}

static void put_series(const struct ts_seg_rows *rows, uint64_t place, struct scratch *scr, struct ts_buf *head,
                       struct ts_buf *data)
{
    ts_varint_put(head, rows->nseries);
    if (rows->nseries == 0)
        return;
    size_t from = data->len;
    for (unsigned i = 0; i < rows->nseries; i++)
        scr->v[i] = rows->series[i];
    ts_sequence_put(scr->v, rows->nseries, false, false, data);
    ts_varint_put(head, data->len - from); /* where the second begins */
    for (unsigned i = 0; i < rows->nseries; i++)
        scr->v[i] = rows->ends[i];
    ts_sequence_put(scr->v, rows->nseries, false, false, data);
    put_part(head, data, from, place);
}

int ts_seg_encode(const struct ts_seg_rows *rows, uint64_t place, struct ts_buf *head, struct ts_buf *data)
{
    TS_ASSERT(rows->n > 0 && rows->n <= TS_SEG_ROWS_MAX && rows->ncols <= TS_SEG_COLUMNS_MAX);
    TS_ASSERT(rows->nseries <= rows->n);
    struct scratch scr = {0};
    struct ts_seg_plan plan = {0};
    int rc = scratch_init(&scr, rows);
    size_t from = head->len, data_from = data->len;
    if (rc == 0) {
        int64_t min_ns = rows->times[0], max_ns = rows->times[0];
        for (unsigned i = 1; i < rows->n; i++) {
            min_ns = TS_MIN(min_ns, rows->times[i]);
            max_ns = TS_MAX(max_ns, rows->times[i]);
        }
        ts_buf_putc(head, (char)TS_SEG_MAGIC);
        ts_buf_putc(head, TS_SEG_VERSION);
        ts_varint_put(head, rows->n);
        ts_zigzag_put(head, min_ns);
        ts_varint_put(head, (uint64_t)max_ns - (uint64_t)min_ns);
        ts_sequence_put((const uint64_t *)rows->times, rows->n, false, rows->nseries > 0, data);
        put_part(head, data, data_from, place);
        put_series(rows, place, &scr, head, data);
        ts_varint_put(head, rows->ncols);
        ts_seg_plan(rows, &plan, scr.v);
        for (unsigned c = 0; c < rows->ncols; c++)
            if (c < plan.n && plan.cols[c].len)
                put_planned(rows, &rows->cols[c], &plan, &plan.cols[c], place, head, data);
            else
                put_column(rows, &rows->cols[c], place, &scr, head, data);
        if (!ts_buf_failed(head))
            ts_buf_put(head, &(uint64_t){ts_hash_seeded(head->p + from, head->len - from, place)}, 8);
        rc = ts_buf_failed(head) || ts_buf_failed(data) ? -TS_ENOMEM : 0;
    }
    scratch_fini(&scr);
    ts_buf_fini(&plan.bytes);
    return rc;
}
