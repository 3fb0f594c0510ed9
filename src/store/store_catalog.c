/*
 * The catalogue: buckets, series, fields, shards. Thread: any, under the store's lock. Owns its connection and what it knows of the
 * database, all of it in memory, because every line written asks for it. New series and fields are known at once and
 * written with the next commit.
 */
#include "config.h"
#include "store/store_priv.h"

#include "core/mem.h"
#include "store/store_index.h"

#include <stdio.h>

#define DAY_NS (86400 * TS_SEC)

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta (key, value) VALUES ('format', 1), ('seq', 0), ('next_series', 1);"
    "CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS bucket (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " retention_ns INTEGER NOT NULL, shard_ns INTEGER NOT NULL, created_ns INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, key BLOB NOT NULL);"
    "CREATE UNIQUE INDEX IF NOT EXISTS series_key ON series (bucket, key);"
    "CREATE TABLE IF NOT EXISTS name (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS field (bucket INTEGER NOT NULL, measurement BLOB NOT NULL, name INTEGER NOT NULL,"
    " type INTEGER NOT NULL, PRIMARY KEY (bucket, measurement, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS shard (id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, start_ns INTEGER NOT NULL,"
    " end_ns INTEGER NOT NULL, file INTEGER NOT NULL, UNIQUE (bucket, start_ns));"
    "CREATE TABLE IF NOT EXISTS landing (id INTEGER PRIMARY KEY, shard INTEGER NOT NULL, grp INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, part INTEGER NOT NULL, min_ns INTEGER NOT NULL, max_ns INTEGER NOT NULL, points INTEGER NOT NULL,"
    " head BLOB NOT NULL, data BLOB NOT NULL);"
    "CREATE INDEX IF NOT EXISTS landing_key ON landing (shard, grp, seq, part);"
    "CREATE TABLE IF NOT EXISTS tomb (seq INTEGER NOT NULL, bucket INTEGER NOT NULL, series INTEGER, start_ns INTEGER NOT NULL,"
    " stop_ns INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS tomb_bucket ON tomb (bucket);"
    "COMMIT";

/* What came after format 1; a new catalogue is brought to the present format the same way. */
static const char *const changes[] = {
    "BEGIN IMMEDIATE;"
    "ALTER TABLE bucket ADD COLUMN description TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE bucket ADD COLUMN updated_ns INTEGER NOT NULL DEFAULT 0;"
    "UPDATE bucket SET updated_ns = created_ns;"
    "UPDATE meta SET value = 2 WHERE key = 'format';"
    "COMMIT",
    "BEGIN IMMEDIATE;" /* and index_all */
    "CREATE TABLE tag (bucket INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, measurement BLOB NOT NULL,"
    " series INTEGER NOT NULL, PRIMARY KEY (bucket, key, value, measurement, series)) WITHOUT ROWID;"
    "UPDATE meta SET value = 3 WHERE key = 'format'",
    "UPDATE meta SET value = 4 WHERE key = 'format'", /* blocks may have columns that format 3 cannot read */
};
_Static_assert(TS_ARRAY_SIZE(changes) == TS_STORE_FORMAT - 1, "a change for each format after the first");

int64_t ts_shard_duration(int64_t retention_ns)
{
    if (retention_ns > 0 && retention_ns <= 2 * DAY_NS)
        return DAY_NS / 4;
    return retention_ns > 0 && retention_ns <= 60 * DAY_NS ? DAY_NS : 28 * DAY_NS;
}

int64_t ts_shard_start(int64_t t_ns, int64_t shard_ns)
{
    int64_t r = t_ns % shard_ns, start;
    if (__builtin_sub_overflow(t_ns, r < 0 ? r + shard_ns : r, &start))
        start = INT64_MIN;
    return start;
}

int64_t ts_shard_end(int64_t start_ns, int64_t shard_ns)
{
    int64_t end;
    if (start_ns == INT64_MIN) /* cut: the next one begins where whole ones do */
        end = start_ns - start_ns % shard_ns;
    else if (__builtin_add_overflow(start_ns, shard_ns, &end))
        end = INT64_MAX;
    return end;
}

