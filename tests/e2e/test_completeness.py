#!/usr/bin/env python3
"""The field completeness: 1 when nothing was lost; else the share, worked out from what was sent and what the points say."""
import json
import pathlib
import signal
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, runner
from tsagg_test.daemon import PlainBuild, Tsaggd, tool
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.times import NS
from tsagg_test.udp import send_datagrams
from tsagg_test.wait import until

EVERY_NS = 2 * NS
RULE = {"name": "r", "every": "2s", "lateness": "0s", "late": "drop", "aggregates": ["count", "sum", "completeness"], "to": ["file"]}


def daemon(*more, **config):
    tsaggd = Tsaggd(rollups=[config.pop("rule", RULE), *more], **config)
    tsaggd.config["sinks"] = {"file": {"type": "file", "path": str(tsaggd.dir / "out.lp"), "flush_interval": "50ms"}}
    return tsaggd


def into_window(every_ns=EVERY_NS, beyond_ns=0):
    """Waits for a moment in the first half of a window that starts after beyond_ns: its start."""
    while True:
        now_ns = time.time_ns()
        start_ns = now_ns // every_ns * every_ns
        if start_ns > beyond_ns and NS // 4 <= now_ns - start_ns < every_ns // 2:
            return start_ns
        time.sleep(0.02)


def points(tsaggd):
    """{(measurement, start): fields}, after the end of the daemon, without events; every point has the field."""
    tsaggd.assert_balanced()
    tsaggd.stop()
    written = lineproto.read_points((tsaggd.dir / "out.lp").read_text())
    found = {(name, at): fields for (name, _, at), fields in written.items() if name != "events"}
    assert found and all(share(fields) is not None for fields in found.values()), found
    return found


def share(fields):
    return next((v for k, v in fields.items() if k.endswith("completeness")), None)


def assert_share(found, name, start_ns, want, within=1e-9):
    got = share(found[name, start_ns])
    assert abs(got - want) <= within, (name, got, want)


def seen(tsaggd, start_ns, every_ns=EVERY_NS, **dropped):
    """Waits until so much was dropped and nothing is in flight, which is to be before the window ends."""
    def settled():
        samples = tsaggd.status()["samples"]
        return samples["in_flight"] == 0 and all(samples["dropped_by_reason"][k] == n for k, n in dropped.items())
    until(settled, 10, f"dropped {dropped}")
    assert time.time_ns() < start_ns + every_ns, "too slow for the window"


def snapshots(tsaggd):
    return tsaggd.metrics()["tsagg_snapshots_total", (("result", "written"),)]


def test_one_when_nothing_was_lost():
    with daemon({**RULE, "name": "g", "group_by": ["k"], "measurement": "{name}_g"}, workers=2) as tsaggd:
        start_ns = 0
        for _ in range(2):
            start_ns = into_window(beyond_ns=start_ns)
            now_ns = time.time_ns()
            send_datagrams(tsaggd.udp_port, [b"c:1|c|#k:v\ng:2|g\ns:a|s\nt:3|ms|@0.1\nnonsense\n_e{1,1}:a|b",
                                             b'lp,k=v u=1,text="x" %d' % now_ns])
            tsaggd.wait_read(1)
        found = points(tsaggd)
        assert {name for name, _ in found} >= {"c", "g", "s", "t", "lp", "c_g", "lp_g"}, found
        assert {share(fields) for fields in found.values()} == {1}, found
        assert any("text_completeness" in fields for fields in found.values()), found


def test_late_samples_count_when_they_come():
    sliding = {**RULE, "name": "s", "period": "4s", "measurement": "{name}_s"}
    with daemon(sliding, {**RULE, "name": "g", "group_by": ["k"], "measurement": "{name}_g"}, workers=2) as tsaggd:
        start_ns = into_window()
        now_ns = time.time_ns()
        send_datagrams(tsaggd.udp_port, [b"lp,k=v u=1 %d" % now_ns, b"good:1|c|#k:v\n" * 79])
        tsaggd.wait_read(80)
        send_datagrams(tsaggd.udp_port, [b"lp,k=v u=1 %d" % (now_ns - 3600 * NS)] * 15 + [b"lp,k=v u=1 %d" % (now_ns + 7200 * NS)] * 5)
        seen(tsaggd, start_ns, late=15, future=5)
        into_window(beyond_ns=start_ns)
        send_datagrams(tsaggd.udp_port, [b"good:1|c|#k:v"])
        tsaggd.wait_read(101)
        found = points(tsaggd)
        assert found["good", start_ns]["sum"] == 79
        for name in ("good", "good_g"):
            assert_share(found, name, start_ns, 80 / 100)
        for name in ("good_s", "lp", "lp_s", "lp_g"):  # until it was sealed, in event time by the stop
            assert_share(found, name, start_ns, 81 / 101)
        assert_share(found, "good_s", start_ns - EVERY_NS, 80 / 100)
        assert_share(found, "good", start_ns + EVERY_NS, 1)


