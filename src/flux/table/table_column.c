/*
 * Columns: values of one type, null bits, and for strings the bytes. Owns what it allocates, accounted to the
 * query; counted by reference, frozen once shared. Without memory the making function gives NULL or
 * -TS_ENOMEM. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table.h"

#include "core/mem.h"

/* Bytes of strings: blocks that never move. */
struct ts_flux_heap {
    struct ts_flux_heap *below;
    size_t size, used;
    char bytes[];
};

static size_t width_of(enum ts_flux_type type)
{
    switch (type) {
    case TS_FLUX_BOOL: return 1;
    case TS_FLUX_STRING: return sizeof(struct ts_str);
    default: return 8;
    }
}

static size_t null_words(size_t n)
{
    return (n + 63) / 64;
}

static void *regrow(struct ts_flux_mem *mem, void *p, size_t from, size_t to)
{
    if (!ts_flux_mem_take(mem, to))
        return NULL;
    void *q = ts_resize(p, to);
    if (!q) {
        mem->refused = true;
        ts_flux_mem_give(mem, to);
        return NULL;
    }
    ts_flux_mem_give(mem, from);
    return q;
}

struct ts_flux_column *ts_flux_column_new(struct ts_flux_mem *mem, enum ts_flux_type type, size_t cap)
{
    struct ts_flux_column *col = ts_flux_mem_alloc(mem, sizeof *col);
    if (!col)
        return NULL;
    col->refs = 1;
    col->type = (uint8_t)type;
    col->mask = SIZE_MAX;
    col->mem = mem;
    if (cap && ts_flux_column_reserve(col, cap))
        ts_flux_column_unref(&col);
    return col;
}

struct ts_flux_column *ts_flux_column_const(struct ts_flux_mem *mem, struct ts_flux_value v)
{
    struct ts_flux_column *col = ts_flux_column_new(mem, v.type, 1);
    if (col && ts_flux_column_push(col, v))
        ts_flux_column_unref(&col);
    if (!col)
        return NULL;
    col->konst = true;
    col->mask = 0;
    return col;
}

void ts_flux_column_unref(struct ts_flux_column **colp)
{
    struct ts_flux_column *col = *colp;
    *colp = NULL;
    if (!col || --col->refs > 0)
        return;
    struct ts_flux_mem *mem = col->mem;
    if (!col->lent)
        ts_flux_mem_free(mem, col->data, col->cap * width_of(col->type));
    if (col->nulls && !col->lent)
        ts_flux_mem_free(mem, col->nulls, null_words(col->cap) * 8);
    while (col->heap) {
        struct ts_flux_heap *heap = col->heap;
        col->heap = heap->below;
        ts_flux_mem_free(mem, heap, sizeof *heap + heap->size);
    }
    ts_flux_mem_free(mem, col, sizeof *col);
}

int ts_flux_column_reserve(struct ts_flux_column *col, size_t more)
{
    size_t want = col->n + more, width = width_of(col->type);
    if (want <= col->cap)
        return 0;
    size_t cap = col->n ? TS_MAX(want, col->cap * 2) : want;
    if (col->nulls) {
        size_t from = null_words(col->cap), to = null_words(cap);
        uint64_t *nulls = regrow(col->mem, col->nulls, from * 8, to * 8);
        if (!nulls)
            return -TS_ENOMEM;
        memset(nulls + from, 0, (to - from) * 8);
        col->nulls = nulls;
    }
    void *data = regrow(col->mem, col->data, col->cap * width, cap * width);
    if (!data) {
        if (col->nulls) { /* they have room for cap by now: give up both, the column is lost anyway */
            ts_flux_mem_free(col->mem, col->nulls, null_words(cap) * 8);
            col->nulls = NULL;
        }
        return -TS_ENOMEM;
    }
    col->data = data;
    col->cap = cap;
    return 0;
}

/* Null bits for all of cap. */
static int need_nulls(struct ts_flux_column *col)
{
    if (!col->nulls)
        col->nulls = ts_flux_mem_alloc(col->mem, null_words(col->cap) * 8);
    return col->nulls ? 0 : -TS_ENOMEM;
}

int ts_flux_column_set_null(struct ts_flux_column *col, size_t i)
{
    if (need_nulls(col))
        return -TS_ENOMEM;
    col->nulls[i >> 6] |= UINT64_C(1) << (i & 63);
    return 0;
}

/* A copy of the bytes in the column. */
static bool keep(struct ts_flux_column *col, struct ts_str s, struct ts_str *out)
{
    if (s.len == 0) {
        *out = TS_STR("");
        return true;
    }
    struct ts_flux_heap *heap = col->heap;
    if (!heap || heap->size - heap->used < s.len) {
        size_t size = TS_MAX(
            heap ? TS_MIN(heap->size * 2, (size_t)64 << 10) : TS_MIN(col->cap * 16, (size_t)8192), s.len);
        heap = ts_flux_mem_alloc(col->mem, sizeof *heap + size);
        if (!heap)
            return false;
        heap->size = size;
        heap->below = col->heap;
        col->heap = heap;
    }
    memcpy(heap->bytes + heap->used, s.p, s.len);
    *out = (struct ts_str){heap->bytes + heap->used, s.len};
    heap->used += s.len;
    return true;
}

/* Appends a string; one that repeats its predecessor shares its bytes. */
static int push_str(struct ts_flux_column *col, struct ts_str s)
{
    struct ts_str *to = &col->s[col->n];
    if (col->n && ts_str_eq(to[-1], s))
        *to = to[-1];
    else if (!keep(col, s, to))
        return -TS_ENOMEM;
    return 0;
}

