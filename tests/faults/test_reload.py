#!/usr/bin/env python3
"""SIGHUP and tsagg-ctl reload: what stays is not touched, what changes loses nothing, what is wrong changes nothing."""
import json
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.stub import MenuInflux
from tsagg_test.times import NS
from tsagg_test.wait import scaled, until

COUNTS = {"name": "counts", "every": "500ms", "aggregates": ["count", "sum"]}


class Reloaded(Tsaggd):
    def __init__(self, **config):
        super().__init__(**config)
        self.config["listen"][0]["block"] = "10s"  # a slow build drops nothing

    def write(self, **changes):
        """The configuration file with these keys; takes the place of the former in one step."""
        self.config.update(changes)
        new = self.config_path.with_suffix(".new")
        new.write_text(json.dumps(self.config, indent=2) + "\n")
        new.rename(self.config_path)

    def ctl(self, code=0):
        done = tool("tsagg-ctl", "reload", "--host", f"http://{LOOPBACK}:{self.http_port}")
        assert done.returncode == code, done
        return (done.stderr if code else done.stdout).decode()

    def reload(self, **changes):
        self.write(**changes)
        return self.ctl()

    def sockets(self):
        """The inodes of its sockets, listening ones and datagrams' alike."""
        links = []
        for fd in pathlib.Path(f"/proc/{self.popen.pid}/fd").iterdir():
            try:
                links.append(os.readlink(fd))
            except FileNotFoundError:
                pass
        return {link for link in links if link.startswith("socket:")}

    def points(self, name="rollups.lp"):
        text = (self.dir / "state" / name).read_text()
        return lineproto.read_points(text[:text.rfind("\n") + 1])


class Hup:
    """SIGHUP every 100 ms with another configuration each time, until stopped."""

    def __init__(self, tsaggd, *configs):
        self.tsaggd, self.configs, self.n, self.running = tsaggd, configs, 0, True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            self.tsaggd.write(**self.configs[self.n % len(self.configs)])
            os.kill(self.tsaggd.popen.pid, signal.SIGHUP)
            self.n += 1
            time.sleep(0.1)

    def stop(self):
        self.running = False
        self.thread.join()


def test_wrong_configuration_changes_nothing():
    with Reloaded(rollups=[COUNTS]) as tsaggd:
        before = tsaggd.sockets()
        tsaggd.write(rollups=[{**COUNTS, "evry": "1s"}])
        said = tsaggd.ctl(code=3)
        assert re.search(rf"^{re.escape(str(tsaggd.config_path))}:\d+:\d+: unknown key \"evry\"; did you mean \"every\"", said), said
        assert "event=reload_failed" in tsaggd.log() and '\\"evry\\"' in tsaggd.log(), tsaggd.log()
        # What only opening can find out is found out before anything changes.
        taken = socket.socket()
        taken.bind((LOOPBACK, 0))
        taken.listen()
        listen = tsaggd.config["listen"]
        tsaggd.write(rollups=[{**COUNTS, "every": "1s"}], listen=listen + [{"url": f"tcp://{LOOPBACK}:{taken.getsockname()[1]}"}])
        assert "cannot bind" in tsaggd.ctl(code=1)
        assert before <= tsaggd.sockets()
        tsaggd.write(rollups=[COUNTS], listen=listen, sinks={"file": {"type": "influxdb", "url": "http://127.0.0.1:1", "org": "o", "bucket": "b"}})
        assert "type cannot change" in tsaggd.ctl(code=3)
        tsaggd.write(sinks={"file": {"type": "file"}})
        assert "0 rollups begin, 0 end, 0 rollups go elsewhere, 0 sinks changed, 0 sockets opened, 0 closed" in tsaggd.ctl()
        assert tool("tsagg-ctl", "reload", "x").returncode == 2
        assert tool("tsagg-ctl", "reload", "--host", f"http://{LOOPBACK}:{free_port()}").returncode == 4


