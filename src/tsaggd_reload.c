/*
 * SIGHUP and POST /api/v1/reload: the configuration is read again and takes the running one's place, as far as that can be. Thread: main;
 * requests ask and wait. First all that can fail, beside what runs: reading, checking, opening sockets, files and clients. Then rollups,
 * sinks, listeners. What needs a restart is said.
 */
#include "config.h"
#include "tsaggd_reload.h"

#include "core/clock.h"
#include "core/counters.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/pressure.h"
#include "tsaggd_self.h"
#include "tsaggd_store.h"

#include <signal.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

struct reload {
    const char *file;
    const char *const *set;
    unsigned nset;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t answered;
    uint64_t asked, done; /* requests, and how many of them the answer is for */
    int rc;
    struct ts_buf text; /* the answer */
    struct ts_counters *cnt; /* @thread main */
    bool ended;
};

struct plan {
    struct ts_conf *next;
    struct listeners_change *listeners;
    struct ts_sinks_change *sinks;
    struct ts_rules_change *rules;
};

void reload_init(struct daemon *dmn, const char *file, const char *const *set, unsigned nset)
{
    struct reload *rld = dmn->reload = ts_xalloc(sizeof *rld);
    *rld = (struct reload){.file = file, .set = set, .nset = nset, .cnt = ts_counters_new(NULL, NULL)};
    pthread_mutex_init(&rld->lock, NULL);
    pthread_cond_init(&rld->answered, NULL);
}

void reload_free(struct daemon *dmn)
{
    struct reload *rld = dmn->reload;
    pthread_cond_destroy(&rld->answered);
    pthread_mutex_destroy(&rld->lock);
    ts_buf_fini(&rld->text);
    TS_FREE(dmn->reload);
}

static struct ts_feed *add_feed(void *arg, const char *name)
{
    return ts_journal_add_feed(arg, name);
}

static void leave_feed(void *arg, struct ts_feed *feed)
{
    ts_journal_leave_feed(arg, feed);
}

/* The buckets of the new sinks; the first sink of the store comes with a start, as do the pages that it has. */
static int prepare_store(struct daemon *dmn, const struct ts_conf *next, struct ts_err *err)
{
    for (unsigned i = 0; i < next->nsinks && !dmn->store; i++)
        if (strcmp(next->sinks[i].type, "store") == 0)
            return ts_fail(err, TS_EINVAL, "sink %s: the store is not open; restart for it", next->sinks[i].name);
    return dmn->store ? store_put_buckets(next, dmn->store, err) : 0;
}

static int prepare(struct daemon *dmn, struct plan *plan, struct ts_err *err)
{
    struct ts_feeds feeds = {add_feed, leave_feed, dmn->journal};
    int rc = prepare_store(dmn, plan->next, err);
    rc = rc ? rc : ts_sinks_prepare(dmn->sinks, plan->next, &feeds, &plan->sinks, err);
    rc = rc ? rc : ts_rules_prepare(dmn->workers, dmn->nshards, dmn->plan, dmn->conf, plan->next, &plan->rules, err);
    rc = rc ? rc : listeners_prepare(dmn, plan->next, &plan->listeners, err);
    if (rc)
        ts_rules_cancel(&plan->rules);
    if (rc && plan->sinks)
        ts_sinks_cancel(&plan->sinks);
    return rc;
}

static void commit(struct daemon *dmn, struct plan *plan, struct ts_buf *text)
{
    unsigned opened, closed;
    int64_t begun_ns = ts_clock_mono_ns();
    struct ts_rules_changed rules;
    struct ts_rule_plan *former = dmn->plan;
    dmn->plan = ts_rules_commit(&plan->rules, &rules);
    ts_rule_plan_unref(&former);
    unsigned sinks = ts_sinks_commit(dmn->sinks, &plan->sinks);
    dmn->events_to = ts_conf_keep(plan->next->events.to);
    for (unsigned s = 0; s < dmn->nsources; s++)
        ts_passer_set_to(dmn->sources[s]->passer, dmn->events_to);
    listeners_commit(dmn, &plan->listeners, &opened, &closed);
    self_set(dmn, plan->next);
    ts_log_set_level(plan->next->log_level);
    ts_pressure_init(plan->next->limits.memory_bytes);
    struct ts_buf line = TS_BUF_INIT;
    daemon_put_listeners(dmn, &line);
    ts_log(TS_LOG_INFO, "reloaded", "rollups_begun=%u rollups_ended=%u rollups_moved=%u sinks_changed=%u sockets_opened=%u sockets_closed=%u ms=%lld%s", rules.begun, rules.ended, rules.moved, sinks, opened, closed,
           (long long)((ts_clock_mono_ns() - begun_ns) / TS_MS), line.len ? ts_buf_cstr(&line) : "");
    ts_buf_fini(&line);
    ts_buf_printf(text, "reloaded: %u rollups begin, %u end, %u rollups go elsewhere, %u sinks changed, %u sockets opened, %u closed\n", rules.begun, rules.ended,
                  rules.moved, sinks, opened, closed);
}

