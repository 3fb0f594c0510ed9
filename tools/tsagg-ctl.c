/* tsagg-ctl: finds the subcommand in its table and runs it. A subcommand is a file ctl_<name>.c and a line
 * here. */
#include "config.h"
#include "ctl.h"

#include "core/base.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *text;
} commands[] = {
    {"check", ctl_check, "is this configuration right?"},
    {"dead-letter", ctl_dead_letter, "what have servers refused? list, retry or drop it"},
    {"parse", ctl_parse, "what does tsagg make of these lines?"},
    {"reload", ctl_reload, "make tsaggd read its configuration again"},
    {"status", ctl_status, "what has tsaggd received and delivered, and does it add up?"},
    {"store", ctl_store, "the embedded store: sizes, check, compact, export, import"},
    {"top", ctl_top, "who has how many series?"},
};

int ctl_bad_option(char **argv, int result)
{
    const char *what = result == ':' ? "lacks its value" : "is unknown";
    if (optopt && result != ':' && optopt < 128)
        fprintf(stderr, "tsagg-ctl %s: option -%c %s; see tsagg-ctl %s --help\n", argv[0], optopt, what,
                argv[0]);
    else
        fprintf(stderr, "tsagg-ctl %s: option %s %s; see tsagg-ctl %s --help\n", argv[0], argv[optind - 1],
                what, argv[0]);
    return CTL_USAGE;
}

struct ctl_target ctl_target_of_env(void)
{
    const char *host = getenv("TSAGG_HOST"), *token = getenv("TSAGG_TOKEN");
    return (struct ctl_target){host && host[0] ? host : "http://127.0.0.1:8186", token ? token : "", NULL};
}

bool ctl_target_option(struct ctl_target *tgt, int option, const char *value)
{
    switch (option) {
    case 'H': tgt->host = value; return true;
    case 't': tgt->token = value; return true;
    case 'c': tgt->ca = value; return true;
    default: return false;
    }
}

int ctl_target_check(const struct ctl_target *tgt, int argc, char **argv)
{
    if (optind == argc && (strncmp(tgt->host, "http://", 7) == 0 || strncmp(tgt->host, "https://", 8) == 0))
        return CTL_OK;
    if (optind != argc)
        fprintf(stderr, "tsagg-ctl %s: takes no argument, but there is %s\n", argv[0], argv[optind]);
    else
        fprintf(stderr, "tsagg-ctl %s: %s is no URL; write it as in http://127.0.0.1:8186\n", argv[0], tgt->host);
    return CTL_USAGE;
}

static void print_help(FILE *to)
{
    fprintf(to, "Usage: tsagg-ctl [-V] [-h] COMMAND [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < TS_ARRAY_SIZE(commands); i++)
        fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].text);
    fprintf(to, "\nOptions:\n"
                "  -V, --version  print the version\n"
                "  -h, --help     print this; tsagg-ctl COMMAND --help tells of the command\n"
                "\nExit: 0 well, 1 not balanced, a bad line or a failure, 2 usage, 3 configuration error, 4 cannot "
                "reach tsaggd, 5 refused.\n"
                "See tsagg-ctl(1).\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"version", no_argument, NULL, 'V'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "+Vh", options, NULL)) != -1) {
        switch (c) {
        case 'V': puts("tsagg-ctl " PACKAGE_VERSION); return CTL_OK;
        case 'h': print_help(stdout); return CTL_OK;
        default:
            fprintf(stderr, "tsagg-ctl: unknown option %s before the command; a command's own options, such as --host, come after it\n",
                    argv[optind - 1]);
            return CTL_USAGE;
        }
    }
    if (optind == argc) {
        print_help(stderr);
        return CTL_USAGE;
    }
    for (size_t i = 0; i < TS_ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[optind], commands[i].name) == 0) {
            char **rest = argv + optind;
            int n = argc - optind;
            optind = 0; /* getopt starts anew */
            return commands[i].run(n, rest);
        }
    }
    fprintf(stderr, "tsagg-ctl: unknown command %s; see tsagg-ctl --help\n", argv[optind]);
    return CTL_USAGE;
}
