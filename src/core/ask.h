#ifndef TS_CORE_ASK_H
#define TS_CORE_ASK_H
/*
 * A query on its way from whoever asks to the engine, and its answer on the way back, piece by piece. The
 * query engine implements answers, a main introduces it to the server. An answer belongs to one thread, which
 * has 1 MiB of stack at least.
 */
#include "core/base.h"
#include "core/buf.h"

enum ts_ask_annotation { TS_ASK_DATATYPE = 1, TS_ASK_GROUP, TS_ASK_DEFAULT };

#define TS_ASK_ANNOTATIONS 3

/** How the CSV is to look. */
struct ts_ask_dialect {
    bool no_header;
    char delimiter;                             /* 0: a comma */
    unsigned char annotate[TS_ASK_ANNOTATIONS]; /* enum ts_ask_annotation, in this order; 0: no more */
};

#define TS_ASK_ANNOTATED                                                                                     \
    ((struct ts_ask_dialect){.annotate = {TS_ASK_DATATYPE, TS_ASK_GROUP, TS_ASK_DEFAULT}})

/** A value that the script sees as the text params.NAME. */
struct ts_ask_param {
    struct ts_str name, value;
};

/** All is borrowed until the answer is freed. */
struct ts_ask {
    struct ts_str script;
    const struct ts_ask_param *params;
    unsigned nparams;
    struct ts_str externs; /* JSON of a Flux syntax tree that defines names for the script; empty: none */
    struct ts_ask_dialect dialect;
    int64_t now_ns;             /* what now() is */
    uint64_t memory_bytes;      /* that the query may take; 0: any */
    int64_t deadline_ns;        /* ts_clock_mono_ns; 0: none */
    bool (*is_over)(void *arg); /* asked ten times a second: nobody wants the answer any more; may be NULL */
    void *arg;
};

/** What an answer depends on beside its script. */
struct ts_ask_span {
    bool clock;                /* on the time when it was asked */
    int64_t start_ns, stop_ns; /* on points between them; start >= stop: on none */
};

struct ts_answer;

enum ts_answer_form {
    TS_ANSWER_LINE,  /* "error @1:2-1:5: …" */
    TS_ANSWER_SHOWN, /* and the line of the script with a caret below it */
    TS_ANSWER_TABLE, /* as the table that ends a CSV */
};

struct ts_answer_ops {
    int (*read)(struct ts_answer *ans, struct ts_buf *to, bool *more) TS_MUST_CHECK;
    void (*put_error)(struct ts_answer *ans, enum ts_answer_form form, struct ts_buf *to);
    struct ts_ask_span (*span)(const struct ts_answer *ans);
    void (*free)(struct ts_answer *ans);
};

/** Embedded at the start of whatever implements it. */
struct ts_answer {
    const struct ts_answer_ops *ops;
};

/** Who answers. Nothing is checked or run before the first read. @return NULL without memory. @thread any */
typedef struct ts_answer *ts_ask_fn(void *arg, const struct ts_ask *ask);

/**
 * Whether points with start <= time < stop may have changed after *since, which becomes the present: a number
 * that only goes up. @thread any
 */
typedef bool ts_ask_changed_fn(void *arg, uint64_t *since, int64_t start_ns, int64_t stop_ns);

/**
 * Appends the next piece of the CSV, some thousand rows at most; *more false: that was the end.
 * @return 0; after anything else only put_error and free: -TS_EQUERY the script is wrong or failed,
 * -TS_ENOTFOUND a bucket is, -TS_ELIMIT it took more than it may, -TS_ETIMEOUT longer than it may, -TS_EIO
 * the store failed.
 */
static inline int TS_MUST_CHECK ts_answer_read(struct ts_answer *ans, struct ts_buf *to, bool *more)
{
    return ans->ops->read(ans, to, more);
}

/** Appends what was wrong, after a read that failed. */
static inline void ts_answer_put_error(struct ts_answer *ans, enum ts_answer_form form, struct ts_buf *to)
{
    ans->ops->put_error(ans, form, to);
}

/** Complete when all has been read. */
static inline struct ts_ask_span ts_answer_span(const struct ts_answer *ans)
{
    return ans->ops->span(ans);
}

static inline void ts_answer_free(struct ts_answer **ans)
{
    if (*ans)
        (*ans)->ops->free(*ans);
    *ans = NULL;
}

#endif
