#ifndef TS_FLUX_TABLE_H
#define TS_FLUX_TABLE_H
/*
 * Streams of tables. A stream (struct ts_flux_stream) is a plan: an operator, its arguments, the streams it
 * reads. A cursor runs a plan and is asked for chunks, some thousand rows of one table at a time; chunks that
 * follow one another and have the same group key are one table, and a chunk of no rows makes an empty table.
 * Chunks and their columns never change once they are made; they are counted by reference, so operators that
 * only rename, drop or regroup share them. Thread: the query's.
 */
#include "flux/exec/exec.h"

#define TS_FLUX_CHUNK_ROWS 4096

/** The values of one column. One that is constant holds one value for any number of rows: index with `i &
 * mask`. */
struct ts_flux_column {
    uint32_t refs;
    uint8_t type; /* BOOL, INT, UINT, FLOAT, STRING, TIME; NULL: constant nulls of a type nobody knows */
    bool konst;
    bool lent; /* data is somebody else's */
    size_t n, cap, mask;
    uint64_t *nulls; /* a bit for each value; NULL: none is null */
    union {
        uint8_t *b;
        int64_t *i; /* INT, TIME */
        uint64_t *u;
        double *f;
        struct ts_str *s; /* the bytes are in heap */
        void *data;
    };
    struct ts_flux_heap *heap;
    struct ts_flux_mem *mem;
};

TS_INLINE bool ts_flux_column_null(const struct ts_flux_column *col, size_t i)
{
    i &= col->mask;
    return col->nulls && (col->nulls[i >> 6] >> (i & 63) & 1);
}

/** NULL without memory, as all that make something here. */
struct ts_flux_column *ts_flux_column_new(struct ts_flux_mem *mem, enum ts_flux_type type,
                                          size_t cap) TS_MUST_CHECK;
struct ts_flux_column *ts_flux_column_const(struct ts_flux_mem *mem, struct ts_flux_value v) TS_MUST_CHECK;
static inline struct ts_flux_column *ts_flux_column_ref(struct ts_flux_column *col)
{
    col->refs++;
    return col;
}
void ts_flux_column_unref(struct ts_flux_column **col);

/** The value of row i. Strings live as long as the column. */
struct ts_flux_value ts_flux_column_get(const struct ts_flux_column *col, size_t i);

/** A number as double, whatever its type (INT, UINT, FLOAT); not for nulls. */
double ts_flux_column_double(const struct ts_flux_column *col, size_t i);

/** Appends; only while nobody else has the column. @return 0, -TS_ENOMEM. The value's type is the column's,
 * or it is null. */
int ts_flux_column_reserve(struct ts_flux_column *col, size_t more) TS_MUST_CHECK;
int ts_flux_column_push(struct ts_flux_column *col, struct ts_flux_value v) TS_MUST_CHECK;
int ts_flux_column_append(struct ts_flux_column *col, const struct ts_flux_column *from, size_t start,
                          size_t n) TS_MUST_CHECK;

/** Lets an empty column show n values that are somebody else's. Before they go or change, ts_flux_column_own. */
static inline void ts_flux_column_lend(struct ts_flux_column *col, const void *data, size_t n)
{
    col->lent = true;
    col->data = (void *)(uintptr_t)data;
    col->n = n;
}
/** Copies what is lent. @return 0; -TS_ENOMEM: all of the column is null now. */
int ts_flux_column_own(struct ts_flux_column *col) TS_MUST_CHECK;

/** Marks row i (< n) as null. @return 0, -TS_ENOMEM. */
int ts_flux_column_set_null(struct ts_flux_column *col, size_t i) TS_MUST_CHECK;

/** The rows sel[0..n): constant columns stay themselves. */
struct ts_flux_column *ts_flux_column_gather(struct ts_flux_column *col, const uint32_t *sel,
                                             size_t n) TS_MUST_CHECK;

struct ts_flux_key_col {
    const struct ts_flux_name *name;
    struct ts_flux_value v; /* its bytes, if it has any, are the key's */
};

