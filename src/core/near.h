#ifndef TS_CORE_NEAR_H
#define TS_CORE_NEAR_H
/* "Did you mean": of the candidates that are offered the nearest one, when it is near enough. */
#include "core/base.h"

struct ts_near {
    struct ts_str asked, best; /* best.p is NULL: none is near */
    unsigned distance;
};

void ts_near_offer(struct ts_near *near, struct ts_str candidate);

#endif
