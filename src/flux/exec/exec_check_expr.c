/* The checks of expressions: names, members, calls, and the types that are known without running. */
#include "config.h"
#include "flux/exec/exec_check.h"

#define ANYTHING ((struct ts_flux_known){0})
#define NUMBERS  (TS_FLUX_BIT(INT) | TS_FLUX_BIT(UINT) | TS_FLUX_BIT(FLOAT))
#define UNTYPED  (TS_FLUX_BIT(NULL) | TS_FLUX_BIT(DYNAMIC)) /* fit everywhere */
#define PRINTABLE                                                                                            \
    (NUMBERS | TS_FLUX_BIT(BOOL) | TS_FLUX_BIT(STRING) | TS_FLUX_BIT(TIME) | TS_FLUX_BIT(DURATION))

static struct ts_flux_known of_types(uint32_t types)
{
    return (struct ts_flux_known){.types = types};
}

static int mismatch(struct ts_flux_checker *ck, const struct ts_flux_node *node, const char *what,
                    uint32_t wanted, uint32_t got)
{
    struct ts_buf text = TS_BUF_INIT;
    ts_flux_put_types(&text, wanted);
    ts_buf_puts(&text, ", not ");
    ts_flux_put_types(&text, got);
    const char *z = ts_buf_cstr(&text);
    int rc = ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, node), "%s must be %s", what, z ? z : "");
    ts_buf_fini(&text);
    return rc;
}

/* What is known of node must have something in common with wanted. */
static int expect(struct ts_flux_checker *ck, const struct ts_flux_node *node, const char *what,
                  uint32_t wanted, struct ts_flux_known known)
{
    if (known.types == 0 || wanted == 0 || known.types & (wanted | UNTYPED))
        return 0;
    return mismatch(ck, node, what, wanted, known.types);
}

static void offer_scope(struct ts_near *near, const struct ts_flux_scope *scope)
{
    for (uint32_t i = 0; scope && i < scope->n; i++)
        if (scope->b[i].name->z[0] != '_')
            ts_near_offer(near, ts_flux_name_str(scope->b[i].name));
}

static int ident(struct ts_flux_checker *ck, const struct ts_flux_node *node, const struct ts_flux_name *name,
                 struct ts_flux_known *out)
{
    const struct ts_flux_scope *universe = ck->run->interp->universe;
    struct ts_near near = {.asked = ts_flux_name_str(name)};
    for (const struct ts_flux_known_scope *s = ck->scope; s; s = s->up)
        for (const struct ts_flux_known_name *n = s->names; n; n = n->next) {
            if (n->name == name) {
                *out = n->known;
                return 0;
            }
            ts_near_offer(&near, ts_flux_name_str(n->name));
        }
    const struct ts_flux_binding *b = ts_flux_scope_own(universe, name);
    if (b) {
        *out = ts_flux_known_of_value(ck->run, b->value);
        return 0;
    }
    struct ts_str path = ts_flux_package_named(ts_flux_name_str(name));
    if (path.p)
        return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, node), "undefined identifier %s; the package wants import \"%.*s\"",
                               name->z, (int)path.len, path.p);
    offer_scope(&near, universe);
    if (near.best.p)
        return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, node),
                               "undefined identifier %s; did you mean %.*s?", name->z, (int)near.best.len,
                               near.best.p);
    return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, node), "undefined identifier %s", name->z);
}

static int of_package(struct ts_flux_checker *ck, const struct ts_flux_node *node,
                      const struct ts_flux_record *members, struct ts_flux_known *out)
{
    const struct ts_flux_package *pkg = ts_flux_package_of(ck->run, members);
    const struct ts_flux_value *v = ts_flux_record_get(members, node->name);
    struct ts_near near = {.asked = ts_flux_name_str(node->name)};
    if (v) {
        *out = ts_flux_known_of_value(ck->run, *v);
        return 0;
    }
    for (uint32_t i = 0; i < members->shape->n; i++)
        if (members->shape->names[i]->z[0] != '_')
            ts_near_offer(&near, ts_flux_name_str(members->shape->names[i]));
    struct ts_flux_pos pos = {ck->src, node->end - TS_MIN(node->name->len, node->end), node->end};
    if (near.best.p)
        return ts_flux_fail_at(ck->run, pos, "package %s has no member %s; did you mean %.*s?", pkg->name->z,
                               node->name->z, (int)near.best.len, near.best.p);
    return ts_flux_fail_at(ck->run, pos, "package %s has no member %s", pkg->name->z, node->name->z);
}

