/*
 * The cursor. Thread: one at a time; it owns its view and everything it hands out. A chunk is a block's points as they were decoded,
 * whenever a block stands alone; where pieces overlap they are merged point by point, the newest counts; and small
 * ones are put together. Memory: the pieces that overlap at one time, and for descending order all that overlap in a row.
 */
#include "config.h"
#include "store/store_scan.h"

#include "core/mem.h"
#include "store/store_key.h"

#include <stdlib.h>

#define SMALL 512 /* points, up to which pieces are put together */

static int no_memory(struct ts_err *err)
{
    return ts_fail(err, TS_ENOMEM, "no memory to scan a series");
}

/* ---- chunks ---- */

static void begin_chunk(struct ts_cursor *cur, unsigned n, int64_t min_ns, int64_t max_ns)
{
    cur->chunk = (struct ts_scan_chunk){
        .series = &cur->series, .first = !cur->any, .n = n, .min_ns = min_ns, .max_ns = max_ns};
    cur->chunk.filtered = cur->rows.take != TS_ROWS_UNDECIDED;
    cur->any = true;
}

static void set_stats(struct ts_cursor *cur, const struct ts_seg_column *col)
{
    cur->chunk.has_stats = true;
    cur->chunk.sum = col->sum;
    cur->chunk.min = col->min;
    cur->chunk.max = col->max;
}

/* Nothing of a piece stays. The engine hears of it all the same: a query may end between two pieces. */
static void hand_out_nothing(struct ts_cursor *cur)
{
    cur->chunk = (struct ts_scan_chunk){.series = &cur->series};
}

/* Points from … from + n of what was decoded (or put together), those of them that are wanted. */
static void hand_out(struct ts_cursor *cur, struct ts_decoded *dec, unsigned from, unsigned n)
{
    int64_t min_ns = dec->times[from], max_ns = dec->times[from + n - 1];
    bool test = cur->rows.take == TS_ROWS_SOME;
    unsigned want = test ? cur->req.want : TS_SCAN_TIMES | TS_SCAN_VALUES;
    const struct ts_seg_column *stats = n == dec->n ? dec->stats : NULL;
    if (test) {
        unsigned kept = ts_rows_keep(&cur->rows, cur->series.type, dec, from, n, want, &min_ns, &max_ns);
        stats = kept == n ? stats : NULL;
        n = kept;
    }
    if (n == 0) {
        hand_out_nothing(cur);
        return;
    }
    begin_chunk(cur, n, min_ns, max_ns);
    struct ts_scan_chunk *chunk = &cur->chunk;
    chunk->columns = true;
    chunk->times = want & TS_SCAN_TIMES ? dec->times + from : NULL;
    if (stats)
        set_stats(cur, stats);
    if (!(want & TS_SCAN_VALUES))
        return;
    switch (cur->series.type) {
    case TS_SCAN_STRING: chunk->v.s = dec->s + from; break;
    case TS_SCAN_BOOL:
        for (unsigned i = 0; i < n; i++)
            cur->bools[i] = (uint8_t)dec->v[from + i];
        chunk->v.b = cur->bools;
        break;
    default: chunk->v.u = dec->v + from; break;
    }
}

static int put_out(struct ts_cursor *cur, const struct ts_decoded *dec, unsigned from, unsigned n, struct ts_err *err)
{
    struct ts_decoded *out = &cur->out;
    if (ts_decoded_reserve(out, cur->series.type, out->n + n) != 0)
        return no_memory(err);
    memcpy(out->times + out->n, dec->times + from, n * sizeof *out->times);
    if (cur->series.type != TS_SCAN_STRING)
        memcpy(out->v + out->n, dec->v + from, n * sizeof *out->v);
    for (unsigned i = 0; i < n && cur->series.type == TS_SCAN_STRING; i++) { /* the piece's data may go before out does */
        out->s[out->n + i] = (struct ts_str){(const char *)(uintptr_t)cur->text.len, dec->s[from + i].len};
        ts_buf_put_str(&cur->text, dec->s[from + i]);
    }
    out->n += n;
    return ts_buf_failed(&cur->text) ? no_memory(err) : 0;
}

