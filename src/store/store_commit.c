/*
 * A batch to landing segments, in one transaction with the mark. Thread: the batch's; sorting and encoding need no lock, the
 * transaction has the store's. When it fails, nothing has changed and the batch is as it was.
 *
 * Rows are sorted by shard, series and time; of equal ones each field's last value counts. What lies in one shard and one group of
 * 1,024 series becomes a segment, or several when there is much of it.
 */
#include "config.h"
#include "store/store_batch.h"

#include "core/mem.h"
#include "store/store_segment.h"

#include <stdlib.h>

#define AHEAD     16         /* rows whose cells are on their way from memory */
#define CELLS_MAX (2u << 20) /* rows × columns of a segment */

/* An encoded segment. */
struct part {
    int64_t shard_start, min_ns, max_ns;
    uint32_t group, number, points;
    size_t head, head_len, data, data_len;
};

struct landing {
    struct ts_batch *bat;
    struct ts_batch_row *rows; /* the batch's, sorted: read one after the other from here on */
    struct part *parts;
    uint32_t nparts, parts_cap;
    struct ts_buf heads, datas;
    /* The segment being built. */
    struct ts_column *cols;
    uint32_t ncols, cols_cap;
    uint32_t *slots; /* hash table of columns: index + 1 */
    uint32_t nslots, points;
    struct ts_str mark, value;
};

static _Thread_local const struct ts_batch *sorted_batch; /* qsort has no argument */

static const struct ts_batch_row *row_at(const struct landing *lan, uint32_t i)
{
    return &lan->rows[i];
}

/* By time, then as they came. */
static int compare_rows(const void *pa, const void *pb)
{
    const struct ts_batch_row *a = pa, *b = pb;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return (a->cell > b->cell) - (a->cell < b->cell);
}

static int compare_series(const void *pa, const void *pb)
{
    uint32_t a = sorted_batch->series[*(const uint32_t *)pa].id, b = sorted_batch->series[*(const uint32_t *)pb].id;
    return (a > b) - (a < b);
}

/* By counting: rows come in order of time for each series, mostly; what does not is sorted again. */
static int sort_rows(struct landing *lan)
{
    struct ts_batch *bat = lan->bat;
    uint32_t n = bat->nseries;
    uint32_t *by_id = ts_alloc((n + 1) * sizeof *by_id), *at = ts_alloc((n + 1) * sizeof *at);
    lan->rows = ts_alloc(bat->nrows * sizeof *lan->rows);
    int rc = by_id && at && lan->rows ? 0 : -TS_ENOMEM;
    if (rc == 0) {
        sorted_batch = bat;
        bool ascending = true;
        for (uint32_t i = 0; i < n; i++) {
            by_id[i] = i;
            ascending &= i == 0 || bat->series[i - 1].id < bat->series[i].id;
        }
        if (!ascending)
            qsort(by_id, n, sizeof *by_id, compare_series);
        for (uint32_t i = 0; i < bat->nrows; i++)
            at[bat->rows[i].series]++;
        uint32_t sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t count = at[by_id[i]];
            at[by_id[i]] = sum;
            sum += count;
        }
        for (uint32_t i = 0; i < bat->nrows; i++)
            lan->rows[at[bat->rows[i].series]++] = bat->rows[i];
        for (uint32_t i = 0, j; i < bat->nrows; i = j) {
            bool sorted = true;
            for (j = i + 1; j < bat->nrows && row_at(lan, j)->series == row_at(lan, i)->series; j++)
                sorted &= row_at(lan, j - 1)->time_ns <= row_at(lan, j)->time_ns;
            if (!sorted)
                qsort(lan->rows + i, j - i, sizeof *lan->rows, compare_rows);
        }
    }
    ts_free(by_id);
    ts_free(at);
    return rc;
}

/* ---- one segment ---- */

static uint64_t slot_hash(uint32_t name, uint32_t type)
{
    return ((uint64_t)name << 3 | type) * UINT64_C(0x9E3779B97F4A7C15) >> 32;
}

