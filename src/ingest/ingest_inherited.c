/*
 * Sockets from a service manager (sd_listen_fds(3)): bound before we started, and kept bound while we
 * restart, so that the kernel keeps what comes meanwhile. Thread: main. A socket belongs to the listener with
 * its address; one without is closed, and told.
 */
#include "config.h"
#include "ingest/ingest_priv.h"

#include "core/log.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

void ts_inherited_init(struct ts_inherited *inh)
{
    *inh = (struct ts_inherited){0};
#ifdef HAVE_SYSTEMD
    int n = sd_listen_fds(1);
    for (int i = 0; i < n && inh->n < TS_ARRAY_SIZE(inh->fds); i++)
        inh->fds[inh->n++] = SD_LISTEN_FDS_START + i;
#endif
}

int ts_inherited_add(struct ts_inherited *inh, const struct ts_listener *lis)
{
    int fd = inh->n < TS_ARRAY_SIZE(inh->fds) ? fcntl(lis->fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0)
        return -TS_EIO;
    inh->fds[inh->n++] = fd;
    return 0;
}

void ts_inherited_close(struct ts_inherited *inh)
{
    while (inh->n)
        close(inh->fds[--inh->n]);
}

void ts_inherited_fini(struct ts_inherited *inh)
{
    for (unsigned i = 0; i < inh->n; i++) {
        ts_log(TS_LOG_WARN, "socket_unused",
               "fd=%d remedy=\"give listen an entry with the address of the service manager's socket\"",
               inh->fds[i]);
        close(inh->fds[i]);
    }
    inh->n = 0;
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
        return x->sin6_port == y->sin6_port && memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
    }
    const struct sockaddr_un *x = (const void *)a, *y = (const void *)b;
    return a->sa_family == AF_UNIX && strncmp(x->sun_path, y->sun_path, sizeof x->sun_path) == 0;
}

int ts_inherited_take(struct ts_inherited *inh, int type, const struct sockaddr *want)
{
    for (unsigned i = 0; i < inh->n; i++) {
        struct sockaddr_storage addr = {0};
        socklen_t len = sizeof addr, type_len = sizeof(int);
        int fd = inh->fds[i], its_type;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &its_type, &type_len) != 0 || its_type != type ||
            getsockname(fd, (struct sockaddr *)&addr, &len) != 0 ||
            !same_address((const struct sockaddr *)&addr, want))
            continue;
        inh->fds[i] = inh->fds[--inh->n];
        return fd;
    }
    return -1;
}