def test_token_is_needed():
    with Reloaded(rollups=[COUNTS]) as tsaggd:
        tsaggd.stop()
        tsaggd.config["http"]["token"] = "a-token-of-some-length"
        tsaggd.start()
        assert "give its http.token" in tsaggd.ctl(code=5)
        done = tool("tsagg-ctl", "reload", "--host", f"http://{LOOPBACK}:{tsaggd.http_port}", env={"TSAGG_TOKEN": "a-token-of-some-length"})
        assert done.returncode == 0, done


def test_what_needs_a_restart_is_said():
    with Reloaded(rollups=[COUNTS]) as tsaggd:
        said = tsaggd.reload(workers=2, idle_after="3s", log_level="debug", pipeline=[{"type": "filter", "keep": "value > 0"}],
                             limits={"series": 5, "memory": "1GiB"}, rollups=[{**COUNTS, "every": "1s"}])
        assert said.splitlines()[-1] == "needs a restart: workers, idle_after, limits.series, pipeline", said
        assert "event=reload_needs_restart" in tsaggd.log()
        assert tsaggd.status()["memory"]["limit_bytes"] == 1 << 30


def delivered_of(tsaggd):
    """Without the other rollup's, some of which are in the file, too."""
    return [key for key in oracle.from_points(tsaggd.points()) if key[0] not in ("long", load.ADVANCE)]


def test_every_100_ms_under_load():
    """Listener and sink that stay the same, beside others that come, change and go: as if nothing had happened."""
    sent = load.ordered(lines=scaled(200_000, 20_000), series=200, windows=20)
    tcp, extra = f"tcp://{LOOPBACK}:{free_port()}", free_port(socket.SOCK_DGRAM)
    long = {"name": "m", "match": "m*", "every": "1m", "measurement": "long", "to": ["file"]}
    with Reloaded(rollups=[{**load.ROLLUP, "to": ["file"]}, long], sinks={"file": {"type": "file"}}, **load.ONLY_BY_WATERMARK) as tsaggd:
        first, rule = tsaggd.config["listen"][0], tsaggd.config["rollups"][0]
        file, other = {"file": {"type": "file"}}, {"type": "file", "path": str(tsaggd.dir / "other.lp")}
        beside = {"url": f"udp://{LOOPBACK}:{extra}"}
        before = tsaggd.sockets()
        hup = Hup(tsaggd,
                  {"listen": [first, {"url": tcp}], "rollups": [rule, {**long, "to": ["other"]}], "sinks": {**file, "other": other}},
                  {"listen": [{**beside, "when_full": "drop_new"}, first], "rollups": [rule, long], "sinks": file},
                  {"listen": [first, beside], "rollups": [rule, {**long, "to": ["other", "file"]}], "sinks": {"other": {**other, "batch": 7}, **file}})
        rate = len(sent.lines) / scaled(60.0, 4.0)
        sent.send(tsaggd, lines_per_s=rate)
        hup.stop()
        metrics = tsaggd.metrics()
        done, failed = (metrics["tsagg_reloads_total", (("result", result),)] for result in ("done", "failed"))
        assert done >= 0.5 * hup.n > 10 and failed == 0, (done, failed, hup.n)
        assert tsaggd.reload(listen=[first], rollups=[rule, long], sinks=file)
        assert len(before & tsaggd.sockets()) >= len(before) - 1, "a connection of HTTP may be gone, nothing else"
        sent.advance(tsaggd)
        status = tsaggd.status()
        assert status["datagrams"]["kernel_dropped"] == 0 and status["samples"]["dropped"] == 0, status
        until(lambda: len(delivered_of(tsaggd)) >= len(sent.rollups), 60, "all of the rollup in the file")
        sent.assert_rolled_up({key: fields for key, fields in tsaggd.points().items() if key[0] != "long"})


def part(got, name):
    """Of all that came out, what the rule with this measurement has sent, under the series' own names."""
    return {(key[0].split(".")[1], *key[1:]): aggregates for key, aggregates in got.items() if key[0].startswith(f"{name}.")}


