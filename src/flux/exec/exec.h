#ifndef TS_FLUX_EXEC_H
#define TS_FLUX_EXEC_H
/*
 * One running query: what evaluates expressions, what builtins are given, and what bounds it all. Everything
 * belongs to one thread. Functions return 0 or -TS_EQUERY (run->error says what and where) unless they say
 * otherwise; no memory and limits are errors of the query too.
 */
#include "core/clock.h"
#include "flux/exec/exec_value.h"

struct ts_flux_run;
struct ts_flux_package;
struct ts_scan_pred; /* core/scan.h */
struct ts_scan_source;

struct ts_flux_limits {
    size_t memory_bytes; /* 0: none */
    uint64_t steps;      /* evaluated nodes and rows; 0: none */
    int64_t deadline_ns; /* ts_clock_mono_ns; 0: none */
    unsigned depth;      /* calls in calls; 0: 1000 */
};

/** A result that the script asked for, in order. */
struct ts_flux_yield {
    struct ts_str name;
    struct ts_flux_stream *stream;
    struct ts_flux_pos pos;
    struct ts_flux_yield *next;
};

struct ts_flux_run {
    struct ts_flux_mem mem;
    struct ts_flux_arena arena;   /* lives as long as the query */
    struct ts_flux_arena scratch; /* between a mark and its release: a row, a chunk */
    struct ts_flux_arena *heap;   /* where new values go now: one of the two */
    struct ts_flux_names names;
    struct ts_flux_error error;
    struct ts_flux_limits limits;
    uint64_t steps;
    unsigned depth;
    int64_t now_ns;         /* what now() returns when the option now is not set */
    struct ts_flux_pos pos; /* of the call being made: where errors without a place of their own belong */
    struct ts_flux_yield *yields, **yields_end;
    bool (*is_over)(void *arg);                   /* asked ten times a second: whether to end; NULL: never */
    void *over_arg;
    int64_t looked_ns;                            /* when it was asked last */
    bool asked_clock;                             /* the results depend on now_ns, or on the clock */
    struct ts_str externs;                        /* JSON of definitions; empty: none */
    void *stream_state;                           /* belongs to the operators */
    void (*stream_fini)(struct ts_flux_run *run); /* set by them; called before the arenas go */
    struct ts_scan_source *source;                /* of buckets; NULL: there is none */
    struct ts_flux_interp *interp; /* belongs to exec/ */
};

/** Sets the query's error at run->pos (the innermost error wins). @return -TS_EQUERY. */
int ts_flux_fail(struct ts_flux_run *run, const char *fmt, ...) TS_PRINTF(2, 3);
int ts_flux_fail_at(struct ts_flux_run *run, struct ts_flux_pos pos, const char *fmt, ...) TS_PRINTF(3, 4);
int ts_flux_fail_nomem(struct ts_flux_run *run);

/** The same with what the whole query returns in the end: -TS_ENOTFOUND, -TS_ELIMIT, -TS_ETIMEOUT, -TS_EIO. @return -TS_EQUERY. */
int ts_flux_fail_as(struct ts_flux_run *run, int rc, const char *fmt, ...) TS_PRINTF(3, 4);

/** Counts n steps and looks at limits, deadline and cancellation. To be called for each chunk, or some rows.
 */
int ts_flux_tick(struct ts_flux_run *run, uint64_t n) TS_MUST_CHECK;

/** Memory on run->heap. @return NULL: the error is set. */
void *ts_flux_new(struct ts_flux_run *run, size_t bytes) TS_MUST_CHECK;

/* ---- builtins ---- */

/** Arguments in the order of the signature. Those not given have type TS_FLUX_NONE. */
struct ts_flux_args {
    const struct ts_flux_value *v;
    unsigned n;
    struct ts_flux_pos pos; /* of the call */
};

static inline bool ts_flux_given(const struct ts_flux_args *args, unsigned i)
{
    return args->v[i].type != TS_FLUX_NONE;
}

typedef int (*ts_flux_builtin_fn)(struct ts_flux_run *run, const struct ts_flux_args *args,
                                  struct ts_flux_value *out);

