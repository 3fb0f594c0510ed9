#ifndef TS_FLUX_DOC_H
#define TS_FLUX_DOC_H
/* The library as a part of a man page (man(7) macros), for tools/docgen.c. */
#include "core/buf.h"

/** Every package with its functions and constants, by name; those that begin with _ are left out. */
void ts_flux_doc_packages(struct ts_buf *out);

#endif
