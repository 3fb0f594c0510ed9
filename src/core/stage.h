#ifndef TS_CORE_STAGE_H
#define TS_CORE_STAGE_H
/* A stage of the pipeline as configured, read and checked: expressions, changes, units, numbers. */
#include "core/base.h"
#include "core/conf.h"
#include "core/edit.h"
#include "core/expr.h"

#define TS_STAGES_MAX     32
#define TS_STAGE_COPIES   64 /* most samples that a flatmap makes of one */
#define TS_STAGE_NAME_MAX 63

enum ts_stage_type {
    TS_STAGE_FILTER,
    TS_STAGE_MAP,
    TS_STAGE_FLATMAP,
    TS_STAGE_SAMPLE,
    TS_STAGE_RATE_LIMIT,
    TS_STAGE_DEDUP
};

struct ts_stage {
    enum ts_stage_type type;
    char name[TS_STAGE_NAME_MAX + 1]; /* "filter1": type and place, unless it has one of its own */
    struct ts_expr *when;             /* which samples it is for; NULL: all */
    bool drops;                       /* filter: those for which `when` is true, else the others */
    struct ts_expr *value;            /* map: NULL: the value stays */
    double scale;                     /* map: times this */
    struct ts_edits edits;            /* map */
    unsigned ncopies;                 /* flatmap */
    struct ts_edits *copies;
    const struct ts_conf_stage *conf; /* the plain options; borrowed */
    double probability;
};

/**
 * Reads stage `place` (from 0). @return 0; -TS_EPARSE: err says what is wrong and what would be right,
 * *option names the option it is about and *item the entry of its list. Without memory the process ends.
 * @thread main
 */
int ts_stage_read(const struct ts_conf_stage *conf, unsigned place, struct ts_stage *out, const char **option,
                  unsigned *item, struct ts_err *err) TS_MUST_CHECK;
/** Its name: its own, or type and place. */
void ts_stage_name(const struct ts_conf_stage *conf, unsigned place, char name[TS_STAGE_NAME_MAX + 1]);

void ts_stage_fini(struct ts_stage *stage);

#endif
