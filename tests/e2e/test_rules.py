#!/usr/bin/env python3
"""Several rollups at once, windows that overlap, what rollups match, and late samples, against the oracle."""
import collections
import datetime
import fnmatch
import json
import pathlib
import random
import re
import subprocess
import sys
import zoneinfo

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp, wait
from tsagg_test.daemon import BUILD, Tsaggd
from tsagg_test.oracle import Sample
from tsagg_test.process import Process
from tsagg_test.times import NS

LATENESS_NS = 2 * NS
AGGREGATES = ["count", "sum", "min", "max", "mean", "stddev", "first", "last", "increase", "p50", "p99"]
# (name, every, period, match, value that the tag host must match), in seconds; finer and coarser, with and without overlap,
# some of which share panes
RULES = [
    ("raw", 1, 1, None, None),
    ("t5", 5, 5, None, None),
    ("t7", 7, 7, None, None),
    ("s6", 2, 6, None, None),
    ("s30", 10, 30, None, None),
    ("m1", 5, 5, "m1", None),
    ("m1s", 5, 15, "m1", None),
    ("h", 3, 3, "m*", "h00?"),
]
# (name, gap, longest length or None, match), in seconds; the pauses of the streams are about as long
SESSIONS = [
    ("x1", 1, None, None),
    ("x3", 3, None, "m*"),
    ("x2c", 2, 4, None),
    ("x9c", 9, 16, "m1"),
]


def rule_config(name, every, period, match, host):
    rule = {"name": name, "every": f"{every}s", "lateness": "2s", "aggregates": AGGREGATES, "to": ["out"],
            "measurement": "{name}." + name, "tags": ["rule=" + name, "odd=a b,c"]}
    if period != every:
        rule["period"] = f"{period}s"
    if match:
        rule["match"] = match
    if host:
        rule["match_tags"] = ["host=" + host]
    return rule


def session_config(name, gap, longest, match):
    rule = {**rule_config(name, None, None, match, None), "session": f"{gap}s"}
    del rule["every"]
    if longest:
        rule["session_max"] = f"{longest}s"
    return rule


