#ifndef TS_CORE_TILE_H
#define TS_CORE_TILE_H
/*
 * What parse hands to route: up to 64 samples as they stood in their lines, with the series not looked up yet. Working on
 * a tile in passes (hash all, fetch all, compare all) lets the memory latencies of 64 look-ups overlap.
 */
#include "core/base.h"
#include "core/hash.h"
#include "core/series.h"

#define TS_TILE_MAX 64

enum ts_raw_flag {
    TS_RAW_WEIGHT = 1,    /* weight is not 1 */
    TS_RAW_TIME = 2,      /* time_ns is given */
    TS_RAW_RELATIVE = 4,  /* a gauge's change rather than its value */
    TS_RAW_TEXT = 8,      /* text holds a string; it belongs to the sample */
    TS_RAW_BITS = 16,     /* bits holds a hash (sets) */
    TS_RAW_CANONICAL = 32 /* head is an encoded series (core/series.h), tail is empty */
};

/** A string value on its way: allocated by parse, freed by whoever drops or replaces it. */
struct ts_text {
    uint32_t len;
    char p[];
};

struct ts_raw {
    const char *head; /* statsd: name; line protocol: measurement and tags, as written; begins the line */
    const char *tail; /* statsd: what follows '#'; line protocol: field key */
    union {
        struct {
            uint32_t head_len;
            uint16_t tail_len;
            uint8_t kind;  /* enum ts_kind */
            uint8_t flags; /* enum ts_raw_flag */
        };
        uint64_t shape; /* these four at once */
    };
    union {
        double value;
        uint64_t bits;
        struct ts_text *text;
    };
    double weight;   /* 1 / sample rate */
    int64_t time_ns;
    union {
        uint64_t hash;      /* of head, tail and kind; filled by whoever looks it up */
        const char *number; /* while parse reads it: the value's text, of bits bytes */
    };
    uint32_t line_len;
    uint32_t index;  /* which sample of its line */
};

/** Lengths, kind, and of the flags TS_RAW_CANONICAL. */
TS_INLINE uint64_t ts_key_shape(const struct ts_raw *raw)
{
    const struct ts_raw all = {.head_len = UINT32_MAX, .tail_len = UINT16_MAX, .kind = UINT8_MAX, .flags = TS_RAW_CANONICAL};
    return raw->shape & all.shape;
}

/** The key's hash, other ones for other keys. */
TS_INLINE uint64_t ts_key_hash(const struct ts_raw *raw)
{
    uint64_t seed = ts_key_shape(raw);
    if (raw->tail_len)
        seed ^= ts_hash(raw->tail, raw->tail_len);
    return ts_hash_seeded(raw->head, raw->head_len, seed);
}

struct ts_tile {
    unsigned n;
    struct ts_raw raw[TS_TILE_MAX] TS_ALIGNED;
    /**
     * Finds out in full what series raw[i] belongs to, for a head and tail never seen before. The view is valid until the next call.
     * @return 0; negative: the line is no good after all, has been counted as rejected, and the sample must be forgotten.
     */
    int (*resolve)(struct ts_tile *tile, unsigned i, struct ts_series_view *out);
    void *owner; /* of resolve */
};

typedef void ts_tile_fn(struct ts_tile *tile, void *arg);

#endif
