/* Group keys: sorted by column name, compared and hashed by name, type and value. Thread: the query's. */
#include "config.h"
#include "flux/table/table.h"

#include "core/mem.h"

#include <stdlib.h>

static int by_name(const void *a, const void *b)
{
    const struct ts_flux_key_col *x = a, *y = b;
    return ts_str_cmp(ts_flux_name_str(x->name), ts_flux_name_str(y->name));
}

static bool has_bytes(struct ts_flux_value v)
{
    return v.type == TS_FLUX_STRING && !v.null;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

static uint64_t hash_value(uint64_t h, struct ts_flux_value v)
{
    h = mix(h, v.type * 2u + v.null);
    if (v.null)
        return h;
    if (v.type == TS_FLUX_BOOL)
        return mix(h, v.b);
    if (v.type != TS_FLUX_STRING)
        return mix(h, v.u);
    const char *p = v.p;
    size_t n = v.len;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = mix(h, w);
    }
    uint64_t w = v.len;
    if (n)
        memcpy(&w, p, n);
    return mix(h, w ^ (uint64_t)v.len << 56);
}

struct ts_flux_key *ts_flux_key_new(struct ts_flux_mem *mem, const struct ts_flux_key_col *cols, size_t n)
{
    size_t bytes = sizeof(struct ts_flux_key) + n * sizeof *cols;
    for (size_t i = 0; i < n; i++)
        bytes += has_bytes(cols[i].v) ? cols[i].v.len : 0;
    struct ts_flux_key *key = ts_flux_mem_alloc(mem, bytes);
    if (!key)
        return NULL;
    *key = (struct ts_flux_key){.refs = 1, .n = (uint32_t)n, .bytes = bytes, .mem = mem};
    if (n)
        memcpy(key->cols, cols, n * sizeof *cols);
    qsort(key->cols, n, sizeof *key->cols, by_name);
    char *p = (char *)&key->cols[n];
    key->hash = n;
    for (size_t i = 0; i < n; i++) {
        struct ts_flux_value *v = &key->cols[i].v;
        if (has_bytes(*v)) {
            if (v->len)
                memcpy(p, v->p, v->len);
            v->p = p;
            p += v->len;
        }
        key->hash = hash_value(mix(key->hash, (uintptr_t)key->cols[i].name), *v);
    }
    return key;
}

void ts_flux_key_unref(struct ts_flux_key **keyp)
{
    struct ts_flux_key *key = *keyp;
    *keyp = NULL;
    if (key && --key->refs == 0)
        ts_flux_mem_free(key->mem, key, key->bytes);
}

static bool same(struct ts_flux_value a, struct ts_flux_value b)
{
    if (a.type != b.type || a.null != b.null)
        return false;
    if (a.null)
        return true;
    switch (a.type) {
    case TS_FLUX_BOOL: return a.b == b.b;
    case TS_FLUX_STRING: return ts_str_eq(ts_flux_value_str(a), ts_flux_value_str(b));
    default: return a.i == b.i; /* floats by their bits: a NaN is one group */
    }
}

bool ts_flux_key_eq(const struct ts_flux_key *a, const struct ts_flux_key *b)
{
    if (a == b)
        return true;
    if (a->hash != b->hash || a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->cols[i].name != b->cols[i].name || !same(a->cols[i].v, b->cols[i].v))
            return false;
    return true;
}

const struct ts_flux_value *ts_flux_key_get(const struct ts_flux_key *key, const struct ts_flux_name *name)
{
    for (uint32_t i = 0; i < key->n; i++)
        if (key->cols[i].name == name)
            return &key->cols[i].v;
    return NULL;
}

static int cmp(struct ts_flux_value a, struct ts_flux_value b)
{
    if (a.null || b.null)
        return (int)b.null - (int)a.null;
    switch (a.type) {
    case TS_FLUX_BOOL: return (int)a.b - (int)b.b;
    case TS_FLUX_STRING: return ts_str_cmp(ts_flux_value_str(a), ts_flux_value_str(b));
    case TS_FLUX_UINT: return (a.u > b.u) - (a.u < b.u);
    case TS_FLUX_FLOAT: return (a.f > b.f) - (a.f < b.f);
    default: return (a.i > b.i) - (a.i < b.i);
    }
}

int ts_flux_key_cmp(const struct ts_flux_key *a, const struct ts_flux_key *b)
{
    for (uint32_t i = 0; i < a->n && i < b->n; i++) {
        if (a->cols[i].name != b->cols[i].name) /* the other lacks the lesser name, and what is missing comes first */
            return by_name(&b->cols[i], &a->cols[i]);
        struct ts_flux_value x = a->cols[i].v, y = b->cols[i].v;
        int c = x.type != y.type ? (int)x.type - (int)y.type : cmp(x, y);
        if (c)
            return c;
    }
    return (a->n > b->n) - (a->n < b->n);
}
