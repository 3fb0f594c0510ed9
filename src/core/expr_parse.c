/*
 * The text of an expression to a program in postfix order, with types checked: each function stands for the
 * rule above it (the grammar is in expr.h). Thread: main, at start. The first error ends it; depth and length
 * are limited.
 */
#include "config.h"
#include "core/expr_priv.h"

#include "core/conf_priv.h"
#include "core/mem.h"
#include "core/num.h"

#include <stdarg.h>
#include <stdio.h>

struct parser {
    const char *begin, *p, *end;
    struct ts_expr *expr;
    struct ts_err *err;
    unsigned depth;
    bool failed;
};

static const char *const type_names[] = {
    [TS_EXPR_NUMBER] = "a number", [TS_EXPR_TRUTH] = "a condition", [TS_EXPR_TEXT] = "a text"};

TS_PRINTF(3, 4) static void fail(struct parser *ps, const char *at, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    if (ps->failed)
        return;
    ps->failed = true;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)ts_fail(ps->err, TS_EPARSE, "at character %u: %s", (unsigned)(at - ps->begin) + 1, text);
}

static void emit(struct parser *ps, struct ts_expr_op op)
{
    struct ts_expr *expr = ps->expr;
    if (expr->n == TS_EXPR_OPS_MAX)
        fail(ps, ps->p, "the expression is too long; use several stages");
    if (ps->failed) {
        if (op.code == TS_X_MATCH)
            ts_pattern_free(&op.pattern);
        return;
    }
    expr->ops = ts_xresize(expr->ops, (expr->n + 1) * sizeof *expr->ops);
    expr->ops[expr->n++] = op;
}

static void emit_code(struct parser *ps, enum ts_expr_code code)
{
    emit(ps, (struct ts_expr_op){.code = code});
}

/* A text that the expression keeps. */
static struct ts_str keep(struct parser *ps, struct ts_str s)
{
    struct ts_expr *expr = ps->expr;
    expr->texts = ts_xresize(expr->texts, (expr->ntexts + 1) * sizeof *expr->texts);
    expr->texts[expr->ntexts] = ts_xstrndup(s.p, s.len);
    return (struct ts_str){expr->texts[expr->ntexts++], s.len};
}

static void skip_blanks(struct parser *ps)
{
    while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\n'))
        ps->p++;
}

/* Takes a sign such as "<=". */
static bool take(struct parser *ps, const char *sign)
{
    size_t n = strlen(sign);
    skip_blanks(ps);
    if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, sign, n) != 0)
        return false;
    ps->p += n;
    return true;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static struct ts_str peek_word(struct parser *ps)
{
    skip_blanks(ps);
    const char *end = ps->p;
    while (end < ps->end && is_word_char(*end))
        end++;
    return (struct ts_str){ps->p, (size_t)(end - ps->p)};
}

static bool take_word(struct parser *ps, const char *word)
{
    struct ts_str got = peek_word(ps);
    if (!ts_str_eq(got, ts_str_of(word)))
        return false;
    ps->p += got.len;
    return true;
}

/* A text behind its opening quote, up to the closing one; a backslash keeps what follows as it is. */
static struct ts_str read_quoted(struct parser *ps, char quote, bool keep_backslash)
{
    const char *from = ps->p - 1;
    struct ts_buf buf = TS_BUF_INIT;
    while (ps->p < ps->end && *ps->p != quote) {
        if (*ps->p == '\\' && ps->p + 1 < ps->end) {
            if (keep_backslash && ps->p[1] != quote)
                ts_buf_putc(&buf, '\\');
            ps->p++;
        }
        ts_buf_putc(&buf, *ps->p++);
    }
    if (ps->p == ps->end)
        fail(ps, from, "%c without an end; close it with another %c", quote, quote);
    else
        ps->p++;
    struct ts_str s = keep(ps, (struct ts_str){buf.len ? buf.p : "", buf.len});
    ts_buf_fini(&buf);
    return s;
}

static void want(struct parser *ps, const char *at, enum ts_expr_type got, enum ts_expr_type wanted,
                 const char *what)
{
    if (got != wanted)
        fail(ps, at, "%s needs %s, and this is %s", what, type_names[wanted], type_names[got]);
}

static enum ts_expr_type parse_or(struct parser *ps);

static const struct name {
    const char *name;
    enum ts_expr_code code;
    enum ts_expr_type type;
} names[] = {{"value", TS_X_VALUE, TS_EXPR_NUMBER},   {"time", TS_X_TIME, TS_EXPR_NUMBER},
             {"weight", TS_X_WEIGHT, TS_EXPR_NUMBER}, {"name", TS_X_NAME, TS_EXPR_TEXT},
             {"field", TS_X_FIELD, TS_EXPR_TEXT},     {"kind", TS_X_KIND, TS_EXPR_TEXT}};

