#!/usr/bin/env python3
"""limits.memory: a flood of new series by UDP, TCP and HTTP; what gives way, in which order, that it never passes the limit, and
that it ends."""
import http.client
import pathlib
import re
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.daemon import parse_metrics, PlainBuild, Tsaggd
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.wait import until

LIMIT = 160 << 20


class Flood:
    """New series, as fast as the other side takes them, by one thread."""

    def __init__(self, send):
        self.send, self.running, self.sent = send, True, 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            n = self.sent
            lines = "".join(f"flood.{'x' * 40}.{id(self)}.{n + i}:1|ms|#host:h{n + i}\n" for i in range(15))
            if self.send(lines.encode()):
                self.sent += 15

    def stop(self):
        self.running = False
        self.thread.join(20)


class Memory(Tsaggd):
    def __init__(self):
        super().__init__(limits={"memory": f"{LIMIT}B"}, rollups=[{"name": "r", "every": "1s", "aggregates": ["count", "sum", "p50"]}])
        self.tcp_port, self.kept_port = free_port(), free_port()
        self.config["listen"] += [{"url": f"tcp://{LOOPBACK}:{self.tcp_port}"}]
        self.config["listen"][0]["when_full"] = "drop_new"

    def memory(self):
        return self.status()["memory"]

    def peak(self):
        """What the kernel says, without the pages of files."""
        kib = dict(re.findall(r"(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{self.popen.pid}/status").read_text()))
        return int(kib["VmHWM"]) - int(kib["RssFile"]) << 10


def connected(port, kind):
    sock = socket.socket(socket.AF_INET, kind)
    sock.connect((LOOPBACK, port))
    return sock


def write(tsaggd):
    con = http.client.HTTPConnection(LOOPBACK, tsaggd.http_port, timeout=40)
    con.request("POST", "/api/v2/write?org=o&bucket=b", "w v=1\n")
    answer = con.getresponse()
    answer.read()
    return answer


@runner.needs(PlainBuild)
def test_gives_way_in_order_and_recovers():
    with Memory() as tsaggd:
        assert tsaggd.memory()["state"] == "ok" and tsaggd.memory()["limit_bytes"] == LIMIT
        until(lambda: 0 < tsaggd.memory()["used_bytes"] < LIMIT * 0.8, 10, "used so far")
        udp, tcp = connected(tsaggd.udp_port, socket.SOCK_DGRAM), connected(tsaggd.tcp_port, socket.SOCK_STREAM)
        tcp.settimeout(0.2)

        def by_tcp(lines):
            try:
                while lines:
                    lines = lines[tcp.send(lines):]
            except TimeoutError:
                pass
            return not lines

        flood = Flood(udp.send)
        until(lambda: tsaggd.memory()["state"] == "dropping", 60, "samples are dropped")
        stream = Flood(by_tcp)
        until(lambda: tsaggd.memory()["new_series"] == "overflow", 20, "new series overflow")
        read = tsaggd.status()["listeners"][1]["lines_received"]
        answers = []
        writer = threading.Thread(target=lambda: answers.append(write(tsaggd)))
        writer.start()
        for _ in range(20):
            time.sleep(0.05)  # the kernel is asked how much it is, in the middle of the flood
            assert tsaggd.peak() < LIMIT, tsaggd.peak()
        flood.stop()
        stream.stop()
        def told():
            """A stream with block loses nothing to memory; but so many names are refused when there is no room for another _overflow."""
            status = tsaggd.status()
            reasons, (by_udp, by_tcp) = status["samples"]["dropped_by_reason"], (one["samples_dropped"] for one in status["listeners"])
            both = reasons["memory_limit"] + reasons["series_limit"] + reasons["ring_full"]
            return reasons["memory_limit"] > 0 and both == by_udp + by_tcp and by_tcp <= reasons["series_limit"]

        until(told, 20, "each drop is told by reason and by listener")
        states = re.findall(r"event=memory state=(\w+) new_series=(\w+)", tsaggd.log())
        order = [states.index(one) for one in (("waiting", "own"), ("dropping", "own"), ("dropping", "overflow"))]
        assert order == sorted(order) and order[0] == 0, states
        # Nothing comes any more: windows are sealed, idle series forgotten, and what has waited goes on.
        until(lambda: (now := tsaggd.memory())["state"] == "ok" and now["new_series"] == "own", 60, "memory is free again")
        writer.join(40)
        assert answers[0].status == 204 or (answers[0].status == 503 and answers[0].getheader("Retry-After")), answers[0].status
        assert write(tsaggd).status == 204
        lines = tsaggd.status()["listeners"][1]["lines_received"]
        assert lines >= read and tsaggd.peak() < LIMIT, (lines, read, tsaggd.peak())
        udp.send(b"after:1|c\n")
        until(lambda: '"after' in tsaggd.get("/api/v1/cardinality"), 10, "a new series is one of its own again")
        metrics = parse_metrics(tsaggd.get("/metrics"))
        assert metrics["tsagg_memory_limit_bytes", ()] == LIMIT and metrics["tsagg_memory_pressure", ()] == 0
        tcp.close()


@runner.needs(PlainBuild)
def test_waiting_stream_loses_nothing():
    """All of it by TCP with block: read on when memory is free, or new series overflow, and every line accounted for in the end."""
    with Memory() as tsaggd:
        tcp = connected(tsaggd.tcp_port, socket.SOCK_STREAM)
        tcp.settimeout(60)
        flood = Flood(lambda lines: tcp.sendall(lines) is None)
        until(lambda: tsaggd.memory()["state"] != "ok", 60, "memory is scarce")
        flood.stop()
        tcp.close()
        tsaggd.wait_read(flood.sent)
        samples = tsaggd.status()["samples"]
        assert samples["received"] == flood.sent and samples["dropped_by_reason"]["memory_limit"] == 0, samples
        assert samples["aggregated"] == flood.sent - samples["dropped_by_reason"]["series_limit"], samples
        assert tsaggd.peak() < LIMIT


if __name__ == "__main__":
    runner.main()