static int grow_columns(struct landing *lan)
{
    uint32_t cap = lan->cols_cap ? lan->cols_cap * 2 : 16;
    struct ts_column *cols = ts_resize(lan->cols, cap * sizeof *cols);
    if (!cols)
        return -TS_ENOMEM;
    lan->cols = cols;
    uint32_t *slots = ts_alloc(4 * (size_t)cap * sizeof *slots);
    if (!slots)
        return -TS_ENOMEM;
    ts_free(lan->slots);
    lan->slots = slots;
    lan->cols_cap = cap;
    lan->nslots = 4 * cap;
    for (uint32_t c = 0; c < lan->ncols; c++) {
        uint32_t slot = (uint32_t)slot_hash(cols[c].name, cols[c].type) & (lan->nslots - 1);
        while (lan->slots[slot])
            slot = (slot + 1) & (lan->nslots - 1);
        lan->slots[slot] = c + 1;
    }
    return 0;
}

static int find_column(struct landing *lan, const struct ts_batch_cell *cell, uint32_t *out)
{
    if (lan->ncols == lan->cols_cap && grow_columns(lan) != 0)
        return -TS_ENOMEM;
    uint32_t slot = (uint32_t)slot_hash(cell->name, cell->type) & (lan->nslots - 1), c;
    while ((c = lan->slots[slot]) && (lan->cols[c - 1].name != cell->name || lan->cols[c - 1].type != cell->type))
        slot = (slot + 1) & (lan->nslots - 1);
    if (!c) {
        lan->cols[lan->ncols] = (struct ts_column){.name = cell->name, .type = cell->type};
        c = lan->slots[slot] = ++lan->ncols;
    }
    *out = c - 1;
    return 0;
}

/* The column of a cell: the one at the same place, as a rule. *out is its index. */
TS_INLINE int column_of(struct landing *lan, const struct ts_batch_cell *cell, uint32_t hint, uint32_t *out)
{
    *out = hint;
    return TS_LIKELY(hint < lan->ncols && lan->cols[hint].name == cell->name && lan->cols[hint].type == cell->type)
               ? 0
               : find_column(lan, cell, out);
}

static void clear_columns(struct landing *lan)
{
    for (uint32_t c = 0; c < lan->ncols; c++) {
        ts_free(lan->cols[c].present);
        ts_free(lan->cols[c].v);
        ts_free(lan->cols[c].s);
    }
    lan->ncols = 0;
    if (lan->slots)
        memset(lan->slots, 0, lan->nslots * sizeof *lan->slots);
}

static int compare_columns(const void *pa, const void *pb)
{
    const struct ts_column *a = pa, *b = pb;
    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    return (int)a->type - (int)b->type;
}

/* How many rows from `from` on share shard and group and fit into one segment; their columns are noted on the way. */
static int measure(struct landing *lan, uint32_t from, int64_t start_ns, int64_t end_ns, uint32_t *out)
{
    struct ts_batch *bat = lan->bat;
    uint32_t group = ts_group_of(bat->series[row_at(lan, from)->series].id), n = 0, c;
    for (uint32_t i = from; i < bat->nrows && n < TS_SEG_ROWS_MAX; i++, n++) {
        const struct ts_batch_row *row = row_at(lan, i);
        if (i + AHEAD < bat->nrows)
            __builtin_prefetch(&bat->cells[row_at(lan, i + AHEAD)->cell]);
        if (ts_group_of(bat->series[row->series].id) != group || row->time_ns < start_ns || row->time_ns >= end_ns)
            break;
        for (uint32_t k = 0; k < row->ncells; k++)
            if (column_of(lan, &bat->cells[row->cell + k], k, &c) != 0)
                return -TS_ENOMEM;
        if (n > 0 && (uint64_t)lan->ncols * (n + 1) > CELLS_MAX)
            break; /* its columns may be noted for nothing: they are left out below */
    }
    *out = n;
    return 0;
}

