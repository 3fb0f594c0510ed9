/*
 * tsagg-ctl dead-letter: what sinks' other sides have refused: lists it, hands it back to the daemon to be
 * sent once more, or drops it. Works on the files in <state_dir>/dead-letter, under the lock of the sink that
 * appends to them, so also while tsaggd runs, or does not.
 */
#include "config.h"
#include "ctl.h"

#include "core/buf.h"
#include "core/conf.h"
#include "core/dead_letter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)

static void print_help(void)
{
    puts("Usage: tsagg-ctl dead-letter list [SINK]\n"
         "       tsagg-ctl dead-letter retry SINK\n"
         "       tsagg-ctl dead-letter drop SINK\n\n"
         "  list   print the points that a server has refused, with the time and its reason\n"
         "  retry  hand them back: tsaggd sends them once more, within a second or when it is started\n"
         "  drop   throw them away\n\n"
         "  -c, --config FILE  tsaggd's configuration, for its state_dir\n"
         "      --set KEY=VALUE  set one option, as in --set state_dir=DIR\n"
         "  -h, --help         print this\n\n"
         "Exit: 0 well, 1 failed, 2 usage, 3 the configuration is wrong.");
}

static int complain(const char *what, const char *path)
{
    fprintf(stderr, "tsagg-ctl dead-letter: cannot %s %s: %s\n", what, path, strerror(errno));
    return CTL_NOT_BALANCED;
}

/* ---- list ---- */

static void print_letter(const char *sink, const struct ts_dead_letter *letter)
{
    printf("# %s %.*s\n", sink, (int)letter->why.len, letter->why.p);
    fwrite(letter->point.p, 1, letter->point.len, stdout);
}

static int list_file(const char *state_dir, const char *sink, const char *ending)
{
    struct ts_dead_letter_path path = ts_dead_letter_path(state_dir, sink, ending);
    struct ts_buf buf = TS_BUF_INIT;
    uint64_t offset = 0;
    size_t bytes = CHUNK;
    int fd = open(path.z, O_RDONLY | O_CLOEXEC), rc = 0;
    if (fd < 0)
        return errno == ENOENT ? 0 : complain("read", path.z);
    while ((rc = ts_dead_letter_read(fd, offset, bytes, &buf)) == 0) {
        struct ts_str rest = ts_buf_str(&buf);
        struct ts_dead_letter letter;
        while (ts_dead_letter_next(&rest, &letter))
            print_letter(sink, &letter);
        if (buf.len < bytes)
            break;
        if (rest.len == buf.len)
            bytes *= 2; /* one that is longer than this */
        offset += buf.len - rest.len;
    }
    close(fd);
    ts_buf_fini(&buf);
    return rc ? complain("read", path.z) : 0;
}

/* Both those that lie there and those that are about to be tried again. */
static int list_sink(const char *state_dir, const char *sink)
{
    int rc = list_file(state_dir, sink, ".lp");
    return rc ? rc : list_file(state_dir, sink, ".retry.lp");
}

static int list_all(const char *state_dir)
{
    struct ts_dead_letter_path path = ts_dead_letter_path(state_dir, NULL, "");
    DIR *dir = opendir(path.z);
    int rc = CTL_OK;
    if (!dir)
        return errno == ENOENT ? CTL_OK : complain("read", path.z);
    for (struct dirent *ent; rc == CTL_OK && (ent = readdir(dir));) {
        size_t len = strlen(ent->d_name);
        bool retry = len > 9 && strcmp(ent->d_name + len - 9, ".retry.lp") == 0;
        size_t tail = retry ? 9 : 3;
        if (len <= tail || strcmp(ent->d_name + len - 3, ".lp") != 0)
            continue;
        ent->d_name[len - tail] = 0;
        rc = list_file(state_dir, ent->d_name, retry ? ".retry.lp" : ".lp");
    }
    closedir(dir);
    return rc;
}

/* ---- retry and drop ---- */

/* Moves the file away or removes it while its sink cannot append to it. */
static int take_file(const char *state_dir, const char *sink, bool retry)
{
    struct ts_dead_letter_path from = ts_dead_letter_path(state_dir, sink, ".lp");
    struct ts_dead_letter_path to = ts_dead_letter_path(state_dir, sink, ".retry.lp");
    uint64_t n = 0;
    struct stat st;
    int fd = open(from.z, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        fprintf(stderr, "tsagg-ctl dead-letter: %s has no dead letters in %s\n", sink, from.z);
        return CTL_NOT_BALANCED;
    }
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        return complain("open", from.z);
    int rc = CTL_OK;
    if (retry && stat(to.z, &st) == 0) {
        fprintf(
            stderr,
            "tsagg-ctl dead-letter: those of a former retry are still to be sent (%s); is tsaggd running?\n",
            to.z);
        rc = CTL_NOT_BALANCED;
    } else if (ts_dead_letter_count(from.z, &n) != 0) {
        rc = complain("read", from.z);
    } else if ((retry ? rename(from.z, to.z) : unlink(from.z)) != 0) {
        rc = complain(retry ? "move" : "remove", from.z);
    }
    close(fd); /* which also unlocks */
    if (rc == CTL_OK)
        printf("%" PRIu64 " point%s %s\n", n, n == 1 ? "" : "s", retry ? "will be sent again" : "dropped");
    return rc;
}

static bool is_name(const char *sink)
{
    return *sink && *sink != '.' && !strchr(sink, '/');
}

static int run(const char *state_dir, int argc, char **argv)
{
    const char *verb = argc > 0 ? argv[0] : "", *sink = argc > 1 ? argv[1] : NULL;
    bool list = strcmp(verb, "list") == 0, retry = strcmp(verb, "retry") == 0,
         drop = strcmp(verb, "drop") == 0;
    if ((!list && !retry && !drop) || argc > 2 || (!list && !sink) || (sink && !is_name(sink))) {
        fprintf(stderr, "tsagg-ctl dead-letter: give list [SINK], retry SINK or drop SINK; see --help\n");
        return CTL_USAGE;
    }
    if (!list)
        return take_file(state_dir, sink, retry);
    return sink ? list_sink(state_dir, sink) : list_all(state_dir);
}

int ctl_dead_letter(int argc, char **argv)
{
    enum { SET = 256 };
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"set", required_argument, NULL, SET},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *file = NULL, *set[16];
    unsigned nset = 0;
    int c;
    while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c': file = optarg; break;
        case SET:
            if (nset == TS_ARRAY_SIZE(set)) {
                fprintf(stderr, "tsagg-ctl dead-letter: too many --set\n");
                return CTL_USAGE;
            }
            set[nset++] = optarg;
            break;
        case 'h': print_help(); return CTL_OK;
        default: return ctl_bad_option(argv, c);
        }
    }
    struct ts_conf *conf = NULL;
    struct ts_buf errors = TS_BUF_INIT;
    int rc = CTL_WRONG;
    if (ts_conf_load(file, set, nset, &conf, &errors) == 0)
        rc = run(conf->state_dir, argc - optind, argv + optind);
    else
        fwrite(errors.p, 1, errors.len, stderr);
    ts_buf_fini(&errors);
    ts_conf_free(&conf);
    return rc;
}
