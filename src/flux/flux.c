/* A run from its script to its results, and the order in which its parts begin and end. Thread: the query's.
 */
#include "config.h"
#include "flux/flux.h"

#include "flux/exec/exec_interp.h"
#include "flux/exec/exec_regexp.h"
#include "flux/exec/exec_time.h"

#include <pthread.h>

#define STACK_RESERVE ((size_t)128 << 10) /* for builtins and the operators' own calls */

/* Evaluation may use the thread's stack up to three quarters of what is left. */
static uintptr_t stack_end(void)
{
    pthread_attr_t attr;
    void *low;
    size_t size;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return here - ((uintptr_t)512 << 10);
    int rc = pthread_attr_getstack(&attr, &low, &size);
    pthread_attr_destroy(&attr);
    uintptr_t left = rc == 0 && here > (uintptr_t)low ? here - (uintptr_t)low : (uintptr_t)512 << 10;
    return here - (left > 2 * STACK_RESERVE ? left / 4 * 3 : left / 2);
}

int ts_flux_run_init(struct ts_flux_run *run, const struct ts_flux_limits *limits, int64_t now_ns)
{
    *run = (struct ts_flux_run){.limits = *limits, .now_ns = now_ns};
    run->mem.limit = limits->memory_bytes;
    ts_flux_arena_init(&run->arena, &run->mem);
    ts_flux_arena_init(&run->scratch, &run->mem);
    run->heap = &run->arena;
    run->names.arena = &run->arena;
    run->yields_end = &run->yields;
    run->interp = ts_flux_arena_alloc(&run->arena, sizeof *run->interp);
    if (!run->interp)
        return ts_flux_fail_nomem(run);
    run->interp->stack_end = stack_end();
    struct ts_flux_package *universe;
    int rc = ts_flux_package_load(run, TS_STR("universe"), &universe);
    if (rc == 0)
        run->interp->universe = universe->scope;
    return rc;
}

void ts_flux_run_source(struct ts_flux_run *run, struct ts_scan_source *src)
{
    run->source = src;
}

/* {name: "value", …} as params. */
static int add_params(struct ts_flux_run *run, struct ts_flux_scope *scope,
                      const struct ts_ask_param *params, unsigned n)
{
    struct ts_str *names = ts_flux_new(run, n * sizeof *names);
    const struct ts_flux_shape *shape;
    struct ts_flux_value *values, rec;
    if (!names)
        return -TS_EQUERY;
    for (unsigned i = 0; i < n; i++)
        names[i] = params[i].name;
    int rc = ts_flux_make_shape(run, n, names, &shape);
    rc = rc ? rc : ts_flux_make_record(run, shape, &values, &rec);
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = ts_flux_make_string(run, params[i].value, &values[i]);
    return rc ? rc : ts_flux_scope_add(run, scope, ts_flux_name_of(&run->names, TS_STR("params")), rec);
}

void ts_flux_run_externs(struct ts_flux_run *run, struct ts_str json)
{
    run->externs = json;
}

static int exec_externs(struct ts_flux_run *run, struct ts_flux_scope *scope)
{
    struct ts_flux_source *src = ts_flux_new(run, sizeof *src);
    struct ts_flux_file file;
    struct ts_buf text = {.limit = TS_FLUX_SOURCE_MAX};
    struct ts_flux_error wrong = {0};
    int rc = ts_flux_extern_text(run->externs, &text, &wrong);
    if (!src || ts_buf_failed(&text)) {
        ts_buf_fini(&text);
        return ts_flux_fail_nomem(run);
    }
    *src = (struct ts_flux_source){"", ts_flux_arena_str(&run->arena, ts_buf_str(&text))};
    ts_buf_fini(&text);
    rc = rc ? rc : ts_flux_parse(&run->arena, &run->names, src, &file, &wrong);
    if (rc)
        return ts_flux_fail(run, "extern: %s", wrong.msg);
    rc = ts_flux_check(run, &file, scope);
    return rc ? rc : ts_flux_exec_file(run, &file, scope);
}

int ts_flux_run_script(struct ts_flux_run *run, struct ts_str script,
                       const struct ts_ask_param *params, unsigned nparams)
{
    struct ts_flux_source *src = ts_flux_new(run, sizeof *src);
    struct ts_flux_file file;
    if (!src)
        return -TS_EQUERY;
    *src = (struct ts_flux_source){"", script};
    run->interp->user = src;
    run->pos = (struct ts_flux_pos){src, 0, 0};
    int rc = ts_flux_parse(&run->arena, &run->names, src, &file, &run->error);
    struct ts_flux_scope *imports = rc == 0 ? ts_flux_scope_new(run, run->interp->universe, 4) : NULL;
    struct ts_flux_scope *scope = imports ? ts_flux_scope_new(run, imports, 16) : NULL;
    if (!scope)
        return -TS_EQUERY;
    if (nparams)
        rc = add_params(run, imports, params, nparams);
    if (run->externs.len)
        rc = rc ? rc : exec_externs(run, imports);
    rc = rc ? rc : ts_flux_check(run, &file, imports);
    return rc ? rc : ts_flux_exec_file(run, &file, scope);
}

void ts_flux_run_fini(struct ts_flux_run *run)
{
    if (run->stream_fini)
        run->stream_fini(run);
    if (run->interp) {
        ts_flux_regexps_free(run, &run->interp->regexps);
        ts_flux_zones_free(run, &run->interp->zones);
    }
    ts_flux_arena_fini(&run->scratch);
    ts_flux_arena_fini(&run->arena);
    TS_ASSERT(run->mem.used == 0);
}
