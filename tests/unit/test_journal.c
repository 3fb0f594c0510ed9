/* The journal: what is durable stays, whatever the end of the log looks like; every sink reads all of it
 * once, from its own place. */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/hll.h"
#include "core/le.h"
#include "core/sketch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "rollups.h"

static char dir[64];
static char name_a[] = "a", name_b[] = "b";
static struct ts_conf_sink sinks[2] = {{.name = name_a}, {.name = name_b}};
static struct ts_conf conf = {.state_dir = dir, .sinks = sinks, .nsinks = 2};

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/tsagg-journal-XXXXXX");
    conf.nsinks = 2;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    ts_counters_free_all();
    free_series();
    return system(cmd);
}

static struct ts_journal *open_journal(void)
{
    struct ts_journal *jr;
    struct ts_err err = {""};
    int rc = ts_journal_open(&conf, 1, &jr, &err);
    if (rc != 0)
        print_error("%s\n", err.msg);
    assert_int_equal(rc, 0);
    return jr;
}

static void start(struct ts_journal *jr)
{
    assert_int_equal(ts_journal_start(jr, NULL), 0);
}

/* Batch number i has i % 3 + 1 points, and its start is its number. */
static void push(struct ts_journal *jr, int64_t number, const char *to)
{
    struct ts_rollup_batch *batch = make_batch(to, number);
    static struct ts_str series;
    if (series_used == 0)
        series = make_series(TS_KIND_GAUGE, "g", "", 0, NULL);
    for (int64_t i = 0; i <= number % 3; i++)
        add_numbers(batch, series, 1, (const double[]){(double)i});
    while (!ts_ring_push(ts_journal_input(jr, 0), batch))
        usleep(100);
    ts_bell_ring(ts_journal_bell(jr));
}

/* Writes each batch with a flush of its own. */
static void write_batches(int64_t from, int64_t to_number, const char *to)
{
    struct ts_journal *jr = open_journal();
    jr->segment_max = 1024;
    start(jr);
    for (int64_t i = from; i < to_number; i++) {
        uint64_t before = ts_counter_of(jr->cnt, TS_C_JOURNAL_SYNCS);
        push(jr, i, to);
        while (ts_counter_of(jr->cnt, TS_C_JOURNAL_SYNCS) == before)
            usleep(100);
    }
    assert_int_equal(ts_journal_stop(jr), 0);
    ts_journal_close(&jr);
}

static int64_t next_number(struct ts_feed *feed, struct ts_feed_pos *end)
{
    struct ts_str bytes;
    struct ts_rollup_head head;
    int rc = ts_feed_next(feed, &bytes, end);
    if (rc == -TS_EAGAIN)
        return -1;
    assert_int_equal(rc, 0);
    assert_int_equal(ts_rollup_head_decode(bytes, &head), 0);
    return head.start_ns;
}

static void expect(struct ts_feed *feed, int64_t from, int64_t to)
{
    struct ts_feed_pos end;
    for (int64_t i = from; i < to; i++)
        assert_int_equal(next_number(feed, &end), i);
    assert_int_equal(next_number(feed, &end), -1);
}

static uint64_t points_of(int64_t from, int64_t to)
{
    uint64_t n = 0;
    for (int64_t i = from; i < to; i++)
        n += (uint64_t)(i % 3 + 1);
    return n;
}

static unsigned count_files(const char *suffix)
{
    char cmd[160];
    snprintf(cmd, sizeof cmd, "ls %s/journal | grep -c '%s$'", dir, suffix);
    FILE *p = popen(cmd, "r");
    char text[16] = "";
    assert_non_null(fgets(text, sizeof text, p));
    pclose(p);
    return (unsigned)strtoul(text, NULL, 10);
}

static void two_readers_each_see_all(void **state)
{
    (void)state;
    struct ts_journal *jr = open_journal();
    struct ts_feed *const *feeds = ts_journal_feeds(jr);
    struct ts_feed_pos end;
    assert_int_equal(next_number(feeds[0], &end), -1);
    start(jr);
    for (int64_t i = 0; i < 1000; i++)
        push(jr, i, i % 2 ? "a,b" : "b");
    for (int64_t i = 1; i < 1000; i += 2) { /* while it is written */
        int64_t got;
        while ((got = next_number(feeds[0], &end)) == -1)
            usleep(100);
        assert_int_equal(got, i);
    }
    assert_int_equal(ts_journal_stop(jr), 0);
    assert_int_equal(next_number(feeds[0], &end), -1);
    expect(feeds[1], 0, 1000);
    assert_int_equal(ts_feed_rolled_up(feeds[1]), points_of(0, 1000));
    assert_int_equal(ts_counter_of(jr->cnt, TS_C_JOURNAL_APPENDED), points_of(0, 1000));
    assert_true(ts_counter_of(jr->cnt, TS_C_JOURNAL_SYNCS) <= 1000);
    assert_int_equal(ts_counter_of(feeds[1]->cnt, TS_C_SINK_DROPPED), 0);
    ts_journal_close(&jr);
}

