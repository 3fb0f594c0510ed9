/*
 * Records of a segment: framing, checksums, and finding the next intact one after damage. Thread: journal
 * (writing), sink (reading), main (recovery). Owns nothing. The magic holds bytes that occur in no UTF-8
 * text, so that payloads rarely look like records.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/file.h"
#include "core/hash.h"

#include <errno.h>

static const unsigned char magic[4] = {0xF5, 'R', 0xC1, 0xFF};

static void put_u32(char *to, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (char)(v >> 8 * i & 0xff);
}

static uint32_t get_u32(const char *p)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (uint32_t)(unsigned char)p[i] << 8 * i;
    return v;
}

static uint64_t checksum(const char *payload, size_t len, uint64_t seq, uint64_t offset)
{
    return ts_hash_seeded(payload, len, seq * UINT64_C(0x9E3779B97F4A7C15) ^ offset);
}

bool ts_record_begin(struct ts_buf *buf)
{
    if (!ts_buf_reserve(buf, TS_RECORD_HEAD))
        return false;
    buf->len += TS_RECORD_HEAD;
    return true;
}

void ts_record_end(struct ts_buf *buf, size_t from)
{
    size_t len = buf->len - from - TS_RECORD_HEAD;
    TS_ASSERT(len > 0 && len <= TS_RECORD_MAX);
    memcpy(buf->p + from, magic, sizeof magic);
    put_u32(buf->p + from + 4, (uint32_t)len);
}

void ts_record_stamp(struct ts_buf *buf, uint64_t seq, uint64_t offset)
{
    for (size_t at = 0; at < buf->len;) {
        char *rec = buf->p + at;
        size_t len = get_u32(rec + 4);
        uint64_t sum = checksum(rec + TS_RECORD_HEAD, len, seq, offset + at);
        put_u32(rec + 8, (uint32_t)sum);
        put_u32(rec + 12, (uint32_t)(sum >> 32));
        at += TS_RECORD_HEAD + len;
    }
}

/* Bytes that the file no longer has are damaged like any other, and not worth another try. */
static int read_bytes(int fd, void *to, size_t len, uint64_t offset)
{
    if (ts_pread_all(fd, to, len, offset) == 0)
        return 0;
    return errno == 0 ? -TS_ECORRUPT : -TS_EIO;
}

/* Reads the record at offset if there is an intact one. @return 0, -TS_ECORRUPT, -TS_EIO, -TS_ENOMEM. */
static int read_here(int fd, uint64_t seq, uint64_t offset, uint64_t end, struct ts_buf *payload)
{
    char head[TS_RECORD_HEAD];
    if (end - offset < sizeof head)
        return -TS_ECORRUPT;
    int rc = read_bytes(fd, head, sizeof head, offset);
    if (rc != 0)
        return rc;
    size_t len = get_u32(head + 4);
    if (memcmp(head, magic, sizeof magic) != 0 || len == 0 || len > TS_RECORD_MAX ||
        len > end - offset - sizeof head)
        return -TS_ECORRUPT;
    ts_buf_clear(payload);
    if (!ts_buf_reserve(payload, len))
        return -TS_ENOMEM;
    rc = read_bytes(fd, payload->p, len, offset + sizeof head);
    if (rc != 0)
        return rc;
    payload->len = len;
    uint64_t sum = get_u32(head + 8) | (uint64_t)get_u32(head + 12) << 32;
    return checksum(payload->p, len, seq, offset) == sum ? 0 : -TS_ECORRUPT;
}

/* Where the first intact record at or after `from` begins, or end. @return 0, -TS_EIO, -TS_ENOMEM. */
static int find_intact(int fd, uint64_t seq, uint64_t from, uint64_t end, struct ts_buf *payload,
                       uint64_t *found)
{
    char chunk[4096];
    while (end - from >= TS_RECORD_HEAD) {
        size_t n = TS_MIN(end - from, sizeof chunk);
        int rc = read_bytes(fd, chunk, n, from);
        if (rc == -TS_ECORRUPT)
            break;
        if (rc != 0)
            return rc;
        for (const char *p = chunk; (p = memmem(p, n - (size_t)(p - chunk), magic, sizeof magic)); p++) {
            *found = from + (size_t)(p - chunk);
            rc = read_here(fd, seq, *found, end, payload);
            if (rc != -TS_ECORRUPT)
                return rc;
        }
        from += n - (sizeof magic - 1); /* a magic may lie across the chunk's end */
    }
    *found = end;
    return 0;
}

int ts_record_read(int fd, uint64_t seq, uint64_t offset, uint64_t end, struct ts_buf *payload,
                   uint64_t *next)
{
    if (offset >= end)
        return -TS_EAGAIN;
    int rc = read_here(fd, seq, offset, end, payload);
    *next = offset + TS_RECORD_HEAD + payload->len;
    if (rc != -TS_ECORRUPT)
        return rc;
    rc = find_intact(fd, seq, offset + 1, end, payload, next);
    return rc ? rc : -TS_ECORRUPT;
}