static const struct function {
    const char *name;
    enum ts_expr_code code;
    bool many;
} functions[] = {{"abs", TS_X_ABS, false},
                 {"log", TS_X_LOG, false},
                 {"round", TS_X_ROUND, false},
                 {"min", TS_X_MIN, true},
                 {"max", TS_X_MAX, true}};

static void fail_unknown(struct parser *ps, struct ts_str word)
{
    struct ts_conf_near near = {.nearest.asked = word};
    struct ts_err remedy;
    for (size_t i = 0; i < TS_ARRAY_SIZE(names); i++)
        ts_conf_near_offer(&near, ts_str_of(names[i].name));
    ts_conf_near_offer(&near, TS_STR("tags.KEY"));
    for (size_t i = 0; i < TS_ARRAY_SIZE(functions); i++)
        ts_conf_near_offer(&near, ts_str_of(functions[i].name));
    ts_conf_near_print(&near, "there are:", &remedy);
    fail(ps, word.p, "unknown name \"%.*s\"; %s", (int)TS_MIN(word.len, (size_t)40), word.p, remedy.msg);
}

static enum ts_expr_type parse_call(struct parser *ps, const struct function *fn)
{
    unsigned n = 0;
    if (!take(ps, "("))
        fail(ps, ps->p, "%s is a function; write %s(%s)", fn->name, fn->name,
             fn->many ? "value, 1" : "value");
    do {
        skip_blanks(ps);
        const char *at = ps->p;
        want(ps, at, parse_or(ps), TS_EXPR_NUMBER, fn->name);
        if (n++ && fn->many)
            emit_code(ps, fn->code);
    } while (!ps->failed && take(ps, ","));
    if (!ps->failed && !take(ps, ")"))
        fail(ps, ps->p, "missing \")\" of %s", fn->name);
    if (!ps->failed && (fn->many ? n < 2 : n != 1))
        fail(ps, ps->p, "%s takes %s, not %u", fn->name, fn->many ? "two numbers or more" : "one number", n);
    if (!fn->many)
        emit_code(ps, fn->code);
    return TS_EXPR_NUMBER;
}

/* tags.KEY, behind the word tags */
static enum ts_expr_type parse_tag(struct parser *ps)
{
    struct ts_str key = {"", 0};
    if (ps->p < ps->end && *ps->p == '.') {
        ps->p++;
        if (ps->p < ps->end && *ps->p == '"') {
            ps->p++;
            key = read_quoted(ps, '"', false);
        } else if (ps->p < ps->end && is_word_char(*ps->p)) {
            struct ts_str word = peek_word(ps);
            ps->p += word.len;
            key = keep(ps, word);
        }
    }
    if (key.len == 0)
        fail(ps, ps->p, "tags without a key; write tags.region, or tags.\"my-key\"");
    emit(ps, (struct ts_expr_op){.code = TS_X_TAG, .text = key});
    return TS_EXPR_TEXT;
}

static enum ts_expr_type parse_word(struct parser *ps, struct ts_str word)
{
    ps->p += word.len;
    if (ts_str_eq(word, TS_STR("tags")))
        return parse_tag(ps);
    for (size_t i = 0; i < TS_ARRAY_SIZE(names); i++) {
        if (ts_str_eq(word, ts_str_of(names[i].name))) {
            emit_code(ps, names[i].code);
            return names[i].type;
        }
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(functions); i++)
        if (ts_str_eq(word, ts_str_of(functions[i].name)))
            return parse_call(ps, &functions[i]);
    fail_unknown(ps, word);
    return TS_EXPR_NUMBER;
}

static enum ts_expr_type parse_number(struct parser *ps)
{
    const char *from = ps->p;
    double v = 0;
    while (ps->p < ps->end && (is_word_char(*ps->p) || *ps->p == '.' ||
                               ((*ps->p == '-' || *ps->p == '+') && (ps->p[-1] == 'e' || ps->p[-1] == 'E'))))
        ps->p++;
    if (ts_num_read((struct ts_str){from, (size_t)(ps->p - from)}, &v))
        fail(ps, from, "\"%.*s\" is no number; write it as in 0.5 or 1e6", (int)TS_MIN(ps->p - from, 40),
             from);
    emit(ps, (struct ts_expr_op){.code = TS_X_NUMBER, .number = v});
    return TS_EXPR_NUMBER;
}

