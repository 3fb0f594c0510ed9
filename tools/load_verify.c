/*
 * Asks a tsaggd for its ledger before and after a load, and makes of the difference what was lost, where, and
 * how long it took. What others send meanwhile cannot be told apart: more than was sent then arrives, and is
 * told.
 */
#include "config.h"
#include "load.h"
#include "status_http.h"

#include "core/clock.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define ASK_NS   (2 * TS_MS)
#define QUIET_NS (2 * TS_SEC) /* nothing has come for so long: nothing will */

static uint64_t number(const json_t *root, const char *group, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(json_object_get(root, group), key));
}

int load_ledger_read(const struct load_options *opt, struct load_ledger *out)
{
    struct ts_buf answer = TS_BUF_INIT;
    int rc = status_fetch("tsagg-load: --verify", opt->verify, opt->token, opt->ca, "/api/v1/status", &answer);
    json_t *root = rc == 0 ? json_loadb(answer.p ? answer.p : "", answer.len, 0, NULL) : NULL;
    if (rc == 0 && !json_is_object(json_object_get(root, "samples"))) {
        fprintf(stderr,
                "tsagg-load: --verify: the answer of %s is no status; is this tsaggd's http.address?\n",
                opt->verify);
        rc = -TS_ECONNECT;
    }
    *out = (struct load_ledger){.received = number(root, "lines", "received"),
                                .rejected = number(root, "lines", "rejected"),
                                .aggregated = number(root, "samples", "aggregated"),
                                .dropped = number(root, "samples", "dropped"),
                                .kernel_dropped = number(root, "datagrams", "kernel_dropped")};
    json_decref(root);
    ts_buf_fini(&answer);
    return rc == 0 ? LOAD_OK : rc == -TS_EAUTH ? LOAD_REFUSED : LOAD_UNREACHABLE;
}

int load_verify(const struct load_options *opt, const struct load_ledger *before,
                const struct load_sent *sent, int64_t sent_at_ns, struct load_verdict *out)
{
    int64_t moved_ns = ts_clock_mono_ns();
    uint64_t seen = 0;
    *out = (struct load_verdict){.lag_ns = 0};
    for (;;) {
        struct load_ledger now;
        int rc = load_ledger_read(opt, &now);
        if (rc != LOAD_OK)
            return rc;
        if (now.received < before->received) {
            fprintf(stderr,
                    "tsagg-load: --verify: the tsaggd at %s was restarted meanwhile: its ledger began anew\n",
                    opt->verify);
            return LOAD_LOST;
        }
        out->now = (struct load_ledger){now.received - before->received, now.rejected - before->rejected,
                                        now.aggregated - before->aggregated, now.dropped - before->dropped,
                                        now.kernel_dropped - before->kernel_dropped};
        uint64_t accounted = out->now.aggregated + out->now.dropped + out->now.rejected;
        int64_t now_ns = ts_clock_mono_ns();
        if (accounted > seen) {
            out->lag_ns = now_ns - sent_at_ns;
            moved_ns = now_ns;
            seen = accounted;
        }
        if (accounted >= sent->lines || now_ns - moved_ns >= QUIET_NS)
            break;
        nanosleep(&(struct timespec){0, ASK_NS}, NULL);
    }
    out->lost = sent->lines - TS_MIN(sent->lines, out->now.aggregated);
    return out->lost ? LOAD_LOST : LOAD_OK;
}
