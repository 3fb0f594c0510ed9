/*
 * What there is of a series, and its points for one field. Thread: the cursor's, which owns all of it. What is damaged is noted and
 * left out.
 */
#include "config.h"
#include "store/store_scan.h"

#include "core/mem.h"
#include "store/store_key.h"

#include <stdlib.h>

static int no_memory(struct ts_err *err)
{
    return ts_fail(err, TS_ENOMEM, "no memory to scan a series");
}

void ts_cursor_complain(struct ts_cursor *cur, int64_t min_ns, int64_t max_ns, const char *what)
{
    unsigned i = cur->ndamage++;
    if (i >= TS_SCAN_DAMAGE_MAX)
        return;
    struct ts_buf name = TS_BUF_INIT;
    if (cur->key.p)
        ts_key_print(cur->key, &name);
    /* The text lives as long as the cursor. */
    cur->damage[i] = (struct ts_scan_damage){.series = ts_buf_str(&name), .min_ns = min_ns, .max_ns = max_ns, .what = what};
    if (!name.p)
        cur->damage[i].series = TS_STR("");
}

/* ---- find ---- */

static struct ts_piece *add_piece(struct ts_cursor *cur)
{
    if (cur->npieces == cur->pieces_cap) {
        unsigned cap = TS_MAX(32u, cur->pieces_cap * 2);
        struct ts_piece *pieces = ts_resize(cur->pieces, cap * sizeof *pieces);
        if (!pieces)
            return NULL;
        memset(pieces + cur->pieces_cap, 0, (cap - cur->pieces_cap) * sizeof *pieces);
        cur->pieces = pieces;
        cur->pieces_cap = cap;
    }
    struct ts_piece *pie = &cur->pieces[cur->npieces];
    struct ts_seg seg = pie->seg; /* its list of columns is used again */
    *pie = (struct ts_piece){.seg = seg, .order = cur->npieces};
    cur->npieces++;
    return pie;
}

/* Whether most blocks' heads will do: of the others the columns are read when they are asked for. */
static bool by_heads(const struct ts_scan_request *req)
{
    return req->descending || (req->stats && !req->rows && (req->every_ns == 0 || req->every_ns >= 86400 * TS_SEC));
}

int ts_piece_of_block(struct ts_cursor *cur, struct ts_view_shard *shd, const struct ts_view_epoch *epo, struct ts_err *err)
{
    int64_t id = TS_BLOCK_ID(epo->id, cur->id);
    bool heads = by_heads(&cur->req);
    sqlite3_stmt *stmt = ts_db_bind(shd->db, heads ? TS_SQL_S_HEAD : TS_SQL_S_BLOCK, &id, 1);
    int rc = ts_db_step(shd->db, stmt, err);
    if (rc == -TS_ECORRUPT) {
        ts_cursor_complain(cur, epo->min_ns, epo->max_ns, "the database page of a block is damaged");
        return 0;
    }
    if (rc <= 0)
        return rc;
    struct ts_piece *pie = add_piece(cur);
    if (!pie) {
        sqlite3_reset(stmt);
        return no_memory(err);
    }
    struct ts_str head = ts_db_bytes(stmt, 0), data = heads ? TS_STR("") : ts_db_bytes(stmt, 1);
    rc = ts_seg_open(&pie->seg, head, cur->id);
    if (rc == 0 && pie->seg.nseries)
        rc = -TS_ECORRUPT;
    bool wanted = rc == 0 && pie->seg.max_ns >= cur->req.start_ns && pie->seg.min_ns < cur->req.stop_ns;
    if (wanted) {
        pie->shd = shd;
        pie->id = id;
        pie->rank = epo->rank;
        pie->min_ns = pie->seg.min_ns;
        pie->max_ns = pie->seg.max_ns;
        pie->n = pie->seg.n;
        if (cur->cache.len + data.len <= TS_CACHE_BYTES) {
            pie->cached_at = cur->cache.len;
            pie->cached_len = data.len;
            ts_buf_put_str(&cur->cache, data);
        }
    } else {
        cur->npieces--;
    }
    sqlite3_reset(stmt);
    if (rc == -TS_ECORRUPT)
        ts_cursor_complain(cur, epo->min_ns, epo->max_ns, "the head of a block is damaged");
    return rc == -TS_ENOMEM || ts_buf_failed(&cur->cache) ? no_memory(err) : 0;
}