static void tell_fixed(const struct daemon *dmn, const struct ts_conf *next, struct ts_buf *text)
{
    struct ts_buf names = TS_BUF_INIT;
    ts_conf_fixed_changes(dmn->conf, next, &names);
    if (names.len) {
        const char *z = ts_buf_cstr(&names);
        ts_log(TS_LOG_WARN, "reload_needs_restart", "options=%s", ts_log_quote_z(z ? z : ""));
        ts_buf_printf(text, "needs a restart: %s\n", z ? z : "");
    }
    ts_buf_fini(&names);
}

/* Each line of the text is an error. */
static void tell_errors(const struct ts_buf *text)
{
    struct ts_str rest = ts_buf_str(text);
    while (rest.len) {
        const char *end = memchr(rest.p, '\n', rest.len);
        size_t n = end ? (size_t)(end - rest.p) : rest.len;
        ts_log(TS_LOG_ERROR, "reload_failed", "error=%s what=\"the former configuration stays in force\"",
               ts_log_quote((struct ts_str){rest.p, n}).z);
        n += end != NULL;
        rest = (struct ts_str){rest.p + n, rest.len - n};
    }
}

static int reload(struct daemon *dmn, struct ts_buf *text)
{
    const struct reload *rld = dmn->reload;
    struct plan plan = {0};
    struct ts_err err = {""};
    int rc = ts_conf_load(rld->file, rld->set, rld->nset, &plan.next, text);
    if (rc == 0) {
        rc = prepare(dmn, &plan, &err);
        if (rc)
            ts_buf_printf(text, "%s\n", err.msg);
    }
    if (rc) {
        tell_errors(text);
    } else {
        commit(dmn, &plan, text);
        tell_fixed(dmn, plan.next, text);
        plan.next = NULL; /* the rules have it */
    }
    ts_conf_free(&plan.next);
    return rc;
}

static void notify(bool ready)
{
#ifdef HAVE_SYSTEMD
    if (ready)
        sd_notify(0, "READY=1");
    else
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(ts_clock_mono_ns() / TS_US));
#else
    (void)ready;
#endif
}

void reload_now(struct daemon *dmn)
{
    struct reload *rld = dmn->reload;
    struct ts_buf text = TS_BUF_INIT;
    pthread_mutex_lock(&rld->lock);
    uint64_t asked = rld->asked;
    pthread_mutex_unlock(&rld->lock);
    notify(false);
    int rc = reload(dmn, &text);
    ts_count(rld->cnt, rc ? TS_C_RELOADS_FAILED : TS_C_RELOADS_DONE, 1);
    notify(true);
    pthread_mutex_lock(&rld->lock);
    ts_buf_fini(&rld->text);
    rld->text = text;
    rld->rc = rc;
    rld->done = asked;
    pthread_cond_broadcast(&rld->answered);
    pthread_mutex_unlock(&rld->lock);
}

int reload_ask(void *arg, struct ts_buf *answer)
{
    struct reload *rld = ((struct daemon *)arg)->reload;
    pthread_mutex_lock(&rld->lock);
    uint64_t mine = ++rld->asked;
    kill(getpid(), SIGHUP); /* only main takes it: all others block it */
    while (rld->done < mine && !rld->ended)
        pthread_cond_wait(&rld->answered, &rld->lock);
    int rc = rld->done < mine ? -TS_EBUSY : rld->rc;
    if (rld->done >= mine)
        ts_buf_put_str(answer, ts_buf_str(&rld->text));
    else
        ts_buf_puts(answer, "tsaggd is shutting down\n");
    pthread_mutex_unlock(&rld->lock);
    return rc;
}

void reload_end(struct daemon *dmn)
{
    struct reload *rld = dmn->reload;
    pthread_mutex_lock(&rld->lock);
    rld->ended = true;
    pthread_cond_broadcast(&rld->answered);
    pthread_mutex_unlock(&rld->lock);
}