/** A group key: columns in the order of their names. Equal keys have equal names, types and values. */
struct ts_flux_key {
    uint32_t refs, n;
    uint64_t hash;
    size_t bytes;
    struct ts_flux_mem *mem;
    struct ts_flux_key_col cols[];
};

/** cols in any order; values are copied. */
struct ts_flux_key *ts_flux_key_new(struct ts_flux_mem *mem, const struct ts_flux_key_col *cols,
                                    size_t n) TS_MUST_CHECK;
static inline struct ts_flux_key *ts_flux_key_ref(struct ts_flux_key *key)
{
    key->refs++;
    return key;
}
void ts_flux_key_unref(struct ts_flux_key **key);
bool ts_flux_key_eq(const struct ts_flux_key *a, const struct ts_flux_key *b);

/** The order in which collected tables are given: column by column, nulls first. */
int ts_flux_key_cmp(const struct ts_flux_key *a, const struct ts_flux_key *b);

/** NULL: not in the key. */
const struct ts_flux_value *ts_flux_key_get(const struct ts_flux_key *key, const struct ts_flux_name *name);

struct ts_flux_slot {
    const struct ts_flux_name *name;
    struct ts_flux_column *col;
};

struct ts_flux_chunk {
    uint32_t refs;
    uint32_t ncols;
    size_t n; /* rows */
    struct ts_flux_key *key;
    struct ts_flux_mem *mem;
    struct ts_flux_slot cols[];
};

/**
 * Takes a reference of its own to the key; takes over those to the columns, also when it fails. A column that
 * is NULL means that making it failed: then this fails too.
 */
struct ts_flux_chunk *ts_flux_chunk_new(struct ts_flux_mem *mem, struct ts_flux_key *key, size_t n,
                                        const struct ts_flux_slot *cols, size_t ncols) TS_MUST_CHECK;
static inline struct ts_flux_chunk *ts_flux_chunk_ref(struct ts_flux_chunk *chk)
{
    chk->refs++;
    return chk;
}
void ts_flux_chunk_unref(struct ts_flux_chunk **chk);

/** Index of a column; -1: there is none. */
int ts_flux_chunk_col(const struct ts_flux_chunk *chk, const struct ts_flux_name *name);
struct ts_flux_column *ts_flux_chunk_column(const struct ts_flux_chunk *chk, const struct ts_flux_name *name);

/** The rows sel[0..n). */
struct ts_flux_chunk *ts_flux_chunk_gather(struct ts_flux_chunk *chk, const uint32_t *sel,
                                           size_t n) TS_MUST_CHECK;
struct ts_flux_chunk *ts_flux_chunk_slice(struct ts_flux_chunk *chk, size_t start, size_t n) TS_MUST_CHECK;

/** The same rows with another key. */
struct ts_flux_chunk *ts_flux_chunk_with_key(struct ts_flux_chunk *chk,
                                             struct ts_flux_key *key) TS_MUST_CHECK;

/** Names and types that the chunks of one table have together, in the order in which they come. */
struct ts_flux_schema {
    struct ts_flux_mem *mem;
    uint32_t n, cap;
    struct ts_flux_field *fields;
};
void ts_flux_schema_fini(struct ts_flux_schema *schema);
/** @return 0; an error: the chunk's column has another type than one of that name before. */
int ts_flux_schema_add(struct ts_flux_run *run, struct ts_flux_schema *schema,
                       const struct ts_flux_chunk *chk) TS_MUST_CHECK;

/** One chunk of all the rows, with the columns of schema (missing ones are null) and the key of the first. */
int ts_flux_chunk_concat(struct ts_flux_run *run, const struct ts_flux_schema *schema,
                         struct ts_flux_chunk *const *chunks, size_t n,
                         struct ts_flux_chunk **out) TS_MUST_CHECK;

/* ---- running ---- */

/** What range() and its like have set: bounds belong to the plan, not to tables. */
struct ts_flux_span {
    bool set;
    int64_t start, stop;
};

struct ts_flux_cursor;

