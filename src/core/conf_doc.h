#ifndef TS_CORE_CONF_DOC_H
#define TS_CORE_CONF_DOC_H
/* The tables as parts of man pages (man(7) macros), for tools/docgen.c. */
#include "core/buf.h"

/** Every section and option of tsagg.yaml. */
void ts_conf_doc_options(struct ts_buf *out);

/** The aggregates that a rollup can be asked for. */
void ts_conf_doc_aggregates(struct ts_buf *out);

/** Every counter as /metrics shows it. */
void ts_conf_doc_counters(struct ts_buf *out);

#endif
