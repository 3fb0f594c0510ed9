/* The plain model that stores are compared with. */
#include "config.h"
#include "unit.h"
#include "store_model.h"

#include "core/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum ts_scan_type model_type(unsigned series, unsigned field)
{
    return (enum ts_scan_type)((field + series % 3) % 5);
}

const char *model_field_name(unsigned field)
{
    static const char *const names[MODEL_FIELDS] = {"usage", "a field", "count", "zeta", "b"};
    return names[field];
}

unsigned model_series(unsigned series, char measurement[16], struct ts_tag tags[2], char texts[4][16])
{
    unsigned n = 0;
    snprintf(measurement, 16, "m%u", series % 3);
    snprintf(texts[0], 16, "host");
    snprintf(texts[1], 16, "h%u", series);
    tags[n++] = (struct ts_tag){ts_str_of(texts[0]), ts_str_of(texts[1])};
    if (series % 2) {
        snprintf(texts[2], 16, "rack");
        snprintf(texts[3], 16, "r%u", series / 2 % 2);
        tags[n++] = (struct ts_tag){ts_str_of(texts[2]), ts_str_of(texts[3])};
    }
    return n;
}

static unsigned position(const struct model_field *fld, int64_t t)
{
    unsigned lo = 0, hi = fld->n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (fld->pts[mid].t < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void model_put(struct model *mdl, unsigned series, unsigned field, const struct model_point *pt)
{
    struct model_field *fld = &mdl->at[series][field];
    unsigned at = position(fld, pt->t);
    if (at == fld->n || fld->pts[at].t != pt->t) {
        if (fld->n == fld->cap) {
            fld->cap = fld->cap ? 2 * fld->cap : 64;
            fld->pts = ts_xresize(fld->pts, fld->cap * sizeof *fld->pts);
        }
        memmove(&fld->pts[at + 1], &fld->pts[at], (fld->n - at) * sizeof *fld->pts);
        fld->n++;
    }
    fld->pts[at] = *pt;
}

void model_delete(struct model *mdl, unsigned series, int64_t start, int64_t stop)
{
    for (unsigned f = 0; f < MODEL_FIELDS; f++) {
        struct model_field *fld = &mdl->at[series][f];
        unsigned kept = 0;
        for (unsigned i = 0; i < fld->n; i++)
            if (fld->pts[i].t < start || fld->pts[i].t > stop)
                fld->pts[kept++] = fld->pts[i];
        fld->n = kept;
    }
}

void model_free(struct model *mdl)
{
    for (unsigned s = 0; s < MODEL_SERIES; s++)
        for (unsigned f = 0; f < MODEL_FIELDS; f++)
            ts_free(mdl->at[s][f].pts);
}

/* ---- comparison ---- */

struct expected {
    unsigned series, field;
    char key[128]; /* sorts as the scan hands out */
};

static int compare_expected(const void *a, const void *b)
{
    return strcmp(((const struct expected *)a)->key, ((const struct expected *)b)->key);
}

/* Series and fields with a point in the range, in group-key order. The key is made here in another way than the store's. */
static unsigned expect(const struct model *mdl, const struct ts_scan_request *req, uint32_t series_mask, uint32_t field_mask,
                       struct expected *out)
{
    unsigned n = 0;
    for (unsigned s = 0; s < MODEL_SERIES; s++)
        for (unsigned f = 0; f < MODEL_FIELDS; f++) {
            const struct model_field *fld = &mdl->at[s][f];
            unsigned from = position(fld, req->start_ns), to = position(fld, req->stop_ns);
            if (!(series_mask >> s & 1) || !(field_mask >> f & 1) || from == to)
                continue;
            out[n] = (struct expected){.series = s, .field = f};
            snprintf(out[n].key, sizeof out[n].key, "m%u\x01host\x01h%u\x01%s%s\x01%s", s % 3, s, s % 2 ? "rack\x01r" : "",
                     s % 2 ? (s / 2 % 2 ? "1" : "0") : "", model_field_name(f));
            n++;
        }
    qsort(out, n, sizeof *out, compare_expected);
    return n;
}

static void check_value(const struct ts_scan_chunk *chunk, unsigned i, const struct model_point *pt, enum ts_scan_type type)
{
    if (type <= TS_SCAN_UINT && chunk->v.u[i] != pt->v.u)
        fail_msg("series %.*s %.*s, time %lld: %llx, which should be %llx", (int)chunk->series->tags[0].value.len,
                 chunk->series->tags[0].value.p, (int)chunk->series->field.len, chunk->series->field.p, (long long)pt->t,
                 (unsigned long long)chunk->v.u[i], (unsigned long long)pt->v.u);
    switch (type) {
    case TS_SCAN_FLOAT:
    case TS_SCAN_INT:
    case TS_SCAN_UINT: break;
    case TS_SCAN_BOOL: assert_int_equal(chunk->v.b[i], pt->v.u); break;
    case TS_SCAN_STRING:
        assert_int_equal(chunk->v.s[i].len, strlen(pt->text));
        assert_memory_equal(chunk->v.s[i].p, pt->text, strlen(pt->text));
        break;
    }
}

static void check_stats(const struct ts_scan_chunk *chunk, const struct model_point *pts, enum ts_scan_type type)
{
    double sum = 0, magnitude = 0, min = INFINITY, max = -INFINITY;
    uint64_t usum = 0, umin = UINT64_MAX, umax = 0;
    int64_t imin = INT64_MAX, imax = INT64_MIN;
    assert_true(type <= TS_SCAN_UINT);
    for (unsigned i = 0; i < chunk->n; i++) {
        sum += type == TS_SCAN_FLOAT ? pts[i].v.f : 0;
        magnitude += type == TS_SCAN_FLOAT ? fabs(pts[i].v.f) : 0;
        min = fmin(min, pts[i].v.f);
        max = fmax(max, pts[i].v.f);
        usum += pts[i].v.u;
        umin = TS_MIN(umin, pts[i].v.u);
        umax = TS_MAX(umax, pts[i].v.u);
        imin = TS_MIN(imin, pts[i].v.i);
        imax = TS_MAX(imax, pts[i].v.i);
    }
    if (type == TS_SCAN_FLOAT) {
        assert_true(isfinite(chunk->sum.f));
        assert_true(fabs(chunk->sum.f - sum) <= 1e-12 * magnitude);
        assert_true(chunk->min.f == min && chunk->max.f == max);
    } else {
        assert_true(chunk->sum.u == usum);
        assert_true(type == TS_SCAN_UINT ? chunk->min.u == umin : chunk->min.i == imin);
        assert_true(type == TS_SCAN_UINT ? chunk->max.u == umax : chunk->max.i == imax);
    }
}

static int64_t window_of(const struct ts_scan_request *req, int64_t t)
{
    return req->every_ns ? (int64_t)floor((double)(t - req->offset_ns) / (double)req->every_ns) : 0;
}

/* A chunk's points are pts[0 … n) in the model. */
static void check_chunk(const struct ts_scan_request *req, const struct ts_scan_chunk *chunk, const struct model_point *pts,
                        enum ts_scan_type type)
{
    assert_true(chunk->min_ns == pts[0].t && chunk->max_ns == pts[chunk->n - 1].t);
    for (unsigned i = 0; i < chunk->n && chunk->columns; i++) {
        assert_true(chunk->times[i] == pts[i].t);
        check_value(chunk, i, &pts[i], type);
    }
    if (chunk->has_stats)
        check_stats(chunk, pts, type);
    if (!chunk->columns) {
        assert_true(req->stats);
        assert_true(chunk->has_stats || type >= TS_SCAN_BOOL);
        assert_true(window_of(req, chunk->min_ns) == window_of(req, chunk->max_ns));
    } else {
        assert_true(chunk->n <= TS_SCAN_CHUNK_MAX);
    }
}

static void check_series(const struct ts_scan_series *ser, const struct expected *exp)
{
    char measurement[16], texts[4][16];
    struct ts_tag tags[2];
    unsigned ntags = model_series(exp->series, measurement, tags, texts);
    assert_true(ts_str_eq(ser->measurement, ts_str_of(measurement)));
    assert_true(ts_str_eq(ser->field, ts_str_of(model_field_name(exp->field))));
    assert_int_equal(ser->type, model_type(exp->series, exp->field));
    assert_int_equal(ser->ntags, ntags);
    for (unsigned i = 0; i < ntags; i++)
        assert_true(ts_str_eq(ser->tags[i].key, tags[i].key) && ts_str_eq(ser->tags[i].value, tags[i].value));
}

void model_check(const struct model *mdl, struct ts_scan_source *src, const struct ts_scan_request *req, uint32_t series_mask,
                 uint32_t field_mask)
{
    struct expected exp[MODEL_SERIES * MODEL_FIELDS];
    unsigned nexp = expect(mdl, req, series_mask, field_mask, exp), at = 0, ndamage;
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    struct ts_err err = {""};
    if (ts_scan_open(src, req, &cur, &err) != 0)
        fail_msg("open: %s", err.msg);
    if (ts_scan_next(cur, &chunk, &err) != 0)
        fail_msg("next: %s", err.msg);
    for (; at < nexp; at++) {
        const struct model_field *fld = &mdl->at[exp[at].series][exp[at].field];
        unsigned lo = position(fld, req->start_ns), hi = position(fld, req->stop_ns);
        bool first = true;
        while (lo < hi) {
            if (!chunk)
                fail_msg("the scan ends before series %u field %u", exp[at].series, exp[at].field);
            assert_int_equal(chunk->first, first);
            first = false;
            check_series(chunk->series, &exp[at]);
            assert_true(chunk->n <= hi - lo);
            hi -= req->descending ? chunk->n : 0;
            check_chunk(req, chunk, &fld->pts[req->descending ? hi : lo], model_type(exp[at].series, exp[at].field));
            lo += req->descending ? 0 : chunk->n;
            if (ts_scan_next(cur, &chunk, &err) != 0)
                fail_msg("next: %s", err.msg);
        }
    }
    if (chunk)
        fail_msg("a chunk too many: %.*s %.*s, %u points", (int)chunk->series->measurement.len, chunk->series->measurement.p,
                 (int)chunk->series->field.len, chunk->series->field.p, chunk->n);
    ts_scan_damage(cur, &ndamage);
    assert_int_equal(ndamage, 0);
    ts_scan_close(&cur);
}
