/* Runs or formats a script in this process. Thread: main. Owns the answer; its memory is bounded by the request. */
#include "config.h"
#include "query_local.h"

#include "core/clock.h"
#include "core/conf.h"
#include "core/mem.h"
#include "flux/flux.h"
#include "store/store.h"

#include <stdio.h>

/* Reads the answer to its end; each piece goes on as it comes. */
static int send_all(struct ts_answer *ans, const struct ts_query_http_events *events, struct ts_buf *error)
{
    struct ts_buf piece = TS_BUF_INIT;
    bool more = true;
    int rc = 0;
    while (more && rc == 0) {
        ts_buf_clear(&piece);
        rc = ts_answer_read(ans, &piece, &more);
        if (rc) {
            ts_buf_clear(error);
            ts_answer_put_error(ans, TS_ANSWER_SHOWN, error);
        } else if (piece.len) {
            rc = events->body(events->arg, ts_buf_str(&piece));
        }
        if (rc == 0)
            events->tick(events->arg);
    }
    ts_buf_fini(&piece);
    return rc;
}

static bool is_stopped(void *arg)
{
    const struct ts_query_request *req = arg;
    return req->stop && *req->stop;
}

/* *out stays NULL when there is no store and none was asked for: scripts that need no bucket run all the same. */
static int open_store(const char *dir, struct ts_scan_source **out, struct ts_buf *error)
{
    struct ts_err err;
    char *state = dir ? ts_xstrdup(dir) : ts_conf_default_state_dir();
    struct ts_buf below = TS_BUF_INIT;
    int rc = -TS_ENOTFOUND;
    *out = NULL;
    if (state) {
        ts_buf_printf(&below, "%s/store", state);
        rc = dir ? ts_store_open_source(dir, out, &err) : rc;
        if (rc == -TS_ENOTFOUND)
            rc = ts_store_open_source(ts_buf_cstr(&below), out, &err);
    }
    ts_buf_fini(&below);
    TS_FREE(state);
    if (rc == -TS_ENOTFOUND && !dir)
        return 0;
    if (rc == -TS_ENOTFOUND)
        ts_buf_printf(error, "--local=%s: there is no store; right would be the directory that tsagg-ctl store knows", dir);
    else if (rc)
        ts_buf_printf(error, "%s", err.msg);
    return rc ? -TS_EQUERY : 0;
}

int query_local_run(const struct ts_query_request *req, const struct ts_query_http_events *events,
                    struct ts_buf *error)
{
    struct ts_ask ask = {.script = req->script,
                         .params = req->params,
                         .nparams = req->nparams,
                         .dialect = TS_ASK_ANNOTATED,
                         .now_ns = ts_clock_now_ns(),
                         .memory_bytes = req->memory_bytes,
                         .deadline_ns = req->timeout_ns ? ts_clock_mono_ns() + req->timeout_ns : 0,
                         .is_over = is_stopped,
                         .arg = (void *)(uintptr_t)req};
    if (req->now && ts_flux_read_time(ts_str_of(req->now), &ask.now_ns) != 0) {
        ts_buf_printf(error, "--now %s: not a time that nanoseconds since 1970 can hold", req->now);
        return -TS_EQUERY;
    }
    struct ts_scan_source *store;
    int rc = open_store(req->store, &store, error);
    struct ts_answer *ans = rc ? NULL : ts_flux_answer(store, &ask);
    rc = rc || ans ? rc : -TS_ENOMEM;
    rc = rc ? rc : send_all(ans, events, error);
    ts_answer_free(&ans);
    ts_store_close_source(&store);
    return req->stop && *req->stop ? 0 : rc;
}

enum ts_query_end query_local_format(struct ts_str script, struct ts_buf *error)
{
    struct ts_flux_mem mem = {0};
    struct ts_flux_arena arena;
    struct ts_flux_names names = {.arena = &arena};
    struct ts_flux_source src = {"", script};
    struct ts_flux_error wrong = {0};
    struct ts_flux_file file;
    struct ts_buf text = TS_BUF_INIT;
    enum ts_query_end end = TS_QUERY_OK;
    ts_flux_arena_init(&arena, &mem);
    if (ts_flux_parse(&arena, &names, &src, &file, &wrong) != 0) {
        ts_flux_error_print(&wrong, error);
        end = TS_QUERY_FAILED;
    } else {
        ts_flux_format(&file, &text);
        if (ts_buf_failed(&text) || fwrite(text.p, 1, text.len, stdout) != text.len || fflush(stdout) != 0) {
            ts_buf_puts(error, "cannot write the script");
            end = TS_QUERY_FAILED;
        }
    }
    ts_buf_fini(&text);
    ts_flux_arena_fini(&arena);
    return end;
}
