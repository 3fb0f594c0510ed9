/*
 * Text to tokens (Flux language specification, "Lexical elements"). Comments are kept on the side. A
 * malformed literal gives a BAD token and fills the error.
 */
#include "config.h"
#include "flux/lang/lang_lex.h"

#include "core/utf8.h"

static const struct {
    const char *text;
    enum ts_flux_token_kind kind;
} keywords[] = {
    {"and", TS_FLUX_T_AND},       {"or", TS_FLUX_T_OR},           {"not", TS_FLUX_T_NOT},
    {"import", TS_FLUX_T_IMPORT}, {"package", TS_FLUX_T_PACKAGE}, {"return", TS_FLUX_T_RETURN},
    {"option", TS_FLUX_T_OPTION}, {"builtin", TS_FLUX_T_BUILTIN}, {"testcase", TS_FLUX_T_TESTCASE},
    {"if", TS_FLUX_T_IF},         {"then", TS_FLUX_T_THEN},       {"else", TS_FLUX_T_ELSE},
    {"exists", TS_FLUX_T_EXISTS},
};

/* Longer ones before their prefixes. */
static const struct {
    const char *text;
    enum ts_flux_token_kind kind;
} marks[] = {
    {"==", TS_FLUX_T_EQ},
    {"=~", TS_FLUX_T_MATCH},
    {"=>", TS_FLUX_T_ARROW},
    {"!=", TS_FLUX_T_NE},
    {"!~", TS_FLUX_T_NOT_MATCH},
    {"<=", TS_FLUX_T_LE},
    {"<-", TS_FLUX_T_PIPE_RECEIVE},
    {">=", TS_FLUX_T_GE},
    {"|>", TS_FLUX_T_PIPE},
    {"+", TS_FLUX_T_ADD},
    {"-", TS_FLUX_T_SUB},
    {"*", TS_FLUX_T_MUL},
    {"/", TS_FLUX_T_DIV},
    {"%", TS_FLUX_T_MOD},
    {"^", TS_FLUX_T_POW},
    {"<", TS_FLUX_T_LT},
    {">", TS_FLUX_T_GT},
    {"=", TS_FLUX_T_ASSIGN},
    {"(", TS_FLUX_T_LPAREN},
    {")", TS_FLUX_T_RPAREN},
    {"[", TS_FLUX_T_LBRACKET},
    {"]", TS_FLUX_T_RBRACKET},
    {"{", TS_FLUX_T_LBRACE},
    {"}", TS_FLUX_T_RBRACE},
    {":", TS_FLUX_T_COLON},
    {",", TS_FLUX_T_COMMA},
    {".", TS_FLUX_T_DOT},
    {"?", TS_FLUX_T_QUESTION},
    {"\"", TS_FLUX_T_QUOTE},
};

const char *ts_flux_token_text(enum ts_flux_token_kind kind)
{
    for (size_t i = 0; i < TS_ARRAY_SIZE(keywords); i++)
        if (keywords[i].kind == kind)
            return keywords[i].text;
    for (size_t i = 0; i < TS_ARRAY_SIZE(marks); i++)
        if (marks[i].kind == kind)
            return marks[i].text;
    switch (kind) {
    case TS_FLUX_T_EOF: return "the end";
    case TS_FLUX_T_IDENT: return "a name";
    case TS_FLUX_T_INT: return "an integer";
    case TS_FLUX_T_FLOAT: return "a float";
    case TS_FLUX_T_TIME: return "a time";
    case TS_FLUX_T_DURATION: return "a duration";
    case TS_FLUX_T_ATTRIBUTE: return "an attribute";
    default: return "an invalid character";
    }
}

void ts_flux_lex_init(struct ts_flux_lexer *lex, const struct ts_flux_source *src,
                      struct ts_flux_arena *arena, struct ts_flux_error *error)
{
    *lex = (struct ts_flux_lexer){.src = src, .arena = arena, .error = error};
    lex->comments_end = &lex->comments;
}

static char at(const struct ts_flux_lexer *lex, size_t i)
{
    return i < lex->src->text.len ? lex->src->text.p[i] : '\0';
}

static void add_comment(struct ts_flux_lexer *lex, uint32_t start, uint32_t end)
{
    if (lex->comments && start <= lex->comments_seen)
        return;
    struct ts_flux_comment *comment = ts_flux_arena_alloc(lex->arena, sizeof *comment);
    if (!comment)
        return; /* the parser meets the limit too, with the next node */
    while (end > start && (at(lex, end - 1) == ' ' || at(lex, end - 1) == '\t' || at(lex, end - 1) == '\r'))
        end--;
    comment->start = start;
    comment->end = end;
    *lex->comments_end = comment;
    lex->comments_end = &comment->next;
    lex->comments_seen = start;
}

static void skip_space(struct ts_flux_lexer *lex)
{
    for (;;) {
        char c = at(lex, lex->at);
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            lex->at++;
        } else if (c == '/' && at(lex, lex->at + 1) == '/') {
            uint32_t start = lex->at;
            while (lex->at < lex->src->text.len && at(lex, lex->at) != '\n')
                lex->at++;
            add_comment(lex, start, lex->at);
        } else {
            return;
        }
    }
}

