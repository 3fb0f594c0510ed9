#ifndef TS_STORE_KEY_H
#define TS_STORE_KEY_H
/*
 * A series' key: measurement and tags as bytes that sort as a scan hands series out. Each text ends with a 0; a 0 within becomes
 * 1 1, a 1 becomes 1 2.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/series.h"

#define TS_KEY_MAX 65535

/** Appends the key; tags are sorted, without two of one key. @return 0, -TS_ELIMIT (nothing appended), -TS_ENOMEM. */
int ts_key_encode(struct ts_str measurement, const struct ts_tag *tags, unsigned ntags, struct ts_buf *out) TS_MUST_CHECK;

/** The bytes that keys of a measurement begin with. @return 0, -TS_ENOMEM. */
int ts_key_prefix(struct ts_str measurement, struct ts_buf *out) TS_MUST_CHECK;

/** Texts point into the key, or into scratch, which is cleared first. @return 0, -TS_ECORRUPT, -TS_ENOMEM. */
int ts_key_decode(struct ts_str key, struct ts_buf *scratch, struct ts_str *measurement, struct ts_tag tags[TS_TAGS_MAX],
                  unsigned *ntags) TS_MUST_CHECK;

/** measurement,tag=value for messages. */
void ts_key_print(struct ts_str key, struct ts_buf *out);

#endif
