/*
 * main() of a fuzz target that is built without libFuzzer: gives it every file named on the command line, or
 * every file of its corpus, tests/fuzz/corpus/<name of the program>. What a target finds wrong ends the
 * process; exit 1 when there was nothing to replay.
 */
#include "config.h"
#include "core/buf.h"

#include <dirent.h>
#include <libgen.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replay_file(const char *path)
{
    struct ts_buf bytes = TS_BUF_INIT;
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 0;
    }
    size_t n;
    do {
        char *to = ts_buf_reserve(&bytes, 4096);
        TS_ASSERT(to);
        n = fread(to, 1, 4096, f);
        bytes.len += n;
    } while (n);
    fclose(f);
    /* A buffer of exactly this size, for ASan. */
    struct ts_buf exact = {.limit = bytes.len};
    ts_buf_put(&exact, bytes.p, bytes.len);
    LLVMFuzzerTestOneInput((const uint8_t *)(exact.p ? exact.p : ""), exact.len);
    ts_buf_fini(&exact);
    ts_buf_fini(&bytes);
    return 1;
}

static unsigned replay_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return 0;
    }
    unsigned n = 0;
    struct ts_buf file = TS_BUF_INIT;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        ts_buf_clear(&file);
        ts_buf_printf(&file, "%s/%s", path, entry->d_name);
        n += replay_file(ts_buf_cstr(&file));
    }
    ts_buf_fini(&file);
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    unsigned n = 0;
    for (int i = 1; i < argc; i++)
        n += replay_file(argv[i]);
    if (argc == 1) {
        struct ts_buf folder = TS_BUF_INIT;
        ts_buf_printf(&folder, "%s/%s", TS_FUZZ_CORPUS, basename(argv[0]));
        n = replay_folder(ts_buf_cstr(&folder));
        ts_buf_fini(&folder);
    }
    printf("%u files replayed\n", n);
    return n ? 0 : 1;
}
