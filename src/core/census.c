/*
 * The census: a map of series, a map of tag values, and records of measurements and of tag keys by name. Thread: any, under its
 * lock. Owns copies of the names in records, which are bounded: of measurements the smallest make room, tag keys beyond
 * KEYS_MAX are not followed, and values beyond VALUES_PER_SERIES for each series allowed count as too many.
 */
#include "config.h"
#include "core/census.h"

#include "core/hash.h"
#include "core/map64.h"
#include "core/mem.h"
#include "core/pressure.h"

#include <pthread.h>

#define MEASUREMENTS_MAX  16384u
#define KEYS_MAX          65536u
#define VALUES_PER_SERIES 4
#define IS_OVERFLOW       (UINT32_C(1) << 31) /* beside a series' number of holders */
#define NONE              UINT32_MAX

struct record {
    uint64_t id;
    char *name, *key; /* NULL name: free, and series is the next free one */
    uint32_t series, values;
    uint64_t overflowed;
};

struct records {
    struct ts_map64 by_id;
    struct record *all;
    uint32_t n, first_free, max;
};

struct ts_census {
    pthread_mutex_t lock;
    uint64_t series_limit, values_limit, reserve;
    struct ts_map64 series; /* hash to holders */
    uint64_t noverflow;     /* of these: overflow series */
    struct ts_map64 values; /* hash of measurement, key and value to series */
    struct records measurements, keys;
    bool incomplete;
    struct ts_series_view view; /* of a series being counted */
};

static void records_init(struct records *rec, uint32_t max)
{
    rec->max = max;
    ts_map64_init(&rec->by_id);
    rec->first_free = NONE;
}

static void records_fini(struct records *rec)
{
    for (uint32_t i = 0; i < rec->n; i++) {
        ts_free(rec->all[i].name);
        ts_free(rec->all[i].key);
    }
    ts_free(rec->all);
    ts_map64_fini(&rec->by_id);
}

uint64_t ts_census_reserve(uint64_t series_limit)
{
    return series_limit / 64 + 16;
}

struct ts_census *ts_census_new(uint64_t series_limit, uint64_t tag_values_limit)
{
    struct ts_census *cen = ts_xalloc(sizeof *cen);
    pthread_mutex_init(&cen->lock, NULL);
    cen->series_limit = series_limit;
    cen->values_limit = tag_values_limit;
    cen->reserve = ts_census_reserve(series_limit);
    ts_map64_init(&cen->series);
    ts_map64_init(&cen->values);
    records_init(&cen->measurements, MEASUREMENTS_MAX);
    records_init(&cen->keys, KEYS_MAX);
    return cen;
}

void ts_census_free(struct ts_census **census)
{
    struct ts_census *cen = *census;
    if (cen) {
        ts_map64_fini(&cen->series);
        ts_map64_fini(&cen->values);
        records_fini(&cen->measurements);
        records_fini(&cen->keys);
        pthread_mutex_destroy(&cen->lock);
        TS_FREE(*census);
    }
}

/* ---- records ---- */

