/*
 * A sink's place in the log: durable records to feed items, and the cursor file. Thread: the sink's; takes
 * the journal's lock only to learn how far the log is durable and to say what may be deleted. Damaged records
 * are passed over and counted; their points count as dropped once the reader has caught up, where what was
 * given must equal what was rolled up.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/file.h"
#include "core/log.h"
#include "core/num.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct cursor_path {
    char z[PATH_MAX];
};

static struct cursor_path path_of(const char *dir, const char *name)
{
    struct cursor_path path;
    snprintf(path.z, sizeof path.z, "%s/%s.cursor", dir, name);
    return path;
}

int ts_cursor_load(const char *dir, const char *name, struct ts_feed_pos *out)
{
    char text[64];
    int fd = open(path_of(dir, name).z, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -TS_ENOTFOUND;
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    const char *blank = n > 0 ? memchr(text, ' ', (size_t)n) : NULL;
    if (!blank || text[n - 1] != '\n')
        return -TS_ECORRUPT;
    struct ts_feed_pos pos;
    if (ts_num_read_uint((struct ts_str){text, (size_t)(blank - text)}, &pos.segment) != 0 ||
        ts_num_read_uint((struct ts_str){blank + 1, (size_t)(text + n - 1 - (blank + 1))}, &pos.offset) != 0)
        return -TS_ECORRUPT;
    *out = pos;
    return 0;
}

/* The rename itself may be lost with the power: then the points go out once more, which changes nothing. */
static int cursor_save(const char *dir, const char *name, struct ts_feed_pos pos)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)pos.segment,
                     (unsigned long long)pos.offset);
    return ts_file_replace(path_of(dir, name).z, (struct ts_str){text, (size_t)n});
}

/* Moves a position from the end of a segment to the beginning of the next one there is. *end is how far its
 * segment is durable. @return false when nothing durable follows it. Under the lock. */
static bool settle(const struct ts_journal *jr, struct ts_feed_pos *pos, uint64_t *end)
{
    for (unsigned i = 0; i < jr->nsegs; i++) {
        const struct segment *seg = &jr->segs[i];
        if (seg->seq < pos->segment)
            continue;
        if (seg->seq > pos->segment) {
            if (seg->seq >= jr->claim_from && seg->seq <= jr->claim_to)
                return false; /* the bell is rung when it is there again */
            *pos = (struct ts_feed_pos){seg->seq, TS_SEGMENT_HEAD};
        }
        *end = seg->end;
        if (pos->offset < seg->end)
            return true;
    }
    return false;
}

static int open_segment(struct reader *rd)
{
    if (rd->fd >= 0 && rd->fd_seq == rd->at.segment)
        return 0;
    if (rd->fd >= 0)
        close(rd->fd);
    rd->fd = ts_segment_open(rd->jr->dir, rd->at.segment);
    rd->fd_seq = rd->at.segment;
    return rd->fd < 0 ? -TS_EIO : 0;
}

static void tell(const struct reader *rd, enum ts_log_level level, const char *event, const char *what)
{
    ts_log(level, event, "stage=journal sink=%s segment=%llu offset=%llu what=%s", rd->feed.name,
           (unsigned long long)rd->at.segment, (unsigned long long)rd->at.offset, ts_log_quote_z(what));
}

/* All that is durable was read: what was counted when it became so and was not given is lost. */
static void settle_losses(struct reader *rd, uint64_t rolled_up, uint64_t gone)
{
    uint64_t accounted = rd->given + rd->lost + gone;
    if (rolled_up <= accounted)
        return;
    uint64_t lost = rolled_up - accounted;
    rd->lost += lost;
    ts_count(rd->feed.cnt, TS_C_SINK_DROPPED, lost);
    ts_log(TS_LOG_ERROR, "journal_lost",
           "stage=journal sink=%s points=%llu what=\"damaged on disk before they were delivered\"",
           rd->feed.name, (unsigned long long)lost);
}

static int reader_next(struct ts_feed *feed, struct ts_str *bytes, struct ts_feed_pos *end_pos)
{
    struct reader *rd = (struct reader *)feed; /* its first member */
    for (;;) {
        uint64_t end = 0, next = 0;
        pthread_mutex_lock(&rd->jr->lock);
        bool more = settle(rd->jr, &rd->at, &end);
        uint64_t rolled_up = ts_counter_of(rd->rolled, TS_C_SINK_ROLLED_UP), gone = rd->gone;
        bool claimed = rd->jr->claim_from > 0;
        pthread_mutex_unlock(&rd->jr->lock);
        *end_pos = rd->at;
        if (!more) {
            if (!claimed)
                settle_losses(rd, rolled_up, gone);
            return -TS_EAGAIN;
        }
        int rc = open_segment(rd);
        if (rc == 0)
            rc = ts_record_read(rd->fd, rd->at.segment, rd->at.offset, end, &rd->payload, &next);
        struct ts_rollup_head head;
        if (rc == 0)
            rc = ts_rollup_head_decode(ts_buf_str(&rd->payload), &head);
        if (rc == -TS_ECORRUPT) {
            ts_count(feed->cnt, TS_C_JOURNAL_DAMAGED, 1);
            tell(rd, TS_LOG_ERROR, "journal_damaged", "record passed over");
        } else if (rc != 0) {
            tell(rd, TS_LOG_ERROR, "journal_read_failed", rc == -TS_EIO ? strerror(errno) : ts_strerror(rc));
            return rc;
        }
        rd->at.offset = next;
        if (rc == 0 && ts_rollup_is_for(head.to, ts_str_of(feed->name))) {
            rd->given += head.n;
            *bytes = ts_buf_str(&rd->payload);
            *end_pos = rd->at;
            return 0;
        }
    }
}

static int reader_ack(struct ts_feed *feed, struct ts_feed_pos pos)
{
    struct reader *rd = (struct reader *)feed;
    struct ts_journal *jr = rd->jr;
    uint64_t end;
    pthread_mutex_lock(&jr->lock);
    settle(jr, &pos, &end);
    bool moved = ts_feed_pos_before(rd->saved, pos);
    pthread_mutex_unlock(&jr->lock);
    if (!moved)
        return 0;
    if (cursor_save(jr->dir, feed->name, pos) != 0) {
        ts_log(TS_LOG_ERROR, "cursor_failed", "stage=journal sink=%s error=%s", feed->name,
               ts_log_quote_z(strerror(errno)));
        return -TS_EIO;
    }
    pthread_mutex_lock(&jr->lock);
    rd->saved = pos;
    ts_segment_trim(jr);
    pthread_mutex_unlock(&jr->lock);
    return 0;
}

static uint64_t reader_count(const struct ts_feed *feed, enum ts_counter id)
{
    return ts_counter_of(feed->cnt, id) + ts_counter_of(((const struct reader *)feed)->rolled, id);
}

const struct ts_feed_ops ts_journal_feed_ops = {reader_next, reader_ack, reader_count};
