/*
 * What options can only say together, and the defaults that depend on others. Thread: main.
 * Options that did not read well are missing here and passed over: they have been told.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/clock.h"

#include "core/log.h"
#include "core/mem.h"
#include "core/template.h"

#include <stdlib.h>
#include <unistd.h>

static char *print_path(const char *dir, const char *below)
{
    struct ts_buf buf = TS_BUF_NEEDED;
    ts_buf_printf(&buf, "%s/%s", dir, below);
    char *path = ts_xstrndup(buf.p, buf.len);
    ts_buf_fini(&buf);
    return path;
}

char *ts_conf_default_state_dir(void)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (geteuid() == 0)
        return ts_xstrdup("/var/lib/tsagg");
    if (xdg && xdg[0] == '/')
        return print_path(xdg, "tsagg");
    return home && home[0] == '/' ? print_path(home, ".local/state/tsagg") : NULL;
}

static void default_state_dir(struct ts_conf_load *ld)
{
    if (!ld->conf->state_dir && !(ld->conf->state_dir = ts_conf_default_state_dir()))
        ts_conf_error(ld, ld->root,
                      "state_dir has no default without XDG_STATE_HOME and HOME; give a directory");
}

/* Whether a cannot be bound beside b. */
static bool same_address(const struct ts_conf_listen *a, const struct ts_conf_listen *b)
{
    if (!a->host)
        return false;
    if (b->path[0])
        return strcmp(a->path, b->path) == 0;
    return a->transport == b->transport && b->port && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* A certificate is worth nothing without its key. */
static void check_pair_of_files(struct ts_conf_load *ld, enum ts_conf_section section, unsigned i,
                                const char *certificate, const char *key)
{
    if (certificate && key && !certificate[0] != !key[0])
        ts_conf_error(ld, ts_conf_at(ld, section, i, certificate[0] ? "certificate" : "key"),
                      "%s without %s; give both or none", certificate[0] ? "certificate" : "key",
                      certificate[0] ? "key" : "certificate");
}

/* Two templates for the same names: the second would never be used. */
static void check_templates(struct ts_conf_load *ld, unsigned i)
{
    const struct ts_conf_node *list = ts_conf_at(ld, TS_SECTION_listen, i, "templates");
    for (unsigned j = 1; ld->conf->listen[i].templates && j < list->n; j++) {
        struct ts_template a, b;
        struct ts_err err;
        const struct ts_conf_node *item = list->entries[j].value;
        for (unsigned k = 0; k < j; k++) {
            if (ts_template_read(ts_str_of(item->text), &a, &err) == 0 &&
                ts_template_read(ts_str_of(list->entries[k].value->text), &b, &err) == 0 &&
                ts_template_same_filter(&a, &b))
                ts_conf_error(ld, item, "templates: %s has the filter of another template; keep one of them",
                              ts_log_quote_z(item->text));
        }
    }
}

/* Options that nothing would come of. */
static void check_statsd_only(struct ts_conf_load *ld, unsigned i)
{
    const struct ts_conf_listen *lis = &ld->conf->listen[i];
    const char *idle = lis->templates ? "templates" : lis->origin_tags ? "origin_tags" : NULL;
    if (lis->format == TS_FORMAT_INFLUX && idle)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_listen, i, idle),
                      "%s: only statsd lines have use for it; remove it, or give format: auto", idle);
    bool given = ts_conf_at(ld, TS_SECTION_listen, i, "templates")->kind == TS_NODE_LIST; /* good or not */
    if (!given && lis->template_joiner && strcmp(lis->template_joiner, ".") != 0)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_listen, i, "template_joiner"),
                      "template_joiner without templates; give both or none");
}

static void check_listeners(struct ts_conf_load *ld)
{
    for (unsigned i = 0; i < ld->conf->nlisten; i++) {
        struct ts_conf_listen *lis = &ld->conf->listen[i];
        struct ts_listen_url url;
        if (!lis->url || ts_conf_read_listen_url(ts_str_of(lis->url), &url))
            continue;
        lis->transport = url.transport;
        lis->host = ts_xstrdup(url.host);
        lis->path = ts_xstrndup(url.path.len ? url.path.p : "", url.path.len);
        lis->port = url.port;
        check_templates(ld, i);
        check_statsd_only(ld, i);
        if (lis->burst && !lis->rate_limit)
            ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_listen, i, "burst"),
                          "burst without rate_limit; give both or none");
        check_pair_of_files(ld, TS_SECTION_listen, i, lis->certificate, lis->key);
        if (lis->client_ca && lis->client_ca[0] && lis->certificate && !lis->certificate[0])
            ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_listen, i, "client_ca"),
                          "client_ca without certificate: clients have certificates in TLS alone; give "
                          "certificate and key");
        for (unsigned j = 0; j < i; j++)
            if (same_address(&ld->conf->listen[j], lis))
                ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_listen, i, "url"),
                              "url: %s is listened on already; %s", lis->url,
                              lis->path[0] ? "use another path"
                                           : "use another port, or with udp sockets: 2 for more threads");
    }
}

