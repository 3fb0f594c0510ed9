/*
 * Lines that the other side refuses for good, kept for somebody to look at:
 * <state_dir>/dead-letter/<sink>.lp, the reason as a comment before each. Thread: the sink's. When the file
 * cannot be written the line is not given up.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/num.h"

#include <errno.h>

static int open_file(struct ts_sink *snk)
{
    struct ts_buf path = TS_BUF_INIT;
    ts_buf_printf(&path, "%s/dead-letter", snk->all->state_dir);
    const char *name = ts_buf_cstr(&path);
    if (name && ts_dir_make(name) == 0) {
        ts_buf_printf(&path, "/%s.lp", snk->conf->name);
        name = ts_buf_cstr(&path);
        snk->dead_fd = name ? ts_append_open(name) : -1;
    }
    int saved = errno;
    ts_buf_fini(&path);
    errno = saved;
    return snk->dead_fd < 0 ? -TS_EIO : 0;
}

int ts_sink_dead_put(struct ts_sink *snk, const char *why, struct ts_str line)
{
    if (snk->dead_fd < 0 && open_file(snk) != 0)
        return -TS_EIO;
    struct ts_buf text = TS_BUF_INIT;
    ts_buf_puts(&text, "# ");
    char *when = ts_buf_reserve(&text, TS_NUM_MAX);
    if (when)
        text.len += ts_clock_put_time(when, ts_clock_now_ns());
    ts_buf_putc(&text, ' ');
    for (const char *p = why; *p; p++)
        ts_buf_putc(&text, (unsigned char)*p < 0x20 ? ' ' : *p);
    ts_buf_putc(&text, '\n');
    ts_buf_put_str(&text, line);
    errno = ENOMEM;
    int rc = ts_buf_failed(&text) ? -TS_EIO : ts_append_whole(snk->dead_fd, ts_buf_str(&text));
    int saved = errno;
    ts_buf_fini(&text);
    errno = saved;
    return rc;
}