static int make_columns(struct landing *lan, uint32_t rows)
{
    for (uint32_t c = 0; c < lan->ncols; c++) {
        struct ts_column *col = &lan->cols[c];
        col->present = ts_alloc(rows);
        if (col->type == TS_SCAN_STRING)
            col->s = ts_alloc(rows * sizeof *col->s);
        else
            col->v = ts_alloc(rows * sizeof *col->v);
        if (!col->present || (!col->v && !col->s))
            return -TS_ENOMEM;
    }
    return 0;
}

static int fill_row(struct landing *lan, const struct ts_batch_row *row, uint32_t to)
{
    const struct ts_batch *bat = lan->bat;
    uint32_t c;
    for (uint32_t k = 0; k < row->ncells; k++) {
        const struct ts_batch_cell *cell = &bat->cells[row->cell + k];
        if (column_of(lan, cell, k, &c) != 0)
            return -TS_ENOMEM;
        struct ts_column *col = &lan->cols[c];
        col->present[to] = 1;
        if (col->type == TS_SCAN_STRING)
            col->s[to] = (struct ts_str){bat->text.p + (cell->v >> 32), (uint32_t)cell->v};
        else
            col->v[to] = cell->v;
    }
    return 0;
}

static uint32_t drop_empty_columns(struct landing *lan, uint32_t rows)
{
    uint32_t kept = 0, points = 0;
    for (uint32_t c = 0; c < lan->ncols; c++) {
        struct ts_column *col = &lan->cols[c], former;
        uint32_t n = 0;
        for (uint32_t i = 0; i < rows; i++)
            n += col->present[i];
        points += n;
        if (n == 0)
            continue;
        if (n == rows)
            TS_FREE(col->present);
        former = lan->cols[kept]; /* swapped, so that clear_columns finds all of them */
        lan->cols[kept++] = *col;
        if (&lan->cols[kept - 1] != col)
            *col = former;
    }
    qsort(lan->cols, kept, sizeof *lan->cols, compare_columns);
    lan->points = points;
    return kept;
}

static int put_part(struct landing *lan, const struct ts_seg_rows *rows, int64_t shard_start)
{
    if (lan->nparts == lan->parts_cap) {
        uint32_t cap = TS_MAX(16u, lan->parts_cap * 2);
        struct part *parts = ts_resize(lan->parts, cap * sizeof *parts);
        if (!parts)
            return -TS_ENOMEM;
        lan->parts = parts;
        lan->parts_cap = cap;
    }
    uint32_t group = ts_group_of(rows->series[0]), number = 0;
    for (uint32_t i = lan->nparts; i-- > 0 && lan->parts[i].shard_start == shard_start && lan->parts[i].group == group;)
        number++;
    struct part *prt = &lan->parts[lan->nparts++];
    *prt = (struct part){.shard_start = shard_start,
                         .group = group,
                         .number = number,
                         .points = lan->points,
                         .min_ns = INT64_MAX,
                         .max_ns = INT64_MIN,
                         .head = lan->heads.len,
                         .data = lan->datas.len};
    for (unsigned i = 0; i < rows->n; i++) {
        prt->min_ns = TS_MIN(prt->min_ns, rows->times[i]);
        prt->max_ns = TS_MAX(prt->max_ns, rows->times[i]);
    }
    struct ts_buf head = TS_BUF_INIT, data = TS_BUF_INIT;
    int rc = ts_seg_encode(rows, ts_landing_place(group, number), &head, &data);
    ts_buf_put_str(&lan->heads, ts_buf_str(&head));
    ts_buf_put_str(&lan->datas, ts_buf_str(&data));
    prt->head_len = head.len;
    prt->data_len = data.len;
    ts_buf_fini(&head);
    ts_buf_fini(&data);
    return rc == 0 && (ts_buf_failed(&lan->heads) || ts_buf_failed(&lan->datas)) ? -TS_ENOMEM : rc;
}