static int member(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known *out)
{
    struct ts_flux_known of;
    int rc = ts_flux_check_expr(ck, node->a, &of);
    *out = ANYTHING;
    if (rc == 0 && of.members)
        return of_package(ck, node, of.members, out);
    rc = rc ? rc : expect(ck, node->a, "what has a property", TS_FLUX_BIT(RECORD), of);
    if (rc != 0 || !of.literal)
        return rc;
    struct ts_near near = {.asked = ts_flux_name_str(node->name)};
    for (const struct ts_flux_node *p = of.literal->list; p; p = p->next) {
        if (p->name == node->name)
            return 0;
        if (p->name->len > 1 && node->name->len > 1) /* of one letter all are near */
            ts_near_offer(&near, ts_flux_name_str(p->name));
    }
    return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, node), "the record has no property %s%s%.*s%s", node->name->z,
                           near.best.p ? "; did you mean " : "", (int)near.best.len, near.best.p ? near.best.p : "",
                           near.best.p ? "?" : "");
}

static int subscript(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known *out)
{
    struct ts_flux_known of, at;
    int rc = ts_flux_check_expr(ck, node->a, &of);
    rc = rc ? rc : ts_flux_check_expr(ck, node->b, &at);
    rc = rc ? rc : expect(ck, node->a, "what is indexed", TS_FLUX_BIT(ARRAY) | TS_FLUX_BIT(RECORD), of);
    rc = rc ? rc : expect(ck, node->b, "an index", TS_FLUX_BIT(INT) | TS_FLUX_BIT(STRING), at);
    *out = ANYTHING;
    return rc;
}

static int function(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known *out)
{
    struct ts_flux_known_scope params = {.up = ck->scope}, block = {.up = &params};
    struct ts_flux_known body = ANYTHING, dflt;
    bool outer = ck->in_function, piped = false;
    int rc = 0;
    for (const struct ts_flux_node *p = node->list; p && rc == 0; p = p->next) {
        bool pipe = p->a && p->a->kind == TS_FLUX_N_PIPE_ARG;
        if (pipe && piped)
            return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, p),
                                   "a function has one parameter for a pipe");
        piped |= pipe;
        rc = p->a && !pipe ? ts_flux_check_expr(ck, p->a, &dflt) : 0;
        ck->scope = &params;
        rc = rc ? rc : ts_flux_check_define(ck, p, p->name, ANYTHING);
        ck->scope = params.up;
    }
    ck->scope = &block;
    ck->in_function = true;
    if (rc == 0 && node->a->kind == TS_FLUX_N_BLOCK) {
        const struct ts_flux_node *last = node->a->list;
        while (last && last->next)
            last = last->next;
        rc = ts_flux_check_list(ck, node->a->list, &body);
        if (rc == 0 && (!last || last->kind != TS_FLUX_N_RETURN))
            rc = ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, node->a),
                                 "the function has no return at its end");
    } else if (rc == 0) {
        rc = ts_flux_check_expr(ck, node->a, &body);
    }
    ck->scope = params.up;
    ck->in_function = outer;
    *out = (struct ts_flux_known){.types = TS_FLUX_BIT(FUNCTION), .result = body.types};
    return rc ? rc : ts_flux_sig_of_node(ck->run, node, &out->sig);
}

static bool is_arith(enum ts_flux_op op)
{
    return op >= TS_FLUX_OP_ADD && op <= TS_FLUX_OP_POW;
}

