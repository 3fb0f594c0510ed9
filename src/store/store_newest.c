/*
 * Newest first: a series' blocks and landed rows are looked for only as far back as they are asked for, for most who want the newest
 * points need one. Thread: the cursor's. Where points can be is known of epochs and landing segments before any is looked at; in the
 * order of their last times they are the sources that are still to come. Which fields there can be is the catalogue's word.
 */
#include "config.h"
#include "store/store_scan.h"

#include "core/mem.h"

#include <stdlib.h>

static int no_memory(struct ts_err *err)
{
    return ts_fail(err, TS_ENOMEM, "no memory to scan a series");
}

static int newest_first(const void *pa, const void *pb)
{
    const struct ts_source *a = pa, *b = pb;
    return (a->max_ns < b->max_ns) - (a->max_ns > b->max_ns);
}

static int add_source(struct ts_cursor *cur, struct ts_source src)
{
    if (cur->nsources == cur->sources_cap) {
        unsigned cap = TS_MAX(32u, cur->sources_cap * 2);
        struct ts_source *sources = ts_resize(cur->sources, cap * sizeof *sources);
        if (!sources)
            return -TS_ENOMEM;
        cur->sources = sources;
        cur->sources_cap = cap;
    }
    cur->sources[cur->nsources++] = src;
    return 0;
}

/* All of the series of a group. */
static int list_sources(struct ts_cursor *cur, uint32_t group)
{
    int rc = 0;
    cur->nsources = 0;
    for (unsigned i = 0; i < cur->view.nshards; i++) {
        struct ts_view_shard *shd = &cur->view.shards[i];
        for (unsigned e = 0; e < shd->nepochs && rc == 0; e++)
            rc = add_source(cur, (struct ts_source){shd->epochs[e].max_ns, shd, &shd->epochs[e], NULL, e});
        for (unsigned l = ts_first_landing(shd, group); l < shd->nlanding && shd->landing[l].group == group && rc == 0; l++)
            rc = add_source(cur, (struct ts_source){shd->landing[l].max_ns, shd, NULL, &shd->landing[l], shd->nepochs + l});
    }
    if (rc == 0 && cur->nsources > 1)
        qsort(cur->sources, cur->nsources, sizeof *cur->sources, newest_first);
    cur->group = group;
    return rc;
}

/* What fields series of this measurement have. */
static int list_fields(struct ts_cursor *cur, struct ts_err *err)
{
    struct ts_str measurement = cur->series.measurement;
    if (cur->nlisted && ts_str_eq(ts_buf_str(&cur->listed_of), measurement)) {
        cur->nfields = cur->nlisted;
        return 0;
    }
    ts_buf_clear(&cur->listed_of);
    ts_buf_put_str(&cur->listed_of, measurement);
    if (ts_buf_failed(&cur->listed_of))
        return no_memory(err);
    sqlite3_stmt *stmt = ts_db_bind(cur->view.cat, TS_SQL_C_FIELDS_OF, (int64_t[]){(int64_t)cur->view.bucket.id}, 1);
    if (stmt)
        ts_db_bind_bytes(stmt, 2, measurement);
    int rc;
    while ((rc = ts_db_step(cur->view.cat, stmt, err)) > 0) {
        rc = ts_fields_add(cur, (uint32_t)sqlite3_column_int64(stmt, 0), (enum ts_scan_type)sqlite3_column_int64(stmt, 1), 0);
        if (rc) {
            sqlite3_reset(stmt);
            return no_memory(err);
        }
    }
    ts_fields_sort(cur);
    cur->nlisted = rc == 0 ? cur->nfields : 0;
    return rc;
}

int ts_newest_begin(struct ts_cursor *cur, struct ts_err *err)
{
    uint32_t group = ts_group_of(cur->id);
    cur->source = 0;
    if ((!cur->sources || cur->group != group) && list_sources(cur, group) != 0)
        return no_memory(err);
    return list_fields(cur, err);
}

/* Looks into the next source. */
static int look_back(struct ts_cursor *cur, struct ts_err *err)
{
    const struct ts_source *src = &cur->sources[cur->source++];
    unsigned before = cur->npieces;
    int rc = src->epo ? ts_piece_of_block(cur, src->shd, src->epo, err) : ts_piece_of_landed(cur, src->shd, src->lnd, err);
    if (rc || cur->npieces == before)
        return rc;
    cur->pieces[before].order = src->order;
    return ts_pieces_of_field(cur, err);
}

/* Where the pieces begin that overlap with the last one, directly or by others. */
static unsigned cluster_of_last(const struct ts_cursor *cur)
{
    unsigned from = cur->left - 1;
    for (; from > 0; from--) {
        int64_t before = INT64_MIN;
        for (unsigned i = 0; i < from; i++)
            before = TS_MAX(before, cur->of[i]->max_ns);
        if (before < cur->of[from]->min_ns)
            break;
    }
    return from;
}

int ts_newest_cluster(struct ts_cursor *cur, unsigned *from, struct ts_err *err)
{
    for (;;) {
        if (cur->left > 0)
            *from = cluster_of_last(cur);
        bool more = cur->source < cur->nsources;
        if (!more || (cur->left > 0 && cur->sources[cur->source].max_ns < cur->of[*from]->min_ns))
            return cur->left > 0;
        int rc = look_back(cur, err);
        if (rc)
            return rc;
    }
}
