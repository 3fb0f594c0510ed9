/*
 * Rollups into the embedded store. Thread: the sink's. Owns a batch of the store. Points come as the lines that sink_lp.c writes, so
 * that one the store refuses can go to the dead-letter file as text. A batch is stored whole or not at all. What comes once more, after
 * a crash between the store's commit and the cursor's, replaces itself: it says the same.
 */
#include "config.h"
#include "sink/sink_priv.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/points.h"

#include <stdio.h>

#define FIELDS_MAX 128 /* a point has one for each aggregate, quantile and bucket of a histogram, at most */

static struct ts_writer *the_store; /* of the process: tsaggd.c opens it before the sinks */

void ts_sinks_use_store(struct ts_writer *wtr)
{
    the_store = wtr;
}

struct reader {
    const char *p, *end;
    char *to; /* unescaped texts */
    struct ts_tag tags[TS_TAGS_MAX + 1];
    struct ts_point_field fields[FIELDS_MAX];
    unsigned ntags, nfields;
    struct ts_str measurement;
    int64_t time_ns;
};

struct sink_store {
    struct ts_points *pts;
    struct ts_buf texts;
    struct reader rd;
};

/* ---- lines, as sink_lp.c writes them ---- */

/* A name up to the first of `stops` without a backslash before it. */
static struct ts_str read_name(struct reader *rd, const char *stops)
{
    struct ts_str name = {rd->to, 0};
    while (rd->p < rd->end && !strchr(stops, *rd->p)) {
        if (*rd->p == '\\' && rd->p + 1 < rd->end && strchr(",= ", rd->p[1]))
            rd->p++;
        rd->to[name.len++] = *rd->p++;
    }
    rd->to += name.len;
    return name;
}

static bool read_string(struct reader *rd, struct ts_point_field *field)
{
    field->type = TS_SCAN_STRING;
    field->text = (struct ts_str){rd->to, 0};
    for (rd->p++; rd->p < rd->end && *rd->p != '"'; rd->p++) {
        if (*rd->p == '\\' && rd->p + 1 < rd->end)
            rd->p++;
        rd->to[field->text.len++] = *rd->p;
    }
    rd->to += field->text.len;
    return rd->p < rd->end && *rd->p++ == '"';
}

static bool read_field(struct reader *rd)
{
    if (rd->nfields == FIELDS_MAX)
        return false;
    struct ts_point_field *field = &rd->fields[rd->nfields++];
    *field = (struct ts_point_field){.key = read_name(rd, "="), .type = TS_SCAN_FLOAT};
    if (rd->p == rd->end || ++rd->p == rd->end)
        return false;
    if (*rd->p == '"')
        return read_string(rd, field);
    const char *begin = rd->p;
    while (rd->p < rd->end && *rd->p != ',' && *rd->p != ' ')
        rd->p++;
    struct ts_str number = {begin, (size_t)(rd->p - begin)};
    if (number.len && number.p[number.len - 1] == 'i') { /* of an event */
        field->type = TS_SCAN_INT;
        number.len--;
        return ts_num_read_int(number, &field->v.i) == 0;
    }
    return ts_num_read(number, &field->v.f) == 0;
}

static bool read_line(struct reader *rd, struct ts_str line, char *texts)
{
    rd->p = line.p;
    rd->end = line.p + line.len;
    rd->to = texts;
    rd->ntags = rd->nfields = 0;
    rd->measurement = read_name(rd, ", ");
    while (rd->p < rd->end && *rd->p == ',') {
        if (rd->ntags > TS_TAGS_MAX)
            return false;
        rd->p++;
        struct ts_tag *tag = &rd->tags[rd->ntags++];
        tag->key = read_name(rd, "=");
        rd->p += rd->p < rd->end;
        tag->value = read_name(rd, ", ");
    }
    do {
        rd->p += rd->p < rd->end; /* ' ' or ',' */
        if (!read_field(rd))
            return false;
    } while (rd->p < rd->end && *rd->p == ',');
    return rd->p < rd->end && ts_num_read_int((struct ts_str){rd->p + 1, (size_t)(rd->end - rd->p - 1)}, &rd->time_ns) == 0;
}

