#ifndef TS_FLUX_STD_JSON_H
#define TS_FLUX_STD_JSON_H
/* JSON of values, as Go's encoding/json writes them. */
#include "flux/exec/exec.h"

int ts_flux_put_json(struct ts_flux_run *run, struct ts_buf *to, struct ts_flux_value v) TS_MUST_CHECK;

#endif