static void cursor_survives_and_segments_go(void **state)
{
    (void)state;
    struct ts_feed_pos end = {0, 0};
    write_batches(0, 40, "a,b"); /* several segments of 1 KiB */
    unsigned segments = count_files(".seg");
    assert_true(segments > 3);

    struct ts_journal *jr = open_journal();
    struct ts_feed *const *feeds = ts_journal_feeds(jr);
    assert_int_equal(ts_feed_rolled_up(feeds[0]), points_of(0, 40));
    for (int64_t i = 0; i < 25; i++)
        assert_int_equal(next_number(feeds[0], &end), i);
    assert_int_equal(ts_feed_ack(feeds[0], end), 0);
    assert_int_equal(count_files(".seg"), segments); /* b has read nothing */
    ts_journal_close(&jr);

    jr = open_journal();
    feeds = ts_journal_feeds(jr);
    assert_int_equal(ts_feed_rolled_up(feeds[0]), points_of(25, 40));
    assert_int_equal(ts_feed_rolled_up(feeds[1]), points_of(0, 40));
    expect(feeds[0], 25, 40);
    expect(feeds[1], 0, 40);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(next_number(feeds[i], &end), -1);
        assert_int_equal(ts_feed_ack(feeds[i], end), 0);
    }
    assert_int_equal(count_files(".seg"), 1);
    ts_journal_close(&jr);

    write_batches(40, 45, "a");
    jr = open_journal();
    expect(ts_journal_feeds(jr)[0], 40, 45);
    expect(ts_journal_feeds(jr)[1], 0, 0);
    ts_journal_close(&jr);
}

static void a_removed_sink_holds_nothing_back(void **state)
{
    (void)state;
    struct ts_feed_pos end;
    write_batches(0, 40, "a,b");
    struct ts_journal *jr = open_journal();
    assert_int_equal(next_number(ts_journal_feeds(jr)[1], &end), 0);
    assert_int_equal(ts_feed_ack(ts_journal_feeds(jr)[1], end), 0);
    ts_journal_close(&jr);

    conf.nsinks = 1;
    jr = open_journal();
    expect(ts_journal_feeds(jr)[0], 0, 40);
    assert_int_equal(next_number(ts_journal_feeds(jr)[0], &end), -1);
    assert_int_equal(ts_feed_ack(ts_journal_feeds(jr)[0], end), 0);
    assert_int_equal(count_files(".seg"), 1);
    ts_journal_close(&jr);

    conf.nsinks = 2; /* added again: what is left, without a gap inside it */
    jr = open_journal();
    int64_t first = next_number(ts_journal_feeds(jr)[1], &end);
    assert_true(first > 0 && first < 40);
    expect(ts_journal_feeds(jr)[1], first + 1, 40);
    ts_journal_close(&jr);
}

static void second_daemon_is_told(void **state)
{
    (void)state;
    struct ts_journal *jr = open_journal(), *other;
    struct ts_err err;
    assert_int_equal(ts_journal_open(&conf, 1, &other, &err), -TS_EBUSY);
    assert_non_null(strstr(err.msg, "another tsaggd"));
    assert_null(other);
    ts_journal_close(&jr);
}

struct log_file {
    char path[128];
    char *bytes;
    size_t len, last; /* last: where the last record begins */
};

/* One segment of four records, in memory. */
static struct log_file make_log(void)
{
    struct log_file log = {.len = 0};
    write_batches(0, 4, "a");
    snprintf(log.path, sizeof log.path, "%s/journal/0000000000000001.seg", dir);
    int fd = open(log.path, O_RDONLY);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    log.len = (size_t)st.st_size;
    log.bytes = test_malloc(log.len);
    assert_int_equal(ts_pread_all(fd, log.bytes, log.len, 0), 0);
    struct ts_buf payload = TS_BUF_INIT;
    uint64_t next;
    for (uint64_t at = TS_SEGMENT_HEAD; ts_record_read(fd, 1, at, log.len, &payload, &next) == 0; at = next)
        log.last = at;
    ts_buf_fini(&payload);
    close(fd);
    return log;
}

