#!/usr/bin/env python3
"""tsaggd --input: a file or standard input replayed through the windows, compared with the oracle."""
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, wait
from tsagg_test.daemon import BUILD
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.process import Process
from tsagg_test.stub import StubInflux

T = oracle.EPOCH_NS
REFUSED = (503, {})


class Replay(Process):
    """tsaggd --input over a state directory of its own; the rollups go into a file unless the test says otherwise."""

    def __init__(self, lines=b"", **config):
        super().__init__("replay")
        self.input = self.dir / "input"
        self.input.write_bytes(lines)
        self.out = self.dir / "out.lp"
        self.http_port = free_port()
        self.config = {
            "state_dir": str(self.dir / "state"), "workers": 1, "http": {"address": f"{LOOPBACK}:{self.http_port}"},
            "rollups": [{**load.ROLLUP, "to": ["sink"]}],
            "sinks": {"sink": {"type": "file", "path": str(self.out), "flush_interval": "100ms"}}, **config}

    def popen_args(self, path=None, *args):
        config = self.dir / "tsagg.yaml"
        config.write_text(json.dumps(self.config))
        return [BUILD / "tsaggd", "-c", config, *args, "--input", path or self.input]

    def run(self, code=0, path=None):
        """Replay to the end; returns what was said on stderr."""
        done = subprocess.run(self.popen_args(path), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              timeout=300)
        assert done.returncode == code, (done.returncode, done.stderr)
        return done.stderr

    def start_on_pipe(self, *args, stderr=subprocess.PIPE):
        self.popen = subprocess.Popen(self.popen_args("-", *args), stdin=subprocess.PIPE, stderr=stderr)
        return self.popen

    def points(self):
        return lineproto.read_points(self.out.read_text())


def summary(stderr):
    """The numbers of the last line: lines, samples, rollups, rejected, dropped."""
    line = next(line for line in stderr.splitlines() if " lines, " in line)
    found = re.search(r": ([\d,]+) lines, ([\d,]+) samples, ([\d,]+) rollups; rejected ([\d,]+).*, dropped ([\d,]+)", line)
    return [int(text.replace(",", "")) for text in found.groups()]


def influx(stub, **more):
    return {"sink": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b", "token": "t", "gzip": False,
                     "flush_interval": "100ms", "timeout": "1s", "retry_max": "1s", **more}}


def test_same_rollups_with_any_number_of_workers():
    for lines, series in ((wait.scaled(60_000), 200), (wait.scaled(20_000), 5000)):
        sent = load.shuffled(lines=lines, series=series, windows=30)
        outputs = []
        for workers in (1, 2, 8):
            replay = Replay(b"\n".join(sent.lines), workers=workers)
            assert summary(replay.run()) == [lines, lines, len(sent.rollups), 0, 0]
            outputs.append(sorted(replay.out.read_text().splitlines()))
        assert outputs[0] == outputs[1] == outputs[2]
        sent.assert_rolled_up(replay.points())


def test_kill_9_and_replay_from_the_beginning():
    sent = load.shuffled(lines=wait.scaled(60_000), series=200, windows=30)
    for part in (0.2, 0.5, 0.9):
        replay = Replay(b"\n".join(sent.lines), workers=2)
        popen = replay.start_on_pipe(stderr=subprocess.DEVNULL)
        popen.stdin.write(b"\n".join(sent.lines[:int(len(sent.lines) * part)]))
        popen.stdin.flush()
        wait.until(lambda: replay.out.exists() and replay.out.stat().st_size, 30, "a rollup delivered")
        popen.kill()
        popen.wait()
        replay.run()
        sent.assert_rolled_up(replay.points())


def test_lines_longer_than_a_read():
    long_tag = "x" * 30_000
    lines = [f"m,t={long_tag}{i} v=1 {T}" for i in range(9)] + [f"m s=\"{'y' * 70_000}\" {T}", f"n v=2 {T}",
                                                                "z" * 200_000, f"n v=3 {T}"]
    replay = Replay("\n".join(lines).encode())
    stderr = replay.run()
    assert summary(stderr) == [13, 11, 10, 2, 0] and "(too_long 2)" in stderr, stderr
    points = replay.points()
    assert points["n", (), T]["v_sum"] == 5
    assert sum(name == "m" for name, _, _ in points) == 9


def test_newline_in_quotes_is_no_line_end():
    # 64 KiB of lines of which each has one: wherever a read ends, it ends inside of some.
    text = "".join(f'm s="a\nb\n{i}",v=1 {T}\n' for i in range(20_000))
    replay = Replay(text.encode())
    assert summary(replay.run())[:4] == [20_000, 40_000, 2, 0]
    assert f" v_count=20000,v_sum=20000," in replay.out.read_text().replace("m v", " v")


