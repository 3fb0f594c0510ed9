#ifndef TS_CORE_LE_H
#define TS_CORE_LE_H
/* Whole numbers and doubles (IEEE 754 binary64) as bytes, the lowest first, at any address. */
#include "core/base.h"

#include <endian.h>

TS_INLINE void ts_le_put16(char *to, uint16_t v)
{
    v = htole16(v);
    memcpy(to, &v, sizeof v);
}

TS_INLINE void ts_le_put32(char *to, uint32_t v)
{
    v = htole32(v);
    memcpy(to, &v, sizeof v);
}

TS_INLINE void ts_le_put64(char *to, uint64_t v)
{
    v = htole64(v);
    memcpy(to, &v, sizeof v);
}

TS_INLINE void ts_le_put_double(char *to, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    ts_le_put64(to, bits);
}

TS_INLINE uint16_t ts_le_get16(const char *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return le16toh(v);
}

TS_INLINE uint32_t ts_le_get32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

TS_INLINE uint64_t ts_le_get64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

TS_INLINE double ts_le_get_double(const char *p)
{
    uint64_t bits = ts_le_get64(p);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

#endif
