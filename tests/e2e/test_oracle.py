#!/usr/bin/env python3
"""The harness itself: the oracle against numbers worked out by hand, the readers against written lines."""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import daemon, influx, lineproto, oracle, runner, times, udp
from tsagg_test.oracle import Sample

S = times.NS
TAGS = (("host", "a"),)


def field(value, time_ns, weight=1.0, tags=TAGS):
    return Sample("cpu", tags, "usage", "field", value, weight, time_ns)


def test_aggregates_by_hand():
    # 2, 4, 4, 4, 5, 5, 7, 9: mean 5, population standard deviation 2
    samples = [field(v, 100 * S + i) for i, v in enumerate([2, 4, 4, 4, 5, 5, 7, 9])]
    got = oracle.rollups(samples, 10 * S)
    assert got == {("cpu", TAGS, "usage", 100 * S): {
        "count": 8, "sum": 40, "min": 2, "max": 9, "mean": 5, "stddev": 2, "last": 9, "rate": 4}}, got


def test_window_edges():
    got = oracle.rollups([field(1, 10 * S - 1), field(2, 10 * S), field(3, 20 * S - 1), field(4, -1)], 10 * S)
    assert {key[3]: agg["sum"] for key, agg in got.items()} == {0: 1, 10 * S: 5, -10 * S: 4}, got


def test_overlapping_windows():
    got = oracle.rollups([field(1, 0), field(2, 10 * S)], 20 * S, 10 * S)
    assert {key[3]: agg["sum"] for key, agg in got.items()} == {-10 * S: 1, 0: 3, 10 * S: 2}, got


