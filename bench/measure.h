#ifndef TS_BENCH_MEASURE_H
#define TS_BENCH_MEASURE_H
/* What measurements share. */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/** splitmix64, from the same seed each time. */
static inline uint64_t bits(void)
{
    static uint64_t seed = 1;
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/** Of this thread. */
static inline double cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/** Sorts them. */
static inline double median(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_value);
    return v[n / 2];
}

#endif
