/* Error codes to texts. Thread: any. */
#include "config.h"
#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *text;
    bool retriable;
} errors[TS_E_COUNT] = {
    [TS_EOK] = {"no error", false},
#define TS_ERROR(name, again, words) [TS_E##name] = {words, again},
#include "tbl/errors.def"
#undef TS_ERROR
};

const char *ts_strerror(int code)
{
    int i = code < 0 ? -code : code;
    return i < TS_E_COUNT ? errors[i].text : "unknown error";
}

bool ts_error_is_retriable(int code)
{
    int i = code < 0 ? -code : code;
    return i < TS_E_COUNT && errors[i].retriable;
}

int ts_fail(struct ts_err *err, enum ts_error code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
    }
    return -(int)code;
}

int ts_fail_errno(struct ts_err *err, enum ts_error code, const char *fmt, ...)
{
    int saved = errno;
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof err->msg)
            snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", strerror(saved));
    }
    return -(int)code;
}

void ts_assert_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "level=fatal event=bug where=%s:%d assertion=\"%s\"\n", file, line, what);
    abort();
}
