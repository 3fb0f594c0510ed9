#ifndef TS_FLUX_LANG_LEX_H
#define TS_FLUX_LANG_LEX_H
/* Tokens, one at a time. What a `/` or a `"` begins depends on where it stands: the parser says so. */
#include "flux/lang/lang.h"

enum ts_flux_token_kind {
    TS_FLUX_T_EOF,
    TS_FLUX_T_BAD, /* a character that begins nothing, or a malformed literal: the lexer's error says which */
    TS_FLUX_T_IDENT,
    TS_FLUX_T_INT,
    TS_FLUX_T_FLOAT,
    TS_FLUX_T_TIME,
    TS_FLUX_T_DURATION,
    TS_FLUX_T_QUOTE, /* where a string begins; its inside is read by ts_flux_lex_text */
    TS_FLUX_T_ATTRIBUTE,
    /* keywords */
    TS_FLUX_T_AND,
    TS_FLUX_T_OR,
    TS_FLUX_T_NOT,
    TS_FLUX_T_IMPORT,
    TS_FLUX_T_PACKAGE,
    TS_FLUX_T_RETURN,
    TS_FLUX_T_OPTION,
    TS_FLUX_T_BUILTIN,
    TS_FLUX_T_TESTCASE,
    TS_FLUX_T_IF,
    TS_FLUX_T_THEN,
    TS_FLUX_T_ELSE,
    TS_FLUX_T_EXISTS,
    /* punctuation */
    TS_FLUX_T_ADD,
    TS_FLUX_T_SUB,
    TS_FLUX_T_MUL,
    TS_FLUX_T_DIV,
    TS_FLUX_T_MOD,
    TS_FLUX_T_POW,
    TS_FLUX_T_EQ,
    TS_FLUX_T_NE,
    TS_FLUX_T_LT,
    TS_FLUX_T_LE,
    TS_FLUX_T_GT,
    TS_FLUX_T_GE,
    TS_FLUX_T_MATCH,
    TS_FLUX_T_NOT_MATCH,
    TS_FLUX_T_ASSIGN,
    TS_FLUX_T_ARROW,
    TS_FLUX_T_PIPE_RECEIVE,
    TS_FLUX_T_PIPE,
    TS_FLUX_T_LPAREN,
    TS_FLUX_T_RPAREN,
    TS_FLUX_T_LBRACKET,
    TS_FLUX_T_RBRACKET,
    TS_FLUX_T_LBRACE,
    TS_FLUX_T_RBRACE,
    TS_FLUX_T_COLON,
    TS_FLUX_T_COMMA,
    TS_FLUX_T_DOT,
    TS_FLUX_T_QUESTION,
};

struct ts_flux_token {
    enum ts_flux_token_kind kind;
    uint32_t start, end;
};

struct ts_flux_lexer {
    const struct ts_flux_source *src;
    struct ts_flux_arena *arena;
    uint32_t at; /* the next byte */
    struct ts_flux_comment *comments, **comments_end;
    uint32_t comments_seen; /* where the last one began: reading again does not record it twice */
    struct ts_flux_error *error;
};

void ts_flux_lex_init(struct ts_flux_lexer *lex, const struct ts_flux_source *src,
                      struct ts_flux_arena *arena, struct ts_flux_error *error);

/** The next token; a `/` is a division. */
struct ts_flux_token ts_flux_lex_next(struct ts_flux_lexer *lex);

/** A regular expression from the `/` at start on: *pattern is its text, with `\/` read as `/`. */
int ts_flux_lex_regexp(struct ts_flux_lexer *lex, uint32_t start, struct ts_str *pattern) TS_MUST_CHECK;

/** The text of a string from lex->at up to its `"` or a `${`, which it goes past. *more: it was a `${`. */
int ts_flux_lex_text(struct ts_flux_lexer *lex, uint32_t quote, struct ts_str *text,
                     bool *more) TS_MUST_CHECK;

/** What a token is called in messages. */
const char *ts_flux_token_text(enum ts_flux_token_kind kind);

/** ASCII only. */
static inline bool ts_flux_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

#endif
