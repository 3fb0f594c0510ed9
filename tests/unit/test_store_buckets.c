/* Buckets, retention, types of fields, what there is: the catalogue's side of the store. */
#include "config.h"
#include "unit.h"

#include "core/clock.h"
#include "store/store.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define T0   (INT64_C(1700006400) * TS_SEC) /* 2023-11-15T00:00:00Z: a shard of six hours begins */
#define HOUR (3600 * TS_SEC)

static char dir[64];
static struct ts_store *store;

static int set_up(void **state)
{
    struct ts_err err;
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/tsagg-test-store-XXXXXX");
    ts_clock_set_fake(T0);
    return mkdtemp(dir) && ts_store_open(dir, &store, &err) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    ts_store_close(&store);
    ts_clock_set_fake(TS_TIME_NONE);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static int put(const char *bucket, const char *measurement, const char *host, int64_t t, enum ts_scan_type type, struct ts_err *err)
{
    struct ts_points *pts;
    struct ts_tag tag = {TS_STR("host"), ts_str_of(host)};
    struct ts_point_field field = {.key = TS_STR("v"), .type = type, .v.u = 1, .text = TS_STR("x")};
    uint32_t series;
    int rc = ts_points_begin(ts_store_writer(store), ts_str_of(bucket), &pts, err);
    if (rc)
        return rc;
    rc = ts_points_series(pts, ts_str_of(measurement), &tag, 1, &series, err);
    rc = rc ? rc : ts_points_add(pts, series, t, &field, 1, err);
    rc = rc ? rc : ts_points_commit(pts, TS_STR(""), TS_STR(""), err);
    ts_points_end(&pts);
    return rc;
}

static bool append(void *arg, struct ts_str value, enum ts_scan_type type)
{
    struct ts_buf *buf = arg;
    ts_buf_put_str(buf, value);
    ts_buf_printf(buf, "%d ", (int)type);
    return true;
}

/* The answer of a schema query as "value1type1 value2type2 ". */
static void assert_schema(const char *bucket, enum ts_scan_schema what, const struct ts_scan_pred *pred, const char *expected)
{
    struct ts_scan_schema_request req = {
        .what = what, .bucket = ts_str_of(bucket), .tag = TS_STR("host"), .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .pred = pred};
    struct ts_buf buf = TS_BUF_INIT;
    struct ts_err err = {""};
    assert_int_equal(ts_scan_schema(ts_store_source(store), &req, append, &buf, &err), 0);
    assert_string_equal(buf.len ? ts_buf_cstr(&buf) : "", expected);
    ts_buf_fini(&buf);
}

static unsigned count_points(const char *bucket)
{
    struct ts_scan_request req = {.bucket = ts_str_of(bucket), .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .want = TS_SCAN_TIMES};
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    struct ts_err err;
    unsigned n = 0;
    assert_int_equal(ts_scan_open(ts_store_source(store), &req, &cur, &err), 0);
    while (ts_scan_next(cur, &chunk, &err) == 0 && chunk)
        n += chunk->n;
    ts_scan_close(&cur);
    return n;
}

static unsigned count_shard_files(void)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *ent; (ent = readdir(d));)
        n += strncmp(ent->d_name, "shard-", 6) == 0 && strcmp(ent->d_name + strlen(ent->d_name) - 3, ".db") == 0;
    closedir(d);
    return n;
}

