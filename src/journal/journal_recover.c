/*
 * What a start finds in the folder: cuts the end that a crash has torn, places each sink's reader at its
 * cursor, counts the points between there and the end. Thread: main, before any other runs. Damage in the
 * middle is left to the readers, who count it; what cannot be read at all stops the start.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/log.h"
#include "core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Leaves out files that hold no record: made, and then the machine stopped. */
static void remove_empty(struct ts_journal *jr)
{
    for (unsigned i = 0; i < jr->nsegs; i++) {
        if (jr->segs[i].end <= TS_SEGMENT_HEAD)
            ts_segment_remove(jr->dir, jr->segs[i].seq);
        else
            continue;
        ts_segment_forget(jr, i--, 1);
    }
}

static int check_head(struct segment *seg, int fd, struct ts_err *err)
{
    int rc = ts_segment_check_head(fd, seg->seq, &seg->level);
    if (rc == -TS_EINVAL)
        return ts_fail(err, TS_EINVAL,
                       "journal segment %llu is of another version: start the tsaggd that wrote it once more "
                       "and let it deliver",
                       (unsigned long long)seg->seq);
    if (rc == -TS_EIO)
        return ts_fail_errno(err, TS_EIO, "cannot read journal segment %llu", (unsigned long long)seg->seq);
    if (rc == -TS_ECORRUPT) /* its records speak for themselves: their checksums hold the sequence */
        ts_log(TS_LOG_WARN, "journal_damaged", "stage=journal segment=%llu offset=0 what=header",
               (unsigned long long)seg->seq);
    return 0;
}

/* Cuts what follows the last intact record; seg->end becomes the cut. */
static int cut_tail(struct segment *seg, int fd, struct ts_buf *payload, struct ts_err *err)
{
    uint64_t at = TS_SEGMENT_HEAD, intact_end = at, next;
    int rc;
    while ((rc = ts_record_read(fd, seg->seq, at, seg->end, payload, &next)) == 0 || rc == -TS_ECORRUPT) {
        if (rc == 0)
            intact_end = next;
        at = next;
    }
    if (rc != -TS_EAGAIN)
        return ts_fail_errno(err, (enum ts_error) - rc, "cannot read journal segment %llu",
                             (unsigned long long)seg->seq);
    if (intact_end == seg->end)
        return 0;
    ts_log(TS_LOG_WARN, "journal_tail_cut", "stage=journal segment=%llu offset=%llu bytes=%llu",
           (unsigned long long)seg->seq, (unsigned long long)intact_end,
           (unsigned long long)(seg->end - intact_end));
    if (ftruncate(fd, (off_t)intact_end) != 0 || fdatasync(fd) != 0)
        return ts_fail_errno(err, TS_EIO, "cannot cut journal segment %llu", (unsigned long long)seg->seq);
    seg->end = intact_end;
    return 0;
}

/* A cursor that points nowhere starts where the log does, or at the end of its segment: rather twice than
 * never. */
static void place(struct ts_journal *jr, struct reader *rd)
{
    struct ts_feed_pos pos = {0, 0};
    if (ts_cursor_load(jr->dir, rd->feed.name, &pos) == -TS_ECORRUPT)
        ts_log(TS_LOG_WARN, "cursor_damaged", "stage=journal sink=%s starts=oldest", rd->feed.name);
    unsigned i = 0;
    while (i < jr->nsegs && jr->segs[i].seq < pos.segment)
        i++;
    if (i < jr->nsegs && jr->segs[i].seq == pos.segment)
        pos.offset = TS_MAX(TS_MIN(pos.offset, jr->segs[i].end), (uint64_t)TS_SEGMENT_HEAD);
    else if (i < jr->nsegs)
        pos = (struct ts_feed_pos){jr->segs[i].seq, TS_SEGMENT_HEAD};
    jr->seq = TS_MAX(jr->seq, pos.segment);
    rd->at = rd->saved = pos;
}

/* Reads what the segment holds, and by reader what of it is still to be delivered. */
static int count_segment(struct ts_journal *jr, struct segment *seg, int fd, struct ts_buf *payload)
{
    struct ts_feed_pos pos = {seg->seq, TS_SEGMENT_HEAD};
    uint64_t next;
    int rc;
    memset(seg->points, 0, jr->nreaders * sizeof *seg->points);
    seg->spans.n = 0;
    while ((rc = ts_record_read(fd, seg->seq, pos.offset, seg->end, payload, &next)) == 0 ||
           rc == -TS_ECORRUPT) {
        struct ts_rollup_head head;
        if (rc == 0 && ts_rollup_head_decode(ts_buf_str(payload), &head) == 0) {
            ts_spans_add(&seg->spans, head.start_ns, head.end_ns);
            for (unsigned i = 0; i < jr->nreaders; i++) {
                struct reader *rd = &jr->readers[i];
                if (!ts_rollup_is_for(head.to, ts_str_of(rd->feed.name)))
                    continue;
                seg->points[i] += head.n;
                if (!ts_feed_pos_before(pos, rd->at))
                    ts_count(rd->rolled, TS_C_SINK_ROLLED_UP, head.n);
            }
        }
        pos.offset = next;
    }
    return rc == -TS_EAGAIN ? 0 : rc;
}

