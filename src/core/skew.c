/* The times of a source's samples beside the clock. Threads: as in skew.h. All of it is of fixed size. */
#include "config.h"
#include "core/skew.h"

#include "core/mem.h"

#include <stdatomic.h>
#include <stdio.h>

#define NAME_EVERY_NS (100 * TS_MS)
#define MINUTE_NS     (60 * TS_SEC)

/* Grows at its head, on main. Released and acquired: who sees one sees what is in it and those behind it. */
static _Atomic(struct ts_skew *) all;

static struct ts_skew *first_of_all(void)
{
    return atomic_load_explicit(&all, memory_order_acquire);
}

struct ts_skew *ts_skew_new(const char *source)
{
    for (struct ts_skew *old = first_of_all(); old; old = old->next) {
        if (old->free && strncmp(old->source, source, sizeof old->source - 1) == 0) {
            old->free = false;
            return old;
        }
    }
    struct ts_skew *skw = ts_xalloc_aligned(sizeof *skw, TS_CACHELINE);
    snprintf(skw->source, sizeof skw->source, "%s", source);
    skw->last_ns = TS_TIME_NONE;
    skw->least_ns[0] = skw->least_ns[1] = INT64_MAX;
    skw->most_ns[0] = skw->most_ns[1] = INT64_MIN;
    skw->minute_ns = TS_TIME_NONE;
    pthread_mutex_init(&skw->lock, NULL);
    skw->next = first_of_all();
    atomic_store_explicit(&all, skw, memory_order_release);
    return skw;
}

void ts_skew_let_go(struct ts_skew *skw)
{
    skw->free = true;
}

void ts_skew_free_all(void)
{
    for (struct ts_skew *skw; (skw = first_of_all());) {
        atomic_store_explicit(&all, skw->next, memory_order_relaxed);
        pthread_mutex_destroy(&skw->lock);
        ts_free(skw);
    }
}

void ts_skew_each(void (*fn)(struct ts_skew *skw, void *arg), void *arg)
{
    for (struct ts_skew *skw = first_of_all(); skw; skw = skw->next)
        fn(skw, arg);
}

bool ts_skew_is_first(const struct ts_skew *skw)
{
    const struct ts_skew *first = first_of_all();
    while (strcmp(first->source, skw->source) != 0)
        first = first->next;
    return first == skw;
}

void ts_skew_add_up(const char *source, struct ts_skew_sum *sum)
{
    *sum = (struct ts_skew_sum){.least_ns = INT64_MAX, .most_ns = INT64_MIN, .last_ns = TS_TIME_NONE};
    for (struct ts_skew *skw = first_of_all(); skw; skw = skw->next) {
        if (strcmp(skw->source, source) != 0)
            continue;
        sum->late += atomic_load_explicit(&skw->late, memory_order_relaxed);
        sum->future += atomic_load_explicit(&skw->future, memory_order_relaxed);
        sum->too_old += atomic_load_explicit(&skw->too_old, memory_order_relaxed);
        sum->jumps += atomic_load_explicit(&skw->jumps, memory_order_relaxed);
        for (unsigned i = 0; i < 2; i++) {
            sum->least_ns = TS_MIN(sum->least_ns, atomic_load_explicit(&skw->least_ns[i], memory_order_relaxed));
            sum->most_ns = TS_MAX(sum->most_ns, atomic_load_explicit(&skw->most_ns[i], memory_order_relaxed));
        }
        sum->last_ns = TS_MAX(sum->last_ns, atomic_load_explicit(&skw->last_ns, memory_order_relaxed));
    }
}

void ts_skew_names(struct ts_skew *skw, struct ts_skew_name names[TS_SKEW_NAMES])
{
    pthread_mutex_lock(&skw->lock);
    memcpy(names, skw->names, sizeof skw->names);
    pthread_mutex_unlock(&skw->lock);
}

/* The series' place: its own, or that of the one seen longest ago. */
static struct ts_skew_name *place_of(struct ts_skew *skw, const char *series)
{
    struct ts_skew_name *oldest = &skw->names[0];
    for (unsigned i = 0; i < TS_SKEW_NAMES; i++) {
        if (strcmp(skw->names[i].series, series) == 0)
            return &skw->names[i];
        if (skw->names[i].seen_ns < oldest->seen_ns)
            oldest = &skw->names[i];
    }
    return oldest;
}