/**
 * A function of a package: one line in the table of its file, which ends with a line of NULLs.
 * sig: "(<-tables: stream, n: int, offset?: int) => stream". A parameter is NAME: TYPES, `?` optional, `<-`
 * the one that a pipe gives. TYPES are names of tbl/flux_types.def joined by `|`, or `any`. A null is taken
 * where its type (or no type) is known to fit only if the types begin with `null|`; `any` takes it. Arguments
 * are checked before the call. A sig that does not begin with `(` is a constant's type: fn is called once
 * with no arguments to make it.
 */
struct ts_flux_builtin {
    const char *name, *sig;
    ts_flux_builtin_fn fn;
};

/** Calls a function value with named arguments. names are looked up in its parameters; what it does not have
 * is an error. */
struct ts_flux_named {
    const char *name;
    struct ts_flux_value value;
};
int ts_flux_call(struct ts_flux_run *run, struct ts_flux_value func, const struct ts_flux_named *args,
                 unsigned n, struct ts_flux_value *out) TS_MUST_CHECK;

/* ---- making values, on run->heap ---- */

int ts_flux_make_string(struct ts_flux_run *run, struct ts_str s, struct ts_flux_value *out) TS_MUST_CHECK;
int ts_flux_make_stringf(struct ts_flux_run *run, struct ts_flux_value *out, const char *fmt, ...)
    TS_PRINTF(3, 4) TS_MUST_CHECK;
/** Room for n values, to be filled through the pointer. */
int ts_flux_make_array(struct ts_flux_run *run, uint32_t n, struct ts_flux_value **items,
                       struct ts_flux_value *out) TS_MUST_CHECK;
int ts_flux_make_shape(struct ts_flux_run *run, uint32_t n, const struct ts_str *names,
                       const struct ts_flux_shape **out) TS_MUST_CHECK;
int ts_flux_make_record(struct ts_flux_run *run, const struct ts_flux_shape *shape,
                        struct ts_flux_value **values, struct ts_flux_value *out) TS_MUST_CHECK;
/** Takes unsorted pairs; the last of equal keys wins. Sorts in place. */
int ts_flux_make_dict(struct ts_flux_run *run, uint32_t n, struct ts_flux_value *keys,
                      struct ts_flux_value *values, struct ts_flux_value *out) TS_MUST_CHECK;
/** Wraps a value, and what it holds, as dynamic; a dynamic one stays as it is. */
int ts_flux_make_dynamic(struct ts_flux_run *run, struct ts_flux_value v,
                         struct ts_flux_value *out) TS_MUST_CHECK;
int ts_flux_make_regexp(struct ts_flux_run *run, struct ts_str pattern,
                        struct ts_flux_value *out) TS_MUST_CHECK;

/** Registers a result. The stream of an expression statement is registered by the interpreter as "_result".
 */
int ts_flux_yield(struct ts_flux_run *run, struct ts_str name, struct ts_flux_stream *stream) TS_MUST_CHECK;

/** The pattern's text, and matching: *out tells whether it is found in s. Limits of matching are errors. */
struct ts_str ts_flux_regexp_text(const struct ts_flux_regexp *re);
int ts_flux_regexp_match(struct ts_flux_run *run, const struct ts_flux_regexp *re, struct ts_str s,
                         bool *out) TS_MUST_CHECK;

/** An option of universe (`now`, `location`, …) as the script has set it; NONE when there is none. */
int ts_flux_option(struct ts_flux_run *run, const char *name, struct ts_flux_value *out) TS_MUST_CHECK;

/** now() as the script sees it: the same all through a query. */
int ts_flux_now(struct ts_flux_run *run, int64_t *out) TS_MUST_CHECK;

/** A time or a duration from now() as a time: what range(start:) and date's functions take. */
int ts_flux_time_of(struct ts_flux_run *run, struct ts_flux_value v, int64_t *out) TS_MUST_CHECK;

/* ---- functions of rows ---- */

