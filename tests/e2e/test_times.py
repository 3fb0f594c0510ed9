#!/usr/bin/env python3
"""Sources whose times are off: what the status says of each, and that no more is kept of many than of a few."""
import pathlib
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import daemon, ports, runner, udp, wait
from tsagg_test.daemon import Tsaggd
from tsagg_test.times import NS

HOUR = 3600


def say(tsagg, *lines):
    before = tsagg.lines_read()
    udp.send(tsagg.udp_port, lines, read=tsagg.lines_read)
    tsagg.wait_read(before + len(lines))


def line(series, seconds):
    """A sample of the series that is so many seconds ahead of the clock."""
    return series + f" f=1 {time.time_ns() + int(seconds * NS)}".encode()


def post(tsagg, body):
    url = f"http://{ports.LOOPBACK}:{tsagg.http_port}/api/v2/write?org=o&bucket=b"
    with urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=30) as answer:
        assert answer.status == 204, answer.status


def source(tsagg, name):
    [found] = [src for src in tsagg.status()["sources"] if src["source"] == name]
    return found


def settled(tsagg):
    wait.until(lambda: tsagg.status()["samples"]["in_flight"] == 0, 30, "samples settled")


def test_what_is_off_is_counted_and_named():
    rollup = {"name": "r", "every": "10s", "lateness": "2s", "late": "drop", "aggregates": ["count"]}
    with Tsaggd(rollups=[rollup], idle_after="1h") as tsagg:
        udp_name = tsagg.config["listen"][0]["url"]
        say(tsagg, line(b"cpu,host=right", -0.5))
        settled(tsagg)
        first = source(tsagg, udp_name)
        assert [first[key] for key in ("late", "future", "too_old", "jumps", "off")] == [0, 0, 0, 0, []], first
        assert -20 < first["ahead_seconds"]["least"] <= first["ahead_seconds"]["most"] <= -0.5, first
        # By now the watermark is two seconds back: what is behind by more than a window is late.
        for series, seconds in ((b"cpu,host=slow", -HOUR), (b"cpu,host=right", 0), (b"cpu,host=fast", 300)):
            say(tsagg, line(series, seconds))
            time.sleep(0.11)  # a source names ten series a second
        say(tsagg, b"cpu,host=epoch f=1 86400000000000")
        time.sleep(0.11)
        say(tsagg, b"cpu,host=far f=1 4102444800000000000")  # 2100
        post(tsagg, line(b"cpu,host=web", HOUR) + b"\n" + line(b"cpu,host=right", 0))
        settled(tsagg)
        got, http = source(tsagg, udp_name), source(tsagg, "http")
        # -0.5 s, -1 h, 0 s, +5 min, 1970 and 2100
        assert [got[key] for key in ("late", "future", "too_old", "jumps")] == [2, 1, 1, 5], got
        named = {entry["series"]: entry["ahead_seconds"] for entry in got["off"]}
        assert set(named) == {f"cpu,host={host} f" for host in ("slow", "fast", "epoch", "far")}, named
        assert -HOUR - 30 < named["cpu,host=slow f"] <= -HOUR and 270 < named["cpu,host=fast f"] <= 300, named
        # the fast one has moved the watermark by five minutes
        assert [http[key] for key in ("late", "future", "too_old")] == [1, 1, 0], http
        assert [entry["series"] for entry in http["off"]] == ["cpu,host=web f"], http
        shown = daemon.tool("tsagg-ctl", "status", "--host", f"http://{ports.LOOPBACK}:{tsagg.http_port}")
        text = shown.stdout.decode()
        assert shown.returncode == 0, text
        assert f"times of {udp_name}: 2 late, 1 too far ahead of the clock, 1 more than a day old, 5 leaps in time" in text, text
        assert '"cpu,host=slow f": -3600.' in text and "times of http: 1 late, 1 too far ahead" in text, text
        metrics = tsagg.metrics()
        assert metrics["tsagg_samples_dropped_total", (("reason", "future"),)] == 2, metrics
        assert metrics["tsagg_samples_dropped_total", (("reason", "late"),)] == 3, metrics


def test_many_that_are_off_take_no_more_room():
    with Tsaggd(limits={"series": 100}) as tsagg:
        udp_name = tsagg.config["listen"][0]["url"]
        begun_s, sent, noted = time.monotonic(), 0, 0
        while time.monotonic() < begun_s + 1.5 or noted < 8 and time.monotonic() < begun_s + 30:  # one is noted in 100 ms
            say(tsagg, *[line(b"cpu,host=h%d" % (sent + i), -HOUR) for i in range(100)])
            sent += 100
            noted = len(source(tsagg, udp_name)["off"])
        say(tsagg, line(b"cpu,host=" + b"x" * 500, -HOUR), line(b"cpu,host=\x1b[2J\xff", -HOUR))
        settled(tsagg)
        got = source(tsagg, udp_name)
        assert len(got["off"]) == 8, got
        assert all(len(entry["series"]) < 120 for entry in got["off"]), got
        shown = daemon.tool("tsagg-ctl", "status", "--host", f"http://{ports.LOOPBACK}:{tsagg.http_port}").stdout
        assert b"\x1b" not in shown and b"h off the clock" not in shown, shown
        assert b"of late -36" in shown, shown


if __name__ == "__main__":
    runner.main()
