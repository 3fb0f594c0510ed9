#include "config.h"
#include "flux/lang/lang.h"
void ts_flux_format(const struct ts_flux_file *file, struct ts_buf *to)
{
    ts_buf_put_str(to, file->src->text);
}
