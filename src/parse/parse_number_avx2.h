#ifndef TS_PARSE_PARSE_NUMBER_AVX2_H
#define TS_PARSE_PARSE_NUMBER_AVX2_H
/*
 * ts_number_plain with byte shuffles, for functions compiled with AVX2 and BMI2. One shuffle, chosen by length and place of the
 * '.', puts the digits where multiply-add joins them: pairs, fours, eight (Lemire, "Number parsing at a gigabyte per second",
 * 2021, has the multiplications).
 */
#include "parse/parse_number.h"

#include <immintrin.h>

/* Where each of eight digits comes from, right-aligned, and by what their value is divided. */
struct ts_number_form {
    uint8_t from[8];
    double divisor;
};

/* In a file of their own: a compiler that sees constants builds them anew for each number. */
extern const struct ts_number_tables {
    uint8_t zeros[16], tens[16]; /* '0', 10 */
    struct ts_number_form forms[9][16]; /* by length and place of the '.', which is the length when there is none */
} ts_number_tables;

TS_INLINE bool ts_number_avx2(const char *p, size_t len, double *out)
{
    if (TS_UNLIKELY(len - 1 >= 8))
        return ts_number_plain(p, len, out);
    const __m128i zeros = _mm_load_si128((const __m128i *)(const void *)ts_number_tables.zeros);
    const __m128i tens = _mm_load_si128((const __m128i *)(const void *)ts_number_tables.tens);
    const __m128i digit = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), zeros);
    const __m128i above = _mm_cmpeq_epi8(_mm_max_epu8(digit, tens), digit);
    uint32_t others = (uint32_t)_mm_movemask_epi8(above) & ((UINT32_C(1) << len) - 1);
    size_t dot = (size_t)__builtin_ctz(others | UINT32_C(1) << len);
    if (others && TS_UNLIKELY(p[dot] != '.' || (others & (others - 1)) != 0 || dot == 0 || dot == len - 1))
        return ts_number_plain(p, len, out);
    const struct ts_number_form *form = &ts_number_tables.forms[len][dot];
    __m128i v = _mm_shuffle_epi8(digit, _mm_loadl_epi64((const __m128i *)(const void *)form->from));
    v = _mm_maddubs_epi16(v, _mm_set1_epi16(10 | 1 << 8)); /* the first of a pair is the lower byte */
    v = _mm_madd_epi16(v, _mm_set1_epi32(100 | 1 << 16));
    v = _mm_madd_epi16(_mm_packus_epi32(v, v), _mm_set1_epi32(10000 | 1 << 16));
    *out = _mm_cvtsd_f64(_mm_cvtepi32_pd(v)) / form->divisor; /* both exact, so the quotient is the nearest double (Clinger 1990) */
    return true;
}

#endif
