#ifndef TS_JOURNAL_PRIV_H
#define TS_JOURNAL_PRIV_H
/*
 * Inside the journal. Layouts, little-endian:
 *
 *   segment header, 32 bytes: u64 "TSJRNL\r\n" | u32 version | u32 level | u64 sequence | u64 XXH3-64 of the
 * 24 bytes before record: u32 magic | u32 length of payload | u64 XXH3-64 of payload, seeded with sequence
 * and offset | payload
 *
 * The seed makes a record valid in its own place only, so that what a failed write or an older file left
 * behind is never taken for one. A segment is appended to by the run that made it and never again. Below its
 * `end` it is durable and does not change.
 */
#include "core/thread.h"
#include "journal/journal.h"

#define TS_SEGMENT_HEAD    32
#define TS_SEGMENT_MAX     (16u << 20) /* bytes after which the next flush begins another, at most */
#define TS_SEGMENT_LEAST   (64u << 10) /* the same, at least; a limit should hold many segments */
#define TS_FLUSH_BYTES     (4u << 20)  /* that sinks can begin with while more is on its way */
#define TS_SEGMENT_VERSION 1
#define TS_RECORD_HEAD     16
#define TS_RECORD_MAX      TS_ROLLUP_ENCODED_MAX

#define TS_READERS_MAX 256 /* sinks, with those that a reload has taken away: their cursors stay */

#define TS_SPANS 32

/** Which windows there are, roughly: when there are more than TS_SPANS runs of them, the nearest count as
 * one. */
struct spans {
    unsigned n;
    struct ts_journal_span v[TS_SPANS];
};

struct segment {
    uint64_t seq, end;
    unsigned level;     /* times that all of it was coarsened */
    int64_t written_ns; /* wall clock, of the last write */
    uint64_t *points;   /* by reader */
    struct spans spans;
};

struct reader {
    struct ts_feed feed;
    struct ts_journal *jr;
    char *name;
    struct ts_counters *rolled; /* what the journal's thread counts; under the lock */
    struct ts_feed_pos saved;   /* what the cursor file says; under the lock */
    /* @thread sink */
    struct ts_feed_pos at;
    uint64_t given, lost; /* points, since open */
    bool away;            /* its sink is not configured now; under the lock */
    uint64_t gone;        /* points that were dropped or merged away before they were read; under the lock */
    int fd;               /* of segment fd_seq, or -1 */
    uint64_t fd_seq;
    struct ts_buf payload;
};

struct ts_journal {
    char *dir;
    int lock_fd;
    uint64_t segment_max;
    const struct ts_conf *conf;
    pthread_mutex_t lock; /* guards segs, nsegs, and what is marked so in readers */
    struct segment *segs; /* in order; the last one is never deleted */
    unsigned nsegs, capsegs;
    uint64_t claim_from,
        claim_to; /* sequences that are being coarsened: readers do not enter them; 0: none */
    struct ts_journal_status shown;
    unsigned nreaders; /* grows at the desk, under the lock */
    struct reader *readers; /* [TS_READERS_MAX] */
    struct ts_feed **feeds; /* of the readers */
    struct ts_feed_pos held; /* ts_journal_hold; segment UINT64_MAX: nothing is; under the lock */
    struct ts_journal_holder holder;
    unsigned ninputs;
    struct ts_ring *inputs;
    struct input_count {
        uint64_t taken;           /* batches. @thread journal */
        _Atomic uint64_t durable; /* of these: durable or lost. Whoever reads it with acquire finds them at ts_journal_end or before */
    } *counts;

    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    struct ts_bell bell;
    struct ts_desk desk;
    /* @thread journal */
    struct ts_counters *cnt;
    int fd; /* of the segment being written, or -1 */
    uint64_t seq, end;
    struct ts_buf pending; /* records that are not durable yet */
    uint64_t pending_points;
    uint64_t *pending_for; /* points of them by reader */
    struct spans pending_spans;
    int64_t pending_since_ns; /* monotonic */
    uint64_t coarsen_at;      /* bytes written: not before; after a try that gained nothing */
    int64_t begun_ns;         /* wall clock: when the segment being written was begun */
    bool *wants, *wants2;     /* by reader; of journal_limit.c */
    uint64_t flush_at;        /* bytes waiting that are flushed before more is taken */
    int64_t retry_at_ns;      /* monotonic; 0: the disk is well */
};

