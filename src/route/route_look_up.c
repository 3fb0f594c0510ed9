/*
 * Hashes of keys and their look-up, compiled for processors with AVX2 and AES instructions and for any other (route_look_up.inc is the
 * text of both). Thread: ingest.
 *
 * Both hashes are keyed at random, so that nobody can choose names that collide. One is XXH3 with 128 bits. The other takes the key in
 * blocks of 16 bytes, each added to the state and followed by two rounds of AES, after which every bit of the block has reached every
 * byte (Daemen, Rijmen, "The Design of Rijndael", 2002, section 3.5), and two more rounds at the end. Rounds are permutations, so keys
 * that differ in one block never have the same 128 bits. The first field of a line is hashed with what stands before it, the others
 * apart: where fields change places a series has two keys, as it has for tags that do.
 */
#include "config.h"
#include "route/route_intern.h"

#include <sys/random.h>

TS_INLINE struct ts_print hash_xxh3(const struct ts_raw *raw, const struct ts_intern *in)
{
    uint64_t shape = ts_key_shape(raw);
    XXH128_hash_t head = XXH3_128bits_withSeed(raw->head, raw->head_len, shape ^ in->key[0]);
    if (raw->tail_len) {
        XXH128_hash_t tail = XXH3_128bits_withSeed(raw->tail, raw->tail_len, shape ^ in->key[1]);
        head.low64 ^= tail.low64;
        head.high64 ^= tail.high64;
    }
    return (struct ts_print){head.low64, head.high64};
}

TS_INLINE unsigned slots_with(const struct ts_bucket *bucket, uint64_t tag)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < TS_BUCKET_SLOTS; i++)
        bits |= (unsigned)(bucket->tag[i] == tag) << i;
    return bits;
}

#define LOOK_UP(name)           name##_plain
#define HASH(raw, in)           hash_xxh3(raw, in)
#define SLOTS_WITH(bucket, tag) slots_with(bucket, tag)
#include "route/route_look_up.inc"
#undef LOOK_UP
#undef HASH
#undef SLOTS_WITH

#if defined(__x86_64__)
#include <immintrin.h>
TS_TARGET_BEGIN("avx2,aes,bmi,bmi2")

/* Up to 15 bytes, as 16 that say the same: which of them overlap, the length says, which is hashed too. */
TS_INLINE __m128i short_block(const char *p, size_t len)
{
    uint64_t low = 0, high = 0;
    if (len >= 8) {
        memcpy(&low, p, 8);
        memcpy(&high, p + len - 8, 8);
    } else if (len >= 4) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + len - 4, 4);
        low = a;
        high = b;
    } else if (len) {
        low = (unsigned char)p[0] | (uint64_t)(unsigned char)p[len / 2] << 8 | (uint64_t)(unsigned char)p[len - 1] << 16;
    }
    return _mm_set_epi64x((long long)high, (long long)low);
}

TS_INLINE __m128i two_rounds(__m128i state, __m128i block, __m128i key)
{
    return _mm_aesenc_si128(_mm_aesenc_si128(_mm_xor_si128(state, block), key), key);
}

TS_INLINE __m128i absorb(__m128i state, const char *p, size_t len, __m128i key)
{
    if (TS_UNLIKELY(len < 16))
        return two_rounds(state, short_block(p, len), key);
    const char *last = p + len - 16;
    for (; p < last; p += 16)
        state = two_rounds(state, _mm_loadu_si128((const __m128i *)(const void *)p), key);
    return two_rounds(state, _mm_loadu_si128((const __m128i *)(const void *)last), key);
}

TS_INLINE struct ts_print hash_aes(const struct ts_raw *raw, const struct ts_intern *in)
{
    const __m128i key = _mm_loadu_si128((const __m128i *)(const void *)in->key);
    __m128i state = _mm_xor_si128(key, _mm_cvtsi64_si128((long long)ts_key_shape(raw)));
    size_t head_len = raw->head_len, tail_len = raw->tail_len;
    if (tail_len && raw->tail == raw->head + head_len + 1) { /* line protocol's first field: as one, with the blank between them */
        head_len += 1 + tail_len;
        tail_len = 0;
    }
    state = absorb(state, raw->head, head_len, key);
    if (tail_len)
        state = absorb(state, raw->tail, tail_len, key);
    struct ts_print print;
    _mm_storeu_si128((__m128i *)(void *)&print, two_rounds(state, _mm_setzero_si128(), key));
    return print;
}

TS_INLINE unsigned slots_with_avx2(const struct ts_bucket *bucket, uint64_t tag)
{
    __m256i same = _mm256_cmpeq_epi64(_mm256_set1_epi64x((long long)tag), _mm256_load_si256((const __m256i *)(const void *)bucket->tag));
    return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(same));
}

#define LOOK_UP(name)           name##_avx2
#define HASH(raw, in)           hash_aes(raw, in)
#define SLOTS_WITH(bucket, tag) slots_with_avx2(bucket, tag)
#include "route/route_look_up.inc"
TS_TARGET_END
#endif

void ts_intern_choose(struct ts_intern *in)
{
    /* Without random bytes (a kernel still starting) the key is 0: slower at worst, when somebody chooses names on purpose. */
    if (getrandom(in->key, sizeof in->key, GRND_NONBLOCK) != (ssize_t)sizeof in->key)
        memset(in->key, 0, sizeof in->key);
    in->hash = hash_plain;
    in->look_up = tile_plain;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("aes") && __builtin_cpu_supports("bmi2")) {
        in->hash = hash_avx2;
        in->look_up = tile_avx2;
    }
#endif
}