static void test_retention(void **state)
{
    (void)state;
    struct ts_err err = {""};
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 30 * 60 * TS_SEC, &err), -TS_EINVAL);
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 2 * HOUR, &err), 0);
    assert_int_equal(put("b", "m", "old", T0 - 3 * HOUR, TS_SCAN_FLOAT, &err), -TS_ELIMIT);
    assert_int_equal(put("b", "m", "old", T0, TS_SCAN_FLOAT, &err), 0);
    assert_int_equal(put("b", "m", "both", T0 + HOUR, TS_SCAN_FLOAT, &err), 0);
    assert_int_equal(ts_store_tend(store, TS_STORE_LAND, &err), 0);
    assert_int_equal(count_shard_files(), 1);
    /* The next shard begins; the first one is kept until two hours after its end. */
    ts_clock_set_fake(T0 + 7 * HOUR);
    assert_int_equal(put("b", "m", "both", T0 + 7 * HOUR, TS_SCAN_FLOAT, &err), 0);
    assert_int_equal(put("b", "m", "new", T0 + 7 * HOUR, TS_SCAN_FLOAT, &err), 0);
    assert_int_equal(ts_store_tend(store, TS_STORE_LAND, &err), 0);
    assert_int_equal(count_shard_files(), 2);
    assert_int_equal(count_points("b"), 4);
    assert_schema("b", TS_SCAN_TAG_VALUES, NULL, "both4 new4 old4 ");
    ts_clock_set_fake(T0 + 8 * HOUR);
    assert_int_equal(put("b", "m", "late", T0 + 8 * HOUR, TS_SCAN_FLOAT, &err), 0); /* not compacted when the shard goes */
    assert_int_equal(ts_store_tend(store, TS_STORE_LAND, &err), 0);
    assert_int_equal(count_shard_files(), 1);
    assert_int_equal(count_points("b"), 3);
    assert_schema("b", TS_SCAN_TAG_VALUES, NULL, "both4 late4 new4 ");
    /* A series that went may come again. */
    assert_int_equal(put("b", "m", "old", T0 + 8 * HOUR, TS_SCAN_FLOAT, &err), 0);
    assert_schema("b", TS_SCAN_TAG_VALUES, NULL, "both4 late4 new4 old4 ");
    assert_int_equal(count_points("b"), 4);
}

/* A batch that has a series' number while the series is dropped. */
static void test_batch_across_retention(void **state)
{
    (void)state;
    struct ts_err err = {""};
    struct ts_points *pts;
    struct ts_tag tag = {TS_STR("host"), TS_STR("a")};
    struct ts_point_field field = {.key = TS_STR("v"), .type = TS_SCAN_FLOAT};
    uint32_t series;
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), HOUR, &err), 0);
    assert_int_equal(put("b", "m", "a", T0, TS_SCAN_FLOAT, &err), 0);
    assert_int_equal(ts_points_begin(ts_store_writer(store), TS_STR("b"), &pts, &err), 0);
    assert_int_equal(ts_points_series(pts, TS_STR("m"), &tag, 1, &series, &err), 0);
    assert_int_equal(ts_points_add(pts, series, T0 + 24 * HOUR, &field, 1, &err), 0);
    ts_clock_set_fake(T0 + 24 * HOUR);
    assert_int_equal(ts_store_tend(store, TS_STORE_DUE, &err), 0);
    assert_schema("b", TS_SCAN_TAG_VALUES, NULL, "");
    assert_int_equal(ts_points_commit(pts, TS_STR(""), TS_STR(""), &err), 0);
    ts_points_end(&pts);
    assert_int_equal(count_points("b"), 1);
    assert_schema("b", TS_SCAN_TAG_VALUES, NULL, "a4 ");
}

static uint64_t landed(void)
{
    struct ts_store_stats stats;
    struct ts_err err;
    assert_int_equal(ts_store_stats(dir, &stats, &err), 0);
    return stats.landed;
}

/* Of each of three series n values in one commit. */
static void load(int64_t from, int64_t n)
{
    static const char *const hosts[] = {"a", "b", "c"};
    struct ts_points *pts;
    struct ts_err err;
    assert_int_equal(ts_points_begin(ts_store_writer(store), TS_STR("b"), &pts, &err), 0);
    for (size_t h = 0; h < TS_ARRAY_SIZE(hosts); h++) {
        struct ts_tag tag = {TS_STR("host"), ts_str_of(hosts[h])};
        uint32_t series;
        assert_int_equal(ts_points_series(pts, TS_STR("m"), &tag, 1, &series, &err), 0);
        for (int64_t i = from; i < from + n; i++) {
            struct ts_point_field field = {.key = TS_STR("v"), .type = TS_SCAN_INT, .v.i = i};
            assert_int_equal(ts_points_add(pts, series, T0 + i * TS_SEC, &field, 1, &err), 0);
        }
    }
    assert_int_equal(ts_points_commit(pts, TS_STR(""), TS_STR(""), &err), 0);
    ts_points_end(&pts);
}

