/*
 * What a rollup costs between its pane and the sink: a worker's panes are sealed through the real journal into a file, on threads of their own,
 * so that callgrind can count instructions of each: valgrind --tool=callgrind --separate-threads=yes build/bench/seal 20000 2. Prints ns of CPU
 * per rollup of each thread, ms from the begin of sealing until all is in the file, and us of CPU of the longest step of sealing, in which the
 * worker's lanes wait; medians of the windows. usage: seal [SERIES [WINDOWS]]
 */
#include "config.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "journal/journal.h"
#include "sink/sink.h"
#include "measure.h"
#include "../tests/unit/worker_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define EVERY_NS    (10 * TS_SEC)
#define T0_NS       (INT64_C(1700000000) * TS_SEC)
#define SAMPLES     3 /* of a series in a window: mean and deviation are long decimals */
#define WINDOWS_MAX 100
#define LOOK_NS     (TS_MS / 2)

enum { WORKER, JOURNAL, SINK, PARTS };

static const char *const parts[PARTS] = {"worker", "journal", "sink"};

struct way {
    struct rig rig;
    struct ts_conf_rollup rule;
    struct ts_conf_sink file;
    struct ts_journal *jr;
    struct ts_sinks *sinks;
    char dir[64];
};

static uint64_t nseries = 100000, nwindows = 10;

static struct ts_point announce(uint32_t id)
{
    static struct ts_series_view view;
    char name[48];
    snprintf(name, sizeof name, "app.request.time.%06u", id);
    view = (struct ts_series_view){.kind = TS_KIND_TIMING, .name = ts_str_of(name)};
    return rig_announcement(id, &view);
}

static void add(struct way *way, struct ts_slab *slab)
{
    ts_worker_add_slab(way->rig.worker, &way->rig.worker->sources[0], slab);
    slab->n = 0;
}

/* Samples with two decimals, SAMPLES times around all series; the first time they are announced. */
static void fill(struct way *way, uint64_t window)
{
    static struct ts_slab slab;
    slab = (struct ts_slab){.arrival_ns = T0_NS + (int64_t)window * EVERY_NS, .max_event_ns = TS_TIME_NONE, .event_seen_ns = TS_TIME_NONE};
    for (uint64_t i = 0; i < SAMPLES * nseries; i++) {
        uint32_t id = (uint32_t)(i % nseries);
        if (slab.n + 2 > TS_SLAB_POINTS)
            add(way, &slab);
        if (window == 0 && i < nseries)
            slab.points[slab.n++] = announce(id);
        slab.points[slab.n++] = (struct ts_point){.id = id, .value = (double)(bits() % 100000) / 100};
    }
    add(way, &slab);
}

/* What threads of this name have had of a core. */
static double threads_ns(const char *name)
{
    double ns = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *ent; dir && (ent = readdir(dir));) {
        char path[300], text[64];
        const char *const files[] = {"comm", "schedstat"};
        for (unsigned i = 0; i < 2; i++) {
            snprintf(path, sizeof path, "/proc/self/task/%s/%s", ent->d_name, files[i]);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
            if (fd >= 0)
                close(fd);
            text[n > 0 ? n : 0] = 0;
            if (i == 0 && strncmp(text, name, strlen(name)) != 0)
                break;
            if (i == 1)
                ns += (double)strtoull(text, NULL, 10);
        }
    }
    if (dir)
        closedir(dir);
    return ns;
}

static void nap(void)
{
    (void)nanosleep(&(struct timespec){0, LOOK_NS}, NULL);
}

/* @return ms until all of the window is in the file. */
static double seal(struct way *way, uint64_t window, double spent[PARTS], double *step_us)
{
    struct ts_worker *wk = way->rig.worker;
    const struct ts_feed *feed = ts_journal_feeds(way->jr)[0];
    int64_t began_ns = ts_clock_mono_ns();
    for (unsigned i = JOURNAL; i < PARTS; i++)
        spent[i] = -threads_ns(parts[i]);
    spent[WORKER] = *step_us = 0;
    wk->clock_ns = T0_NS + (int64_t)(window + 1) * EVERY_NS;
    while (wk->rules[0]->windows) {
        double from_ns = cpu_ns();
        bool more = ts_worker_seal(wk);
        double step_ns = cpu_ns() - from_ns;
        spent[WORKER] += step_ns;
        *step_us = TS_MAX(*step_us, step_ns / 1e3);
        if (!more && wk->rules[0]->windows)
            nap(); /* the journal's ring is full */
    }
    while (ts_feed_count(feed, TS_C_SINK_DELIVERED) < (window + 1) * nseries)
        nap();
    int64_t took_ns = ts_clock_mono_ns() - began_ns;
    for (unsigned i = JOURNAL; i < PARTS; i++)
        spent[i] += threads_ns(parts[i]);
    return (double)took_ns / 1e6;
}

