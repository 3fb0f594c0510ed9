#ifndef TS_JOURNAL_COARSEN_H
#define TS_JOURNAL_COARSEN_H
/* What merged points have beside moments; inside the journal stage. */
#include "core/rollup.h"

/* Zeroed: nothing yet. */
struct coarse_extras {
    double first, increase;
    int first_part; /* which finer window `first` is of */
    bool has_first, has_increase;
    bool no_histogram, no_sketch; /* a part had lost it, and so has the whole */
    size_t histogram; /* in the texts, plus 1: sums; 0: none */
    size_t sketches;  /* the same: the last of the parts' */
};

/** Whether points of this kind can be put together under a rule that asks for these: distinct values of numbers cannot, nor sets without `sketch`. */
bool ts_extras_can_merge(enum ts_kind kind, uint32_t aggregates);

/** Adds a finer window's. Without memory the texts are marked. */
void ts_extras_add(struct coarse_extras *ext, const struct ts_rollup_head *head, const struct ts_rollup *pt, int part, struct ts_buf *texts);

/**
 * Fills in the point of the whole, whose series is there. Histogram and sketch are appended to out in this order, and only their lengths set.
 * @return 0; -TS_ENOMEM; -TS_ECORRUPT.
 */
int ts_extras_put(const struct coarse_extras *ext, const struct ts_rollup_head *head, const struct ts_buf *texts, struct ts_rollup *pt,
                  struct ts_buf *out) TS_MUST_CHECK;

#endif
