/*
 * Segment files: names, headers, the table of those there are, deletion. Thread: journal and sink under the
 * journal's lock, main before they run. A file that cannot be deleted is logged and forgotten until the next
 * start.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/num.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "TSJRNL\r\n";

struct seg_path {
    char z[PATH_MAX];
};

static struct seg_path path_with(const char *dir, uint64_t seq, const char *ending)
{
    struct seg_path path;
    snprintf(path.z, sizeof path.z, "%s/%016llu.%s", dir, (unsigned long long)seq, ending);
    return path;
}

static struct seg_path path_of(const char *dir, uint64_t seq)
{
    return path_with(dir, seq, "seg");
}

static void put_u64(char *to, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (char)(v >> 8 * i & 0xff);
}

static void make_head(char head[TS_SEGMENT_HEAD], uint64_t seq, uint32_t version, unsigned level)
{
    memcpy(head, magic, sizeof magic);
    put_u64(head + 8, version | (uint64_t)level << 32);
    put_u64(head + 16, seq);
    put_u64(head + 24, ts_hash(head, 24));
}

int ts_segment_create(const char *dir, uint64_t seq)
{
    char head[TS_SEGMENT_HEAD];
    make_head(head, seq, TS_SEGMENT_VERSION, 0);
    int fd = open(path_of(dir, seq).z, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return -TS_EIO;
    if (ts_pwrite_all(fd, (struct ts_str){head, sizeof head}, 0) == 0 && ts_dir_sync(dir) == 0)
        return fd;
    int saved = errno;
    close(fd);
    ts_segment_remove(dir, seq);
    errno = saved;
    return -TS_EIO;
}

int ts_segment_open(const char *dir, uint64_t seq)
{
    int fd = open(path_of(dir, seq).z, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -TS_EIO : fd;
}

int ts_segment_check_head(int fd, uint64_t seq, unsigned *level)
{
    char head[TS_SEGMENT_HEAD], want[TS_SEGMENT_HEAD];
    if (ts_pread_all(fd, head, sizeof head, 0) != 0)
        return errno == 0 ? -TS_ECORRUPT : -TS_EIO;
    uint32_t version = (uint32_t)(unsigned char)head[8] | (uint32_t)(unsigned char)head[9] << 8;
    *level = (unsigned char)head[12];
    make_head(want, seq, version, *level);
    if (memcmp(head, want, sizeof head) != 0)
        return -TS_ECORRUPT;
    return version == TS_SEGMENT_VERSION ? 0 : -TS_EINVAL;
}

void ts_segment_remove(const char *dir, uint64_t seq)
{
    struct seg_path path = path_of(dir, seq);
    (void)unlink(path_with(dir, seq, "idx").z); /* there may be none */
    if (unlink(path.z) != 0 || ts_dir_sync(dir) != 0)
        ts_log(TS_LOG_WARN, "journal_remove_failed", "stage=journal file=%s error=%s", ts_log_quote_z(path.z),
               ts_log_quote_z(strerror(errno)));
}

void ts_segment_add(struct ts_journal *jr, uint64_t seq, uint64_t end)
{
    if (jr->nsegs == jr->capsegs) {
        jr->capsegs = TS_MAX(2 * jr->capsegs, 16u);
        jr->segs = ts_xresize(jr->segs, jr->capsegs * sizeof *jr->segs);
    }
    jr->segs[jr->nsegs++] =
        (struct segment){.seq = seq,
                         .end = end,
                         .written_ns = ts_clock_now_ns(),
                         .points = ts_xalloc(TS_MAX(jr->nreaders, 1u) * sizeof(uint64_t))};
}

void ts_segment_forget(struct ts_journal *jr, unsigned i, unsigned n)
{
    if (n == 0)
        return;
    for (unsigned k = i; k < i + n; k++)
        ts_free(jr->segs[k].points);
    memmove(jr->segs + i, jr->segs + i + n, (jr->nsegs - i - n) * sizeof *jr->segs);
    jr->nsegs -= n;
}

void ts_segment_trim(struct ts_journal *jr)
{
    uint64_t keep_from = jr->held.segment;
    for (unsigned i = 0; i < jr->nreaders; i++)
        keep_from = TS_MIN(keep_from, jr->readers[i].saved.segment);
    unsigned n = 0;
    while (n + 1 < jr->nsegs && jr->segs[n].seq < keep_from)
        ts_segment_remove(jr->dir, jr->segs[n++].seq);
    if (n)
        ts_segment_forget(jr, 0, n);
}

static int by_seq(const void *a, const void *b)
{
    uint64_t x = ((const struct segment *)a)->seq, y = ((const struct segment *)b)->seq;
    return (x > y) - (x < y);
}

int ts_segment_list(struct ts_journal *jr, struct ts_err *err)
{
    DIR *dir = opendir(jr->dir);
    if (!dir)
        return ts_fail_errno(err, TS_EIO, "cannot read %s", jr->dir);
    for (struct dirent *ent; (ent = readdir(dir));) {
        struct ts_str name = ts_str_of(ent->d_name);
        struct stat st;
        uint64_t seq;
        if (name.len != 20 || strcmp(name.p + 16, ".seg") != 0 ||
            ts_num_read_uint((struct ts_str){name.p, 16}, &seq) != 0 || seq == 0)
            continue;
        if (fstatat(dirfd(dir), ent->d_name, &st, 0) == 0 && S_ISREG(st.st_mode)) {
            ts_segment_add(jr, seq, (uint64_t)st.st_size);
            jr->segs[jr->nsegs - 1].written_ns = (int64_t)st.st_mtim.tv_sec * TS_SEC;
        }
    }
    closedir(dir);
    if (jr->nsegs)
        qsort(jr->segs, jr->nsegs, sizeof *jr->segs, by_seq);
    return 0;
}

int ts_segment_write_new(const char *dir, uint64_t seq, unsigned level, struct ts_str records)
{
    char head[TS_SEGMENT_HEAD];
    struct seg_path path = path_with(dir, seq, "new");
    make_head(head, seq, TS_SEGMENT_VERSION, level);
    int fd = open(path.z, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return -TS_EIO;
    bool good = ts_pwrite_all(fd, (struct ts_str){head, sizeof head}, 0) == 0 &&
                ts_pwrite_all(fd, records, sizeof head) == 0 && fdatasync(fd) == 0;
    int saved = errno;
    close(fd);
    if (!good)
        (void)unlink(path.z);
    errno = saved;
    return good ? 0 : -TS_EIO;
}
