/*
 * Segments for others, in one step: the new files are durable as <sequence>.new, then a file `replace` says
 * what is to happen, then it happens. A start that finds that file does it again; without it the new files
 * mean nothing. Thread: journal; main before it runs. A step that fails after the file is there is done by
 * the next start.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/file.h"
#include "core/log.h"
#include "core/num.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

struct path {
    char z[PATH_MAX];
};

static struct path numbered(const char *dir, uint64_t seq, const char *ending)
{
    struct path path;
    snprintf(path.z, sizeof path.z, "%s/%016llu.%s", dir, (unsigned long long)seq, ending);
    return path;
}

static struct path plan_of(const char *dir)
{
    struct path path;
    snprintf(path.z, sizeof path.z, "%s/replace", dir);
    return path;
}

/* May be done any number of times. @return 0, -TS_EIO. */
static int carry_out(const char *dir, uint64_t from, uint64_t to, bool two)
{
    for (uint64_t seq = from; seq <= to; seq++) {
        struct path seg = numbered(dir, seq, "seg"), made = numbered(dir, seq, "new");
        (void)unlink(numbered(dir, seq, "idx").z);
        bool is_new = seq == from || (two && seq == to);
        int rc = is_new ? rename(made.z, seg.z) : unlink(seg.z);
        if (rc != 0 && errno != ENOENT)
            return -TS_EIO;
    }
    return ts_dir_sync(dir) == 0 && unlink(plan_of(dir).z) == 0 ? ts_dir_sync(dir) : -TS_EIO;
}

int ts_segment_replace(const char *dir, uint64_t from, uint64_t to, bool two)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%llu %llu %u\n", (unsigned long long)from, (unsigned long long)to,
                     two ? 2u : 1u);
    if (ts_dir_sync(dir) != 0 || ts_file_replace(plan_of(dir).z, (struct ts_str){text, (size_t)n}) != 0)
        return -TS_EIO;
    if (ts_dir_sync(dir) != 0 || carry_out(dir, from, to, two) != 0)
        ts_log(TS_LOG_ERROR, "journal_replace_failed",
               "stage=journal error=%s what=\"the next start ends it\"", ts_log_quote_z(strerror(errno)));
    return 0;
}

static bool read_plan(const char *dir, uint64_t *from, uint64_t *to, uint64_t *files)
{
    char text[64] = "";
    FILE *f = fopen(plan_of(dir).z, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    char *a = n ? memchr(text, ' ', n) : NULL, *b = a ? strchr(a + 1, ' ') : NULL,
         *end = b ? strchr(b, '\n') : NULL;
    return end && ts_num_read_uint((struct ts_str){text, (size_t)(a - text)}, from) == 0 &&
           ts_num_read_uint((struct ts_str){a + 1, (size_t)(b - a - 1)}, to) == 0 &&
           ts_num_read_uint((struct ts_str){b + 1, (size_t)(end - b - 1)}, files) == 0 && *from <= *to &&
           *to - *from < 1000000;
}

void ts_segment_finish_replace(const char *dir)
{
    uint64_t from, to, files;
    if (read_plan(dir, &from, &to, &files) && carry_out(dir, from, to, files == 2) != 0)
        ts_log(TS_LOG_ERROR, "journal_replace_failed", "stage=journal error=%s",
               ts_log_quote_z(strerror(errno)));
    DIR *folder = opendir(dir);
    for (struct dirent *ent; folder && (ent = readdir(folder));) {
        size_t len = strlen(ent->d_name);
        if (len > 4 && strcmp(ent->d_name + len - 4, ".new") == 0)
            (void)unlinkat(dirfd(folder), ent->d_name, 0);
    }
    if (folder)
        closedir(folder);
}
