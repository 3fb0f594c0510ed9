#ifndef TS_CORE_CONF_H
#define TS_CORE_CONF_H
/*
 * The daemon's configuration. tbl/options.def is the only place of an option: name, type, unit, default,
 * range, text. A loaded configuration is valid as a whole; everything in it belongs to it and lives until
 * ts_conf_free.
 */
#include "core/base.h"
#include "core/bucket.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/log.h"
#include "core/quantile.h"
#include "core/sample.h"
#include "core/zone.h"

#include <stdatomic.h>

enum ts_format { TS_FORMAT_AUTO, TS_FORMAT_STATSD, TS_FORMAT_INFLUX };
enum ts_signed_gauges { TS_GAUGES_RELATIVE, TS_GAUGES_ABSOLUTE };
enum ts_when_full { TS_FULL_BLOCK, TS_FULL_DROP_NEW, TS_FULL_DROP_OLD };
enum ts_framing { TS_FRAMING_LINES, TS_FRAMING_DOGSTATSD };
enum ts_http_write { TS_WRITE_AGGREGATE, TS_WRITE_STORE, TS_WRITE_BOTH };
enum ts_late { TS_LATE_CORRECT, TS_LATE_DROP, TS_LATE_SIDE };

#define TS_ROLLUPS_MAX 64

enum ts_transport {
#define TS_TRANSPORT(id, scheme, address, socket, reader) TS_TRANSPORT_##id,
#include "tbl/transports.def"
#undef TS_TRANSPORT
    TS_TRANSPORT_COUNT
};

struct ts_transport_info {
    const char *scheme;
    bool is_path, is_stream;
};
const struct ts_transport_info *ts_transport_info(enum ts_transport transport);

/* Options of every transport side by side; which apply to which says tbl/options.def. */
struct ts_conf_listen {
    char *url; /* as written: "udp://127.0.0.1:8125" */
    enum ts_transport transport;
    char *host;    /* numeric: "127.0.0.1", "::1"; "" for any; of a path too */
    char *path;    /* of a unix socket, else "" */
    uint16_t port; /* 0: the system chooses; the ready line tells */
    enum ts_format format;
    enum ts_signed_gauges signed_gauges;
    enum ts_when_full when_full; /* block: datagrams wait block_ns for room, then drop; streams wait */
    int64_t block_ns;
    unsigned sockets; /* sockets (threads) with SO_REUSEPORT, 1 … 64 */
    uint64_t rcvbuf_bytes;
    unsigned connections;    /* at the same time */
    int64_t idle_timeout_ns; /* 0: none */
    enum ts_framing framing;
    unsigned mode;              /* of the socket's file */
    char *allow;                /* ranges of addresses, comma-separated, without blanks; NULL: everyone */
    unsigned rate_limit, burst; /* lines a second, 0: no limit; lines, 0: those of a second */
    char *certificate, *key, *client_ca; /* files; "": no TLS, anybody */
    int64_t handshake_timeout_ns;
    char *hmac_keys; /* ID:SECRET, comma-separated; NULL: datagrams are lines */
    int64_t max_skew_ns;
    char *templates;            /* of statsd names (core/template.h), a line each; NULL: none */
    char *template_joiner;      /* between words that form one text */
    bool origin_tags;           /* |c: |e: |card: become tags */
};

enum ts_per { TS_PER_STAGE, TS_PER_SERIES, TS_PER_GROUP };

/* Options of every type of stage side by side; what they mean says core/stage.h. Lists have an entry a line. */
struct ts_conf_stage {
    char *type, *name;
    char *when, *keep, *drop; /* expressions; NULL: none, as below */
    char *value, *from, *to;
    char *replace, *set, *drop_tags;
    char *copies, *split_tag, *split_by;
    bool keep_original;
    char *probability;
    unsigned rate, burst; /* samples a second; at once, 0: as many as in a second */
    enum ts_per per;
    char *group;
    int64_t within_ns;
    unsigned hold; /* samples */
};

