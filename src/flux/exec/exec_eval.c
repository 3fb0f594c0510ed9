/*
 * Evaluates expressions and statements. Literals and variables by walking the tree; a name is looked for
 * through the scopes, by pointer. Bounded by the query's steps and by the thread's stack.
 */
#include "config.h"
#include "flux/exec/exec_interp.h"

static int member(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    struct ts_flux_value of;
    int rc = ts_flux_eval(fr, node->a, &of);
    if (rc != 0)
        return rc;
    bool dynamic = of.type == TS_FLUX_DYNAMIC;
    if (dynamic)
        of = *of.dynamic;
    if (of.null && !dynamic) {
        *out = ts_flux_null(TS_FLUX_NULL);
        return 0;
    }
    if (of.null || of.type != TS_FLUX_RECORD)
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node), "cannot access property \"%s\" of %s",
                               node->name->z, of.null ? "null" : ts_flux_type_text(of.type));
    const struct ts_flux_value *v = ts_flux_record_get(of.record, node->name);
    if (!v && ts_flux_package_of(fr->run, of.record))
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node), "package %s has no member %s",
                               ts_flux_package_of(fr->run, of.record)->name->z, node->name->z);
    *out = v ? *v : ts_flux_null(TS_FLUX_NULL);
    return !v && dynamic ? ts_flux_make_dynamic(fr->run, *out, out) : 0;
}

static int subscript(const struct ts_flux_frame *fr, const struct ts_flux_node *node,
                     struct ts_flux_value *out)
{
    struct ts_flux_value of, at;
    int rc = ts_flux_eval(fr, node->a, &of);
    rc = rc ? rc : ts_flux_eval(fr, node->b, &at);
    if (rc != 0)
        return rc;
    if (of.type == TS_FLUX_DYNAMIC && !of.dynamic->null)
        of = *of.dynamic;
    if (of.type == TS_FLUX_ARRAY && !of.null && at.type == TS_FLUX_INT && !at.null) {
        if (at.i < 0 || at.i >= of.array->n)
            return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node),
                                   "cannot access element %lld of array of length %u", (long long)at.i,
                                   of.array->n);
        *out = of.array->v[at.i];
        return 0;
    }
    if (of.type == TS_FLUX_RECORD && !of.null && at.type == TS_FLUX_STRING && !at.null) {
        const struct ts_flux_value *v = ts_flux_record_find(of.record, ts_flux_value_str(at));
        *out = v ? *v : ts_flux_null(TS_FLUX_NULL);
        return 0;
    }
    return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node), "cannot index %s with %s",
                           of.null ? "null" : ts_flux_type_text(of.type),
                           at.null ? "null" : ts_flux_type_text(at.type));
}

static uint32_t count(const struct ts_flux_node *list)
{
    uint32_t n = 0;
    for (; list; list = list->next)
        n++;
    return n;
}

static int array(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    struct ts_flux_value *items, first = {0};
    int rc = ts_flux_make_array(fr->run, count(node->list), &items, out);
    for (const struct ts_flux_node *n = node->list; n && rc == 0; n = n->next, items++) {
        rc = ts_flux_eval(fr, n, items);
        if (rc == 0 && first.type && first.type != items->type && items->type != TS_FLUX_NULL)
            return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, n), "an array of %s cannot hold %s",
                                   ts_flux_type_text(first.type), ts_flux_type_text(items->type));
        if (!first.type && items->type != TS_FLUX_NULL)
            first = *items;
    }
    return rc;
}

static int dict(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    uint32_t n = count(node->list), i = 0;
    struct ts_flux_value *keys = ts_flux_new(fr->run, n * sizeof *keys), *values;
    int rc = keys && (values = ts_flux_new(fr->run, n * sizeof *values)) ? 0 : -TS_EQUERY;
    for (const struct ts_flux_node *p = node->list; p && rc == 0; p = p->next, i++) {
        rc = ts_flux_eval(fr, p->a, &keys[i]);
        rc = rc ? rc : ts_flux_eval(fr, p->b, &values[i]);
        if (rc == 0 && (keys[i].type != keys[0].type || values[i].type != values[0].type))
            return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, p),
                                   "the keys of a dictionary have one type, its values have one type");
    }
    return rc ? rc : ts_flux_make_dict(fr->run, n, keys, values, out);
}

/* The names of a record literal that has no `with`: worked out once for each place in the script. */
static const struct ts_flux_shape *shape_of(const struct ts_flux_frame *fr, const struct ts_flux_node *node)
{
    struct ts_flux_node *memo = (struct ts_flux_node *)(uintptr_t)node; /* the tree is the query's own */
    if (node->memo)
        return node->memo;
    struct ts_flux_shape *shape = ts_flux_arena_alloc(&fr->run->arena, sizeof *shape);
    uint32_t n = count(node->list);
    if (!shape || !(shape->names = ts_flux_arena_alloc(&fr->run->arena, n * sizeof *shape->names))) {
        (void)ts_flux_fail_nomem(fr->run);
        return NULL;
    }
    for (const struct ts_flux_node *p = node->list; p; p = p->next) {
        uint32_t i = 0;
        while (i < shape->n && shape->names[i] != p->name)
            i++;
        shape->names[i] = p->name;
        shape->n = TS_MAX(shape->n, i + 1);
    }
    return memo->memo = shape;
}

