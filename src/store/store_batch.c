/*
 * Points gather in a batch. Thread: whoever began it; the store's lock is taken only for a series or field that the batch has not
 * seen before. Owns copies of all that was added. Full (TS_BATCH_…_MAX): -TS_EFULL, to be committed first.
 */
#include "config.h"
#include "store/store_batch.h"

#include "core/mem.h"
#include "store/store_key.h"

static bool reserve(void **p, uint32_t *cap, uint32_t n, size_t size)
{
    if (n <= *cap)
        return true;
    uint32_t want = TS_MAX(n, TS_MAX(64u, *cap * 2));
    void *more = ts_resize(*p, want * size);
    if (!more)
        return false;
    *p = more;
    *cap = want;
    return true;
}

static int no_memory(struct ts_err *err)
{
    return ts_fail(err, TS_ENOMEM, "no memory for a batch of points");
}

/* ---- series and fields ---- */

static int add_series(struct ts_batch *bat, struct ts_str key, struct ts_str measurement, uint32_t *out)
{
    bool is_new;
    if (!reserve((void **)&bat->meas, &bat->meas_cap, bat->measurements.n + 1, sizeof *bat->meas) ||
        !reserve((void **)&bat->series, &bat->series_cap, bat->nseries + 1, sizeof *bat->series))
        return -TS_ENOMEM;
    struct ts_map_entry *ent = ts_map_put(&bat->measurements, measurement, &is_new); /* last: what it knows has its place */
    if (!ent)
        return -TS_ENOMEM;
    if (is_new) {
        ent->value = bat->nmeas;
        bat->meas[bat->nmeas++] = (struct ts_batch_measurement){0};
    }
    struct ts_batch_series *ser = &bat->series[bat->nseries];
    ser->measurement = (uint32_t)ent->value;
    pthread_mutex_lock(&bat->store->lock);
    int rc = bat->generation == bat->store->cat.generation ? 0 : -TS_EAGAIN;
    if (rc == 0)
        rc = ts_catalog_series(&bat->store->cat, bat->bucket, key, &ser->id);
    pthread_mutex_unlock(&bat->store->lock);
    if (rc == -TS_EAGAIN) { /* the commit gives all of them their numbers */
        ser->id = 0;
        rc = 0;
    }
    if (rc == 0)
        *out = bat->nseries++;
    return rc;
}

static int batch_series(struct ts_points *pts, struct ts_str measurement, const struct ts_tag *tags, unsigned ntags, uint32_t *out,
                        struct ts_err *err)
{
    struct ts_batch *bat = (struct ts_batch *)pts;
    ts_buf_clear(&bat->key);
    int rc = ts_key_encode(measurement, tags, ntags, &bat->key);
    if (rc)
        return rc == -TS_ELIMIT ? ts_fail(err, TS_ELIMIT, "a series key longer than %d bytes", TS_KEY_MAX) : no_memory(err);
    bool is_new;
    struct ts_map_entry *ent = ts_map_find(&bat->keys, ts_buf_str(&bat->key));
    if (ent) {
        *out = (uint32_t)ent->value;
        return 0;
    }
    rc = add_series(bat, ts_buf_str(&bat->key), measurement, out);
    if (rc == 0) {
        ent = ts_map_put(&bat->keys, ts_buf_str(&bat->key), &is_new);
        if (!ent) {
            bat->nseries--;
            rc = -TS_ENOMEM;
        } else {
            ent->value = *out;
        }
    }
    if (rc == -TS_EFULL)
        return ts_fail(err, TS_EREFUSED, "the store has as many series as it can number");
    return rc ? no_memory(err) : 0;
}

static int add_field(struct ts_batch *bat, uint32_t measurement, const struct ts_point_field *field,
                     const struct ts_batch_field **out)
{
    struct ts_batch_measurement *mea = &bat->meas[measurement];
    const struct ts_map_entry *ent = &bat->measurements.entries[measurement];
    if (mea->n == mea->cap && !reserve((void **)&mea->fields, &mea->cap, mea->n + 1, sizeof *mea->fields))
        return -TS_ENOMEM;
    struct ts_batch_field *fld = &mea->fields[mea->n];
    *fld = (struct ts_batch_field){.key = ts_alloc(field->key.len + 1), .len = (uint32_t)field->key.len, .type = field->type};
    if (!fld->key)
        return -TS_ENOMEM;
    if (field->key.len)
        memcpy(fld->key, field->key.p, field->key.len);
    pthread_mutex_lock(&bat->store->lock);
    int rc = ts_catalog_field(&bat->store->cat, bat->bucket, (struct ts_str){ent->key, ent->len}, field->key, &fld->type, &fld->name);
    pthread_mutex_unlock(&bat->store->lock);
    if (rc) {
        TS_FREE(fld->key);
        return rc;
    }
    mea->n++;
    *out = fld;
    return 0;
}

