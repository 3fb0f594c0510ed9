#ifndef TS_CORE_MEM_H
#define TS_CORE_MEM_H
/*
 * The only door to the allocator. ts_alloc and friends return NULL when there is no memory: the caller
 * degrades and counts. ts_xalloc and friends end the process: for start-up, where nothing can go on.
 * Memory from here is zeroed, and freed with TS_FREE, which clears the pointer.
 *
 * With --enable-hostile, ts_alloc_fail_at(n) makes the n-th allocation from now fail (1 is the next).
 */
#include "core/base.h"

void *ts_alloc(size_t bytes) TS_MUST_CHECK;
void *ts_alloc_aligned(size_t bytes, size_t align) TS_MUST_CHECK;
void *ts_resize(void *p, size_t bytes) TS_MUST_CHECK; /* contents beyond the former size are undefined */
void *ts_xalloc(size_t bytes) TS_MUST_CHECK;
void *ts_xalloc_aligned(size_t bytes, size_t align) TS_MUST_CHECK;
void *ts_xresize(void *p, size_t bytes) TS_MUST_CHECK;
void *ts_xpages_alloc(size_t bytes) TS_MUST_CHECK; /* of ts_pages_alloc */
char *ts_xstrdup(const char *z) TS_MUST_CHECK;
char *ts_xstrndup(const char *p, size_t len) TS_MUST_CHECK;
void ts_free(void *p);

#define TS_FREE(p)                                                                                           \
    do {                                                                                                     \
        ts_free(p);                                                                                          \
        (p) = NULL;                                                                                          \
    } while (0)

/**
 * Zeroed pages for a big table, on huge pages where the system allows. bytes is rounded up to whole pages.
 * @return NULL without memory. Free with ts_pages_free and the same bytes.
 */
void *ts_pages_alloc(size_t bytes) TS_MUST_CHECK;
void ts_pages_free(void *p, size_t bytes);

/** Moves what such pages hold to more of them; the rest is zero. p may be NULL. @return NULL without memory: p is as it was. */
void *ts_pages_grow(void *p, size_t bytes, size_t more) TS_MUST_CHECK;

#define TS_BLOCK_BYTES ((size_t)64 << 10)

/** TS_BLOCK_BYTES of zeroed pages at an address that is a multiple of that. @return NULL without memory. */
void *ts_block_alloc(void) TS_MUST_CHECK;
void ts_block_free(void *block);

/** @return p; the process ends when it is NULL, for want of these bytes, as without memory for ts_xalloc. */
void *ts_mem_had(void *p, size_t bytes);

/**
 * How long those of ts_xalloc wait for memory before they end the process; 0 at first. A daemon that runs rather waits than ends: others may
 * give some back. @thread any
 */
void ts_mem_set_patience(int64_t ns);

/**
 * For programs that do one thing and end, and for a start: any allocation that fails ends the process with this exit status; 0: no more.
 * @thread main
 */
void ts_mem_set_fatal(int status);

/**
 * For a program that runs for months: memory of 512 KiB and more goes back to the system as soon as it is freed. Otherwise the C library would
 * raise its limit with each large piece that is freed, and what each thread once needed at most would stay. @thread main, before others
 */
void ts_mem_set_lasting(void);

/** Gives memory that is free back to the system, where the C library can. May take milliseconds. @thread any */
void ts_mem_trim(void);

#ifdef TS_HOSTILE
void ts_alloc_fail_at(long n);
#endif

#endif