void ts_shard_path(const char *dir, int64_t id, struct ts_buf *out)
{
    ts_buf_clear(out);
    ts_buf_printf(out, "%s/shard-%lld.db", dir, (long long)id);
}

/* ---- load ---- */

static int get_meta(struct ts_catalog *cat, const char *key, int64_t *out, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_META);
    if (stmt)
        sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    return ts_db_number(cat->db, stmt, 0, out, err);
}

static void forget_buckets(struct ts_catalog *cat)
{
    for (unsigned i = 0; i < cat->nbuckets; i++)
        ts_free(cat->buckets[i].name);
    TS_FREE(cat->buckets);
    cat->nbuckets = 0;
}

int ts_catalog_load_buckets(struct ts_catalog *cat, struct ts_err *err)
{
    forget_buckets(cat);
    sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_BUCKETS);
    int rc;
    while ((rc = ts_db_step(cat->db, stmt, err)) > 0) {
        cat->buckets = ts_xresize(cat->buckets, (cat->nbuckets + 1) * sizeof *cat->buckets);
        struct ts_str name = ts_db_bytes(stmt, 1);
        cat->buckets[cat->nbuckets++] = (struct ts_bucket){.id = sqlite3_column_int64(stmt, 0),
                                                           .name = ts_xstrndup(name.p ? name.p : "", name.len),
                                                           .retention_ns = sqlite3_column_int64(stmt, 2),
                                                           .shard_ns = sqlite3_column_int64(stmt, 3)};
        if (cat->buckets[cat->nbuckets - 1].shard_ns <= 0)
            rc = ts_fail(err, TS_ECORRUPT, "%s: a bucket's shard_ns is not positive", cat->db->path);
        if (rc < 0) {
            sqlite3_reset(stmt);
            return rc;
        }
    }
    return rc;
}

static struct ts_shard *add_shard(struct ts_catalog *cat)
{
    if (cat->nshards == cat->shards_cap) {
        unsigned cap = TS_MAX(16u, cat->shards_cap * 2);
        struct ts_shard *shards = ts_resize(cat->shards, cap * sizeof *shards);
        if (!shards)
            return NULL;
        cat->shards = shards;
        cat->shards_cap = cap;
    }
    return &cat->shards[cat->nshards++];
}

static int load_shards(struct ts_catalog *cat, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_SHARDS);
    int rc;
    while ((rc = ts_db_step(cat->db, stmt, err)) > 0) {
        struct ts_shard *shd = add_shard(cat);
        if (!shd)
            return -TS_ENOMEM;
        *shd = (struct ts_shard){sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1), sqlite3_column_int64(stmt, 2),
                                 sqlite3_column_int64(stmt, 3), sqlite3_column_int64(stmt, 4) != 0};
    }
    return rc;
}

/* Keys of the maps: the bucket's number before a series' key; bucket, measurement's length, measurement, name before a type. */
static int put_key(struct ts_map *map, int64_t bucket, struct ts_str measurement, struct ts_str key, struct ts_map_entry **out,
                   bool *is_new)
{
    char small[512];
    uint32_t len = (uint32_t)measurement.len;
    size_t n = 12 + measurement.len + key.len;
    char *p = n <= sizeof small ? small : ts_alloc(n);
    if (!p)
        return -TS_ENOMEM;
    memcpy(p, &bucket, 8);
    memcpy(p + 8, &len, 4);
    if (measurement.len)
        memcpy(p + 12, measurement.p, measurement.len);
    if (key.len)
        memcpy(p + 12 + measurement.len, key.p, key.len);
    *out = ts_map_put(map, (struct ts_str){p, n}, is_new);
    if (p != small)
        ts_free(p);
    return *out ? 0 : -TS_ENOMEM;
}

static int load_series(struct ts_catalog *cat, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_SERIES);
    struct ts_map_entry *ent;
    bool is_new;
    int rc;
    while ((rc = ts_db_step(cat->db, stmt, err)) > 0) {
        if (put_key(&cat->series, sqlite3_column_int64(stmt, 1), TS_STR(""), ts_db_bytes(stmt, 2), &ent, &is_new) != 0) {
            sqlite3_reset(stmt);
            return ts_fail(err, TS_ENOMEM, "no memory for the series of %s", cat->db->path);
        }
        ent->value = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    cat->series_kept = cat->series.n;
    return rc;
}

