/* The server's annotated CSV, byte for byte. Thread: main. */
#include "config.h"
#include "query/query_format.h"

static void *open_annotated(struct ts_query_out *out)
{
    return out;
}

static void put_body(void *st, struct ts_str bytes)
{
    struct ts_query_out *out = st;
    ts_buf_put_str(&out->buf, bytes);
}

static void free_annotated(void *st)
{
    (void)st;
}

const struct ts_query_format ts_query_format_annotated = {
    .name = "annotated",
    .open = open_annotated,
    .body = put_body,
    .free = free_annotated,
};
