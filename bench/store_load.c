/*
 * What the store costs, without a server around it. Each run prints one line of figures, key=value.
 *   store_load DIR land SERIES FLUSHES [GAP_MS]  a daemon's flushes of SERIES × 7 aggregates, one behind the
 * other or with a gap, and what compaction makes of them; 8,640 flushes are a day. rss_mib: twelve times on
 * the way, and the peak store_load DIR scan                    all points of bucket b: decode, sum and count
 * for each hour store_load DIR lines SERIES POINTS     points straight into the store, in batches of 500,000
 *   store_load DIR find                    what is found by tags and asked of the schema, in what `land` has
 * left
 */
#include "config.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/stats.h"
#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BUCKET TS_STR("b")
#define T0     (INT64_C(1700000000) * TS_SEC)
#define HOUR   (3600 * TS_SEC)
#define RSS_TIMES 12
#define IO_LIMIT  (64 << 20) /* store.io_limit, as it is by default */

static uint64_t state = 1;

static uint64_t draw(uint64_t n)
{
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return ((z ^ z >> 31) >> 32) * n >> 32; /* n < 2^32 */
}

static double cpu_seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long peak_kib(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return use.ru_maxrss;
}

static long rss_mib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * sysconf(_SC_PAGESIZE) >> 20;
}

static void must(int rc, const struct ts_err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "store_load: %s\n", err->msg);
    exit(1);
}

static struct ts_points *open_for_writing(const char *dir, struct ts_store **store)
{
    struct ts_err err;
    struct ts_points *pts;
    must(ts_store_open(dir, store, &err), &err);
    must(ts_store_put_bucket(*store, BUCKET, 0, &err), &err);
    must(ts_points_begin(ts_store_writer(*store), BUCKET, &pts, &err), &err);
    return pts;
}

