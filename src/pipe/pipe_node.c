/*
 * Keys to nodes: what each stage does with the samples of a key, worked out at its first sight. Thread:
 * ingest. A stage whose condition is known for the series is settled here; one that changes the series does
 * it here. Where that depends on the sample, and for flatmap, the node leads to further ones. Without memory
 * the sample is dropped, and the next one tries again.
 */
#include "config.h"
#include "pipe/pipe_priv.h"

#include "core/mem.h"

#define NODES_MORE                                                                                           \
    1024 /* beside two for each series that the limits allow: a series may be written in many ways */

/* Series that one key leads to, and how deep: stages that each double them would otherwise have no end. */
#define FAMILY_MAX 512

struct growth {
    unsigned made;
    bool no_memory;
};

bool pipe_is_full(const struct ts_pipe *pipe)
{
    return pipe->nnodes >= 2 * pipe->conf.conf->limits.series + NODES_MORE || pipe->nnodes > UINT32_MAX / 2 ||
           pipe->bytes > NODES_BYTES_MAX;
}

bool pipe_is_of(const struct node *node, const struct ts_raw *raw)
{
    return node->shape == ts_key_shape(raw) && memcmp(node->key, raw->head, raw->head_len) == 0 &&
           (raw->tail_len == 0 || memcmp(node->key + raw->head_len, raw->tail, raw->tail_len) == 0);
}

struct node *pipe_find(struct ts_pipe *pipe, const struct ts_raw *raw)
{
    for (uint64_t key = raw->hash;; key++) { /* keys with equal hashes follow each other */
        const uint32_t *at = ts_map64_find(&pipe->keys, key);
        if (!at)
            return NULL;
        if (pipe_is_of(pipe->nodes[*at], raw))
            return pipe->nodes[*at];
    }
}

static void free_node(struct ts_pipe *pipe, struct node *node)
{
    for (unsigned i = 0; i < pipe->nstages; i++) {
        struct step *step = &node->steps[i];
        ts_calc_free(&step->when);
        ts_calc_free(&step->value);
        for (unsigned j = 0; j < step->nto; j++)
            if (step->to[j])
                free_node(pipe, step->to[j]);
        ts_free(step->to);
    }
    ts_free(node->series);
    ts_free(node);
}

void pipe_forget_all(struct ts_pipe *pipe)
{
    for (uint32_t i = 0; i < pipe->nnodes; i++)
        free_node(pipe, pipe->nodes[i]);
    TS_FREE(pipe->nodes);
    pipe->nnodes = pipe->nodes_cap = 0;
    pipe->bytes = 0;
    ts_map64_fini(&pipe->keys);
    ts_map64_init(&pipe->keys);
    for (unsigned i = 0; i < pipe->nstages; i++) {
        struct memory *mem = &pipe->memories[i];
        ts_map64_fini(&mem->places);
        ts_map64_init(&mem->places);
        ts_calc_free(&mem->when);
        ts_calc_free(&mem->value);
        TS_FREE(mem->counts);
        TS_FREE(mem->buckets);
        mem->n = mem->cap = 0;
    }
}

/* The view's series becomes the node's. @return 0, -TS_ELIMIT, -TS_ENOMEM. */
static int set_series(struct node *node, struct ts_series_view *view)
{
    struct ts_buf buf = {.limit = TS_SERIES_MAX};
    int rc = ts_series_encode(view, &buf);
    if (rc) {
        ts_buf_fini(&buf);
        return rc;
    }
    ts_free(node->series);
    node->series = buf.p;
    node->len = (uint32_t)buf.len;
    node->hash = ts_hash(buf.p, buf.len);
    return 0;
}

/* raw: the key that it stands for, or NULL. */
static struct node *make_node(struct ts_pipe *pipe, unsigned first, const struct ts_raw *raw,
                              struct growth *grow)
{
    size_t bytes = sizeof(struct node) + pipe->nstages * sizeof(struct step);
    struct node *node = ts_alloc(bytes + (raw ? (size_t)raw->head_len + raw->tail_len : 0));
    if (!node) {
        grow->no_memory = true;
        return NULL;
    }
    node->first = (uint16_t)first;
    grow->made++;
    if (raw) {
        char *key = (char *)node + bytes;
        memcpy(key, raw->head, raw->head_len);
        if (raw->tail_len)
            memcpy(key + raw->head_len, raw->tail, raw->tail_len);
        node->key = key;
        node->shape = ts_key_shape(raw);
    }
    return node;
}

static void settle(struct ts_pipe *pipe, struct node *node, struct growth *grow);

