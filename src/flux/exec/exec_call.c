/*
 * Calls: arguments to parameters by name, a pipe to the parameter that takes it; builtins and functions
 * written in Flux. Arguments of builtins are checked against the types of their signature.
 */
#include "config.h"
#include "flux/exec/exec_interp.h"

#define CALL_DEPTH 1000 /* without a limit of the query's own */

int ts_flux_sig_find(const struct ts_flux_sig *sig, const struct ts_flux_name *name)
{
    for (unsigned i = 0; i < sig->n; i++)
        if (sig->params[i].name == name)
            return (int)i;
    return -1;
}

/* One that begins with _ is what a function of the prelude is made of, and is called like that. */
static const char *name_of(const struct ts_flux_func *func)
{
    return func->name ? func->name->z + (func->name->z[0] == '_') : "the function";
}

static int unknown_parameter(struct ts_flux_run *run, const struct ts_flux_func *func,
                             const struct ts_flux_name *name)
{
    struct ts_near near = {.asked = ts_flux_name_str(name)};
    for (unsigned i = 0; i < func->sig->n; i++)
        ts_near_offer(&near, ts_flux_name_str(func->sig->params[i].name));
    if (near.best.p)
        return ts_flux_fail(run, "%s has no parameter %s; did you mean %s?", name_of(func), name->z,
                            near.best.p);
    return ts_flux_fail(run, "%s has no parameter %s", name_of(func), name->z);
}

/* Arguments into v by position; v has room for sig->n and is zeroed. */
static int place(struct ts_flux_run *run, const struct ts_flux_func *func,
                 const struct ts_flux_call_arg *args, unsigned n, const struct ts_flux_value *piped,
                 struct ts_flux_value *v)
{
    const struct ts_flux_sig *sig = func->sig;
    if (piped && sig->pipe < 0)
        return ts_flux_fail(run, "%s takes nothing from a pipe", name_of(func));
    if (piped)
        v[sig->pipe] = *piped;
    for (unsigned i = 0; i < n; i++) {
        int at = ts_flux_sig_find(sig, args[i].name);
        if (at < 0)
            return unknown_parameter(run, func, args[i].name);
        if (v[at].type != TS_FLUX_NONE)
            return ts_flux_fail(run, "%s is given %s twice", name_of(func), args[i].name->z);
        v[at] = args[i].value;
    }
    for (unsigned i = 0; i < sig->n; i++)
        if (v[i].type == TS_FLUX_NONE && !sig->params[i].optional)
            return ts_flux_fail(run, "missing required argument %s of %s", sig->params[i].name->z,
                                name_of(func));
    return 0;
}

static int wrong_type(struct ts_flux_run *run, const struct ts_flux_func *func,
                      const struct ts_flux_param *par, struct ts_flux_value v)
{
    struct ts_buf text = TS_BUF_INIT;
    ts_flux_put_types(&text, par->types);
    const char *types = ts_buf_cstr(&text);
    int rc = ts_flux_fail(run, "argument %s of %s must be %s, not %s%s", par->name->z, name_of(func),
                          types ? types : "", v.null && v.type != TS_FLUX_NULL ? "null " : "",
                          ts_flux_type_text(v.type));
    ts_buf_fini(&text);
    return rc;
}

static int call_builtin(struct ts_flux_run *run, const struct ts_flux_func *func, struct ts_flux_value *v,
                        struct ts_flux_pos pos, struct ts_flux_value *out)
{
    const struct ts_flux_sig *sig = func->sig;
    struct ts_flux_yield **yields = run->yields_end;
    for (unsigned i = 0; i < sig->n; i++) {
        const struct ts_flux_param *par = &sig->params[i];
        if (v[i].type == TS_FLUX_NONE || par->types == 0)
            continue;
        if (v[i].type == TS_FLUX_DYNAMIC && !(par->types & 1u << TS_FLUX_DYNAMIC))
            v[i] = *v[i].dynamic;
        if (v[i].null ? !par->nullable : !(par->types & 1u << v[i].type))
            return wrong_type(run, func, par, v[i]);
    }
    struct ts_flux_args args = {v, sig->n, pos};
    int rc = func->builtin->fn(run, &args, out);
    if (rc == 0 && out->type == TS_FLUX_STREAM && run->yields_end != yields)
        out->len = 1; /* a result by itself already */
    return rc;
}

int ts_flux_invoke_builtin(struct ts_flux_run *run, const struct ts_flux_func *func, struct ts_flux_value *v,
                           struct ts_flux_pos pos, struct ts_flux_value *out)
{
    run->pos = pos;
    return call_builtin(run, func, v, pos, out);
}