static int find_in_directory(const struct ts_view_landing *lnd, uint32_t series)
{
    unsigned lo = 0, hi = lnd->seg.nseries;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (lnd->series[mid] < series)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < lnd->seg.nseries && lnd->series[lo] == series ? (int)lo : -1;
}

int ts_piece_of_landed(struct ts_cursor *cur, struct ts_view_shard *shd, struct ts_view_landing *lnd, struct ts_err *err)
{
    bool known = lnd->loaded;
    int rc = ts_view_load(&cur->view, lnd, err);
    if (rc == -TS_ECORRUPT) {
        struct ts_str key = cur->key;
        cur->key.p = NULL; /* it is not only this one's */
        if (!known)
            ts_cursor_complain(cur, lnd->min_ns, lnd->max_ns, "a landing segment, of up to 1,024 series, is damaged");
        cur->key = key;
        return 0;
    }
    if (rc)
        return rc;
    int at = find_in_directory(lnd, cur->id);
    if (at < 0)
        return 0;
    unsigned from = at ? lnd->ends[at - 1] : 0, n = lnd->ends[at] - from;
    int64_t first[1 + TS_SEG_PAD], last[1 + TS_SEG_PAD];
    if (ts_seg_times(&lnd->seg, lnd->data, from, 1, first) != 0 ||
        ts_seg_times(&lnd->seg, lnd->data, from + n - 1, 1, last) != 0) {
        ts_cursor_complain(cur, lnd->min_ns, lnd->max_ns, "times in a landing segment are damaged");
        return 0;
    }
    if (last[0] < cur->req.start_ns || first[0] >= cur->req.stop_ns)
        return 0;
    struct ts_piece *pie = add_piece(cur);
    if (!pie)
        return no_memory(err);
    pie->shd = shd;
    pie->lnd = lnd;
    pie->rank = lnd->seq;
    pie->min_ns = first[0];
    pie->max_ns = last[0];
    pie->from = from;
    pie->n = n;
    return 0;
}

