/*
 * tsagg-ctl status: GET /api/v1/status, as the server's JSON or as a table that ends with BALANCED, or with
 * what is off.
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

/* A group of numbers, one a line, the parts of a number below it when there are any. */
static void print_group(const json_t *root, const char *group)
{
    const json_t *members = json_object_get(root, group), *value;
    const char *key, *head = group;
    json_object_foreach((json_t *)(uintptr_t)members, key, value) {
        struct ts_buf reasons = TS_BUF_INIT;
        if (!json_is_integer(value))
            continue;
        printf("%-11s%-18s%15" JSON_INTEGER_FORMAT "\n", head, key, json_integer_value(value));
        head = "";
        ts_buf_printf(&reasons, "%s_by_reason", key);
        const char *reason;
        const json_t *count;
        json_object_foreach(json_object_get(members, ts_buf_cstr(&reasons)), reason, count)
            if (json_integer_value(count))
                printf("%-13s%-16s%15" JSON_INTEGER_FORMAT "\n", "", reason, json_integer_value(count));
        ts_buf_fini(&reasons);
    }
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The state, which may be a sentence, stands last. */
static void print_sinks(const json_t *sinks)
{
    static const char *const columns[] = {"rolled_up", "delivered", "pending",      "dropped",
                                          "coarsened", "retries",   "dead_letters"};
    const json_t *sink;
    size_t i;
    int wide = 4;
    json_array_foreach(sinks, i, sink)
        wide = TS_MAX(wide, (int)json_string_length(json_object_get(sink, "name")));
    printf("\n%-*s  %-9s", wide, "sink", "type");
    for (size_t c = 0; c < TS_ARRAY_SIZE(columns); c++)
        printf("%13s", columns[c]);
    puts("    in flight  circuit    state");
    json_array_foreach(sinks, i, sink) {
        printf("%-*s  %-9s", wide, text(sink, "name"), text(sink, "type"));
        for (size_t c = 0; c < TS_ARRAY_SIZE(columns); c++)
            printf("%13" PRId64, number(sink, columns[c]));
        printf("%6" PRId64 " of %3" PRId64 "  %-9s", number(sink, "in_flight"), number(sink, "in_flight_limit"),
               text(sink, "circuit"));
        printf("  %s\n", text(sink, "state"));
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

static int column_width(const char *head)
{
    return TS_MAX(11, (int)strlen(head));
}

static void print_listeners(const json_t *listeners)
{
    static const struct {
        const char *key, *head;
    } columns[] = {{"lines_received", "lines"},
                   {"lines_accepted", "accepted"},
                   {"lines_rejected", "rejected"},
                   {"samples_dropped", "dropped"},
                   {"datagrams_received", "datagrams"},
                   {"kernel_dropped", "kernel dropped"},
                   {"connections_accepted", "connections"}};
    const json_t *lis;
    size_t i;
    int wide = 8;
    json_array_foreach(listeners, i, lis)
        wide = TS_MAX(wide, (int)json_string_length(json_object_get(lis, "url")));
    printf("\n%-*s", wide, "listener");
    for (size_t c = 0; c < TS_ARRAY_SIZE(columns); c++)
        printf("  %*s", column_width(columns[c].head), columns[c].head);
    json_array_foreach(listeners, i, lis) {
        printf("\n%-*s", wide, json_string_value(json_object_get(lis, "url")));
        for (size_t c = 0; c < TS_ARRAY_SIZE(columns); c++)
            printf("  %*" PRId64, column_width(columns[c].head), number(lis, columns[c].key));
    }
    puts("");
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
        printf("  %13s", columns[c]);
    json_array_foreach(stages, i, stage) {
        printf("\n%-*s", wide, text(stage, "name"));
        for (size_t c = 0; c + 1 < TS_ARRAY_SIZE(columns); c++)
            printf("  %13" PRId64, number(stage, columns[c]));
        printf("  %13.1f", json_number_value(json_object_get(stage, "ns_per_sample")));
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

static void print_what_is_off(const json_t *root)
{
    const json_t *lines = json_object_get(root, "lines"), *sink;
    int64_t missing = number(lines, "received") - number(lines, "accepted") - number(lines, "rejected");
    int64_t in_flight = number(json_object_get(root, "samples"), "in_flight");
    size_t i;
    if (missing)
        printf("  lines: %" PRId64 " received that are neither accepted nor rejected\n", missing);
    if (in_flight < 0)
        printf("  samples: %" PRId64 " more aggregated, passed and dropped than received\n", -in_flight);
    json_array_foreach(json_object_get(root, "sinks"), i, sink) {
        int64_t off = number(sink, "rolled_up") - number(sink, "delivered") - number(sink, "pending") -
                      number(sink, "dropped") - number(sink, "coarsened");
        if (off)
            printf("  sink %s: %" PRId64 " rolled up that are neither delivered nor pending nor dropped nor merged\n",
                   json_string_value(json_object_get(sink, "name")), off);
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
        print_group(root, groups[i]);
    print_listeners(json_object_get(root, "listeners"));
    print_sources(json_object_get(root, "sources"));
    print_stages(json_object_get(root, "pipeline"));
    print_sinks(json_object_get(root, "sinks"));
    print_journal(json_object_get(root, "journal"));
    print_memory(json_object_get(root, "memory"));
    printf("\n%s%s%s\n", color ? (balanced ? "\033[32m" : "\033[31m") : "",
           balanced ? "BALANCED" : "NOT BALANCED", color ? "\033[0m" : "");
    print_what_is_off(root);
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
