/*
 * Structural scan: a comparison per character class gives a bit mask of 64 bytes, whose set bits are then written out as
 * positions (the first stage of Langdale, Lemire, "Parsing gigabytes of JSON per second", 2019). Thread: any.
 */
#include "config.h"
#include "parse/parse_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

size_t ts_scan_plain(const char *data, size_t len, uint32_t *pos)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (data[i] == '\n' || data[i] == ':' || data[i] == '|')
            pos[n++] = (uint32_t)i;
    return n;
}

#if defined(__x86_64__)
/* Writes the positions of the lowest four bits, real or not, and takes them away. */
#define PUT_FOUR(lowest, bits, base, to)                                                                     \
    _Pragma("GCC unroll 4") for (size_t j_ = 0; j_ < 4; j_++)                                                \
    {                                                                                                        \
        (to)[j_] = (base) + (uint32_t)lowest(bits);                                                          \
        (bits) &= (bits)-1;                                                                                  \
    }

/* Writes positions in groups and then counts how many were real: the branches on the count predict well. */
#define PUT_BITS(lowest, bits, base, pos, n)                                                                 \
    do {                                                                                                     \
        size_t count_ = (size_t)__builtin_popcountll(bits);                                                  \
        PUT_FOUR(lowest, bits, base, (pos) + (n))                                                            \
        if (count_ > 4)                                                                                      \
            PUT_FOUR(lowest, bits, base, (pos) + (n) + 4)                                                    \
        for (size_t i_ = 8; TS_UNLIKELY(i_ < count_); i_ += 4)                                               \
            PUT_FOUR(lowest, bits, base, (pos) + (n) + i_)                                                   \
        (n) += count_;                                                                                       \
    } while (0)

TS_INLINE unsigned lowest_plain(uint64_t bits)
{
    return bits ? (unsigned)__builtin_ctzll(bits) : 64;
}

TS_INLINE uint64_t in_range(uint64_t bits, size_t at, size_t len)
{
    return len - at >= 64 ? bits : bits & ((UINT64_C(1) << (len - at)) - 1);
}

static size_t scan_sse2(const char *data, size_t len, uint32_t *pos)
{
    const __m128i nl = _mm_set1_epi8('\n'), colon = _mm_set1_epi8(':'), bar = _mm_set1_epi8('|');
    size_t n = 0;
    for (size_t i = 0; i < len; i += 64) {
        uint64_t bits = 0;
        for (unsigned j = 0; j < 4; j++) {
            __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(data + i + 16 * j));
            __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, nl), _mm_cmpeq_epi8(x, colon)),
                                       _mm_cmpeq_epi8(x, bar));
            bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (16 * j);
        }
        bits = in_range(bits, i, len);
        PUT_BITS(lowest_plain, bits, (uint32_t)i, pos, n);
    }
    return n;
}

__attribute__((target("avx2,bmi,popcnt"))) static size_t scan_avx2(const char *data, size_t len, uint32_t *pos)
{
    const __m256i nl = _mm256_set1_epi8('\n'), colon = _mm256_set1_epi8(':'), bar = _mm256_set1_epi8('|');
    size_t n = 0;
    for (size_t i = 0; i < len; i += 64) {
        uint64_t bits = 0;
        for (unsigned j = 0; j < 2; j++) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(data + i + 32 * j));
            __m256i hit = _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(x, nl), _mm256_cmpeq_epi8(x, colon)),
                                          _mm256_cmpeq_epi8(x, bar));
            bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(hit) << (32 * j);
        }
        bits = in_range(bits, i, len);
        PUT_BITS(_tzcnt_u64, bits, (uint32_t)i, pos, n);
    }
    return n;
}
#endif

ts_scan_fn *ts_scan_choose(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") ? scan_avx2 : scan_sse2;
#else
    return ts_scan_plain;
#endif
}
