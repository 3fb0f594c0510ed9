#ifndef TS_CORE_BODY_H
#define TS_CORE_BODY_H
/*
 * A text of line protocol on its way from a request to the windows: the server fills it in, parse finds what
 * is wrong with it, ingest hands on what is right and counts the rest.
 */
#include "core/base.h"
#include "core/buf.h"
#include "core/counters.h"

#define TS_BODY_PIECE_MAX 65536 /* bytes of a piece, and so of a line */

struct ts_body {
    char *text; /* changed on the way */
    size_t len;
    size_t received_bytes; /* as it came, compressed perhaps */
    int64_t precision_ns;  /* unit of the times in it */
    bool whole;            /* all of its lines or none */
    struct ts_str bucket;  /* where it is to be stored, when it is: borrowed */

    struct ts_str *pieces; /* whole lines that are to be aggregated; the last of each has no \n */
    size_t npieces;
    uint64_t accepted, rejected;      /* lines */
    uint64_t rejected_by[TS_C_COUNT]; /* the same by TS_C_REJECTED_… */
    uint64_t refused;      /* points that the store could not keep; the others are kept */
    struct ts_buf refusal; /* why the first of them, or why it failed */
    struct ts_buf why; /* what is wrong with the first few: "unable to parse 'x': line 1, column 2: …" */
};

/**
 * Takes a body all the way: when it returns 0 its samples have been handed to the windows and all of its
 * lines counted; that may take as long as the windows have no room. text stays the caller's; ts_body_fini the
 * rest.
 * @return 0; -TS_ENOMEM, -TS_EBUSY (shutting down): nothing of it was taken or counted; -TS_ENOTFOUND there is no such bucket, or
 * another failure of the store: nothing was stored, body->refusal says why.
 * @thread any
 */
typedef int ts_body_fn(void *arg, struct ts_body *body);

void ts_body_fini(struct ts_body *body);

#endif