static enum ts_expr_type parse_factor(struct parser *ps)
{
    skip_blanks(ps);
    const char *at = ps->p;
    char c = ps->p < ps->end ? *ps->p : 0;
    if (c == '-') {
        ps->p++;
        const char *of = ps->p;
        enum ts_expr_type type = TS_EXPR_NUMBER;
        if (ps->depth < TS_EXPR_DEPTH_MAX) {
            ps->depth++;
            type = parse_factor(ps);
            ps->depth--;
        } else {
            fail(ps, at, "nested too deeply; use several stages");
        }
        want(ps, of, type, TS_EXPR_NUMBER, "-");
        emit_code(ps, TS_X_NEGATE);
        return TS_EXPR_NUMBER;
    }
    if (c == '(') {
        ps->p++;
        enum ts_expr_type type = parse_or(ps);
        if (!ps->failed && !take(ps, ")"))
            fail(ps, ps->p, "missing \")\"; the bracket was opened at character %u",
                 (unsigned)(at - ps->begin) + 1);
        return type;
    }
    if (c == '"' || c == '\'') {
        ps->p++;
        emit(ps, (struct ts_expr_op){.code = TS_X_TEXT, .text = read_quoted(ps, c, false)});
        return TS_EXPR_TEXT;
    }
    if ((c >= '0' && c <= '9') || c == '.')
        return parse_number(ps);
    struct ts_str word = peek_word(ps);
    if (word.len)
        return parse_word(ps, word);
    if (c)
        fail(ps, at, "unexpected character; a number, a \"text\", value, name or tags.KEY can stand here");
    else
        fail(ps, at,
             "the expression ends too early; a number, a \"text\", value, name or tags.KEY can stand here");
    return TS_EXPR_NUMBER;
}

struct sign {
    const char *sign;
    enum ts_expr_code code;
};

typedef enum ts_expr_type rule_fn(struct parser *ps);

/* operand { sign operand }, of numbers */
static enum ts_expr_type parse_chain(struct parser *ps, const struct sign *signs, unsigned n,
                                     rule_fn *operand)
{
    skip_blanks(ps);
    const char *at = ps->p;
    enum ts_expr_type type = operand(ps);
    for (unsigned i = 0; i < n && !ps->failed;) {
        if (!take(ps, signs[i].sign)) {
            i++;
            continue;
        }
        want(ps, at, type, TS_EXPR_NUMBER, signs[i].sign);
        skip_blanks(ps);
        at = ps->p;
        want(ps, at, operand(ps), TS_EXPR_NUMBER, signs[i].sign);
        emit_code(ps, signs[i].code);
        i = 0;
    }
    return type;
}

static enum ts_expr_type parse_term(struct parser *ps)
{
    static const struct sign signs[] = {{"*", TS_X_MULTIPLY}, {"/", TS_X_DIVIDE}, {"%", TS_X_REMAINDER}};
    return parse_chain(ps, signs, TS_ARRAY_SIZE(signs), parse_factor);
}

static enum ts_expr_type parse_sum(struct parser *ps)
{
    static const struct sign signs[] = {{"+", TS_X_ADD}, {"-", TS_X_SUBTRACT}};
    return parse_chain(ps, signs, TS_ARRAY_SIZE(signs), parse_term);
}

/* A glob or /regex/, behind ~ or !~ */
static void parse_pattern(struct parser *ps)
{
    struct ts_pattern *pat = NULL;
    struct ts_err why;
    skip_blanks(ps);
    const char *at = ps->p;
    char c = ps->p < ps->end ? *ps->p : 0;
    if (c != '"' && c != '\'' && c != '/') {
        fail(ps, at, "~ needs a pattern: \"api.*\", or /^api/");
        return;
    }
    ps->p++;
    struct ts_str text = read_quoted(ps, c, c == '/');
    if (c != '/')
        pat = ts_pattern_glob(text);
    else if (ts_pattern_regex(text, &pat, &why))
        fail(ps, at, "%s", why.msg);
    if (pat)
        emit(ps, (struct ts_expr_op){.code = TS_X_MATCH, .pattern = pat});
}

