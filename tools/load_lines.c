/*
 * What tsagg-load sends: packets of lines, made before the clock runs, so that making them costs nothing
 * while they are sent. A series is drawn for each line: in random order unless told otherwise, since a walk
 * in order flatters every cache.
 */
#include "config.h"
#include "load.h"

#include "core/clock.h"
#include "core/mem.h"

#include <inttypes.h>
#include <stdio.h>

#define LINE_BYTES   1024
#define PACKETS_FEW  16384
#define PACKETS_MANY 65536
#define MANY_SERIES  100000
#define BYTES_MAX    (UINT64_C(128) << 20)
#define DIGITS_NS    19
#define DIGITS_S     10

struct maker {
    const struct load_options *opt;
    uint64_t random, next_series;
};

static uint64_t draw(struct maker *mk) /* xorshift64*, Vigna 2016 */
{
    mk->random ^= mk->random >> 12;
    mk->random ^= mk->random << 25;
    mk->random ^= mk->random >> 27;
    return mk->random * UINT64_C(2685821657736338717);
}

/* Tag i of a series; in line protocol the first one tells series apart. */
static int put_tag(const struct load_options *opt, char *to, size_t room, unsigned i, uint64_t series,
                   char equals)
{
    static const char *const keys[] = {"host", "region", "zone", "service", "version", "env"};
    uint64_t value = series / (i + 1) % opt->tag_values;
    char key[16];
    if (i < TS_ARRAY_SIZE(keys))
        snprintf(key, sizeof key, "%s", keys[i]);
    else
        snprintf(key, sizeof key, "tag%u", i);
    if (opt->format == LOAD_INFLUX && i == 0)
        return snprintf(to, room, "%s%cweb%06" PRIu64, key, equals, series);
    return snprintf(to, room, "%s%c%c%02" PRIu64, key, equals, key[0], value);
}

static size_t put_influx(struct maker *mk, char *to, uint64_t series, unsigned v)
{
    const struct load_options *opt = mk->opt;
    int n = opt->tags ? snprintf(to, LINE_BYTES, "request")
                      : snprintf(to, LINE_BYTES, "request%06" PRIu64, series);
    for (unsigned i = 0; i < opt->tags; i++) {
        to[n++] = ',';
        n += put_tag(opt, to + n, LINE_BYTES - (size_t)n, i, series, '=');
    }
    n += snprintf(to + n, LINE_BYTES - (size_t)n, " time=%u.%02u", v / 100, v % 100);
    if (opt->timestamps)
        n += snprintf(to + n, LINE_BYTES - (size_t)n, " %0*d", DIGITS_NS, 0);
    return (size_t)n;
}

static size_t put_statsd(struct maker *mk, char *to, uint64_t series, unsigned v)
{
    const struct load_options *opt = mk->opt;
    const char *type = opt->types[series % opt->ntypes];
    static const char *const names[] = {"c", "count", "g", "load", "ms", "time",
                                        "h", "hist",  "s", "user", "d",  "dist"};
    const char *name = "";
    for (unsigned i = 0; i < TS_ARRAY_SIZE(names); i += 2)
        if (strcmp(type, names[i]) == 0)
            name = names[i + 1];
    int n = snprintf(to, LINE_BYTES, "app.request.%s.%06" PRIu64, name, series);
    if (*type == 'c')
        n += snprintf(to + n, LINE_BYTES - (size_t)n, ":%u|c", v % 9 + 1);
    else if (*type == 's')
        n += snprintf(to + n, LINE_BYTES - (size_t)n, ":%u|s", v);
    else
        n += snprintf(to + n, LINE_BYTES - (size_t)n, ":%u.%02u|%s", v / 100, v % 100, type);
    for (unsigned i = 0; i < opt->tags; i++) {
        n += snprintf(to + n, LINE_BYTES - (size_t)n, i ? "," : "|#");
        n += put_tag(opt, to + n, LINE_BYTES - (size_t)n, i, series, ':');
    }
    if (opt->timestamps)
        n += snprintf(to + n, LINE_BYTES - (size_t)n, "|T%0*d", DIGITS_S, 0);
    return (size_t)n;
}

static size_t make_line(struct maker *mk, char *to)
{
    const struct load_options *opt = mk->opt;
    uint64_t series = opt->sequential ? mk->next_series++ % opt->series : draw(mk) % opt->series;
    unsigned v = (unsigned)(draw(mk) % 100000);
    size_t n = opt->format == LOAD_INFLUX ? put_influx(mk, to, series, v) : put_statsd(mk, to, series, v);
    to[n++] = '\n';
    return n;
}

void load_packets_make(const struct load_options *opt, struct load_packets *out)
{
    struct maker mk = {.opt = opt, .random = opt->seed * 2654435761u + 1};
    char line[LINE_BYTES];
    size_t npackets = opt->series > MANY_SERIES ? PACKETS_MANY : PACKETS_FEW;
    size_t stride = TS_MAX(opt->packet, (size_t)LINE_BYTES);
    npackets = TS_MIN(npackets, TS_MAX(BYTES_MAX / stride, 1u));
    double most_lines = opt->rate > 0 ? TS_MAX(opt->rate * LOAD_BURST_S, 1) : 1e9;
    out->v = ts_xalloc(npackets * sizeof *out->v);
    out->bytes = ts_xalloc(npackets * stride);
    out->n = npackets;
    char *p = out->bytes;
    size_t len = make_line(&mk, line);
    for (size_t i = 0; i < npackets; i++) {
        struct load_packet *packet = &out->v[i];
        packet->p = p;
        do { /* one line at least */
            memcpy(p + packet->len, line, len);
            packet->len += (uint32_t)len;
            packet->lines++;
            len = make_line(&mk, line);
        } while (packet->len + len <= opt->packet && packet->lines < most_lines);
        p += packet->len;
    }
}

void load_packets_free(struct load_packets *packets)
{
    TS_FREE(packets->v);
    TS_FREE(packets->bytes);
}

void load_packet_stamp(const struct load_options *opt, struct load_packet *packet, int64_t now_ns)
{
    char digits[32];
    size_t n = opt->format == LOAD_INFLUX ? DIGITS_NS : DIGITS_S;
    snprintf(digits, sizeof digits, "%0*" PRId64, (int)n,
             opt->format == LOAD_INFLUX ? now_ns : now_ns / TS_SEC);
    char *end = packet->p + packet->len;
    for (char *p = packet->p; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        memcpy(p - n, digits, n);
}

size_t load_packet_cut(const struct load_packet *packet, uint32_t lines)
{
    const char *p = packet->p, *end = p + packet->len;
    while (lines--)
        p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
    return (size_t)(p - packet->p);
}
