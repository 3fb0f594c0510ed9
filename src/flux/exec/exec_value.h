#ifndef TS_FLUX_EXEC_VALUE_H
#define TS_FLUX_EXEC_VALUE_H
/*
 * Values. 16 bytes, passed by value; what they point to lives in an arena of the query and never changes, so
 * a copy shares it. A null still knows its type when there is one: {.type = TS_FLUX_INT, .null = true}.
 */
#include "core/buf.h"
#include "flux/lang/lang.h"

enum ts_flux_type {
#define TS_FLUX_TYPE(name, text) TS_FLUX_##name,
#include "tbl/flux_types.def"
#undef TS_FLUX_TYPE
    TS_FLUX_TYPE_COUNT
};

struct ts_flux_array;
struct ts_flux_record;
struct ts_flux_dict;
struct ts_flux_func;
struct ts_flux_regexp;
struct ts_flux_stream; /* a stream of tables: src/flux/ops knows what it is */

struct ts_flux_value {
    uint8_t type; /* enum ts_flux_type; NONE: an argument that was not given */
    bool null;
    union {
        uint32_t len;   /* STRING, BYTES */
        int32_t months; /* DURATION */
    };
    union {
        bool b;
        int64_t i; /* INT; TIME: ns since 1970; DURATION: ns */
        uint64_t u;
        double f;
        const char *p; /* STRING (UTF-8), BYTES */
        const struct ts_flux_regexp *regexp;
        const struct ts_flux_array *array;
        const struct ts_flux_record *record;
        const struct ts_flux_dict *dict;
        const struct ts_flux_func *func;
        struct ts_flux_stream *stream;
        const struct ts_flux_value *dynamic;
    };
};

struct ts_flux_array {
    uint32_t n;
    const struct ts_flux_value *v;
};

/** A record's property names in the order in which they were written; many records share one shape. */
struct ts_flux_shape {
    uint32_t n;
    const struct ts_flux_name **names;
};

struct ts_flux_record {
    const struct ts_flux_shape *shape;
    const struct ts_flux_value *v; /* shape->n */
};

/** Sorted by key. */
struct ts_flux_dict {
    uint32_t n;
    const struct ts_flux_value *keys, *values;
};

static inline struct ts_flux_value ts_flux_null(enum ts_flux_type type)
{
    return (struct ts_flux_value){.type = (uint8_t)type, .null = true};
}
static inline struct ts_flux_value ts_flux_bool(bool b)
{
    return (struct ts_flux_value){.type = TS_FLUX_BOOL, .b = b};
}
static inline struct ts_flux_value ts_flux_int(int64_t i)
{
    return (struct ts_flux_value){.type = TS_FLUX_INT, .i = i};
}
static inline struct ts_flux_value ts_flux_uint(uint64_t u)
{
    return (struct ts_flux_value){.type = TS_FLUX_UINT, .u = u};
}
static inline struct ts_flux_value ts_flux_float(double f)
{
    return (struct ts_flux_value){.type = TS_FLUX_FLOAT, .f = f};
}
/** The bytes must live as long as the value. */
static inline struct ts_flux_value ts_flux_string(struct ts_str s)
{
    return (struct ts_flux_value){.type = TS_FLUX_STRING, .len = (uint32_t)s.len, .p = s.p};
}
static inline struct ts_flux_value ts_flux_time(int64_t ns)
{
    return (struct ts_flux_value){.type = TS_FLUX_TIME, .i = ns};
}
static inline struct ts_flux_value ts_flux_duration(int64_t months, int64_t ns)
{
    return (struct ts_flux_value){.type = TS_FLUX_DURATION, .months = (int32_t)months, .i = ns};
}
static inline struct ts_flux_value ts_flux_stream_value(struct ts_flux_stream *stream)
{
    return (struct ts_flux_value){.type = TS_FLUX_STREAM, .stream = stream};
}
static inline struct ts_str ts_flux_value_str(struct ts_flux_value v)
{
    return (struct ts_str){v.p, v.len};
}

/** The type as error messages name it: "float", "uint", "record", … */
const char *ts_flux_type_text(enum ts_flux_type type);

/** A property's value; NULL: there is none of that name. */
const struct ts_flux_value *ts_flux_record_get(const struct ts_flux_record *rec,
                                               const struct ts_flux_name *name);
const struct ts_flux_value *ts_flux_record_find(const struct ts_flux_record *rec, struct ts_str name);

/** NULL: no such key. */
const struct ts_flux_value *ts_flux_dict_get(const struct ts_flux_dict *dict, struct ts_flux_value key);

/** Same type and same value; NaN equals nothing; nulls equal nulls of any type. For distinct(), contains(),
 * tests. */
bool ts_flux_value_same(struct ts_flux_value a, struct ts_flux_value b);

/** Total order within one type for sorting: nulls first, NaN before other floats. */
int ts_flux_value_cmp(struct ts_flux_value a, struct ts_flux_value b);

/** As display() and messages show it: "abc" bare, 1.5, 2020-01-01T00:00:00.000000000Z, {a: 1}, [1, 2]. */
void ts_flux_value_display(struct ts_buf *to, struct ts_flux_value v);

/** The shortest decimal that reads back as v, never with an exponent; NaN, +Inf, -Inf. */
void ts_flux_put_float(struct ts_buf *to, double v);

/** Times as string() and interpolation print them: RFC 3339 UTC with exactly nine fraction digits. */
void ts_flux_put_time9(struct ts_buf *to, int64_t ns);

/** A deep copy in another arena. @return 0, -TS_ENOMEM. Functions and streams stay where they are. */
int ts_flux_value_copy(struct ts_flux_arena *arena, struct ts_flux_value v,
                       struct ts_flux_value *out) TS_MUST_CHECK;

#endif
