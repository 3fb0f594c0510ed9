#ifndef TS_CORE_BASE_H
#define TS_CORE_BASE_H
/*
 * What every file stands on: fixed-width types, byte strings, assertions, compiler hints.
 *
 * TS_ASSERT states something that only a bug can break. It stays on in release builds: a daemon that goes
 * on with broken state would deliver wrong numbers, which is worse than a restart.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TS_LIKELY(x)      __builtin_expect(!!(x), 1)
#define TS_UNLIKELY(x)    __builtin_expect(!!(x), 0)
#define TS_PRINTF(f, a)   __attribute__((format(printf, f, a)))
#define TS_MUST_CHECK     __attribute__((warn_unused_result))
#define TS_NORETURN       __attribute__((noreturn))
#define TS_COLD           __attribute__((cold, noinline))
#define TS_INLINE         static inline __attribute__((always_inline))
#define TS_FALLTHROUGH    __attribute__((fallthrough))
#define TS_CACHELINE      64
#define TS_ALIGNED        __attribute__((aligned(TS_CACHELINE)))
#define TS_ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))
#define TS_MIN(a, b)      ((a) < (b) ? (a) : (b))
#define TS_MAX(a, b)      ((a) > (b) ? (a) : (b))

/** Functions between these are compiled for processors that have these features, as a text: "avx2,bmi". Include <immintrin.h> before. */
#define TS_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define TS_TARGET_BEGIN(features) TS_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define TS_TARGET_END             TS_PRAGMA(clang attribute pop)
#else
#define TS_TARGET_BEGIN(features) TS_PRAGMA(GCC push_options) TS_PRAGMA(GCC target(features))
#define TS_TARGET_END             TS_PRAGMA(GCC pop_options)
#endif

/** Bytes that somebody else owns; not terminated, any value may occur in them. */
struct ts_str {
    const char *p;
    size_t len;
};

#define TS_STR(literal) ((struct ts_str){(literal), sizeof(literal) - 1})

static inline struct ts_str ts_str_of(const char *z)
{
    return (struct ts_str){z, strlen(z)};
}

static inline bool ts_str_eq(struct ts_str a, struct ts_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/** Order by bytes, a prefix before its extensions: <0, 0, >0. */
static inline int ts_str_cmp(struct ts_str a, struct ts_str b)
{
    size_t n = TS_MIN(a.len, b.len);
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

TS_NORETURN void ts_assert_failed(const char *file, int line, const char *what);

#define TS_ASSERT(cond)                                                                                      \
    do {                                                                                                     \
        if (TS_UNLIKELY(!(cond)))                                                                            \
            ts_assert_failed(__FILE__, __LINE__, #cond);                                                     \
    } while (0)

#endif
