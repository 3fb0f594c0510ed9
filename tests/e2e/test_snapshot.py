#!/usr/bin/env python3
"""Open windows across stops and crashes: what the next start goes on with, and what it must leave alone."""
import json
import math
import pathlib
import random
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, oracle, runner, udp
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.ports import LOOPBACK
from tsagg_test.times import NS
from tsagg_test.wait import until

T0 = oracle.EPOCH_NS // NS
NUMBERS = ["count", "sum", "min", "max", "mean", "stddev", "last"]
MORE = [*NUMBERS, "first", "increase", "distinct", "histogram", "p50", "p99"]
HOUR = {"name": "h", "every": "1h", "aggregates": MORE, "buckets": [10, 100], "to": ["out"]}


class Daemon(Tsaggd):
    def __init__(self, rules, **config):
        super().__init__(rollups=rules, **{"snapshot": "50ms", "idle_after": "1h", **config})
        self.out = self.dir / "out.lp"
        self.snapshot = self.dir / "state" / "snapshot"
        self.config["sinks"] = {"out": {"type": "file", "path": str(self.out)}}

    def say(self, *lines):
        udp.send(self.udp_port, [line.encode() for line in lines], read=self.lines_read)
        until(lambda: self.status()["samples"]["in_flight"] == 0, 30, "samples in windows")

    def reload(self, **changes):
        self.config.update(changes)
        self.config_path.write_text(json.dumps(self.config, indent=2) + "\n")
        done = tool("tsagg-ctl", "reload", "--host", f"http://{LOOPBACK}:{self.http_port}")
        assert done.returncode == 0, done

    def written(self):
        return self.metrics()["tsagg_snapshots_total", (("result", "written"),)]

    def wait_snapshot(self):
        """One that was begun from now on."""
        before = self.written()
        self.say("nothing:1|c")  # or none is taken
        until(lambda: self.written() >= before + 2 or self.say("nothing:1|c"), 30, "two snapshots")

    def restored(self):
        return self.status()["snapshot"]["restored"]

    def points(self):
        """The points in the file, of equal ones the last, after an orderly stop."""
        self.assert_balanced()
        self.stop()
        return lineproto.read_points(self.out.read_text())


def safely_inside_an_hour():
    """Half a minute is left of the hour, or the next one is waited for."""
    left_s = 3600 - time.time() % 3600
    if left_s < 30:
        time.sleep(left_s + 0.1)


def fields_of(points, name):
    found = [fields for key, fields in points.items() if key[0] == name]
    assert len(found) == 1, points
    return found[0]


def halves():
    """Lines of every kind in two halves, and what the hour says when it is whole, by hand."""
    rnd = random.Random(1)
    values = [rnd.randrange(1, 2000) / 8 for _ in range(300)]
    members = [f"u{rnd.randrange(150)}" for _ in range(300)]
    lines = [line for value, member in zip(values, members)
             for line in (f"hits:{value}|c", f"took:{value}|ms", f"users:{member}|s")]
    first = [*lines[:450], "level:7|g", "level:+2|g"]
    second = [*lines[450:], "level:+3|g", "level:-1|g"]
    return first, second, values, members


def assert_whole(points, values, members):
    """took, hits, level and users over both halves."""
    hits, took, level, users = (fields_of(points, name) for name in ("hits", "took", "level", "users"))
    assert hits["count"] == len(values) and hits["sum"] == sum(values), hits
    want = oracle.aggregates([oracle.Sample("took", (), "", "timing", v, 1.0, i) for i, v in enumerate(values)], 3600 * NS)
    for name in NUMBERS:
        assert math.isclose(took[name], want[name], rel_tol=1e-9), (name, took, want)
    assert took["first"] == values[0] and abs(took["distinct"] - len(set(values))) <= 0.05 * len(set(values)), took
    rises = sum(b - a if b >= a else b for a, b in zip(values, values[1:]))
    assert math.isclose(took["increase"], rises, rel_tol=1e-12), (took, rises)
    assert took["le_10"] == sum(v <= 10 for v in values) and took["le_100"] == sum(v <= 100 for v in values), took
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        exact = sorted(values)[math.ceil(q * len(values)) - 1]
        assert abs(took[name] - exact) <= 0.01 * exact, (name, took, exact)
    assert (level["last"], level["min"], level["max"], level["mean"]) == (11, 7, 12, 9.75), level
    assert abs(users["distinct"] - len(set(members))) <= 0.05 * len(set(members)), users


