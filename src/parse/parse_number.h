#ifndef TS_PARSE_PARSE_NUMBER_H
#define TS_PARSE_PARSE_NUMBER_H
/*
 * Plain decimal numbers, [+-] digits [. digits], as nearly every line has them. Anything else is refused and left to the complete
 * parser. Reads up to 8 bytes at p whatever the length says.
 */
#include "core/base.h"

/** Eight digits, 0 to 9 in a byte each and the first in the lowest, to their value. SWAR: pairs, then fours, then all eight. */
TS_INLINE uint64_t ts_number_eight(uint64_t x)
{
    x = x * 10 + (x >> 8);
    return (((x & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064)) +
            (((x >> 16) & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001))) >>
           32;
}

/** Whether no byte is above 9. A byte from 0x80 on gives itself away, so a carry out of it does no harm. */
TS_INLINE bool ts_number_all_digits(uint64_t x)
{
    return ((x | (x + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080)) == 0;
}

/** More than eight characters, no sign. @return false: not plain, or more than 18 digits. */
static inline bool ts_number_long(const char *p, size_t len, double *out)
{
    static const double pow10[19] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                     1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    uint64_t m = 0;
    size_t frac = 0;
    bool dot = false;
    if (len > 19 || p[len - 1] == '.' || p[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned d = (unsigned char)p[i] - '0';
        if (d <= 9) {
            m = m * 10 + d;
            frac += dot;
        } else if (p[i] == '.' && !dot) {
            dot = true;
        } else {
            return false;
        }
    }
    if (m > UINT64_C(1) << 53)
        return false;
    *out = (double)m / pow10[frac]; /* both exact, so the quotient is the nearest double (Clinger 1990) */
    return true;
}

/*
 * 1 to 8 characters, no sign. The characters move up until the last one is in the highest byte; what comes in below is 0, which is a
 * leading zero as soon as characters are digits (x ^ "00000000"). Then a '.' is closed by moving up what stands below it.
 */
TS_INLINE bool ts_number_short(const char *p, size_t len, double *out)
{
    static const double pow10[8] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    uint64_t x;
    memcpy(&x, p, 8);
    x = (x ^ UINT64_C(0x3030303030303030)) << (64 - 8 * len);
    /* The lowest byte that was '.': the lowest zero byte of y is the lowest one found by the carry trick. */
    uint64_t y = x ^ UINT64_C(0x1E1E1E1E1E1E1E1E);
    uint64_t dots = (y - UINT64_C(0x0101010101010101)) & ~y & UINT64_C(0x8080808080808080);
    if (dots == 0) {
        *out = (double)(int64_t)ts_number_eight(x);
        return ts_number_all_digits(x);
    }
    unsigned dot = (unsigned)__builtin_ctzll(dots) >> 3;
    if (dot == 8 - len || dot == 7)
        return false;
    uint64_t below = (UINT64_C(1) << (8 * dot)) - 1;
    x = (x & (~below << 8)) | (x & below) << 8;
    *out = (double)(int64_t)ts_number_eight(x) / pow10[7 - dot];
    return ts_number_all_digits(x);
}

/** Digits alone, up to 19 of them. @return false: not of this form, or too large. */
static inline bool ts_number_time(const char *p, size_t len, int64_t *out)
{
    uint64_t v = 0, x;
    if (len - 1 >= 19)
        return false;
    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&x, p, 8);
        x ^= UINT64_C(0x3030303030303030);
        if (!ts_number_all_digits(x))
            return false;
        v = v * 100000000 + ts_number_eight(x);
    }
    if (len) {
        static const uint64_t pow10[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
        memcpy(&x, p, 8);
        x = (x ^ UINT64_C(0x3030303030303030)) << (64 - 8 * len);
        if (!ts_number_all_digits(x))
            return false;
        v = v * pow10[len] + ts_number_eight(x);
    }
    *out = (int64_t)v;
    return v <= INT64_MAX;
}

/** @return false: not of this form, and *out is anything. */
TS_INLINE bool ts_number_plain(const char *p, size_t len, double *out)
{
    if (TS_LIKELY(len - 1 < 8 && *p >= '0'))
        return ts_number_short(p, len, out);
    bool minus = *p == '-';
    if (len && (minus || *p == '+')) {
        p++;
        len--;
    }
    if (len == 0 || *p < '0' || !(len <= 8 ? ts_number_short(p, len, out) : ts_number_long(p, len, out)))
        return false;
    if (minus)
        *out = -*out;
    return true;
}

#endif
