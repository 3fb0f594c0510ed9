#ifndef TSAGG_CTL_STORE_H
#define TSAGG_CTL_STORE_H
/* tsagg-ctl store: ctl_store.c reads the options, ctl_store_lines.c carries points in and out as line protocol. */
#include "store/store.h"

struct store_options {
    const char *bucket;
    int64_t start_ns, stop_ns, retention_ns;
    bool has_retention;
};

/* Both say on stderr what is wrong, and give the exit code. */
int store_export(const char *dir, const struct store_options *opt);
int store_import(const char *dir, const struct store_options *opt, const char *path);

#endif