static void put_log(const struct log_file *log, size_t len)
{
    int fd = open(log->path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(ts_write_all(fd, (struct ts_str){log->bytes, len}), 0);
    close(fd);
}

static void check_log(int64_t from, int64_t to)
{
    struct ts_journal *jr = open_journal();
    assert_int_equal(ts_feed_rolled_up(ts_journal_feeds(jr)[0]), points_of(from, to));
    expect(ts_journal_feeds(jr)[0], from, to);
    assert_int_equal(ts_counter_of(ts_journal_feeds(jr)[0]->cnt, TS_C_SINK_DROPPED), 0);
    ts_journal_close(&jr);
    ts_counters_free_all();
}

static void cut_at_every_byte_of_the_last_record(void **state)
{
    (void)state;
    struct log_file log = make_log();
    for (size_t len = log.last; len < log.len; len++) {
        put_log(&log, len);
        check_log(0, 3);
        struct stat st;
        assert_int_equal(stat(log.path, &st), 0);
        assert_int_equal(st.st_size, log.last); /* and the tail is gone */
    }
    put_log(&log, log.len);
    check_log(0, 4);
    for (size_t len = 0; len <= TS_SEGMENT_HEAD; len++) {
        put_log(&log, len);
        check_log(0, 0);
    }
    test_free(log.bytes);
}

/* Wherever the file ends: the whole records before that place are there, and nothing else. */
static void cut_at_every_byte(void **state)
{
    (void)state;
    struct log_file log = make_log();
    struct ts_buf payload = TS_BUF_INIT;
    uint64_t begins[5] = {TS_SEGMENT_HEAD}, next;
    put_log(&log, log.len);
    int fd = open(log.path, O_RDONLY);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(ts_record_read(fd, 1, begins[i], log.len, &payload, &next), 0);
        begins[i + 1] = next;
    }
    close(fd);
    ts_buf_fini(&payload);
    for (size_t len = 0; len <= log.len; len++) {
        int64_t whole = 0;
        while (whole < 4 && begins[whole + 1] <= len)
            whole++;
        put_log(&log, len);
        check_log(0, whole);
    }
    test_free(log.bytes);
}

/* A sealed segment is not read at start when its index says what it holds; a damaged index is of no account. */
static void index_saves_the_reading(void **state)
{
    (void)state;
    write_batches(0, 40, "a,b");
    char cmd[256];
    snprintf(cmd, sizeof cmd, "test $(ls %s/journal/*.idx | wc -l) -gt 3", dir);
    assert_int_equal(system(cmd), 0);
    struct ts_journal *jr = open_journal();
    assert_int_equal(ts_feed_rolled_up(ts_journal_feeds(jr)[1]), points_of(0, 40));
    ts_journal_close(&jr);
    ts_counters_free_all();
    /* An index that counts otherwise is believed: so the segment was not read. */
    struct segment *seg;
    jr = open_journal();
    seg = &jr->segs[0];
    uint64_t there = seg->points[1];
    seg->points[1] = there + 1000;
    ts_index_save(jr, seg);
    ts_journal_close(&jr);
    ts_counters_free_all();
    jr = open_journal();
    assert_int_equal(ts_feed_rolled_up(ts_journal_feeds(jr)[1]), points_of(0, 40) + 1000);
    ts_journal_close(&jr);
    ts_counters_free_all();
    snprintf(cmd, sizeof cmd, "for f in %s/journal/*.idx; do sed -i 's/sink b [0-9]/sink b 9/' $f; done", dir);
    assert_int_equal(system(cmd), 0);
    jr = open_journal();
    assert_int_equal(ts_feed_rolled_up(ts_journal_feeds(jr)[1]), points_of(0, 40));
    ts_journal_close(&jr);
}

static void push_and_wait(struct ts_journal *jr, struct ts_rollup_batch *batch)
{
    while (!ts_ring_push(ts_journal_input(jr, 0), batch))
        usleep(100);
    ts_bell_ring(ts_journal_bell(jr));
    uint64_t before = ts_counter_of(jr->cnt, TS_C_JOURNAL_APPENDED);
    while (ts_counter_of(jr->cnt, TS_C_JOURNAL_APPENDED) == before && ts_ring_count(ts_journal_input(jr, 0)))
        usleep(100);
}

static void push_window(struct ts_journal *jr, int64_t start_s, double value, bool correction)
{
    static struct ts_str series;
    if (series_used == 0)
        series = make_series(TS_KIND_FIELD, "m", "f", 0, NULL);
    struct ts_rollup_batch *batch = make_batch("a", start_s * TS_SEC);
    batch->correction = correction;
    batch->aggregates |= TS_AGG_BIT(completeness);
    batch->completeness = value == 3 ? 0.25 : value == 12 ? 0 : 0.5 + value / 1000;
    add_numbers(batch, series, 2, (const double[]){value, value + 1});
    push_and_wait(jr, batch);
}

