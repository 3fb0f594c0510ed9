/* Addresses of the configuration: HOST:PORT, listeners' URLs, ranges of addresses. Thread: main; owns
 * nothing. */
#include "config.h"
#include "core/conf_priv.h"

#include "core/num.h"

#include <arpa/inet.h>
#include <sys/un.h>

enum { SHAPE_IP, SHAPE_PATH, SOCKET_DGRAM, SOCKET_STREAM };

static const struct ts_transport_info transports[] = {
#define TS_TRANSPORT(id, scheme, address, socket, reader)                                                    \
    {scheme, SHAPE_##address == SHAPE_PATH, SOCKET_##socket == SOCKET_STREAM},
#include "tbl/transports.def"
#undef TS_TRANSPORT
};

const struct ts_transport_info *ts_transport_info(enum ts_transport transport)
{
    TS_ASSERT(transport < TS_TRANSPORT_COUNT);
    return &transports[transport];
}

/* Takes "scheme://" off the front of *url. */
static bool read_scheme(struct ts_str *url, enum ts_transport *out)
{
    for (unsigned i = 0; i < TS_TRANSPORT_COUNT; i++) {
        size_t n = strlen(transports[i].scheme);
        if (url->len >= n + 3 && memcmp(url->p, transports[i].scheme, n) == 0 &&
            memcmp(url->p + n, "://", 3) == 0) {
            *out = (enum ts_transport)i;
            *url = (struct ts_str){url->p + n + 3, url->len - n - 3};
            return true;
        }
    }
    return false;
}

int ts_conf_read_listen_url(struct ts_str url, struct ts_listen_url *out)
{
    *out = (struct ts_listen_url){0};
    if (!read_scheme(&url, &out->transport))
        return -TS_EPARSE;
    if (!transports[out->transport].is_path)
        return ts_conf_read_address(url, out->host, &out->port);
    if (url.len < 2 || url.p[0] != '/' || url.p[url.len - 1] == '/' ||
        url.len >= sizeof((struct sockaddr_un *)0)->sun_path)
        return -TS_EPARSE;
    out->path = url;
    return 0;
}

int ts_conf_read_address(struct ts_str s, char host[TS_HOST_MAX], uint16_t *port)
{
    unsigned char addr[16];
    uint64_t number;
    size_t colon = s.len;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0 || ts_num_read_uint((struct ts_str){s.p + colon, s.len - colon}, &number) ||
        number > 65535)
        return -TS_EPARSE;
    struct ts_str name = {s.p, colon - 1};
    bool v6 = name.len >= 2 && name.p[0] == '[' && name.p[name.len - 1] == ']';
    if (v6)
        name = (struct ts_str){name.p + 1, name.len - 2};
    if (ts_str_eq(name, TS_STR("localhost")))
        name = TS_STR("127.0.0.1");
    if (name.len >= TS_HOST_MAX)
        return -TS_EPARSE;
    if (name.len)
        memcpy(host, name.p, name.len);
    host[name.len] = 0;
    if ((v6 || name.len) && inet_pton(v6 ? AF_INET6 : AF_INET, host, addr) != 1)
        return -TS_EPARSE;
    *port = (uint16_t)number;
    return 0;
}

int ts_conf_read_hmac_key(struct ts_str s, uint32_t *id, struct ts_str *secret)
{
    const char *colon = memchr(s.p, ':', s.len);
    size_t len = colon ? (size_t)(colon - s.p) : 0;
    uint64_t number;
    if (!colon || ts_num_read_uint((struct ts_str){s.p, len}, &number) || number > UINT32_MAX ||
        s.len - len - 1 < TS_HMAC_SECRET_MIN || memchr(s.p, ',', s.len))
        return -TS_EPARSE;
    *id = (uint32_t)number;
    *secret = (struct ts_str){colon + 1, s.len - len - 1};
    return 0;
}

bool ts_conf_is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

#define MASKED ":" TS_CONF_HIDDEN "@" /* as ts_conf_put_url writes it */

static bool starts_with(struct ts_str s, struct ts_str head)
{
    return s.len >= head.len && memcmp(s.p, head.p, head.len) == 0;
}

bool ts_conf_is_http_url(struct ts_str s)
{
    size_t scheme = starts_with(s, TS_STR("http://")) ? 7 : starts_with(s, TS_STR("https://")) ? 8 : 0;
    if (!scheme || s.len == scheme || s.p[scheme] == '/' || s.p[scheme] == ':')
        return false;
    for (size_t i = scheme; i < s.len; i++)
        if (strchr(" ?#@", s.p[i]))
            return false;
    return true;
}

bool ts_conf_is_proxy_url(struct ts_str s)
{
    static const char *const schemes[] = {"http://", "https://", "socks4://", "socks4a://", "socks5://", "socks5h://"};
    if (s.len == 0 || ts_str_eq(s, TS_STR("none")))
        return true;
    for (size_t i = 0; i < TS_ARRAY_SIZE(schemes); i++)
        if (starts_with(s, ts_str_of(schemes[i])))
            return s.len > strlen(schemes[i]) && !memchr(s.p, ' ', s.len) && !memmem(s.p, s.len, MASKED, strlen(MASKED));
    return false;
}

void ts_conf_put_url(struct ts_buf *buf, struct ts_str s)
{
    const char *at = s.len ? memrchr(s.p, '@', s.len) : NULL;
    const char *slashes = at ? memmem(s.p, (size_t)(at - s.p), "://", 3) : NULL;
    const char *user = slashes ? slashes + 3 : s.p;
    const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
    if (!colon) {
        ts_buf_put_str(buf, s);
        return;
    }
    ts_buf_put(buf, s.p, (size_t)(colon + 1 - s.p));
    ts_buf_puts(buf, TS_CONF_HIDDEN);
    ts_buf_put(buf, at, (size_t)(s.p + s.len - at));
}