def assert_whole(got, want):
    """Each window that came out is all of its samples."""
    wrong = [(key, oracle.difference(fields, want[key], load.AGGREGATES) if key in want else "not expected") for key, fields in got.items()]
    wrong = [one for one in wrong if one[1]]
    assert got and not wrong, (len(wrong), len(got), wrong[:5])


def check_exchanged(got, names, wants, exact=True):
    """Rules that take each other's place: windows of either are whole, none is there twice, and none is missing."""
    parts = [part(got, name) for name in names]
    for have, want in zip(parts, wants):
        assert_whole(have, want)
    if exact:
        assert not parts[0].keys() & parts[1].keys(), "a window of both"
        missing = [key for key in wants[0].keys() & wants[1].keys() if not (key in parts[0] or key in parts[1])]
        assert not missing, (len(missing), sorted(missing)[:5])


def count_all(got, names):
    return sum(fields["count"] for name in names for fields in part(got, name).values())


def rolled_up(tsaggd):
    return {key: fields for key, fields in oracle.from_points(tsaggd.points()).items() if not key[0].endswith("." + load.ADVANCE)}


def rule(name, measurement, **what):
    return {**load.ROLLUP, "name": name, "measurement": f"{measurement}.{{name}}", "to": ["file"], **what}


def rules_of(which):
    """Two configurations. What is called stay is the same in both, and so must be what it gives."""
    a = which == "a"
    session = {"session": "3s" if a else "2s"}
    grouped = {"group_by": ["zone"]} if a else {"without": ["zone"]}
    ses = rule("ses", f"x{which}", **session)
    ses.pop("every")
    return ([rule("stay", "stay"), rule("far", "far", every="40s"), rule("one", "one", match="m1")] +
            [rule("tumble", f"t{which}", every="10s" if a else "20s"), rule("slide", f"s{which}", every="10s", period="30s" if a else "20s"),
             rule("group", f"g{which}", **grouped), ses] + ([rule("fine", "fine", every="5s")] if a else [rule("other", "other", match="m2", every="5s")]))


def test_rules_change_every_100_ms():
    """Rules are changed, added and removed under load: nothing is lost, no window is half of one and half of the other."""
    sent = load.ordered(lines=scaled(60_000, 10_000), series=100, windows=20)
    a, b = {"rollups": rules_of("a")}, {"rollups": rules_of("b")}
    with Reloaded(**a, workers=2, sinks={"file": {"type": "file"}}, **load.ONLY_BY_WATERMARK) as tsaggd:
        hup = Hup(tsaggd, b, a)
        sent.send(tsaggd, lines_per_s=len(sent.lines) / scaled(10.0, 5.0))
        hup.stop()
        metrics = tsaggd.metrics()
        done, failed = (metrics["tsagg_reloads_total", (("result", result),)] for result in ("done", "failed"))
        assert done > 5 and failed == 0, (done, failed, hup.n)
        tsaggd.reload(**a)
        sent.advance(tsaggd)
        status = tsaggd.status()
        assert status["samples"]["dropped"] == 0, status["samples"]
        udp.send(tsaggd.udp_port, [f"{load.ADVANCE} x=1 {sent.stop_ns + 100 * NS}".encode()], read=tsaggd.lines_read)
        tsaggd.assert_balanced()
        tsaggd.stop()  # all windows of the load have ended
    far, slides = oracle.rollups(sent.samples, 40 * NS), [oracle.rollups(sent.samples, n * NS, 10 * NS) for n in (30, 20)]
    got = rolled_up(tsaggd)
    oracle.assert_equal(part(got, "stay"), sent.rollups, load.AGGREGATES)
    oracle.assert_equal(part(got, "far"), far, load.AGGREGATES)
    oracle.assert_equal(part(got, "one"), {key: fields for key, fields in sent.rollups.items() if key[0] == "m1"}, load.AGGREGATES)
    rolled = {every: oracle.rollups(sent.samples, every * NS) for every in (5, 20)}
    check_exchanged(got, ("ta", "tb"), (sent.rollups, rolled[20]), exact=False)
    assert count_all(got, ("ta", "tb")) == len(sent.samples)
    check_exchanged(got, ("sa", "sb"), slides)
    groups = [oracle.grouped(sent.samples, 10 * NS, 10 * NS, keeps) for keeps in (lambda key: key == "zone", lambda key: key != "zone")]
    check_exchanged(got, ("ga", "gb"), groups, exact=False)
    assert count_all(got, ("ga", "gb")) == len(sent.samples)
    assert count_all(got, ("xa", "xb")) == len(sent.samples)
    assert_whole(part(got, "fine"), rolled[5])
    assert_whole(part(got, "other"), rolled[5])


