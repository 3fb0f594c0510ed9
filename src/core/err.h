#ifndef TS_CORE_ERR_H
#define TS_CORE_ERR_H
/*
 * Error codes and messages. Functions return 0 or a negative TS_E code; those that can say more fill a
 * struct ts_err, which the caller owns (on its stack), and which is one line without a line end.
 */
#include "core/base.h"

enum ts_error {
    TS_EOK,
#define TS_ERROR(name, retriable, text) TS_E##name,
#include "tbl/errors.def"
#undef TS_ERROR
    TS_E_COUNT
};

struct ts_err {
    char msg[512];
};

/** Text of a code (0 or negative). Never NULL. */
const char *ts_strerror(int code);

/** Whether trying again later can help. */
bool ts_error_is_retriable(int code);

/** Writes the message (when err is not NULL) and returns -code: `return ts_fail(err, TS_EINVAL, "…")`. */
int ts_fail(struct ts_err *err, enum ts_error code, const char *fmt, ...) TS_PRINTF(3, 4);

/** The same with ": " and errno's text at the end. */
int ts_fail_errno(struct ts_err *err, enum ts_error code, const char *fmt, ...) TS_PRINTF(3, 4);

#endif
