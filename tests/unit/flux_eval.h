#ifndef TS_TESTS_FLUX_EVAL_H
#define TS_TESTS_FLUX_EVAL_H
/* Runs scripts for tests: what a value displays as, and what an error says. */
#include "unit.h"

#include "flux/flux.h"

#define FLUX_NOW INT64_C(1767225600000000000) /* 2026-01-01T00:00:00Z */

/* Runs script; the error's message, "" without one. */
static inline const char *flux_run(const char *script, const struct ts_flux_limits *limits, char to[400])
{
    struct ts_flux_run run;
    int rc = ts_flux_run_init(&run, limits, FLUX_NOW);
    rc = rc ? rc : ts_flux_run_script(&run, ts_str_of(script), NULL, 0);
    snprintf(to, 400, "%s", rc ? run.error.msg : "");
    assert_true((rc == 0) == (run.error.msg[0] == '\0'));
    ts_flux_run_fini(&run);
    return to;
}

/* What expr displays as: the script ends with an error that says it. head: what stands before. */
static inline const char *flux_show(const char *head, const char *expr, char to[400])
{
    char script[8192];
    int n = snprintf(script, sizeof script, "%s\ndie(msg: display(v: %s))", head, expr);
    assert_in_range(n, 1, sizeof script - 1);
    return flux_run(script, &(struct ts_flux_limits){.memory_bytes = 64u << 20}, to);
}

#define SHOWS(head, expr, want)                                                                              \
    do {                                                                                                     \
        char shown_[400];                                                                                    \
        assert_string_equal(flux_show(head, expr, shown_), want);                                            \
    } while (0)
#define IS(expr, want) SHOWS("", expr, want)
#define FAILS(script, want)                                                                                  \
    do {                                                                                                     \
        char said_[400];                                                                                     \
        assert_string_equal(flux_run(script, &(struct ts_flux_limits){.memory_bytes = 64u << 20}, said_),    \
                            want);                                                                           \
    } while (0)

#endif