/* sink_lp.c changes what cannot be written: then tags that differed may not any more, nor be in order. */
static void order_tags(struct reader *rd)
{
    for (unsigned i = 1; i < rd->ntags; i++)
        for (unsigned j = i; j > 0 && ts_str_cmp(rd->tags[j - 1].key, rd->tags[j].key) >= 0; j--) {
            if (ts_str_eq(rd->tags[j - 1].key, rd->tags[j].key)) {
                memmove(&rd->tags[j], &rd->tags[j + 1], (--rd->ntags - j) * sizeof *rd->tags);
                i--;
                break;
            }
            struct ts_tag tag = rd->tags[j];
            rd->tags[j] = rd->tags[j - 1];
            rd->tags[j - 1] = tag;
        }
}

/* ---- sending ---- */

/* @return as ts_points_add */
static int add_line(struct sink_store *ss, struct ts_str line, struct ts_err *err)
{
    struct reader *rd = &ss->rd;
    uint32_t series;
    ts_buf_clear(&ss->texts);
    char *texts = ts_buf_reserve(&ss->texts, line.len + 1);
    if (!texts)
        return ts_fail(err, TS_ENOMEM, "no memory for a line");
    if (!read_line(rd, line, texts))
        return ts_fail(err, TS_EREFUSED, "a line that cannot be read");
    order_tags(rd);
    int rc = ts_points_series(ss->pts, rd->measurement, rd->tags, rd->ntags, &series, err);
    if (rc == -TS_ELIMIT) /* its key is too long */
        return -TS_EREFUSED;
    return rc ? rc : ts_points_add(ss->pts, series, rd->time_ns, rd->fields, rd->nfields, err);
}

static void set_reply(struct ts_sink_reply *reply, int rc, const struct ts_err *err)
{
    switch (rc) {
    case 0: reply->verdict = TS_SINK_SENT; break;
    case -TS_EREFUSED: reply->verdict = TS_SINK_REFUSED; break;
    case -TS_ENOTFOUND:
    case -TS_ECORRUPT: reply->verdict = TS_SINK_HELD; break;
    default: reply->verdict = TS_SINK_RETRY; break;
    }
    snprintf(reply->why, sizeof reply->why, "%s", rc ? err->msg : "");
}

static void send_lines(struct ts_sink *snk, struct ts_str body, struct ts_sink_reply *reply)
{
    struct sink_store *ss = snk->impl;
    struct ts_err err = {""};
    unsigned expired = 0;
    int rc = ss->pts ? 0 : ts_points_begin(the_store, ts_str_of(snk->conf->bucket), &ss->pts, &err);
    const char *p = body.p, *end = body.p + body.len;
    while (p < end && rc == 0) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        struct ts_str line = {p, (size_t)((nl ? nl : end) - p)};
        p += line.len + 1;
        rc = line.len ? add_line(ss, line, &err) : 0;
        if (rc == -TS_EFULL) { /* what is stored now is stored again should the rest fail, and says the same */
            rc = ts_points_commit(ss->pts, TS_STR(""), TS_STR(""), &err);
            rc = rc ? rc : add_line(ss, line, &err);
        }
        if (rc == -TS_ELIMIT) {
            expired++;
            rc = 0;
        }
    }
    if (rc == 0)
        rc = ts_points_commit(ss->pts, TS_STR(""), TS_STR(""), &err);
    if (rc && ss->pts)
        ts_points_clear(ss->pts);
    if (rc == -TS_ENOTFOUND)
        ts_points_end(&ss->pts); /* its bucket was deleted: there may be one of that name again */
    if (rc == 0 && expired)
        ts_log(TS_LOG_WARN, "points_expired", "stage=sink sink=%s points=%u why=\"older than the bucket's retention\"",
               snk->conf->name, expired);
    set_reply(reply, rc, &err);
    if (rc == 0)
        ts_count(snk->feed->cnt, TS_C_SINK_BYTES, body.len);
}

static int open_sink(struct ts_sink *snk, struct ts_err *err)
{
    if (!the_store)
        return ts_fail(err, TS_ECONF, "sink %s: this process has no store", snk->conf->name);
    snk->impl = ts_xalloc(sizeof(struct sink_store));
    snk->target = snk->conf->bucket;
    return 0;
}

static void close_sink(struct ts_sink *snk)
{
    struct sink_store *ss = snk->impl;
    if (!ss)
        return;
    ts_points_end(&ss->pts);
    ts_buf_fini(&ss->texts);
    TS_FREE(snk->impl);
}

const struct ts_sink_ops ts_sink_store_ops = {
    .open = open_sink, .encode = ts_sink_lp_put, .send = send_lines, .close = close_sink};
