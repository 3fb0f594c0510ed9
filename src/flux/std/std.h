#ifndef TS_FLUX_STD_H
#define TS_FLUX_STD_H
/*
 * The library: tables of builtins by package. A package is a line or more in tbl/flux_packages.def and a file
 * here for each; what is written in Flux itself stands in prelude/.
 */
#include "flux/exec/exec.h"

#define TS_FLUX_PACKAGE(table, path) extern const struct ts_flux_builtin ts_flux_std_##table[];
#include "tbl/flux_packages.def"
#undef TS_FLUX_PACKAGE

#endif
