/* A hash of group keys, by open addressing; owns references to them. Thread: the query's. */
#include "config.h"
#include "flux/table/table_index.h"

void ts_flux_index_init(struct ts_flux_index *idx, struct ts_flux_mem *mem)
{
    *idx = (struct ts_flux_index){.mem = mem};
}

void ts_flux_index_clear(struct ts_flux_index *idx)
{
    for (size_t i = 0; i < idx->n; i++)
        ts_flux_key_unref(&idx->keys[i]);
    if (idx->n)
        memset(idx->slots, 0, idx->nslots * sizeof *idx->slots);
    idx->n = 0;
}

void ts_flux_index_fini(struct ts_flux_index *idx)
{
    if (!idx->mem)
        return;
    ts_flux_index_clear(idx);
    ts_flux_mem_free(idx->mem, idx->keys, idx->cap * sizeof *idx->keys);
    ts_flux_mem_free(idx->mem, idx->slots, idx->nslots * sizeof *idx->slots);
    *idx = (struct ts_flux_index){0};
}

static void place(struct ts_flux_index *idx, size_t i)
{
    size_t s = idx->keys[i]->hash & (idx->nslots - 1);
    while (idx->slots[s])
        s = (s + 1) & (idx->nslots - 1);
    idx->slots[s] = (uint32_t)i + 1;
}

/* Twice the room for keys, and four times as many slots. */
static bool widen(struct ts_flux_index *idx)
{
    size_t cap = idx->cap ? idx->cap * 2 : 8, nslots = cap * 4;
    struct ts_flux_key **keys = ts_flux_mem_alloc(idx->mem, cap * sizeof *keys);
    uint32_t *slots = ts_flux_mem_alloc(idx->mem, nslots * sizeof *slots);
    if (!keys || !slots) {
        ts_flux_mem_free(idx->mem, keys, cap * sizeof *keys);
        ts_flux_mem_free(idx->mem, slots, nslots * sizeof *slots);
        return false;
    }
    if (idx->n)
        memcpy(keys, idx->keys, idx->n * sizeof *keys);
    ts_flux_mem_free(idx->mem, idx->keys, idx->cap * sizeof *keys);
    ts_flux_mem_free(idx->mem, idx->slots, idx->nslots * sizeof *slots);
    idx->keys = keys;
    idx->slots = slots;
    idx->cap = cap;
    idx->nslots = nslots;
    for (size_t i = 0; i < idx->n; i++)
        place(idx, i);
    return true;
}

size_t ts_flux_index_of(struct ts_flux_index *idx, struct ts_flux_key *key)
{
    for (size_t s = key->hash; idx->nslots; s++) {
        uint32_t i = idx->slots[s & (idx->nslots - 1)];
        if (i == 0)
            break;
        if (ts_flux_key_eq(idx->keys[i - 1], key))
            return i - 1;
    }
    if (idx->n == idx->cap && !widen(idx))
        return SIZE_MAX;
    idx->keys[idx->n] = ts_flux_key_ref(key);
    place(idx, idx->n);
    return idx->n++;
}
