/* Any bytes as a script, run to its end within small limits: results come out, or an error. Nothing stays
 * allocated. */
#include "config.h"
#include "core/utf8.h"
#include "flux/flux.h"
#include "flux/table/table_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_all(struct ts_flux_run *run, struct ts_str script)
{
    struct ts_flux_csv *csv = NULL;
    struct ts_buf piece = TS_BUF_INIT;
    bool more = true;
    int rc = ts_flux_run_script(run, script, NULL, 0);
    rc = rc ? rc : ts_flux_csv_new(run, TS_FLUX_DIALECT_ANNOTATED, &csv);
    while (rc == 0 && more) {
        ts_buf_clear(&piece);
        rc = ts_flux_csv_read(csv, &piece, &more);
    }
    ts_flux_csv_free(&csv);
    ts_buf_fini(&piece);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ts_flux_limits limits = {.memory_bytes = 64u << 20, .steps = 200000, .depth = 100};
    struct ts_str script = {(const char *)data, size};
    struct ts_flux_run run;
    if (size > 20000 || !ts_utf8_valid(script) ||
        memmem(data, size, "file", 4)) /* csv.from(file:) reads this machine */
        return 0;
    int rc = ts_flux_run_init(&run, &limits, INT64_C(1600000000000000000));
    rc = rc ? rc : run_all(&run, script);
    TS_ASSERT(rc == 0 || run.error.msg[0]);
    ts_flux_run_fini(&run);
    return 0;
}
