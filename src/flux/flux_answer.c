/*
 * The engine as an answer (core/ask.h): one run, its results as CSV, and what they depend on. Thread: whoever
 * reads. Owns the run; the store is asked through a source of its own that notes which times are read.
 */
#include "config.h"
#include "flux/flux.h"

#include "core/mem.h"
#include "core/scan.h"
#include "flux/table/table_csv.h"

/* Passes everything on; what is opened has the store's own operations. */
struct noting {
    struct ts_scan_source src;
    struct ts_scan_source *store;
    struct ts_ask_span *span;
};

struct answer {
    struct ts_answer ans;
    struct ts_ask ask;
    struct noting source;
    struct ts_ask_span span;
    struct ts_flux_run run;
    struct ts_flux_csv *csv;
    bool begun;
};

static void note(struct noting *src, int64_t start_ns, int64_t stop_ns)
{
    struct ts_ask_span *span = src->span;
    bool first = span->start_ns >= span->stop_ns;
    span->start_ns = first ? start_ns : TS_MIN(span->start_ns, start_ns);
    span->stop_ns = first ? stop_ns : TS_MAX(span->stop_ns, stop_ns);
}

static int noting_open(struct ts_scan_source *base, const struct ts_scan_request *req,
                       struct ts_scan_cursor **out, struct ts_err *err)
{
    struct noting *src = (struct noting *)base;
    note(src, req->start_ns, req->stop_ns);
    return ts_scan_open(src->store, req, out, err);
}

static int noting_schema(struct ts_scan_source *base, const struct ts_scan_schema_request *req,
                         ts_scan_schema_fn *fn, void *arg, struct ts_err *err)
{
    struct noting *src = (struct noting *)base;
    if (req->what == TS_SCAN_BUCKETS)
        src->span->clock = true; /* they come and go */
    else
        note(src, req->start_ns, req->stop_ns);
    return ts_scan_schema(src->store, req, fn, arg, err);
}

static int noting_bucket(struct ts_scan_source *base, struct ts_str name, struct ts_scan_bucket *out,
                         struct ts_err *err)
{
    return ts_scan_bucket(((struct noting *)base)->store, name, out, err);
}

static const struct ts_scan_ops noting_ops = {
    .open = noting_open, .schema = noting_schema, .bucket = noting_bucket};

static int begin(struct answer *ans)
{
    struct ts_flux_limits limits = {.memory_bytes = ans->ask.memory_bytes,
                                    .deadline_ns = ans->ask.deadline_ns};
    int rc = ts_flux_run_init(&ans->run, &limits, ans->ask.now_ns);
    ans->begun = true;
    ans->run.is_over = ans->ask.is_over;
    ans->run.over_arg = ans->ask.arg;
    ts_flux_run_source(&ans->run, ans->source.store ? &ans->source.src : NULL);
    ts_flux_run_externs(&ans->run, ans->ask.externs);
    rc = rc ? rc : ts_flux_run_script(&ans->run, ans->ask.script, ans->ask.params, ans->ask.nparams);
    if (rc == 0 && !ans->run.yields) {
        ans->run.pos = (struct ts_flux_pos){0};
        rc = ts_flux_fail(
            &ans->run,
            "this Flux script returns no streaming data. Consider adding a \"yield\" or invoking streaming "
            "functions directly, without performing an assignment");
    }
    return rc ? rc : ts_flux_csv_new(&ans->run, ans->ask.dialect, &ans->csv);
}

static int answer_read(struct ts_answer *base, struct ts_buf *to, bool *more)
{
    struct answer *ans = (struct answer *)base;
    int rc = ans->begun ? 0 : begin(ans);
    rc = rc ? rc : ts_flux_csv_read(ans->csv, to, more);
    return rc && ans->run.error.rc ? ans->run.error.rc : rc;
}

static void answer_put_error(struct ts_answer *base, enum ts_answer_form form, struct ts_buf *to)
{
    struct answer *ans = (struct answer *)base;
    struct ts_buf line = TS_BUF_INIT;
    switch (form) {
    case TS_ANSWER_LINE: ts_flux_error_print_line(&ans->run.error, to); break;
    case TS_ANSWER_SHOWN: ts_flux_error_print(&ans->run.error, to); break;
    case TS_ANSWER_TABLE:
        ts_flux_error_print_line(&ans->run.error, &line);
        ts_flux_csv_put_error(ans->csv, ans->ask.dialect, ts_buf_str(&line), to);
        break;
    }
    ts_buf_fini(&line);
}

static struct ts_ask_span answer_span(const struct ts_answer *base)
{
    const struct answer *ans = (const struct answer *)base;
    struct ts_ask_span span = ans->span;
    span.clock |= ans->run.asked_clock;
    return span;
}

static void answer_free(struct ts_answer *base)
{
    struct answer *ans = (struct answer *)base;
    ts_flux_csv_free(&ans->csv);
    if (ans->begun)
        ts_flux_run_fini(&ans->run);
    TS_FREE(ans);
}

static const struct ts_answer_ops answer_ops = {
    .read = answer_read, .put_error = answer_put_error, .span = answer_span, .free = answer_free};

struct ts_answer *ts_flux_answer(struct ts_scan_source *src, const struct ts_ask *ask)
{
    struct answer *ans = ts_alloc(sizeof *ans);
    if (!ans)
        return NULL;
    ans->ans.ops = &answer_ops;
    ans->ask = *ask;
    ans->source = (struct noting){{&noting_ops}, src, &ans->span};
    return &ans->ans;
}
