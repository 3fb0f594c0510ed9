/*
 * tsaggd: options, wiring, signals, and the order in which everything stops; nothing else.
 *
 * Stop order follows the way of a sample: ingest reads what the kernel still holds and ends; workers seal and end; the journal
 * writes what they gave it; sinks deliver until their deadline; what is left stays in the journal for the next start.
 */
#include "config.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/pressure.h"
#include "core/skew.h"
#include "core/thread.h"
#include "tsaggd_gauges.h"
#include "tsaggd_reload.h"
#include "tsaggd_self.h"
#include "tsaggd_store.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

enum { EXIT_OK = 0, EXIT_FATAL = 1, EXIT_USAGE = 2, EXIT_CONF = 3 };

#define SINKS_STOP_NS   (5 * TS_SEC)
#define WRITES_STOP_NS  (5 * TS_SEC)
#define MEMORY_WAIT_NS  (2 * TS_SEC) /* what a reload needs and cannot have */

/* ---- sources ---- */

struct source_wiring daemon_wiring(struct daemon *dmn)
{
    return (struct source_wiring){
        .conf = dmn->conf, .nworkers = dmn->nshards, .worker_bells = dmn->worker_bells, .census = dmn->census};
}

static unsigned count_sources(const struct daemon *dmn)
{
    unsigned n = dmn->conf->http.address[0] != 0;
    for (unsigned i = 0; i < dmn->conf->nlisten; i++)
        n += dmn->conf->listen[i].sockets;
    return dmn->input_path ? 1 : n;
}

struct source *daemon_add_source(struct daemon *dmn)
{
    for (unsigned place = 0; place < dmn->nplaces; place++) {
        bool taken = false;
        for (unsigned s = 0; s < dmn->nsources; s++)
            taken |= dmn->sources[s]->place == place;
        if (taken)
            continue;
        struct source *src = ts_xalloc_aligned(sizeof *src, TS_CACHELINE);
        src->place = place;
        return dmn->sources[dmn->nsources++] = src;
    }
    return NULL;
}

static int open_sources(struct daemon *dmn, struct ts_inherited *inh, struct ts_err *err)
{
    struct source_wiring to = daemon_wiring(dmn);
    for (unsigned i = 0; i < dmn->conf->nlisten; i++) {
        const struct ts_conf_listen *listen = &dmn->conf->listen[i];
        struct source *sibling = NULL;
        uint16_t port = listen->port;
        for (unsigned s = 0; s < listen->sockets; s++) {
            struct source *src = daemon_add_source(dmn);
            int rc = source_open_listener(src, &to, listen, port, inh, sibling, err);
            if (rc)
                return rc;
            sibling = src;
            port = ts_listener_port(src->listener);
        }
    }
    if (dmn->conf->http.address[0]) {
        dmn->http = daemon_add_source(dmn);
        source_open_http(dmn->http, &to);
    }
    return 0;
}

/* --input: the file is the only source, and never idle: no pause may change what is sealed. */
static int open_input(struct daemon *dmn, struct ts_err *err)
{
    struct source_wiring to = daemon_wiring(dmn);
    int rc = source_open_file(daemon_add_source(dmn), &to, dmn->input_path, err);
    if (rc)
        return rc;
    dmn->conf->idle_after_ns = INT64_MAX;
    dmn->conf->limits.expire_ns = 0; /* by the clock, as is what follows */
    dmn->conf->keep_gauges = false;
    input_begin(&dmn->input, dmn->input_path, dmn->conf, dmn->sources[0]->file);
    return 0;
}

void daemon_wire_passing(struct daemon *dmn, struct source *src)
{
    source_set_pass(src, ts_journal_input(dmn->journal, dmn->nshards + src->place), ts_journal_bell(dmn->journal),
                    dmn->events_to, &dmn->passed);
}

/*
 * Numbers begin anywhere, so that events of before a restart and after it do not share times; with --input at 0, so that a file
 * that is replayed again gives the same points.
 */
