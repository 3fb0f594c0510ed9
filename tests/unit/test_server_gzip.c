/* gzip bodies: members, damage, limits. */
#include "config.h"
#include "unit.h"

#include "server/server_priv.h"

#include <libdeflate.h>

#define LIMIT ((size_t)1 << 20)

static char plain[2 * LIMIT], packed[64 << 10];

static size_t pack(size_t len, size_t at)
{
    struct libdeflate_compressor *cmp = libdeflate_alloc_compressor(6);
    size_t n = libdeflate_gzip_compress(cmp, plain, len, packed + at, sizeof packed - at);
    libdeflate_free_compressor(cmp);
    assert_true(n > 0);
    return n;
}

static int unpack(size_t len, struct ts_buf *out)
{
    *out = (struct ts_buf){.limit = LIMIT};
    return ts_server_gunzip((struct ts_str){packed, len}, out);
}

static void assert_fails(size_t len, int want)
{
    struct ts_buf out;
    assert_int_equal(unpack(len, &out), want);
    ts_buf_fini(&out);
}

static void members_follow_each_other(void **state)
{
    struct ts_buf out;
    (void)state;
    size_t len = pack(100000, 0);
    len += pack(0, len);
    len += pack(5, len);
    assert_int_equal(unpack(len, &out), 0);
    assert_int_equal(out.len, 100005);
    assert_memory_equal(out.p, plain, 100000);
    assert_memory_equal(out.p + 100000, plain, 5);
    ts_buf_fini(&out);
}

static void up_to_the_limit(void **state)
{
    struct ts_buf out;
    (void)state;
    assert_int_equal(unpack(pack(LIMIT, 0), &out), 0);
    assert_int_equal(out.len, LIMIT);
    ts_buf_fini(&out);
    assert_fails(pack(LIMIT + 1, 0), -TS_ELIMIT);
    assert_fails(pack(2 * LIMIT, 0), -TS_ELIMIT);
    size_t len = pack(LIMIT, 0);
    len += pack(1, len);
    assert_fails(len, -TS_ELIMIT);
    len = pack(LIMIT - 1, 0);
    len += pack(1, len);
    assert_int_equal(unpack(len, &out), 0);
    assert_int_equal(out.len, LIMIT);
    ts_buf_fini(&out);
}

static void damage_is_found(void **state)
{
    (void)state;
    size_t len = pack(1000, 0);
    for (size_t cut = 0; cut < len; cut++)
        assert_fails(cut, -TS_EPARSE);
    packed[len] = 'x';
    assert_fails(len + 1, -TS_EPARSE);
    packed[len - 6] ^= 1; /* the checksum */
    assert_fails(len, -TS_EPARSE);
    memset(packed, 'm', 100);
    assert_fails(100, -TS_EPARSE);
}

/* A trailer that lies about the length costs time, not memory. */
static void length_is_not_believed(void **state)
{
    (void)state;
    size_t len = pack(1000, 0);
    memset(packed + len - 4, 0xff, 4);
    assert_fails(len, -TS_EPARSE);
    memset(packed + len - 4, 0, 4);
    assert_fails(len, -TS_EPARSE);
}

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (char)('a' + i / 1000 % 26);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_follow_each_other),
        cmocka_unit_test(up_to_the_limit),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(length_is_not_believed),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