/* Rows from … from + n of the order, which share shard and group. */
static int land_rows(struct landing *lan, uint32_t from, uint32_t n, int64_t shard_start)
{
    struct ts_batch *bat = lan->bat;
    int64_t *times = ts_alloc(n * sizeof *times);
    uint32_t *series = ts_alloc(n * sizeof *series), *ends = ts_alloc(n * sizeof *ends);
    struct ts_seg_rows rows = {.times = times, .series = series, .ends = ends};
    int rc = times && series && ends ? make_columns(lan, n) : -TS_ENOMEM;
    for (uint32_t i = from; i < from + n && rc == 0; i++) {
        const struct ts_batch_row *row = row_at(lan, i);
        if (i + AHEAD < from + n)
            __builtin_prefetch(&bat->cells[row_at(lan, i + AHEAD)->cell]);
        uint32_t id = bat->series[row->series].id;
        if (rows.nseries == 0 || series[rows.nseries - 1] != id)
            series[rows.nseries++] = id;
        else if (times[rows.n - 1] == row->time_ns)
            rows.n--; /* the same point once more */
        times[rows.n] = row->time_ns;
        rc = fill_row(lan, row, rows.n++);
        ends[rows.nseries - 1] = rows.n;
    }
    if (rc == 0) {
        rows.ncols = drop_empty_columns(lan, rows.n);
        rows.cols = lan->cols;
        rc = put_part(lan, &rows, shard_start);
    }
    ts_free(times);
    ts_free(series);
    ts_free(ends);
    clear_columns(lan);
    return rc;
}

/* ---- all of them ---- */

/* Rows of one series are in order of time, so those of a shard stand together within it; shards are taken one after the
 * other, by sorting once more when there are several. */
static int split_shards(struct landing *lan)
{
    struct ts_batch *bat = lan->bat;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (uint32_t i = 0; i < bat->nrows; i++) {
        min = TS_MIN(min, bat->rows[i].time_ns);
        max = TS_MAX(max, bat->rows[i].time_ns);
    }
    if (ts_shard_start(min, bat->shard_ns) == ts_shard_start(max, bat->shard_ns))
        return 0;
    struct ts_map starts = {0};
    struct ts_batch_row *sorted = ts_alloc(bat->nrows * sizeof *sorted);
    uint32_t *of = ts_alloc(bat->nrows * sizeof *of), *count = ts_alloc((bat->nrows + 1) * sizeof *count);
    int rc = of && sorted && count ? 0 : -TS_ENOMEM;
    for (uint32_t i = 0; i < bat->nrows && rc == 0; i++) {
        int64_t start = ts_shard_start(row_at(lan, i)->time_ns, bat->shard_ns);
        bool is_new;
        struct ts_map_entry *ent = ts_map_put(&starts, (struct ts_str){(char *)&start, 8}, &is_new);
        if (!ent) {
            rc = -TS_ENOMEM;
            break;
        }
        if (is_new)
            ent->value = starts.n - 1;
        of[i] = (uint32_t)ent->value;
        count[of[i] + 1]++;
    }
    if (rc == 0) {
        for (uint32_t s = 0; s < starts.n; s++)
            count[s + 1] += count[s];
        for (uint32_t i = 0; i < bat->nrows; i++)
            sorted[count[of[i]]++] = lan->rows[i];
        struct ts_batch_row *former = lan->rows;
        lan->rows = sorted;
        sorted = former;
    }
    ts_map_fini(&starts);
    ts_free(of);
    ts_free(sorted);
    ts_free(count);
    return rc;
}

static void landing_fini(struct landing *lan)
{
    clear_columns(lan);
    ts_free(lan->cols);
    ts_free(lan->slots);
    ts_free(lan->rows);
    ts_free(lan->parts);
    ts_buf_fini(&lan->heads);
    ts_buf_fini(&lan->datas);
}

static int encode(struct landing *lan, struct ts_err *err)
{
    struct ts_batch *bat = lan->bat;
    int rc = sort_rows(lan);
    rc = rc ? rc : split_shards(lan);
    for (uint32_t i = 0, n; i < bat->nrows && rc == 0; i += n) {
        int64_t t = row_at(lan, i)->time_ns, start = ts_shard_start(t, bat->shard_ns);
        rc = measure(lan, i, start, ts_shard_end(start, bat->shard_ns), &n);
        if (rc == 0)
            rc = land_rows(lan, i, n, start);
    }
    return rc ? ts_fail(err, TS_ENOMEM, "no memory to store %u points", (unsigned)bat->nrows) : 0;
}

