/*
 * Bodies to batches of data. Thread: ingest, one for all requests; owns the piece being handed on. When the
 * workers are behind the consumer waits, and with it the requests whose bodies stand in the queue: one for
 * each connection of the server, at most.
 */
#include "config.h"
#include "ingest/ingest_body.h"

#include "core/clock.h"
#include "core/mem.h"

#include <pthread.h>
#include <time.h>

#define PADDING 64 /* behind a piece, as the consumer wants it */

/* A body in the queue; lives on the stack of the thread that waits for it. */
struct post {
    struct ts_body *body;
    struct post *next;
    pthread_cond_t done;
    bool is_done;
};

struct ts_bodies {
    struct ts_ingest_consumer to;
    void (*set_precision)(void *arg, int64_t precision_ns);
    struct ts_counters *cnt;
    pthread_mutex_t lock; /* of what follows, up to piece */
    pthread_cond_t come;
    struct post *first, **end;
    bool stopped;
    char piece[TS_BODY_PIECE_MAX + PADDING];
};

struct ts_bodies *ts_bodies_new(struct ts_counters *cnt)
{
    struct ts_bodies *bds = ts_xalloc(sizeof *bds);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&bds->come, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&bds->lock, NULL);
    bds->cnt = cnt;
    bds->end = &bds->first;
    return bds;
}

void ts_bodies_set_consumer(struct ts_bodies *bds, const struct ts_ingest_consumer *consumer,
                            void (*set_precision)(void *arg, int64_t precision_ns))
{
    bds->to = *consumer;
    bds->set_precision = set_precision;
}

void ts_bodies_free(struct ts_bodies **bds)
{
    if (*bds) {
        pthread_cond_destroy(&(*bds)->come);
        pthread_mutex_destroy(&(*bds)->lock);
        TS_FREE(*bds);
    }
}

int ts_bodies_post(struct ts_bodies *bds, struct ts_body *body)
{
    struct post post = {.body = body};
    pthread_mutex_lock(&bds->lock);
    if (bds->stopped) {
        pthread_mutex_unlock(&bds->lock);
        return -TS_EBUSY;
    }
    pthread_cond_init(&post.done, NULL);
    *bds->end = &post;
    bds->end = &post.next;
    pthread_cond_signal(&bds->come);
    while (!post.is_done)
        pthread_cond_wait(&post.done, &bds->lock);
    pthread_mutex_unlock(&bds->lock);
    pthread_cond_destroy(&post.done);
    return 0;
}

void ts_bodies_stop(struct ts_bodies *bds)
{
    pthread_mutex_lock(&bds->lock);
    bds->stopped = true;
    pthread_cond_signal(&bds->come);
    pthread_mutex_unlock(&bds->lock);
}

/* The wholes before their parts, for whoever reads the ledger meanwhile. */
static void count(struct ts_bodies *bds, const struct ts_body *body)
{
    ts_count(bds->cnt, TS_C_BYTES_RECEIVED, body->received_bytes);
    ts_count(bds->cnt, TS_C_LINES_RECEIVED, body->rejected);
    ts_count(bds->cnt, TS_C_SAMPLES_RECEIVED, body->rejected);
    for (unsigned i = 0; i < TS_C_COUNT; i++)
        if (body->rejected_by[i])
            ts_count(bds->cnt, (enum ts_counter)i, body->rejected_by[i]);
}

/* Each piece is a batch, so that workers which get nothing of a long body hear of the time all the same. */
static void hand_on(struct ts_bodies *bds, const struct ts_body *body)
{
    const struct ts_ingest_consumer *to = &bds->to;
    count(bds, body);
    bds->set_precision(to->arg, body->precision_ns);
    for (size_t i = 0; i < body->npieces; i++) {
        int64_t now_ns = ts_clock_now_ns();
        memcpy(bds->piece, body->pieces[i].p, body->pieces[i].len);
        to->begin(to->arg, now_ns);
        to->data(to->arg, bds->piece, body->pieces[i].len);
        to->end(to->arg, false);
        to->tick(to->arg, now_ns);
    }
}

/* Waits for a body until the next tick. @return false: none, and none will come. The lock is held. */
static bool wait_for_post(struct ts_bodies *bds)
{
    int64_t until_ns = ts_clock_mono_ns() + ts_clock_to_tick(ts_clock_now_ns());
    struct timespec until = {until_ns / TS_SEC, until_ns % TS_SEC};
    if (!bds->first && !bds->stopped)
        pthread_cond_timedwait(&bds->come, &bds->lock, &until);
    return bds->first || !bds->stopped;
}

void *ts_bodies_run(void *arg)
{
    struct ts_bodies *bds = arg;
    pthread_mutex_lock(&bds->lock);
    while (wait_for_post(bds)) {
        struct post *post = bds->first;
        if (post) {
            bds->first = post->next;
            if (!bds->first)
                bds->end = &bds->first;
        }
        pthread_mutex_unlock(&bds->lock);
        if (post)
            hand_on(bds, post->body);
        bds->to.tick(bds->to.arg, ts_clock_now_ns());
        pthread_mutex_lock(&bds->lock);
        if (post) {
            post->is_done = true;
            pthread_cond_signal(&post->done);
        }
    }
    pthread_mutex_unlock(&bds->lock);
    bds->to.last(bds->to.arg);
    return NULL;
}
