#!/usr/bin/env python3
"""tsaggd killed at random moments under load, and stopped and started: what every window says afterwards, against the oracle.

A dozen of each by default; TSAGG_TEST_SCALE=17 makes it two hundred.
"""
import bisect
import collections
import itertools
import json
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, oracle, runner, udp
from tsagg_test.daemon import BUILD, Tsaggd
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.times import NS
from tsagg_test.wait import scaled, until

KILLS = scaled(12, least=3)
NAMES = ["count", "sum", "min", "max"]
RULES = [{"name": "a", "every": "10s", "lateness": "2s", "aggregates": NAMES, "to": ["out"]},
         {"name": "b", "every": "1m", "lateness": "2s", "aggregates": NAMES, "to": ["out"], "measurement": "{name}_1m"},
         {"name": "c", "every": "10s", "period": "30s", "lateness": "2s", "aggregates": NAMES, "to": ["out"],
          "measurement": "{name}_30s"},
         {"name": "g", "every": "10s", "lateness": "2s", "group_by": ["zone"], "aggregates": NAMES, "to": ["out"],
          "measurement": "{name}_zone"},
         {"name": "d", "every": "20s", "lateness": "2s", "without": ["host"], "aggregates": NAMES, "to": ["out"],
          "measurement": "{name}_hosts"},
         {"name": "s", "session": "500ms", "lateness": "2s", "aggregates": NAMES, "to": ["out"], "measurement": "{name}_session"},
         {"name": "p", "session": "3s", "session_max": "8s", "lateness": "2s", "aggregates": NAMES, "to": ["out"],
          "measurement": "{name}_part"}]