static void finish_out(struct ts_cursor *cur)
{
    for (unsigned i = 0; i < cur->out.n && cur->series.type == TS_SCAN_STRING; i++)
        cur->out.s[i].p = (cur->text.p ? cur->text.p : "") + (uintptr_t)cur->out.s[i].p;
}

/* ---- pieces of a field ---- */

static bool same_window(const struct ts_scan_request *req, int64_t a, int64_t b)
{
    if (req->every_ns == 0)
        return true;
    int64_t da, db;
    if (__builtin_sub_overflow(a, req->offset_ns, &da) || __builtin_sub_overflow(b, req->offset_ns, &db))
        return false;
    return ts_clock_floor(da, req->every_ns) == ts_clock_floor(db, req->every_ns);
}

/* The column of a block, the next one to be read, that no other piece reaches into: its points are the newest ones. */
static const struct ts_seg_column *alone(const struct ts_cursor *cur, const struct ts_piece *pie)
{
    if (pie->lnd || (cur->next + 1 < cur->end && cur->of[cur->next + 1]->min_ns <= pie->max_ns))
        return NULL;
    return ts_seg_find(&pie->seg, cur->fields[cur->field].name, cur->series.type);
}

/* Whether nothing of the piece satisfies what is asked of each point. Of points that are deleted or beyond the range as well. */
static bool skips(const struct ts_cursor *cur, const struct ts_piece *pie)
{
    const struct ts_seg_column *col = cur->rows.take == TS_ROWS_SOME ? alone(cur, pie) : NULL;
    return col && ts_rows_of_block(&cur->rows, col) == TS_ROWS_NONE;
}

/* Whether the piece may come as its statistics alone. */
static const struct ts_seg_column *lone_stats(struct ts_cursor *cur, const struct ts_piece *pie)
{
    const struct ts_scan_request *req = &cur->req;
    const struct ts_seg_column *col = req->stats ? alone(cur, pie) : NULL;
    if (!col || pie->min_ns < req->start_ns || pie->max_ns >= req->stop_ns || !same_window(req, pie->min_ns, pie->max_ns) ||
        ts_tombs_touch(cur->view.tombs, cur->view.ntombs, cur->id, pie->rank, pie->min_ns, pie->max_ns))
        return NULL;
    if (col->count != pie->seg.n || (!col->has_stats && col->type < TS_SCAN_BOOL))
        return NULL;
    bool all = cur->rows.take == TS_ROWS_ALL ||
               (cur->rows.take == TS_ROWS_SOME && ts_rows_of_block(&cur->rows, col) == TS_ROWS_ALL);
    return all ? col : NULL;
}

static int activate(struct ts_cursor *cur, struct ts_err *err)
{
    if (cur->nactive == cur->active_cap) {
        unsigned cap = TS_MAX(4u, cur->active_cap * 2);
        struct ts_decoded *more = ts_resize(cur->active, cap * sizeof *more);
        if (!more)
            return no_memory(err);
        memset(more + cur->active_cap, 0, (cap - cur->active_cap) * sizeof *more);
        cur->active = more;
        cur->active_cap = cap;
    }
    int rc = ts_piece_decode(cur, cur->of[cur->next++], &cur->active[cur->nactive], err);
    cur->nactive += rc == 0;
    return rc;
}

/* Those that have no more points go to the end of the list, where their memory waits for the next one. */
static void drop_exhausted(struct ts_cursor *cur)
{
    for (unsigned i = cur->nactive; i-- > 0;)
        if (cur->active[i].at == cur->active[i].n) {
            struct ts_decoded dec = cur->active[i];
            cur->active[i] = cur->active[--cur->nactive];
            cur->active[cur->nactive] = dec;
        }
}

