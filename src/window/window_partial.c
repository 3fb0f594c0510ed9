/*
 * Partials of groups: what panes of many series say together. Merging them has no order: sums have twice the digits of a double,
 * sketches and distinct counts are the same whichever way they are put together, first and last go by time, and of values with
 * the same time the smallest is the first and the greatest is the last. Thread: a worker's, or any under the gatherer's lock.
 */
#include "config.h"
#include "window/window_group.h"

#include "core/mem.h"

#define FIRST_PARTIALS 16

/* ---- a set of them ---- */

struct ts_partials *ts_partials_new(void)
{
    return ts_alloc(sizeof(struct ts_partials));
}

void ts_partials_free(struct ts_partials **set)
{
    if (!*set)
        return;
    for (uint32_t i = 0; i < (*set)->n; i++)
        ts_partial_fini(&(*set)->v[i]);
    ts_free((*set)->v);
    ts_free((*set)->places);
    TS_FREE(*set);
}

/* The group's place, or the free one where it would stand. */
static uint32_t place_of(const struct ts_partials *set, const struct ts_group *group)
{
    uint32_t at = (uint32_t)(group->hash >> 32) & set->mask;
    while (set->places[at] && set->v[set->places[at] - 1].group != group)
        at = (at + 1) & set->mask;
    return at;
}

struct ts_partial *ts_partials_find(const struct ts_partials *set, const struct ts_group *group)
{
    uint32_t i = set->n ? set->places[place_of(set, group)] : 0;
    return i ? &set->v[i - 1] : NULL;
}

static bool grow(struct ts_partials *set)
{
    uint32_t cap = set->cap ? set->cap * 2 : FIRST_PARTIALS;
    uint32_t *places = ts_alloc(2 * (size_t)cap * sizeof *places);
    struct ts_partial *v = places ? ts_resize(set->v, cap * sizeof *v) : NULL;
    if (!v) {
        ts_free(places);
        return false;
    }
    ts_free(set->places);
    set->v = v;
    set->places = places;
    set->cap = cap;
    set->mask = 2 * cap - 1;
    for (uint32_t i = 0; i < set->n; i++)
        set->places[place_of(set, v[i].group)] = i + 1;
    return true;
}

struct ts_partial *ts_partials_get(struct ts_partials *set, struct ts_group *group, bool *added)
{
    struct ts_partial *part = ts_partials_find(set, group);
    *added = !part;
    if (part)
        return part;
    if (set->n == set->cap && !grow(set))
        return NULL;
    set->places[place_of(set, group)] = set->n + 1;
    part = &set->v[set->n++];
    *part = (struct ts_partial){.group = group, .fresh = true};
    return part;
}

void ts_partial_fini(struct ts_partial *part)
{
    ts_hll_free(&part->hll);
    if (part->sketch)
        ts_sketch_fini(part->sketch);
    TS_FREE(part->sketch);
    TS_FREE(part->text);
    TS_FREE(part->histogram);
}

/* ---- merging ---- */

/* b's sums moved to a's shift, as in ts_stats_merge. */
static void merge_sums(struct ts_partial *a, const struct ts_partial *b)
{
    struct ts_dd e = ts_dd_sum(b->shift, -a->shift), ne = ts_dd_mul(b->count, e);
    struct ts_dd twice = {2 * b->sd.hi, 2 * b->sd.lo};
    a->sd2 = ts_dd_add(a->sd2, ts_dd_add(b->sd2, ts_dd_mul(e, ts_dd_add(twice, ne))));
    a->sd = ts_dd_add(a->sd, ts_dd_add(b->sd, ne));
    a->sum = ts_dd_add(a->sum, b->sum);
    a->count = ts_dd_add(a->count, b->count);
    a->min = TS_MIN(a->min, b->min);
    a->max = TS_MAX(a->max, b->max);
}

