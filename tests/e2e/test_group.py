#!/usr/bin/env python3
"""Rollups of groups (group_by, without), rules by regular expressions and keep_original, against the oracle."""
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp, wait
from tsagg_test.daemon import BUILD, Tsaggd, tool
from tsagg_test.oracle import Sample
from tsagg_test.process import Process
from tsagg_test.times import NS

LATENESS_NS = 2 * NS
AGGREGATES = ["count", "sum", "min", "max", "mean", "stddev", "first", "last", "increase", "distinct", "p50", "p99", "histogram"]
EXACT = ("count", "sum", "min", "max", "mean", "stddev", "first", "last", "increase", "distinct")
BOUNDS = {"-10": -10, "0": 0, "0_5": 0.5, "100": 100, "inf": math.inf}
START = oracle.EPOCH_NS // NS
# (name, every, period, regular expression for the measurement, for the tag host, option, tags, keep_original); some share windows
# with others, so that what one wants must not change what another says
RULES = [
    ("raw", 1, 1, None, None, None, None, True),
    ("zone", 1, 1, None, None, "group_by", ["zone"], True),
    ("all", 5, 5, None, None, "group_by", [], True),
    ("nohost", 5, 5, None, None, "without", ["host"], True),
    ("both", 2, 6, None, None, "group_by", ["host", "zone", "missing"], True),
    ("slide", 2, 6, None, None, "group_by", ["zone"], True),
    ("m01", 5, 5, "^m[01]$", None, "group_by", ["zone"], True),
    ("own", 5, 5, "2", "[13579]$", "group_by", ["zone"], False),
    ("rest", 5, 15, "^m", None, "without", ["zone"], True),
]


def rule_config(name, every, period, match, host, option, tags, keep_original):
    rule = {"name": name, "every": f"{every}s", "lateness": "2s", "aggregates": AGGREGATES, "buckets": list(BOUNDS.values())[:-1], "to": ["out"],
            "measurement": "{name}." + name, "tags": ["rule=" + name], "keep_original": keep_original}
    if period != every:
        rule["period"] = f"{period}s"
    if match:
        rule["match"] = f"/{match}/"
    if host:
        rule["match_tags"] = [f"host=/{host}/"]
    if option:
        rule[option] = tags
    return rule


