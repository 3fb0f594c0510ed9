/* Writing and reading whole, and making it durable. Thread: any. Owns nothing. A failed write may leave part
 * of it behind. */
#include "config.h"
#include "core/file.h"

#include "core/buf.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int ts_dir_make(const char *path)
{
    TS_ASSERT(*path);
    char *part = ts_xstrdup(path);
    int rc;
    char *p = part, c;
    do { /* those above may be out of our reach as long as they exist: only the last one's outcome counts */
        p += 1 + strcspn(p + 1, "/");
        c = *p;
        *p = 0;
        rc = mkdir(part, 0750) == 0 || errno == EEXIST ? 0 : -TS_EIO;
        *p = c;
    } while (c);
    ts_free(part);
    return rc;
}

int ts_dir_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -TS_EIO;
    int rc = fsync(fd) == 0 ? 0 : -TS_EIO;
    close(fd);
    return rc;
}

int ts_write_all(int fd, struct ts_str bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.p, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -TS_EIO;
        bytes.p += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

int ts_pwrite_all(int fd, struct ts_str bytes, uint64_t offset)
{
    while (bytes.len) {
        ssize_t n = pwrite(fd, bytes.p, bytes.len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -TS_EIO;
        bytes.p += n;
        bytes.len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int ts_append_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0)
        return -TS_EIO;
    const char *slash = strrchr(path, '/');
    char *dir = slash == path ? ts_xstrdup("/")
                : slash       ? ts_xstrndup(path, (size_t)(slash - path))
                              : ts_xstrdup(".");
    (void)!ts_dir_sync(dir); /* a folder that cannot be synced holds devices and pipes */
    ts_free(dir);
    return fd;
}

int ts_append_whole(int fd, struct ts_str bytes)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -TS_EIO;
    if (!S_ISREG(st.st_mode))
        return ts_write_all(fd, bytes);
    if (ts_write_all(fd, bytes) == 0 && fdatasync(fd) == 0)
        return 0;
    int saved = errno;
    int cut = ftruncate(fd, st.st_size);
    (void)cut; /* the former error is the one to tell */
    errno = saved;
    return -TS_EIO;
}

int ts_pread_all(int fd, void *to, size_t len, uint64_t offset)
{
    for (char *p = to; len;) {
        ssize_t n = pread(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? 0 : errno;
            return -TS_EIO;
        }
        p += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int ts_file_replace(const char *path, struct ts_str bytes)
{
    struct ts_buf tmp = TS_BUF_INIT;
    ts_buf_printf(&tmp, "%s.tmp", path);
    const char *name = ts_buf_cstr(&tmp);
    int rc = name ? -TS_EIO : -TS_ENOMEM;
    int fd = name ? open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640) : -1;
    if (fd >= 0) {
        bool written = ts_write_all(fd, bytes) == 0 && fsync(fd) == 0;
        int saved = errno;
        close(fd);
        errno = saved;
        if (written && rename(name, path) == 0)
            rc = 0;
    }
    ts_buf_fini(&tmp);
    return rc;
}