static void decode(const struct node *node, struct ts_series_view *view)
{
    int rc = ts_series_decode((struct ts_str){node->series, node->len}, view);
    TS_ASSERT(rc == 0);
}

/*
 * A node of the series in the view after these edits (NULL: none), for what comes behind the stage. @return
 * NULL: it has none, and *fail says so when it is not for want of memory.
 */
static struct node *branch(struct ts_pipe *pipe, unsigned stage, const struct ts_edits *edits,
                           struct ts_series_view *view, struct growth *grow, bool *fail)
{
    int rc = edits ? ts_edits_apply(edits, view, &pipe->scratch) : 0;
    struct node *node = rc || grow->made >= FAMILY_MAX ? NULL : make_node(pipe, stage + 1, NULL, grow);
    if (node && (rc = set_series(node, view))) {
        free_node(pipe, node);
        node = NULL;
    }
    grow->no_memory |= rc == -TS_ENOMEM;
    *fail |= !node;
    ts_buf_clear(&pipe->scratch);
    if (node) {
        node->renamed = true;
        settle(pipe, node, grow);
    }
    return node;
}

/* The parts of a tag's value, without empty ones. *more: there are further ones. */
static unsigned split(struct ts_str value, struct ts_str by, struct ts_str *parts, bool *more)
{
    unsigned n = 0;
    while (value.len && n < TS_STAGE_COPIES) {
        const char *end = memmem(value.p, value.len, by.p, by.len);
        size_t len = end ? (size_t)(end - value.p) : value.len, used = end ? len + by.len : len;
        if (len)
            parts[n++] = (struct ts_str){value.p, len};
        value.p += used;
        value.len -= used;
    }
    *more = value.len > 0;
    return n;
}

static void settle_flatmap(struct ts_pipe *pipe, unsigned i, struct node *node, struct growth *grow)
{
    const struct ts_stage *stage = &pipe->stages[i];
    const struct ts_conf_stage *conf = stage->conf;
    struct step *step = &node->steps[i];
    struct ts_series_view *view = &pipe->view;
    struct ts_str parts[TS_STAGE_COPIES];
    struct ts_str by = conf->split_tag ? ts_str_of(conf->split_by) : TS_STR("");
    bool fail = false;
    decode(node, view);
    unsigned n = conf->split_tag ? split(ts_expr_tag(view, ts_str_of(conf->split_tag)), by, parts, &fail)
                                 : stage->ncopies;
    if (n == 0) { /* no such tag */
        step->act = ACT_PASS;
        return;
    }
    step->to = ts_alloc((n + 1) * sizeof(struct node *));
    grow->no_memory |= !step->to;
    for (unsigned j = 0; j < n + conf->keep_original && step->to && !fail; j++) {
        decode(node, view);
        if (j < n && conf->split_tag) {
            int rc = ts_edit_put_tag(view, ts_str_of(conf->split_tag), parts[j]);
            TS_ASSERT(rc == 0); /* it is there already */
        }
        step->to[j] =
            branch(pipe, i, j < n && !conf->split_tag ? &stage->copies[j] : NULL, view, grow, &fail);
        step->nto += step->to[j] != NULL;
    }
    if (fail)
        step->act = ACT_FAIL;
}

static void settle_map(struct ts_pipe *pipe, unsigned i, struct node *node, struct growth *grow)
{
    const struct ts_stage *stage = &pipe->stages[i];
    struct step *step = &node->steps[i];
    struct ts_series_view *view = &pipe->view;
    bool fail = false;
    bool number = view->kind != TS_KIND_SET && view->kind != TS_KIND_STRING;
    if (number && stage->value) {
        int rc = ts_expr_bind(stage->value, view, &step->value);
        grow->no_memory |= rc == -TS_ENOMEM;
        fail |= rc != 0;
        if (step->value)
            ts_calc_share(&step->value, &pipe->memories[i].value);
    }
    step->scales = number && stage->scale != 1;
    if (stage->edits.n && step->when) {
        step->to = ts_alloc(sizeof(struct node *));
        grow->no_memory |= !step->to;
        if (step->to && (step->to[0] = branch(pipe, i, &stage->edits, view, grow, &fail)))
            step->nto = 1;
    } else if (stage->edits.n) {
        int rc = ts_edits_apply(&stage->edits, view, &pipe->scratch);
        rc = rc ? rc : set_series(node, view);
        ts_buf_clear(&pipe->scratch);
        node->renamed = true;
        grow->no_memory |= rc == -TS_ENOMEM;
        fail |= rc != 0;
    } else if (!step->value && !step->scales) {
        step->act = ACT_PASS;
    }
    if (fail)
        step->act = ACT_FAIL;
}

