#!/usr/bin/env python3
"""self: the daemon's own readings as points of measurement tsagg, beside what the status and /metrics say of the same."""
import collections
import json
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, runner, udp
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.stub import StubInflux
from tsagg_test.times import NS
from tsagg_test.wait import until

HOST = ("host", socket.gethostname())


class Daemon(Tsaggd):
    def __init__(self, own, *sinks, **config):
        super().__init__(rollups=[{"name": "r", "every": "1s"}], **config)
        self.config["self"] = own
        self.config["sinks"] = {name: {"type": "file", "path": str(self.dir / f"{name}.lp"), "flush_interval": "10ms"}
                                for name in ("main", *sinks)}

    def say(self, *lines):
        before = self.lines_read()
        udp.send_datagrams(self.udp_port, ["\n".join(lines).encode()])
        self.wait_read(before + len(lines))

    def own(self, sink="main"):
        """{(tags, time): fields} of the points in a file."""
        path = self.dir / f"{sink}.lp"
        text = path.read_text() if path.exists() else ""
        return own_points(text[:text.rfind("\n") + 1])

    def wait_own(self, times, sink="main"):
        """Until there are points of so many times."""
        return until(lambda: len({at for _, at in self.own(sink)}) >= times and self.own(sink), 30, f"own points of {times} times")


def own_points(text):
    found = {}
    for line in text.splitlines():
        name, tags, fields, time_ns = lineproto.read(line)
        if name == "tsagg":
            assert (tags, time_ns) not in found, f"twice: {line}"
            found[tags, time_ns] = fields
    return found


def series(points):
    """{(tags, field): [values in the order of time]}"""
    values = collections.defaultdict(list)
    for (tags, _), fields in sorted(points.items(), key=lambda item: item[0][1]):
        for field, value in fields.items():
            values[tags, field].append(value)
    return values


def increase(points, field, *tags):
    return sum(series(points)[tuple(sorted([HOST, *tags])), field + "_increase"])


def test_points_say_what_metrics_say():
    tsaggd = Daemon("1s", pipeline=[{"type": "filter", "name": "odd", "drop": "name == 'drop'"}])
    with tsaggd:
        tsaggd.say("a:1|c", "b:2|ms", "no value", "a:1|c|@7", "drop:1|c", "c v=1i 1")
        tsaggd.wait_own(2)
        metrics = tsaggd.metrics()
        tsaggd.assert_balanced()
        tsaggd.stop()
        points = tsaggd.own()
    values = series(points)
    assert {time_ns % NS for _, time_ns in points} == {0}, "times are on the interval's boundary"
    assert all(HOST in tags for tags, _ in points)
    # Everything that /metrics has, but for what never occurred of a listener, is there under the same name and labels.
    missing = []
    for (name, labels), value in metrics.items():
        key = tuple(sorted([*labels, HOST])), name.removeprefix("tsagg_")
        if name != "tsagg_build_info" and key not in values and not (len(labels) == 2 and value == 0):
            missing.append((name, labels))
    assert not missing, missing
    # A total is the sum of its increases, and does not fall.
    totals = [key for key in values if key[1].endswith("_total")]
    assert len(totals) > 100, len(totals)
    for tags, field in totals:
        increases = values[tags, field.removesuffix("_total") + "_increase"]
        assert values[tags, field] == sorted(values[tags, field])
        assert sum(increases) == values[tags, field][-1], (tags, field, increases, values[tags, field])
        assert min(increases) >= 0
    # By hand: six lines, two of them bad; one sample filtered.
    listener = ("listener", f"udp://127.0.0.1:{tsaggd.udp_port}")
    assert increase(points, "lines_received") == 6 and increase(points, "lines_accepted") == 4
    assert increase(points, "lines_rejected", ("reason", "bad_rate")) == 1
    assert increase(points, "listener_lines_rejected", listener, ("reason", "bad_rate")) == 1
    assert increase(points, "samples_dropped", ("reason", "filtered")) == 1
    assert increase(points, "listener_samples_dropped", listener, ("reason", "filtered")) == 1
    assert increase(points, "listener_lines_received", listener) == 6
    assert increase(points, "stage_samples_dropped", ("stage", "odd")) == 1
    assert values[(HOST,), "samples_aggregated_total"][-1] == 3
    assert all(isinstance(value, float) for fields in points.values() for value in fields.values())


