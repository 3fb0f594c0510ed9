/*
 * A page's template to the page, on stdin and stdout, while the project is built: the lines @OPTIONS@,
 * @AGGREGATES@, @COUNTERS@ and @FLUX_PACKAGES@ become what the tables hold, @VERSION@ anywhere becomes the version.
 */
#include "config.h"

#include "core/conf_doc.h"
#include "flux/flux_doc.h"

#include <stdio.h>

static const struct {
    const char *line;
    void (*put)(struct ts_buf *out);
} parts[] = {
    {"@OPTIONS@\n", ts_conf_doc_options},
    {"@AGGREGATES@\n", ts_conf_doc_aggregates},
    {"@COUNTERS@\n", ts_conf_doc_counters},
    {"@FLUX_PACKAGES@\n", ts_flux_doc_packages},
};

static void put_line(struct ts_buf *out, const char *line)
{
    static const char mark[] = "@VERSION@";
    for (size_t i = 0; i < TS_ARRAY_SIZE(parts); i++) {
        if (strcmp(line, parts[i].line) == 0) {
            parts[i].put(out);
            return;
        }
    }
    const char *version = strstr(line, mark);
    if (version)
        ts_buf_printf(out, "%.*s%s%s", (int)(version - line), line, PACKAGE_VERSION, version + strlen(mark));
    else
        ts_buf_puts(out, line);
}

int main(void)
{
    struct ts_buf out = TS_BUF_INIT;
    char line[4096];
    while (fgets(line, sizeof line, stdin))
        put_line(&out, line);
    bool failed = ts_buf_failed(&out) || ferror(stdin) || fwrite(out.p, 1, out.len, stdout) != out.len ||
                  fflush(stdout);
    ts_buf_fini(&out);
    return failed;
}
