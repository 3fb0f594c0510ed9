#!/usr/bin/env python3
"""No file descriptors left: nothing is lost of what has a way in, nothing spins, and all is well when there are some again."""
import contextlib
import os
import pathlib
import resource
import socket
import sys
import time
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, runner
from tsagg_test.daemon import Tsaggd
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.stub import StubInflux
from tsagg_test.wait import until

LIMIT = 160
LOOK_S = 1.5
BUSY = 0.3  # of a core, that nothing may take which waits


def daemon(stub):
    tsaggd = Tsaggd(rollups=[{**load.ROLLUP, "to": ["influx", "st"]}], snapshot="200ms", **load.ONLY_BY_WATERMARK,
                    sinks={"influx": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b", "flush_interval": "50ms",
                                      "retry_min": "50ms", "retry_max": "200ms"},
                           "st": {"type": "store", "bucket": "b", "flush_interval": "50ms", "retry_min": "50ms", "retry_max": "200ms"}})
    tsaggd.tcp_port = free_port()
    tsaggd.config["listen"].append({"url": f"tcp://{LOOPBACK}:{tsaggd.tcp_port}", "connections": 1000})
    return tsaggd


def limit(tsaggd, n):
    hard = resource.prlimit(tsaggd.popen.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(tsaggd.popen.pid, resource.RLIMIT_NOFILE, (n, hard))


def descriptors(tsaggd):
    return len(os.listdir(f"/proc/{tsaggd.popen.pid}/fd"))


def cpu_s(tsaggd):
    fields = pathlib.Path(f"/proc/{tsaggd.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def assert_no_spinning(tsaggd):
    before = cpu_s(tsaggd)
    time.sleep(LOOK_S)
    used = (cpu_s(tsaggd) - before) / LOOK_S
    assert used < BUSY, f"{used:.0%} of a core while nothing is to be done"


def connect(stack, port, n):
    """n connections; those that the daemon cannot accept stay with the kernel."""
    found = []
    for _ in range(n):
        sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        sock.settimeout(5)
        sock.connect((LOOPBACK, port))
        found.append(sock)
    return found


def can_ask(tsaggd):
    try:
        return tsaggd.status()
    except (urllib.error.URLError, OSError):
        return None


def test_many_connections():
    """Streams take no more than leaves some for requests, journal and sinks; the others wait and are served in their turn."""
    sent = load.ordered(lines=4000, series=100, windows=8)
    with StubInflux() as stub, daemon(stub) as tsaggd:
        before = descriptors(tsaggd)
        limit(tsaggd, LIMIT)
        with contextlib.ExitStack() as stack:
            conns = connect(stack, tsaggd.tcp_port, 300)
            until(lambda: "event=accept_failed" in tsaggd.log(), 10, "it says so")
            assert "remedy=" in tsaggd.log()
            accepted = until(lambda: descriptors(tsaggd) > LIMIT // 2 and descriptors(tsaggd), 10, "many accepted")
            assert accepted < LIMIT, accepted
            assert_no_spinning(tsaggd)
            sent.send(tsaggd, slice(None, 2000))  # asks for the status all the time
            for sock in conns:
                sock.sendall(b"by.tcp:1|c\n")
            until(lambda: tsaggd.status()["lines"]["accepted"] > 2000, 10, "lines of those that are in")
            few = tsaggd.status()["lines"]["accepted"] - 2000
            assert few < len(conns), few
            for sock in conns[:250]:
                sock.close()
            until(lambda: tsaggd.status()["lines"]["accepted"] == 2000 + len(conns), 20, "those that waited")
            assert tsaggd.log().count("event=accept_failed") <= 11, "its log is limited"
        limit(tsaggd, 4096)
        sent.send(tsaggd, slice(2000, None))
        finish(tsaggd, stub, sent, before)


def test_none_left():
    """Not one more can be had, by anybody, for a while: the journal's next segment, a snapshot, the store and requests wait."""
    sent = load.ordered(lines=20_000, series=100, windows=20)
    half = len(sent.lines) // 2
    with StubInflux() as stub, daemon(stub) as tsaggd:
        sent.send(tsaggd, slice(None, half))
        tsaggd.wait_delivered("influx", 1)
        before = descriptors(tsaggd)
        with contextlib.ExitStack() as stack:
            limit(tsaggd, 8)
            waiting = connect(stack, tsaggd.tcp_port, 20) + connect(stack, tsaggd.http_port, 20)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for at in range(half, len(sent.lines), 20):
                    sock.sendto(b"\n".join(sent.lines[at:at + 20]), (LOOPBACK, tsaggd.udp_port))
                    time.sleep(0.002)  # what it reads cannot be asked now
            assert_no_spinning(tsaggd)
            for sock in waiting[:20]:
                sock.sendall(b"by.tcp:1|c\n")
            limit(tsaggd, 4096)
            until(lambda: can_ask(tsaggd), 20, "requests are answered again")
            until(lambda: tsaggd.lines_read() >= len(sent.lines) + 20, 20, "those that waited are read")
        assert tsaggd.status()["lines"]["received"] == len(sent.lines) + 20
        finish(tsaggd, stub, sent, before)


def finish(tsaggd, stub, sent, before):
    sent.advance(tsaggd)
    tsaggd.wait_delivered("influx", len(sent.rollups))
    tsaggd.wait_delivered("st", len(sent.rollups))
    until(lambda: descriptors(tsaggd) <= before + 8, 10, f"about {before} descriptors again")  # segments and keep-alive
    status = tsaggd.status()
    assert status["rollups"]["lost"] == 0 and status["journal"]["state"] == "ok", status
    points = lineproto.read_points("\n".join(stub.accepted))
    sent.assert_rolled_up({key: fields for key, fields in points.items() if key[0] != "by.tcp"})


if __name__ == "__main__":
    runner.main()
