#ifndef TS_CORE_GLOB_H
#define TS_CORE_GLOB_H
/* Patterns of names: * is any bytes, or none, ? is one byte, everything else is itself. */
#include "core/base.h"

bool ts_glob_match(struct ts_str glob, struct ts_str text);

/** Whether it can be seen that no text matches both: what stands before their first * or ?, or behind the
 * last, differs. */
bool ts_globs_are_disjoint(struct ts_str a, struct ts_str b);

#endif
