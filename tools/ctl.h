#ifndef TSAGG_CTL_H
#define TSAGG_CTL_H
/* Subcommands of tsagg-ctl: argv[0] is the subcommand's name, the result is the exit code. */

enum ctl_exit {
    CTL_OK,
    CTL_NOT_BALANCED, /* status: the ledger; parse: a bad line */
    CTL_USAGE,
    CTL_WRONG,       /* the configuration */
    CTL_UNREACHABLE, /* no server, or another's */
    CTL_REFUSED,     /* authentication */
};

int ctl_check(int argc, char **argv);
int ctl_dead_letter(int argc, char **argv);
int ctl_parse(int argc, char **argv);
int ctl_reload(int argc, char **argv);
int ctl_status(int argc, char **argv);
int ctl_store(int argc, char **argv);
int ctl_top(int argc, char **argv);

/** Says on stderr what getopt_long refused (its result was '?' or ':'). @return CTL_USAGE */
int ctl_bad_option(char **argv, int result);

#endif