static void settle_limit(struct ts_pipe *pipe, unsigned i, struct node *node, struct growth *grow)
{
    const struct ts_conf_stage *conf = pipe->stages[i].conf;
    uint64_t key = pipe->stages[i].type == TS_STAGE_SAMPLE || conf->per == TS_PER_SERIES ? node->hash : 1;
    if (pipe->stages[i].type == TS_STAGE_RATE_LIMIT && conf->per == TS_PER_GROUP) {
        if (ts_edit_fill(ts_str_of(conf->group), &pipe->view, &pipe->scratch, NULL) != 0)
            node->steps[i].act = ACT_FAIL; /* longer than any series */
        key = ts_hash(pipe->scratch.p, pipe->scratch.len);
        ts_buf_clear(&pipe->scratch);
    }
    node->steps[i].state = pipe_place(pipe, i, key);
    grow->no_memory |= node->steps[i].state == UINT32_MAX;
}

/* Works out what the stages from node->first on do with it. A stage that drops all of it is the last one. */
static void settle(struct ts_pipe *pipe, struct node *node, struct growth *grow)
{
    for (unsigned i = node->first; i < pipe->nstages && !grow->no_memory; i++) {
        const struct ts_stage *stage = &pipe->stages[i];
        struct step *step = &node->steps[i];
        double truth = 1;
        decode(node, &pipe->view);
        int rc = stage->when ? ts_expr_bind(stage->when, &pipe->view, &step->when) : 0;
        grow->no_memory |= rc == -TS_ENOMEM;
        if (rc) {
            step->act = ACT_FAIL;
            return;
        }
        if (step->when && ts_calc_is_constant(step->when, &truth))
            ts_calc_free(&step->when);
        else
            truth = 1;
        if (step->when)
            ts_calc_share(&step->when, &pipe->memories[i].when);
        step->act = ACT_RUN;
        if (stage->type == TS_STAGE_FILTER)
            step->act = step->when ? ACT_RUN : (truth != 0) != stage->drops ? ACT_PASS : ACT_DROP;
        else if (truth == 0)
            step->act = ACT_PASS;
        else if (stage->type == TS_STAGE_FLATMAP)
            settle_flatmap(pipe, i, node, grow);
        else if (stage->type == TS_STAGE_MAP)
            settle_map(pipe, i, node, grow);
        else if (stage->type == TS_STAGE_SAMPLE || stage->type == TS_STAGE_RATE_LIMIT)
            settle_limit(pipe, i, node, grow);
        bool ends = step->act == ACT_DROP || step->act == ACT_FAIL || (step->nto && !step->when);
        if (ends)
            return;
    }
}

static bool keep_key(struct ts_pipe *pipe, struct node *node, const struct ts_raw *raw)
{
    if (pipe->nnodes == pipe->nodes_cap) {
        uint32_t cap = TS_MAX(pipe->nodes_cap * 2, 1024u);
        void *p = ts_resize(pipe->nodes, cap * sizeof(struct node *));
        if (!p)
            return false;
        pipe->nodes = p;
        pipe->nodes_cap = cap;
    }
    uint64_t key = raw->hash;
    while (ts_map64_find(&pipe->keys, key))
        key++;
    uint32_t *at = ts_map64_add(&pipe->keys, key);
    if (!at)
        return false;
    *at = pipe->nnodes;
    pipe->nodes[pipe->nnodes++] = node;
    return true;
}

struct node *pipe_introduce(struct ts_pipe *pipe, const struct ts_raw *raw, enum ts_counter *reason)
{
    struct growth grow = {0};
    struct node *node = make_node(pipe, 0, raw, &grow);
    *reason = TS_C_DROPPED_NO_MEMORY;
    if (!node)
        return NULL;
    int rc = set_series(node, &pipe->view);
    if (rc == -TS_ELIMIT)
        *reason = TS_C_DROPPED_SERIES_TOO_LONG;
    if (rc)
        goto fail;
    node->renamed = pipe->holds;
    settle(pipe, node, &grow);
    if (grow.no_memory || !keep_key(pipe, node, raw))
        goto fail;
    /* What is in a node beside its series: steps, calculations; and what the allocator adds. */
    pipe->bytes += raw->head_len +
                   (size_t)grow.made * (sizeof *node + pipe->nstages * sizeof *node->steps + node->len + 128);
    return node;
fail:
    free_node(pipe, node);
    return NULL;
}