/* What was loaded at once becomes blocks when nothing more comes; little waits, and so does what is still coming. */
static void test_bulk(void **state)
{
    (void)state;
    struct ts_err err = {""};
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 0, &err), 0);
    load(0, 300);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ts_store_tend(store, TS_STORE_DUE, &err), 0);
    assert_int_equal(landed(), 1);
    load(300, 300);
    assert_int_equal(ts_store_tend(store, TS_STORE_DUE, &err), 0);
    assert_int_equal(landed(), 2);
    assert_int_equal(ts_store_tend(store, TS_STORE_DUE, &err), 0);
    assert_int_equal(landed(), 0);
    assert_int_equal(count_points("b"), 1800);
}

static int64_t bucket_id(const char *name)
{
    struct ts_scan_bucket bck;
    struct ts_err err;
    assert_int_equal(ts_scan_bucket(ts_store_source(store), ts_str_of(name), &bck, &err), 0);
    return (int64_t)bck.id;
}

static bool list(void *arg, const struct ts_bucket_info *bck)
{
    ts_buf_printf(arg, "%d %.*s %ds %ds (%.*s) %d %d, ", (int)bck->id, (int)bck->name.len, bck->name.p, (int)(bck->retention_ns / TS_SEC),
                  (int)(bck->shard_ns / TS_SEC), (int)bck->description.len, bck->description.p, (int)(bck->created_ns - T0),
                  (int)(bck->updated_ns - T0));
    return true;
}

static void assert_listed(const char *expected)
{
    struct ts_buf buf = TS_BUF_INIT;
    struct ts_err err;
    assert_int_equal(ts_admin_list(ts_store_admin(store), list, &buf, &err), 0);
    assert_string_equal(ts_buf_cstr(&buf), expected);
    ts_buf_fini(&buf);
}

/* A catalogue as it was written before there were descriptions and the index of tags. */
static void test_format_1(void **state)
{
    (void)state;
    struct ts_err err = {""};
    char command[512];
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 0, &err), 0);
    assert_int_equal(put("b", "m", "h", T0, TS_SCAN_FLOAT, &err), 0);
    ts_store_close(&store);
    sqlite3 *db;
    snprintf(command, sizeof command, "%s/catalog.db", dir);
    assert_int_equal(sqlite3_open(command, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE tag; ALTER TABLE bucket DROP COLUMN description; ALTER TABLE bucket DROP COLUMN updated_ns;"
                                      "UPDATE meta SET value = 1 WHERE key = 'format'", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_listed("1 b 0s 2419200s () 0 0, ");
    assert_int_equal(count_points("b"), 1);
    assert_schema("b", TS_SCAN_TAG_VALUES, NULL, "h4 ");
}

static void set_format(int format)
{
    sqlite3 *db;
    char text[512];
    snprintf(text, sizeof text, "%s/catalog.db", dir);
    assert_int_equal(sqlite3_open(text, &db), SQLITE_OK);
    snprintf(text, sizeof text, "UPDATE meta SET value = %d WHERE key = 'format'", format);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* The format before this one differs in nothing that a reader sees; who writes brings it up. */
static void test_format_3(void **state)
{
    (void)state;
    static const struct {
        int format, rc;
    } cases[] = {{2, -TS_ECONF}, {3, 0}, {4, 0}, {5, -TS_ECONF}};
    struct ts_scan_request req = {.bucket = TS_STR("b"), .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .want = TS_SCAN_TIMES};
    struct ts_err err = {""};
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 0, &err), 0);
    assert_int_equal(put("b", "m", "h", T0, TS_SCAN_FLOAT, &err), 0);
    for (size_t i = 0; i < TS_ARRAY_SIZE(cases); i++) {
        struct ts_scan_cursor *cur;
        set_format(cases[i].format);
        assert_int_equal(ts_scan_open(ts_store_source(store), &req, &cur, &err), cases[i].rc);
        if (cases[i].rc == 0)
            ts_scan_close(&cur);
    }
    ts_store_close(&store);
    assert_int_equal(ts_store_open(dir, &store, &err), -TS_ECONF);
    set_format(3);
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_int_equal(count_points("b"), 1);
    ts_store_close(&store);
    assert_int_equal(ts_store_open(dir, &store, &err), 0); /* 4 by now */
}

