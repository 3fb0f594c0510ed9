#ifndef TS_SINK_PRIV_H
#define TS_SINK_PRIV_H
/* Inside the sinks: what a type of sink implements, and what the thread that drives it keeps. */
#include "core/buf.h"
#include "core/rollup.h"
#include "core/thread.h"
#include "sink/sink.h"
#include "sink/sink_flow.h"

#include <sys/types.h>

#define TS_SINK_JOBS_PER_REQUEST                                                                             \
    2 /* batches in hand for each request that may run: those answered out of order wait */

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
    unsigned line;          /* with REFUSED: the line that the answer names, from 1; 0: it names none */
    char why[512];          /* one line, no secrets; "" when sent */
};

/** A type of sink. All run on the sink's thread, but open and close (main) and wake (any). */
struct ts_sink_ops {
    /** Makes snk->impl and sets snk->target. @return 0, -TS_ECONF, -TS_EIO. */
    int (*open)(struct ts_sink *snk, struct ts_err *err);
    /** Appends a point as the other side reads it. @return 0; -TS_EINVAL it says nothing; -TS_ENOMEM (out is
     * marked). */
    int (*encode)(const struct ts_rollup_batch *batch, const struct ts_rollup *pt, struct ts_buf *out);
    /** Sends encoded points; blocks, at most until ts_sink_time_left is 0. NULL when there are begin and
     * finish. */
    void (*send)(struct ts_sink *snk, struct ts_str body, struct ts_sink_reply *reply);
    /** Begins to send; the body stays as it is until the request has ended. @return false without memory. */
    bool (*begin)(struct ts_sink *snk, unsigned request, struct ts_str body);
    /** Waits for one of the requests to end, at most so long and until woken. @return false when none has. */
    bool (*finish)(struct ts_sink *snk, int64_t timeout_ns, unsigned *request, struct ts_sink_reply *reply);
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

/** Dead letters that tsagg-ctl has handed back; see sink_redo.c. */
struct ts_sink_redo {
    int fd; /* of the file, or -1 */
    uint64_t offset;
    int64_t looked_ns;
};

struct ts_sink_range {
    unsigned from, to;
};

#define TS_SINK_RANGES                                                                                       \
    64 /* a range is halved at most 17 times (100,000 points); see split in sink_deliver.c */

/** A batch on its way. Its ranges are sent one after the other, so that its points stay in order. */
struct ts_sink_job {
    struct ts_buf text;
    size_t *ends; /* of point i in text */
    unsigned n, cap;
    bool dead;    /* dead letters that are tried again: they count no more in the ledger */
    bool barrier; /* has points that may replace others sent before: waits until those are done */
    bool running;
    bool has_pos;
    struct ts_feed_pos pos;                    /* all before it is in this job or an earlier one */
    int64_t began_ns;                          /* the request that runs */
    struct ts_sink_range todo[TS_SINK_RANGES]; /* the next one last */
    unsigned ntodo;                            /* 0: done */
};

struct ts_sink {
    const struct ts_conf *all;
    const struct ts_conf_sink *conf; /* changes with the thread stopped */
    struct ts_conf_sink *own;        /* what conf points to after a reload, else NULL; impl may borrow it */
    const struct ts_sink_ops *ops;
    const char *type;
    struct ts_feed *feed;
    void *impl;
    const char *target; /* url or path; belongs to impl or conf */
    bool away;          /* a reload has taken it out of the configuration: no thread, no impl. @thread main */
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
    unsigned barrier_at;      /* a point so far back in the queue, or further, may replace one sent before */
    uint64_t last_segment;    /* of the record queued last */
    struct ts_sink_job *jobs; /* a ring of njobs; head is the oldest of nused */
    unsigned njobs, head, nused, running;
    struct ts_flow flow;
    int64_t unpaused_ns; /* when the stop cut a wait short, to try once more; 0 not yet */
    bool give_up;        /* and that failed */
    int64_t told_held_ns;
    int dead_fd;      /* dead-letter file, or -1 */
    off_t dead_bytes; /* of that file, as far as its letters are counted */
    struct ts_sink_redo redo;
    /* What the status says, under the lock. */
    pthread_mutex_t lock;
    const char *shown_target; /* kept: see ts_conf_keep */
    char state[200];
    int64_t next_try_ns; /* 0: none is planned */
    unsigned shown_running, shown_limit;
    enum ts_circuit shown_circuit;
    uint64_t dead_letters; /* in the file now */
};

#define TS_SINKS_MAX 256

struct ts_sinks {
    const struct ts_conf *all;
    _Atomic unsigned n; /* grows in a reload: who sees it sees the sink */
    struct ts_sink *sinks[TS_SINKS_MAX];
};

/* sink.c */

/** With all, conf and feed set: makes the rest, ready to start. @return as ts_sinks_open. */
int ts_sink_open(struct ts_sink *snk, struct ts_err *err) TS_MUST_CHECK;
int ts_sink_start(struct ts_sink *snk) TS_MUST_CHECK;
/** The thread is to end, by then at the latest; then ts_sink_join. */
void ts_sink_stop(struct ts_sink *snk, int64_t deadline_mono_ns);
void ts_sink_join(struct ts_sink *snk);
void ts_sink_free(struct ts_sink **snk);
void ts_sink_free_own(struct ts_sink *snk);
/** Jobs that it may have at a time. */
unsigned ts_sink_requests(const struct ts_sink *snk);
void ts_sink_show_target(struct ts_sink *snk);

/* sink_thread.c */
void *ts_sink_run(void *snk);

/* sink_deliver.c */

/** Starts what may run now, and takes the answers that have come or come within timeout_ns. */
void ts_sink_deliver(struct ts_sink *snk, int64_t timeout_ns);
/** When a request that waits may start: monotonic, 0 at once, INT64_MAX nothing waits. */
int64_t ts_sink_next_start(struct ts_sink *snk);
/** Nanoseconds a blocking call may take: INT64_MAX before the stop, then what is left to the deadline, at
 * least 0. @thread any */
int64_t ts_sink_time_left(struct ts_sink *snk);

/* sink_job.c */

/**
 * A job for the first n points of text, the newest; takes the bytes when these are all of them, and leaves text empty. NULL when all are in
 * use or without memory.
 */
struct ts_sink_job *ts_sink_job_new(struct ts_sink *snk, struct ts_buf *text, const size_t *ends, unsigned n);
/** Job number i, the oldest being 0. */
struct ts_sink_job *ts_sink_job_at(struct ts_sink *snk, unsigned i);
struct ts_str ts_sink_job_text(const struct ts_sink_job *job, struct ts_sink_range r);
/** The number of the point in whose text the given line (from 1) of a range lies. @return false: there is
 * none. */
bool ts_sink_job_find_line(const struct ts_sink_job *job, struct ts_sink_range r, unsigned line,
                           unsigned *point);
/** Frees the oldest jobs as far as they are done. @return whether the cursor can move, to *pos. */
bool ts_sink_jobs_settle(struct ts_sink *snk, struct ts_feed_pos *pos);
void ts_sink_jobs_fini(struct ts_sink *snk);

/* sink_queue.c */

/** Room for n more points. @return false without memory. */
bool ts_sink_queue_reserve(struct ts_sink_queue *queue, unsigned n);
/** What was appended to queue->text since the former point is a point. */
void ts_sink_queue_add(struct ts_sink_queue *queue);
/** All points so far lie before pos. */
void ts_sink_queue_mark(struct ts_sink_queue *queue, struct ts_feed_pos pos);
/** Drops points behind the first n, which were added but not marked. */
void ts_sink_queue_cut(struct ts_sink_queue *queue, unsigned n);
/** Removes the first n. @return whether a mark was passed; *pos is the last. */
bool ts_sink_queue_pop(struct ts_sink_queue *queue, unsigned n, struct ts_feed_pos *pos);
void ts_sink_queue_fini(struct ts_sink_queue *queue);

/* sink_lp.c: an encode function of ts_sink_ops */
int ts_sink_lp_put(const struct ts_rollup_batch *batch, const struct ts_rollup *pt, struct ts_buf *out);

/* sink_dead.c */

/** Appends a point and why it was refused to <state_dir>/dead-letter/<sink>.lp. @return 0, -TS_EIO. */
int ts_sink_dead_put(struct ts_sink *snk, const char *why, struct ts_str point) TS_MUST_CHECK;

/** Counts what the file holds when somebody else has changed it. */
void ts_sink_dead_look(struct ts_sink *snk);

/* sink_redo.c */

/** Makes jobs of dead letters that are to be tried again, once a second looks whether there are any. */
void ts_sink_redo(struct ts_sink *snk);

/* sink_http.c */

struct ts_http;

struct ts_http_answer {
    long status; /* 0: none came, and error says why */
    const char *error;
    const char *content_type; /* never NULL */
    int64_t retry_after_ns;
    struct ts_str body; /* the first kilobytes; valid until the request's next begin */
};

/** @param url, authorization ("Authorization: …" or NULL) are copied; requests: numbers that ts_http_begin
 * may use; cnt counts bytes. @return 0, -TS_ECONF, -TS_ENOMEM. */
int ts_http_open(const struct ts_conf_sink *conf, const char *url, const char *authorization,
                 unsigned requests, struct ts_counters *cnt, struct ts_http **out,
                 struct ts_err *err) TS_MUST_CHECK;
/** Begins a request; the body is borrowed until it has ended, unless it is compressed. @return false without
 * memory. */
bool ts_http_begin(struct ts_http *http, unsigned request, struct ts_str body) TS_MUST_CHECK;
/** Waits for a request to end, at most so long and until woken. The answer is valid until that request's next
 * begin. */
bool ts_http_finish(struct ts_http *http, int64_t timeout_ns, unsigned *request,
                    struct ts_http_answer *answer);
void ts_http_wake(struct ts_http *http);
void ts_http_close(struct ts_http **http);
/** Appends text with all but A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986). */
void ts_http_put_escaped(struct ts_buf *buf, const char *text);

#endif
