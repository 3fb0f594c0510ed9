/* How many lines a second a listener lets through. Thread: ingest. Whole numbers only: nothing is lost by
 * rounding. */
#include "config.h"
#include "ingest/ingest_limit.h"

#define TOKEN UINT64_C(1000000000)

void ts_limit_init(struct ts_limit *limit, uint64_t rate, uint64_t burst, int64_t now_ns)
{
    burst = burst ? burst : rate;
    *limit = (struct ts_limit){.rate = rate, .burst = burst, .level = burst * TOKEN, .filled_ns = now_ns};
}

void ts_limit_fill(struct ts_limit *limit, int64_t now_ns)
{
    if (now_ns <= limit->filled_ns) /* another socket's thread was here with a later time */
        return;
    uint64_t missing = limit->burst * TOKEN - limit->level, passed_ns = (uint64_t)(now_ns - limit->filled_ns);
    limit->level += passed_ns > missing / limit->rate ? missing : passed_ns * limit->rate;
    limit->filled_ns = now_ns;
}

/* Counts lines that are not empty, `most` of them. @return where the last one ends. */
static const char *walk(const char *p, const char *end, uint64_t most, uint64_t *lines)
{
    *lines = 0;
    while (p < end && *lines < most) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *line_end = newline ? newline : end;
        *lines += line_end - p > (*p == '\r');
        p = newline ? newline + 1 : end;
    }
    return p;
}

uint64_t ts_limit_lines(const char *data, size_t len)
{
    uint64_t lines;
    walk(data, data + len, UINT64_MAX, &lines);
    return lines;
}

size_t ts_limit_take(struct ts_limit *limit, const char *data, size_t len, uint64_t *over)
{
    uint64_t lines, tokens = limit->level / TOKEN;
    walk(data, data + len, UINT64_MAX, &lines);
    uint64_t pass = TS_MIN(lines, tokens);
    limit->level -= pass * TOKEN;
    *over = lines - pass;
    return *over ? (size_t)(walk(data, data + len, pass, &lines) - data) : len;
}
