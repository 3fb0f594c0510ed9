#ifndef TS_PARSE_PRIV_H
#define TS_PARSE_PRIV_H
/* What the parsers of the dialects share. They leave what they read in the parser; parse_line.c hands it out.
 */
#include "core/passed.h"
#include "parse/parse.h"

/* The values of one type in a statsd line; a line may hold several (a:1|c:2|g). */
struct ts_section {
    char type;
    bool relative;
    double rate;
    unsigned nvalues;
    double *values; /* within parser->values */
    struct ts_str set_value;
};

struct ts_parser {
    struct ts_parse_opts opts;
    const char *line, *p, *end; /* the line, and what of it is still to be read */
    struct ts_parse_error *error;
    struct ts_parsed parsed;
    unsigned nsections, nvalues;
    size_t scratch_used;
    struct ts_tag tags[TS_TAGS_MAX];
    struct ts_field fields[TS_FIELDS_MAX];
    struct ts_section sections[TS_FIELDS_MAX];
    double values[TS_VALUES_MAX];
    char scratch[TS_LINE_MAX]; /* unescaped texts: never longer than what they were read from */
};

/** Fills the error with a reason, a position and a message. */
TS_COLD void ts_parse_set_error(struct ts_parser *prs, enum ts_counter reason, const char *at,
                                const char *fmt, ...) TS_PRINTF(4, 5);

/* The same, and is -TS_EPARSE: a macro, so that the compiler sees that it is never 0. */
#define ts_parse_fail(...) (ts_parse_set_error(__VA_ARGS__), -TS_EPARSE)

/** Bytes of scratch memory that live until the next line; the sum over a line is at most its length. */
char *ts_parse_scratch(struct ts_parser *prs, size_t bytes);

/** Appends a tag to the line's. @return 0, -TS_EPARSE: more than TS_TAGS_MAX. */
int ts_parse_add_tag(struct ts_parser *prs, struct ts_str key, struct ts_str value) TS_MUST_CHECK;

/* Each reads prs->p … prs->end into prs->parsed (and sections). @return 0, -TS_EPARSE. */
int ts_parse_statsd(struct ts_parser *prs) TS_MUST_CHECK;
int ts_parse_event(struct ts_parser *prs) TS_MUST_CHECK;
int ts_parse_check(struct ts_parser *prs) TS_MUST_CHECK;
int ts_parse_influx(struct ts_parser *prs) TS_MUST_CHECK;

/** DogStatsD tags: tag {"," tag}, each key ":" value or a flag; empty ones are passed over. @return 0,
 * -TS_EPARSE. */
int ts_parse_dog_tags(struct ts_parser *prs, struct ts_str text) TS_MUST_CHECK;

/**
 * DogStatsD's origin fields c: e: card: become tags, when the listener wants them.
 * @return whether the field is one, or -TS_EPARSE: too many tags.
 */
int ts_parse_origin(struct ts_parser *prs, struct ts_str field) TS_MUST_CHECK;

/** Seconds since 1970, digits only. @return whether the text is such a time and within range. */
bool ts_parse_unix_time(struct ts_str text, int64_t *out_ns);

/** The bytes up to the first stop, or up to end; prs->p moves behind them. */
static inline struct ts_str ts_parse_until(struct ts_parser *prs, char stop)
{
    const char *start = prs->p, *at = memchr(start, stop, (size_t)(prs->end - start));
    prs->p = at ? at : prs->end;
    return (struct ts_str){start, (size_t)(prs->p - start)};
}

static inline bool ts_parse_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

#endif
