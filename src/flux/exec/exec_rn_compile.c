/*
 * Compiles the body of a row's function: names are resolved once, functions written in Flux are put in their
 * place, and what depends on the row becomes operators over columns. What has no operator stays as it is and
 * is evaluated row by row.
 */
#include "config.h"
#include "flux/exec/exec_rowfn.h"

#define INLINE_DEPTH 16

struct compiler {
    struct ts_flux_rowfn *rf;
    struct ts_flux_frame frame;
    struct ts_flux_local *locals;
    unsigned depth;
};

static struct ts_flux_rn *compile(struct compiler *cc, const struct ts_flux_node *ast);

static struct ts_flux_rn *new_node(struct compiler *cc, enum ts_flux_rn_kind kind,
                                   const struct ts_flux_node *ast)
{
    struct ts_flux_rn *rn = ts_flux_new(cc->rf->run, sizeof *rn);
    if (!rn)
        return NULL;
    rn->kind = kind;
    rn->ast = ast;
    rn->frame = cc->frame;
    rn->pos = ts_flux_frame_pos(&cc->frame, ast);
    rn->column = -1;
    return rn;
}

static struct ts_flux_rn *constant(struct compiler *cc, const struct ts_flux_node *ast,
                                   struct ts_flux_value v)
{
    struct ts_flux_rn *rn = new_node(cc, TS_FLUX_RN_CONST, ast);
    if (rn) {
        rn->value = v;
        rn->safe = true;
    }
    return rn;
}

/* Whether ast uses one of the locals: without them it is the same for all rows. */
static bool uses_locals(const struct compiler *cc, const struct ts_flux_node *ast)
{
    if (!ast)
        return false;
    if (ast->kind == TS_FLUX_N_IDENT || (ast->kind == TS_FLUX_N_PROPERTY && !ast->a))
        for (const struct ts_flux_local *l = cc->locals; l; l = l->up)
            if (l->name == ast->name)
                return l->node->varies || l->node->kind == TS_FLUX_RN_ROW;
    for (const struct ts_flux_node *n = ast->list; n; n = n->next)
        if (uses_locals(cc, n))
            return true;
    return uses_locals(cc, ast->a) || uses_locals(cc, ast->b) || uses_locals(cc, ast->c);
}

static struct ts_flux_rn *slow(struct compiler *cc, const struct ts_flux_node *ast)
{
    struct ts_flux_rn *rn = new_node(cc, TS_FLUX_RN_SLOW, ast);
    if (rn) {
        rn->locals = cc->locals;
        rn->varies = uses_locals(cc, ast);
    }
    return rn;
}

static struct ts_flux_rn *column(struct compiler *cc, const struct ts_flux_node *ast,
                                 const struct ts_flux_name *name)
{
    struct ts_flux_rn *rn = new_node(cc, TS_FLUX_RN_COLUMN, ast);
    if (rn) {
        rn->name = name;
        rn->varies = rn->safe = true;
        rn->c = cc->rf->columns;
        cc->rf->columns = rn;
    }
    return rn;
}

static struct ts_flux_rn *ident(struct compiler *cc, const struct ts_flux_node *ast,
                                const struct ts_flux_name *name)
{
    for (const struct ts_flux_local *l = cc->locals; l; l = l->up)
        if (l->name == name)
            return l->node;
    const struct ts_flux_binding *b = ts_flux_scope_find(cc->frame.scope, name);
    return b ? constant(cc, ast, b->value) : slow(cc, ast);
}

static struct ts_flux_rn *member(struct compiler *cc, const struct ts_flux_node *ast)
{
    struct ts_flux_rn *of = compile(cc, ast->a);
    if (!of)
        return NULL;
    if (of->kind == TS_FLUX_RN_ROW)
        return column(cc, ast, ast->name);
    if (of->kind == TS_FLUX_RN_CONST && of->value.type == TS_FLUX_RECORD && !of->value.null) {
        const struct ts_flux_value *v = ts_flux_record_get(of->value.record, ast->name);
        if (v)
            return constant(cc, ast, *v);
    }
    if (of->kind == TS_FLUX_RN_RECORD) {
        for (unsigned i = 0; i < of->n; i++)
            if (of->names[i] == ast->name)
                return of->args[i];
        if (of->with_row)
            return column(cc, ast, ast->name);
    }
    return slow(cc, ast);
}

