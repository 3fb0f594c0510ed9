/*
 * Tables by group key, while their rows still come: a hash of keys to lists of chunks, which are only
 * referenced. They are taken in the order of their keys; small chunks are joined on the way out, and the
 * chunks of one table are given one schema. Owns references to keys and chunks. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table.h"

#include "core/mem.h"

#include <stdlib.h>

#define SMALL 1024 /* rows: chunks below are joined */

struct table {
    struct ts_flux_key *key;
    struct ts_flux_chunk **chunks;
    size_t n, cap, taken;
};

struct ts_flux_tables {
    struct ts_flux_run *run;
    struct table *tables;
    size_t n, cap, at;
    uint32_t *slots; /* index + 1 of a table; 0: empty */
    size_t nslots;
    struct ts_flux_schema schema; /* of the table being taken */
    const struct ts_flux_name *const *by; /* NULL: the order of keys */
    size_t nby;
    bool sorted;                  /* taking has begun: slots no longer lead to tables */
};

struct ts_flux_tables *ts_flux_tables_new(struct ts_flux_run *run)
{
    struct ts_flux_tables *tables = ts_flux_mem_alloc(&run->mem, sizeof *tables);
    if (tables)
        tables->run = run;
    return tables;
}

void ts_flux_tables_free(struct ts_flux_tables **tablesp)
{
    struct ts_flux_tables *tables = *tablesp;
    *tablesp = NULL;
    if (!tables)
        return;
    struct ts_flux_mem *mem = &tables->run->mem;
    for (size_t t = 0; t < tables->n; t++) {
        struct table *tbl = &tables->tables[t];
        for (size_t k = tbl->taken; k < tbl->n; k++)
            ts_flux_chunk_unref(&tbl->chunks[k]);
        ts_flux_key_unref(&tbl->key);
        ts_flux_mem_free(mem, tbl->chunks, tbl->cap * sizeof *tbl->chunks);
    }
    ts_flux_mem_free(mem, tables->tables, tables->cap * sizeof *tables->tables);
    ts_flux_mem_free(mem, tables->slots, tables->nslots * sizeof *tables->slots);
    ts_flux_schema_fini(&tables->schema);
    ts_flux_mem_free(mem, tables, sizeof *tables);
}

/* The array with twice the room; p stays when there is no memory. */
static void *twice(struct ts_flux_mem *mem, void *p, size_t *cap, size_t width)
{
    size_t want = *cap ? *cap * 2 : 4;
    void *q = ts_flux_mem_alloc(mem, want * width);
    if (!q)
        return NULL;
    if (*cap)
        memcpy(q, p, *cap * width);
    ts_flux_mem_free(mem, p, *cap * width);
    *cap = want;
    return q;
}

static struct table *find(const struct ts_flux_tables *tables, const struct ts_flux_key *key)
{
    if (!tables->nslots)
        return NULL;
    for (size_t i = key->hash & (tables->nslots - 1);; i = (i + 1) & (tables->nslots - 1)) {
        if (!tables->slots[i])
            return NULL;
        struct table *tbl = &tables->tables[tables->slots[i] - 1];
        if (ts_flux_key_eq(tbl->key, key))
            return tbl;
    }
}

static void place(struct ts_flux_tables *tables, size_t t)
{
    size_t i = tables->tables[t].key->hash & (tables->nslots - 1);
    while (tables->slots[i])
        i = (i + 1) & (tables->nslots - 1);
    tables->slots[i] = (uint32_t)t + 1;
}

static bool widen(struct ts_flux_tables *tables)
{
    struct ts_flux_mem *mem = &tables->run->mem;
    size_t want = tables->nslots ? tables->nslots * 2 : 16;
    uint32_t *slots = ts_flux_mem_alloc(mem, want * sizeof *slots);
    if (!slots)
        return false;
    ts_flux_mem_free(mem, tables->slots, tables->nslots * sizeof *slots);
    tables->slots = slots;
    tables->nslots = want;
    for (size_t t = 0; t < tables->n; t++)
        place(tables, t);
    return true;
}

static struct table *insert(struct ts_flux_tables *tables, struct ts_flux_key *key)
{
    if (tables->n == tables->cap) {
        struct table *more = twice(&tables->run->mem, tables->tables, &tables->cap, sizeof *more);
        if (!more)
            return NULL;
        tables->tables = more;
    }
    if (tables->n * 2 >= tables->nslots && !widen(tables))
        return NULL;
    tables->tables[tables->n] = (struct table){.key = ts_flux_key_ref(key)};
    place(tables, tables->n);
    return &tables->tables[tables->n++];
}

