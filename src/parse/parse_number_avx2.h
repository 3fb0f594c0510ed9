#ifndef TS_PARSE_PARSE_NUMBER_AVX2_H
#define TS_PARSE_PARSE_NUMBER_AVX2_H
/*
 * ts_number_plain with byte shuffles, for functions compiled with AVX2 and BMI2. One shuffle, chosen by length and place of the
 * '.', puts the digits where multiply-add joins them: pairs, fours, eight (Lemire, "Number parsing at a gigabyte per second",
 * 2021, has the multiplications).
 */
#include "parse/parse_number.h"

#include <immintrin.h>

/* Where each of eight digits comes from, right-aligned, and by what their value is divided; 0: there is no such form. */
struct ts_number_form {
    uint8_t from[8];
    double divisor;
};

/* In a file of their own: a compiler that sees constants builds them anew for each number. */
extern const struct ts_number_tables {
    uint8_t zeros[32], nines[32], dots[32], eights[32]; /* '0', 9, '.'; 0 and 8, eight by eight */
    struct ts_number_form forms[9][16]; /* by length and place of the '.', which is the length when there is none */
} ts_number_tables;

#if defined(__AVX2__) || defined(__clang__) /* else gcc cannot hand vectors on; clang does not say so in functions of a target */

TS_INLINE bool ts_number_avx2(const char *p, size_t len, double *out)
{
    if (TS_UNLIKELY(len - 1 >= 8))
        return ts_number_plain(p, len, out);
    const __m128i zeros = _mm_load_si128((const __m128i *)(const void *)ts_number_tables.zeros);
    const __m128i dots = _mm_load_si128((const __m128i *)(const void *)ts_number_tables.dots);
    const __m128i nines = _mm_load_si128((const __m128i *)(const void *)ts_number_tables.nines);
    const __m128i text = _mm_loadu_si128((const __m128i *)(const void *)p);
    uint32_t dot = _tzcnt_u32((uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(text, dots)) | UINT32_C(1) << len);
    const struct ts_number_form *form = &ts_number_tables.forms[len][dot];
    __m128i v = _mm_shuffle_epi8(_mm_sub_epi8(text, zeros), _mm_loadl_epi64((const __m128i *)(const void *)form->from));
    if (TS_UNLIKELY(form->divisor == 0 || _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, nines), v)) != 0xFFFF))
        return ts_number_plain(p, len, out); /* a second '.' is no digit either */
    v = _mm_maddubs_epi16(v, _mm_set1_epi16(10 | 1 << 8)); /* the first of a pair is the lower byte */
    v = _mm_madd_epi16(v, _mm_set1_epi32(100 | 1 << 16));
    v = _mm_madd_epi16(_mm_packus_epi32(v, v), _mm_set1_epi32(10000 | 1 << 16));
    *out = _mm_cvtsd_f64(_mm_cvtepi32_pd(v)) / form->divisor; /* both exact, so the quotient is the nearest double (Clinger 1990) */
    return true;
}

TS_INLINE __m256i ts_number_vector(const uint8_t bytes[32])
{
    return _mm256_load_si256((const __m256i *)(const void *)bytes);
}

/* The first eight bytes at each of four places. */
TS_INLINE __m256i ts_number_gather(const void *a, const void *b, const void *c, const void *d)
{
    __m128d low = _mm_loadh_pd(_mm_castsi128_pd(_mm_loadl_epi64((const __m128i *)a)), (const double *)b);
    __m128d high = _mm_loadh_pd(_mm_castsi128_pd(_mm_loadl_epi64((const __m128i *)c)), (const double *)d);
    return _mm256_castpd_si256(_mm256_set_m128d(high, low));
}

/**
 * Four numbers side by side, which take hardly more steps than one. @return false: one of them is not of 1 to 8 digits with at most
 * one '.' among them, and nothing is known of the others.
 */
TS_INLINE bool ts_number_four_avx2(const char *const p[4], const uint64_t len[4], __m256d *out)
{
    if (TS_UNLIKELY(((len[0] - 1) | (len[1] - 1) | (len[2] - 1) | (len[3] - 1)) >= 8))
        return false;
    const __m256i text = ts_number_gather(p[0], p[1], p[2], p[3]);
    const uint64_t dots = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, ts_number_vector(ts_number_tables.dots)));
    const struct ts_number_form *form[4];
    _Pragma("GCC unroll 4") for (unsigned i = 0; i < 4; i++)
        form[i] = &ts_number_tables.forms[len[i]][_tzcnt_u64(dots >> 8 * i | UINT64_C(1) << len[i])];
    const __m256d divisors =
        _mm256_castsi256_pd(ts_number_gather(&form[0]->divisor, &form[1]->divisor, &form[2]->divisor, &form[3]->divisor));
    const __m256i from = _mm256_add_epi8(ts_number_gather(form[0]->from, form[1]->from, form[2]->from, form[3]->from),
                                         ts_number_vector(ts_number_tables.eights));
    __m256i v = _mm256_shuffle_epi8(_mm256_sub_epi8(text, ts_number_vector(ts_number_tables.zeros)), from);
    const __m256i digits = _mm256_cmpeq_epi8(_mm256_min_epu8(v, ts_number_vector(ts_number_tables.nines)), v);
    const __m256d no_form = _mm256_cmp_pd(divisors, _mm256_setzero_pd(), _CMP_EQ_OQ);
    if (TS_UNLIKELY(~(uint32_t)_mm256_movemask_epi8(digits) | (uint32_t)_mm256_movemask_pd(no_form)))
        return false;
    v = _mm256_maddubs_epi16(v, _mm256_set1_epi16(10 | 1 << 8));
    v = _mm256_madd_epi16(v, _mm256_set1_epi32(100 | 1 << 16));
    v = _mm256_madd_epi16(_mm256_packus_epi32(v, v), _mm256_set1_epi32(10000 | 1 << 16)); /* a, b, a, b | c, d, c, d */
    v = _mm256_permute4x64_epi64(v, 0 | 2 << 2);
    *out = _mm256_div_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(v)), divisors);
    return true;
}

#endif

#endif
