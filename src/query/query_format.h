#ifndef TS_QUERY_FORMAT_H
#define TS_QUERY_FORMAT_H
/*
 * How results are written. A format is one file query_format_<name>.c and one line in the table of
 * query_format.c.
 */
#include "core/base.h"
#include "core/buf.h"
#include "query/query_decode.h"

/** Where a format writes to: a file descriptor behind a big buffer. The first failed write ends all writing.
 */
struct ts_query_out {
    struct ts_buf buf;
    int fd;           /* -1: everything stays in buf */
    unsigned columns; /* of the terminal; 0: not a terminal */
    bool bold;        /* headers stand out */
    bool cut;         /* set by a format that had to cut cells to the terminal's columns */
    int error;        /* errno of the write that failed; EPIPE: the reader has gone */
};

/** Learns whether fd is a terminal and what it can (COLUMNS, NO_COLOR, TERM). */
void ts_query_out_init(struct ts_query_out *out, int fd);
void ts_query_out_fini(struct ts_query_out *out);

/** Writes what is in the buffer. */
void ts_query_out_flush(struct ts_query_out *out);

/** Writes when the buffer is full; to be called after every few rows. */
void ts_query_out_check(struct ts_query_out *out);

/**
 * st is the format's own memory of one run, made by open. Calls come in the order open, (table, row …)…, end,
 * free, with body and sync in between; those that a format does not need are NULL, but for open and free.
 */
struct ts_query_format {
    const char *name;
    void *(*open)(struct ts_query_out *out);
    void (*body)(void *st, struct ts_str bytes); /* the answer as it comes, before it is decoded */
    void (*table)(void *st, const struct ts_query_table *tbl, const struct ts_str *cells);
    void (*row)(void *st, const struct ts_query_table *tbl, const struct ts_str *cells);
    void (*sync)(void *st); /* rows held back go to the buffer */
    void (*end)(void *st);  /* all rows have come; not called when the query failed */
    void (*free)(void *st);
};

/** Every format, in the order in which people see them. */
#define TS_QUERY_FORMATS(F) F(table) F(csv) F(tsv) F(json) F(ndjson) F(annotated) F(chart)

#define TS_QUERY_FORMAT_DECLARE(name) extern const struct ts_query_format ts_query_format_##name;
TS_QUERY_FORMATS(TS_QUERY_FORMAT_DECLARE)
#undef TS_QUERY_FORMAT_DECLARE

/** @return NULL when there is none of that name. */
const struct ts_query_format *ts_query_format_find(const char *name);

/** The result's name when it is worth showing: "" for "_result", which stands for none given. */
struct ts_str ts_query_result_name(const struct ts_query_table *tbl);

#endif
