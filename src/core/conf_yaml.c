/*
 * YAML text to a tree of nodes that know where they stood (libyaml's document API), with ${NAME} in values
 * replaced from the environment. Thread: main. Anchors and aliases are copied out, so nesting and size are
 * limited. Duplicate keys, a second document and unset variables are errors; what type a scalar has, the
 * option decides later.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/log.h"
#include "core/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define DEPTH_MAX  16
#define NODES_MAX  100000

void ts_conf_error(struct ts_conf_load *ld, const struct ts_conf_node *at, const char *fmt, ...)
{
    char text[2048];
    unsigned n = ld->nerrors++;
    if (n >= TS_CONF_ERRORS_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct ts_buf line = TS_BUF_INIT, after = TS_BUF_INIT;
    if (at->line)
        ts_buf_printf(&line, "%s:%u:%u: %s\n", at->source, at->line, at->column, text);
    else
        ts_buf_printf(&line, "%s: %s\n", at->source, text);
    /* Behind the last one that does not stand further down. */
    unsigned i = n;
    while (i > 0 && (ld->told[i - 1].line > at->line ||
                     (ld->told[i - 1].line == at->line && ld->told[i - 1].column > at->column)))
        i--;
    size_t from = i ? ld->told[i - 1].end : 0;
    if (from < ld->errors->len)
        ts_buf_put(&after, ld->errors->p + from, ld->errors->len - from);
    ld->errors->len = from;
    ts_buf_put_str(ld->errors, ts_buf_str(&line));
    ts_buf_put_str(ld->errors, ts_buf_str(&after));
    for (unsigned j = n; j > i; j--) {
        ld->told[j] = ld->told[j - 1];
        ld->told[j].end += line.len;
    }
    ld->told[i].line = at->line;
    ld->told[i].column = at->column;
    ld->told[i].end = from + line.len;
    ts_buf_fini(&line);
    ts_buf_fini(&after);
}

struct ts_conf_node *ts_conf_node_new(enum ts_node_kind kind, const char *source)
{
    struct ts_conf_node *node = ts_xalloc(sizeof *node);
    node->kind = kind;
    node->source = source;
    return node;
}

void ts_conf_node_free(struct ts_conf_node **node)
{
    if (!*node)
        return;
    for (unsigned i = 0; i < (*node)->n; i++) {
        ts_conf_node_free(&(*node)->entries[i].key);
        ts_conf_node_free(&(*node)->entries[i].value);
    }
    ts_free((*node)->entries);
    ts_free((*node)->text);
    TS_FREE(*node);
}

void ts_conf_node_add(struct ts_conf_node *node, struct ts_conf_node *key, struct ts_conf_node *value)
{
    node->entries = ts_xresize(node->entries, (node->n + 1) * sizeof *node->entries);
    node->entries[node->n++] = (struct ts_conf_entry){key, value};
}

struct ts_conf_entry *ts_conf_node_find(const struct ts_conf_node *node, struct ts_str key)
{
    if (node && node->kind == TS_NODE_MAP)
        for (unsigned i = 0; i < node->n; i++)
            if (ts_str_eq(ts_str_of(node->entries[i].key->text), key))
                return &node->entries[i];
    return NULL;
}

struct reader {
    struct ts_conf_load *ld;
    const char *source;
    bool lines;
    unsigned nnodes;
    yaml_document_t doc;
};

static void place(const struct reader *rd, yaml_mark_t mark, struct ts_conf_node *node)
{
    node->source = rd->source;
    node->line = rd->lines ? (unsigned)mark.line + 1 : 0;
    node->column = (unsigned)mark.column + 1;
}

static size_t name_len(const char *p)
{
    size_t n = 0;
    while ((p[n] >= 'A' && p[n] <= 'Z') || (p[n] >= 'a' && p[n] <= 'z') || p[n] == '_' ||
           (n && p[n] >= '0' && p[n] <= '9'))
        n++;
    return n;
}

/* text with ${NAME} replaced, and $${ by ${; errors are told, the rest is done all the same. */
static char *expand(struct ts_conf_load *ld, const struct ts_conf_node *at, const char *text)
{
    struct ts_buf buf = TS_BUF_NEEDED;
    for (const char *p = text; *p;) {
        if (strncmp(p, "$${", 3) == 0) {
            ts_buf_puts(&buf, "${");
            p += 3;
            continue;
        }
        if (strncmp(p, "${", 2) != 0) {
            ts_buf_putc(&buf, *p++);
            continue;
        }
        size_t n = name_len(p + 2);
        if (n == 0 || p[2 + n] != '}') {
            ts_conf_error(ld, at,
                          "\"${\" without a name and \"}\"; write ${NAME} for an environment variable, $${ "
                          "for the characters themselves");
            break;
        }
        char *name = ts_xstrndup(p + 2, n);
        const char *value = getenv(name);
        if (value)
            ts_buf_puts(&buf, value);
        else
            ts_conf_error(ld, at, "environment variable %s is not set; set it, or write the value here",
                          name);
        ts_free(name);
        p += n + 3;
    }
    char *out = ts_xstrndup(buf.len ? buf.p : "", buf.len);
    ts_buf_fini(&buf);
    return out;
}

static struct ts_conf_node *convert(struct reader *rd, int id, unsigned depth, bool is_key);

