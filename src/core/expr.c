/*
 * Binds a program to a series: runs it with what is known of the series and leaves the steps that need a
 * sample. Texts are known of a series, so only numbers are left. And runs what is left. Thread: any; an
 * expression is never changed once it is read.
 */
#include "config.h"
#include "core/expr_priv.h"

#include "core/mem.h"

#include <math.h>

struct step {
    enum ts_expr_code code;
    bool with; /* of two operands: the right one is `number`, rather than on the stack */
    double number;
};

struct ts_calc {
    unsigned n, uses;
    struct step steps[];
};

/* One place of the stack while a program is bound. */
struct place {
    bool known;
    double number;
    struct ts_str text;
    unsigned begin; /* of its steps, when it is not known */
};

struct binder {
    const struct ts_series_view *view;
    unsigned n, depth;
    struct place stack[TS_EXPR_OPS_MAX];
    struct step steps[2 * TS_EXPR_OPS_MAX];
};

const char *ts_expr_kind_name(enum ts_kind kind)
{
    const char *type = ts_kind_metric_type(kind);
    return type ? type : kind == TS_KIND_STRING ? "string" : "field";
}

struct ts_str ts_expr_tag(const struct ts_series_view *view, struct ts_str key)
{
    struct ts_str value = TS_STR(""); /* of equal keys the last counts, as in ts_series_encode */
    for (unsigned i = 0; i < view->ntags; i++)
        if (ts_str_eq(view->tags[i].key, key))
            value = view->tags[i].value;
    return value;
}

static double run_one(enum ts_expr_code code, double a)
{
    switch (code) {
    case TS_X_NEGATE: return -a;
    case TS_X_NOT: return a == 0;
    case TS_X_ABS: return fabs(a);
    case TS_X_LOG: return log(a);
    default: return round(a);
    }
}

TS_INLINE double run_two(enum ts_expr_code code, double a, double b)
{
    switch (code) {
    case TS_X_ADD: return a + b;
    case TS_X_SUBTRACT: return a - b;
    case TS_X_MULTIPLY: return a * b;
    case TS_X_DIVIDE: return a / b;
    case TS_X_REMAINDER: return fmod(a, b);
    case TS_X_MIN: return isnan(a) || a < b ? a : b; /* no number stays no number */
    case TS_X_MAX: return isnan(a) || a > b ? a : b;
    case TS_X_LESS: return a < b;
    case TS_X_LESS_EQUAL: return a <= b;
    case TS_X_GREATER: return a > b;
    case TS_X_GREATER_EQUAL: return a >= b;
    case TS_X_EQUAL: return a == b;
    case TS_X_NOT_EQUAL: return a != b;
    case TS_X_AND: return a != 0 && b != 0;
    default: return a != 0 || b != 0;
    }
}

static struct ts_str text_of(const struct binder *bd, const struct ts_expr_op *op)
{
    switch (op->code) {
    case TS_X_NAME: return bd->view->name;
    case TS_X_FIELD: return bd->view->field;
    case TS_X_KIND: return ts_str_of(ts_expr_kind_name(bd->view->kind));
    case TS_X_TAG: return ts_expr_tag(bd->view, op->text);
    default: return op->text;
    }
}

static void leave(struct binder *bd, unsigned at, enum ts_expr_code code, double number)
{
    memmove(&bd->steps[at + 1], &bd->steps[at], (bd->n - at) * sizeof *bd->steps);
    bd->steps[at] = (struct step){.code = code, .number = number};
    bd->n++;
}

static void push(struct binder *bd, struct place place)
{
    place.begin = bd->n;
    bd->stack[bd->depth++] = place;
}

static int bind_one(struct binder *bd, const struct ts_expr_op *op)
{
    struct place *top = &bd->stack[bd->depth - 1];
    if (op->code == TS_X_MATCH) {
        int rc = ts_pattern_match(op->pattern, top->text);
        top->number = rc;
        return rc < 0 ? rc : 0;
    }
    if (top->known)
        top->number = run_one(op->code, top->number);
    else
        leave(bd, bd->n, op->code, 0);
    return 0;
}

/* false and x, true or x: known although x is not. */
static bool decides(enum ts_expr_code code, const struct place *place)
{
    return place->known &&
           ((code == TS_X_AND && place->number == 0) || (code == TS_X_OR && place->number != 0));
}

