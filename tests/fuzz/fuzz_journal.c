/*
 * Any bytes as a journal: with an odd first byte as the index of a sealed segment, otherwise as the records of a segment, behind a
 * header that is right. Opening, reading for a sink and scanning end, and agree on what there is.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/counters.h"
#include "core/log.h"
#include "core/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void remove_dir(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        perror(dir);
}

static void make_dir(void)
{
    bool quick = access("/dev/shm", W_OK) == 0;
    snprintf(dir, sizeof dir, "%s/tsagg-fuzz-XXXXXX", quick ? "/dev/shm" : "/tmp");
    TS_ASSERT(mkdtemp(dir));
    atexit(remove_dir);
    ts_log_set_level(TS_LOG_ERROR + 1);
}

static void write_file(const char *name, const void *p, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s/journal/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    TS_ASSERT(fd >= 0 && write(fd, p, len) == (ssize_t)len);
    close(fd);
}

/* The input as records: each begins with two bytes of its length, and gets a checksum that is right unless these say otherwise. */
static void put_records(struct ts_buf *out, const uint8_t *data, size_t size, uint64_t seq)
{
    while (size >= 2) {
        size_t n = TS_MIN((size_t)(data[0] | (data[1] & 0x3f) << 8), size - 2), from = out->len;
        struct ts_buf one = TS_BUF_INIT;
        if (data[1] & 0x80 || n == 0 || !ts_record_begin(&one)) {
            ts_buf_put(out, data + 2, n); /* no record at all */
        } else {
            ts_buf_put(&one, data + 2, n);
            ts_record_end(&one, 0);
            ts_record_stamp(&one, seq, TS_SEGMENT_HEAD + from + (data[1] >> 6 & 1));
            ts_buf_put_str(out, ts_buf_str(&one));
        }
        ts_buf_fini(&one);
        data += 2 + n;
        size -= 2 + n;
    }
}

static void write_segment(uint64_t seq, struct ts_str records)
{
    char folder[128];
    snprintf(folder, sizeof folder, "%s/journal", dir);
    (void)!access(folder, F_OK);
    ts_segment_remove(folder, seq);
    int fd = ts_segment_create(folder, seq);
    TS_ASSERT(fd >= 0);
    TS_ASSERT(!records.len || pwrite(fd, records.p, records.len, TS_SEGMENT_HEAD) == (ssize_t)records.len);
    close(fd);
}

static void count(void *arg, struct ts_str bytes)
{
    TS_ASSERT(bytes.len > 0);
    ++*(uint64_t *)arg;
}

static void open_and_read(struct ts_conf *conf)
{
    struct ts_journal *jr;
    struct ts_err err;
    uint64_t scanned = 0, given = 0;
    struct ts_str bytes;
    struct ts_feed_pos end;
    if (ts_journal_open(conf, 1, &jr, &err) != 0)
        return;
    TS_ASSERT(ts_journal_scan(jr, (struct ts_feed_pos){0, 0}, count, &scanned) == 0);
    struct ts_feed *feed = ts_journal_feeds(jr)[0];
    while (ts_feed_next(feed, &bytes, &end) == 0)
        given++;
    TS_ASSERT(given <= scanned);
    ts_journal_close(&jr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_conf_sink sink = {.name = (char *)"out", .type = (char *)"file"};
    struct ts_conf conf = {.state_dir = dir, .nsinks = 1, .sinks = &sink};
    struct ts_buf records = TS_BUF_INIT;
    char folder[128];
    if (!dir[0])
        make_dir();
    snprintf(folder, sizeof folder, "%s/journal", dir);
    if (access(folder, F_OK) != 0 && mkdir(folder, 0700) != 0)
        abort();
    bool index = size && data[0] & 1;
    if (size && !index)
        put_records(&records, data + 1, size - 1, 1);
    write_segment(1, ts_buf_str(&records));
    write_segment(2, TS_STR(""));
    if (index)
        write_file("0000000000000001.idx", data + 1, size - 1);
    open_and_read(&conf);
    write_segment(2, ts_buf_str(&records)); /* the same bytes in another's place: none of them is a record */
    ts_segment_remove(folder, 1);
    open_and_read(&conf);
    ts_segment_remove(folder, 2);
    ts_buf_fini(&records);
    ts_counters_free_all();
    return 0;
}
