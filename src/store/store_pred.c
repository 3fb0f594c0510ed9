/* Predicates on series. Thread: any; owns nothing. */
#include "config.h"
#include "store/store_read.h"

struct series {
    struct ts_str measurement;
    const struct ts_tag *tags;
    unsigned ntags;
    const struct ts_str *field;
    bool *open;
};

static int depth_of(const struct ts_scan_pred *pred, unsigned depth)
{
    if (depth > TS_SCAN_PRED_DEPTH)
        return -TS_ELIMIT;
    for (unsigned i = 0; i < pred->nargs; i++)
        if (depth_of(pred->args[i], depth + 1) != 0)
            return -TS_ELIMIT;
    return 0;
}

int ts_pred_check(const struct ts_scan_pred *pred, struct ts_err *err)
{
    if (pred && depth_of(pred, 1) != 0)
        return ts_fail(err, TS_ELIMIT, "a predicate deeper than %d", TS_SCAN_PRED_DEPTH);
    return 0;
}

/* What a comparison looks at. @return false when the series does not have it, or it is not known yet. */
static bool operand(const struct ts_scan_pred *pred, const struct series *ser, struct ts_str *out)
{
    switch (pred->on) {
    case TS_SCAN_MEASUREMENT: *out = ser->measurement; return true;
    case TS_SCAN_FIELD:
        if (ser->field)
            *out = *ser->field;
        else
            *ser->open = true;
        return ser->field != NULL;
    default: break;
    }
    for (unsigned i = 0; i < ser->ntags; i++)
        if (ts_str_eq(ser->tags[i].key, pred->tag)) {
            *out = ser->tags[i].value;
            return true;
        }
    return false;
}

static enum ts_truth compare(const struct ts_scan_pred *pred, const struct series *ser)
{
    struct ts_str v;
    bool there = operand(pred, ser, &v);
    if (pred->op == TS_SCAN_EXISTS)
        return pred->on == TS_SCAN_TAG ? (there ? TS_TRUE : TS_FALSE) : TS_TRUE;
    if (!there)
        return TS_UNKNOWN;
    if (pred->op == TS_SCAN_TEST)
        return pred->test(pred->arg, v) ? TS_TRUE : TS_FALSE;
    int c = ts_str_cmp(v, pred->value);
    bool is = false;
    switch (pred->op) {
    case TS_SCAN_EQ: is = c == 0; break;
    case TS_SCAN_NE: is = c != 0; break;
    case TS_SCAN_LT: is = c < 0; break;
    case TS_SCAN_LE: is = c <= 0; break;
    case TS_SCAN_GT: is = c > 0; break;
    default: is = c >= 0; break;
    }
    return is ? TS_TRUE : TS_FALSE;
}

static enum ts_truth value_of(const struct ts_scan_pred *pred, const struct series *ser)
{
    if (pred->op > TS_SCAN_NOT)
        return compare(pred, ser);
    enum ts_truth decides = pred->op == TS_SCAN_OR ? TS_TRUE : TS_FALSE, value = decides == TS_TRUE ? TS_FALSE : TS_TRUE;
    if (pred->op == TS_SCAN_NOT) {
        value = value_of(pred->args[0], ser);
        return value == TS_UNKNOWN ? value : value == TS_TRUE ? TS_FALSE : TS_TRUE;
    }
    for (unsigned i = 0; i < pred->nargs; i++) {
        enum ts_truth arg = value_of(pred->args[i], ser);
        if (arg == decides)
            return decides;
        if (arg == TS_UNKNOWN)
            value = TS_UNKNOWN;
    }
    return value;
}

enum ts_truth ts_pred_value(const struct ts_scan_pred *pred, struct ts_str measurement, const struct ts_tag *tags, unsigned ntags,
                            const struct ts_str *field, bool *open)
{
    struct series ser = {measurement, tags, ntags, field, open};
    *open = false;
    return pred ? value_of(pred, &ser) : TS_TRUE;
}

bool ts_pred_measurement(const struct ts_scan_pred *pred, struct ts_str *out)
{
    if (!pred)
        return false;
    if (pred->op == TS_SCAN_EQ && pred->on == TS_SCAN_MEASUREMENT) {
        *out = pred->value;
        return true;
    }
    for (unsigned i = 0; pred->op == TS_SCAN_AND && i < pred->nargs; i++)
        if (ts_pred_measurement(pred->args[i], out))
            return true;
    return false;
}