bool ts_flux_tables_has(const struct ts_flux_tables *tables, const struct ts_flux_key *key)
{
    return find(tables, key) != NULL;
}

static bool add(struct ts_flux_tables *tables, struct ts_flux_chunk **chkp)
{
    struct ts_flux_chunk *chk = *chkp;
    struct table *tbl = find(tables, chk->key);
    if (!tbl && !(tbl = insert(tables, chk->key)))
        return false;
    if (chk->key != tbl->key) { /* one object for one key: comparing pointers is enough downstream */
        struct ts_flux_chunk *with = ts_flux_chunk_with_key(chk, tbl->key);
        if (!with)
            return false;
        ts_flux_chunk_unref(chkp);
        *chkp = chk = with;
    }
    if (tbl->n == tbl->cap) {
        struct ts_flux_chunk **more = twice(&tables->run->mem, tbl->chunks, &tbl->cap, sizeof *more);
        if (!more)
            return false;
        tbl->chunks = more;
    }
    tbl->chunks[tbl->n++] = chk;
    *chkp = NULL;
    return true;
}

int ts_flux_tables_add(struct ts_flux_tables *tables, struct ts_flux_chunk *chk)
{
    bool ok = chk && add(tables, &chk);
    ts_flux_chunk_unref(&chk);
    return ok ? 0 : ts_flux_fail_nomem(tables->run);
}

/* A table is about to be taken: what all its chunks have together; empty chunks go unless there is nothing
 * else. */
static int begin(struct ts_flux_tables *tables, struct table *tbl)
{
    ts_flux_schema_fini(&tables->schema);
    for (size_t k = 0; k < tbl->n; k++) {
        int rc = ts_flux_schema_add(tables->run, &tables->schema, tbl->chunks[k]);
        if (rc)
            return rc;
    }
    size_t to = 0;
    for (size_t k = 0; k < tbl->n; k++) {
        if (tbl->chunks[k]->n || (to == 0 && k == tbl->n - 1))
            tbl->chunks[to++] = tbl->chunks[k];
        else
            ts_flux_chunk_unref(&tbl->chunks[k]);
    }
    tbl->n = to;
    return 0;
}

void ts_flux_tables_order(struct ts_flux_tables *tables, const struct ts_flux_name *const *by, size_t n)
{
    tables->by = by;
    tables->nby = n;
}

static int by_key(const void *a, const void *b, void *arg)
{
    const struct ts_flux_tables *tables = arg;
    const struct ts_flux_key *x = ((const struct table *)a)->key, *y = ((const struct table *)b)->key;
    for (size_t i = 0; i < tables->nby; i++) {
        const struct ts_flux_value *v = ts_flux_key_get(x, tables->by[i]), *w = ts_flux_key_get(y, tables->by[i]);
        bool no_v = !v || v->null, no_w = !w || w->null;
        int c = no_v || no_w ? (int)no_v - (int)no_w : ts_flux_value_cmp(*v, *w);
        if (c)
            return c;
    }
    return ts_flux_key_cmp(x, y);
}

int ts_flux_tables_take(struct ts_flux_tables *tables, struct ts_flux_chunk **out)
{
    *out = NULL;
    if (!tables->sorted && tables->n > 1)
        qsort_r(tables->tables, tables->n, sizeof *tables->tables, by_key, tables);
    tables->sorted = true;
    while (tables->at < tables->n && tables->tables[tables->at].taken == tables->tables[tables->at].n)
        tables->at++;
    if (tables->at == tables->n)
        return 0;
    struct table *tbl = &tables->tables[tables->at];
    int rc = tbl->taken == 0 ? begin(tables, tbl) : 0;
    if (rc)
        return rc;
    size_t from = tbl->taken, to = from + 1, rows = tbl->chunks[from]->n;
    while (to < tbl->n && rows < SMALL && tbl->chunks[to]->n < SMALL)
        rows += tbl->chunks[to++]->n;
    rc = ts_flux_chunk_concat(tables->run, &tables->schema, tbl->chunks + from, to - from, out);
    if (rc)
        return rc;
    for (; from < to; from++)
        ts_flux_chunk_unref(&tbl->chunks[from]);
    tbl->taken = to;
    return 0;
}