static unsigned count_before(const struct ts_decoded *dec, int64_t t)
{
    unsigned lo = dec->at, hi = dec->n;
    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        if (dec->times[mid] < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo - dec->at;
}

/* The piece that has the earliest of all active points; of equal times the newest one. */
static struct ts_decoded *earliest(struct ts_cursor *cur)
{
    struct ts_decoded *best = &cur->active[0];
    for (unsigned i = 1; i < cur->nactive; i++) {
        struct ts_decoded *dec = &cur->active[i];
        int64_t t = dec->times[dec->at], t_best = best->times[best->at];
        if (t < t_best || (t == t_best && dec->order > best->order))
            best = dec;
    }
    return best;
}

static int merge_point(struct ts_cursor *cur, struct ts_decoded *dec, struct ts_err *err)
{
    int64_t t = dec->times[dec->at];
    int rc = put_out(cur, dec, dec->at, 1, err);
    for (unsigned i = 0; i < cur->nactive; i++)
        cur->active[i].at += cur->active[i].times[cur->active[i].at] == t;
    return rc;
}

/* n points of the only active piece, from where they were decoded if that pays. @return 1 when the chunk is ready. */
static int take_run(struct ts_cursor *cur, unsigned n, bool more, struct ts_err *err)
{
    struct ts_decoded *dec = &cur->active[0];
    if (!cur->req.descending && cur->out.n == 0 && (n >= SMALL || !more)) {
        n = TS_MIN(n, TS_SCAN_CHUNK_MAX);
        hand_out(cur, dec, dec->at, n);
        dec->at += n;
        return 1;
    }
    if (!cur->req.descending)
        n = TS_MIN(n, TS_SCAN_CHUNK_MAX - cur->out.n);
    int rc = put_out(cur, dec, dec->at, n, err);
    dec->at += n;
    return rc;
}

/* Nothing is active: the next piece, as its statistics or to be decoded. @return 1 when the chunk is ready; -TS_EAGAIN: what is
 * in out goes first. */
static int begin_piece(struct ts_cursor *cur, struct ts_err *err)
{
    const struct ts_piece *pie = cur->of[cur->next];
    const struct ts_seg_column *col = cur->req.descending ? NULL : lone_stats(cur, pie);
    bool none = !cur->req.descending && skips(cur, pie);
    if (!cur->req.descending && cur->out.n > 0 && (col || none || pie->n >= SMALL))
        return -TS_EAGAIN;
    if (!col && !none)
        return activate(cur, err);
    cur->next++;
    if (none) {
        hand_out_nothing(cur);
        return 1;
    }
    begin_chunk(cur, pie->n, pie->min_ns, pie->max_ns);
    if (col->has_stats)
        set_stats(cur, col);
    return 1;
}

/* One step: a piece begun, a run or a point taken. @return as merge, or -TS_EAGAIN when no step can be made. */
static int step(struct ts_cursor *cur, struct ts_err *err)
{
    bool more = cur->next < cur->end;
    int64_t next_ns = more ? cur->of[cur->next]->min_ns : INT64_MAX;
    drop_exhausted(cur);
    if (cur->nactive == 0)
        return more ? begin_piece(cur, err) : -TS_EAGAIN;
    struct ts_decoded *dec = earliest(cur);
    if (more && next_ns <= dec->times[dec->at])
        return activate(cur, err);
    if (cur->nactive > 1)
        return merge_point(cur, dec, err);
    return take_run(cur, more ? count_before(dec, next_ns) : dec->n - dec->at, more, err);
}

/* Goes on with pieces next … end until a chunk is ready; in descending order all of them go to out.
 * @return 1 a chunk is ready, 0 nothing is left, <0. */
static int merge(struct ts_cursor *cur, struct ts_err *err)
{
    int rc = 0;
    cur->out.n = 0;
    cur->out.stats = NULL;
    ts_buf_clear(&cur->text);
    while (rc == 0 && (cur->req.descending || cur->out.n < TS_SCAN_CHUNK_MAX))
        rc = step(cur, err);
    if (rc == -TS_EAGAIN)
        rc = 0;
    if (rc == 0) {
        finish_out(cur);
        if (cur->out.n > 0 && !cur->req.descending) {
            hand_out(cur, &cur->out, 0, cur->out.n);
            rc = 1;
        }
    }
    return rc;
}

/* Newest first: pieces that overlap in a row are one cluster, and the last cluster comes first. */
static int merge_down(struct ts_cursor *cur, struct ts_err *err)
{
    while (cur->out_left == 0) {
        unsigned from;
        int rc = ts_newest_cluster(cur, &from, err);
        if (rc <= 0)
            return rc;
        cur->next = from;
        cur->end = cur->left;
        cur->left = from;
        for (unsigned i = from; i < cur->end; i++)
            cur->of[i]->used = true;
        int64_t min_ns = cur->of[from]->min_ns, max_ns = cur->of[from]->max_ns;
        bool one = cur->end - from == 1;
        const struct ts_seg_column *col = one ? lone_stats(cur, cur->of[from]) : NULL;
        if (one && skips(cur, cur->of[from])) {
            hand_out_nothing(cur);
            return 1;
        }
        if (col) {
            cur->next++;
            begin_chunk(cur, cur->of[from]->n, min_ns, max_ns);
            if (col->has_stats)
                set_stats(cur, col);
            return 1;
        }
        rc = merge(cur, err);
        if (rc < 0)
            return rc;
        cur->out_left = cur->out.n;
    }
    unsigned n = TS_MIN(cur->out_left, TS_SCAN_CHUNK_MAX);
    cur->out_left -= n;
    hand_out(cur, &cur->out, cur->out_left, n);
    return 1;
}

/* ---- fields and series ---- */

/* @return 1 the field is wanted and has pieces. */
static int begin_field(struct ts_cursor *cur, struct ts_err *err)
{
    const struct ts_scan_field *fld = &cur->fields[cur->field];
    bool open;
    cur->nof = cur->nactive = cur->out_left = 0;
    cur->any = cur->skip = false;
    if (ts_pred_value(cur->req.pred, cur->series.measurement, cur->tags, cur->series.ntags, &fld->text, &open) != TS_TRUE)
        return 0;
    for (unsigned p = 0; p < cur->npieces; p++)
        cur->pieces[p].used = false;
    int rc = ts_pieces_of_field(cur, err);
    if (rc == 0 && cur->req.descending)
        rc = ts_newest_cluster(cur, &(unsigned){0}, err);
    if (rc < 0)
        return rc;
    cur->series.field = fld->text;
    cur->series.type = fld->type;
    if (cur->nof > 0 && ts_rows_bind(&cur->rows, cur->req.rows, &cur->series) != 0)
        return no_memory(err);
    if (cur->rows.take == TS_ROWS_NONE)
        cur->nof = 0;
    return cur->nof > 0;
}

/* The next series that the predicate may take. @return 1 there is one, 0 the end, <0. */
static int next_series(struct ts_cursor *cur, struct ts_err *err)
{
    int rc;
    while ((rc = ts_walk_next(&cur->all, &cur->id, &cur->key, err)) > 0) {
        bool open;
        rc = ts_key_decode(cur->key, &cur->scratch, &cur->series.measurement, cur->tags, &cur->series.ntags);
        if (rc == -TS_ENOMEM)
            return no_memory(err);
        if (rc) {
            ts_cursor_complain(cur, cur->req.start_ns, cur->req.stop_ns, "a series key in the catalogue is damaged");
            continue;
        }
        cur->series.tags = cur->tags;
        enum ts_truth value =
            ts_pred_value(cur->req.pred, cur->series.measurement, cur->tags, cur->series.ntags, NULL, &open);
        if (value == TS_FALSE || (value == TS_UNKNOWN && !open))
            continue;
        rc = ts_pieces_find(cur, err);
        if (rc)
            return rc;
        if (cur->nfields > 0)
            return 1;
    }
    return rc;
}

/* ---- the cursor ---- */

static int next(struct ts_scan_cursor *sc, const struct ts_scan_chunk **out, struct ts_err *err)
{
    struct ts_cursor *cur = (struct ts_cursor *)sc;
    *out = NULL;
    while (!cur->ended) {
        int rc = 0;
        if (cur->nof && !cur->skip)
            rc = cur->req.descending ? merge_down(cur, err) : merge(cur, err);
        if (rc > 0) {
            *out = &cur->chunk;
            return 0;
        }
        if (rc == 0 && cur->nof) {
            cur->nof = 0;
            cur->field++;
        }
        while (rc == 0 && cur->field < cur->nfields && (rc = begin_field(cur, err)) == 0)
            cur->field++;
        if (rc == 0) {
            cur->field = cur->nfields = 0;
            rc = next_series(cur, err);
            cur->ended = rc == 0;
        }
        if (rc < 0) {
            cur->ended = true;
            return rc;
        }
    }
    return 0;
}

static void skip(struct ts_scan_cursor *sc)
{
    ((struct ts_cursor *)sc)->skip = true;
}

static const struct ts_scan_damage *damage(const struct ts_scan_cursor *sc, unsigned *n)
{
    const struct ts_cursor *cur = (const struct ts_cursor *)sc;
    *n = cur->ndamage;
    return cur->damage;
}

static void close_cursor(struct ts_scan_cursor *sc)
{
    struct ts_cursor *cur = (struct ts_cursor *)sc;
    for (unsigned i = 0; i < TS_MIN(cur->ndamage, (unsigned)TS_SCAN_DAMAGE_MAX); i++)
        if (cur->damage[i].series.len)
            ts_free((char *)(uintptr_t)cur->damage[i].series.p);
    for (unsigned i = 0; i < cur->pieces_cap; i++)
        ts_seg_fini(&cur->pieces[i].seg);
    for (unsigned i = 0; i < cur->active_cap; i++)
        ts_decoded_fini(&cur->active[i]);
    ts_decoded_fini(&cur->out);
    ts_rows_fini(&cur->rows);
    ts_free(cur->pieces);
    ts_free(cur->fields);
    ts_free(cur->of);
    ts_free(cur->sources);
    ts_free(cur->active);
    ts_walk_close(&cur->all);
    ts_buf_fini(&cur->scratch);
    ts_buf_fini(&cur->cache);
    ts_buf_fini(&cur->text);
    ts_buf_fini(&cur->listed_of);
    ts_view_close(&cur->view);
    ts_free(cur);
}

int ts_cursor_open(struct ts_reader *rdr, const struct ts_scan_request *req, struct ts_scan_cursor **out, struct ts_err *err)
{
    *out = NULL;
    if (req->stop_ns < req->start_ns || req->every_ns < 0)
        return ts_fail(err, TS_EINVAL, "a range that ends before it begins");
    int rc = ts_pred_check(req->pred, err);
    rc = rc ? rc : ts_pred_check(req->rows, err);
    if (rc)
        return rc;
    struct ts_cursor *cur = ts_alloc(sizeof *cur);
    if (!cur)
        return no_memory(err);
    cur->cur.ops = &ts_store_scan_ops;
    cur->req = *req;
    rc = ts_view_open(rdr, req->bucket, req->start_ns, req->stop_ns, &cur->view, err);
    rc = rc ? rc : ts_walk_open(&cur->all, cur->view.cat, (int64_t)cur->view.bucket.id, req->pred, err);
    cur->ended = req->stop_ns == req->start_ns || cur->view.nshards == 0;
    if (rc)
        close_cursor(&cur->cur);
    else
        *out = &cur->cur;
    return rc;
}

static size_t decoded_bytes(const struct ts_decoded *dec)
{
    return dec->cap * (sizeof *dec->times + sizeof *dec->v + sizeof *dec->rows + (dec->s ? sizeof *dec->s : 0));
}

static size_t bytes(const struct ts_scan_cursor *scan)
{
    const struct ts_cursor *cur = (const struct ts_cursor *)scan;
    size_t n = sizeof *cur + cur->cache.cap + cur->scratch.cap + cur->text.cap + cur->pieces_cap * sizeof *cur->pieces +
               cur->sources_cap * sizeof *cur->sources + decoded_bytes(&cur->out);
    for (unsigned i = 0; i < cur->active_cap; i++)
        n += decoded_bytes(&cur->active[i]);
    return n;
}

static int open_scan(struct ts_scan_source *src, const struct ts_scan_request *req, struct ts_scan_cursor **out, struct ts_err *err)
{
    return ts_cursor_open((struct ts_reader *)src, req, out, err);
}

static int schema(struct ts_scan_source *src, const struct ts_scan_schema_request *req, ts_scan_schema_fn *fn, void *arg,
                  struct ts_err *err)
{
    return ts_schema_read((struct ts_reader *)src, req, fn, arg, err);
}

static int bucket(struct ts_scan_source *src, struct ts_str name, struct ts_scan_bucket *out, struct ts_err *err)
{
    return ts_bucket_read((struct ts_reader *)src, name, out, err);
}

const struct ts_scan_ops ts_store_scan_ops = {.open = open_scan,
                                              .next = next,
                                              .skip = skip,
                                              .damage = damage,
                                              .close = close_cursor,
                                              .bytes = bytes,
                                              .schema = schema,
                                              .bucket = bucket};