static int call_flux(struct ts_flux_run *run, const struct ts_flux_func *func, struct ts_flux_value *v,
                     struct ts_flux_value *out)
{
    const struct ts_flux_sig *sig = func->sig;
    struct ts_flux_frame env = {run, func->env, func->src}, fr = env;
    struct ts_flux_scope *scope = ts_flux_scope_new(run, func->env, sig->n);
    int rc = scope ? 0 : -TS_EQUERY;
    for (unsigned i = 0; i < sig->n && rc == 0; i++) {
        if (v[i].type == TS_FLUX_NONE)
            rc = ts_flux_eval(&env, sig->params[i].dflt, &v[i]);
        rc = rc ? rc : ts_flux_scope_add(run, scope, sig->params[i].name, v[i]);
    }
    if (rc != 0)
        return rc;
    fr.scope = scope;
    const struct ts_flux_node *body = func->node->a;
    if (body->kind != TS_FLUX_N_BLOCK)
        return ts_flux_eval(&fr, body, out);
    bool returned;
    rc = ts_flux_exec_list(&fr, body->list, &returned, out);
    return rc || returned ? rc : ts_flux_fail(run, "%s ended without a return", name_of(func));
}

int ts_flux_invoke(struct ts_flux_run *run, const struct ts_flux_func *func,
                   const struct ts_flux_call_arg *args, unsigned n, const struct ts_flux_value *piped,
                   struct ts_flux_pos pos, struct ts_flux_value *out)
{
    struct ts_flux_value few[16] = {0}, *v = few;
    struct ts_flux_pos outer = run->pos;
    run->pos = pos;
    if (func->sig->n > TS_ARRAY_SIZE(few) && !(v = ts_flux_new(run, func->sig->n * sizeof *v)))
        return -TS_EQUERY;
    if (++run->depth > (run->limits.depth ? run->limits.depth : CALL_DEPTH))
        return ts_flux_fail(run, "calls are nested too deep");
    int rc = place(run, func, args, n, piped, v);
    if (rc == 0)
        rc = func->builtin ? call_builtin(run, func, v, pos, out) : call_flux(run, func, v, out);
    run->depth--;
    if (rc == 0)
        run->pos = outer;
    return rc;
}

int ts_flux_eval_call(const struct ts_flux_frame *fr, const struct ts_flux_node *call,
                      const struct ts_flux_value *piped, struct ts_flux_value *out)
{
    struct ts_flux_call_arg few[12], *args = few;
    struct ts_flux_value callee;
    unsigned n = 0, i = 0;
    int rc = ts_flux_eval(fr, call->a, &callee);
    if (rc != 0)
        return rc;
    if (callee.type != TS_FLUX_FUNCTION || callee.null)
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, call->a), "%s cannot be called",
                               callee.null ? "null" : ts_flux_type_text(callee.type));
    for (const struct ts_flux_node *p = call->list; p; p = p->next)
        n++;
    if (n > TS_ARRAY_SIZE(few) && !(args = ts_flux_new(fr->run, n * sizeof *args)))
        return -TS_EQUERY;
    for (const struct ts_flux_node *p = call->list; p; p = p->next, i++) {
        struct ts_flux_node self = {
            .kind = TS_FLUX_N_IDENT, .name = p->name, .start = p->start, .end = p->end};
        args[i].name = p->name;
        if ((rc = ts_flux_eval(fr, p->a ? p->a : &self, &args[i].value)) != 0)
            return rc;
    }
    return ts_flux_invoke(fr->run, callee.func, args, n, piped, ts_flux_frame_pos(fr, call), out);
}

int ts_flux_call(struct ts_flux_run *run, struct ts_flux_value func, const struct ts_flux_named *args,
                 unsigned n, struct ts_flux_value *out)
{
    struct ts_flux_call_arg few[12];
    TS_ASSERT(n <= TS_ARRAY_SIZE(few));
    if (func.type != TS_FLUX_FUNCTION || func.null)
        return ts_flux_fail(run, "%s cannot be called", func.null ? "null" : ts_flux_type_text(func.type));
    for (unsigned i = 0; i < n; i++)
        if (!(few[i].name = ts_flux_name_of(&run->names, ts_str_of(args[i].name))))
            return ts_flux_fail_nomem(run);
        else
            few[i].value = args[i].value;
    return ts_flux_invoke(run, func.func, few, n, NULL, run->pos, out);
}

int ts_flux_sig_of_node(struct ts_flux_run *run, const struct ts_flux_node *node,
                        const struct ts_flux_sig **out)
{
    struct ts_flux_node *memo = (struct ts_flux_node *)(uintptr_t)node; /* the tree is the query's own */
    if (node->memo) {
        *out = node->memo;
        return 0;
    }
    unsigned n = 0;
    for (const struct ts_flux_node *p = node->list; p; p = p->next)
        n++;
    struct ts_flux_sig *sig = ts_flux_arena_alloc(&run->arena, sizeof *sig);
    if (!sig || !(sig->params = ts_flux_arena_alloc(&run->arena, n * sizeof *sig->params)))
        return ts_flux_fail_nomem(run);
    sig->pipe = -1;
    for (const struct ts_flux_node *p = node->list; p; p = p->next) {
        bool pipe = p->a && p->a->kind == TS_FLUX_N_PIPE_ARG;
        if (pipe)
            sig->pipe = (int)sig->n;
        sig->params[sig->n++] =
            (struct ts_flux_param){.name = p->name, .optional = p->a && !pipe, .dflt = p->a};
    }
    *out = memo->memo = sig;
    return 0;
}
