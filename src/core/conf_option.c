/*
 * The option table, and one option's text to its field and back. Thread: main.
 * Every message here is "what is wrong"; what would be right comes from ts_conf_option_expects.
 */
#include "config.h"
#include "core/conf_priv.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/sketch.h"
#include "core/utf8.h"

#define TS_OF_top     struct ts_conf
#define TS_OF_http    struct ts_conf
#define TS_OF_limits  struct ts_conf
#define TS_OF_events  struct ts_conf
#define TS_OF_self    struct ts_conf
#define TS_OF_journal struct ts_conf
#define TS_OF_store   struct ts_conf
#define TS_OF_listen  struct ts_conf_listen
#define TS_OF_pipeline struct ts_conf_stage
#define TS_OF_rollups struct ts_conf_rollup
#define TS_OF_sinks   struct ts_conf_sink

const struct ts_conf_section_info ts_conf_sections[TS_SECTION_COUNT] = {
#define TS_SECTION(id, key, shape, def, text) {key, TS_SHAPE_##shape, def, text},
#include "tbl/options.def"
};

/* The choices of a sink's type: "|influxdb|…" from its own table. */
static const char sink_types[] =
#define TS_SINK(type, ops, text) "|" #type
#include "tbl/sinks.def"
#undef TS_SINK
    ;
#define TS_CONF_SINK_TYPES (sink_types + 1)