/* Two minutes of 10 s windows, one of them corrected, and a part of the next: merged by hand. */
static void windows_are_merged(void **state)
{
    (void)state;
    struct ts_journal *jr = open_journal();
    start(jr);
    for (int64_t i = 0; i < 14; i++)
        push_window(jr, 60000 + 10 * i, (double)i, false);
    push_window(jr, 60010, 100, true); /* was 1 and 2 */
    assert_int_equal(ts_journal_stop(jr), 0);
    struct coarsened made;
    struct spans others = {.n = 1, .v = {{60120 * TS_SEC, 60180 * TS_SEC}}};
    bool wants[2] = {true, false};
    assert_int_equal(ts_coarsen(jr, jr->segs, jr->nsegs, wants, &others, &made), 0);
    assert_int_equal(made.read[0], 15);
    assert_int_equal(made.coarse.points[0], 2);
    assert_int_equal(made.rest.points[0], 2);
    assert_int_equal(made.coarse.points[1], 0);
    struct ts_rollup_batch *batch = ts_rollup_batch_new();
    struct ts_str payload = {made.coarse.records.p + TS_RECORD_HEAD, made.coarse.records.len};
    uint32_t len;
    memcpy(&len, made.coarse.records.p + 4, sizeof len);
    payload.len = len;
    assert_int_equal(ts_rollup_batch_decode(payload, batch), 0);
    const struct ts_stats *st = &batch->points[0].stats;
    assert_true(batch->coarse && !batch->correction && batch->start_ns == 60000 * TS_SEC && batch->end_ns == 60060 * TS_SEC);
    assert_string_equal(batch->to, "a");
    /* 0 1 | 100 101 | 2 3 | 3 4 | 4 5 | 5 6 */
    assert_true(st->count == 12 && st->min == 0 && st->max == 101 && st->last == 6 && fabs(st->sum - 234) < 1e-9);
    assert_true(batch->completeness == 0.25); /* the least */
    ts_rollup_batch_free(&batch);
    ts_coarsened_fini(&made);
    ts_journal_close(&jr);
}

/* The ten seconds of value, value and 3 value, with everything that can stand beside moments; first is -value, it has risen by 2 value. */

/* A segment of n windows of length_s with 50 series, one behind the other, as coarsening leaves it. @return bytes of a record. */
static size_t put_segment(uint64_t seq, unsigned level, int64_t start_s, int64_t length_s, unsigned n)
{
    struct ts_buf records = TS_BUF_INIT;
    char made[128], path[128];
    for (unsigned i = 0; i < n; i++) {
        struct ts_rollup_batch *batch = make_batch("a", (start_s + i * length_s) * TS_SEC);
        batch->end_ns = batch->start_ns + length_s * TS_SEC;
        for (unsigned k = 0; k < 50; k++) {
            char id[8];
            snprintf(id, sizeof id, "%u", k);
            struct ts_str series = k < series_used ? ts_buf_str(&series_pool[k])
                                                   : make_series(TS_KIND_FIELD, "m", "f", 1, (const char *const[]){"id", id});
            add_numbers(batch, series, 2, (const double[]){1, 2});
        }
        size_t at = records.len;
        assert_true(ts_record_begin(&records));
        assert_int_equal(ts_rollup_batch_encode(batch, &records), 0);
        ts_record_end(&records, at);
        ts_rollup_batch_free(&batch);
    }
    ts_record_stamp(&records, seq, TS_SEGMENT_HEAD);
    snprintf(made, sizeof made, "%s/journal", dir);
    (void)mkdir(made, 0700);
    assert_int_equal(ts_segment_write_new(made, seq, level, ts_buf_str(&records)), 0);
    snprintf(made, sizeof made, "%s/journal/%016llu.new", dir, (unsigned long long)seq);
    snprintf(path, sizeof path, "%s/journal/%016llu.seg", dir, (unsigned long long)seq);
    assert_int_equal(rename(made, path), 0);
    size_t record = records.len / n;
    ts_buf_fini(&records);
    return record;
}

/* A sink has taken the first window and is gone; there is room for so many records. */
static struct ts_journal *enforce(uint64_t bytes)
{
    struct ts_journal *jr = open_journal();
    struct ts_feed_pos end;
    assert_int_equal(next_number(ts_journal_feeds(jr)[0], &end), 60000 * TS_SEC);
    conf.journal.max_bytes = bytes;
    ts_limit_enforce(jr);
    conf.journal.max_bytes = 0;
    return jr;
}

static void check_segment(const struct ts_journal *jr, unsigned i, unsigned level, int64_t from_s, int64_t to_s)
{
    const struct segment *seg = &jr->segs[i];
    assert_true(i < jr->nsegs);
    assert_int_equal(seg->level, level);
    assert_int_equal(seg->spans.n, 1);
    assert_int_equal(seg->spans.v[0].from_ns, from_s * TS_SEC);
    assert_int_equal(seg->spans.v[0].to_ns, to_s * TS_SEC);
}

