#ifndef TESTS_UNIT_STORE_MODEL_H
#define TESTS_UNIT_STORE_MODEL_H
/*
 * What a store must say, worked out the plain way: for each series and field a sorted array of points in memory.
 */
#include "core/points.h"
#include "core/scan.h"

#define MODEL_SERIES 12
#define MODEL_FIELDS 5

struct model_point {
    int64_t t;
    union ts_scan_value v;
    char text[24];
};

struct model_field {
    struct model_point *pts;
    unsigned n, cap;
};

/* Series i has measurement m<i % 3>, tags host=h<i> and, for every other one, rack=r<i % 2>. Field k of a measurement has a type of its
 * own: k modulo five. */
struct model {
    struct model_field at[MODEL_SERIES][MODEL_FIELDS];
};

enum ts_scan_type model_type(unsigned series, unsigned field);
/* Fills in measurement, tags, field names for a series. tags: room for two. @return number of tags */
unsigned model_series(unsigned series, char measurement[16], struct ts_tag tags[2], char texts[4][16]);
const char *model_field_name(unsigned field);

void model_put(struct model *mdl, unsigned series, unsigned field, const struct model_point *pt);
void model_delete(struct model *mdl, unsigned series, int64_t start, int64_t stop); /* both inclusive */
void model_free(struct model *mdl);

/* Scans as the request says and fails the test at the first difference. series_mask: which ones the request's predicate takes. */
void model_check(const struct model *mdl, struct ts_scan_source *src, const struct ts_scan_request *req, uint32_t series_mask,
                 uint32_t field_mask);

#endif
