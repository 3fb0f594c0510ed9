#ifndef TS_CORE_NUM_H
#define TS_CORE_NUM_H
/*
 * Numbers from text and to text, without the process's locale.
 */
#include "core/base.h"
#include "core/err.h"

#define TS_NUM_MAX 40 /* bytes that any number printed here fits in; all of them may be written, whatever its length */

/**
 * Reads a decimal number that fills s completely: [+-] digits [. digits] [eE [+-] digits], at least one digit
 * before or after the point. The result is the nearest double. No hexadecimal, no white space.
 * @return 0; -TS_EPARSE no such number ("", "nan", "inf", "1x" among them); -TS_ELIMIT beyond the range of double.
 */
int ts_num_read(struct ts_str s, double *out) TS_MUST_CHECK;

/** Reads [+-] digits that fill s. @return 0, -TS_EPARSE, -TS_ELIMIT beyond 64 bits. */
int ts_num_read_int(struct ts_str s, int64_t *out) TS_MUST_CHECK;
int ts_num_read_uint(struct ts_str s, uint64_t *out) TS_MUST_CHECK;

/**
 * Shortest decimal that reads back as v; an exponent only outside 1e-5 … 1e21; NaN, +Inf, -Inf in words.
 * @return its bytes (not terminated). to has room for TS_NUM_MAX.
 */
size_t ts_num_put_double(char *to, double v);
size_t ts_num_put_int(char *to, int64_t v);
size_t ts_num_put_uint(char *to, uint64_t v);

/** Reads a size: digits and B, KiB, MiB, GiB, TiB, kB, MB, GB, TB (none: bytes). @return 0, -TS_EPARSE, -TS_ELIMIT. */
int ts_num_read_bytes(struct ts_str s, uint64_t *out) TS_MUST_CHECK;

/** Text for people: "1,234,567", and "45.2 MiB"; used as ts_num_group(n).z. */
struct ts_num_text {
    char z[TS_NUM_MAX];
};
struct ts_num_text ts_num_group(uint64_t v);
struct ts_num_text ts_num_size(uint64_t bytes);

#endif