static void wire_passing(struct daemon *dmn)
{
    if (!dmn->input_path)
        atomic_store_explicit(&dmn->passed, (uint64_t)(dmn->started_ns / TS_US), memory_order_relaxed);
    dmn->events_to = ts_conf_keep(dmn->conf->events.to);
    for (unsigned s = 0; s < dmn->nsources; s++)
        daemon_wire_passing(dmn, dmn->sources[s]);
}

/* Requests in progress are finished before the source that they go to ends. */
static void stop_sources(struct daemon *dmn)
{
    for (unsigned s = 0; s < dmn->nsources; s++)
        if (dmn->sources[s] != dmn->http)
            source_stop(dmn->sources[s]);
    if (dmn->http) {
        ts_server_end_writes(dmn->server, ts_clock_mono_ns() + WRITES_STOP_NS);
        source_stop(dmn->http);
    }
}

/* ---- workers ---- */

static unsigned count_workers(const struct ts_conf *conf)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return conf->workers ? conf->workers : (unsigned)TS_MAX(1, TS_MIN(cpus / 2, 16));
}

static void make_workers(struct daemon *dmn)
{
    dmn->gather = ts_gather_new(dmn->conf, dmn->nshards);
    for (unsigned w = 0; w < dmn->nshards; w++) {
        struct shard *shard = &dmn->shards[w];
        shard->lanes = ts_xalloc(dmn->nsources * sizeof(struct ts_lane *));
        for (unsigned s = 0; s < dmn->nsources; s++)
            shard->lanes[s] = &dmn->sources[s]->lanes[w];
        struct ts_worker_conf conf = {.conf = dmn->conf,
                                      .nsources = dmn->nsources,
                                      .lanes = shard->lanes,
                                      .bell = &dmn->worker_bells[w],
                                      .rollups = ts_journal_input(dmn->journal, w),
                                      .rollups_bell = ts_journal_bell(dmn->journal),
                                      .seal_first = dmn->input_path != NULL,
                                      .census = dmn->census,
                                      .number = w,
                                      .gather = dmn->gather};
        dmn->workers[w] = shard->worker = ts_worker_new(&conf);
    }
}

/* ---- start and stop ---- */

static int start_threads(struct daemon *dmn, struct ts_err *err)
{
    int rc = ts_journal_start(dmn->journal, err);
    if (rc)
        return rc;
    for (unsigned w = 0; w < dmn->nshards; w++)
        if (ts_thread_start(&dmn->shards[w].thread, "ts-worker", ts_worker_run, dmn->shards[w].worker) != 0)
            return ts_fail(err, TS_ENOMEM, "cannot start a worker thread");
    if (snapshots_start(&dmn->snapshots) != 0)
        return ts_fail(err, TS_ENOMEM, "cannot start the snapshots' thread");
    rc = ts_sinks_start(dmn->sinks, err);
    if (rc)
        return rc;
    for (unsigned s = 0; s < dmn->nsources; s++)
        if (source_start(dmn->sources[s]) != 0)
            return ts_fail(err, TS_ENOMEM, "cannot start an ingest thread");
    return 0;
}

void daemon_put_listeners(const struct daemon *dmn, struct ts_buf *line)
{
    for (unsigned s = 0; s < dmn->nsources; s++) {
        const struct ts_conf_listen *listen = dmn->sources[s]->listen;
        if (!dmn->sources[s]->listener)
            continue;
        const char *scheme = ts_transport_info(listen->transport)->scheme;
        if (listen->path[0])
            ts_buf_printf(line, " %s=%s", scheme, ts_log_quote_z(listen->path));
        else
            ts_buf_printf(line, " %s=%u", scheme, ts_listener_port(dmn->sources[s]->listener));
    }
}

static void announce_ready(const struct daemon *dmn)
{
    struct ts_buf line = TS_BUF_INIT;
    daemon_put_listeners(dmn, &line);
    if (dmn->server)
        ts_buf_printf(&line, " http=%u", ts_server_port(dmn->server));
    ts_log(TS_LOG_INFO, "ready", "version=%s workers=%u state_dir=%s%s", PACKAGE_VERSION, dmn->nshards,
           dmn->conf->state_dir, ts_buf_cstr(&line));
    ts_buf_fini(&line);
#ifdef HAVE_SYSTEMD
    sd_notify(0, "READY=1");
#endif
}

