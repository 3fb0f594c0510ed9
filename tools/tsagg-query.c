/*
 * tsagg-query: asks a server a question in Flux. Here are only the options, the script and the exit code;
 * src/query/ does the rest. Results go to stdout, everything else to stderr.
 */
#include "config.h"
#include "query/query.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/utf8.h"
#include "query/query_text.h"
#include "query_local.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#define SCRIPT_MAX (16u << 20) /* bytes */

enum {
    OPT_HOST = 256,
    OPT_ORG,
    OPT_TOKEN,
    OPT_PROFILE,
    OPT_FORMAT,
    OPT_PARAM,
    OPT_NOW,
    OPT_TIMEOUT,
    OPT_CA,
    OPT_NO_VERIFY,
    OPT_FAIL_EMPTY,
    OPT_LOCAL,
    OPT_MEMORY,
    OPT_FMT,
};

#define MEMORY_DEFAULT (UINT64_C(1) << 30) /* bytes that a local query may take */

static const struct {
    int id; /* a letter where there is a short form */
    const char *name, *arg, *help;
} options[] = {
    {'f', "file", "FILE", "read the script from FILE (- is standard input)"},
    {OPT_HOST, "host", "URL", "the server (TSAGG_HOST, INFLUX_HOST; default http://127.0.0.1:8186)"},
    {OPT_ORG, "org", "NAME", "the organization (TSAGG_ORG, INFLUX_ORG, INFLUX_ORG_ID)"},
    {OPT_TOKEN, "token", "TOKEN", "the token (TSAGG_TOKEN, INFLUX_TOKEN)"},
    {OPT_PROFILE, "profile", "NAME", "host, org and token from profiles.yaml"},
    {OPT_FORMAT, "format", "FORMAT", NULL},
    {OPT_PARAM, "param", "NAME=VALUE", "the script sees VALUE as the text params.NAME; may be repeated"},
    {OPT_NOW, "now", "TIME", "what now() is for the script (RFC 3339)"},
    {OPT_TIMEOUT, "timeout", "DURATION", "give up after so long (30s, 5m)"},
    {OPT_CA, "ca", "FILE", "certificates to trust (PEM) instead of the system's"},
    {OPT_NO_VERIFY, "no-verify", NULL, "do not check the server's certificate"},
    {OPT_LOCAL, "local", "[=DIR]", "run the script in this process, over the store in DIR (default: tsaggd's)"},
    {OPT_MEMORY, "memory", "SIZE", "how much memory a local query may take (default 1GiB, 0 is any)"},
    {OPT_FMT, "fmt", NULL, "print the script well-formed instead of running it"},
    {OPT_FAIL_EMPTY, "fail-empty", NULL, "exit with 1 when there are no rows"},
    {'V', "version", NULL, "print the version"},
    {'h', "help", NULL, "print this help"},
};

struct args {
    struct ts_query_request req;
    struct ts_ask_param *params; /* req.params; owned */
    const struct ts_query_format *format;
    const char *file, *profile;
    bool fail_empty, fmt;
};

static volatile sig_atomic_t stop;

static void on_interrupt(int sig)
{
    (void)sig;
    stop = 1;
}

/* Every line of text, made harmless for a terminal, behind the tool's name; blank lines are left out. */
static void say(struct ts_str text)
{
    struct ts_buf out = TS_BUF_INIT;
    for (size_t i = 0; i < text.len;) {
        const char *p = text.p + i, *end = memchr(p, '\n', text.len - i);
        size_t n = end ? (size_t)(end - p) : text.len - i;
        if (n) {
            ts_buf_puts(&out, out.len ? "  " : "tsagg-query: ");
            ts_query_put_visible(&out, (struct ts_str){p, n});
            ts_buf_putc(&out, '\n');
        }
        i += n + 1;
    }
    if (out.len)
        fwrite(out.p, 1, out.len, stderr);
    ts_buf_fini(&out);
}