const struct ts_conf_option ts_conf_options[] = {
#define TS_OPTION(section, key, type, field, def, min, max, choices, need, text)                             \
    {TS_SECTION_##section,                                                                                   \
     key,                                                                                                    \
     TS_CONF_##type,                                                                                         \
     offsetof(TS_OF_##section, field),                                                                       \
     sizeof(((TS_OF_##section *)0)->field),                                                                  \
     def,                                                                                                    \
     min,                                                                                                    \
     max,                                                                                                    \
     choices,                                                                                                \
     need,                                                                                                   \
     text},
#include "tbl/options.def"
};
const unsigned ts_conf_noptions = TS_ARRAY_SIZE(ts_conf_options);

bool ts_conf_next(struct ts_str *list, char by, struct ts_str *word)
{
    if (list->len == 0)
        return false;
    const char *end = memchr(list->p, by, list->len);
    word->p = list->p;
    word->len = end ? (size_t)(end - list->p) : list->len;
    size_t used = word->len + (end != NULL);
    list->p += used;
    list->len -= used;
    return true;
}

const char *ts_conf_kind_of(enum ts_conf_section section, const void *base)
{
    const struct ts_conf_listen *lis = base;
    struct ts_listen_url url;
    if (section == TS_SECTION_sinks)
        return ((const struct ts_conf_sink *)base)->type;
    if (section == TS_SECTION_pipeline)
        return ((const struct ts_conf_stage *)base)->type;
    if (section != TS_SECTION_listen || !lis->url || ts_conf_read_listen_url(ts_str_of(lis->url), &url))
        return NULL;
    return ts_transport_info(url.transport)->scheme;
}

enum ts_conf_need ts_conf_option_need(const struct ts_conf_option *opt, const char *kind)
{
    if (opt->need[0] == '!')
        return TS_NEED_REQUIRED;
    if (opt->need[0] == 0 || !kind)
        return TS_NEED_OPTIONAL;
    struct ts_str list = ts_str_of(opt->need), word;
    while (ts_conf_next(&list, ' ', &word)) {
        bool required = word.p[word.len - 1] == '!';
        word.len -= required;
        if (ts_str_eq(word, ts_str_of(kind)))
            return required ? TS_NEED_REQUIRED : TS_NEED_OPTIONAL;
    }
    return TS_NEED_NOT_HERE;
}

char **ts_conf_option_text(const struct ts_conf_option *opt, void *base)
{
    TS_ASSERT(ts_conf_option_is_text(opt));
    return (char **)(void *)((char *)base + opt->offset);
}

static void store(const struct ts_conf_option *opt, void *base, uint64_t v)
{
    void *to = (char *)base + opt->offset;
    if (opt->size == sizeof(bool)) {
        *(bool *)to = v != 0;
    } else if (opt->size == sizeof(uint32_t)) {
        *(uint32_t *)to = (uint32_t)v;
    } else {
        TS_ASSERT(opt->size == sizeof(uint64_t));
        *(uint64_t *)to = v;
    }
}

static uint64_t fetch(const struct ts_conf_option *opt, const void *base)
{
    const void *from = (const char *)base + opt->offset;
    if (opt->size == sizeof(bool))
        return *(const bool *)from;
    if (opt->size == sizeof(uint32_t))
        return *(const uint32_t *)from;
    TS_ASSERT(opt->size == sizeof(uint64_t));
    return *(const uint64_t *)from;
}

static const char *fetch_text(const struct ts_conf_option *opt, const void *base)
{
    const void *from = (const char *)base + opt->offset;
    return *(char *const *)from;
}

bool ts_conf_option_is_set(const struct ts_conf_option *opt, const void *base)
{
    if ((opt->type == TS_CONF_DURATION || opt->type == TS_CONF_EVERY) && !opt->def)
        return fetch(opt, base) != 0;
    return !ts_conf_option_is_text(opt) || fetch_text(opt, base);
}

static const char *choices_of(const struct ts_conf_option *opt)
{
    return opt->choices ? opt->choices : opt->type == TS_CONF_BOOL ? "false|true" : "";
}

static bool find_choice(const char *choices, struct ts_str s, uint64_t *out)
{
    struct ts_str list = ts_str_of(choices), word;
    for (uint64_t i = 0; ts_conf_next(&list, '|', &word); i++) {
        if (ts_str_eq(word, s)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static struct ts_str nth_choice(const char *choices, uint64_t n)
{
    struct ts_str list = ts_str_of(choices), word = {"", 0};
    for (uint64_t i = 0; i <= n; i++)
        if (!ts_conf_next(&list, '|', &word))
            return TS_STR("");
    return word;
}

/* UTF-8 without control characters and without what YAML does not take as it is: anything printed can be read
 * back. */
bool ts_conf_is_clean(struct ts_str s)
{
    for (size_t i = 0; i < s.len;) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        size_t n = ts_utf8_len(s.p + i, s.len - i);
        if (n == 0 || p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xC2 && p[1] < 0xA0) ||
            (p[0] == 0xEF && p[1] == 0xBF && p[2] >= 0xBE) || (p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF))
            return false;
        i += n;
    }
    return true;
}

static bool are_clean_lines(struct ts_str s)
{
    struct ts_str line;
    while (ts_conf_next(&s, '\n', &line))
        if (!ts_conf_is_clean(line))
            return false;
    return true;
}

static bool is_name(struct ts_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '-'))
            return false;
    }
    return s.len >= 1 && s.len <= 63;
}

static bool may_have_password(const struct ts_conf_option *opt)
{
    return opt->type == TS_CONF_PROXY_URL || opt->type == TS_CONF_HTTP_URL;
}

/* A text for an error message. */
static struct ts_log_quoted show(const struct ts_conf_option *opt, struct ts_str s)
{
    struct ts_buf masked = TS_BUF_INIT;
    if (ts_conf_option_is_secret(opt))
        s = TS_STR(TS_CONF_HIDDEN);
    if (may_have_password(opt)) {
        ts_conf_put_url(&masked, s);
        s = ts_buf_str(&masked);
    }
    struct ts_log_quoted shown = ts_log_quote(s);
    ts_buf_fini(&masked);
    return shown;
}

static int read_text(const struct ts_conf_option *opt, struct ts_str s, void *base, struct ts_err *err)
{
    struct ts_listen_url url;
    struct ts_buckets buckets;
    uint64_t choice;
    struct ts_log_quoted shown = show(opt, s);
    bool lines =
        ts_conf_option_is_list(opt) && ts_conf_option_between(opt) == '\n'; /* looked at one by one */
    if (opt->type == TS_CONF_LINES ? !are_clean_lines(s) : !lines && !ts_conf_is_clean(s))
        return ts_fail(err, TS_ECONF, "%s: %s has control characters or is not UTF-8", opt->key, shown.z);
    bool ok = true;
    switch (opt->type) {
    case TS_CONF_NAME: ok = is_name(s); break;
    case TS_CONF_WORD: ok = find_choice(opt->choices, s, &choice); break;
    case TS_CONF_ADDRESS: ok = s.len == 0 || ts_conf_read_address(s, url.host, &url.port) == 0; break;
    case TS_CONF_LISTEN_URL: ok = ts_conf_read_listen_url(s, &url) == 0; break;
    case TS_CONF_HTTP_URL: ok = ts_conf_is_http_url(s); break;
    case TS_CONF_PROXY_URL: ok = ts_conf_is_proxy_url(s); break;
    case TS_CONF_BUCKETS: ok = ts_buckets_read(s, &buckets) == 0; break;
    case TS_CONF_SECRET:
        if (ts_str_eq(s, TS_STR(TS_CONF_HIDDEN)))
            return ts_fail(err, TS_ECONF, "%s is \"%s\", which --print-config writes in a secret's place",
                           opt->key, TS_CONF_HIDDEN);
        break;
    default: break;
    }
    if (!ok)
        return ts_fail(err, TS_ECONF, "%s: %s will not do", opt->key, shown.z);
    if (s.len == 0 && (!opt->def || opt->def[0]) && opt->type != TS_CONF_ADDRESS && !ts_conf_option_may_be_empty(opt))
        return ts_fail(err, TS_ECONF, "%s is empty", opt->key);
    char **field = ts_conf_option_text(opt, base);
    ts_free(*field);
    *field = ts_xstrndup(s.len ? s.p : "", s.len);
    return 0;
}

/* Octal digits, with or without a 0 in front. */
static int read_mode(struct ts_str s, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '7' || i == 4)
            return -TS_EPARSE;
        *v = *v << 3 | (uint64_t)(s.p[i] - '0');
    }
    return s.len ? 0 : -TS_EPARSE;
}