static int load_names(struct ts_catalog *cat, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_NAMES);
    bool is_new;
    int rc;
    while ((rc = ts_db_step(cat->db, stmt, err)) > 0) {
        struct ts_map_entry *ent = ts_map_put(&cat->names, ts_db_bytes(stmt, 1), &is_new);
        if (!ent) {
            sqlite3_reset(stmt);
            return -TS_ENOMEM;
        }
        ent->value = (uint64_t)sqlite3_column_int64(stmt, 0);
        cat->next_name = TS_MAX(cat->next_name, (uint32_t)ent->value + 1);
    }
    cat->names_kept = cat->names.n;
    return rc;
}

static int load_fields(struct ts_catalog *cat, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_FIELDS);
    struct ts_map_entry *ent;
    bool is_new;
    int rc;
    while ((rc = ts_db_step(cat->db, stmt, err)) > 0) {
        uint32_t name = (uint32_t)sqlite3_column_int64(stmt, 2);
        if (put_key(&cat->fields, sqlite3_column_int64(stmt, 0), ts_db_bytes(stmt, 1), (struct ts_str){(char *)&name, 4}, &ent,
                    &is_new) != 0) {
            sqlite3_reset(stmt);
            return -TS_ENOMEM;
        }
        ent->value = (uint64_t)sqlite3_column_int64(stmt, 3);
    }
    cat->fields_kept = cat->fields.n;
    return rc;
}

static void forget(struct ts_catalog *cat)
{
    forget_buckets(cat);
    cat->nshards = 0;
    ts_map_fini(&cat->series);
    ts_map_fini(&cat->names);
    ts_map_fini(&cat->fields);
}

int ts_catalog_load(struct ts_catalog *cat, struct ts_err *err)
{
    int64_t format, next_series, next_shard;
    forget(cat);
    cat->generation++;
    cat->next_name = 1;
    int rc = get_meta(cat, "format", &format, err);
    if (rc == 0 && format != TS_STORE_FORMAT)
        return ts_fail(err, TS_ECONF, "%s has format %lld, this tsagg knows %d", cat->db->path, (long long)format,
                       TS_STORE_FORMAT);
    if (rc == 0)
        rc = get_meta(cat, "seq", &cat->seq, err);
    if (rc == 0)
        rc = get_meta(cat, "next_series", &next_series, err);
    if (rc == 0)
        rc = get_meta(cat, "next_shard", &next_shard, err);
    if (rc)
        return rc;
    cat->next_series = (uint32_t)next_series;
    cat->next_shard = TS_MAX(next_shard, 1);
    rc = ts_catalog_load_buckets(cat, err);
    rc = rc ? rc : load_shards(cat, err);
    rc = rc ? rc : load_series(cat, err);
    rc = rc ? rc : load_names(cat, err);
    return rc ? rc : load_fields(cat, err);
}

/* Tags of the series that were there before the index. */
static int index_all(struct ts_catalog *cat, struct ts_err *err)
{
    struct ts_buf scratch = TS_BUF_INIT;
    sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_SERIES);
    int rc;
    while ((rc = ts_db_step(cat->db, stmt, err)) > 0) {
        rc = ts_index_put(cat->db, sqlite3_column_int64(stmt, 1), (uint32_t)sqlite3_column_int64(stmt, 0), ts_db_bytes(stmt, 2), &scratch,
                          err);
        if (rc) {
            sqlite3_reset(stmt);
            break;
        }
    }
    ts_buf_fini(&scratch);
    return rc ? rc : ts_db_exec(cat->db, "COMMIT", err);
}