int ts_flux_column_push(struct ts_flux_column *col, struct ts_flux_value v)
{
    if (col->n == col->cap && ts_flux_column_reserve(col, 1))
        return -TS_ENOMEM;
    size_t i = col->n;
    if (v.null || v.type == TS_FLUX_NULL) {
        if (col->type == TS_FLUX_STRING)
            col->s[i] = TS_STR("");
        else
            memset((char *)col->data + i * width_of(col->type), 0, width_of(col->type));
        if (ts_flux_column_set_null(col, i))
            return -TS_ENOMEM;
        col->n++;
        return 0;
    }
    TS_ASSERT(v.type == col->type);
    switch (col->type) {
    case TS_FLUX_BOOL: col->b[i] = v.b; break;
    case TS_FLUX_STRING:
        if (push_str(col, ts_flux_value_str(v)))
            return -TS_ENOMEM;
        break;
    default: col->i[i] = v.i; break;
    }
    col->n++;
    return 0;
}

static int append_const(struct ts_flux_column *col, const struct ts_flux_column *from, size_t n)
{
    size_t i = col->n;
    if (ts_flux_column_null(from, 0)) {
        for (size_t k = 0; k < n; k++)
            if (ts_flux_column_push(col, ts_flux_null(col->type)))
                return -TS_ENOMEM;
        return 0;
    }
    if (col->type == TS_FLUX_STRING) {
        if (n && push_str(col, from->s[0]))
            return -TS_ENOMEM;
        for (size_t k = 1; k < n; k++)
            col->s[i + k] = col->s[i];
    } else if (col->type == TS_FLUX_BOOL) {
        memset(col->b + i, from->b[0], n);
    } else {
        for (size_t k = 0; k < n; k++)
            col->i[i + k] = from->i[0];
    }
    col->n += n;
    return 0;
}

int ts_flux_column_append(struct ts_flux_column *col, const struct ts_flux_column *from, size_t start,
                          size_t n)
{
    if (ts_flux_column_reserve(col, n))
        return -TS_ENOMEM;
    if (from->konst)
        return append_const(col, from, n);
    TS_ASSERT(from->type == col->type && start + n <= from->n);
    size_t base = col->n, width = width_of(col->type);
    if (col->type == TS_FLUX_STRING) {
        for (size_t k = 0; k < n; k++, col->n++)
            if (push_str(col, from->s[start + k]))
                return -TS_ENOMEM;
    } else if (n) {
        memcpy((char *)col->data + base * width, (const char *)from->data + start * width, n * width);
        col->n += n;
    }
    if (from->nulls)
        for (size_t k = 0; k < n; k++)
            if (ts_flux_column_null(from, start + k) && ts_flux_column_set_null(col, base + k))
                return -TS_ENOMEM;
    return 0;
}

int ts_flux_column_own(struct ts_flux_column *col)
{
    static uint64_t all_null = 1;
    if (!col->lent)
        return 0;
    if (col->nulls == &all_null)
        return -TS_ENOMEM; /* as before: what was lent may be gone */
    struct ts_flux_column *copy = ts_flux_column_new(col->mem, col->type, TS_MAX(col->n, (size_t)1));
    if (!copy || ts_flux_column_append(copy, col, 0, col->n) != 0) {
        ts_flux_column_unref(&copy);
        col->konst = true;
        col->mask = 0;
        col->nulls = &all_null;
        return -TS_ENOMEM;
    }
    col->data = copy->data;
    col->cap = copy->cap;
    col->heap = copy->heap;
    col->lent = false;
    copy->data = NULL;
    copy->heap = NULL;
    ts_flux_column_unref(&copy);
    return 0;
}

struct ts_flux_value ts_flux_column_get(const struct ts_flux_column *col, size_t i)
{
    if (ts_flux_column_null(col, i))
        return ts_flux_null(col->type);
    i &= col->mask;
    switch (col->type) {
    case TS_FLUX_BOOL: return ts_flux_bool(col->b[i]);
    case TS_FLUX_STRING: return ts_flux_string(col->s[i]);
    default: return (struct ts_flux_value){.type = col->type, .i = col->i[i]};
    }
}

double ts_flux_column_double(const struct ts_flux_column *col, size_t i)
{
    i &= col->mask;
    switch (col->type) {
    case TS_FLUX_FLOAT: return col->f[i];
    case TS_FLUX_UINT: return (double)col->u[i];
    default: return (double)col->i[i];
    }
}

struct ts_flux_column *ts_flux_column_gather(struct ts_flux_column *col, const uint32_t *sel, size_t n)
{
    if (col->konst)
        return ts_flux_column_ref(col);
    struct ts_flux_column *out = ts_flux_column_new(col->mem, col->type, TS_MAX(n, (size_t)1));
    if (!out)
        return NULL;
    bool ok = true;
    switch (col->type) {
    case TS_FLUX_BOOL:
        for (size_t k = 0; k < n; k++)
            out->b[k] = col->b[sel[k]];
        out->n = n;
        break;
    case TS_FLUX_STRING:
        for (size_t k = 0; ok && k < n; k++, out->n++)
            ok = push_str(out, col->s[sel[k]]) == 0;
        break;
    default:
        for (size_t k = 0; k < n; k++)
            out->i[k] = col->i[sel[k]];
        out->n = n;
        break;
    }
    if (col->nulls)
        for (size_t k = 0; ok && k < n; k++)
            if (ts_flux_column_null(col, sel[k]))
                ok = ts_flux_column_set_null(out, k) == 0;
    if (!ok)
        ts_flux_column_unref(&out);
    return out;
}
