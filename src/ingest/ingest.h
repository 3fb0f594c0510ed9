#ifndef TS_INGEST_INGEST_H
#define TS_INGEST_INGEST_H
/*
 * Bytes in. A listener reads its socket in batches on a thread of its own and hands the bytes to a consumer:
 * batch begin, data …, batch end. The consumer is what tsaggd.c wires behind it (parse and route).
 * tbl/transports.def says which listener serves which URL.
 */
#include "core/base.h"
#include "core/conf.h"
#include "core/counters.h"
#include "core/err.h"

struct ts_ingest_consumer {
    void (*begin)(void *arg, int64_t arrival_ns);
    /* Whole lines, at most 64 KiB; 64 bytes behind them may be overwritten; they stay until end. */
    void (*data)(void *arg, char *data, size_t len);
    void (*end)(void *arg, bool more);       /* more: the next batch is there already */
    void (*tick)(void *arg, int64_t now_ns); /* between batches, at least every 50 ms */
    void (*last)(void *arg);                 /* nothing comes after this */
    void *arg;
};

struct ts_listener;

/** Sockets that a service manager has bound and passed on. @thread main */
struct ts_inherited {
    int fds[256];
    unsigned n;
};

/** From the environment, which forgets them; none without libsystemd. */
void ts_inherited_init(struct ts_inherited *inh);

/** Adds a duplicate of the listener's socket, so that another listener of its address can take it while this one still reads. @return 0, -TS_EIO. */
int ts_inherited_add(struct ts_inherited *inh, const struct ts_listener *lis) TS_MUST_CHECK;

/** Closes those that were added and not taken. */
void ts_inherited_close(struct ts_inherited *inh);

/** Closes those that no listener took, and says so. */
void ts_inherited_fini(struct ts_inherited *inh);

/**
 * Opens one socket of a listener: takes an inherited one of its address, or binds one. port 0: the system
 * chooses; ts_listener_port tells. conf and cnt are borrowed. sibling: another socket of the same listener, NULL for the
 * first; they share what is the listener's, such as its rate_limit.
 * @return 0; -TS_EIO, -TS_EINVAL, -TS_ENOMEM with *err filled (the URL and what is wrong with it).
 */
int ts_listener_open(const struct ts_conf_listen *conf, uint16_t port, struct ts_inherited *inh,
                     struct ts_counters *cnt, struct ts_listener *sibling, struct ts_listener **out, struct ts_err *err) TS_MUST_CHECK;

/** 0 for a unix socket. */
uint16_t ts_listener_port(const struct ts_listener *lis);

/** Whether another listener has the same socket's file; if so it is that one's to remove from now on. @thread main */
void ts_listener_hand_over(struct ts_listener *from, struct ts_listener *to);

/** Where the bytes go; before the thread starts. */
void ts_listener_set_consumer(struct ts_listener *lis, const struct ts_ingest_consumer *consumer);

/**
 * The thread's function: reads until ts_listener_stop, then what the kernel still holds, for 2 s at most,
 * then `last`. arg is the struct ts_listener.
 */
void *ts_listener_run(void *arg);

/** @thread any */
void ts_listener_stop(struct ts_listener *lis);

/** After the thread has ended. */
void ts_listener_close(struct ts_listener **lis);

/* ---- a file or standard input, to its end: ingest_file.c ---- */

struct ts_file;

enum ts_file_state { TS_FILE_READING, TS_FILE_ENDED, TS_FILE_STOPPED, TS_FILE_FAILED };

/** Where the first line of the text ends, or len: ts_parse_line_end. */
typedef size_t ts_line_end_fn(const char *p, size_t len, enum ts_format format);

/**
 * Opens the file, "-" for standard input. The path is borrowed.
 * @return 0; -TS_EIO, -TS_EINVAL with *err filled.
 */
int ts_file_open(const char *path, enum ts_format format, ts_line_end_fn *line_end, struct ts_counters *cnt,
                 struct ts_file **out, struct ts_err *err) TS_MUST_CHECK;

/** Its size in bytes when it was opened; 0: unknown, a pipe. */
uint64_t ts_file_size(const struct ts_file *file);

/** Where the bytes go; before the thread starts. Nothing is dropped here: a consumer that waits keeps the file waiting. */
void ts_file_set_consumer(struct ts_file *file, const struct ts_ingest_consumer *consumer);

/** The thread's function: reads to the end or until ts_file_stop, then `last`. arg is the struct ts_file. */
void *ts_file_run(void *arg);

/** @thread any */
enum ts_file_state ts_file_state(const struct ts_file *file);

/** @thread any */
void ts_file_stop(struct ts_file *file);

/** After the thread has ended. */
void ts_file_close(struct ts_file **file);

#endif
