/* "Did you mean", with the names that there are. Thread: any. */
#include "config.h"
#include "core/conf_priv.h"

void ts_conf_near_offer(struct ts_conf_near *near, struct ts_str name)
{
    ts_near_offer(&near->nearest, name);
    if (near->all.len)
        ts_buf_puts(&near->all, ", ");
    ts_buf_put_str(&near->all, name);
}

void ts_conf_near_print(struct ts_conf_near *near, const char *intro, struct ts_err *out)
{
    const char *all = ts_buf_cstr(&near->all);
    if (near->nearest.best.p)
        (void)ts_fail(out, TS_ECONF, "did you mean \"%.*s\"? %s %s", (int)near->nearest.best.len, near->nearest.best.p, intro,
                      all ? all : "");
    else
        (void)ts_fail(out, TS_ECONF, "%s %s", intro, all ? all : "");
    ts_buf_fini(&near->all);
}
