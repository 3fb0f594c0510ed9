#ifndef TS_WINDOW_SNAPSHOT_PRIV_H
#define TS_WINDOW_SNAPSHOT_PRIV_H
/*
 * Snapshots of open windows, inside the window stage. A file, little-endian; varints are those of core/varint.h:
 *
 *   header, 64 bytes: "TSSNAP\r\n" | u32 version = 3 | u32 flags: 1 final | i64 taken_ns | u64 segment, u64 offset of
 *       the journal's end, at the latest when the first block was begun | 16 bytes 0 | u64 XXH3-64 of the 56 before
 *   blocks: u32 length | u32 worker | u64 XXH3-64 of the payload, seeded with block's number, worker and taken_ns | payload
 *   a last one of worker UINT32_MAX, whose payload is u64 number of blocks before it
 *
 * The payload of a worker's blocks, one after the other, is records:
 *   'W', the first, and again when rules have come or gone: i64 watermark_ns | n sources: u64 key, i64 highest event time
 *        | n rules: u64 key (ts_rule_key), u8 form, u8 wants, n and name
 *   'C', of the first worker, when a rollup has completeness, in the order of ts_losses_save: u8 level | i64 at_ns | f64 kept | f64 lost of
 *        struct ts_losses_mark
 *   'E', of a session that the journal had sealed before the last start: rule's number | u64 hash of its series as it was sent
 *        | i64 time_ns, last_ns, duration_ns of struct ts_session_ended
 *   'S', a series: n and encoded series | u8 flags of enum ts_slot_flag | with GAUGE f64 value | with EVENT i64 closed_ns,
 *        else with KEPT f64 kept | u32 bytes of panes: rule's number, i64 start_ns, u8 enum pane_flag, u32 bytes and content
 *   in form 2, of sessions, start_ns is the time of the first sample, the flags are 0, and the content begins with
 *        u8 enum ts_session_flag, i64 time of the last sample, i64 time_ns
 *   content: nothing with PANE_DONE; SET f64 count, HyperLogLog; STRING f64 count, i64 time_ns, text; others
 *        u8 which of enum pane_part, moments as in core/stats.h, then LAST i64 | SKETCH u32 bytes and sketch (ts_sketch_save) | MORE see window_more.c
 *
 * A window is not SEALED as long as its groups have not gone out. WANTED has nothing but the window, in which a gauge without samples
 * goes out. BESIDE: its groups had a part of series in arrival time that is in no pane.
 * Version 1 has no sessions, and no WANTED and BESIDE; it and version 2 have no 'C', and their sketches are encoded (ts_sketch_encode).
 *
 * A series is in one record, with all its panes as they were at one moment, so a pane and what it was merged into agree. Series
 * are copied one after the other; what was sealed meanwhile is in the journal behind `segment offset`.
 */
#include "core/le.h"
#include "core/varint.h"
#include "window/window_session.h"
#include "window/window_snapshot.h"

#define SNAP_MAGIC      "TSSNAP\r\n"
#define SNAP_VERSION    3
#define SNAP_VERSION_FIRST 1
#define SNAP_HEAD       64
#define SNAP_BLOCK_HEAD 16
#define SNAP_FINAL      1 /* what is open was sent as a part, too */
#define SNAP_LAST       UINT32_MAX
#define SNAP_TIME_MAX   (INT64_MAX / 2) /* what is further from 1970 is no window */
#define SNAP_RULES_MAX  (3 * TS_ROLLUPS_MAX) /* of former configurations some may not fit */

enum pane_flag { PANE_SEALED = 1, PANE_MERGED = 2, PANE_DONE = 4, PANE_AGAIN = 8, PANE_WANTED = 16, PANE_BESIDE = 32 };
enum pane_part { PART_LAST = 1, PART_SKETCH = 2, PART_MORE = 4 };

