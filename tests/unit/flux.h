#ifndef TS_TESTS_FLUX_H
#define TS_TESTS_FLUX_H
/* Runs Flux scripts in tests: the whole way from a text to annotated CSV. */
#include "core/buf.h"
#include "core/clock.h"
#include "flux/flux.h"
#include "flux/table/table_csv.h"

/**
 * The results of a script as annotated CSV in out, or "error: " and the message. memory: the query's limit in
 * bytes, 0: none. source, is_over: may be NULL.
 * @return the most memory that it used.
 */
static inline size_t flux_run_over(struct ts_scan_source *source, bool (*is_over)(void *arg), const char *script, size_t memory,
                                   struct ts_buf *out)
{
    struct ts_flux_limits limits = {.memory_bytes = memory};
    struct ts_flux_run run;
    struct ts_flux_csv *csv = NULL;
    bool more = true;
    int rc = ts_flux_run_init(&run, &limits, 1600000000 * TS_SEC);
    ts_flux_run_source(&run, source);
    run.is_over = is_over;
    rc = rc ? rc : ts_flux_run_script(&run, ts_str_of(script), NULL, 0);
    rc = rc ? rc : ts_flux_csv_new(&run, TS_FLUX_DIALECT_ANNOTATED, &csv);
    while (rc == 0 && more)
        rc = ts_flux_csv_read(csv, out, &more);
    ts_flux_csv_free(&csv);
    if (rc) {
        ts_buf_clear(out);
        ts_buf_printf(out, "error: %s", run.error.msg);
    }
    size_t peak = run.mem.peak;
    ts_flux_run_fini(&run); /* asserts that nothing is left of the query's memory */
    return peak;
}

static inline size_t flux_run(const char *script, size_t memory, struct ts_buf *out)
{
    return flux_run_over(NULL, NULL, script, memory, out);
}

#endif
