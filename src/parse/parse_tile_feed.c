/*
 * The fast way of reading lines, compiled for processors with AVX2 and BMI2 and for any other (parse_tile_feed.inc is the text of both).
 * Thread: ingest.
 */
#include "config.h"
#include "parse/parse_tile_priv.h"

#include "parse/parse_find.h"
#include "parse/parse_number.h"

#define TILE_FULL    (TS_TILE_MAX + 1)
#define TIMING_SHAPE (((const struct ts_raw){.kind = TS_KIND_TIMING}).shape)

/* rate = number in (0, 1] */
static bool fast_rate(const char *p, const char *end, double *weight)
{
    double rate;
    if (p == end || !ts_number_plain(p, (size_t)(end - p), &rate) || !(rate > 0 && rate <= 1))
        return false;
    *weight = 1 / rate;
    return true;
}

TS_INLINE uint32_t four_bytes(const char *p)
{
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

/* A type of one letter, or two; 0 when it is neither a number's nor known. */
TS_INLINE bool fast_type(const char *bar, const char *end, enum ts_kind *kind)
{
    if (end - bar == 3 && bar[1] == 'm' && bar[2] == 's') {
        *kind = TS_KIND_TIMING;
        return true;
    }
    *kind = ts_tile_kind_of_type(bar[1]);
    return end - bar == 2 && (bar[1] == 'c' || bar[1] == 'g' || bar[1] == 'h' || bar[1] == 'd');
}

/*
 * { '|' ( '@' rate | '#' tags ) }, from the position *used on, which is a bar's. @return the line's end, or NULL: not this form.
 */
static inline const char *fast_sections(const char *data, const uint32_t *pos, size_t *used, struct ts_raw *raw)
{
    const char *end = data + pos[*used - 1], *section;
    do {
        section = end + 1;
        ++*used;
        if (*section == '#' && !raw->tail_len) {
            while (data[pos[*used - 1]] == ':')
                ++*used;
            end = data + pos[*used - 1];
            if (end - section - 1 > UINT16_MAX)
                return NULL;
            raw->tail = section + 1;
            raw->tail_len = (uint16_t)(end - section - 1);
        } else if (*section == '@' && !(raw->flags & TS_RAW_WEIGHT)) {
            end = data + pos[*used - 1];
            if (!fast_rate(section + 1, end, &raw->weight))
                return NULL;
            raw->flags |= TS_RAW_WEIGHT;
        } else {
            return NULL;
        }
    } while (*end == '|');
    return end;
}

/* What follows the number of a line that does not end with "|ms". @return as fast_statsd does. */
static size_t fast_rest(const struct ts_parse_opts *opts, const char *data, const char *line, const uint32_t *pos,
                        struct ts_raw *raw)
{
    const char *bar = data + pos[1], *end = data + pos[2];
    size_t used = 3;
    enum ts_kind kind;
    if (*bar != '|' || !fast_type(bar, end, &kind))
        return 0;
    raw->kind = (uint8_t)kind;
    if (*end == '|') {
        end = fast_sections(data, pos, &used, raw);
        if (!end)
            return 0;
    }
    if (TS_UNLIKELY(*end != '\n' || end[-1] == '\r'))
        return 0;
    if (kind == TS_KIND_GAUGE) {
        char first = data[pos[0] + 1];
        if ((first == '-' || first == '+') && opts->signed_gauges == TS_GAUGES_RELATIVE)
            raw->flags = TS_RAW_RELATIVE;
    }
    raw->line_len = (uint32_t)(end - line);
    return used;
}

#define FEED(name)     name##_plain
#define READ_NUMBER    ts_number_plain
#define READ_FOUR(raw) false
#include "parse/parse_tile_feed.inc"
#undef FEED
#undef READ_NUMBER
#undef READ_FOUR

#if defined(__x86_64__)
#include <immintrin.h>
TS_TARGET_BEGIN("avx2,bmi,bmi2,popcnt")
#include "parse/parse_number_avx2.h"

/* The numbers of four statsd lines, read as far as ts_raw.bits, their lengths. @return false: one at a time, please. */
TS_INLINE bool read_four_avx2(struct ts_raw *raw)
{
    const char *p[4];
    uint64_t len[4];
    __m256d values;
    _Pragma("GCC unroll 4") for (unsigned i = 0; i < 4; i++)
    {
        p[i] = raw[i].head + raw[i].head_len + 1;
        len[i] = raw[i].bits;
    }
    if (TS_UNLIKELY(!ts_number_four_avx2(p, len, &values)))
        return false;
    __m128d low = _mm256_castpd256_pd128(values), high = _mm256_extractf128_pd(values, 1);
    _mm_storel_pd(&raw[0].value, low);
    _mm_storeh_pd(&raw[1].value, low);
    _mm_storel_pd(&raw[2].value, high);
    _mm_storeh_pd(&raw[3].value, high);
    return true;
}

#define FEED(name)  name##_avx2
#define READ_NUMBER ts_number_avx2
#define READ_FOUR   read_four_avx2
#include "parse/parse_tile_feed.inc"
TS_TARGET_END
#endif

ts_tile_feed_fn *ts_tile_feed_choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return feed_avx2;
#endif
    return feed_plain;
}
