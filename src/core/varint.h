#ifndef TS_CORE_VARINT_H
#define TS_CORE_VARINT_H
/*
 * Whole numbers in 1 to 10 bytes: seven bits a byte, the lowest first, the eighth set when another follows
 * (LEB128, as in DWARF and Protocol Buffers). Every number has one spelling, the shortest; others do not
 * read.
 */
#include "core/base.h"

#define TS_VARINT_MAX 10

static inline char *ts_varint_put(char *to, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        *to++ = (char)(v & 0x7f) | (char)0x80;
    *to++ = (char)v;
    return to;
}

/* Reading never goes beyond end: what is missing or misspelt reads as zero and sets bad. */
struct ts_varints {
    const char *p, *end;
    bool bad;
};

static inline uint64_t ts_varint_get(struct ts_varints *in)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && in->p < in->end; shift += 7) {
        unsigned char byte = (unsigned char)*in->p++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if ((byte == 0 && shift) || (shift == 63 && byte > 1))
            break;
        return v;
    }
    in->bad = true;
    return 0;
}

#endif
