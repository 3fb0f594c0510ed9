/*
 * tsagg-ctl parse: what does tsagg make of these lines? Reads a file or stdin in chunks and prints one JSON
 * object for each sample, event and bad line, in their order. Memory is bounded by the longest line; a longer
 * one is reported as bad and passed over. Exit: 0 every line is good, 1 some are bad, 2 it could not run.
 */
#include "config.h"
#include "ctl.h"
#include "ctl_parse_rules.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/template.h"
#include "parse/parse.h"
#include "parse/parse_template.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#define CHUNK 65536 /* bytes per read */

struct parse_tool {
    struct ts_parse_opts opts;
    int64_t default_ns;   /* of points without a time; TS_TIME_NONE: they get null */
    struct ts_conf *conf; /* of -c, or NULL */
    struct ts_buf list;   /* of --template, a line each */
    const char *joiner;
    struct ts_templates *templates;
    struct ts_parser *parser;
    struct ctl_rules *rules; /* with -c */
    unsigned samples;        /* of the line being read */
    struct ts_buf in, out;
    uint64_t line;     /* number of the line at the start of `in`, from 1 */
    bool bad;          /* a line was */
    bool passing_over; /* the rest of a line that was too long */
};

static void put_key(struct ts_buf *out, const char *key)
{
    if (out->len && out->p[out->len - 1] != '{' && out->p[out->len - 1] != '[')
        ts_buf_putc(out, ',');
    ts_buf_printf(out, "\"%s\":", key);
}

static void put_text(struct ts_buf *out, const char *key, struct ts_str text)
{
    put_key(out, key);
    ts_buf_put_json(out, text);
}

/* ["key:value","flag"] */
static void put_statsd_tags(struct ts_buf *out, const struct ts_parsed *parsed)
{
    put_key(out, "tags");
    ts_buf_putc(out, '[');
    struct ts_buf text = TS_BUF_INIT;
    for (unsigned i = 0; i < parsed->ntags; i++) {
        const struct ts_tag *tag = &parsed->tags[i];
        ts_buf_clear(&text);
        ts_buf_put_str(&text, tag->key);
        if (tag->value.p) {
            ts_buf_putc(&text, ':');
            ts_buf_put_str(&text, tag->value);
        }
        if (i)
            ts_buf_putc(out, ',');
        ts_buf_put_json(out, ts_buf_str(&text));
    }
    ts_buf_fini(&text);
    ts_buf_putc(out, ']');
}

static void put_seconds(struct ts_buf *out, const struct ts_parsed *parsed)
{
    if (!parsed->has_time)
        return;
    put_key(out, "timestamp");
    ts_buf_put_int(out, parsed->time_ns / TS_SEC);
}

/* [["key","value"],…] */
static void put_tag_pairs(struct ts_buf *out, const struct ts_tag *tags, unsigned n)
{
    put_key(out, "tags");
    ts_buf_putc(out, '[');
    for (unsigned i = 0; i < n; i++) {
        ts_buf_puts(out, i ? ",[" : "[");
        ts_buf_put_json(out, tags[i].key);
        ts_buf_putc(out, ',');
        ts_buf_put_json(out, tags[i].value);
        ts_buf_putc(out, ']');
    }
    ts_buf_putc(out, ']');
}

/* What the templates make of it: the series of its samples, without tags that are given twice. */
static void put_series(struct ts_buf *out, const struct ts_parsed *parsed, const struct parse_tool *tool)
{
    static struct ts_series_view view, sorted;
    struct ts_buf names = {.limit = TS_SERIES_MAX}, bytes = {.limit = TS_SERIES_MAX};
    put_key(out, "series");
    if (ts_parsed_samples(parsed) == 0 || ts_parsed_series(parsed, 0, &view) != 0 ||
        ts_templates_apply(tool->templates, &view, &names) != 0 || ts_series_encode(&view, &bytes) != 0 ||
        ts_series_decode(ts_buf_str(&bytes), &sorted) != 0) {
        ts_buf_puts(out, "null");
    } else {
        ts_buf_putc(out, '{');
        put_text(out, "measurement", sorted.name);
        if (sorted.field.len)
            put_text(out, "field", sorted.field);
        put_tag_pairs(out, sorted.tags, sorted.ntags);
        ts_buf_putc(out, '}');
    }
    ts_buf_fini(&names);
    ts_buf_fini(&bytes);
}

