/* From a parsed line to the series of its samples. Thread: any; borrows everything from the line. */
#include "config.h"
#include "parse/parse.h"

#include <stdlib.h>

unsigned ts_parsed_samples(const struct ts_parsed *parsed)
{
    switch (parsed->what) {
    case TS_PARSED_METRIC: return parsed->metric.type == 's' ? 1 : parsed->metric.nvalues;
    case TS_PARSED_POINT: return parsed->point.nfields;
    case TS_PARSED_EVENT:
    case TS_PARSED_SERVICE_CHECK: break;
    }
    return 0;
}

static enum ts_kind metric_kind(char type)
{
    switch (type) {
    case 'c': return TS_KIND_COUNTER;
    case 'g': return TS_KIND_GAUGE;
    case 's': return TS_KIND_SET;
    default: return TS_KIND_TIMING;
    }
}

int ts_parsed_tags(const struct ts_parsed *parsed, struct ts_series_view *out)
{
    out->ntags = 0;
    for (unsigned t = 0; t < parsed->ntags; t++) {
        struct ts_tag tag = parsed->tags[t];
        if (!tag.value.p)
            tag.value = TS_STR("true");
        if (tag.key.len == 0 || tag.value.len == 0)
            continue;
        if (out->ntags == TS_TAGS_MAX)
            return -TS_ELIMIT;
        out->tags[out->ntags++] = tag;
    }
    return 0;
}

int ts_parsed_series(const struct ts_parsed *parsed, unsigned i, struct ts_series_view *out)
{
    TS_ASSERT(i < ts_parsed_samples(parsed));
    out->name = parsed->name;
    out->field = TS_STR("");
    if (parsed->what == TS_PARSED_METRIC) {
        out->kind = metric_kind(parsed->metric.type);
    } else {
        const struct ts_field *field = &parsed->point.fields[i];
        out->kind = field->type == TS_FIELD_STRING ? TS_KIND_STRING : TS_KIND_FIELD;
        out->field = field->key;
    }
    return ts_parsed_tags(parsed, out);
}

static int compare_tags(const void *pa, const void *pb)
{
    const struct ts_tag *a = pa, *b = pb;
    return ts_str_cmp(a->key, b->key);
}

unsigned ts_parsed_point(const struct ts_parsed *parsed, struct ts_point_field *fields)
{
    for (unsigned i = 0; i < parsed->point.nfields; i++) {
        const struct ts_field *from = &parsed->point.fields[i];
        fields[i] = (struct ts_point_field){.key = from->key, .type = (enum ts_scan_type)from->type};
        switch (from->type) {
        case TS_FIELD_BOOL: fields[i].v.u = from->b; break;
        case TS_FIELD_STRING: fields[i].text = from->s; break;
        default: fields[i].v.u = from->u; break; /* all of them are 64 bits */
        }
    }
    if (parsed->ntags > 1)
        qsort(parsed->tags, parsed->ntags, sizeof *parsed->tags, compare_tags);
    return parsed->point.nfields;
}
