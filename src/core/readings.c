/*
 * Sets of counters, and gauges, to one list. Thread: any; owns the list alone. A counter whose label has no
 * value of its own in tbl/counters.def has a reading for each value that sets carry; every other is the sum
 * over all sets. Listeners with the same URL (several sockets, or several with port 0) are one.
 */
#include "config.h"
#include "core/readings.h"

#include "core/mem.h"

#include <stdio.h>
#include <stdlib.h>

static const struct ts_counter_info gauges[] = {
#define TS_GAUGE(id, name, label, help) {name, label, NULL, help},
#include "tbl/gauges.def"
#undef TS_GAUGE
};

static const struct {
    const char *name, *help;
    enum ts_counter counter;
} of_listeners[] = {
#define TS_LISTENER_VALUE(key, counter, help) {"listener_" #key "_total", help, TS_C_##counter},
#include "tbl/listeners.def"
#undef TS_LISTENER_VALUE
};

#define LISTENERS_PLACE TS_C_COUNT
#define GAUGES_PLACE    (LISTENERS_PLACE + TS_ARRAY_SIZE(of_listeners))

const struct ts_counter_info *ts_gauge_info(enum ts_gauge id)
{
    TS_ASSERT(id < TS_G_COUNT);
    return &gauges[id];
}

static struct ts_reading *add(struct ts_readings *out, const char *name, const char *help, size_t place)
{
    if (out->n == out->room) {
        size_t room = TS_MAX(2 * out->room, (size_t)256);
        void *p = ts_resize(out->v, room * sizeof *out->v);
        out->failed |= !p;
        if (!p)
            return NULL;
        out->v = p;
        out->room = room;
    }
    struct ts_reading *rd = &out->v[out->n++];
    memset(rd, 0, sizeof *rd);
    rd->name = name;
    rd->help = help;
    rd->place = place;
    return rd;
}

static void put_label(struct ts_reading *rd, const char *key, const char *value)
{
    rd->labels[rd->nlabels].key = key;
    snprintf(rd->labels[rd->nlabels].value, sizeof rd->labels[0].value, "%s", value);
    rd->nlabels++;
}

static struct ts_reading *add_gauge(struct ts_readings *out, enum ts_gauge id, const char *value)
{
    const struct ts_counter_info *info = ts_gauge_info(id);
    TS_ASSERT(!info->label == !value);
    struct ts_reading *rd = add(out, info->name, info->help, GAUGES_PLACE + id);
    if (rd && value)
        put_label(rd, info->label, value);
    return rd;
}

void ts_readings_gauge(struct ts_readings *out, enum ts_gauge id, const char *value, double v)
{
    struct ts_reading *rd = add_gauge(out, id, value);
    if (rd)
        rd->v = v;
}

void ts_readings_count(struct ts_readings *out, enum ts_gauge id, const char *value, uint64_t n)
{
    struct ts_reading *rd = add_gauge(out, id, value);
    if (rd) {
        rd->counts = true;
        rd->n = n;
    }
}

/* ---- counters ---- */

struct sets {
    const struct ts_counters **set; /* those with a label, newest first */
    size_t n;
    bool failed;
};

static void gather(const struct ts_counters *cnt, void *arg)
{
    struct sets *sets = arg;
    if (!cnt->label[0] || sets->failed)
        return;
    void *p = ts_resize(sets->set, (sets->n + 1) * sizeof *sets->set);
    sets->failed = !p;
    if (p) {
        sets->set = p;
        sets->set[sets->n++] = cnt;
    }
}

static bool are_alike(const struct ts_counters *a, const struct ts_counters *b)
{
    return strcmp(a->label, b->label) == 0 && strcmp(a->value, b->value) == 0;
}

/* Whether none older is of the same label and value. */
static bool is_first(const struct sets *sets, size_t i)
{
    for (size_t j = i + 1; j < sets->n; j++)
        if (are_alike(sets->set[i], sets->set[j]))
            return false;
    return true;
}

static uint64_t sum_of_alike(const struct sets *sets, size_t i, enum ts_counter id)
{
    uint64_t sum = 0;
    for (size_t j = 0; j < sets->n; j++)
        sum += are_alike(sets->set[i], sets->set[j]) ? ts_counter_of(sets->set[j], id) : 0;
    return sum;
}

static void add_count(struct ts_readings *out, const char *name, const char *help, size_t place, uint64_t n,
                      const char *key, const char *value, const char *reason_key, const char *reason)
{
    struct ts_reading *rd = add(out, name, help, place);
    if (!rd)
        return;
    rd->counts = true;
    rd->n = n;
    if (key)
        put_label(rd, key, value);
    if (reason_key)
        put_label(rd, reason_key, reason);
}

static void add_counters(struct ts_readings *out, const struct sets *sets)
{
    size_t place = 0;
    const char *help = "";
    for (unsigned c = 0; c < TS_C_COUNT; c++) {
        enum ts_counter id = (enum ts_counter)c;
        const struct ts_counter_info *info = ts_counter_info(id);
        if (c == 0 || strcmp(ts_counter_info(id - 1)->name, info->name) != 0) {
            place = c;
            help = info->help;
        }
        if (!info->label || info->value)
            add_count(out, info->name, help, place, ts_counter_sum(id), info->label, info->value, NULL, NULL);
        for (size_t i = sets->n; info->label && !info->value && i-- > 0;)
            if (strcmp(sets->set[i]->label, info->label) == 0 && is_first(sets, i))
                add_count(out, info->name, help, place, sum_of_alike(sets, i, id), info->label,
                          sets->set[i]->value, NULL, NULL);
    }
}

/* By reason where the counter has reasons. */
static void add_listeners(struct ts_readings *out, const struct sets *sets)
{
    for (size_t k = 0; k < TS_ARRAY_SIZE(of_listeners); k++) {
        const char *name = ts_counter_info(of_listeners[k].counter)->name;
        for (size_t i = sets->n; i-- > 0;) {
            if (strcmp(sets->set[i]->label, "listener") != 0 || !is_first(sets, i))
                continue;
            for (unsigned c = 0; c < TS_C_COUNT; c++) {
                const struct ts_counter_info *info = ts_counter_info((enum ts_counter)c);
                if (strcmp(info->name, name) == 0)
                    add_count(out, of_listeners[k].name, of_listeners[k].help, LISTENERS_PLACE + k,
                              sum_of_alike(sets, i, (enum ts_counter)c), "listener", sets->set[i]->value,
                              info->label, info->value);
            }
        }
    }
}

static int by_place(const void *a, const void *b)
{
    const struct ts_reading *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

/* By name as in the table, and of one name as they came. */
static void sort_gauges(struct ts_readings *out, size_t from)
{
    for (size_t i = from; i < out->n; i++)
        out->v[i].place = out->v[i].place * 65536 + TS_MIN(i - from, (size_t)65535);
    if (out->n > from)
        qsort(out->v + from, out->n - from, sizeof *out->v, by_place);
}

void ts_readings_take(struct ts_readings *out, ts_gauges_fn *measure, void *arg)
{
    struct sets sets = {0};
    ts_counters_each(gather, &sets);
    out->failed |= sets.failed;
    add_counters(out, &sets);
    add_listeners(out, &sets);
    size_t from = out->n;
    if (measure)
        measure(arg, out);
    sort_gauges(out, from);
    ts_free(sets.set);
}

void ts_readings_fini(struct ts_readings *readings)
{
    ts_free(readings->v);
    *readings = (struct ts_readings){0};
}
