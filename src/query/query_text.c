/* Visible text, and the forms of numbers and times. Thread: any. Owns nothing. */
#include "config.h"
#include "query/query_text.h"

#include "core/utf8.h"

static size_t put_escaped(struct ts_buf *to, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    const char *letter = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : NULL;
    if (letter) {
        ts_buf_put(to, letter, 2);
        return 2;
    }
    ts_buf_put(to, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
    return 4;
}

size_t ts_query_put_visible(struct ts_buf *to, struct ts_str s)
{
    size_t columns = 0;
    for (size_t i = 0; i < s.len;) {
        size_t from = i;
        while (i < s.len && s.p[i] >= 0x20 && s.p[i] < 0x7f)
            i++;
        ts_buf_put(to, s.p + from, i - from);
        columns += i - from;
        if (i == s.len)
            break;
        size_t n = ts_utf8_len(s.p + i, s.len - i);
        bool c1 = n == 2 && (unsigned char)s.p[i] == 0xC2 && (unsigned char)s.p[i + 1] < 0xA0;
        if (n > 1 && !c1) {
            ts_buf_put(to, s.p + i, n);
            columns++;
            i += n;
        } else {
            columns += put_escaped(to, (unsigned char)s.p[i]);
            i++;
        }
    }
    return columns;
}

size_t ts_query_cut(struct ts_str s, size_t columns)
{
    size_t i = 0;
    for (; columns && i < s.len; columns--)
        i += TS_MAX(ts_utf8_len(s.p + i, s.len - i), (size_t)1);
    return i;
}

/* Skips digits. @return how many there were. */
static size_t digits(struct ts_str s, size_t *i)
{
    size_t from = *i;
    while (*i < s.len && s.p[*i] >= '0' && s.p[*i] <= '9')
        ++*i;
    return *i - from;
}

static bool skip(struct ts_str s, size_t *i, const char *any_of)
{
    bool found = *i < s.len && s.p[*i] && strchr(any_of, s.p[*i]);
    *i += found;
    return found;
}

bool ts_query_is_number(struct ts_str s)
{
    size_t i = 0;
    skip(s, &i, "-");
    if (!skip(s, &i, "0") && digits(s, &i) == 0)
        return false;
    if (skip(s, &i, ".") && digits(s, &i) == 0)
        return false;
    if (skip(s, &i, "eE")) {
        skip(s, &i, "+-");
        if (digits(s, &i) == 0)
            return false;
    }
    return i == s.len;
}

/* Reads exactly n digits with a value of lo … hi. */
static bool read_part(struct ts_str s, size_t *i, size_t n, int lo, int hi, int *out)
{
    int v = 0;
    for (size_t end = *i + n; *i < end; ++*i) {
        if (*i >= s.len || s.p[*i] < '0' || s.p[*i] > '9')
            return false;
        v = v * 10 + (s.p[*i] - '0');
    }
    *out = v;
    return v >= lo && v <= hi;
}

bool ts_query_is_time(struct ts_str s)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    size_t i = 0;
    int year, month, v;
    if (!read_part(s, &i, 4, 0, 9999, &year) || !skip(s, &i, "-") || !read_part(s, &i, 2, 1, 12, &month) ||
        !skip(s, &i, "-"))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int last_day = month == 2 && !leap ? 28 : days[month - 1];
    if (!read_part(s, &i, 2, 1, last_day, &v) || !skip(s, &i, "T"))
        return false;
    if (!read_part(s, &i, 2, 0, 23, &v) || !skip(s, &i, ":") || !read_part(s, &i, 2, 0, 59, &v) ||
        !skip(s, &i, ":") || !read_part(s, &i, 2, 0, 59, &v))
        return false;
    if (skip(s, &i, ".") && digits(s, &i) == 0)
        return false;
    if (skip(s, &i, "Z"))
        return i == s.len;
    return skip(s, &i, "+-") && read_part(s, &i, 2, 0, 23, &v) && skip(s, &i, ":") &&
           read_part(s, &i, 2, 0, 59, &v) && i == s.len;
}
