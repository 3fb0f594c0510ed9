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

/** Finds pieces and fields of the series cur->id. @return 0, -TS_EIO, -TS_ENOMEM. */
int ts_pieces_find(struct ts_cursor *cur, struct ts_err *err) TS_MUST_CHECK;
/** Decodes a piece for the present field; out->n may be 0. @return 0, -TS_EIO, -TS_ENOMEM. Damage is noted. */
int ts_piece_decode(struct ts_cursor *cur, struct ts_piece *pie, struct ts_decoded *out, struct ts_err *err) TS_MUST_CHECK;
const struct ts_seg *ts_piece_segment(const struct ts_piece *pie);
int ts_decoded_reserve(struct ts_decoded *dec, enum ts_scan_type type, unsigned n) TS_MUST_CHECK;
void ts_decoded_fini(struct ts_decoded *dec);
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
