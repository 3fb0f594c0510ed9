#!/usr/bin/env python3
"""More than can be taken: garbage beside good listeners, connections without end, what when_full and rate_limit let go."""
import contextlib
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.certs import Authority
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.process import Process
from tsagg_test.streams import Streams
from tsagg_test.wait import scaled, until

GARBAGE = r"""
import random, socket, sys
rnd = random.Random(4)
datagrams = [rnd.randbytes(rnd.randrange(1, 1400)) for _ in range(200)]
datagrams += [b"a:1|c\nb:x|ms\nc|c\ncpu,=x u=1\n_e{9,9}:x\n" * 20, b"\n" * 1400, b"x" * 1400, b"d:1|c|#" + b"t," * 600]
kind, port = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
sock.connect(("127.0.0.1", port))
while True:
    for datagram in datagrams:
        sock.send(datagram)
"""


class Beside(Streams):
    """A good listener beside one that is fed with garbage, by UDP and by TCP."""

    def __init__(self, **options):
        super().__init__("udp", **options)
        self.bad = {"udp": free_port(socket.SOCK_DGRAM), "tcp": free_port()}
        self.config["listen"] += [{"url": f"{kind}://{LOOPBACK}:{port}"} for kind, port in self.bad.items()]


class Garbage(Process):
    def __init__(self, kind, port):
        super().__init__(f"garbage-{kind}")
        self.spawn([sys.executable, "-c", GARBAGE, kind, port])

    def over(self):
        assert self.running(), self.log()
        self.kill()