/* Bytes of a letter of a name at i: ASCII, or any character beyond it but the byte order mark, which nobody
 * sees. */
static size_t letter(const struct ts_flux_lexer *lex, size_t i)
{
    char c = at(lex, i);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
        return 1;
    size_t n = (unsigned char)c >= 0x80 ? ts_utf8_len(lex->src->text.p + i, lex->src->text.len - i) : 0;
    bool mark = n == 3 && memcmp(lex->src->text.p + i, "\xef\xbb\xbf", 3) == 0;
    return n >= 2 && !mark ? n : 0;
}

static struct ts_flux_token bad(struct ts_flux_lexer *lex, uint32_t start, uint32_t end, const char *what)
{
    struct ts_flux_pos pos = {lex->src, start, end};
    (void)ts_flux_error_set(lex->error, pos, "%s", what);
    lex->at = end;
    return (struct ts_flux_token){TS_FLUX_T_BAD, start, end};
}

static size_t digits(const struct ts_flux_lexer *lex, size_t i)
{
    size_t n = 0;
    while (ts_flux_is_digit(at(lex, i + n)))
        n++;
    return n;
}

/* Bytes of a duration's unit at i; 0: none. */
static size_t unit(const struct ts_flux_lexer *lex, size_t i)
{
    static const char *const units[] = {"mo", "ms", "us", "\xc2\xb5s", "\xce\xbcs", "ns",
                                        "y",  "w",  "d",  "h",         "m",         "s"};
    for (size_t u = 0; u < TS_ARRAY_SIZE(units); u++) {
        size_t len = strlen(units[u]);
        if (i + len <= lex->src->text.len && memcmp(lex->src->text.p + i, units[u], len) == 0)
            return len;
    }
    return 0;
}

/* The length of a date or time at i: 4-2-2 digits, and [T…] up to its offset; 0: none. */
static size_t time_len(const struct ts_flux_lexer *lex, size_t i)
{
    size_t n = 10;
    if (digits(lex, i) != 4 || at(lex, i + 4) != '-' || digits(lex, i + 5) != 2 || at(lex, i + 7) != '-' ||
        digits(lex, i + 8) != 2)
        return 0;
    if (at(lex, i + n) != 'T')
        return n;
    n++;
    while (ts_flux_is_digit(at(lex, i + n)) || at(lex, i + n) == ':' || at(lex, i + n) == '.')
        n++;
    if (at(lex, i + n) == 'Z')
        return n + 1;
    if (at(lex, i + n) == '+' || at(lex, i + n) == '-') {
        n++;
        while (ts_flux_is_digit(at(lex, i + n)) || at(lex, i + n) == ':')
            n++;
    }
    return n;
}

static struct ts_flux_token number(struct ts_flux_lexer *lex, uint32_t start)
{
    size_t n = time_len(lex, start);
    enum ts_flux_token_kind kind = TS_FLUX_T_TIME;
    if (!n) {
        n = digits(lex, start);
        kind = TS_FLUX_T_INT;
        if (n && unit(lex, start + n)) {
            kind = TS_FLUX_T_DURATION;
            for (size_t u, d = n; d && (u = unit(lex, start + n)) != 0;) {
                n += u;
                d = digits(lex, start + n);
                n += d && unit(lex, start + n + d) ? d : 0;
            }
        } else if (at(lex, start + n) == '.' && !letter(lex, start + n + 1)) {
            kind = TS_FLUX_T_FLOAT;
            n += 1 + digits(lex, start + n + 1);
        }
    }
    uint32_t end = start + (uint32_t)n;
    if (kind == TS_FLUX_T_INT && n > 1 && at(lex, start) == '0')
        return bad(lex, start, end, "an integer does not begin with 0");
    if (letter(lex, end) || (kind == TS_FLUX_T_DURATION && ts_flux_is_digit(at(lex, end))))
        return bad(lex, start, end + 1, "a number with letters behind it that are no unit of a duration");
    lex->at = end;
    return (struct ts_flux_token){kind, start, end};
}

static struct ts_flux_token word(struct ts_flux_lexer *lex, uint32_t start)
{
    uint32_t end = start;
    for (size_t n; (n = letter(lex, end)) != 0 || (n = ts_flux_is_digit(at(lex, end))) != 0;)
        end += (uint32_t)n;
    struct ts_str s = {lex->src->text.p + start, end - start};
    enum ts_flux_token_kind kind = TS_FLUX_T_IDENT;
    for (size_t i = 0; i < TS_ARRAY_SIZE(keywords); i++)
        if (ts_str_eq(s, ts_str_of(keywords[i].text)))
            kind = keywords[i].kind;
    lex->at = end;
    return (struct ts_flux_token){kind, start, end};
}

