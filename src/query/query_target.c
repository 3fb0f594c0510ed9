/*
 * Options, profiles and the environment to one target. Thread: main. The target owns its texts.
 * The profile "default" stands back as a whole when a host is named elsewhere: its token is not for other
 * servers.
 */
#include "config.h"
#include "query/query_target.h"

#include "core/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define HOST_DEFAULT "http://127.0.0.1:8186"

void ts_query_target_fini(struct ts_query_target *tgt)
{
    TS_FREE(tgt->host);
    TS_FREE(tgt->org);
    TS_FREE(tgt->org_id);
    TS_FREE(tgt->token);
}

static void fill(char **to, const char *value)
{
    if (!*to && value && *value)
        *to = ts_xstrdup(value);
}

void ts_query_profiles_path(struct ts_buf *to)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && *config)
        ts_buf_printf(to, "%s/tsagg/profiles.yaml", config);
    else
        ts_buf_printf(to, "%s/.config/tsagg/profiles.yaml", home ? home : "");
}

static int fail_at(struct ts_buf *error, const char *path, const yaml_node_t *node, const char *what)
{
    ts_buf_printf(error, "%s:%zu:%zu: %s", path, node->start_mark.line + 1, node->start_mark.column + 1,
                  what);
    return -TS_ECONF;
}

static const char *text_of(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* { host: TEXT, org: TEXT, token: TEXT }; tgt NULL: only checked. */
static int read_profile(yaml_document_t *doc, const char *path, const yaml_node_t *node,
                        struct ts_query_target *tgt, struct ts_buf *error)
{
    if (node->type != YAML_MAPPING_NODE)
        return fail_at(error, path, node, "a profile is a map of host, org and token");
    struct ts_query_target none = {0};
    struct ts_query_target *to = tgt ? tgt : &none;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *key = yaml_document_get_node(doc, pair->key);
        const yaml_node_t *value = yaml_document_get_node(doc, pair->value);
        bool is_text = key->type == YAML_SCALAR_NODE;
        char **field = is_text && strcmp(text_of(key), "host") == 0    ? &to->host
                       : is_text && strcmp(text_of(key), "org") == 0   ? &to->org
                       : is_text && strcmp(text_of(key), "token") == 0 ? &to->token
                                                                       : NULL;
        if (!field)
            return fail_at(error, path, key, "unknown key; a profile has host, org and token");
        if (value->type != YAML_SCALAR_NODE || !*text_of(value))
            return fail_at(error, path, value, "the value must be a text");
        if (tgt)
            fill(field, text_of(value));
    }
    return 0;
}

static int read_document(yaml_document_t *doc, const char *path, const char *name,
                         struct ts_query_target *tgt, struct ts_buf *error)
{
    const yaml_node_t *root = yaml_document_get_root_node(doc);
    bool found = false;
    struct ts_buf known = TS_BUF_INIT;
    int rc = 0;
    if (root && root->type != YAML_MAPPING_NODE)
        return fail_at(error, path, root, "the file must be a map from names to profiles");
    for (yaml_node_pair_t *pair = root ? root->data.mapping.pairs.start : NULL;
         rc == 0 && root && pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(doc, pair->key);
        if (key->type != YAML_SCALAR_NODE) {
            rc = fail_at(error, path, key, "a profile's name must be a text");
            break;
        }
        bool wanted = strcmp(text_of(key), name) == 0;
        rc = read_profile(doc, path, yaml_document_get_node(doc, pair->value), wanted ? tgt : NULL, error);
        found |= wanted;
        ts_buf_printf(&known, "%s%s", known.len ? ", " : "", text_of(key));
    }
    if (rc == 0 && !found) {
        ts_buf_printf(error, "%s: no profile \"%s\" there; the profiles are: %.*s", path, name,
                      (int)known.len, known.len ? known.p : "");
        rc = -TS_ENOTFOUND;
    }
    ts_buf_fini(&known);
    return rc;
}

int ts_query_profile_read(const char *path, const char *name, struct ts_query_target *tgt,
                          struct ts_buf *error)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        ts_buf_printf(error, "profile \"%s\": cannot read %s: %s", name, path, strerror(errno));
        return -TS_ENOTFOUND;
    }
    yaml_parser_t parser;
    yaml_document_t doc;
    TS_ASSERT(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, file);
    int rc = -TS_ECONF;
    if (yaml_parser_load(&parser, &doc)) {
        rc = read_document(&doc, path, name, tgt, error);
        yaml_document_delete(&doc);
    } else {
        ts_buf_printf(error, "%s:%zu:%zu: %s", path, parser.problem_mark.line + 1,
                      parser.problem_mark.column + 1, parser.problem ? parser.problem : "cannot be read");
    }
    yaml_parser_delete(&parser);
    fclose(file);
    return rc;
}

static void fill_from_environment(struct ts_query_target *tgt)
{
    fill(&tgt->host, getenv("TSAGG_HOST"));
    fill(&tgt->host, getenv("INFLUX_HOST"));
    fill(&tgt->org, getenv("TSAGG_ORG"));
    fill(&tgt->org, getenv("INFLUX_ORG"));
    fill(&tgt->org_id, getenv("INFLUX_ORG_ID"));
    fill(&tgt->token, getenv("TSAGG_TOKEN"));
    fill(&tgt->token, getenv("INFLUX_TOKEN"));
}

int ts_query_target_resolve(struct ts_query_target *tgt, const char *profile, struct ts_buf *error)
{
    struct ts_buf path = TS_BUF_INIT;
    int rc = 0;
    ts_query_profiles_path(&path);
    if (profile)
        rc = ts_query_profile_read(ts_buf_cstr(&path), profile, tgt, error);
    fill_from_environment(tgt);
    if (!profile && !tgt->host) {
        size_t before = error->len;
        rc = ts_query_profile_read(ts_buf_cstr(&path), "default", tgt, error);
        if (rc == -TS_ENOTFOUND) {
            error->len = before;
            rc = 0;
        }
    }
    ts_buf_fini(&path);
    fill(&tgt->host, HOST_DEFAULT);
    if (rc == 0 && strncmp(tgt->host, "http://", 7) != 0 && strncmp(tgt->host, "https://", 8) != 0) {
        ts_buf_printf(error, "the host \"%s\" is not a URL; right would be http://%s", tgt->host, tgt->host);
        rc = -TS_EINVAL;
    }
    return rc;
}