unsigned ts_first_landing(const struct ts_view_shard *shd, uint32_t group)
{
    unsigned lo = 0, hi = shd->nlanding;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (shd->landing[mid].group < group)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct ts_seg *ts_piece_segment(const struct ts_piece *pie)
{
    return pie->lnd ? &pie->lnd->seg : &pie->seg;
}

int ts_fields_add(struct ts_cursor *cur, uint32_t name, enum ts_scan_type type, unsigned hint)
{
    if (hint < cur->nfields && cur->fields[hint].name == name && cur->fields[hint].type == type)
        return 0;
    for (unsigned i = 0; i < cur->nfields; i++)
        if (cur->fields[i].name == name && cur->fields[i].type == type)
            return 0;
    if (cur->nfields == cur->fields_cap) {
        unsigned cap = TS_MAX(16u, cur->fields_cap * 2);
        struct ts_scan_field *fields = ts_resize(cur->fields, cap * sizeof *fields);
        if (!fields)
            return -TS_ENOMEM;
        cur->fields = fields;
        cur->fields_cap = cap;
    }
    cur->fields[cur->nfields++] = (struct ts_scan_field){.name = name, .type = type, .text = ts_view_name(&cur->view, name)};
    return 0;
}

static int compare_fields(const void *pa, const void *pb)
{
    const struct ts_scan_field *a = pa, *b = pb;
    int c = ts_str_cmp(a->text, b->text);
    return c ? c : (int)a->type - (int)b->type;
}

void ts_fields_sort(struct ts_cursor *cur)
{
    if (cur->nfields > 1)
        qsort(cur->fields, cur->nfields, sizeof *cur->fields, compare_fields);
}

int ts_pieces_find(struct ts_cursor *cur, struct ts_err *err)
{
    uint32_t group = ts_group_of(cur->id);
    int rc = 0;
    cur->npieces = cur->nfields = 0;
    ts_buf_clear(&cur->cache);
    if (cur->req.descending)
        return ts_newest_begin(cur, err);
    for (unsigned i = 0; i < cur->view.nshards && rc == 0; i++) {
        struct ts_view_shard *shd = &cur->view.shards[i];
        for (unsigned e = 0; e < shd->nepochs && rc == 0; e++)
            rc = ts_piece_of_block(cur, shd, &shd->epochs[e], err);
        for (unsigned l = ts_first_landing(shd, group); l < shd->nlanding && shd->landing[l].group == group && rc == 0; l++)
            rc = ts_piece_of_landed(cur, shd, &shd->landing[l], err);
    }
    for (unsigned p = 0; p < cur->npieces && rc == 0; p++) {
        const struct ts_seg *seg = ts_piece_segment(&cur->pieces[p]);
        for (unsigned c = 0; c < seg->ncols && rc == 0; c++)
            if (ts_fields_add(cur, seg->cols[c].name, seg->cols[c].type, c) != 0)
                rc = no_memory(err);
    }
    if (rc == 0)
        ts_fields_sort(cur);
    return rc;
}

static int compare_pieces(const void *pa, const void *pb)
{
    const struct ts_piece *a = *(struct ts_piece *const *)pa, *b = *(struct ts_piece *const *)pb;
    if (a->min_ns != b->min_ns)
        return a->min_ns < b->min_ns ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

int ts_pieces_of_field(struct ts_cursor *cur, struct ts_err *err)
{
    const struct ts_scan_field *fld = &cur->fields[cur->field];
    cur->nof = 0;
    if (cur->npieces > cur->of_cap) {
        struct ts_piece **of = ts_resize(cur->of, cur->pieces_cap * sizeof *of);
        if (!of)
            return no_memory(err);
        cur->of = of;
        cur->of_cap = cur->pieces_cap;
    }
    cur->next = cur->left = 0;
    for (unsigned p = 0; p < cur->npieces; p++)
        if (ts_seg_find(ts_piece_segment(&cur->pieces[p]), fld->name, fld->type)) {
            cur->of[cur->nof++] = &cur->pieces[p];
            cur->left += !cur->pieces[p].used;
        }
    bool sorted = true;
    for (unsigned i = 1; i < cur->nof; i++)
        sorted &= cur->of[i - 1]->min_ns < cur->of[i]->min_ns;
    if (!sorted)
        qsort(cur->of, cur->nof, sizeof *cur->of, compare_pieces);
    cur->end = cur->left;
    return 0;
}

/* ---- decode ---- */

void ts_decoded_fini(struct ts_decoded *dec)
{
    ts_free(dec->times);
    ts_free(dec->v);
    ts_free(dec->s);
    ts_free(dec->rows);
    ts_free(dec->data);
    *dec = (struct ts_decoded){0};
}

int ts_decoded_reserve(struct ts_decoded *dec, enum ts_scan_type type, unsigned n)
{
    n += TS_SEG_PAD;
    if (n > dec->cap) {
        unsigned cap = TS_MAX(n, dec->cap * 2);
        int64_t *times = ts_resize(dec->times, cap * sizeof *times);
        dec->times = times ? times : dec->times;
        uint64_t *v = ts_resize(dec->v, cap * sizeof *v);
        dec->v = v ? v : dec->v;
        uint32_t *rows = ts_resize(dec->rows, cap * sizeof *rows);
        dec->rows = rows ? rows : dec->rows;
        if (dec->s) {
            struct ts_str *s = ts_resize(dec->s, cap * sizeof *s);
            dec->s = s ? s : dec->s;
            if (!s)
                return -TS_ENOMEM;
        }
        if (!times || !v || !rows)
            return -TS_ENOMEM;
        dec->cap = cap;
    }
    if (type == TS_SCAN_STRING && !dec->s)
        dec->s = ts_alloc(dec->cap * sizeof *dec->s);
    return type == TS_SCAN_STRING && !dec->s ? -TS_ENOMEM : 0;
}

/* The block's columns; *copy is set when they had to be read again, and belongs to the caller. */
static int data_of(struct ts_cursor *cur, const struct ts_piece *pie, struct ts_str *out, char **copy, struct ts_err *err)
{
    *copy = NULL;
    if (pie->lnd) {
        *out = pie->lnd->data;
        return 0;
    }
    if (pie->cached_len) {
        *out = (struct ts_str){cur->cache.p + pie->cached_at, pie->cached_len};
        return 0;
    }
    sqlite3_stmt *stmt = ts_db_bind(pie->shd->db, TS_SQL_S_BLOCK, &pie->id, 1);
    int rc = ts_db_step(pie->shd->db, stmt, err);
    if (rc <= 0)
        return rc ? rc : -TS_ECORRUPT;
    struct ts_str data = ts_db_bytes(stmt, 1);
    *copy = ts_alloc(data.len + 1);
    if (*copy && data.len)
        memcpy(*copy, data.p, data.len);
    *out = (struct ts_str){*copy, data.len};
    sqlite3_reset(stmt);
    return *copy ? 0 : no_memory(err);
}

/* Keeps what is in the range and not deleted. */
static void filter(struct ts_cursor *cur, const struct ts_piece *pie, struct ts_decoded *dec, unsigned n)
{
    const struct ts_scan_request *req = &cur->req;
    bool tombs = cur->view.ntombs && ts_tombs_touch(cur->view.tombs, cur->view.ntombs, cur->id, pie->rank, pie->min_ns, pie->max_ns);
    unsigned kept = 0;
    if (!tombs && pie->min_ns >= req->start_ns && pie->max_ns < req->stop_ns) {
        dec->n = n;
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        int64_t t = dec->times[i];
        if (t < req->start_ns || t >= req->stop_ns ||
            (tombs && ts_tombs_cover(cur->view.tombs, cur->view.ntombs, cur->id, pie->rank, t)))
            continue;
        dec->times[kept] = t;
        dec->v[kept] = dec->v[i];
        if (dec->s)
            dec->s[kept] = dec->s[i];
        kept++;
    }
    dec->n = kept;
}

static int decode(struct ts_cursor *cur, struct ts_piece *pie, const struct ts_seg_column *col, struct ts_str data,
                  struct ts_decoded *dec)
{
    const struct ts_seg *seg = ts_piece_segment(pie);
    unsigned count;
    if (!pie->times_checked && !pie->lnd && !ts_seg_is_whole(seg, data, &seg->times))
        return -TS_ECORRUPT;
    pie->times_checked = true;
    if (!ts_seg_column_is_whole(seg, data, col) || ts_seg_times(seg, data, pie->from, pie->n, dec->times) != 0)
        return -TS_ECORRUPT;
    int rc = ts_seg_values(seg, data, col, pie->from, pie->n, dec->v, dec->s, dec->rows, &count);
    if (rc)
        return rc;
    if (count < pie->n)
        for (unsigned i = 0; i < count; i++)
            dec->times[i] = dec->times[dec->rows[i]];
    filter(cur, pie, dec, count);
    dec->stats = !pie->lnd && dec->n == seg->n && col->has_stats ? col : NULL;
    return 0;
}

int ts_piece_decode(struct ts_cursor *cur, struct ts_piece *pie, struct ts_decoded *dec, struct ts_err *err)
{
    const struct ts_scan_field *fld = &cur->fields[cur->field];
    const struct ts_seg_column *col = ts_seg_find(ts_piece_segment(pie), fld->name, fld->type);
    struct ts_str data;
    dec->n = dec->at = 0;
    dec->order = pie->order;
    dec->stats = NULL;
    TS_FREE(dec->data);
    TS_ASSERT(col);
    if (ts_decoded_reserve(dec, fld->type, pie->n) != 0)
        return no_memory(err);
    int rc = data_of(cur, pie, &data, &dec->data, err);
    if (rc && rc != -TS_ECORRUPT)
        return rc;
    rc = rc ? rc : decode(cur, pie, col, data, dec);
    if (rc == -TS_ENOMEM)
        return no_memory(err);
    if (rc) {
        ts_cursor_complain(cur, pie->min_ns, pie->max_ns, pie->lnd ? "a column of a landing segment is damaged" : "a column of a block is damaged");
        dec->n = 0;
    }
    return 0;
}
