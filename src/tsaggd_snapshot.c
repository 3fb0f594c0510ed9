/*
 * Snapshots in tsaggd: what a start finds is read here, checked against the journal, given to the workers, and set aside when it
 * cannot be read. Thread: main. No snapshot, however damaged, keeps tsaggd from starting.
 */
#include "config.h"
#include "tsaggd_snapshot.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct ts_feed_pos journal_end(void *arg)
{
    return ts_journal_end(arg);
}

static uint64_t journal_durable(void *arg, unsigned worker)
{
    return ts_journal_durable(arg, worker); /* the workers' rings are the first ones */
}

static void journal_hold(void *arg, struct ts_feed_pos from)
{
    ts_journal_hold(arg, from);
}

static void spoil(void *arg)
{
    struct snapshots *snaps = arg;
    if (snaps->writer)
        ts_snapshots_spoil(snaps->writer);
    else
        (void)unlink(snaps->path); /* of a run before this replay */
}

/* What a source is called in every run. */
static uint64_t source_key(const struct source *sources, unsigned s)
{
    unsigned same = 0; /* sockets of one listener stand side by side */
    while (s > same && sources[s - same - 1].listen == sources[s].listen)
        same++;
    const char *url = sources[s].listen ? sources[s].listen->url : "http";
    return ts_hash_seeded(url, strlen(url), same);
}

/* A file that is there and cannot be read, for good. */
static void set_aside(const char *path, const char *why)
{
    struct ts_buf bad = TS_BUF_INIT;
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    ts_buf_printf(&bad, "%s.bad", path);
    const char *to = ts_buf_cstr(&bad);
    if (!to || rename(path, to) != 0)
        ts_log(TS_LOG_WARN, "snapshot_not_moved", "file=%s error=%s", ts_log_quote_z(path), ts_log_quote_z(strerror(errno)));
    ts_count(cnt, TS_C_SNAPSHOTS_SET_ASIDE, 1);
    ts_log(TS_LOG_WARN, "snapshot_set_aside", "file=%s why=%s", ts_log_quote_z(to ? to : path), ts_log_quote_z(why));
    ts_buf_fini(&bad);
}

static void tell(const struct ts_restored *got)
{
    ts_log(TS_LOG_INFO, "restored", "series=%llu windows=%llu sealed_since=%llu gap=%.3fs", (unsigned long long)got->series,
           (unsigned long long)(got->panes - got->sealed), (unsigned long long)got->sealed, (double)got->gap_ns / 1e9);
    if (got->no_rule || got->no_room)
        ts_log(TS_LOG_WARN, "restored_in_part", "no_rollup=%llu no_room=%llu what=\"windows of series that no rollup is like any more, or without room\"",
               (unsigned long long)got->no_rule, (unsigned long long)got->no_room);
}

/* @return NULL, or why the snapshot is of no use. */
static const char *restore(struct snapshots *snaps, struct ts_str bytes, int64_t known_ns, struct ts_journal *jr, bool input,
                           struct ts_restored *got)
{
    struct ts_snapshot snap;
    int rc = ts_snapshot_check(bytes, &snap);
    if (rc)
        return rc == -TS_EINVAL ? "it is of another version" : "it is damaged, or not whole";
    ts_journal_hold(jr, snap.at);
    if (input)
        return NULL;
    struct ts_sealed *sealed = ts_sealed_new();
    rc = ts_journal_scan(jr, snap.at, ts_sealed_note, sealed);
    if (rc == 0)
        rc = ts_snapshot_restore(&snap, sealed, &snaps->conf, ts_clock_now_ns(), got);
    ts_sealed_free(&sealed);
    if (rc == -TS_ENOTFOUND || rc == -TS_EIO || rc == -TS_ENOMEM)
        return "the journal no longer tells what was sealed since";
    got->gap_ns = TS_MAX(ts_clock_now_ns() - TS_MAX(known_ns, snap.taken_ns), 0);
    tell(got);
    return rc ? "a part of it cannot be read" : NULL;
}

/* The bytes of the file, to be unmapped. @return -TS_ENOTFOUND: there is none. */
static int map_file(const char *path, struct ts_str *bytes, int64_t *known_ns)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -TS_ENOTFOUND : -TS_EIO;
    void *p = fstat(fd, &st) == 0 && st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (p == MAP_FAILED)
        return -TS_EIO;
    *bytes = (struct ts_str){p, (size_t)st.st_size};
    *known_ns = (int64_t)st.st_mtim.tv_sec * TS_SEC + st.st_mtim.tv_nsec;
    return 0;
}

static void read_former(struct snapshots *snaps, struct ts_journal *jr, bool input, struct ts_restored *got)
{
    struct ts_str bytes;
    int64_t known_ns;
    int rc = map_file(snaps->path, &bytes, &known_ns);
    const char *why = "it cannot be opened, or is empty";
    if (rc == 0) {
        why = restore(snaps, bytes, known_ns, jr, input, got);
        (void)munmap((void *)(uintptr_t)bytes.p, bytes.len);
    }
    bool off = !input && snaps->conf.conf->snapshot_ns == 0; /* nothing keeps it up to date from now on */
    if (rc == -TS_ENOTFOUND || (!why && !off))
        return;
    if (why)
        set_aside(snaps->path, why);
    else
        (void)unlink(snaps->path);
    ts_journal_hold(jr, (struct ts_feed_pos){UINT64_MAX, 0});
}

void snapshots_open(struct snapshots *snaps, const struct ts_conf *conf, struct ts_journal *jr, struct ts_worker *const *workers,
                    unsigned nworkers, const struct source *sources, unsigned nsources, bool input)
{
    struct ts_restored got = {0};
    struct ts_journal_holder holder = {.spoil = spoil, .arg = snaps};
    struct ts_buf path = TS_BUF_INIT;
    ts_buf_printf(&path, "%s/snapshot", conf->state_dir);
    snaps->path = ts_xstrndup(path.p, path.len);
    ts_buf_fini(&path);
    snaps->source_keys = ts_xalloc(TS_MAX(nsources, 1u) * sizeof *snaps->source_keys);
    for (unsigned s = 0; s < nsources; s++)
        snaps->source_keys[s] = source_key(sources, s);
    snaps->conf = (struct ts_snapshots_conf){.conf = conf,
                                             .workers = workers,
                                             .nworkers = nworkers,
                                             .source_keys = snaps->source_keys,
                                             .journal = {journal_end, journal_durable, journal_hold, jr}};
    read_former(snaps, jr, input, &got);
    if (!input && conf->snapshot_ns) {
        snaps->writer = ts_snapshots_new(&snaps->conf);
        ts_snapshots_set_restored(snaps->writer, &got);
        holder.bell = ts_snapshots_bell(snaps->writer);
    }
    ts_journal_set_holder(jr, &holder);
}

int snapshots_start(struct snapshots *snaps)
{
    return snaps->writer ? ts_snapshots_start(snaps->writer) : 0;
}

void snapshots_stop(struct snapshots *snaps)
{
    if (snaps->writer)
        ts_snapshots_stop(snaps->writer);
}

void snapshots_commit(struct snapshots *snaps, bool good)
{
    if (snaps->writer && good)
        ts_snapshots_commit(snaps->writer);
}

void snapshots_close(struct snapshots *snaps)
{
    ts_snapshots_free(&snaps->writer);
    ts_free(snaps->source_keys);
    ts_free(snaps->path);
}
