#ifndef TS_FLUX_MEM_H
#define TS_FLUX_MEM_H
/*
 * The memory of one query: every byte is accounted, and a query that wants more than its limit gets NULL
 * instead of memory, so that it ends with an error and the process lives on. Values live in arenas: nothing
 * is freed alone, everything at the end, or back to a mark. Thread: the query's.
 */
#include "core/base.h"

struct ts_flux_mem {
    size_t used, peak, limit; /* bytes; limit 0: none */
    bool refused;             /* the limit was reached, or the system had no memory */
};

/** Accounts for bytes that somebody allocates himself. @return false: beyond the limit, nothing is accounted.
 */
bool ts_flux_mem_take(struct ts_flux_mem *mem, size_t bytes) TS_MUST_CHECK;
void ts_flux_mem_give(struct ts_flux_mem *mem, size_t bytes);

/** Zeroed memory of its own that is accounted. Free with ts_flux_mem_free and the same bytes. @return NULL:
 * limit. */
void *ts_flux_mem_alloc(struct ts_flux_mem *mem, size_t bytes) TS_MUST_CHECK;
void ts_flux_mem_free(struct ts_flux_mem *mem, void *p, size_t bytes);

struct ts_flux_block;

struct ts_flux_arena {
    struct ts_flux_mem *mem;
    struct ts_flux_block *top;
};

/** How far an arena was filled; everything allocated later goes with ts_flux_arena_release. */
struct ts_flux_mark {
    struct ts_flux_block *block;
    size_t used;
};

void ts_flux_arena_init(struct ts_flux_arena *arena, struct ts_flux_mem *mem);
void ts_flux_arena_fini(struct ts_flux_arena *arena);

/** Zeroed, aligned to 16. @return NULL: the query's limit. */
void *ts_flux_arena_alloc(struct ts_flux_arena *arena, size_t bytes) TS_MUST_CHECK;

/** A copy with a 0 behind it. @return p NULL (with len 0) at the limit. */
struct ts_str ts_flux_arena_str(struct ts_flux_arena *arena, struct ts_str s);

struct ts_flux_mark ts_flux_arena_mark(const struct ts_flux_arena *arena);
void ts_flux_arena_release(struct ts_flux_arena *arena, struct ts_flux_mark mark);

#endif
