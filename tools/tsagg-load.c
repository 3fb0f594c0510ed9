/*
 * tsagg-load: sends lines to a tsaggd, or to whatever else reads them, at a steady rate, and says what it
 * sent; with --verify also what became of it. Options, the order of things, and the report; the work is in
 * load_*.c.
 */
#include "config.h"
#include "load.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/num.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

static void print_help(void)
{
    fputs("Usage: tsagg-load [OPTIONS]\n\n"
          "  --to URL           udp://HOST:PORT or tcp://HOST:PORT (udp://127.0.0.1:8125)\n"
          "  --rate N           lines per second, or max (100k); numbers may end in k, M or G\n"
          "  --count N          end after so many lines\n"
          "  --duration TIME    end after this time (10s unless there is --count)\n"
          "  --series N         different series (1000)\n"
          "  --format FORMAT    statsd, dogstatsd or influx (statsd)\n"
          "  --types LIST       of statsd: c, g, ms, h, s, d; series take turns (ms)\n"
          "  --tags N           tags of a line (0 with statsd, else 2)\n"
          "  --tag-values N     different values of a tag (10)\n"
          "  --packet BYTES     size of a packet (1400)\n"
          "  --sequential       series in order instead of at random\n"
          "  --timestamps       a time in every line; not with statsd\n"
          "  --seed N           another random order (1)\n"
          "  --hmac-key KEY     sign packets with this ID:SECRET (TSAGG_HMAC_KEY); with udp\n"
          "  --verify URL       ask the tsaggd there what arrived, and how fast\n"
          "  --token TOKEN      its http.token (TSAGG_TOKEN)\n"
          "  --ca FILE          certificates to trust (PEM) instead of the system's\n"
          "  --json             the report as JSON\n"
          "  -V, --version      print the version\n"
          "  -h, --help         print this\n\n"
          "Exit: 0 well, 1 something was lost, 2 usage, 3 cannot send, 4 nobody listens, 5 refused.\n"
          "See tsagg-load(1).\n",
          stdout);
}

/* ---- options ---- */

static int usage(const char *option, const char *value, const char *right)
{
    fprintf(stderr, "tsagg-load: --%s %s: give %s\n", option, value, right);
    return LOAD_USAGE;
}

/* "1500", "1.5k", "2M" */
static bool read_count(const char *text, double *out)
{
    static const char units[] = "kMG";
    struct ts_str s = ts_str_of(text);
    const char *unit = s.len ? strchr(units, text[s.len - 1]) : NULL;
    double factor = 1;
    if (unit) {
        s.len--;
        for (const char *u = units; u <= unit; u++)
            factor *= 1000;
    }
    if (ts_num_read(s, out) != 0 || *out < 0)
        return false;
    *out *= factor;
    return true;
}

static int read_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    double v;
    if (read_count(text, &v) && v >= (double)least && v <= (double)most) {
        *out = (uint64_t)v;
        return LOAD_OK;
    }
    fprintf(stderr, "tsagg-load: --%s %s: give a number from %" PRIu64 " to %" PRIu64 "\n", option, text,
            least, most);
    return LOAD_USAGE;
}

static int read_rate(const char *text, double *out)
{
    if (strcmp(text, "max") == 0) {
        *out = 0;
        return LOAD_OK;
    }
    if (read_count(text, out) && *out > 0)
        return LOAD_OK;
    return usage("rate", text, "lines per second, such as 50000 or 1.5M, or max");
}

static int read_format(const char *text, enum load_format *out)
{
    static const char *const names[] = {"statsd", "dogstatsd", "influx"};
    for (unsigned i = 0; i < TS_ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum load_format)i;
            return LOAD_OK;
        }
    }
    return usage("format", text, "statsd, dogstatsd or influx");
}

static int read_types(const char *text, struct load_options *opt)
{
    static const char *const known[] = {"c", "g", "ms", "h", "s", "d"};
    opt->ntypes = 0;
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ","), found = 0;
        while (found < TS_ARRAY_SIZE(known) && (strlen(known[found]) != n || memcmp(known[found], p, n) != 0))
            found++;
        if (found == TS_ARRAY_SIZE(known) || opt->ntypes == LOAD_TYPES_MAX)
            return usage("types", text, "up to 16 of c, g, ms, h, s, d with commas between them");
        opt->types[opt->ntypes++] = known[found];
        p += n;
        if (!*p)
            return LOAD_OK;
    }
}

static int read_duration(const char *text, int64_t *out)
{
    if (ts_clock_read_duration(ts_str_of(text), out) == 0 && *out > 0)
        return LOAD_OK;
    return usage("duration", text, "a time such as 10s or 5m");
}

static int check_url(const char *text)
{
    if (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0)
        return LOAD_OK;
    return usage("verify", text, "the URL of a tsaggd, such as http://127.0.0.1:8186");
}

enum {
    TO = 256,
    RATE,
    COUNT,
    DURATION,
    SERIES,
    FORMAT,
    TYPES,
    TAGS,
    TAG_VALUES,
    PACKET,
    SEQUENTIAL,
    TIMESTAMPS,
    SEED,
    VERIFY,
    TOKEN,
    CA,
    HMAC_KEY,
    JSON
};

