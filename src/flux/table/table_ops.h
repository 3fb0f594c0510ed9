#ifndef TS_FLUX_TABLE_OPS_H
#define TS_FLUX_TABLE_OPS_H
/* What operators are made of: arguments into plans, chunks piece by piece, functions of rows, regrouping. */
#include "flux/table/table.h"

/* ---- arguments ---- */

/** Column names. */
struct ts_flux_cols {
    unsigned n;
    const struct ts_flux_name **v;
};
bool ts_flux_cols_has(const struct ts_flux_cols *cols, const struct ts_flux_name *name);

/** A string argument as a name; `dflt` when it was not given (NULL: then *out is NULL). */
int ts_flux_arg_name(struct ts_flux_run *run, struct ts_flux_value v, const char *dflt,
                     const struct ts_flux_name **out) TS_MUST_CHECK;
/** An array of strings; dflt: names with spaces between, when it was not given. */
int ts_flux_arg_cols(struct ts_flux_run *run, struct ts_flux_value v, const char *dflt,
                     struct ts_flux_cols *out) TS_MUST_CHECK;

static inline bool ts_flux_arg_bool(struct ts_flux_value v, bool dflt)
{
    return v.type == TS_FLUX_BOOL && !v.null ? v.b : dflt;
}
static inline int64_t ts_flux_arg_int(struct ts_flux_value v, int64_t dflt)
{
    return v.type == TS_FLUX_INT && !v.null ? v.i : dflt;
}
static inline double ts_flux_arg_float(struct ts_flux_value v, double dflt)
{
    return v.type == TS_FLUX_FLOAT && !v.null ? v.f : dflt;
}
static inline bool ts_flux_is(struct ts_flux_value v, const char *z)
{
    return v.type == TS_FLUX_STRING && !v.null && ts_str_eq(ts_flux_value_str(v), ts_str_of(z));
}

/** The plan `op` with a copy of `bytes` of arguments over `from` (NULL: none), as a value. */
int ts_flux_plan(struct ts_flux_run *run, const struct ts_flux_operator *op, const void *args, size_t bytes,
                 struct ts_flux_stream *from, struct ts_flux_value *out) TS_MUST_CHECK;

/* ---- chunks, column by column ---- */

struct ts_flux_maker {
    struct ts_flux_mem *mem;
    struct ts_flux_slot *v;
    size_t n, cap;
    bool failed;
};
#define TS_FLUX_MAKER(run) ((struct ts_flux_maker){.mem = &(run)->mem})

/** Takes the reference over; NULL: making the column failed, and so will the chunk. A name that is there
 * already is replaced. */
void ts_flux_maker_add(struct ts_flux_maker *mk, const struct ts_flux_name *name, struct ts_flux_column *col);
void ts_flux_maker_const(struct ts_flux_maker *mk, const struct ts_flux_name *name, struct ts_flux_value v);
/** Shares a column of chk. */
void ts_flux_maker_share(struct ts_flux_maker *mk, const struct ts_flux_chunk *chk, uint32_t i);
void ts_flux_maker_share_all(struct ts_flux_maker *mk, const struct ts_flux_chunk *chk);
/** The columns of chk's group key, as constants. */
void ts_flux_maker_key(struct ts_flux_maker *mk, const struct ts_flux_chunk *chk);
/** The columns in the order of their names. */
void ts_flux_maker_sort(struct ts_flux_maker *mk);
int ts_flux_maker_find(const struct ts_flux_maker *mk, const struct ts_flux_name *name);
/** NULL without memory. The maker is empty again. */
struct ts_flux_chunk *ts_flux_maker_end(struct ts_flux_maker *mk, struct ts_flux_key *key,
                                        size_t n) TS_MUST_CHECK;
/** When nothing is to be made after all. */
void ts_flux_maker_drop(struct ts_flux_maker *mk);

/* ---- functions of rows ---- */

struct ts_flux_rows {
    struct ts_flux_run *run;
    struct ts_flux_rowfn *rf;
    struct ts_flux_field *fields; /* as bound */
    struct ts_flux_vec *vecs;
    uint32_t n, cap;
    bool bound;
};
/** In an operator's open. */
int ts_flux_rows_init(struct ts_flux_run *run, struct ts_flux_rows *rows, struct ts_flux_value func,
                      const char *what) TS_MUST_CHECK;
void ts_flux_rows_fini(struct ts_flux_rows *rows);
/** The chunk's columns from row `start` on (a multiple of 64) into rows->vecs; binds the function when names
 * or types are others. */
int ts_flux_rows_set(struct ts_flux_rows *rows, const struct ts_flux_chunk *chk, size_t start) TS_MUST_CHECK;
/** A result as a column: one of chk's own when it shares its data, else a copy. */
struct ts_flux_column *ts_flux_rows_column(struct ts_flux_rows *rows, const struct ts_flux_vec *vec, size_t n,
                                           const struct ts_flux_chunk *chk) TS_MUST_CHECK;

/* ---- grouping ---- */

/** Collects the rows of chk under the key that these of its columns give; those it lacks are left out. */
int ts_flux_regroup(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk,
                    const struct ts_flux_name *const *names, size_t n) TS_MUST_CHECK;

/** Rows by equal values of some columns (none of them constant): the group of each row in the order of first
 * rows. */
struct ts_flux_split {
    const struct ts_flux_chunk *chk;
    const uint32_t *by;
    size_t nby, ngroups;
    uint32_t *group; /* of each row */
    uint32_t *first; /* row of each group */
    uint32_t *sel;   /* rows, group by group: sel[start[g]] … sel[start[g + 1] - 1] */
    uint32_t *start;
    uint32_t *slots;
    size_t nslots, words;
    uint32_t *mem;
};
int ts_flux_split_init(struct ts_flux_run *run, struct ts_flux_split *sp, const struct ts_flux_chunk *chk,
                       const uint32_t *by, size_t nby) TS_MUST_CHECK;
void ts_flux_split_fini(struct ts_flux_run *run, struct ts_flux_split *sp);

/** The key of chk with one column more or replaced, or (v.type NONE) without it. NULL without memory. */
struct ts_flux_key *ts_flux_key_with(struct ts_flux_run *run, const struct ts_flux_key *key,
                                     const struct ts_flux_name *name, struct ts_flux_value v) TS_MUST_CHECK;

/** The chunk's rows sorted by those of the columns that it has; stable. */
int ts_flux_sort_chunk(struct ts_flux_run *run, struct ts_flux_chunk *chk, const struct ts_flux_cols *by,
                       bool desc, struct ts_flux_chunk **out) TS_MUST_CHECK;

/** The plan of quantile() by a t-digest. */
int ts_flux_plan_digest(struct ts_flux_run *run, const struct ts_flux_args *args, double q,
                        double compression, struct ts_flux_value column,
                        struct ts_flux_value *out) TS_MUST_CHECK;

/** The column, or the query's error that it is not there. */
int ts_flux_need_column(struct ts_flux_run *run, const struct ts_flux_chunk *chk,
                        const struct ts_flux_name *name, struct ts_flux_column **out) TS_MUST_CHECK;

static inline bool ts_flux_is_numeric(enum ts_flux_type type)
{
    return type == TS_FLUX_INT || type == TS_FLUX_UINT || type == TS_FLUX_FLOAT;
}
static inline bool ts_flux_is_column(enum ts_flux_type type)
{
    return type >= TS_FLUX_BOOL && type <= TS_FLUX_TIME;
}

#endif