def starts_and_values(found):
    return {key[3] // S: [smp.value for smp in members] for key, members in found.items()}


def test_sessions():
    samples = [field(t, t * S) for t in (45, 0, 30, 76, 107, 300)]
    assert starts_and_values(oracle.sessions(samples, 31 * S)) == {0: [0, 30, 45, 76, 107], 300: [300]}
    assert starts_and_values(oracle.sessions(samples, 30 * S)) == {0: [0, 30, 45], 76: [76], 107: [107], 300: [300]}
    other = field(9, 20 * S, tags=(("host", "b"),))
    assert len(oracle.sessions([*samples, other], 31 * S)) == 3
    assert oracle.duration(samples) == 300


def test_sessions_with_a_longest_length():
    """Of 80 s: parts of 10 s, and nothing is cut that fits."""
    samples = [field(t, t * S) for t in range(5, 175, 10)]
    got = starts_and_values(oracle.sessions(samples, 30 * S, 80 * S))
    assert got == {5: list(range(5, 86, 10)), 95: list(range(95, 166, 10))}, got
    assert len(oracle.sessions(samples[:9], 30 * S, 80 * S)) == 1
    # the last part, 80 and 86, would make it 81 s long
    samples = [field(t, t * S) for t in (5, 30, 55, 80, 86)]
    assert starts_and_values(oracle.sessions(samples, 30 * S, 80 * S)) == {5: [5, 30, 55], 80: [80, 86]}


def test_stddev_of_large_values():
    samples = [field(1e9 + v, 0) for v in (4, 7, 13)]
    agg = oracle.aggregates(samples, 10 * S)
    assert math.isclose(agg["stddev"], math.sqrt(14), rel_tol=1e-12), agg
    assert oracle.aggregates([field(0.1, 0)] * 3, 10 * S)["stddev"] < 1e-18


def test_weight_is_repetition():
    some = [field(1.5, 1), field(4.0, 2), field(4.0, 2), field(4.0, 2)]
    weighted = [field(1.5, 1), field(4.0, 2, weight=3.0)]
    assert oracle.aggregates(some, 10 * S) == oracle.aggregates(weighted, 10 * S)


def test_last_is_by_time_then_by_order():
    late = [field(1.0, 5), field(2.0, 7), field(3.0, 7), field(4.0, 6)]
    assert oracle.aggregates(late, 10 * S)["last"] == 3.0


def test_difference_is_strict():
    want = oracle.aggregates([field(1e9 + v, 0) for v in (4, 7, 13)], 10 * S)
    names = list(want)
    assert oracle.difference(want, want, names) is None
    for name in names:
        wrong = {**want, name: want[name] * (1 + 1e-8)}
        assert oracle.difference(wrong, want, names), name
    assert oracle.difference({}, want, ["sum"]) == "sum is missing"


def test_stream_is_seeded_and_shuffled_within_lateness():
    ordered = list(oracle.stream(1, 2000, 50, 4, 10 * S))
    assert ordered == list(oracle.stream(1, 2000, 50, 4, 10 * S))
    assert ordered != list(oracle.stream(2, 2000, 50, 4, 10 * S))
    mixed = oracle.shuffled(7, ordered, 2 * S)
    assert mixed != ordered and sorted(mixed) == sorted(ordered)
    newest = 0
    for sample in mixed:
        newest = max(newest, sample.time_ns)
        assert newest - sample.time_ns < 2 * S


def test_line_protocol_round_trip():
    tags = (("a=b", "c,d"), ("host", "x y"))
    sample = Sample("m, 1", tags, "f=1", "field", -1e300, 1.0, -5)
    line = lineproto.write(sample)
    assert line == r"m\,\ 1,a\=b=c\,d,host=x\ y f\=1=-1e+300 -5", line
    assert lineproto.read(line) == ("m, 1", tags, {"f=1": -1e300}, -5)
    assert lineproto.read("m a=1,b=2.5 3") == ("m", (), {"a": 1.0, "b": 2.5}, 3)
    points = lineproto.read_points("m,t=1 a=1,b=2 3\nm,t=1 a=5 3\n")
    assert points == {("m", (("t", "1"),), 3): {"a": 5.0, "b": 2.0}}


def test_times():
    assert times.from_rfc3339("2026-01-01T00:00:00Z") == oracle.EPOCH_NS
    assert times.from_rfc3339("1970-01-01T00:00:00.000000001Z") == 1
    assert times.from_rfc3339("1970-01-01T00:01:00.5Z") == 60 * S + S // 2
    for time_ns in (0, 1, oracle.EPOCH_NS, -1):
        assert times.from_rfc3339(times.to_rfc3339(time_ns)) == time_ns


def test_annotated_csv():
    text = ("#datatype,string,long,dateTime:RFC3339,double,string\r\n#group,false,false,false,false,true\r\n"
            "#default,_result,,,,\r\n,result,table,_time,_value,host\r\n,,0,1970-01-01T00:00:01Z,+Inf,a\r\n"
            ",,1,1970-01-01T00:00:02Z,,\"b,\r\nc\"\r\n\r\n"
            "#datatype,string,long,boolean\r\n#group,false,false,false\r\n#default,x,,\r\n"
            ",result,table,up\r\n,,0,true\r\n\r\n")
    assert influx.read_annotated_csv(text) == [
        {"result": "_result", "table": 0, "_time": S, "_value": math.inf, "host": "a"},
        {"result": "_result", "table": 1, "_time": 2 * S, "_value": None, "host": "b,\r\nc"},
        {"result": "x", "table": 0, "up": True}]
    try:
        influx.read_annotated_csv("#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n"
                                  ",error,reference\r\n,what went wrong,\r\n")
    except influx.HttpError as err:
        assert "what went wrong" in str(err)
    else:
        raise AssertionError("an error table was read as rows")


def test_prometheus_text():
    got = daemon.parse_metrics('# HELP a b\na_total 3\nb{x="1",y="q\\"s"} 2.5\n')
    assert got == {("a_total", ()): 3, ("b", (("x", "1"), ("y", 'q\\"s'))): 2.5}, got


def test_packets_hold_whole_lines():
    lines = [b"x" * n for n in (10, 1389, 1400, 1, 1398)]
    assert [(len(data), count) for data, count in udp.packets(lines)] == [(1400, 2), (1400, 1), (1400, 2)]


if __name__ == "__main__":
    runner.main()
