/* A configuration as YAML, every option with its value, so that loading it gives the same. Thread: main. */
#include "config.h"
#include "core/conf_priv.h"

static void print_options(enum ts_conf_section section, const void *base, const char *first,
                          const char *indent, struct ts_buf *out)
{
    const char *kind = ts_conf_kind_of(section, base);
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        if (opt->section != section || ts_conf_option_need(opt, kind) == TS_NEED_NOT_HERE ||
            !ts_conf_option_is_set(opt, base))
            continue;
        ts_buf_printf(out, "%s%s: ", first, opt->key);
        ts_conf_option_print(opt, base, out);
        ts_buf_putc(out, '\n');
        first = indent;
    }
}

void ts_conf_print(const struct ts_conf *conf, struct ts_buf *out)
{
    print_options(TS_SECTION_top, conf, "", "", out);
    ts_buf_puts(out, "listen:\n");
    for (unsigned i = 0; i < conf->nlisten; i++)
        print_options(TS_SECTION_listen, &conf->listen[i], "  - ", "    ", out);
    ts_buf_puts(out, "http:\n");
    print_options(TS_SECTION_http, conf, "  ", "  ", out);
    ts_buf_puts(out, "limits:\n");
    print_options(TS_SECTION_limits, conf, "  ", "  ", out);
    ts_buf_puts(out, "events:\n");
    print_options(TS_SECTION_events, conf, "  ", "  ", out);
    ts_buf_puts(out, "self:\n");
    print_options(TS_SECTION_self, conf, "  ", "  ", out);
    ts_buf_puts(out, "journal:\n");
    print_options(TS_SECTION_journal, conf, "  ", "  ", out);
    ts_buf_puts(out, "store:\n");
    print_options(TS_SECTION_store, conf, "  ", "  ", out);
    ts_buf_puts(out, conf->npipeline ? "pipeline:\n" : "pipeline: []\n");
    for (unsigned i = 0; i < conf->npipeline; i++)
        print_options(TS_SECTION_pipeline, &conf->pipeline[i], "  - ", "    ", out);
    ts_buf_puts(out, "rollups:\n");
    for (unsigned i = 0; i < conf->nrollups; i++)
        print_options(TS_SECTION_rollups, &conf->rollups[i], "  - ", "    ", out);
    ts_buf_puts(out, "sinks:\n");
    for (unsigned i = 0; i < conf->nsinks; i++) {
        if (conf->sinks[i].derived)
            continue;
        ts_buf_printf(out, "  \"%s\":\n", conf->sinks[i].name);
        print_options(TS_SECTION_sinks, &conf->sinks[i], "    ", "    ", out);
    }
}

void ts_conf_print_options(struct ts_buf *out)
{
    static const char *const below[] = {
        [TS_SHAPE_ONE] = ".", [TS_SHAPE_LIST] = ".N.", [TS_SHAPE_MAP] = ".NAME."};
    for (unsigned i = 0; i < ts_conf_noptions; i++) {
        const struct ts_conf_option *opt = &ts_conf_options[i];
        const struct ts_conf_section_info *section = &ts_conf_sections[opt->section];
        size_t from = out->len;
        ts_buf_printf(out, "  %s%s%s", section->key, section->key[0] ? below[section->shape] : "", opt->key);
        if (opt->def && opt->def[0])
            ts_buf_printf(out, "%*s%s", (int)(32 - TS_MIN(out->len - from, (size_t)31)), "", opt->def);
        ts_buf_putc(out, '\n');
    }
}
