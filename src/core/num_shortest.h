#ifndef TS_CORE_NUM_SHORTEST_H
#define TS_CORE_NUM_SHORTEST_H
/* The shortest decimal of a double. */
#include "core/base.h"

/**
 * The decimal with the fewest digits that lies nearest to v and reads back as v: v = *digits * 10^*exp10. v is finite and above 0.
 * *digits may end in zeros.
 */
void ts_num_shortest(double v, uint64_t *digits, int *exp10);

#endif
