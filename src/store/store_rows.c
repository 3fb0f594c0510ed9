/*
 * Which points of a series satisfy a predicate on values. What it asks of the series is decided once, when the series begins; what
 * is left is a small tree that a block's minimum and maximum may answer for all of its points, and that otherwise is
 * evaluated 64 points at a time. As everywhere there are three values. Thread: the cursor's, which owns the tree.
 */
#include "config.h"
#include "store/store_scan.h"

#include "core/mem.h"

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define KERNEL __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define KERNEL
#endif

/* How values are compared: as their own type, or as doubles. */
enum kind { CONSTANT, TREE, FLOATS, INTS, UINTS, INTS_AS_FLOATS, UINTS_AS_FLOATS, BOOLS, TEXTS, TESTS };

struct ts_row_node {
    enum kind kind;
    enum ts_scan_op op;
    unsigned nargs;      /* TREE: how many follow */
    enum ts_truth truth; /* CONSTANT */
    union ts_scan_value num;
    const struct ts_scan_pred *pred; /* TEXTS, TESTS */
};

void ts_rows_fini(struct ts_rows *rows)
{
    ts_free(rows->nodes);
    *rows = (struct ts_rows){0};
}

/* ---- for a series ---- */

static int add(struct ts_rows *rows, struct ts_row_node node)
{
    if (rows->n == rows->cap) {
        unsigned cap = TS_MAX(8u, rows->cap * 2);
        struct ts_row_node *nodes = ts_resize(rows->nodes, cap * sizeof *nodes);
        if (!nodes)
            return -TS_ENOMEM;
        rows->nodes = nodes;
        rows->cap = cap;
    }
    rows->nodes[rows->n++] = node;
    return 0;
}

static int add_truth(struct ts_rows *rows, enum ts_truth truth)
{
    return add(rows, (struct ts_row_node){.kind = CONSTANT, .truth = truth});
}

/* A negative number is smaller than every uint, and one beyond the range of int64 larger than every int. */
static int integers(struct ts_rows *rows, const struct ts_scan_pred *pred, enum ts_scan_type type)
{
    bool beyond = type != pred->type && pred->num.i < 0, uints = type == TS_SCAN_UINT;
    bool larger = pred->op == TS_SCAN_GT || pred->op == TS_SCAN_GE, smaller = pred->op == TS_SCAN_LT || pred->op == TS_SCAN_LE;
    if (beyond)
        return add_truth(rows, pred->op == TS_SCAN_NE || (uints ? larger : smaller) ? TS_TRUE : TS_FALSE);
    return add(rows, (struct ts_row_node){.kind = uints ? UINTS : INTS, .op = pred->op, .num = pred->num});
}

static double as_double(const struct ts_scan_pred *pred)
{
    return pred->type == TS_SCAN_FLOAT ? pred->num.f : pred->type == TS_SCAN_INT ? (double)pred->num.i : (double)pred->num.u;
}

static int comparison(struct ts_rows *rows, const struct ts_scan_pred *pred, enum ts_scan_type type)
{
    static const enum kind kinds[] = {
        [TS_SCAN_FLOAT] = FLOATS, [TS_SCAN_INT] = INTS_AS_FLOATS, [TS_SCAN_UINT] = UINTS_AS_FLOATS, [TS_SCAN_BOOL] = BOOLS, [TS_SCAN_STRING] = TEXTS};
    bool numbers = type <= TS_SCAN_UINT && pred->type <= TS_SCAN_UINT, equality = pred->op == TS_SCAN_EQ || pred->op == TS_SCAN_NE;
    struct ts_row_node node = {.kind = kinds[type], .op = pred->op, .num = pred->num, .pred = pred};
    if (pred->op == TS_SCAN_EXISTS)
        return add_truth(rows, TS_TRUE);
    if (pred->op == TS_SCAN_TEST) {
        node.kind = TESTS;
        rows->take = type == TS_SCAN_STRING ? rows->take : TS_ROWS_UNDECIDED;
        return add(rows, node);
    }
    if ((!numbers && type != pred->type) || (type == TS_SCAN_BOOL && !equality)) {
        rows->take = TS_ROWS_UNDECIDED;
        return 0;
    }
    if (numbers && type != TS_SCAN_FLOAT && pred->type != TS_SCAN_FLOAT)
        return integers(rows, pred, type);
    if (numbers)
        node.num.f = as_double(pred);
    return add(rows, node);
}

