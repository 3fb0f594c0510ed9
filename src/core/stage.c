/*
 * Options of a stage to what it does. Thread: main. The configuration's check and the pipeline read stages by
 * the same functions, so what has been checked can be made.
 */
#include "config.h"
#include "core/stage.h"

#include "core/conf_priv.h"
#include "core/mem.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>

struct reader {
    const struct ts_conf_stage *conf;
    struct ts_stage *stage;
    const char **option;
    unsigned *item;
    struct ts_err *err;
};

static const struct unit {
    const char *name;
    char of; /* what it measures */
    double size;
} units[] = {{"ns", 't', 1e-9},    {"us", 't', 1e-6},      {"ms", 't', 1e-3},    {"s", 't', 1},
             {"m", 't', 60},       {"h", 't', 3600},       {"d", 't', 86400},    {"bit", 'b', 0.125},
             {"B", 'b', 1},        {"kB", 'b', 1e3},       {"MB", 'b', 1e6},     {"GB", 'b', 1e9},
             {"TB", 'b', 1e12},    {"KiB", 'b', 0x1p10},   {"MiB", 'b', 0x1p20}, {"GiB", 'b', 0x1p30},
             {"TiB", 'b', 0x1p40}, {"percent", 'r', 0.01}, {"ratio", 'r', 1}};

