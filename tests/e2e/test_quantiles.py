#!/usr/bin/env python3
"""Quantiles and what else a rule may ask for, through the whole daemon, against exact ones; sketches read back by another decoder."""
import collections
import fractions
import math
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, sketch, udp
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.times import NS
from tsagg_test.wait import until

QUANTILES = {"p1": 0.01, "p50": 0.5, "p95": 0.95, "p99": 0.99, "p99_9": 0.999, "median": 0.5}
ASKED = ["p1", "p50", "p95", "p99", "p99.9", "median", "variance", "first", "range", "increase", "distinct", "sketch"]
T0 = oracle.EPOCH_NS // NS


class Rollups(Tsaggd):
    """A daemon with one rollup into a file."""

    def __init__(self, aggregates=ASKED, **config):
        super().__init__(rollups=[{"name": "r", "every": "10s", "lateness": "2s", "aggregates": aggregates, "to": ["file"]}],
                         **{**load.ONLY_BY_WATERMARK, **config})
        self.out = self.dir / "out.lp"
        self.config["sinks"] = {"file": {"type": "file", "path": str(self.out)}}

    def say(self, *lines):
        before = self.lines_read()
        udp.send(self.udp_port, [line.encode() for line in lines], read=self.lines_read)
        self.wait_read(before + len(lines))

    def written(self):
        self.assert_balanced()
        self.stop()
        return lineproto.read_points(self.out.read_text())


def near(got, want):
    return abs(got - want) <= 0.01 * abs(want)


