#ifndef TS_SINK_PRIV_H
#define TS_SINK_PRIV_H
/* Inside the sinks: what a type of sink implements, and what the thread that drives it keeps. */
#include "core/buf.h"
#include "core/rollup.h"
#include "core/thread.h"
#include "sink/sink.h"

struct ts_sink;

enum ts_sink_verdict {
    TS_SINK_SENT,    /* all of it is safe on the other side */
    TS_SINK_RETRY,   /* not now: again after a back-off */
    TS_SINK_HELD,    /* not until somebody changes something: again after ten seconds, and say so */
    TS_SINK_TOO_BIG, /* in smaller parts */
    TS_SINK_REFUSED, /* something in it is bad: find it */
};

struct ts_sink_reply {
    enum ts_sink_verdict verdict;
    int64_t retry_after_ns; /* the other side's wish; 0 none */
    char why[512];          /* one line, no secrets; "" when sent */
};

/** A type of sink. All run on the sink's thread, but open and close (main) and wake (any). */
struct ts_sink_ops {
    /** Makes snk->impl and sets snk->target. @return 0, -TS_ECONF, -TS_EIO. */
    int (*open)(struct ts_sink *snk, struct ts_err *err);
    /** Appends a point as the other side reads it. @return 0; -TS_EINVAL it says nothing; -TS_ENOMEM (out is
     * marked). */
    int (*encode)(const struct ts_rollup_batch *batch, const struct ts_rollup *pt, struct ts_buf *out);
    /** Sends encoded points; blocks, at most until ts_sink_time_left is 0. */
    void (*send)(struct ts_sink *snk, struct ts_str body, struct ts_sink_reply *reply);
    /** Makes a blocked send look at ts_sink_time_left; may be NULL. */
    void (*wake)(struct ts_sink *snk);
    bool takes_all; /* sends all that is queued, however many a batch has: a send has a price of its own */
    void (*close)(struct ts_sink *snk);
};

#define TS_SINK(type, ops, text) extern const struct ts_sink_ops ops;
#include "tbl/sinks.def"
#undef TS_SINK

/** Encoded points in order, and where in the feed they end. */
struct ts_sink_queue {
    struct ts_buf text;
    unsigned n, cap, nmarks;
    size_t *ends; /* of point i in text */
    struct ts_sink_mark {
        unsigned points; /* so many from the front lie before pos */
        struct ts_feed_pos pos;
    } * marks; /* at most cap + 1 */
};

struct ts_sink {
    const struct ts_conf *all;
    const struct ts_conf_sink *conf;
    const struct ts_sink_ops *ops;
    struct ts_feed *feed;
    void *impl;
    const char *target; /* url or path, for the status; belongs to impl or conf */
    pthread_t thread;
    bool started;
    /* Written by main, deadline before stopping; who sees stopping sees the deadline. */
    _Atomic bool stopping;
    _Atomic int64_t deadline_ns;
    /* @thread sink */
    struct ts_sink_queue queue;
    struct ts_rollup_batch *batch; /* the record being encoded */
    struct ts_str record;          /* p NULL: none is waiting for memory */
    struct ts_feed_pos record_end;
    int64_t queued_since_ns;
    unsigned failures; /* sends in a row that failed */
    bool tried_last;   /* once more after the stop */
    int64_t told_held_ns;
    uint64_t random;
    int dead_fd; /* dead-letter file, or -1 */
    /* What the status says, under the lock. */
    pthread_mutex_t lock;
    char state[200];
    int64_t next_try_ns; /* 0: none is planned */
};

/* sink_thread.c */
void *ts_sink_run(void *snk);

/* sink_deliver.c */

/** Sends the first n points of the queue until each is delivered or dropped. @return false when the sink must
 * end before. */
bool ts_sink_deliver(struct ts_sink *snk, unsigned n);
/** Nanoseconds a blocking call may take: INT64_MAX before the stop, then what is left to the deadline, at
 * least 0. @thread any */
int64_t ts_sink_time_left(struct ts_sink *snk);

/* sink_queue.c */

/** Room for n more points. @return false without memory. */
bool ts_sink_queue_reserve(struct ts_sink_queue *queue, unsigned n);
/** What was appended to queue->text since the former point is a point. */
void ts_sink_queue_add(struct ts_sink_queue *queue);
/** All points so far lie before pos. */
void ts_sink_queue_mark(struct ts_sink_queue *queue, struct ts_feed_pos pos);
struct ts_str ts_sink_queue_text(const struct ts_sink_queue *queue, unsigned from, unsigned to);
/** Drops points behind the first n, which were added but not marked. */
void ts_sink_queue_cut(struct ts_sink_queue *queue, unsigned n);
/** Removes the first n. @return whether a mark was passed; *pos is the last. */
bool ts_sink_queue_pop(struct ts_sink_queue *queue, unsigned n, struct ts_feed_pos *pos);
void ts_sink_queue_fini(struct ts_sink_queue *queue);

/* sink_lp.c: an encode function of ts_sink_ops */
int ts_sink_lp_put(const struct ts_rollup_batch *batch, const struct ts_rollup *pt, struct ts_buf *out);

/* sink_dead.c */

/** Appends a line and why it was refused to <state_dir>/dead-letter/<sink>.lp. @return 0, -TS_EIO. */
int ts_sink_dead_put(struct ts_sink *snk, const char *why, struct ts_str line) TS_MUST_CHECK;

/* sink_http.c */

struct ts_http;

struct ts_http_answer {
    long status; /* 0: none came, and error says why */
    const char *error;
    const char *content_type; /* never NULL */
    int64_t retry_after_ns;
    struct ts_str body; /* the first kilobytes; valid until the next post */
};

/** @param url, authorization ("Authorization: …" or NULL) are copied. @return 0, -TS_ECONF, -TS_ENOMEM. */
int ts_http_open(const struct ts_conf_sink *conf, const char *url, const char *authorization,
                 struct ts_http **out, struct ts_err *err) TS_MUST_CHECK;
void ts_http_post(struct ts_http *http, struct ts_sink *snk, struct ts_str body,
                  struct ts_http_answer *answer);
void ts_http_wake(struct ts_http *http);
void ts_http_close(struct ts_http **http);
/** Appends text with all but A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986). */
void ts_http_put_escaped(struct ts_buf *buf, const char *text);

#endif
