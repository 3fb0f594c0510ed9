#ifndef TS_CORE_LOG_H
#define TS_CORE_LOG_H
/*
 * Log lines to stderr: time=… level=… event=… key=value …, one event one line. Each event may be logged ten
 * times in ten seconds; what comes more often is suppressed, and the next line of that event says how often
 * (suppressed=N). Values with blanks or quotes are to be printed with ts_log_quote.
 */
#include "core/base.h"

enum ts_log_level { TS_LOG_DEBUG, TS_LOG_INFO, TS_LOG_WARN, TS_LOG_ERROR };

void ts_log_set_level(enum ts_log_level level);

/**
 * @param event  a constant: its rate limit hangs on it. fmt gives the rest of the line, "key=value …" or "".
 * @thread any
 */
void ts_log(enum ts_log_level level, const char *event, const char *fmt, ...) TS_PRINTF(3, 4);

struct ts_log_quoted {
    char z[320];
};

/** The text in quotes, with " \ and control characters escaped; cut with … when it is long. */
struct ts_log_quoted ts_log_quote(struct ts_str s);

#define ts_log_quote_z(text) ts_log_quote(ts_str_of(text)).z

#endif
