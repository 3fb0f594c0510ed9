/*
 * Envelopes to lines. Thread: ingest. Only what has a good signature touches the table of senders, so that
 * nobody without a key can fill it or look into it. A sender is remembered until nothing that it sent before
 * could pass the check of time any more; the table is bounded, and full of such senders it takes no further
 * ones.
 */
#include "config.h"
#include "ingest/ingest_auth.h"

#include "core/conf.h"
#include "core/mem.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>

#define MAGIC       "TSA1"
#define BLOCK_BITS  64
#define BLOCKS      16                          /* a power of two */
#define WINDOW      ((BLOCKS - 1) * BLOCK_BITS) /* RFC 6479: the block being filled is not whole */
#define NONE        UINT32_MAX
#define BUCKETS     (2 * TS_AUTH_SENDERS)
#define SENDERS_FEW 64

struct key {
    uint32_t id;
    struct ts_str secret; /* borrowed from the configuration */
};

struct sender {
    uint64_t id, top; /* the highest sequence seen */
    int64_t heard_ns;
    uint64_t seen[BLOCKS]; /* a bit for each sequence */
    uint32_t key;          /* index */
    uint32_t chain;        /* next in its bucket */
    uint32_t older, newer; /* by heard_ns */
};

struct ts_auth {
    struct key *keys;
    unsigned nkeys;
    int64_t max_skew_ns, opened_ns;
    pthread_mutex_t lock; /* of all below */
    struct sender *senders;
    uint32_t nsenders, room, oldest, newest;
    uint32_t *buckets;
};

struct ts_auth_reader {
    struct ts_auth *auth;
    gnutls_hmac_hd_t *macs; /* [nkeys] */
    unsigned nmacs;
};

int ts_auth_new(const char *keys, int64_t max_skew_ns, int64_t opened_ns, struct ts_auth **out,
                struct ts_err *err)
{
    struct ts_auth *auth = ts_alloc(sizeof *auth);
    struct ts_str rest = ts_str_of(keys);
    *out = NULL;
    if (!auth)
        return ts_fail(err, TS_ENOMEM, "hmac_keys: no memory");
    auth->max_skew_ns = max_skew_ns;
    auth->opened_ns = opened_ns;
    auth->oldest = auth->newest = NONE;
    pthread_mutex_init(&auth->lock, NULL);
    while (rest.len) {
        const char *comma = memchr(rest.p, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.p) : rest.len;
        struct key *key;
        auth->keys = ts_xresize(auth->keys, (auth->nkeys + 1) * sizeof *auth->keys);
        key = &auth->keys[auth->nkeys++];
        int rc = ts_conf_read_hmac_key((struct ts_str){rest.p, len}, &key->id, &key->secret);
        TS_ASSERT(rc == 0); /* the configuration was checked */
        rest = (struct ts_str){rest.p + len + (comma != NULL), rest.len - len - (comma != NULL)};
    }
    auth->buckets = ts_alloc(BUCKETS * sizeof *auth->buckets);
    if (!auth->buckets) {
        ts_auth_free(&auth);
        return ts_fail(err, TS_ENOMEM, "hmac_keys: no memory");
    }
    memset(auth->buckets, 0xff, BUCKETS * sizeof *auth->buckets);
    *out = auth;
    return 0;
}

void ts_auth_free(struct ts_auth **auth)
{
    if (*auth) {
        pthread_mutex_destroy(&(*auth)->lock);
        ts_free((*auth)->keys);
        ts_free((*auth)->senders);
        ts_free((*auth)->buckets);
        TS_FREE(*auth);
    }
}

int ts_auth_reader_new(struct ts_auth *auth, struct ts_auth_reader **out, struct ts_err *err)
{
    struct ts_auth_reader *rd = ts_xalloc(sizeof *rd);
    rd->auth = auth;
    rd->macs = ts_xalloc(auth->nkeys * sizeof *rd->macs);
    for (; rd->nmacs < auth->nkeys; rd->nmacs++) {
        const struct ts_str *secret = &auth->keys[rd->nmacs].secret;
        int rc = gnutls_hmac_init(&rd->macs[rd->nmacs], GNUTLS_MAC_SHA256, secret->p, secret->len);
        if (rc < 0) {
            ts_auth_reader_free(&rd);
            return ts_fail(err, TS_ENOMEM, "hmac_keys: %s", gnutls_strerror(rc));
        }
    }
    *out = rd;
    return 0;
}

void ts_auth_reader_free(struct ts_auth_reader **reader)
{
    struct ts_auth_reader *rd = *reader;
    if (rd) {
        for (unsigned i = 0; i < rd->nmacs; i++)
            gnutls_hmac_deinit(rd->macs[i], NULL);
        ts_free(rd->macs);
        TS_FREE(*reader);
    }
}