/* Fields come in the same order from one point to the next. */
static const struct ts_batch_field *find_field(const struct ts_batch_measurement *mea, struct ts_str key, unsigned hint)
{
    for (unsigned i = 0; i < mea->n; i++) {
        unsigned at = hint + i < mea->n ? hint + i : hint + i - mea->n;
        if (hint >= mea->n)
            at = i;
        const struct ts_batch_field *fld = &mea->fields[at];
        if (fld->len == key.len && (key.len == 0 || memcmp(fld->key, key.p, key.len) == 0))
            return fld;
    }
    return NULL;
}

/* ---- points ---- */

static int refuse_type(const struct ts_batch *bat, uint32_t measurement, const struct ts_batch_field *fld,
                       const struct ts_point_field *field, struct ts_err *err)
{
    static const char *const types[] = {"float", "integer", "unsigned", "boolean", "string"};
    const struct ts_map_entry *ent = &bat->measurements.entries[measurement];
    return ts_fail(err, TS_EREFUSED,
                   "field type conflict: input field \"%.*s\" on measurement \"%.*s\" is type %s, already exists as type %s",
                   (int)TS_MIN(fld->len, 100u), fld->key, (int)TS_MIN(ent->len, 100u), ent->key, types[field->type],
                   types[fld->type]);
}

static int put_cells(struct ts_batch *bat, uint32_t measurement, const struct ts_point_field *fields, unsigned n, struct ts_err *err)
{
    for (unsigned i = 0; i < n; i++) {
        const struct ts_batch_field *fld = find_field(&bat->meas[measurement], fields[i].key, i);
        if (!fld && add_field(bat, measurement, &fields[i], &fld) != 0)
            return no_memory(err);
        if (fld->type != fields[i].type)
            return refuse_type(bat, measurement, fld, &fields[i], err);
        struct ts_batch_cell *cell = &bat->cells[bat->ncells + i];
        *cell = (struct ts_batch_cell){.name = fld->name, .type = (uint32_t)fld->type};
        switch (fld->type) {
        case TS_SCAN_BOOL: cell->v = fields[i].v.u != 0; break;
        case TS_SCAN_STRING:
            cell->v = (uint64_t)bat->text.len << 32 | fields[i].text.len;
            ts_buf_put_str(&bat->text, fields[i].text);
            break;
        default: cell->v = fields[i].v.u; break;
        }
    }
    return ts_buf_failed(&bat->text) ? no_memory(err) : 0;
}

static int batch_add(struct ts_points *pts, uint32_t series, int64_t time_ns, const struct ts_point_field *fields, unsigned n,
                     struct ts_err *err)
{
    struct ts_batch *bat = (struct ts_batch *)pts;
    TS_ASSERT(series < bat->nseries && n > 0);
    if (bat->nrows == TS_BATCH_ROWS_MAX || bat->ncells + n > TS_BATCH_CELLS_MAX || bat->text.len > TS_BATCH_TEXT_MAX)
        return -TS_EFULL;
    if (time_ns < INT64_MIN + 2 || time_ns == INT64_MAX)
        return ts_fail(err, TS_EREFUSED, "a time outside 1677 … 2262");
    if (bat->retention_ns > 0 && time_ns < ts_clock_now_ns() - bat->retention_ns)
        return ts_fail(err, TS_ELIMIT, "points beyond retention policy");
    if (!reserve((void **)&bat->rows, &bat->rows_cap, bat->nrows + 1, sizeof *bat->rows) ||
        !reserve((void **)&bat->cells, &bat->cells_cap, bat->ncells + n, sizeof *bat->cells))
        return no_memory(err);
    size_t text_before = bat->text.len;
    int rc = put_cells(bat, bat->series[series].measurement, fields, n, err);
    if (rc) {
        bat->text.len = text_before;
        bat->text.failed = false;
        return rc;
    }
    bat->rows[bat->nrows++] = (struct ts_batch_row){.time_ns = time_ns, .series = series, .cell = bat->ncells, .ncells = n};
    bat->ncells += n;
    return 0;
}

/* A name that was not kept may have got another number, after a change that failed. */
static void renumber(struct ts_batch *bat, const struct ts_map *numbers)
{
    for (uint32_t i = 0; i < bat->ncells; i++) {
        const struct ts_map_entry *ent = ts_map_find(numbers, (struct ts_str){(char *)&bat->cells[i].name, 4});
        if (ent)
            bat->cells[i].name = (uint32_t)ent->value;
    }
}

static int resolve_fields(struct ts_batch *bat, struct ts_map *numbers)
{
    for (uint32_t m = 0; m < bat->nmeas; m++) {
        const struct ts_map_entry *ent = &bat->measurements.entries[m];
        for (unsigned f = 0; f < bat->meas[m].n; f++) {
            struct ts_batch_field *fld = &bat->meas[m].fields[f];
            enum ts_scan_type type = fld->type; /* what the cells are stored as, whatever others write by now */
            uint32_t former = fld->name;
            bool is_new;
            if (ts_catalog_field(&bat->store->cat, bat->bucket, (struct ts_str){ent->key, ent->len},
                                 (struct ts_str){fld->key, fld->len}, &type, &fld->name) != 0)
                return -TS_ENOMEM;
            struct ts_map_entry *num = former == fld->name ? NULL : ts_map_put(numbers, (struct ts_str){(char *)&former, 4}, &is_new);
            if (num)
                num->value = fld->name;
            else if (former != fld->name)
                return -TS_ENOMEM;
        }
    }
    return 0;
}

