/*
 * A syntax tree in JSON, as clients of InfluxDB send it along with a script (`extern`), to the text it stands
 * for, which is then parsed like any other. Only values are taken: literals, arrays, records, operators and
 * calls. Thread: the query's.
 */
#include "config.h"
#include "flux/lang/lang_format.h"

#include <jansson.h>

struct put {
    struct ts_buf *to;
    struct ts_flux_error *error;
    unsigned depth;
};

static int put_node(struct put *put, const json_t *node);

static int wrong(struct put *put, const json_t *node)
{
    const char *type = json_string_value(json_object_get(node, "type"));
    return ts_flux_error_set(put->error, (struct ts_flux_pos){0},
                             "a %.60s is missing, not complete, or not a value",
                             type ? type : "node with a type");
}

/* A member that is a text: names and numbers stand in the tree as texts. */
static int put_member(struct put *put, const json_t *node, const char *key)
{
    const json_t *text = json_object_get(node, key);
    if (!json_is_string(text))
        return wrong(put, node);
    ts_buf_put(put->to, json_string_value(text), json_string_length(text));
    return 0;
}

static int put_string(struct put *put, const json_t *node)
{
    const json_t *text = json_object_get(node, "value");
    if (!json_is_string(text))
        return wrong(put, node);
    ts_flux_format_quoted(put->to, (struct ts_str){json_string_value(text), json_string_length(text)});
    return 0;
}

static int put_number(struct put *put, const json_t *node)
{
    const json_t *v = json_object_get(node, "value");
    if (!json_is_integer(v))
        return put_member(put, node, "value");
    ts_buf_put_int(put->to, json_integer_value(v));
    return 0;
}

/* A float is one also without a fraction. Its text has no exponent in Flux. */
static int put_float(struct put *put, const json_t *node)
{
    const json_t *v = json_object_get(node, "value");
    ts_buf_puts(put->to, "float(v: \"");
    int rc = json_is_number(v) ? 0 : put_member(put, node, "value");
    if (json_is_number(v))
        ts_buf_put_double(put->to, json_number_value(v));
    ts_buf_puts(put->to, "\")");
    return rc;
}

static int put_bool(struct put *put, const json_t *node)
{
    const json_t *v = json_object_get(node, "value");
    if (!json_is_boolean(v))
        return wrong(put, node);
    ts_buf_puts(put->to, json_is_true(v) ? "true" : "false");
    return 0;
}

static int put_duration(struct put *put, const json_t *node)
{
    const json_t *list = json_object_get(node, "values"), *part;
    size_t i;
    int rc = json_array_size(list) ? 0 : wrong(put, node);
    json_array_foreach(list, i, part) {
        const json_t *n = json_object_get(part, "magnitude");
        const char *unit = json_string_value(json_object_get(part, "unit"));
        if (!json_is_integer(n) || !unit)
            return wrong(put, node);
        ts_buf_printf(put->to, "%lld%s", (long long)json_integer_value(n), unit);
    }
    return rc;
}

static int put_list(struct put *put, const json_t *list)
{
    const json_t *item;
    size_t i;
    int rc = 0;
    json_array_foreach(list, i, item) {
        if (i)
            ts_buf_puts(put->to, ", ");
        rc = rc ? rc : put_node(put, item);
    }
    return rc;
}

static int put_array(struct put *put, const json_t *node)
{
    ts_buf_putc(put->to, '[');
    int rc = put_list(put, json_object_get(node, "elements"));
    ts_buf_putc(put->to, ']');
    return rc;
}

static int put_object(struct put *put, const json_t *node)
{
    ts_buf_putc(put->to, '{');
    int rc = put_list(put, json_object_get(node, "properties"));
    ts_buf_putc(put->to, '}');
    return rc;
}

static int put_property(struct put *put, const json_t *node)
{
    int rc = put_node(put, json_object_get(node, "key"));
    ts_buf_puts(put->to, ": ");
    return rc ? rc : put_node(put, json_object_get(node, "value"));
}

static int put_unary(struct put *put, const json_t *node)
{
    int rc = put_member(put, node, "operator");
    ts_buf_putc(put->to, ' ');
    return rc ? rc : put_node(put, json_object_get(node, "argument"));
}

