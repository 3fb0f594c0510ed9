#ifndef TS_FLUX_TABLE_GROUP_H
#define TS_FLUX_TABLE_GROUP_H
/* group() for operators that fold its chunks at once instead of gathering them. */
#include "flux/table/table_ops.h"

struct ts_flux_group_args {
    struct ts_flux_cols cols;
    bool except, extend;
    bool stored; /* of rows as InfluxDB's storage gives them: it would group them itself */
};

/** What the stream groups by; NULL: it is no group(). */
const struct ts_flux_group_args *ts_flux_group_of(const struct ts_flux_stream *stream);

/** Whether a column of that name may be in the key. */
bool ts_flux_group_has(const struct ts_flux_group_args *args, const struct ts_flux_name *name);

/** Takes a part of a chunk over (NULL: no memory for it). Not 0 ends the splitting and is passed on. */
typedef int (*ts_flux_part_fn)(void *arg, struct ts_flux_chunk *part);

/** Gives chk to fn in parts whose keys are those of their groups. */
int ts_flux_group_chunk(struct ts_flux_run *run, const struct ts_flux_group_args *args,
                        struct ts_flux_chunk *chk, ts_flux_part_fn fn, void *arg) TS_MUST_CHECK;

#endif