int ts_catalog_open(const char *dir, struct ts_catalog *cat, struct ts_err *err)
{
    struct ts_buf path = TS_BUF_INIT;
    ts_buf_printf(&path, "%s/catalog.db", dir);
    const char *z = ts_buf_cstr(&path);
    int rc = z ? ts_db_open(z, TS_DB_CREATE, &cat->db, err) : -TS_ENOMEM;
    ts_buf_fini(&path);
    if (rc == 0)
        rc = ts_db_exec(cat->db, schema, err);
    int64_t format = 0;
    rc = rc ? rc : get_meta(cat, "format", &format, err);
    for (; rc == 0 && format > 0 && format < TS_STORE_FORMAT; format++) {
        rc = ts_db_exec(cat->db, changes[format - 1], err);
        if (rc == 0 && format == 2)
            rc = index_all(cat, err);
    }
    return rc ? rc : ts_catalog_load(cat, err);
}

void ts_catalog_close(struct ts_catalog *cat)
{
    forget(cat);
    TS_FREE(cat->shards);
    ts_db_close(&cat->db);
}

/* ---- look up ---- */

const struct ts_bucket *ts_catalog_bucket(const struct ts_catalog *cat, struct ts_str name)
{
    for (unsigned i = 0; i < cat->nbuckets; i++)
        if (ts_str_eq(ts_str_of(cat->buckets[i].name), name))
            return &cat->buckets[i];
    return NULL;
}

const struct ts_bucket *ts_catalog_bucket_by_id(const struct ts_catalog *cat, int64_t id)
{
    for (unsigned i = 0; i < cat->nbuckets; i++)
        if (cat->buckets[i].id == id)
            return &cat->buckets[i];
    return NULL;
}

int ts_catalog_series(struct ts_catalog *cat, int64_t bucket, struct ts_str key, uint32_t *out)
{
    struct ts_map_entry *ent;
    bool is_new;
    if (cat->next_series == UINT32_MAX)
        return -TS_EFULL;
    if (put_key(&cat->series, bucket, TS_STR(""), key, &ent, &is_new) != 0)
        return -TS_ENOMEM;
    if (is_new)
        ent->value = cat->next_series++;
    *out = (uint32_t)ent->value;
    return 0;
}

int ts_catalog_field(struct ts_catalog *cat, int64_t bucket, struct ts_str measurement, struct ts_str name,
                     enum ts_scan_type *type, uint32_t *out)
{
    struct ts_map_entry *ent;
    bool is_new;
    ent = ts_map_put(&cat->names, name, &is_new);
    if (!ent)
        return -TS_ENOMEM;
    if (is_new)
        ent->value = cat->next_name++;
    *out = (uint32_t)ent->value;
    if (put_key(&cat->fields, bucket, measurement, (struct ts_str){(char *)out, 4}, &ent, &is_new) != 0)
        return -TS_ENOMEM;
    if (is_new)
        ent->value = *type;
    *type = (enum ts_scan_type)ent->value;
    return 0;
}

int ts_catalog_shard(struct ts_catalog *cat, int64_t bucket, int64_t start_ns, int64_t end_ns, int64_t *out, struct ts_err *err)
{
    for (unsigned i = cat->nshards; i-- > 0;)
        if (cat->shards[i].bucket == bucket && cat->shards[i].start_ns == start_ns) {
            *out = cat->shards[i].id;
            return 0;
        }
    int64_t id = cat->next_shard;
    int rc = ts_db_run(cat->db, ts_db_bind(cat->db, TS_SQL_C_ADD_SHARD, (int64_t[]){id, bucket, start_ns, end_ns}, 4), err);
    if (rc)
        return rc;
    struct ts_shard *shd = add_shard(cat);
    if (!shd)
        return ts_fail(err, TS_ENOMEM, "no memory for a shard");
    *shd = (struct ts_shard){id, bucket, start_ns, end_ns, false};
    cat->next_shard++;
    *out = id;
    return 0;
}

/* ---- write ---- */

static int set_meta(struct ts_catalog *cat, const char *key, int64_t value, struct ts_err *err)
{
    sqlite3_stmt *stmt = ts_db_stmt(cat->db, TS_SQL_C_SET_META);
    if (stmt) {
        sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, value);
    }
    return ts_db_run(cat->db, stmt, err);
}