/* Arithmetic wants one type on both sides; + and - have some more of them. */
static int arith(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known a,
                 struct ts_flux_known b, struct ts_flux_known *out)
{
    uint32_t wanted = NUMBERS;
    if (node->op == TS_FLUX_OP_ADD)
        wanted |= TS_FLUX_BIT(STRING) | TS_FLUX_BIT(DURATION);
    if (node->op == TS_FLUX_OP_SUB)
        wanted |= TS_FLUX_BIT(DURATION);
    char what[40] = "an operand of ";
    memcpy(what + strlen(what), ts_flux_op_text(node->op), strlen(ts_flux_op_text(node->op)) + 1);
    int rc = expect(ck, node->a, what, wanted, a);
    rc = rc ? rc : expect(ck, node->b, what, wanted, b);
    *out = of_types(a.types ? a.types : b.types);
    if (rc == 0 && node->op == TS_FLUX_OP_POW)
        *out = a.types || b.types ? of_types(TS_FLUX_BIT(FLOAT)) : ANYTHING;
    if (rc != 0 || !a.types || !b.types || a.types & UNTYPED || b.types & UNTYPED || a.types & b.types)
        return rc;
    return mismatch(ck, node->b, "the right side", a.types, b.types);
}

static int compare(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known a,
                   struct ts_flux_known b)
{
    uint32_t left = a.types & NUMBERS ? a.types | NUMBERS : a.types;
    if (node->op == TS_FLUX_OP_MATCH || node->op == TS_FLUX_OP_NOT_MATCH) {
        int rc = expect(ck, node->a, "what is matched", TS_FLUX_BIT(STRING), a);
        return rc ? rc : expect(ck, node->b, "the pattern", TS_FLUX_BIT(REGEXP), b);
    }
    if (!a.types || !b.types || a.types & UNTYPED || b.types & UNTYPED || left & b.types)
        return 0;
    return mismatch(ck, node->b, "the right side", left, b.types);
}

static int binary(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known *out)
{
    struct ts_flux_known a, b;
    int rc = ts_flux_check_expr(ck, node->a, &a);
    rc = rc ? rc : ts_flux_check_expr(ck, node->b, &b);
    *out = of_types(TS_FLUX_BIT(BOOL));
    if (rc != 0)
        return rc;
    if (node->kind == TS_FLUX_N_LOGICAL) {
        rc = expect(ck, node->a, "an operand of and, or", TS_FLUX_BIT(BOOL), a);
        return rc ? rc : expect(ck, node->b, "an operand of and, or", TS_FLUX_BIT(BOOL), b);
    }
    return is_arith(node->op) ? arith(ck, node, a, b, out) : compare(ck, node, a, b);
}

static int unary(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known *out)
{
    struct ts_flux_known a;
    int rc = ts_flux_check_expr(ck, node->a, &a);
    *out = of_types(TS_FLUX_BIT(BOOL));
    if (rc != 0 || node->op == TS_FLUX_OP_EXISTS)
        return rc;
    if (node->op == TS_FLUX_OP_NOT)
        return expect(ck, node->a, "the operand of not", TS_FLUX_BIT(BOOL), a);
    *out = of_types(a.types);
    return expect(ck, node->a, "what has a sign", NUMBERS | TS_FLUX_BIT(DURATION), a);
}

static int conditional(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known *out)
{
    struct ts_flux_known cond, yes, no;
    int rc = ts_flux_check_expr(ck, node->a, &cond);
    rc = rc ? rc : expect(ck, node->a, "the condition", TS_FLUX_BIT(BOOL), cond);
    rc = rc ? rc : ts_flux_check_expr(ck, node->b, &yes);
    rc = rc ? rc : ts_flux_check_expr(ck, node->c, &no);
    *out = of_types(rc == 0 && yes.types && no.types ? yes.types | no.types : 0);
    if (rc != 0 || !yes.types || !no.types || yes.types & UNTYPED)
        return rc;
    return expect(ck, node->c, "the value of else", yes.types, no);
}

