/*
 * The store against the plain model: random writes of all types, in order, out of order, rewritten; deletes; compactions of all sorts;
 * restarts; and after each some scans, which must say the same. TSAGG_TEST_SEED=N repeats one run.
 */
#include "config.h"
#include "unit.h"
#include "store_model.h"

#include "core/clock.h"
#include "core/mem.h"
#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUCKET TS_STR("b")
#define DAY    (86400 * TS_SEC)
#define T0     (INT64_C(1700000000) * TS_SEC)

struct run {
    struct ts_store *store;
    struct ts_points *pts;
    struct model mdl;
    char dir[64];
    uint64_t random;
    int64_t now; /* where writes in order go on */
};

static uint64_t draw(struct run *run, uint64_t n)
{
    uint64_t z = run->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % n;
}

static void open_store(struct run *run)
{
    struct ts_err err = {""};
    if (ts_store_open(run->dir, &run->store, &err) != 0 || ts_store_put_bucket(run->store, BUCKET, 0, &err) != 0 ||
        ts_points_begin(ts_store_writer(run->store), BUCKET, &run->pts, &err) != 0)
        fail_msg("%s", err.msg);
}

static void close_store(struct run *run)
{
    ts_points_end(&run->pts);
    ts_store_close(&run->store);
}

/* ---- writes ---- */

static double draw_double(struct run *run)
{
    static const double odd[] = {0.0, -0.0, NAN, INFINITY, -INFINITY, 1e300, 5e-324, 0.1, -1e15, 4503599627370497.5};
    double d = (double)(int64_t)draw(run, 2000001) - 1000000;
    switch (draw(run, 8)) {
    case 0: return odd[draw(run, TS_ARRAY_SIZE(odd))];
    case 1: return sqrt(fabs(d)) * 1.000000001;
    case 2: return floor(d / 1000);
    default: return d / 1000;
    }
}

static void draw_value(struct run *run, enum ts_scan_type type, struct model_point *pt, struct ts_point_field *fld)
{
    switch (type) {
    case TS_SCAN_FLOAT: pt->v.f = draw_double(run); break;
    case TS_SCAN_INT: pt->v.i = (int64_t)(draw(run, 4) ? draw(run, 1000) : draw(run, UINT64_MAX)); break;
    case TS_SCAN_UINT: pt->v.u = draw(run, 4) ? draw(run, 1000) : draw(run, UINT64_MAX); break;
    case TS_SCAN_BOOL: pt->v.u = draw(run, 2); break;
    case TS_SCAN_STRING: snprintf(pt->text, sizeof pt->text, "%.*s%u", (int)draw(run, 12), "some text is", (unsigned)draw(run, 20)); break;
    }
    *fld = (struct ts_point_field){.type = type, .v = pt->v, .text = ts_str_of(pt->text)};
}

static void put_point(struct run *run, unsigned s, int64_t t)
{
    char measurement[16], texts[4][16];
    struct ts_tag tags[2];
    struct ts_point_field fields[MODEL_FIELDS];
    struct model_point pts[MODEL_FIELDS] = {{0}};
    unsigned ntags = model_series(s, measurement, tags, texts), n = 0, which[MODEL_FIELDS];
    uint32_t series;
    struct ts_err err = {""};
    for (unsigned f = 0; f < MODEL_FIELDS; f++) {
        if (n + MODEL_FIELDS - f > 1 && draw(run, 4) == 0)
            continue;
        pts[n].t = t;
        draw_value(run, model_type(s, f), &pts[n], &fields[n]);
        fields[n].key = ts_str_of(model_field_name(f));
        which[n++] = f;
    }
    if (n == 0)
        return;
    if (ts_points_series(run->pts, ts_str_of(measurement), tags, ntags, &series, &err) != 0 ||
        ts_points_add(run->pts, series, t, fields, n, &err) != 0)
        fail_msg("%s", err.msg);
    for (unsigned i = 0; i < n; i++)
        model_put(&run->mdl, s, which[i], &pts[i]);
}

