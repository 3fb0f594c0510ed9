/* Ranges of addresses: what is one, and what is in one. */
#include "config.h"
#include "core/cidr.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static bool in_range(const char *range, const char *address)
{
    struct ts_cidr cidr;
    struct sockaddr_storage addr = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&addr;
    assert_int_equal(ts_cidr_read(ts_str_of(range), &cidr), 0);
    if (strchr(address, ':')) {
        v6->sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, address, &v6->sin6_addr), 1);
    } else {
        v4->sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, address, &v4->sin_addr), 1);
    }
    return ts_cidr_match(&cidr, 1, &addr);
}

static void ipv4(void **state)
{
    (void)state;
    assert_true(in_range("10.0.0.0/8", "10.255.0.1"));
    assert_false(in_range("10.0.0.0/8", "11.0.0.0"));
    assert_true(in_range("192.0.2.128/25", "192.0.2.128"));
    assert_true(in_range("192.0.2.128/25", "192.0.2.255"));
    assert_false(in_range("192.0.2.128/25", "192.0.2.127"));
    assert_true(in_range("192.0.2.77/25", "192.0.2.1"));
    assert_true(in_range("127.0.0.1", "127.0.0.1"));
    assert_false(in_range("127.0.0.1", "127.0.0.2"));
    assert_false(in_range("127.0.0.1/31", "127.0.0.2"));
    assert_true(in_range("127.0.0.1/31", "127.0.0.0"));
    assert_true(in_range("0.0.0.0/0", "203.0.113.9"));
}

static void ipv6(void **state)
{
    (void)state;
    assert_true(in_range("fe80::/10", "febf::1"));
    assert_false(in_range("fe80::/10", "fec0::1"));
    assert_true(in_range("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(in_range("2001:db8::/33", "2001:db8:8000::"));
    assert_true(in_range("::1", "::1"));
    assert_false(in_range("::1/128", "::2"));
    assert_true(in_range("::/0", "2001:db8::1"));
}

/* An IPv6 socket tells IPv4 senders as ::ffff:a.b.c.d. */
static void ipv4_in_ipv6(void **state)
{
    (void)state;
    assert_true(in_range("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_false(in_range("10.0.0.0/8", "::ffff:11.1.2.3"));
    assert_false(in_range("0.0.0.0/0", "2001:db8::1"));
    assert_false(in_range("10.0.0.0/8", "::10.1.2.3"));
    assert_true(in_range("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_true(in_range("::/0", "10.1.2.3"));
}

static void no_ranges(void **state)
{
    static const char *const bad[] = {"",
                                      "/",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/+8",
                                      "::/129",
                                      "10.0.0/8",
                                      "10.0.0.0/8/",
                                      "10.0.0.0 /8",
                                      "host.example",
                                      "::1/-1",
                                      "1:2",
                                      "10.0.0.0/x",
                                      "::1%lo",
                                      "[::1]",
                                      "10.0.0.0/0000000000000000008"};
    struct ts_cidr cidr;
    (void)state;
    for (size_t i = 0; i < TS_ARRAY_SIZE(bad); i++)
        if (ts_cidr_read(ts_str_of(bad[i]), &cidr) == 0)
            fail_msg("%s was read", bad[i]);
}

static void several_and_other_families(void **state)
{
    struct ts_cidr ranges[2];
    struct sockaddr_storage addr = {.ss_family = AF_UNIX};
    (void)state;
    assert_int_equal(ts_cidr_read(TS_STR("::/0"), &ranges[0]), 0);
    assert_int_equal(ts_cidr_read(TS_STR("0.0.0.0/0"), &ranges[1]), 0);
    assert_false(ts_cidr_match(ranges, 2, &addr));
    addr.ss_family = AF_INET;
    assert_true(ts_cidr_match(ranges + 1, 1, &addr));
    assert_false(ts_cidr_match(ranges, 0, &addr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(ipv4_in_ipv6),
        cmocka_unit_test(no_ranges),
        cmocka_unit_test(several_and_other_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