static int keep_series(struct ts_catalog *cat, struct ts_err *err)
{
    struct ts_index_batch tags = {0};
    int rc = 0;
    for (uint32_t i = cat->series_kept, m; i < cat->series.n && rc == 0; i += m) {
        m = cat->series.n - i >= TS_SQL_ROWS ? TS_SQL_ROWS : 1;
        sqlite3_stmt *stmt = ts_db_stmt(cat->db, m > 1 ? TS_SQL_C_ADD_SERIES_16 : TS_SQL_C_ADD_SERIES);
        for (uint32_t k = 0; k < m && rc == 0; k++) {
            const struct ts_map_entry *ent = &cat->series.entries[i + k];
            struct ts_str key = {ent->key + 12, ent->len - 12};
            int64_t bucket;
            memcpy(&bucket, ent->key, 8);
            if (stmt) {
                sqlite3_bind_int64(stmt, (int)k * 3 + 1, (int64_t)ent->value);
                sqlite3_bind_int64(stmt, (int)k * 3 + 2, bucket);
                ts_db_bind_bytes(stmt, (int)k * 3 + 3, key);
            }
            rc = ts_index_gather(cat->db, &tags, bucket, (uint32_t)ent->value, key, err);
        }
        rc = rc ? rc : ts_db_run(cat->db, stmt, err);
    }
    rc = rc ? rc : ts_index_flush(cat->db, &tags, err);
    ts_index_batch_fini(&tags);
    return rc;
}

static int keep_fields(struct ts_catalog *cat, struct ts_err *err)
{
    int rc = 0;
    for (uint32_t i = cat->names_kept; i < cat->names.n && rc == 0; i++) {
        const struct ts_map_entry *ent = &cat->names.entries[i];
        sqlite3_stmt *stmt = ts_db_bind(cat->db, TS_SQL_C_ADD_NAME, (int64_t[]){(int64_t)ent->value}, 1);
        if (stmt)
            ts_db_bind_bytes(stmt, 2, (struct ts_str){ent->key, ent->len});
        rc = ts_db_run(cat->db, stmt, err);
    }
    for (uint32_t i = cat->fields_kept; i < cat->fields.n && rc == 0; i++) {
        const struct ts_map_entry *ent = &cat->fields.entries[i];
        int64_t bucket;
        uint32_t len, name;
        memcpy(&bucket, ent->key, 8);
        memcpy(&len, ent->key + 8, 4);
        memcpy(&name, ent->key + 12 + len, 4);
        sqlite3_stmt *stmt = ts_db_bind(cat->db, TS_SQL_C_ADD_FIELD, (int64_t[]){bucket, 0, name, (int64_t)ent->value}, 4);
        if (stmt)
            ts_db_bind_bytes(stmt, 2, (struct ts_str){ent->key + 12, len});
        rc = ts_db_run(cat->db, stmt, err);
    }
    return rc;
}

int ts_catalog_keep(struct ts_catalog *cat, struct ts_err *err)
{
    int rc = keep_series(cat, err);
    rc = rc ? rc : keep_fields(cat, err);
    rc = rc ? rc : set_meta(cat, "seq", cat->seq, err);
    rc = rc ? rc : set_meta(cat, "next_series", cat->next_series, err);
    return rc ? rc : set_meta(cat, "next_shard", cat->next_shard, err);
}

void ts_catalog_kept(struct ts_catalog *cat)
{
    cat->series_kept = cat->series.n;
    cat->names_kept = cat->names.n;
    cat->fields_kept = cat->fields.n;
}

int ts_catalog_forget(struct ts_catalog *cat, const uint64_t *bits, uint32_t n)
{
    struct ts_map left = {0};
    for (uint32_t i = 0; i < cat->series.n; i++) {
        const struct ts_map_entry *ent = &cat->series.entries[i];
        bool is_new;
        if (ent->value < n && bits[ent->value / 64] >> ent->value % 64 & 1)
            continue;
        struct ts_map_entry *to = ts_map_put(&left, (struct ts_str){ent->key, ent->len}, &is_new);
        if (!to) {
            ts_map_fini(&left);
            return -TS_ENOMEM;
        }
        to->value = ent->value;
    }
    ts_map_fini(&cat->series);
    cat->series = left;
    cat->series_kept = left.n;
    cat->generation++;
    return 0;
}

void ts_catalog_rolled_back(struct ts_catalog *cat, unsigned nshards_before)
{
    cat->nshards = nshards_before;
}
