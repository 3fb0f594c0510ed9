#ifndef TS_CORE_SCAN_H
#define TS_CORE_SCAN_H
/*
 * A scan: how stored points are read. The store implements it, the query engine calls it, a main introduces
 * the two.
 *
 * A cursor hands out column chunks. They come series by series in group-key order (measurement, then tags as
 * sorted pairs of key and value, then field, all compared as bytes), and within a series in order of time. A
 * series here is what Flux calls one: measurement, tags and one field, with one type. A series without a
 * point in the range is not handed out at all. A cursor sees one snapshot, taken when it was opened; nothing
 * that is written, compacted or deleted meanwhile changes it, and nobody who writes waits for it. But as long
 * as it is open the store's logs grow: close it soon.
 *
 * Memory is bounded by the chunk: no result is ever gathered.
 *
 * Threads: a source may be used by any number of threads at once, a cursor by one at a time.
 */
#include "core/base.h"
#include "core/err.h"
#include "core/series.h"

#define TS_SCAN_CHUNK_MAX 4096 /* points of a chunk that has columns */

enum ts_scan_type { TS_SCAN_FLOAT, TS_SCAN_INT, TS_SCAN_UINT, TS_SCAN_BOOL, TS_SCAN_STRING };

/**
 * What a series must satisfy. Texts and arguments are borrowed as long as the call or the cursor lasts.
 *
 * A comparison with a tag that the series does not have is neither true nor false; AND, OR and NOT follow
 * Kleene's three values (as Flux does with null), and a series is taken only when the whole is true. EXISTS
 * is always true or false. Measurement and field are always there.
 */
enum ts_scan_op {
    TS_SCAN_AND, /* of args; none: true */
    TS_SCAN_OR,  /* of args; none: false */
    TS_SCAN_NOT, /* of args[0] */
    TS_SCAN_EXISTS,
    TS_SCAN_EQ,
    TS_SCAN_NE,
    TS_SCAN_LT,
    TS_SCAN_LE,
    TS_SCAN_GT,
    TS_SCAN_GE,
    TS_SCAN_TEST, /* the caller's own function: regular expressions and the like */
};

enum ts_scan_on {
    TS_SCAN_MEASUREMENT,
    TS_SCAN_FIELD,
    TS_SCAN_TAG,
    TS_SCAN_VALUE, /* of a point: in ts_scan_request.rows alone */
};

union ts_scan_value {
    double f;
    int64_t i;
    uint64_t u; /* BOOL: 0 or 1 */
};

struct ts_scan_pred {
    enum ts_scan_op op;
    enum ts_scan_on on;     /* comparisons, EXISTS, TEST */
    struct ts_str tag;      /* its key, with TS_SCAN_TAG */
    struct ts_str value;    /* comparisons, by bytes */
    enum ts_scan_type type; /* TS_SCAN_VALUE: of the constant, which is in num, or for STRING in value */
    union ts_scan_value num;
    bool (*test)(void *arg,
                 struct ts_str value); /* pure; called once per distinct series, perhaps from cache; of values for each */
    void *arg;
    unsigned nargs;
    const struct ts_scan_pred *const *args;
};

#define TS_SCAN_PRED_DEPTH 64 /* of a tree; deeper ones are refused with -TS_ELIMIT */

enum ts_scan_want {
    TS_SCAN_TIMES = 1,  /* chunk.times */
    TS_SCAN_VALUES = 2, /* chunk.v */
};

struct ts_scan_request {
    struct ts_str bucket;
    int64_t start_ns, stop_ns;       /* start <= time < stop */
    const struct ts_scan_pred *pred; /* NULL: every series */
    unsigned want;                   /* bits of enum ts_scan_want: what the engine reads of a chunk */

    /*
     * What each point must satisfy, besides; NULL: nothing. Numbers are compared with numbers of any type (as doubles when one
     * of the two is one), booleans by EQ and NE, and these and texts with their own type alone; TEST is for texts. Of a
     * series whose type allows none of that all points come, in chunks that are not `filtered`: whoever asks has to look
     * at them himself. A point has its value, so EXISTS is true.
     */
    const struct ts_scan_pred *rows;

    /*
     * Statistics instead of columns: with stats set, a block whose points lie all in the range, in one window
     * of every_ns (0: the whole range is one window), and whose statistics can be trusted, comes as a chunk
     * with columns == false. Whoever sets it must take both sorts of chunks. Windows begin at offset_ns + i *
     * every_ns.
     */
    bool stats;
    int64_t every_ns, offset_ns;

    /* Newest chunk of a series first (the points of a chunk are in ascending order all the same): for last(),
     * together with ts_scan_skip. */
    bool descending;
};

struct ts_scan_series {
    struct ts_str measurement, field;
    enum ts_scan_type type;
    unsigned ntags;
    const struct ts_tag *tags; /* sorted by key */
};

struct ts_scan_chunk {
    const struct ts_scan_series *series; /* valid until the first chunk of the next one */
    bool first;                          /* the first chunk of its series */
    unsigned n;                          /* points, at least 1; with rows in the request also 0, and then nothing else is set */
    bool filtered;                       /* all of them satisfy rows */
    int64_t min_ns, max_ns;              /* time of the first and the last point */

    /* There are no nulls: a point is there or not. Arrays are valid until the next call. */
    bool columns;         /* times and v are there, as far as wanted: */
    const int64_t *times; /* ascending, no two equal */
    union {
        const double *f; /* any: NaN and infinities too */
        const int64_t *i;
        const uint64_t *u;
        const uint8_t *b; /* 0 or 1 */
        const struct ts_str *s;
    } v;