static void convert_map(struct reader *rd, const yaml_node_t *from, unsigned depth, struct ts_conf_node *node)
{
    for (yaml_node_pair_t *pair = from->data.mapping.pairs.start; pair < from->data.mapping.pairs.top;
         pair++) {
        struct ts_conf_node *key = convert(rd, pair->key, depth + 1, true);
        if (!key)
            return;
        const struct ts_conf_entry *former = NULL;
        if (key->kind != TS_NODE_SCALAR)
            ts_conf_error(rd->ld, key, "a key that is a list or a mapping; write a plain word");
        else if ((former = ts_conf_node_find(node, ts_str_of(key->text))))
            ts_conf_error(rd->ld, key, "duplicate key \"%s\", first in line %u; keep one of them", key->text,
                          former->key->line);
        if (key->kind != TS_NODE_SCALAR || former) {
            ts_conf_node_free(&key);
            continue;
        }
        struct ts_conf_node *value = convert(rd, pair->value, depth + 1, false);
        if (!value) {
            ts_conf_node_free(&key);
            return;
        }
        ts_conf_node_add(node, key, value);
    }
}

static void convert_scalar(struct reader *rd, const yaml_node_t *from, bool is_key, struct ts_conf_node *node)
{
    const char *text = (const char *)from->data.scalar.value;
    size_t len = from->data.scalar.length;
    if (strlen(text) != len)
        ts_conf_error(rd->ld, node, "the value holds a NUL character; remove it");
    node->text = is_key ? ts_xstrdup(text) : expand(rd->ld, node, text);
    node->null = from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                 (len == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* @return NULL when the tree is too deep or too large, which is told. */
static struct ts_conf_node *convert(struct reader *rd, int id, unsigned depth, bool is_key)
{
    const yaml_node_t *from = yaml_document_get_node(&rd->doc, id);
    TS_ASSERT(from);
    struct ts_conf_node *node = ts_conf_node_new(TS_NODE_SCALAR, rd->source);
    place(rd, from->start_mark, node);
    if (depth > DEPTH_MAX || ++rd->nnodes > NODES_MAX) {
        ts_conf_error(rd->ld, node,
                      depth > DEPTH_MAX ? "nested too deeply; no option is deeper than a few levels"
                                        : "too many values; use fewer aliases");
        ts_conf_node_free(&node);
        return NULL;
    }
    if (from->type == YAML_SCALAR_NODE) {
        convert_scalar(rd, from, is_key, node);
    } else if (from->type == YAML_MAPPING_NODE) {
        node->kind = TS_NODE_MAP;
        convert_map(rd, from, depth, node);
    } else {
        node->kind = TS_NODE_LIST;
        for (yaml_node_item_t *item = from->data.sequence.items.start; item < from->data.sequence.items.top;
             item++) {
            struct ts_conf_node *value = convert(rd, *item, depth + 1, false);
            if (!value)
                break;
            ts_conf_node_add(node, NULL, value);
        }
    }
    return node;
}

/* libyaml's reader gives an offset instead of a mark: bytes that are no text. */
static yaml_mark_t mark_of_offset(struct ts_str text, size_t offset)
{
    yaml_mark_t mark = {offset, 0, 0};
    for (size_t i = 0; i < TS_MIN(offset, text.len); i++) {
        mark.column = text.p[i] == '\n' ? 0 : mark.column + 1;
        mark.line += text.p[i] == '\n';
    }
    return mark;
}

static void tell_syntax(struct reader *rd, const yaml_parser_t *parser, struct ts_str text)
{
    struct ts_conf_node at = {.kind = TS_NODE_SCALAR};
    bool in_reader = parser->error == YAML_READER_ERROR;
    place(rd, in_reader ? mark_of_offset(text, parser->problem_offset) : parser->problem_mark, &at);
    ts_conf_error(rd->ld, &at, "no YAML: %s%s%s; %s", parser->problem ? parser->problem : "out of memory",
                  parser->context ? " " : "", parser->context ? parser->context : "",
                  in_reader ? "the file must be UTF-8 text"
                            : "check indentation, quotes and brackets up to here");
}

int ts_conf_yaml(struct ts_conf_load *ld, const char *source, bool lines, struct ts_str text,
                 struct ts_conf_node **out)
{
    struct reader rd = {.ld = ld, .source = source, .lines = lines};
    unsigned errors_before = ld->nerrors;
    yaml_parser_t parser;
    TS_ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.len);
    *out = NULL;
    if (!yaml_parser_load(&parser, &rd.doc)) {
        tell_syntax(&rd, &parser, text);
        goto fail_parser;
    }
    if (yaml_document_get_root_node(&rd.doc)) {
        *out = convert(&rd, 1, 0, false);
        yaml_document_delete(&rd.doc);
        if (!yaml_parser_load(&parser, &rd.doc)) {
            tell_syntax(&rd, &parser, text);
            goto fail_parser;
        }
        if (yaml_document_get_root_node(&rd.doc)) {
            struct ts_conf_node at = {.kind = TS_NODE_MAP};
            place(&rd, rd.doc.start_mark, &at);
            ts_conf_error(ld, &at, "a second document; put all of it into one");
        }
    }
    yaml_document_delete(&rd.doc);
fail_parser:
    yaml_parser_delete(&parser);
    return ld->nerrors == errors_before ? 0 : -TS_ECONF;
}