/* @return when SIGTERM or SIGINT came. */
static void wait_for_signal(struct daemon *dmn, const sigset_t *signals)
{
    for (;;) {
        int64_t look_ns = TS_MIN(ts_pressure_look(), self_look(dmn));
        int sig = sigtimedwait(signals, NULL, &(struct timespec){look_ns / TS_SEC, look_ns % TS_SEC});
        if (sig < 0)
            continue;
        if (sig == SIGHUP) {
            reload_now(dmn);
            continue;
        }
        ts_log(TS_LOG_INFO, "stopping", "signal=%s", sig == SIGTERM ? "SIGTERM" : "SIGINT");
        return;
    }
}

static int drain(struct daemon *dmn, const sigset_t *signals)
{
    reload_end(dmn);
#ifdef HAVE_SYSTEMD
    sd_notify(0, "STOPPING=1");
#endif
    stop_sources(dmn);
    for (unsigned s = 0; s < dmn->nsources; s++)
        pthread_join(dmn->sources[s]->thread, NULL);
    snapshots_stop(&dmn->snapshots);
    for (unsigned w = 0; w < dmn->nshards; w++)
        pthread_join(dmn->shards[w].thread, NULL);
    self_end(dmn);
    int rc = ts_journal_stop(dmn->journal);
    snapshots_commit(&dmn->snapshots, rc == 0);
    if (dmn->input_path)
        input_wait_delivered(&dmn->input, signals);
    ts_sinks_stop(dmn->sinks, ts_clock_mono_ns() + SINKS_STOP_NS);
    ts_server_stop(&dmn->server);
    uint64_t pending = ts_counter_sum(TS_C_SINK_ROLLED_UP) - ts_counter_sum(TS_C_SINK_DELIVERED) -
                       ts_counter_sum(TS_C_SINK_DROPPED) - ts_counter_sum(TS_C_SINK_COARSENED);
    ts_log(TS_LOG_INFO, "stopped", "samples_aggregated=%llu rollups_sealed=%llu pending=%llu",
           (unsigned long long)ts_counter_sum(TS_C_SAMPLES_AGGREGATED),
           (unsigned long long)ts_counter_sum(TS_C_ROLLUPS_SEALED), (unsigned long long)pending);
    return rc;
}

static void free_all(struct daemon *dmn)
{
    for (unsigned s = 0; s < dmn->nsources; s++)
        source_close(dmn->sources[s]);
    ts_sinks_free(&dmn->sinks);
    ts_store_close(&dmn->store);
    snapshots_close(&dmn->snapshots);
    ts_journal_close(&dmn->journal);
    for (unsigned w = 0; w < dmn->nshards; w++) {
        ts_worker_free(&dmn->shards[w].worker);
        ts_free(dmn->shards[w].lanes);
    }
    for (unsigned s = 0; s < dmn->nsources; s++) {
        source_free_lanes(dmn->sources[s]);
        ts_free(dmn->sources[s]);
    }
    ts_free(dmn->sources);
    ts_free(dmn->shards);
    ts_free(dmn->worker_bells);
    ts_free(dmn->workers);
    ts_gather_free(&dmn->gather);
    ts_census_free(&dmn->census);
    ts_rule_plan_unref(&dmn->plan);
    ts_conf_free(&dmn->conf);
    reload_free(dmn);
    self_free(dmn);
    ts_conf_keep_free();
    ts_skew_free_all();
    ts_counters_free_all();
}

