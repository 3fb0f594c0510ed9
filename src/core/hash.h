#ifndef TS_CORE_HASH_H
#define TS_CORE_HASH_H
/* XXH3 (libxxhash), compiled in where it is used: keys are short and a call would cost as much as the hash. */
#include "core/base.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

TS_INLINE uint64_t ts_hash(const void *p, size_t len)
{
    return XXH3_64bits(p, len);
}

TS_INLINE uint64_t ts_hash_seeded(const void *p, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, len, seed);
}

#endif