/* From left to right: what comes behind an operand that decides is not looked at, whatever its type. */
static int bind(struct ts_rows *rows, const struct ts_scan_pred *pred, const struct ts_scan_series *ser)
{
    bool open, is_not = pred->op == TS_SCAN_NOT;
    unsigned at = rows->n;
    if (pred->op > TS_SCAN_NOT && pred->on == TS_SCAN_VALUE)
        return comparison(rows, pred, ser->type);
    if (pred->op > TS_SCAN_NOT)
        return add_truth(rows, ts_pred_value(pred, ser->measurement, ser->tags, ser->ntags, &ser->field, &open));
    enum ts_truth decides = pred->op == TS_SCAN_OR ? TS_TRUE : TS_FALSE, neutral = decides == TS_TRUE ? TS_FALSE : TS_TRUE;
    int rc = add(rows, (struct ts_row_node){.kind = TREE, .op = pred->op});
    for (unsigned i = 0; i < pred->nargs && rc == 0; i++) {
        unsigned arg = rows->n;
        rc = bind(rows, pred->args[i], ser);
        if (rc || rows->take == TS_ROWS_UNDECIDED)
            return rc;
        enum ts_truth truth = rows->nodes[arg].truth;
        bool constant = rows->nodes[arg].kind == CONSTANT;
        if (constant && is_not)
            truth = truth == TS_UNKNOWN ? truth : truth == TS_TRUE ? TS_FALSE : TS_TRUE;
        if (constant && (is_not || truth == decides)) {
            rows->n = at;
            return add_truth(rows, truth);
        }
        if (constant && truth == neutral)
            rows->n = arg;
        else
            rows->nodes[at].nargs++;
    }
    if (rc == 0 && rows->nodes[at].nargs == 0)
        rows->nodes[at] = (struct ts_row_node){.kind = CONSTANT, .truth = neutral};
    return rc;
}

int ts_rows_bind(struct ts_rows *rows, const struct ts_scan_pred *pred, const struct ts_scan_series *ser)
{
    rows->n = 0;
    rows->take = pred ? TS_ROWS_SOME : TS_ROWS_ALL;
    int rc = pred ? bind(rows, pred, ser) : 0;
    if (rc == 0 && rows->take == TS_ROWS_SOME && rows->nodes[0].kind == CONSTANT)
        rows->take = rows->nodes[0].truth == TS_TRUE ? TS_ROWS_ALL : TS_ROWS_NONE;
    return rc;
}

/* ---- for a block ---- */

enum { MAY_FALSE = 1 << TS_FALSE, MAY_TRUE = 1 << TS_TRUE, MAY_UNKNOWN = 1 << TS_UNKNOWN };

static int order(enum kind kind, union ts_scan_value a, union ts_scan_value b)
{
    double x = kind == INTS_AS_FLOATS ? (double)a.i : kind == UINTS_AS_FLOATS ? (double)a.u : a.f;
    if (kind == INTS)
        return (a.i > b.i) - (a.i < b.i);
    if (kind == UINTS)
        return (a.u > b.u) - (a.u < b.u);
    return x != x || b.f != b.f ? 2 : (x > b.f) - (x < b.f); /* 2: a NaN is neither */
}