    /*
     * Of all n points; FLOAT, INT and UINT only, and FLOAT only when all are finite (and so is the sum). With
     * columns it may be there or not. sum of integers wraps as they do. Sums of floats are in an order of
     * their own: they differ in the last digits from adding one after the other.
     */
    bool has_stats;
    union ts_scan_value sum, min, max;
};

/** Something that could not be read; the scan goes on without it. */
struct ts_scan_damage {
    struct ts_str series; /* measurement,tag=value; or "" when not even that is known */
    int64_t min_ns, max_ns;
    const char *what; /* one line */
};

enum ts_scan_schema {
    TS_SCAN_BUCKETS, /* pred and bucket are ignored */
    TS_SCAN_MEASUREMENTS,
    TS_SCAN_TAG_KEYS,   /* without _measurement and _field, which every series has */
    TS_SCAN_TAG_VALUES, /* of the tag `tag` */
    TS_SCAN_FIELD_KEYS,
};

struct ts_scan_schema_request {
    enum ts_scan_schema what;
    struct ts_str bucket, tag;
    /* Only series that may have points there: whole shards are looked at, not points. */
    int64_t start_ns, stop_ns;
    const struct ts_scan_pred *pred;
};

/** One value of the answer. type: of a field. @return false to end. */
typedef bool ts_scan_schema_fn(void *arg, struct ts_str value, enum ts_scan_type type);

struct ts_scan_source;
struct ts_scan_cursor;

/** Of buckets, for clients of InfluxDB: there is one organization, which answers to any name; only its number is always the same. */
#define TS_ORG_ID "7473616767000000"

struct ts_scan_bucket {
    uint64_t id;
    struct ts_str name;             /* borrowed for the call */
    int64_t retention_ns, shard_ns; /* retention 0: forever */
};

struct ts_scan_ops {
    int (*open)(struct ts_scan_source *src, const struct ts_scan_request *req, struct ts_scan_cursor **out,
                struct ts_err *err) TS_MUST_CHECK;
    int (*next)(struct ts_scan_cursor *cur, const struct ts_scan_chunk **out,
                struct ts_err *err) TS_MUST_CHECK;
    void (*skip)(struct ts_scan_cursor *cur);
    const struct ts_scan_damage *(*damage)(const struct ts_scan_cursor *cur, unsigned *n);
    void (*close)(struct ts_scan_cursor *cur);
    size_t (*bytes)(const struct ts_scan_cursor *cur);
    int (*schema)(struct ts_scan_source *src, const struct ts_scan_schema_request *req, ts_scan_schema_fn *fn,
                  void *arg, struct ts_err *err) TS_MUST_CHECK;
    int (*bucket)(struct ts_scan_source *src, struct ts_str name, struct ts_scan_bucket *out,
                  struct ts_err *err) TS_MUST_CHECK;
};

/** Embedded at the start of whatever implements it. */
struct ts_scan_source {
    const struct ts_scan_ops *ops;
};

struct ts_scan_cursor {
    const struct ts_scan_ops *ops;
};

/**
 * @param req  copied; what it points to is borrowed until the cursor is closed.
 * @return 0; -TS_ENOTFOUND no such bucket; -TS_EINVAL stop before start; -TS_ELIMIT; -TS_EIO, -TS_ECORRUPT,
 * -TS_ENOMEM.
 */
static inline int TS_MUST_CHECK ts_scan_open(struct ts_scan_source *src, const struct ts_scan_request *req,
                                             struct ts_scan_cursor **out, struct ts_err *err)
{
    return src->ops->open(src, req, out, err);
}

/**
 * The next chunk, valid until the following call; *out is NULL at the end.
 * @return 0; -TS_EIO, -TS_ENOMEM: the cursor gives no more. What is damaged is left out and told by
 * ts_scan_damage.
 */
static inline int TS_MUST_CHECK ts_scan_next(struct ts_scan_cursor *cur, const struct ts_scan_chunk **out,
                                             struct ts_err *err)
{
    return cur->ops->next(cur, out, err);
}

/** The rest of the present series is not wanted: the next chunk is of another. */
static inline void ts_scan_skip(struct ts_scan_cursor *cur)
{
    (cur->ops->skip)(cur); /* cmocka has a macro of this name */
}

/** What was damaged so far, the first TS_SCAN_DAMAGE_MAX of it; *n counts all. Valid until the next call. */
#define TS_SCAN_DAMAGE_MAX 64
static inline const struct ts_scan_damage *ts_scan_damage(const struct ts_scan_cursor *cur, unsigned *n)
{
    return cur->ops->damage(cur, n);
}

/** Memory that the cursor holds: what was read of the present series, and room for a chunk. */
static inline size_t ts_scan_bytes(const struct ts_scan_cursor *cur)
{
    return cur->ops->bytes(cur);
}

static inline void ts_scan_close(struct ts_scan_cursor **cur)
{
    if (*cur)
        (*cur)->ops->close(*cur);
    *cur = NULL;
}

/**
 * Calls fn for each distinct value, in order of bytes, without reading points.
 * @return 0; -TS_ENOTFOUND no such bucket; -TS_ELIMIT; -TS_EIO, -TS_ENOMEM.
 */
static inline int TS_MUST_CHECK ts_scan_schema(struct ts_scan_source *src,
                                               const struct ts_scan_schema_request *req,
                                               ts_scan_schema_fn *fn, void *arg, struct ts_err *err)
{
    return src->ops->schema(src, req, fn, arg, err);
}

/** Finds a bucket by name. @return 0; -TS_ENOTFOUND; -TS_EIO. */
static inline int TS_MUST_CHECK ts_scan_bucket(struct ts_scan_source *src, struct ts_str name,
                                               struct ts_scan_bucket *out, struct ts_err *err)
{
    return src->ops->bucket(src, name, out, err);
}

#endif