/* Tags of some measurements, found by the index: by the row, and where many series have the same value. */
static void test_index(void **state)
{
    (void)state;
    struct ts_err err = {""};
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 0, &err), 0);
    assert_int_equal(ts_store_put_bucket(store, TS_STR("other"), 0, &err), 0);
    assert_int_equal(put("other", "m1", "z", T0, TS_SCAN_INT, &err), 0);
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%02d", i);
        assert_int_equal(put("b", name, "same", T0, TS_SCAN_INT, &err), 0);
        assert_int_equal(put("b", name, i % 2 ? "odd" : "even", T0, TS_SCAN_INT, &err), 0);
    }
    assert_int_equal(put("b", "m07", "one", T0, TS_SCAN_INT, &err), 0);
    struct ts_scan_pred m07 = {.op = TS_SCAN_EQ, .on = TS_SCAN_MEASUREMENT, .value = TS_STR("m07")}, m39 = m07, none = m07;
    m39.value = TS_STR("m39");
    none.value = TS_STR("m1");
    assert_schema("b", TS_SCAN_TAG_VALUES, NULL, "even4 odd4 one4 same4 ");
    assert_schema("b", TS_SCAN_TAG_VALUES, &m07, "odd4 one4 same4 ");
    assert_schema("b", TS_SCAN_TAG_VALUES, &m39, "odd4 same4 ");
    assert_schema("b", TS_SCAN_TAG_VALUES, &none, "");
    assert_schema("b", TS_SCAN_TAG_KEYS, &m39, "host4 ");
    assert_schema("b", TS_SCAN_TAG_KEYS, &none, "");
    struct ts_scan_pred one = {.op = TS_SCAN_EQ, .on = TS_SCAN_TAG, .tag = TS_STR("host"), .value = TS_STR("one")}, even = one;
    even.value = TS_STR("even");
    const struct ts_scan_pred *either[] = {&one, &even, &one};
    struct ts_scan_pred any = {.op = TS_SCAN_OR, .nargs = 3, .args = either};
    struct ts_scan_pred below = {.op = TS_SCAN_LT, .on = TS_SCAN_MEASUREMENT, .value = TS_STR("m09")};
    const struct ts_scan_pred *both[] = {&below, &any};
    struct ts_scan_pred pred = {.op = TS_SCAN_AND, .nargs = 2, .args = both};
    assert_schema("b", TS_SCAN_MEASUREMENTS, &pred, "m004 m024 m044 m064 m074 m084 ");
    assert_schema("b", TS_SCAN_FIELD_KEYS, &pred, "v1 ");
    assert_schema("b", TS_SCAN_TAG_VALUES, &pred, "even4 one4 ");
    assert_int_equal(ts_admin_delete_points(ts_store_admin(store), bucket_id("b"), &any, INT64_MIN, INT64_MAX, &err), 0);
    assert_int_equal(count_points("b"), 81 - 21);
    assert_int_equal(ts_admin_drop(ts_store_admin(store), bucket_id("other"), &err), 0);
    assert_int_equal(ts_store_put_bucket(store, TS_STR("other"), 0, &err), 0);
    assert_int_equal(put("other", "m1", "y", T0, TS_SCAN_INT, &err), 0);
    assert_schema("other", TS_SCAN_TAG_VALUES, NULL, "y4 ");
}