/* As it stood in its line, or as a stage of the pipeline has made it. */
static void print_series(char *to, size_t size, const struct ts_raw *raw)
{
    struct ts_series_view view;
    struct ts_buf buf = TS_BUF_INIT;
    if (!(raw->flags & TS_RAW_CANONICAL)) {
        snprintf(to, size, "%.*s%s%.*s", (int)raw->head_len, raw->head, raw->tail_len ? " " : "", (int)raw->tail_len, raw->tail);
        return;
    }
    if (ts_series_decode((struct ts_str){raw->head, raw->head_len}, &view) == 0)
        ts_series_print(&view, &buf);
    snprintf(to, size, "%.*s", (int)buf.len, buf.len ? buf.p : "");
    ts_buf_fini(&buf);
}

static void name(struct ts_skew *skw, int64_t off_ns, int64_t arrival_ns, const struct ts_raw *raw)
{
    char series[sizeof skw->names[0].series];
    print_series(series, sizeof series, raw);
    pthread_mutex_lock(&skw->lock);
    struct ts_skew_name *place = place_of(skw, series);
    memcpy(place->series, series, sizeof series);
    place->off_ns = off_ns;
    place->seen_ns = arrival_ns;
    pthread_mutex_unlock(&skw->lock);
}

static void next_minute(struct ts_skew *skw, int64_t arrival_ns)
{
    bool adjoins = skw->minute_ns != TS_TIME_NONE && arrival_ns < skw->minute_ns + MINUTE_NS;
    int64_t least_ns = atomic_load_explicit(&skw->least_ns[0], memory_order_relaxed);
    int64_t most_ns = atomic_load_explicit(&skw->most_ns[0], memory_order_relaxed);
    /* Relaxed, here and below: each is a figure of its own for whoever asks. */
    atomic_store_explicit(&skw->least_ns[1], adjoins ? least_ns : INT64_MAX, memory_order_relaxed);
    atomic_store_explicit(&skw->most_ns[1], adjoins ? most_ns : INT64_MIN, memory_order_relaxed);
    atomic_store_explicit(&skw->least_ns[0], INT64_MAX, memory_order_relaxed);
    atomic_store_explicit(&skw->most_ns[0], INT64_MIN, memory_order_relaxed);
    skw->minute_ns = arrival_ns + MINUTE_NS;
}

/* Whether the times made a leap from the sample before. */
static bool is_jump(const struct ts_skew *skw, int64_t off_ns)
{
    int64_t last_ns = atomic_load_explicit(&skw->last_ns, memory_order_relaxed), by_ns;
    if (last_ns == TS_TIME_NONE)
        return false;
    return __builtin_sub_overflow(off_ns, last_ns, &by_ns) || by_ns <= -TS_SKEW_OFF || by_ns >= TS_SKEW_OFF;
}

TS_COLD void ts_skew_note_rare(struct ts_skew *skw, int64_t off_ns, int64_t arrival_ns, const struct ts_raw *raw)
{
    if (arrival_ns >= skw->minute_ns)
        next_minute(skw, arrival_ns);
    if (off_ns < atomic_load_explicit(&skw->least_ns[0], memory_order_relaxed))
        atomic_store_explicit(&skw->least_ns[0], off_ns, memory_order_relaxed);
    if (off_ns > atomic_load_explicit(&skw->most_ns[0], memory_order_relaxed))
        atomic_store_explicit(&skw->most_ns[0], off_ns, memory_order_relaxed);
    if (off_ns <= -TS_SKEW_OLD)
        ts_skew_count(&skw->too_old);
    if (is_jump(skw, off_ns))
        ts_skew_count(&skw->jumps);
    if ((off_ns <= -TS_SKEW_OFF || off_ns >= TS_SKEW_OFF) && arrival_ns >= skw->next_name_ns) {
        name(skw, off_ns, arrival_ns, raw);
        skw->next_name_ns = arrival_ns + NAME_EVERY_NS;
    }
}
