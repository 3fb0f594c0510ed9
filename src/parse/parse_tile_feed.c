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
#define FIELD_SHAPE  (((const struct ts_raw){.kind = TS_KIND_FIELD}).shape)

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

/* ---- line protocol ---- */

/* Of 32 bytes those that are c, a bit for each. */
TS_INLINE uint64_t places_of(const char *p, char c)
{
    return ts_find_bits(ts_find_load(p), c) | (uint64_t)ts_find_bits(ts_find_load(p + 16), c) << 16;
}

TS_INLINE uint64_t blanks(const char *p)
{
    return places_of(p, ' ');
}

/* What ends a key or a value, and what makes either one that is not for the fast way. */
TS_INLINE uint64_t marks(const char *p)
{
    return places_of(p, '=') | places_of(p, ',') | places_of(p, ' ') | places_of(p, '\n') | places_of(p, '\\') | places_of(p, '"');
}

/* The length of the number in a value from p to end, which is digits with i or u behind them; 0: it is not. */
static __attribute__((noinline)) uint64_t whole_number_length(const char *p, const char *end)
{
    bool whole = (end[-1] == 'i' || (end[-1] == 'u' && *p != '-')) && TS_FIND(p, end, ".") == end;
    return whole ? (uint64_t)(end - p - 1) : 0;
}

/* The time of a line, from text to end, for the samples from raw to last. */
static bool fast_time(const struct ts_parse_opts *opts, const char *text, const char *end, struct ts_raw *raw, const struct ts_raw *last)
{
    int64_t time_ns;
    if (!ts_number_time(text, (size_t)(end - text), &time_ns) || __builtin_mul_overflow(time_ns, opts->precision_ns, &time_ns))
        return false;
    for (; raw < last; raw++) {
        raw->flags = TS_RAW_TIME;
        raw->weight = 1;
        raw->time_ns = time_ns;
    }
    return true;
}

/* ---- lines of both forms ---- */

/* How far the lines of a piece of data have been read. */
struct reading {
    char *data, *end;
    const char *line;    /* the next one */
    const uint32_t *pos; /* the first of its positions */
    bool full;           /* its samples have no room in the tile */
};

/* Goes back to the line of a number that is none, a sample of which nothing is left then, nor of those behind it up to last. @return
 * the line's first sample. */
static TS_COLD struct ts_raw *back_to_line(struct ts_tiler *tl, struct reading *rd, struct ts_raw *raw, const struct ts_raw *last)
{
    struct ts_raw *first = raw - raw->index;
    for (raw = first; raw < last; raw++)
        tl->more_lines += raw->index != 0;
    rd->line = first->head;
    rd->full = false;
    while (rd->pos > tl->pos && rd->data + rd->pos[-1] >= rd->line)
        rd->pos--;
    return first;
}

/* The complete parser's turn. A quoted text may reach further than the scan saw the line end. */
static TS_COLD void slow_line(struct ts_tiler *tl, struct reading *rd)
{
    while (rd->data[*rd->pos] != '\n')
        rd->pos++;
    const char *next = rd->data + *rd->pos++, *line = rd->line;
    if (tl->opts.format != TS_FORMAT_STATSD && !tl->opts.newline_ends && memchr(line, '"', (size_t)(next - line)))
        next = line + ts_parse_line_end(line, (size_t)(rd->end - line), tl->opts.format);
    ts_tile_read_slowly(tl, (struct ts_str){line, (size_t)(next - line)});
    rd->line = next + 1;
    while (rd->data + *rd->pos < rd->line && rd->data + *rd->pos < rd->end)
        rd->pos++;
}

#define FEED(name)     name##_plain
#define BLANKS         blanks
#define MARKS          marks
#define READ_NUMBER    ts_number_plain
#define READ_FOUR(raw) false
#include "parse/parse_tile_feed.inc"
#undef FEED
#undef BLANKS
#undef MARKS
#undef READ_NUMBER
#undef READ_FOUR

#if defined(__x86_64__)
#include <immintrin.h>
TS_TARGET_BEGIN("avx2,bmi,bmi2,popcnt")
#include "parse/parse_number_avx2.h"

TS_INLINE __m256i load_32(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

TS_INLINE uint64_t blanks_avx2(const char *p)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(load_32(p), _mm256_set1_epi8(' ')));
}

/* All but one have low halves of their own, by which a shuffle finds what they would have to be. */
TS_INLINE uint64_t marks_avx2(const char *p)
{
    const __m256i by_low_half = _mm256_broadcastsi128_si256(_mm_setr_epi8(' ', 0, '"', 0, 0, 0, 0, 0, 0, 0, '\n', 0, ',', '=', 0, 0));
    __m256i text = load_32(p);
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_cmpeq_epi8(text, _mm256_shuffle_epi8(by_low_half, text)),
                                                          _mm256_cmpeq_epi8(text, _mm256_set1_epi8('\\'))));
}

/* Four numbers; their lengths are in ts_raw.bits. @return false: one at a time, please. */
TS_INLINE bool read_four_avx2(struct ts_raw *raw)
{
    const char *p[4];
    uint64_t len[4];
    __m256d values;
    _Pragma("GCC unroll 4") for (unsigned i = 0; i < 4; i++)
    {
        p[i] = raw[i].number;
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
#define BLANKS      blanks_avx2
#define MARKS       marks_avx2
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
