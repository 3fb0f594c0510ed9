#!/usr/bin/env python3
"""tools/quickstart with the programs under test: what it shows, what it leaves behind."""
import contextlib
import math
import pathlib
import re
import signal
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, runner
from tsagg_test.daemon import BUILD, REPO
from tsagg_test.ports import LOOPBACK
from tsagg_test.process import Process
from tsagg_test.wait import until

EVERY_S = 2
UDP_PORT, HTTP_PORT = 8125, 8186


class Quickstart(Process):
    def __init__(self, *args):
        super().__init__("quickstart")
        self.state = self.dir / "state"
        self.spawn([REPO / "tools/quickstart", "--programs", BUILD, "--state", self.state, "--every", EVERY_S, *args])

    def wait(self, code):
        assert self.popen.wait(60) == code, self.popen.returncode
        return self.log_path.read_text()

    def points(self):
        file = self.state / "tsagg/rollups.lp"
        return lineproto.read_points(file.read_text() if file.exists() else "")

    def its_processes(self):
        """Command lines that mention the state directory or the feed's port."""
        port = re.search(r"udp://127\.0\.0\.1:(\d+)", self.log())
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                argv = path.read_bytes().decode("utf-8", "replace").split("\0")
                if int(path.parent.name) != self.popen.pid and (
                        any(str(self.state) in arg for arg in argv) or
                        port and "tools/procfeed" in argv and port[1] in argv):
                    found.append(" ".join(argv))
        return found

    def assert_gone(self):
        until(lambda: not self.its_processes(), 20, "no process is left")


def assert_ledger_is_shown(shown):
    received, aggregated, rejected, dropped, in_flight = map(int, re.search(
        r"Ledger: (\d+) samples received = (\d+) aggregated \+ 0 passed \+ (\d+) rejected \+ (\d+) dropped \+ (\d+) in flight",
        shown).groups())
    assert received == aggregated + in_flight and aggregated > 0 and rejected == dropped == 0


def assert_load_is_shown(shown):
    """A table of all modes of the processors, whose shares add up to 100 %, and a chart of how busy they were."""
    table = shown[shown.index("--format table"):shown.index("--format chart")]
    shares = [float(row.split()[-1]) for row in table.splitlines() if re.match(r" *(user|system|idle|iowait|irq|steal) ", row)]
    assert len(shares) == 6 and shares == sorted(shares, reverse=True) and math.isclose(sum(shares), 100, abs_tol=0.1), table
    chart = shown[shown.index("--format chart"):]
    axis = re.findall(r"^ +(\S+) [┤]", chart, re.M)
    assert len(axis) == 3 and float(axis[2]) == 0 and 0 < float(axis[0]) <= 100 and "█" in chart, chart
    assert re.search(r"^ +\d\d:\d\d:\d\d +\d\d:\d\d:\d\d$", chart, re.M), chart


def test_once():
    quickstart = Quickstart("--once")
    shown = quickstart.wait(0)
    quickstart.assert_gone()
    assert_ledger_is_shown(shown)
    assert re.search(r"^\d\d:\d\d:\d\d - \d\d:\d\d:\d\d  \d+ series$", shown, re.M), "a complete window"
    assert re.search(r"^measurement +tags +type +count +mean +min +max +stddev", shown, re.M)
    assert re.search(r"^cpu\.percent +mode=idle +timing +\d+ ", shown, re.M)
    assert re.search(r"^memory used +field +\d+ ", shown, re.M)
    assert_load_is_shown(shown)
    assert "\033" not in shown, "no colours but on a terminal"
    assert re.search(r"^tsaggd has drained: \d+ rollups in all, 0 of them not delivered yet\.$", shown, re.M)
    check_measurements(quickstart.points())


def check_measurements(points):
    """The rollups tell of this machine."""
    starts = sorted({key[2] for key in points})
    assert len(starts) >= 2 and all(start % (EVERY_S * 10 ** 9) == 0 for start in starts), starts
    window = {key[:2]: fields for key, fields in points.items() if key[2] == starts[1]}
    cpu = [fields for (name, _), fields in window.items() if name == "cpu.percent"]
    assert math.isclose(sum(fields["mean"] for fields in cpu), 100, abs_tol=0.1), cpu
    memory = window["memory", ()]
    total = int(re.search(r"MemTotal: +(\d+) kB", pathlib.Path("/proc/meminfo").read_text())[1]) * 1024
    assert math.isclose(memory["used_mean"] + memory["available_mean"], total, rel_tol=1e-9), memory
    assert 1 <= memory["used_count"] <= EVERY_S * 4 + 1
    assert window["processes.seen", (("metric_type", "set"),)]["distinct"] >= 3


def test_interrupt():
    quickstart = Quickstart()
    until(quickstart.points, 30, "rollups")
    quickstart.popen.send_signal(signal.SIGINT)
    shown = quickstart.wait(0)
    quickstart.assert_gone()
    assert_ledger_is_shown(shown)
    assert "event=stopped" in (quickstart.state / "tsaggd.log").read_text()


def test_kill9_leaves_nothing_behind():
    quickstart = Quickstart()
    until(quickstart.its_processes, 30, "processes")
    until(quickstart.points, 30, "rollups")
    quickstart.kill()
    quickstart.assert_gone()


def test_ports_that_are_taken():
    with contextlib.ExitStack() as stack:
        for kind, port in (socket.SOCK_DGRAM, UDP_PORT), (socket.SOCK_STREAM, HTTP_PORT):
            sock = stack.enter_context(socket.socket(socket.AF_INET, kind))
            with contextlib.suppress(OSError):  # somebody else has it: as good
                sock.bind((LOOPBACK, port))
        shown = Quickstart("--once").wait(0)
    assert f"UDP port {UDP_PORT} is taken" in shown and f"TCP port {HTTP_PORT} is taken" in shown, shown
    assert_ledger_is_shown(shown)


def test_one_at_a_time_for_a_state_directory():
    first = Quickstart()
    until(first.points, 30, "rollups")
    second = Quickstart("--state", first.state)
    assert "another quickstart" in second.wait(1)
    first.popen.send_signal(signal.SIGTERM)
    first.wait(0)


def test_usage():
    assert "usage:" in Quickstart("--help").wait(0)
    assert "unknown argument '--twice'" in Quickstart("--twice").wait(2)
    assert "--every takes whole seconds" in Quickstart("--every", "1m").wait(2)
    assert "there is no tsaggd in" in Quickstart("--programs", "/nowhere").wait(1)


if __name__ == "__main__":
    runner.main()