static void bind_two(struct binder *bd, const struct ts_expr_op *op)
{
    struct place *a = &bd->stack[bd->depth - 2], *b = &bd->stack[bd->depth - 1];
    bd->depth--;
    if (op->code == TS_X_TEXT_EQUAL || op->code == TS_X_TEXT_NOT_EQUAL) {
        a->number = ts_str_eq(a->text, b->text) == (op->code == TS_X_TEXT_EQUAL);
    } else if (a->known && b->known) {
        a->number = run_two(op->code, a->number, b->number);
    } else if (decides(op->code, a) || decides(op->code, b)) {
        bd->n = a->begin;
        *a = (struct place){.known = true, .number = op->code == TS_X_OR, .begin = a->begin};
    } else if ((op->code == TS_X_AND || op->code == TS_X_OR) && (a->known || b->known)) {
        a->known = false; /* the other one decides, and its steps are the only ones */
    } else {
        if (a->known)
            leave(bd, a->begin, TS_X_NUMBER, a->number);
        bool with = b->known;
        a->known = false;
        leave(bd, bd->n, op->code, b->number);
        bd->steps[bd->n - 1].with = with;
    }
}

static int bind_op(struct binder *bd, const struct ts_expr_op *op)
{
    switch (op->code) {
    case TS_X_NUMBER: push(bd, (struct place){.known = true, .number = op->number}); return 0;
    case TS_X_VALUE:
    case TS_X_TIME:
    case TS_X_WEIGHT:
        push(bd, (struct place){.known = false});
        leave(bd, bd->n, op->code, 0);
        return 0;
    case TS_X_TEXT:
    case TS_X_NAME:
    case TS_X_FIELD:
    case TS_X_KIND:
    case TS_X_TAG: push(bd, (struct place){.known = true, .text = text_of(bd, op)}); return 0;
    case TS_X_NEGATE:
    case TS_X_NOT:
    case TS_X_ABS:
    case TS_X_LOG:
    case TS_X_ROUND:
    case TS_X_MATCH: return bind_one(bd, op);
    default: bind_two(bd, op); return 0;
    }
}

int ts_expr_bind(const struct ts_expr *expr, const struct ts_series_view *view, struct ts_calc **out)
{
    struct binder bd;
    bd.view = view;
    bd.n = bd.depth = 0;
    *out = NULL;
    for (unsigned i = 0; i < expr->n; i++) {
        int rc = bind_op(&bd, &expr->ops[i]);
        if (rc)
            return rc;
    }
    TS_ASSERT(bd.depth == 1);
    if (bd.stack[0].known)
        leave(&bd, 0, TS_X_NUMBER, bd.stack[0].number);
    struct ts_calc *calc = ts_alloc(sizeof *calc + bd.n * sizeof *calc->steps);
    if (!calc)
        return -TS_ENOMEM;
    calc->n = bd.n;
    calc->uses = 1;
    memcpy(calc->steps, bd.steps, bd.n * sizeof *calc->steps);
    *out = calc;
    return 0;
}

void ts_calc_free(struct ts_calc **calc)
{
    if (*calc && --(*calc)->uses == 0)
        ts_free(*calc);
    *calc = NULL;
}

static bool same(const struct ts_calc *a, const struct ts_calc *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (a->steps[i].code != b->steps[i].code || a->steps[i].with != b->steps[i].with ||
            memcmp(&a->steps[i].number, &b->steps[i].number, sizeof a->steps[i].number) != 0)
            return false;
    return true;
}

void ts_calc_share(struct ts_calc **calc, struct ts_calc **latest)
{
    struct ts_calc *shared = *latest && same(*calc, *latest) ? *latest : *calc;
    shared->uses++;
    ts_calc_free(shared == *calc ? latest : calc);
    *calc = *latest = shared;
}

bool ts_calc_is_constant(const struct ts_calc *calc, double *v)
{
    *v = calc->steps[0].number;
    return calc->n == 1 && calc->steps[0].code == TS_X_NUMBER;
}

double ts_calc_run(const struct ts_calc *calc, const struct ts_expr_sample *smp)
{
    double stack[1 + TS_EXPR_OPS_MAX], *top = stack; /* the first is never used */
    for (const struct step *st = calc->steps, *end = st + calc->n; st < end; st++) {
        switch (st->code) {
        case TS_X_NUMBER: *++top = st->number; break;
        case TS_X_VALUE: *++top = smp->value; break;
        case TS_X_TIME: *++top = smp->time; break;
        case TS_X_WEIGHT: *++top = smp->weight; break;
        case TS_X_NEGATE:
        case TS_X_NOT:
        case TS_X_ABS:
        case TS_X_LOG:
        case TS_X_ROUND: *top = run_one(st->code, *top); break;
        default:
            if (st->with) {
                *top = run_two(st->code, *top, st->number);
            } else {
                top--;
                *top = run_two(st->code, *top, top[1]);
            }
            break;
        }
    }
    return *top;
}