static unsigned may_be(const struct ts_row_node *node, const struct ts_seg_column *col)
{
    if (node->kind > UINTS_AS_FLOATS || !col->has_stats)
        return MAY_TRUE | MAY_FALSE;
    int lo = order(node->kind, col->min, node->num), hi = order(node->kind, col->max, node->num);
    bool one = lo == 0 && hi == 0, within = lo <= 0 && hi >= 0 && hi != 2, yes, no;
    switch (node->op) {
    case TS_SCAN_EQ: yes = within, no = !one; break;
    case TS_SCAN_NE: yes = !one, no = within; break;
    case TS_SCAN_LT: yes = lo < 0, no = hi >= 0; break;
    case TS_SCAN_LE: yes = lo <= 0, no = hi > 0; break;
    case TS_SCAN_GT: yes = hi == 1, no = lo <= 0 || lo == 2; break;
    default: yes = hi == 0 || hi == 1, no = lo < 0 || lo == 2; break;
    }
    return (yes ? MAY_TRUE : 0u) | (no ? MAY_FALSE : 0u);
}

/* What two operands, each one of some values, may come to. */
static unsigned joined(enum ts_scan_op op, unsigned a, unsigned b)
{
    enum ts_truth decides = op == TS_SCAN_OR ? TS_TRUE : TS_FALSE;
    unsigned out = 0;
    for (enum ts_truth x = TS_FALSE; x <= TS_UNKNOWN; x++)
        for (enum ts_truth y = TS_FALSE; y <= TS_UNKNOWN; y++)
            if ((a >> x & 1) && (b >> y & 1))
                out |= 1u << (x == decides || y == decides ? decides : x == TS_UNKNOWN || y == TS_UNKNOWN ? TS_UNKNOWN : x);
    return out;
}

static unsigned possible(const struct ts_row_node **at, const struct ts_seg_column *col)
{
    const struct ts_row_node *node = (*at)++;
    if (node->kind == CONSTANT)
        return 1u << node->truth;
    if (node->kind != TREE)
        return may_be(node, col);
    unsigned out = possible(at, col);
    if (node->op == TS_SCAN_NOT)
        return (out & MAY_UNKNOWN) | (out & MAY_TRUE ? MAY_FALSE : 0u) | (out & MAY_FALSE ? MAY_TRUE : 0u);
    for (unsigned i = 1; i < node->nargs; i++)
        out = joined(node->op, out, possible(at, col));
    return out;
}

enum ts_rows_take ts_rows_of_block(const struct ts_rows *rows, const struct ts_seg_column *col)
{
    const struct ts_row_node *at = rows->nodes;
    unsigned may = possible(&at, col);
    return may == MAY_TRUE ? TS_ROWS_ALL : may & MAY_TRUE ? TS_ROWS_SOME : TS_ROWS_NONE;
}

/* ---- for points ---- */

struct word {
    uint64_t yes, no; /* a bit for each point; of neither: unknown */
};

#define EACH(x, cond)                                                                                        \
    for (unsigned i = 0; i < n; i++)                                                                         \
        bits |= (uint64_t)(x cond c) << i;                                                                   \
    break

#define COMPARE(x)                                                                                           \
    switch (op) {                                                                                            \
    case TS_SCAN_EQ: EACH(x, ==);                                                                            \
    case TS_SCAN_NE: EACH(x, !=);                                                                            \
    case TS_SCAN_LT: EACH(x, <);                                                                             \
    case TS_SCAN_LE: EACH(x, <=);                                                                            \
    case TS_SCAN_GT: EACH(x, >);                                                                             \
    default: EACH(x, >=);                                                                                    \
    }                                                                                                        \
    return bits

KERNEL static uint64_t floats(enum ts_scan_op op, const double *v, double c, unsigned n)
{
    uint64_t bits = 0;
    COMPARE(v[i]);
}

KERNEL static uint64_t ints(enum ts_scan_op op, const int64_t *v, int64_t c, unsigned n)
{
    uint64_t bits = 0;
    COMPARE(v[i]);
}

KERNEL static uint64_t uints(enum ts_scan_op op, const uint64_t *v, uint64_t c, unsigned n)
{
    uint64_t bits = 0;
    COMPARE(v[i]);
}

