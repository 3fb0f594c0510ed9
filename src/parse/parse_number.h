#ifndef TS_PARSE_PARSE_NUMBER_H
#define TS_PARSE_PARSE_NUMBER_H
/*
 * Plain decimal numbers, [+-] digits [. digits], as nearly every line has them. Anything else is refused and left to the complete
 * parser. Reads up to 8 bytes at p whatever the length says.
 */
#include "core/base.h"

/** Eight ASCII digits, the first in the lowest byte, to their value. SWAR: pairs, then fours, then all eight. */
TS_INLINE uint64_t ts_number_eight(uint64_t x)
{
    x -= UINT64_C(0x3030303030303030);
    x = x * 10 + (x >> 8);
    return (((x & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064)) +
            (((x >> 16) & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001))) >>
           32;
}

TS_INLINE bool ts_number_all_digits(uint64_t x)
{
    return (((x + UINT64_C(0x4646464646464646)) | (x - UINT64_C(0x3030303030303030))) &
            UINT64_C(0x8080808080808080)) == 0;
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

TS_INLINE bool ts_number_plain(const char *p, size_t len, double *out)
{
    static const double pow10[8] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    bool neg = *p == '-';
    if (TS_UNLIKELY(neg | (*p == '+'))) {
        p++;
        len--;
    }
    double v;
    if (TS_LIKELY(len - 1 < 8)) { /* 1 … 8 characters */
        uint64_t x;
        memcpy(&x, p, 8);
        size_t frac = 0;
        /* The lowest '.' within the number: its zero byte in y is the lowest one found by the carry trick. */
        uint64_t y = x ^ UINT64_C(0x2E2E2E2E2E2E2E2E);
        uint64_t dots = (y - UINT64_C(0x0101010101010101)) & ~y & UINT64_C(0x8080808080808080);
        size_t dot = dots ? (size_t)__builtin_ctzll(dots) >> 3 : 8;
        if (dot < len) {
            if (dot == 0 || dot == len - 1)
                return false;
            uint64_t below = (UINT64_C(1) << (8 * dot)) - 1;
            x = (x & ~below & ~(UINT64_C(0xFF) << (8 * dot))) | (x & below) << 8;
            /* the digits before the dot moved up over it; the lowest byte is free now */
            x >>= 8;
            frac = len - 1 - dot;
            len--;
        }
        /* Right-align: the digits go to the high bytes, '0' fills the rest. */
        unsigned fill = (unsigned)(8 * (8 - len));
        x = fill ? x << fill | (UINT64_C(0x3030303030303030) >> (64 - fill)) : x;
        if (!ts_number_all_digits(x))
            return false;
        v = (double)ts_number_eight(x) / pow10[frac];
    } else if (len == 0 || !ts_number_long(p, len, &v)) {
        return false;
    }
    *out = neg ? -v : v;
    return true;
}

#endif
