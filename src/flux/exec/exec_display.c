/* Values as text: display(), interpolation, messages. */
#include "config.h"
#include "flux/exec/exec_regexp.h"
#include "flux/exec/exec_time.h"

#include "core/num.h"

#include <stdlib.h>

#define DISPLAY_DEPTH 100

void ts_flux_put_float(struct ts_buf *to, double v)
{
    char z[TS_NUM_MAX];
    size_t len = ts_num_put_double(z, v);
    const char *e = memchr(z, 'e', len);
    if (!e) {
        ts_buf_put(to, z, len);
        return;
    }
    long exponent = strtol(e + 1, NULL, 10); /* digits d.ddd e±x, never of NaN or Inf */
    size_t i = 0, digits = 0;
    if (z[0] == '-')
        ts_buf_putc(to, z[i++]);
    if (exponent < 0) {
        ts_buf_puts(to, "0.");
        for (long k = 1; k < -exponent; k++)
            ts_buf_putc(to, '0');
    }
    for (; z + i < e; i++)
        if (z[i] != '.') {
            ts_buf_putc(to, z[i]);
            digits++;
        }
    for (; exponent > 0 && digits <= (size_t)exponent; digits++)
        ts_buf_putc(to, '0');
}

void ts_flux_put_time9(struct ts_buf *to, int64_t ns)
{
    struct ts_flux_date d = ts_flux_date_of(ns);
    ts_buf_printf(to, "%04lld-%02d-%02dT%02d:%02d:%02d.%09dZ", (long long)d.year, d.month, d.day, d.hour,
                  d.minute, d.second, d.ns);
}

static void put(struct ts_buf *to, struct ts_flux_value v, unsigned depth);

#define ON_ONE_LINE 3 /* items; more get a line each */

static void put_break(struct ts_buf *to, unsigned depth)
{
    ts_buf_putc(to, '\n');
    for (unsigned i = 0; i < depth; i++)
        ts_buf_puts(to, "    ");
}

/* What stands before item i of n; after the last one i is n. */
static void put_between(struct ts_buf *to, uint32_t i, uint32_t n, unsigned depth)
{
    if (i && i < n)
        ts_buf_puts(to, n > ON_ONE_LINE ? "," : ", ");
    if (n > ON_ONE_LINE)
        put_break(to, i < n ? depth + 1 : depth);
}

static void put_list(struct ts_buf *to, const struct ts_flux_value *keys, const struct ts_flux_value *v,
                     uint32_t n, unsigned depth)
{
    ts_buf_putc(to, '[');
    for (uint32_t i = 0; i < n; i++) {
        put_between(to, i, n, depth);
        if (keys) {
            put(to, keys[i], depth + 1);
            ts_buf_puts(to, ": ");
        }
        put(to, v[i], depth + 1);
    }
    put_between(to, n, n, depth);
    ts_buf_puts(to, keys && n == 0 ? ":]" : "]");
}

/* The property whose name comes next behind `after` (NULL: the first). */
static uint32_t next_property(const struct ts_flux_record *rec, const struct ts_flux_name *after)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < rec->shape->n; i++) {
        struct ts_str s = ts_flux_name_str(rec->shape->names[i]);
        if ((!after || ts_str_cmp(s, ts_flux_name_str(after)) > 0) &&
            (best == UINT32_MAX || ts_str_cmp(s, ts_flux_name_str(rec->shape->names[best])) < 0))
            best = i;
    }
    return best;
}

static void put_record(struct ts_buf *to, const struct ts_flux_record *rec, unsigned depth)
{
    const struct ts_flux_name *last = NULL;
    uint32_t n = rec->shape->n, at;
    ts_buf_putc(to, '{');
    for (uint32_t i = 0; (at = next_property(rec, last)) != UINT32_MAX; i++) {
        last = rec->shape->names[at];
        put_between(to, i, n, depth);
        ts_buf_put_str(to, ts_flux_name_str(last));
        ts_buf_puts(to, ": ");
        put(to, rec->v[at], depth + 1);
    }
    put_between(to, n, n, depth);
    ts_buf_putc(to, '}');
}

static void put_bytes(struct ts_buf *to, struct ts_str s)
{
    ts_buf_puts(to, "0x");
    for (size_t i = 0; i < s.len; i++)
        ts_buf_printf(to, "%02x", (unsigned char)s.p[i]);
}

static void put(struct ts_buf *to, struct ts_flux_value v, unsigned depth)
{
    if (depth > DISPLAY_DEPTH) {
        ts_buf_puts(to, "...");
        return;
    }
    if (v.null && v.type != TS_FLUX_DYNAMIC) {
        ts_buf_puts(to, "<null>");
        return;
    }
    switch (v.type) {
    case TS_FLUX_BOOL: ts_buf_puts(to, v.b ? "true" : "false"); break;
    case TS_FLUX_INT: ts_buf_put_int(to, v.i); break;
    case TS_FLUX_UINT: ts_buf_put_uint(to, v.u); break;
    case TS_FLUX_FLOAT: ts_buf_put_double(to, v.f); break;
    case TS_FLUX_STRING: ts_buf_put_str(to, ts_flux_value_str(v)); break;
    case TS_FLUX_BYTES: put_bytes(to, ts_flux_value_str(v)); break;
    case TS_FLUX_TIME: ts_flux_put_time9(to, v.i); break;
    case TS_FLUX_DURATION: ts_flux_put_duration(to, v.months, v.i); break;
    case TS_FLUX_REGEXP: ts_buf_put_str(to, ts_flux_regexp_text(v.regexp)); break;
    case TS_FLUX_ARRAY: put_list(to, NULL, v.array->v, v.array->n, depth); break;
    case TS_FLUX_DICT: put_list(to, v.dict->keys, v.dict->values, v.dict->n, depth); break;
    case TS_FLUX_RECORD: put_record(to, v.record, depth); break;
    case TS_FLUX_DYNAMIC:
        ts_buf_puts(to, "dynamic(");
        put(to, *v.dynamic, depth);
        ts_buf_putc(to, ')');
        break;
    default: ts_buf_printf(to, "<%s>", ts_flux_type_text(v.type));
    }
}

void ts_flux_value_display(struct ts_buf *to, struct ts_flux_value v)
{
    put(to, v, 0);
}
