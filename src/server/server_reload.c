/* POST /api/v1/reload: the answer is what came of it, in lines of text. Thread: the connection's, which waits for main's. */
#include "config.h"
#include "server/server_priv.h"

enum MHD_Result ts_server_reload(const struct ts_server *srv, struct MHD_Connection *con)
{
    struct ts_buf text = TS_BUF_INIT;
    if (!srv->info.reload)
        return ts_server_error(con, MHD_HTTP_NOT_FOUND, "there is no configuration that could be reloaded", NULL, NULL);
    /* Listeners that read on for a moment before they end keep the connection silent. */
    MHD_set_connection_option(con, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    int rc = srv->info.reload(srv->info.reload_arg, &text);
    MHD_set_connection_option(con, MHD_CONNECTION_OPTION_TIMEOUT, TS_SERVER_TIMEOUT_S);
    unsigned status = rc == 0 ? MHD_HTTP_OK : rc == -TS_ECONF ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_SERVICE_UNAVAILABLE;
    enum MHD_Result result = ts_server_respond(con, status, "text/plain; charset=utf-8", ts_buf_str(&text), NULL, NULL);
    ts_buf_fini(&text);
    return result;
}
