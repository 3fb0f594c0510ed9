#ifndef TS_CORE_ROLLUP_H
#define TS_CORE_ROLLUP_H
/*
 * What leaves the windows: a batch of rollup points that share rule and window. A point is a complete statement about
 * its series and window: sent twice it says the same, sent again with more samples it replaces the former.
 *
 * Ownership: the batch owns its points array and the `last_text` bytes (in `texts`); series bytes are borrowed from the worker's
 * series table, which outlives every batch.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/series.h"
#include "core/stats.h"

struct ts_rollup {
    struct ts_str series;     /* encoded (core/series.h) */
    struct ts_stats stats;    /* for kinds other than STRING; for SET only count (samples) is used */
    double distinct;          /* SET: estimated number of distinct values */
    struct ts_str last_text;  /* STRING: the last value */
};

#define TS_ROLLUP_BATCH_MAX 4096 /* points of a batch */

struct ts_rollup_batch {
    const char *rule;    /* name of the rule, borrowed from the configuration */
    const char *to;      /* names of the sinks, comma-separated, borrowed from the configuration */
    int64_t start_ns, end_ns;
    uint32_t aggregates; /* what the rule asks for, bits of enum ts_aggregate; see ts_kind_aggregates */
    bool stddev_sample;  /* sample form of the standard deviation */
    bool correction;     /* sent again after late samples */
    bool coarse;         /* merged in a full journal from finer windows that were not delivered yet */
    unsigned n;
    struct ts_rollup *points; /* TS_ROLLUP_BATCH_MAX of them */
    struct ts_buf texts;
};

/** A batch with room for TS_ROLLUP_BATCH_MAX points; NULL without memory. */
struct ts_rollup_batch *ts_rollup_batch_new(void);
void ts_rollup_batch_free(struct ts_rollup_batch **batch);

#define TS_ROLLUP_ENCODED_MAX (16u << 20) /* bytes of an encoded batch; one point always fits */

/**
 * Appends the batch in its binary form, version 1 (see rollup_codec.c for the layout), to buf.
 * @return 0, -TS_ENOMEM, -TS_ELIMIT longer than TS_ROLLUP_ENCODED_MAX: encode fewer points at once.
 */
int ts_rollup_batch_encode(const struct ts_rollup_batch *batch, struct ts_buf *buf) TS_MUST_CHECK;

/**
 * Reads what ts_rollup_batch_encode wrote. All texts in *out (rule and `to` included, which are copied into out->texts)
 * stay valid until the bytes or the batch go. out comes from ts_rollup_batch_new and is overwritten.
 * @return 0; -TS_ECORRUPT; -TS_ENOMEM.
 */
int ts_rollup_batch_decode(struct ts_str bytes, struct ts_rollup_batch *out) TS_MUST_CHECK;

/** What an encoded batch says before its points; texts are borrowed from its bytes. */
struct ts_rollup_head {
    struct ts_str rule, to;
    int64_t start_ns, end_ns;
    uint32_t aggregates;
    bool stddev_sample, correction, coarse;
    unsigned n;
};

/** Reads that much only. @return 0, -TS_ECORRUPT. */
int ts_rollup_head_decode(struct ts_str bytes, struct ts_rollup_head *out) TS_MUST_CHECK;

/** Whether a list of sinks as in ts_rollup_batch.to names this one. */
bool ts_rollup_is_for(struct ts_str to, struct ts_str sink);

#endif