/* A row or a record cannot be an operand: only members of it can. */
static bool is_operand(const struct ts_flux_rn *rn)
{
    return rn && rn->kind != TS_FLUX_RN_ROW && rn->kind != TS_FLUX_RN_RECORD;
}

/* Integer division fails for 0, everything fails for wrong types: of columns these are only known later. */
static bool is_safe_op(enum ts_flux_op op)
{
    return op != TS_FLUX_OP_DIV && op != TS_FLUX_OP_MOD;
}

static struct ts_flux_rn *operation(struct compiler *cc, const struct ts_flux_node *ast,
                                    enum ts_flux_rn_kind kind)
{
    struct ts_flux_rn *a = compile(cc, ast->a), *b = ast->b ? compile(cc, ast->b) : NULL;
    struct ts_flux_rn *c = ast->c ? compile(cc, ast->c) : NULL;
    if (!a || (ast->b && !b) || (ast->c && !c))
        return NULL;
    if (!is_operand(a) || (b && !is_operand(b)) || (c && !is_operand(c)))
        return slow(cc, ast);
    struct ts_flux_rn *rn = new_node(cc, kind, ast);
    if (!rn)
        return NULL;
    rn->op = ast->op;
    rn->a = a;
    rn->b = b;
    rn->c = c;
    rn->varies = a->varies || (b && b->varies) || (c && c->varies);
    rn->safe = a->safe && (!b || b->safe) && (!c || c->safe) && is_safe_op(ast->op);
    return rn;
}

static struct ts_flux_rn **list(struct compiler *cc, struct ts_flux_rn *rn, unsigned n)
{
    rn->args = ts_flux_new(cc->rf->run, n * sizeof *rn->args);
    rn->names = rn->args ? ts_flux_new(cc->rf->run, n * sizeof *rn->names) : NULL;
    return rn->names ? rn->args : NULL;
}

static unsigned count(const struct ts_flux_node *nodes)
{
    unsigned n = 0;
    for (; nodes; nodes = nodes->next)
        n++;
    return n;
}

static struct ts_flux_rn *property(struct compiler *cc, const struct ts_flux_node *prop)
{
    return prop->a ? compile(cc, prop->a) : ident(cc, prop, prop->name);
}

/* {a: …}, {r with a: …} */
static struct ts_flux_rn *record(struct compiler *cc, const struct ts_flux_node *ast)
{
    struct ts_flux_rn *with = ast->a ? compile(cc, ast->a) : NULL, *rn = new_node(cc, TS_FLUX_RN_RECORD, ast);
    bool base = with && with->kind == TS_FLUX_RN_RECORD;
    if (!rn || (ast->a && !with) || !list(cc, rn, count(ast->list) + (base ? with->n : 0)))
        return NULL;
    if (with && with->kind != TS_FLUX_RN_ROW && !base)
        return slow(cc, ast);
    rn->varies = true;
    rn->with_row = with && (with->kind == TS_FLUX_RN_ROW || with->with_row);
    for (unsigned i = 0; base && i < with->n; i++) {
        rn->names[rn->n] = with->names[i];
        rn->args[rn->n++] = with->args[i];
    }
    for (const struct ts_flux_node *p = ast->list; p; p = p->next) {
        struct ts_flux_rn *v = property(cc, p);
        unsigned i = 0;
        if (!v)
            return NULL;
        if (!is_operand(v))
            return slow(cc, ast);
        while (i < rn->n && rn->names[i] != p->name)
            i++;
        rn->names[i] = p->name;
        rn->args[i] = v;
        rn->n = TS_MAX(rn->n, i + 1);
    }
    return rn;
}

