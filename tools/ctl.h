#ifndef TSAGG_CTL_H
#define TSAGG_CTL_H
#include <stdbool.h>

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

/** The tsaggd that a subcommand asks. */
struct ctl_target {
    const char *host, *token, *ca; /* ca: NULL, the system's */
};
/* In an array of struct option, with these letters. */
#define CTL_TARGET_OPTIONS {"host", required_argument, NULL, 'H'}, {"token", required_argument, NULL, 't'}, {"ca", required_argument, NULL, 'c'}

/** As the environment says it. */
struct ctl_target ctl_target_of_env(void);

/** Takes one of the options above. @return false: it is another. */
bool ctl_target_option(struct ctl_target *tgt, int option, const char *value);

/** After all options: no argument may be left, and the host must be a URL. @return CTL_OK; CTL_USAGE, said on stderr. */
int ctl_target_check(const struct ctl_target *tgt, int argc, char **argv);

/** Says on stderr what getopt_long refused (its result was '?' or ':'). @return CTL_USAGE */
int ctl_bad_option(char **argv, int result);

#endif
