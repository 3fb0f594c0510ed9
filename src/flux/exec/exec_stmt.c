/* Statements: assignments, options, expressions whose tables are results, returns. */
#include "config.h"
#include "flux/exec/exec_interp.h"

/* Functions are called by the name that they were given first. */
static void name_function(struct ts_flux_value v, const struct ts_flux_name *name)
{
    if (v.type == TS_FLUX_FUNCTION && !v.func->builtin && !v.func->name)
        ((struct ts_flux_func *)(uintptr_t)v.func)->name = name;
}

static int option(const struct ts_flux_frame *fr, const struct ts_flux_node *st)
{
    struct ts_flux_value v;
    struct ts_flux_binding *b;
    int rc = ts_flux_eval(fr, st->a, &v);
    if (rc != 0)
        return rc;
    name_function(v, st->name);
    if (!st->b) {
        struct ts_flux_scope *universe = fr->run->interp->universe;
        b = universe ? ts_flux_scope_own(universe, st->name) : NULL;
        if (b && b->option) { /* one of universe's, as now: its own functions see it too */
            b->value = v;
            return 0;
        }
        b = ts_flux_scope_own(fr->scope, st->name);
        rc = b ? 0 : ts_flux_scope_add(fr->run, fr->scope, st->name, v);
        if (rc == 0 && (b = ts_flux_scope_own(fr->scope, st->name))) {
            b->value = v;
            b->option = true;
        }
        return rc;
    }
    b = ts_flux_scope_find(fr->scope, st->b->name);
    const struct ts_flux_package *pkg =
        b && b->value.type == TS_FLUX_RECORD ? ts_flux_package_of(fr->run, b->value.record) : NULL;
    struct ts_flux_binding *own = pkg ? ts_flux_scope_own(pkg->scope, st->name) : NULL;
    if (!own || !own->option)
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, st), "%s has no option %s", st->b->name->z,
                               st->name->z);
    own->value = v;
    *(struct ts_flux_value *)(uintptr_t)ts_flux_record_get(pkg->value.record, st->name) = v;
    return 0;
}

static int assign(const struct ts_flux_frame *fr, const struct ts_flux_node *st)
{
    struct ts_flux_value v;
    int rc = ts_flux_eval(fr, st->a, &v);
    if (rc != 0)
        return rc;
    name_function(v, st->name);
    return ts_flux_scope_add(fr->run, fr->scope, st->name, v);
}

/* The tables of an expression that stands alone in the script are a result, unless it ended with yield(). */
static int expression(const struct ts_flux_frame *fr, const struct ts_flux_node *st)
{
    struct ts_flux_value v;
    int rc = ts_flux_eval(fr, st->a, &v);
    if (rc != 0 || v.type != TS_FLUX_STREAM || v.null || v.len || fr->src != fr->run->interp->user)
        return rc;
    fr->run->pos = ts_flux_frame_pos(fr, st);
    return ts_flux_yield(fr->run, TS_STR("_result"), v.stream);
}

int ts_flux_exec_list(const struct ts_flux_frame *fr, const struct ts_flux_node *list, bool *returned,
                      struct ts_flux_value *out)
{
    int rc = 0;
    *returned = false;
    for (const struct ts_flux_node *st = list; st && rc == 0 && !*returned; st = st->next) {
        switch (st->kind) {
        case TS_FLUX_N_ASSIGN: rc = assign(fr, st); break;
        case TS_FLUX_N_OPTION: rc = option(fr, st); break;
        case TS_FLUX_N_EXPR: rc = expression(fr, st); break;
        case TS_FLUX_N_RETURN:
            rc = ts_flux_eval(fr, st->a, out);
            *returned = true;
            break;
        case TS_FLUX_N_BUILTIN: break; /* says the type of what is there already */
        default: break;                /* test cases run by themselves only */
        }
    }
    return rc;
}

int ts_flux_exec_file(struct ts_flux_run *run, const struct ts_flux_file *file, struct ts_flux_scope *scope)
{
    struct ts_flux_frame fr = {run, scope, file->src};
    struct ts_flux_package *pkg;
    struct ts_flux_value ignored;
    bool returned;
    for (const struct ts_flux_node *imp = file->root->b; imp; imp = imp->next) {
        run->pos = ts_flux_frame_pos(&fr, imp);
        int rc = ts_flux_package_load(run, imp->text, &pkg);
        rc = rc ? rc : ts_flux_scope_add(run, scope->up, imp->name ? imp->name : pkg->name, pkg->value);
        if (rc != 0)
            return rc;
    }
    return ts_flux_exec_list(&fr, file->root->list, &returned, &ignored);
}
