#ifndef TS_CORE_BASE64_H
#define TS_CORE_BASE64_H
/* Bytes as text: RFC 4648, section 4, with padding. */
#include "core/buf.h"

void ts_buf_put_base64(struct ts_buf *buf, struct ts_str bytes);

/** Appends the bytes of a text. @return false: it is no base64, or the buffer failed. */
bool ts_buf_get_base64(struct ts_buf *buf, struct ts_str text) TS_MUST_CHECK;

#endif