static void check_http(struct ts_conf_load *ld)
{
    char host[TS_HOST_MAX];
    uint16_t port;
    const char *address = ld->conf->http.address;
    check_pair_of_files(ld, TS_SECTION_http, 0, ld->conf->http.certificate, ld->conf->http.key);
    if (address && address[0] && ts_conf_read_address(ts_str_of(address), host, &port) == 0 &&
        !ts_conf_is_loopback(host) && !ld->conf->http.token[0])
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_http, 0, "address"),
                      "address: %s can be reached from outside and there is no token; give http.token, or "
                      "listen on 127.0.0.1",
                      address);
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* Whether points sent to both end up in one place. */
static bool same_target(const struct ts_conf_sink *a, const struct ts_conf_sink *b)
{
    if (!same(a->type, b->type))
        return false;
    if (same(a->type, "file"))
        return same(a->path, b->path);
    if (same(a->type, "store"))
        return same(a->bucket, b->bucket);
    return same(a->url, b->url) &&
           (same(a->bucket, b->bucket)
                ? same(a->org, b->org)
                : same(a->database, b->database) && same(a->retention_policy, b->retention_policy));
}

void ts_conf_check_target(struct ts_conf_load *ld, unsigned i)
{
    const struct ts_conf_sink *sink = &ld->conf->sinks[i];
    for (unsigned j = 0; j < i; j++)
        if (same_target(sink, &ld->conf->sinks[j]))
            ts_conf_error(ld, sink->derived ? ts_conf_at(ld, TS_SECTION_sinks, j, "bucket") : ts_conf_at(ld, TS_SECTION_sinks, i, "type"),
                          "sinks %s and %s write to the same place; %s", ld->conf->sinks[j].name, sink->name,
                          sink->derived ? "let the rollup with this bucket go to this sink" : "remove one, or give it another target");
}

static void check_sink(struct ts_conf_load *ld, unsigned i)
{
    struct ts_conf_sink *sink = &ld->conf->sinks[i];
    if (same(sink->type, "file") && !sink->path && ld->conf->state_dir)
        sink->path = print_path(ld->conf->state_dir, "rollups.lp");
    if (sink->retry_min_ns > sink->retry_max_ns)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_sinks, i, "retry_min"),
                      "retry_min is longer than retry_max; give a shorter one");
    if (same(sink->type, "store") && sink->retention_ns > 0 && sink->retention_ns < 3600 * TS_SEC)
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_sinks, i, "retention"), "retention is shorter than 1h; give at least 1h, or 0s for ever");
    if (same(sink->type, "influxdb1") && sink->password && sink->password[0] && !sink->username[0])
        ts_conf_error(ld, ts_conf_at(ld, TS_SECTION_sinks, i, "password"),
                      "password without username; give both or none");
    ts_conf_check_target(ld, i);
}

static void check_sinks(struct ts_conf_load *ld)
{
    const struct ts_conf_option opt = {.key = "sink", .type = TS_CONF_NAME};
    const struct ts_conf_entry *section = ts_conf_node_find(ld->root, TS_STR("sinks"));
    for (unsigned i = 0; i < ld->conf->nsinks; i++) {
        const struct ts_conf_node *key = section->value->entries[i].key;
        struct ts_err err;
        if (ts_conf_option_read(&opt, ts_str_of(key->text), &ld->conf->sinks[i].name, &err)) {
            ld->conf->sinks[i].name = ts_xstrdup("");
            ts_conf_error(ld, key, "%s; give a name of 1 to 63 letters, digits, _ and -", err.msg);
        }
        check_sink(ld, i);
    }
}

/* `to`: every name exists; without any, all sinks. list: where the names stand. */
static void check_to(struct ts_conf_load *ld, const struct ts_conf_node *list, char **to)
{
    size_t room = 1;
    for (unsigned j = 0; j < ld->conf->nsinks; j++)
        room += strlen(ld->conf->sinks[j].name) + 1;
    struct ts_buf all = {.p = ts_xalloc(room), .cap = room}; /* it grows no more: what comes next does not fail */
    for (unsigned j = 0; j < ld->conf->nsinks; j++)
        ts_buf_printf(&all, "%s%s", j ? "," : "", ld->conf->sinks[j].name);
    const char *names = ts_buf_cstr(&all);
    for (unsigned j = 0; *to && j < list->n; j++) {
        const struct ts_conf_node *item = list->entries[j].value;
        struct ts_conf_near near = {.nearest.asked = ts_str_of(item->text)};
        struct ts_str rest = ts_str_of(names), word;
        struct ts_err remedy;
        if (ts_conf_has_word(names, near.nearest.asked))
            continue;
        while (ts_conf_next(&rest, ',', &word))
            ts_conf_near_offer(&near, word);
        ts_conf_near_print(&near, "there are:", &remedy);
        ts_conf_error(ld, item, "to: unknown sink %s; %s", ts_log_quote_z(item->text), remedy.msg);
    }
    if (!*to)
        *to = ts_xstrdup(names);
    ts_buf_fini(&all);
}

void ts_conf_check(struct ts_conf_load *ld)
{
    default_state_dir(ld);
    check_listeners(ld);
    check_http(ld);
    check_sinks(ld);
    for (unsigned i = 0; i < ld->conf->nrollups; i++)
        check_to(ld, ts_conf_at(ld, TS_SECTION_rollups, i, "to"), &ld->conf->rollups[i].to);
    check_to(ld, ts_conf_at(ld, TS_SECTION_events, 0, "to"), &ld->conf->events.to);
    check_to(ld, ts_conf_at(ld, TS_SECTION_self, 0, "to"), &ld->conf->self.to);
    ts_conf_check_buckets(ld);
    ts_conf_check_pipeline(ld);
    ts_conf_check_rollups(ld);
}
