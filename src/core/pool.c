/*
 * Items in pages of 2 MiB, which are aligned to their size: so an item's address tells its page, whose own data comes first.
 * Thread: the owner's. Without memory nothing is taken.
 */
#include "config.h"
#include "core/pool.h"

#include "core/mem.h"

#define PAGE_BYTES ((size_t)2 << 20)
#define HEAD_BYTES ((size_t)TS_CACHELINE)
#define ITEMS_MAX  64

struct ts_pool_page {
    struct ts_pool *pool;
    struct ts_pool_page *prev, *next;
    uint64_t free, used_before; /* a bit for each item */
};
_Static_assert(sizeof(struct ts_pool_page) <= HEAD_BYTES, "items begin behind it");

static uint64_t all_items(const struct ts_pool *pool)
{
    size_t n = (PAGE_BYTES - HEAD_BYTES) / pool->item_bytes;
    return n >= ITEMS_MAX ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

void ts_pool_init(struct ts_pool *pool, size_t item_bytes)
{
    TS_ASSERT(item_bytes >= 32768 && item_bytes <= 1048576);
    *pool = (struct ts_pool){.item_bytes = (item_bytes + 2 * TS_CACHELINE - 1) & ~(size_t)(2 * TS_CACHELINE - 1)};
}

static void free_page(struct ts_pool_page *page)
{
    struct ts_pool_page **from = page->prev ? &page->prev->next : &page->pool->pages;
    *from = page->next;
    if (page->next)
        page->next->prev = page->prev;
    page->pool->npages--;
    ts_pages_free(page, PAGE_BYTES);
}

void ts_pool_fini(struct ts_pool *pool)
{
    while (pool->pages) {
        TS_ASSERT(pool->pages->free == all_items(pool));
        free_page(pool->pages);
    }
}

static struct ts_pool_page *add_page(struct ts_pool *pool)
{
    struct ts_pool_page *page = ts_pages_alloc(PAGE_BYTES);
    if (!page)
        return NULL;
    *page = (struct ts_pool_page){.pool = pool, .next = pool->pages, .free = all_items(pool)};
    if (page->next)
        page->next->prev = page;
    pool->pages = page;
    pool->npages++;
    return page;
}

void *ts_pool_take(struct ts_pool *pool)
{
    struct ts_pool_page *page = pool->pages;
    while (page && page->free == 0)
        page = page->next;
    if (!page && !(page = add_page(pool)))
        return NULL;
    uint64_t bit = page->free & (0 - page->free);
    void *item = (char *)page + HEAD_BYTES + (size_t)__builtin_ctzll(bit) * pool->item_bytes;
    if (page->used_before & bit)
        memset(item, 0, pool->item_bytes);
    page->free &= ~bit;
    page->used_before |= bit;
    return item;
}

void ts_pool_give(void *item)
{
    size_t at = (uintptr_t)item & (PAGE_BYTES - 1);
    struct ts_pool_page *page = (struct ts_pool_page *)(void *)((char *)item - at);
    page->free |= UINT64_C(1) << (at - HEAD_BYTES) / page->pool->item_bytes;
    if (page->free == all_items(page->pool) && (page->prev || page->next))
        free_page(page);
}
