/* LD_PRELOAD: fsync and fdatasync fail with EIO as long as the file that TSAGG_TEST_FAIL names is there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void)
{
    const char *path = getenv("TSAGG_TEST_FAIL");
    errno = EIO;
    return path && access(path, F_OK) == 0 ? (errno = EIO, 1) : 0;
}

int fsync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return fails() ? -1 : next(fd);
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return fails() ? -1 : next(fd);
}
