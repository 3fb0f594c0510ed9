/*
 * tsagg-ctl top --cardinality: GET /api/v1/cardinality, as a table of the measurements and tag keys with the most series and
 * values, as tab-separated rows when it does not go to a terminal, or as the server's JSON.
 */
#include "config.h"
#include "ctl.h"
#include "status_http.h"

#include "core/buf.h"
#include "core/num.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_WIDE 40
#define ROWS      10

struct request {
    struct ctl_target tgt;
    bool cardinality, as_json;
    unsigned rows;
};

static void print_help(void)
{
    puts("Usage: tsagg-ctl top --cardinality [--rows N] [--json] [--host URL] [--token TOKEN] [--ca FILE]\n\n"
         "  --cardinality  measurements by series, and tag keys by distinct values\n"
         "  --rows N       of each list, 1 to 50 (10)\n"
         "  --host URL     where tsaggd listens for HTTP (TSAGG_HOST; http://127.0.0.1:8186)\n"
         "  --token TOKEN  its http.token (TSAGG_TOKEN)\n"
         "  --ca FILE      certificates to trust (PEM) instead of the system's\n"
         "  --json         print the answer as it comes\n"
         "  -h, --help     print this\n\n"
         "On a terminal: tables; else one row a line with tabs between:\n"
         "measurement, tag (empty for the measurement as a whole), series, values, overflowed.\n\n"
         "Exit: 0 ok, 2 usage, 4 cannot reach tsaggd, 5 refused.");
}

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *z = json_string_value(json_object_get(object, key));
    return z ? z : "";
}

/* Control characters, which would drive the terminal or break a row, become '?'. */
static int put_name(const char *z, size_t most)
{
    size_t n = 0;
    int shown = 0;
    for (; z[n] && (size_t)shown < most; n++) {
        unsigned char c = (unsigned char)z[n];
        putchar(c < 0x20 || c == 0x7f ? '?' : c);
        shown += (c & 0xc0) != 0x80;
    }
    while (((unsigned char)z[n] & 0xc0) == 0x80)
        putchar(z[n++]);
    return shown;
}

static void put_cell(const char *z)
{
    for (int shown = put_name(z, NAME_WIDE); shown < NAME_WIDE; shown++)
        putchar(' ');
}

static void print_measurements(const json_t *root, unsigned rows)
{
    const json_t *row;
    size_t i;
    double limit = (double)number(root, "series_limit");
    printf("\n%-*s%12s%9s%14s\n", NAME_WIDE, "measurement", "series", "share", "overflowed");
    json_array_foreach(json_object_get(root, "measurements"), i, row) {
        if (i == rows)
            break;
        put_cell(text(row, "measurement"));
        printf("%12s%8.1f%%%14s\n", ts_num_group((uint64_t)number(row, "series")).z,
               100 * (double)number(row, "series") / limit, ts_num_group((uint64_t)number(row, "overflowed")).z);
    }
}

static void print_tags(const json_t *root, unsigned rows)
{
    const json_t *row;
    size_t i;
    printf("\n%-*s%-24s%12s%12s%14s\n", NAME_WIDE, "measurement", "tag", "values", "series", "overflowed");
    json_array_foreach(json_object_get(root, "tags"), i, row) {
        if (i == rows)
            break;
        put_cell(text(row, "measurement"));
        for (int shown = put_name(text(row, "tag"), 23); shown < 24; shown++)
            putchar(' ');
        printf("%12s%12s%14s\n", ts_num_group((uint64_t)number(row, "values")).z,
               ts_num_group((uint64_t)number(row, "series")).z, ts_num_group((uint64_t)number(row, "overflowed")).z);
    }
}

static void print_tables(const json_t *root, unsigned rows)
{
    printf("%s series of %s, %s of them overflow series; %s values of a tag key\n",
           ts_num_group((uint64_t)number(root, "series")).z, ts_num_group((uint64_t)number(root, "series_limit")).z,
           ts_num_group((uint64_t)number(root, "overflow_series")).z,
           ts_num_group((uint64_t)number(root, "tag_values_limit")).z);
    if (!json_is_true(json_object_get(root, "complete")))
        puts("There were more measurements or tag keys than are followed: the smallest may be missing.");
    print_measurements(root, rows);
    if (json_array_size(json_object_get(root, "tags")))
        print_tags(root, rows);
}

static void print_rows(const json_t *root, unsigned rows)
{
    static const char *const lists[] = {"measurements", "tags"};
    puts("measurement\ttag\tseries\tvalues\toverflowed");
    for (unsigned l = 0; l < TS_ARRAY_SIZE(lists); l++) {
        const json_t *row;
        size_t i;
        json_array_foreach(json_object_get(root, lists[l]), i, row) {
            if (i == rows)
                break;
            put_name(text(row, "measurement"), SIZE_MAX);
            putchar('\t');
            put_name(text(row, "tag"), SIZE_MAX);
            printf("\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n", number(row, "series"), number(row, "values"),
                   number(row, "overflowed"));
        }
    }
}

static int show(const struct request *req, const struct ts_buf *answer)
{
    json_t *root = json_loadb(answer->p ? answer->p : "", answer->len, 0, NULL);
    int rc = CTL_OK;
    if (!json_is_array(json_object_get(root, "measurements"))) {
        fprintf(stderr, "tsagg-ctl top: the answer of %s is no list of series; is this tsaggd's http.address?\n", req->tgt.host);
        rc = CTL_UNREACHABLE;
    } else if (req->as_json) {
        fwrite(answer->p, 1, answer->len, stdout);
    } else if (isatty(STDOUT_FILENO)) {
        print_tables(root, req->rows);
    } else {
        print_rows(root, req->rows);
    }
    json_decref(root);
    return rc;
}

/* @return -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct request *req)
{
    static const struct option options[] = {{"cardinality", no_argument, NULL, 'C'},
                                            {"rows", required_argument, NULL, 'r'},
                                            CTL_TARGET_OPTIONS,
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (ctl_target_option(&req->tgt, c, optarg))
            continue;
        switch (c) {
        case 'C': req->cardinality = true; break;
        case 'r': {
            char *end;
            unsigned long rows = strtoul(optarg, &end, 10);
            if (*end || rows < 1 || rows > 50) {
                fprintf(stderr, "tsagg-ctl top: --rows %s: give a number from 1 to 50\n", optarg);
                return CTL_USAGE;
            }
            req->rows = (unsigned)rows;
            break;
        }
        case 'j': req->as_json = true; break;
        case 'h': print_help(); return CTL_OK;
        default: return ctl_bad_option(argv, c);
        }
    }
    return -1;
}

int ctl_top(int argc, char **argv)
{
    struct request req = {.tgt = ctl_target_of_env(), .rows = ROWS};
    int rc = read_options(argc, argv, &req);
    if (rc >= 0)
        return rc;
    if (ctl_target_check(&req.tgt, argc, argv) != CTL_OK)
        return CTL_USAGE;
    if (!req.cardinality) {
        fputs("tsagg-ctl top: say of what: --cardinality\n", stderr);
        return CTL_USAGE;
    }
    struct ts_buf answer = TS_BUF_INIT;
    rc = status_fetch("tsagg-ctl top", req.tgt.host, req.tgt.token, req.tgt.ca, "/api/v1/cardinality", &answer);
    rc = rc == -TS_EAUTH ? CTL_REFUSED : rc ? CTL_UNREACHABLE : show(&req, &answer);
    ts_buf_fini(&answer);
    return rc;
}