/* 16:40 is a full 10 minutes, of which the sink holds 100 s. So the segments up to 16:51, and the rest of the second minute,
 * which lies between them and the others, gain nothing; 17:00 to 17:10 does. */
static void what_is_held_does_not_end_the_search(void **state)
{
    (void)state;
    put_segment(1, 0, 60000, 10, 10);
    put_segment(2, 1, 60120, 60, 9);
    put_segment(3, 0, 60100, 10, 2);
    size_t record = put_segment(4, 1, 60660, 60, 19);
    put_segment(5, 0, 61800, 10, 1);
    struct ts_journal *jr = enforce(54 * record);
    assert_int_equal(jr->nsegs, 5);
    struct ts_journal_status status;
    ts_journal_status(jr, &status);
    assert_int_equal(status.coarsened, 9 * 50);
    assert_int_equal(status.dropped, 0);
    check_segment(jr, 3, 1, 60660, 61800);
    ts_journal_close(&jr);
}

/* The last 10 s of a minute that the sink holds are put beside the rest of it; the last of the run, whose minute goes on
 * behind it, at the end. */
static void what_is_not_merged_lies_where_it_belongs(void **state)
{
    (void)state;
    put_segment(1, 0, 60000, 10, 5);
    put_segment(2, 0, 60050, 10, 7);
    size_t record = put_segment(3, 0, 60120, 10, 6);
    put_segment(4, 2, 72000, 600, 40);
    struct ts_journal *jr = enforce(75 * record);
    check_segment(jr, 0, 0, 60000, 60050);
    check_segment(jr, 1, 0, 60050, 60060);
    check_segment(jr, 2, 1, 60060, 60180);
    ts_journal_close(&jr);
    (void)tear_down(NULL);
    (void)set_up(NULL);
    put_segment(1, 0, 60000, 10, 6);
    put_segment(2, 0, 60060, 10, 6);
    put_segment(3, 0, 60120, 10, 7);
    put_segment(4, 2, 72000, 600, 40);
    put_segment(5, 0, 60190, 10, 1);
    jr = enforce(75 * record);
    check_segment(jr, 1, 1, 60060, 60180);
    check_segment(jr, 2, 0, 60180, 60190);
    ts_journal_close(&jr);
}

static void push_extras(struct ts_journal *jr, int64_t start_s, double value, bool correction, struct ts_sketch *all, struct ts_hll *members)
{
    static struct ts_str timing, set;
    if (series_used == 0) {
        timing = make_series(TS_KIND_TIMING, "t", "", 0, NULL);
        set = make_series(TS_KIND_SET, "s", "", 0, NULL);
    }
    struct ts_rollup_batch *batch = make_batch("a", start_s * TS_SEC);
    struct ts_sketch sk;
    struct ts_hll *hll = ts_hll_new();
    size_t len[3] = {16};
    batch->correction = correction;
    batch->aggregates |= TS_AGG_BIT(first) | TS_AGG_BIT(increase) | TS_AGG_BIT(histogram) | TS_AGG_BIT(sketch);
    batch->quantiles = (struct ts_quantiles){.n = 1, .q = {TS_QUANTILE_ONE / 2}};
    batch->buckets = (struct ts_buckets){.n = 1, .bounds = {10}};
    ts_sketch_init(&sk, 2048);
    for (unsigned i = 0; i < 3; i++) {
        double v = i < 2 ? value : 3 * value;
        assert_true(ts_sketch_add(&sk, v, 1) && (!all || ts_sketch_add(all, v, 1)));
        uint64_t member = ts_hash(&v, sizeof v);
        assert_true(ts_hll_add(hll, member) && (!members || ts_hll_add(members, member)));
    }
    char *counts = ts_buf_reserve(&batch->texts, 16);
    ts_le_put_double(counts, (value <= 10) * 2 + (3 * value <= 10));
    ts_le_put_double(counts + 8, (value > 10) * 2 + (3 * value > 10));
    batch->texts.len = 16;
    assert_int_equal(ts_sketch_encode(&sk, &batch->texts), 0);
    len[1] = batch->texts.len - 16;
    assert_int_equal(ts_hll_encode(hll, &batch->texts), 0);
    len[2] = batch->texts.len - 16 - len[1];
    const char *texts = batch->texts.p;
    add_numbers(batch, timing, 3, (const double[]){value, value, 3 * value});
    batch->points[0].first = -value;
    batch->points[0].increase = 2 * value;
    batch->points[0].histogram = (struct ts_str){texts, 16};
    batch->points[0].sketch = (struct ts_str){texts + 16, len[1]};
    batch->points[batch->n++] = (struct ts_rollup){
        .series = set, .stats.count = 3, .distinct = 2, .last_text = TS_STR(""), .sketch = {texts + 16 + len[1], len[2]}};
    ts_sketch_fini(&sk);
    ts_hll_free(&hll);
    push_and_wait(jr, batch);
}

