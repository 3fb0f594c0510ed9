/*
 * Packages: the builtins of tbl/flux_packages.def, then what prelude/PATH.flux adds, evaluated when a script
 * first imports them. A package's value is a record of its members.
 */
#include "config.h"
#include "flux/exec/exec_check.h"
#include "flux/exec/exec_interp.h"

#include "flux/prelude/prelude.h"
#include "flux/std/std.h"

static const struct {
    const char *path;
    const struct ts_flux_builtin *table;
} tables[] = {
#define TS_FLUX_PACKAGE(table, path) {path, ts_flux_std_##table},
#include "tbl/flux_packages.def"
#undef TS_FLUX_PACKAGE
};

static const struct ts_flux_prelude *prelude_of(struct ts_str path)
{
    for (const struct ts_flux_prelude *p = ts_flux_preludes; p->path; p++)
        if (ts_str_eq(path, ts_str_of(p->path)))
            return p;
    return NULL;
}

bool ts_flux_package_known(struct ts_str path, struct ts_near *near)
{
    bool known = prelude_of(path) != NULL;
    *near = (struct ts_near){.asked = path};
    for (size_t i = 0; i < TS_ARRAY_SIZE(tables); i++) {
        known |= ts_str_eq(path, ts_str_of(tables[i].path));
        ts_near_offer(near, ts_str_of(tables[i].path));
    }
    for (const struct ts_flux_prelude *p = ts_flux_preludes; p->path; p++)
        ts_near_offer(near, ts_str_of(p->path));
    return known;
}

struct ts_str ts_flux_package_named(struct ts_str name)
{
    struct ts_str best = {0};
    for (size_t i = 0; i < TS_ARRAY_SIZE(tables); i++) {
        struct ts_str path = ts_str_of(tables[i].path), last = path;
        for (size_t k = 0; k < path.len; k++)
            if (path.p[k] == '/')
                last = (struct ts_str){path.p + k + 1, path.len - k - 1};
        if (ts_str_eq(last, name) && (!best.p || path.len < best.len))
            best = path;
    }
    return best;
}

const struct ts_flux_package *ts_flux_package_of(const struct ts_flux_run *run,
                                                 const struct ts_flux_record *rec)
{
    const struct ts_flux_package *pkg = run->interp->packages;
    while (pkg && pkg->value.record != rec)
        pkg = pkg->next;
    return pkg;
}

static int add_builtin(struct ts_flux_run *run, struct ts_flux_scope *scope, const struct ts_flux_builtin *b)
{
    struct ts_flux_func *func = ts_flux_new(run, sizeof *func);
    const struct ts_flux_name *name = ts_flux_name_of(&run->names, ts_str_of(b->name));
    struct ts_flux_value v = {.type = TS_FLUX_FUNCTION, .func = func};
    if (!func || !name)
        return ts_flux_fail_nomem(run);
    *func = (struct ts_flux_func){.name = name, .builtin = b};
    int rc = ts_flux_sig_of_text(run, b->sig, &func->sig);
    if (rc == 0 && func->sig->constant)
        rc = b->fn(run, &(struct ts_flux_args){.pos = run->pos}, &v);
    return rc ? rc : ts_flux_scope_add(run, scope, name, v);
}

static int run_prelude(struct ts_flux_run *run, const struct ts_flux_prelude *pre,
                       struct ts_flux_scope *scope)
{
    struct ts_flux_source *src = ts_flux_new(run, sizeof *src);
    struct ts_flux_file file;
    if (!src)
        return -TS_EQUERY;
    *src = (struct ts_flux_source){pre->path, {pre->text, pre->len}};
    int rc = ts_flux_parse(&run->arena, &run->names, src, &file, &run->error);
    return rc ? rc : ts_flux_exec_file(run, &file, scope);
}

/* The record of all members. */
static int seal(struct ts_flux_run *run, struct ts_flux_package *pkg)
{
    struct ts_flux_shape *shape = ts_flux_new(run, sizeof *shape);
    struct ts_flux_value *values;
    if (!shape || !(shape->names = ts_flux_new(run, pkg->scope->n * sizeof *shape->names)))
        return -TS_EQUERY;
    shape->n = pkg->scope->n;
    for (uint32_t i = 0; i < shape->n; i++)
        shape->names[i] = pkg->scope->b[i].name;
    int rc = ts_flux_make_record(run, shape, &values, &pkg->value);
    for (uint32_t i = 0; i < shape->n && rc == 0; i++)
        values[i] = pkg->scope->b[i].value;
    return rc;
}

static const struct ts_flux_name *last_part(struct ts_flux_run *run, struct ts_str path)
{
    size_t from = path.len;
    while (from && path.p[from - 1] != '/')
        from--;
    return ts_flux_name_of(&run->names, (struct ts_str){path.p + from, path.len - from});
}

static int load(struct ts_flux_run *run, struct ts_flux_package *pkg)
{
    struct ts_flux_scope *imports = ts_flux_scope_new(run, run->interp->universe, 4);
    int rc = 0;
    pkg->scope = imports ? ts_flux_scope_new(run, imports, 16) : NULL;
    if (!pkg->scope)
        return -TS_EQUERY;
    for (size_t i = 0; i < TS_ARRAY_SIZE(tables) && rc == 0; i++)
        if (ts_str_eq(pkg->path, ts_str_of(tables[i].path)))
            for (const struct ts_flux_builtin *b = tables[i].table; b->name && rc == 0; b++)
                rc = add_builtin(run, pkg->scope, b);
    const struct ts_flux_prelude *pre = prelude_of(pkg->path);
    if (rc == 0 && pre)
        rc = run_prelude(run, pre, pkg->scope);
    return rc ? rc : seal(run, pkg);
}

int ts_flux_package_load(struct ts_flux_run *run, struct ts_str path, struct ts_flux_package **out)
{
    struct ts_near near;
    for (*out = run->interp->packages; *out; *out = (*out)->next)
        if (ts_str_eq((*out)->path, path))
            return (*out)->value.type
                       ? 0
                       : ts_flux_fail(run, "package %.*s imports itself", (int)path.len, path.p);
    if (!ts_flux_package_known(path, &near))
        return near.best.p ? ts_flux_fail(run, "unknown package \"%.*s\"; did you mean \"%.*s\"?",
                                          (int)path.len, path.p, (int)near.best.len, near.best.p)
                           : ts_flux_fail(run, "unknown package \"%.*s\"", (int)path.len, path.p);
    struct ts_flux_package *pkg = ts_flux_new(run, sizeof *pkg);
    if (!pkg)
        return -TS_EQUERY;
    pkg->path = ts_flux_arena_str(run->heap, path);
    pkg->name = last_part(run, path);
    if (!pkg->path.p || !pkg->name)
        return ts_flux_fail_nomem(run);
    pkg->next = run->interp->packages;
    run->interp->packages = pkg;
    *out = pkg;
    return load(run, pkg);
}
