/*
 * Points of the embedded store as line protocol, out and in. A line has one field; what line protocol cannot say (NaN, infinities, a
 * name that ends with a backslash) is left out, counted and told.
 */
#include "config.h"
#include "ctl.h"
#include "ctl_store.h"

#include "core/clock.h"
#include "core/mem.h"
#include "parse/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#define OUT_BYTES  65536
#define BAD_TOLD   10
#define BATCH_ROWS 200000

_Static_assert((int)TS_FIELD_STRING == (int)TS_SCAN_STRING && (int)TS_FIELD_BOOL == (int)TS_SCAN_BOOL, "types in one order");

static int say(const struct ts_err *err)
{
    fprintf(stderr, "tsagg-ctl store: %s\n", err->msg);
    return CTL_UNREACHABLE;
}

/* ---- out ---- */

struct out {
    struct ts_buf prefix, lines;
    uint64_t unsayable;
};

/* @return false when it cannot be written. */
static bool put_name(struct ts_buf *buf, struct ts_str s, bool measurement)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == ',' || s.p[i] == ' ' || (s.p[i] == '=' && !measurement))
            ts_buf_putc(buf, '\\');
        ts_buf_putc(buf, s.p[i]);
    }
    return s.len > 0 && s.p[s.len - 1] != '\\' && !memchr(s.p, '\n', s.len);
}

static bool make_prefix(struct out *out, const struct ts_scan_series *ser)
{
    ts_buf_clear(&out->prefix);
    bool good = put_name(&out->prefix, ser->measurement, true);
    for (unsigned i = 0; i < ser->ntags; i++) {
        ts_buf_putc(&out->prefix, ',');
        good &= put_name(&out->prefix, ser->tags[i].key, false);
        ts_buf_putc(&out->prefix, '=');
        good &= put_name(&out->prefix, ser->tags[i].value, false);
    }
    ts_buf_putc(&out->prefix, ' ');
    good &= put_name(&out->prefix, ser->field, false);
    ts_buf_putc(&out->prefix, '=');
    return good;
}

static void put_string(struct ts_buf *buf, struct ts_str s)
{
    ts_buf_putc(buf, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            ts_buf_putc(buf, '\\');
        ts_buf_putc(buf, s.p[i]);
    }
    ts_buf_putc(buf, '"');
}

static void put_point(struct out *out, const struct ts_scan_chunk *chunk, unsigned i)
{
    struct ts_buf *buf = &out->lines;
    if (chunk->series->type == TS_SCAN_FLOAT && !isfinite(chunk->v.f[i])) {
        out->unsayable++;
        return;
    }
    ts_buf_put_str(buf, ts_buf_str(&out->prefix));
    switch (chunk->series->type) {
    case TS_SCAN_FLOAT: ts_buf_put_double(buf, chunk->v.f[i]); break;
    case TS_SCAN_INT:
        ts_buf_put_int(buf, chunk->v.i[i]);
        ts_buf_putc(buf, 'i');
        break;
    case TS_SCAN_UINT:
        ts_buf_put_uint(buf, chunk->v.u[i]);
        ts_buf_putc(buf, 'u');
        break;
    case TS_SCAN_BOOL: ts_buf_puts(buf, chunk->v.b[i] ? "true" : "false"); break;
    case TS_SCAN_STRING: put_string(buf, chunk->v.s[i]); break;
    }
    ts_buf_putc(buf, ' ');
    ts_buf_put_int(buf, chunk->times[i]);
    ts_buf_putc(buf, '\n');
}

static bool flush(struct out *out)
{
    bool good = !ts_buf_failed(&out->lines) && fwrite(out->lines.p, 1, out->lines.len, stdout) == out->lines.len;
    ts_buf_clear(&out->lines);
    return good;
}

static int export_all(struct ts_scan_cursor *cur, struct out *out, struct ts_err *err)
{
    const struct ts_scan_chunk *chunk;
    bool sayable = true;
    int rc;
    while ((rc = ts_scan_next(cur, &chunk, err)) == 0 && chunk) {
        if (chunk->first)
            sayable = make_prefix(out, chunk->series);
        if (!sayable) {
            out->unsayable += chunk->n;
            continue;
        }
        for (unsigned i = 0; i < chunk->n; i++) {
            put_point(out, chunk, i);
            if (out->lines.len >= OUT_BYTES && !flush(out))
                return ts_fail_errno(err, TS_EIO, "cannot write");
        }
    }
    if (rc == 0 && out->lines.len && !flush(out))
        rc = ts_fail_errno(err, TS_EIO, "cannot write");
    if (rc == 0 && fflush(stdout) != 0)
        rc = ts_fail_errno(err, TS_EIO, "cannot write");
    return rc;
}

