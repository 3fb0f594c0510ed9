/* Option, aggregate and counter tables to man(7) markup. Runs while the man pages are built. */
#include "config.h"
#include "core/conf_doc.h"

#include "core/conf_priv.h"
#include "core/readings.h"

static void put_troff(struct ts_buf *out, const char *z)
{
    if (*z == '.' || *z == '\'')
        ts_buf_puts(out, "\\&");
    for (; *z; z++) {
        if (*z == '-')
            ts_buf_puts(out, "\\-");
        else if (*z == '\\')
            ts_buf_puts(out, "\\e");
        else if (*z == '~')
            ts_buf_puts(out, "\\(ti");
        else
            ts_buf_putc(out, *z);
    }
}

static void put_need(const struct ts_conf_option *opt, struct ts_buf *out)
{
    struct ts_str list = ts_str_of(opt->need), word;
    const char *before = "for ";
    if (opt->need[0] == '!') {
        ts_buf_puts(out, "; required");
        return;
    }
    ts_buf_puts(out, opt->need[0] ? "; " : "");
    while (ts_conf_next(&list, ' ', &word)) {
        bool required = word.p[word.len - 1] == '!';
        ts_buf_printf(out, "%s%.*s%s", before, (int)(word.len - required), word.p,
                      required ? " (required)" : "");
        before = ", ";
    }
}

static void put_option(const struct ts_conf_option *opt, struct ts_buf *out)
{
    struct ts_buf line = TS_BUF_INIT;
    ts_buf_puts(out, ".TP\n.B ");
    put_troff(out, opt->key);
    ts_buf_putc(out, '\n');
    put_troff(out, opt->text);
    ts_buf_puts(out, "\n.br\n");
    ts_conf_option_expects(opt, &line);
    put_need(opt, &line);
    if (opt->def)
        ts_buf_printf(&line, "; default: %s", opt->def[0] ? opt->def : "\"\"");
    const char *text = ts_buf_cstr(&line);
    if (text) {
        ts_buf_puts(out, "Value: ");
        put_troff(out, text);
    }
    ts_buf_putc(out, '\n');
    ts_buf_fini(&line);
}

void ts_conf_doc_options(struct ts_buf *out)
{
    static const char *const shape[] = {[TS_SHAPE_ONE] = "A mapping.",
                                        [TS_SHAPE_LIST] = "A list of mappings.",
                                        [TS_SHAPE_MAP] = "A mapping of names to mappings."};
    for (unsigned s = 0; s < TS_SECTION_COUNT; s++) {
        const struct ts_conf_section_info *info = &ts_conf_sections[s];
        ts_buf_printf(out, ".SS %s\n", info->key[0] ? info->key : "Top level");
        put_troff(out, info->text);
        if (s != TS_SECTION_top)
            ts_buf_printf(out, "\n%s\n", shape[info->shape]);
        if (info->def) {
            ts_buf_puts(out, "Without it: ");
            put_troff(out, info->def);
        }
        ts_buf_puts(out, s == TS_SECTION_top || info->def ? "\n" : "");
        for (unsigned i = 0; i < ts_conf_noptions; i++)
            if (ts_conf_options[i].section == s)
                put_option(&ts_conf_options[i], out);
    }
}

void ts_conf_doc_aggregates(struct ts_buf *out)
{
    static const char *const texts[] = {
#define TS_AGGREGATE(name, text) text,
#include "tbl/aggregates.def"
#undef TS_AGGREGATE
    };
    for (unsigned i = 0; i < TS_AGG_COUNT; i++) {
        ts_buf_printf(out, ".TP\n.B %s\n", ts_aggregate_name((enum ts_aggregate)i));
        put_troff(out, texts[i]);
        ts_buf_putc(out, '\n');
    }
}

void ts_conf_doc_counters(struct ts_buf *out)
{
    const struct {
        const char *key, *help, *label;
    } of_listeners[] = {
#define TS_LISTENER_VALUE(key, counter, help) {#key, help, ts_counter_info(TS_C_##counter)->label},
#include "tbl/listeners.def"
#undef TS_LISTENER_VALUE
    };
    const char *former = "";
    for (unsigned i = 0; i < TS_C_COUNT; i++) {
        const struct ts_counter_info *info = ts_counter_info((enum ts_counter)i);
        if (strcmp(former, info->name) != 0) {
            ts_buf_printf(out, ".TP\n.B tsagg_%s\n", info->name);
            put_troff(out, info->help);
            ts_buf_puts(out, info->label ? ".\nBy " : ".\n");
            if (info->label)
                ts_buf_printf(out, "%s: %s", info->label, info->value ? info->value : "one line for each.\n");
        } else {
            ts_buf_printf(out, ", %s", info->value);
        }
        former = info->name;
        bool last =
            i + 1 == TS_C_COUNT || strcmp(ts_counter_info((enum ts_counter)(i + 1))->name, former) != 0;
        if (last && info->value)
            ts_buf_puts(out, ".\n");
    }
    for (unsigned i = 0; i < TS_ARRAY_SIZE(of_listeners); i++) {
        ts_buf_printf(out, ".TP\n.B tsagg_listener_%s_total\n", of_listeners[i].key);
        put_troff(out, of_listeners[i].help);
        ts_buf_puts(out, of_listeners[i].label ? ".\nBy listener and reason.\n" : ".\nBy listener.\n");
    }
    for (unsigned i = 0; i < TS_G_COUNT; i++) {
        const struct ts_counter_info *info = ts_gauge_info((enum ts_gauge)i);
        ts_buf_printf(out, ".TP\n.B tsagg_%s\n", info->name);
        put_troff(out, info->help);
        ts_buf_puts(out, ".\n");
        if (info->label)
            ts_buf_printf(out, "By %s.\n", info->label);
    }
}