/* The same work, at most so many bytes a second: it waits, less the second that it may be ahead. */
static void test_bounded_io(void **state)
{
    (void)state;
    struct ts_err err = {""};
    struct ts_points *pts;
    struct ts_store_work work;
    struct ts_store_stats st;
    uint32_t series;
    ts_clock_set_fake(TS_TIME_NONE);
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 0, &err), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(ts_points_begin(ts_store_writer(store), TS_STR("b"), &pts, &err), 0);
        assert_int_equal(ts_points_series(pts, TS_STR("m"), NULL, 0, &series, &err), 0);
        uint64_t bits = 1;
        for (int i = 0; i < 8000; i++) {
            bits = bits * UINT64_C(6364136223846793005) + 1442695040888963407;
            struct ts_point_field field = {.key = TS_STR("v"), .type = TS_SCAN_INT, .v.u = bits};
            assert_int_equal(ts_points_add(pts, series, T0 + (round * 8000 + i) * TS_SEC, &field, 1, &err), 0);
        }
        assert_int_equal(ts_points_commit(pts, TS_STR(""), TS_STR(""), &err), 0);
        ts_points_end(&pts);
        ts_store_limit_io(store, round ? 100000 : 0); /* 64,000 bytes, read once and written twice: 1.9 s, less one */
        assert_int_equal(ts_store_tend(store, TS_STORE_LAND, &err), 0);
        ts_store_work(store, &work);
        assert_true(round ? work.waited_ns > 700 * TS_MS : work.waited_ns == 0);
    }
    assert_int_equal(ts_store_stats(dir, &st, &err), 0);
    assert_true(st.work.compactions == 2 && st.io_limit == 100000 && st.work.waited_ns == work.waited_ns && st.work.longest_ns > 0);
    ts_store_close(&store);
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_int_equal(put("b", "m", "h", T0, TS_SCAN_INT, &err), 0);
    assert_int_equal(ts_store_tend(store, TS_STORE_LAND, &err), 0);
    assert_int_equal(ts_store_stats(dir, &st, &err), 0);
    assert_true(st.work.compactions == 3 && st.io_limit == 0 && st.work.waited_ns == work.waited_ns);
}

