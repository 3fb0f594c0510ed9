#ifndef TS_CORE_EXPR_PRIV_H
#define TS_CORE_EXPR_PRIV_H
/* Between expr_parse.c, which writes programs in postfix order, and expr.c, which runs them. */
#include "core/expr.h"
#include "core/pattern.h"

enum ts_expr_code {
    /* one more on the stack */
    TS_X_NUMBER,
    TS_X_VALUE,
    TS_X_TIME,
    TS_X_WEIGHT,
    TS_X_TEXT,
    TS_X_NAME,
    TS_X_FIELD,
    TS_X_KIND,
    TS_X_TAG,
    /* the one on top is replaced */
    TS_X_NEGATE,
    TS_X_NOT,
    TS_X_ABS,
    TS_X_LOG,
    TS_X_ROUND,
    TS_X_MATCH,
    /* the two on top are replaced by one */
    TS_X_ADD,
    TS_X_SUBTRACT,
    TS_X_MULTIPLY,
    TS_X_DIVIDE,
    TS_X_REMAINDER,
    TS_X_MIN,
    TS_X_MAX,
    TS_X_LESS,
    TS_X_LESS_EQUAL,
    TS_X_GREATER,
    TS_X_GREATER_EQUAL,
    TS_X_EQUAL,
    TS_X_NOT_EQUAL,
    TS_X_TEXT_EQUAL,
    TS_X_TEXT_NOT_EQUAL,
    TS_X_AND,
    TS_X_OR
};

struct ts_expr_op {
    enum ts_expr_code code;
    union {
        double number;
        struct ts_str text;         /* TEXT, TAG: borrowed from ts_expr.texts */
        struct ts_pattern *pattern; /* MATCH */
    };
};

struct ts_expr {
    unsigned n;
    struct ts_expr_op *ops;
    unsigned ntexts;
    char **texts;
};

#endif
