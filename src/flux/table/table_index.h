#ifndef TS_FLUX_TABLE_INDEX_H
#define TS_FLUX_TABLE_INDEX_H
/* Group keys to numbers, in the order in which they come: for states that operators keep by key. */
#include "flux/table/table.h"

struct ts_flux_index {
    struct ts_flux_mem *mem;
    struct ts_flux_key **keys;
    uint32_t *slots; /* number + 1 of a key; 0: empty */
    size_t n, cap, nslots;
};

void ts_flux_index_init(struct ts_flux_index *idx, struct ts_flux_mem *mem);
void ts_flux_index_fini(struct ts_flux_index *idx);
/** Forgets the keys, keeps the memory. */
void ts_flux_index_clear(struct ts_flux_index *idx);

/** The key's number; one that is new gets n, which is then one more. SIZE_MAX: no memory. */
size_t ts_flux_index_of(struct ts_flux_index *idx, struct ts_flux_key *key);

#endif
