#ifndef TS_PARSE_PARSE_TEMPLATE_H
#define TS_PARSE_PARSE_TEMPLATE_H
/* A listener's templates: from the name of a statsd series to measurement, field and tags. */
#include "core/base.h"
#include "core/buf.h"
#include "core/series.h"

struct ts_templates;

/**
 * @param list    templates that ts_template_read takes, parted by line ends; NULL or "": none
 * @param joiner  what stands between words that form one text
 * @return NULL without templates. Ends the process without memory.
 */
struct ts_templates *ts_templates_new(const char *list, const char *joiner);
void ts_templates_free(struct ts_templates **templates);

/**
 * Rewrites a series' name, field and tags by the most specific template that fits; without one nothing
 * changes. New texts lie in `text`, which is emptied and must have room for TS_SERIES_MAX bytes.
 * @return 0, -TS_ELIMIT longer than any series, or too many tags. @thread any
 */
int ts_templates_apply(const struct ts_templates *templates, struct ts_series_view *view,
                       struct ts_buf *text) TS_MUST_CHECK;

#endif
