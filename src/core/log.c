/*
 * Log lines to stderr, one write each, limited per event: ten in ten seconds, the rest is counted and told
 * with the next line of that event. Thread: any; one mutex, never taken on the way of a sample.
 */
#include "config.h"
#include "core/log.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/num.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define EVENTS     128 /* slots of the limiter; events that share a slot share its limit */
#define PER_PERIOD 10
#define PERIOD_NS  (10 * TS_SEC)

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static _Atomic int least_level = TS_LOG_INFO;

static struct {
    int64_t period_start_ns;
    unsigned logged, suppressed;
} limiter[EVENTS];
static pthread_mutex_t limiter_lock = PTHREAD_MUTEX_INITIALIZER;

void ts_log_set_level(enum ts_log_level level)
{
    atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

/* Whether this line may go out; *suppressed is how many of its event did not since the last that did. */
static bool admit(const char *event, unsigned *suppressed)
{
    size_t slot = 5381;
    for (const char *p = event; *p; p++)
        slot = slot * 33 + (unsigned char)*p;
    slot %= EVENTS;
    int64_t now = ts_clock_mono_ns();
    pthread_mutex_lock(&limiter_lock);
    if (now - limiter[slot].period_start_ns >= PERIOD_NS || limiter[slot].period_start_ns == 0) {
        limiter[slot].period_start_ns = now;
        limiter[slot].logged = 0;
    }
    bool ok = limiter[slot].logged < PER_PERIOD;
    if (ok) {
        limiter[slot].logged++;
        *suppressed = limiter[slot].suppressed;
        limiter[slot].suppressed = 0;
    } else {
        limiter[slot].suppressed++;
    }
    pthread_mutex_unlock(&limiter_lock);
    return ok;
}

void ts_log(enum ts_log_level level, const char *event, const char *fmt, ...)
{
    unsigned suppressed = 0;
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed) || !admit(event, &suppressed))
        return;
    char line[2048], when[TS_NUM_MAX + 1];
    int64_t now_ns = ts_clock_now_ns(), second_ns = ts_clock_floor(now_ns, TS_SEC);
    when[ts_clock_put_time(when, second_ns) - 1] = 0; /* the Z comes behind the milliseconds */
    size_t len = (size_t)snprintf(line, sizeof line, "time=%s.%03dZ level=%s event=%s ", when,
                                  (int)((now_ns - second_ns) / TS_MS), level_names[level], event);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line + len, sizeof line - len, fmt, ap);
    va_end(ap);
    len = TS_MIN(len + (size_t)TS_MAX(n, 0), sizeof line - 64);
    if (suppressed)
        len += (size_t)snprintf(line + len, sizeof line - len, " suppressed=%u", suppressed);
    while (len && line[len - 1] == ' ')
        len--;
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* a log that cannot be written has nowhere to be reported */
}

struct ts_log_quoted ts_log_quote(struct ts_str s)
{
    struct ts_log_quoted q;
    size_t len = 0;
    q.z[len++] = '"';
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (len > sizeof q.z - 12) {
            memcpy(q.z + len, "\xE2\x80\xA6", 3);
            len += 3;
            break;
        }
        if (c == '"' || c == '\\') {
            q.z[len++] = '\\';
            q.z[len++] = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            len += (size_t)snprintf(q.z + len, 5, "\\x%02x", c);
        } else {
            q.z[len++] = (char)c;
        }
    }
    q.z[len++] = '"';
    q.z[len] = 0;
    return q;
}
