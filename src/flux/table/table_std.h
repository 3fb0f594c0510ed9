#ifndef TS_FLUX_TABLE_STD_H
#define TS_FLUX_TABLE_STD_H
/* Functions of tables as builtins: one for each line of tbl/flux_table_ops.def. They make plans; nothing runs yet. */
#include "flux/table/table_ops.h"

#define TS_FLUX_TABLE_OP(package, fn, name, sig)                                                             \
    int ts_flux_op_##fn(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out);
#include "tbl/flux_table_ops.def"
#undef TS_FLUX_TABLE_OP

#endif
