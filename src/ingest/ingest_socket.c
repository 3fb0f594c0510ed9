/*
 * A listener's configuration to a bound socket. Thread: main. A unix socket's file that nobody listens on is
 * replaced: it was left behind by a process that died.
 */
#include "config.h"
#include "ingest/ingest_priv.h"

#include "core/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int socket_type(const struct ts_listener *lis)
{
    return ts_transport_info(lis->conf->transport)->is_stream ? SOCK_STREAM : SOCK_DGRAM;
}

static int close_failed(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* @return a descriptor; -1 with errno. */
static int bind_ip(const struct ts_listener *lis, const struct addrinfo *ai)
{
    int one = 1;
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* A stream's port would stay taken for a minute by connections that are over. */
    if ((lis->conf->sockets > 1 && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        (ai->ai_socktype == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0) ||
        bind(fd, ai->ai_addr, ai->ai_addrlen) != 0)
        return close_failed(fd);
    return fd;
}

static uint16_t bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } addr;
    socklen_t len = sizeof addr;
    if (getsockname(fd, &addr.any, &len) != 0)
        return 0;
    return ntohs(addr.any.sa_family == AF_INET6 ? addr.v6.sin6_port : addr.v4.sin_port);
}

/* fd becomes -1 without one. */
static void take_inherited(struct ts_listener *lis, struct ts_inherited *inh, const struct sockaddr *addr)
{
    lis->fd = ts_inherited_take(inh, socket_type(lis), addr);
    lis->inherited = lis->fd >= 0;
    if (lis->inherited)
        ts_log(TS_LOG_INFO, "socket_inherited", "url=%s fd=%d", lis->conf->url, lis->fd);
}

static int open_ip(struct ts_listener *lis, uint16_t port, struct ts_inherited *inh, struct ts_err *err)
{
    const struct ts_conf_listen *conf = lis->conf;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = socket_type(lis), .ai_flags = AI_PASSIVE},
                    *list;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int rc = getaddrinfo(conf->host[0] ? conf->host : NULL, service, &hints, &list);
    if (rc)
        return ts_fail(err, TS_EINVAL, "listen %s: %s", conf->url, gai_strerror(rc));
    lis->fd = -1;
    for (const struct addrinfo *ai = list; ai && lis->fd < 0; ai = ai->ai_next)
        take_inherited(lis, inh, ai->ai_addr);
    if (lis->fd >= 0 && conf->sockets > 1) /* further ones may share its address */
        (void)setsockopt(lis->fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    for (const struct addrinfo *ai = list; ai && lis->fd < 0; ai = ai->ai_next)
        lis->fd = bind_ip(lis, ai);
    freeaddrinfo(list);
    if (lis->fd < 0)
        return ts_fail_errno(err, TS_EIO, "listen %s: cannot bind port %u", conf->url, port);
    lis->port = bound_port(lis->fd);
    return 0;
}

/* Whether the file is a socket that nobody listens on. */
static bool is_stale(const struct sockaddr_un *addr, int type)
{
    struct stat st;
    if (lstat(addr->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool stale = connect(fd, (const struct sockaddr *)addr, sizeof *addr) != 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int open_path(struct ts_listener *lis, struct ts_inherited *inh, struct ts_err *err)
{
    const struct ts_conf_listen *conf = lis->conf;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len = strlen(conf->path);
    TS_ASSERT(len < sizeof addr.sun_path);
    memcpy(addr.sun_path, conf->path, len);
    take_inherited(lis, inh, (const struct sockaddr *)&addr);
    if (lis->fd >= 0)
        return 0;
    lis->fd = socket(AF_UNIX, socket_type(lis) | SOCK_CLOEXEC, 0);
    if (lis->fd < 0)
        return ts_fail_errno(err, TS_EIO, "listen %s", conf->url);
    /* Before bind, so that the file never allows more than it shall; after it, because the umask took
     * something away. */
    if (fchmod(lis->fd, conf->mode) != 0)
        goto fail;
    int rc = bind(lis->fd, (const struct sockaddr *)&addr, sizeof addr);
    if (rc != 0 && errno == EADDRINUSE) {
        if (!is_stale(&addr, socket_type(lis))) {
            errno = EADDRINUSE;
            goto fail;
        }
        rc = unlink(conf->path) != 0 ? -1 : bind(lis->fd, (const struct sockaddr *)&addr, sizeof addr);
    }
    if (rc != 0)
        goto fail;
    lis->own_path = true;
    if (chmod(conf->path, conf->mode) == 0)
        return 0;
fail:
    rc = ts_fail_errno(err, TS_EIO, "listen %s", conf->url);
    if (lis->own_path)
        (void)unlink(conf->path);
    close(lis->fd);
    return rc;
}

int ts_ingest_bind(struct ts_listener *lis, uint16_t port, struct ts_inherited *inh, struct ts_err *err)
{
    return ts_transport_info(lis->conf->transport)->is_path ? open_path(lis, inh, err)
                                                            : open_ip(lis, port, inh, err);
}