static uint64_t ints_as_floats(enum ts_scan_op op, const int64_t *v, double c, unsigned n)
{
    uint64_t bits = 0;
    COMPARE((double)v[i]);
}

static uint64_t uints_as_floats(enum ts_scan_op op, const uint64_t *v, double c, unsigned n)
{
    uint64_t bits = 0;
    COMPARE((double)v[i]);
}

static uint64_t texts(enum ts_scan_op op, const struct ts_str *v, struct ts_str with, unsigned n)
{
    uint64_t bits = 0;
    const int c = 0;
    COMPARE(ts_str_cmp(v[i], with));
}

static uint64_t tests(const struct ts_scan_pred *pred, const struct ts_str *v, unsigned n)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < n; i++)
        bits |= (uint64_t)pred->test(pred->arg, v[i]) << i;
    return bits;
}

static uint64_t compare(const struct ts_row_node *node, const struct ts_decoded *dec, unsigned from, unsigned n)
{
    const void *v = dec->v + from;
    switch (node->kind) {
    case FLOATS: return floats(node->op, v, node->num.f, n);
    case INTS: return ints(node->op, v, node->num.i, n);
    case INTS_AS_FLOATS: return ints_as_floats(node->op, v, node->num.f, n);
    case UINTS_AS_FLOATS: return uints_as_floats(node->op, v, node->num.f, n);
    case TEXTS: return texts(node->op, dec->s + from, node->pred->value, n);
    case TESTS: return tests(node->pred, dec->s + from, n);
    default: return uints(node->op, v, node->num.u, n);
    }
}

static struct word word_of(const struct ts_row_node **at, const struct ts_decoded *dec, unsigned from, unsigned n)
{
    const struct ts_row_node *node = (*at)++;
    uint64_t all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1, yes;
    if (node->kind == CONSTANT)
        return (struct word){node->truth == TS_TRUE ? all : 0, node->truth == TS_FALSE ? all : 0};
    if (node->kind != TREE) {
        yes = compare(node, dec, from, n);
        return (struct word){yes, all & ~yes};
    }
    struct word out = word_of(at, dec, from, n);
    if (node->op == TS_SCAN_NOT)
        return (struct word){out.no, out.yes};
    for (unsigned i = 1; i < node->nargs; i++) {
        struct word arg = word_of(at, dec, from, n);
        if (node->op == TS_SCAN_AND)
            out = (struct word){out.yes & arg.yes, out.no | arg.no};
        else
            out = (struct word){out.yes | arg.yes, out.no & arg.no};
    }
    return out;
}

/* Points of a word to where those before them end. */
static void move(struct ts_decoded *dec, unsigned to, unsigned from, uint64_t bits, unsigned want, enum ts_scan_type type)
{
    for (; bits; bits &= bits - 1, to++) {
        unsigned i = from + (unsigned)__builtin_ctzll(bits);
        if (want & TS_SCAN_TIMES)
            dec->times[to] = dec->times[i];
        if (type == TS_SCAN_STRING)
            dec->s[to] = dec->s[i];
        else
            dec->v[to] = dec->v[i];
    }
}

unsigned ts_rows_keep(const struct ts_rows *rows, enum ts_scan_type type, struct ts_decoded *dec, unsigned from, unsigned n,
                      unsigned want, int64_t *min_ns, int64_t *max_ns)
{
    unsigned kept = 0;
    for (unsigned at = 0; at < n; at += 64) {
        const struct ts_row_node *node = rows->nodes;
        uint64_t bits = word_of(&node, dec, from + at, TS_MIN(64u, n - at)).yes;
        if (!bits)
            continue;
        const int64_t *times = dec->times + from + at;
        if (kept == 0)
            *min_ns = times[__builtin_ctzll(bits)];
        *max_ns = times[63 - __builtin_clzll(bits)];
        if (want && (kept != at || ~bits))
            move(dec, from + kept, from + at, bits, want, type);
        kept += (unsigned)__builtin_popcountll(bits);
    }
    return kept;
}
