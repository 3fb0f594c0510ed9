#!/usr/bin/env python3
"""A day of simulated time under random load: memory and descriptors stay, and what is delivered equals the oracle's.

A run of the tests takes an hour of it; TSAGG_TEST_SCALE=24 takes all.
"""
import json
import os
import pathlib
import random
import socket
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp
from tsagg_test.daemon import PlainBuild
from tsagg_test.flux_http import FluxDaemon, rfc3339
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.stub import StubInflux
from tsagg_test.times import NS
from tsagg_test.wait import scaled, until

SEED = 20261121
PARTS = 24
WINDOWS = scaled(15)  # of 10 s, in a part
SERIES = 60
LINES = 200  # in a window, on average
MORE_BYTES = 8 << 20  # the buffers of sinks are as large as what last went wrong made them


class Daemon(FluxDaemon):
    def __init__(self, stub):
        super().__init__()
        self.config.update(
            pipeline=[{"type": "filter", "drop": 'name == "other"'}],
            rollups=[{**load.ROLLUP, "to": ["influx", "st"]},
                     {"name": "minutes", "every": "1m", "lateness": "2s", "aggregates": ["p50", "distinct"], "measurement": "minutes", "to": ["st"]}],
            sinks={**self.config["sinks"], "influx": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b", "flush_interval": "50ms",
                                                      "retry_min": "20ms", "retry_max": "100ms"}},
            **load.ONLY_BY_WATERMARK)
        self.tcp_port = free_port()

    def reload(self, tcp):
        """With a TCP listener or without it; a line on a connection to it is read, and filtered out."""
        listen = self.config["listen"] + [{"url": f"tcp://{LOOPBACK}:{self.tcp_port}"}] * tcp
        self.config_path.write_text(json.dumps({**self.config, "listen": listen}))
        status, _, text = self.request("POST", "/api/v1/reload")
        assert status == 200, text
        if tcp:
            with socket.create_connection((LOOPBACK, self.tcp_port)) as conn:
                read = self.lines_read()
                conn.sendall(b"other:1|c\n")
                until(lambda: self.lines_read() > read, 10, "a line by TCP")

    def count(self, sent):
        """Samples of a load, as the store has them."""
        script = (f'from(bucket: "b") |> range(start: {rfc3339(sent.start_ns // NS)}, stop: {rfc3339(sent.stop_ns // NS)})'
                  f' |> filter(fn: (r) => r._field == "f_count" and r._measurement != "{load.ADVANCE}") |> group() |> sum()')
        status, _, body = self.ask(script)
        assert status == 200, body
        return float(body.decode().splitlines()[1].rsplit(",", 1)[1])

    def held(self):
        """(anonymous memory in RAM in bytes, descriptors)"""
        pages = pathlib.Path(f"/proc/{self.popen.pid}/statm").read_text().split()
        return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{self.popen.pid}/fd"))


def samples(rnd, part):
    """Windows with nothing and windows with ten times as much; hosts that go, and come under another name."""
    found = []
    for window in range(part * WINDOWS, (part + 1) * WINDOWS):
        start_ns = oracle.EPOCH_NS + window * load.WINDOW_NS
        lives = [divmod(window // 30 + i, 7) for i in range(SERIES)]
        alive = [i for i in range(SERIES) if lives[i][1] < 5]
        for _ in range(max(1, min(int(rnd.expovariate(1 / LINES)), 10 * LINES))):
            i = rnd.choice(alive)
            found.append(oracle.Sample(f"m{i % 5}", (("host", f"h{i // 5:03}-{lives[i][0]}"), ("zone", f"z {i % 3}")), "f", "field",
                                       rnd.choice((rnd.gauss(0, 1000), float(rnd.randrange(100)))), 1.0,
                                       start_ns + rnd.randrange(load.WINDOW_NS)))
    return oracle.shuffled(SEED, found, load.LATENESS_NS)


def deliver_part(tsaggd, stub, rnd, away, part, before):
    """An hour, or a part of one: all of it is delivered, and right. @return (samples, rollups)."""
    sent = load.Load(samples(rnd, part))
    middle = rnd.randrange(len(sent.lines))
    sent.send(tsaggd, slice(middle))
    away[0] = rnd.random() < 0.5
    tsaggd.reload(tcp=True)
    sent.send(tsaggd, slice(middle, None))
    away[0] = False
    end = f"{load.ADVANCE} x=1 {sent.stop_ns + load.LATENESS_NS}".encode()
    udp.send(tsaggd.udp_port, [end], read=tsaggd.lines_read)
    tsaggd.wait_delivered("influx", before + len(sent.rollups) + part)  # with the windows of the lines that ended former parts
    until(lambda: tsaggd.sink("st")["pending"] == 0, 60, "all in the store")
    sent.assert_rolled_up(lineproto.read_points("\n".join(stub.accepted)))
    stub.accepted.clear()
    stub.writes.clear()
    assert tsaggd.count(sent) == len(sent.lines)
    tsaggd.reload(tcp=False)
    return len(sent.lines), len(sent.rollups)


@runner.needs(PlainBuild)
def test_day():
    rnd, away, seen, nsamples, nrollups, begun_s = random.Random(SEED), [False], [], 0, 0, time.monotonic()
    with StubInflux(lambda write, n: (503, {}) if away[0] else (204, {})) as stub, Daemon(stub) as tsaggd:
        for part in range(PARTS):
            n, rollups = deliver_part(tsaggd, stub, rnd, away, part, nrollups)
            nsamples, nrollups = nsamples + n, nrollups + rollups
            seen.append(tsaggd.held())
        memory, descriptors = ([held[i] for held in seen] for i in (0, 1))
        print(f"  {PARTS * WINDOWS / 360:g} h in {time.monotonic() - begun_s:.0f} s: {nsamples} samples, {nrollups} rollups; "
              f"MiB: {[round(n / (1 << 20), 1) for n in memory]}; descriptors: {descriptors}")
        assert grown(memory) <= MORE_BYTES and grown(descriptors) <= 1


def grown(seen):
    """How much more there was in the last quarter than in the one before. Of each the median: in some moments the store is at work."""
    quarter = PARTS // 4
    return statistics.median_low(seen[-quarter:]) - statistics.median_low(seen[-2 * quarter:-quarter])


if __name__ == "__main__":
    runner.main()
