/*
 * tsagg-ctl status: GET /api/v1/status, as the server's JSON, or in lines of at most 80 columns (but for names, and what others say) that end
 * with BALANCED or NOT BALANCED and the equations.
 */
#include "config.h"
#include "ctl.h"
#include "status_http.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/num.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print_help(void)
{
    puts("Usage: tsagg-ctl status [--json] [--host URL] [--token TOKEN] [--ca FILE]\n\n"
         "  --host URL     where tsaggd listens for HTTP (TSAGG_HOST; http://127.0.0.1:8186)\n"
         "  --token TOKEN  its http.token (TSAGG_TOKEN)\n"
         "  --ca FILE      certificates to trust (PEM) instead of the system's\n"
         "  --json         print the answer as it comes\n"
         "  -h, --help     print this\n\n"
         "Exit: 0 balanced, 1 not balanced, 2 usage, 4 cannot reach tsaggd, 5 refused.");
}

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* What a number is made of, as far as there is any of it. */
static void print_reasons(const json_t *members, const char *key)
{
    struct ts_buf reasons = TS_BUF_INIT;
    const char *reason;
    const json_t *count;
    ts_buf_printf(&reasons, "%s_by_reason", key);
    json_object_foreach(json_object_get(members, ts_buf_cstr(&reasons)), reason, count)
        if (json_integer_value(count))
            printf("%-13s%-22s%15" JSON_INTEGER_FORMAT "\n", "", reason, json_integer_value(count));
    ts_buf_fini(&reasons);
}