def windows_of(samples):
    found = collections.defaultdict(list)
    for sample in samples:
        found[sample.measurement, sample.tags, sample.field, sample.time_ns // load.WINDOW_NS * load.WINDOW_NS].append(sample)
    return found


def assert_window(got, members):
    for name, q in QUANTILES.items():
        want = oracle.quantile(members, q)
        assert near(got[name], want), (name, got[name], want, members[0])
    values = [member.value for member in members]
    ordered = sorted(members, key=lambda member: member.time_ns)
    assert got["first"] == ordered[0].value
    assert got["range"] == max(values) - min(values)
    distinct = len(set(values))
    assert abs(got["distinct"] - distinct) <= (0 if distinct <= 64 else 0.064 * distinct), (got["distinct"], distinct)
    assert math.isclose(got["increase"], oracle.increase(members), rel_tol=1e-12, abs_tol=1e-9), (got["increase"], oracle.increase(members))
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
    assert math.isclose(got["variance"], variance, rel_tol=1e-9, abs_tol=1e-15 * max(map(abs, values)) ** 2), (got["variance"], variance)


def test_line_protocol_against_the_oracle():
    """Values of four kinds, out of order, one worker and more: within 1 %, and the same sketches to the byte."""
    sent = load.shuffled(lines=6000, series=40, windows=3)
    former = None
    for workers in (1, 3):
        with Rollups(workers=workers) as tsaggd:
            sent.send(tsaggd)
            sent.advance(tsaggd)
            got = oracle.from_points({key: {name.replace("p99_9", "p99-9"): value for name, value in fields.items()}
                                      for key, fields in tsaggd.written().items()})
        want = windows_of(sent.samples)
        assert want.keys() <= got.keys() and len(got) == len(want) + 1
        for key, members in want.items():
            got[key]["p99_9"] = got[key].pop("p99-9")
            assert_window(got[key], members)
            ours = sketch.Sketch()
            for member in members:
                ours.add(member.value)
            assert sketch.Sketch.decode(got[key]["sketch"]).counts == ours.counts, key
        same = {key: {name: fields[name] for name in (*QUANTILES, "sketch", "first", "increase", "distinct")} for key, fields in got.items()
                if key in want}
        assert former is None or same == former
        former = same


def test_timers_with_sample_rates():
    rnd = random.Random(7)
    lines, samples = [], []
    for _ in range(2000):
        value, rate = round(rnd.lognormvariate(4, 1), 2), rnd.choice((1, 0.5, 0.1, 0.3))
        lines.append(f"t:{value}|ms" + (f"|@{rate}" if rate != 1 else "") + f"|T{T0 + 3}")
        samples.append(oracle.Sample("t", (), "", "timing", value, 1 / rate, T0))
    with Rollups() as tsaggd:
        tsaggd.say(*lines)
        points = tsaggd.written()
    (fields,) = points.values()
    for name, q in QUANTILES.items():
        assert near(fields[name], oracle.quantile(samples, q)), (name, fields[name], oracle.quantile(samples, q))


def test_sketches_of_hosts_merge():
    """The quantile of the whole comes from the sketches of its parts: two hosts, three windows."""
    rnd = random.Random(3)
    lines, values = [], []
    for i in range(1500):
        value = rnd.lognormvariate(0, 2) * (100 if i % 3 == 0 else 1) - (1 if i % 5 == 0 else 0)
        values.append(value)
        lines.append(f"api,host=h{i % 2} took={value!r} {T0 + i % 30}{i:09}")
    with Rollups(aggregates=["sketch"], **load.ONLY_BY_WATERMARK) as tsaggd:
        tsaggd.config["rollups"][0]["lateness"] = "1m"
        tsaggd.restart()
        tsaggd.say(*lines)
        points = tsaggd.written()
    assert len(points) == 6, points.keys()
    whole = sketch.Sketch()
    for fields in points.values():
        whole.merge(sketch.Sketch.decode(fields["took_sketch"]))
    values.sort()
    for q in (0, 0.01, 0.5, 0.9, 0.99, 1):
        want = values[max(math.ceil(fractions.Fraction(str(q)) * len(values)), 1) - 1]
        assert near(whole.quantile(q), want), (q, whole.quantile(q), want)


def test_nearest_rank():
    """p90 of ten is the ninth, as in Telegraf and etsy's statsd; 0.07 and 0.55 of a hundred are whole, though 0.07 * 100 > 7."""
    tens = [f"t:{v}|ms|T{T0}" for v in range(100, 1100, 100)]
    hundreds = [f"h:{1.03 ** v!r}|ms|T{T0}" for v in range(1, 101)]
    odd = [f"o:{v}|ms|T{T0}" for v in (1, 20, 300)]
    with Rollups(aggregates=["p7", "p50", "p55", "p90", "p95"]) as tsaggd:
        tsaggd.say(*tens, *hundreds, *odd)
        points = {key[0]: fields for key, fields in tsaggd.written().items()}
    for name, want in (("t", {"p50": 500, "p90": 900, "p95": 1000}), ("o", {"p7": 1, "p50": 20, "p55": 20, "p90": 300}),
                       ("h", {"p7": 1.03 ** 7, "p50": 1.03 ** 50, "p55": 1.03 ** 55, "p90": 1.03 ** 90, "p95": 1.03 ** 95})):
        for field, value in want.items():
            assert near(points[name][field], value), (name, field, value, points[name])


def test_late_samples_correct_quantiles():
    with Rollups() as tsaggd:
        tsaggd.say(*[f"cpu u={v} {T0 + 1}{v:09}" for v in range(1, 11)])
        tsaggd.say(f"cpu u=1 {T0 + 30}000000000")
        tsaggd.wait_sealed(1)
        tsaggd.say(*[f"cpu u={v} {T0 + 2}{v:09}" for v in range(1000, 1031)])
        assert tsaggd.metrics()["tsagg_late_total", (("result", "corrected"),)] == 31
        points = tsaggd.written()
    fields = points["cpu", (), T0 * NS]
    assert near(fields["u_p50"], 1010) and near(fields["u_p1"], 1), fields
    assert fields["u_increase"] == 9 + (1000 - 10) + 30, fields


def test_kinds_that_give_none():
    with Rollups() as tsaggd:
        tsaggd.say("c:1|c", "g:4|g", "s:x|s", "s:y|s", 'm z="text"')
        points = {key[0]: fields for key, fields in tsaggd.written().items()}
    assert set(points["c"]) == {"count", "sum", "rate"}, points
    assert points["g"] == {"last": 4, "min": 4, "max": 4, "mean": 4, "first": 4, "range": 0, "increase": 0}, points
    assert points["s"].pop("sketch").startswith("SAEM") and points["s"] == {"distinct": 2}, points
    assert points["m"] == {"z_last": "text"}, points


def test_constants_and_extremes():
    lines = [f"m c=42.5,z=0,tiny=1e-300,huge=-1e300 {T0 + 1}{i:09}" for i in range(100)]
    with Rollups(aggregates=["p50", "p99"]) as tsaggd:
        tsaggd.say(*lines)
        points = tsaggd.written()
    assert points["m", (), T0 * NS] == {f"{field}_{p}": v for field, v in (("c", 42.5), ("z", 0), ("tiny", 1e-300), ("huge", -1e300))
                                        for p in ("p50", "p99")}, points


def test_collapsing_keeps_the_high_quantiles():
    values = [1.05 ** i for i in range(1000)]
    with Rollups(aggregates=["p1", "p99", "sketch"]) as tsaggd:
        tsaggd.config["rollups"][0]["sketch_buckets"] = 64
        tsaggd.restart()
        tsaggd.say(*[f"m v={value!r} {T0 + 1}{i:09}" for i, value in enumerate(values)])
        points = tsaggd.written()
    fields = points["m", (), T0 * NS]
    assert near(fields["v_p99"], values[989]), fields
    assert fields["v_p1"] > values[9]
    assert len(sketch.Sketch.decode(fields["v_sketch"]).counts) <= 64


def test_sketches_outlive_a_crash_of_the_sink():
    """What the journal keeps has its sketches: a sink that is there only after the restart gives the same quantiles."""
    influx = {"type": "influxdb", "url": "http://127.0.0.1:9", "org": "o", "bucket": "b", "retry_min": "10ms", "retry_max": "10ms"}
    tsaggd = Rollups(aggregates=["p50", "sketch"])
    tsaggd.config["sinks"] = {"file": influx}
    with tsaggd:
        tsaggd.say(*[f"m v={v} {T0 + 1}{v:09}" for v in range(1, 102)], f"m v=1 {T0 + 60}000000000")
        until(lambda: tsaggd.sink("file")["rolled_up"] >= 1, 30, "a rollup on disk")
        tsaggd.kill9()
        tsaggd.config["sinks"] = {"file": {"type": "file", "path": str(tsaggd.out)}}
        tsaggd.restart()
        tsaggd.wait_delivered("file", 1)
        tsaggd.stop()
    fields = lineproto.read_points(tsaggd.out.read_text())["m", (), T0 * NS]
    assert near(fields["v_p50"], 51), fields
    assert near(sketch.Sketch.decode(fields["v_sketch"]).quantile(0.25), 26), fields


def test_histograms():
    """Samples at or below each bound; a sample rate of 0.1 makes ten of one."""
    tsaggd = Rollups(aggregates=["count", "histogram"])
    tsaggd.config["rollups"][0]["buckets"] = ["exponential", 0.5, 2, 4]
    with tsaggd:
        tsaggd.say(*[f"t:{v}|ms|T{T0}" for v in (-3, 0.5, 0.6, 1, 2, 4, 4.1, 100)], f"t:3|ms|@0.1|T{T0}", f"c:1|c|T{T0}")
        points = {key[0]: fields for key, fields in tsaggd.written().items()}
    assert points["t"] == {"count": 18, "le_0_5": 2, "le_1": 4, "le_2": 5, "le_4": 16, "le_inf": 18}, points
    assert set(points["c"]) == {"count", "sum", "rate"}, points
    tsaggd = Rollups(aggregates=["histogram"])
    tsaggd.config["rollups"][0]["buckets"] = [-1, 0, 10]
    with tsaggd:
        tsaggd.say(*[f"m v={v} {T0 + 1}{i:09}" for i, v in enumerate((5, -1, 7, 0.5, 11))])
        points = tsaggd.written()
    assert points["m", (), T0 * NS] == {"v_le_-1": 1, "v_le_0": 1, "v_le_10": 4, "v_le_inf": 5}, points


def test_the_design_s_configuration():
    done = tool("tsaggd", "--check", "--set", "rollups=[{name: raw10s, every: 10s, lateness: 2s, "
                "aggregates: [count, sum, min, max, mean, stddev, p50, p95, p99], to: [store]}]")
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    runner.main()