static int read_amount(const struct ts_conf_option *opt, struct ts_str s, uint64_t *v)
{
    int64_t ns = 0;
    int rc;
    switch (opt->type) {
    case TS_CONF_BYTES: return ts_num_read_bytes(s, v);
    case TS_CONF_EVERY:
    case TS_CONF_DURATION:
        rc = ts_clock_read_duration(s, &ns);
        *v = (uint64_t)ns;
        return rc;
    case TS_CONF_MODE: return read_mode(s, v);
    default: return ts_num_read_uint(s, v);
    }
}

static int read_number(const struct ts_conf_option *opt, struct ts_str s, void *base, struct ts_err *err)
{
    static const char *const what[] = {[TS_CONF_UINT] = "a whole number",
                                       [TS_CONF_BYTES] = "a size",
                                       [TS_CONF_DURATION] = "a duration",
                                       [TS_CONF_EVERY] = "a duration",
                                       [TS_CONF_MODE] = "an octal number"};
    uint64_t v;
    if (opt->choices && find_choice(opt->choices, s, &v)) {
        store(opt, base, v);
        return 0;
    }
    struct ts_log_quoted shown = ts_log_quote(s);
    int rc = read_amount(opt, s, &v);
    if (rc == -TS_EPARSE && (opt->type == TS_CONF_DURATION || opt->type == TS_CONF_EVERY) &&
        ts_num_read_uint(s, &v) == 0)
        return ts_fail(err, TS_ECONF, "%s: %s has no unit", opt->key, shown.z);
    if (rc == -TS_EPARSE)
        return ts_fail(err, TS_ECONF, "%s: %s is not %s", opt->key, shown.z, what[opt->type]);
    if (rc || v > opt->max)
        return ts_fail(err, TS_ECONF, "%s: %s is too large", opt->key, shown.z);
    if (v < opt->min)
        return ts_fail(err, TS_ECONF, "%s: %s is too small", opt->key, shown.z);
    store(opt, base, v);
    return 0;
}

static int read_choice(const struct ts_conf_option *opt, struct ts_str s, void *base, struct ts_err *err)
{
    uint64_t v;
    bool yes_no = opt->type == TS_CONF_BOOL && !opt->choices;
    if (!find_choice(choices_of(opt), s, &v) &&
        !(yes_no && (find_choice("no|yes", s, &v) || find_choice("off|on", s, &v))))
        return ts_fail(err, TS_ECONF, "%s: %s will not do", opt->key, ts_log_quote(s).z);
    store(opt, base, v);
    return 0;
}

