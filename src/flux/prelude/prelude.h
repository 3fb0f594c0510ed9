#ifndef TS_FLUX_PRELUDE_H
#define TS_FLUX_PRELUDE_H
/* The library's part that is written in Flux: prelude/PATH.flux, compiled in by embed.awk. */
#include "core/base.h"

struct ts_flux_prelude {
    const char *path; /* NULL: the end */
    const char *text;
    size_t len;
};

extern const struct ts_flux_prelude ts_flux_preludes[];

#endif
