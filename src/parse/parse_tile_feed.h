/*
 * Text of parse_tile_feed.c, compiled there more than once: FEED(name) is what a function is called, READ_NUMBER reads a plain
 * number. No header of its own: it has no guard and defines functions.
 */

/*
 * name ':' number '|' type { '|' ( '@' rate | '#' tags ) } '\n', with pos[0] the first ':' of the line.
 * @return the number of positions used, the line's end among them; 0: not this form.
 */
TS_INLINE size_t FEED(fast_statsd)(const struct ts_parse_opts *opts, const char *data, const char *line, const uint32_t *pos,
                                   struct ts_raw *raw)
{
    const char *colon = data + pos[0], *bar = data + pos[1], *end = data + pos[2];
    if (TS_UNLIKELY(*colon != ':' || (unsigned char)*line <= '#' || *line == ':')) /* a comment, perhaps behind blanks */
        return 0;
    if (TS_UNLIKELY(!READ_NUMBER(colon + 1, (size_t)(bar - colon - 1), &raw->value)))
        return 0;
    raw->head = line;
    raw->shape = TIMING_SHAPE;
    raw->head_len = (uint32_t)(colon - line);
    raw->line_len = (uint32_t)(end - line);
    raw->index = 0;
    return TS_LIKELY(four_bytes(bar) == four_bytes("|ms\n")) ? 3 : fast_rest(opts, data, line, pos, raw);
}

/* ---- the fast way: line protocol ---- */

/* number = plain decimal, or digits with i or u behind them */
TS_INLINE bool FEED(fast_field_value)(const char *p, const char *end, double *out)
{
    size_t len = (size_t)(end - p);
    if (len == 0 || *p == '+')
        return false;
    if (end[-1] == 'i' || end[-1] == 'u') {
        if (TS_FIND(p, end, ".") != end || (end[-1] == 'u' && *p == '-'))
            return false;
        len--;
    }
    return len > (size_t)(*p == '-') && READ_NUMBER(p, len, out);
}

/* Reads fields into the tile's free places. @return how many; 0: not this form; TILE_FULL. *rest is where the last one ends. */
TS_INLINE unsigned FEED(fast_fields)(struct ts_tile *tile, const char *line, size_t len, const char *blank, const char **rest)
{
    const char *end = line + len, *p = blank;
    unsigned n = 0;
    do {
        const char *key = p + 1, *eq = TS_FIND(key, end, "=,\\\" ");
        if (TS_UNLIKELY(*eq != '=' || eq == key)) /* at the end there is a '\n' */
            return 0;
        if (TS_UNLIKELY(tile->n + n == TS_TILE_MAX))
            return TILE_FULL;
        struct ts_raw *raw = &tile->raw[tile->n + n];
        p = TS_FIND(eq + 1, end, ", ");
        if (TS_UNLIKELY(!FEED(fast_field_value)(eq + 1, p, &raw->value)))
            return 0;
        raw->head = line;
        raw->tail = key;
        raw->head_len = (uint32_t)(blank - line);
        raw->tail_len = (uint16_t)(eq - key); /* less than TS_SCAN_MAX */
        raw->kind = TS_KIND_FIELD;
        raw->flags = 0;
        raw->line_len = (uint32_t)len;
        raw->index = n++;
    } while (p < end && *p == ',');
    *rest = p;
    return n;
}

/* measurement{,tag=value} ' ' key=number{,key=number} [' ' time], no quotes, no backslash before the first blank. */
static bool FEED(fast_influx)(struct ts_tiler *tl, const char *line, size_t len)
{
    const char *end = line + len, *blank = TS_FIND(line, end, " ");
    const char *rest = end; /* gcc with -fsanitize=thread does not see that it is set */
    if (TS_UNLIKELY(blank == end || blank == line || blank[-1] == '\\' || end[-1] == '\r' ||
                    (unsigned char)*line <= '#')) /* a comment, perhaps behind blanks */
        return false;
    unsigned n = FEED(fast_fields)(&tl->tile, line, len, blank, &rest);
    if (n == TILE_FULL && tl->tile.n > 0) {
        ts_tile_hand_on(tl);
        n = FEED(fast_fields)(&tl->tile, line, len, blank, &rest);
    }
    if (n == 0 || n == TILE_FULL)
        return false;
    if (rest < end) {
        int64_t time_ns;
        if (!ts_number_time(rest + 1, (size_t)(end - rest - 1), &time_ns) ||
            __builtin_mul_overflow(time_ns, tl->opts.precision_ns, &time_ns))
            return false;
        for (struct ts_raw *raw = &tl->tile.raw[tl->tile.n], *last = raw + n; raw < last; raw++) {
            raw->flags = TS_RAW_TIME;
            raw->weight = 1;
            raw->time_ns = time_ns;
        }
    }
    tl->tile.n += n;
    tl->more_lines -= n - 1;
    return true;
}

/* ---- both ---- */

/* @return where the next line begins. next is where the scan saw the line end: a quoted text may reach further. */
static const char *FEED(other_line)(struct ts_tiler *tl, const char *line, const char *next, const char *end, bool bar)
{
    size_t len = (size_t)(next - line);
    bool influx = tl->opts.format == TS_FORMAT_INFLUX || (tl->opts.format == TS_FORMAT_AUTO && !bar);
    if (influx && len && FEED(fast_influx)(tl, line, len))
        return next;
    if (tl->opts.format != TS_FORMAT_STATSD && !tl->opts.newline_ends && memchr(line, '"', len)) {
        len = ts_parse_line_end(line, (size_t)(end - line), tl->opts.format);
        next = line + len;
    }
    ts_tile_read_slowly(tl, (struct ts_str){line, len});
    return next;
}

static void FEED(feed)(struct ts_tiler *tl, char *data, size_t len)
{
    size_t n = tl->scan(data, len, tl->pos);
    const uint32_t *pos = tl->pos;
    /* The end is a line end too; as often as a line's shortest form looks ahead. */
    data[len] = '\n';
    for (unsigned i = 0; i < 4; i++)
        tl->pos[n + i] = (uint32_t)len;
    const char *line = data, *end = data + len;
    bool statsd = tl->opts.format != TS_FORMAT_INFLUX;
    while (line < end) {
        if (TS_LIKELY(statsd)) {
            if (TS_UNLIKELY(tl->tile.n == TS_TILE_MAX))
                ts_tile_hand_on(tl);
            struct ts_raw *raw = &tl->tile.raw[tl->tile.n], *last = &tl->tile.raw[TS_TILE_MAX];
            for (size_t used; raw < last && line < end; raw++) {
                used = FEED(fast_statsd)(&tl->opts, data, line, pos, raw);
                if (TS_UNLIKELY(!used))
                    break;
                pos += used;
                line = data + pos[-1] + 1;
            }
            tl->tile.n = (unsigned)(raw - tl->tile.raw);
            if (raw == last || line >= end)
                continue;
        }
        bool bar = false;
        while (data[*pos] != '\n')
            bar |= data[*pos++] == '|';
        const char *newline = data + *pos++;
        line = FEED(other_line)(tl, line, newline, end, bar) + 1;
        if (TS_UNLIKELY(line != newline + 1))
            while (data + *pos < line && *pos < len)
                pos++;
    }
}