int ts_conf_option_read(const struct ts_conf_option *opt, struct ts_str text, void *base, struct ts_err *err)
{
    switch (opt->type) {
    case TS_CONF_CHOICE:
    case TS_CONF_BOOL: return read_choice(opt, text, base, err);
    case TS_CONF_UINT:
    case TS_CONF_BYTES:
    case TS_CONF_DURATION:
    case TS_CONF_MODE: return read_number(opt, text, base, err);
    case TS_CONF_EVERY:
        return ts_conf_calendar_read(text, base) ? 0
                                                 : read_number(opt, text, base, err); /* of rollups only */
    case TS_CONF_AGGREGATES: return ts_conf_aggregates_read(text, base, err);         /* of rollups only */
    default: return read_text(opt, text, base, err);
    }
}

static void print_bytes(struct ts_buf *buf, uint64_t v)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned u = 0;
    while (v && v % 1024 == 0 && u + 1 < TS_ARRAY_SIZE(units)) {
        v /= 1024;
        u++;
    }
    ts_buf_put_uint(buf, v);
    ts_buf_puts(buf, units[u]);
}

static void print_number(const struct ts_conf_option *opt, uint64_t v, struct ts_buf *buf)
{
    char duration[TS_NUM_MAX];
    if (opt->type == TS_CONF_BYTES)
        print_bytes(buf, v);
    else if (opt->type == TS_CONF_DURATION || opt->type == TS_CONF_EVERY)
        ts_buf_put(buf, duration, ts_clock_put_duration(duration, (int64_t)v));
    else if (opt->type == TS_CONF_MODE)
        ts_buf_printf(buf, "%04o", (unsigned)v);
    else
        ts_buf_put_uint(buf, v);
}

/* A text in double quotes, in which only \ and " need an escape (is_clean_text); ${ becomes $${. */
static void print_text(struct ts_buf *buf, struct ts_str s)
{
    ts_buf_putc(buf, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            ts_buf_putc(buf, '\\');
        else if (s.p[i] == '$' && i + 1 < s.len && s.p[i + 1] == '{')
            ts_buf_putc(buf, '$');
        ts_buf_putc(buf, s.p[i]);
    }
    ts_buf_putc(buf, '"');
}

static void print_list(const struct ts_conf_option *opt, const void *base, struct ts_buf *buf)
{
    const char *between = "";
    ts_buf_putc(buf, '[');
    if (opt->type == TS_CONF_AGGREGATES) {
        ts_conf_aggregates_print(base, buf);
    } else {
        const char *names = fetch_text(opt, base);
        struct ts_str list = ts_str_of(names), word;
        while (ts_conf_next(&list, ts_conf_option_between(opt), &word)) {
            const char *colon = opt->type == TS_CONF_SECRETS ? memchr(word.p, ':', word.len) : NULL;
            ts_buf_puts(buf, between);
            if (colon)
                ts_buf_printf(buf, "\"%.*s:%s\"", (int)(colon - word.p), word.p, TS_CONF_HIDDEN);
            else
                print_text(buf, word);
            between = ", ";
        }
    }
    ts_buf_putc(buf, ']');
}

static void print_url(struct ts_buf *buf, struct ts_str url)
{
    struct ts_buf masked = TS_BUF_INIT;
    ts_conf_put_url(&masked, url);
    print_text(buf, ts_buf_str(&masked));
    ts_buf_fini(&masked);
}

void ts_conf_option_print(const struct ts_conf_option *opt, const void *base, struct ts_buf *buf)
{
    if (ts_conf_option_is_list(opt)) {
        print_list(opt, base, buf);
    } else if (ts_conf_option_is_text(opt)) {
        const char *text = fetch_text(opt, base);
        if (opt->type == TS_CONF_SECRET && text[0])
            text = TS_CONF_HIDDEN;
        if (opt->type == TS_CONF_WORD)
            ts_buf_puts(buf, text);
        else if (may_have_password(opt))
            print_url(buf, ts_str_of(text));
        else
            print_text(buf, ts_str_of(text));
    } else {
        uint64_t v = fetch(opt, base);
        struct ts_str word = nth_choice(choices_of(opt), v);
        if (word.len)
            ts_buf_put_str(buf, word);
        else if (opt->type != TS_CONF_EVERY || !ts_conf_calendar_print(base, buf))
            print_number(opt, v, buf);
    }
}

static void expect_range(const struct ts_conf_option *opt, const char *what, const char *example,
                         struct ts_buf *buf)
{
    ts_buf_printf(buf, "%s from ", what);
    print_number(opt, opt->min, buf);
    ts_buf_puts(buf, " to ");
    print_number(opt, opt->max, buf);
    ts_buf_puts(buf, example);
    if (opt->choices)
        ts_buf_printf(buf, ", or %s", opt->choices);
}