/* A worker's records on their way to the writer. */
struct snap_block {
    struct ts_buf buf;
    bool last;        /* of this worker and snapshot */
    uint64_t batches; /* with last: when so many batches are durable, what the snapshot does not hold is in the journal */
};

#define SNAP_BLOCKS 4

/* Between a worker and the writer's thread. */
struct ts_snapper {
    struct ts_ring full, empty; /* of struct snap_block */
    struct snap_block blocks[SNAP_BLOCKS];
    struct ts_bell *bell;      /* the writer's */
    _Atomic uint64_t asked;    /* number of the snapshot wanted; the writer's */
    _Atomic bool settled;      /* the worker's sources have ended, and what is due has been pushed; the worker's */
    _Atomic bool released;     /* the last snapshot has been taken; the writer's */
    bool kept;                 /* and written; before `released` */
    _Atomic int64_t pause_ns;  /* longest that the worker's samples waited for a step; the worker's */
    _Atomic int64_t cpu_ns;    /* of all steps; the worker's */
    /* @thread worker */
    uint64_t begun;            /* number of the last one begun */
    bool busy;
    bool starting;             /* nothing of it has been put yet */
    uint32_t next_slot, next_ended;
    struct snap_block *filling;
};

#define SNAP_TIME_SHARE 20 /* of the time at most one part is spent on snapshots, */
#define SNAP_CPU_SHARE  20 /* and one of the CPU time that the process has, */
#define SNAP_CORE_SHARE 50 /* or one of a processor where the process has less */

/* The last snapshot; nanoseconds. */
struct snap_pace {
    int64_t begun_ns;   /* monotonic */
    int64_t took_ns;
    int64_t cpu_ns;     /* it needed */
    int64_t process_ns; /* CPU time of the process when it was over */
};

/** @return how long the next snapshot has to wait; 0: it may begin. Asked again then, since CPU time may pass slower. */
int64_t ts_snap_wait(const struct snap_pace *pace, int64_t now_ns, int64_t process_ns);

/** How many of the worker's rules a snapshot has. */
static inline unsigned ts_snap_nrules(const struct ts_worker *wk)
{
    return TS_MIN(wk->nrules, SNAP_RULES_MAX);
}

/** The form of a rule's panes. */
static inline unsigned ts_snap_form(const struct ts_rule *rule)
{
    return rule->sessions ? 2 : 1;
}

/** Whether a window, or a session, of the rule can begin there. */
static inline bool ts_snap_fits(const struct ts_rule *rule, int64_t start_ns)
{
    return start_ns > -SNAP_TIME_MAX && start_ns < SNAP_TIME_MAX && (rule->sessions || ts_rule_floor(rule, start_ns) == start_ns);
}

static inline void ts_snap_set_bit(uint64_t *bits, uint32_t slot)
{
    bits[slot % TS_CHUNK_PANES / 64] |= UINT64_C(1) << (slot % 64);
}

/** What a pane holds: window_snapshot_save.c, window_snapshot_load.c. Loading: 0, -TS_ECORRUPT, -TS_ENOMEM; the pane is to be cleared then. */
void ts_snap_put_content(const struct ts_worker *wk, const struct ts_rule *rule, const struct ts_pane_chunk *ch, uint32_t slot, struct ts_buf *buf);
int ts_snap_load_content(struct ts_worker *wk, const struct ts_rule *rule, struct ts_pane_chunk *ch, uint32_t slot, struct ts_str bytes) TS_MUST_CHECK;

/** What is known of losses: window_completeness.c. Loading: 0, -TS_ECORRUPT. */
void ts_snap_put_losses(struct ts_buf *buf);
int ts_snap_load_losses(struct ts_varints *in) TS_MUST_CHECK;

/** Takes what the journal has out of a worker that the snapshot was put into: window_snapshot_sealed.c. */
void ts_sealed_close(const struct ts_sealed *sealed, struct ts_worker *wk, bool final, struct ts_restored *out);

