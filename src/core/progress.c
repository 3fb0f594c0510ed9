/* The progress line: one write for each drawing, so that log lines of other threads do not fall into it.
 * Thread: its caller's. */
#include "config.h"
#include "core/progress.h"

#include "core/buf.h"
#include "core/clock.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR     24
#define WIDTH   80 /* of a terminal that does not tell */
#define SILENT  TS_SEC
#define BETWEEN (100 * TS_MS)

void ts_progress_begin(struct ts_progress *prg)
{
    *prg = (struct ts_progress){.on = isatty(STDERR_FILENO), .begun_ns = ts_clock_mono_ns()};
}

bool ts_progress_is_due(const struct ts_progress *prg)
{
    int64_t now_ns = ts_clock_mono_ns();
    return prg->on && now_ns - prg->begun_ns >= SILENT && now_ns - prg->drawn_ns >= BETWEEN;
}

void ts_progress_draw(struct ts_progress *prg, double share, const char *fmt, ...)
{
    char text[256];
    struct winsize size;
    struct ts_buf line = TS_BUF_INIT;
    size_t width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : WIDTH;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (share >= 0) {
        unsigned full = (unsigned)(TS_MIN(share, 1) * BAR);
        ts_buf_putc(&line, '[');
        for (unsigned i = 0; i < BAR; i++)
            ts_buf_putc(&line, i < full ? '#' : ' ');
        ts_buf_printf(&line, "] %3.0f %%  ", 100 * TS_MIN(share, 1));
    }
    ts_buf_puts(&line, text);
    dprintf(STDERR_FILENO, "\r%.*s\033[K", (int)TS_MIN(line.len, width - 1), line.p);
    ts_buf_fini(&line);
    prg->drawn = true;
    prg->drawn_ns = ts_clock_mono_ns();
}

void ts_progress_end(struct ts_progress *prg)
{
    if (prg->drawn)
        dprintf(STDERR_FILENO, "\r\033[K");
    prg->drawn = false;
}