static void expect_choice(const struct ts_conf_option *opt, struct ts_buf *buf)
{
    struct ts_str list = ts_str_of(choices_of(opt)), word;
    bool first = true;
    while (ts_conf_next(&list, '|', &word)) {
        ts_buf_puts(buf, first ? "" : list.len ? ", " : " or ");
        ts_buf_put_str(buf, word);
        first = false;
    }
}

static void expect_listen_url(struct ts_buf *buf)
{
    for (unsigned i = 0; i < TS_TRANSPORT_COUNT; i++) {
        const struct ts_transport_info *info = ts_transport_info((enum ts_transport)i);
        ts_buf_printf(buf, "%s%s://%s",
                      i == 0                       ? ""
                      : i + 1 < TS_TRANSPORT_COUNT ? ", "
                                                   : " or ",
                      info->scheme, info->is_path ? "/PATH" : "HOST:PORT");
    }
    ts_buf_puts(buf, ", such as udp://127.0.0.1:8125");
}

void ts_conf_option_expects(const struct ts_conf_option *opt, struct ts_buf *buf)
{
    switch (opt->type) {
    case TS_CONF_TEXT: ts_buf_puts(buf, "text"); break;
    case TS_CONF_SECRET:
        ts_buf_puts(buf, "the secret itself, or \"${NAME}\" for an environment variable");
        break;
    case TS_CONF_PATH: ts_buf_puts(buf, "a path"); break;
    case TS_CONF_NAME: ts_buf_puts(buf, "a name of 1 to 63 letters, digits, _ and -"); break;
    case TS_CONF_ADDRESS: ts_buf_puts(buf, "HOST:PORT, such as 127.0.0.1:8186 or [::1]:8186"); break;
    case TS_CONF_LISTEN_URL: expect_listen_url(buf); break;
    case TS_CONF_PROXY_URL:
        ts_buf_puts(buf, "http://[USER:PASSWORD@]HOST:PORT, https://, socks4://, socks4a://, socks5:// or socks5h://, or none");
        break;
    case TS_CONF_HTTP_URL:
        ts_buf_puts(
            buf,
            "http://HOST:PORT or https://HOST:PORT without user and query, such as http://127.0.0.1:8086");
        break;
    case TS_CONF_CIDRS: ts_buf_puts(buf, "a list, such as [10.0.0.0/8, 127.0.0.1]"); break;
    case TS_CONF_SECRETS: ts_buf_puts(buf, "a list, such as [\"1:${TSAGG_KEY}\"]"); break;
    case TS_CONF_TEMPLATES:
        ts_buf_puts(buf, "a list, such as [\"servers.* .host.measurement.field*\"]");
        break;
    case TS_CONF_LINES: ts_buf_puts(buf, "a list of texts in one line each"); break;
    case TS_CONF_PAIRS: ts_buf_puts(buf, "a list of KEY=VALUE, such as [region=eu]"); break;
    case TS_CONF_NAMES: ts_buf_puts(buf, "a list, such as [a, b]"); break;
    case TS_CONF_BUCKETS:
        ts_buf_printf(buf,
                      "a list of up to %d rising numbers, such as [0.5, 1, 5], or [exponential, FIRST, "
                      "FACTOR, COUNT], or [linear, FIRST, WIDTH, COUNT]",
                      TS_BUCKETS_MAX);
        break;
    case TS_CONF_WORD:
    case TS_CONF_CHOICE:
    case TS_CONF_BOOL: expect_choice(opt, buf); break;
    case TS_CONF_UINT: expect_range(opt, "a whole number", "", buf); break;
    case TS_CONF_BYTES: expect_range(opt, "a size", ", such as 4MiB", buf); break;
    case TS_CONF_DURATION: expect_range(opt, "a duration", ", such as 10s", buf); break;
    case TS_CONF_EVERY:
        expect_range(opt, "a duration", ", such as 10s, or 1d, 1w, 1mo or 1y of the calendar", buf);
        break;
    case TS_CONF_MODE: expect_range(opt, "an octal number", ", such as 0660", buf); break;
    case TS_CONF_AGGREGATES: ts_buf_puts(buf, "a list, such as [count, mean, p99.9]"); break;
    }
}