def test_they_are_no_samples_and_the_ledger_balances():
    with Daemon("1s") as tsaggd:
        tsaggd.say("a:1|c", "a:2|c")
        tsaggd.wait_own(2)
        status = tsaggd.status()
        assert status["balanced"] and status["samples"]["received"] == 2 and status["samples"]["aggregated"] == 2, status["samples"]
        metrics = tsaggd.metrics()
        assert metrics["tsagg_self_points_total", ()] > 50 and metrics["tsagg_self_skipped_total", ()] == 0
        until(lambda: (now := tsaggd.metrics())["tsagg_sink_rollups_total", (("sink", "main"),)] ==
              now["tsagg_rollups_sealed_total", ()] + now["tsagg_self_points_total", ()], 10, "rolled up = sealed + own")
        assert metrics["tsagg_ledger_balanced", ()] == 1


def test_sinks_and_tags():
    with Daemon({"every": "1s", "to": ["own"], "tags": ["env=a b", "host=other"]}, "own") as tsaggd:
        tsaggd.say("a:1|c")
        found = tsaggd.wait_own(1, "own")
        assert all({("env", "a b"), ("host", "other")} <= set(tags) for tags, _ in found)
        tsaggd.stop()
        assert not tsaggd.own("main")


def test_increases_go_on_over_restarts():
    """What came between two points is in the next, or in the last of a stop, and no start overwrites a point of the run before."""
    tsaggd = Daemon("1s")
    for run in range(3):
        tsaggd.restart() if run else tsaggd.start()
        tsaggd.say(*["a:1|c"] * (run + 1))
        if run == 1:
            tsaggd.wait_own(2)
        tsaggd.assert_balanced()
        tsaggd.stop()
        stopped_s = time.time()
        until(lambda: time.time() // 1 > stopped_s // 1 + 1, 10, "another interval")  # two stops in one: see tsaggd(8)
    points = tsaggd.own()
    assert increase(points, "lines_accepted") == 1 + 2 + 3
    assert series(points)[(HOST,), "lines_accepted_total"][-1] == 3, "totals begin again"


def test_reload_changes_it():
    with Daemon("off", "own") as tsaggd:
        def reload(own):
            tsaggd.config["self"] = own
            tsaggd.config_path.write_text(json.dumps(tsaggd.config))
            done = tool("tsagg-ctl", "reload", "--host", f"http://127.0.0.1:{tsaggd.http_port}")
            assert done.returncode == 0 and b"restart" not in done.stdout, done
        tsaggd.say("a:1|c")
        reload({"every": "1s", "to": ["own"]})
        tsaggd.say("a:1|c", "a:1|c")
        until(lambda: increase(tsaggd.own("own"), "lines_accepted") == 2, 10, "what came from the reload on")
        assert series(tsaggd.own("own"))[(HOST,), "lines_accepted_total"][-1] == 3
        reload({"every": "1s", "to": ["main"], "tags": ["run=2"]})
        found = tsaggd.wait_own(1, "main")
        assert all(("run", "2") in tags for tags, _ in found)
        reload("off")
        before = tsaggd.metrics()["tsagg_self_points_total", ()]
        at_s = time.monotonic()
        until(lambda: time.monotonic() > at_s + 2.2, 10, "two intervals over")
        assert tsaggd.metrics()["tsagg_self_points_total", ()] == before


def test_they_are_durable():
    """A sink that is down gets them later, a crash of the daemon between."""
    def sinks(stub):
        return {"influx": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b", "flush_interval": "10ms",
                           "retry_min": "10ms", "retry_max": "50ms"}}
    with StubInflux(lambda write, n: (503, {})) as down, StubInflux() as up:
        tsaggd = Daemon("1s")
        tsaggd.config["sinks"] = sinks(down)
        with tsaggd:
            tsaggd.say("a:1|c")
            waiting = until(lambda: tsaggd.sink("influx")["pending"] > 100 and tsaggd.sink("influx")["pending"], 30, "points wait")
            tsaggd.kill9()
            tsaggd.restart(sinks=sinks(up))
            tsaggd.wait_delivered("influx", waiting)
        points = own_points("\n".join(up.accepted))
    assert len(points) >= waiting - 1
    assert increase(points, "lines_accepted") == 1


def test_a_replay_has_none():
    tsaggd = Daemon("1s", http={"address": ""})
    tsaggd.config_path.write_text(json.dumps(tsaggd.config))
    done = tool("tsaggd", "-c", tsaggd.config_path, "--input", "-", stdin=b"c v=1 1700000000000000000\n")
    assert done.returncode == 0, done.stderr
    assert not tsaggd.own() and "c v_count=1" in (tsaggd.dir / "main.lp").read_text()


runner.main()