def test_a_stop_within_a_window():
    """The first part goes out at the stop, the whole after the next: both numbers of workers have all of it."""
    safely_inside_an_hour()
    first, second, values, members = halves()
    with Daemon([HOUR], workers=3) as daemon:
        daemon.say(*first)
        part = daemon.points()
        assert fields_of(part, "took")["count"] == 150 and fields_of(part, "level")["last"] == 9, part
        daemon.restart(workers=1)
        assert "event=restored series=4 windows=4 sealed_since=0 gap=" in daemon.log(), daemon.log()
        assert 0 <= daemon.restored()["gap_seconds"] < 30 and daemon.restored()["windows"] == 4, daemon.restored()
        daemon.say(*second)
        assert_whole(daemon.points(), values, members)


def test_a_crash_within_a_window():
    safely_inside_an_hour()
    first, second, values, members = halves()
    with Daemon([HOUR], workers=1) as daemon:
        daemon.say(*first)
        daemon.wait_snapshot()
        daemon.kill9()
        daemon.restart(workers=4)
        assert daemon.restored()["series"] == 5, daemon.restored()
        daemon.say(*second)
        daemon.wait_snapshot()
        daemon.kill9()
        daemon.restart(workers=2)
        assert_whole(daemon.points(), values, members)


RULES = [{"name": "a", "every": "10s", "lateness": "2s", "aggregates": NUMBERS, "to": ["out"]},
         {"name": "b", "every": "60s", "lateness": "2s", "aggregates": NUMBERS, "to": ["out"], "measurement": "{name}_1m"},
         {"name": "c", "every": "10s", "period": "30s", "lateness": "2s", "aggregates": NUMBERS, "to": ["out"],
          "measurement": "{name}_30s"}]
SIZES = {"": (10, 10), "_1m": (60, 60), "_30s": (30, 10)}
GROUPS = {"name": "g", "every": "10s", "lateness": "2s", "group_by": ["zone"], "aggregates": NUMBERS, "to": ["out"],
          "measurement": "{name}_zone"}


def expected(samples):
    want = {}
    for suffix, (period, every) in SIZES.items():
        named = [smp._replace(measurement=smp.measurement + suffix) for smp in samples]
        want |= oracle.rollups(named, period * NS, every * NS)
    return want


def expected_of_groups(samples):
    zones = [smp._replace(measurement=smp.measurement + "_zone", tags=(("zone", dict(smp.tags)["zone"]),)) for smp in samples]
    return oracle.rollups(zones, 10 * NS)


def test_event_time_goes_on_after_a_crash():
    """Windows of three rules that share panes, killed twice: everything is as if nothing had happened."""
    samples = list(oracle.stream(7, 6000, 40, 12, 10 * NS))
    lines = [lineproto.write(smp) for smp in samples]
    with Daemon([*RULES, GROUPS], workers=2) as daemon:
        for part, workers in ((lines[:2000], 1), (lines[2000:4500], 3), (lines[4500:], 2)):
            daemon.say(*part)
            daemon.wait_snapshot()
            daemon.kill9()
            daemon.restart(workers=workers)
        points = {key: fields for key, fields in daemon.points().items() if not key[0].startswith("nothing")}
    oracle.assert_equal(oracle.from_points(points), expected(samples) | expected_of_groups(samples), NUMBERS)


