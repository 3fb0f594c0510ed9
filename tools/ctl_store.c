/* tsagg-ctl store: what is in the embedded store, whether it is whole, and points out of it and into it. */
#include "config.h"
#include "ctl.h"
#include "ctl_store.h"

#include "core/clock.h"
#include "core/conf.h"
#include "core/num.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void print_help(void)
{
    puts("Usage: tsagg-ctl store stats|check|compact|export|import [OPTIONS] [FILE]\n\n"
         "  stats    sizes, bytes per value, blocks by age\n"
         "  check    read everything; what is damaged, with its series and time span\n"
         "  compact  merge everything into large blocks (not while tsaggd runs)\n"
         "  export   a bucket's points as line protocol\n"
         "  import   line protocol from FILE (- for standard input) into a bucket (not while tsaggd runs)\n\n"
         "  --dir DIR           the store's directory (default: store in tsaggd's state_dir)\n"
         "  -c, --config FILE   take state_dir from this configuration\n"
         "  --bucket NAME       export, import: the bucket\n"
         "  --start NS          export: from this time on, in nanoseconds since 1970\n"
         "  --stop NS           export: before this time\n"
         "  --retention TIME    import: retention of the bucket, as in 30d\n"
         "  -h, --help          print this\n\n"
         "Exit: 0 well, 1 damaged, or a line that could not be imported, 2 usage, 3 configuration, 4 cannot be read or written.");
}

static int say(const struct ts_err *err)
{
    fprintf(stderr, "tsagg-ctl store: %s\n", err->msg);
    return CTL_UNREACHABLE;
}

static double ratio(uint64_t a, uint64_t b)
{
    return b ? (double)a / (double)b : 0;
}

static int print_stats(const char *dir)
{
    static const char *const names[] = {"young", "middle", "old"};
    struct ts_store_stats st;
    struct ts_err err;
    uint64_t points = 0, bytes = 0;
    if (ts_store_stats(dir, &st, &err) != 0)
        return say(&err);
    printf("%-10s %15s\n%-10s %15s\n%-10s %15s\n%-10s %15s\n%-10s %15s\n", "buckets", ts_num_group(st.buckets).z, "series",
           ts_num_group(st.series).z, "fields", ts_num_group(st.fields).z, "shards", ts_num_group(st.shards).z, "deletes",
           ts_num_group(st.tombs).z);
    printf("%-10s %15s (logs %s)\n\n", "on disk", ts_num_size(st.file_bytes).z, ts_num_size(st.log_bytes).z);
    printf("%-10s %10s %12s %15s %12s %12s %12s\n", "", "epochs", "blocks", "values", "rows/block", "size", "bytes/value");
    printf("%-10s %10s %12s %15s %12s %12s %12.2f\n", "landing", "", ts_num_group(st.landed).z, ts_num_group(st.landed_points).z, "",
           ts_num_size(st.landed_bytes).z, ratio(st.landed_bytes, st.landed_points));
    for (unsigned i = 0; i < 3; i++) {
        const struct ts_store_level *lvl = &st.levels[i];
        printf("%-10s %10s %12s %15s %12.0f %12s %12.2f\n", names[i], ts_num_group(lvl->epochs).z, ts_num_group(lvl->blocks).z,
               ts_num_group(lvl->points).z, ratio(lvl->rows, lvl->blocks), ts_num_size(lvl->bytes).z,
               ratio(lvl->bytes, lvl->points));
        points += lvl->points;
        bytes += lvl->bytes;
    }
    printf("%-10s %10s %12s %15s %12s %12s %12.2f\n", "all", "", "", ts_num_group(points + st.landed_points).z, "",
           ts_num_size(bytes + st.landed_bytes).z, ratio(st.file_bytes, points + st.landed_points));
    printf("\ncompaction: %s runs, %s merges, %s blocks, %s written; %s shards dropped, %s errors; longest transaction %.0f ms,"
           " a commit waited for it %.0f ms at most\n",
           ts_num_group(st.work.compactions).z, ts_num_group(st.work.merges).z, ts_num_group(st.work.blocks_written).z,
           ts_num_size(st.work.bytes_written).z, ts_num_group(st.work.shards_dropped).z, ts_num_group(st.work.errors).z,
           (double)st.work.longest_ns / 1e6, (double)st.work.held_ns / 1e6);
    if (st.io_limit)
        printf("its I/O: at most %s a second, waited %.1f s for that\n", ts_num_size(st.io_limit).z, (double)st.work.waited_ns / 1e9);
    return CTL_OK;
}

static void complain(void *arg, const struct ts_scan_damage *dmg)
{
    unsigned *n = arg;
    char from[TS_NUM_MAX], to[TS_NUM_MAX];
    size_t nfrom = ts_clock_put_time(from, dmg->min_ns), nto = ts_clock_put_time(to, dmg->max_ns);
    printf("damaged: %s: series %.*s, %.*s to %.*s\n", dmg->what, (int)dmg->series.len, dmg->series.p, (int)nfrom, from, (int)nto,
           to);
    ++*n;
}

