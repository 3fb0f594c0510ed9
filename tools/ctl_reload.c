/* tsagg-ctl reload: POST /api/v1/reload, and what came of it. */
#include "config.h"
#include "ctl.h"
#include "status_http.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static void print_help(void)
{
    puts("Usage: tsagg-ctl reload [--host URL] [--token TOKEN] [--ca FILE]\n\n"
         "Makes tsaggd read its configuration again, as SIGHUP does, and prints what has changed,\n"
         "or what is wrong with it; then the former one stays in force.\n\n"
         "  --host URL     where tsaggd listens for HTTP (TSAGG_HOST; http://127.0.0.1:8186)\n"
         "  --token TOKEN  its http.token (TSAGG_TOKEN)\n"
         "  --ca FILE      certificates to trust (PEM) instead of the system's\n"
         "  -h, --help     print this\n\n"
         "Exit: 0 reloaded, 1 it cannot be applied now, 2 usage, 3 wrong, 4 cannot reach tsaggd, 5 refused.");
}

int ctl_reload(int argc, char **argv)
{
    static const struct option options[] = {CTL_TARGET_OPTIONS,
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct ctl_target tgt = ctl_target_of_env();
    int c;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (ctl_target_option(&tgt, c, optarg))
            continue;
        switch (c) {
        case 'h': print_help(); return CTL_OK;
        default: return ctl_bad_option(argv, c);
        }
    }
    if (ctl_target_check(&tgt, argc, argv) != CTL_OK)
        return CTL_USAGE;
    struct ts_buf answer = TS_BUF_INIT;
    int rc = status_post("tsagg-ctl reload", tgt.host, tgt.token, tgt.ca, "/api/v1/reload", &answer);
    if (answer.len && rc != -TS_EAUTH && rc != -TS_ECONNECT)
        fwrite(answer.p, 1, answer.len, rc ? stderr : stdout);
    ts_buf_fini(&answer);
    switch (rc) {
    case 0: return CTL_OK;
    case -TS_ECONF: return CTL_WRONG;
    case -TS_EAUTH: return CTL_REFUSED;
    case -TS_ECONNECT: return CTL_UNREACHABLE;
    default: return CTL_NOT_BALANCED;
    }
}
