/* Envelopes at times of the test's own: the window against a set of all numbers seen, and a table full of
 * senders. */
#include "config.h"
#include "unit.h"

#include "core/clock.h"
#include "ingest/ingest_auth.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#define SECRET "sixteen letters!"
#define NOW    (INT64_C(1800000000) * TS_SEC)
#define SKEW   (30 * TS_SEC)

static void put(char *to, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (char)(v >> 8 * (bytes - 1 - i));
}

/* @return TS_C_COUNT when it is let in, else the reason. */
static enum ts_counter try_at(struct ts_auth_reader *rd, uint64_t sender, uint64_t sequence, int64_t time_ns,
                              int64_t now_ns)
{
    char envelope[32 + 5 + 32] = "TSA1";
    enum ts_counter why;
    struct ts_str lines;
    put(envelope + 4, 9, 4);
    put(envelope + 8, sender, 8);
    put(envelope + 16, (uint64_t)time_ns, 8);
    put(envelope + 24, sequence, 8);
    memcpy(envelope + 32, "a:1|c", 5);
    assert_int_equal(gnutls_hmac_fast(GNUTLS_MAC_SHA256, SECRET, 16, envelope, 37, envelope + 37), 0);
    if (!ts_auth_admit(rd, (struct ts_str){envelope, sizeof envelope}, now_ns, &lines, &why))
        return why;
    assert_int_equal(lines.len, 5);
    assert_memory_equal(lines.p, "a:1|c", 5);
    return TS_C_COUNT;
}

struct fixture {
    struct ts_auth *auth;
    struct ts_auth_reader *rd;
};

static int set_up(void **state)
{
    static struct fixture fix;
    struct ts_err err;
    assert_int_equal(ts_auth_new("9:" SECRET ",10:another secret of 16", SKEW, NOW, &fix.auth, &err), 0);
    assert_int_equal(ts_auth_reader_new(fix.auth, &fix.rd, &err), 0);
    *state = &fix;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fix = *state;
    ts_auth_reader_free(&fix->rd);
    ts_auth_free(&fix->auth);
    return 0;
}

static void the_window_against_a_set(void **state)
{
    enum { N = 40000, WINDOW = 960 };
    const struct fixture *fix = *state;
    static bool seen[N];
    uint64_t top = 0, base = UINT64_MAX - N;
    srand(1);
    for (unsigned i = 0; i < 4 * N; i++) {
        uint64_t jump = rand() % 50 == 0 ? (uint64_t)(rand() % 3000) : (uint64_t)(rand() % 8);
        uint64_t back = (uint64_t)(rand() % 1100);
        uint64_t at = rand() % 2 ? TS_MIN(top + jump, (uint64_t)N - 1) : top - TS_MIN(back, top);
        bool fresh = !seen[at] && (at > top || top - at < WINDOW);
        assert_int_equal(try_at(fix->rd, 1, base + at, NOW, NOW),
                         fresh ? TS_C_COUNT : TS_C_DATAGRAMS_REPLAYED);
        if (fresh)
            seen[at] = true;
        top = TS_MAX(top, at);
    }
}

static void times(void **state)
{
    const struct fixture *fix = *state;
    int64_t later = NOW + 1000 * TS_SEC;
    assert_int_equal(try_at(fix->rd, 1, 1, NOW - 1, NOW),
                     TS_C_DATAGRAMS_BAD_TIME); /* before the listener was opened */
    assert_int_equal(try_at(fix->rd, 1, 1, NOW, NOW), TS_C_COUNT);
    assert_int_equal(try_at(fix->rd, 1, 2, NOW + SKEW, NOW), TS_C_COUNT);
    assert_int_equal(try_at(fix->rd, 1, 3, NOW + SKEW + 1, NOW), TS_C_DATAGRAMS_BAD_TIME);
    assert_int_equal(try_at(fix->rd, 1, 3, later - SKEW, later), TS_C_COUNT);
    assert_int_equal(try_at(fix->rd, 1, 4, later - SKEW - 1, later), TS_C_DATAGRAMS_BAD_TIME);
    assert_int_equal(try_at(fix->rd, 1, 4, INT64_MIN, later), TS_C_DATAGRAMS_BAD_TIME);
}

/* A sender is forgotten only when nothing it sent could pass by its time, and only to make room. */
static void more_senders_than_are_remembered(void **state)
{
    const struct fixture *fix = *state;
    for (uint64_t i = 0; i < TS_AUTH_SENDERS; i++)
        assert_int_equal(try_at(fix->rd, i << 20, 7, NOW + SKEW, NOW), TS_C_COUNT);
    assert_int_equal(try_at(fix->rd, 1, 7, NOW, NOW), TS_C_DATAGRAMS_SENDERS);
    assert_int_equal(try_at(fix->rd, 5 << 20, 8, NOW, NOW), TS_C_COUNT);
    int64_t later = NOW + 2 * SKEW; /* what was ahead can still pass, and must still be known */
    assert_int_equal(try_at(fix->rd, 0, 7, NOW + SKEW, later), TS_C_DATAGRAMS_REPLAYED);
    assert_int_equal(try_at(fix->rd, 1, 7, later, later), TS_C_DATAGRAMS_SENDERS);
    later++;
    assert_int_equal(try_at(fix->rd, 1, 7, later, later), TS_C_COUNT); /* in the place of sender 1 << 20 */
    assert_int_equal(try_at(fix->rd, 1 << 20, 7, NOW + SKEW, later), TS_C_DATAGRAMS_BAD_TIME);
    assert_int_equal(try_at(fix->rd, 1, 7, later, later), TS_C_DATAGRAMS_REPLAYED);
    assert_int_equal(try_at(fix->rd, 0, 7, later, later), TS_C_DATAGRAMS_REPLAYED); /* heard a moment ago */
    for (uint64_t i = 0; i < TS_AUTH_SENDERS - 2; i++)
        assert_int_equal(try_at(fix->rd, i << 20 | 3, 7, later, later), TS_C_COUNT);
    assert_int_equal(try_at(fix->rd, UINT64_MAX, 7, later, later), TS_C_DATAGRAMS_SENDERS);
}

/* Whatever its length, a datagram is looked at within its bounds. */
static void every_length(void **state)
{
    const struct fixture *fix = *state;
    static char zeroes[200] = "TSA1\0\0\0\11";
    struct ts_str lines;
    enum ts_counter why;
    for (size_t n = 0; n < sizeof zeroes; n++) {
        char *exact = test_malloc(n + 1);
        memcpy(exact, zeroes, n);
        assert_false(ts_auth_admit(fix->rd, (struct ts_str){exact, n}, NOW, &lines, &why));
        assert_int_equal(why, n < 64 ? TS_C_DATAGRAMS_NO_ENVELOPE : TS_C_DATAGRAMS_BAD_SIGNATURE);
        test_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_window_against_a_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_senders_than_are_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_length, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("ingest_auth", tests, NULL, NULL);
}
