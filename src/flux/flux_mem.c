/*
 * Accounted memory and arenas of one query. An arena is a list of blocks that double in size up to 256 KiB;
 * what is larger gets a block of its own. Releasing to a mark frees the blocks above it, but keeps one, so
 * that a loop that marks and releases does not go to the allocator each time.
 */
#include "config.h"
#include "flux/flux_mem.h"

#include "core/mem.h"

#define BLOCK_FIRST ((size_t)4 << 10)
#define BLOCK_MAX   ((size_t)256 << 10)
#define ALIGN       ((size_t)16)

struct ts_flux_block {
    struct ts_flux_block *below;
    size_t size, used; /* of the bytes behind this head */
    _Alignas(16) char bytes[];
};

bool ts_flux_mem_take(struct ts_flux_mem *mem, size_t bytes)
{
    if (mem->limit && (bytes > mem->limit || mem->used > mem->limit - bytes)) {
        mem->refused = true;
        return false;
    }
    mem->used += bytes;
    mem->peak = TS_MAX(mem->peak, mem->used);
    return true;
}

void ts_flux_mem_give(struct ts_flux_mem *mem, size_t bytes)
{
    TS_ASSERT(bytes <= mem->used);
    mem->used -= bytes;
}

void *ts_flux_mem_alloc(struct ts_flux_mem *mem, size_t bytes)
{
    if (!ts_flux_mem_take(mem, bytes))
        return NULL;
    void *p = ts_alloc(bytes);
    if (!p) {
        mem->refused = true;
        ts_flux_mem_give(mem, bytes);
    }
    return p;
}

void ts_flux_mem_free(struct ts_flux_mem *mem, void *p, size_t bytes)
{
    if (!p)
        return;
    ts_free(p);
    ts_flux_mem_give(mem, bytes);
}

void ts_flux_arena_init(struct ts_flux_arena *arena, struct ts_flux_mem *mem)
{
    *arena = (struct ts_flux_arena){.mem = mem};
}

static void pop(struct ts_flux_arena *arena)
{
    struct ts_flux_block *block = arena->top;
    arena->top = block->below;
    ts_flux_mem_free(arena->mem, block, sizeof *block + block->size);
}

void ts_flux_arena_fini(struct ts_flux_arena *arena)
{
    while (arena->top)
        pop(arena);
}

static bool push(struct ts_flux_arena *arena, size_t bytes)
{
    size_t next = arena->top ? TS_MIN(arena->top->size * 2, BLOCK_MAX) : BLOCK_FIRST;
    size_t size = TS_MAX(next, bytes);
    struct ts_flux_block *block = ts_flux_mem_alloc(arena->mem, sizeof *block + size);
    if (!block)
        return false;
    block->below = arena->top;
    block->size = size;
    arena->top = block;
    return true;
}

void *ts_flux_arena_alloc(struct ts_flux_arena *arena, size_t bytes)
{
    size_t want = (TS_MAX(bytes, (size_t)1) + ALIGN - 1) & ~(ALIGN - 1);
    if (want < bytes) {
        arena->mem->refused = true;
        return NULL;
    }
    if ((!arena->top || arena->top->size - arena->top->used < want) && !push(arena, want))
        return NULL;
    void *p = arena->top->bytes + arena->top->used;
    arena->top->used += want;
    return p;
}

struct ts_str ts_flux_arena_str(struct ts_flux_arena *arena, struct ts_str s)
{
    char *p = ts_flux_arena_alloc(arena, s.len + 1);
    if (!p)
        return (struct ts_str){0};
    if (s.len)
        memcpy(p, s.p, s.len);
    return (struct ts_str){p, s.len};
}

struct ts_flux_mark ts_flux_arena_mark(const struct ts_flux_arena *arena)
{
    return (struct ts_flux_mark){arena->top, arena->top ? arena->top->used : 0};
}

void ts_flux_arena_release(struct ts_flux_arena *arena, struct ts_flux_mark mark)
{
    while (arena->top != mark.block && arena->top->below != mark.block)
        pop(arena);
    if (arena->top != mark.block) { /* the one block that is kept for the next round */
        memset(arena->top->bytes, 0, arena->top->used);
        arena->top->used = 0;
    }
    if (mark.block) {
        memset(mark.block->bytes + mark.used, 0, mark.block->used - mark.used);
        mark.block->used = mark.used;
    }
}