/* The items of arrays, the parts of texts, properties. */
static int items(struct ts_flux_checker *ck, const struct ts_flux_node *node)
{
    struct ts_flux_known first = ANYTHING, known;
    int rc = 0;
    for (const struct ts_flux_node *n = node->list; n && rc == 0; n = n->next) {
        rc = ts_flux_check_expr(ck, n, &known);
        if (node->kind == TS_FLUX_N_INTERPOLATE)
            rc = rc ? rc : expect(ck, n, "a part of a text", PRINTABLE, known);
        else if (first.types)
            rc = rc ? rc : expect(ck, n, "an item of this array", first.types, known);
        if (!first.types && !(known.types & UNTYPED))
            first = known;
    }
    return rc;
}

static int properties(struct ts_flux_checker *ck, const struct ts_flux_node *node)
{
    struct ts_flux_known known;
    int rc = 0;
    if (node->a) {
        rc = ts_flux_check_expr(ck, node->a, &known);
        rc = rc ? rc : expect(ck, node->a, "what stands before with", TS_FLUX_BIT(RECORD), known);
    }
    for (const struct ts_flux_node *p = node->list; p && rc == 0; p = p->next)
        rc = p->a ? ts_flux_check_expr(ck, p->a, &known) : ident(ck, p, p->name, &known);
    return rc;
}

static int pairs(struct ts_flux_checker *ck, const struct ts_flux_node *node)
{
    struct ts_flux_known known;
    int rc = 0;
    for (const struct ts_flux_node *p = node->list; p && rc == 0; p = p->next) {
        rc = ts_flux_check_expr(ck, p->a, &known);
        rc = rc ? rc : ts_flux_check_expr(ck, p->b, &known);
    }
    return rc;
}

static int argument(struct ts_flux_checker *ck, const struct ts_flux_node *arg,
                    const struct ts_flux_known *func, int at)
{
    char what[120];
    struct ts_flux_known known;
    int rc = arg->a ? ts_flux_check_expr(ck, arg->a, &known) : ident(ck, arg, arg->name, &known);
    if (rc != 0 || at < 0 || !func->builtin)
        return rc;
    size_t n = TS_MIN(arg->name->len, 80u);
    memcpy(what, "argument ", 9);
    memcpy(what + 9, arg->name->z, n);
    what[9 + n] = '\0';
    return expect(ck, arg->a ? arg->a : arg, what, func->sig->params[at].types, known);
}

static int no_parameter(struct ts_flux_checker *ck, const struct ts_flux_node *arg,
                        const struct ts_flux_known *func)
{
    struct ts_near near = {.asked = ts_flux_name_str(arg->name)};
    const char *name = func->name ? func->name->z : "the function";
    for (unsigned i = 0; i < func->sig->n; i++)
        ts_near_offer(&near, ts_flux_name_str(func->sig->params[i].name));
    if (near.best.p)
        return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, arg),
                               "%s has no parameter %s; did you mean %.*s?", name, arg->name->z,
                               (int)near.best.len, near.best.p);
    return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, arg), "%s has no parameter %s", name, arg->name->z);
}

static int arguments(struct ts_flux_checker *ck, const struct ts_flux_node *call,
                     const struct ts_flux_known *func, const struct ts_flux_known *piped)
{
    const struct ts_flux_sig *sig = func->sig;
    const char *name = func->name ? func->name->z : "the function";
    struct ts_flux_pos pos = ts_flux_check_pos(ck, call);
    bool *given = ts_flux_new(ck->run, sig->n * sizeof *given);
    if (!given)
        return -TS_EQUERY;
    if (piped && sig->pipe < 0)
        return ts_flux_fail_at(ck->run, pos, "%s takes nothing from a pipe", name);
    if (piped)
        given[sig->pipe] = true;
    int rc = piped && func->builtin
                 ? expect(ck, call, "what is piped here", sig->params[sig->pipe].types, *piped)
                 : 0;
    for (const struct ts_flux_node *p = call->list; p && rc == 0; p = p->next) {
        int at = ts_flux_sig_find(sig, p->name);
        if (at < 0)
            return no_parameter(ck, p, func);
        if (given[at])
            return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, p), "%s is given %s twice", name,
                                   p->name->z);
        given[at] = true;
        rc = argument(ck, p, func, at);
    }
    for (unsigned i = 0; i < sig->n && rc == 0; i++)
        if (!given[i] && !sig->params[i].optional)
            rc = ts_flux_fail_at(ck->run, pos, "missing required argument %s of %s%s", sig->params[i].name->z,
                                 name, (int)i == sig->pipe ? ", which comes through |>" : "");
    return rc;
}