static void commit(struct run *run)
{
    struct ts_err err = {""};
    char mark[32];
    snprintf(mark, sizeof mark, "%llu", (unsigned long long)run->random);
    if (ts_points_commit(run->pts, TS_STR("test"), ts_str_of(mark), &err) != 0)
        fail_msg("%s", err.msg);
    struct ts_buf back = TS_BUF_INIT;
    assert_int_equal(ts_writer_mark(ts_store_writer(run->store), TS_STR("test"), &back, &err), 0);
    assert_true(ts_str_eq(ts_buf_str(&back), ts_str_of(mark)));
    ts_buf_fini(&back);
}

static void write_flush(struct run *run)
{
    for (unsigned s = 0; s < MODEL_SERIES; s++)
        if (draw(run, 5))
            put_point(run, s, run->now);
    run->now += draw(run, 6) ? 10 * TS_SEC : (int64_t)draw(run, 3) * DAY;
    commit(run);
}

static void write_bulk(struct run *run)
{
    unsigned n = (unsigned)draw(run, 9000);
    int64_t t = run->now, step = draw(run, 2) ? TS_SEC : (int64_t)(1 + draw(run, 5 * TS_SEC));
    unsigned s = (unsigned)draw(run, MODEL_SERIES);
    for (unsigned i = 0; i < n; i++, t += step)
        put_point(run, s, t);
    run->now = t;
    commit(run);
}

static void write_late(struct run *run)
{
    unsigned n = (unsigned)draw(run, 300);
    for (unsigned i = 0; i < n; i++) {
        unsigned s = (unsigned)draw(run, MODEL_SERIES), f = (unsigned)draw(run, MODEL_FIELDS);
        const struct model_field *fld = &run->mdl.at[s][f];
        int64_t t = run->now - (int64_t)draw(run, 40 * DAY);
        if (fld->n && draw(run, 2))
            t = fld->pts[draw(run, fld->n)].t;
        put_point(run, s, t);
    }
    commit(run);
}

/* ---- predicates ---- */

/* One predicate of several sorts, and what it takes. */
struct choice {
    struct ts_scan_pred pred[4];
    const struct ts_scan_pred *args[2];
    uint32_t series, fields;
    bool any;
};

static bool ends_with_1(void *arg, struct ts_str value)
{
    (void)arg;
    return value.len && value.p[value.len - 1] == '1';
}

static void choose(struct run *run, struct choice *cho, bool with_field)
{
    static char host[8];
    unsigned s = (unsigned)draw(run, MODEL_SERIES);
    *cho = (struct choice){.series = (1u << MODEL_SERIES) - 1, .fields = (1u << MODEL_FIELDS) - 1};
    uint32_t racks = 0, rack0 = 0, host1 = 0, m1 = 0;
    for (unsigned i = 0; i < MODEL_SERIES; i++) {
        racks |= (i % 2) << i;
        rack0 |= (uint32_t)(i % 2 && i / 2 % 2 == 0) << i;
        host1 |= (uint32_t)(i % 10 == 1) << i;
        m1 |= (uint32_t)(i % 3 == 1) << i;
    }
    cho->pred[0] = (struct ts_scan_pred){.op = TS_SCAN_EQ, .on = TS_SCAN_MEASUREMENT, .value = TS_STR("m1")};
    cho->pred[1] = (struct ts_scan_pred){.op = TS_SCAN_EQ, .on = TS_SCAN_TAG, .tag = TS_STR("rack"), .value = TS_STR("r0")};
    cho->pred[3] = (struct ts_scan_pred){.nargs = 2, .args = cho->args};
    cho->args[0] = &cho->pred[0];
    cho->args[1] = &cho->pred[1];
    cho->any = true;
    switch (draw(run, with_field ? 8 : 7)) {
    case 0: cho->any = false; break;
    case 1: cho->series = m1 & rack0; break;
    case 2:
        cho->pred[3].op = TS_SCAN_OR;
        cho->series = m1 | rack0;
        break;
    case 3: /* no rack: not known, so not taken */
        cho->pred[3] = (struct ts_scan_pred){.op = TS_SCAN_NOT, .nargs = 1, .args = cho->args + 1};
        cho->series = racks & ~rack0;
        break;
    case 4:
        cho->pred[3] = (struct ts_scan_pred){.op = TS_SCAN_TEST, .on = TS_SCAN_TAG, .tag = TS_STR("host"), .test = ends_with_1};
        cho->series = host1;
        break;
    case 5:
        snprintf(host, sizeof host, "h%u", s);
        cho->pred[3] = (struct ts_scan_pred){.op = TS_SCAN_EQ, .on = TS_SCAN_TAG, .tag = TS_STR("host"), .value = ts_str_of(host)};
        cho->series = 1u << s;
        break;
    case 6: cho->pred[3] = (struct ts_scan_pred){.op = TS_SCAN_EXISTS, .on = TS_SCAN_TAG, .tag = TS_STR("rack")}; cho->series = racks; break;
    default:
        cho->pred[1] = (struct ts_scan_pred){.op = TS_SCAN_EQ, .on = TS_SCAN_FIELD, .value = TS_STR("count")};
        cho->series = m1;
        cho->fields = 1u << 2;
        break;
    }
}