/**
 * An operator. feed gets a chunk, or with `whole` all rows of a table as one chunk, and gives results by
 * ts_flux_emit (at once) or ts_flux_collect (by group key, at the end); finish comes after the last. Those
 * that need something else bring their own next.
 */
struct ts_flux_operator {
    const char *name;
    size_t state; /* bytes of cur->st, zeroed */
    bool whole;
    int (*open)(struct ts_flux_cursor *cur);
    int (*feed)(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk);
    int (*finish)(struct ts_flux_cursor *cur);
    int (*next)(struct ts_flux_cursor *cur, struct ts_flux_chunk **out);
    void (*close)(struct ts_flux_cursor *cur);
};

struct ts_flux_stream {
    const struct ts_flux_operator *op;
    const void *args; /* what the operator's maker put there, in the query's arena */
    struct ts_flux_span span;
    unsigned n, depth;
    struct ts_flux_stream **from;
};

/** A new plan over n others; the span is that of the first with any. NULL: no memory. */
struct ts_flux_stream *ts_flux_stream_new(struct ts_flux_arena *arena, const struct ts_flux_operator *op,
                                          const void *args, struct ts_flux_stream *const *from,
                                          unsigned n) TS_MUST_CHECK;

struct ts_flux_tables; /* of a collector */

struct ts_flux_cursor {
    struct ts_flux_run *run;
    const struct ts_flux_stream *stream;
    const void *args;
    void *st;
    struct ts_flux_cursor **in;  /* stream->n */
    struct ts_flux_chunk *ahead; /* of the input: the first chunk of the next table */
    struct ts_flux_key *table;   /* key of the input table that feed had last */
    bool new_table;              /* feed has the first chunk of a table */
    bool ended;
    struct ts_flux_chunk **queue; /* results that wait */
    size_t head, tail, cap;
    struct ts_flux_tables *tables;
};

/** Starts a plan. @return 0 or an error, described in run->error. */
int ts_flux_open(struct ts_flux_run *run, const struct ts_flux_stream *stream,
                 struct ts_flux_cursor **out) TS_MUST_CHECK;
void ts_flux_close(struct ts_flux_cursor **cur);

/** The next chunk, a reference for the caller; NULL at the end. @return 0 or an error, described in
 * run->error. */
int ts_flux_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out) TS_MUST_CHECK;

/** The next table as one chunk; NULL at the end. */
int ts_flux_next_table(struct ts_flux_cursor *cur, struct ts_flux_chunk **ahead,
                       struct ts_flux_chunk **out) TS_MUST_CHECK;

/** Whole tables, kept. */
struct ts_flux_chunks {
    struct ts_flux_chunk **v;
    size_t n, cap;
};

/** Takes the chunk, also when it fails. @return 0, or the run's error. */
int ts_flux_chunks_push(struct ts_flux_run *run, struct ts_flux_chunks *list, struct ts_flux_chunk *chk) TS_MUST_CHECK;
void ts_flux_chunks_fini(struct ts_flux_run *run, struct ts_flux_chunks *list);

/** For operators: gives a chunk away (NULL: making it failed, an error). */
int ts_flux_emit(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk) TS_MUST_CHECK;
int ts_flux_collect(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk) TS_MUST_CHECK;

/* ---- tables by group key ---- */
struct ts_flux_tables *ts_flux_tables_new(struct ts_flux_run *run) TS_MUST_CHECK;
void ts_flux_tables_free(struct ts_flux_tables **tables);
/** Takes the chunk over, also when it fails. */
int ts_flux_tables_add(struct ts_flux_tables *tables, struct ts_flux_chunk *chk) TS_MUST_CHECK;
/** Tables are to be given in the order of these columns of their keys, n of them, tables without one behind those with it. */
void ts_flux_tables_order(struct ts_flux_tables *tables, const struct ts_flux_name *const *by, size_t n);
bool ts_flux_tables_has(const struct ts_flux_tables *tables, const struct ts_flux_key *key);
/** The next chunk in the order of the keys, all of one table with one schema; NULL at the end. */
int ts_flux_tables_take(struct ts_flux_tables *tables, struct ts_flux_chunk **out) TS_MUST_CHECK;

#endif
