#!/usr/bin/env python3
"""Lines over every kind of socket: cut anywhere, from many connections, slowly, as garbage, refused, and at the daemon's end."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import random
import resource
import socket
import stat
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.ports import LOOPBACK
from tsagg_test.streams import Streams
from tsagg_test.wait import scaled, until

LINE_MAX = 65536  # its end among it


def test_lines_and_line_ends():
    for scheme in ("tcp", "unix"):
        with Streams(scheme) as tsaggd:
            tsaggd.say(b"a:1|c\nb:2|c\r\n\n\r\ncpu,h=x u=3\n", b"last:4|c")
            tsaggd.wait_read(4)
            lis = tsaggd.listener()
            assert (lis["lines_received"], lis["lines_accepted"], lis["lines_rejected"]) == (4, 4, 0), lis
            assert tsaggd.written() == {"a": 1, "b": 2, "cpu": 3, "last": 4}


def test_a_line_cut_anywhere():
    text = b"first:1|c|#k:v\r\ncpu,host=a usage=2 \nlast:4|c"
    with Streams() as tsaggd:
        for cut in range(1, len(text)):
            with tsaggd.connect() as sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.sendall(text[:cut])
                before = text[:cut].count(b"\n")
                tsaggd.wait_read(3 * (cut - 1) + before)  # what is whole has been read, so the rest comes by itself
                sock.sendall(text[cut:])
            tsaggd.wait_read(3 * cut)
        n = len(text) - 1
        assert tsaggd.written() == {"first": n, "cpu": 2 * n, "last": 4 * n}


def test_many_connections():
    connections, rounds = scaled(500, 50), 4
    with Streams() as tsaggd, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(tsaggd.connect()) for _ in range(connections)]
        tsaggd.wait_open(connections)
        for _ in range(rounds):
            for sock in socks:
                sock.sendall(b"a:1|c\nb:1|")
            for sock in socks:
                sock.sendall(b"c\nc:1|c\n")
        tsaggd.wait_read(3 * connections * rounds)
        stack.close()
        tsaggd.wait_open(0)
        assert tsaggd.reasons("connections_closed") == {"peer": connections}
        assert tsaggd.written() == dict.fromkeys("abc", connections * rounds)


def test_a_slow_client_holds_nobody_up():
    with Streams() as tsaggd, tsaggd.connect() as slow:
        for byte in b"slow:1|c":
            slow.sendall(bytes([byte]))
            tsaggd.say(b"fast:1|c\n")
        tsaggd.wait_read(8)
        assert tsaggd.lines_read() == 8
        slow.sendall(b"\n")
        tsaggd.wait_read(9)
        assert tsaggd.written() == {"slow": 1, "fast": 8}


def test_longest_line():
    with Streams() as tsaggd:
        tsaggd.say(b"a:1|c" + b" " * 10 + b"\n", b"n" * (LINE_MAX - 1) + b"\n", b"good:1|c\n")
        tsaggd.wait_read(3)
        before = tsaggd.reasons("lines_rejected")
        tsaggd.say(b"good:1|c\n", *[b"x" * 50_000] * 7, b"\ngood:1|c\n", b"y" * LINE_MAX, b"\n", b"z" * (3 * LINE_MAX))
        tsaggd.wait_read(8)
        after = tsaggd.reasons("lines_rejected")
        assert after["too_long"] - before.get("too_long", 0) == 3, (before, after)
        assert tsaggd.written()["good"] == 3


def test_garbage():
    rnd = random.Random(1)
    with Streams() as tsaggd:
        for _ in range(scaled(50)):
            with contextlib.suppress(ConnectionError):
                tsaggd.say(rnd.randbytes(rnd.randrange(1, 200_000)), b"\ngood:1|c\n")
        tsaggd.say(b"cpu,h=a s=\"no end\n", b"good:1|c\n")
        until(lambda: not tsaggd.listener()["connections_accepted"] - tsaggd.listener()["connections_closed"], 30,
              "all read")
        assert tsaggd.written()["good"] == scaled(50) + 1


def test_connection_limit():
    with Streams(connections=3) as tsaggd, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(tsaggd.connect()) for _ in range(3)]
        tsaggd.wait_open(3)
        with tsaggd.connect() as further:
            further.settimeout(30)
            assert further.recv(1) == b"", "a connection beyond the limit is closed"
        assert tsaggd.reasons("connections_refused") == {"limit": 1}
        socks.pop().close()
        tsaggd.wait_open(2)
        tsaggd.say(b"good:1|c\n")
        tsaggd.wait_read(1)
        for sock in socks:
            sock.sendall(b"good:1|c\n")
        tsaggd.wait_read(3)
        assert tsaggd.written() == {"good": 3}


def test_connections_wait_for_descriptors():
    connections = 60
    with Streams() as tsaggd:
        tsaggd.say(b"a:1|c\n")
        tsaggd.wait_read(1)
        limit = len(os.listdir(f"/proc/{tsaggd.popen.pid}/fd")) + connections // 3
        resource.prlimit(tsaggd.popen.pid, resource.RLIMIT_NOFILE, (limit, limit))
        with contextlib.ExitStack() as stack:
            for _ in range(connections):
                stack.enter_context(tsaggd.connect()).sendall(b"a:1|c\n")
            until(lambda: "event=accept_failed" in tsaggd.log(), 30, "out of descriptors")
            # They leave some to the journal, the sinks and requests.
            assert tsaggd.status()["journal"]["state"] == "ok"
            assert len(os.listdir(f"/proc/{tsaggd.popen.pid}/fd")) <= limit * 3 // 4 + 2
        tsaggd.wait_read(connections + 1)
        assert tsaggd.written() == {"a": connections + 1}


def test_idle_connection_is_closed():
    with Streams(idle_timeout="300ms") as tsaggd, tsaggd.connect() as idle, tsaggd.connect() as busy:
        idle.settimeout(30)
        idle.sendall(b"good:1|c\nunfinished:1|c")
        end = time.monotonic() + 1
        sent = 0
        while time.monotonic() < end:
            busy.sendall(b"busy:1|c\n")
            sent += 1
            time.sleep(0.02)
        assert idle.recv(1) == b""
        assert tsaggd.reasons("connections_closed") == {"idle": 1}
        assert tsaggd.reasons("lines_rejected") == {"cut_off": 1}
        tsaggd.wait_read(sent + 2)
        assert tsaggd.written() == {"good": 1, "busy": sent}


def test_sigterm_reads_what_the_kernel_holds():
    lines = scaled(200_000)
    with Streams("unix") as tsaggd, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(tsaggd.connect()) for _ in range(4)]
        for sock in socks:
            for _ in range(0, lines, 1000):
                sock.sendall(b"a:1|c\n" * 1000)
            sock.sendall(b"unfinished:1|c")
        tsaggd.stop()
        assert tsaggd.written() == {"a": 4 * (lines - lines % -1000)}
        assert not tsaggd.path.exists()


def test_block_never_drops():
    # Faster than a worker can take on new series.
    lines = scaled(1_000_000)
    with Streams(when_full="block") as tsaggd:
        def some(k):
            return b"".join(b"m%d:1|c\n" % (i % 50_000) for i in range(k, min(k + 10_000, lines)))
        tsaggd.say(*(some(k) for k in range(0, lines, 10_000)))
        tsaggd.wait_read(lines)
        assert tsaggd.status()["samples"]["dropped"] == 0
        assert sum(tsaggd.written().values()) == lines


def test_unix_socket_file():
    tsaggd = Streams("unix", mode="0620")
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(str(tsaggd.path))
    stale.close()
    with tsaggd:
        assert stat.S_IMODE(os.stat(tsaggd.path).st_mode) == 0o620
        second = tool("tsaggd", "--set", f"listen=[{{url: \"{tsaggd.url}\"}}]",
                      "--set", f"state_dir={tsaggd.dir / 'second'}", "--set", "http.address=")
        assert second.returncode == 1 and b"Address already in use" in second.stderr, second
        tsaggd.say(b"a:1|c\n")
        tsaggd.wait_read(1)
        assert tsaggd.written() == {"a": 1}
    assert not tsaggd.path.exists()
    tsaggd.path.write_text("no socket")
    third = tool("tsaggd", "-c", tsaggd.config_path)
    assert third.returncode == 1 and tsaggd.path.read_text() == "no socket", third


def counted(http_port):
    """lines_received of the first listener, asked over a connection that stays: an answer takes a millisecond."""
    connection = http.client.HTTPConnection(LOOPBACK, http_port, timeout=30)

    def ask():
        connection.request("GET", "/api/v1/status")
        return json.load(connection.getresponse())["listeners"][0]["lines_received"]
    return ask


def test_udp_a_trickle_is_read_at_once():
    """The pause that lets a socket fill is for floods: single datagrams, rare or as fast as the pause begins to look at, are read in 50 ms."""
    with Tsaggd() as tsaggd, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        ask = counted(tsaggd.http_port)
        sent, delays = ask(), []
        for pause_s in [0.1] * 10 + [0.01] * 30 + [0.001] * 60:
            time.sleep(pause_s)
            begin_s = time.monotonic()
            sock.sendto(b"a:1|c", (LOOPBACK, tsaggd.udp_port))
            sent += 1
            until(lambda: ask() == sent, 10, "the datagram read")
            delays.append(time.monotonic() - begin_s)
        # A machine with other work may be late often; the pause would be so each time.
        delays.sort()
        assert delays[len(delays) // 2] < 0.05, delays


def test_udp_a_burst_after_quiet_loses_nothing():
    """Half of what the buffer may hold, at once, after quiet and after a trickle that has set a pause: all of it is read."""
    with Tsaggd() as tsaggd, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((LOOPBACK, tsaggd.udp_port))
        ask = counted(tsaggd.http_port)
        sent = ask()
        granted = min(4 << 20, int(pathlib.Path("/proc/sys/net/core/rmem_max").read_text()))  # listen.rcvbuf's default, without privileges
        burst = granted // 2304  # each of 1,400 bytes takes 2,304 of twice what was asked for: half of the buffer
        datagram = b"\n".join([b"b:1|c"] * 233)  # 1,397 bytes
        for before, pause_s in ((0, 0), (200, 0.0004), (20, 0.002)):
            time.sleep(0.3)  # quiet; the socket is empty
            for _ in range(before):
                sock.send(b"a:1|c")
                time.sleep(pause_s)
            for _ in range(burst):
                sock.send(datagram)
            sent += before + 233 * burst
            until(lambda: ask() >= sent, 30, f"{sent} lines read, not {ask()}")
        lis = tsaggd.status()["listeners"][0]
        assert lis["lines_received"] == sent and lis["kernel_dropped"] == 0, lis


def test_unixgram():
    with Streams("unixgram", block="10s") as tsaggd:
        with tsaggd.connect() as sock:
            for _ in range(1000):
                sock.send(b"a:1|c\nb:2|c")
        tsaggd.wait_read(2000)
        lis = tsaggd.listener()
        assert lis["datagrams_received"] == 1000 and lis["kernel_dropped"] == 0, lis
        assert stat.S_IMODE(os.stat(tsaggd.path).st_mode) == 0o666
        with tsaggd.connect() as sock:
            for _ in range(100):
                sock.send(b"a:1|c\nb:2|c")
        tsaggd.stop()
        assert tsaggd.written() == {"a": 1100, "b": 2200}
    assert not tsaggd.path.exists()


def test_dogstatsd_framing():
    def packet(payload):
        return struct.pack("<I", len(payload)) + payload

    stream = packet(b"a:1|c") + packet(b"") + packet(b"a:2|c\nb:3|c\n") + packet(b"a:4|c|#k:v")
    with Streams("unix", framing="dogstatsd") as tsaggd:
        for cut in range(1, len(stream)):
            tsaggd.say(stream[:cut], stream[cut:])
        n = len(stream) - 1
        tsaggd.wait_read(4 * n)
        tsaggd.say(packet(b"a:1|c" + b"\n" * 60_000), packet(b"cut:1|c")[:-1])
        with contextlib.suppress(BrokenPipeError):
            tsaggd.say(packet(b"a:1|c"), b"\xff\xff\xff\xff", b"x" * 100_000)
        tsaggd.wait_read(4 * n + 4)
        assert tsaggd.reasons("lines_rejected") == {"cut_off": 1, "too_long": 1}
        assert tsaggd.written() == {"a": 7 * n + 2, "b": 3 * n}


def send_from(address, port, line):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.sendto(line, (LOOPBACK, port))


def test_allowed_datagrams():
    tsaggd = Streams("udp", allow=["127.0.0.8/29", "::1"])
    tsaggd.config["listen"][0]["url"] = tsaggd.url = f"udp://{LOOPBACK}:{tsaggd.udp_port}"
    with tsaggd:
        for _ in range(100):  # more than one batch holds
            send_from("127.0.0.1", tsaggd.udp_port, b"bad:1|c")
            send_from("127.0.0.9", tsaggd.udp_port, b"good:1|c")
        tsaggd.wait_read(100)
        until(lambda: tsaggd.listener()["datagrams_received"] == 200, 30, "all datagrams read")
        assert tsaggd.reasons("datagrams_refused") == {"not_allowed": 100}
        assert tsaggd.written() == {"good": 100}


def test_allowed_connections():
    with Streams(allow=["127.0.0.9"]) as tsaggd:
        with socket.create_connection((LOOPBACK, tsaggd.port), source_address=("127.0.0.9", 0)) as sock:
            sock.sendall(b"good:1|c\n")
            with tsaggd.connect() as other:
                other.settimeout(30)
                assert other.recv(1) == b""
            sock.sendall(b"good:1|c\n")
        tsaggd.wait_read(2)
        assert tsaggd.reasons("connections_refused") == {"not_allowed": 1}
        assert tsaggd.written() == {"good": 2}


def test_rate_limit():
    for scheme in ("tcp", "unixgram"):
        with Streams(scheme, rate_limit=1, burst=10) as tsaggd:
            begin = time.monotonic()
            with tsaggd.connect() as sock:
                for _ in range(20):
                    sock.sendall(b"a:1|c\n\nb:1:1|c\nbad\n")
            tsaggd.wait_read(60)
            dropped = tsaggd.reasons("samples_dropped")["rate_limit"]
            assert 50 - (time.monotonic() - begin) - 1 <= dropped <= 50, dropped
            lines = tsaggd.status()["lines"]
            written = tsaggd.written()
            assert lines["received"] == 60 and lines["rejected"] + lines["accepted"] == 60, lines
            assert written["a"] + written["b"] / 2 + lines["rejected"] + dropped == 60, (written, lines, dropped)


class Activated(Streams):
    """A daemon that is started with these sockets as a service manager would."""

    def __init__(self, scheme, passed):
        super().__init__(scheme)
        self.passed = passed

    def spawn(self, argv, env=None):
        # The process that is to use them must be named in the environment.
        fds = [sock.fileno() for sock in self.passed]
        script = "import os, sys; fds = [int(f) for f in sys.argv[1].split(',')]\n"
        script += "high = [os.dup2(f, 100 + i) for i, f in enumerate(fds)]\n"
        script += "[os.dup2(f, 3 + i) for i, f in enumerate(high)]; [os.close(f) for f in high]\n"
        script += "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))\n"
        script += "os.execv(sys.argv[2], sys.argv[2:])"
        super().spawn([sys.executable, "-c", script, ",".join(map(str, fds)), *argv], env, pass_fds=fds)


def test_socket_activation():
    with contextlib.ExitStack() as stack:
        tcp, udp, stray, unix = [stack.enter_context(socket.socket(family, kind)) for family, kind in (
            (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM),
            (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM))]
        tsaggd = Activated("unixgram", [stray, udp, unix, tcp])
        for sock in (tcp, udp, stray):
            sock.setblocking(False)
            sock.bind((LOOPBACK, 0))
        unix.bind(str(tsaggd.path))
        tcp.listen()
        for scheme, sock in (("tcp", tcp), ("udp", udp)):
            tsaggd.config["listen"].append({"url": f"{scheme}://{LOOPBACK}:{sock.getsockname()[1]}"})

        def say_all():
            with socket.create_connection(tcp.getsockname()) as sock:
                sock.sendall(b"a:1|c\n")
            send_from(LOOPBACK, udp.getsockname()[1], b"b:1|c")
            with tsaggd.connect() as sock:
                sock.send(b"c:1|c")

        say_all()  # before it runs
        with tsaggd:
            assert tsaggd.log().count("event=socket_inherited") == 3, tsaggd.log()
            assert tsaggd.log().count("event=socket_unused") == 1, tsaggd.log()
            tsaggd.wait_read(3)
            tsaggd.stop()
            say_all()  # while it restarts
            tsaggd.restart()
            tsaggd.wait_read(3)
            assert {lis["lines_accepted"] for lis in tsaggd.status()["listeners"]} == {1}
        assert tsaggd.path.exists(), "it is the service manager's"


def test_listeners_side_by_side():
    tsaggd = Streams()
    udp = f"udp://{LOOPBACK}:{tsaggd.udp_port}"
    tsaggd.config["listen"].append({"url": udp})
    with tsaggd:
        tsaggd.say(b"a:1|c\n", b"bad\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"a:1|c\na:1|c\na:1|c", (LOOPBACK, tsaggd.udp_port))
        tsaggd.wait_read(5)
        shown = {lis["url"]: (lis["lines_received"], lis["lines_rejected"]) for lis in tsaggd.status()["listeners"]}
        assert shown == {tsaggd.url: (2, 1), udp: (3, 0)}, shown
        metrics = tsaggd.metrics()
        assert metrics["tsagg_lines_received_total", ()] == 5
        assert metrics["tsagg_listener_lines_received_total", (("listener", udp),)] == 3
        table = tool("tsagg-ctl", "status", "--host", f"http://{LOOPBACK}:{tsaggd.http_port}").stdout.decode()
        of_listener = table.partition(f"listener   {tsaggd.url}\n")[2].partition("\n\n")[0]
        assert re.search(r"^ +lines_received +2\n +lines_accepted +1\n +lines_rejected +1\n", of_listener), table
        assert tsaggd.written() == {"a": 4}


if __name__ == "__main__":
    runner.main()