static uint64_t read_big_endian(const char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* ---- senders; under the lock ---- */

static uint32_t *bucket_of(struct ts_auth *auth, uint32_t key, uint64_t id)
{
    uint64_t mixed =
        (id ^ (uint64_t)key << 56) * UINT64_C(0x9E3779B97F4A7C15); /* Fibonacci hashing, Knuth 6.4 */
    return &auth->buckets[(mixed >> 40) % BUCKETS];
}

static void put_newest(struct ts_auth *auth, uint32_t i)
{
    auth->senders[i].older = auth->newest;
    auth->senders[i].newer = NONE;
    if (auth->newest != NONE)
        auth->senders[auth->newest].newer = i;
    else
        auth->oldest = i;
    auth->newest = i;
}

static void take_out(struct ts_auth *auth, uint32_t i)
{
    const struct sender *snd = &auth->senders[i];
    *(snd->older != NONE ? &auth->senders[snd->older].newer : &auth->oldest) = snd->newer;
    *(snd->newer != NONE ? &auth->senders[snd->newer].older : &auth->newest) = snd->older;
}

/* A place for one more: that of a sender all of whose datagrams are too old by now, or a new one; NONE. */
static uint32_t make_place(struct ts_auth *auth, int64_t now_ns)
{
    uint32_t i = auth->oldest;
    /* What it sent was at most max_skew ahead when it was heard. */
    if (i != NONE && now_ns - auth->senders[i].heard_ns > 2 * auth->max_skew_ns) {
        uint32_t *link = bucket_of(auth, auth->senders[i].key, auth->senders[i].id);
        while (*link != i)
            link = &auth->senders[*link].chain;
        *link = auth->senders[i].chain;
        take_out(auth, i);
        return i;
    }
    if (auth->nsenders == TS_AUTH_SENDERS)
        return NONE;
    if (auth->nsenders == auth->room) {
        uint32_t room = TS_MAX(2 * auth->room, SENDERS_FEW);
        struct sender *senders = ts_resize(auth->senders, room * sizeof *senders);
        if (!senders)
            return NONE;
        auth->senders = senders;
        auth->room = room;
    }
    return auth->nsenders++;
}

static struct sender *find(struct ts_auth *auth, uint32_t key, uint64_t id, int64_t now_ns)
{
    uint32_t *bucket = bucket_of(auth, key, id), i = *bucket;
    while (i != NONE && (auth->senders[i].id != id || auth->senders[i].key != key))
        i = auth->senders[i].chain;
    if (i != NONE) {
        take_out(auth, i);
    } else {
        i = make_place(auth, now_ns);
        if (i == NONE)
            return NULL;
        auth->senders[i] = (struct sender){.id = id, .key = key, .chain = *bucket};
        *bucket = i;
    }
    put_newest(auth, i);
    auth->senders[i].heard_ns = now_ns;
    return &auth->senders[i];
}

/* RFC 6479: blocks that the window enters are cleared; no shifting. @return false: seen, or behind the
 * window. */
static bool is_first(struct sender *snd, uint64_t sequence)
{
    uint64_t block = sequence / BLOCK_BITS, bit = UINT64_C(1) << sequence % BLOCK_BITS;
    if (sequence > snd->top) {
        uint64_t top = snd->top / BLOCK_BITS, enter = TS_MIN(block - top, (uint64_t)BLOCKS);
        for (uint64_t i = 1; i <= enter; i++)
            snd->seen[(top + i) % BLOCKS] = 0;
        snd->top = sequence;
    } else if (snd->top - sequence >= WINDOW) {
        return false;
    }
    if (snd->seen[block % BLOCKS] & bit)
        return false;
    snd->seen[block % BLOCKS] |= bit;
    return true;
}

/* ---- a datagram ---- */

static bool is_signed(struct ts_auth_reader *rd, unsigned key, struct ts_str datagram)
{
    unsigned char mac[TS_AUTH_MAC];
    size_t len = datagram.len - TS_AUTH_MAC;
    if (gnutls_hmac(rd->macs[key], datagram.p, len) < 0)
        return false;
    gnutls_hmac_output(rd->macs[key], mac);
    return gnutls_memcmp(mac, datagram.p + len, sizeof mac) == 0;
}

static bool is_timely(const struct ts_auth *auth, uint64_t time_ns, int64_t now_ns)
{
    return time_ns <= INT64_MAX && (int64_t)time_ns >= auth->opened_ns &&
           (int64_t)time_ns >= now_ns - auth->max_skew_ns && (int64_t)time_ns <= now_ns + auth->max_skew_ns;
}

bool ts_auth_admit(struct ts_auth_reader *rd, struct ts_str datagram, int64_t now_ns, struct ts_str *lines,
                   enum ts_counter *why)
{
    struct ts_auth *auth = rd->auth;
    const char *p = datagram.p;
    unsigned key = 0;
    *why = TS_C_DATAGRAMS_NO_ENVELOPE;
    if (datagram.len < TS_AUTH_HEAD + TS_AUTH_MAC || memcmp(p, MAGIC, sizeof MAGIC - 1) != 0)
        return false;
    *why = TS_C_DATAGRAMS_UNKNOWN_KEY;
    while (key < auth->nkeys && auth->keys[key].id != read_big_endian(p + 4, 4))
        key++;
    if (key == auth->nkeys)
        return false;
    *why = TS_C_DATAGRAMS_BAD_SIGNATURE;
    if (!is_signed(rd, key, datagram))
        return false;
    *why = TS_C_DATAGRAMS_BAD_TIME;
    if (!is_timely(auth, read_big_endian(p + 16, 8), now_ns))
        return false;
    pthread_mutex_lock(&auth->lock);
    struct sender *snd = find(auth, key, read_big_endian(p + 8, 8), now_ns);
    *why = snd ? TS_C_DATAGRAMS_REPLAYED : TS_C_DATAGRAMS_SENDERS;
    bool good = snd && is_first(snd, read_big_endian(p + 24, 8));
    pthread_mutex_unlock(&auth->lock);
    *lines = (struct ts_str){p + TS_AUTH_HEAD, datagram.len - TS_AUTH_HEAD - TS_AUTH_MAC};
    return good;
}
