/* Rows of one series in order. Thread: the owner's. Bounded by what is compacted at once. */
#include "config.h"
#include "store/store_table.h"

#include "core/mem.h"
#include "store/store_priv.h"

#include <stdlib.h>

#define AHEAD 16 /* values */

bool ts_tombs_cover(const struct ts_tomb *tombs, unsigned ntombs, uint32_t series, int64_t rank, int64_t t_ns)
{
    return ts_tombs_touch(tombs, ntombs, series, rank, t_ns, t_ns);
}

bool ts_tombs_touch(const struct ts_tomb *tombs, unsigned ntombs, uint32_t series, int64_t rank, int64_t min_ns, int64_t max_ns)
{
    for (unsigned i = 0; i < ntombs; i++)
        if (tombs[i].seq > rank && (tombs[i].series < 0 || tombs[i].series == series) && tombs[i].start_ns <= max_ns &&
            tombs[i].stop_ns >= min_ns)
            return true;
    return false;
}

void ts_table_clear(struct ts_table *tbl)
{
    for (unsigned c = 0; c < tbl->ncols; c++) {
        ts_free(tbl->cols[c].present);
        ts_free(tbl->cols[c].v);
        ts_free(tbl->cols[c].s);
    }
    tbl->n = tbl->ncols = 0;
    ts_buf_clear(&tbl->text);
}

void ts_table_fini(struct ts_table *tbl)
{
    ts_table_clear(tbl);
    ts_free(tbl->times);
    ts_free(tbl->cols);
    ts_free(tbl->v);
    ts_free(tbl->rows);
    ts_free(tbl->order);
    ts_free(tbl->s);
    ts_buf_fini(&tbl->text);
    *tbl = (struct ts_table){0};
}

/* ---- append ---- */

static int resize_column(struct ts_column *col, unsigned from, unsigned cap)
{
    uint8_t *present = ts_resize(col->present, cap);
    if (!present)
        return -TS_ENOMEM;
    col->present = present;
    memset(present + from, 0, cap - from);
    if (col->type == TS_SCAN_STRING) {
        struct ts_str *s = ts_resize(col->s, cap * sizeof *s);
        col->s = s ? s : col->s;
        return s ? 0 : -TS_ENOMEM;
    }
    uint64_t *v = ts_resize(col->v, cap * sizeof *v);
    col->v = v ? v : col->v;
    return v ? 0 : -TS_ENOMEM;
}

static int reserve(struct ts_table *tbl, unsigned n)
{
    if (tbl->n + n + TS_SEG_PAD > tbl->cap) {
        unsigned cap = TS_MAX(TS_MAX(256u, tbl->cap * 2), tbl->n + n + TS_SEG_PAD);
        int64_t *times = ts_resize(tbl->times, cap * sizeof *times);
        if (!times)
            return -TS_ENOMEM;
        tbl->times = times;
        for (unsigned c = 0; c < tbl->ncols; c++)
            if (resize_column(&tbl->cols[c], tbl->n, cap) != 0)
                return -TS_ENOMEM;
        tbl->cap = cap;
    }
    if (n + TS_SEG_PAD <= tbl->scratch_cap)
        return 0;
    unsigned cap = TS_MAX(n + TS_SEG_PAD, 1024u);
    ts_free(tbl->v);
    ts_free(tbl->rows);
    ts_free(tbl->s);
    tbl->v = ts_alloc(cap * sizeof *tbl->v);
    tbl->rows = ts_alloc(cap * sizeof *tbl->rows);
    tbl->s = ts_alloc(cap * sizeof *tbl->s);
    tbl->scratch_cap = tbl->v && tbl->rows && tbl->s ? cap : 0;
    return tbl->scratch_cap ? 0 : -TS_ENOMEM;
}