static const struct unit *find_unit(const char *name)
{
    for (size_t i = 0; i < TS_ARRAY_SIZE(units); i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

static int read_units(struct reader *rd)
{
    const struct ts_conf_stage *conf = rd->conf;
    rd->stage->scale = 1;
    *rd->option = conf->from ? "from" : "to";
    if (!conf->from != !conf->to)
        return ts_fail(rd->err, TS_EPARSE, "%s without %s; give both or none", *rd->option,
                       conf->from ? "to" : "from");
    if (!conf->from)
        return 0;
    const struct unit *from = find_unit(conf->from), *to = find_unit(conf->to);
    TS_ASSERT(from && to); /* words of the option table */
    *rd->option = "to";
    if (from->of != to->of)
        return ts_fail(rd->err, TS_EPARSE, "%s cannot become %s; give units of the same kind", from->name,
                       to->name);
    rd->stage->scale = from->size / to->size;
    return 0;
}

static int read_expr(struct reader *rd, const char *option, const char *text, enum ts_expr_type type,
                     struct ts_expr **out)
{
    *rd->option = option;
    return text ? ts_expr_read(ts_str_of(text), type, out, rd->err) : 0;
}

typedef int read_edit_fn(struct ts_edits *edits, struct ts_str text, struct ts_err *err);

static int read_edits(struct reader *rd, const char *option, const char *list, read_edit_fn *read)
{
    struct ts_str rest = ts_str_of(list ? list : ""), line;
    *rd->option = option;
    for (*rd->item = 0; ts_conf_next(&rest, '\n', &line); ++*rd->item) {
        int rc = read(&rd->stage->edits, line, rd->err);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_filter(struct reader *rd)
{
    const struct ts_conf_stage *conf = rd->conf;
    *rd->option = "drop";
    if (!conf->keep == !conf->drop)
        return ts_fail(rd->err, TS_EPARSE,
                       conf->keep ? "keep and drop; give one of them, and join conditions by and, or"
                                  : "neither keep nor drop; give one of them, such as keep: value > 0");
    rd->stage->drops = conf->drop != NULL;
    return read_expr(rd, conf->drop ? "drop" : "keep", conf->drop ? conf->drop : conf->keep, TS_EXPR_TRUTH,
                     &rd->stage->when);
}

static int read_map(struct reader *rd)
{
    const struct ts_conf_stage *conf = rd->conf;
    int rc = read_expr(rd, "value", conf->value, TS_EXPR_NUMBER, &rd->stage->value);
    if (rc == 0)
        rc = read_units(rd);
    if (rc == 0)
        rc = read_edits(rd, "replace", conf->replace, ts_edits_read_replace);
    if (rc == 0)
        rc = read_edits(rd, "set", conf->set, ts_edits_read_set);
    if (rc == 0)
        rc = read_edits(rd, "drop_tags", conf->drop_tags, ts_edits_read_drop);
    *rd->option = rc ? *rd->option : "type";
    if (rc == 0 && !conf->value && !conf->from && rd->stage->edits.n == 0)
        return ts_fail(rd->err, TS_EPARSE,
                       "a map that changes nothing; give value, from and to, set, replace or drop_tags");
    return rc;
}

static int read_copies(struct reader *rd)
{
    struct ts_stage *stage = rd->stage;
    struct ts_str rest = ts_str_of(rd->conf->copies ? rd->conf->copies : ""), line;
    *rd->option = "copies";
    for (*rd->item = 0; ts_conf_next(&rest, '\n', &line); ++*rd->item) {
        struct ts_str word;
        if (stage->ncopies + rd->conf->keep_original == TS_STAGE_COPIES)
            return ts_fail(rd->err, TS_EPARSE, "more than %d samples of one; use another flatmap",
                           TS_STAGE_COPIES);
        stage->copies = ts_xresize(stage->copies, (stage->ncopies + 1) * sizeof *stage->copies);
        struct ts_edits *edits = &stage->copies[stage->ncopies++];
        *edits = (struct ts_edits){0};
        while (ts_conf_next(&line, ' ', &word)) {
            int rc = word.len ? ts_edits_read_set(edits, word, rd->err) : 0;
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int read_flatmap(struct reader *rd)
{
    const struct ts_conf_stage *conf = rd->conf;
    *rd->option = "copies";
    if (!conf->copies == !conf->split_tag)
        return ts_fail(rd->err, TS_EPARSE,
                       conf->copies ? "copies and split_tag; give one of them, and use another flatmap"
                                    : "neither copies nor split_tag; give one of them");
    return read_copies(rd);
}

static int read_sample(struct reader *rd)
{
    *rd->option = "probability";
    if (!rd->conf->probability || ts_num_read(ts_str_of(rd->conf->probability), &rd->stage->probability) ||
        !(rd->stage->probability > 0 && rd->stage->probability <= 1))
        return ts_fail(rd->err, TS_EPARSE, "no probability; give a number above 0 and up to 1, such as 0.1");
    return 0;
}

static int read_rate_limit(struct reader *rd)
{
    const struct ts_conf_stage *conf = rd->conf;
    struct ts_buf filled = TS_BUF_INIT;
    *rd->option = "group";
    if ((conf->per == TS_PER_GROUP) != (conf->group != NULL))
        return ts_fail(rd->err, TS_EPARSE,
                       "group belongs to per: group; give both or none, such as group: \"{tags.region}\"");
    int rc = conf->group ? ts_edit_fill(ts_str_of(conf->group), NULL, &filled, rd->err) : 0;
    ts_buf_fini(&filled);
    return rc;
}

static bool find_type(const char *name, enum ts_stage_type *out)
{
    static const char *const types[] = {"filter", "map", "flatmap", "sample", "rate_limit", "dedup"};
    for (unsigned i = 0; i < TS_ARRAY_SIZE(types); i++) {
        if (name && strcmp(types[i], name) == 0) {
            *out = (enum ts_stage_type)i;
            return true;
        }
    }
    return false;
}

void ts_stage_name(const struct ts_conf_stage *conf, unsigned place, char name[TS_STAGE_NAME_MAX + 1])
{
    if (conf->name)
        snprintf(name, TS_STAGE_NAME_MAX + 1, "%s", conf->name);
    else
        snprintf(name, TS_STAGE_NAME_MAX + 1, "%s%u", conf->type, place + 1);
}

int ts_stage_read(const struct ts_conf_stage *conf, unsigned place, struct ts_stage *out, const char **option,
                  unsigned *item, struct ts_err *err)
{
    static int (*const readers[])(struct reader *) = {read_filter, read_map,        read_flatmap,
                                                      read_sample, read_rate_limit, NULL};
    struct reader rd = {conf, out, option, item, err};
    *out = (struct ts_stage){.conf = conf, .scale = 1};
    *option = "type";
    *item = 0;
    if (!find_type(conf->type, &out->type))
        return ts_fail(err, TS_EPARSE, "no such type"); /* told before, with what would be right */
    ts_stage_name(conf, place, out->name);
    int rc = out->type == TS_STAGE_FILTER ? 0 : read_expr(&rd, "when", conf->when, TS_EXPR_TRUTH, &out->when);
    if (rc == 0 && readers[out->type])
        rc = readers[out->type](&rd);
    if (rc)
        ts_stage_fini(out);
    return rc;
}

void ts_stage_fini(struct ts_stage *stage)
{
    ts_expr_free(&stage->when);
    ts_expr_free(&stage->value);
    ts_edits_fini(&stage->edits);
    for (unsigned i = 0; i < stage->ncopies; i++)
        ts_edits_fini(&stage->copies[i]);
    TS_FREE(stage->copies);
    stage->ncopies = 0;
}
