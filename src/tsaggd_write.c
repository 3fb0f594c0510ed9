/*
 * Bodies of write requests to where the configuration says. Thread: the connection's, which waits until all is durable, or in the
 * windows. A body for the store is read and stored in one pass; only when a line of it is bad it is read once more, for the answer.
 */
#include "config.h"
#include "tsaggd_write.h"

#include "core/clock.h"
#include "parse/parse.h"
#include "tsaggd_write_line.h"

#include <stdio.h>

_Static_assert((int)TS_FIELD_FLOAT == (int)TS_SCAN_FLOAT && (int)TS_FIELD_INT == (int)TS_SCAN_INT &&
                   (int)TS_FIELD_UINT == (int)TS_SCAN_UINT && (int)TS_FIELD_BOOL == (int)TS_SCAN_BOOL &&
                   (int)TS_FIELD_STRING == (int)TS_SCAN_STRING,
               "types in one order");

struct pass {
    struct ts_points *pts;
    struct ts_body *body;
    struct ts_err err;
    int64_t now_ns;
    uint64_t stored;
    uint32_t series; /* of the point read last */
    struct write_keys keys;
    int rc;
};

void write_target_init(struct write_target *to, const struct ts_conf *conf, struct ts_store *store, struct source *source)
{
    to->store = conf->http.write == TS_WRITE_AGGREGATE ? NULL : store;
    to->windows = conf->http.write == TS_WRITE_STORE ? NULL : source;
    to->cnt = ts_counters_new(NULL, NULL);
    pthread_mutex_init(&to->lock, NULL);
}

static void refuse_point(struct pass *pass)
{
    if (pass->body->refused++ == 0)
        ts_buf_puts(&pass->body->refusal, pass->err.msg);
}

static void put(struct pass *pass, int rc)
{
    if (rc == -TS_EREFUSED || rc == -TS_ELIMIT)
        refuse_point(pass);
    else if (rc)
        pass->rc = rc;
    else
        pass->stored++;
}

static void store_point(const struct ts_parsed *parsed, void *arg)
{
    struct pass *pass = arg;
    struct ts_point_field fields[TS_FIELDS_MAX];
    uint32_t series;
    if (pass->rc)
        return;
    unsigned n = ts_parsed_point(parsed, fields);
    int64_t t = parsed->has_time ? parsed->time_ns : pass->now_ns;
    int rc = ts_points_series(pass->pts, parsed->name, parsed->tags, parsed->ntags, &series, &pass->err);
    pass->series = rc ? UINT32_MAX : series;
    put(pass, rc ? rc : ts_points_add(pass->pts, series, t, fields, n, &pass->err));
}

/* @return 0; -TS_EPARSE: a line is bad; else as ts_points_add */
static int store_text(struct pass *pass, struct ts_parser *prs, const char *p, const char *end)
{
    struct ts_parse_error error;
    struct write_line fast;
    while (p < end) {
        const char *next = write_line_read(&pass->keys, p, end, pass->body->precision_ns, &fast);
        if (next) {
            put(pass, ts_points_add(pass->pts, fast.series, fast.time_ns, fast.fields, fast.nfields, &pass->err));
            if (pass->rc)
                return pass->rc;
            p = next;
            continue;
        }
        struct ts_str line = {p, ts_parse_line_end(p, (size_t)(end - p), TS_FORMAT_INFLUX)};
        if (line.len > TS_BODY_PIECE_MAX || ts_parse_line(prs, line, store_point, pass, &error) < 0)
            return -TS_EPARSE;
        if (pass->rc)
            return pass->rc;
        write_keys_add(&pass->keys, line, pass->series);
        pass->series = UINT32_MAX;
        p += line.len + 1;
    }
    return 0;
}

/* The whole text at once, or, after it was found that lines are bad or that it is too much, what is good of it in pieces. */
static int store_pieces(struct pass *pass, struct ts_parser *prs)
{
    struct ts_body *body = pass->body;
    int rc = body->npieces || body->rejected ? 0 : ts_parse_body(body);
    for (size_t i = 0; i < body->npieces && rc == 0; i++) {
        const struct ts_str *piece = &body->pieces[i];
        uint64_t stored = pass->stored, refused = body->refused;
        rc = store_text(pass, prs, piece->p, piece->p + piece->len);
        if (rc != -TS_EFULL)
            continue;
        /* The points of the piece that fitted in are stored now, and once more with the piece: they say the same. */
        pass->rc = 0;
        pass->stored = stored;
        body->refused = refused;
        rc = ts_points_commit(pass->pts, TS_STR(""), TS_STR(""), &pass->err);
        write_keys_fini(&pass->keys);
        rc = rc ? rc : store_text(pass, prs, piece->p, piece->p + piece->len);
    }
    return rc;
}

static int store_body(struct write_target *to, struct ts_body *body)
{
    struct pass pass = {.body = body, .now_ns = ts_clock_now_ns(), .series = UINT32_MAX};
    struct ts_parse_opts opts = {.format = TS_FORMAT_INFLUX, .precision_ns = body->precision_ns};
    int rc = ts_points_begin(ts_store_writer(to->store), body->bucket, &pass.pts, &pass.err);
    if (rc)
        return rc;
    struct ts_parser *prs = ts_parser_new(&opts);
    rc = prs ? store_text(&pass, prs, body->text, body->text + body->len) : -TS_ENOMEM;
    if (rc == -TS_EPARSE || rc == -TS_EFULL) {
        ts_points_clear(pass.pts);
        write_keys_fini(&pass.keys); /* numbers of series end with the points */
        pass.stored = body->refused = 0;
        pass.rc = 0;
        ts_buf_clear(&body->refusal);
        rc = store_pieces(&pass, prs);
    }
    rc = rc ? rc : ts_points_commit(pass.pts, TS_STR(""), TS_STR(""), &pass.err);
    if (rc)
        ts_buf_puts(&body->refusal, pass.err.msg);
    ts_points_end(&pass.pts);
    write_keys_fini(&pass.keys);
    ts_parser_free(&prs);
    if (rc == 0) {
        pthread_mutex_lock(&to->lock);
        ts_count(to->cnt, TS_C_POINTS_STORED, pass.stored);
        ts_count(to->cnt, TS_C_POINTS_REFUSED, body->refused);
        pthread_mutex_unlock(&to->lock);
    }
    return rc;
}

int write_take_body(void *arg, struct ts_body *body)
{
    struct write_target *to = arg;
    int rc = to->store ? store_body(to, body) : 0;
    if (rc || !to->windows)
        return rc;
    /* What it was read for the store is good enough: good lines have moved together in the text. */
    return body->npieces || body->rejected ? source_post_body(to->windows, body) : source_take_body(to->windows, body);
}
