/* Concurrency, waits and the circuit of a sink: worked out by hand. */
#include "config.h"
#include "sink/sink_flow.h"

#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct ts_flow make(void)
{
    struct ts_flow flow;
    ts_flow_init(&flow, 4, TS_SEC, 60 * TS_SEC, 1);
    return flow;
}

static int64_t fail_at(struct ts_flow *flow, int64_t now_ns)
{
    return ts_flow_failed(flow, &(struct ts_flow_failure){.began_ns = now_ns - 1}, now_ns);
}

static void grows_by_one_for_each_round(void **state)
{
    (void)state;
    struct ts_flow flow = make();
    assert_int_equal(ts_flow_allowed(&flow, 1), 1);
    ts_flow_succeeded(&flow, 1);
    assert_int_equal(ts_flow_allowed(&flow, 1), 2);
    ts_flow_succeeded(&flow, 1); /* the limit was not used */
    assert_int_equal(ts_flow_allowed(&flow, 1), 2);
    ts_flow_succeeded(&flow, 2); /* 2.5 */
    assert_int_equal(ts_flow_allowed(&flow, 1), 2);
    ts_flow_succeeded(&flow, 2); /* 2.9 */
    ts_flow_succeeded(&flow, 2);
    assert_int_equal(ts_flow_allowed(&flow, 1), 3);
    for (unsigned i = 0; i < 100; i++)
        ts_flow_succeeded(&flow, 4);
    assert_int_equal(ts_flow_allowed(&flow, 1), 4);
}

static void halves_once_for_those_under_way_together(void **state)
{
    (void)state;
    struct ts_flow flow = make();
    flow.limit = 4;
    struct ts_flow_failure failure = {.began_ns = 10};
    ts_flow_failed(&flow, &failure, 20);
    failure.began_ns = 15; /* before the first failure was known */
    ts_flow_failed(&flow, &failure, 30);
    assert_int_equal(flow.failures, 1);
    assert_true(flow.limit == 2);
    assert_int_equal(ts_flow_allowed(&flow, 40), 0);
    failure.began_ns = flow.pause_until_ns + 1;
    assert_int_equal(ts_flow_allowed(&flow, failure.began_ns), 2);
    ts_flow_failed(&flow, &failure, failure.began_ns + 1);
    assert_int_equal(flow.failures, 2);
    assert_true(flow.limit == 1);
}

static void waits_grow_and_end(void **state)
{
    (void)state;
    struct ts_flow flow = make();
    int64_t now = TS_SEC, bound = TS_SEC;
    for (unsigned i = 0; i < 20; i++) {
        int64_t wait = fail_at(&flow, now);
        assert_true(wait >= TS_SEC && wait <= bound);
        bound = TS_MIN(2 * bound, 60 * TS_SEC);
        now += wait + 1;
    }
}

static void retry_after_is_the_least(void **state)
{
    (void)state;
    struct ts_flow flow = make();
    struct ts_flow_failure failure = {.began_ns = 1, .retry_after_ns = 100 * TS_SEC};
    assert_int_equal(ts_flow_failed(&flow, &failure, 2), 100 * TS_SEC);
    assert_int_equal(ts_flow_allowed(&flow, 99 * TS_SEC), 0);
}

static void circuit(void **state)
{
    (void)state;
    struct ts_flow flow = make();
    int64_t now = TS_SEC;
    for (unsigned i = 0; i < TS_FLOW_BREAK; i++) {
        assert_int_equal(flow.circuit, TS_CIRCUIT_CLOSED);
        now += fail_at(&flow, now) + 1;
    }
    assert_int_equal(flow.circuit, TS_CIRCUIT_OPEN);
    assert_int_equal(ts_flow_allowed(&flow, flow.pause_until_ns - 1), 0);
    assert_int_equal(ts_flow_allowed(&flow, now), 1);
    assert_int_equal(flow.circuit, TS_CIRCUIT_HALF_OPEN);
    now += fail_at(&flow, now) + 1; /* the probe fails */
    assert_int_equal(flow.circuit, TS_CIRCUIT_OPEN);
    assert_int_equal(ts_flow_allowed(&flow, now), 1);
    ts_flow_succeeded(&flow, 1);
    assert_int_equal(flow.circuit, TS_CIRCUIT_CLOSED);
    assert_int_equal(flow.failures, 0);
    /* What somebody has to put right opens it at once. */
    ts_flow_failed(&flow, &(struct ts_flow_failure){.held = true, .began_ns = now}, now + 1);
    assert_string_equal(ts_circuit_name(flow.circuit), "open");
    assert_int_equal(flow.pause_until_ns, now + 1 + 10 * TS_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_by_one_for_each_round),
        cmocka_unit_test(halves_once_for_those_under_way_together),
        cmocka_unit_test(waits_grow_and_end),
        cmocka_unit_test(retry_after_is_the_least),
        cmocka_unit_test(circuit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
