#ifndef TS_PIPE_PIPE_PRIV_H
#define TS_PIPE_PIPE_PRIV_H
/* Between the files of this folder. All of it belongs to one ingest thread. */
#include "core/buf.h"
#include "core/map64.h"
#include "core/stage.h"
#include "pipe/pipe.h"

#define NODES_BYTES_MAX ((size_t)512 << 20) /* of nodes; beyond that, or LIMIT keys, all are forgotten */

struct node;

enum act {
    ACT_PASS, /* the stage is not for this series, or keeps all of it */
    ACT_DROP, /* drops all of it */
    ACT_FAIL, /* cannot compute what it becomes */
    ACT_RUN
};

/* What a stage does with the samples of a series. */
struct step {
    uint8_t act;
    bool scales;
    uint32_t state;        /* of sample and rate_limit */
    struct ts_calc *when;  /* asked for each sample; NULL: always */
    struct ts_calc *value; /* NULL: stays */
    unsigned nto;
    struct node **to; /* map: the changed series, when `when` is asked; flatmap: those made of it */
};

/* A series on its way through the stages, or a key and the series that it stands for. */
struct node {
    uint64_t shape;  /* of the key, for those that stand for one */
    const char *key; /* behind the steps */
    uint64_t hash;   /* of the series that comes out of the latest stage that changes it */
    char *series;    /* the same, encoded, as it leaves the pipe */
    uint32_t len;
    uint16_t first;      /* stage that it comes to first */
    bool renamed;        /* leaves under this series rather than under its key */
    struct step steps[]; /* [nstages] */
};

struct item {
    struct node *node;
    struct ts_raw raw;
};

struct bucket {
    double tokens;
    int64_t at_ns;
};

struct held {
    struct item item;
    uint64_t key;
    int64_t since_ns; /* when it came; with --input its time */
};

/* What a stage remembers. */
struct memory {
    struct ts_map64 places; /* series or groups: where they are */
    uint32_t n, cap;
    struct ts_calc *when, *value; /* the latest: most series have the same, which then stays in the cache */
    uint64_t *counts;
    struct bucket *buckets;
    struct held *held; /* dedup: a ring of conf->hold, the oldest at `head` */
    uint64_t head, tail;
};

struct ts_pipe {
    struct ts_pipe_conf conf;
    unsigned nstages;
    struct ts_stage *stages;
    struct memory *memories;
    struct ts_counters **cnt; /* of the stages */
    bool holds;               /* there is a dedup: keys must outlive their data */
    int64_t arrival_ns;
    int64_t latest_ns; /* with --input: highest time that came, none of the future */
    struct ts_map64 keys;
    struct node **nodes;
    uint32_t nnodes, nodes_cap;
    size_t bytes;
    uint32_t ntiles;
    bool timed;
    int64_t inner_ns; /* spent in stages behind the one being timed */
    struct ts_series_view view;
    struct ts_buf scratch;
    struct ts_tile out;
    struct node *out_nodes[TS_TILE_MAX];
};

/* ---- pipe.c ---- */

/* Hands up to TS_TILE_MAX samples to the stage, or on when there is none left. */
void pipe_deliver(struct ts_pipe *pipe, unsigned stage, struct item *items, unsigned n);
/* The sample is gone: counted, and its text freed. */
void pipe_lose(struct ts_pipe *pipe, struct item *item, enum ts_counter reason);

/* ---- pipe_node.c ---- */

/* The same steps apart, so that a caller can run each over a tile: the place of the node that is most likely
 * the key's. */
TS_INLINE uint32_t pipe_guess(const struct ts_pipe *pipe, uint64_t hash)
{
    const uint32_t *at = ts_map64_find(&pipe->keys, hash);
    return at ? *at : UINT32_MAX;
}

/* The node of a key, or NULL. raw->hash is set. */
struct node *pipe_find(struct ts_pipe *pipe, const struct ts_raw *raw);
/* Makes the node of a key, whose series is in pipe->view. @return NULL: *reason says why. */
struct node *pipe_introduce(struct ts_pipe *pipe, const struct ts_raw *raw, enum ts_counter *reason);
void pipe_forget_all(struct ts_pipe *pipe);
bool pipe_is_of(const struct node *node, const struct ts_raw *raw);
bool pipe_is_full(const struct ts_pipe *pipe);

/* ---- pipe_stage.c ---- */

/* Runs one stage over the samples. @return how many are left at the front of items; 0 when they have been
 * delivered. */
unsigned pipe_run(struct ts_pipe *pipe, unsigned stage, struct item *items, unsigned n);
/* Where the stage remembers this key; UINT32_MAX without memory. */
uint32_t pipe_place(struct ts_pipe *pipe, unsigned stage, uint64_t key);
/* Whether the stage is for this sample of a series that it may be for. */
bool pipe_is_meant(const struct ts_pipe *pipe, const struct step *step, const struct ts_raw *raw);
int64_t pipe_now(const struct ts_pipe *pipe);

/* ---- pipe_hold.c ---- */

void pipe_hold(struct ts_pipe *pipe, unsigned stage, struct item *items, unsigned n);
/* Lets go what has been held long enough, or all. */
void pipe_release(struct ts_pipe *pipe, bool all);
void pipe_hold_fini(struct ts_pipe *pipe, unsigned stage);

#endif