static struct ts_flux_rn *text(struct compiler *cc, const struct ts_flux_node *ast)
{
    struct ts_flux_rn *rn = new_node(cc, TS_FLUX_RN_TEXT, ast);
    if (!rn || !list(cc, rn, count(ast->list)))
        return NULL;
    for (const struct ts_flux_node *n = ast->list; n; n = n->next) {
        struct ts_flux_rn *part = compile(cc, n);
        if (!part)
            return NULL;
        if (!is_operand(part))
            return slow(cc, ast);
        rn->args[rn->n++] = part;
        rn->varies |= part->varies;
    }
    return rn;
}

/* A function written in Flux, its parameters bound to the arguments: only a body without surprises. */
static struct ts_flux_rn *inlined(struct compiler *cc, const struct ts_flux_node *ast,
                                  const struct ts_flux_func *func, struct ts_flux_rn **args)
{
    struct compiler inner = {
        .rf = cc->rf, .frame = {cc->rf->run, func->env, func->src}, .depth = cc->depth + 1};
    const struct ts_flux_node *body = func->node->a;
    if (cc->depth >= INLINE_DEPTH)
        return slow(cc, ast);
    for (unsigned i = 0; i < func->sig->n; i++) {
        struct ts_flux_local *local = ts_flux_new(cc->rf->run, sizeof *local);
        if (!local)
            return NULL;
        struct compiler outer = {.rf = cc->rf, .frame = inner.frame, .depth = inner.depth};
        *local = (struct ts_flux_local){func->sig->params[i].name, args[i], inner.locals};
        if (!local->node && !(local->node = compile(&outer, func->sig->params[i].dflt)))
            return NULL;
        inner.locals = local;
    }
    return compile(&inner, body);
}

static struct ts_flux_rn *builtin(struct compiler *cc, const struct ts_flux_node *ast,
                                  const struct ts_flux_func *func, struct ts_flux_rn **args)
{
    struct ts_flux_rn *rn = new_node(cc, TS_FLUX_RN_CALL, ast);
    if (!rn)
        return NULL;
    rn->func = func;
    rn->args = args;
    rn->n = func->sig->n;
    for (unsigned i = 0; i < rn->n; i++) {
        if (args[i] && !is_operand(args[i]))
            return slow(cc, ast);
        rn->varies |= args[i] && args[i]->varies;
    }
    return rn;
}

static struct ts_flux_rn *call(struct compiler *cc, const struct ts_flux_node *ast, struct ts_flux_rn *piped)
{
    struct ts_flux_rn *callee = compile(cc, ast->a);
    if (!callee)
        return NULL;
    if (callee->kind != TS_FLUX_RN_CONST || callee->value.type != TS_FLUX_FUNCTION || callee->value.null)
        return NULL;
    const struct ts_flux_func *func = callee->value.func;
    const struct ts_flux_sig *sig = func->sig;
    struct ts_flux_rn **args = ts_flux_new(cc->rf->run, sig->n * sizeof *args);
    if (!args || (piped && sig->pipe < 0))
        return NULL;
    if (piped)
        args[sig->pipe] = piped;
    for (const struct ts_flux_node *p = ast->list; p; p = p->next) {
        int at = ts_flux_sig_find(sig, p->name);
        if (at < 0 || args[at] || !(args[at] = property(cc, p)))
            return NULL;
    }
    for (unsigned i = 0; i < sig->n; i++)
        if (!args[i] && !sig->params[i].optional)
            return NULL;
    return func->builtin ? builtin(cc, ast, func, args) : inlined(cc, ast, func, args);
}

/* Assignments and the value returned; anything else is left to the interpreter. */
static struct ts_flux_rn *block(struct compiler *cc, const struct ts_flux_node *ast)
{
    struct compiler inner = *cc;
    for (const struct ts_flux_node *st = ast->list; st; st = st->next) {
        if (st->kind == TS_FLUX_N_RETURN)
            return compile(&inner, st->a);
        struct ts_flux_local *local = ts_flux_new(cc->rf->run, sizeof *local);
        if (!local || st->kind != TS_FLUX_N_ASSIGN)
            return NULL;
        *local = (struct ts_flux_local){st->name, compile(&inner, st->a), inner.locals};
        if (!local->node)
            return NULL;
        inner.locals = local;
    }
    return NULL;
}