/* {a with …}: the names of a, then those that are new. */
static int extended(const struct ts_flux_frame *fr, const struct ts_flux_node *node,
                    struct ts_flux_value base, struct ts_flux_value **values, struct ts_flux_value *out)
{
    const struct ts_flux_shape *own = shape_of(fr, node);
    const struct ts_flux_record *rec = base.record;
    struct ts_flux_shape *shape = own ? ts_flux_new(fr->run, sizeof *shape) : NULL;
    uint32_t n = rec->shape->n;
    if (!shape || !(shape->names = ts_flux_new(fr->run, (n + own->n) * sizeof *shape->names)))
        return -TS_EQUERY;
    memcpy(shape->names, rec->shape->names, n * sizeof *shape->names);
    for (uint32_t i = 0; i < own->n; i++)
        if (!ts_flux_record_get(rec, own->names[i]))
            shape->names[n++] = own->names[i];
    shape->n = n;
    int rc = ts_flux_make_record(fr->run, shape, values, out);
    if (rc == 0)
        memcpy(*values, rec->v, rec->shape->n * sizeof **values);
    return rc;
}

static int record(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    struct ts_flux_value *values, base = {0};
    int rc = node->a ? ts_flux_eval(fr, node->a, &base) : 0;
    if (rc != 0)
        return rc;
    if (node->a && (base.type != TS_FLUX_RECORD || base.null))
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node->a), "with wants a record, not %s",
                               base.null ? "null" : ts_flux_type_text(base.type));
    if (node->a) {
        rc = extended(fr, node, base, &values, out);
    } else {
        const struct ts_flux_shape *shape = shape_of(fr, node);
        rc = shape ? ts_flux_make_record(fr->run, shape, &values, out) : -TS_EQUERY;
    }
    for (const struct ts_flux_node *p = node->list; p && rc == 0; p = p->next) {
        uint32_t i = 0;
        while (out->record->shape->names[i] != p->name)
            i++;
        struct ts_flux_node self = {
            .kind = TS_FLUX_N_IDENT, .name = p->name, .start = p->start, .end = p->end};
        rc = ts_flux_eval(fr, p->a ? p->a : &self, &values[i]);
    }
    return rc;
}

static int interpolate(const struct ts_flux_frame *fr, const struct ts_flux_node *node,
                       struct ts_flux_value *out)
{
    struct ts_buf text = TS_BUF_INIT;
    struct ts_flux_value v;
    int rc = 0;
    for (const struct ts_flux_node *n = node->list; n && rc == 0; n = n->next) {
        rc = ts_flux_eval(fr, n, &v);
        fr->run->pos = ts_flux_frame_pos(fr, n);
        rc = rc ? rc : ts_flux_put_part(fr->run, &text, v);
    }
    rc = rc                     ? rc
         : ts_buf_failed(&text) ? ts_flux_fail_nomem(fr->run)
                                : ts_flux_make_string(fr->run, ts_buf_str(&text), out);
    ts_buf_fini(&text);
    return rc;
}

static int logical(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    struct ts_flux_value a, b;
    bool is_and = node->op == TS_FLUX_OP_AND;
    int rc = ts_flux_eval(fr, node->a, &a);
    if (rc == 0 && a.type == TS_FLUX_BOOL && !a.null && a.b != is_and) { /* decided already */
        *out = a;
        return 0;
    }
    rc = rc ? rc : ts_flux_eval(fr, node->b, &b);
    if (rc != 0)
        return rc;
    if ((a.type != TS_FLUX_BOOL && a.type != TS_FLUX_NULL) ||
        (b.type != TS_FLUX_BOOL && b.type != TS_FLUX_NULL))
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node), "%s wants bools, not %s and %s",
                               ts_flux_op_text(node->op), ts_flux_type_text(a.type),
                               ts_flux_type_text(b.type));
    *out = is_and ? ts_flux_and(a, b) : ts_flux_or(a, b);
    return 0;
}

static int conditional(const struct ts_flux_frame *fr, const struct ts_flux_node *node,
                       struct ts_flux_value *out)
{
    struct ts_flux_value cond;
    int rc = ts_flux_eval(fr, node->a, &cond);
    if (rc != 0)
        return rc;
    if (cond.type != TS_FLUX_BOOL && cond.type != TS_FLUX_NULL)
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node->a), "if wants a bool, not %s",
                               ts_flux_type_text(cond.type));
    return ts_flux_eval(fr, !cond.null && cond.b ? node->b : node->c, out);
}

