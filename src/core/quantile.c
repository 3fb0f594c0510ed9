/* Names of quantiles to numbers and back. Thread: any. */
#include "config.h"
#include "core/quantile.h"

#include <stdio.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits [. digits] as millionths of 1 for percent: 99.9 is 999000. */
static int read_percent(struct ts_str s, uint32_t *out)
{
    uint64_t v = 0;
    unsigned decimals = 0;
    bool point = false;
    if (s.len == 0 || !is_digit(s.p[0]) || !is_digit(s.p[s.len - 1]))
        return -TS_ENOTFOUND;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(s.p[i]))
            return -TS_ENOTFOUND;
        decimals += point;
        v = TS_MIN(v * 10 + (uint64_t)(s.p[i] - '0'), UINT64_C(1) << 32);
    }
    for (unsigned i = decimals; i < 4; i++)
        v *= 10;
    if (decimals > 4 || v == 0 || v >= TS_QUANTILE_ONE)
        return -TS_EINVAL;
    *out = (uint32_t)v;
    return 0;
}

int ts_quantiles_add(struct ts_quantiles *set, struct ts_str name)
{
    uint32_t q = 0, at = 0;
    if (name.len < 2 || name.p[0] != 'p')
        return -TS_ENOTFOUND;
    int rc = read_percent((struct ts_str){name.p + 1, name.len - 1}, &q);
    if (rc)
        return rc;
    while (at < set->n && set->q[at] < q)
        at++;
    if (at < set->n && set->q[at] == q)
        return 0;
    if (set->n == TS_QUANTILES_MAX)
        return -TS_ELIMIT;
    memmove(&set->q[at + 1], &set->q[at], (set->n - at) * sizeof *set->q);
    set->q[at] = q;
    set->n++;
    return 0;
}

void ts_quantile_name(uint32_t q, char point, char out[TS_QUANTILE_NAME])
{
    unsigned whole = q / 10000 % 100, rest = q % 10000, digits = 4;
    if (rest == 0) {
        snprintf(out, TS_QUANTILE_NAME, "p%u", whole);
        return;
    }
    while (rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    snprintf(out, TS_QUANTILE_NAME, "p%u%c%0*u", whole, point, (int)digits, rest);
}
