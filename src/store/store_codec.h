#ifndef TS_STORE_CODEC_H
#define TS_STORE_CODEC_H
/*
 * Vectors of up to 1,024 numbers to bytes and back. docs/STORE.md has the layout and why it is so.
 *
 * An int vector is base + 10^scale * packed, where packed is bit-packed in lanes; or the same of the differences of
 * neighbours (delta). What does not fit into the width is patched in. A float vector is an int vector divided by 10^k when
 * most of its values are short decimals (exact by division), with the others as exceptions; else the int vector
 * of its bits.
 *
 * Decoders take any bytes: they never read beyond end, and return NULL for what no encoder wrote.
 */
#include "core/base.h"
#include "core/buf.h"

#define TS_VECTOR_MAX 1024

/* A function that the compiler turns into vector instructions, those that the processor has. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define TS_KERNEL __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#define TS_KERNEL_FMA __attribute__((target("avx2,fma"), optimize("O3"))) /* where __builtin_cpu_supports says so */
#else
#define TS_KERNEL
#endif

/** Appends n (1 … TS_VECTOR_MAX) values. random: single values can be read without the others (no delta). */
void ts_ints_encode(const int64_t *v, unsigned n, bool random, struct ts_buf *out);
/** out: room for n rounded up to 16. @return behind the vector, NULL when it is damaged. */
const uint8_t *ts_ints_decode(const uint8_t *p, const uint8_t *end, unsigned n, int64_t *out);

/** Where a vector ends, without decoding it; NULL when it is damaged. */
const uint8_t *ts_ints_end(const uint8_t *p, const uint8_t *end, unsigned n);

void ts_floats_encode(const double *v, unsigned n, bool random, struct ts_buf *out);
const uint8_t *ts_floats_decode(const uint8_t *p, const uint8_t *end, unsigned n, double *out);

/** Value i of a vector that was encoded with random. @return false when it is damaged or needs all of its vector. */
bool ts_ints_get(const uint8_t *p, const uint8_t *end, unsigned n, unsigned i, int64_t *out);
bool ts_floats_get(const uint8_t *p, const uint8_t *end, unsigned n, unsigned i, double *out);

/* Varints (LEB128), and signed ones in zigzag. */
void ts_varint_put(struct ts_buf *out, uint64_t v);
void ts_zigzag_put(struct ts_buf *out, int64_t v);
/** @return false at the end of the bytes, or for more than 64 bits. */
bool ts_varint_get(const uint8_t **p, const uint8_t *end, uint64_t *out);
bool ts_zigzag_get(const uint8_t **p, const uint8_t *end, int64_t *out);

#endif