def test_garbage_at_full_rate_beside_good_listeners():
    seconds, rate = scaled(4.0, 1.0), 5000
    with Beside() as tsaggd, socket.create_connection((LOOPBACK, tsaggd.bad["tcp"])) as tcp:
        good = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        good.connect((LOOPBACK, tsaggd.port))
        good.send(b"first:1|c\n")  # the worker's tables are made for the first sample
        until(lambda: tsaggd.status()["samples"]["aggregated"] == 1, 30, "a first sample aggregated")
        senders = [Garbage(kind, port) for kind, port in tsaggd.bad.items()]
        until(lambda: all(one["lines_rejected"] > 1000 for one in tsaggd.status()["listeners"] if one["url"] != tsaggd.url),
              30, "garbage from both")
        begin, sent = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            good.send(b"good:1|c\n" * 10)
            sent += 10
            if sent % 1000 == 0:
                tcp.sendall(b"also:1|c\n" * 100)
            time.sleep(max(0, begin + sent / rate - time.monotonic()))
        good.close()
        until(lambda: tsaggd.listener()["lines_received"] >= sent + 1, 30, "the good ones read")
        waited_s = time.monotonic() - begin - seconds
        for sender in senders:
            sender.over()
        lis = tsaggd.listener()
        assert lis["lines_accepted"] == sent + 1 and lis["kernel_dropped"] == lis["samples_dropped"] == 0, lis
        assert waited_s < 2, f"the good ones were {waited_s:.1f} s late"
        tcp.close()
        tsaggd.assert_balanced()
        assert len(tsaggd.log().splitlines()) < 100, "the log is bounded"
        written = tsaggd.written()
        assert (written["good"], written["also"]) == (sent, sent // 1000 * 100), (written["good"], written["also"], sent)


def test_a_thousand_connections_of_every_kind():
    each = scaled(333, 30)
    tsaggd = Streams("tcp", connections=2000, idle_timeout="30s")
    authority = Authority(tsaggd.dir)
    certificate, key = authority.issue("server")
    tls_port = free_port()
    tsaggd.config["listen"].append({"url": f"tcp://{LOOPBACK}:{tls_port}", "connections": 2000, "certificate": str(certificate),
                                    "key": str(key), "handshake_timeout": "30s"})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with tsaggd, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(tsaggd.connect()) for _ in range(2 * each)]
        for _ in range(each):
            sock = stack.enter_context(socket.create_connection((LOOPBACK, tls_port)))
            sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        tsaggd.wait_open(2 * each)
        slow = socks[each:]
        ended, sent = threading.Event(), 0

        def drip():
            while not ended.is_set():
                for sock in slow:
                    sock.sendall(b"x")
                time.sleep(0.01)

        dripping = threading.Thread(target=drip)
        dripping.start()
        lates = []
        with tsaggd.connect() as good:
            for _ in range(20):
                begin = time.monotonic()
                good.sendall(b"good:1|c\n" * 100)
                sent += 100
                until(lambda: tsaggd.listener()["lines_accepted"] >= sent, 30, f"{sent} good lines read")
                lates.append(time.monotonic() - begin)
        ended.set()
        dripping.join()
        assert sorted(lates)[len(lates) // 2] < 0.5, lates
        begin = cpu_s(tsaggd)
        time.sleep(1)
        assert cpu_s(tsaggd) - begin < 0.2, "connections that say nothing cost nothing"
        stack.close()
        tsaggd.wait_open(0)
        assert tsaggd.written() == {"good": sent}
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def cpu_s(tsaggd):
    fields = pathlib.Path(f"/proc/{tsaggd.popen.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Slow(Streams):
    """Its worker has much to do for each sample: rollups of which the test looks at the first."""

    def __init__(self, scheme, **options):
        super().__init__(scheme, **options)
        for i in range(40):
            self.config["sinks"][f"more{i}"] = {"type": "file", "path": str(self.dir / f"more{i}.lp")}
            # Each has a lateness of its own: they cannot lend each other their panes.
            self.config["rollups"].append({"name": f"more{i}", "every": "1h", "lateness": f"{i + 3}s", "to": [f"more{i}"]})


def test_drop_old_keeps_the_newest():
    lines, series = 1_000_000, 3000  # not scaled: more than a lane holds
    chunks = [b"".join(b"m%d:1|c\n" % (i // 100 % series) for i in range(k, k + 10_000)) for k in range(0, lines, 10_000)]
    with Slow("unix", when_full="drop_old") as tsaggd:
        tsaggd.say(*chunks, b"last:1|c\n" * 1000)
        tsaggd.wait_read(lines + 1000)
        tsaggd.assert_balanced()
        dropped = tsaggd.status()["samples"]["dropped_by_reason"]["ring_full"]
        assert dropped > 0, "the worker is too fast for this test"
        assert tsaggd.listener()["samples_dropped"] == dropped
        tsaggd.say(*(b"m%d:0|c\n" % i for i in range(series)))  # what was announced in slabs that were dropped is known
        tsaggd.wait_read(lines + 1000 + series)
        written = tsaggd.written()
        assert written["last"] == 1000
        assert sum(written.values()) == lines + 1000 - dropped
        assert len(written) == series + 1


def test_drop_old_with_texts_and_times():
    lines, hosts = 500_000, 200
    chunks = [b"".join(b"m,host=h%d s=\"text %d\",f=1 %d\n" % (i % hosts, i, 10 ** 18 + i) for i in range(k, k + 1000))
              for k in range(0, lines, 1000)]
    with Slow("unix", when_full="drop_old") as tsaggd:
        tsaggd.say(*chunks)
        tsaggd.wait_read(lines)
        tsaggd.assert_balanced()
        dropped = tsaggd.status()["samples"]["dropped_by_reason"]["ring_full"]
        assert dropped > 0
        tsaggd.stop()
        texts = set(re.findall(r'^m,host=h(\d+) .*s_last="text (\d+)"', (tsaggd.dir / "out.lp").read_text(), re.MULTILINE))
        assert texts == {(str(i % hosts), str(i)) for i in range(lines - hosts, lines)}


def test_rate_limit_is_the_listeners():
    rate, senders = 1000, 8
    with Streams("udp", sockets=4, rate_limit=rate, burst=100) as tsaggd, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(senders)]
        for sock in socks:
            sock.connect((LOOPBACK, tsaggd.port))
        begin, sent = time.monotonic(), 0
        while time.monotonic() - begin < 2:
            for sock in socks:
                sock.send(b"a:1|c\n" * 20)
                sent += 20
            time.sleep(0.01)
        seconds = time.monotonic() - begin
        tsaggd.wait_read(sent)
        now_s = time.monotonic() - begin
        dropped = tsaggd.reasons("samples_dropped")["rate_limit"]
        passed = sent - dropped
        assert rate * seconds * 0.8 < passed <= 100 + rate * now_s, (passed, sent, seconds)
        assert tsaggd.written() == {"a": passed}


def test_rcvbuf():
    most = int(pathlib.Path("/proc/sys/net/core/rmem_max").read_text())
    asked = {"fits": most // 2, "too_large": most + 4096}
    for name, rcvbuf in asked.items():
        tsaggd = Streams("udp", rcvbuf=f"{rcvbuf}B")
        # Without CAP_NET_ADMIN, which lets root have what it asks for.
        tsaggd.prefix = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"] if os.geteuid() == 0 else []
        tsaggd.spawn = lambda argv, spawn=tsaggd.spawn, prefix=tsaggd.prefix: spawn([*prefix, *argv])
        with tsaggd:
            warned = f"event=rcvbuf_small url={tsaggd.url} wanted={rcvbuf} got={most}" in tsaggd.log()
            assert warned == (name == "too_large"), (name, tsaggd.log())
            size = kernel_buffer(tsaggd.port)
            assert size == 2 * min(rcvbuf, most), (name, size, most)


def kernel_buffer(port):
    """The socket's receive buffer as the kernel counts it, twice what was asked for."""
    shown = subprocess.run(["ss", "-Hlnum", f"sport = :{port}"], check=True, capture_output=True, text=True).stdout
    return int(shown.split("rb")[1].split(",")[0])


if __name__ == "__main__":
    runner.main()