static TS_PRINTF(1, 2) int usage_error(const char *fmt, ...)
{
    struct ts_buf text = TS_BUF_INIT;
    char z[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(z, sizeof z, fmt, ap);
    va_end(ap);
    ts_buf_puts(&text, z);
    ts_buf_puts(&text, "\ntsagg-query --help lists the options");
    say(ts_buf_str(&text));
    ts_buf_fini(&text);
    return TS_QUERY_USAGE;
}

static void put_formats(struct ts_buf *to)
{
#define NAME(format) ts_buf_puts(to, to->len ? ", " #format : #format);
    TS_QUERY_FORMATS(NAME)
#undef NAME
}

static void print_help(void)
{
    struct ts_buf formats = TS_BUF_INIT;
    put_formats(&formats);
    printf("usage: tsagg-query [options] [FLUX | -f FILE | -]\n"
           "Runs a Flux script on an InfluxDB 2 server or in this process, and prints its results.\n\n");
    for (size_t i = 0; i < TS_ARRAY_SIZE(options); i++) {
        char name[40], letter[8] = "    ";
        if (options[i].id < 256)
            snprintf(letter, sizeof letter, "-%c, ", options[i].id);
        snprintf(name, sizeof name, "--%s%s%s", options[i].name, options[i].arg && options[i].arg[0] != '[' ? " " : "",
                 options[i].arg ? options[i].arg : "");
        printf("  %s%-20s  %s\n", letter, name, options[i].help ? options[i].help : ts_buf_cstr(&formats));
    }
    printf("\nWithout --format: table on a terminal, csv otherwise. See tsagg-query(1).\n"
           "Exit status: 0 ok, 1 no rows with --fail-empty, 2 usage, 3 the query is wrong or failed,\n"
           "4 cannot reach the server, 5 refused.\n");
    ts_buf_fini(&formats);
}

/* A Flux identifier (Flux specification, "Identifiers"), ASCII only. */
static bool is_identifier(struct ts_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool letter = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || s.p[i] == '_';
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (!letter && !(digit && i))
            return false;
    }
    return s.len > 0;
}

static int add_param(struct args *args, const char *text)
{
    const char *eq = strchr(text, '=');
    struct ts_str name = {text, eq ? (size_t)(eq - text) : 0};
    if (!is_identifier(name))
        return usage_error("--param %s: right would be NAME=VALUE with a name of letters, digits and _",
                           text);
    if (!ts_utf8_valid(ts_str_of(eq + 1)))
        return usage_error("--param %.*s: the value is not UTF-8", (int)name.len, name.p);
    unsigned n = args->req.nparams;
    for (unsigned i = 0; i < n; i++)
        if (ts_str_eq(args->params[i].name, name))
            return usage_error("--param %.*s is given twice", (int)name.len, name.p);
    args->params = ts_xresize(args->params, (n + 1) * sizeof *args->params);
    args->params[n] = (struct ts_ask_param){name, ts_str_of(eq + 1)};
    args->req.params = args->params;
    args->req.nparams = n + 1;
    return TS_QUERY_OK;
}

static int set_format(struct args *args, const char *name)
{
    args->format = ts_query_format_find(name);
    if (args->format)
        return TS_QUERY_OK;
    struct ts_buf formats = TS_BUF_INIT;
    put_formats(&formats);
    int rc = usage_error("--format %s: the formats are %s", name, ts_buf_cstr(&formats));
    ts_buf_fini(&formats);
    return rc;
}

static void set_text(char **to, const char *value)
{
    TS_FREE(*to);
    *to = ts_xstrdup(value);
}

static int set_option(struct args *args, int id, const char *value)
{
    struct ts_query_request *req = &args->req;
    switch (id) {
    case 'f': args->file = value; break;
    case OPT_HOST: set_text(&req->target.host, value); break;
    case OPT_ORG: set_text(&req->target.org, value); break;
    case OPT_TOKEN: set_text(&req->target.token, value); break;
    case OPT_PROFILE: args->profile = value; break;
    case OPT_FORMAT: return set_format(args, value);
    case OPT_PARAM: return add_param(args, value);
    case OPT_NOW:
        if (!ts_query_is_time(ts_str_of(value)))
            return usage_error("--now %s: right would be a time such as 2026-11-21T09:30:00Z", value);
        req->now = value;
        break;
    case OPT_TIMEOUT:
        if (ts_clock_read_duration(ts_str_of(value), &req->timeout_ns) != 0 || req->timeout_ns <= 0)
            return usage_error("--timeout %s: right would be a number and its unit, such as 30s", value);
        break;
    case OPT_LOCAL:
        req->source = query_local_run;
        req->store = value;
        break;
    case OPT_MEMORY:
        if (ts_num_read_bytes(ts_str_of(value), &req->memory_bytes) != 0)
            return usage_error("--memory %s: right would be a size such as 512MiB", value);
        break;
    case OPT_FMT: args->fmt = true; break;
    case OPT_CA: req->ca = value; break;
    case OPT_NO_VERIFY: req->verify = false; break;
    case OPT_FAIL_EMPTY: args->fail_empty = true; break;
    default: return usage_error("the command line is wrong"); /* getopt has said what */
    }
    return TS_QUERY_OK;
}