struct ts_conf_rollup {
    char *name;
    char *match;       /* of measurements, see core/matcher.h; NULL: every one */
    char *match_tags;  /* KEY= and the same of a value, a line each; NULL: no condition */
    int64_t every_ns;          /* of a calendar: about so long */
    enum ts_calendar calendar; /* what windows are, unless NONE */
    int64_t period_ns;         /* longer than every_ns, or 0: the same */
    int64_t session_ns, session_max_ns; /* gap of sessions, which have no every, and their longest length, or 0 */
    int64_t lateness_ns;
    enum ts_late late;
    uint32_t aggregates; /* bits of enum ts_aggregate */
    struct ts_quantiles quantiles; /* what else `aggregates` lists */
    unsigned sketch_buckets;       /* on each side of zero */
    char *buckets;                 /* of histograms, as written, with commas; NULL: none */
    struct ts_buckets histogram;   /* the same, read */
    bool stddev_sample;
    char *measurement; /* what points are called; "{name}" in it is the series' measurement; NULL: as it is */
    char *tags;        /* KEY=VALUE of extra tags, a line each; NULL: none */
    char *to; /* sink names, comma-separated, without blanks; every one exists */
    char *bucket; /* NULL: that of each sink */
    char *into;   /* with a bucket: the sinks that are meant (conf_bucket.c); see ts_conf_sinks_of */
    char *group_by;     /* tags that series are told apart by, a line each; "": none; NULL: not grouped, or see without */
    char *without;      /* tags that they are not told apart by; NULL: see group_by */
    bool meets_series;  /* it is of groups, and a series without further tags is called like its group, in the same sink */
    bool drop_original; /* keep_original: false: what matches goes to no later rollup */
    _Atomic(const char *) moved; /* where it goes since a reload, kept; NULL: as above */
    const struct ts_conf_rollup *origin; /* of a copy: what it was made of, which knows that */
};

/** The sinks that its points go to, comma-separated. */
static inline const char *ts_conf_sinks_of(const struct ts_conf_rollup *rule)
{
    return rule->into ? rule->into : rule->to;
}

/** Whether its points are of groups, not of series. */
static inline bool ts_conf_is_grouped(const struct ts_conf_rollup *rule)
{
    return rule->group_by || rule->without;
}

/* Options of every sink type side by side; which apply to which type says tbl/options.def. */
struct ts_conf_sink {
    char *name;
    bool derived; /* made for a rollup's bucket: not in the file */
    char *type; /* a name in the sinks table */
    char *url, *org, *bucket, *token;
    char *database, *retention_policy, *username, *password;
    char *path;
    char *ca, *certificate, *key, *proxy;
    unsigned in_flight; /* requests at the same time */
    bool verify;
    bool gzip;
    unsigned batch;            /* points, 1 … 100000 */
    int64_t flush_interval_ns; /* how long a point may wait for its batch to fill */
    int64_t retention_ns;      /* of the store's bucket; 0: for ever */
    int64_t timeout_ns;        /* of one request */
    int64_t retry_min_ns, retry_max_ns;
};

struct ts_conf {
    char *state_dir;
    unsigned workers; /* 0: auto */
    int64_t snapshot_ns; /* 0: off */
    int64_t idle_after_ns, correct_for_ns, future_ns;
    char *timezone;
    enum ts_log_level log_level;
    struct {
        char *address; /* "127.0.0.1:8186"; "" is off */
        char *token;   /* "" none */
        char *certificate, *key; /* files; "": no TLS */
        char *allow_origin;      /* "" none, "*" any */
        enum ts_http_write write;
        uint64_t max_body_bytes; /* of a write request, as it comes and inflated */
        uint64_t query_cache_bytes;
        int64_t query_cache_ttl_ns; /* 0: no answer is kept */
    } http;
    struct {
        uint64_t io_limit_bytes; /* a second; 0: any */
    } store;
    struct {
        uint64_t series;
        uint64_t tag_values;
        uint64_t memory_bytes; /* 0: no limit */
        int64_t expire_ns; /* 0: never */
        uint64_t queries, query_memory_bytes;
        int64_t query_time_ns; /* 0: any */
    } limits;
    bool keep_gauges;
    struct {
        char *to; /* as in a rollup */
    } events;
    struct {
        int64_t every_ns; /* 0: off */
        char *to;         /* as in a rollup */
        char *tags;       /* the same; NULL: none */
    } self;
    struct {
        uint64_t max_bytes;  /* 0: no limit */
        int64_t max_age_ns;  /* 0: no limit */
        int64_t sync_interval_ns;
    } journal;
    unsigned nlisten, npipeline, nrollups, nsinks;
    struct ts_conf_listen *listen;
    struct ts_conf_stage *pipeline;
    struct ts_conf_rollup *rollups;
    struct ts_conf_sink *sinks;
};

/** Where state_dir is when nobody says; to be freed. NULL: neither root, nor XDG_STATE_HOME, nor HOME. */
char *ts_conf_default_state_dir(void);

