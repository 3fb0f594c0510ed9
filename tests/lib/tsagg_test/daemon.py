"""The daemon and the tools under test."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import urllib.request

from .ports import LOOPBACK, free_port
from .process import Process
from .wait import until

REPO = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("TSAGG_BUILD", REPO / "build"))
START_DEADLINE_S = 30
SETTLE_DEADLINE_S = 60
METRIC = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def tool(name, *args, stdin=b"", deadline_s=120, env=None):
    """Run one of the programs to its end: returncode, and stdout and stderr as bytes."""
    return subprocess.run([BUILD / name, *map(str, args)], input=stdin, capture_output=True,
                          timeout=deadline_s, env={**os.environ, **(env or {})})


class PlainBuild:
    """What a sanitizer's own memory would drown is tested without one."""
    absent = "a sanitizer's memory is not tsaggd's"

    @staticmethod
    def available():
        return "TSAGG_SANITIZED" not in os.environ


class Tsaggd(Process):
    """tsaggd with a configuration of its own: a UDP listener, HTTP, and what the test gives."""

    def __init__(self, **config):
        super().__init__("tsaggd")
        self.udp_port = free_port(socket.SOCK_DGRAM)
        self.http_port = free_port()
        self.config_path = self.dir / "tsagg.yaml"
        self.config = {
            "state_dir": str(self.dir / "state"),
            "workers": 1,
            "listen": [{"url": f"udp://{LOOPBACK}:{self.udp_port}"}],
            "http": {"address": f"{LOOPBACK}:{self.http_port}"},
            "sinks": {"file": {"type": "file"}},
            **config,
        }

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None:
            return
        if self.running():
            self.assert_balanced()
            self.stop()
        assert self.popen.returncode == 0, f"tsaggd has ended with {self.popen.returncode}"

    def start(self):
        # What JSON writes is YAML too.
        self.config_path.write_text(json.dumps(self.config, indent=2) + "\n")
        self.spawn([BUILD / "tsaggd", "-c", self.config_path])
        self.wait_ready(lambda: "event=ready" in self.log(), START_DEADLINE_S)
        return self

    def stop(self):
        """SIGTERM: drain and exit 0."""
        code = self.end(signal.SIGTERM)
        assert code == 0, f"tsaggd ended with {code} after SIGTERM"

    def kill9(self):
        self.end(signal.SIGKILL)

    def restart(self, **config):
        """Start again over the same state, after stop() when it runs, with these keys of the configuration changed."""
        if self.running():
            self.stop()
        self.config.update(config)
        return self.start()

    def get(self, path):
        token = self.config["http"].get("token")
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.http_port}{path}",
                                         headers={"Authorization": f"Token {token}"} if token else {})
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read().decode()

    def status(self):
        return json.loads(self.get("/api/v1/status"))

    def sink(self, name):
        return next(sink for sink in self.status()["sinks"] if sink["name"] == name)

    def metrics(self):
        """/metrics as {(name, ((label, value), ...)): number}."""
        return parse_metrics(self.get("/metrics"))

    def lines_read(self):
        """Lines that are counted as good or bad by now."""
        lines = self.status()["lines"]
        return lines["accepted"] + lines["rejected"]

    def wait_read(self, lines):
        until(lambda: self.lines_read() >= lines, SETTLE_DEADLINE_S, f"{lines} lines read")

    def wait_sealed(self, rollups, deadline_s=SETTLE_DEADLINE_S):
        until(lambda: self.status()["rollups"]["sealed"] >= rollups, deadline_s, f"{rollups} rollups sealed")

    def wait_delivered(self, sink, rollups, deadline_s=SETTLE_DEADLINE_S):
        """Wait until the sink has this many rollups, or more, delivered and none left."""
        def delivered():
            now = self.sink(sink)
            return now["delivered"] >= rollups and now["pending"] == 0 and now
        return until(delivered, deadline_s, f"{rollups} rollups delivered to {sink}")

    def assert_balanced(self):
        """The ledger must balance once nothing is in flight."""
        try:
            until(lambda: not imbalance(self.status()), 10, "ledger balanced")
        except TimeoutError as err:
            status = self.status()
            raise AssertionError(f"{imbalance(status)}\n{json.dumps(status, indent=1)}") from err


def imbalance(status):
    """What does not add up in a status, None when everything does."""
    lines, samples = status["lines"], status["samples"]
    checks = [
        ("status says so", status["balanced"], True),
        ("lines received", lines["received"], lines["accepted"] + lines["rejected"]),
        ("samples in flight", samples["in_flight"], 0),
        ("samples received and created", samples["received"] + samples["created"],
         samples["aggregated"] + samples["passed"] + samples["rejected"] + samples["dropped"] + samples["in_flight"]),
        ("samples dropped by reason", samples["dropped"], sum(samples["dropped_by_reason"].values())),
        ("samples rejected by reason", samples["rejected"], sum(lines["rejected_by_reason"].values())),
    ]
    for sink in status["sinks"]:
        checks.append((f"sink {sink['name']} rolled up", sink["rolled_up"],
                       sink["delivered"] + sink["pending"] + sink["dropped"] + sink["coarsened"]))
    wrong = [f"{what}: {got} is not {want}" for what, got, want in checks if got != want]
    return "; ".join(wrong) or None


def parse_metrics(text):
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = METRIC.fullmatch(line)
            if not match:
                raise ValueError(f"not a line of Prometheus text: {line!r}")
            name, labels, value = match.groups()
            found[name, tuple(LABEL.findall(labels or ""))] = float(value)
    return found