static struct ts_flux_rn *dispatch(struct compiler *cc, const struct ts_flux_node *ast)
{
    struct ts_flux_value v;
    struct ts_flux_rn *rn;
    switch (ast->kind) {
    case TS_FLUX_N_INT:
    case TS_FLUX_N_FLOAT:
    case TS_FLUX_N_STRING:
    case TS_FLUX_N_TIME:
    case TS_FLUX_N_DURATION:
    case TS_FLUX_N_REGEXP:
    case TS_FLUX_N_LABEL: return ts_flux_eval(&cc->frame, ast, &v) == 0 ? constant(cc, ast, v) : NULL;
    case TS_FLUX_N_IDENT: return ident(cc, ast, ast->name);
    case TS_FLUX_N_MEMBER: return member(cc, ast);
    case TS_FLUX_N_PAREN: return compile(cc, ast->a);
    case TS_FLUX_N_BINARY: return operation(cc, ast, TS_FLUX_RN_BINARY);
    case TS_FLUX_N_UNARY: return operation(cc, ast, TS_FLUX_RN_UNARY);
    case TS_FLUX_N_LOGICAL: return operation(cc, ast, TS_FLUX_RN_LOGICAL);
    case TS_FLUX_N_IF: return operation(cc, ast, TS_FLUX_RN_IF);
    case TS_FLUX_N_RECORD: return record(cc, ast);
    case TS_FLUX_N_INTERPOLATE: return text(cc, ast);
    case TS_FLUX_N_BLOCK: return block(cc, ast);
    case TS_FLUX_N_CALL: rn = call(cc, ast, NULL); break;
    case TS_FLUX_N_PIPE:
        rn = compile(cc, ast->a);
        rn = rn ? call(cc, ast->b, rn) : NULL;
        break;
    default: return slow(cc, ast);
    }
    return rn || cc->rf->run->error.msg[0] ? rn : slow(cc, ast);
}

static struct ts_flux_rn *compile(struct compiler *cc, const struct ts_flux_node *ast)
{
    if ((uintptr_t)__builtin_frame_address(0) < cc->rf->run->interp->stack_end) {
        (void)ts_flux_fail(cc->rf->run, "calls and expressions are nested too deep");
        return NULL;
    }
    return dispatch(cc, ast);
}

int ts_flux_rn_compile(struct ts_flux_rowfn *rf, struct ts_flux_rn **out)
{
    struct compiler cc = {.rf = rf, .frame = {rf->run, rf->func->env, rf->func->src}};
    struct ts_flux_local *row = ts_flux_new(rf->run, sizeof *row);
    const struct ts_flux_node *body = rf->func->node->a;
    if (!row || !(row->node = new_node(&cc, TS_FLUX_RN_ROW, body)))
        return -TS_EQUERY;
    row->name = rf->row;
    row->node->varies = true;
    cc.locals = row;
    for (unsigned i = 0; i < rf->func->sig->n; i++) { /* parameters with defaults are what these are */
        const struct ts_flux_param *par = &rf->func->sig->params[i];
        if (par->name == rf->row)
            continue;
        struct ts_flux_local *local = ts_flux_new(rf->run, sizeof *local);
        struct compiler outer = {.rf = rf, .frame = cc.frame};
        if (!local || !(local->node = compile(&outer, par->dflt)))
            return -TS_EQUERY;
        local->name = par->name;
        local->up = cc.locals;
        cc.locals = local;
    }
    *out = compile(&cc, body);
    if (!*out && !rf->run->error.msg[0])
        *out = body->kind == TS_FLUX_N_BLOCK ? slow(&cc, body) : NULL;
    return *out ? 0 : -TS_EQUERY;
}
