#ifndef TS_CORE_POINTS_H
#define TS_CORE_POINTS_H
/*
 * How points are stored: the store implements it; a sink, the server and the query engine write through it; a main introduces
 * them.
 *
 * Points gather in a batch, which one thread at a time uses, and become durable together when it is committed. A point with the
 * series and time of a former one replaces its fields of the same names and leaves the others. Reading is in core/scan.h.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/scan.h"
#include "core/series.h"

struct ts_point_field {
    struct ts_str key;
    enum ts_scan_type type;
    union ts_scan_value v; /* all but STRING */
    struct ts_str text;    /* STRING */
};

struct ts_writer;
struct ts_points;

struct ts_writer_ops {
    int (*begin)(struct ts_writer *wtr, struct ts_str bucket, struct ts_points **out, struct ts_err *err) TS_MUST_CHECK;
    int (*series)(struct ts_points *pts, struct ts_str measurement, const struct ts_tag *tags, unsigned ntags, uint32_t *out,
                  struct ts_err *err) TS_MUST_CHECK;
    int (*add)(struct ts_points *pts, uint32_t series, int64_t time_ns, const struct ts_point_field *fields, unsigned nfields,
               struct ts_err *err) TS_MUST_CHECK;
    int (*commit)(struct ts_points *pts, struct ts_str mark, struct ts_str value, struct ts_err *err) TS_MUST_CHECK;
    void (*clear)(struct ts_points *pts);
    void (*end)(struct ts_points *pts);
    int (*mark)(struct ts_writer *wtr, struct ts_str name, struct ts_buf *out, struct ts_err *err) TS_MUST_CHECK;
};

/** Embedded at the start of whatever implements it. */
struct ts_writer {
    const struct ts_writer_ops *ops;
};

struct ts_points {
    const struct ts_writer_ops *ops;
};

/** An empty batch for a bucket; close with ts_points_end. @return 0, -TS_ENOTFOUND no such bucket, -TS_ENOMEM. @thread any */
static inline int TS_MUST_CHECK ts_points_begin(struct ts_writer *wtr, struct ts_str bucket, struct ts_points **out,
                                                struct ts_err *err)
{
    return wtr->ops->begin(wtr, bucket, out, err);
}

/**
 * A number for a series, good for ts_points_add until the batch is committed or cleared. Tags are sorted by key, no two
 * equal, no value empty.
 * @return 0, -TS_ELIMIT its key is too long, -TS_ENOMEM.
 */
static inline int TS_MUST_CHECK ts_points_series(struct ts_points *pts, struct ts_str measurement, const struct ts_tag *tags,
                                                 unsigned ntags, uint32_t *out, struct ts_err *err)
{
    return pts->ops->series(pts, measurement, tags, ntags, out, err);
}

/**
 * Adds a point; fields are copied.
 * @return 0; left out, while others go on, and err says why: -TS_EREFUSED a field has another type there, or the time is out of
 * range, -TS_ELIMIT it is older than the bucket's retention; -TS_EFULL: commit first; -TS_ENOMEM.
 */
static inline int TS_MUST_CHECK ts_points_add(struct ts_points *pts, uint32_t series, int64_t time_ns,
                                              const struct ts_point_field *fields, unsigned nfields, struct ts_err *err)
{
    return pts->ops->add(pts, series, time_ns, fields, nfields, err);
}

/**
 * Makes all points of the batch durable in one step, and with them a mark that ts_writer_mark reads back (name empty: none).
 * When it returns 0 the batch is empty; else it is as before, and committing may be tried again.
 * @return 0; -TS_EFULL, -TS_EIO, -TS_ENOMEM, -TS_ECORRUPT; -TS_ENOTFOUND the bucket is gone.
 */
static inline int TS_MUST_CHECK ts_points_commit(struct ts_points *pts, struct ts_str mark, struct ts_str value,
                                                 struct ts_err *err)
{
    return pts->ops->commit(pts, mark, value, err);
}

/** Forgets all points that were added. */
static inline void ts_points_clear(struct ts_points *pts)
{
    pts->ops->clear(pts);
}

static inline void ts_points_end(struct ts_points **pts)
{
    if (*pts)
        (*pts)->ops->end(*pts);
    *pts = NULL;
}

/** Appends what was committed last under this name; nothing when there was none. @return 0, -TS_EIO, -TS_ENOMEM. */
static inline int TS_MUST_CHECK ts_writer_mark(struct ts_writer *wtr, struct ts_str name, struct ts_buf *out, struct ts_err *err)
{
    return wtr->ops->mark(wtr, name, out, err);
}

#endif
