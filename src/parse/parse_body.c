/*
 * Bodies of line protocol to pieces of good lines. Every line is read in full before any is handed on,
 * because a request is answered for all of them. Thread: any; owns nothing. Good lines move together in the
 * body's own text, over the bad ones.
 */
#include "config.h"
#include "parse/parse.h"

#include "core/mem.h"
#include "core/utf8.h"

#include <inttypes.h>

#define LINES_TOLD 5  /* bad lines that the answer tells about */
#define BYTES_TOLD 64 /* of each */

static void nothing(const struct ts_parsed *parsed, void *arg)
{
    (void)parsed;
    (void)arg;
}

static void tell(struct ts_body *body, struct ts_str line, uint64_t number,
                 const struct ts_parse_error *error)
{
    size_t len = 0, n;
    if (body->rejected > LINES_TOLD)
        return;
    ts_buf_puts(&body->why, body->why.len ? "\nunable to parse '" : "unable to parse '");
    for (; len < line.len && (n = ts_utf8_len(line.p + len, line.len - len)) && len + n <= BYTES_TOLD;
         len += n)
        if ((unsigned char)line.p[len] < ' ')
            ts_buf_putc(&body->why, '?');
        else
            ts_buf_put(&body->why, line.p + len, n);
    ts_buf_printf(&body->why, "%s': line %" PRIu64 ", column %u: %s", len < line.len ? "..." : "", number,
                  error->column, error->why);
}

/* Appends a line to the last piece, or begins a new one. to never overtakes the line: there was a \n before
 * it. */
static void keep(struct ts_body *body, char **to, struct ts_str line)
{
    struct ts_str *piece = body->npieces ? &body->pieces[body->npieces - 1] : NULL;
    if (!piece || piece->len + 1 + line.len > TS_BODY_PIECE_MAX) {
        piece = &body->pieces[body->npieces++];
        *piece = (struct ts_str){*to, 0};
    } else {
        *(*to)++ = '\n';
        piece->len++;
    }
    if (*to != line.p)
        memmove(*to, line.p, line.len);
    *to += line.len;
    piece->len += line.len;
}

static int read_line(struct ts_parser *prs, struct ts_str line, struct ts_parse_error *error)
{
    if (line.len <= TS_BODY_PIECE_MAX)
        return ts_parse_line(prs, line, nothing, NULL, error);
    *error = (struct ts_parse_error){TS_C_REJECTED_TOO_LONG, 1, "a line longer than 65536 bytes"};
    return -TS_EPARSE;
}

static void read_lines(struct ts_body *body, struct ts_parser *prs)
{
    char *p = body->text, *end = p + body->len, *to = p;
    uint64_t number = 1;
    while (p < end) {
        struct ts_str line = {p, ts_parse_line_end(p, (size_t)(end - p), TS_FORMAT_INFLUX)};
        struct ts_parse_error error;
        uint64_t inner = 0;
        for (const char *q = p; (q = memchr(q, '\n', (size_t)(p + line.len - q))); q++)
            inner++;
        p += line.len + 1;
        int rc = read_line(prs, line, &error);
        if (rc < 0) {
            body->rejected++;
            body->rejected_by[error.reason]++;
            tell(body, line, number, &error);
        } else {
            body->accepted += rc > 0;
            keep(body, &to, line);
        }
        number += 1 + inner;
    }
}

int ts_parse_body(struct ts_body *body)
{
    struct ts_parse_opts opts = {.format = TS_FORMAT_INFLUX, .precision_ns = body->precision_ns};
    struct ts_parser *prs = ts_parser_new(&opts);
    /* Two pieces that follow each other are longer than the limit together. */
    body->pieces = ts_alloc((2 * (body->len / TS_BODY_PIECE_MAX) + 2) * sizeof *body->pieces);
    if (!prs || !body->pieces) {
        ts_parser_free(&prs);
        return -TS_ENOMEM;
    }
    read_lines(body, prs);
    ts_parser_free(&prs);
    if (body->rejected > LINES_TOLD)
        ts_buf_printf(&body->why, "\nand %" PRIu64 " more lines", body->rejected - LINES_TOLD);
    if (body->whole && body->rejected) {
        body->rejected_by[TS_C_REJECTED_WITH_BODY] = body->accepted;
        body->rejected += body->accepted;
        body->accepted = 0;
        body->npieces = 0;
    }
    return 0;
}
