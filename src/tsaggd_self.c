/*
 * The daemon's readings (core/readings.h) to points. Thread: main, between two looks for signals. Readings
 * with the same labels are fields of one point; a counter has two: NAME_total, and NAME_increase since the
 * points before. Owns the readings of these.
 *
 * The time of a point is the beginning of its interval, as of a rollup. The first interval is the first that
 * begins after the start (or after a reload that changes it), and has what came before it, so that points of
 * a run never replace those of the one before. What the journal has no room for, or there is no memory for,
 * is not lost: the next points have its increase.
 */
#include "config.h"
#include "tsaggd_self.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/passed.h"
#include "core/series.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define BATCH_POINTS 512

struct self {
    struct ts_ring *out; /* to the journal */
    struct ts_bell *bell;
    struct ts_counters *cnt;
    struct ts_clock_steady clock;
    int64_t every_ns;      /* 0: off */
    int64_t start_ns;      /* of the interval */
    const char *to, *tags; /* kept (ts_conf_keep); tags: KEY=VALUE lines, or NULL */
    char host[256];
    struct ts_readings before; /* of the last points */
};

static int64_t now_of(struct self *self)
{
    int64_t back_ns;
    return ts_clock_steady(&self->clock, ts_clock_now_ns(), &back_ns);
}

static bool have_same_labels(const struct ts_reading *a, const struct ts_reading *b)
{
    bool same = a->nlabels == b->nlabels;
    for (unsigned i = 0; same && i < a->nlabels; i++)
        same = strcmp(a->labels[i].key, b->labels[i].key) == 0 &&
               strcmp(a->labels[i].value, b->labels[i].value) == 0;
    return same;
}

/* What a counter had before; the lists are of one order but where labels came or went. */
static uint64_t count_before(const struct ts_readings *before, const struct ts_reading *rd, size_t near)
{
    for (size_t i = 0; i < before->n; i++) {
        const struct ts_reading *old = &before->v[(near + i) % before->n];
        if (strcmp(old->name, rd->name) == 0 && have_same_labels(old, rd))
            return old->n;
    }
    return 0;
}

static void put_float(struct ts_buf *fields, const char *name, size_t len, const char *suffix, double v)
{
    char key[128];
    snprintf(key, sizeof key, "%.*s%s", (int)len, name, suffix);
    if (isfinite(v))
        ts_passed_put_float(fields, ts_str_of(key), v);
}

static void put_fields(struct ts_buf *fields, const struct ts_reading *rd, uint64_t before)
{
    static const char total[] = "_total";
    size_t len = strlen(rd->name);
    if (!rd->counts) {
        put_float(fields, rd->name, len, "", rd->v);
        return;
    }
    TS_ASSERT(len > sizeof total && strcmp(rd->name + len - (sizeof total - 1), total) == 0);
    put_float(fields, rd->name, len, "", (double)rd->n);
    /* A set of counters that a thread had is gone on with by another, so nothing goes down; a source's skew
     * may. */
    put_float(fields, rd->name, len - (sizeof total - 1), "_increase",
              (double)(rd->n > before ? rd->n - before : 0));
}

/* host and the configured tags, then the labels, which go before them. */
static int put_series(const struct self *self, const struct ts_reading *rd, struct ts_buf *out)
{
    struct ts_series_view *view = ts_alloc(sizeof *view);
    struct ts_str lines = ts_str_of(self->tags ? self->tags : ""), key, value;
    if (!view)
        return -TS_ENOMEM;
    view->kind = TS_KIND_PASSED;
    view->name = TS_STR("tsagg");
    view->field = TS_STR("");
    view->tags[view->ntags++] = (struct ts_tag){TS_STR("host"), ts_str_of(self->host)};
    while (view->ntags + TS_READING_LABELS < TS_TAGS_MAX && ts_conf_next_pair(&lines, &key, &value))
        view->tags[view->ntags++] = (struct ts_tag){key, value};
    for (unsigned i = 0; i < rd->nlabels; i++)
        view->tags[view->ntags++] =
            (struct ts_tag){ts_str_of(rd->labels[i].key), ts_str_of(rd->labels[i].value)};
    int rc = ts_series_encode(view, out);
    ts_free(view);
    return rc;
}

/* The reasons of a listener are many; those that never occurred are left out. */
static bool is_wanted(const struct ts_reading *rd)
{
    return rd->nlabels < TS_READING_LABELS || rd->n > 0;
}

/* The point of all readings from `first` on that have its labels. They are marked in done. */
static int put_point(const struct self *self, const struct ts_readings *now, size_t first, bool *done,
                     struct ts_rollup_batch *batch)
{
    struct ts_rollup *pt = &batch->points[batch->n];
    struct ts_buf *texts = &batch->texts;
    size_t from = texts->len;
    *pt = (struct ts_rollup){.last_text = TS_STR(""), .time_ns = self->start_ns};
    int rc = put_series(self, &now->v[first], texts);
    pt->series.len = texts->len - from;
    for (size_t i = first; rc == 0 && i < now->n; i++) {
        if (done[i] || !is_wanted(&now->v[i]) || !have_same_labels(&now->v[first], &now->v[i]))
            continue;
        put_fields(texts, &now->v[i], count_before(&self->before, &now->v[i], i));
        done[i] = true;
    }
    pt->fields.len = texts->len - from - pt->series.len;
    if (rc == 0 && ts_buf_failed(texts))
        rc = -TS_ENOMEM;
    batch->n += rc == 0;
    return rc;
}