/* Windows of a minute that hold more than moments: sketches are those of all samples, to the byte. */
static void what_stands_beside_moments_is_merged(void **state)
{
    (void)state;
    struct ts_journal *jr = open_journal();
    struct ts_sketch all;
    struct ts_hll *members = ts_hll_new();
    struct ts_buf sketch = TS_BUF_INIT, hll = TS_BUF_INIT;
    ts_sketch_init(&all, 2048);
    start(jr);
    push_extras(jr, 60000, 1000, false, NULL, NULL);
    for (int64_t i = 1; i < 6; i++)
        push_extras(jr, 60000 + 10 * i, (double)i + 1, false, &all, members);
    push_extras(jr, 60000, 50, true, &all, members); /* instead of 1000 */
    assert_int_equal(ts_journal_stop(jr), 0);
    assert_int_equal(ts_sketch_encode(&all, &sketch), 0);
    assert_int_equal(ts_hll_encode(members, &hll), 0);
    struct coarsened made;
    struct spans others = {.n = 0};
    bool wants[2] = {true, false};
    assert_int_equal(ts_coarsen(jr, jr->segs, jr->nsegs, wants, &others, &made), 0);
    assert_int_equal(made.coarse.points[0], 2);
    assert_int_equal(made.rest.points[0], 0);
    struct ts_rollup_batch *batch = ts_rollup_batch_new();
    uint32_t len;
    memcpy(&len, made.coarse.records.p + 4, sizeof len);
    assert_int_equal(ts_rollup_batch_decode((struct ts_str){made.coarse.records.p + TS_RECORD_HEAD, len}, batch), 0);
    assert_true(batch->coarse && batch->n == 2 && batch->quantiles.n == 1 && batch->buckets.n == 1);
    bool first_is_set = batch->points[0].series.p[0] == TS_KIND_SET;
    const struct ts_rollup *pt = &batch->points[first_is_set], *users = &batch->points[!first_is_set];
    assert_true(pt->stats.count == 18 && pt->stats.max == 150 && pt->first == -50 && pt->increase == 2 * (50 + 2 + 3 + 4 + 5 + 6));
    /* 2 2 6, 3 3 9 | 4 4 12, 5 5 15, 6 6 18 | 50 50 150: up to 10 are 12 */
    assert_true(ts_le_get_double(pt->histogram.p) == 12 && ts_le_get_double(pt->histogram.p + 8) == 6);
    assert_true(ts_str_eq(pt->sketch, ts_buf_str(&sketch)));
    assert_true(users->stats.count == 18 && ts_str_eq(users->sketch, ts_buf_str(&hll)));
    assert_true(users->distinct == 11); /* 2 to 6, 9, 12, 15, 18, 50, 150; 6 is there twice */
    ts_rollup_batch_free(&batch);
    ts_coarsened_fini(&made);
    ts_journal_close(&jr);
    ts_sketch_fini(&all);
    ts_hll_free(&members);
    ts_buf_fini(&sketch);
    ts_buf_fini(&hll);
}

/* Of a window of which only a correction is there the rest was delivered: it is not made part of a coarser one. */
static void an_orphan_is_not_merged(void **state)
{
    (void)state;
    struct ts_journal *jr = open_journal();
    start(jr);
    push_window(jr, 60000, 1, true);
    for (int64_t i = 1; i < 12; i++)
        push_window(jr, 60000 + 10 * i, 1, false);
    assert_int_equal(ts_journal_stop(jr), 0);
    struct coarsened made;
    struct spans others = {.n = 0};
    bool wants[2] = {true, true};
    assert_int_equal(ts_coarsen(jr, jr->segs, jr->nsegs, wants, &others, &made), 0);
    assert_int_equal(made.rest.points[0], 6);   /* the first minute */
    assert_int_equal(made.coarse.points[0], 1); /* the second */
    ts_coarsened_fini(&made);
    ts_journal_close(&jr);
}

