#ifndef TS_FLUX_STD_CONVERT_H
#define TS_FLUX_STD_CONVERT_H
/* The conversions of universe, for other builtins, and as builtins. A null stays a null, with the new type.
 */
#include "flux/exec/exec.h"

#define TS_FLUX_CONVERSIONS(F) F(float) F(int) F(uint) F(bool) F(time) F(duration) F(string)
#define TS_FLUX_DECLARE(name)                                                                                \
    int ts_flux_to_##name(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)        \
        TS_MUST_CHECK;                                                                                       \
    int ts_flux_std_to_##name(struct ts_flux_run *run, const struct ts_flux_args *args,                      \
                              struct ts_flux_value *out);
TS_FLUX_CONVERSIONS(TS_FLUX_DECLARE)
#undef TS_FLUX_DECLARE

#endif
