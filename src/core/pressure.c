/*
 * What gives way as memory becomes scarce. Thread: main looks, any asks. Measured is what the OOM killer would count as the
 * process's own: resident pages without those of files (/proc/self/statm), which the kernel can drop by itself.
 */
#include "config.h"
#include "core/pressure.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/num.h"

#include <fcntl.h>
#include <unistd.h>

#define LOOK_NS       (100 * TS_MS)
#define TRIM_NS       TS_SEC
#define DROP_LASTS_NS TS_SEC /* then new series overflow */
#define WAIT_LASTS_NS (5 * TS_SEC)

_Atomic unsigned ts_pressure_bits;

static _Atomic uint64_t limit, used; /* bytes */
static int64_t overflow_at_ns, trimmed_ns;

static const char *state_of(unsigned bits)
{
    return bits & TS_PRESSURE_DROP ? "dropping" : bits & TS_PRESSURE_OVERFLOW ? "overflowing" : bits ? "waiting" : "ok";
}

void ts_pressure_init(uint64_t limit_bytes)
{
    atomic_store_explicit(&limit, limit_bytes, memory_order_relaxed);
    if (!limit_bytes)
        atomic_store_explicit(&ts_pressure_bits, 0, memory_order_relaxed);
}

static unsigned bit(unsigned bits, unsigned of, bool on, bool off)
{
    return on ? bits | of : off ? bits & ~of : bits;
}

void ts_pressure_set(uint64_t used_bytes, int64_t now_ns)
{
    uint64_t max = atomic_load_explicit(&limit, memory_order_relaxed);
    unsigned before = atomic_load_explicit(&ts_pressure_bits, memory_order_relaxed), bits = before;
    double part = max ? (double)used_bytes / (double)max : 0;
    atomic_store_explicit(&used, used_bytes, memory_order_relaxed);
    bool bounded = bits & TS_PRESSURE_OVERFLOW;
    bits = bit(bits, TS_PRESSURE_WAIT, part >= (bounded ? 0.92 : 0.85), part < (bounded ? 0.88 : 0.80));
    bits = bit(bits, TS_PRESSURE_DROP, part >= 0.92, part < 0.88);
    if (!before)
        overflow_at_ns = now_ns + WAIT_LASTS_NS;
    if (bits & ~before & TS_PRESSURE_DROP)
        overflow_at_ns = TS_MIN(overflow_at_ns, now_ns + DROP_LASTS_NS);
    bool lasts = bits & (TS_PRESSURE_WAIT | TS_PRESSURE_DROP) && now_ns >= overflow_at_ns;
    bits = bit(bits, TS_PRESSURE_OVERFLOW, part >= 0.97 || lasts, part < 0.80);
    if (bits == before)
        return;
    atomic_store_explicit(&ts_pressure_bits, bits, memory_order_relaxed);
    ts_log(bits ? TS_LOG_WARN : TS_LOG_INFO, "memory", "state=%s new_series=%s used=%llu limit=%llu%s", state_of(bits),
           bits & TS_PRESSURE_OVERFLOW ? "overflow" : "own", (unsigned long long)used_bytes, (unsigned long long)max,
           bits ? " remedy=\"raise limits.memory, or lower limits.series; tsagg-ctl top --cardinality names the largest\"" : "");
}

/* @return bytes, 0 when they cannot be read. */
static uint64_t read_used(void)
{
    char text[128];
    uint64_t resident, of_files;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    char *words[3], *p = text; /* size resident shared */
    for (unsigned i = 0; i < TS_ARRAY_SIZE(words); i++) {
        words[i] = p;
        p += strcspn(p, " \n");
        if (*p)
            *p++ = 0;
    }
    if (ts_num_read_uint(ts_str_of(words[1]), &resident) || ts_num_read_uint(ts_str_of(words[2]), &of_files))
        return 0;
    return (resident - TS_MIN(of_files, resident)) * (uint64_t)sysconf(_SC_PAGESIZE);
}

int64_t ts_pressure_look(void)
{
    uint64_t bytes = read_used(), max = atomic_load_explicit(&limit, memory_order_relaxed);
    int64_t now_ns = ts_clock_mono_ns();
    if (bytes) /* without a descriptor what was seen last stands */
        ts_pressure_set(bytes, now_ns);
    if (ts_pressure_has(~0u) && now_ns - trimmed_ns >= TRIM_NS) {
        ts_mem_trim();
        trimmed_ns = now_ns;
    }
    return !max ? TS_SEC : bytes < max / 2 ? LOOK_NS : LOOK_NS / 10;
}

void ts_memory_status(struct ts_memory_status *out)
{
    out->limit_bytes = atomic_load_explicit(&limit, memory_order_relaxed);
    out->used_bytes = atomic_load_explicit(&used, memory_order_relaxed);
    out->state = state_of(atomic_load_explicit(&ts_pressure_bits, memory_order_relaxed));
}
