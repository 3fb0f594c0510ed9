#ifndef TS_CORE_CONF_PRIV_H
#define TS_CORE_CONF_PRIV_H
/*
 * Between the files of the configuration: the option table (conf_option.c), a tree of YAML that knows its
 * positions (conf_yaml.c, conf_set.c), and what one load carries along. All of it allocates with ts_xalloc:
 * start-up code.
 */
#include "core/conf.h"
#include "core/near.h"

#define TS_CONF_HIDDEN "<hidden>" /* what stands in for a secret in print */

enum ts_conf_section {
#define TS_SECTION(id, key, shape, def, text) TS_SECTION_##id,
#include "tbl/options.def"
    TS_SECTION_COUNT
};

enum ts_conf_shape { TS_SHAPE_ONE, TS_SHAPE_LIST, TS_SHAPE_MAP };

struct ts_conf_section_info {
    const char *key;
    enum ts_conf_shape shape;
    const char *def, *text;
};

enum ts_conf_type {
    TS_CONF_TEXT,
    TS_CONF_SECRET,
    TS_CONF_PATH,
    TS_CONF_NAME,
    TS_CONF_WORD,
    TS_CONF_ADDRESS,
    TS_CONF_LISTEN_URL,
    TS_CONF_HTTP_URL,
    TS_CONF_PROXY_URL,
    TS_CONF_CIDRS,
    TS_CONF_SECRETS,
    TS_CONF_TEMPLATES,
    TS_CONF_LINES,
    TS_CONF_PAIRS,
    TS_CONF_BUCKETS,
    TS_CONF_NAMES,
    TS_CONF_CHOICE,
    TS_CONF_BOOL,
    TS_CONF_UINT,
    TS_CONF_BYTES,
    TS_CONF_DURATION,
    TS_CONF_EVERY,
    TS_CONF_MODE,
    TS_CONF_AGGREGATES,
};

struct ts_conf_load;
struct ts_conf_node;

struct ts_conf_option {
    enum ts_conf_section section;
    const char *key;
    enum ts_conf_type type;
    size_t offset, size; /* of the field */
    const char *def;
    uint64_t min, max;
    const char *choices, *need, *text;
};

extern const struct ts_conf_section_info ts_conf_sections[TS_SECTION_COUNT];
extern const struct ts_conf_option ts_conf_options[];
extern const unsigned ts_conf_noptions;

enum ts_conf_need { TS_NEED_NOT_HERE, TS_NEED_OPTIONAL, TS_NEED_REQUIRED };

/** What decides which options an entry of a section may have: a sink's or stage's type, a listener's scheme; NULL
 * elsewhere, or when unknown. */
const char *ts_conf_kind_of(enum ts_conf_section section, const void *base);

/** Whether the option belongs into its section, and must be there. kind as ts_conf_kind_of gives it. */
enum ts_conf_need ts_conf_option_need(const struct ts_conf_option *opt, const char *kind);

/** Sets the field in the section's struct at base from text (lists: joined by ts_conf_option_between). On
 * failure err says what is wrong. */
int ts_conf_option_read(const struct ts_conf_option *opt, struct ts_str text, void *base,
                        struct ts_err *err) TS_MUST_CHECK;

/** Whether an entry of the list is an aggregate or a quantile; told when not. */
bool ts_conf_aggregate_check(struct ts_conf_load *ld, const struct ts_conf_option *opt,
                             const struct ts_conf_node *item);
/** As ts_conf_option_read and _print do with an option of type AGGREGATES. */
int ts_conf_aggregates_read(struct ts_str list, struct ts_conf_rollup *rule,
                            struct ts_err *err) TS_MUST_CHECK;
void ts_conf_aggregates_print(const struct ts_conf_rollup *rule, struct ts_buf *buf);

/** The same with an option of type EVERY. @return false: it is no calendar's. */
bool ts_conf_calendar_read(struct ts_str text, struct ts_conf_rollup *rule);
/** @return false: it is a duration. */
bool ts_conf_calendar_print(const struct ts_conf_rollup *rule, struct ts_buf *buf);

/** Whether the field has a value: a text option without a default may have none. */
bool ts_conf_option_is_set(const struct ts_conf_option *opt, const void *base);

/** The field's value as YAML. */
void ts_conf_option_print(const struct ts_conf_option *opt, const void *base, struct ts_buf *buf);

bool ts_conf_is_http_url(struct ts_str s);

/** Empty, none, or a URL that libcurl takes for a proxy. */
bool ts_conf_is_proxy_url(struct ts_str s);

/** The text, but for a password that stands before an @. */
void ts_conf_put_url(struct ts_buf *buf, struct ts_str s);

/** What would be right: "a duration from 100ms to 1d, such as 10s". */
void ts_conf_option_expects(const struct ts_conf_option *opt, struct ts_buf *buf);

static inline bool ts_conf_option_is_list(const struct ts_conf_option *opt)
{
    return opt->type == TS_CONF_CIDRS || opt->type == TS_CONF_SECRETS || opt->type == TS_CONF_TEMPLATES || opt->type == TS_CONF_LINES ||
           opt->type == TS_CONF_PAIRS ||
           opt->type == TS_CONF_BUCKETS || opt->type == TS_CONF_NAMES || opt->type == TS_CONF_AGGREGATES;
}

static inline bool ts_conf_option_is_secret(const struct ts_conf_option *opt)
{
    return opt->type == TS_CONF_SECRET || opt->type == TS_CONF_SECRETS;
}

