#ifndef TS_SERVER_SERVER_PRIV_H
#define TS_SERVER_SERVER_PRIV_H
/* The pages. Each appends its body; a failed buffer becomes status 500. @thread server */
#include "server/server.h"

void ts_server_metrics(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_status(const struct ts_server_info *info, struct ts_buf *body);
/* Parts of the two above. */
void ts_server_listeners_metrics(struct ts_buf *body);
void ts_server_listeners_status(struct ts_buf *body);
/** {label="value"} */
void ts_server_put_label(struct ts_buf *body, const char *label, const char *value);

void ts_server_health(const struct ts_server_info *info, struct ts_buf *body);
void ts_server_ready(const struct ts_server_info *info, struct ts_buf *body);

#endif
