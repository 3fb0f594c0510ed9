/* tsagg-ctl check: loads a configuration as tsaggd would and says what is wrong with it. */
#include "config.h"
#include "ctl.h"

#include "core/conf.h"

#include <getopt.h>
#include <stdio.h>

#define SETTINGS_MAX 64

static void print_help(void)
{
    puts("Usage: tsagg-ctl check [--set KEY=VALUE]... FILE\n\n"
         "Loads FILE as tsaggd would, with this environment, and prints every error as\n"
         "FILE:LINE:COLUMN: what is wrong; what would be right.\n\n"
         "  --set KEY=VALUE  set an option over the file's, as in --set rollups.0.every=1s\n"
         "  -h, --help       print this\n\n"
         "Exit: 0 right, 2 usage, 3 wrong.");
}

int ctl_check(int argc, char **argv)
{
    static const struct option options[] = {
        {"set", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *settings[SETTINGS_MAX];
    unsigned nsettings = 0;
    int c;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (c) {
        case 's':
            if (nsettings == SETTINGS_MAX) {
                fprintf(stderr, "tsagg-ctl check: more than %d settings; put them into the file\n", SETTINGS_MAX);
                return CTL_USAGE;
            }
            settings[nsettings++] = optarg;
            break;
        case 'h': print_help(); return CTL_OK;
        default: return ctl_bad_option(argv, c);
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "tsagg-ctl check: give one file; see tsagg-ctl check --help\n");
        return CTL_USAGE;
    }
    struct ts_conf *conf;
    struct ts_buf errors = TS_BUF_INIT;
    int rc = ts_conf_load(argv[optind], settings, nsettings, &conf, &errors);
    if (errors.len)
        fwrite(errors.p, 1, errors.len, stderr);
    if (rc == 0)
        printf("%s: right (listeners: %u, rollups: %u, sinks: %u)\n", argv[optind], conf->nlisten, conf->nrollups, conf->nsinks);
    ts_buf_fini(&errors);
    ts_conf_free(&conf);
    return rc ? CTL_WRONG : CTL_OK;
}
