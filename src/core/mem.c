/*
 * The allocator's door: malloc and mmap, zeroed, with a failing mode for tests. Thread: any. Without memory the caller gets NULL, or the process
 * ends, at once or after a while in which somebody else may have given some back.
 */
#include "config.h"
#include "core/mem.h"

#include <stdatomic.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef TS_HOSTILE
static _Atomic long fail_in;

void ts_alloc_fail_at(long n)
{
    atomic_store(&fail_in, n);
}

static bool must_fail(void)
{
    return atomic_load(&fail_in) > 0 && atomic_fetch_sub(&fail_in, 1) == 1;
}
#else
static bool must_fail(void)
{
    return false;
}
#endif

#define WAIT_MS   10
#define OWN_PAGES (512 << 10)

static _Atomic unsigned patience; /* times WAIT_MS; relaxed: only its own value matters */
static _Atomic int fatal_status;  /* 0: only those of ts_xalloc and friends are fatal, with 1 */

void ts_mem_set_patience(int64_t ns)
{
    atomic_store_explicit(&patience, (unsigned)(ns / ((int64_t)WAIT_MS * 1000000)), memory_order_relaxed);
}

void ts_mem_set_fatal(int status)
{
    fatal_status = status;
}

static TS_COLD TS_NORETURN void die(size_t bytes)
{
    fprintf(stderr, "level=fatal event=out_of_memory bytes=%zu\n", bytes);
    if (patience) /* other threads are at work; what they have not written is in the journal and the snapshot */
        _exit(1);
    exit(fatal_status ? fatal_status : 1);
}

/* What ts_alloc and ts_resize give. */
static void *given(void *p, size_t bytes)
{
    if (TS_UNLIKELY(!p && fatal_status))
        die(bytes);
    return p;
}

/* @return that it is worth another try. */
static TS_COLD bool wait_for_memory(size_t bytes, unsigned *tries)
{
    if (++*tries > atomic_load_explicit(&patience, memory_order_relaxed))
        die(bytes);
    if (*tries == 1)
        fprintf(stderr, "level=warn event=waiting_for_memory bytes=%zu\n", bytes);
    nanosleep(&(struct timespec){0, WAIT_MS * 1000000}, NULL);
    return true;
}

void *ts_mem_had(void *p, size_t bytes)
{
    if (TS_UNLIKELY(!p))
        die(bytes);
    return p;
}

void *ts_alloc(size_t bytes)
{
    return given(must_fail() ? NULL : calloc(1, bytes ? bytes : 1), bytes);
}

void *ts_alloc_aligned(size_t bytes, size_t align)
{
    size_t rounded = (bytes + align - 1) & ~(align - 1);
    void *p = given(must_fail() ? NULL : aligned_alloc(align, rounded), bytes);
    return p ? memset(p, 0, rounded) : NULL;
}

void *ts_resize(void *p, size_t bytes)
{
    return given(must_fail() ? NULL : realloc(p, bytes ? bytes : 1), bytes);
}

void *ts_xalloc(size_t bytes)
{
    void *had;
    for (unsigned tries = 0; TS_UNLIKELY(!(had = ts_alloc(bytes))) && wait_for_memory(bytes, &tries);)
        ;
    return had;
}

void *ts_xalloc_aligned(size_t bytes, size_t align)
{
    void *had;
    for (unsigned tries = 0; TS_UNLIKELY(!(had = ts_alloc_aligned(bytes, align))) && wait_for_memory(bytes, &tries);)
        ;
    return had;
}

void *ts_xresize(void *p, size_t bytes)
{
    void *had;
    for (unsigned tries = 0; TS_UNLIKELY(!(had = ts_resize(p, bytes))) && wait_for_memory(bytes, &tries);)
        ;
    return had;
}

char *ts_xstrndup(const char *p, size_t len)
{
    char *z = ts_xalloc(len + 1);
    if (len)
        memcpy(z, p, len);
    return z;
}

char *ts_xstrdup(const char *z)
{
    return ts_xstrndup(z, strlen(z));
}

void ts_free(void *p)
{
    free(p);
}

void ts_mem_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

void ts_mem_set_lasting(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, OWN_PAGES);
#endif
}

#define HUGE_PAGE ((size_t)2 << 20)

static size_t page_round(size_t bytes)
{
    size_t unit = bytes >= HUGE_PAGE ? HUGE_PAGE : 4096;
    return (bytes + unit - 1) & ~(unit - 1);
}

/* Maps whole pages; align, if not 0, is a power of two above the size of a page. */
static void *map_pages(size_t bytes, size_t align)
{
    if (must_fail())
        return given(NULL, bytes);
    char *p = mmap(NULL, bytes + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return given(NULL, bytes);
    if (align) {
        size_t head = (align - ((uintptr_t)p & (align - 1))) & (align - 1);
        if (head)
            munmap(p, head);
        if (head < align)
            munmap(p + head + bytes, align - head);
        p += head;
    }
    return p;
}

void *ts_pages_alloc(size_t bytes)
{
    size_t want = page_round(bytes);
    bool huge = want >= HUGE_PAGE;
    void *p = map_pages(want, huge ? HUGE_PAGE : 0);
    if (p && huge)
        (void)madvise(p, want, MADV_HUGEPAGE); /* only a hint: plain pages do as well, slower */
    return p;
}

void *ts_xpages_alloc(size_t bytes)
{
    void *had;
    for (unsigned tries = 0; TS_UNLIKELY(!(had = ts_pages_alloc(bytes))) && wait_for_memory(bytes, &tries);)
        ;
    return had;
}

void *ts_pages_grow(void *p, size_t bytes, size_t more)
{
    void *bigger = ts_pages_alloc(more);
    if (bigger && p) {
        memcpy(bigger, p, bytes);
        ts_pages_free(p, bytes);
    }
    return bigger;
}

void *ts_block_alloc(void)
{
    return map_pages(TS_BLOCK_BYTES, TS_BLOCK_BYTES);
}

void ts_block_free(void *block)
{
    munmap(block, TS_BLOCK_BYTES);
}

void ts_pages_free(void *p, size_t bytes)
{
    if (p)
        munmap(p, page_round(bytes));
}
