#ifndef TS_CORE_SERIES_H
#define TS_CORE_SERIES_H
/*
 * A series' identity: kind, measurement, field, sorted tags. Its encoded form is one run of bytes, equal exactly
 * when the series are equal, so it is what is hashed, compared, kept in tables and written to the journal:
 *
 *   u8 kind | u16 n, name | u16 n, field | u16 number of tags | { u16 n, key | u16 n, value } sorted by key
 *
 * u16 are little-endian. Texts are unescaped and may hold any byte. field is empty for statsd
 * kinds without a template that names one.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/sample.h"

#define TS_TAGS_MAX       256   /* tags of one series */
#define TS_SERIES_MAX     65535 /* bytes of an encoded series */

struct ts_tag {
    struct ts_str key, value;
};

/** Decoded form; texts are borrowed from wherever they came. */
struct ts_series_view {
    enum ts_kind kind;
    struct ts_str name, field;
    unsigned ntags;
    struct ts_tag tags[TS_TAGS_MAX];
};

/**
 * Sorts view->tags by key (of equal keys the last given stays) and appends the encoded form to buf.
 * @return 0; -TS_ELIMIT longer than TS_SERIES_MAX; -TS_ENOMEM.
 */
int ts_series_encode(struct ts_series_view *view, struct ts_buf *buf) TS_MUST_CHECK;

/** Reads an encoded series. @return 0, -TS_ECORRUPT when the bytes are not exactly one. */
int ts_series_decode(struct ts_str bytes, struct ts_series_view *view) TS_MUST_CHECK;

/** For logs: measurement,tag=value field. */
void ts_series_print(const struct ts_series_view *view, struct ts_buf *buf);

#endif
