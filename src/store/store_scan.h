#ifndef TS_STORE_SCAN_H
#define TS_STORE_SCAN_H
/* A cursor: store_scan.c goes through series and fields, store_piece.c finds and decodes what there is of a series. */
#include "store/store_index.h"
#include "store/store_read.h"

#define TS_CACHE_BYTES (8u << 20) /* of a series' blocks, kept from one field to the next */

/** A block of the present series, or its rows in a landing segment. Later ones are newer, as far as they overlap. */
struct ts_piece {
    struct ts_view_shard *shd;
    struct ts_view_landing *lnd; /* NULL: a block */
    int64_t id, rank, min_ns, max_ns;
    unsigned from, n, order;
    struct ts_seg seg; /* of a block */
    size_t cached_at, cached_len; /* in cursor.cache; len 0: to be read again */
    bool times_checked;
    bool used; /* descending: its points of the present field are in a cluster that was begun */
};

/** Where points of a series can be, and up to what time: an epoch, or a landing segment of its group. */
struct ts_source {
    int64_t max_ns;
    struct ts_view_shard *shd;
    const struct ts_view_epoch *epo;
    struct ts_view_landing *lnd;
    unsigned order; /* of its piece */
};

/** A field of the present series. */
struct ts_scan_field {
    uint32_t name;
    enum ts_scan_type type;
    struct ts_str text;
};

/** Points of a piece, decoded for one field: those in the range that are not deleted. */
struct ts_decoded {
    unsigned n, at, cap, order;
    int64_t *times;
    uint64_t *v;
    struct ts_str *s;
    uint32_t *rows;
    char *data; /* what s points into */
    const struct ts_seg_column *stats; /* when they are of exactly these points */
};

/** What ts_scan_request.rows comes to for one series. */
enum ts_rows_take {
    TS_ROWS_ALL,
    TS_ROWS_NONE,
    TS_ROWS_SOME,      /* as nodes say */
    TS_ROWS_UNDECIDED, /* its type cannot be compared so */
};

struct ts_rows {
    enum ts_rows_take take;
    struct ts_row_node *nodes; /* the tree in prefix order, without what series and type have decided */
    unsigned n, cap;
};

struct ts_cursor {
    struct ts_scan_cursor cur; /* first */
    struct ts_scan_request req;
    struct ts_view view;
    struct ts_walk all; /* series */
    struct ts_buf scratch, cache;
    bool ended;
    /* The present series. */
    uint32_t id;
    struct ts_str key;
    struct ts_tag tags[TS_TAGS_MAX];
    struct ts_scan_series series;
    struct ts_piece *pieces;
    unsigned npieces, pieces_cap;
    struct ts_scan_field *fields;
    unsigned nfields, fields_cap, field; /* field: the next one */
    /* The present field: its pieces, in order of their first time. */
    struct ts_piece **of;
    unsigned nof, of_cap, next, end; /* next … end are still to come (descending: of the present cluster) */
    unsigned left;                   /* descending: clusters before this one */
    /* Descending: where to look for pieces, the latest first, and what fields the present measurement has. */
    struct ts_source *sources;
    unsigned nsources, sources_cap, source; /* source: the next one */
    uint32_t group;                         /* whose sources these are */
    unsigned nlisted;                       /* fields of the measurement … */
    struct ts_buf listed_of;
    bool any, skip;
    struct ts_rows rows;
    struct ts_decoded *active;
    unsigned nactive, active_cap;
    /* The chunk. */
    struct ts_decoded out;
    struct ts_buf text; /* of out: s[i].p is a position in it until they are handed out */
    unsigned out_left; /* descending: points of out that are still to be handed out */
    uint8_t bools[TS_SCAN_CHUNK_MAX];
    struct ts_scan_chunk chunk;
    struct ts_scan_damage damage[TS_SCAN_DAMAGE_MAX];
    unsigned ndamage;
};

/** Finds pieces and fields of the series cur->id; in descending order pieces are found when they are asked for. @return 0, -TS_EIO,
 * -TS_ENOMEM. */
int ts_pieces_find(struct ts_cursor *cur, struct ts_err *err) TS_MUST_CHECK;
/** Decodes a piece for the present field; out->n may be 0. @return 0, -TS_EIO, -TS_ENOMEM. Damage is noted. */
int ts_piece_decode(struct ts_cursor *cur, struct ts_piece *pie, struct ts_decoded *out, struct ts_err *err) TS_MUST_CHECK;
/** Adds the series' block of an epoch, its rows of a landing segment, when there are some in the range. @return 0, -TS_EIO, -TS_ENOMEM. */
int ts_piece_of_block(struct ts_cursor *cur, struct ts_view_shard *shd, const struct ts_view_epoch *epo, struct ts_err *err) TS_MUST_CHECK;
int ts_piece_of_landed(struct ts_cursor *cur, struct ts_view_shard *shd, struct ts_view_landing *lnd, struct ts_err *err) TS_MUST_CHECK;
/** Pieces that have the present field, in order, as cur->of; used ones are the last. @return 0, -TS_ENOMEM. */
int ts_pieces_of_field(struct ts_cursor *cur, struct ts_err *err) TS_MUST_CHECK;
/** Landing segments are in order of their group. */
unsigned ts_first_landing(const struct ts_view_shard *shd, uint32_t group);
/** Adds a field if it is not there; hint: where it may be. @return 0, -TS_ENOMEM. */
int ts_fields_add(struct ts_cursor *cur, uint32_t name, enum ts_scan_type type, unsigned hint) TS_MUST_CHECK;
void ts_fields_sort(struct ts_cursor *cur);
const struct ts_seg *ts_piece_segment(const struct ts_piece *pie);
int ts_decoded_reserve(struct ts_decoded *dec, enum ts_scan_type type, unsigned n) TS_MUST_CHECK;
void ts_decoded_fini(struct ts_decoded *dec);
/* ---- store_newest.c: descending ---- */

/** Fields of the series cur->id, and where to look for pieces. @return 0, -TS_EIO, -TS_ENOMEM. */
int ts_newest_begin(struct ts_cursor *cur, struct ts_err *err) TS_MUST_CHECK;
/** The last pieces of cur->of, from *from on, that overlap, when nothing can overlap with them any more. @return 1; 0 nothing is left;
 * -TS_EIO, -TS_ENOMEM. */
int ts_newest_cluster(struct ts_cursor *cur, unsigned *from, struct ts_err *err) TS_MUST_CHECK;

/* ---- store_rows.c ---- */

/** For the present series. @return 0, -TS_ENOMEM. */
int ts_rows_bind(struct ts_rows *rows, const struct ts_scan_pred *pred, const struct ts_scan_series *ser) TS_MUST_CHECK;
void ts_rows_fini(struct ts_rows *rows);
/** All, none or some of a block's points, as far as its statistics tell; never UNDECIDED. */
enum ts_rows_take ts_rows_of_block(const struct ts_rows *rows, const struct ts_seg_column *col);
/**
 * Moves those of the points from … from + n that satisfy rows to their beginning, columns that are wanted alone (enum
 * ts_scan_want). *min_ns, *max_ns: their times. @return how many
 */
unsigned ts_rows_keep(const struct ts_rows *rows, enum ts_scan_type type, struct ts_decoded *dec, unsigned from, unsigned n,
                      unsigned want, int64_t *min_ns, int64_t *max_ns);

void ts_cursor_complain(struct ts_cursor *cur, int64_t min_ns, int64_t max_ns, const char *what);

#endif