int ts_flux_check_call(struct ts_flux_checker *ck, const struct ts_flux_node *call,
                       const struct ts_flux_known *piped, struct ts_flux_known *out)
{
    struct ts_flux_known func, known;
    int rc = ts_flux_check_expr(ck, call->a, &func);
    rc = rc ? rc : expect(ck, call->a, "what is called", TS_FLUX_BIT(FUNCTION), func);
    *out = of_types(func.result);
    if (rc == 0 && func.sig)
        return arguments(ck, call, &func, piped);
    for (const struct ts_flux_node *p = call->list; p && rc == 0; p = p->next)
        rc = p->a ? ts_flux_check_expr(ck, p->a, &known) : ident(ck, p, p->name, &known);
    return rc;
}

static int leaf(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known *out)
{
    switch (node->kind) {
    case TS_FLUX_N_INT: *out = of_types(TS_FLUX_BIT(INT)); return 0;
    case TS_FLUX_N_FLOAT: *out = of_types(TS_FLUX_BIT(FLOAT)); return 0;
    case TS_FLUX_N_LABEL:
    case TS_FLUX_N_STRING: *out = of_types(TS_FLUX_BIT(STRING)); return 0;
    case TS_FLUX_N_TIME: *out = of_types(TS_FLUX_BIT(TIME)); return 0;
    case TS_FLUX_N_DURATION: *out = of_types(TS_FLUX_BIT(DURATION)); return 0;
    case TS_FLUX_N_REGEXP: *out = of_types(TS_FLUX_BIT(REGEXP)); return 0;
    default: return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, node), "<- is only for parameters");
    }
}

int ts_flux_check_expr(struct ts_flux_checker *ck, const struct ts_flux_node *node, struct ts_flux_known *out)
{
    struct ts_flux_known piped;
    int rc;
    *out = ANYTHING;
    if ((uintptr_t)__builtin_frame_address(0) < ck->run->interp->stack_end)
        return ts_flux_fail_at(ck->run, ts_flux_check_pos(ck, node),
                               "calls and expressions are nested too deep");
    switch (node->kind) {
    case TS_FLUX_N_IDENT: return ident(ck, node, node->name, out);
    case TS_FLUX_N_MEMBER: return member(ck, node, out);
    case TS_FLUX_N_INDEX: return subscript(ck, node, out);
    case TS_FLUX_N_CALL: return ts_flux_check_call(ck, node, NULL, out);
    case TS_FLUX_N_PIPE:
        rc = ts_flux_check_expr(ck, node->a, &piped);
        return rc ? rc : ts_flux_check_call(ck, node->b, &piped, out);
    case TS_FLUX_N_BINARY:
    case TS_FLUX_N_LOGICAL: return binary(ck, node, out);
    case TS_FLUX_N_UNARY: return unary(ck, node, out);
    case TS_FLUX_N_IF: return conditional(ck, node, out);
    case TS_FLUX_N_PAREN: return ts_flux_check_expr(ck, node->a, out);
    case TS_FLUX_N_FUNCTION: return function(ck, node, out);
    case TS_FLUX_N_RECORD:
        out->types = TS_FLUX_BIT(RECORD);
        out->literal = node->a ? NULL : node;
        return properties(ck, node);
    case TS_FLUX_N_ARRAY: out->types = TS_FLUX_BIT(ARRAY); return items(ck, node);
    case TS_FLUX_N_INTERPOLATE: out->types = TS_FLUX_BIT(STRING); return items(ck, node);
    case TS_FLUX_N_DICT: out->types = TS_FLUX_BIT(DICT); return pairs(ck, node);
    default: return leaf(ck, node, out);
    }
}
