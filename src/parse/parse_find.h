#ifndef TS_PARSE_PARSE_FIND_H
#define TS_PARSE_PARSE_FIND_H
/*
 * Where the next byte of a few stands, 16 bytes at a time. Reads up to 15 bytes behind the end.
 */
#include "core/base.h"

#if defined(__SSE2__)
#include <emmintrin.h>

typedef __m128i ts_find_block;

TS_INLINE ts_find_block ts_find_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/** Bit i is set when byte i is c. */
TS_INLINE unsigned ts_find_bits(ts_find_block block, char c)
{
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(c)));
}
#else
typedef struct {
    char bytes[16];
} ts_find_block;

TS_INLINE ts_find_block ts_find_load(const char *p)
{
    ts_find_block block;
    memcpy(&block, p, sizeof block);
    return block;
}

TS_INLINE unsigned ts_find_bits(ts_find_block block, char c)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < sizeof block; i++)
        bits |= (unsigned)(block.bytes[i] == c) << i;
    return bits;
}
#endif

/** The first byte in [p, end) that is one of the n in set, or end. The set is a constant, so that the loop over it is none. */
TS_INLINE const char *ts_find(const char *p, const char *end, const char *set, size_t n)
{
    for (; p < end; p += 16) {
        ts_find_block block = ts_find_load(p);
        unsigned bits = 0;
        for (size_t i = 0; i < n; i++)
            bits |= ts_find_bits(block, set[i]);
        if (bits) {
            p += __builtin_ctz(bits);
            return p < end ? p : end;
        }
    }
    return end;
}

#define TS_FIND(p, end, set) ts_find(p, end, set, sizeof(set) - 1)

#endif