SIZES = {"": (10, 10), "_1m": (60, 60), "_30s": (30, 10)}
GROUPS = {"_zone": 10, "_hosts": 20}
SESSIONS = {"_session": (NS // 2, None), "_part": (3 * NS, 8 * NS)}
SNAPSHOT_TAKEN = struct.Struct("<16xq")  # in its header: nanoseconds since 1970


def expected(samples):
    """{(measurement, tags, field, window start): aggregates} of all rules but those of sessions."""
    want = {}
    for suffix, (period, every) in SIZES.items():
        named = [smp._replace(measurement=smp.measurement + suffix) for smp in samples]
        want |= oracle.rollups(named, period * NS, every * NS)
    for suffix, every in GROUPS.items():
        zones = [smp._replace(measurement=smp.measurement + suffix, tags=smp.tags[1:]) for smp in samples]
        want |= oracle.rollups(zones, every * NS)
    return want


def expected_sessions(samples):
    want = {}
    for suffix, (gap_ns, max_ns) in SESSIONS.items():
        named = [smp._replace(measurement=smp.measurement + suffix) for smp in samples]
        for key, members in oracle.sessions(named, gap_ns, max_ns).items():
            want[key] = {**oracle.aggregates(members, NS), "duration": oracle.duration(members)}
    return want


def is_session(key):
    return key[0].endswith(tuple(SESSIONS))


class Stream:
    """Samples whose time goes on, in chunks; none is later than the lateness allows."""

    def __init__(self, seed):
        self.rnd = random.Random(seed)
        self.time_ns = oracle.EPOCH_NS

    def chunk(self, lines=400, series=30):
        span_ns = self.rnd.randrange(NS, 6 * NS)
        samples = []
        for _ in range(lines):
            at_ns = self.time_ns + self.rnd.randrange(span_ns)
            host = self.rnd.randrange(series)
            tags = (("host", "h%02d" % host), ("zone", "z%d" % (host % 3)))
            samples.append(oracle.Sample("m", tags, "f", "field", self.rnd.randrange(1, 8000) / 8, 1.0, at_ns))
        self.time_ns += span_ns
        samples.sort(key=lambda smp: smp.time_ns + self.rnd.randrange(2 * NS))
        return samples


class Daemon(Tsaggd):
    def __init__(self, transport, **config):
        super().__init__(rollups=RULES, **{"snapshot": "20ms", "idle_after": "1h", **config})
        self.out = self.dir / "out.lp"
        self.config["sinks"] = {"out": {"type": "file", "path": str(self.out)}}
        self.transport = transport
        self.tcp_port = free_port()
        self.config["listen"].append({"url": f"tcp://{LOOPBACK}:{self.tcp_port}"})

    def send(self, samples):
        """Without waiting for anything."""
        lines = [lineproto.write(smp).encode() for smp in samples]
        if self.transport == "udp":
            udp.send(self.udp_port, lines)
        else:
            with socket.create_connection((LOOPBACK, self.tcp_port)) as sock:
                sock.sendall(b"\n".join(lines) + b"\n")

    def wait_aggregated(self, before, samples):
        def done():
            now = self.status()["samples"]
            return now["in_flight"] == 0 and now["received"] - before >= len(samples)
        until(done, 30, "samples in windows")

    def say(self, samples):
        before = self.status()["samples"]["received"]
        self.send(samples)
        self.wait_aggregated(before, samples)

    def snapshot(self):
        return (self.dir / "state" / "snapshot").read_bytes()

    def points(self):
        """What the file has, of equal points the last; a line that the kill has cut off counts for nothing."""
        text = self.out.read_text() if self.out.exists() else ""
        return lineproto.read_points(text[:text.rfind("\n") + 1])


def assert_between(got, least, most):
    """Every window has at least what must be there, and nothing that was not sent."""
    wrong = []
    for key, want in most.items():
        sure, has = least.get(key), got.get(key)
        if has is None:
            if sure:
                wrong.append(f"missing: {key} {sure}")
            continue
        low = sure or {"count": 0, "sum": 0}
        if not low["count"] <= has["count"] <= want["count"] or not low["sum"] - 1e-6 <= has["sum"] <= want["sum"] + 1e-6:
            wrong.append(f"{key}: {has} is not between {low} and {want}")
    wrong += [f"never sent: {key}" for key in got if key not in most]
    assert not wrong, f"{len(wrong)} of {len(most)} windows\n" + "\n".join(wrong[:5])


def assert_sessions_between(points, sure, every):
    """Each sample that must be there is in one session of its series, and no session has what was not sent."""
    for suffix in SESSIONS:
        wrong, series = [], collections.defaultdict(lambda: ([], []))
        for samples, i in ((sure, 0), (every, 1)):
            for smp in samples:
                series["m" + suffix, smp.tags][i].append((smp.time_ns, smp.value))
        spans = collections.defaultdict(list)
        for (name, tags, time_ns), fields in points.items():
            if name == "m" + suffix:
                spans[name, tags].append((time_ns, time_ns + round(fields["f_duration"] * NS), fields))
        for key, parts in series.items():
            times = [[at for at, _ in sorted(part)] for part in parts]
            values = [[value for _, value in sorted(part)] for part in parts]
            for begin, end, fields in spans[key]:
                low, high = (part[bisect.bisect_left(at, begin):bisect.bisect_right(at, end)] for at, part in zip(times, values))
                if not len(low) <= fields["f_count"] <= len(high) or not sum(low) - 1e-6 <= fields["f_sum"] <= sum(high) + 1e-6:
                    wrong.append(f"{key} at {begin}: {fields} is not between {len(low)}, {sum(low)} and {len(high)}, {sum(high)}")
            begins = sorted(begin for begin, _, _ in spans[key])
            ends = list(itertools.accumulate((end for _, end, _ in sorted(spans[key], key=lambda span: span[0])), max))
            for at in times[0]:
                before = bisect.bisect_right(begins, at)
                if before == 0 or ends[before - 1] < at:
                    wrong.append(f"{key}: nothing has the sample at {at}")
        assert not wrong, f"{len(wrong)} of {len(series)} series\n" + "\n".join(wrong[:5])


def kill_again_and_again(transport, seed):
    stream, rnd = Stream(seed), random.Random(seed)
    sure, maybe, recent, sealed = [], [], [], {}  # recent: (arrived by, samples) since the last start
    with Daemon(transport) as daemon:
        for _ in range(KILLS):
            for _ in range(rnd.randrange(1, 5)):
                samples = stream.chunk()
                daemon.say(samples)
                recent.append((time.time_ns(), samples))
            torn = stream.chunk()
            daemon.send(torn)
            time.sleep(rnd.random() * 0.08)
            until((daemon.dir / "state" / "snapshot").exists, 30, "a first snapshot")
            daemon.kill9()
            taken_ns, = SNAPSHOT_TAKEN.unpack_from(daemon.snapshot())
            for arrived_ns, samples in recent:
                (sure if arrived_ns < taken_ns else maybe).extend(samples)
            maybe += torn
            recent = []
            now = daemon.points()
            for key, fields in sealed.items():
                assert now[key] == fields, f"{key} was {fields}, is {now[key]}"
            sealed = now
            daemon.restart(workers=rnd.randrange(1, 5))
            assert "event=restored " in daemon.log() and "gap=" in daemon.log(), daemon.log()
            gap_s = daemon.status()["snapshot"]["restored"]["gap_seconds"]
            assert 0 <= gap_s <= (time.time_ns() - taken_ns) / NS, gap_s
        for _ in range(20):
            samples = stream.chunk()
            daemon.say(samples)
            sure += samples
        daemon.assert_balanced()
        assert daemon.status()["rollups"]["lost"] == 0
        daemon.stop()
        points = daemon.points()
        for key, fields in sealed.items():
            assert points[key] == fields, f"{key} was {fields}, is {points[key]}"
        lost = len(sure) + len(maybe) - sum(fields["f_count"] for key, fields in points.items() if key[0] == "m")
        assert 0 <= lost <= len(maybe), (lost, len(maybe))
        windows = {key: fields for key, fields in points.items() if not is_session(key)}
        assert_between(oracle.from_points(windows), expected(sure), expected(sure + maybe))
        assert_sessions_between(points, sure, sure + maybe)
        print(f"{transport}: {KILLS} kills, {len(sure) + len(maybe)} samples, {int(lost)} lost of {len(maybe)} that came after a snapshot")


def test_udp():
    kill_again_and_again("udp", 1)


def test_tcp():
    kill_again_and_again("tcp", 2)


def test_stops_and_starts_lose_nothing():
    """What has been read when the stop comes is in the windows, which go on whole after the start."""
    stream, rnd, sent = Stream(3), random.Random(3), []
    with Daemon("udp") as daemon:
        for _ in range(KILLS):
            for _ in range(rnd.randrange(1, 4)):
                samples = stream.chunk()
                sent += samples
                udp.send(daemon.udp_port, [lineproto.write(smp).encode() for smp in samples], read=daemon.lines_read)
            daemon.restart(workers=rnd.randrange(1, 5))
        daemon.assert_balanced()
        daemon.stop()
        assert_exact(daemon.points(), sent)


def assert_exact(points, samples):
    oracle.assert_equal(oracle.from_points({key: fields for key, fields in points.items() if not is_session(key)}), expected(samples), NAMES)
    sessions = {key: fields for key, fields in points.items() if is_session(key)}
    oracle.assert_equal(oracle.from_points(sessions), expected_sessions(samples), [*NAMES, "duration"])


def test_a_file_read_again_from_its_beginning():
    """Killed in the middle, it ends with exactly what one run gives."""
    stream, rnd, samples = Stream(4), random.Random(4), []
    for _ in range(scaled(60, least=10)):
        samples += stream.chunk(lines=500)
    daemon = Daemon("udp", workers=2)
    daemon.config["http"] = {"address": ""}
    path = daemon.dir / "lines"
    path.write_text("\n".join(lineproto.write(smp) for smp in samples) + "\n")
    daemon.config_path.write_text(json.dumps(daemon.config))
    command = [BUILD / "tsaggd", "-c", daemon.config_path, "--input", path]
    sealed, killed = {}, 0
    begin = time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=300)
    took_s = time.monotonic() - begin
    assert_exact(daemon.points(), samples)
    daemon.out.unlink()
    for _ in range(KILLS):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            process.wait(rnd.random() * took_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        now = daemon.points()
        for key, fields in sealed.items():
            assert now[key] == fields, f"{key} was {fields}, is {now[key]}"
        sealed = now
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=300)
    assert killed >= KILLS // 3, f"only {killed} of {KILLS} were killed"
    assert_exact(daemon.points(), samples)


if __name__ == "__main__":
    runner.main()
