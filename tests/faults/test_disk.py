#!/usr/bin/env python3
"""A disk that is full, read-only, or fails to sync: tsaggd goes on, says so, and delivers all of it afterwards."""
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, runner
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.ports import LOOPBACK
from tsagg_test.stub import StubInflux
from tsagg_test.wait import until

HERE = pathlib.Path(__file__).resolve().parent


class Mounts:
    """Whether this machine lets us mount a tmpfs."""

    absent = "mounting a tmpfs is not allowed here"

    @staticmethod
    def available():
        with tempfile.TemporaryDirectory(prefix="tsagg-mount-") as path:
            if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], capture_output=True).returncode:
                return False
            subprocess.run(["umount", path], check=True)
            return True


class Tmpfs:
    def __init__(self, size):
        self.path = tempfile.mkdtemp(prefix="tsagg-tmpfs-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path], check=True)

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)
        os.rmdir(self.path)


class Daemon(Tsaggd):
    preload = None

    def start(self):
        """The same with a library loaded before the others."""
        if self.preload:
            os.environ["LD_PRELOAD"] = self.preload
            os.environ["ASAN_OPTIONS"] = "verify_asan_link_order=0"  # of a build with AddressSanitizer
        try:
            return super().start()
        finally:
            os.environ.pop("LD_PRELOAD", None)
            os.environ.pop("ASAN_OPTIONS", None)


def daemon(stub, state_dir):
    return Daemon(rollups=[{**load.ROLLUP, "to": ["influx"]}], state_dir=str(state_dir),
                  sinks={"influx": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b",
                                    "flush_interval": "50ms", "retry_min": "50ms", "retry_max": "200ms"}},
                  **load.ONLY_BY_WATERMARK)


def fail_and_recover(tsaggd, stub, fail, recover, says):
    """The load comes in while the disk fails: samples are aggregated, rollups wait, and are delivered when it is well."""
    sent = load.ordered(lines=20_000, series=500, windows=20)
    half = len(sent.lines) // 2
    sent.send(tsaggd, slice(None, half))
    tsaggd.wait_delivered("influx", 1)
    fail()
    sent.send(tsaggd, slice(half, None))
    sent.advance(tsaggd)
    state = until(lambda: (now := tsaggd.status()["journal"])["state"] != "ok" and now, 20, "the status says so")
    assert says in state["state"] and state["waiting_bytes"] > 0, state
    assert says in tsaggd.log() and "event=journal_write_failed" in tsaggd.log()
    status = tsaggd.status()
    assert status["samples"]["aggregated"] == len(sent.lines) + 1 and status["rollups"]["lost"] == 0, status
    recover()
    until(lambda: tsaggd.status()["journal"]["state"] == "ok", 20, "well again")
    tsaggd.wait_delivered("influx", len(sent.rollups))
    tsaggd.assert_balanced()
    assert "event=journal_recovered" in tsaggd.log()
    sent.assert_rolled_up(lineproto.read_points("\n".join(stub.accepted)))


@runner.needs(Mounts)
def test_disk_full():
    with StubInflux() as stub, Tmpfs("4m") as disk, daemon(stub, f"{disk.path}/state") as tsaggd:
        ballast = pathlib.Path(disk.path, "ballast")
        fail_and_recover(tsaggd, stub, lambda: fill(disk), ballast.unlink, "No space left")


def fill(disk):
    """Takes all that is left of it. @return the file."""
    ballast = pathlib.Path(disk.path, "ballast")
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


