/* Numbers, times and durations: text to value, and durations back to text. */
#include "config.h"
#include "core/clock.h"
#include "core/num.h"
#include "flux/lang/lang_parse.h"

#define MONTHS_MAX 1000000000 /* keeps all sums of months within int32 */

static const struct {
    const char *text;
    int64_t months, ns;
} units[] = {
    {"y", 12, 0},
    {"mo", 1, 0},
    {"w", 0, 7 * 86400 * TS_SEC},
    {"d", 0, 86400 * TS_SEC},
    {"h", 0, 3600 * TS_SEC},
    {"m", 0, 60 * TS_SEC},
    {"s", 0, TS_SEC},
    {"ms", 0, TS_MS},
    {"us", 0, TS_US},
    {"ns", 0, 1},
    {"\xc2\xb5s", 0, TS_US},
    {"\xce\xbcs", 0, TS_US},
};
#define WRITTEN 10 /* of these, the ones that durations are written with */

int ts_flux_read_duration(struct ts_str s, int64_t *months, int64_t *ns)
{
    size_t i = 0;
    *months = *ns = 0;
    while (i < s.len) {
        size_t d = i, u, len = 0, found = TS_ARRAY_SIZE(units);
        while (d < s.len && ts_flux_is_digit(s.p[d]))
            d++;
        for (u = 0; u < TS_ARRAY_SIZE(units); u++) {
            size_t n = strlen(units[u].text);
            if (n > len && n <= s.len - d && memcmp(s.p + d, units[u].text, n) == 0) {
                len = n;
                found = u;
            }
        }
        if (d == i || !len)
            return -TS_EPARSE;
        int64_t n, m, t;
        if (ts_num_read_int((struct ts_str){s.p + i, d - i}, &n) != 0 ||
            __builtin_mul_overflow(n, units[found].months, &m) ||
            __builtin_mul_overflow(n, units[found].ns, &t) || __builtin_add_overflow(*months, m, months) ||
            __builtin_add_overflow(*ns, t, ns) || *months > MONTHS_MAX)
            return -TS_ELIMIT;
        i = d + len;
    }
    return s.len ? 0 : -TS_EPARSE;
}

void ts_flux_put_duration(struct ts_buf *to, int64_t months, int64_t ns)
{
    uint64_t m = months < 0 ? -(uint64_t)months : (uint64_t)months, t = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    if (months < 0 || ns < 0)
        ts_buf_putc(to, '-');
    for (size_t u = 0; u < WRITTEN; u++) {
        uint64_t *rest = units[u].months ? &m : &t,
                 unit = (uint64_t)(units[u].months ? units[u].months : units[u].ns);
        if (*rest >= unit) {
            ts_buf_put_uint(to, *rest / unit);
            ts_buf_puts(to, units[u].text);
            *rest %= unit;
        }
    }
    if (months == 0 && ns == 0)
        ts_buf_puts(to, "0ns");
}

struct ts_flux_node *ts_flux_parse_number(struct ts_flux_parser *ps)
{
    struct ts_flux_node *node = ts_flux_parse_new(ps, TS_FLUX_N_INT, ps->tok.start);
    struct ts_str s = {ps->lex.src->text.p + ps->tok.start, ps->tok.end - ps->tok.start};
    struct ts_flux_pos pos = ts_flux_parse_pos(ps, ps->tok.start, ps->tok.end);
    const char *what = "an integer beyond 64 bits";
    int rc = 0;
    if (!node)
        return NULL;
    switch (ps->tok.kind) {
    case TS_FLUX_T_INT:
        rc = ts_num_read_uint(s, &node->u);
        rc = rc == 0 && node->u > (uint64_t)INT64_MAX + 1 ? -TS_ELIMIT : rc;
        break;
    case TS_FLUX_T_FLOAT:
        node->kind = TS_FLUX_N_FLOAT;
        rc = ts_num_read(s, &node->f);
        what = "a float beyond 64 bits";
        break;
    case TS_FLUX_T_TIME:
        node->kind = TS_FLUX_N_TIME;
        rc = ts_clock_read_time(s, &node->i);
        what = rc == -TS_ELIMIT ? "a time that nanoseconds since 1970 cannot hold"
                                : "not a time; right would be 2006-01-02 or 2006-01-02T15:04:05Z";
        break;
    default:
        node->kind = TS_FLUX_N_DURATION;
        rc = ts_flux_read_duration(s, &node->months, &node->i);
        what = rc == -TS_ELIMIT ? "a duration beyond 64 bits of nanoseconds" : "not a duration";
    }
    if (rc != 0) {
        (void)ts_flux_error_set(ps->lex.error, pos, "%s", what);
        return NULL;
    }
    ts_flux_parse_advance(ps);
    return ts_flux_parse_done(ps, node);
}