/** The form of a file's pieces, shared by writing and reading. */
void ts_snap_put_head(char head[SNAP_HEAD], unsigned flags, int64_t taken_ns, struct ts_feed_pos at);
uint64_t ts_snap_checksum(struct ts_str payload, uint64_t number, uint32_t worker, int64_t taken_ns);

/* Room for n bytes at the end, not counted as put; NULL without memory. In place: a snapshot is many small puts. */
static inline char *ts_snap_reserve(struct ts_buf *buf, size_t n)
{
    return TS_LIKELY(n <= buf->cap - buf->len) ? buf->p + buf->len : ts_buf_reserve(buf, n);
}

/* What stands up to `to`, in such room, is put. */
static inline void ts_snap_put_up_to(struct ts_buf *buf, const char *to)
{
    buf->len = (size_t)(to - buf->p);
}

/* Where the next n bytes go, counted as put; NULL without memory. */
static inline char *ts_snap_room(struct ts_buf *buf, size_t n)
{
    char *to = ts_snap_reserve(buf, n);
    buf->len += to ? n : 0;
    return to;
}

static inline void ts_snap_put_u64(struct ts_buf *buf, uint64_t v)
{
    char *to = ts_snap_room(buf, sizeof v);
    if (to)
        ts_le_put64(to, v);
}

static inline void ts_snap_put_i64(struct ts_buf *buf, int64_t v)
{
    ts_snap_put_u64(buf, (uint64_t)v);
}

static inline void ts_snap_put_double(struct ts_buf *buf, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    ts_snap_put_u64(buf, bits);
}

static inline void ts_snap_put_uint(struct ts_buf *buf, uint64_t v)
{
    char *to = ts_snap_room(buf, TS_VARINT_MAX);
    if (to)
        buf->len = (size_t)(ts_varint_put(to, v) - buf->p);
}

static inline void ts_snap_put_text(struct ts_buf *buf, struct ts_str s)
{
    ts_snap_put_uint(buf, s.len);
    char *to = ts_snap_room(buf, s.len);
    if (to && s.len)
        memcpy(to, s.p, s.len);
}

/* A length that is known only behind what it is of. */
static inline size_t ts_snap_open(struct ts_buf *buf)
{
    (void)ts_snap_room(buf, 4);
    return buf->len;
}

static inline void ts_snap_close(struct ts_buf *buf, size_t from)
{
    if (!ts_buf_failed(buf))
        ts_le_put32(buf->p + from - 4, (uint32_t)(buf->len - from));
}

/* Reading never goes beyond the end: what is missing reads as zero and sets bad. */
static inline uint64_t ts_snap_get_fixed(struct ts_varints *in, unsigned bytes)
{
    uint64_t v = 0;
    if ((size_t)(in->end - in->p) < bytes) {
        in->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)(unsigned char)*in->p++ << 8 * i;
    return v;
}

static inline int64_t ts_snap_get_i64(struct ts_varints *in)
{
    return (int64_t)ts_snap_get_fixed(in, 8);
}

static inline double ts_snap_get_double(struct ts_varints *in)
{
    uint64_t bits = ts_snap_get_fixed(in, 8);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline struct ts_str ts_snap_take(struct ts_varints *in, uint64_t n)
{
    if (in->bad || n > (size_t)(in->end - in->p)) {
        in->bad = true;
        return TS_STR("");
    }
    struct ts_str s = {in->p, (size_t)n};
    in->p += n;
    return s;
}

static inline struct ts_str ts_snap_get_text(struct ts_varints *in)
{
    uint64_t n = ts_varint_get(in);
    return ts_snap_take(in, n);
}

/* What ts_snap_open and ts_snap_close have put a length before. */
static inline struct ts_str ts_snap_get_part(struct ts_varints *in)
{
    uint64_t n = ts_snap_get_fixed(in, 4);
    return ts_snap_take(in, n);
}

#endif
