/* Address ranges. Thread: any; owns nothing. IPv4 lives in ::ffff:0:0/96 here, so that there is one
 * comparison. */
#include "config.h"
#include "core/cidr.h"

#include "core/num.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define TEXT_MAX (INET6_ADDRSTRLEN + 4)

static void map_v4(uint8_t to[16], const void *from)
{
    static const uint8_t head[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, from, 4);
}

int ts_cidr_read(struct ts_str s, struct ts_cidr *out)
{
    char text[TEXT_MAX];
    struct in_addr v4;
    uint64_t bits = 0;
    const char *slash = s.len ? memchr(s.p, '/', s.len) : NULL;
    size_t len = slash ? (size_t)(slash - s.p) : s.len;
    if (len >= sizeof text ||
        (slash && (s.len - len > 4 || slash[1] == '+' ||
                   ts_num_read_uint((struct ts_str){slash + 1, s.len - len - 1}, &bits) != 0)))
        return -TS_EPARSE;
    if (len)
        memcpy(text, s.p, len);
    text[len] = 0;
    unsigned family_bits = 128;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        map_v4(out->addr, &v4);
        family_bits = 32;
    } else if (inet_pton(AF_INET6, text, out->addr) != 1) {
        return -TS_EPARSE;
    }
    if (bits > family_bits)
        return -TS_EPARSE;
    out->bits = 128 - family_bits + (slash ? (unsigned)bits : family_bits);
    return 0;
}

static bool has(const struct ts_cidr *range, const uint8_t addr[16])
{
    unsigned bytes = range->bits / 8, rest = range->bits % 8;
    return memcmp(range->addr, addr, bytes) == 0 &&
           (rest == 0 || (range->addr[bytes] ^ addr[bytes]) >> (8 - rest) == 0);
}

bool ts_cidr_match(const struct ts_cidr *ranges, size_t n, const struct sockaddr_storage *addr)
{
    uint8_t bytes[16];
    if (addr->ss_family == AF_INET)
        map_v4(bytes, &((const struct sockaddr_in *)(const void *)addr)->sin_addr);
    else if (addr->ss_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, sizeof bytes);
    else
        return false;
    for (size_t i = 0; i < n; i++)
        if (has(&ranges[i], bytes))
            return true;
    return false;
}
