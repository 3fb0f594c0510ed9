#ifndef TS_CORE_ADMIN_H
#define TS_CORE_ADMIN_H
/*
 * Buckets as they are managed, and deletes: the store implements it, the server asks for it; a main
 * introduces the two. Reading points is in core/scan.h, writing in core/points.h. @thread any
 */
#include "core/base.h"
#include "core/err.h"
#include "core/scan.h"

#define TS_BUCKET_NAME_MAX        1024 /* bytes */
#define TS_BUCKET_DESCRIPTION_MAX 4096

struct ts_bucket_info {
    int64_t id;
    struct ts_str name, description;                        /* borrowed for the call */
    int64_t retention_ns, shard_ns, created_ns, updated_ns; /* retention 0: forever */
};

/** @return false to end. Must not ask for buckets itself. */
typedef bool ts_bucket_fn(void *arg, const struct ts_bucket_info *bck);

/** What is to be changed: NULL leaves it. */
struct ts_bucket_edit {
    const struct ts_str *name, *description;
    const int64_t *retention_ns;
};

struct ts_admin;

struct ts_admin_ops {
    int (*list)(struct ts_admin *adm, ts_bucket_fn *fn, void *arg, struct ts_err *err) TS_MUST_CHECK;
    int (*make)(struct ts_admin *adm, const struct ts_bucket_info *bck, struct ts_err *err) TS_MUST_CHECK;
    int (*change)(struct ts_admin *adm, int64_t id, const struct ts_bucket_edit *edit,
                  struct ts_err *err) TS_MUST_CHECK;
    int (*drop)(struct ts_admin *adm, int64_t id, struct ts_err *err) TS_MUST_CHECK;
    int (*delete_points)(struct ts_admin *adm, int64_t id, const struct ts_scan_pred *pred, int64_t start_ns,
                         int64_t stop_ns, struct ts_err *err) TS_MUST_CHECK;
};

/** Embedded at the start of whatever implements it. */
struct ts_admin {
    const struct ts_admin_ops *ops;
};

/** In order of their numbers. @return 0. */
static inline int TS_MUST_CHECK ts_admin_list(struct ts_admin *adm, ts_bucket_fn *fn, void *arg,
                                              struct ts_err *err)
{
    return adm->ops->list(adm, fn, arg, err);
}

/**
 * Makes one with bck's name, description, retention and shard duration (0: what suits the retention).
 * @return 0; -TS_EREFUSED there is one of that name; -TS_EINVAL; -TS_EIO, -TS_EFULL, -TS_ENOMEM.
 */
static inline int TS_MUST_CHECK ts_admin_make(struct ts_admin *adm, const struct ts_bucket_info *bck,
                                              struct ts_err *err)
{
    return adm->ops->make(adm, bck, err);
}

/** @return as make; -TS_ENOTFOUND. */
static inline int TS_MUST_CHECK ts_admin_change(struct ts_admin *adm, int64_t id,
                                                const struct ts_bucket_edit *edit, struct ts_err *err)
{
    return adm->ops->change(adm, id, edit, err);
}

/** With all of its points. @return as make; -TS_ENOTFOUND. */
static inline int TS_MUST_CHECK ts_admin_drop(struct ts_admin *adm, int64_t id, struct ts_err *err)
{
    return adm->ops->drop(adm, id, err);
}

/** Deletes points with start <= time <= stop of all series that satisfy pred (NULL: of all). @return as drop;
 * -TS_ELIMIT. */
static inline int TS_MUST_CHECK ts_admin_delete_points(struct ts_admin *adm, int64_t id,
                                                       const struct ts_scan_pred *pred, int64_t start_ns,
                                                       int64_t stop_ns, struct ts_err *err)
{
    return adm->ops->delete_points(adm, id, pred, start_ns, stop_ns, err);
}

#endif
