#include "config.h"
#include "flux/exec/exec_interp.h"
int ts_flux_check(struct ts_flux_run *run, const struct ts_flux_file *file, bool has_params)
{
    (void)run; (void)file; (void)has_params;
    return 0;
}