static int read_option(int c, struct load_options *opt, uint64_t *tags)
{
    uint64_t v;
    int rc = LOAD_OK;
    switch (c) {
    case TO: opt->to = optarg; break;
    case RATE: return read_rate(optarg, &opt->rate);
    case COUNT: return read_number("count", optarg, 1, UINT64_C(1) << 50, &opt->count);
    case DURATION: return read_duration(optarg, &opt->duration_ns);
    case SERIES: return read_number("series", optarg, 1, 100000000, &opt->series);
    case FORMAT: return read_format(optarg, &opt->format);
    case TYPES: return read_types(optarg, opt);
    case TAGS: return read_number("tags", optarg, 0, LOAD_TAGS_MAX, tags);
    case TAG_VALUES: return read_number("tag-values", optarg, 1, 1000000, &opt->tag_values);
    case PACKET:
        rc = read_number("packet", optarg, 1, LOAD_PACKET_MAX, &v);
        opt->packet = rc == LOAD_OK ? v : 0;
        return rc;
    case SEQUENTIAL: opt->sequential = true; break;
    case TIMESTAMPS: opt->timestamps = true; break;
    case SEED: return read_number("seed", optarg, 0, UINT32_MAX, &opt->seed);
    case VERIFY: opt->verify = optarg; return check_url(optarg);
    case TOKEN: opt->token = optarg; break;
    case CA: opt->ca = optarg; break;
    case HMAC_KEY: opt->hmac_key = optarg; break;
    case JSON: opt->json = true; break;
    }
    return LOAD_OK;
}

/* The key itself is not shown. */
static int check_key(const struct load_options *opt)
{
    struct ts_str secret;
    uint32_t id;
    if (!opt->hmac_key)
        return LOAD_OK;
    if (strncmp(opt->to, "udp://", 6) != 0)
        fputs("tsagg-load: --hmac-key signs datagrams; give --to udp://HOST:PORT\n", stderr);
    else if (ts_conf_read_hmac_key(ts_str_of(opt->hmac_key), &id, &secret))
        fprintf(
            stderr,
            "tsagg-load: --hmac-key: give ID:SECRET, a number and at least %d characters without commas\n",
            TS_HMAC_SECRET_MIN);
    else
        return LOAD_OK;
    return LOAD_USAGE;
}

/* What options mean only together. */
static int check(struct load_options *opt, uint64_t tags, bool typed)
{
    bool plain = opt->format == LOAD_STATSD;
    opt->tags = tags <= LOAD_TAGS_MAX ? (unsigned)tags : plain ? 0 : 2;
    if (!opt->count && !opt->duration_ns)
        opt->duration_ns = 10 * TS_SEC;
    if (plain && (opt->tags || opt->timestamps))
        fprintf(stderr, "tsagg-load: statsd has no %s; give --format dogstatsd or influx\n",
                opt->tags ? "tags" : "timestamps");
    else if (typed && opt->format == LOAD_INFLUX)
        fputs("tsagg-load: --types are statsd's; line protocol has fields\n", stderr);
    else
        return check_key(opt);
    return LOAD_USAGE;
}

/* @return -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct load_options *opt)
{
    static const struct option longs[] = {{"to", required_argument, NULL, TO},
                                          {"rate", required_argument, NULL, RATE},
                                          {"count", required_argument, NULL, COUNT},
                                          {"duration", required_argument, NULL, DURATION},
                                          {"series", required_argument, NULL, SERIES},
                                          {"format", required_argument, NULL, FORMAT},
                                          {"types", required_argument, NULL, TYPES},
                                          {"tags", required_argument, NULL, TAGS},
                                          {"tag-values", required_argument, NULL, TAG_VALUES},
                                          {"packet", required_argument, NULL, PACKET},
                                          {"sequential", no_argument, NULL, SEQUENTIAL},
                                          {"timestamps", no_argument, NULL, TIMESTAMPS},
                                          {"seed", required_argument, NULL, SEED},
                                          {"verify", required_argument, NULL, VERIFY},
                                          {"token", required_argument, NULL, TOKEN},
                                          {"ca", required_argument, NULL, CA},
                                          {"hmac-key", required_argument, NULL, HMAC_KEY},
                                          {"json", no_argument, NULL, JSON},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    uint64_t tags = UINT64_MAX; /* not given */
    bool typed = false;
    int c;
    while ((c = getopt_long(argc, argv, "Vh", longs, NULL)) != -1) {
        if (c == 'V') {
            puts("tsagg-load " PACKAGE_VERSION);
            return LOAD_OK;
        }
        if (c == 'h') {
            print_help();
            return LOAD_OK;
        }
        if (c == '?') {
            fputs("See tsagg-load --help.\n", stderr);
            return LOAD_USAGE;
        }
        typed |= c == TYPES;
        int rc = read_option(c, opt, &tags);
        if (rc != LOAD_OK)
            return rc;
    }
    if (optind < argc) {
        fprintf(stderr, "tsagg-load: unexpected argument %s; see tsagg-load --help\n", argv[optind]);
        return LOAD_USAGE;
    }
    return check(opt, tags, typed) == LOAD_OK ? -1 : LOAD_USAGE;
}

