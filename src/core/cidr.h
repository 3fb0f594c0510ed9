#ifndef TS_CORE_CIDR_H
#define TS_CORE_CIDR_H
/* Ranges of IP addresses, as in "10.0.0.0/8" and "fe80::/10" (RFC 4632, RFC 4291). */
#include "core/base.h"
#include "core/err.h"

#include <sys/socket.h>

struct ts_cidr {
    uint8_t addr[16]; /* an IPv4 address as ::ffff:a.b.c.d */
    unsigned bits;    /* of these 128 that must agree */
};

/** Reads ADDRESS/BITS, or ADDRESS for that one alone. Bits behind the prefix do not matter. @return 0,
 * -TS_EPARSE. */
int ts_cidr_read(struct ts_str s, struct ts_cidr *out) TS_MUST_CHECK;

/**
 * Whether one of the ranges has the address. An IPv4 address counts as such also where an IPv6 socket tells
 * it as
 * ::ffff:a.b.c.d; an address of another family is in no range.
 */
bool ts_cidr_match(const struct ts_cidr *ranges, size_t n, const struct sockaddr_storage *addr);

#endif