static struct ts_column *find_column(struct ts_table *tbl, uint32_t name, enum ts_scan_type type, unsigned hint)
{
    for (unsigned i = 0; i < tbl->ncols; i++) {
        struct ts_column *col = &tbl->cols[(hint + i) % tbl->ncols];
        if (col->name == name && col->type == type)
            return col;
    }
    if (tbl->ncols == tbl->cols_cap) {
        unsigned cap = TS_MAX(8u, tbl->cols_cap * 2);
        struct ts_column *cols = ts_resize(tbl->cols, cap * sizeof *cols);
        if (!cols)
            return NULL;
        tbl->cols = cols;
        tbl->cols_cap = cap;
    }
    struct ts_column *col = &tbl->cols[tbl->ncols];
    *col = (struct ts_column){.name = name, .type = type};
    if (resize_column(col, 0, tbl->cap) != 0) {
        ts_free(col->present);
        ts_free(col->v);
        ts_free(col->s);
        return NULL;
    }
    tbl->ncols++;
    return col;
}

/* Values of rows from … from + n of column c, and where they stand from there on; rows stays when all are
 * there. */
static int values_of(struct ts_table *tbl, const struct ts_seg *seg, struct ts_str data,
                     const struct ts_seg_all *all, unsigned c, unsigned from, unsigned n,
                     struct ts_all_column *out)
{
    *out = (struct ts_all_column){.v = tbl->v, .s = tbl->s, .rows = tbl->rows};
    if (!all)
        return ts_seg_values(seg, data, &seg->cols[c], from, n, tbl->v, tbl->s, tbl->rows, &out->count);
    const struct ts_all_column *col = &all->cols[c];
    unsigned first = from;
    out->count = n;
    if (col->rows) {
        unsigned hi = col->count;
        for (first = 0; first < hi;) {
            unsigned mid = (first + hi) / 2;
            if (col->rows[mid] < from)
                first = mid + 1;
            else
                hi = mid;
        }
        for (out->count = 0; first + out->count < col->count && col->rows[first + out->count] < from + n;
             out->count++)
            tbl->rows[out->count] = col->rows[first + out->count] - from;
    }
    __builtin_prefetch(
        col->v + first +
        AHEAD); /* of the series that come soon: there are too many columns for the processor to see it */
    out->v = col->v + first;
    out->s = col->s ? col->s + first : NULL;
    return 0;
}

static int append_column(struct ts_table *tbl, const struct ts_seg *seg, struct ts_str data,
                         const struct ts_seg_all *all, unsigned c, unsigned from, unsigned n)
{
    const struct ts_seg_column *src = &seg->cols[c];
    struct ts_all_column is;
    int rc = values_of(tbl, seg, data, all, c, from, n, &is);
    if (rc || is.count == 0)
        return rc;
    struct ts_column *col = find_column(tbl, src->name, src->type, c);
    if (!col)
        return -TS_ENOMEM;
    bool dense = src->nulls == 0;
    for (unsigned i = 0; i < is.count; i++) {
        unsigned at = tbl->n + (dense ? i : is.rows[i]);
        col->present[at] = 1;
        if (src->type != TS_SCAN_STRING) {
            col->v[at] = is.v[i];
            continue;
        }
        col->s[at] = (struct ts_str){(const char *)(uintptr_t)tbl->text.len, is.s[i].len};
        ts_buf_put_str(&tbl->text, is.s[i]);
    }
    return ts_buf_failed(&tbl->text) ? -TS_ENOMEM : 0;
}

/* ---- a whole segment ---- */

size_t ts_all_bytes(const struct ts_seg *seg)
{
    size_t n = seg->n + TS_SEG_PAD, bytes = n * sizeof(int64_t) + seg->ncols * sizeof(struct ts_all_column);
    for (unsigned c = 0; c < seg->ncols; c++)
        bytes += n * (sizeof(uint64_t) + sizeof(uint32_t) +
                      (seg->cols[c].type == TS_SCAN_STRING ? sizeof(struct ts_str) : 0));
    return bytes;
}

