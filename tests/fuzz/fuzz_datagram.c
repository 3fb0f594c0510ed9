/*
 * Any bytes as datagrams of a listener with keys. The first byte says whether the signature behind them is made right, because the fuzzer would
 * not find it. A datagram passes at most once, and what is inside lies between head and signature.
 */
#include "config.h"
#include "core/clock.h"
#include "ingest/ingest_auth.h"

#include <gnutls/crypto.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "sixteen letters!"
#define NOW    (INT64_C(1600000000) * TS_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_auth *auth;
    struct ts_auth_reader *reader;
    struct ts_err err;
    struct ts_str lines;
    enum ts_counter why;
    char datagram[2048];
    if (size < 1 || size > sizeof datagram - TS_AUTH_MAC)
        return 0;
    size_t n = size - 1;
    memcpy(datagram, data + 1, n);
    if (data[0] & 1) {
        TS_ASSERT(gnutls_hmac_fast(GNUTLS_MAC_SHA256, SECRET, sizeof SECRET - 1, datagram, n, datagram + n) == 0);
        n += TS_AUTH_MAC;
    }
    TS_ASSERT(ts_auth_new("1:" SECRET ",4294967295:another sixteen!", 30 * TS_SEC, NOW - 60 * TS_SEC, &auth, &err) == 0);
    TS_ASSERT(ts_auth_reader_new(auth, &reader, &err) == 0);
    struct ts_str bytes = {datagram, n};
    if (ts_auth_admit(reader, bytes, NOW, &lines, &why)) {
        TS_ASSERT(data[0] & 1);
        TS_ASSERT(lines.p == datagram + TS_AUTH_HEAD && lines.len == n - TS_AUTH_HEAD - TS_AUTH_MAC);
        TS_ASSERT(!ts_auth_admit(reader, bytes, NOW, &lines, &why));
    }
    ts_auth_reader_free(&reader);
    ts_auth_free(&auth);
    return 0;
}