static int start(struct daemon *dmn, struct ts_err *err)
{
    struct ts_inherited inh;
    ts_inherited_init(&inh);
    dmn->nshards = count_workers(dmn->conf);
    dmn->census = ts_census_new(dmn->conf->limits.series, dmn->conf->limits.tag_values);
    dmn->shards = ts_xalloc(dmn->nshards * sizeof *dmn->shards);
    dmn->worker_bells = ts_xalloc_aligned(dmn->nshards * sizeof *dmn->worker_bells, TS_CACHELINE);
    dmn->workers = ts_xalloc(dmn->nshards * sizeof *dmn->workers);
    dmn->nplaces = count_sources(dmn) + (dmn->input_path ? 0 : SPARE_SOURCES);
    dmn->sources = ts_xalloc(dmn->nplaces * sizeof(struct source *));
    int rc = dmn->input_path ? open_input(dmn, err) : 0;
    if (rc == 0)
        rc = ts_journal_open(dmn->conf, dmn->nshards + dmn->nplaces + 1, &dmn->journal, err);
    if (rc == 0)
        rc = store_open(dmn->conf, &dmn->store, err);
    if (rc == 0)
        rc = ts_sinks_open(dmn->conf, ts_journal_feeds(dmn->journal), &dmn->sinks, err);
    if (rc == 0 && !dmn->input_path)
        rc = open_sources(dmn, &inh, err);
    if (rc)
        return rc;
    ts_inherited_fini(&inh);
    wire_passing(dmn);
    make_workers(dmn);
    snapshots_open(&dmn->snapshots, dmn->conf, dmn->journal, dmn->workers, dmn->nshards, dmn->input_path != NULL);
    write_target_init(&dmn->write, dmn->conf, dmn->store, dmn->http);
    self_init(dmn);
    dmn->info = (struct ts_server_info){.conf = dmn->conf,
                                  .started_ns = dmn->started_ns,
                                  .gauges = daemon_measure,
                                  .gauges_arg = dmn,
                                  .census = dmn->census,
                                  .sink_status = ts_sinks_status,
                                  .sinks = dmn->sinks,
                                  .journal_status = ts_journal_status,
                                  .journal = dmn->journal,
                                  .snapshot_status = dmn->snapshots.writer ? ts_snapshots_status : NULL,
                                  .snapshots = dmn->snapshots.writer,
                                  .write = dmn->http ? write_take_body : NULL,
                                  .write_arg = &dmn->write,
                                  .reload = dmn->input_path ? NULL : reload_ask,
                                  .reload_arg = dmn,
                                  .ask = store_ask,
                                  .changed = dmn->store ? store_changed : NULL,
                                  .ask_arg = dmn->store,
                                  .admin = dmn->store ? ts_store_admin(dmn->store) : NULL};
    ts_mem_set_fatal(0); /* from here on more threads run than the store's */
    if (dmn->conf->http.address[0])
        rc = ts_server_start(&dmn->info, &dmn->server, err);
    return rc ? rc : start_threads(dmn, err);
}

struct options {
    const char *file, *input;
    const char **set; /* from 1 on; 0 is the one that comes with --input */
    unsigned nset;
    bool check, print;
};

/* Each connection takes one; the usual soft limit is there for programs that use select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(struct ts_conf *conf, const struct options *opt)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    ts_mem_set_lasting();
    ts_log_set_level(conf->log_level);
    raise_descriptor_limit();
    const char *input_path = opt->input;
    ts_pressure_init(input_path ? 0 : conf->limits.memory_bytes);
    struct daemon dmn = {.conf = conf, .started_ns = ts_clock_now_ns(), .input_path = input_path};
    struct ts_err err = {""};
    reload_init(&dmn, opt->file, opt->set + 1, opt->nset);
    if (start(&dmn, &err) != 0) {
        ts_log(TS_LOG_ERROR, "start_failed", "error=%s", ts_log_quote_z(err.msg));
        return EXIT_FATAL; /* threads may be running: the process ends, and with it everything */
    }
    ts_mem_set_patience(MEMORY_WAIT_NS);
    announce_ready(&dmn);
    if (input_path)
        input_wait_read(&dmn.input, &signals);
    else
        wait_for_signal(&dmn, &signals);
    bool good = drain(&dmn, &signals) == 0;
    if (input_path)
        good &= input_report(&dmn.input, dmn.sinks);
    free_all(&dmn);
    return good ? EXIT_OK : EXIT_FATAL;
}

