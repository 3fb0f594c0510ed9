#ifndef TS_CORE_FILE_H
#define TS_CORE_FILE_H
/* Files and folders whose contents must survive a crash. Errors leave errno as the system set it. */
#include "core/base.h"
#include "core/err.h"

/** Makes a folder (mode 0750) and what is missing above it. @return 0, -TS_EIO. */
int ts_dir_make(const char *path) TS_MUST_CHECK;

/** Makes creations, renames and removals inside a folder durable. @return 0, -TS_EIO. */
int ts_dir_sync(const char *path) TS_MUST_CHECK;

/** Writes all of it at the descriptor's own position, through short writes and EINTR. @return 0, -TS_EIO. */
int ts_write_all(int fd, struct ts_str bytes) TS_MUST_CHECK;

/** The same at an offset. @return 0, -TS_EIO. */
int ts_pwrite_all(int fd, struct ts_str bytes, uint64_t offset) TS_MUST_CHECK;

/** Opens a file to append to, and makes its creation durable. @return a descriptor, -TS_EIO. */
int ts_append_open(const char *path) TS_MUST_CHECK;

/**
 * Appends all of it to such a file and makes it durable; when that fails, cuts what was written of it.
 * What is not a regular file is only written to. @return 0, -TS_EIO.
 */
int ts_append_whole(int fd, struct ts_str bytes) TS_MUST_CHECK;

/** Reads exactly len bytes at an offset. @return 0, -TS_EIO (errno 0: the file ends before). */
int ts_pread_all(int fd, void *to, size_t len, uint64_t offset) TS_MUST_CHECK;

/** Replaces a file's contents in one step: path.tmp is written, fsynced and renamed. @return 0, -TS_EIO,
 * -TS_ENOMEM. */
int ts_file_replace(const char *path, struct ts_str bytes) TS_MUST_CHECK;

#endif
