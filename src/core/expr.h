#ifndef TS_CORE_EXPR_H
#define TS_CORE_EXPR_H
/*
 * Expressions over a sample: `name ~ "api.*" and tags.env == "prod" and value > 0.5`. What they say of name,
 * field, tags and kind is worked out once for a series (ts_expr_bind); what is left is a calculation with
 * numbers, for each sample.
 *
 *   or      = and { "or" and }
 *   and     = not { "and" not }
 *   not     = "not" not | compare
 *   compare = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum | ( "~" | "!~" ) ( glob | /regex/ ) ]
 *   sum     = term { ( "+" | "-" ) term }
 *   term    = factor { ( "*" | "/" | "%" ) factor }
 *   factor  = "-" factor | number | "text" | 'text' | "(" or ")" | function "(" or { "," or } ")"
 *           | value | time | weight | name | field | kind | tags.KEY | tags."KEY"
 */
#include "core/base.h"
#include "core/err.h"
#include "core/series.h"

#define TS_EXPR_LEN_MAX   4096 /* bytes of text */
#define TS_EXPR_OPS_MAX   512
#define TS_EXPR_DEPTH_MAX 32 /* of brackets and signs */

enum ts_expr_type { TS_EXPR_NUMBER, TS_EXPR_TRUTH, TS_EXPR_TEXT };

struct ts_expr;

/** Reads and checks an expression of this type. @return 0, -TS_EPARSE: err says what is wrong, at which
 * character, and what would be right. */
int ts_expr_read(struct ts_str text, enum ts_expr_type want, struct ts_expr **out,
                 struct ts_err *err) TS_MUST_CHECK;
void ts_expr_free(struct ts_expr **expr);

/** What a sample brings to a calculation. Sets and strings have no number: their value is NaN. */
struct ts_expr_sample {
    double value, weight;
    double time; /* seconds since 1970 */
};

/** What is left of an expression for one series. Truths are 0 and 1. */
struct ts_calc;

/** @return 0; -TS_ELIMIT a regular expression took too long; -TS_ENOMEM. */
int ts_expr_bind(const struct ts_expr *expr, const struct ts_series_view *view,
                 struct ts_calc **out) TS_MUST_CHECK;
void ts_calc_free(struct ts_calc **calc);

/** When *calc says the same as *latest, it becomes another use of that, to be freed as well; else *latest
 * becomes one of *calc. Both belong to one thread. */
void ts_calc_share(struct ts_calc **calc, struct ts_calc **latest);

/** Whether it is the same for every sample of the series; then *v is it. */
bool ts_calc_is_constant(const struct ts_calc *calc, double *v);

double ts_calc_run(const struct ts_calc *calc, const struct ts_expr_sample *smp);

/** "counter", "gauge", "timing", "set", "field", "string". */
const char *ts_expr_kind_name(enum ts_kind kind);

/** The value of the tag; "" without one. */
struct ts_str ts_expr_tag(const struct ts_series_view *view, struct ts_str key);

#endif