/* ---- what is done ---- */

static void check(struct run *run)
{
    struct choice cho;
    choose(run, &cho, true);
    int64_t from = run->now - (int64_t)draw(run, 60 * DAY), len = (int64_t)draw(run, draw(run, 2) ? 70 * DAY : 3600 * TS_SEC);
    struct ts_scan_request req = {.bucket = BUCKET, .start_ns = from, .stop_ns = from + len, .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
    if (draw(run, 3) == 0) {
        req.start_ns = INT64_MIN;
        req.stop_ns = INT64_MAX;
    }
    req.pred = cho.any ? &cho.pred[3] : NULL;
    req.stats = draw(run, 2);
    req.every_ns = draw(run, 2) ? (int64_t)(1 + draw(run, 2 * DAY)) : 0;
    req.offset_ns = (int64_t)draw(run, DAY);
    req.descending = draw(run, 3) == 0;
    model_check(&run->mdl, ts_store_source(run->store), &req, cho.series, cho.fields);
}

static void delete(struct run *run)
{
    struct choice cho;
    struct ts_err err = {""};
    choose(run, &cho, false);
    int64_t from = run->now - (int64_t)draw(run, 30 * DAY), to = from + (int64_t)draw(run, draw(run, 2) ? 5 * DAY : 600 * TS_SEC);
    if (ts_admin_delete_points(ts_store_admin(run->store), 1, cho.any ? &cho.pred[3] : NULL, from, to, &err) != 0)
        fail_msg("%s", err.msg);
    for (unsigned s = 0; s < MODEL_SERIES; s++)
        if (cho.series >> s & 1)
            model_delete(&run->mdl, s, from, to);
}

static void tend(struct run *run, enum ts_store_effort effort)
{
    struct ts_err err = {""};
    if (ts_store_tend(run->store, effort, &err) != 0)
        fail_msg("%s", err.msg);
}

static void remove_dir(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void play(uint64_t seed, unsigned steps)
{
    struct run run = {.random = seed, .now = T0};
    snprintf(run.dir, sizeof run.dir, "/tmp/tsagg-test-store-XXXXXX");
    assert_non_null(mkdtemp(run.dir));
    print_message("seed %llu\n", (unsigned long long)seed);
    open_store(&run);
    for (unsigned i = 0; i < steps; i++) {
        uint64_t what = draw(&run, 20);
        if (getenv("TRACE"))
            fprintf(stderr, "step %u: %d\n", i, (int)what);
        switch (what) {
        case 0: write_bulk(&run); break;
        case 1:
        case 2: write_late(&run); break;
        case 3: delete (&run); break;
        case 4: tend(&run, TS_STORE_LAND); break;
        case 5: tend(&run, draw(&run, 3) ? TS_STORE_DUE : TS_STORE_FULL); break;
        case 6:
            close_store(&run);
            open_store(&run);
            break;
        case 7:
        case 8: check(&run); break;
        default: write_flush(&run); break;
        }
        check(&run);
    }
    tend(&run, TS_STORE_FULL);
    for (unsigned i = 0; i < 10; i++)
        check(&run);
    close_store(&run);
    remove_dir(run.dir);
    model_free(&run.mdl);
}

static void test_like_the_model(void **state)
{
    (void)state;
    const char *seed = getenv("TSAGG_TEST_SEED"), *scale = getenv("TSAGG_TEST_SCALE");
    if (seed) {
        play(strtoull(seed, NULL, 10), 300);
        return;
    }
    unsigned runs = (unsigned)TS_MAX(1, 6 * (scale ? strtol(scale, NULL, 10) : 1));
    for (unsigned i = 1; i <= runs; i++)
        play(i, 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_like_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
