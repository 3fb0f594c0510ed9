/*
 * Runs of one size in blocks of 64 KiB. A block lies at a multiple of its size, so a run's address gives its block. Those freed
 * are linked within their block and given again first; the rest of a block is untouched memory. Thread: the owner's. Without
 * memory nothing is taken, and everything stays as it was.
 */
#include "config.h"
#include "core/runs.h"

#include "core/mem.h"

struct ts_runs_block {
    struct ts_runs_block *next, *prev;
    char *free;          /* NULL: none has been freed; each holds the next in its first bytes */
    uint32_t live, used; /* runs out there; bytes ever given, this header included */
    uint32_t size;
};

_Static_assert(TS_RUNS_MIN >= sizeof(char *), "a free run holds a link");

static size_t round_size(size_t bytes)
{
    return (TS_MAX(bytes, (size_t)TS_RUNS_MIN) + TS_RUNS_GRAIN - 1) / TS_RUNS_GRAIN * TS_RUNS_GRAIN;
}

static struct ts_runs_block *block_of(char *p)
{
    return (struct ts_runs_block *)(void *)(p - ((uintptr_t)p & (TS_BLOCK_BYTES - 1)));
}

static bool has_room(const struct ts_runs_block *block)
{
    return block->free || block->used + block->size <= TS_BLOCK_BYTES;
}

static void link_block(struct ts_runs_block **list, struct ts_runs_block *block)
{
    block->prev = NULL;
    block->next = *list;
    if (*list)
        (*list)->prev = block;
    *list = block;
}

static void unlink_block(struct ts_runs_block **list, struct ts_runs_block *block)
{
    if (block->prev)
        block->prev->next = block->next;
    else
        *list = block->next;
    if (block->next)
        block->next->prev = block->prev;
}

void *ts_runs_take(struct ts_runs *rns, size_t bytes)
{
    if (bytes > TS_RUNS_MAX)
        return ts_alloc(bytes);
    size_t size = round_size(bytes);
    struct ts_runs_block **list = &rns->with_room[size / TS_RUNS_GRAIN], *block = *list;
    if (!block) {
        block = ts_block_alloc();
        if (!block)
            return NULL;
        block->size = (uint32_t)size;
        block->used = sizeof *block;
        link_block(list, block);
    }
    char *p = block->free;
    if (p) {
        memcpy(&block->free, p, sizeof block->free);
    } else {
        p = (char *)block + block->used;
        block->used += block->size;
    }
    block->live++;
    if (!has_room(block))
        unlink_block(list, block);
    return p;
}

void ts_runs_give(struct ts_runs *rns, void *p, size_t bytes)
{
    if (bytes > TS_RUNS_MAX) {
        ts_free(p);
        return;
    }
    struct ts_runs_block *block = block_of(p), **list = &rns->with_room[block->size / TS_RUNS_GRAIN];
    TS_ASSERT(block->size == round_size(bytes) && block->live);
    if (!has_room(block))
        link_block(list, block);
    memcpy(p, &block->free, sizeof block->free);
    block->free = p;
    if (--block->live == 0) {
        unlink_block(list, block);
        ts_block_free(block);
    }
}
