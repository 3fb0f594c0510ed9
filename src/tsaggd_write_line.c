/* Common lines in a fraction of the time. Thread: the connection's; owns copies of the series' texts, as many as a body has. */
#include "config.h"
#include "tsaggd_write_line.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/num.h"

#define KEY_MAX 32768 /* with a field's key it is still shorter than what is refused */

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

static struct write_key *slot_of(const struct write_keys *keys, struct ts_str text, uint32_t hash)
{
    uint32_t at = hash & keys->mask;
    while (keys->slots[at].text && (keys->slots[at].hash != hash || keys->slots[at].len != text.len ||
                                    memcmp(keys->slots[at].text, text.p, text.len) != 0))
        at = (at + 1) & keys->mask;
    return &keys->slots[at];
}

/* key "=" number */
static const char *read_field(const char *p, const char *end, struct ts_point_field *field)
{
    const char *key = p;
    while (p < end && is_plain((unsigned char)*p))
        p++;
    if (p == key || p == end || *p != '=')
        return NULL;
    field->key = (struct ts_str){key, (size_t)(p - key)};
    const char *value = ++p;
    if (p == end || ((*p < '0' || *p > '9') && *p != '-'))
        return NULL;
    while (p < end && *p != ',' && *p != ' ' && *p != '\n')
        p++;
    struct ts_str text = {value, (size_t)(p - value)};
    if (text.p[text.len - 1] == 'i') {
        field->type = TS_SCAN_INT;
        text.len--;
        return ts_num_read_int(text, &field->v.i) == 0 ? p : NULL;
    }
    field->type = TS_SCAN_FLOAT;
    return ts_num_read(text, &field->v.f) == 0 ? p : NULL;
}

const char *write_line_read(const struct write_keys *keys, const char *p, const char *end, int64_t precision_ns,
                            struct write_line *out)
{
    const char *blank = keys->n ? memchr(p, ' ', (size_t)TS_MIN(end - p, KEY_MAX)) : NULL;
    if (!blank)
        return NULL;
    struct ts_str text = {p, (size_t)(blank - p)};
    const struct write_key *key = slot_of(keys, text, (uint32_t)ts_hash(text.p, text.len));
    if (!key->text)
        return NULL;
    out->series = key->series;
    out->nfields = 0;
    p = blank;
    do {
        p++; /* ' ' or ',' */
        if (out->nfields == WRITE_FIELDS_MAX || !(p = read_field(p, end, &out->fields[out->nfields++])) || p == end)
            return NULL;
    } while (*p == ',');
    if (*p != ' ')
        return NULL;
    const char *time = p + 1, *stop = memchr(time, '\n', (size_t)(end - time));
    stop = stop ? stop : end;
    int64_t t;
    if (time == stop || *time == '+' || ts_num_read_int((struct ts_str){time, (size_t)(stop - time)}, &t) != 0 ||
        __builtin_mul_overflow(t, precision_ns, &out->time_ns) || out->time_ns < INT64_MIN + 2 || out->time_ns == INT64_MAX)
        return NULL;
    return stop < end ? stop + 1 : end;
}

static bool grow(struct write_keys *keys)
{
    struct write_keys more = {.n = keys->n, .mask = keys->slots ? keys->mask * 2 + 1 : 255};
    more.slots = ts_alloc(((size_t)more.mask + 1) * sizeof *more.slots);
    if (!more.slots)
        return false;
    for (uint32_t i = 0; keys->slots && i <= keys->mask; i++) {
        const struct write_key *key = &keys->slots[i];
        if (key->text)
            *slot_of(&more, (struct ts_str){key->text, key->len}, key->hash) = *key;
    }
    ts_free(keys->slots);
    *keys = more;
    return true;
}

/* A text with an escape or a quote may end elsewhere than at its first blank. */
void write_keys_add(struct write_keys *keys, struct ts_str line, uint32_t series)
{
    const char *blank = memchr(line.p, ' ', TS_MIN(line.len, (size_t)KEY_MAX));
    if (!blank || series == UINT32_MAX || blank == line.p)
        return;
    struct ts_str text = {line.p, (size_t)(blank - line.p)};
    if (memchr(text.p, '\\', text.len) || memchr(text.p, '"', text.len) || (keys->n * 2 >= keys->mask && !grow(keys)))
        return;
    uint32_t hash = (uint32_t)ts_hash(text.p, text.len);
    struct write_key *key = slot_of(keys, text, hash);
    if (key->text || !(key->text = ts_alloc(text.len)))
        return;
    memcpy(key->text, text.p, text.len);
    key->len = (uint32_t)text.len;
    key->hash = hash;
    key->series = series;
    keys->n++;
}

void write_keys_fini(struct write_keys *keys)
{
    for (uint32_t i = 0; keys->slots && i <= keys->mask; i++)
        ts_free(keys->slots[i].text);
    ts_free(keys->slots);
    *keys = (struct write_keys){0};
}