class Replay(Process):
    """tsaggd --input with these rules into a file."""

    def __init__(self, lines, rules, workers, **config):
        super().__init__("rules")
        self.out = self.dir / "out.lp"
        (self.dir / "input").write_text("\n".join(lines))
        (self.dir / "tsagg.yaml").write_text(json.dumps({
            "state_dir": str(self.dir / "state"), "workers": workers, "http": {"address": ""}, "rollups": rules,
            "sinks": {"out": {"type": "file", "path": str(self.out), "flush_interval": "50ms"}}, **config}))

    def run(self):
        done = subprocess.run([BUILD / "tsaggd", "-c", self.dir / "tsagg.yaml", "--input", self.dir / "input"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        return sorted(self.out.read_text().splitlines())


def stream(rnd):
    """Samples of few series with pauses and duplicates, in the order of their times; sums of their values are exact."""
    time_ns, samples = oracle.EPOCH_NS + rnd.randrange(60) * NS, []
    for _ in range(rnd.randrange(50, 400)):
        time_ns += rnd.randrange(1, NS // 5) if rnd.random() < 0.98 else rnd.randrange(40 * NS)
        tags = (("host", "h%03d" % rnd.randrange(8, 12)),)
        value = rnd.choice((rnd.randrange(-8000, 8000) / 8, 3.25, 0.0))
        samples.append(Sample("m%d" % rnd.randrange(3), tags, "f", "field", value, 1.0, time_ns))
        if rnd.random() < 0.05:
            samples.append(samples[-1])
    return samples


def expected(name, windows):
    """What the rule makes of the samples of each window, under its own measurement and tags."""
    found = {}
    for (measurement, tags, field, start_ns), members in windows.items():
        own = tuple(sorted([*tags, ("rule", name), ("odd", "a b,c")]))
        by_time = sorted(members, key=lambda smp: smp.time_ns)
        found[measurement + "." + name, own, field, start_ns] = {
            **oracle.aggregates(members, NS), "first": by_time[0].value, "increase": oracle.increase(members),
            "p50": oracle.quantile(members, 0.5), "p99": oracle.quantile(members, 0.99)}
    return found


def expected_windows(samples, name, every, period, match, host):
    chosen = [smp for smp in samples if (not match or fnmatch.fnmatchcase(smp.measurement, match))
              and (not host or fnmatch.fnmatchcase(dict(smp.tags)["host"], host))]
    return expected(name, oracle.windows(chosen, period * NS, every * NS))


def expected_sessions(samples, name, gap, longest, match):
    chosen = [smp for smp in samples if not match or fnmatch.fnmatchcase(smp.measurement, match)]
    windows = oracle.sessions(chosen, gap * NS, longest and longest * NS)
    found = expected(name, windows)
    for aggregates, members in zip(found.values(), windows.values()):
        aggregates["duration"] = oracle.duration(members)
    return found


def assert_as_expected(lines, samples, rules, sessions):
    got = oracle.from_points(lineproto.read_points("\n".join(lines) + "\n"))
    want, names = {}, ("count", "sum", "min", "max", "mean", "stddev", "first", "last", "increase")
    for rule in rules:
        want |= expected_windows(samples, *rule)
    for rule in sessions:
        want |= expected_sessions(samples, *rule)
    oracle.assert_equal(got, want, names)
    of_sessions = {key: aggregates for key, aggregates in want.items() if "duration" in aggregates}
    oracle.assert_equal({key: got[key] for key in got if "duration" in got[key]}, of_sessions, ("duration",))
    for key, aggregates in want.items():
        for name in ("p50", "p99"):
            assert abs(got[key][name] - aggregates[name]) <= 0.01 * abs(aggregates[name]), (key, name, got[key], aggregates)


def without_stddev(lines):
    """It is a difference of sums that depend on the window's first value, and so on the order in its last digits."""
    return sorted(re.sub(r",f_stddev=[^ ,]+", "", line) for line in lines)


def test_random_streams_in_any_order_and_with_any_number_of_workers():
    for seed in range(wait.scaled(200)):
        rnd = random.Random(seed)
        samples = stream(rnd)
        some = rnd.sample(RULES, rnd.randrange(1, len(RULES) + 1))
        sessions = rnd.sample(SESSIONS, rnd.randrange(len(SESSIONS) + 1))
        rules = [rule_config(*rule) for rule in some] + [session_config(*rule) for rule in sessions]
        rnd.shuffle(rules)
        one = Replay([lineproto.write(smp) for smp in samples], rules, 1).run()
        assert_as_expected(one, samples, some, sessions)
        mixed = [lineproto.write(smp) for smp in oracle.shuffled(seed, samples, LATENESS_NS)]
        other = Replay(mixed, rules, rnd.choice((1, 2, 8))).run()
        assert without_stddev(one) == without_stddev(other), seed


def test_long_streams_of_sessions():
    """So long that sessions are sealed while others are still read: what one replay gives, every other does."""
    samples = list(oracle.stream(5, wait.scaled(10000), 40, 30, 10 * NS))
    samples = [smp._replace(field="f", value=float(round(smp.value) % 1000)) for smp in samples]
    sessions = [("x4", 4, None, None), ("x1c", 1, 2, None), ("x3c", 3, 20, None)]
    rules = [session_config(*rule) for rule in sessions] + [rule_config(*RULES[1])]
    one = Replay([lineproto.write(smp) for smp in samples], rules, 1).run()
    assert_as_expected(one, samples, RULES[1:2], sessions)
    for seed in range(3):
        mixed = [lineproto.write(smp) for smp in oracle.shuffled(seed, samples, LATENESS_NS)]
        assert without_stddev(one) == without_stddev(Replay(mixed, rules, (1, 2, 8)[seed]).run()), seed


def test_days_and_months_of_a_time_zone():
    """Against Python's own time zones, over the days on which clocks change: 23 and 25 hours, merged and added one by one."""
    zone = zoneinfo.ZoneInfo("America/New_York")
    start, hour = int(datetime.datetime(2025, 2, 27, tzinfo=zone).timestamp()), 3600
    times = [start + i * hour // 2 for i in range(2 * 24 * 260)]
    units = {"1d": lambda day: day, "1w": lambda day: day - datetime.timedelta(days=day.weekday()),
             "1mo": lambda day: day.replace(day=1), "1y": lambda day: day.replace(day=1, month=1)}
    for fine in ([], [{"name": "fine", "every": "15m", "aggregates": ["count"], "to": ["out"]}]):
        rules = fine + [{"name": every, "every": every, "aggregates": ["count"], "to": ["out"], "measurement": every}
                        for every in units]
        lines = Replay([f"m f=1 {t * NS}" for t in times], rules, 2, timezone="America/New_York").run()
        points = lineproto.read_points("\n".join(lines) + "\n")
        got = {(key[0], key[2]): fields["f_count"] for key, fields in points.items() if key[0] != "m"}
        want = collections.Counter()
        for t in times:
            day = datetime.datetime.fromtimestamp(t, zone).replace(hour=0, minute=0, fold=0)
            for every, first in units.items():
                want[every, int(first(day).timestamp()) * NS] += 1
        assert got == want, set(got.items()) ^ set(want.items())
        assert {46, 48, 50} == {n for (every, _), n in got.items() if every == "1d"}


def say(daemon, *lines):
    before = daemon.lines_read()
    udp.send(daemon.udp_port, [line.encode() for line in lines], read=daemon.lines_read)
    daemon.wait_read(before + len(lines))


def daemon_with(rules, **config):
    daemon = Tsaggd(rollups=rules, **{**load.ONLY_BY_WATERMARK, **config})
    daemon.config["sinks"] = {"out": {"type": "file", "path": str(daemon.dir / "out.lp")}}
    return daemon


def test_a_sample_is_added_once():
    rules = [rule_config(*rule) for rule in [("a", 1, 1, None, None), ("b", 10, 10, None, None), ("c", 10, 60, None, None)]]
    with daemon_with(rules) as daemon:
        start = oracle.EPOCH_NS
        say(daemon, *[f"m f={i} {start + i * NS // 10}" for i in range(100)], *[f"g:{i}|ms" for i in range(50)])
        wait.until(lambda: daemon.metrics()["tsagg_samples_aggregated_total", ()] == 150, 30, "samples aggregated")
        assert daemon.metrics()["tsagg_pane_adds_total", ()] == 150, daemon.metrics()
        daemon.assert_balanced()


def test_unmatched_samples_are_counted():
    with daemon_with([rule_config("a", 1, 1, "api.*", None)]) as daemon:
        say(daemon, "api.x:1|ms", "other:1|ms", "text s=\"t\" 1", "api.y:2|c")
        wait.until(lambda: daemon.status()["samples"]["in_flight"] == 0, 30, "samples settled")
        metrics = daemon.metrics()
        assert metrics["tsagg_samples_dropped_total", (("reason", "no_rollup"),)] == 2, metrics
        daemon.assert_balanced()


def test_gauges_are_kept_under_the_rules_that_match_them():
    rules = [{"name": "a", "every": "200ms", "match": "a*"},
             {"name": "b", "every": "200ms", "period": "400ms", "match": "b*", "measurement": "{name}_b"},
             {"name": "c", "every": "400ms", "match": "a*", "measurement": "{name}_c"}]
    with daemon_with([{**rule, "aggregates": ["count"], "to": ["out"]} for rule in rules], keep_gauges=True) as daemon:
        say(daemon, "a:5|g", "b:7|g", "c:1|g")
        daemon.wait_sealed(20)
        daemon.assert_balanced()
        daemon.stop()
        points = lineproto.read_points((daemon.dir / "out.lp").read_text())
    assert {(key[0], fields["last"]) for key, fields in points.items()} == {("a", 5), ("a_c", 5), ("b_b", 7)}, points
    for name, every_ns in (("a", NS // 5), ("b_b", NS // 5), ("a_c", 2 * NS // 5)):
        starts = sorted(key[2] for key in points if key[0] == name)
        assert len(starts) >= 3 and all((b - a) % every_ns == 0 for a, b in zip(starts, starts[1:])), (name, starts)


def test_late_samples_go_aside():
    """10 s windows, lateness 2 s, correct_for 60 s: what comes for a sealed window is in a point of its own."""
    t = oracle.EPOCH_NS // NS
    rule = {"name": "r", "every": "10s", "lateness": "2s", "late": "side", "aggregates": ["count", "sum"], "to": ["out"]}
    with daemon_with([rule]) as daemon:
        say(daemon, f"m f=1 {t * NS}", f"m f=2 {(t + 1) * NS}", f"m f=0 {(t + 20) * NS}")
        daemon.wait_sealed(1)
        say(daemon, f"m f=10 {(t + 2) * NS}", f"m f=20 {(t + 3) * NS}")
        say(daemon, f"m f=0 {(t + 73) * NS}")  # the watermark of the side is 11 s now
        say(daemon, f"m f=40 {(t + 4) * NS}")  # too late even for it
        wait.until(lambda: daemon.status()["samples"]["in_flight"] == 0, 30, "samples settled")
        metrics = daemon.metrics()
        assert metrics["tsagg_late_total", (("result", "side"),)] == 2, metrics
        assert metrics["tsagg_late_total", (("result", "dropped"),)] == 1, metrics
        daemon.assert_balanced()
        daemon.stop()
        points = lineproto.read_points((daemon.dir / "out.lp").read_text())
    assert points == {("m", (), t * NS): {"f_count": 2, "f_sum": 3}, ("m_late", (), t * NS): {"f_count": 2, "f_sum": 30},
                      ("m", (), (t + 20) * NS): {"f_count": 1, "f_sum": 0},
                      ("m", (), (t + 70) * NS): {"f_count": 1, "f_sum": 0}}, points


def test_a_session_that_was_sent_is_sent_again():
    """A late sample before its first: the point stays where it is and has all."""
    t = oracle.EPOCH_NS // NS
    rule = {"name": "r", "session": "10s", "aggregates": ["count", "sum"], "to": ["out"]}
    with daemon_with([rule]) as daemon:
        say(daemon, f"m f=1,g=1 {t * NS}", f"m f=2 {(t + 8) * NS}", f"m f=0 {(t + 30) * NS}", "api:3|c", "api:4|c")
        daemon.wait_sealed(2)
        say(daemon, f"m f=4 {(t - 6) * NS}", f"m g=5 {(t + 2) * NS}")
        wait.until(lambda: daemon.status()["rollups"]["corrected"] == 2, 30, "corrections sent")
        daemon.assert_balanced()
        daemon.stop()
        points = lineproto.read_points((daemon.dir / "out.lp").read_text())
    [api] = [fields for key, fields in points.items() if key[0] == "api"]
    assert api["count"] == 2 and api["sum"] == 7 and 0 <= api["duration"] < 10, api
    assert {key[2:]: fields for key, fields in points.items() if key[0] == "m"} == {
        (t * NS,): {"f_count": 3, "f_sum": 7, "f_duration": 14, "g_count": 2, "g_sum": 6, "g_duration": 2},
        ((t + 30) * NS,): {"f_count": 1, "f_sum": 0, "f_duration": 0}}, points


def test_a_corrected_sample_is_in_every_window():
    """The sample comes when its pane has been merged: both rollups send their windows again, whole."""
    t = oracle.EPOCH_NS // NS
    rules = [{"name": "a", "every": "10s", "aggregates": ["count", "sum"], "to": ["out"]},
             {"name": "b", "every": "10s", "period": "30s", "aggregates": ["count", "sum"], "to": ["out"],
              "measurement": "{name}_30s"}]
    with daemon_with(rules) as daemon:
        say(daemon, f"m f=1 {t * NS}", f"m f=0 {(t + 50) * NS}")
        daemon.wait_sealed(4)  # 10 s: one; 30 s: from -20, -10 and 0
        say(daemon, f"m f=2 {(t + 5) * NS}", f"n f=4 {(t + 5) * NS}")
        wait.until(lambda: daemon.status()["samples"]["in_flight"] == 0, 30, "samples settled")
        assert daemon.metrics()["tsagg_late_total", (("result", "corrected"),)] == 2
        daemon.assert_balanced()
        daemon.stop()
        points = lineproto.read_points((daemon.dir / "out.lp").read_text())
    for name, want in (("m", {"f_count": 2, "f_sum": 3}), ("n", {"f_count": 1, "f_sum": 4})):
        assert points[name, (), t * NS] == want, points
        for start in (-20, -10, 0):
            assert points[name + "_30s", (), (t + start) * NS] == want, points


if __name__ == "__main__":
    runner.main()
