/* Any bytes as an expression, and as a change of a series: what reads also runs, and a condition gives 0
 * or 1. */
#include "config.h"
#include "core/edit.h"
#include "core/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ts_series_view view;

static void make_view(void)
{
    view = (struct ts_series_view){
        .kind = TS_KIND_FIELD, .name = TS_STR("api.req"), .field = TS_STR("v"), .ntags = 2};
    view.tags[0] = (struct ts_tag){TS_STR("a"), TS_STR("x")};
    view.tags[1] = (struct ts_tag){TS_STR("b"), TS_STR("yy")};
}

static void try_expr(struct ts_str text, enum ts_expr_type type)
{
    struct ts_expr *expr;
    struct ts_calc *calc;
    struct ts_err err = {{0}};
    if (ts_expr_read(text, type, &expr, &err) != 0) {
        TS_ASSERT(!expr && err.msg[0]);
        return;
    }
    make_view();
    if (ts_expr_bind(expr, &view, &calc) == 0) {
        double k, v = ts_calc_run(calc, &(struct ts_expr_sample){.value = 2.5, .weight = 1, .time = 1e9});
        TS_ASSERT(type != TS_EXPR_TRUTH || v == 0 || v == 1);
        TS_ASSERT(!ts_calc_is_constant(calc, &k) || k == v || (k != k && v != v));
        ts_calc_free(&calc);
    }
    ts_expr_free(&expr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_str text = {(const char *)data, size};
    struct ts_edits edits = {0};
    struct ts_err err;
    struct ts_buf scratch, bytes = {.limit = TS_SERIES_MAX};
    try_expr(text, TS_EXPR_TRUTH);
    try_expr(text, TS_EXPR_NUMBER);
    ts_edit_scratch_init(&scratch);
    make_view();
    int rc = ts_edits_read_set(&edits, text, &err);
    rc |= ts_edits_read_replace(&edits, text, &err);
    rc |= ts_edits_read_drop(&edits, text, &err);
    (void)rc; /* what reads is applied, whatever it is */
    if (ts_edits_apply(&edits, &view, &scratch) == 0)
        TS_ASSERT(view.name.len && ts_series_encode(&view, &bytes) != -TS_ECORRUPT);
    ts_edits_fini(&edits);
    ts_buf_fini(&bytes);
    ts_buf_fini(&scratch);
    return 0;
}
