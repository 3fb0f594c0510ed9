/*
 * Checks before a run: names that do not exist, packages, assignments twice, statements in wrong places. The
 * expressions' part is in exec_check_expr.c. What cannot be known is left to the run. The first error ends
 * it.
 */
#include "config.h"
#include "flux/exec/exec_check.h"

struct ts_flux_known ts_flux_known_of_value(const struct ts_flux_run *run, struct ts_flux_value v)
{
    struct ts_flux_known known = {0};
    if (v.null || v.type == TS_FLUX_NONE)
        return known;
    known.types = 1u << v.type;
    if (v.type == TS_FLUX_FUNCTION) {
        known.sig = v.func->sig;
        known.name = v.func->name;
        known.builtin = v.func->builtin != NULL;
        known.result = known.builtin ? v.func->sig->result : 0;
    }
    if (v.type == TS_FLUX_RECORD && ts_flux_package_of(run, v.record))
        known.members = v.record;
    return known;
}

int ts_flux_check_define(struct ts_flux_checker *ck, const struct ts_flux_node *at,
                         const struct ts_flux_name *name, struct ts_flux_known known)
{
    for (const struct ts_flux_known_name *n = ck->scope->names; n; n = n->next)
        if (n->name == name)
            return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, at), "%s is assigned twice", name->z);
    if (++ck->scope->n > TS_FLUX_NAMES_MAX)
        return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, at), "more than %u names in one scope",
                               TS_FLUX_NAMES_MAX);
    struct ts_flux_known_name *n = ts_flux_new(ck->run, sizeof *n);
    if (!n)
        return -TS_EQUERY;
    if (known.sig && !known.name)
        known.name = name;
    *n = (struct ts_flux_known_name){name, known, ck->scope->names};
    ck->scope->names = n;
    return 0;
}

static int imports(struct ts_flux_checker *ck, const struct ts_flux_node *list)
{
    for (const struct ts_flux_node *imp = list; imp; imp = imp->next) {
        struct ts_flux_package *pkg;
        struct ts_flux_pos pos = ts_flux_check_pos(ck, imp);
        struct ts_near near;
        if (!ts_flux_package_known(imp->text, &near))
            return near.best.p
                       ? ts_flux_fail_at(ck->run, pos, "unknown package \"%.*s\"; did you mean \"%.*s\"?",
                                         (int)imp->text.len, imp->text.p, (int)near.best.len, near.best.p)
                       : ts_flux_fail_at(ck->run, pos, "unknown package \"%.*s\"", (int)imp->text.len,
                                         imp->text.p);
        ck->run->pos = pos;
        int rc = ts_flux_package_load(ck->run, imp->text, &pkg);
        rc = rc ? rc
                : ts_flux_check_define(ck, imp, imp->name ? imp->name : pkg->name,
                                       ts_flux_known_of_value(ck->run, pkg->value));
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* option name = …, option package.name = … */
static int option(struct ts_flux_checker *ck, const struct ts_flux_node *st)
{
    const struct ts_flux_scope *universe = ck->run->interp->universe;
    struct ts_flux_known known, pkg;
    if (ck->in_function)
        return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, st),
                               "an option can be set at the script's top only");
    int rc = ts_flux_check_expr(ck, st->a, &known);
    if (rc == 0 && st->b)
        return ts_flux_check_expr(ck, st->b, &pkg);
    const struct ts_flux_binding *own = rc == 0 ? ts_flux_scope_own(universe, st->name) : NULL;
    if (rc == 0 && own && own->option && known.types && own->value.type != TS_FLUX_NONE &&
        !(known.types & 1u << own->value.type))
        return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, st->a), "option %s is a %s", st->name->z,
                               ts_flux_type_text(own->value.type));
    return rc || (own && own->option) ? rc : ts_flux_check_define(ck, st, st->name, known);
}

static int testcase(struct ts_flux_checker *ck, const struct ts_flux_node *st)
{
    struct ts_flux_known_scope scope = {.up = ck->scope};
    struct ts_flux_known ignored;
    ck->scope = &scope;
    int rc = ts_flux_check_list(ck, st->a->list, &ignored);
    ck->scope = scope.up;
    return rc;
}

int ts_flux_check_list(struct ts_flux_checker *ck, const struct ts_flux_node *list,
                       struct ts_flux_known *returned)
{
    struct ts_flux_known known;
    int rc = 0;
    *returned = (struct ts_flux_known){0};
    for (const struct ts_flux_node *st = list; st && rc == 0; st = st->next) {
        switch (st->kind) {
        case TS_FLUX_N_ASSIGN:
            rc = ts_flux_check_expr(ck, st->a, &known);
            rc = rc ? rc : ts_flux_check_define(ck, st, st->name, known);
            break;
        case TS_FLUX_N_OPTION: rc = option(ck, st); break;
        case TS_FLUX_N_TESTCASE: rc = testcase(ck, st); break;
        case TS_FLUX_N_RETURN:
            if (!ck->in_function)
                return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, st), "return outside of a function");
            if (st->next)
                return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, st->next), "a statement behind return");
            rc = ts_flux_check_expr(ck, st->a, returned);
            break;
        case TS_FLUX_N_BUILTIN:
            rc = ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, st), "a script has no builtins of its own");
            break;
        default: rc = ts_flux_check_expr(ck, st->a, &known);
        }
    }
    return rc;
}

int ts_flux_check(struct ts_flux_run *run, const struct ts_flux_file *file, const struct ts_flux_scope *given)
{
    struct ts_flux_known_scope outer = {0}, scope = {.up = &outer};
    struct ts_flux_checker ck = {.run = run, .src = file->src, .scope = &outer};
    struct ts_flux_known ignored;
    int rc = imports(&ck, file->root->b);
    for (uint32_t i = 0; i < given->n && rc == 0; i++)
        rc = ts_flux_check_define(&ck, file->root, given->b[i].name,
                                  ts_flux_known_of_value(run, given->b[i].value));
    ck.scope = &scope;
    return rc ? rc : ts_flux_check_list(&ck, file->root->list, &ignored);
}