static void check(int rc, const struct ts_err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "seal: %s\n", err->msg);
    exit(1);
}

static void begin(struct way *way)
{
    struct ts_err err = {""};
    *way = (struct way){.rule = {.name = (char *)"r",
                                 .every_ns = EVERY_NS,
                                 .aggregates = TS_AGG_BIT(count) | TS_AGG_BIT(sum) | TS_AGG_BIT(min) | TS_AGG_BIT(max) | TS_AGG_BIT(mean) |
                                               TS_AGG_BIT(stddev),
                                 .to = (char *)"file"},
                        .file = {.name = (char *)"file",
                                 .type = (char *)"file",
                                 .batch = 5000,
                                 .flush_interval_ns = 0,
                                 .timeout_ns = 10 * TS_SEC,
                                 .retry_min_ns = TS_SEC,
                                 .retry_max_ns = TS_SEC}};
    snprintf(way->dir, sizeof way->dir, "%s", "/tmp/tsagg-bench-seal-XXXXXX");
    if (!mkdtemp(way->dir))
        exit(1);
    rig_init(&way->rig, &way->rule, 1, 1);
    struct ts_conf *conf = &way->rig.conf;
    conf->state_dir = way->dir;
    conf->nsinks = 1;
    conf->sinks = &way->file;
    conf->limits.series = UINT32_MAX;
    check(ts_journal_open(conf, 1, &way->jr, &err), &err);
    check(ts_sinks_open(conf, ts_journal_feeds(way->jr), &way->sinks, &err), &err);
    check(ts_journal_start(way->jr, &err), &err);
    check(ts_sinks_start(way->sinks, &err), &err);
    way->rig.worker_conf.rollups = ts_journal_input(way->jr, 0);
    way->rig.worker_conf.rollups_bell = ts_journal_bell(way->jr);
    rig_start(&way->rig);
}

static void end(struct way *way)
{
    struct ts_buf command = TS_BUF_INIT;
    if (ts_journal_stop(way->jr))
        fprintf(stderr, "seal: not all was written\n");
    ts_sinks_stop(way->sinks, ts_clock_mono_ns() + 5 * TS_SEC);
    ts_sinks_free(&way->sinks);
    rig_fini(&way->rig);
    ts_journal_close(&way->jr);
    ts_counters_free_all();
    ts_buf_printf(&command, "rm -r '%s'", way->dir);
    if (system(ts_buf_cstr(&command)) != 0)
        fprintf(stderr, "seal: %s stays\n", way->dir);
    ts_buf_fini(&command);
}

int main(int argc, char **argv)
{
    static struct way way;
    static double ms[WINDOWS_MAX], us[WINDOWS_MAX], ns[PARTS][WINDOWS_MAX];
    if (argc > 3 || (argc > 1 && (ts_num_read_uint(ts_str_of(argv[1]), &nseries) || nseries - 1 >= 10000000)) ||
        (argc > 2 && (ts_num_read_uint(ts_str_of(argv[2]), &nwindows) || nwindows - 1 >= WINDOWS_MAX))) {
        fprintf(stderr, "usage: seal [SERIES [WINDOWS]]\n");
        return 2;
    }
    begin(&way);
    for (uint64_t w = 0; w < nwindows; w++) {
        double spent[PARTS];
        fill(&way, w);
        ms[w] = seal(&way, w, spent, &us[w]);
        for (unsigned i = 0; i < PARTS; i++)
            ns[i][w] = spent[i] / (double)nseries;
    }
    end(&way);
    printf("%12s %8s %8s %8s %8s %10s %10s\n", "series", parts[0], parts[1], parts[2], "all, ns", "took, ms", "step, us");
    double each[PARTS] = {median(ns[0], (unsigned)nwindows), median(ns[1], (unsigned)nwindows), median(ns[2], (unsigned)nwindows)};
    printf("%12llu %8.0f %8.0f %8.0f %8.0f %10.1f %10.0f\n", (unsigned long long)nseries, each[0], each[1], each[2],
           each[0] + each[1] + each[2], median(ms, (unsigned)nwindows), median(us, (unsigned)nwindows));
    return 0;
}
