/*
 * Which series a predicate has to be asked about. Thread: one at a time; owns its list. When the predicate
 * compares tags by = with few series behind them, these are listed, at most LISTED_MAX; else all series of
 * the measurement, or of the bucket, are gone through.
 */
#include "config.h"
#include "store/store_index.h"

#include "core/mem.h"
#include "store/store_key.h"
#include "store/store_read.h"

#include <stdlib.h>

#define LISTED_MAX 20000 /* series: a look-up of one costs as much as going through five */

/* ---- listed ---- */

static int no_memory(struct ts_err *err)
{
    return ts_fail(err, TS_ENOMEM, "no memory for a list of series");
}

static int add_id(struct ts_walk *walk, uint32_t id, struct ts_err *err)
{
    if (walk->n == walk->cap) {
        uint32_t cap = TS_MAX(64u, walk->cap * 2);
        struct ts_walk_item *items = ts_resize(walk->items, cap * sizeof *items);
        if (!items)
            return no_memory(err);
        walk->items = items;
        walk->cap = cap;
    }
    walk->items[walk->n++] = (struct ts_walk_item){.id = id};
    return 0;
}

/* What equality can be looked up: a tag that is not compared with nothing. */
static bool is_indexed(const struct ts_scan_pred *pred)
{
    if (pred->op == TS_SCAN_EQ)
        return pred->on == TS_SCAN_TAG;
    bool all = pred->op == TS_SCAN_OR && pred->nargs > 0;
    for (unsigned i = 0; i < pred->nargs && all; i++)
        all = is_indexed(pred->args[i]);
    return all;
}

/* Adds the series of an indexed predicate. @return 1; 0 there are more than `max` in the list; <0. */
static int list(struct ts_walk *walk, int64_t bucket, const struct ts_scan_pred *pred, uint32_t max,
                struct ts_err *err)
{
    int rc = 1;
    for (unsigned i = 0; i < pred->nargs && rc > 0; i++)
        rc = list(walk, bucket, pred->args[i], max, err);
    if (pred->op != TS_SCAN_EQ)
        return rc;
    sqlite3_stmt *stmt = ts_db_bind(walk->cat, TS_SQL_C_TAGGED, &bucket, 1);
    if (stmt) {
        ts_db_bind_bytes(stmt, 2, pred->tag);
        ts_db_bind_bytes(stmt, 3, pred->value);
    }
    while ((rc = ts_db_step(walk->cat, stmt, err)) > 0 && walk->n < max) {
        rc = add_id(walk, (uint32_t)sqlite3_column_int64(stmt, 0), err);
        if (rc)
            break;
    }
    if (rc)
        sqlite3_reset(stmt);
    return rc < 0 ? rc : rc == 0;
}

/* The terms of which all must be true: the one with the fewest series is listed. @return as list; 0: none
 * was. */
static int list_best(struct ts_walk *walk, int64_t bucket, const struct ts_scan_pred *pred, bool *any,
                     struct ts_err *err)
{
    int rc = 0;
    if (pred->op == TS_SCAN_AND) {
        for (unsigned i = 0; i < pred->nargs && rc >= 0; i++)
            rc = list_best(walk, bucket, pred->args[i], any, err);
        return rc;
    }
    if (!is_indexed(pred))
        return 0;
    struct ts_walk more = {.cat = walk->cat};
    rc = list(&more, bucket, pred, *any ? walk->n : LISTED_MAX, err);
    if (rc > 0) {
        struct ts_walk_item *former = walk->items;
        walk->items = more.items;
        walk->n = more.n;
        walk->cap = more.cap;
        more.items = former;
        *any = true;
    }
    ts_free(more.items);
    return rc;
}

static int by_id(const void *pa, const void *pb)
{
    const struct ts_walk_item *a = pa, *b = pb;
    return (a->id > b->id) - (a->id < b->id);
}

static _Thread_local const char *sorted_keys; /* qsort has no argument */

static int by_key(const void *pa, const void *pb)
{
    const struct ts_walk_item *a = pa, *b = pb;
    return ts_str_cmp((struct ts_str){sorted_keys + a->at, a->len},
                      (struct ts_str){sorted_keys + b->at, b->len});
}

/* Keys of what is listed, each once, in order. */
static int read_keys(struct ts_walk *walk, struct ts_err *err)
{
    uint32_t n = 0;
    int rc = 0;
    if (walk->n > 1)
        qsort(walk->items, walk->n, sizeof *walk->items, by_id);
    for (uint32_t i = 0; i < walk->n && rc == 0; i++) {
        if (n && walk->items[n - 1].id == walk->items[i].id)
            continue;
        sqlite3_stmt *stmt = ts_db_bind(walk->cat, TS_SQL_C_SERIES_KEY, (int64_t[]){walk->items[i].id}, 1);
        rc = ts_db_step(walk->cat, stmt, err);
        if (rc <= 0)
            continue;
        struct ts_str key = ts_db_bytes(stmt, 0);
        walk->items[n++] = (struct ts_walk_item){walk->items[i].id, walk->keys.len, key.len};
        ts_buf_put_str(&walk->keys, key);
        sqlite3_reset(stmt);
        rc = ts_buf_failed(&walk->keys) ? no_memory(err) : 0;
    }
    walk->n = n;
    sorted_keys = walk->keys.p;
    if (n > 1)
        qsort(walk->items, n, sizeof *walk->items, by_key);
    return rc;
}