/* Whether a reader stands in the middle of it: what is left of it has to be counted. */
static bool is_begun(const struct ts_journal *jr, const struct segment *seg)
{
    for (unsigned i = 0; i < jr->nreaders; i++) {
        const struct reader *rd = &jr->readers[i];
        if (rd->at.segment == seg->seq && rd->at.offset > TS_SEGMENT_HEAD && rd->at.offset < seg->end)
            return true;
    }
    return false;
}

/* Takes the index's word for what a sealed segment holds. @return false: read it. */
static bool count_by_index(struct ts_journal *jr, struct segment *seg)
{
    if (is_begun(jr, seg) || ts_index_load(jr, seg) != 0)
        return false;
    for (unsigned i = 0; i < jr->nreaders; i++) {
        struct reader *rd = &jr->readers[i];
        if (ts_feed_pos_before(rd->at, (struct ts_feed_pos){seg->seq, seg->end}))
            ts_count(rd->rolled, TS_C_SINK_ROLLED_UP, seg->points[i]);
    }
    return true;
}

static bool somebody_needs(const struct ts_journal *jr, const struct segment *seg)
{
    struct ts_feed_pos end = {seg->seq, seg->end};
    for (unsigned i = 0; i < jr->nreaders; i++) {
        if (ts_feed_pos_before(jr->readers[i].at, end))
            return true;
    }
    return false;
}

static void tell_unused_cursors(const struct ts_journal *jr)
{
    DIR *dir = opendir(jr->dir);
    if (!dir)
        return;
    for (struct dirent *ent; (ent = readdir(dir));) {
        struct ts_str name = ts_str_of(ent->d_name);
        if (name.len <= 7 || strcmp(name.p + name.len - 7, ".cursor") != 0)
            continue;
        name.len -= 7;
        unsigned i = 0;
        while (i < jr->nreaders && !ts_str_eq(name, ts_str_of(jr->readers[i].feed.name)))
            i++;
        if (i == jr->nreaders)
            ts_log(TS_LOG_WARN, "cursor_unused",
                   "stage=journal sink=%s what=\"no such sink is configured; nothing is kept for it\"",
                   ts_log_quote(name).z);
    }
    closedir(dir);
}

int ts_journal_recover(struct ts_journal *jr, struct ts_err *err)
{
    struct ts_buf payload = TS_BUF_INIT;
    ts_segment_finish_replace(jr->dir);
    int rc = ts_segment_list(jr, err);
    if (rc != 0)
        return rc;
    jr->seq = jr->nsegs ? jr->segs[jr->nsegs - 1].seq : 0;
    remove_empty(jr);
    for (unsigned i = 0; i < jr->nreaders; i++)
        place(jr, &jr->readers[i]);
    for (unsigned i = 0; i < jr->nsegs && rc == 0; i++) {
        struct segment *seg = &jr->segs[i];
        bool last = i + 1 == jr->nsegs;
        if (!last && !somebody_needs(jr, seg))
            continue;
        int fd = ts_segment_open(jr->dir, seg->seq);
        if (fd < 0) {
            rc = ts_fail_errno(err, TS_EIO, "cannot open journal segment %llu", (unsigned long long)seg->seq);
            break;
        }
        rc = check_head(seg, fd, err);
        if (rc == 0 && last)
            rc = cut_tail(seg, fd, &payload, err);
        if (rc == 0 && !last && count_by_index(jr, seg)) {
            close(fd);
            continue;
        }
        if (rc == 0 && (rc = count_segment(jr, seg, fd, &payload)) != 0)
            rc = ts_fail_errno(err, (enum ts_error) - rc, "cannot read journal segment %llu",
                               (unsigned long long)seg->seq);
        if (rc == 0)
            ts_index_save(jr, seg);
        close(fd);
    }
    ts_buf_fini(&payload);
    tell_unused_cursors(jr);
    return rc;
}

/* Whether what was at `from` is there: its segment, unless that held no record then. */
static bool is_whole(const struct ts_journal *jr, struct ts_feed_pos from)
{
    unsigned i = 0;
    while (i < jr->nsegs && jr->segs[i].seq < from.segment)
        i++;
    return i == jr->nsegs || jr->segs[i].seq == from.segment || from.offset <= TS_SEGMENT_HEAD;
}

int ts_journal_scan(struct ts_journal *jr, struct ts_feed_pos from, ts_journal_scan_fn *fn, void *arg)
{
    struct ts_buf payload = TS_BUF_INIT;
    int rc = 0;
    for (unsigned i = 0; i < jr->nsegs && rc == 0; i++) {
        const struct segment *seg = &jr->segs[i];
        uint64_t at = seg->seq == from.segment ? TS_MAX(from.offset, (uint64_t)TS_SEGMENT_HEAD) : TS_SEGMENT_HEAD, next;
        if (seg->seq < from.segment || at >= seg->end)
            continue;
        int fd = ts_segment_open(jr->dir, seg->seq);
        if (fd < 0) {
            rc = -TS_EIO;
            break;
        }
        for (; (rc = ts_record_read(fd, seg->seq, at, seg->end, &payload, &next)) == 0 || rc == -TS_ECORRUPT; at = next)
            if (rc == 0)
                fn(arg, ts_buf_str(&payload));
        rc = rc == -TS_EAGAIN ? 0 : rc;
        close(fd);
    }
    ts_buf_fini(&payload);
    return rc == 0 && !is_whole(jr, from) ? -TS_ENOTFOUND : rc;
}
