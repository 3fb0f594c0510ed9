#ifndef TS_INGEST_BODY_H
#define TS_INGEST_BODY_H
/*
 * Request bodies in: any thread posts one and waits until a thread here has handed it to the consumer, which
 * therefore runs on one thread as a socket's does.
 */
#include "core/body.h"
#include "ingest/ingest.h"

struct ts_bodies;

/** cnt belongs to the thread from ts_bodies_run on. Ends the process without memory. @thread main */
struct ts_bodies *ts_bodies_new(struct ts_counters *cnt);

/** Where the lines go; before the thread starts. set_precision is called before the begin of each batch. */
void ts_bodies_set_consumer(struct ts_bodies *bds, const struct ts_ingest_consumer *consumer,
                            void (*set_precision)(void *arg, int64_t precision_ns));

/** The thread's function: hands on bodies until ts_bodies_stop, then those that are waiting, then `last`. arg
 * is the struct ts_bodies. */
void *ts_bodies_run(void *arg);

/**
 * Hands on the pieces of a body that was read (ts_parse_body), counts its rejected lines, and waits for both.
 * @return 0; -TS_EBUSY after ts_bodies_stop. @thread any
 */
int ts_bodies_post(struct ts_bodies *bds, struct ts_body *body) TS_MUST_CHECK;

/** Bodies posted from now on are refused. @thread any */
void ts_bodies_stop(struct ts_bodies *bds);

/** After the thread has ended, and every thread that posts. */
void ts_bodies_free(struct ts_bodies **bds);

#endif