int ts_batch_resolve(struct ts_batch *bat, struct ts_err *err)
{
    struct ts_catalog *cat = &bat->store->cat;
    const struct ts_bucket *bck = ts_catalog_bucket_by_id(cat, bat->bucket);
    if (!bck)
        return ts_fail(err, TS_ENOTFOUND, "the bucket has been deleted");
    bat->retention_ns = bck->retention_ns;
    for (uint32_t i = 0; i < bat->keys.n; i++) {
        const struct ts_map_entry *ent = &bat->keys.entries[i];
        int rc = ts_catalog_series(cat, bat->bucket, (struct ts_str){ent->key, ent->len}, &bat->series[ent->value].id);
        if (rc)
            return rc == -TS_ENOMEM ? no_memory(err) : ts_fail(err, TS_EFULL, "too many series");
    }
    struct ts_map numbers = {0};
    if (resolve_fields(bat, &numbers) != 0) {
        ts_map_fini(&numbers);
        return no_memory(err);
    }
    if (numbers.n)
        renumber(bat, &numbers);
    ts_map_fini(&numbers);
    bat->generation = cat->generation;
    return 0;
}

/* ---- begin and end ---- */

static void batch_forget(struct ts_batch *bat)
{
    for (uint32_t m = 0; m < bat->nmeas; m++) {
        for (unsigned f = 0; f < bat->meas[m].n; f++)
            ts_free(bat->meas[m].fields[f].key);
        ts_free(bat->meas[m].fields);
    }
    bat->nmeas = bat->nseries = 0;
    ts_map_fini(&bat->keys);
    ts_map_fini(&bat->measurements);
}

/* Keeps what it knows of series, as long as there are not too many: the next points are likely to be of the same. */
static void batch_clear(struct ts_points *pts)
{
    struct ts_batch *bat = (struct ts_batch *)pts;
    bat->nrows = bat->ncells = 0;
    ts_buf_clear(&bat->text);
    pthread_mutex_lock(&bat->store->lock);
    bool stale = bat->generation != bat->store->cat.generation;
    bat->generation = bat->store->cat.generation;
    const struct ts_bucket *bck = ts_catalog_bucket_by_id(&bat->store->cat, bat->bucket);
    if (bck)
        bat->retention_ns = bck->retention_ns;
    pthread_mutex_unlock(&bat->store->lock);
    if (stale)
        batch_forget(bat);
}

static void batch_end(struct ts_points *pts)
{
    struct ts_batch *bat = (struct ts_batch *)pts;
    batch_forget(bat);
    ts_free(bat->series);
    ts_free(bat->meas);
    ts_free(bat->rows);
    ts_free(bat->cells);
    ts_buf_fini(&bat->text);
    ts_buf_fini(&bat->key);
    ts_free(bat);
}

static int batch_begin(struct ts_writer *wtr, struct ts_str bucket, struct ts_points **out, struct ts_err *err)
{
    struct ts_store *store = (struct ts_store *)(void *)wtr; /* its first member */
    struct ts_batch *bat = ts_alloc(sizeof *bat);
    *out = NULL;
    if (!bat)
        return no_memory(err);
    bat->pts.ops = wtr->ops;
    bat->store = store;
    pthread_mutex_lock(&store->lock);
    const struct ts_bucket *bck = ts_catalog_bucket(&store->cat, bucket);
    if (bck) {
        bat->bucket = bck->id;
        bat->retention_ns = bck->retention_ns;
        bat->shard_ns = bck->shard_ns;
        bat->generation = store->cat.generation;
    }
    pthread_mutex_unlock(&store->lock);
    if (!bck) {
        ts_free(bat);
        return ts_fail(err, TS_ENOTFOUND, "bucket \"%.*s\" not found", (int)TS_MIN(bucket.len, (size_t)200), bucket.p);
    }
    *out = &bat->pts;
    return 0;
}

static int read_mark(struct ts_writer *wtr, struct ts_str name, struct ts_buf *out, struct ts_err *err)
{
    struct ts_store *store = (struct ts_store *)(void *)wtr; /* its first member */
    pthread_mutex_lock(&store->lock);
    sqlite3_stmt *stmt = ts_db_stmt(store->cat.db, TS_SQL_C_MARK);
    if (stmt)
        sqlite3_bind_text(stmt, 1, name.p, (int)name.len, SQLITE_STATIC);
    int rc = ts_db_step(store->cat.db, stmt, err);
    if (rc > 0) {
        ts_buf_put_str(out, ts_db_bytes(stmt, 0));
        sqlite3_reset(stmt);
        rc = ts_buf_failed(out) ? -TS_ENOMEM : 0;
    }
    pthread_mutex_unlock(&store->lock);
    return rc;
}

const struct ts_writer_ops ts_store_writer_ops = {.begin = batch_begin,
                                                  .series = batch_series,
                                                  .add = batch_add,
                                                  .commit = ts_batch_commit,
                                                  .clear = batch_clear,
                                                  .end = batch_end,
                                                  .mark = read_mark};
