#ifndef TS_QUERY_TARGET_H
#define TS_QUERY_TARGET_H
/* Which server a query goes to, as which organization, with which token. */
#include "core/base.h"
#include "core/buf.h"

/** All owned, from ts_xstrdup; NULL: not given. */
struct ts_query_target {
    char *host;   /* a URL: "http://127.0.0.1:8086" */
    char *org;    /* name */
    char *org_id; /* used when org is NULL */
    char *token;
};

void ts_query_target_fini(struct ts_query_target *tgt);

/** $XDG_CONFIG_HOME/tsagg/profiles.yaml or ~/.config/tsagg/profiles.yaml. */
void ts_query_profiles_path(struct ts_buf *to);

/**
 * Fills in what tgt lacks from one profile of a file.
 * @return 0; -TS_ENOTFOUND no such file or profile; -TS_ECONF the file is malformed anywhere. error says
 * where.
 */
int ts_query_profile_read(const char *path, const char *name, struct ts_query_target *tgt,
                          struct ts_buf *error) TS_MUST_CHECK;

/**
 * Fills in what the options left open: from the profile (NULL: none asked for), the environment, the profile
 * "default" when still nobody has named a host, and the built-in host. @return as ts_query_profile_read;
 * -TS_EINVAL the host is no URL.
 */
int ts_query_target_resolve(struct ts_query_target *tgt, const char *profile,
                            struct ts_buf *error) TS_MUST_CHECK;

#endif
