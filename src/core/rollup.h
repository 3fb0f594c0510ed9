#ifndef TS_CORE_ROLLUP_H
#define TS_CORE_ROLLUP_H
/*
 * What goes to the sinks: a batch of rollup points that share rule and window. A point is a complete statement about
 * its series and window: sent twice it says the same, sent again with more samples it replaces the former.
 *
 * A batch of events and service checks is `passed`: its points were never in a window, are of kind PASSED, and have times of their own. So have the
 * points of a batch of `sessions`, and lengths.
 *
 * Ownership: the batch owns its points array and the bytes of `last_text`, `histogram`, `sketch` and `fields` (in `texts`); series bytes
 * are borrowed from the worker's series table, which keeps them until the batch has been freed and counted in *returned; those of passed points lie in `texts` too.
 */
#include "core/base.h"
#include "core/bucket.h"
#include "core/buf.h"
#include "core/quantile.h"
#include "core/series.h"
#include "core/stats.h"

#include <stdatomic.h>

struct ts_rollup {
    struct ts_str series;     /* encoded (core/series.h) */
    struct ts_stats stats;    /* for kinds other than STRING; for SET only count (samples) is used */
    double distinct; /* SET, and TIMING and FIELD when asked for: estimated number of distinct values */
    double first, increase;   /* GAUGE, TIMING and FIELD when asked for; NaN: not known */
    struct ts_str last_text;  /* STRING: the last value */
    struct ts_str histogram;  /* TIMING and FIELD when asked for: f64 little-endian for each bucket, not added
                                 up; empty: lost */
    struct ts_str sketch;     /* when there is one (ts_rollup_has_sketch): encoded (core/sketch.h, of a SET
                                 core/hll.h); empty: lost */
    struct ts_str fields;     /* PASSED: core/passed.h */
    int64_t time_ns;          /* PASSED, and in batches of sessions */
    int64_t duration_ns;      /* in batches of sessions: from the first sample to the last */
};

#define TS_ROLLUP_BATCH_MAX 4096 /* points of a batch */

struct ts_rollup_batch {
    const char *rule;    /* name of the rule, borrowed from the configuration */
    const char *to;      /* names of the sinks, comma-separated, borrowed from the configuration */
    int64_t start_ns, end_ns;
    uint32_t aggregates; /* what the rule asks for, bits of enum ts_aggregate; see ts_kind_aggregates */
    struct ts_quantiles quantiles; /* and these */
    struct ts_buckets buckets;     /* of its histograms */
    double completeness;           /* of its window, when the aggregates have it: from 0 to 1 */
    bool stddev_sample;  /* sample form of the standard deviation */
    bool correction;     /* sent again: after late samples, or after a part of it was sent at a stop */
    bool partial;        /* sent at a stop; its windows are in the snapshot, and go on after the next start */
    bool passed;         /* points that were never in a window: start, end and aggregates are 0 */
    bool sessions;       /* start and end are 0 */
    bool coarse;         /* merged in a full journal from finer windows that were not delivered yet */
    unsigned n, room;
    struct ts_rollup *points; /* room for so many; what is in them is undefined until it is set */
    struct ts_buf texts;
    _Atomic uint64_t *returned; /* one more when the batch is freed; NULL: nobody waits for that. Batches of a worker are freed in order. */
};

/** Whether points of this kind carry a sketch under a rule that asks for these. */
static inline bool ts_rollup_has_sketch(enum ts_kind kind, uint32_t aggregates, unsigned nquantiles)
{
    if (kind == TS_KIND_SET)
        return aggregates & TS_AGG_BIT(sketch);
    return (kind == TS_KIND_TIMING || kind == TS_KIND_FIELD) &&
           (nquantiles || aggregates & (TS_AGG_BIT(sketch) | TS_AGG_BIT(median)));
}

/** The same of histograms. */
static inline bool ts_rollup_has_histogram(enum ts_kind kind, uint32_t aggregates)
{
    return (kind == TS_KIND_TIMING || kind == TS_KIND_FIELD) && aggregates & TS_AGG_BIT(histogram);
}

/** A batch with room for TS_ROLLUP_BATCH_MAX points, or for so many; NULL without memory. */
struct ts_rollup_batch *ts_rollup_batch_new(void);
struct ts_rollup_batch *ts_rollup_batch_sized(unsigned points);
void ts_rollup_batch_free(struct ts_rollup_batch **batch);

/** Gives back what is kept of freed batches for new ones. @thread any */
void ts_rollup_trim(void);

#define TS_ROLLUP_ENCODED_MAX (16u << 20) /* bytes of an encoded batch; one point always fits */

/**
 * Appends the batch in its binary form, version 2 (see rollup_codec.c for the layout), to buf.
 * @return 0, -TS_ENOMEM, -TS_ELIMIT longer than TS_ROLLUP_ENCODED_MAX: encode fewer points at once.
 */
int ts_rollup_batch_encode(const struct ts_rollup_batch *batch, struct ts_buf *buf) TS_MUST_CHECK;

/**
 * Reads what ts_rollup_batch_encode wrote, in version 1 too. All texts in *out (rule and `to` included, which
 * are copied into out->texts) stay valid until the bytes or the batch go. out comes from ts_rollup_batch_new
 * and is overwritten.
 * @return 0; -TS_ECORRUPT; -TS_ENOMEM.
 */
int ts_rollup_batch_decode(struct ts_str bytes, struct ts_rollup_batch *out) TS_MUST_CHECK;

/** What an encoded batch says before its points; texts are borrowed from its bytes. */
struct ts_rollup_head {
    struct ts_str rule, to;
    int64_t start_ns, end_ns;
    uint32_t aggregates;
    struct ts_quantiles quantiles;
    struct ts_buckets buckets;
    double completeness;
    bool stddev_sample, correction, coarse, passed, sessions, partial;
    unsigned n;
    unsigned version; /* of the form */
};

/** Reads that much only. @return 0, -TS_ECORRUPT. */
int ts_rollup_head_decode(struct ts_str bytes, struct ts_rollup_head *out) TS_MUST_CHECK;

/** Whether a list of sinks as in ts_rollup_batch.to names this one. */
bool ts_rollup_is_for(struct ts_str to, struct ts_str sink);

#endif
