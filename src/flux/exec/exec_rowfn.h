#ifndef TS_FLUX_EXEC_ROWFN_H
#define TS_FLUX_EXEC_ROWFN_H
/* Inside of functions of rows: the compiled tree, and columns as operands. */
#include "flux/exec/exec_interp.h"

enum ts_flux_rn_kind {
    TS_FLUX_RN_CONST,   /* value */
    TS_FLUX_RN_COLUMN,  /* name: a column of the row */
    TS_FLUX_RN_ROW,     /* the row itself: only inside of others */
    TS_FLUX_RN_BINARY,  /* op, a, b */
    TS_FLUX_RN_UNARY,   /* op, a */
    TS_FLUX_RN_LOGICAL, /* op, a, b */
    TS_FLUX_RN_IF,      /* a, b, c */
    TS_FLUX_RN_RECORD,  /* with_row, names and args */
    TS_FLUX_RN_TEXT,    /* args: the parts of an interpolated text */
    TS_FLUX_RN_CALL,    /* func (a builtin), args by parameter; NULL: not given */
    TS_FLUX_RN_SLOW,    /* everything else: ast, evaluated for each row with locals bound */
};

struct ts_flux_rn;

/** A name that stands for a column while a body is compiled: the row, a parameter, an assignment. */
struct ts_flux_local {
    const struct ts_flux_name *name;
    struct ts_flux_rn *node;
    struct ts_flux_local *up;
};

struct ts_flux_rn {
    enum ts_flux_rn_kind kind;
    enum ts_flux_op op;
    const struct ts_flux_node *ast;
    struct ts_flux_frame frame; /* where ast belongs to */
    struct ts_flux_pos pos;     /* of errors */
    bool varies;                /* depends on the row */
    bool safe;                  /* cannot fail, so it may be evaluated for rows that do not need it */
    bool with_row;
    int column; /* COLUMN: index among those bound, -1: missing */
    const struct ts_flux_name *name;
    struct ts_flux_value value;
    const struct ts_flux_func *func;
    struct ts_flux_rn *a, *b, *c;
    unsigned n;
    struct ts_flux_rn **args;
    const struct ts_flux_name **names;
    struct ts_flux_local *locals; /* SLOW */
    uint64_t epoch;               /* of what is in cache */
    struct ts_flux_vec cache;
};

/** What a tree is evaluated over: rows sel[0 … n) of cols, or all of them in order when sel is NULL. */
struct ts_flux_rows {
    struct ts_flux_rowfn *rf;
    unsigned n;
    const uint32_t *sel;
    const struct ts_flux_vec *cols;
    uint64_t epoch;
};

struct ts_flux_rowfn {
    struct ts_flux_run *run;
    const struct ts_flux_func *func;
    const char *what;
    const struct ts_flux_name *row, *acc; /* parameters; acc NULL but for fold */
    struct ts_flux_rn *body;
    struct ts_flux_rn *columns; /* COLUMN nodes, linked by c: bind() sets their index */
    unsigned ncols;
    const struct ts_flux_field *fields;
    const struct ts_flux_shape *shape; /* of the row as a record */
    uint64_t epoch;
    const struct ts_flux_name **needs;
    unsigned nneeds, needs_cap;
    bool needs_all, needs_known;
    struct ts_flux_arena fold[2];
};

int ts_flux_rn_compile(struct ts_flux_rowfn *rf, struct ts_flux_rn **out) TS_MUST_CHECK;
int ts_flux_rn_eval(struct ts_flux_rows *rows, struct ts_flux_rn *node,
                    struct ts_flux_vec *out) TS_MUST_CHECK;

/** The row as a record, its values from row i. */
int ts_flux_row_record(struct ts_flux_rows *rows, unsigned i, struct ts_flux_value *out) TS_MUST_CHECK;

/* columns as operands; results on run->scratch */
int ts_flux_vec_binary(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                       const struct ts_flux_vec *b, struct ts_flux_vec *out) TS_MUST_CHECK;
int ts_flux_vec_logical(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                        const struct ts_flux_vec *b, struct ts_flux_vec *out) TS_MUST_CHECK;
int ts_flux_vec_unary(struct ts_flux_run *run, enum ts_flux_op op, unsigned n, const struct ts_flux_vec *a,
                      struct ts_flux_vec *out) TS_MUST_CHECK;
/** A builtin that is a conversion of numbers, in one loop. @return false: it is not, or of other columns; out
 * is not filled. */
bool ts_flux_vec_convert(struct ts_flux_run *run, ts_flux_builtin_fn fn, unsigned n,
                         const struct ts_flux_vec *a, struct ts_flux_vec *out);
/** Columns from values, one for each row; the type is that of the values that have one. */
int ts_flux_vec_of_values(struct ts_flux_run *run, unsigned n, const struct ts_flux_value *v,
                          struct ts_flux_vec *out) TS_MUST_CHECK;
struct ts_flux_vec ts_flux_vec_constant(struct ts_flux_run *run, struct ts_flux_value v);
int ts_flux_vec_gather(struct ts_flux_run *run, const struct ts_flux_vec *from, const uint32_t *sel,
                       unsigned n, struct ts_flux_vec *out) TS_MUST_CHECK;
/** Room for n values of a type; *nulls is zeroed. */
int ts_flux_vec_new(struct ts_flux_run *run, enum ts_flux_type type, unsigned n, void **data,
                    uint64_t **nulls, struct ts_flux_vec *out) TS_MUST_CHECK;
size_t ts_flux_vec_width(enum ts_flux_type type);

#endif