static int operation(const struct ts_flux_frame *fr, const struct ts_flux_node *node,
                     struct ts_flux_value *out)
{
    struct ts_flux_value a, b;
    int rc = ts_flux_eval(fr, node->a, &a);
    if (node->kind == TS_FLUX_N_BINARY)
        rc = rc ? rc : ts_flux_eval(fr, node->b, &b);
    if (rc != 0)
        return rc;
    fr->run->pos = ts_flux_frame_pos(fr, node);
    return node->kind == TS_FLUX_N_BINARY ? ts_flux_binary(fr->run, node->op, a, b, out)
                                          : ts_flux_unary(fr->run, node->op, a, out);
}

static int function(const struct ts_flux_frame *fr, const struct ts_flux_node *node,
                    struct ts_flux_value *out)
{
    struct ts_flux_func *func = ts_flux_new(fr->run, sizeof *func);
    if (!func)
        return -TS_EQUERY;
    *func = (struct ts_flux_func){.node = node, .src = fr->src, .env = fr->scope};
    *out = (struct ts_flux_value){.type = TS_FLUX_FUNCTION, .func = func};
    return ts_flux_sig_of_node(fr->run, node, &func->sig);
}

static int ident(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    const struct ts_flux_binding *b = ts_flux_scope_find(fr->scope, node->name);
    if (!b)
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node), "undefined identifier %s",
                               node->name->z);
    *out = b->value;
    return 0;
}

static int pipe(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    struct ts_flux_value piped;
    int rc = ts_flux_eval(fr, node->a, &piped);
    return rc ? rc : ts_flux_eval_call(fr, node->b, &piped, out);
}

static int literal(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    switch (node->kind) {
    case TS_FLUX_N_INT: *out = ts_flux_int((int64_t)node->u); return 0;
    case TS_FLUX_N_FLOAT: *out = ts_flux_float(node->f); return 0;
    case TS_FLUX_N_STRING: *out = ts_flux_string(node->text); return 0;
    case TS_FLUX_N_TIME: *out = ts_flux_time(node->i); return 0;
    case TS_FLUX_N_DURATION: *out = ts_flux_duration(node->months, node->i); return 0;
    case TS_FLUX_N_LABEL: *out = ts_flux_string(ts_flux_name_str(node->name)); return 0;
    default: break;
    }
    if (node->memo) {
        *out = (struct ts_flux_value){.type = TS_FLUX_REGEXP, .regexp = node->memo};
        return 0;
    }
    fr->run->pos = ts_flux_frame_pos(fr, node);
    int rc = ts_flux_make_regexp(fr->run, node->text, out);
    if (rc == 0)
        ((struct ts_flux_node *)(uintptr_t)node)->memo = (void *)(uintptr_t)out->regexp;
    return rc;
}

static int dispatch(const struct ts_flux_frame *fr, const struct ts_flux_node *node,
                    struct ts_flux_value *out)
{
    switch (node->kind) {
    case TS_FLUX_N_IDENT: return ident(fr, node, out);
    case TS_FLUX_N_MEMBER: return member(fr, node, out);
    case TS_FLUX_N_INDEX: return subscript(fr, node, out);
    case TS_FLUX_N_CALL: return ts_flux_eval_call(fr, node, NULL, out);
    case TS_FLUX_N_PIPE: return pipe(fr, node, out);
    case TS_FLUX_N_BINARY:
    case TS_FLUX_N_UNARY: return operation(fr, node, out);
    case TS_FLUX_N_LOGICAL: return logical(fr, node, out);
    case TS_FLUX_N_IF: return conditional(fr, node, out);
    case TS_FLUX_N_PAREN: return ts_flux_eval(fr, node->a, out);
    case TS_FLUX_N_RECORD: return record(fr, node, out);
    case TS_FLUX_N_ARRAY: return array(fr, node, out);
    case TS_FLUX_N_DICT: return dict(fr, node, out);
    case TS_FLUX_N_FUNCTION: return function(fr, node, out);
    case TS_FLUX_N_INTERPOLATE: return interpolate(fr, node, out);
    case TS_FLUX_N_PIPE_ARG:
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node), "<- is only for parameters");
    default: return literal(fr, node, out);
    }
}

int ts_flux_eval(const struct ts_flux_frame *fr, const struct ts_flux_node *node, struct ts_flux_value *out)
{
    if ((uintptr_t)__builtin_frame_address(0) < fr->run->interp->stack_end)
        return ts_flux_fail_at(fr->run, ts_flux_frame_pos(fr, node),
                               "calls and expressions are nested too deep");
    if ((++fr->run->steps & 1023) == 0 && ts_flux_tick(fr->run, 0) != 0)
        return -TS_EQUERY;
    return dispatch(fr, node, out);
}