def test_changed_listener_keeps_its_socket():
    """Every reload changes the listener's options: none of the datagrams that come meanwhile is lost, and none counts twice."""
    with Reloaded(rollups=[COUNTS]) as tsaggd:
        url = tsaggd.config["listen"][0]["url"]
        before = tsaggd.sockets()
        hup = Hup(tsaggd, {"listen": [{"url": url, "block": "9s"}]}, {"listen": [{"url": url, "block": "10s"}]},
                  {"listen": [{"url": url, "block": "9s", "format": "statsd"}]})
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect((LOOPBACK, tsaggd.udp_port))
        for _ in range(n := scaled(20_000, 3000)):
            sock.send(b"a:1|c\nb:2|ms")
            time.sleep(0.001)
        hup.stop()
        tsaggd.wait_read(2 * n)
        tsaggd.reload(listen=[{"url": url, "block": "10s"}])
        status = tsaggd.status()
        assert status["lines"]["received"] == 2 * n == status["samples"]["aggregated"], status
        assert status["datagrams"]["kernel_dropped"] == 0 and len(status["listeners"]) == 1, status["listeners"]
        # All but the sockets of HTTP connections are as before: the listener's is the same.
        assert len(before & tsaggd.sockets()) >= len(before) - 1, (before, tsaggd.sockets())


def test_sinks_come_back_where_they_were():
    """A sink whose server is away: taken out of the configuration with points to deliver, and put back with another URL."""
    sent = load.ordered(lines=4000, series=50, windows=20)
    rule = {**load.ROLLUP, "to": ["influx", "file"]}
    influx = {"type": "influxdb", "url": f"http://{LOOPBACK}:{free_port()}", "org": "o", "bucket": "b", "batch": 50, "flush_interval": "20ms",
              "retry_min": "10ms", "retry_max": "50ms"}
    with MenuInflux(1, dishes=("good", "good", "500", "reset")) as stub, \
            Reloaded(rollups=[rule], sinks={"influx": influx, "file": {"type": "file"}}, **load.ONLY_BY_WATERMARK) as tsaggd:
        half = len(sent.lines) // 2
        sent.send(tsaggd, slice(0, half))
        until(lambda: tsaggd.sink("influx")["pending"] > 100, 20, "points pending")
        pending = tsaggd.sink("influx")["pending"]
        assert "1 rollups go elsewhere, 1 sinks changed" in tsaggd.reload(sinks={"file": {"type": "file"}}, rollups=[{**rule, "to": ["file"]}])
        gone = tsaggd.sink("influx")
        assert gone["state"] == "not in the configuration" and gone["pending"] == gone["rolled_up"] >= pending, gone
        until(lambda: tsaggd.sink("file")["delivered"] >= pending, 10, "the other sink goes on")
        tsaggd.reload(sinks={"file": {"type": "file"}, "influx": {**influx, "url": stub.url, "in_flight": 1, "batch": 20}}, rollups=[rule])
        sent.send(tsaggd, slice(half, None))
        sent.advance(tsaggd)
        tsaggd.wait_delivered("influx", len(sent.rollups))
        tsaggd.wait_delivered("file", len(sent.rollups))
        sent.assert_rolled_up(tsaggd.points())
        sent.assert_rolled_up(lineproto.read_points("\n".join(f"{name} {fields} {when}" for (name, when), fields in stub.stored.items())))
        assert tsaggd.sink("influx")["rolled_up"] == tsaggd.sink("influx")["delivered"]


if __name__ == "__main__":
    runner.main()
