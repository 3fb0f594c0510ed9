/*
 * Readers see one moment: while one thread commits and another compacts, merges and deletes, threads and another process scan over and
 * over, and find each commit in all of its series or in none, never twice, never less than before.
 */
#include "config.h"
#include "unit.h"

#include "core/clock.h"
#include "core/thread.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUCKET  TS_STR("b")
#define SERIES  1100 /* two groups */
#define T0      (INT64_C(1700000000) * TS_SEC)
#define STEP_NS (3600 * TS_SEC) /* a new shard every 672 */

static char dir[64];
static _Atomic bool over;

static int put_batch(struct ts_points *pts, int64_t k, struct ts_err *err)
{
    int rc = 0;
    for (unsigned s = 0; s < SERIES && rc == 0; s++) {
        char host[16];
        uint32_t series;
        snprintf(host, sizeof host, "h%04u", s);
        struct ts_tag tag = {TS_STR("host"), ts_str_of(host)};
        struct ts_point_field field = {.key = TS_STR("v"), .type = TS_SCAN_INT, .v.i = k};
        rc = ts_points_series(pts, TS_STR("m"), &tag, 1, &series, err);
        rc = rc ? rc : ts_points_add(pts, series, T0 + k * STEP_NS, &field, 1, err);
        rc = rc ? rc : ts_points_add(pts, series, T0 - 1, &field, 1, err); /* rewritten by every commit */
    }
    return rc ? rc : ts_points_commit(pts, TS_STR(""), TS_STR(""), err);
}

/*
 * Every series has the points from `first` to `last` (older ones are deleted in between), and last at T0 - 1.
 * @return NULL, or what is wrong
 */
static const char *scan(struct ts_scan_source *src, int64_t *first, int64_t *last)
{
    static _Thread_local char what[256];
    struct ts_scan_request req = {.bucket = BUCKET, .start_ns = INT64_MIN, .stop_ns = INT64_MAX, .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
    struct ts_scan_cursor *cur;
    const struct ts_scan_chunk *chunk;
    struct ts_err err;
    int64_t of_series = -1, next = -1, began = -1;
    unsigned series = 0;
    bool good = true;
    *first = *last = 0;
    if (ts_scan_open(src, &req, &cur, &err) != 0 || ts_scan_next(cur, &chunk, &err) != 0) {
        snprintf(what, sizeof what, "%.200s", err.msg);
        return what;
    }
    while (chunk && good) {
        if (chunk->first) {
            good = series == 0 || (next - 1 == of_series && (series == 1 || began == *first));
            *first = series == 1 ? began : *first;
            series++;
            next = began = -1;
            good &= chunk->times[0] == T0 - 1 && (series == 1 || chunk->v.i[0] == of_series);
            of_series = chunk->v.i[0];
        }
        for (unsigned i = chunk->first ? 1 : 0; i < chunk->n && good; i++) {
            began = began < 0 ? chunk->v.i[i] : began;
            good = (next < 0 || chunk->v.i[i] == next) && chunk->times[i] == T0 + chunk->v.i[i] * STEP_NS;
            next = chunk->v.i[i] + 1;
        }
        if (good && ts_scan_next(cur, &chunk, &err) != 0)
            good = false;
    }
    *last = TS_MAX(of_series, 0);
    ts_scan_close(&cur);
    snprintf(what, sizeof what, "series %u: %lld to %lld, last %lld", series, (long long)began, (long long)next - 1, (long long)of_series);
    return good && (series == 0 || (series == SERIES && next - 1 == of_series)) ? NULL : what;
}

/* Scans until told to stop. @return number of scans; 0: something was wrong. */
static unsigned scan_on(struct ts_scan_source *src, const char *who, bool (*stop)(void))
{
    int64_t first, last, first_before = 0, last_before = 0;
    unsigned n = 0;
    do {
        const char *wrong = scan(src, &first, &last);
        if (wrong || last < last_before || first < first_before) {
            fprintf(stderr, "%s, scan %u: %s; before: %lld to %lld\n", who, n, wrong ? wrong : "went back", (long long)first_before,
                    (long long)last_before);
            return 0;
        }
        first_before = first;
        last_before = last;
        n++;
    } while (!stop());
    return n;
}

static bool is_over(void)
{
    return atomic_load(&over);
}

static void *read_in_thread(void *src)
{
    return (void *)(uintptr_t)scan_on(src, "thread", is_over);
}

static bool is_gone(void) /* the parent removes the file when it has done */
{
    char path[128];
    snprintf(path, sizeof path, "%s/go", dir);
    return access(path, F_OK) != 0;
}

static void read_in_process(void)
{
    char path[128];
    struct ts_scan_source *src;
    struct ts_err err;
    snprintf(path, sizeof path, "%s/go", dir);
    while (access(path, F_OK) != 0)
        usleep(1000);
    if (ts_store_open_source(dir, &src, &err) != 0)
        _exit(2);
    unsigned n = scan_on(src, "process", is_gone);
    ts_store_close_source(&src);
    _exit(n ? 0 : 3);
}

static void set_go(bool on)
{
    char path[128];
    snprintf(path, sizeof path, "%s/go", dir);
    if (!on) {
        unlink(path);
        return;
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static void work(struct ts_store *store, unsigned commits)
{
    struct ts_points *pts;
    struct ts_err err = {""};
    assert_int_equal(ts_points_begin(ts_store_writer(store), BUCKET, &pts, &err), 0);
    for (int64_t k = 1; k <= commits; k++) {
        if (put_batch(pts, k, &err) != 0)
            fail_msg("%s", err.msg);
        if (k % 7 == 0 && ts_store_tend(store, k % 3 ? TS_STORE_LAND : TS_STORE_FULL, &err) != 0)
            fail_msg("%s", err.msg);
        if (k % 25 == 0 && ts_admin_delete_points(ts_store_admin(store), 1, NULL, T0, T0 + (k - 20) * STEP_NS, &err) != 0)
            fail_msg("%s", err.msg);
        if (k == 1)
            set_go(true);
    }
    ts_points_end(&pts);
}

static void test_one_moment(void **state)
{
    (void)state;
    const char *scale = getenv("TSAGG_TEST_SCALE");
    unsigned commits = (unsigned)TS_MAX(30, 80 * (scale ? strtod(scale, NULL) : 1));
    struct ts_store *store;
    struct ts_err err = {""};
    pthread_t threads[2];
    int status;
    snprintf(dir, sizeof dir, "/tmp/tsagg-test-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    pid_t pid = fork(); /* before there is a thread */
    if (pid == 0)
        read_in_process();
    assert_int_equal(ts_store_open(dir, &store, &err), 0);
    assert_int_equal(ts_store_put_bucket(store, BUCKET, 0, &err), 0);
    assert_int_equal(ts_store_start(store, &err), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(ts_thread_start(&threads[i], "reader", read_in_thread, ts_store_source(store)), 0);
    work(store, commits);
    atomic_store(&over, true);
    set_go(false);
    for (unsigned i = 0; i < 2; i++) {
        void *scans;
        pthread_join(threads[i], &scans);
        assert_non_null(scans);
        print_message("%u scans\n", (unsigned)(uintptr_t)scans);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    ts_store_close(&store);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_moment)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
