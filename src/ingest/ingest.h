#ifndef TS_INGEST_INGEST_H
#define TS_INGEST_INGEST_H
/*
 * Bytes in. A listener reads its socket in batches on a thread of its own and hands the bytes to a consumer: batch begin,
 * data …, batch end. The consumer is what tsaggd.c wires behind it (parse and route).
 */
#include "core/base.h"
#include "core/conf.h"
#include "core/counters.h"
#include "core/err.h"

struct ts_ingest_consumer {
    void (*begin)(void *arg, int64_t arrival_ns);
    void (*data)(void *arg, char *data, size_t len); /* at most 64 KiB; 64 bytes behind it may be overwritten; stays until end */
    void (*end)(void *arg);
    void (*tick)(void *arg, int64_t now_ns);         /* between batches, at least every 50 ms */
    void (*last)(void *arg);                         /* nothing comes after this */
    void *arg;
};

struct ts_udp;

/**
 * Opens and binds one socket of a UDP listener. port 0: the system chooses; ts_udp_port tells.
 * @return 0; -TS_EIO, -TS_EINVAL with *err filled (the URL and what is wrong with it).
 */
int ts_udp_open(const struct ts_conf_listen *conf, uint16_t port, struct ts_counters *cnt, struct ts_udp **out,
                struct ts_err *err) TS_MUST_CHECK;

uint16_t ts_udp_port(const struct ts_udp *udp);

/** Where the bytes go; before the thread starts. */
void ts_udp_set_consumer(struct ts_udp *udp, const struct ts_ingest_consumer *consumer);

/** The thread's function: reads until ts_udp_stop, then what the kernel still holds, then `last`. arg is the struct ts_udp. */
void *ts_udp_run(void *arg);

/** @thread any */
void ts_udp_stop(struct ts_udp *udp);

/** After the thread has ended. */
void ts_udp_close(struct ts_udp **udp);

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