class Replay(Process):
    """tsaggd --input with these rules into a file."""

    def __init__(self, lines, rules, workers, **config):
        super().__init__("group")
        self.out = self.dir / "out.lp"
        (self.dir / "input").write_text("\n".join(lines))
        (self.dir / "tsagg.yaml").write_text(json.dumps({
            "state_dir": str(self.dir / "state"), "workers": workers, "http": {"address": ""}, "rollups": rules,
            "sinks": {"out": {"type": "file", "path": str(self.out), "flush_interval": "50ms"}}, **config}))

    def run(self):
        done = subprocess.run([BUILD / "tsaggd", "-c", self.dir / "tsagg.yaml", "--input", self.dir / "input"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, timeout=120)
        self.messages = done.stderr.decode()
        return sorted(self.out.read_text().splitlines())


def stream(rnd):
    """Samples in the order of their times; equal times, repeated values, and values whose sums are rounded."""
    time_ns, samples = oracle.EPOCH_NS + rnd.randrange(60) * NS, []
    for _ in range(rnd.randrange(50, 400)):
        if rnd.random() < 0.8:
            time_ns += rnd.randrange(1, NS // 5) if rnd.random() < 0.98 else rnd.randrange(40 * NS)
        tags = (("host", "h%d" % rnd.randrange(12)), ("zone", "z %d" % rnd.randrange(3)))
        value = rnd.choice((rnd.uniform(-100, 100), rnd.gauss(1e9, 5), rnd.lognormvariate(0, 3), 0.1, 0.5))
        samples.append(Sample("m%d" % rnd.randrange(4), tags, "f", "field", value, 1.0, time_ns))
    return samples


def matches(rule, sample):
    _, _, _, match, host, _, _, _ = rule
    return (not match or re.search(match, sample.measurement)) and (not host or re.search(host, dict(sample.tags)["host"]))


def expected(samples, rules):
    """What each rule makes of the samples that it gets, under its own measurement and tags."""
    want, left = {}, samples
    for rule in rules:
        name, every, period, _, _, option, tags, keep_original = rule
        taken = [sample for sample in left if matches(rule, sample)]
        if not keep_original:
            left = [sample for sample in left if not matches(rule, sample)]
        keeps = {None: lambda key: True, "group_by": lambda key: key in tags, "without": lambda key: key not in tags}[option]
        for key, aggregates in oracle.grouped(taken, period * NS, every * NS, keeps).items():
            want[key[0] + "." + name, tuple(sorted([*key[1], ("rule", name)])), key[2], key[3]] = aggregates
    return want


def assert_beside(key, fields, samples):
    """Quantiles within 1 %; buckets are counts at and below their bounds."""
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        want = oracle.quantile(samples, q)
        assert abs(fields["f_" + name] - want) <= 0.01 * abs(want), (key, name, fields, want)
    for name, bound in BOUNDS.items():
        assert fields["f_le_" + name] == sum(sample.weight for sample in samples if sample.value <= bound), (key, name, fields)


def assert_as_expected(lines, samples, rules):
    points, want = lineproto.read_points("\n".join(lines) + "\n"), expected(samples, rules)
    plain = {key: {name: value for name, value in fields.items() if "_le_" not in name} for key, fields in points.items()}
    oracle.assert_equal(oracle.from_points(plain), want, EXACT)
    for (measurement, tags, field, start_ns), aggregates in want.items():
        assert_beside((measurement, tags, start_ns), points[measurement, tags, start_ns], aggregates["samples"])


def test_the_same_bytes_with_any_number_of_workers():
    for seed in range(wait.scaled(30)):
        rnd = random.Random(seed)
        samples = oracle.shuffled(seed, stream(rnd), LATENESS_NS)
        some = sorted(rnd.sample(RULES, rnd.randrange(1, len(RULES) + 1)), key=RULES.index)
        lines = [lineproto.write(sample) for sample in samples]
        rules = [rule_config(*rule) for rule in some]
        one = Replay(lines, rules, 1).run()
        assert_as_expected(one, samples, some)
        for workers in (2, 8):
            assert Replay(lines, rules, workers).run() == one, (seed, workers)


def daemon_with(rules, workers=2, **config):
    daemon = Tsaggd(rollups=[{"to": ["out"], **rule} for rule in rules], workers=workers, **{**load.ONLY_BY_WATERMARK, **config})
    daemon.config["sinks"] = {"out": {"type": "file", "path": str(daemon.dir / "out.lp"), "flush_interval": "50ms"}}
    return daemon


def say(daemon, *lines):
    before = daemon.lines_read()
    udp.send(daemon.udp_port, [line.encode() for line in lines], read=daemon.lines_read)
    daemon.wait_read(before + len(lines))


def settle(daemon):
    wait.until(lambda: daemon.status()["samples"]["in_flight"] == 0, 30, "samples settled")


def points_of(daemon):
    daemon.assert_balanced()
    daemon.stop()
    return lineproto.read_points((daemon.dir / "out.lp").read_text())


def test_every_kind_by_its_metric_type():
    """Weights count, sets are united, gauges and strings go by time, and one name of two types stays two points."""
    t = START
    rule = {"name": "r", "every": "10s", "group_by": ["zone"], "aggregates": ["count", "sum", "max", "last", "rate"]}
    with daemon_with([rule]) as daemon:
        say(daemon, *[f"x:{i}|c|@0.5|#zone:a,host:h{i % 7}|T{t + i}" for i in range(10)],
            *[f"x:{i}|ms|@0.1|#zone:a,host:h{i}|T{t + i}" for i in range(5)],
            *[f"u:{i % 30}|s|#zone:a,host:h{i % 9}|T{t}" for i in range(90)],
            f"g:7|g|#zone:b,host:h1|T{t + 3}", f"g:5|g|#zone:b,host:h2|T{t + 2}", f"g:9|g|#zone:b,host:h3|T{t + 1}",
            f'line,zone=b,host=h1 s="early" {t * NS}', f'line,zone=b,host=h2 s="late" {(t + 9) * NS}',
            f'line,zone=b,host=h3 s="middle" {(t + 5) * NS}', f"x:1|c|#zone:a|T{t + 100}")
        daemon.wait_sealed(5)
        settle(daemon)
        points = points_of(daemon)
    got = {key[:2]: fields for key, fields in points.items() if key[2] == t * NS}
    tags = lambda zone, kind: (("metric_type", kind), ("zone", zone))
    assert got["x", tags("a", "counter")] == {"count": 20, "sum": 90, "rate": 9}, got
    assert got["x", tags("a", "timing")] == {"count": 50, "sum": 100, "max": 4, "last": 4, "rate": 10}, got
    assert got["u", tags("a", "set")] == {"distinct": 30}, got
    assert got["g", tags("b", "gauge")] == {"last": 7, "min": 5, "max": 9, "mean": 7}, got
    assert got["line", (("zone", "b"),)] == {"s_last": "late"}, got
    assert len(got) == 5, got


def test_a_late_sample_sends_the_whole_group_again():
    """Many hosts on several workers; one sample more, of a host that was there and one that was not."""
    rule = {"name": "r", "every": "10s", "without": ["host"], "aggregates": ["count", "sum", "increase", "p50"]}
    with daemon_with([rule], workers=4) as daemon:
        say(daemon, *[f"m,host=h{i % 20} f={i} {(START + i // 20) * NS}" for i in range(40)], f"m f=0 {(START + 50) * NS}")
        daemon.wait_sealed(1)
        say(daemon, f"m,host=h3 f=100 {(START + 2) * NS}", f"m,host=new f=7 {(START + 2) * NS}")
        wait.until(lambda: daemon.metrics()["tsagg_late_total", (("result", "corrected"),)] == 2, 30, "late samples")
        daemon.wait_sealed(2)
        points = points_of(daemon)
        assert daemon.log().count("event=ready") == 1
    fields = points["m", (), START * NS]
    # 0 … 39, then 100 and 7; each host rises by 20, and h3 by 77 more
    assert (fields["f_count"], fields["f_sum"], fields["f_increase"]) == (42, 780 + 107, 20 * 20 + 77), fields
    assert abs(fields["f_p50"] - 19) <= 0.19, fields


def test_what_is_too_late_goes_aside_as_a_group():
    rule = {"name": "r", "every": "10s", "group_by": [], "late": "side", "aggregates": ["count", "sum"]}
    with daemon_with([rule]) as daemon:
        say(daemon, f"m,h=1 f=1 {START * NS}", f"m,h=2 f=2 {START * NS}", f"m f=0 {(START + 20) * NS}")
        daemon.wait_sealed(1)
        say(daemon, f"m,h=1 f=10 {START * NS}", f"m,h=3 f=20 {START * NS}")
        settle(daemon)
        points = points_of(daemon)
    assert points["m", (), START * NS] == {"f_count": 2, "f_sum": 3}, points
    assert points["m_late", (), START * NS] == {"f_count": 2, "f_sum": 30}, points


def test_arrival_time_and_event_time_in_one_group():
    """Counters with and without a time of their own, of one minute: the point is of all of them in the end."""
    with daemon_with([{"name": "r", "every": "1m", "group_by": [], "aggregates": ["sum"]}], idle_after="1h") as daemon:
        now = wait.until(lambda: (lambda s: s if s % 60 < 50 else 0)(int(time.time())), 30, "the middle of a minute")
        say(daemon, *[f"c:1|c|#host:a{i}" for i in range(10)], *[f"c:10|c|#host:e{i}|T{now}" for i in range(10)])
        settle(daemon)
        points = points_of(daemon)
    assert list(points.values()) == [{"count": 20, "sum": 110, "rate": 110 / 60}], points


def test_gauges_are_kept_in_their_group():
    with daemon_with([{"name": "r", "every": "200ms", "group_by": [], "aggregates": ["count"]}], keep_gauges=True) as daemon:
        say(daemon, "g:5|g|#host:a", "g:7|g|#host:b", "g:9|g|#host:c")
        daemon.wait_sealed(10)
        points = points_of(daemon)
    means = [fields["mean"] for _, fields in sorted(points.items())]
    assert len(means) >= 8 and means[1:-1] == [7] * (len(means) - 2), points


def test_samples_are_added_once_and_groups_end_with_their_series():
    """Two rollups of groups beside one of series, all with the same windows: one addition for each sample."""
    rules = [{"name": "a", "every": "1s", "aggregates": ["sum"]},
             {"name": "b", "every": "1s", "aggregates": ["sum"], "group_by": ["zone"], "measurement": "{name}_b"},
             {"name": "c", "every": "1s", "aggregates": ["sum"], "group_by": [], "measurement": "{name}_c"}]
    with daemon_with(rules, limits={"expire": "1s"}) as daemon:
        say(daemon, *[f"m{i}:{i}|ms|#zone:z{i % 2}" for i in range(100)])
        wait.until(lambda: daemon.metrics()["tsagg_samples_aggregated_total", ()] == 100, 30, "samples aggregated")
        assert daemon.metrics()["tsagg_pane_adds_total", ()] == 100, daemon.metrics()
        wait.until(lambda: daemon.metrics()["tsagg_series_expired_total", ()] == 100, 30, "series gone")
        wait.until(lambda: daemon.metrics()["tsagg_groups", ()] == 0, 30, "groups gone")
        points = points_of(daemon)
    assert {key[0] for key in points} == {f"m{i}{end}" for i in range(100) for end in ("", "_b", "_c")}, points


def test_more_groups_than_the_limit_are_counted():
    """100 series may be, and so 100 groups of all rollups: the rest of the points is lost, and told."""
    rules = [{"name": name, "every": "10s", "group_by": ["host"], "aggregates": ["sum"], "measurement": "{name}_" + name}
             for name in ("a", "b")]
    with daemon_with(rules, limits={"series": 100}) as daemon:
        say(daemon, *[f"m,host=h{i} f=1 {START * NS}" for i in range(80)], f"m,host=h0 f=1 {(START + 20) * NS}")
        daemon.wait_sealed(100)
        settle(daemon)
        assert daemon.metrics()["tsagg_rollups_lost_total", ()] == 60, daemon.metrics()
        points = points_of(daemon)
    assert sum(key[2] == START * NS for key in points) == 100, len(points)


def parsed(config, *lines):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(config, file)
        file.flush()
        done = tool("tsagg-ctl", "parse", "-c", file.name, stdin="\n".join(lines).encode())
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_parse_tells_what_becomes_of_a_line():
    """The members that were there stay as they were; samples tells the rest, in the last object of a line."""
    config = {"pipeline": [{"type": "filter", "drop": "name == 'x'"}, {"type": "map", "when": "name ~ 'web*'", "value": "value * 2",
                                                                     "set": ["tags.unit=s"]}],
              "rollups": [{"name": "g", "match": "/^web/", "every": "10s", "group_by": ["zone"], "measurement": "{name}_z", "bucket": "c"},
                          {"name": "own", "match": "y", "every": "10s", "keep_original": False, "measurement": "z"},
                          {"name": "raw", "every": "10s"}],
              "sinks": {"st": {"type": "store", "bucket": "b"}}}
    web, x, y, first, two, text, check = parsed(config, "web:3|ms|@0.5|#zone:q,h:1|T100", "x:1|c", "y:1|c", "a:1|c:-2|g",
                                                'l,h=a f=1.5,s="t" 77', "_sc|up|0")
    tags = [["h", "1"], ["unit", "s"], ["zone", "q"]]
    assert web == {"name": "web", "type": "ms", "values": [3], "sample_rate": 0.5, "tags": ["zone:q", "h:1"], "timestamp": 100, "samples": [
        {"measurement": "web", "kind": "timing", "tags": tags, "value": 6, "weight": 2, "time": 100 * NS, "rollups": [
            {"name": "g", "measurement": "web_z", "tags": [["zone", "q"]], "to": ["st.c"]},
            {"name": "raw", "measurement": "web", "tags": tags, "to": ["st"]}]}]}, web
    assert x["samples"] == [], x
    assert [rollup["name"] for rollup in y["samples"][0]["rollups"]] == ["own"], y
    assert [(sample["kind"], sample["value"], sample.get("relative")) for sample in two["samples"]] == [
        ("counter", 1, None), ("gauge", -2, True)], two
    assert [(sample["field"], sample["kind"], sample.get("value"), sample.get("text")) for sample in text["samples"]] == [
        ("f", "field", 1.5, None), ("s", "string", None, "t")], text
    assert "samples" not in check and "samples" not in first, (check, first)


def test_a_series_that_is_called_like_its_group():
    """Groups may go where their series go; the one case in which points replace each other is said, once."""
    rules = [{"name": "raw", "every": "1s", "aggregates": ["sum"], "to": ["out"]},
             {"name": "zone", "every": "1s", "group_by": ["zone"], "aggregates": ["sum"], "to": ["out"]}]
    lines = [f"m,host={host},zone=a v={host} {START * NS}" for host in (1, 2)]
    apart = Replay(lines, rules, 1)
    assert apart.run() == [f"m,host=1,zone=a v_sum=1 {START * NS}", f"m,host=2,zone=a v_sum=2 {START * NS}", f"m,zone=a v_sum=3 {START * NS}"]
    assert "points_replaced" not in apart.messages, apart.messages
    same = Replay([*lines, f"m,zone=a v=4 {START * NS}", f"m,zone=b v=5 {START * NS}"], rules, 1)
    assert len(same.run()) == 6
    assert same.messages.count("event=points_replaced") == 1 and "rollup=zone" in same.messages, same.messages


if __name__ == "__main__":
    runner.main()
