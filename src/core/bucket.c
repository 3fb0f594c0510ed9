/* Bounds of histograms from their list, and names of fields. Thread: any. */
#include "config.h"
#include "core/bucket.h"

#include "core/num.h"

#include <math.h>

static bool next_word(struct ts_str *list, struct ts_str *word)
{
    if (list->len == 0)
        return false;
    const char *comma = memchr(list->p, ',', list->len);
    size_t n = comma ? (size_t)(comma - list->p) : list->len;
    *word = (struct ts_str){list->p, n};
    n += comma ? 1 : 0;
    *list = (struct ts_str){list->p + n, list->len - n};
    return true;
}

static int read_series(struct ts_str list, bool exponential, struct ts_buckets *out)
{
    double from[3];
    struct ts_str word;
    for (unsigned i = 0; i < 3; i++)
        if (!next_word(&list, &word) || ts_num_read(word, &from[i]) != 0)
            return -TS_EPARSE;
    if (list.len || from[2] != floor(from[2]))
        return -TS_EPARSE;
    if (from[2] < 1 || from[2] > TS_BUCKETS_MAX)
        return -TS_ELIMIT;
    out->n = (uint32_t)from[2];
    for (uint32_t i = 0; i < out->n; i++)
        out->bounds[i] = exponential ? from[0] * pow(from[1], i) : from[0] + from[1] * i;
    return 0;
}

static int read_bounds(struct ts_str list, struct ts_buckets *out)
{
    struct ts_str word;
    while (next_word(&list, &word)) {
        if (out->n == TS_BUCKETS_MAX)
            return -TS_ELIMIT;
        if (ts_num_read(word, &out->bounds[out->n]) != 0)
            return -TS_EPARSE;
        out->n++;
    }
    return out->n ? 0 : -TS_EPARSE;
}

int ts_buckets_read(struct ts_str list, struct ts_buckets *out)
{
    struct ts_str rest = list, word;
    *out = (struct ts_buckets){0};
    if (!next_word(&rest, &word))
        return -TS_EPARSE;
    bool exponential = ts_str_eq(word, TS_STR("exponential")), linear = ts_str_eq(word, TS_STR("linear"));
    int rc = exponential || linear ? read_series(rest, exponential, out) : read_bounds(list, out);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < out->n; i++)
        if (!isfinite(out->bounds[i]) || (i && !(out->bounds[i] > out->bounds[i - 1])))
            return -TS_EINVAL;
    return 0;
}

uint32_t ts_buckets_find(const struct ts_buckets *set, double value)
{
    uint32_t low = 0, high = set->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (value <= set->bounds[mid])
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

void ts_bucket_name(const struct ts_buckets *set, uint32_t i, char out[TS_BUCKET_NAME])
{
    char *to = out;
    memcpy(to, "le_", 3);
    to += 3;
    if (i == set->n) {
        memcpy(to, "inf", 4);
        return;
    }
    size_t n = ts_num_put_double(to, set->bounds[i]);
    for (size_t k = 0; k < n; k++)
        if (to[k] == '.')
            to[k] = '_';
    to[n] = 0;
}