/* ---- a range of all ---- */

static sqlite3_stmt *bind_range(struct ts_walk *walk, int64_t bucket)
{
    sqlite3_stmt *stmt = ts_buf_failed(&walk->lo) || ts_buf_failed(&walk->hi)
                             ? NULL
                             : ts_db_bind(walk->cat, TS_SQL_C_SERIES_RANGE, &bucket, 1);
    if (stmt) {
        ts_db_bind_bytes(stmt, 2, ts_buf_str(&walk->lo));
        ts_db_bind_bytes(stmt, 3, ts_buf_str(&walk->hi));
    }
    return stmt;
}

/* Keys of one measurement begin alike and end before that beginning with a higher last byte. */
static void set_range(struct ts_walk *walk, const struct ts_scan_pred *pred)
{
    struct ts_str measurement;
    if (ts_pred_measurement(pred, &measurement)) {
        if (ts_key_prefix(measurement, &walk->lo) == 0)
            ts_buf_put_str(&walk->hi, ts_buf_str(&walk->lo));
        if (walk->hi.len)
            walk->hi.p[walk->hi.len - 1] = 1; /* it ended with a 0 */
        return;
    }
    ts_buf_puts(&walk->hi,
                "\xff\xff\xff\xff"); /* no text in UTF-8 has such a byte, others hardly four of them */
    for (int i = 0; i < 64; i++)
        ts_buf_puts(&walk->hi, "\xff\xff\xff\xff\xff\xff\xff\xff");
}

/* ---- either ---- */

int ts_walk_open(struct ts_walk *walk, struct ts_db *cat, int64_t bucket, const struct ts_scan_pred *pred,
                 struct ts_err *err)
{
    bool any = false;
    *walk = (struct ts_walk){.cat = cat, .bucket = bucket};
    int rc = pred && ts_index_is_there(cat) ? list_best(walk, bucket, pred, &any, err) : 0;
    if (rc >= 0 && any) {
        rc = read_keys(walk, err);
    } else if (rc >= 0) {
        set_range(walk, pred);
        walk->range = bind_range(walk, bucket);
        rc = walk->range ? 0 : ts_db_fail(cat, err);
    }
    if (rc < 0)
        ts_walk_close(walk);
    return TS_MIN(rc, 0);
}

int ts_walk_next(struct ts_walk *walk, uint32_t *id, struct ts_str *key, struct ts_err *err)
{
    if (walk->range) {
        int rc = ts_db_step(walk->cat, walk->range, err);
        if (rc > 0) {
            *id = (uint32_t)sqlite3_column_int64(walk->range, 0);
            *key = ts_db_bytes(walk->range, 1);
        } else {
            walk->range = NULL;
            walk->n = walk->at = 0;
        }
        return rc;
    }
    if (walk->at >= walk->n)
        return 0;
    const struct ts_walk_item *item = &walk->items[walk->at++];
    *id = item->id;
    *key = (struct ts_str){walk->keys.p + item->at, item->len};
    return 1;
}

int ts_walk_skip_measurement(struct ts_walk *walk, struct ts_err *err)
{
    const char *p = walk->range ? sqlite3_column_blob(walk->range, 1) : NULL;
    size_t len = p ? (size_t)sqlite3_column_bytes(walk->range, 1) : 0;
    const char *stop = p ? memchr(p, 0, len) : NULL;
    if (!stop)
        return 0;
    struct ts_buf lo = TS_BUF_INIT;
    ts_buf_put(&lo, p, (size_t)(stop - p));
    ts_buf_putc(&lo, 1);
    sqlite3_reset(walk->range);
    ts_buf_fini(&walk->lo);
    walk->lo = lo;
    walk->range = bind_range(walk, walk->bucket);
    return walk->range ? 0 : ts_buf_failed(&lo) ? no_memory(err) : ts_db_fail(walk->cat, err);
}

void ts_walk_close(struct ts_walk *walk)
{
    if (walk->range)
        sqlite3_reset(walk->range);
    ts_buf_fini(&walk->lo);
    ts_buf_fini(&walk->hi);
    ts_buf_fini(&walk->keys);
    TS_FREE(walk->items);
    *walk = (struct ts_walk){0};
}
