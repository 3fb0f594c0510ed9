/*
 * The predicate of a delete, as InfluxDB reads it:
 *   predicate = term { "AND" term }     term = "(" predicate ")" | name ( "=" | "!=" ) value
 * name and value are identifiers, or texts in double quotes with \ before " and \; a value may be a number, a
 * duration or true and false too, which are compared by their text. Parentheses have no meaning where there
 * is only AND. Thread: any.
 */
#include "config.h"
#include "server/server_priv.h"

#include "core/mem.h"

#include <ctype.h>
#include <strings.h>

enum token { END, OPEN, CLOSE, EQ, NE, MATCH, AND, OR, WORD, NUMBER, QUOTED, OTHER };

struct reader {
    const char *begin, *p, *end;
    char *to; /* unescaped texts, as long as the predicate in all */
    enum token tok;
    size_t at; /* of the token */
    struct ts_str text;
    struct ts_err *err;
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static int fail(const struct reader *rd, const char *what)
{
    return ts_fail(rd->err, TS_EPARSE, "error decoding json body: %s, at position %zu", what, rd->at);
}

static enum token read_quoted(struct reader *rd)
{
    char *from = rd->to;
    for (rd->p++; rd->p < rd->end && *rd->p != '"'; rd->p++) {
        char c = *rd->p;
        if (c == '\\' && rd->p + 1 < rd->end && strchr("\\\"n", rd->p[1]))
            c = *++rd->p == 'n' ? '\n' : *rd->p;
        *rd->to++ = c;
    }
    rd->text = (struct ts_str){from, (size_t)(rd->to - from)};
    return rd->p < rd->end && rd->p++ ? QUOTED : OTHER;
}

static enum token read_word(struct reader *rd)
{
    const char *from = rd->p;
    bool number = isdigit((unsigned char)*from) || *from == '-';
    for (rd->p++; rd->p < rd->end && (is_word(*rd->p) || (number && *rd->p == '.')); rd->p++)
        ;
    rd->text = (struct ts_str){from, (size_t)(rd->p - from)};
    if (number)
        return rd->text.len == 1 && *from == '-' ? OTHER : NUMBER;
    if (rd->text.len == 3 && strncasecmp(from, "and", 3) == 0)
        return AND;
    return rd->text.len == 2 && strncasecmp(from, "or", 2) == 0 ? OR : WORD;
}

static void advance(struct reader *rd)
{
    while (rd->p < rd->end && isspace((unsigned char)*rd->p))
        rd->p++;
    rd->at = (size_t)(rd->p - rd->begin);
    rd->tok = END;
    if (rd->p == rd->end)
        return;
    char c = *rd->p, next = rd->p + 1 < rd->end ? rd->p[1] : 0;
    if (c == '"')
        rd->tok = read_quoted(rd);
    else if (is_word(c) || (c == '-' && isdigit((unsigned char)next)))
        rd->tok = read_word(rd);
    else if (c == '!' && (next == '=' || next == '~'))
        rd->tok = next == '=' ? NE : MATCH;
    else if (c == '=')
        rd->tok = next == '~' ? MATCH : EQ;
    else
        rd->tok = c == '(' ? OPEN : c == ')' ? CLOSE : OTHER;
    if (rd->tok == NE || rd->tok == EQ || rd->tok == OPEN || rd->tok == CLOSE)
        rd->p += rd->tok == NE ? 2 : 1;
}

static int read_value(struct reader *rd, struct ts_scan_pred *term)
{
    static const struct ts_str truth[] = {{"true", 4}, {"false", 5}};
    if (rd->tok != WORD && rd->tok != NUMBER && rd->tok != QUOTED)
        return fail(rd, "bad tag value: \"\"");
    term->value = rd->text;
    for (size_t i = 0; i < TS_ARRAY_SIZE(truth) && rd->tok == WORD; i++)
        if (rd->text.len == truth[i].len && strncasecmp(rd->text.p, truth[i].p, truth[i].len) == 0)
            term->value = truth[i];
    advance(rd);
    return 0;
}

static int read_term(struct reader *rd, struct ts_scan_pred *term)
{
    static const struct ts_str measurement = {"_measurement", 12}, field = {"_field", 6};
    if (rd->tok != WORD && rd->tok != QUOTED)
        return fail(rd, "bad logical expression");
    *term = (struct ts_scan_pred){.on = TS_SCAN_TAG, .tag = rd->text};
    if (ts_str_eq(rd->text, measurement))
        term->on = TS_SCAN_MEASUREMENT;
    else if (ts_str_eq(rd->text, field))
        return ts_fail(rd->err, TS_EREFUSED, "delete by field is not supported");
    advance(rd);
    if (rd->tok == MATCH)
        return fail(rd, "the operators =~ and !~ are not supported");
    if (rd->tok != EQ && rd->tok != NE)
        return fail(rd, "invalid operator");
    term->op = rd->tok == EQ ? TS_SCAN_EQ : TS_SCAN_NE;
    advance(rd);
    return read_value(rd, term);
}

static int read_all(struct reader *rd, struct ts_predicate *pre)
{
    size_t depth = 0;
    for (;;) {
        for (; rd->tok == OPEN; depth++)
            advance(rd);
        if (pre->n == TS_PREDICATE_TERMS)
            return ts_fail(rd->err, TS_ELIMIT, "a predicate of more than %d comparisons", TS_PREDICATE_TERMS);
        int rc = read_term(rd, &pre->terms[pre->n]);
        if (rc)
            return rc;
        pre->args[pre->n] = &pre->terms[pre->n];
        pre->n++;
        for (; rd->tok == CLOSE; advance(rd))
            if (depth-- == 0)
                return fail(rd, "extra ) seen");
        if (rd->tok == END)
            return depth ? fail(rd, "extra ( seen") : 0;
        if (rd->tok != AND)
            return fail(rd, rd->tok == OR ? "the logical operator OR is not supported yet"
                                          : "bad logical expression");
        advance(rd);
    }
}

int ts_predicate_read(struct ts_str text, struct ts_predicate *pre, struct ts_err *err)
{
    *pre = (struct ts_predicate){.texts = ts_alloc(text.len + 1)};
    if (!pre->texts)
        return ts_fail(err, TS_ENOMEM, "out of memory");
    struct reader rd = {.begin = text.p, .p = text.p, .end = text.p + text.len, .to = pre->texts, .err = err};
    advance(&rd);
    int rc = read_all(&rd, pre);
    pre->all = (struct ts_scan_pred){.op = TS_SCAN_AND, .nargs = pre->n, .args = pre->args};
    if (rc)
        ts_predicate_fini(pre);
    return rc;
}

void ts_predicate_fini(struct ts_predicate *pre)
{
    TS_FREE(pre->texts);
}