@runner.needs(Mounts)
def test_store_on_a_full_disk():
    """The journal keeps what the embedded store cannot take, and a client is told to come again."""
    with tempfile.TemporaryDirectory(prefix="tsagg-full-") as folder, Tmpfs("16m") as disk:
        state = pathlib.Path(folder, "state")
        state.mkdir()
        (state / "store").symlink_to(disk.path)
        tsaggd = Daemon(rollups=[{**load.ROLLUP, "to": ["st"]}], state_dir=str(state), **load.ONLY_BY_WATERMARK,
                        sinks={"st": {"type": "store", "bucket": "b", "flush_interval": "50ms", "retry_min": "50ms",
                                      "retry_max": "200ms"}})
        tsaggd.config["http"]["write"] = "store"
        sent = load.ordered(lines=20_000, series=500, windows=20)
        half = len(sent.lines) // 2
        with tsaggd:
            sent.send(tsaggd, slice(None, half))
            tsaggd.wait_delivered("st", 1)
            ballast = fill(disk)
            sent.send(tsaggd, slice(half, None))
            sent.advance(tsaggd)
            until(lambda: "is full" in tsaggd.sink("st")["state"], 20, "the status says so")
            tsaggd.wait_read(len(sent.lines) + 1)
            assert tsaggd.sink("st")["pending"] > 0 and tsaggd.status()["rollups"]["lost"] == 0
            body = "".join(f"m,i={i} f=1 {i}\n" for i in range(20_000)).encode()
            request = urllib.request.Request(f"http://{LOOPBACK}:{tsaggd.http_port}/api/v2/write?org=o&bucket=b", body)
            try:
                urllib.request.urlopen(request, timeout=60)
                raise AssertionError("taken by a full disk")
            except urllib.error.HTTPError as err:
                assert err.code == 503 and b"is full" in err.read(), err
            ballast.unlink()
            tsaggd.wait_delivered("st", len(sent.rollups))
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 204
            done = tool("tsagg-ctl", "store", "export", "--bucket", "b", "--dir", disk.path).stdout.decode()
            points = lineproto.read_points(done)
            assert sum(name == "m" for name, _, _ in points) == 20_000
            sent.assert_rolled_up({key: fields for key, fields in points.items() if key[0] != "m"})


@runner.needs(Mounts)
def test_read_only():
    """The journal's folder becomes read-only before the first segment is made, and writable again."""
    with StubInflux() as stub, Tmpfs("16m") as disk, daemon(stub, f"{disk.path}/state") as tsaggd:
        journal = pathlib.Path(disk.path, "state", "journal")
        sent = load.ordered(lines=2000, series=50, windows=4)
        subprocess.run(["mount", "--bind", journal, journal], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", journal], check=True)
            sent.send(tsaggd)
            sent.advance(tsaggd)
            until(lambda: "Read-only file system" in tsaggd.status()["journal"]["state"], 20, "the status says so")
        finally:
            subprocess.run(["umount", "-l", journal], check=True)
        tsaggd.wait_delivered("influx", len(sent.rollups))
        sent.assert_rolled_up(lineproto.read_points("\n".join(stub.accepted)))


@contextlib.contextmanager
def failing_fsync(stub):
    """A daemon whose fsync fails while the file is there."""
    with tempfile.TemporaryDirectory(prefix="tsagg-fsync-") as folder:
        library, flag = pathlib.Path(folder, "failing_fsync.so"), pathlib.Path(folder, "fail")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, HERE / "failing_fsync.c", "-ldl"], check=True)
        os.environ["TSAGG_TEST_FAIL"] = str(flag)
        try:
            tsaggd = daemon(stub, pathlib.Path(folder, "state"))
            tsaggd.preload = str(library)
            yield tsaggd, flag
        finally:
            del os.environ["TSAGG_TEST_FAIL"]


def test_fsync_fails():
    with StubInflux() as stub, failing_fsync(stub) as (tsaggd, flag), tsaggd:
        fail_and_recover(tsaggd, stub, flag.touch, flag.unlink, "Input/output error")
        # What was written before the failed fsync was written again elsewhere, and told once.
        assert tsaggd.status()["journal"]["damaged_blocks"] == 0


def test_stop_while_the_disk_fails():
    """What could not be written to the end is counted as lost, and the exit status tells."""
    with StubInflux() as stub, failing_fsync(stub) as (tsaggd, flag):
        tsaggd.start()
        flag.touch()
        sent = load.ordered(lines=2000, series=50, windows=4)
        sent.send(tsaggd)
        sent.advance(tsaggd)
        code = tsaggd.end(15)
        assert code == 1, code
        lost = [line for line in tsaggd.log().splitlines() if "event=rollups_lost" in line]
        assert lost and f"points={len(sent.rollups) + 1} " in lost[-1], lost


if __name__ == "__main__":
    runner.main()