def test_quote_that_is_never_closed_costs_its_line_only():
    text = f'm s="a {T}\n' + f"n v=1 {T}\n" * 10_000
    replay = Replay(text.encode())
    assert summary(replay.run()) == [10_001, 10_000, 1, 1, 0]
    assert replay.points()["n", (), T]["v_count"] == 10_000


def test_standard_input_without_times():
    before_s = time.time()
    replay = Replay()
    popen = replay.start_on_pipe()
    popen.stdin.write(b"a:1|c\na:2")
    popen.stdin.flush()
    time.sleep(0.2)  # another read
    stderr = popen.communicate(b"|c\nnonsense\na:4|c")[1].decode()
    assert popen.returncode == 0
    assert summary(stderr)[:2] == [4, 3] and "rejected 1 (no_value 1)" in stderr, stderr
    assert sum(fields["sum"] for fields in replay.points().values()) == 7
    assert all(before_s - 10 < time_ns / 1e9 < time.time() for _, _, time_ns in replay.points())


def test_http_only_when_set_on_the_command_line():
    replay = Replay()
    popen = replay.start_on_pipe()
    wait.until(lambda: b"event=ready" in popen.stderr.readline(), 30, "ready")
    try:
        urllib.request.urlopen(f"http://{LOOPBACK}:{replay.http_port}/health")
        raise AssertionError("HTTP is on")
    except urllib.error.URLError:
        pass
    popen.communicate(b"")
    popen = replay.start_on_pipe("--set", f"http.address={LOOPBACK}:{replay.http_port}")
    wait.until(lambda: b"event=ready" in popen.stderr.readline(), 30, "ready")
    with urllib.request.urlopen(f"http://{LOOPBACK}:{replay.http_port}/api/v1/status") as answer:
        assert json.load(answer)["balanced"]
    popen.communicate(b"")
    assert popen.returncode == 0


def test_no_such_file():
    replay = Replay()
    stderr = replay.run(code=1, path=replay.dir / "nothing")
    assert "cannot open" in stderr and "No such file" in stderr and "nothing" in stderr, stderr
    assert not (replay.dir / "state").exists(), "something was started"
    assert "is a directory" in replay.run(code=1, path=replay.dir)


def test_slow_sink_is_waited_for():
    sent = load.ordered(lines=2000, series=50, windows=10)
    with StubInflux(lambda write, n: REFUSED if n % 2 == 0 else (204, {})) as stub:
        replay = Replay(b"\n".join(sent.lines), sinks=influx(stub, batch=200))
        replay.run()
        sent.assert_rolled_up(lineproto.read_points("\n".join(stub.accepted)))


def test_what_a_sink_does_not_take_stays_in_the_journal():
    sent = load.ordered(lines=2000, series=50, windows=10)
    with StubInflux(lambda write, n: REFUSED) as stub:
        replay = Replay(b"\n".join(sent.lines), sinks=influx(stub))
        stderr = replay.run(code=1)
        assert f"sink sink: {len(sent.rollups)} rollups are not delivered" in stderr and "state/journal" in stderr, stderr
        stub.answer = lambda write, n: (204, {})
        replay.input.write_bytes(b"")
        replay.run()
        sent.assert_rolled_up(lineproto.read_points("\n".join(stub.accepted)))


def test_signal_ends_it_early():
    replay = Replay()
    popen = replay.start_on_pipe()
    wait.until(lambda: b"event=ready" in popen.stderr.readline(), 30, "ready")
    popen.stdin.write(f"n v=1 {T}\n".encode())
    popen.stdin.flush()
    time.sleep(0.2)
    popen.send_signal(signal.SIGTERM)
    stderr = popen.stderr.read().decode()
    assert popen.wait(30) == 1
    assert "stopped after 26 bytes" in stderr, stderr


def test_progress_on_a_terminal_only():
    replay = Replay()
    main, side = pty.openpty()
    popen = replay.start_on_pipe(stderr=side)
    os.close(side)
    shown = b""
    deadline_s = time.monotonic() + 30
    while b"lines/s" not in shown and time.monotonic() < deadline_s:
        shown += os.read(main, 4096)
    assert re.search(rb"\r0 B read, 0 lines/s", shown), shown
    popen.stdin.close()
    assert popen.wait(30) == 0
    popen = replay.start_on_pipe()
    time.sleep(1.5)
    assert b"lines/s" not in popen.communicate(b"")[1]


if __name__ == "__main__":
    runner.main()
