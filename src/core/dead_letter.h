#ifndef TS_CORE_DEAD_LETTER_H
#define TS_CORE_DEAD_LETTER_H
/*
 * Files of points that a sink's other side has refused: <state_dir>/dead-letter/<sink>.lp. The sink appends
 * to it, tsagg-ctl reads it and moves it away, and both hold its lock (flock) while they do.
 *
 *   # 2026-11-21T12:00:00Z HTTP 400: unable to parse …
 *   cpu,host=a usage_mean=1.5 1700000000000000000
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/err.h"

#include <limits.h>

struct ts_dead_letter_path {
    char z[PATH_MAX];
};

/** The file of a sink with an ending: ".lp", or ".retry.lp" for those to be tried again. sink NULL: the
 * folder. */
struct ts_dead_letter_path ts_dead_letter_path(const char *state_dir, const char *sink, const char *ending);

struct ts_dead_letter {
    struct ts_str why;   /* time and reason, "" when the comment is missing */
    struct ts_str point; /* with its line end; a string in it may hold further ones */
};

/**
 * Takes the next one off the front of *rest.
 * @return false: *rest ends before it does, and is left as it is. At the end of a file that is a torn one.
 */
bool ts_dead_letter_next(struct ts_str *rest, struct ts_dead_letter *out);

/** How many there are in a file. @return 0, -TS_EIO, -TS_ENOMEM. */
int ts_dead_letter_count(const char *path, uint64_t *out) TS_MUST_CHECK;

/**
 * Reads the file from *offset on, at most `bytes`, in place of what buf holds.
 * @return 0, -TS_EIO, -TS_ENOMEM.
 */
int ts_dead_letter_read(int fd, uint64_t offset, size_t bytes, struct ts_buf *buf) TS_MUST_CHECK;

#endif