static uint32_t series_of(struct ts_points *pts, unsigned s)
{
    struct ts_err err;
    char host[16];
    uint32_t out;
    snprintf(host, sizeof host, "host%06u", s);
    struct ts_tag tags[] = {{TS_STR("dc"), TS_STR("eu-1")}, {TS_STR("host"), ts_str_of(host)}};
    must(ts_points_series(pts, TS_STR("api.latency"), tags, 2, &out, &err), &err);
    return out;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* count sum min max mean stddev last of 10 to 50 timings of up to 100 ms with three decimals, as a window and
 * a sink make them: sums and what comes of them are no short decimals. */
static void draw_rollup(struct ts_point_field fields[7])
{
    static const char *const names[] = {"count", "sum", "min", "max", "mean", "stddev", "last"};
    struct ts_stats st = {0};
    for (uint64_t n = 10 + draw(41); n > 0; n--)
        ts_stats_add(&st, (double)draw(100000) / 1000, 1);
    const double values[] = {
        st.count, st.sum, st.min, st.max, ts_stats_mean(&st), ts_stats_stddev(&st, false), st.last};
    for (unsigned i = 0; i < 7; i++)
        fields[i] = (struct ts_point_field){.key = ts_str_of(names[i]), .type = TS_SCAN_FLOAT, .v.f = values[i]};
}

/* A day in minutes: a daemon has 10 s for each flush, and this waits as long as compaction is two runs
 * behind. */
static void keep_up(const char *dir, unsigned nseries, unsigned f)
{
    struct ts_store_stats st = {0};
    struct ts_err err;
    if (f % 32)
        return;
    do {
        if (st.landed)
            nanosleep(&(struct timespec){0, 20 * TS_MS}, NULL);
        must(ts_store_stats(dir, &st, &err), &err);
    } while (st.landed > 192 * (uint64_t)(nseries / 1024 + 1));
}

/* Commits, those during which compaction wrote blocks apart from others. */
struct waits {
    double *ms;
    unsigned n;
};

static void print_waits(const char *when, struct waits *wts)
{
    if (wts->n == 0)
        return;
    qsort(wts->ms, wts->n, sizeof *wts->ms, compare);
    printf("land commits=%u while=%s ms_median=%.2f p99=%.2f max=%.2f\n", wts->n, when, wts->ms[wts->n / 2],
           wts->ms[wts->n - 1 - wts->n / 100], wts->ms[wts->n - 1]);
}

static uint64_t blocks_written(struct ts_store *store)
{
    struct ts_store_work work;
    ts_store_work(store, &work);
    return work.blocks_written;
}

static void land(const char *dir, unsigned nseries, unsigned flushes, unsigned gap_ms)
{
    struct ts_store *store;
    struct ts_err err;
    struct ts_points *pts = open_for_writing(dir, &store);
    uint32_t *series = ts_xalloc(nseries * sizeof *series);
    struct waits waits[2] = {{ts_xalloc(flushes * sizeof(double)), 0},
                             {ts_xalloc(flushes * sizeof(double)), 0}};
    uint64_t blocks_before = 0;
    for (unsigned s = 0; s < nseries; s++)
        series[s] = series_of(pts, s);
    if (gap_ms)
        ts_store_limit_io(store, IO_LIMIT); /* of a day that passes in minutes, I/O passes as fast */
    must(ts_store_start(store, &err), &err);
    int64_t began = ts_clock_mono_ns();
    double cpu_ms = 0;
    long rss[RSS_TIMES] = {0};
    for (unsigned f = 0; f < flushes; f++) {
        for (unsigned s = 0; s < nseries; s++) {
            struct ts_point_field fields[7];
            draw_rollup(fields);
            must(ts_points_add(pts, series[s], T0 + (int64_t)f * 10 * TS_SEC, fields, 7, &err), &err);
        }
        uint64_t wrote = blocks_written(store);
        int64_t t = ts_clock_mono_ns();
        double cpu = thread_seconds();
        must(ts_points_commit(pts, TS_STR("m"), TS_STR("x"), &err), &err);
        double took_ms = (double)(ts_clock_mono_ns() - t) / 1e6;
        cpu_ms += (thread_seconds() - cpu) * 1e3;
        bool busy = wrote != blocks_before || blocks_written(store) != wrote;
        blocks_before = wrote;
        if (f > 0)
            waits[busy].ms[waits[busy].n++] = took_ms;
        rss[RSS_TIMES * (uint64_t)f / flushes] = rss_mib();
        keep_up(dir, nseries, f);
        if (gap_ms)
            nanosleep(&(struct timespec){gap_ms / 1000, gap_ms % 1000 * TS_MS}, NULL);
        if (f == 0) { /* with all series new */
            printf("land first_commit_ms=%.1f cpu_ms=%.1f\n", took_ms, cpu_ms);
            cpu_ms = 0;
        }
    }
    double wall = (double)(ts_clock_mono_ns() - began) / 1e9;
    must(ts_store_tend(store, TS_STORE_FULL, &err), &err);
    struct ts_store_work work;
    struct ts_store_stats st;
    ts_store_work(store, &work);
    ts_points_end(&pts);
    ts_store_close(&store);
    must(ts_store_stats(dir, &st, &err), &err);
    uint64_t values = (uint64_t)nseries * 7 * flushes;
    print_waits("idle", &waits[0]);
    print_waits("compacting", &waits[1]);
    printf("land series=%u flushes=%u commit_cpu_ms=%.2f wall_s=%.1f cpu_s=%.1f all_s=%.1f values=%llu "
           "bytes_per_value=%.2f written_mib=%llu compactions=%llu merges=%llu longest_compaction_ms=%.0f "
           "longest_held_ms=%.1f rss_mib=",
           nseries, flushes, cpu_ms / TS_MAX(1, flushes - 1), wall, cpu_seconds(),
           (double)(ts_clock_mono_ns() - began) / 1e9, (unsigned long long)values,
           (double)st.file_bytes / (double)values, (unsigned long long)work.bytes_written >> 20,
           (unsigned long long)work.compactions, (unsigned long long)work.merges,
           (double)work.longest_ns / 1e6, (double)work.held_ns / 1e6);
    for (unsigned i = 0; i < RSS_TIMES; i++)
        printf("%ld,", rss[i]);
    printf("%ld\n", peak_kib() >> 10);
    ts_free(series);
    ts_free(waits[0].ms);
    ts_free(waits[1].ms);
}

static void lines(const char *dir, unsigned nseries, unsigned points)
{
    struct ts_store *store;
    struct ts_err err;
    struct ts_points *pts = open_for_writing(dir, &store);
    uint32_t *series = ts_xalloc(nseries * sizeof *series);
    int64_t began = ts_clock_mono_ns();
    unsigned n = 0;
    for (unsigned s = 0; s < nseries; s++)
        series[s] = series_of(pts, s);
    for (unsigned i = 0; i < points; i++)
        for (unsigned s = 0; s < nseries; s++) {
            struct ts_point_field field = {.key = TS_STR("v"), .type = TS_SCAN_FLOAT, .v.f = (double)draw(100000) / 1000};
            must(ts_points_add(pts, series[s], T0 + (int64_t)i * 10 * TS_SEC, &field, 1, &err), &err);
            if (++n % 500000 == 0)
                must(ts_points_commit(pts, TS_STR(""), TS_STR(""), &err), &err);
        }
    must(ts_points_commit(pts, TS_STR(""), TS_STR(""), &err), &err);
    double stored = (double)(ts_clock_mono_ns() - began) / 1e9, cpu = cpu_seconds();
    must(ts_store_tend(store, TS_STORE_FULL, &err), &err);
    double compacted = (double)(ts_clock_mono_ns() - began) / 1e9;
    struct ts_store_stats st;
    ts_points_end(&pts);
    ts_store_close(&store);
    must(ts_store_stats(dir, &st, &err), &err);
    printf("lines points=%u stored_s=%.2f cpu_s=%.2f compacted_s=%.2f cpu_all_s=%.2f mib=%.1f bytes_per_point=%.2f\n", n, stored, cpu,
           compacted, cpu_seconds(), (double)st.file_bytes / 1048576, (double)st.file_bytes / n);
    ts_free(series);
}

/* As an engine's kernel adds: side by side. */
__attribute__((optimize("O3"), target_clones("avx512f", "avx2", "default"))) static double
sum_of(const double *v, unsigned n)
{
    double sum[8] = {0}, rest = 0;
    unsigned i = 0;
    for (; i + 8 <= n; i += 8)
        for (unsigned k = 0; k < 8; k++)
            sum[k] += v[i + k];
    for (; i < n; i++)
        rest += v[i];
    return sum[0] + sum[1] + sum[2] + sum[3] + (sum[4] + sum[5] + sum[6] + sum[7]) + rest;
}

/* The first point from i on that is not before end. */
static unsigned find_end(const struct ts_scan_chunk *chunk, unsigned i, int64_t end)
{
    unsigned lo = i, hi = chunk->n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (chunk->times[mid] < end)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void scan(const char *dir)
{
    struct ts_scan_source *src;
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    struct ts_err err;
    must(ts_store_open_source(dir, &src, &err), &err);
    for (int round = 0; round < 5; round++) {
        struct ts_scan_request req = {.bucket = BUCKET, .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
        uint64_t n = 0, hours = 0;
        double total = 0, cpu_s = thread_seconds();
        int64_t began = ts_clock_mono_ns();
        must(ts_scan_open(src, &req, &cur, &err), &err);
        for (;;) {
            must(ts_scan_next(cur, &chunk, &err), &err);
            if (!chunk)
                break;
            for (unsigned i = 0; i < chunk->n;) {
                int64_t end = ts_clock_floor(chunk->times[i], HOUR) + HOUR;
                unsigned j = find_end(chunk, i, end);
                hours++;
                total += sum_of(chunk->v.f + i, j - i);
                i = j;
            }
            n += chunk->n;
        }
        ts_scan_close(&cur);
        printf("scan points=%llu ms=%.1f cpu_ms=%.1f hours=%llu sum=%.3f\n", (unsigned long long)n,
               (double)(ts_clock_mono_ns() - began) / 1e6, (thread_seconds() - cpu_s) * 1e3,
               (unsigned long long)hours, total);
    }
    ts_store_close_source(&src);
}

static bool count_value(void *arg, struct ts_str value, enum ts_scan_type type)
{
    (void)value;
    (void)type;
    ++*(unsigned *)arg;
    return true;
}

static double ms_of_scan(struct ts_scan_source *src, const struct ts_scan_pred *pred, unsigned *series)
{
    struct ts_scan_request req = {
        .bucket = BUCKET, .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .want = TS_SCAN_TIMES | TS_SCAN_VALUES, .pred = pred};
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    struct ts_err err;
    int64_t began = ts_clock_mono_ns();
    *series = 0;
    for (must(ts_scan_open(src, &req, &cur, &err), &err);; *series += chunk->first) {
        must(ts_scan_next(cur, &chunk, &err), &err);
        if (!chunk)
            break;
    }
    ts_scan_close(&cur);
    return (double)(ts_clock_mono_ns() - began) / 1e6;
}

static double ms_of_schema(struct ts_scan_source *src, enum ts_scan_schema what, const char *tag, const struct ts_scan_pred *pred, unsigned *n)
{
    struct ts_scan_schema_request req = {
        .what = what, .bucket = BUCKET, .tag = ts_str_of(tag), .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .pred = pred};
    struct ts_err err;
    int64_t began = ts_clock_mono_ns();
    *n = 0;
    must(ts_scan_schema(src, &req, count_value, n, &err), &err);
    return (double)(ts_clock_mono_ns() - began) / 1e6;
}

static void find(const char *dir)
{
    static const char *const names[] = {"measurements", "tag_keys", "values_of_dc", "values_of_host", "field_keys"};
    static const enum ts_scan_schema whats[] = {TS_SCAN_MEASUREMENTS, TS_SCAN_TAG_KEYS, TS_SCAN_TAG_VALUES, TS_SCAN_TAG_VALUES, TS_SCAN_FIELD_KEYS};
    static const char *const tags[] = {"", "", "dc", "host", ""};
    struct ts_scan_pred name = {.op = TS_SCAN_EQ, .on = TS_SCAN_MEASUREMENT, .value = TS_STR("api.latency")};
    struct ts_scan_pred one = {.op = TS_SCAN_EQ, .on = TS_SCAN_TAG, .tag = TS_STR("host"), .value = TS_STR("host000777")}, two = one;
    two.value = TS_STR("host000778");
    const struct ts_scan_pred *ab[] = {&one, &two};
    struct ts_scan_pred or = {.op = TS_SCAN_OR, .nargs = 2, .args = ab};
    const struct ts_scan_pred *both[] = {&name, &or };
    struct ts_scan_pred all = {.op = TS_SCAN_AND, .nargs = 2, .args = both};
    struct ts_scan_source *src;
    struct ts_err err;
    unsigned n;
    must(ts_store_open_source(dir, &src, &err), &err);
    for (int round = 0; round < 3; round++) {
        double ms = ms_of_scan(src, &one, &n);
        printf("find host_ms=%.2f series=%u", ms, n);
        ms = ms_of_scan(src, &all, &n);
        printf(" measurement_and_two_hosts_ms=%.2f series=%u", ms, n);
        for (size_t i = 0; i < TS_ARRAY_SIZE(names); i++) {
            ms = ms_of_schema(src, whats[i], tags[i], NULL, &n);
            printf(" %s=%u ms=%.2f of_measurement_ms=%.2f", names[i], n, ms, ms_of_schema(src, whats[i], tags[i], &name, &n));
        }
        printf("\n");
    }
    ts_store_close_source(&src);
}

int main(int argc, char **argv)
{
    if ((argc == 5 || argc == 6) && strcmp(argv[2], "land") == 0)
        land(argv[1], (unsigned)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10),
             argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0);
    else if (argc == 5 && strcmp(argv[2], "lines") == 0)
        lines(argv[1], (unsigned)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    else if (argc == 3 && strcmp(argv[2], "scan") == 0)
        scan(argv[1]);
    else if (argc == 3 && strcmp(argv[2], "find") == 0)
        find(argv[1]);
    else {
        fprintf(stderr,
                "usage: store_load DIR land SERIES FLUSHES [GAP_MS] | lines SERIES POINTS | scan | find\n");
        return 2;
    }
    return 0;
}