static void replacement_is_ended_after_a_crash(void **state)
{
    (void)state;
    write_batches(0, 40, "a");
    char path[128], text[32];
    snprintf(path, sizeof path, "%s/journal", dir);
    struct ts_journal *jr = open_journal();
    uint64_t end = jr->segs[1].end, last = jr->segs[jr->nsegs - 1].seq;
    struct ts_buf bytes = TS_BUF_INIT;
    int fd = ts_segment_open(path, 2);
    char *to = ts_buf_reserve(&bytes, end);
    assert_int_equal(ts_pread_all(fd, to, end, 0), 0);
    close(fd);
    ts_journal_close(&jr);
    ts_counters_free_all();
    /* The records of segment 2 alone in place of 2 … last, but the crash came before the renaming. */
    assert_int_equal(ts_segment_write_new(path, 2, 1, (struct ts_str){to + TS_SEGMENT_HEAD, end - TS_SEGMENT_HEAD}), 0);
    jr = open_journal(); /* without the plan the new file means nothing */
    assert_int_equal(ts_feed_rolled_up(ts_journal_feeds(jr)[0]), points_of(0, 40));
    ts_journal_close(&jr);
    ts_counters_free_all();
    assert_int_equal(ts_segment_write_new(path, 2, 1, (struct ts_str){to + TS_SEGMENT_HEAD, end - TS_SEGMENT_HEAD}), 0);
    snprintf(text, sizeof text, "2 %llu 1\n", (unsigned long long)last);
    strncat(path, "/replace", sizeof path - strlen(path) - 1);
    assert_int_equal(ts_file_replace(path, ts_str_of(text)), 0);
    jr = open_journal();
    assert_int_equal(jr->nsegs, 2);
    assert_int_equal(jr->segs[1].level, 1);
    assert_int_equal(access(path, F_OK), -1);
    struct ts_feed_pos pos;
    unsigned n = 0;
    while (next_number(ts_journal_feeds(jr)[0], &pos) == (int64_t)n)
        n++;
    assert_true(n > 1 && n < 40);
    assert_int_equal(ts_feed_rolled_up(ts_journal_feeds(jr)[0]), points_of(0, n));
    ts_buf_fini(&bytes);
    ts_journal_close(&jr);
}

static void flip_every_byte_of_the_last_record(void **state)
{
    (void)state;
    struct log_file log = make_log();
    for (size_t i = log.last; i < log.len; i++) {
        log.bytes[i] = (char)~log.bytes[i];
        put_log(&log, log.len);
        check_log(0, 3);
        log.bytes[i] = (char)~log.bytes[i];
    }
    test_free(log.bytes);
}

static void after_a_torn_tail_writing_goes_on(void **state)
{
    (void)state;
    struct log_file log = make_log();
    put_log(&log, log.len - 1);
    write_batches(3, 8, "a");
    check_log(0, 8);
    test_free(log.bytes);
}

static void damage_in_the_middle_is_passed_over(void **state)
{
    (void)state;
    struct log_file log = make_log();
    for (size_t i = TS_SEGMENT_HEAD; i < log.last; i++) {
        log.bytes[i] ^= 0x10;
        put_log(&log, log.len);
        log.bytes[i] ^= 0x10;
        struct ts_journal *jr = open_journal();
        struct ts_feed *feed = ts_journal_feeds(jr)[0];
        struct ts_feed_pos end;
        unsigned n = 0;
        for (int64_t former = -1, number; (number = next_number(feed, &end)) != -1; former = number, n++)
            assert_true(number > former);
        assert_int_equal(n, 3);
        assert_int_equal(ts_counter_of(feed->cnt, TS_C_JOURNAL_DAMAGED), 1);
        assert_int_equal(ts_counter_of(feed->cnt, TS_C_SINK_DROPPED), 0);
        ts_journal_close(&jr);
        ts_counters_free_all();
    }
    test_free(log.bytes);
}

static void damage_after_counting_is_dropped_in_the_ledger(void **state)
{
    (void)state;
    struct log_file log = make_log();
    struct ts_journal *jr = open_journal();
    struct ts_feed *feed = ts_journal_feeds(jr)[0];
    log.bytes[log.last - 1] ^= 1; /* in batch 2, of 3 points */
    put_log(&log, log.len);
    struct ts_feed_pos end;
    assert_int_equal(next_number(feed, &end), 0);
    assert_int_equal(next_number(feed, &end), 1);
    assert_int_equal(next_number(feed, &end), 3);
    assert_int_equal(next_number(feed, &end), -1);
    assert_int_equal(ts_feed_rolled_up(feed), points_of(0, 4));
    assert_int_equal(ts_counter_of(feed->cnt, TS_C_SINK_DROPPED), 3);
    ts_journal_close(&jr);
    test_free(log.bytes);
}

static void damaged_header_and_cursor(void **state)
{
    (void)state;
    struct log_file log = make_log();
    log.bytes[9] ^= 1;
    put_log(&log, log.len);
    char path[128];
    snprintf(path, sizeof path, "%s/journal/a.cursor", dir);
    static const char *const cursors[] = {"", "1", "1 32", "x 32\n", "1 -1\n", "99999999999999999999 1\n"};
    for (size_t i = 0; i < TS_ARRAY_SIZE(cursors); i++) {
        assert_int_equal(ts_file_replace(path, ts_str_of(cursors[i])), 0);
        check_log(0, 4);
    }
    assert_int_equal(ts_file_replace(path, TS_STR("1 1000000\n")), 0);
    check_log(0, 0);
    test_free(log.bytes);
}