/* journal_segment.c */

/** Sequences found in the folder, sorted, into jr->segs with end = file size. @return 0, -TS_EIO. */
int ts_segment_list(struct ts_journal *jr, struct ts_err *err) TS_MUST_CHECK;
/** Makes the file and its header. @return a descriptor, or -TS_EIO. */
int ts_segment_create(const char *dir, uint64_t seq) TS_MUST_CHECK;
/** Makes <sequence>.new of stamped records, durable. @return 0, -TS_EIO. */
int ts_segment_write_new(const char *dir, uint64_t seq, unsigned level, struct ts_str records) TS_MUST_CHECK;
/**
 * In one step, also across a crash: <from>.new (and <to>.new with two) take the place of the segments from …
 * to.
 * @return 0, -TS_EIO: as before.
 */
int ts_segment_replace(const char *dir, uint64_t from, uint64_t to, bool two) TS_MUST_CHECK;
/** Ends a replacement that a crash has interrupted, and removes what is left of one that did not begin. */
void ts_segment_finish_replace(const char *dir);
/** @return a descriptor to read (and, to cut its tail, write), or -TS_EIO. */
int ts_segment_open(const char *dir, uint64_t seq) TS_MUST_CHECK;
/** @return 0 and the level; -TS_ECORRUPT; -TS_EINVAL another version; -TS_EIO. */
int ts_segment_check_head(int fd, uint64_t seq, unsigned *level) TS_MUST_CHECK;
void ts_segment_remove(const char *dir, uint64_t seq);
/** Appends to the table; under the lock once threads run. */
void ts_segment_add(struct ts_journal *jr, uint64_t seq, uint64_t end);
/** Takes segments i … i + n - 1 out of the table; their files stay. */
void ts_segment_forget(struct ts_journal *jr, unsigned i, unsigned n);
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

/* journal_index.c: what a sealed segment holds, beside it in <sequence>.idx, so that a start need not read it
 */

void ts_spans_add(struct spans *spans, int64_t from_ns, int64_t to_ns);
bool ts_spans_touch(const struct spans *spans, int64_t from_ns, int64_t to_ns);
/** Without one a start reads the segment: failing is no error. */
void ts_index_save(const struct ts_journal *jr, const struct segment *seg);
/** Fills in points and spans. @return 0; -TS_ENOTFOUND, -TS_ECORRUPT: read the segment. */
int ts_index_load(const struct ts_journal *jr, struct segment *seg) TS_MUST_CHECK;

/* journal_limit.c */

/** Keeps the journal, with what is to be written next, within its limits as far as that can be. @thread
 * journal */
void ts_limit_enforce(struct ts_journal *jr);

/* journal_coarsen.c */

/** What becomes of segments: records that can be merged no further at this level, and those that may be
 * later. */
struct coarsened {
    struct coarse_part {
        struct ts_buf records;
        struct spans spans;
        uint64_t *points; /* by reader */
    } coarse, rest;
    uint64_t *read; /* points by reader that were found in the segments */
};

/**
 * Merges the rollups of segments (a copy of their table entries, in order) into the next coarser windows, but
 * for those windows that others touch. wants says by reader who is still to have them.
 * @return 0; -TS_EIO, -TS_ENOMEM, -TS_ELIMIT too many series: nothing was done.
 */
int ts_coarsen(struct ts_journal *jr, const struct segment *segs, unsigned n, const bool *wants,
               const struct spans *others, struct coarsened *out) TS_MUST_CHECK;
void ts_coarsened_fini(struct coarsened *out);

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
