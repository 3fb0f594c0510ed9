#ifndef TS_FLUX_TABLE_FOLD_H
#define TS_FLUX_TABLE_FOLD_H
/* Accumulators of windows: what aggregateWindow(), and window() with an aggregate, fold rows into. */
#include "core/scan.h"
#include "flux/exec/exec_time.h"
#include "flux/table/table_ops.h"

enum ts_flux_fold {
    TS_FLUX_FOLD_COUNT,
    TS_FLUX_FOLD_SUM,
    TS_FLUX_FOLD_MEAN,
    TS_FLUX_FOLD_FIRST,
    TS_FLUX_FOLD_LAST,
    TS_FLUX_FOLD_MIN,
    TS_FLUX_FOLD_MAX,
    TS_FLUX_FOLD_NONE,
};

/** Of the library's function; NONE: it is none of these. */
enum ts_flux_fold ts_flux_fold_of(ts_flux_builtin_fn fn);

static inline bool ts_flux_fold_selects(enum ts_flux_fold fold)
{
    return fold >= TS_FLUX_FOLD_FIRST;
}

/** A window of a table: start … stop, not yet cut to the bounds. */
struct ts_flux_pane {
    int64_t start, stop;
    uint64_t rows, n; /* n: that are not null */
    union ts_scan_value v;     /* sum, or the selected value */
    struct ts_flux_chunk *chk; /* the selected row; NULL: none, or (fresh) in the present chunk */
    uint32_t row;
    bool fresh;
};

struct ts_flux_fold_table {
    struct ts_flux_key *key; /* the index's */
    struct ts_flux_schema schema;
    enum ts_flux_type type; /* of the column; 0: nothing has come */
    struct ts_flux_pane *v;
    size_t n, cap, at; /* at: the window that was found last */
};

void ts_flux_fold_table_fini(struct ts_flux_mem *mem, struct ts_flux_fold_table *tbl);

/** Makes room for a window at place i. NULL without memory. */
struct ts_flux_pane *ts_flux_fold_insert(struct ts_flux_mem *mem, struct ts_flux_fold_table *tbl, size_t i,
                                                 struct ts_flux_bounds b) TS_MUST_CHECK;
/** The window that t is in. */
struct ts_flux_pane *ts_flux_fold_slot(struct ts_flux_mem *mem, const struct ts_flux_window *win,
                                               struct ts_flux_fold_table *tbl, int64_t t) TS_MUST_CHECK;

/** Rows from … to, which are all of one window. */
void ts_flux_fold_rows(enum ts_flux_fold fold, struct ts_flux_pane *slt, const struct ts_flux_column *col, size_t from,
                       size_t to);
/** The same of all the rows whose statistics these are. */
void ts_flux_fold_stats(enum ts_flux_fold fold, struct ts_flux_pane *slt, const struct ts_scan_chunk *chk);

/** The windows of window() with the usual columns, one after the other; false: the stream is something else. */
bool ts_flux_window_of(const struct ts_flux_stream *stream, struct ts_flux_window *win, bool *create_empty);

/**
 * The plan of window() |> fn(column), over what storage would window itself: a table for each window, in the order of the
 * series. out->type is NONE when it is something else.
 */
int ts_flux_plan_windows(struct ts_flux_run *run, struct ts_flux_stream *from, ts_flux_builtin_fn fn,
                         const struct ts_flux_name *column, struct ts_flux_value *out) TS_MUST_CHECK;

/* ---- kernels: table_kernel.c ---- */

/** The sum of n floats. */
double ts_flux_sum_floats(const double *v, size_t n);

/** out[i - 1] = (v[i] - v[i - 1]) over the time between the two, in units, for i from 1 to n - 1. */
void ts_flux_slopes(const double *v, const int64_t *t, size_t n, double unit_ns, double *out);

/** Whether v is more, or with !max less, than `than`. NaN is neither. */
static inline bool ts_flux_beats(enum ts_flux_type type, bool max, union ts_scan_value v, union ts_scan_value than)
{
    if (type == TS_FLUX_FLOAT)
        return max ? v.f > than.f : v.f < than.f;
    if (type == TS_FLUX_UINT)
        return max ? v.u > than.u : v.u < than.u;
    return max ? v.i > than.i : v.i < than.i;
}

/**
 * The greatest (least) of n numbers or times. best: in, with has, what there was before. @return whether one of these beats it;
 * then *best is it, *row the first that has it.
 */
bool ts_flux_extreme(enum ts_flux_type type, bool max, const uint64_t *v, size_t n, bool has, union ts_scan_value *best,
                     size_t *row);

#endif