/* ---- command line ---- */

static void print_usage(FILE *to)
{
    fputs("usage: tsaggd [-c FILE] [--set KEY=VALUE]... [--input FILE | --check | --print-config]\n"
          "Aggregates statsd and line-protocol samples into rollups and delivers them.\n\n"
          "  -c, --config FILE   configuration (YAML); without it: UDP 127.0.0.1:8125,\n"
          "                      HTTP 127.0.0.1:8186, 10 s rollups into a file in the state directory\n"
          "      --set KEY=VALUE set one option, such as http.address=127.0.0.1:9000 or rollups.0.every=1s\n"
          "      --input FILE    replay a file (- for standard input) and end when everything is delivered;\n"
          "                      nothing is listened on, but for HTTP with --set http.address=...\n"
          "      --check         check the configuration and end\n"
          "      --print-config  print the configuration in force and end\n"
          "  -V, --version       print the version\n"
          "  -h, --help          this text\n\n"
          "Signals: SIGTERM drains and ends, SIGHUP reads the configuration again. Exit: 0 ok, 1 fatal, 2 usage, 3 configuration.\n"
          "More: tsaggd(8), tsagg.yaml(5)\n",
          to);
}

static void print_help(void)
{
    struct ts_buf text = TS_BUF_INIT;
    print_usage(stdout);
    ts_buf_puts(&text, "\nOptions of the configuration and their defaults:\n");
    ts_conf_print_options(&text);
    fwrite(text.p, 1, text.len, stdout);
    ts_buf_fini(&text);
}

/* @return -1 to go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *opt)
{
    enum { SET = 256, INPUT, CHECK, PRINT };
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"set", required_argument, NULL, SET},
                                          {"input", required_argument, NULL, INPUT},
                                          {"check", no_argument, NULL, CHECK},
                                          {"print-config", no_argument, NULL, PRINT},
                                          {"version", no_argument, NULL, 'V'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "c:Vh", longs, NULL)) != -1) {
        switch (c) {
        case 'c': opt->file = optarg; break;
        case SET: opt->set[++opt->nset] = optarg; break;
        case INPUT: opt->input = optarg; break;
        case CHECK: opt->check = true; break;
        case PRINT: opt->print = true; break;
        case 'V': puts("tsaggd " PACKAGE_VERSION); return EXIT_OK;
        case 'h': print_help(); return EXIT_OK;
        default: print_usage(stderr); return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "tsaggd: unexpected argument '%s'\n", argv[optind]);
        print_usage(stderr);
        return EXIT_USAGE;
    }
    return -1;
}

static int load_and_go(const struct options *opt)
{
    struct ts_conf *conf = NULL;
    struct ts_buf text = TS_BUF_INIT;
    /* The file's address is the running daemon's. */
    opt->set[0] = "http.address=";
    int rc = opt->input ? ts_conf_load(opt->file, opt->set, opt->nset + 1, &conf, &text)
                        : ts_conf_load(opt->file, opt->set + 1, opt->nset, &conf, &text);
    if (rc) {
        fwrite(text.p, 1, text.len, stderr);
        ts_buf_fini(&text);
        return EXIT_CONF;
    }
    if (opt->print) {
        ts_conf_print(conf, &text);
        fwrite(text.p, 1, text.len, stdout);
    }
    ts_buf_fini(&text);
    if (opt->print || opt->check) {
        if (opt->check && !opt->print)
            printf("%s: good\n", opt->file ? opt->file : "defaults");
        ts_conf_free(&conf);
        return EXIT_OK;
    }
    ts_zone_set(conf->timezone);
    return run(conf, opt);
}

int main(int argc, char **argv)
{
    ts_mem_set_fatal(EXIT_FATAL); /* rather no start than one with half of its configuration, or without its windows */
    struct options opt = {.set = ts_xalloc(((size_t)argc + 1) * sizeof(char *))};
    int code = read_options(argc, argv, &opt);
    if (code < 0)
        code = load_and_go(&opt);
    ts_free(opt.set);
    return code;
}
