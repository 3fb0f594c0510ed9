/* What is wrong with stages of the pipeline, told where it stands. Thread: main. */
#include "config.h"
#include "core/conf_priv.h"

#include "core/stage.h"

/* Where the option of a stage stands, or the entry of its list, or the stage. */
static const struct ts_conf_node *place_of(const struct ts_conf_node *stage, const char *option,
                                           unsigned item)
{
    const struct ts_conf_entry *entry = ts_conf_node_find(stage, ts_str_of(option));
    const struct ts_conf_node *node = entry ? entry->value : stage;
    return node->kind == TS_NODE_LIST && item < node->n ? node->entries[item].value : node;
}

/* Whether every option given has a value: what did not read well has been told and is missing. */
static bool is_read(const struct ts_conf_node *node, const struct ts_conf_stage *conf)
{
    for (unsigned i = 0; i < ts_conf_noptions; i++)
        if (ts_conf_options[i].section == TS_SECTION_pipeline &&
            ts_conf_node_find(node, ts_str_of(ts_conf_options[i].key)) &&
            !ts_conf_option_is_set(&ts_conf_options[i], conf))
            return false;
    return conf->type != NULL;
}

static void check_stage(struct ts_conf_load *ld, const struct ts_conf_node *node, unsigned i,
                        char names[][TS_STAGE_NAME_MAX + 1])
{
    struct ts_stage stage;
    struct ts_err err;
    const char *option;
    unsigned item;
    names[i][0] = 0;
    if (!is_read(node, &ld->conf->pipeline[i]))
        return;
    if (ts_stage_read(&ld->conf->pipeline[i], i, &stage, &option, &item, &err)) {
        ts_conf_error(ld, place_of(node, option, item), "%s: %s", option, err.msg);
        return;
    }
    memcpy(names[i], stage.name, sizeof stage.name);
    for (unsigned j = 0; j < i; j++)
        if (strcmp(names[j], names[i]) == 0)
            ts_conf_error(ld, place_of(node, "name", 0), "name: a second stage \"%s\"; give it another name",
                          names[i]);
    ts_stage_fini(&stage);
}

void ts_conf_check_pipeline(struct ts_conf_load *ld)
{
    const struct ts_conf_entry *section = ts_conf_node_find(ld->root, TS_STR("pipeline"));
    char names[TS_STAGES_MAX][TS_STAGE_NAME_MAX + 1];
    if (ld->conf->npipeline > TS_STAGES_MAX) {
        ts_conf_error(ld, section->value,
                      "pipeline: more than %d stages; put conditions and changes together", TS_STAGES_MAX);
        return;
    }
    for (unsigned i = 0; i < ld->conf->npipeline; i++)
        check_stage(ld, section->value->entries[i].value, i, names);
}