/** One column of a chunk. Null rows have any value. */
struct ts_flux_vec {
    enum ts_flux_type type;
    bool constant;         /* one value (index 0, bit 0 of nulls) stands for all rows */
    const uint64_t *nulls; /* bit i set: row i is null; NULL: none is */
    union {
        const void *data;
        const uint8_t *b;
        const int64_t *i; /* INT, TIME */
        const uint64_t *u;
        const double *f;
        const struct ts_str *s;        /* STRING, BYTES */
        const struct ts_flux_value *v; /* every other type */
    };
};

static inline bool ts_flux_vec_is_null(const struct ts_flux_vec *vec, unsigned row)
{
    unsigned i = vec->constant ? 0 : row;
    return vec->type == TS_FLUX_NULL || (vec->nulls && vec->nulls[i / 64] >> (i % 64) & 1);
}

struct ts_flux_value ts_flux_vec_get(const struct ts_flux_vec *vec, unsigned row);

struct ts_flux_field {
    const struct ts_flux_name *name;
    enum ts_flux_type type;
};

/** A Flux function of one row, `(r) => …`, made ready for columns. Lives in run->arena. */
struct ts_flux_rowfn;

/** func must take one parameter beside those with defaults (two for ts_flux_rowfn_fold). what: for messages,
 * "filter". */
int ts_flux_rowfn_new(struct ts_flux_run *run, struct ts_flux_value func, const char *what,
                      struct ts_flux_rowfn **out) TS_MUST_CHECK;

/** The columns that the next chunks have. To be called again when they change; a column that is missing reads
 * as null. */
int ts_flux_rowfn_bind(struct ts_flux_rowfn *rf, unsigned ncols,
                       const struct ts_flux_field *cols) TS_MUST_CHECK;

/** The columns that the function reads, by pointer to names; *all: it may read any (`r` itself is used). */
int ts_flux_rowfn_needs(struct ts_flux_rowfn *rf, const struct ts_flux_name *const **names, unsigned *n,
                        bool *all) TS_MUST_CHECK;

/** What of filter()'s function the scan of a bucket can decide. */
struct ts_flux_scan_cond {
    const struct ts_scan_pred *pred; /* of a series; NULL: every series */
    const struct ts_scan_pred *rows; /* of a point; NULL: every one */
    bool whole;                      /* pred is all of the function */
    bool decided;                    /* pred and rows are, where the type of a series allows rows */
    bool plain;                      /* InfluxDB's storage would do all of it */
    bool times;                      /* it reads _time */
};

/** Adds what it asks of tags, measurement, field and value to pred and rows of *cond, and sets the rest. Lives in run->arena. */
int ts_flux_rowfn_scan(struct ts_flux_rowfn *rf, struct ts_flux_scan_cond *cond) TS_MUST_CHECK;

/**
 * Evaluates the function for nrows rows, cols as bound. Results live in run->scratch: mark before, release
 * when done. They may share the data of cols. A result that is null everywhere and never had a type has type
 * TS_FLUX_NULL.
 */
int ts_flux_rowfn_eval(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                       struct ts_flux_vec *out) TS_MUST_CHECK;

/** The same for a function that returns a record: its properties as columns, in the record's order. */
struct ts_flux_columns {
    unsigned n;
    const struct ts_flux_name **names;
    struct ts_flux_vec *vecs;
};
int ts_flux_rowfn_eval_record(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                              struct ts_flux_columns *out) TS_MUST_CHECK;

/** For filter(): a bit set in keep (room for nrows bits) where the function is true; null is false. */
int ts_flux_rowfn_filter(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                         uint64_t *keep, unsigned *nkept) TS_MUST_CHECK;

/**
 * For reduce(): `(r, accumulator) => record` over the rows one after another. *acc goes in and comes out; it
 * stays valid in run->arena.
 */
int ts_flux_rowfn_fold(struct ts_flux_rowfn *rf, unsigned nrows, const struct ts_flux_vec *cols,
                       struct ts_flux_value *acc) TS_MUST_CHECK;

#endif
