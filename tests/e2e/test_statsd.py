#!/usr/bin/env python3
"""statsd and line protocol in over UDP, rollups out through the file sink, against numbers worked out by hand."""
import math
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp
from tsagg_test.daemon import Tsaggd
from tsagg_test.times import NS

EVERY_S = 10
ALL = ["count", "sum", "min", "max", "mean", "stddev"]
T0 = oracle.EPOCH_NS // NS


class Rollups(Tsaggd):
    """A daemon with one rollup into a file."""

    def __init__(self, **config):
        super().__init__(
            rollups=[{"name": "r", "every": f"{EVERY_S}s", "lateness": "2s", "aggregates": ALL, "to": ["file"]}],
            **{**load.ONLY_BY_WATERMARK, **config})
        self.out = self.dir / "out.lp"
        self.config["sinks"] = {"file": {"type": "file", "path": str(self.out)}}

    def say(self, *lines):
        """Send the lines as one datagram."""
        before = self.lines_read()
        udp.send_datagrams(self.udp_port, ["\n".join(lines).encode()])
        self.wait_read(before + len(lines))

    def written(self):
        """The points in the file; SIGTERM first, so that it is complete."""
        self.assert_balanced()
        self.stop()
        return lineproto.read_points(self.out.read_text())

    def fields_of(self, *lines):
        """{(measurement, metric_type): fields} of these lines, all in one window of arrival time."""
        with self:
            # Half a second is left of the window, or the next one is waited for.
            left_s = EVERY_S - time.time() % EVERY_S
            if left_s < 0.5:
                time.sleep(left_s)
            before_s = time.time()
            self.say(*lines)
            points = self.written()
        found = {}
        for (measurement, tags, time_ns), fields in points.items():
            assert time_ns % (EVERY_S * NS) == 0, time_ns
            assert before_s - EVERY_S < time_ns / NS <= before_s + 1, time_ns
            found[measurement, dict(tags)["metric_type"]] = fields
        assert len(found) == len(points), points
        return found


def assert_fields(got, **want):
    assert got.keys() == want.keys(), (got, want)
    for name, value in want.items():
        assert math.isclose(got[name], value, rel_tol=1e-12), (name, got[name], value)


def test_counter():
    got = Rollups().fields_of("hits:1|c", "hits:2|c|@0.5", "hits:-1|c")
    assert_fields(got["hits", "counter"], count=4, sum=4, rate=0.4)


def test_gauge_signs_are_relative():
    got = Rollups().fields_of("temp:20|g", "temp:+5|g", "temp:-3|g")
    assert_fields(got["temp", "gauge"], last=22, min=20, max=25, mean=67 / 3)


def test_gauge_signs_are_absolute_when_asked_for():
    tsaggd = Rollups()
    tsaggd.config["listen"][0]["signed_gauges"] = "absolute"
    got = tsaggd.fields_of("temp:20|g", "temp:-3|g")
    assert_fields(got["temp", "gauge"], last=-3, min=-3, max=20, mean=8.5)


def test_timer_types():
    got = Rollups().fields_of(*[f"t_{kind}:{v}|{kind}" for kind in ("ms", "h", "d") for v in (2, 4, 4, 4, 5, 5, 7, 9)])
    for kind in ("ms", "h", "d"):
        assert_fields(got[f"t_{kind}", "timing"], count=8, sum=40, min=2, max=9, mean=5, stddev=2)


def test_stddev_of_large_values():
    got = Rollups().fields_of(*[f"t:{10**9 + v}|ms" for v in (4, 7, 13)])
    assert math.isclose(got["t", "timing"]["stddev"], math.sqrt(14), rel_tol=1e-12), got
    assert round(got["t", "timing"]["stddev"], 4) == 3.7417


def test_timer_with_sample_rate():
    # ten times 10 and once 20: mean 120/11, variance 1400/11 - (120/11)^2 = 1000/121
    got = Rollups().fields_of("t:10|ms|@0.1", "t:20|ms")
    assert_fields(got["t", "timing"], count=11, sum=120, min=10, max=20, mean=120 / 11, stddev=math.sqrt(1000) / 11)


def test_packed_values():
    got = Rollups().fields_of("a:1:2:6|ms", "b:1|c:4|c")
    assert_fields(got["a", "timing"], count=3, sum=9, min=1, max=6, mean=3, stddev=math.sqrt(14 / 3))
    assert_fields(got["b", "counter"], count=2, sum=5, rate=0.5)


def test_set():
    got = Rollups().fields_of("users:a|s", "users:b|s", "users:a|s", "users:42|s")
    assert_fields(got["users", "set"], distinct=3)