static void put_metric(struct ts_buf *out, const struct ts_parsed *parsed, const struct parse_tool *tool)
{
    const char type[2] = {parsed->metric.type, 0};
    put_text(out, "name", parsed->name);
    put_text(out, "type", ts_str_of(*type == 'm' ? "ms" : type));
    if (*type == 's') {
        put_text(out, "set_value", parsed->metric.set_value);
    } else {
        put_key(out, "values");
        ts_buf_putc(out, '[');
        for (unsigned i = 0; i < parsed->metric.nvalues; i++) {
            if (i)
                ts_buf_putc(out, ',');
            ts_buf_put_double(out, parsed->metric.values[i]);
        }
        ts_buf_putc(out, ']');
    }
    put_key(out, "sample_rate");
    ts_buf_put_double(out, parsed->metric.rate);
    put_statsd_tags(out, parsed);
    if (parsed->metric.relative) {
        put_key(out, "relative");
        ts_buf_puts(out, "true");
    }
    put_seconds(out, parsed);
    if (tool->templates)
        put_series(out, parsed, tool);
}

static void put_field(struct ts_buf *out, const struct ts_field *field)
{
    static const char *const names[] = {[TS_FIELD_FLOAT] = "float",
                                        [TS_FIELD_INT] = "int",
                                        [TS_FIELD_UINT] = "uint",
                                        [TS_FIELD_BOOL] = "bool",
                                        [TS_FIELD_STRING] = "string"};
    ts_buf_putc(out, '[');
    ts_buf_put_json(out, field->key);
    ts_buf_printf(out, ",\"%s\",", names[field->type]);
    switch (field->type) {
    case TS_FIELD_FLOAT: ts_buf_put_double(out, field->f); break;
    case TS_FIELD_INT: /* as a string: JSON readers round numbers beyond 2^53 */
        ts_buf_putc(out, '"');
        ts_buf_put_int(out, field->i);
        ts_buf_putc(out, '"');
        break;
    case TS_FIELD_UINT:
        ts_buf_putc(out, '"');
        ts_buf_put_uint(out, field->u);
        ts_buf_putc(out, '"');
        break;
    case TS_FIELD_BOOL: ts_buf_puts(out, field->b ? "true" : "false"); break;
    case TS_FIELD_STRING: ts_buf_put_json(out, field->s); break;
    }
    ts_buf_putc(out, ']');
}

static void put_point(struct ts_buf *out, const struct ts_parsed *parsed, const struct parse_tool *tool)
{
    put_text(out, "measurement", parsed->name);
    put_tag_pairs(out, parsed->tags, parsed->ntags);
    put_key(out, "fields");
    ts_buf_putc(out, '[');
    for (unsigned i = 0; i < parsed->point.nfields; i++) {
        if (i)
            ts_buf_putc(out, ',');
        put_field(out, &parsed->point.fields[i]);
    }
    ts_buf_putc(out, ']');
    put_key(out, "time");
    if (parsed->has_time)
        ts_buf_put_int(out, parsed->time_ns);
    else if (tool->default_ns != TS_TIME_NONE)
        ts_buf_put_int(out, ts_clock_floor(tool->default_ns, tool->opts.precision_ns));
    else
        ts_buf_puts(out, "null");
}