static void newer_version_stops_the_start(void **state)
{
    (void)state;
    write_batches(0, 1, "a");
    char path[128];
    snprintf(path, sizeof path, "%s/journal/0000000000000001.seg", dir);
    int fd = open(path, O_RDWR);
    char head[TS_SEGMENT_HEAD];
    assert_int_equal(ts_pread_all(fd, head, sizeof head, 0), 0);
    head[8] = 2;
    uint64_t sum = ts_hash(head, 24);
    memcpy(head + 24, &sum, sizeof sum);
    assert_int_equal(ts_pwrite_all(fd, (struct ts_str){head, sizeof head}, 0), 0);
    close(fd);
    struct ts_journal *jr;
    struct ts_err err;
    assert_int_equal(ts_journal_open(&conf, 1, &jr, &err), -TS_EINVAL);
    assert_non_null(strstr(err.msg, "version"));
}

static void long_batch_is_split(void **state)
{
    (void)state;
    struct ts_journal *jr = open_journal();
    start(jr);
    char *name = test_malloc(60001);
    memset(name, 'n', 60000);
    name[60000] = 0;
    struct ts_str series = make_series(TS_KIND_GAUGE, name, "", 0, NULL);
    struct ts_rollup_batch *batch = make_batch("a", 1);
    for (unsigned i = 0; i < 1000; i++) /* 60 MB */
        add_numbers(batch, series, 1, (const double[]){1});
    assert_true(ts_ring_push(ts_journal_input(jr, 0), batch));
    assert_int_equal(ts_journal_stop(jr), 0);
    struct ts_str bytes;
    struct ts_feed_pos end;
    struct ts_rollup_head head;
    unsigned records = 0, points = 0;
    for (; ts_feed_next(ts_journal_feeds(jr)[0], &bytes, &end) == 0; records++) {
        assert_int_equal(ts_rollup_head_decode(bytes, &head), 0);
        points += head.n;
    }
    assert_int_equal(points, 1000);
    assert_int_equal(records, 4);
    test_free(name);
    ts_journal_close(&jr);
}

/* No room on the disk, played by a limit on the size of files. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_disk_keeps_what_it_can(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    struct ts_journal *jr = open_journal();
    struct ts_feed *feed = ts_journal_feeds(jr)[0];
    start(jr);
    push(jr, 0, "a");
    while (ts_counter_of(jr->cnt, TS_C_JOURNAL_APPENDED) == 0)
        usleep(100);
    limit_files(300);
    for (int64_t i = 1; i < 600; i++) /* more than the ring holds: the journal must go on taking */
        push(jr, i, "a");
    while (ts_counter_of(jr->cnt, TS_C_JOURNAL_ERRORS) == 0)
        usleep(100);
    assert_true(ts_feed_rolled_up(feed) < points_of(0, 600));
    limit_files(RLIM_INFINITY);
    while (ts_counter_of(jr->cnt, TS_C_JOURNAL_APPENDED) < points_of(0, 600))
        usleep(1000);
    expect(feed, 0, 600);

    limit_files(300);
    push(jr, 600, "a"); /* and when it stays full until the end, that is counted */
    push(jr, 601, "a");
    push(jr, 602, "a");
    assert_int_equal(ts_journal_stop(jr), -TS_EIO);
    assert_int_equal(ts_counter_of(jr->cnt, TS_C_ROLLUPS_LOST) + ts_feed_rolled_up(feed), points_of(0, 603));
    limit_files(RLIM_INFINITY);
    ts_journal_close(&jr);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(two_readers_each_see_all),
        TEST(cursor_survives_and_segments_go),
        TEST(a_removed_sink_holds_nothing_back),
        TEST(second_daemon_is_told),
        TEST(cut_at_every_byte_of_the_last_record),
        TEST(cut_at_every_byte),
        TEST(flip_every_byte_of_the_last_record),
        TEST(after_a_torn_tail_writing_goes_on),
        TEST(damage_in_the_middle_is_passed_over),
        TEST(damage_after_counting_is_dropped_in_the_ledger),
        TEST(damaged_header_and_cursor),
        TEST(newer_version_stops_the_start),
        TEST(index_saves_the_reading),
        TEST(windows_are_merged),
        TEST(what_is_held_does_not_end_the_search),
        TEST(what_is_not_merged_lies_where_it_belongs),
        TEST(what_stands_beside_moments_is_merged),
        TEST(an_orphan_is_not_merged),
        TEST(replacement_is_ended_after_a_crash),
        TEST(long_batch_is_split),
        TEST(full_disk_keeps_what_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
