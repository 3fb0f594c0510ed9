#ifndef TS_PARSE_PARSE_H
#define TS_PARSE_PARSE_H
/*
 * Lines to samples: statsd, DogStatsD, line protocol.
 *
 * Two ways lead through here. ts_parse_line reads any line completely, with a position and a reason for what
 * is wrong: it serves tsagg-ctl parse, first sights of a series, and every rare form. The tile parser
 * (parse_tile.h) reads the common forms at the cost of a few nanoseconds and gives everything else to
 * ts_parse_line.
 */
#include "core/base.h"
#include "core/body.h"
#include "core/conf.h"
#include "core/counters.h"
#include "core/points.h"
#include "core/passed.h"
#include "core/series.h"

/* Limits of one line. InfluxDB's longest series key (65535 bytes) fits with its values, and so does any datagram. */
#define TS_LINE_MAX   131072 /* bytes */
#define TS_FIELDS_MAX 1024   /* line protocol: fields; statsd: values with a type of their own (a:1|c:2|g) */
#define TS_VALUES_MAX 32768  /* statsd: packed values (a:1:2|c) */

enum ts_parsed_what {
    TS_PARSED_METRIC,        /* statsd: one name, one type, one or more values */
    TS_PARSED_POINT,         /* line protocol */
    TS_PARSED_EVENT,         /* DogStatsD _e{…} */
    TS_PARSED_SERVICE_CHECK, /* DogStatsD _sc|… */
};

enum ts_field_type { TS_FIELD_FLOAT, TS_FIELD_INT, TS_FIELD_UINT, TS_FIELD_BOOL, TS_FIELD_STRING };

struct ts_field {
    struct ts_str key;
    enum ts_field_type type;
    union {
        double f;
        int64_t i;
        uint64_t u;
        bool b;
        struct ts_str s;
    };
};

/** One thing read from a line; texts are unescaped and belong to the parser until its next line. */
struct ts_parsed {
    enum ts_parsed_what what;
    struct ts_str name; /* metric name, measurement, event title, service check name */
    unsigned ntags;
    struct ts_tag *tags; /* in the line's order; a statsd tag without a value (a flag) has value.p == NULL */
    bool has_time;
    int64_t time_ns;
    union {
        struct {                     /* TS_PARSED_METRIC */
            char type;               /* 'c' 'g' 'm' (ms) 'h' 'd' 's' */
            bool relative;           /* a gauge with a sign, when signed gauges are relative */
            double rate;             /* sample rate in (0, 1] */
            unsigned nvalues;        /* may be 0: packed values that were all left out */
            double *values;          /* all types but sets */
            struct ts_str set_value; /* sets */
        } metric;
        struct { /* TS_PARSED_POINT */
            unsigned nfields;
            struct ts_field *fields;
        } point;
        struct { /* TS_PARSED_EVENT */
            struct ts_str text, hostname, aggregation_key, source_type;
            struct ts_str priority, alert_type; /* "normal" and "info" when the line has none */
        } event;
        struct {        /* TS_PARSED_SERVICE_CHECK */
            int status; /* 0 … 3 */
            struct ts_str hostname, message;
        } check;
    };
};

/** Why a line was refused. */
struct ts_parse_error {
    enum ts_counter reason; /* TS_C_REJECTED_… */
    unsigned column;        /* from 1, in bytes */
    char why[160];          /* "missing fields"; never contains the line's own bytes unescaped */
};

struct ts_parse_opts {
    enum ts_format format;
    enum ts_signed_gauges signed_gauges;
    int64_t precision_ns; /* unit of line-protocol timestamps; 1 is nanoseconds */
    bool newline_ends;    /* tiles: a line end inside quotes ends the line, since data may be cut there */
    bool origin_tags;     /* DogStatsD's |c: |e: |card: become tags */
    const struct ts_templates *templates; /* tiles: of statsd names; borrowed; NULL: none */
};

/** Scratch memory for parsing; one per thread. */
struct ts_parser;
struct ts_parser *ts_parser_new(const struct ts_parse_opts *opts); /* NULL without memory */
void ts_parser_free(struct ts_parser **parser);

/** Between two lines: the unit of the times to come. */
void ts_parser_set_precision(struct ts_parser *parser, int64_t precision_ns);

typedef void ts_parsed_fn(const struct ts_parsed *parsed, void *arg);

/**
 * Reads one line (without its \n; a \r at the end is passed over). An empty or blank line and a line-protocol
 * comment give nothing. fn is called for each metric or point of the line, in order, after all of the line
 * was found good.
 * @return number of calls (0: nothing to read), or -TS_EPARSE with *error filled.
 */
int ts_parse_line(struct ts_parser *parser, struct ts_str line, ts_parsed_fn *fn, void *arg,
                  struct ts_parse_error *error) TS_MUST_CHECK;

/**
 * Where the first line of the text ends: the position of its \n, or len when it has none. A newline inside a
 * quoted line-protocol string does not end the line; under TS_FORMAT_AUTO the text's shape decides, as in
 * ts_parse_detect.
 */
size_t ts_parse_line_end(const char *p, size_t len, enum ts_format format);

/** Which dialect a line is read as under format auto: TS_FORMAT_STATSD or TS_FORMAT_INFLUX. The rule is in
 * docs/DIALECTS.md. */
enum ts_format ts_parse_detect(struct ts_str line);

/** Number of samples in what was parsed (values, or fields; events and checks 0). */
unsigned ts_parsed_samples(const struct ts_parsed *parsed);

/**
 * The series of sample i: kind, name, field and tags, borrowed from parsed. A flag has the value "true"; a
 * tag with an empty key or value, which InfluxDB could not hold, is left out.
 * @return 0, -TS_ELIMIT too many tags.
 */
int ts_parsed_series(const struct ts_parsed *parsed, unsigned i, struct ts_series_view *out) TS_MUST_CHECK;

/** The tags of a line as they go into a series: flags with the value "true", empty ones left out. @return 0, -TS_ELIMIT too many. */
int ts_parsed_tags(const struct ts_parsed *parsed, struct ts_series_view *out) TS_MUST_CHECK;

/**
 * The point that an event or a service check becomes: its series, borrowed from parsed, and its encoded fields
 * (core/passed.h), which replace what is in the buffer.
 * @return 0, -TS_ELIMIT too many tags, -TS_ENOMEM.
 */
int ts_parsed_pass(const struct ts_parsed *parsed, struct ts_series_view *view, struct ts_buf *fields) TS_MUST_CHECK;

/**
 * A point of line protocol as the store takes it: fills fields, of which there is room for TS_FIELDS_MAX, and brings parsed->tags into
 * order. Texts are borrowed from parsed. @return the number of fields.
 */
unsigned ts_parsed_point(const struct ts_parsed *parsed, struct ts_point_field *fields);

/**
 * Reads every line of a body (text, len, precision_ns and whole are set) and fills in the rest of it. A line of a body is at most
 * TS_BODY_PIECE_MAX long; the good lines of a whole body with bad ones are rejected too, as TS_C_REJECTED_WITH_BODY.
 * @return 0, also when lines are bad; -TS_ENOMEM. @thread any
 */
int ts_parse_body(struct ts_body *body) TS_MUST_CHECK;

#endif