static void put_event(struct ts_buf *out, const struct ts_parsed *parsed)
{
    ts_buf_puts(out, "\"event\":{");
    put_text(out, "title", parsed->name);
    put_text(out, "text", parsed->event.text);
    put_text(out, "priority", parsed->event.priority);
    put_text(out, "alert_type", parsed->event.alert_type);
    put_text(out, "hostname", parsed->event.hostname);
    put_text(out, "aggregation_key", parsed->event.aggregation_key);
    put_text(out, "source_type", parsed->event.source_type);
    put_statsd_tags(out, parsed);
    put_seconds(out, parsed);
    ts_buf_putc(out, '}');
}

static void put_check(struct ts_buf *out, const struct ts_parsed *parsed)
{
    ts_buf_puts(out, "\"service_check\":{");
    put_text(out, "name", parsed->name);
    put_key(out, "status");
    ts_buf_put_int(out, parsed->check.status);
    put_text(out, "message", parsed->check.message);
    put_text(out, "hostname", parsed->check.hostname);
    put_statsd_tags(out, parsed);
    put_seconds(out, parsed);
    ts_buf_putc(out, '}');
}

static void on_parsed(const struct ts_parsed *parsed, void *arg)
{
    struct parse_tool *tool = arg;
    tool->samples += ts_parsed_samples(parsed);
    ts_buf_putc(&tool->out, '{');
    switch (parsed->what) {
    case TS_PARSED_METRIC: put_metric(&tool->out, parsed, tool); break;
    case TS_PARSED_POINT: put_point(&tool->out, parsed, tool); break;
    case TS_PARSED_EVENT: put_event(&tool->out, parsed); break;
    case TS_PARSED_SERVICE_CHECK: put_check(&tool->out, parsed); break;
    }
    ts_buf_puts(&tool->out, "}\n");
}

static void report(struct parse_tool *tool, unsigned column, const char *why)
{
    tool->bad = true;
    ts_buf_printf(&tool->out, "{\"line\":%llu,\"column\":%u,\"error\":", (unsigned long long)tool->line,
                  column);
    ts_buf_put_json(&tool->out, ts_str_of(why));
    ts_buf_puts(&tool->out, "}\n");
}

/* What becomes of the line's samples, in the last of its objects. */
static void put_samples(struct parse_tool *tool, struct ts_str line)
{
    tool->out.len -= strlen("}\n");
    put_key(&tool->out, "samples");
    ctl_rules_put(tool->rules, line, &tool->out);
    ts_buf_puts(&tool->out, "}\n");
}

static void take_line(struct parse_tool *tool, const char *p, size_t len)
{
    struct ts_parse_error error;
    tool->samples = 0;
    if (tool->passing_over)
        tool->passing_over = false;
    else if (ts_parse_line(tool->parser, (struct ts_str){p, len}, on_parsed, tool, &error) < 0)
        report(tool, error.column, error.why);
    else if (tool->rules && tool->samples && !ts_buf_failed(&tool->out))
        put_samples(tool, (struct ts_str){p, len});
    for (size_t i = 0; i < len; i++) /* a quoted string may hold line ends */
        tool->line += p[i] == '\n';
    tool->line++;
}

/* The lines that the input holds so far, all of it when it has ended; the beginning of a line stays. */
static void take_lines(struct parse_tool *tool, bool ended)
{
    size_t from = 0;
    while (from < tool->in.len) {
        const char *p = tool->in.p + from;
        size_t left = tool->in.len - from, len = ts_parse_line_end(p, left, tool->opts.format);
        if (len == left && !ended && left <= TS_LINE_MAX)
            break;
        if (len > TS_LINE_MAX || tool->passing_over) {
            if (!tool->passing_over)
                report(tool, 1, "a line longer than any that tsagg takes");
            tool->passing_over = true;
            len = ts_parse_line_end(p, left, TS_FORMAT_STATSD); /* an open quote may have hidden line ends */
        }
        if (len < left || ended)
            take_line(tool, p, len);
        from += TS_MIN(len + 1, left);
    }
    ts_buf_drop_front(&tool->in, from);
}

