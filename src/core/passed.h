#ifndef TS_CORE_PASSED_H
#define TS_CORE_PASSED_H
/*
 * A point that is passed through to the sinks, not aggregated: an event or a service check. Its fields in one
 * run of bytes, little-endian, as they stand in the journal:
 *
 *   { u8 type: 's', 'i' or 'f' | u16 n, key | 's': u32 n, text; 'i': i64; 'f': f64 }
 */
#include "core/base.h"
#include "core/buf.h"

struct ts_passed_field {
    struct ts_str key;
    char type; /* as above: which of the three it is */
    int64_t i;
    double f;
    struct ts_str text;
};

/** What parse hands to route for each such point; lives for the call. */
struct ts_passed {
    struct ts_str series; /* encoded, of kind PASSED, without a field */
    struct ts_str fields; /* one or more */
    bool has_time;
    int64_t time_ns;
};

typedef void ts_passed_fn(const struct ts_passed *psd, void *arg);

/* Append a field. The key is at most 65535 bytes long. Without memory the buffer is marked. */
void ts_passed_put_text(struct ts_buf *fields, struct ts_str key, struct ts_str text);
void ts_passed_put_int(struct ts_buf *fields, struct ts_str key, int64_t v);
void ts_passed_put_float(struct ts_buf *fields, struct ts_str key, double v);

/** Takes the next field off *fields. @return 0; -TS_EAGAIN there is none; -TS_ECORRUPT. */
int ts_passed_next(struct ts_str *fields, struct ts_passed_field *out) TS_MUST_CHECK;

/** Whether the bytes are one or more fields and nothing else. */
bool ts_passed_is_sound(struct ts_str fields);

#endif
