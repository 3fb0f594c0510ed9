"""A server process of a test: its directory, its log, and an end in every case."""
import pathlib
import shutil
import signal
import subprocess
import tempfile

from .wait import until

LOG_TAIL_LINES = 40


class Process:
    """One program, started and stopped any number of times over the same directory."""

    current = []  # those of the running test, for its clean-up and its log tails

    def __init__(self, name):
        self.name = name
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"tsagg-{name}-"))
        self.log_path = self.dir / "log"
        self.popen = None
        self.log_start = 0
        Process.current.append(self)

    def spawn(self, argv, env=None, **more):
        assert not self.running(), f"{self.name} is running already"
        with open(self.log_path, "ab") as log:
            self.log_start = log.tell()
            self.popen = subprocess.Popen(
                [str(arg) for arg in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir, env=env,
                **more)

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def wait_ready(self, is_ready, deadline_s):
        """Poll is_ready(), but not longer than the process lives."""
        def ready():
            if not self.running():
                raise AssertionError(f"{self.name} ended with {self.popen.returncode} before it was ready")
            return is_ready()
        until(ready, deadline_s, f"{self.name} ready")

    def end(self, sig, deadline_s=60):
        """Send a signal and return the exit code."""
        self.popen.send_signal(sig)
        return self.popen.wait(deadline_s)

    def kill(self):
        if self.running():
            self.end(signal.SIGKILL)

    def log(self):
        """What this run of the program has logged so far."""
        if not self.log_path.exists():
            return ""
        return self.log_path.read_bytes()[self.log_start:].decode("utf-8", "replace")

    def log_tail(self):
        return "\n".join(self.log().splitlines()[-LOG_TAIL_LINES:])

    @classmethod
    def clean_up(cls):
        """Kill and remove everything the test has left."""
        for proc in cls.current:
            proc.kill()
            shutil.rmtree(proc.dir, ignore_errors=True)
        cls.current.clear()