/* ---- report ---- */

static void print_sent(const struct load_sent *sent)
{
    double seconds = TS_MAX(sent->seconds, 1e-9);
    printf("sent        %15s lines, %s in %s packets, %.2f s\n", ts_num_group(sent->lines).z,
           ts_num_size(sent->bytes).z, ts_num_group(sent->packets).z, sent->seconds);
    printf("            %15s lines/s, %s/s\n", ts_num_group((uint64_t)((double)sent->lines / seconds)).z,
           ts_num_size((uint64_t)((double)sent->bytes / seconds)).z);
}

static void print_verdict(const struct load_sent *sent, const struct load_verdict *verdict)
{
    const struct load_ledger *now = &verdict->now;
    const char *no_color = getenv("NO_COLOR");
    bool color = isatty(STDOUT_FILENO) && !(no_color && no_color[0]);
    printf("received    %15s lines", ts_num_group(now->received).z);
    if (now->received < sent->lines)
        printf("; %s did not arrive", ts_num_group(sent->lines - now->received).z);
    if (now->kernel_dropped)
        printf("; the kernel dropped %s packets", ts_num_group(now->kernel_dropped).z);
    if (now->received > sent->lines)
        printf("; %s of them from others", ts_num_group(now->received - sent->lines).z);
    printf("\nrejected    %15s lines\n", ts_num_group(now->rejected).z);
    printf("dropped     %15s samples\n", ts_num_group(now->dropped).z);
    printf("aggregated  %15s samples, the last of them %.0f ms after the last packet\n",
           ts_num_group(now->aggregated).z, (double)verdict->lag_ns / 1e6);
    if (verdict->lost)
        printf("%sLOST %s lines, %.4f %%%s\n", color ? "\033[31m" : "", ts_num_group(verdict->lost).z,
               100 * (double)verdict->lost / (double)sent->lines, color ? "\033[0m" : "");
    else
        printf("%sNOTHING LOST%s\n", color ? "\033[32m" : "", color ? "\033[0m" : "");
}

static void print_json(const struct load_sent *sent, const struct load_verdict *verdict)
{
    printf("{\"lines\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"packets\": %" PRIu64 ", \"seconds\": %.6f",
           sent->lines, sent->bytes, sent->packets, sent->seconds);
    if (verdict)
        printf(", \"received\": %" PRIu64 ", \"kernel_dropped\": %" PRIu64 ", \"rejected\": %" PRIu64
               ", \"dropped\": %" PRIu64 ", \"aggregated\": %" PRIu64 ", \"lost\": %" PRIu64
               ", \"lag_seconds\": %.6f",
               verdict->now.received, verdict->now.kernel_dropped, verdict->now.rejected,
               verdict->now.dropped, verdict->now.aggregated, verdict->lost, (double)verdict->lag_ns / 1e9);
    puts("}");
}

static int load(const struct load_options *opt)
{
    struct load_packets packets;
    struct load_ledger before;
    struct load_sent sent;
    struct load_verdict verdict;
    int rc = opt->verify ? load_ledger_read(opt, &before) : LOAD_OK;
    if (rc != LOAD_OK)
        return rc;
    struct load_seal *seal = opt->hmac_key ? load_seal_new(opt->hmac_key) : NULL;
    if (opt->hmac_key && !seal)
        return LOAD_FAILED;
    int fd = load_connect(opt);
    if (fd < 0) {
        load_seal_free(&seal);
        return -fd;
    }
    load_packets_make(opt, &packets);
    rc = load_send(opt, fd, &packets, seal, &stop, &sent);
    int64_t sent_at_ns = ts_clock_mono_ns();
    close(fd);
    load_packets_free(&packets);
    load_seal_free(&seal);
    bool verified = false;
    if (opt->verify && rc == LOAD_OK) {
        rc = load_verify(opt, &before, &sent, sent_at_ns, &verdict);
        verified = rc == LOAD_OK || (rc == LOAD_LOST && verdict.lost);
    }
    if (opt->json)
        print_json(&sent, verified ? &verdict : NULL);
    else
        print_sent(&sent);
    if (verified && !opt->json)
        print_verdict(&sent, &verdict);
    return rc;
}

int main(int argc, char **argv)
{
    const char *token = getenv("TSAGG_TOKEN"), *key = getenv("TSAGG_HMAC_KEY");
    struct load_options opt = {.to = "udp://127.0.0.1:8125",
                               .token = token ? token : "",
                               .hmac_key = key && key[0] ? key : NULL,
                               .rate = 100000,
                               .series = 1000,
                               .seed = 1,
                               .tag_values = 10,
                               .ntypes = 1,
                               .types = {"ms"},
                               .packet = 1400};
    int code = read_options(argc, argv, &opt);
    if (code >= 0)
        return code;
    /* A second signal ends it at once. */
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    return load(&opt);
}
