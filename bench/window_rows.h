#ifndef TS_BENCH_WINDOW_ROWS_H
#define TS_BENCH_WINDOW_ROWS_H
#include <stdint.h>

/** Prints what one core does a second of each of the things that stream engines publish figures for. */
void window_rows(uint32_t nseries);

#endif
