/*
 * What memory alone takes of a line when there are many series: the daemon's tables, of as many series, at random places, fetched ahead as it
 * does, and nothing done with them but one addition. Then what it costs to find where a page lies: as many cache lines, side by side
 * and one a page of 4 KiB, each telling where the next is. ns of CPU, medians of five rounds. usage: touch [SERIES]
 */
#include "config.h"
#include "core/mem.h"
#include "core/num.h"
#include "measure.h"

#include <stdio.h>

#define ROUNDS  5
#define GROUP   8
#define TOUCHES (1u << 21)
#define PAGE    4096
#define LINES   8192 /* of half a MiB side by side */

/* The daemon's tables, and what they have for a series. */
enum { BUCKET = 1, SLOT = 2, PANE = 4, SKETCH = 8, PAIR = 16 };
static const uint64_t bytes_of[] = {32, 4, 64, 64, 128};
static char *tables[TS_ARRAY_SIZE(bytes_of)];

static uint64_t nseries = 1000000;
static uint32_t *places;

TS_INLINE void touch(unsigned touched, uint64_t at, bool only_fetch)
{
    _Pragma("GCC unroll 8") for (unsigned t = 0; t < TS_ARRAY_SIZE(bytes_of); t++)
    {
        if (!(touched >> t & 1))
            continue;
        char *p = tables[t] + at * bytes_of[t] / TS_CACHELINE * TS_CACHELINE;
        for (uint64_t line = 0; line < TS_MAX(bytes_of[t] / TS_CACHELINE, 1u); line++, p += TS_CACHELINE) {
            if (only_fetch)
                __builtin_prefetch(p, 1);
            else
                ++*p;
        }
    }
}

/* ns for what is touched at one random place. */
TS_INLINE double fetched_ahead(unsigned touched)
{
    double began = cpu_ns();
    for (unsigned i = 0; i + 2 * GROUP <= TOUCHES; i += GROUP) {
        for (unsigned k = 0; k < GROUP; k++)
            touch(touched, places[i + GROUP + k], true);
        for (unsigned k = 0; k < GROUP; k++)
            touch(touched, places[i + k], false);
    }
    return (cpu_ns() - began) / TOUCHES;
}

static double a_bucket(void) { return fetched_ahead(BUCKET); }
static double a_slot(void) { return fetched_ahead(SLOT); }
static double a_pane(void) { return fetched_ahead(PANE); }
static double a_line(void) { return fetched_ahead(BUCKET | SLOT | PANE); }
static double two_apart(void) { return fetched_ahead(PANE | SKETCH); }
static double a_pair(void) { return fetched_ahead(PAIR); }
static double a_line_with_quantiles(void) { return fetched_ahead(BUCKET | SLOT | PAIR); }

static const struct row {
    const char *name;
    double (*cost_ns)(void);
} rows[] = {
    {"bucket of a key", a_bucket},
    {"slot of an id", a_slot},
    {"pane", a_pane},
    {"a line: all three", a_line},
    {"pane, and sketch elsewhere", two_apart},
    {"pane and sketch side by side", a_pair},
    {"a line with quantiles", a_line_with_quantiles},
};

/* ns from one line to the next, which it points to: LINES of them, one in each `apart` bytes. */
static double one_by_one(char *p, size_t apart)
{
    static uint32_t order[LINES];
    static char **where[LINES];
    for (uint32_t i = 0; i < LINES; i++) {
        uint32_t other = (uint32_t)(bits() % (i + 1));
        order[i] = order[other];
        order[other] = i;
        where[i] = (char **)(void *)(p + i * apart + bits() % (apart / TS_CACHELINE) * TS_CACHELINE);
    }
    for (uint32_t i = 0; i < LINES; i++)
        *where[order[i]] = (char *)where[order[(i + 1) % LINES]];
    char *at = (char *)where[0];
    for (unsigned i = 0; i < LINES; i++)
        at = *(char **)(void *)at;
    double began = cpu_ns();
    for (unsigned i = 0; i < TOUCHES; i++)
        at = *(char **)(void *)at;
    return (cpu_ns() - began + (at ? 0 : 1)) / TOUCHES;
}

int main(int argc, char **argv)
{
    double cost[TS_ARRAY_SIZE(rows)][ROUNDS], walk[2][ROUNDS];
    if (argc > 1 && (ts_num_read_uint(ts_str_of(argv[1]), &nseries) || nseries == 0 || nseries > 10000000)) {
        fprintf(stderr, "usage: touch [SERIES]\n");
        return 2;
    }
    for (unsigned t = 0; t < TS_ARRAY_SIZE(tables); t++) {
        tables[t] = ts_xpages_alloc(nseries * bytes_of[t] + TS_CACHELINE);
        memset(tables[t], 0, nseries * bytes_of[t] + TS_CACHELINE);
    }
    places = ts_xalloc(TOUCHES * sizeof *places);
    for (unsigned i = 0; i < TOUCHES; i++)
        places[i] = (uint32_t)(bits() % nseries);
    char *pages = ts_xpages_alloc((size_t)LINES * PAGE);
    for (unsigned r = 0; r < ROUNDS; r++) {
        for (unsigned k = 0; k < TS_ARRAY_SIZE(rows); k++)
            cost[k][r] = rows[k].cost_ns();
        walk[0][r] = one_by_one(pages, TS_CACHELINE);
        walk[1][r] = one_by_one(pages, PAGE);
    }
    printf("at random, %llu series\n%-32s%8s\n", (unsigned long long)nseries, "", "ns");
    for (unsigned k = 0; k < TS_ARRAY_SIZE(rows); k++)
        printf("%-32s%8.1f\n", rows[k].name, median(cost[k], ROUNDS));
    printf("%u lines, one after the other\n", LINES);
    printf("%-32s%8.1f\n%-32s%8.1f\n", "side by side", median(walk[0], ROUNDS), "one a page of 4 KiB", median(walk[1], ROUNDS));
    for (unsigned t = 0; t < TS_ARRAY_SIZE(tables); t++)
        ts_pages_free(tables[t], nseries * bytes_of[t] + TS_CACHELINE);
    ts_pages_free(pages, (size_t)LINES * PAGE);
    ts_free(places);
    return 0;
}