/* @return whether all of it could be written */
static bool write_out(struct parse_tool *tool)
{
    bool written = !ts_buf_failed(&tool->out);
    if (tool->out.len)
        written &= fwrite(tool->out.p, 1, tool->out.len, stdout) == tool->out.len;
    ts_buf_clear(&tool->out);
    return written;
}

static int parse_input(struct parse_tool *tool, int fd, const char *name)
{
    ssize_t n;
    do {
        char *to = ts_buf_reserve(&tool->in, CHUNK);
        n = to ? read(fd, to, CHUNK) : -1;
        if (n < 0) {
            fprintf(stderr, "tsagg-ctl: cannot read %s: %s\n", name,
                    to ? strerror(errno) : ts_strerror(-TS_ENOMEM));
            return 2;
        }
        tool->in.len += (size_t)n;
        take_lines(tool, n == 0);
        if (!write_out(tool) || (n == 0 && fflush(stdout) != 0)) {
            fprintf(stderr, "tsagg-ctl: cannot write the result: %s\n", strerror(errno));
            return 2;
        }
    } while (n > 0);
    return tool->bad ? 1 : 0;
}

static int wrong_value(const char *option, const char *value, const char *right)
{
    fprintf(stderr, "tsagg-ctl parse: %s %s: one of %s is expected\n", option, value, right);
    return 2;
}

static const char usage[] =
    "Usage: tsagg-ctl parse [OPTION]... [FILE]\n"
    "Show what tsagg makes of lines: one JSON object per sample, event and bad line.\n\n"
    "  -c, --config FILE                    read as the first listener of this configuration would, and\n"
    "                                       tell what its pipeline and rollups make of it\n"
    "  --format auto|statsd|influx          dialect (auto: told apart line by line)\n"
    "  --precision ns|us|ms|s               unit of line-protocol times (ns)\n"
    "  --default-time NS                    time of points that have none\n"
    "  --signed-gauges relative|absolute    what +1|g and -1|g mean (relative)\n"
    "  --origin-tags                        keep DogStatsD's |c: |e: |card: as tags\n"
    "  --template TEMPLATE                  take statsd names apart; may be given again\n"
    "  --template-joiner TEXT               between words that form one text (.)\n\n"
    "Exit: 0 every line is good, 1 some are bad, 2 it could not run.\n";

enum {
    OPT_FORMAT = 256,
    OPT_PRECISION,
    OPT_DEFAULT_TIME,
    OPT_SIGNED_GAUGES,
    OPT_ORIGIN_TAGS,
    OPT_TEMPLATE,
    OPT_JOINER
};