int store_export(const char *dir, const struct store_options *opt)
{
    struct ts_scan_request req = {.bucket = ts_str_of(opt->bucket),
                                  .start_ns = opt->start_ns,
                                  .stop_ns = opt->stop_ns,
                                  .want = TS_SCAN_TIMES | TS_SCAN_VALUES};
    struct ts_scan_source *src;
    struct ts_scan_cursor *cur = NULL;
    struct out out = {.unsayable = 0};
    struct ts_err err;
    unsigned damaged = 0;
    int rc = ts_store_open_source(dir, &src, &err);
    rc = rc ? rc : ts_scan_open(src, &req, &cur, &err);
    rc = rc ? rc : export_all(cur, &out, &err);
    if (cur)
        ts_scan_damage(cur, &damaged);
    if (damaged)
        fprintf(stderr, "tsagg-ctl store: %u parts are damaged and left out; see tsagg-ctl store check\n", damaged);
    if (out.unsayable)
        fprintf(stderr, "tsagg-ctl store: %" PRIu64 " values left out that line protocol cannot say\n", out.unsayable);
    ts_scan_close(&cur);
    ts_buf_fini(&out.prefix);
    ts_buf_fini(&out.lines);
    if (src)
        ts_store_close_source(&src);
    return rc ? say(&err) : damaged || out.unsayable ? CTL_NOT_BALANCED : CTL_OK;
}

/* ---- in ---- */

struct in {
    struct ts_points *pts;
    struct ts_err err;
    uint64_t line, points, bad;
    unsigned rows;
    int64_t now_ns;
    int rc;
};

static void tell_bad(struct in *in, const char *why)
{
    if (in->bad++ < BAD_TOLD)
        fprintf(stderr, "tsagg-ctl store: line %" PRIu64 ": %s\n", in->line, why);
}

static int commit(struct in *in)
{
    in->rows = 0;
    return ts_points_commit(in->pts, TS_STR(""), TS_STR(""), &in->err);
}

static void take_point(const struct ts_parsed *parsed, void *arg)
{
    struct in *in = arg;
    struct ts_point_field fields[TS_FIELDS_MAX];
    uint32_t series;
    unsigned n = ts_parsed_point(parsed, fields);
    int rc = ts_points_series(in->pts, parsed->name, parsed->tags, parsed->ntags, &series, &in->err);
    int64_t t = parsed->has_time ? parsed->time_ns : in->now_ns;
    if (rc == 0 && in->rows >= BATCH_ROWS)
        rc = commit(in);
    if (rc == 0)
        rc = ts_points_add(in->pts, series, t, fields, n, &in->err);
    if (rc == -TS_EFULL && (rc = commit(in)) == 0)
        rc = ts_points_add(in->pts, series, t, fields, n, &in->err);
    if (rc == -TS_EREFUSED || rc == -TS_ELIMIT)
        tell_bad(in, in->err.msg);
    else if (rc)
        in->rc = rc;
    else
        in->points++, in->rows++;
}

static void import_lines(struct in *in, FILE *from, struct ts_parser *prs)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while (in->rc == 0 && (len = getline(&line, &cap, from)) >= 0) {
        struct ts_parse_error error;
        in->line++;
        len -= len > 0 && line[len - 1] == '\n';
        if (ts_parse_line(prs, (struct ts_str){line, (size_t)len}, take_point, in, &error) < 0)
            tell_bad(in, error.why);
    }
    if (in->rc == 0 && ferror(from))
        in->rc = ts_fail_errno(&in->err, TS_EIO, "cannot read");
    ts_free(line);
    if (in->rc == 0)
        in->rc = commit(in);
}

/* The bucket is made when it is not there; one that is keeps its retention, unless another is asked for. */
static int prepare(struct ts_store *store, const struct store_options *opt, struct in *in)
{
    int rc = opt->has_retention ? -TS_ENOTFOUND : ts_points_begin(ts_store_writer(store), ts_str_of(opt->bucket), &in->pts, &in->err);
    if (rc != -TS_ENOTFOUND)
        return rc;
    rc = ts_store_put_bucket(store, ts_str_of(opt->bucket), opt->retention_ns, &in->err);
    return rc ? rc : ts_points_begin(ts_store_writer(store), ts_str_of(opt->bucket), &in->pts, &in->err);
}

int store_import(const char *dir, const struct store_options *opt, const char *path)
{
    struct ts_store *store = NULL;
    struct in in = {.now_ns = ts_clock_now_ns()};
    struct ts_parse_opts parse = {.format = TS_FORMAT_INFLUX, .precision_ns = 1, .newline_ends = true};
    struct ts_parser *prs = ts_parser_new(&parse);
    FILE *from = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!from || !prs) {
        fprintf(stderr, "tsagg-ctl store: cannot open %s: %s\n", path, strerror(errno));
        ts_parser_free(&prs);
        return CTL_UNREACHABLE;
    }
    int rc = ts_store_open(dir, &store, &in.err);
    rc = rc ? rc : prepare(store, opt, &in);
    if (rc == 0) {
        import_lines(&in, from, prs);
        rc = in.rc;
    }
    ts_points_end(&in.pts);
    if (rc == 0)
        rc = ts_store_tend(store, TS_STORE_FULL, &in.err);
    ts_store_close(&store);
    ts_parser_free(&prs);
    if (from != stdin)
        fclose(from);
    if (rc)
        return say(&in.err);
    if (in.bad > BAD_TOLD)
        fprintf(stderr, "tsagg-ctl store: and %" PRIu64 " more\n", in.bad - BAD_TOLD);
    printf("%" PRIu64 " points stored, %" PRIu64 " lines left out\n", in.points, in.bad);
    return in.bad ? CTL_NOT_BALANCED : CTL_OK;
}