static bool merge_text(struct ts_partial *a, const struct ts_partial *b)
{
    struct ts_str x = {a->text ? a->text->p : "", a->text ? a->text->len : 0}, y = {b->text->p, b->text->len};
    if (a->text && (a->last_ns > b->last_ns || (a->last_ns == b->last_ns && ts_str_cmp(x, y) >= 0)))
        return true;
    struct ts_text *copy = ts_alloc(sizeof *copy + b->text->len);
    if (!copy)
        return false;
    copy->len = b->text->len;
    memcpy(copy->p, b->text->p, b->text->len);
    ts_free(a->text);
    a->text = copy;
    return true;
}

static bool merge_hll(struct ts_partial *a, const struct ts_hll *hll)
{
    if (!a->hll)
        a->hll = ts_hll_new();
    return a->hll && ts_hll_merge(a->hll, hll) == 0;
}

/* Bucket by bucket into the one that is there: ts_sketch_merge copies it each time, which is more than most series have. */
static bool add_buckets(struct ts_sketch *a, struct ts_sketch *b)
{
    struct ts_sketch_cursor cur;
    int32_t key;
    uint64_t units;
    bool good = ts_sketch_first(b, &cur);
    while (good && ts_sketch_next(&cur, &key, &units))
        good = ts_sketch_add_units(a, key, units, b->state == TS_SKETCH_FRACTIONS);
    return good;
}

static bool merge_sketch(struct ts_partial *a, struct ts_sketch *sk)
{
    if (!a->sketch) {
        a->sketch = ts_alloc(sizeof *a->sketch);
        if (!a->sketch)
            return false;
        ts_sketch_init(a->sketch, sk->limit);
    }
    return add_buckets(a->sketch, sk);
}

static bool merge_histogram(struct ts_partial *a, const struct ts_dd *b, const double *plain, unsigned n)
{
    if (!a->histogram)
        a->histogram = ts_alloc((n + (size_t)1) * sizeof *a->histogram);
    for (unsigned i = 0; a->histogram && i <= n; i++)
        a->histogram[i] = ts_dd_add(a->histogram[i], b ? b[i] : (struct ts_dd){plain[i], 0});
    return a->histogram;
}

static void merge_ends(struct ts_partial *a, const struct ts_partial *b, bool empty)
{
    if (b->has_first && (!a->has_first || b->first_ns < a->first_ns || (b->first_ns == a->first_ns && b->first < a->first))) {
        a->first = b->first;
        a->first_ns = b->first_ns;
        a->has_first = true;
    }
    if (empty || b->last_ns > a->last_ns || (b->last_ns == a->last_ns && b->last > a->last))
        a->last = b->last;
    a->last_ns = empty ? b->last_ns : TS_MAX(a->last_ns, b->last_ns);
}

bool ts_partial_merge(struct ts_partial *a, const struct ts_partial *b, const double *plain, unsigned nbuckets)
{
    bool empty = a->count.hi == 0, good = true;
    if (b->count.hi == 0)
        return true;
    if (empty) {
        a->shift = b->shift;
        a->min = b->min;
        a->max = b->max;
    }
    merge_sums(a, b);
    if (b->text) /* looks at last_ns */
        good &= merge_text(a, b);
    merge_ends(a, b, empty);
    if (b->has_increase)
        a->increase = ts_dd_add(a->increase, b->increase);
    a->has_increase |= b->has_increase;
    if (b->hll)
        good &= merge_hll(a, b->hll);
    if (b->sketch)
        good &= merge_sketch(a, b->sketch);
    if (b->histogram || plain)
        good &= merge_histogram(a, b->histogram, plain, nbuckets);
    return good;
}

struct ts_stats ts_partial_stats(const struct ts_partial *part)
{
    struct ts_stats st = {.count = part->count.hi,
                          .sum = part->sum.hi,
                          .shift = part->min,
                          .min = part->min,
                          .max = part->max,
                          .last = part->last};
    double mean = st.sum / st.count;
    if (part->min == part->max)
        return st;
    /* A shift that does not depend on who came first; at the mean nothing cancels. */
    struct ts_partial moved = {.shift = isfinite(mean) ? mean : part->min};
    merge_sums(&moved, part);
    st.shift = moved.shift;
    st.sd = moved.sd.hi;
    st.sd2 = moved.sd2.hi;
    return st;
}