/** Whether [] is a value of the list. */
static inline bool ts_conf_option_may_be_empty(const struct ts_conf_option *opt)
{
    return opt->choices && strcmp(opt->choices, "[]") == 0;
}

/** What stands between the items of a list in its field. */
static inline char ts_conf_option_between(const struct ts_conf_option *opt)
{
    return opt->type == TS_CONF_TEMPLATES || opt->type == TS_CONF_LINES || opt->type == TS_CONF_PAIRS ? '\n' : ',';
}

static inline bool ts_conf_option_is_text(const struct ts_conf_option *opt)
{
    return opt->type <= TS_CONF_NAMES;
}

/** The field of a text option. */
char **ts_conf_option_text(const struct ts_conf_option *opt, void *base);

/** Takes the next word from *list, parted by `by` (words never are empty). @return false at the end. */
bool ts_conf_next(struct ts_str *list, char by, struct ts_str *word);

/** Finds the name most like what was asked for: init with asked, offer all, then best is it; best.p is NULL
 * without one. */
struct ts_conf_near {
    struct ts_near nearest; /* asked is set */
    struct ts_buf all; /* "a, b, c", to be freed */
};
void ts_conf_near_offer(struct ts_conf_near *near, struct ts_str name);
/** The remedy: did you mean "every"? <intro> a, b, c. Frees near->all. */
void ts_conf_near_print(struct ts_conf_near *near, const char *intro, struct ts_err *out);

/** UTF-8 without control characters and without what YAML does not take as it is. */
bool ts_conf_is_clean(struct ts_str s);

/** Whether an entry of the list is KEY=TEXT, and its key the first of its name; told when not. */
bool ts_conf_pair_check(struct ts_conf_load *ld, const struct ts_conf_option *opt, const struct ts_conf_node *list, unsigned i);

/** Where to point at for section[i].key: the value, else the entry, else the section, else the whole. */
const struct ts_conf_node *ts_conf_at(const struct ts_conf_load *ld, enum ts_conf_section section, unsigned i, const char *key);

/** Whether a list with commas has the word. */
bool ts_conf_has_word(const char *list, struct ts_str asked);

/** Makes the sinks that rollups with a bucket go to. Errors are told. */
void ts_conf_check_buckets(struct ts_conf_load *ld);

/** Whether another sink before it writes to the same place; told. */
void ts_conf_check_target(struct ts_conf_load *ld, unsigned i);

/** What rollups can only say together; defaults that depend on others. Errors are told. */
void ts_conf_check_rollups(struct ts_conf_load *ld);

/** The same of what one matches, and of its groups. */
void ts_conf_check_match(struct ts_conf_load *ld, unsigned i);

/** Whether it can be seen that two rollups, b the later one, have no points of one series. */
bool ts_conf_rollups_are_apart(const struct ts_conf_rollup *a, const struct ts_conf_rollup *b);

enum ts_node_kind { TS_NODE_SCALAR, TS_NODE_LIST, TS_NODE_MAP };

struct ts_conf_entry {
    struct ts_conf_node *key; /* NULL in a list */
    struct ts_conf_node *value;
};

struct ts_conf_node {
    enum ts_node_kind kind;
    const char *source;    /* file, or "--set KEY=VALUE"; borrowed */
    unsigned line, column; /* from 1; 0: the source has no lines */
    char *text;            /* of a scalar, environment filled in */
    bool null;             /* nothing written, or ~ */
    unsigned n;
    struct ts_conf_entry *entries;
};

#define TS_CONF_ERRORS_MAX 20

struct ts_conf_load {
    struct ts_buf *errors;
    unsigned nerrors;
    struct {
        unsigned line, column;
        size_t end; /* in errors */
    } told[TS_CONF_ERRORS_MAX];
    struct ts_conf_node *root;
    struct ts_conf *conf;
    char **sources; /* texts that nodes borrow */
    unsigned nsources;
};

/** Adds a line SOURCE:LINE:COLUMN: … in the order of positions, unless there are twenty. */
void ts_conf_error(struct ts_conf_load *ld, const struct ts_conf_node *at, const char *fmt, ...)
    TS_PRINTF(3, 4);

/**
 * Reads one YAML document. Without content *out is NULL. lines: whether positions are worth telling.
 * @return 0, -TS_ECONF (told).
 */
int ts_conf_yaml(struct ts_conf_load *ld, const char *source, bool lines, struct ts_str text,
                 struct ts_conf_node **out) TS_MUST_CHECK;

struct ts_conf_node *ts_conf_node_new(enum ts_node_kind kind, const char *source);
void ts_conf_node_free(struct ts_conf_node **node);
/** Puts value (and key, NULL in a list) at the end; the node owns both from then on. */
void ts_conf_node_add(struct ts_conf_node *node, struct ts_conf_node *key, struct ts_conf_node *value);
/** The entry of a mapping, NULL without one or when node is NULL or no mapping. */
struct ts_conf_entry *ts_conf_node_find(const struct ts_conf_node *node, struct ts_str key);

/** Applies KEY=VALUE to ld->root; errors are told. */
void ts_conf_set(struct ts_conf_load *ld, const char *setting);

/** What no single value can say: addresses, names that must exist, rules that contradict each other. Errors
 * are told. */
void ts_conf_check(struct ts_conf_load *ld);

/** The same of the pipeline's stages. */
void ts_conf_check_pipeline(struct ts_conf_load *ld);

#endif