static enum ts_expr_type parse_compare(struct parser *ps)
{
    static const struct sign signs[] = {{"==", TS_X_EQUAL},         {"!=", TS_X_NOT_EQUAL},
                                        {"<=", TS_X_LESS_EQUAL},    {"<", TS_X_LESS},
                                        {">=", TS_X_GREATER_EQUAL}, {">", TS_X_GREATER}};
    skip_blanks(ps);
    const char *at = ps->p;
    enum ts_expr_type type = parse_sum(ps);
    bool unlike = take(ps, "!~");
    if (unlike || take(ps, "~")) {
        want(ps, at, type, TS_EXPR_TEXT, "~");
        parse_pattern(ps);
        if (unlike)
            emit_code(ps, TS_X_NOT);
        return TS_EXPR_TRUTH;
    }
    for (unsigned i = 0; i < TS_ARRAY_SIZE(signs); i++) {
        if (!take(ps, signs[i].sign))
            continue;
        skip_blanks(ps);
        const char *of = ps->p;
        bool text = type == TS_EXPR_TEXT && (signs[i].code == TS_X_EQUAL || signs[i].code == TS_X_NOT_EQUAL);
        want(ps, at, type, text ? TS_EXPR_TEXT : TS_EXPR_NUMBER, signs[i].sign);
        want(ps, of, parse_sum(ps), type, signs[i].sign);
        emit_code(ps, !text                         ? signs[i].code
                      : signs[i].code == TS_X_EQUAL ? TS_X_TEXT_EQUAL
                                                    : TS_X_TEXT_NOT_EQUAL);
        return TS_EXPR_TRUTH;
    }
    if (take(ps, "="))
        fail(ps, ps->p - 1, "unexpected \"=\"; write == to compare");
    return type;
}

static enum ts_expr_type parse_not(struct parser *ps)
{
    skip_blanks(ps);
    const char *at = ps->p;
    if (!take_word(ps, "not"))
        return parse_compare(ps);
    if (ps->depth == TS_EXPR_DEPTH_MAX)
        fail(ps, at, "nested too deeply; use several stages");
    if (ps->failed)
        return TS_EXPR_TRUTH;
    at = ps->p;
    ps->depth++;
    want(ps, at, parse_not(ps), TS_EXPR_TRUTH, "not");
    ps->depth--;
    emit_code(ps, TS_X_NOT);
    return TS_EXPR_TRUTH;
}

/* operand { word operand }, of conditions */
static enum ts_expr_type parse_words(struct parser *ps, const char *word, enum ts_expr_code code,
                                     rule_fn *operand)
{
    skip_blanks(ps);
    const char *at = ps->p;
    enum ts_expr_type type = operand(ps);
    while (!ps->failed && take_word(ps, word)) {
        want(ps, at, type, TS_EXPR_TRUTH, word);
        skip_blanks(ps);
        at = ps->p;
        want(ps, at, operand(ps), TS_EXPR_TRUTH, word);
        emit_code(ps, code);
    }
    return type;
}

static enum ts_expr_type parse_and(struct parser *ps)
{
    return parse_words(ps, "and", TS_X_AND, parse_not);
}

static enum ts_expr_type parse_or(struct parser *ps)
{
    if (ps->depth == TS_EXPR_DEPTH_MAX)
        fail(ps, ps->p, "nested too deeply; use several stages");
    if (ps->failed)
        return TS_EXPR_TRUTH;
    ps->depth++;
    enum ts_expr_type type = parse_words(ps, "or", TS_X_OR, parse_and);
    ps->depth--;
    return type;
}

void ts_expr_free(struct ts_expr **expr)
{
    if (!*expr)
        return;
    for (unsigned i = 0; i < (*expr)->n; i++)
        if ((*expr)->ops[i].code == TS_X_MATCH)
            ts_pattern_free(&(*expr)->ops[i].pattern);
    for (unsigned i = 0; i < (*expr)->ntexts; i++)
        ts_free((*expr)->texts[i]);
    ts_free((*expr)->ops);
    ts_free((*expr)->texts);
    TS_FREE(*expr);
}

int ts_expr_read(struct ts_str text, enum ts_expr_type wanted, struct ts_expr **out, struct ts_err *err)
{
    struct parser ps = {.begin = text.p, .p = text.p, .end = text.p + text.len, .err = err};
    *out = NULL;
    if (text.len > TS_EXPR_LEN_MAX)
        return ts_fail(err, TS_EPARSE, "longer than %d characters; use several stages", TS_EXPR_LEN_MAX);
    ps.expr = ts_xalloc(sizeof *ps.expr);
    enum ts_expr_type type = parse_or(&ps);
    skip_blanks(&ps);
    if (!ps.failed && ps.p < ps.end)
        fail(&ps, ps.p, "the expression should end here; join conditions by and, or");
    if (!ps.failed)
        want(&ps, ps.begin, type, wanted, "this option");
    if (ps.failed) {
        ts_expr_free(&ps.expr);
        return -TS_EPARSE;
    }
    *out = ps.expr;
    return 0;
}
