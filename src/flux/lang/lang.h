#ifndef TS_FLUX_LANG_H
#define TS_FLUX_LANG_H
/*
 * The language's front end: text to syntax tree (Flux language specification, "Syntax"), and the tree back to
 * well-formed text. Nothing here runs anything. Thread: any, one at a time for each object.
 */
#include "core/buf.h"
#include "core/clock.h"
#include "core/near.h"
#include "flux/lang/lang_ast.h"

#define TS_FLUX_NESTING    80          /* of expressions and blocks */
#define TS_FLUX_SOURCE_MAX (16u << 20) /* bytes */

/** What was wrong, and where; the first error of a text. */
struct ts_flux_error {
    struct ts_flux_pos pos;
    int rc; /* what kind of error it is; 0: the script is wrong */
    char msg[400];
};

/** Fills error unless it is filled already. @return -TS_EQUERY, for `return ts_flux_error_set(…)`. */
int ts_flux_error_set(struct ts_flux_error *error, struct ts_flux_pos pos, const char *fmt, ...)
    TS_PRINTF(3, 4);

/**
 * The error for people: "error @line:column-line:column: message" (as InfluxDB says it), the source line and
 * a caret under the place. Several lines, the last without an end.
 */
void ts_flux_error_print(const struct ts_flux_error *error, struct ts_buf *to);

/** The first line of that. */
void ts_flux_error_print_line(const struct ts_flux_error *error, struct ts_buf *to);

/**
 * Parses src, which must stay as long as the tree. names and arena own what is made.
 * @return 0; -TS_EQUERY: syntax or nesting, see error; -TS_ENOMEM.
 */
int ts_flux_parse(struct ts_flux_arena *arena, struct ts_flux_names *names, const struct ts_flux_source *src,
                  struct ts_flux_file *out, struct ts_flux_error *error) TS_MUST_CHECK;

/**
 * The text of a syntax tree in JSON as InfluxDB's clients send it (`extern` of a query): a File of assignments and options of values.
 * @return 0; -TS_EQUERY: error says why; -TS_ENOMEM.
 */
int ts_flux_extern_text(struct ts_str json, struct ts_buf *to, struct ts_flux_error *error) TS_MUST_CHECK;

/** Writes the file in its one form; comments stay. Formatting the result again changes nothing. */
void ts_flux_format(const struct ts_flux_file *file, struct ts_buf *to);

/** Writes one expression on one line, as messages quote it. */
void ts_flux_format_expr(const struct ts_flux_source *src, const struct ts_flux_node *node,
                         struct ts_buf *to);

/** Duration text ("1mo2d", "-3h", "0s") of a pair; both parts have the same sign. */
void ts_flux_put_duration(struct ts_buf *to, int64_t months, int64_t ns);

/**
 * Reads an unsigned duration literal: units y mo w d h m s ms us µs ns.
 * @return 0; -TS_EPARSE; -TS_ELIMIT.
 */
int ts_flux_read_duration(struct ts_str s, int64_t *months, int64_t *ns) TS_MUST_CHECK;

/** Reads a time literal: a date, or RFC 3339 with an offset. @return as ts_clock_read_time. */
static inline int TS_MUST_CHECK ts_flux_read_time(struct ts_str s, int64_t *ns)
{
    return ts_clock_read_time(s, ns);
}

#endif