int ts_all_decode(struct ts_seg_all *all, const struct ts_seg *seg, struct ts_str data)
{
    size_t n = seg->n + TS_SEG_PAD;
    all->bytes = ts_alloc(ts_all_bytes(seg));
    if (!all->bytes)
        return -TS_ENOMEM;
    all->times = (int64_t *)(void *)all->bytes;
    all->cols = (struct ts_all_column *)(void *)(all->times + n);
    char *p = (char *)(all->cols + seg->ncols); /* what needs 8 bytes' alignment first */
    for (unsigned c = 0; c < seg->ncols; c++) {
        all->cols[c].v = (uint64_t *)(void *)p;
        p += n * sizeof(uint64_t);
        all->cols[c].s = seg->cols[c].type == TS_SCAN_STRING ? (struct ts_str *)(void *)p : NULL;
        p += all->cols[c].s ? n * sizeof(struct ts_str) : 0;
    }
    int rc = ts_seg_times(seg, data, 0, seg->n, all->times);
    for (unsigned c = 0; c < seg->ncols && rc == 0; c++) {
        struct ts_all_column *col = &all->cols[c];
        col->rows = (uint32_t *)(void *)p;
        p += n * sizeof(uint32_t);
        rc = ts_seg_values(seg, data, &seg->cols[c], 0, seg->n, col->v, col->s, col->rows, &col->count);
        if (seg->cols[c].nulls == 0)
            col->rows = NULL;
    }
    if (rc)
        ts_all_free(all);
    return rc;
}

void ts_all_free(struct ts_seg_all *all)
{
    ts_free(all->bytes);
    *all = (struct ts_seg_all){0};
}

/* ---- rows ---- */

static void move_row(struct ts_table *tbl, unsigned to, unsigned from)
{
    tbl->times[to] = tbl->times[from];
    for (unsigned c = 0; c < tbl->ncols; c++) {
        struct ts_column *col = &tbl->cols[c];
        col->present[to] = col->present[from];
        if (col->s)
            col->s[to] = col->s[from];
        else
            col->v[to] = col->v[from];
    }
}

int ts_table_append(struct ts_table *tbl, const struct ts_seg *seg, struct ts_str data,
                    const struct ts_seg_all *all, unsigned from, unsigned n, int64_t rank, uint32_t series,
                    const struct ts_tomb *tombs, unsigned ntombs)
{
    int rc = reserve(tbl, n);
    if (rc == 0 && all)
        memcpy(tbl->times + tbl->n, all->times + from, n * sizeof *tbl->times);
    else if (rc == 0)
        rc = ts_seg_times(seg, data, from, n, tbl->times + tbl->n);
    for (unsigned c = 0; c < seg->ncols && rc == 0; c++)
        rc = append_column(tbl, seg, data, all, c, from, n);
    if (rc)
        return rc;
    unsigned end = tbl->n + n, kept = end;
    if (ntombs && ts_tombs_touch(tombs, ntombs, series, rank, seg->min_ns, seg->max_ns)) {
        kept = tbl->n;
        for (unsigned i = tbl->n; i < end; i++)
            if (!ts_tombs_cover(tombs, ntombs, series, rank, tbl->times[i]))
                move_row(tbl, kept++, i);
        for (unsigned c = 0; c < tbl->ncols; c++)
            memset(tbl->cols[c].present + kept, 0, end - kept);
    }
    tbl->n = kept;
    return 0;
}

/* ---- sort ---- */

static _Thread_local const int64_t *sorted_times; /* qsort has no argument */

static int compare_rows(const void *pa, const void *pb)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    if (sorted_times[a] != sorted_times[b])
        return sorted_times[a] < sorted_times[b] ? -1 : 1;
    return a < b ? -1 : 1;
}

