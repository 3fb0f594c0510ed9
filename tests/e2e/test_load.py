#!/usr/bin/env python3
"""tsagg-load against a real daemon, and against sockets of the test's own."""
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner, wait
from tsagg_test.daemon import BUILD, Tsaggd, tool
from tsagg_test.ports import LOOPBACK, free_port

OK, LOST, USAGE, UNREACHABLE, REFUSED = 0, 1, 2, 4, 5


def load(*args, code=OK, **more):
    """Run it; what it said on stdout and stderr."""
    done = tool("tsagg-load", *args, **more)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout.decode(), done.stderr.decode()


def daemon(**config):
    return Tsaggd(rollups=[{"name": "r", "every": "10s", "to": ["file"]}], sinks={"file": {"type": "file"}}, **config)


def target(tsaggd):
    return ["--to", f"udp://{LOOPBACK}:{tsaggd.udp_port}", "--verify", f"http://{LOOPBACK}:{tsaggd.http_port}"]


class Receiver:
    """A UDP socket that keeps what it gets."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((LOOPBACK, 0))
        self.sock.settimeout(0.2)
        self.url = f"udp://{LOOPBACK}:{self.sock.getsockname()[1]}"

    def load(self, *args):
        load("--to", self.url, *args)
        packets = []
        try:
            while True:
                packets.append(self.sock.recv(65536).decode())
        except TimeoutError:
            return packets


def test_nothing_is_lost_in_any_format():
    with daemon() as tsaggd:
        for args in (["--format", "statsd", "--types", "c,g,ms,h,s,d"], ["--format", "influx", "--timestamps"],
                     ["--format", "dogstatsd", "--types", "c,ms", "--tags", "5", "--timestamps"], ["--packet", "1"]):
            count = wait.scaled(10_000)
            out, _ = load(*target(tsaggd), "--count", count, "--rate", "10k", "--series", "500", "--json", *args)
            got = json.loads(out)
            assert got["lines"] == got["received"] == got["aggregated"] == count, got
            assert got["lost"] == got["rejected"] == got["dropped"] == 0 and 0 < got["lag_seconds"] < 10, got
        status = tsaggd.status()
        assert status["lines"]["rejected"] == 0
        # Each kind of load has series of its own: names differ by type, tags, format.
        assert 500 * 3 <= status["series"] <= 500 * 4, status["series"]
        out, _ = load(*target(tsaggd), "--count", "1000")
        assert re.search(r"^sent +1,000 lines, .*\nNOTHING LOST\n$", out, re.S | re.M), out


def test_loss_is_told():
    # 500 lines may come at once, and then one a second: the others are dropped.
    with daemon() as tsaggd:
        tsaggd.stop()
        tsaggd.config["listen"][0].update(rate_limit=1, burst=500)
        tsaggd.start()
        out, _ = load(*target(tsaggd), "--count", "1000", code=LOST)
        assert re.search(r"^dropped +500 samples$", out, re.M) and "LOST 500 lines, 50.0000 %" in out, out


def test_daemon_is_killed_meanwhile():
    with daemon() as tsaggd:
        for args in ([], target(tsaggd)[2:]):
            with subprocess.Popen([BUILD / "tsagg-load", *target(tsaggd)[:2], *args, "--duration", "60s"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as popen:
                before = tsaggd.lines_read()
                tsaggd.wait_read(before + 1000)
                tsaggd.kill9()
                out, err = popen.communicate(timeout=30)
                assert popen.returncode == UNREACHABLE, (popen.returncode, err)
                assert f"nobody listens at udp://{LOOPBACK}:{tsaggd.udp_port}" in err, err
                assert re.search(r"^sent +[\d,]+ lines", out), out
            tsaggd.restart()


def test_unreachable():
    _, err = load("--to", f"udp://{LOOPBACK}:{free_port(socket.SOCK_DGRAM)}", "--count", "1", code=UNREACHABLE)
    assert "nobody listens" in err, err
    _, err = load("--to", f"tcp://{LOOPBACK}:{free_port()}", code=UNREACHABLE)
    assert "Connection refused" in err, err
    _, err = load("--verify", f"http://{LOOPBACK}:{free_port()}", code=UNREACHABLE)
    assert "cannot reach" in err, err


def test_token():
    tsaggd = daemon()
    tsaggd.config["http"]["token"] = "secret"
    tsaggd.start()
    _, err = load(*target(tsaggd), "--count", "1", code=REFUSED)
    assert "--token" in err, err
    load(*target(tsaggd), "--count", "1", "--token", "secret")
    load(*target(tsaggd), "--count", "1", env={"TSAGG_TOKEN": "secret"})
    tsaggd.stop()


def test_usage():
    for args, why in ((["--rate", "5x"], "lines per second"), (["--types", "c,q"], "c, g, ms, h, s, d"),
                      (["--format", "x"], "statsd, dogstatsd or influx"), (["--tags", "3"], "statsd has no tags"),
                      (["--timestamps"], "statsd has no timestamps"), (["--series", "0"], "a number from 1"),
                      (["--packet", "70000"], "65507"), (["--to", "8125"], "udp://127.0.0.1:8125"),
                      (["--duration", "5"], "10s"), (["--format", "influx", "--types", "c"], "statsd's"),
                      (["--verify", "localhost"], "http://"), (["more"], "unexpected argument more"), (["--no"], "--help")):
        out, err = load(*args, code=USAGE)
        assert why in err and not out, (args, err)


def test_lines_are_what_was_asked_for():
    receiver = Receiver()
    packets = receiver.load("--count", "1001", "--series", "7", "--types", "c,ms", "--sequential", "--rate", "max")
    lines = "".join(packets).splitlines()
    assert len(lines) == 1001 and all(packet.endswith("\n") and len(packet) <= 1400 for packet in packets)
    names = [re.fullmatch(r"app\.request\.(count|time)\.(\d{6}):[\d.]+\|(c|ms)", line).groups() for line in lines]
    assert [int(number) for _, number, _ in names] == [i % 7 for i in range(1001)]
    assert {(kind, kind_of_line) for kind, _, kind_of_line in names} == {("count", "c"), ("time", "ms")}
    random = "".join(receiver.load("--count", "5000", "--series", "7")).splitlines()
    assert len({line.split(":")[0] for line in random}) == 7
    assert random == "".join(receiver.load("--count", "5000", "--series", "7")).splitlines()
    assert random != "".join(receiver.load("--count", "5000", "--series", "7", "--seed", "2")).splitlines()
    tags = "".join(receiver.load("--count", "1000", "--format", "dogstatsd", "--tags", "3", "--tag-values", "4")).splitlines()
    sets = [dict(pair.split(":") for pair in line.split("|#")[1].split(",")) for line in tags]
    assert all(len(pairs) == 3 for pairs in sets) and len({pairs["host"] for pairs in sets}) == 4


def test_timestamps_are_those_of_sending():
    receiver = Receiver()
    before_s = time.time()
    for args, pattern, unit in ((["--format", "influx"], r" (\d{19})$", 1e9), (["--format", "dogstatsd"], r"\|T(\d{10})$", 1)):
        lines = "".join(receiver.load("--timestamps", "--count", "300", "--rate", "300", *args)).splitlines()
        times = [int(re.search(pattern, line).group(1)) / unit for line in lines]
        assert len(times) == 300 and times == sorted(times)
        assert int(before_s) <= times[0] and times[-1] <= time.time() and times[-1] - times[0] >= (0.8 if unit > 1 else 0)


def test_rate_is_kept():
    receiver = Receiver()
    out, _ = load("--to", receiver.url, "--rate", "2k", "--duration", "1500ms", "--json")
    got = json.loads(out)
    assert 2700 <= got["lines"] <= 3100 and 1.4 < got["seconds"] < 3, got


def test_tcp():
    received = []
    with socket.create_server((LOOPBACK, 0)) as server:
        def accept():
            conn, _ = server.accept()
            with conn:
                while data := conn.recv(65536):
                    received.append(data)
        thread = threading.Thread(target=accept)
        thread.start()
        load("--to", f"tcp://{LOOPBACK}:{server.getsockname()[1]}", "--count", "100000", "--rate", "max")
        thread.join(30)
    lines = b"".join(received).splitlines()
    assert len(lines) == 100_000 and all(line.endswith(b"|ms") for line in lines)


def test_signal_ends_it_with_a_report():
    receiver = Receiver()
    main, side = pty.openpty()
    with subprocess.Popen([BUILD / "tsagg-load", "--to", receiver.url], stdout=subprocess.PIPE, stderr=side,
                          text=True) as popen:
        os.close(side)
        shown = b""
        while b"lines/s" not in shown:  # progress, once a second has passed
            shown += os.read(main, 4096)
        assert re.search(rb"\r\[#* *\] +\d+ %  [\d,]+ lines, [\d,]+ lines/s", shown), shown
        popen.send_signal(signal.SIGINT)
        out, _ = popen.communicate(timeout=30)
        assert popen.returncode == 0 and re.search(r"^sent +[\d,]+ lines", out), out


if __name__ == "__main__":
    runner.main()
