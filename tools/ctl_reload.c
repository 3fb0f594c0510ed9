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
    static const struct option options[] = {{"host", required_argument, NULL, 'H'},
                                            {"token", required_argument, NULL, 't'},
                                            {"ca", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *host = getenv("TSAGG_HOST"), *token = getenv("TSAGG_TOKEN"), *ca = NULL;
    int c;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        switch (c) {
        case 'H': host = optarg; break;
        case 't': token = optarg; break;
        case 'c': ca = optarg; break;
        case 'h': print_help(); return CTL_OK;
        default: return ctl_bad_option(argv, c);
        }
    }
    host = host && host[0] ? host : "http://127.0.0.1:8186";
    if (optind != argc || (strncmp(host, "http://", 7) != 0 && strncmp(host, "https://", 8) != 0)) {
        fprintf(stderr,
                optind != argc ? "tsagg-ctl reload: takes no argument, but there is %s\n"
                               : "tsagg-ctl reload: %s is no URL; write it as in http://127.0.0.1:8186\n",
                optind != argc ? argv[optind] : host);
        return CTL_USAGE;
    }
    struct ts_buf answer = TS_BUF_INIT;
    int rc = status_post("tsagg-ctl reload", host, token ? token : "", ca, "/api/v1/reload", &answer);
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