/* The rows of one column in the new order: of rows of one time the last that has a value. ends[i] is where the i-th time ends. */
static int permute(struct ts_table *tbl, struct ts_column *col, const uint32_t *ends, unsigned m)
{
    uint8_t *present = ts_alloc(tbl->cap);
    void *values = ts_alloc(tbl->cap * (col->s ? sizeof *col->s : sizeof *col->v));
    if (!present || !values) {
        ts_free(present);
        ts_free(values);
        return -TS_ENOMEM;
    }
    for (unsigned i = 0, k = 0; i < m; i++) {
        for (; k < ends[i]; k++) {
            unsigned row = tbl->order[k];
            if (!col->present[row])
                continue;
            present[i] = 1;
            if (col->s)
                ((struct ts_str *)values)[i] = col->s[row];
            else
                ((uint64_t *)values)[i] = col->v[row];
        }
    }
    ts_free(col->present);
    col->present = present;
    if (col->s) {
        ts_free(col->s);
        col->s = values;
    } else {
        ts_free(col->v);
        col->v = values;
    }
    return 0;
}

static int put_in_order(struct ts_table *tbl)
{
    uint32_t *ends = ts_alloc(tbl->n * sizeof *ends);
    int64_t *times = ts_alloc(tbl->cap * sizeof *times);
    ts_free(tbl->order);
    tbl->order = ts_alloc(tbl->n * sizeof *tbl->order);
    int rc = ends && times && tbl->order ? 0 : -TS_ENOMEM;
    unsigned m = 0;
    if (rc == 0) {
        for (unsigned i = 0; i < tbl->n; i++)
            tbl->order[i] = i;
        sorted_times = tbl->times;
        qsort(tbl->order, tbl->n, sizeof *tbl->order, compare_rows);
        for (unsigned k = 0; k < tbl->n; k++) {
            int64_t t = tbl->times[tbl->order[k]];
            if (m == 0 || times[m - 1] != t)
                times[m++] = t;
            ends[m - 1] = k + 1;
        }
    }
    for (unsigned c = 0; c < tbl->ncols && rc == 0; c++)
        rc = permute(tbl, &tbl->cols[c], ends, m);
    if (rc == 0) {
        ts_free(tbl->times);
        tbl->times = times;
        times = NULL;
        tbl->n = m;
    }
    ts_free(times);
    ts_free(ends);
    return rc;
}

static int compare_columns(const void *pa, const void *pb)
{
    const struct ts_column *a = pa, *b = pb;
    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    return (int)a->type - (int)b->type;
}

int ts_table_sort(struct ts_table *tbl)
{
    bool sorted = true;
    for (unsigned i = 1; i < tbl->n && sorted; i++)
        sorted = tbl->times[i - 1] < tbl->times[i];
    int rc = sorted ? 0 : put_in_order(tbl);
    if (rc)
        return rc;
    const char *text = tbl->text.p ? tbl->text.p : ""; /* all of them are empty */
    for (unsigned c = 0; c < tbl->ncols; c++)
        for (unsigned i = 0; tbl->cols[c].s && i < tbl->n; i++)
            if (tbl->cols[c].present[i])
                tbl->cols[c].s[i].p = text + (uintptr_t)tbl->cols[c].s[i].p;
    if (tbl->ncols > 1)
        qsort(tbl->cols, tbl->ncols, sizeof *tbl->cols, compare_columns);
    return 0;
}

int ts_table_encode(const struct ts_table *tbl, unsigned from, unsigned n, uint64_t place, struct ts_buf *head, struct ts_buf *data)
{
    struct ts_column *cols = ts_alloc((tbl->ncols + 1) * sizeof *cols);
    unsigned ncols = 0, points = 0;
    if (!cols)
        return -TS_ENOMEM;
    for (unsigned c = 0; c < tbl->ncols; c++) {
        const struct ts_column *col = &tbl->cols[c];
        unsigned count = 0;
        for (unsigned i = from; i < from + n; i++)
            count += col->present[i];
        points += count;
        if (count)
            cols[ncols++] = (struct ts_column){.name = col->name,
                                               .type = col->type,
                                               .present = count == n ? NULL : col->present + from,
                                               .v = col->v ? col->v + from : NULL,
                                               .s = col->s ? col->s + from : NULL};
    }
    struct ts_seg_rows rows = {.n = n, .times = tbl->times + from, .ncols = ncols, .cols = cols};
    int rc = ts_seg_encode(&rows, place, head, data);
    ts_free(cols);
    return rc ? rc : (int)points;
}
