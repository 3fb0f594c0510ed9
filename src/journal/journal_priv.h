#ifndef TS_JOURNAL_PRIV_H
#define TS_JOURNAL_PRIV_H
/*
 * Inside the journal. Layouts, little-endian:
 *
 *   segment header, 32 bytes: u64 "TSJRNL\r\n" | u32 version | u32 0 | u64 sequence | u64 XXH3-64 of the 24
 * bytes before record: u32 magic | u32 length of payload | u64 XXH3-64 of payload, seeded with sequence and
 * offset | payload
 *
 * The seed makes a record valid in its own place only, so that what a failed write or an older file left
 * behind is never taken for one. A segment is appended to by the run that made it and never again. Below its
 * `end` it is durable and does not change.
 */
#include "core/thread.h"
#include "journal/journal.h"

#define TS_SEGMENT_HEAD    32
#define TS_SEGMENT_MAX     (64u << 20) /* bytes after which the next flush begins another */
#define TS_SEGMENT_VERSION 1
#define TS_RECORD_HEAD     16
#define TS_RECORD_MAX      TS_ROLLUP_ENCODED_MAX

struct segment {
    uint64_t seq, end;
};

struct reader {
    struct ts_feed feed;
    struct ts_journal *jr;
    struct ts_counters *rolled; /* SINK_ROLLED_UP alone; @thread journal, under the lock */
    struct ts_feed_pos saved;   /* what the cursor file says; under the lock */
    /* @thread sink */
    struct ts_feed_pos at;
    uint64_t given, lost; /* points, since open */
    int fd;               /* of segment fd_seq, or -1 */
    uint64_t fd_seq;
    struct ts_buf payload;
};

struct ts_journal {
    char *dir;
    int lock_fd;
    uint64_t segment_max;
    pthread_mutex_t lock; /* guards segs, nsegs, and what is marked so in readers */
    struct segment *segs; /* in order; the last one is never deleted */
    unsigned nsegs, capsegs;
    unsigned nreaders;
    struct reader *readers;
    struct ts_feed **feeds; /* of the readers */
    unsigned ninputs;
    struct ts_ring *inputs;

    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    struct ts_bell bell;
    /* @thread journal */
    struct ts_counters *cnt;
    int fd; /* of the segment being written, or -1 */
    uint64_t seq, end;
    struct ts_buf pending; /* records that are not durable yet */
    uint64_t pending_points;
    uint64_t *pending_for; /* points of them by reader */
    int64_t retry_at_ns;   /* monotonic; 0: the disk is well */
};

/* journal_segment.c */

/** Sequences found in the folder, sorted, into jr->segs with end = file size. @return 0, -TS_EIO. */
int ts_segment_list(struct ts_journal *jr, struct ts_err *err) TS_MUST_CHECK;
/** Makes the file and its header. @return a descriptor, or -TS_EIO. */
int ts_segment_create(const char *dir, uint64_t seq) TS_MUST_CHECK;
/** @return a descriptor to read (and, to cut its tail, write), or -TS_EIO. */
int ts_segment_open(const char *dir, uint64_t seq) TS_MUST_CHECK;
/** @return 0; -TS_ECORRUPT; -TS_EINVAL another version; -TS_EIO. */
int ts_segment_check_head(int fd, uint64_t seq) TS_MUST_CHECK;
void ts_segment_remove(const char *dir, uint64_t seq);
/** Appends to the table; under the lock once threads run. */
void ts_segment_add(struct ts_journal *jr, uint64_t seq, uint64_t end);
/** Deletes segments that every reader has passed; under the lock once threads run. */
void ts_segment_trim(struct ts_journal *jr);

/* journal_record.c */

/** Room for a record's header behind the end of buf. @return false without memory. */
bool ts_record_begin(struct ts_buf *buf);
/** Fills in the header at `from`, the payload being all that follows it. */
void ts_record_end(struct ts_buf *buf, size_t from);
/** Gives the records in buf the checksums for their place: the first one at offset. */
void ts_record_stamp(struct ts_buf *buf, uint64_t seq, uint64_t offset);
/**
 * Reads the record at offset of a segment that ends at end; *next is the place behind it.
 * @return 0; -TS_EAGAIN offset is the end; -TS_ECORRUPT there is no intact record here, *next is where one
 * is, or end; -TS_EIO; -TS_ENOMEM.
 */
int ts_record_read(int fd, uint64_t seq, uint64_t offset, uint64_t end, struct ts_buf *payload,
                   uint64_t *next) TS_MUST_CHECK;

/* journal_recover.c */

/** Cuts the torn tail, places the readers, counts what they have to deliver. @return 0, -TS_EIO, -TS_EINVAL,
 * -TS_ENOMEM. */
int ts_journal_recover(struct ts_journal *jr, struct ts_err *err) TS_MUST_CHECK;

/* journal_reader.c */

extern const struct ts_feed_ops ts_journal_feed_ops;
/** Reads the cursor file. @return 0; -TS_ENOTFOUND; -TS_ECORRUPT. */
int ts_cursor_load(const char *dir, const char *name, struct ts_feed_pos *out) TS_MUST_CHECK;

/* journal_thread.c */

void *ts_journal_run(void *journal);

static inline bool ts_feed_pos_before(struct ts_feed_pos a, struct ts_feed_pos b)
{
    return a.segment != b.segment ? a.segment < b.segment : a.offset < b.offset;
}

#endif
