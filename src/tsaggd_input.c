/*
 * tsaggd --input: waits for the file's end and then for the sinks, shows on a terminal how far it is, and
 * says at the end what came of it. Thread: main. Owns nothing but the progress line.
 */
#include "config.h"
#include "tsaggd_input.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/ledger.h"
#include "core/log.h"
#include "core/num.h"

#include <stdio.h>

#define LOOK_NS         (20 * TS_MS)
#define PATIENCE_MIN_NS (5 * TS_SEC)

void input_begin(struct input *in, const char *path, const struct ts_conf *conf, struct ts_file *file)
{
    *in = (struct input){.path = path, .conf = conf, .file = file, .begun_ns = ts_clock_mono_ns()};
    ts_progress_begin(&in->progress);
}

static double seconds_since(int64_t mono_ns)
{
    return (double)(ts_clock_mono_ns() - mono_ns) / 1e9;
}

/* @return whether a signal came. */
static bool nap(const sigset_t *signals)
{
    int sig = sigtimedwait(signals, NULL, &(struct timespec){0, LOOK_NS});
    if (sig > 0)
        ts_log(TS_LOG_INFO, "stopping", "signal=SIG%s", sigabbrev_np(sig));
    return sig > 0;
}

void input_wait_read(struct input *in, const sigset_t *signals)
{
    uint64_t size = ts_file_size(in->file);
    while (ts_file_state(in->file) == TS_FILE_READING && !nap(signals)) {
        if (!ts_progress_is_due(&in->progress))
            continue;
        uint64_t bytes = ts_counter_sum(TS_C_BYTES_RECEIVED), lines = ts_counter_sum(TS_C_LINES_RECEIVED);
        uint64_t rate = (uint64_t)((double)lines / seconds_since(in->begun_ns));
        if (size)
            ts_progress_draw(&in->progress, (double)bytes / (double)size, "%s of %s, %s lines/s",
                             ts_num_size(bytes).z, ts_num_size(size).z, ts_num_group(rate).z);
        else
            ts_progress_draw(&in->progress, -1, "%s read, %s lines/s", ts_num_size(bytes).z,
                             ts_num_group(rate).z);
    }
    ts_progress_end(&in->progress);
}

static uint64_t count_pending(void)
{
    uint64_t done = ts_counter_sum(TS_C_SINK_DELIVERED) + ts_counter_sum(TS_C_SINK_DROPPED) +
                    ts_counter_sum(TS_C_SINK_COARSENED);
    return ts_counter_sum(TS_C_SINK_ROLLED_UP) - done;
}

void input_wait_delivered(struct input *in, const sigset_t *signals)
{
    if (ts_file_state(in->file) == TS_FILE_STOPPED)
        return; /* by a signal: the sinks have what time every stop gives them */
    int64_t patience_ns = PATIENCE_MIN_NS, progressed_ns = ts_clock_mono_ns();
    for (unsigned i = 0; i < in->conf->nsinks; i++)
        patience_ns = TS_MAX(patience_ns, in->conf->sinks[i].timeout_ns);
    uint64_t begun = count_pending(), last = begun, pending;
    while ((pending = count_pending()) && ts_clock_mono_ns() - progressed_ns < patience_ns && !nap(signals)) {
        if (pending < last)
            progressed_ns = ts_clock_mono_ns();
        last = pending;
        if (ts_progress_is_due(&in->progress))
            ts_progress_draw(&in->progress, 1 - (double)pending / (double)begun, "%s rollups to deliver",
                             ts_num_group(pending).z);
    }
    ts_progress_end(&in->progress);
}

/* " (late 3, future 1)" of the counters that share id's name, nothing when all are 0. */
static void put_reasons(struct ts_buf *out, const struct ts_ledger *led, enum ts_counter id)
{
    const char *name = ts_counter_info(id)->name, *before = " (";
    for (unsigned i = 0; i < TS_C_COUNT; i++) {
        const struct ts_counter_info *info = ts_counter_info((enum ts_counter)i);
        if (strcmp(info->name, name) == 0 && led->v[i]) {
            ts_buf_printf(out, "%s%s %s", before, info->value, ts_num_group(led->v[i]).z);
            before = ", ";
        }
    }
    ts_buf_puts(out, *before == ',' ? ")" : "");
}

static void print_summary(const struct input *in, const struct ts_ledger *led)
{
    struct ts_buf out = TS_BUF_INIT;
    ts_buf_printf(&out, "tsaggd: %s: %s lines", in->path, ts_num_group(led->v[TS_C_LINES_RECEIVED]).z);
    ts_buf_printf(&out, ", %s samples", ts_num_group(led->v[TS_C_SAMPLES_AGGREGATED]).z);
    if (led->v[TS_C_SAMPLES_PASSED])
        ts_buf_printf(&out, ", %s events and service checks", ts_num_group(led->v[TS_C_SAMPLES_PASSED]).z);
    ts_buf_printf(&out, ", %s rollups; rejected %s", ts_num_group(led->v[TS_C_ROLLUPS_SEALED]).z,
                  ts_num_group(led->lines_rejected).z);
    put_reasons(&out, led, TS_C_REJECTED_SYNTAX);
    ts_buf_printf(&out, ", dropped %s", ts_num_group(led->samples_dropped).z);
    put_reasons(&out, led, TS_C_DROPPED_RING_FULL);
    ts_buf_printf(&out, "; %.1f s\n", seconds_since(in->begun_ns));
    fputs(ts_buf_cstr(&out), stderr);
    ts_buf_fini(&out);
}

static bool report_sinks(const struct input *in, struct ts_sinks *sinks)
{
    struct ts_sink_status sink;
    bool all = true;
    for (unsigned i = 0; ts_sinks_status(sinks, i, &sink); i++) {
        if (sink.pending)
            fprintf(stderr,
                    "tsaggd: sink %s: %s rollups are not delivered (%s); they wait in %s/journal and go out "
                    "when tsaggd "
                    "runs with this state_dir again\n",
                    sink.name, ts_num_group(sink.pending).z, sink.state, in->conf->state_dir);
        if (sink.dropped)
            fprintf(stderr, "tsaggd: sink %s: %s rollups were refused; see %s/dead-letter\n", sink.name,
                    ts_num_group(sink.dropped).z, in->conf->state_dir);
        all &= !sink.pending && !sink.dropped;
    }
    return all;
}

bool input_report(struct input *in, struct ts_sinks *sinks)
{
    struct ts_ledger led;
    ts_ledger_read(&led);
    print_summary(in, &led);
    bool all = report_sinks(in, sinks) && ts_file_state(in->file) == TS_FILE_ENDED;
    if (led.v[TS_C_ROLLUPS_LOST])
        fprintf(stderr, "tsaggd: %s rollups were lost: neither memory nor disk could hold them\n",
                ts_num_group(led.v[TS_C_ROLLUPS_LOST]).z);
    if (ts_file_state(in->file) != TS_FILE_ENDED)
        fprintf(stderr, "tsaggd: %s: stopped after %s bytes; what was read is kept, the rest was not read\n",
                in->path, ts_num_group(led.v[TS_C_BYTES_RECEIVED]).z);
    return all && !led.v[TS_C_ROLLUPS_LOST];
}
