"""What bench/ingest measures: programs that read lines from a UDP port of the loopback, one at a time."""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

START_DEADLINE_S = 30
SETTLE_DEADLINE_S = 10
CPUCLOCK_SCHED = 2
CONFIG = """\
state_dir: {dir}/state
snapshot: {snapshot}
workers: {workers}
listen: [{{url: "udp://127.0.0.1:{port}"}}]
http: {{address: "127.0.0.1:0"}}
limits: {{series: 2000000}}
rollups: [{{name: base, every: {every}, lateness: 2s, aggregates: [count, sum, min, max, mean, stddev{more}], to: [file]}}]
sinks: {{file: {{type: file, path: "{dir}/out.lp"}}}}
"""
STATSD_CONFIG = '{{port: {port}, address: "127.0.0.1", mgmt_address: "127.0.0.1", mgmt_port: {mgmt}, backends: [], ' \
                'flushInterval: 10000}}'
TELEGRAF_CONFIG = """\
[agent]
interval = "10s"
flush_interval = "10s"
quiet = true
omit_hostname = true
[[inputs.statsd]]
service_address = "127.0.0.1:{port}"
allowed_pending_messages = 100000
read_buffer_size = 4194304
[[outputs.discard]]
"""


def on_core(core):
    return lambda: os.sched_setaffinity(0, {core})


def free_port(kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def until(done, deadline_s):
    end_s = time.monotonic() + deadline_s
    while not done():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.05)
    return True


class Server:
    """One run of a program over a folder of its own; row says what it is loaded with."""

    def __init__(self, args, row, folder):
        self.args, self.row, self.port = args, row, args.port or free_port()
        self.folder = pathlib.Path(folder)
        self.popen = self.spawn(*self.command())
        if not until(self.is_ready, START_DEADLINE_S):
            sys.exit(f"bench/ingest: {self.name} did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.kill()
        self.popen.wait()

    def spawn(self, *argv, **more):
        return subprocess.Popen(argv, preexec_fn=on_core(self.args.cores[0]), **more)

    def sockets(self):
        """(bytes waiting, datagrams dropped) of the sockets at the port, as the kernel tells."""
        rows = [line.split() for kind in ("udp", "udp6")
                for line in pathlib.Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
        return [(int(row[4].split(":")[1], 16), int(row[-1])) for row in rows if int(row[1].split(":")[1], 16) == self.port]

    def is_ready(self):
        if self.popen.poll() is not None:
            sys.exit(f"bench/ingest: {self.name} ended with {self.popen.returncode} at once")
        return bool(self.sockets())

    def cpu_ns(self):
        """On a core so far, all threads, those that have ended too: the clock of clock_getcpuclockid(3)."""
        return time.clock_gettime_ns(~self.popen.pid << 3 | CPUCLOCK_SCHED)

    def settle(self, _sent):
        """Wait until what was sent has been worked off."""
        until(lambda: not any(waiting for waiting, _ in self.sockets()), SETTLE_DEADLINE_S)
        time.sleep(0.3)

    def knows(self, _series):
        """Whether it has seen so many series, as far as it can say."""
        return True

    def lost(self):
        """Packets that the kernel has dropped so far."""
        return sum(drops for _, drops in self.sockets())

    def dropped(self):
        """Lines that it has read and dropped so far, as far as it can say."""
        return 0

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        self.popen.communicate()


class Floor(Server):
    """The limit: a bare recvmmsg loop that only counts newlines."""

    name = "limit"

    def command(self):
        return [self.args.programs / "bench/floor", str(self.port)]

    def spawn(self, *argv, **more):
        return super().spawn(*argv, stdout=subprocess.DEVNULL, **more)


class Tsaggd(Server):
    name = "tsaggd"

    def command(self):
        config = self.folder / "tsagg.yaml"
        config.write_text(CONFIG.format(dir=self.folder, port=self.port, workers=self.row.workers, every=self.row.every,
                                        snapshot=self.row.snapshot, more=", p50, p95, p99" if self.row.quantiles else ""))
        return [self.args.programs / "tsaggd", "-c", config]

    def spawn(self, *argv, **more):
        return super().spawn(*argv, stderr=subprocess.PIPE, text=True, **more)

    def is_ready(self):
        for line in self.popen.stderr:
            if "event=ready" in line:
                self.http = line.split("http=")[1].split()[0]
                return True
        return super().is_ready()

    def status(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/api/v1/status", timeout=30) as answer:
            return json.load(answer)

    def metric(self, name):
        """The first value of this name at /metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=30) as answer:
            return next(float(line.split()[-1]) for line in answer.read().decode().splitlines() if line.startswith(name + " "))

    def settle(self, sent):
        super().settle(sent)
        until(lambda: self.status()["samples"]["in_flight"] == 0, SETTLE_DEADLINE_S)

    def knows(self, series):
        return self.status()["series"] >= series

    def dropped(self):
        return self.status()["samples"]["dropped"]

    def stop(self):
        """Its end seals the window: what the rollups cost, from the pane to the file, is told apart from the lines."""
        before_s = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent_ns = self.cpu_ns()
        super().stop()
        after_s = resource.getrusage(resource.RUSAGE_CHILDREN)
        in_all_s = after_s.ru_utime + after_s.ru_stime - before_s.ru_utime - before_s.ru_stime
        self.rollup_ns = (in_all_s * 1e9 - spent_ns) / self.row.series


# ---- peers ----

class LeftOut(Exception):
    pass


def cache():
    base = os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")
    return pathlib.Path(os.environ.get("TSAGG_CACHE", pathlib.Path(base) / "tsagg"))


class Statsd(Server):
    """Etsy's statsd from npm, without a backend: it sums up and throws away."""

    name = "statsd"
    version = "0.9.0"

    @classmethod
    def prepare(cls, _args):
        cls.home = cache() / f"statsd-{cls.version}"
        cls.script = cls.home / "node_modules/statsd/stats.js"
        if not shutil.which("node") or not shutil.which("npm"):
            raise LeftOut("there is no node and npm")
        if not cls.script.exists() and subprocess.run(
                ["npm", "install", "--silent", "--no-optional", "--prefix", cls.home, f"statsd@{cls.version}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            raise LeftOut("npm cannot install it")

    def command(self):
        config = self.folder / "statsd.js"
        config.write_text(STATSD_CONFIG.format(port=self.port, mgmt=free_port(socket.SOCK_STREAM)))
        return ["node", self.script, config]

    def spawn(self, *argv, **more):
        return super().spawn(*argv, stdout=subprocess.DEVNULL, **more)


class Telegraf(Server):
    """Telegraf with inputs.statsd and outputs.discard."""

    name = "telegraf"

    @classmethod
    def prepare(cls, _args):
        found = [shutil.which("telegraf"), *sorted(cache().glob("telegraf-*/telegraf"))]
        binaries = [str(path) for path in found if path]
        if not binaries:
            raise LeftOut("there is no binary in PATH or in the cache of the tests")
        for binary in binaries:
            usage = subprocess.run([binary, "--usage", "statsd"], capture_output=True, text=True)
            discard = subprocess.run([binary, "--usage", "discard"], capture_output=True, text=True)
            if usage.returncode == discard.returncode == 0:
                cls.binary = binary
                return
        raise LeftOut(f"{' and '.join(binaries)} has no inputs.statsd or no outputs.discard")

    def command(self):
        config = self.folder / "telegraf.conf"
        config.write_text(TELEGRAF_CONFIG.format(port=self.port))
        return [self.binary, "--config", config]

    def spawn(self, *argv, **more):
        return super().spawn(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


PEERS = [Statsd, Telegraf]