/* What other languages have in this place. */
static struct ts_flux_token foreign(struct ts_flux_lexer *lex, uint32_t start)
{
    static const struct {
        const char *text, *message;
    } known[] = {{"&&", "Flux has no &&; right would be and"},
                 {"||", "Flux has no ||; right would be or"},
                 {"|", "Flux has no |; right would be |>"},
                 {"!", "Flux has no !; right would be not"},
                 {"'", "a text stands in double quotes"},
                 {"#", "a comment begins with //"},
                 {";", "a statement ends without a ;"}};
    struct ts_str rest = {lex->src->text.p + start, lex->src->text.len - start};
    for (size_t i = 0; i < TS_ARRAY_SIZE(known); i++) {
        size_t n = strlen(known[i].text);
        if (n <= rest.len && memcmp(rest.p, known[i].text, n) == 0)
            return bad(lex, start, start + (uint32_t)n, known[i].message);
    }
    size_t n = ts_utf8_len(rest.p, rest.len);
    return bad(lex, start, start + (uint32_t)(n ? n : 1), "a character that begins nothing in Flux");
}

struct ts_flux_token ts_flux_lex_next(struct ts_flux_lexer *lex)
{
    skip_space(lex);
    uint32_t start = lex->at, len = (uint32_t)lex->src->text.len;
    char c = at(lex, start);
    if (start >= len)
        return (struct ts_flux_token){TS_FLUX_T_EOF, len, len};
    if (ts_flux_is_digit(c) || (c == '.' && ts_flux_is_digit(at(lex, start + 1))))
        return number(lex, start);
    if (letter(lex, start))
        return word(lex, start);
    if (c == '@' && letter(lex, start + 1)) {
        lex->at = start + 1;
        struct ts_flux_token name = word(lex, start + 1);
        return (struct ts_flux_token){TS_FLUX_T_ATTRIBUTE, start, name.end};
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(marks); i++) {
        size_t n = strlen(marks[i].text);
        if (n <= len - start && memcmp(lex->src->text.p + start, marks[i].text, n) == 0) {
            lex->at = start + (uint32_t)n;
            return (struct ts_flux_token){marks[i].kind, start, lex->at};
        }
    }
    return foreign(lex, start);
}

int ts_flux_lex_regexp(struct ts_flux_lexer *lex, uint32_t start, struct ts_str *pattern)
{
    uint32_t i = start + 1, len = (uint32_t)lex->src->text.len;
    while (i < len && at(lex, i) != '/' && at(lex, i) != '\n')
        i += at(lex, i) == '\\' && i + 1 < len && at(lex, i + 1) != '\n' ? 2 : 1;
    if (i >= len || at(lex, i) != '/') {
        (void)bad(lex, start, start + 1, "a regular expression without its closing /");
        return -TS_EQUERY;
    }
    char *to = ts_flux_arena_alloc(lex->arena, i - start);
    if (!to)
        return -TS_ENOMEM;
    *pattern = (struct ts_str){to, 0};
    for (uint32_t k = start + 1; k < i; k++) {
        if (at(lex, k) == '\\' && at(lex, k + 1) == '/')
            continue;
        to[pattern->len++] = at(lex, k);
        if (at(lex, k) == '\\' && k + 1 < i)
            to[pattern->len++] = at(lex, ++k);
    }
    lex->at = i + 1;
    return 0;
}

static int hex(char c)
{
    if (ts_flux_is_digit(c))
        return c - '0';
    char l = (char)(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* The escape at *i (a backslash): its character in *c. */
static bool escape(const struct ts_flux_lexer *lex, uint32_t *i, char *c)
{
    static const char from[] = "nrt\"\\$", to[] = "\n\r\t\"\\$";
    char e = at(lex, *i + 1);
    const char *found = e ? strchr(from, e) : NULL;
    if (found) {
        *c = to[found - from];
        *i += 2;
        return e != '$' || at(lex, *i) == '{';
    }
    int high = e == 'x' ? hex(at(lex, *i + 2)) : -1, low = high >= 0 ? hex(at(lex, *i + 3)) : -1;
    if (low < 0)
        return false;
    *c = (char)(high << 4 | low);
    *i += 4;
    return true;
}

int ts_flux_lex_text(struct ts_flux_lexer *lex, uint32_t quote, struct ts_str *text, bool *more)
{
    uint32_t i = lex->at, len = (uint32_t)lex->src->text.len, end = i;
    while (end < len && at(lex, end) != '"' && !(at(lex, end) == '$' && at(lex, end + 1) == '{'))
        end += at(lex, end) == '\\' && end + 1 < len ? 2 : 1;
    if (end >= len) {
        (void)bad(lex, quote, quote + 1, "a string without its closing \"");
        return -TS_EQUERY;
    }
    char *to = ts_flux_arena_alloc(lex->arena, end - i + 1);
    if (!to)
        return -TS_ENOMEM;
    *text = (struct ts_str){to, 0};
    while (i < end) {
        char c = at(lex, i);
        if (c != '\\') {
            i++;
        } else if (!escape(lex, &i, &c)) {
            (void)bad(lex, i, TS_MIN(i + 2, len),
                      "an escape that does not exist; those that do are \\n \\r \\t \\\" \\\\ \\${ \\xHH");
            return -TS_EQUERY;
        }
        to[text->len++] = c;
    }
    *more = at(lex, end) == '$';
    lex->at = end + (*more ? 2 : 1);
    return 0;
}