/* Within the transaction. */
static int insert(struct ts_store *store, void *arg, struct ts_err *err)
{
    struct landing *lan = arg;
    struct ts_catalog *cat = &store->cat;
    int rc = 0;
    for (uint32_t i = 0; i < lan->nparts && rc == 0; i++) {
        const struct part *prt = &lan->parts[i];
        int64_t shard;
        rc = ts_catalog_shard(cat, lan->bat->bucket, prt->shard_start, ts_shard_end(prt->shard_start, lan->bat->shard_ns), &shard, err);
        if (rc)
            return rc;
        sqlite3_stmt *stmt = ts_db_bind(
            cat->db, TS_SQL_C_LAND,
            (int64_t[]){shard, prt->group, cat->seq, prt->number, prt->min_ns, prt->max_ns, prt->points}, 7);
        if (stmt) {
            ts_db_bind_bytes(stmt, 8, (struct ts_str){lan->heads.p + prt->head, prt->head_len});
            ts_db_bind_bytes(stmt, 9, (struct ts_str){lan->datas.p + prt->data, prt->data_len});
        }
        rc = ts_db_run(cat->db, stmt, err);
    }
    if (rc == 0 && lan->mark.len) {
        sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_SET_MARK);
        if (stmt) {
            sqlite3_bind_text(stmt, 1, lan->mark.p, (int)lan->mark.len, SQLITE_STATIC);
            ts_db_bind_bytes(stmt, 2, lan->value);
        }
        rc = ts_db_run(cat->db, stmt, err);
    }
    return rc;
}

static void note_change(struct ts_store *store, const struct landing *lan)
{
    int64_t min_ns = INT64_MAX, max_ns = INT64_MIN;
    for (uint32_t i = 0; i < lan->nparts; i++) {
        min_ns = TS_MIN(min_ns, lan->parts[i].min_ns);
        max_ns = TS_MAX(max_ns, lan->parts[i].max_ns);
    }
    ts_changes_note(store, min_ns, max_ns);
}

static void lock_catalog(struct ts_store *store)
{
    int64_t began_ns = ts_clock_mono_ns();
    pthread_mutex_lock(&store->lock);
    int64_t held_ns = ts_clock_mono_ns() - began_ns;
    pthread_mutex_lock(&store->work_lock);
    store->done.held_ns = TS_MAX(store->done.held_ns, (uint64_t)held_ns);
    pthread_mutex_unlock(&store->work_lock);
}

int ts_batch_commit(struct ts_points *pts, struct ts_str mark, struct ts_str value, struct ts_err *err)
{
    struct ts_batch *bat = (struct ts_batch *)pts;
    struct ts_store *store = bat->store;
    struct landing lan = {.bat = bat, .mark = mark, .value = value};
    if (bat->nrows == 0 && mark.len == 0)
        return 0;
    int rc = encode(&lan, err);
    if (rc == 0) {
        lock_catalog(store);
        if (bat->generation != store->cat.generation) {
            rc = ts_batch_resolve(bat, err);
            landing_fini(&lan);
            lan = (struct landing){.bat = bat, .mark = mark, .value = value};
            rc = rc ? rc : encode(&lan, err);
        }
        rc = rc ? rc : ts_store_change(store, insert, &lan, err);
        pthread_mutex_unlock(&store->lock);
    }
    if (rc == 0) {
        note_change(store, &lan);
        atomic_fetch_add_explicit(&store->landed_bytes, lan.datas.len, memory_order_relaxed);
        ts_bell_ring(&store->bell);
        bat->nrows = bat->ncells = 0;
        ts_buf_clear(&bat->text);
    }
    landing_fini(&lan);
    return rc;
}