def correct_after(end):
    """Samples that come late, after the daemon was gone: windows of series and of groups go out again, whole."""
    samples = list(oracle.stream(9, 2500, 30, 4, 10 * NS))
    second = [smp for smp in samples if smp.time_ns // (10 * NS) == (T0 + 10) // 10]
    late = set(random.Random(9).sample(second, 100))
    with Daemon([RULES[0], GROUPS], workers=2) as daemon:
        daemon.say(*[lineproto.write(smp) for smp in samples if smp not in late])
        daemon.wait_sealed(3 * 30)
        daemon.wait_snapshot()
        end(daemon)
        daemon.restart(workers=1)
        daemon.say(*[lineproto.write(smp) for smp in late])
        points = {key: fields for key, fields in daemon.points().items() if not key[0].startswith("nothing")}
    want = {key: fields for key, fields in expected(samples).items() if not key[0].endswith(("_1m", "_30s"))}
    oracle.assert_equal(oracle.from_points(points), want | expected_of_groups(samples), ["count", "sum", "min", "max", "mean", "stddev"])


def test_groups_are_corrected_after_a_crash():
    correct_after(Tsaggd.kill9)


def test_groups_are_corrected_after_a_stop():
    correct_after(Tsaggd.stop)


SESSION = {"name": "s", "session": "1s", "lateness": "2s", "aggregates": NUMBERS, "to": ["out"], "measurement": "{name}_session"}


def end_after_a_reload(end):
    """Rules that match more since a reload; windows of both are open at the end: those of the former go on, those of the new are whole."""
    samples = list(oracle.stream(11, 6000, 30, 12, 10 * NS))
    parts = [[lineproto.write(smp) for smp in samples if low <= smp.time_ns / NS - T0 < high] for low, high in ((0, 25), (25, 38), (38, 120))]
    rules = [*RULES, GROUPS, SESSION]
    with Daemon([{**rule, "match": "m1"} for rule in rules], workers=2) as daemon:
        daemon.say(*parts[0])
        daemon.reload(rollups=rules)
        daemon.say(*parts[1])
        daemon.wait_snapshot()
        end(daemon)
        daemon.restart(workers=1)
        daemon.say(*parts[2])
        points = oracle.from_points({key: fields for key, fields in daemon.points().items() if not key[0].startswith("nothing")})
    want = expected(samples) | expected_of_groups(samples)
    sure = {key: fields for key, fields in want.items()
            if key[0].startswith("m1") or key[3] >= (T0 + (60 if key[0].endswith("_1m") else 30)) * NS}
    got = {key: fields for key, fields in points.items() if not key[0].endswith("_session") and (key in sure or key[0].startswith("m1"))}
    oracle.assert_equal(got, sure, NUMBERS)
    counts = [fields["count"] for key, fields in points.items() if key[0] == "m1_session"]
    assert sum(counts) == sum(smp.measurement == "m1" for smp in samples), (len(counts), sum(counts))


def test_rules_that_end_in_a_crash():
    end_after_a_reload(Tsaggd.kill9)


def test_rules_that_end_in_a_stop():
    end_after_a_reload(Tsaggd.stop)


def test_an_old_snapshot_opens_nothing_that_is_sealed():
    """The snapshot of before the windows were sealed, put in the place of the newest: the journal is believed."""
    samples = list(oracle.stream(8, 4000, 30, 6, 10 * NS))
    lines = [lineproto.write(smp) for smp in samples]
    with Daemon([*RULES, GROUPS], workers=2) as daemon:
        daemon.say(*lines[:1200])
        daemon.wait_snapshot()
        old = daemon.dir / "old"
        shutil.copy(daemon.snapshot, old)
        daemon.say(*lines[1200:], f"nothing f=1 {(T0 + 200) * NS}")
        daemon.wait_sealed(30 * 6)
        until(lambda: daemon.sink("out")["pending"] == 0, 30, "all delivered")
        before = lineproto.read_points(daemon.out.read_text())
        daemon.kill9()
        shutil.copy(old, daemon.snapshot)
        daemon.restart(workers=3)
        assert daemon.restored()["sealed_since"] > 0, daemon.restored()
        late = [f"{smp.measurement},{','.join('='.join(t) for t in smp.tags if ' ' not in t[1])} f=1 {smp.time_ns}"
                for smp in samples[1200:1300]]
        daemon.say(*late, *lines[1250:1300])  # by now they are too late, whatever the snapshot says
        daemon.assert_balanced()
        points = daemon.points()
    for key, fields in before.items():
        assert points[key] == fields, (key, fields, points[key])


def test_kept_gauges_are_kept():
    rule = {"name": "g", "every": "200ms", "aggregates": ["count"], "to": ["out"]}
    with Daemon([rule], keep_gauges=True) as daemon:
        daemon.say("a:5|g")
        daemon.wait_sealed(3)
        daemon.wait_snapshot()
        daemon.kill9()
        daemon.restart(workers=2)
        daemon.wait_sealed(5)
        daemon.say("a:+1|g")
        points = daemon.points()
    values = [fields["last"] for key, fields in sorted(points.items(), key=lambda item: item[0][2]) if key[0] == "a"]
    assert values[0] == 5 and values[-1] == 6 and len(values) >= 8, values


def test_damage_is_set_aside():
    safely_inside_an_hour()
    rnd = random.Random(2)
    with Daemon([HOUR]) as daemon:
        daemon.say("took:1|ms", "hits:1|c", "users:a|s")
        daemon.stop()
        good = daemon.snapshot.read_bytes()
        places = [0, 9, 20, 57, 64, 70, len(good) - 1, *rnd.sample(range(len(good)), 4)]
        bad = [good[:rnd.randrange(len(good))] for _ in range(4)] + [b"", b"x" * 100]
        bad += [good[:at] + bytes([good[at] ^ 1 << rnd.randrange(8)]) + good[at + 1:] for at in places]
        for data in bad:
            daemon.snapshot.write_bytes(data)
            daemon.start()
            assert "event=snapshot_set_aside" in daemon.log() and "event=restored" not in daemon.log(), daemon.log()
            assert "restored" not in daemon.status()["snapshot"]
            assert (daemon.dir / "state" / "snapshot.bad").read_bytes() == data
            daemon.kill9()
            pathlib.Path(daemon.dir / "state" / "snapshot.bad").unlink()
        daemon.snapshot.write_bytes(good)
        daemon.start()
        assert daemon.restored()["windows"] == 3, daemon.restored()


def test_another_configuration():
    """What is still meant by a rollup goes on, the rest is counted."""
    safely_inside_an_hour()
    other = {"name": "other", "every": "1h", "match": "hits", "aggregates": ["count"], "to": ["out"], "measurement": "o"}
    with Daemon([HOUR, other]) as daemon:
        daemon.say("took:1|ms", "hits:1|c")
        daemon.stop()
        daemon.restart(rollups=[{**HOUR, "to": ["out"], "tags": ["new=yes"]}, {**other, "every": "2h"}])
        assert daemon.restored()["windows"] == 2 and daemon.restored()["no_rollup"] == 1, daemon.restored()
        assert "event=restored_in_part" in daemon.log()
        metrics = daemon.metrics()
        assert metrics["tsagg_restored_windows_total", (("result", "no_rollup"),)] == 1
        daemon.say("took:2|ms")
        points = daemon.points()
    took = [fields for key, fields in points.items() if key[0] == "took" and ("new", "yes") in key[1]]
    assert [fields["count"] for fields in took] == [2], points


def test_a_smaller_limit_of_series():
    """What finds no room is left out, counted, and was sent by the stop."""
    safely_inside_an_hour()
    with Daemon([HOUR]) as daemon:
        daemon.say(*(f"s{i}:1|c" for i in range(20)))
        daemon.stop()
        daemon.restart(limits={"series": 8})
        restored = daemon.restored()
        assert restored["windows"] == 8 and restored["no_room"] == 12, restored
        metrics = daemon.metrics()
        assert metrics["tsagg_restored_windows_total", (("result", "no_room"),)] == 12
        assert metrics["tsagg_restored_windows_total", (("result", "restored"),)] == 8
        assert "event=restored_in_part no_rollup=0 no_room=12" in daemon.log()
        points = daemon.points()
        assert {key[0]: fields["count"] for key, fields in points.items()} == {f"s{i}": 1 for i in range(20)}, points


def test_a_replay_leaves_it_alone():
    safely_inside_an_hour()
    with Daemon([HOUR]) as daemon:
        daemon.say("took:1|ms")
        daemon.stop()
        kept = daemon.snapshot.read_bytes()
        lines = daemon.dir / "lines"
        lines.write_text("other:5|ms\n")
        done = tool("tsaggd", "-c", daemon.config_path, "--input", lines)
        assert done.returncode == 0 and b"event=restored" not in done.stderr, done
        assert daemon.snapshot.read_bytes() == kept
        daemon.start()
        daemon.say("took:2|ms")
        points = daemon.points()
    assert fields_of(points, "took")["sum"] == 3 and fields_of(points, "other")["sum"] == 5, points


def test_off():
    safely_inside_an_hour()
    with Daemon([HOUR], snapshot="off") as daemon:
        daemon.say("took:1|ms")
        daemon.stop()
        assert not daemon.snapshot.exists()
        daemon.restart(snapshot="1s")
        daemon.say("took:2|ms")
        daemon.stop()
        assert daemon.snapshot.exists()
        daemon.restart(snapshot="off")
        assert not daemon.snapshot.exists() and "event=restored" in daemon.log()
        assert fields_of(daemon.points(), "took")["sum"] == 2


if __name__ == "__main__":
    runner.main()
