/* Lines into signed envelopes, as docs/AUTH.md has them. The sender is drawn anew with each start, so that
 * its sequence may begin at 0. */
#include "config.h"
#include "load.h"

#include "core/conf.h"
#include "core/mem.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>

#define HEAD 32
#define MAC  32

struct load_seal {
    gnutls_hmac_hd_t mac;
    uint32_t key;
    uint64_t sender, sequence;
    char *buffer;
};

static void put_big_endian(char *to, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (char)(v >> 8 * (bytes - 1 - i));
}

struct load_seal *load_seal_new(const char *key)
{
    struct load_seal *seal = ts_xalloc(sizeof *seal);
    struct ts_str secret;
    seal->buffer = ts_xalloc(LOAD_BURST_PACKETS * (HEAD + LOAD_PACKET_MAX + MAC));
    if (ts_conf_read_hmac_key(ts_str_of(key), &seal->key, &secret) == 0 &&
        gnutls_rnd(GNUTLS_RND_NONCE, &seal->sender, sizeof seal->sender) >= 0 &&
        gnutls_hmac_init(&seal->mac, GNUTLS_MAC_SHA256, secret.p, secret.len) >= 0)
        return seal;
    fputs("tsagg-load: --hmac-key cannot be used\n", stderr);
    ts_free(seal->buffer);
    ts_free(seal);
    return NULL;
}

void load_seal_free(struct load_seal **seal)
{
    if (*seal) {
        gnutls_hmac_deinit((*seal)->mac, NULL);
        ts_free((*seal)->buffer);
        TS_FREE(*seal);
    }
}

struct iovec load_seal_put(struct load_seal *seal, unsigned i, struct iovec lines, int64_t now_ns)
{
    char *to = seal->buffer + i * (size_t)(HEAD + LOAD_PACKET_MAX + MAC);
    memcpy(to, "TSA1", 4);
    put_big_endian(to + 4, seal->key, 4);
    put_big_endian(to + 8, seal->sender, 8);
    put_big_endian(to + 16, (uint64_t)now_ns, 8);
    put_big_endian(to + 24, seal->sequence++, 8);
    memcpy(to + HEAD, lines.iov_base, lines.iov_len);
    gnutls_hmac(seal->mac, to, HEAD + lines.iov_len);
    gnutls_hmac_output(seal->mac, to + HEAD + lines.iov_len);
    return (struct iovec){to, HEAD + lines.iov_len + MAC};
}
