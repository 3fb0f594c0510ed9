#ifndef TS_CORE_UTF8_H
#define TS_CORE_UTF8_H
/* UTF-8 (RFC 3629): shortest forms only, no surrogates, up to U+10FFFF. */
#include "core/base.h"

/** Bytes of the well-formed character at p (1-4), 0 when there is none within len. */
size_t ts_utf8_len(const char *p, size_t len);

/** Whether all of s is well-formed. */
bool ts_utf8_valid(struct ts_str s);

#endif