static void place_texts(struct ts_rollup_batch *batch)
{
    const char *at = batch->texts.p;
    for (unsigned i = 0; i < batch->n; i++) {
        batch->points[i].series.p = at;
        batch->points[i].fields.p = at + batch->points[i].series.len;
        at = batch->points[i].fields.p + batch->points[i].fields.len;
    }
}

/* Points from *next on, as many as go into a batch. @return NULL without memory. */
static struct ts_rollup_batch *make_batch(const struct self *self, const struct ts_readings *now,
                                          size_t *next, bool *done)
{
    struct ts_rollup_batch *batch = ts_rollup_batch_sized(BATCH_POINTS);
    int rc = batch ? 0 : -TS_ENOMEM;
    for (; rc == 0 && *next < now->n && batch->n < BATCH_POINTS; ++*next)
        if (!done[*next] && is_wanted(&now->v[*next]))
            rc = put_point(self, now, *next, done, batch);
    if (rc) {
        ts_rollup_batch_free(&batch);
        return NULL;
    }
    batch->rule = "self";
    batch->to = self->to;
    batch->passed = true;
    place_texts(batch);
    return batch;
}

/* All of them or none, so that an increase is never told twice. */
static bool send_points(struct self *self, const struct ts_readings *now)
{
    size_t max = now->n / BATCH_POINTS + 1, n = 0, next = 0;
    bool *done = now->failed ? NULL : ts_alloc(now->n * sizeof *done);
    struct ts_rollup_batch **batches = ts_alloc(max * sizeof(struct ts_rollup_batch *));
    bool good = done && batches && ts_ring_count(self->out) + max < TS_JOURNAL_RING;
    while (good && next < now->n) {
        batches[n] = make_batch(self, now, &next, done);
        good = batches[n] != NULL;
        n += good;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned points = batches[i]->n;                 /* the journal's once it is pushed */
        if (good && ts_ring_push(self->out, batches[i])) /* there is room */
            ts_count(self->cnt, TS_C_SELF_SENT, points);
        else
            ts_rollup_batch_free(&batches[i]);
    }
    ts_free(batches);
    ts_free(done);
    ts_bell_ring(self->bell);
    return good;
}

static void take(const struct daemon *dmn, struct ts_readings *out)
{
    ts_server_readings(dmn->server ? ts_server_info(dmn->server) : &dmn->info, out);
}

static void send(struct daemon *dmn)
{
    struct self *self = dmn->self;
    struct ts_readings now = {0};
    take(dmn, &now);
    /* With no memory for what was there at the reload, increases begin here. */
    bool no_base = self->before.failed && !now.failed;
    bool sent = !no_base && send_points(self, &now);
    if (!sent) {
        ts_count(self->cnt, TS_C_SELF_SKIPPED, 1);
        ts_log(TS_LOG_WARN, "self_skipped",
               "stage=main what=\"no room or no memory for the daemon's own points; the next have their increase\"");
    }
    struct ts_readings useless = now;
    if (sent || no_base) {
        useless = self->before;
        self->before = now;
    }
    ts_readings_fini(&useless);
}

static void adopt(struct self *self, const struct ts_conf *conf)
{
    int64_t every_ns = conf->self.every_ns;
    self->to = ts_conf_keep(conf->self.to);
    self->tags = conf->self.tags ? ts_conf_keep(conf->self.tags) : NULL;
    if (every_ns && every_ns != self->every_ns)
        self->start_ns = ts_clock_floor(now_of(self), every_ns) + every_ns;
    self->every_ns = every_ns;
}

void self_init(struct daemon *dmn)
{
    struct self *self = dmn->self = ts_xalloc(sizeof *self);
    self->out = ts_journal_input(dmn->journal, dmn->nshards + dmn->nplaces);
    self->bell = ts_journal_bell(dmn->journal);
    self->cnt = ts_counters_new(NULL, NULL);
    if (gethostname(self->host, sizeof self->host - 1) != 0 || !self->host[0])
        snprintf(self->host, sizeof self->host, "localhost");
    if (!dmn->input_path)
        adopt(self, dmn->conf);
}

void self_set(struct daemon *dmn, const struct ts_conf *conf)
{
    struct self *self = dmn->self;
    bool was_off = self->every_ns == 0;
    adopt(self, conf);
    if (was_off && self->every_ns) { /* increases are from here on */
        ts_readings_fini(&self->before);
        take(dmn, &self->before);
    }
}

int64_t self_look(struct daemon *dmn)
{
    struct self *self = dmn->self;
    if (!self->every_ns)
        return TS_SEC;
    int64_t now_ns = now_of(self);
    if (now_ns >= self->start_ns + self->every_ns) {
        send(dmn);
        self->start_ns = ts_clock_floor(now_ns, self->every_ns);
    }
    return TS_MIN(self->start_ns + self->every_ns - now_ns, TS_SEC);
}

void self_end(struct daemon *dmn)
{
    if (dmn->self->every_ns)
        send(dmn);
}

void self_free(struct daemon *dmn)
{
    ts_readings_fini(&dmn->self->before);
    TS_FREE(dmn->self);
}
