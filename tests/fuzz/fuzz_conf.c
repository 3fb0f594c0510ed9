/* Any bytes as a configuration file: errors have a position, and what loads prints as something that loads again. */
#include "config.h"
#include "core/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(struct ts_str text, struct ts_conf **conf, struct ts_buf *errors)
{
    char path[64];
    int fd = memfd_create("conf", MFD_CLOEXEC);
    TS_ASSERT(fd >= 0 && write(fd, text.p, text.len) == (ssize_t)text.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int rc = ts_conf_load(path, NULL, 0, conf, errors);
    close(fd);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_conf *conf = NULL;
    struct ts_buf errors = TS_BUF_INIT, first = TS_BUF_INIT, second = TS_BUF_INIT;
    if (load((struct ts_str){(const char *)data, size}, &conf, &errors) != 0) {
        TS_ASSERT(errors.len > 0);
    } else {
        ts_conf_print(conf, &first);
        ts_conf_free(&conf);
        bool masked = first.len && memmem(first.p, first.len, "<hidden>", 8);
        if (!masked) {
            TS_ASSERT(load(ts_buf_str(&first), &conf, &errors) == 0);
            ts_conf_print(conf, &second);
            ts_conf_free(&conf);
            TS_ASSERT(ts_str_eq(ts_buf_str(&first), ts_buf_str(&second)));
        }
    }
    ts_buf_fini(&errors);
    ts_buf_fini(&first);
    ts_buf_fini(&second);
    return 0;
}