def test_one_name_of_several_types():
    got = Rollups().fields_of("x:1|c", "x:5|g", "x:7|ms", "x:y|s")
    assert set(got) == {("x", kind) for kind in ("counter", "gauge", "timing", "set")}


def test_tags_are_sorted_into_one_series():
    with Rollups() as tsaggd:
        tsaggd.say("t:1|c|#zone:2,host:a", "t:2|c|#host:a,zone:2", "t:4|c|#host:b,zone:2")
        points = tsaggd.written()
    assert {tags: fields["sum"] for (_, tags, _), fields in points.items()} == {
        (("host", "a"), ("metric_type", "counter"), ("zone", "2")): 3,
        (("host", "b"), ("metric_type", "counter"), ("zone", "2")): 4}, points


def test_line_protocol_beside_statsd():
    with Rollups() as tsaggd:
        tsaggd.say("t:1|c", f"cpu,host=a usage=1.5,n=3i {T0}000000000", f"cpu,host=a usage=2.5 {T0 + 9}999999999")
        points = tsaggd.written()
    point = points["cpu", (("host", "a"),), T0 * NS]
    assert_fields(point, usage_count=2, usage_sum=4, usage_min=1.5, usage_max=2.5, usage_mean=2, usage_stddev=0.5,
                  n_count=1, n_sum=3, n_min=3, n_max=3, n_mean=3, n_stddev=0)
    assert sum(measurement == "t" for measurement, _, _ in points) == 1


def test_dogstatsd_timestamp():
    with Rollups() as tsaggd:
        tsaggd.say(f"t:1|c|T{T0 + 3}", f"t:1|c|T{T0 + 9}", f"t:1|c|T{T0 + 13}")
        points = tsaggd.written()
    assert {time_ns: fields["sum"] for (_, _, time_ns), fields in points.items()} == {
        T0 * NS: 2, (T0 + 10) * NS: 1}, points


def test_late_sample_corrects_its_window():
    with Rollups() as tsaggd:
        tsaggd.say(f"cpu u=1 {T0 + 1}000000000")
        tsaggd.say(f"cpu u=5 {T0 + 30}000000000")
        tsaggd.wait_sealed(1)
        tsaggd.say(f"cpu u=4 {T0 + 2}000000000")
        tsaggd.assert_balanced()
        assert tsaggd.metrics()["tsagg_late_total", (("result", "corrected"),)] == 1
        points = tsaggd.written()
    assert_fields(points["cpu", (), T0 * NS],
                  u_count=2, u_sum=5, u_min=1, u_max=4, u_mean=2.5, u_stddev=1.5)


def test_too_late_sample_is_dropped():
    with Rollups(correct_for="20s") as tsaggd:
        tsaggd.say(f"cpu u=1 {T0 + 1}000000000")
        tsaggd.say(f"cpu u=5 {T0 + 600}000000000")
        tsaggd.wait_sealed(1)
        tsaggd.say(f"cpu u=4 {T0 + 2}000000000")
        tsaggd.assert_balanced()
        assert tsaggd.status()["samples"]["dropped_by_reason"]["late"] == 1
        points = tsaggd.written()
    assert points["cpu", (), T0 * NS]["u_sum"] == 1


def test_too_far_ahead_is_dropped():
    with Rollups() as tsaggd:
        tsaggd.say(f"cpu u=1 {int(time.time()) + 3600}000000000", f"cpu u=2 {T0}000000000")
        tsaggd.assert_balanced()
        assert tsaggd.status()["samples"]["dropped_by_reason"]["future"] == 1
        points = tsaggd.written()
    assert [fields["u_sum"] for fields in points.values()] == [2]


def test_silent_source_is_sealed():
    with Rollups(idle_after="1s") as tsaggd:
        tsaggd.say(f"cpu u=1 {T0 + 1}000000000")
        tsaggd.wait_delivered("file", 1)
        assert lineproto.read_points(tsaggd.out.read_text())["cpu", (), T0 * NS]["u_count"] == 1


def test_any_number_of_workers_gives_the_same():
    sent = load.shuffled(lines=4000, series=50, windows=4)
    for workers in (1, 2, 4):
        tsaggd = Rollups(workers=workers)
        tsaggd.config["rollups"][0]["aggregates"] = list(load.AGGREGATES)
        with tsaggd:
            sent.send(tsaggd)
            sent.advance(tsaggd)
            assert tsaggd.status()["rollups"]["sealed"] == len(sent.rollups)
            sent.assert_rolled_up(tsaggd.written())


if __name__ == "__main__":
    runner.main()
