/* The constants of parse_number_avx2.h. */
#include "config.h"

#if defined(__x86_64__)
#include "core/base.h"

#include <immintrin.h>
TS_TARGET_BEGIN("avx2,bmi,bmi2,popcnt")
#include "parse/parse_number_avx2.h"

#define EIGHT(x)   x, x, x, x, x, x, x, x
#define ALL(x)     {EIGHT(x), EIGHT(x), EIGHT(x), EIGHT(x)}
#define XX         0x80 /* a zero */

const struct ts_number_tables ts_number_tables TS_ALIGNED = {
    ALL('0'),
    ALL(9),
    ALL('.'),
    {EIGHT(0), EIGHT(8), EIGHT(0), EIGHT(8)},
    {
        [1][1] = {{XX, XX, XX, XX, XX, XX, XX, 0}, 1e0},
        [2][2] = {{XX, XX, XX, XX, XX, XX, 0, 1}, 1e0},
        [3][1] = {{XX, XX, XX, XX, XX, XX, 0, 2}, 1e1},
        [3][3] = {{XX, XX, XX, XX, XX, 0, 1, 2}, 1e0},
        [4][1] = {{XX, XX, XX, XX, XX, 0, 2, 3}, 1e2},
        [4][2] = {{XX, XX, XX, XX, XX, 0, 1, 3}, 1e1},
        [4][4] = {{XX, XX, XX, XX, 0, 1, 2, 3}, 1e0},
        [5][1] = {{XX, XX, XX, XX, 0, 2, 3, 4}, 1e3},
        [5][2] = {{XX, XX, XX, XX, 0, 1, 3, 4}, 1e2},
        [5][3] = {{XX, XX, XX, XX, 0, 1, 2, 4}, 1e1},
        [5][5] = {{XX, XX, XX, 0, 1, 2, 3, 4}, 1e0},
        [6][1] = {{XX, XX, XX, 0, 2, 3, 4, 5}, 1e4},
        [6][2] = {{XX, XX, XX, 0, 1, 3, 4, 5}, 1e3},
        [6][3] = {{XX, XX, XX, 0, 1, 2, 4, 5}, 1e2},
        [6][4] = {{XX, XX, XX, 0, 1, 2, 3, 5}, 1e1},
        [6][6] = {{XX, XX, 0, 1, 2, 3, 4, 5}, 1e0},
        [7][1] = {{XX, XX, 0, 2, 3, 4, 5, 6}, 1e5},
        [7][2] = {{XX, XX, 0, 1, 3, 4, 5, 6}, 1e4},
        [7][3] = {{XX, XX, 0, 1, 2, 4, 5, 6}, 1e3},
        [7][4] = {{XX, XX, 0, 1, 2, 3, 5, 6}, 1e2},
        [7][5] = {{XX, XX, 0, 1, 2, 3, 4, 6}, 1e1},
        [7][7] = {{XX, 0, 1, 2, 3, 4, 5, 6}, 1e0},
        [8][1] = {{XX, 0, 2, 3, 4, 5, 6, 7}, 1e6},
        [8][2] = {{XX, 0, 1, 3, 4, 5, 6, 7}, 1e5},
        [8][3] = {{XX, 0, 1, 2, 4, 5, 6, 7}, 1e4},
        [8][4] = {{XX, 0, 1, 2, 3, 5, 6, 7}, 1e3},
        [8][5] = {{XX, 0, 1, 2, 3, 4, 6, 7}, 1e2},
        [8][6] = {{XX, 0, 1, 2, 3, 4, 5, 7}, 1e1},
        [8][8] = {{0, 1, 2, 3, 4, 5, 6, 7}, 1e0},
    },
};
TS_TARGET_END
#else
typedef int ts_number_avx2_is_empty;
#endif