static int check_store(const char *dir)
{
    struct ts_err err;
    uint64_t points;
    unsigned damaged = 0;
    if (ts_store_check(dir, complain, &damaged, &points, &err) != 0)
        return say(&err);
    printf("%s values read, %s\n", ts_num_group(points).z, damaged ? "DAMAGED" : "whole");
    return damaged ? CTL_NOT_BALANCED : CTL_OK;
}

static int compact_store(const char *dir)
{
    struct ts_store *store;
    struct ts_store_work work;
    struct ts_err err;
    if (ts_store_open(dir, &store, &err) != 0)
        return say(&err);
    int rc = ts_store_tend(store, TS_STORE_FULL, &err);
    ts_store_work(store, &work);
    ts_store_close(&store);
    if (rc)
        return say(&err);
    printf("compactions %" PRIu64 ", merges %" PRIu64 ", blocks written %" PRIu64 " (%s), longest transaction %.1f ms\n",
           work.compactions, work.merges, work.blocks_written, ts_num_size(work.bytes_written).z, (double)work.longest_ns / 1e6);
    return CTL_OK;
}

static int find_dir(const char *config, struct ts_buf *out)
{
    struct ts_conf *conf;
    struct ts_buf errors = TS_BUF_INIT;
    int rc = ts_conf_load(config, NULL, 0, &conf, &errors);
    if (errors.len)
        fwrite(errors.p, 1, errors.len, stderr);
    if (rc == 0)
        ts_buf_printf(out, "%s/store", conf->state_dir);
    ts_buf_fini(&errors);
    ts_conf_free(&conf);
    return rc;
}

static int run(const char *command, const char *dir, const struct store_options *opt, const char *path)
{
    if (strcmp(command, "stats") == 0)
        return print_stats(dir);
    if (strcmp(command, "check") == 0)
        return check_store(dir);
    if (strcmp(command, "compact") == 0)
        return compact_store(dir);
    if (!opt->bucket) {
        fprintf(stderr, "tsagg-ctl store %s: which bucket? give --bucket NAME\n", command);
        return CTL_USAGE;
    }
    return strcmp(command, "export") == 0 ? store_export(dir, opt) : store_import(dir, opt, path ? path : "-");
}

static bool is_command(const char *word)
{
    static const char *const commands[] = {"stats", "check", "compact", "export", "import"};
    for (size_t i = 0; i < TS_ARRAY_SIZE(commands); i++)
        if (strcmp(word, commands[i]) == 0)
            return true;
    return false;
}

static int bad_value(const char *option, const char *value)
{
    fprintf(stderr, "tsagg-ctl store: %s is no value for %s; see tsagg-ctl store --help\n", value, option);
    return CTL_USAGE;
}

int ctl_store(int argc, char **argv)
{
    enum { DIR = 256, BUCKET, START, STOP, RETENTION };
    static const struct option options[] = {
        {"dir", required_argument, NULL, DIR},     {"config", required_argument, NULL, 'c'}, {"bucket", required_argument, NULL, BUCKET},
        {"start", required_argument, NULL, START}, {"stop", required_argument, NULL, STOP},  {"retention", required_argument, NULL, RETENTION},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    struct store_options opt = {.start_ns = INT64_MIN, .stop_ns = INT64_MAX};
    const char *dir = NULL, *config = NULL;
    int c;
    while ((c = getopt_long(argc, argv, ":c:h", options, NULL)) != -1) {
        switch (c) {
        case DIR: dir = optarg; break;
        case 'c': config = optarg; break;
        case BUCKET: opt.bucket = optarg; break;
        case START:
            if (ts_num_read_int(ts_str_of(optarg), &opt.start_ns) != 0)
                return bad_value("--start", optarg);
            break;
        case STOP:
            if (ts_num_read_int(ts_str_of(optarg), &opt.stop_ns) != 0)
                return bad_value("--stop", optarg);
            break;
        case RETENTION:
            opt.has_retention = true;
            if (ts_clock_read_duration(ts_str_of(optarg), &opt.retention_ns) != 0)
                return bad_value("--retention", optarg);
            break;
        case 'h': print_help(); return CTL_OK;
        default: return ctl_bad_option(argv, c);
        }
    }
    bool is_import = optind < argc && strcmp(argv[optind], "import") == 0;
    if (optind == argc || !is_command(argv[optind]) || argc - optind > 1 + is_import) {
        fprintf(stderr, "tsagg-ctl store: give one of stats, check, compact, export, import; see tsagg-ctl store --help\n");
        return CTL_USAGE;
    }
    struct ts_buf found = TS_BUF_INIT;
    int rc = dir ? 0 : find_dir(config, &found);
    rc = rc ? CTL_WRONG : run(argv[optind], dir ? dir : ts_buf_cstr(&found), &opt, argv[optind + 1]);
    ts_buf_fini(&found);
    return rc;
}