static char *copy_name(struct ts_str s)
{
    size_t len = TS_MIN(s.len, (size_t)TS_CENSUS_NAME_MAX);
    while (len < s.len && len > 0 && ((unsigned char)s.p[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    char *z = ts_alloc(len + 1);
    if (z && len)
        memcpy(z, s.p, len);
    return z;
}

static struct record *find_record(const struct records *rec, uint64_t id)
{
    const uint32_t *at = ts_map64_find(&rec->by_id, id);
    return at ? &rec->all[*at] : NULL;
}

static void drop_record(struct records *rec, struct record *one)
{
    ts_map64_remove(&rec->by_id, one->id);
    ts_free(one->name);
    ts_free(one->key);
    *one = (struct record){.series = rec->first_free};
    rec->first_free = (uint32_t)(one - rec->all);
}

static bool room_for_record(struct records *rec)
{
    if (rec->first_free != NONE)
        return true;
    if (rec->n == rec->max)
        return false;
    uint32_t n = TS_MIN(TS_MAX(rec->n * 2, 64u), rec->max);
    struct record *all = ts_resize(rec->all, n * sizeof *all);
    if (!all)
        return false;
    memset(all + rec->n, 0, (n - rec->n) * sizeof *all);
    rec->all = all;
    while (rec->n < n) {
        all[rec->n].series = rec->first_free;
        rec->first_free = rec->n++;
    }
    return true;
}

/* @return NULL: no room or no memory; it is not followed. */
static struct record *add_record(struct records *rec, uint64_t id, struct ts_str name, struct ts_str key)
{
    if (!room_for_record(rec))
        return NULL;
    uint32_t at = rec->first_free, *value;
    struct record one = {.id = id, .name = copy_name(name), .key = key.len ? copy_name(key) : NULL};
    if (!one.name || (key.len && !one.key) || !(value = ts_map64_add(&rec->by_id, id))) {
        ts_free(one.name);
        ts_free(one.key);
        return NULL;
    }
    *value = at;
    rec->first_free = rec->all[at].series;
    rec->all[at] = one;
    return &rec->all[at];
}

/* Takes out the smallest until a quarter is free, so that looking through all of them is rare. */
static void make_room(struct records *rec)
{
    uint32_t freed = 0;
    for (uint32_t most = 1; freed < rec->max / 4; most *= 2) {
        for (uint32_t i = 0; i < rec->n; i++) {
            if (rec->all[i].name && rec->all[i].series <= most && rec->all[i].overflowed <= most) {
                drop_record(rec, &rec->all[i]);
                freed++;
            }
        }
        if (most >= UINT32_C(1) << 31)
            return;
    }
}

static struct record *measurement_of(struct ts_census *cen, struct ts_str name, bool add)
{
    uint64_t id = ts_hash(name.p, name.len);
    struct record *one = find_record(&cen->measurements, id);
    if (one || !add)
        return one;
    if (cen->measurements.first_free == NONE && cen->measurements.n == MEASUREMENTS_MAX) {
        make_room(&cen->measurements);
        cen->incomplete = true;
    }
    return add_record(&cen->measurements, id, name, TS_STR(""));
}

static uint64_t key_id(struct ts_str name, struct ts_str key)
{
    return ts_hash_seeded(key.p, key.len, ts_hash(name.p, name.len));
}

static uint64_t value_id(uint64_t key, struct ts_str value)
{
    return ts_hash_seeded(value.p, value.len, key);
}

static bool is_overflow_value(struct ts_str s)
{
    return ts_str_eq(s, TS_STR(TS_OVERFLOW));
}

/* ---- what the limits say ---- */

static int encode(struct ts_series_view *view, struct ts_buf *series, uint64_t *hash)
{
    ts_buf_clear(series);
    int rc = ts_series_encode(view, series);
    if (rc == 0)
        *hash = ts_hash(series->p, series->len);
    return rc;
}

/* @return whether values were replaced. */
static bool replace_values(struct ts_census *cen, struct ts_series_view *view)
{
    bool replaced = false;
    for (unsigned i = 0; i < view->ntags; i++) {
        struct ts_tag *tag = &view->tags[i];
        uint64_t id = key_id(view->name, tag->key);
        struct record *one = find_record(&cen->keys, id);
        bool full = (one && one->values >= cen->values_limit) ||
                    cen->values.count >= VALUES_PER_SERIES * cen->series_limit;
        if (!full || is_overflow_value(tag->value) || ts_map64_find(&cen->values, value_id(id, tag->value)))
            continue;
        if (one)
            one->overflowed++;
        tag->value = TS_STR(TS_OVERFLOW);
        replaced = true;
    }
    return replaced;
}

/* Under the lock; view is encoded in series. */
static int judge(struct ts_census *cen, struct ts_series_view *view, struct ts_buf *series, uint64_t *hash,
                 enum ts_census_verdict *verdict)
{
    *verdict = TS_CENSUS_OWN;
    if (ts_map64_find(&cen->series, *hash))
        return 0;
    if (replace_values(cen, view)) {
        *verdict = TS_CENSUS_TAG_VALUES;
        int rc = encode(view, series, hash);
        if (rc)
            return rc;
    }
    bool full = cen->series.count - cen->noverflow >= cen->series_limit || ts_pressure_has(TS_PRESSURE_OVERFLOW);
    if (full && !ts_map64_find(&cen->series, *hash)) {
        *verdict = TS_CENSUS_SERIES;
        view->tags[0] = (struct ts_tag){TS_STR(TS_OVERFLOW), TS_STR("true")};
        view->ntags = 1;
        int rc = encode(view, series, hash);
        if (rc)
            return rc;
        if (!ts_map64_find(&cen->series, *hash) && cen->noverflow >= cen->reserve)
            *verdict = TS_CENSUS_REFUSED;
    }
    if (*verdict != TS_CENSUS_OWN) {
        struct record *one = measurement_of(cen, view->name, true);
        if (one)
            one->overflowed++;
    }
    return 0;
}

int ts_census_judge(struct ts_census *cen, struct ts_series_view *view, struct ts_buf *series, uint64_t *hash,
                    enum ts_census_verdict *verdict)
{
    int rc = encode(view, series, hash);
    if (rc)
        return rc;
    pthread_mutex_lock(&cen->lock);
    rc = judge(cen, view, series, hash, verdict);
    pthread_mutex_unlock(&cen->lock);
    return rc;
}

/* ---- coming and going ---- */

/* Without memory, or beyond what is followed, a value is not counted; discount() finds nothing then. */
static void count_tag(struct ts_census *cen, struct ts_str name, const struct ts_tag *tag)
{
    uint64_t id = key_id(name, tag->key), vid = value_id(id, tag->value);
    struct record *one = find_record(&cen->keys, id);
    if (!one)
        one = add_record(&cen->keys, id, name, tag->key);
    if (!one) {
        cen->incomplete = true;
        return;
    }
    one->series++;
    if (is_overflow_value(tag->value))
        return;
    uint32_t *users = ts_map64_find(&cen->values, vid);
    if (!users) {
        users = ts_map64_add(&cen->values, vid);
        one->values += users != NULL;
    }
    if (users)
        ++*users;
}

static void discount_tag(struct ts_census *cen, struct ts_str name, const struct ts_tag *tag)
{
    uint64_t id = key_id(name, tag->key), vid = value_id(id, tag->value);
    struct record *one = find_record(&cen->keys, id);
    uint32_t *users = is_overflow_value(tag->value) ? NULL : ts_map64_find(&cen->values, vid);
    if (users && --*users == 0) {
        ts_map64_remove(&cen->values, vid);
        if (one)
            one->values -= one->values > 0;
    }
    if (one) {
        one->series -= one->series > 0;
        if (one->series == 0)
            drop_record(&cen->keys, one);
    }
}

static void count_series(struct ts_census *cen, struct ts_str series, int by)
{
    struct ts_series_view *view = &cen->view;
    int rc = ts_series_decode(series, view);
    TS_ASSERT(rc == 0);
    struct record *one = measurement_of(cen, view->name, by > 0);
    if (one && by > 0)
        one->series++;
    else if (one)
        one->series -= one->series > 0;
    if (one && one->series == 0)
        drop_record(&cen->measurements, one);
    for (unsigned i = 0; i < view->ntags; i++)
        (by > 0 ? count_tag : discount_tag)(cen, view->name, &view->tags[i]);
}

static int hold(struct ts_census *cen, struct ts_str series, uint64_t hash, bool overflow)
{
    uint32_t *holders = ts_map64_find(&cen->series, hash);
    if (!holders) {
        uint64_t own = cen->series.count - cen->noverflow;
        if (overflow ? cen->noverflow >= cen->reserve : own >= cen->series_limit)
            return -TS_EAGAIN;
        holders = ts_map64_add(&cen->series, hash);
        if (!holders)
            return -TS_ENOMEM;
        *holders = overflow ? IS_OVERFLOW : 0;
        cen->noverflow += overflow;
        if (!overflow)
            count_series(cen, series, 1);
    }
    ++*holders;
    return 0;
}

int ts_census_hold(struct ts_census *cen, struct ts_str series, uint64_t hash, enum ts_census_verdict verdict)
{
    pthread_mutex_lock(&cen->lock);
    int rc = hold(cen, series, hash, verdict == TS_CENSUS_SERIES);
    pthread_mutex_unlock(&cen->lock);
    return rc;
}

void ts_census_release(struct ts_census *cen, struct ts_str series, uint64_t hash)
{
    pthread_mutex_lock(&cen->lock);
    uint32_t *holders = ts_map64_find(&cen->series, hash);
    TS_ASSERT(holders && (*holders & ~IS_OVERFLOW));
    if ((--*holders & ~IS_OVERFLOW) == 0) {
        bool overflow = *holders & IS_OVERFLOW;
        ts_map64_remove(&cen->series, hash);
        cen->noverflow -= overflow;
        if (!overflow)
            count_series(cen, series, -1);
    }
    pthread_mutex_unlock(&cen->lock);
}

uint64_t ts_census_count(struct ts_census *cen)
{
    pthread_mutex_lock(&cen->lock);
    uint64_t n = cen->series.count;
    pthread_mutex_unlock(&cen->lock);
    return n;
}

/* ---- who is to blame ---- */

static bool is_before(const struct record *a, const struct record *b, bool tags)
{
    uint64_t va = tags ? a->values : a->series, vb = tags ? b->values : b->series;
    return va != vb ? va > vb : a->overflowed > b->overflowed;
}

static unsigned list_top(const struct records *rec, bool tags, struct ts_census_row *rows)
{
    const struct record *top[TS_CENSUS_ROWS];
    unsigned n = 0;
    for (uint32_t i = 0; i < rec->n; i++) {
        const struct record *one = &rec->all[i];
        if (!one->name || (n == TS_CENSUS_ROWS && !is_before(one, top[n - 1], tags)))
            continue;
        unsigned at = n < TS_CENSUS_ROWS ? n++ : n - 1;
        for (; at > 0 && is_before(one, top[at - 1], tags); at--)
            top[at] = top[at - 1];
        top[at] = one;
    }
    for (unsigned i = 0; i < n; i++) {
        rows[i] = (struct ts_census_row){
            .series = top[i]->series, .values = top[i]->values, .overflowed = top[i]->overflowed};
        memcpy(rows[i].measurement, top[i]->name, strlen(top[i]->name));
        if (top[i]->key)
            memcpy(rows[i].key, top[i]->key, strlen(top[i]->key));
    }
    return n;
}

void ts_census_report(struct ts_census *cen, struct ts_census_report *out)
{
    pthread_mutex_lock(&cen->lock);
    out->series = cen->series.count;
    out->series_limit = cen->series_limit;
    out->overflow_series = cen->noverflow;
    out->tag_values_limit = cen->values_limit;
    out->complete = !cen->incomplete;
    out->nmeasurements = list_top(&cen->measurements, false, out->measurements);
    out->ntags = list_top(&cen->keys, true, out->tags);
    pthread_mutex_unlock(&cen->lock);
}
