#ifndef TESTS_UNIT_HTTP_SERVER_H
#define TESTS_UNIT_HTTP_SERVER_H
/*
 * An InfluxDB that answers from a script: one thread, one connection at a time, on a free loopback port.
 * Points are lines with an `id=<number>` tag; those that hold "bad" are refused as InfluxDB refuses them.
 */
#include "core/base.h"

#include <pthread.h>

#define SERVER_IDS 20000

enum fault {
    FAULT_NONE,
    FAULT_401,
    FAULT_404,
    FAULT_429_AFTER_1S,
    FAULT_429_AFTER_DATE, /* of a second ago */
    FAULT_429,
    FAULT_408,
    FAULT_500,
    FAULT_503,
    FAULT_302,
    FAULT_200_HTML,
    FAULT_413_HTML,
    FAULT_HANG,
    FAULT_RESET,        /* in the middle of the head, after the points were stored */
    FAULT_RESET_BEFORE, /* the same, nothing stored */
    FAULT_GARBAGE,
    FAULT_COUNT
};

struct server {
    int fd, stop_fd[2];
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock;
    /* set before the start, or under the lock */
    enum fault *script; /* one of these for each request, then FAULT_NONE */
    unsigned nscript;
    unsigned max_lines; /* 413 above; 0: any number */
    bool partial;       /* 422 with the good points stored, instead of 400 with none */
    /* results, under the lock */
    unsigned requests, connections;
    unsigned char stored[SERVER_IDS]; /* times, up to 255 */
    double value[SERVER_IDS];
    unsigned bad_stored;
    unsigned largest; /* lines of a request */
    char target[512], authorization[256], encoding[32];
};

void server_start(struct server *srv);
void server_stop(struct server *srv);

#endif
