#ifndef TS_TESTS_FUZZ_LINE_H
#define TS_TESTS_FUZZ_LINE_H
/* What must hold for any bytes given to the line parsers. */
#include "core/conf.h"

/**
 * Splits the bytes into lines and asserts of each: nothing outside it is read (it lies alone on the heap, for
 * ASan); reading it twice, or under `auto` when that takes it for this format, gives the same; the encoded
 * series of every sample decodes to itself; a point written out as line protocol reads back as itself.
 */
void fuzz_lines(enum ts_format format, const uint8_t *data, size_t size);

#endif