/* @return false to end with *end. */
static bool read_options(struct args *args, int argc, char **argv, int *end)
{
    struct option longs[TS_ARRAY_SIZE(options) + 1] = {0};
    for (size_t i = 0; i < TS_ARRAY_SIZE(options); i++)
        longs[i] = (struct option){options[i].name,
                                   !options[i].arg            ? no_argument
                                   : options[i].arg[0] == '[' ? optional_argument
                                                              : required_argument,
                                   NULL, options[i].id};
    int id;
    while ((id = getopt_long(argc, argv, "f:Vh", longs, NULL)) != -1) {
        if (id == 'h') {
            print_help();
            return false;
        }
        if (id == 'V') {
            printf("tsagg-query %s\n", PACKAGE_VERSION);
            return false;
        }
        *end = set_option(args, id, optarg);
        if (*end)
            return false;
    }
    return true;
}

static int read_script_file(const char *name, struct ts_buf *script)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;
    script->limit = SCRIPT_MAX;
    while (n > 0) {
        char *to = ts_buf_reserve(script, 65536);
        if (!to)
            return usage_error("%s: the script is longer than %u bytes", name, SCRIPT_MAX - 65536);
        n = read(fd, to, 65536);
        script->len += n > 0 ? (size_t)n : 0;
    }
    int error = errno;
    if (fd > STDIN_FILENO)
        close(fd);
    return n < 0 ? usage_error("cannot read the script from %s: %s", name, strerror(error)) : TS_QUERY_OK;
}

static int read_script(const struct args *args, int argc, char **argv, struct ts_buf *script)
{
    const char *arg = optind < argc ? argv[optind] : NULL;
    if (argc - optind > 1)
        return usage_error("more than one script: \"%s\" and \"%s\"; quote the script as one argument", arg,
                           argv[optind + 1]);
    if (arg && args->file)
        return usage_error("a script as argument and -f FILE exclude each other");
    if (!arg && !args->file && isatty(STDIN_FILENO))
        return usage_error("no script: give it as an argument, with -f FILE, or on standard input");
    bool from_file = !arg || strcmp(arg, "-") == 0;
    if (!from_file)
        ts_buf_puts(script, arg);
    int rc = from_file ? read_script_file(args->file ? args->file : "-", script) : TS_QUERY_OK;
    if (rc)
        return rc;
    if (script->len == 0)
        return usage_error("the script is empty");
    return ts_utf8_valid(ts_buf_str(script)) ? TS_QUERY_OK : usage_error("the script is not UTF-8");
}

static int run(struct args *args)
{
    struct ts_buf error = TS_BUF_INIT, notes = TS_BUF_INIT;
    if (!args->format)
        args->format = isatty(STDOUT_FILENO) ? &ts_query_format_table : &ts_query_format_csv;
    int end = TS_QUERY_USAGE;
    if (args->fmt)
        end = query_local_format(args->req.script, &error);
    else if (args->req.source || ts_query_target_resolve(&args->req.target, args->profile, &error) == 0)
        end = ts_query_run(&args->req, args->format, STDOUT_FILENO, args->fail_empty, &notes, &error);
    say(ts_buf_str(&notes));
    say(ts_buf_str(&error));
    ts_buf_fini(&notes);
    ts_buf_fini(&error);
    return end;
}

int main(int argc, char **argv)
{
    struct args args = {.req = {.verify = true, .stop = &stop, .memory_bytes = MEMORY_DEFAULT}};
    struct ts_buf script = TS_BUF_INIT;
    int end = TS_QUERY_OK;
    ts_mem_set_fatal(TS_QUERY_FAILED);
    if (read_options(&args, argc, argv, &end) &&
        (end = read_script(&args, argc, argv, &script)) == TS_QUERY_OK) {
        args.req.script = ts_buf_str(&script);
        signal(SIGPIPE, SIG_IGN);
        sigaction(SIGINT, &(struct sigaction){.sa_handler = on_interrupt}, NULL);
        end = run(&args);
    }
    ts_buf_fini(&script);
    ts_query_target_fini(&args.req.target);
    TS_FREE(args.params);
    if (stop) { /* the shell is to see that it was an interrupt */
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return end;
}