/**
 * Reads a YAML file (NULL: the defaults alone), applies the settings in order, fills in defaults, checks all
 * of it. A setting is KEY=VALUE with a dotted path: "http.address=127.0.0.1:9000", "rollups.0.every=1s".
 * Environment variables ${NAME} in scalars are replaced; an unset one is an error.
 * Every error found (up to 20) is appended to errors, one line each: FILE:LINE:COLUMN: what is wrong; what
 * would be right.
 * @return 0, -TS_ECONF (errors say why), -TS_EIO (file cannot be read; errors says why).
 */
int ts_conf_load(const char *file, const char *const *set, unsigned nset, struct ts_conf **out,
                 struct ts_buf *errors) TS_MUST_CHECK;

void ts_conf_free(struct ts_conf **conf);

/**
 * The whole configuration as YAML that ts_conf_load reads back to the same. Secrets are printed as
 * "<hidden>", which ts_conf_load refuses.
 */
void ts_conf_print(const struct ts_conf *conf, struct ts_buf *out);

/** One line per option, key and default, for --help. */
void ts_conf_print_options(struct ts_buf *out);

/* ---- a configuration in place of another, while the daemon runs: conf_reload.c. All of it @thread main ---- */

/** Whether all options are the same. */
bool ts_conf_listen_same(const struct ts_conf_listen *a, const struct ts_conf_listen *b);
bool ts_conf_sink_same(const struct ts_conf_sink *a, const struct ts_conf_sink *b);

/** Names what differs and cannot be changed without a restart: "workers, http.token, rollups". */
void ts_conf_fixed_changes(const struct ts_conf *was, const struct ts_conf *now, struct ts_buf *names);

/** The same but for `to`. */
bool ts_conf_rollup_same(const struct ts_conf_rollup *a, const struct ts_conf_rollup *b);

/** Rollups of `was`, those whose bits are set, go from now on where those of `now` go that are otherwise the same. @return how many go elsewhere. */
unsigned ts_conf_move_rollups(struct ts_conf *was, uint64_t which, const struct ts_conf *now);

/** Where a rollup goes at the moment. @thread any */
const char *ts_conf_sinks_now(const struct ts_conf_rollup *rollup);

/** Copies that own their texts. End the process without memory. */
void ts_conf_listen_copy(struct ts_conf_listen *to, const struct ts_conf_listen *from);
void ts_conf_listen_fini(struct ts_conf_listen *listen);
void ts_conf_sink_copy(struct ts_conf_sink *to, const struct ts_conf_sink *from);
void ts_conf_sink_fini(struct ts_conf_sink *sink);

/** A copy of a short text that other threads may hold, the same for equal texts. Lives until ts_conf_keep_free. */
const char *ts_conf_keep(const char *text);
void ts_conf_keep_free(void);

#define TS_HOST_MAX 46 /* a numeric address and its end */

/**
 * Reads HOST:PORT, where HOST is an IPv4 address, an IPv6 address in brackets, localhost (becomes 127.0.0.1)
 * or nothing (any address, ""). @return 0, -TS_EPARSE.
 */
int ts_conf_read_address(struct ts_str s, char host[TS_HOST_MAX], uint16_t *port) TS_MUST_CHECK;

struct ts_listen_url {
    enum ts_transport transport;
    char host[TS_HOST_MAX];
    uint16_t port;
    struct ts_str path; /* borrowed from the URL */
};

/** Reads a listener's URL: scheme://HOST:PORT or scheme:///PATH, as tbl/transports.def says. @return 0,
 * -TS_EPARSE. */
int ts_conf_read_listen_url(struct ts_str url, struct ts_listen_url *out) TS_MUST_CHECK;

#define TS_HMAC_SECRET_MIN 16

/** Reads ID:SECRET, a number of 32 bits and TS_HMAC_SECRET_MIN characters or more. @return 0, -TS_EPARSE. */
int ts_conf_read_hmac_key(struct ts_str s, uint32_t *id, struct ts_str *secret) TS_MUST_CHECK;

/** Takes the next KEY=REST off the lines of match_tags or tags. @return false at the end. */
bool ts_conf_next_pair(struct ts_str *lines, struct ts_str *key, struct ts_str *rest);

/** Whether the tag is one of the lines of group_by or without. */
bool ts_conf_has_line(const char *lines, struct ts_str tag);

/** Whether a host as ts_conf_read_address gives it is reached from this machine only. */
bool ts_conf_is_loopback(const char *host);

#endif