def test_rate_limit():
    with daemon() as tsaggd:
        port = free_port(socket.SOCK_DGRAM)
        tsaggd.stop()
        tsaggd.config["listen"].append({"url": f"udp://{LOOPBACK}:{port}", "rate_limit": 50})
        tsaggd.start()
        start_ns = into_window()
        send_datagrams(tsaggd.udp_port, [b"free:1|c\n" * 10])
        send_datagrams(port, [b"limited:1|c\n" * 20] * 20)
        tsaggd.wait_read(410)
        seen(tsaggd, start_ns)
        found = points(tsaggd)
        kept = found["free", start_ns]["sum"] + found["limited", start_ns]["sum"]
        assert 10 < kept < 200, found
        assert_share(found, "free", start_ns, kept / 410)


def test_series_limit():
    with daemon(limits={"series": 64}) as tsaggd:
        start_ns = into_window()
        send_datagrams(tsaggd.udp_port, [b"good:1|c|#i:%d" % i for i in range(64)] + [b"bad%d:1|c" % i for i in range(500)])
        tsaggd.wait_read(564)
        seen(tsaggd, start_ns, series_limit=500 - 17)  # 16 overflow series, and one for 64 of the limit
        found = points(tsaggd)
        for name, at in found:
            assert_share(found, name, at, (64 + 17) / 564)


def test_kernel_drops_are_estimated():
    for lines in (1, 5):
        with daemon() as tsaggd:
            tsaggd.stop()
            tsaggd.config["listen"][0]["rcvbuf"] = "4KiB"
            tsaggd.start()
            former_ns = into_window()
            send_datagrams(tsaggd.udp_port, [b"before:1|c\n" * lines])
            tsaggd.wait_read(lines)
            start_ns = into_window(beyond_ns=former_ns)
            tsaggd.popen.send_signal(signal.SIGSTOP)
            send_datagrams(tsaggd.udp_port, [b"flood:1|c\n" * lines] * 100)
            time.sleep(0.3)
            tsaggd.popen.send_signal(signal.SIGCONT)
            until(lambda: tsaggd.status()["datagrams"]["kernel_dropped"], 10, "datagrams dropped by the kernel")
            seen(tsaggd, start_ns)
            assert tsaggd.metrics()["tsagg_kernel_dropped_samples_total", ()] == lines * tsaggd.status()["datagrams"]["kernel_dropped"]
            into_window(beyond_ns=start_ns)
            found = points(tsaggd)
            assert found["flood", start_ns]["sum"] < 90 * lines, found
            assert_share(found, "flood", start_ns, found["flood", start_ns]["sum"] / (100 * lines))
            assert_share(found, "before", former_ns, 1)


def test_a_window_goes_on_after_a_stop_and_a_crash():
    every_ns = (20 if PlainBuild.available() else 60) * NS
    with daemon(rule={**RULE, "every": f"{every_ns // NS}s"}, snapshot="100ms") as tsaggd:
        start_ns = into_window(every_ns)
        send_datagrams(tsaggd.udp_port, [b"good:1|c\n" * 30, b"lp u=1 %d" % (start_ns + 7200 * NS)])
        seen(tsaggd, start_ns, every_ns, future=1)
        tsaggd.restart()
        send_datagrams(tsaggd.udp_port, [b"good:1|c\n" * 30, b"lp u=1 %d\n" % (start_ns + 7200 * NS) * 9])
        seen(tsaggd, start_ns, every_ns, future=9)
        before = snapshots(tsaggd)
        until(lambda: snapshots(tsaggd) >= before + 2 or send_datagrams(tsaggd.udp_port, [b"good:1|c"]), 30, "a snapshot of all that")
        tsaggd.kill9()
        tsaggd.start()
        send_datagrams(tsaggd.udp_port, [b"good:1|c\n" * 30])
        seen(tsaggd, start_ns, every_ns)
        found = points(tsaggd)
        kept = found["good", start_ns]["sum"]
        assert kept >= 90, found
        assert_share(found, "good", start_ns, kept / (kept + 10), 0.004)  # a sample or two of the last went with the crash


def test_a_reload_asks_for_it():
    """The history begins then: what was lost before is not told."""
    with daemon(rule={**RULE, "aggregates": ["count", "sum"]}) as tsaggd:
        far_ns = time.time_ns() + 7200 * NS
        start_ns = into_window()
        send_datagrams(tsaggd.udp_port, [b"lp u=1 %d" % far_ns] * 5)
        seen(tsaggd, start_ns, future=5)
        tsaggd.config["rollups"] = [RULE]
        tsaggd.config_path.write_text(json.dumps(tsaggd.config))
        assert tool("tsagg-ctl", "reload", f"--host=http://{LOOPBACK}:{tsaggd.http_port}").returncode == 0
        start_ns = into_window(beyond_ns=start_ns + EVERY_NS)
        send_datagrams(tsaggd.udp_port, [b"good:1|c\n" * 30, b"lp u=1 %d\n" % far_ns * 10])
        seen(tsaggd, start_ns, future=15)
        assert_share(points(tsaggd), "good", start_ns, 30 / 40)


def test_a_replay():
    with daemon() as tsaggd:
        pass
    lines = "".join(f"cpu u=1 {t * NS}\n" for t in range(1_700_000_000, 1_700_000_100))
    done = tool("tsaggd", "-c", tsaggd.config_path, "--input", "-", stdin=lines.encode())
    assert done.returncode == 0, done.stderr
    found = lineproto.read_points((tsaggd.dir / "out.lp").read_text())
    assert len(found) == 50 and {fields["u_completeness"] for fields in found.values()} == {1}, found


if __name__ == "__main__":
    runner.main()
