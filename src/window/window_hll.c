/* HyperLogLog behind a small exact list. Thread: the worker that owns it. */
#include "config.h"
#include "window/window_hll.h"

#include "core/mem.h"

#include <math.h>

#define EXACT_MAX 64
#define BITS      12
#define REGISTERS (1u << BITS)
#define Q         (64 - BITS) /* a register holds 0 … Q + 1 */

struct ts_hll {
    unsigned n; /* of exact */
    uint8_t *registers; /* NULL while exact */
    uint64_t exact[EXACT_MAX];
};

struct ts_hll *ts_hll_new(void)
{
    return ts_alloc(sizeof(struct ts_hll));
}

void ts_hll_free(struct ts_hll **hll)
{
    if (*hll) {
        ts_free((*hll)->registers);
        TS_FREE(*hll);
    }
}

static void add_dense(struct ts_hll *hll, uint64_t hash)
{
    unsigned reg = (unsigned)(hash >> Q);
    uint64_t rest = hash << BITS;
    uint8_t rank = (uint8_t)(rest ? __builtin_clzll(rest) + 1 : Q + 1);
    if (rank > hll->registers[reg])
        hll->registers[reg] = rank;
}

bool ts_hll_add(struct ts_hll *hll, uint64_t hash)
{
    if (hll->registers) {
        add_dense(hll, hash);
        return true;
    }
    for (unsigned i = 0; i < hll->n; i++)
        if (hll->exact[i] == hash)
            return true;
    if (hll->n < EXACT_MAX) {
        hll->exact[hll->n++] = hash;
        return true;
    }
    hll->registers = ts_alloc(REGISTERS);
    if (!hll->registers)
        return false;
    for (unsigned i = 0; i < hll->n; i++)
        add_dense(hll, hll->exact[i]);
    add_dense(hll, hash);
    return true;
}

/* sigma(x) = x + sum over k >= 1 of x^(2^k) 2^(k-1): Ertl 2017, algorithm 6. */
static double sigma(double x)
{
    if (x == 1)
        return INFINITY;
    double y = 1, z = x, former;
    do {
        x *= x;
        former = z;
        z += x * y;
        y += y;
    } while (z != former);
    return z;
}

/* tau(x) = (1 - x - sum over k >= 1 of (1 - x^(2^-k))² 2^-k) / 3: Ertl 2017, algorithm 6. */
static double tau(double x)
{
    if (x == 0 || x == 1)
        return 0;
    double y = 1, z = 1 - x, former;
    do {
        x = sqrt(x);
        former = z;
        y /= 2;
        z -= (1 - x) * (1 - x) * y;
    } while (z != former);
    return z / 3;
}

double ts_hll_estimate(const struct ts_hll *hll)
{
    if (!hll->registers)
        return hll->n;
    unsigned with[Q + 2] = {0};
    for (unsigned i = 0; i < REGISTERS; i++)
        with[hll->registers[i]]++;
    double m = REGISTERS;
    double z = m * tau(1 - with[Q + 1] / m);
    for (int k = Q; k >= 1; k--)
        z = 0.5 * (z + with[k]);
    z += m * sigma(with[0] / m);
    return m * m / (2 * M_LN2 * z);
}
