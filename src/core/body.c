/* The end of a body. Thread: its owner. */
#include "config.h"
#include "core/body.h"

#include "core/mem.h"

void ts_body_fini(struct ts_body *body)
{
    TS_FREE(body->pieces);
    ts_buf_fini(&body->why);
    ts_buf_fini(&body->refusal);
}
