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

/* Exactly n digits at *i. */
static bool number_at(struct ts_str s, size_t *i, size_t n, int64_t *out)
{
    *out = 0;
    for (size_t end = *i + n; *i < end; ++*i) {
        if (*i >= s.len || !ts_flux_is_digit(s.p[*i]))
            return false;
        *out = *out * 10 + (s.p[*i] - '0');
    }
    return true;
}

static bool char_at(struct ts_str s, size_t *i, char c)
{
    bool is = *i < s.len && s.p[*i] == c;
    *i += is;
    return is;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible date
 * algorithms"). */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* [.fraction](Z|±hh:mm) at *i. */
static bool fraction_and_offset(struct ts_str s, size_t *i, int64_t *fraction, int64_t *offset)
{
    int64_t hours, minutes, unit = TS_SEC;
    *fraction = *offset = 0;
    if (char_at(s, i, '.')) {
        size_t from = *i;
        for (; *i < s.len && ts_flux_is_digit(s.p[*i]); ++*i) {
            unit /= 10;
            *fraction += unit * (s.p[*i] - '0');
        }
        if (*i == from)
            return false;
    }
    if (char_at(s, i, 'Z'))
        return true;
    int sign = char_at(s, i, '+') ? 1 : char_at(s, i, '-') ? -1 : 0;
    if (!sign || !number_at(s, i, 2, &hours) || !char_at(s, i, ':') || !number_at(s, i, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *offset = sign * (hours * 60 + minutes) * 60;
    return true;
}

int ts_flux_read_time(struct ts_str s, int64_t *ns)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y, mo, d, h = 0, mi = 0, sec = 0, fraction = 0, offset = 0, t;
    size_t i = 0;
    if (!number_at(s, &i, 4, &y) || !char_at(s, &i, '-') || !number_at(s, &i, 2, &mo) ||
        !char_at(s, &i, '-') || !number_at(s, &i, 2, &d))
        return -TS_EPARSE;
    if (i < s.len && (!char_at(s, &i, 'T') || !number_at(s, &i, 2, &h) || !char_at(s, &i, ':') ||
                      !number_at(s, &i, 2, &mi) || !char_at(s, &i, ':') || !number_at(s, &i, 2, &sec) ||
                      !fraction_and_offset(s, &i, &fraction, &offset)))
        return -TS_EPARSE;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (i != s.len || mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1] || (mo == 2 && d == 29 && !leap) ||
        h > 23 || mi > 59 || sec > 59)
        return -TS_EPARSE;
    t = days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec - offset;
    /* The smallest int64 has a fraction below its whole second. */
    if (t < 0 && fraction) {
        t++;
        fraction -= TS_SEC;
    }
    return __builtin_mul_overflow(t, TS_SEC, ns) || __builtin_add_overflow(*ns, fraction, ns) ? -TS_ELIMIT
                                                                                              : 0;
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
        rc = ts_flux_read_time(s, &node->i);
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