static int put_binary(struct put *put, const json_t *node)
{
    ts_buf_putc(put->to, '(');
    int rc = put_node(put, json_object_get(node, "left"));
    ts_buf_putc(put->to, ' ');
    rc = rc ? rc : put_member(put, node, "operator");
    ts_buf_putc(put->to, ' ');
    rc = rc ? rc : put_node(put, json_object_get(node, "right"));
    ts_buf_putc(put->to, ')');
    return rc;
}

/* Its only argument is a record, whose braces a call does not have. */
static int put_call(struct put *put, const json_t *node)
{
    int rc = put_node(put, json_object_get(node, "callee"));
    ts_buf_putc(put->to, '(');
    rc = rc ? rc
            : put_list(put,
                       json_object_get(json_array_get(json_object_get(node, "arguments"), 0), "properties"));
    ts_buf_putc(put->to, ')');
    return rc;
}

static int put_regexp(struct put *put, const json_t *node)
{
    ts_buf_putc(put->to, '/');
    int rc = put_member(put, node, "value");
    ts_buf_putc(put->to, '/');
    return rc;
}

static int put_identifier(struct put *put, const json_t *node)
{
    return put_member(put, node, "name");
}

static int put_assignment(struct put *put, const json_t *node)
{
    int rc = put_node(put, json_object_get(node, "id"));
    ts_buf_puts(put->to, " = ");
    rc = rc ? rc : put_node(put, json_object_get(node, "init"));
    ts_buf_putc(put->to, '\n');
    return rc;
}

static int put_option(struct put *put, const json_t *node)
{
    ts_buf_puts(put->to, "option ");
    return put_node(put, json_object_get(node, "assignment"));
}

static const struct {
    const char *type;
    int (*put)(struct put *put, const json_t *node);
} nodes[] = {
    {"ArrayExpression", put_array},
    {"BinaryExpression", put_binary},
    {"BooleanLiteral", put_bool},
    {"CallExpression", put_call},
    {"DateTimeLiteral", put_number},
    {"DurationLiteral", put_duration},
    {"FloatLiteral", put_float},
    {"Identifier", put_identifier},
    {"IntegerLiteral", put_number},
    {"ObjectExpression", put_object},
    {"OptionStatement", put_option},
    {"Property", put_property},
    {"RegexpLiteral", put_regexp},
    {"StringLiteral", put_string},
    {"UnaryExpression", put_unary},
    {"UnsignedIntegerLiteral", put_number},
    {"VariableAssignment", put_assignment},
};

static int put_node(struct put *put, const json_t *node)
{
    const char *type = json_string_value(json_object_get(node, "type"));
    int rc = -TS_EQUERY;
    if (++put->depth > TS_FLUX_NESTING)
        return ts_flux_error_set(put->error, (struct ts_flux_pos){0}, "nested too deep");
    for (size_t i = 0; i < TS_ARRAY_SIZE(nodes); i++)
        if (type && strcmp(nodes[i].type, type) == 0)
            rc = nodes[i].put(put, node);
    put->depth--;
    return rc && !put->error->msg[0] ? wrong(put, node) : rc;
}

int ts_flux_extern_text(struct ts_str json, struct ts_buf *to, struct ts_flux_error *error)
{
    struct put put = {.to = to, .error = error};
    json_error_t why;
    json_t *file = json_loadb(json.p, json.len, 0, &why), *st;
    const json_t *body = json_object_get(file, "body");
    size_t i;
    int rc = 0;
    if (!json_is_array(body) || json_array_size(json_object_get(file, "imports")))
        rc = ts_flux_error_set(error, (struct ts_flux_pos){0},
                               "expected a File without imports, whose body is a list of statements");
    json_array_foreach(body, i, st) {
        const char *type = json_string_value(json_object_get(st, "type"));
        bool defines =
            type && (strcmp(type, "VariableAssignment") == 0 || strcmp(type, "OptionStatement") == 0);
        if (rc == 0 && !defines)
            rc = wrong(&put, st);
        rc = rc ? rc : put_node(&put, st);
    }
    json_decref(file);
    return rc ? rc : ts_buf_failed(to) ? -TS_ENOMEM : 0;
}