static void test_buckets(void **state)
{
    (void)state;
    struct ts_err err = {""};
    struct ts_scan_bucket bck;
    assert_int_equal(put("x", "m", "h", T0, TS_SCAN_INT, &err), -TS_ENOTFOUND);
    assert_int_equal(ts_store_put_bucket(store, TS_STR("x"), 0, &err), 0);
    assert_int_equal(ts_store_put_bucket(store, TS_STR("y"), 30 * 24 * HOUR, &err), 0);
    assert_schema("", TS_SCAN_BUCKETS, NULL, "x4 y4 ");
    assert_int_equal(ts_scan_bucket(ts_store_source(store), TS_STR("y"), &bck, &err), 0);
    assert_true(bck.retention_ns == 30 * 24 * HOUR && bck.shard_ns == 24 * HOUR);
    assert_int_equal(put("x", "m", "h", T0, TS_SCAN_INT, &err), 0);
    assert_int_equal(put("y", "m", "h", T0, TS_SCAN_FLOAT, &err), 0); /* another bucket: another type */
    assert_int_equal(ts_store_tend(store, TS_STORE_LAND, &err), 0);
    assert_int_equal(count_shard_files(), 2);
    struct ts_admin *adm = ts_store_admin(store);
    struct ts_str y = TS_STR("y"), z = TS_STR("z"), text = TS_STR("what it is for");
    int64_t x = bucket_id("x"), retention_ns = 3 * HOUR, short_ns = 30;
    assert_int_equal(ts_admin_change(adm, x, &(struct ts_bucket_edit){.name = &y}, &err), -TS_EREFUSED);
    assert_int_equal(ts_admin_change(adm, x + 9, &(struct ts_bucket_edit){.name = &z}, &err), -TS_ENOTFOUND);
    assert_int_equal(ts_admin_change(adm, x, &(struct ts_bucket_edit){.retention_ns = &short_ns}, &err), -TS_EINVAL);
    assert_int_equal(ts_admin_change(adm, x, &(struct ts_bucket_edit){.name = &z}, &err), 0);
    assert_int_equal(count_points("z"), 1);
    ts_clock_set_fake(T0 + 2);
    assert_int_equal(ts_admin_change(adm, x, &(struct ts_bucket_edit){.description = &text, .retention_ns = &retention_ns}, &err), 0);
    assert_listed("1 z 10800s 2419200s (what it is for) 0 2, 2 y 2592000s 86400s () 0 0, ");
    assert_int_equal(ts_admin_make(adm, &(struct ts_bucket_info){.name = y}, &err), -TS_EREFUSED);
    assert_int_equal(ts_admin_make(adm, &(struct ts_bucket_info){.name = TS_STR("n"), .shard_ns = HOUR}, &err), 0);
    assert_int_equal(ts_admin_drop(adm, bucket_id("n"), &err), 0);
    assert_int_equal(ts_admin_drop(adm, x + 9, &err), -TS_ENOTFOUND);
    assert_int_equal(ts_admin_drop(adm, x, &err), 0);
    assert_schema("", TS_SCAN_BUCKETS, NULL, "y4 ");
    assert_int_equal(ts_store_tend(store, TS_STORE_DUE, &err), 0);
    assert_int_equal(ts_store_tend(store, TS_STORE_LAND, &err), 0);
    assert_int_equal(count_shard_files(), 1);
    assert_int_equal(count_points("y"), 1);
}

static void test_types_and_schema(void **state)
{
    (void)state;
    struct ts_err err = {""};
    assert_int_equal(ts_store_put_bucket(store, TS_STR("b"), 0, &err), 0);
    assert_int_equal(put("b", "m1", "a", T0, TS_SCAN_INT, &err), 0);
    assert_int_equal(put("b", "m1", "b", T0, TS_SCAN_FLOAT, &err), -TS_EREFUSED);
    assert_non_null(strstr(err.msg, "field type conflict: input field \"v\" on measurement \"m1\" is type float, already exists as type integer"));
    assert_int_equal(put("b", "m2", "b", T0, TS_SCAN_STRING, &err), 0);
    assert_schema("b", TS_SCAN_MEASUREMENTS, NULL, "m14 m24 ");
    assert_schema("b", TS_SCAN_TAG_KEYS, NULL, "host4 ");
    assert_schema("b", TS_SCAN_FIELD_KEYS, NULL, "v1 v4 ");
    struct ts_scan_pred pred = {.op = TS_SCAN_EQ, .on = TS_SCAN_MEASUREMENT, .value = TS_STR("m2")};
    assert_schema("b", TS_SCAN_FIELD_KEYS, &pred, "v4 ");
    assert_schema("b", TS_SCAN_TAG_VALUES, &pred, "b4 ");
    struct ts_scan_pred field = {.op = TS_SCAN_EQ, .on = TS_SCAN_FIELD, .value = TS_STR("w")};
    assert_schema("b", TS_SCAN_MEASUREMENTS, &field, "");
    /* Types are known after a restart, too. */
    ts_store_close(&store);
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_int_equal(put("b", "m1", "b", T0, TS_SCAN_FLOAT, &err), -TS_EREFUSED);
    struct ts_store *second;
    assert_int_equal(ts_store_open(dir, &second, &err), -TS_EBUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_retention, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_batch_across_retention, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_bulk, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_buckets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_format_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_format_3, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounded_io, set_up, tear_down),
                                       cmocka_unit_test_setup_teardown(test_types_and_schema, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