static bool find(const char *const *names, const char *name, unsigned *out)
{
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* Options before -c on the command line give way to the file's. */
static int read_config(struct parse_tool *tool, const char *file)
{
    struct ts_buf errors = TS_BUF_INIT;
    ts_conf_free(&tool->conf);
    int rc = ts_conf_load(file, NULL, 0, &tool->conf, &errors);
    if (rc)
        fwrite(errors.p, 1, errors.len, stderr);
    ts_buf_fini(&errors);
    if (rc)
        return 2;
    const struct ts_conf_listen *lis = &tool->conf->listen[0];
    tool->opts.format = lis->format;
    tool->opts.signed_gauges = lis->signed_gauges;
    tool->opts.origin_tags = lis->origin_tags;
    tool->joiner = lis->template_joiner;
    ts_buf_clear(&tool->list);
    ts_buf_puts(&tool->list, lis->templates ? lis->templates : "");
    return 0;
}

static int add_template(struct parse_tool *tool, const char *text)
{
    struct ts_template tpl;
    struct ts_err err;
    if (ts_template_read(ts_str_of(text), &tpl, &err)) {
        fprintf(stderr, "tsagg-ctl parse: --template \"%s\": %s\n", text, err.msg);
        return 2;
    }
    if (tool->list.len)
        ts_buf_putc(&tool->list, '\n');
    ts_buf_puts(&tool->list, text);
    return 0;
}

static int read_option(struct parse_tool *tool, int opt, const char *arg)
{
    static const char *const formats[] = {"auto", "statsd", "influx", NULL};
    static const char *const gauges[] = {"relative", "absolute", NULL};
    static const char *const precisions[] = {"ns", "us", "ms", "s", NULL};
    static const int64_t precision_ns[] = {1, TS_US, TS_MS, TS_SEC};
    unsigned i;
    switch (opt) {
    case OPT_FORMAT:
        if (!find(formats, arg, &i))
            return wrong_value("--format", arg, "auto, statsd, influx");
        tool->opts.format = (enum ts_format)i;
        return 0;
    case OPT_SIGNED_GAUGES:
        if (!find(gauges, arg, &i))
            return wrong_value("--signed-gauges", arg, "relative, absolute");
        tool->opts.signed_gauges = (enum ts_signed_gauges)i;
        return 0;
    case 'c': return read_config(tool, arg);
    case OPT_ORIGIN_TAGS: tool->opts.origin_tags = true; return 0;
    case OPT_TEMPLATE: return add_template(tool, arg);
    case OPT_JOINER: tool->joiner = arg; return 0;
    case OPT_PRECISION:
        if (!find(precisions, arg, &i))
            return wrong_value("--precision", arg, "ns, us, ms, s");
        tool->opts.precision_ns = precision_ns[i];
        return 0;
    case OPT_DEFAULT_TIME:
        if (ts_num_read_int(ts_str_of(arg), &tool->default_ns)) {
            fprintf(stderr, "tsagg-ctl parse: --default-time %s: nanoseconds since 1970 are expected\n", arg);
            return 2;
        }
        return 0;
    default: fputs(usage, stderr); return 2;
    }
}

int ctl_parse(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"origin-tags", no_argument, NULL, OPT_ORIGIN_TAGS},
                                            {"template", required_argument, NULL, OPT_TEMPLATE},
                                            {"template-joiner", required_argument, NULL, OPT_JOINER},
                                            {"format", required_argument, NULL, OPT_FORMAT},
                                            {"precision", required_argument, NULL, OPT_PRECISION},
                                            {"default-time", required_argument, NULL, OPT_DEFAULT_TIME},
                                            {"signed-gauges", required_argument, NULL, OPT_SIGNED_GAUGES},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct parse_tool tool = {.opts = {.format = TS_FORMAT_AUTO, .precision_ns = 1},
                              .default_ns = TS_TIME_NONE,
                              .joiner = ".",
                              .line = 1};
    int opt, rc = 2, fd = -1;
    optind = 0;
    while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (opt == 'h') {
            fputs(usage, stdout);
            rc = 0;
            goto done;
        }
        if (read_option(&tool, opt, optarg))
            goto done;
    }
    if (argc - optind > 1) {
        fputs(usage, stderr);
        goto done;
    }
    const char *name = optind < argc ? argv[optind] : "-";
    fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "tsagg-ctl: cannot open %s: %s\n", name, strerror(errno));
        goto done;
    }
    tool.templates = ts_templates_new(ts_buf_cstr(&tool.list), tool.joiner);
    tool.parser = ts_parser_new(&tool.opts);
    if (tool.conf) {
        struct ts_parse_opts opts = tool.opts;
        opts.templates = tool.templates;
        tool.rules = ctl_rules_new(tool.conf, &opts);
    }
    rc = tool.parser ? parse_input(&tool, fd, name) : 2;
done:
    ctl_rules_free(&tool.rules);
    ts_parser_free(&tool.parser);
    ts_templates_free(&tool.templates);
    ts_conf_free(&tool.conf);
    ts_buf_fini(&tool.list);
    ts_buf_fini(&tool.in);
    ts_buf_fini(&tool.out);
    if (fd > STDIN_FILENO)
        close(fd);
    return rc;
}