/* The numbers of an object, one a line. zeros: those that are 0 too. @return how many. */
static unsigned print_numbers(const char *head, const json_t *members, bool zeros)
{
    const json_t *value;
    const char *key;
    unsigned n = 0;
    json_object_foreach((json_t *)(uintptr_t)members, key, value) {
        if (!json_is_integer(value) || (!zeros && json_integer_value(value) == 0))
            continue;
        printf("%-11s%-24s%15" JSON_INTEGER_FORMAT "\n", head, key, json_integer_value(value));
        head = "";
        n++;
        print_reasons(members, key);
    }
    return n;
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void print_sinks(const json_t *sinks)
{
    const json_t *sink;
    size_t i;
    json_array_foreach(sinks, i, sink) {
        printf("\nsink       %s, %s: %s\n", text(sink, "name"), text(sink, "type"), text(sink, "state"));
        if (strcmp(text(sink, "circuit"), "closed") != 0)
            printf("           circuit %s\n", text(sink, "circuit"));
        print_numbers("", sink, false);
    }
}

static void print_span(const json_t *journal, const char *key, const char *what)
{
    const json_t *span = json_object_get(journal, key);
    const char *from = text(span, "from"), *to = text(span, "to");
    if (from && to)
        printf("journal: rollups of %s to %s were %s\n", from, to, what);
}

static void print_journal(const json_t *journal)
{
    const char *state = text(journal, "state");
    print_span(journal, "coarsened_span", "merged into coarser windows where they were not delivered yet");
    print_span(journal, "dropped_span", "dropped where they were not delivered yet");
    if (state && strcmp(state, "ok") != 0)
        printf("journal: %s\n", state);
}

static void print_memory(const json_t *memory)
{
    const char *state = text(memory, "state"), *series = text(memory, "new_series");
    if (state && series && strcmp(state, "ok") != 0)
        printf("memory: %s, new series get %s series: limits.memory is nearly reached\n", state, series);
}

static void print_listeners(const json_t *listeners)
{
    const json_t *lis;
    size_t i;
    json_array_foreach(listeners, i, lis) {
        printf("\nlistener   %s\n", text(lis, "url"));
        if (print_numbers("", lis, false) == 0)
            puts("           nothing came");
    }
}

static void print_stages(const json_t *stages)
{
    static const char *const columns[] = {"in", "out", "dropped", "errors", "ns_per_sample"};
    const json_t *stage;
    size_t i;
    int wide = 5;
    json_array_foreach(stages, i, stage)
        wide = TS_MAX(wide, (int)json_string_length(json_object_get(stage, "name")));
    if (json_array_size(stages) == 0)
        return;
    printf("\n%-*s", wide, "stage");
    for (size_t c = 0; c < TS_ARRAY_SIZE(columns); c++)
        printf("  %12s", columns[c]);
    json_array_foreach(stages, i, stage) {
        printf("\n%-*s", wide, text(stage, "name"));
        for (size_t c = 0; c + 1 < TS_ARRAY_SIZE(columns); c++)
            printf("  %12" PRId64, number(stage, columns[c]));
        printf("  %12.1f", json_number_value(json_object_get(stage, "ns_per_sample")));
    }
    puts("");
}

static double member(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* Times that are off, of the sources that have any. */
static void print_sources(const json_t *sources)
{
    static const struct {
        const char *key, *what;
    } counts[] = {{"late", "late"}, {"future", "too far ahead of the clock"}, {"too_old", "more than a day old"}, {"jumps", "leaps in time"}};
    const json_t *src, *off;
    size_t i, k;
    json_array_foreach(sources, i, src) {
        const json_t *ahead = json_object_get(src, "ahead_seconds"), *names = json_object_get(src, "off");
        const char *before = ": ";
        int64_t n = 0;
        for (size_t c = 0; c < TS_ARRAY_SIZE(counts); c++)
            n += number(src, counts[c].key);
        if (n == 0 && json_array_size(names) == 0)
            continue;
        printf("\ntimes of %s", text(src, "source"));
        for (size_t c = 0; c < TS_ARRAY_SIZE(counts); c++) {
            if (number(src, counts[c].key)) {
                printf("%s%" PRId64 " %s", before, number(src, counts[c].key), counts[c].what);
                before = ", ";
            }
        }
        if (ahead)
            printf("%sof late %+.3f to %+.3f s off the clock", before, member(ahead, "least"), member(ahead, "most"));
        json_array_foreach(names, k, off)
            printf("\n  %s: %+.3f s off, seen %s", ts_log_quote_z(text(off, "series")), member(off, "ahead_seconds"), text(off, "seen"));
        puts("");
    }
}

/* A whole and its parts, in several lines of up to 80 columns when they are long, and by how much they differ. */
static void print_equation(const char *what, int64_t whole, const char *of, const json_t *object, const char *const *parts, size_t nparts)
{
    struct ts_buf line = TS_BUF_INIT, part = TS_BUF_INIT;
    int64_t sum = 0;
    ts_buf_printf(&line, "  %s: %" PRId64 " %s =", what, whole, of);
    for (size_t i = 0; i < nparts; i++) {
        ts_buf_clear(&part);
        ts_buf_printf(&part, "%s %" PRId64 " %s", i ? " +" : "", number(object, parts[i]), parts[i]);
        sum += number(object, parts[i]);
        if (line.len + part.len > 79) {
            printf("%.*s\n", (int)line.len, line.p);
            ts_buf_clear(&line);
            ts_buf_puts(&line, "   ");
        }
        ts_buf_put_str(&line, ts_buf_str(&part));
    }
    printf("%.*s\n", (int)line.len, line.p);
    if (sum != whole)
        printf("    off by %" PRId64 ": %s\n", whole - sum, whole > sum ? "some are in none of these" : "some are in more than one of these");
    ts_buf_fini(&part);
    ts_buf_fini(&line);
}

static void print_balance(const json_t *root)
{
    static const char *const of_lines[] = {"accepted", "rejected"},
                             *const of_samples[] = {"aggregated", "passed", "rejected", "dropped", "in_flight"},
                             *const of_sink[] = {"delivered", "pending", "dropped", "coarsened"};
    const json_t *lines = json_object_get(root, "lines"), *samples = json_object_get(root, "samples"), *sink;
    int64_t created = number(samples, "created"), in_flight = number(samples, "in_flight");
    size_t i;
    print_equation("lines", number(lines, "received"), "received", lines, of_lines, TS_ARRAY_SIZE(of_lines));
    print_equation("samples", number(samples, "received") + created, created ? "received and created" : "received", samples, of_samples,
                   TS_ARRAY_SIZE(of_samples));
    if (in_flight < 0)
        printf("    off by %" PRId64 ": fewer than none cannot be in flight\n", in_flight);
    json_array_foreach(json_object_get(root, "sinks"), i, sink) {
        struct ts_buf what = TS_BUF_INIT;
        ts_buf_printf(&what, "sink %s", text(sink, "name"));
        print_equation(ts_buf_cstr(&what), number(sink, "rolled_up"), "rolled up", sink, of_sink, TS_ARRAY_SIZE(of_sink));
        ts_buf_fini(&what);
    }
}

static int print_status(const json_t *root)
{
    static const char *const groups[] = {"datagrams", "lines", "samples", "late", "rollups", "journal", "memory"};
    bool balanced = json_is_true(json_object_get(root, "balanced"));
    const char *no_color = getenv("NO_COLOR");
    bool color = isatty(STDOUT_FILENO) && !(no_color && no_color[0]);
    char up[TS_NUM_MAX];
    double seconds = json_number_value(json_object_get(root, "uptime_seconds"));
    size_t nup = ts_clock_put_duration(up, (int64_t)seconds * TS_SEC);
    printf("tsaggd %s, up %.*s, %" PRId64 " series\n\n", json_string_value(json_object_get(root, "version")),
           (int)nup, up, number(root, "series"));
    for (size_t i = 0; i < TS_ARRAY_SIZE(groups); i++)
        print_numbers(groups[i], json_object_get(root, groups[i]), true);
    print_listeners(json_object_get(root, "listeners"));
    print_sources(json_object_get(root, "sources"));
    print_stages(json_object_get(root, "pipeline"));
    print_sinks(json_object_get(root, "sinks"));
    print_journal(json_object_get(root, "journal"));
    print_memory(json_object_get(root, "memory"));
    printf("\n%s%s%s\n", color ? (balanced ? "\033[32m" : "\033[31m") : "",
           balanced ? "BALANCED" : "NOT BALANCED", color ? "\033[0m" : "");
    print_balance(root);
    return balanced ? CTL_OK : CTL_NOT_BALANCED;
}

/* Whether everything that is printed without a further look is there. */
static bool is_status(const json_t *root)
{
    const json_t *sink, *lis, *stage, *src, *off;
    size_t i, k;
    json_array_foreach(json_object_get(root, "sources"), i, src) {
        if (!json_is_string(json_object_get(src, "source")))
            return false;
        json_array_foreach(json_object_get(src, "off"), k, off)
            if (!json_is_string(json_object_get(off, "series")) || !json_is_string(json_object_get(off, "seen")))
                return false;
    }
    json_array_foreach(json_object_get(root, "pipeline"), i, stage)
        if (!json_is_string(json_object_get(stage, "name")))
            return false;
    json_array_foreach(json_object_get(root, "listeners"), i, lis)
        if (!json_is_string(json_object_get(lis, "url")))
            return false;
    json_array_foreach(json_object_get(root, "sinks"), i, sink)
        if (!json_is_string(json_object_get(sink, "name")) ||
            !json_is_string(json_object_get(sink, "type")) || !json_is_string(json_object_get(sink, "state")) ||
            !json_is_string(json_object_get(sink, "circuit")))
            return false;
    return json_is_string(json_object_get(root, "version")) &&
           json_is_boolean(json_object_get(root, "balanced"));
}

static int show(const char *host, const struct ts_buf *answer, bool as_json)
{
    json_t *root = json_loadb(answer->p ? answer->p : "", answer->len, 0, NULL);
    int rc;
    if (!is_status(root)) {
        fprintf(stderr, "tsagg-ctl status: the answer of %s is no status; is this tsaggd's http.address?\n",
                host);
        rc = CTL_UNREACHABLE;
    } else if (as_json) {
        fwrite(answer->p, 1, answer->len, stdout);
        rc = json_is_true(json_object_get(root, "balanced")) ? CTL_OK : CTL_NOT_BALANCED;
    } else {
        rc = print_status(root);
    }
    json_decref(root);
    return rc;
}

int ctl_status(int argc, char **argv)
{
    static const struct option options[] = {CTL_TARGET_OPTIONS,
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct ctl_target tgt = ctl_target_of_env();
    bool as_json = false;
    int c;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (ctl_target_option(&tgt, c, optarg))
            continue;
        switch (c) {
        case 'j': as_json = true; break;
        case 'h': print_help(); return CTL_OK;
        default: return ctl_bad_option(argv, c);
        }
    }
    if (ctl_target_check(&tgt, argc, argv) != CTL_OK)
        return CTL_USAGE;
    struct ts_buf answer = TS_BUF_INIT;
    int rc = status_fetch("tsagg-ctl status", tgt.host, tgt.token, tgt.ca, "/api/v1/status", &answer);
    rc = rc == -TS_EAUTH ? CTL_REFUSED : rc ? CTL_UNREACHABLE : show(tgt.host, &answer, as_json);
    ts_buf_fini(&answer);
    return rc;
}
